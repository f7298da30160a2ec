//! The console where a plant has a hundred thousand assets, beside one of ten thousand.
//!
//! The program itself runs, between a plant and an emulated SiteWise without quotas; a third of all
//! tags is left out by a filter, so that what a search finds out about these is measured too. Printed
//! are the milliseconds from a request to the last byte of its answer, the median and the longest of
//! some, for searches and for what the pages ask, with the larger plant's median over the smaller's.
//!
//! Without `--bench`, or with `--quick`, small plants show that it works.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark ends where it cannot go on, and both ends of its sockets are its own"
)]

#[path = "../support/arguments.rs"]
mod arguments;
#[path = "../support/figures.rs"]
mod figures;
#[path = "../restart/fleet.rs"]
mod fleet;
#[path = "../support/link.rs"]
mod link;
#[path = "../support/mqtt.rs"]
mod mqtt;
#[path = "../support/program.rs"]
mod program;
#[path = "../support/stamps.rs"]
mod stamps;
#[path = "../support/stub.rs"]
mod stub;
#[path = "../support/world.rs"]
mod world;

use std::time::{Duration, Instant};

use arguments::Arguments;
use fleet::Fleet;
use link::Link;
use program::Bridge;
use serde_json::Value;
use sitewise_local::Options;
use stub::Door;
use world::World;

const NAME: &str = "console";

/// How long the plant may take to be made.
const MADE: Duration = Duration::from_secs(300);
/// Requests of each kind.
const TIMES: usize = 15;

/// What is to hold, in milliseconds.
const SEARCH: f64 = 200.0;
const PAGE: f64 = 1_000.0;

fn main() {
    let Arguments { quick, all } = Arguments::of_process();
    if arguments::asks_for(&all, NAME) {
        let fleets = match quick {
            true => [Fleet::QUICK, Fleet::QUICK],
            false => [Fleet::TENTH, Fleet::WHOLE],
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(run(fleets));
    }
}

/// How long requests of one kind took, in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Took {
    median: f64,
    longest: f64,
}

#[expect(clippy::print_stdout, reason = "the figures")]
async fn run(fleets: [Fleet; 2]) {
    let assets = fleets.each_ref().map(Fleet::assets);
    let [small, large] = fleets;
    let (small, large) = (figures(small).await, figures(large).await);
    println!("{NAME}: milliseconds a request, {} and {} assets", assets[0], assets[1]);
    println!(
        "{:<44} {:>8} {:>8} {:>8} {:>8}  {:>5}",
        "", "median", "longest", "median", "longest", "ratio"
    );
    for ((what, before), (_, took)) in small.iter().zip(&large) {
        let bound = if what.starts_with("search") { SEARCH } else { PAGE };
        let verdict = if took.longest <= bound { "holds" } else { "MISSED" };
        println!(
            "{what:<44} {:>8.1} {:>8.1} {:>8.1} {:>8.1}  {:>5.1}  ({bound:.0} or less: {verdict})",
            before.median,
            before.longest,
            took.median,
            took.longest,
            took.median / before.median
        );
    }
}

/// Brings a plant about and asks for everything.
async fn figures(mut fleet: Fleet) -> Vec<(&'static str, Took)> {
    let world = World::start(Door::Emulator, Options::default()).await;
    let mut variables = fleet::variables(&fleet::NO_QUOTAS);
    variables.push(("SPARKPLUG_EXCLUDE", "*/*/*/Wind speed".as_ref()));
    let bridge = Bridge::start(world.mqtt, world.sitewise, &variables);
    let link = Link::accept(&world.plant).await;
    bridge.learned().await;
    link.write(&fleet.births(|| 0.0)).await.unwrap();
    let began = Instant::now();
    while bridge.metric("sparkwise_assets_live").await < fleet.assets() as f64 {
        assert!(began.elapsed() < MADE, "not made: {:#?}", bridge.log().await);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let turbine = fleet.last_turbine();
    let found = rows(&bridge, &format!("/api/search?limit=60&q={turbine}")).await;
    let id = found[0]["id"].as_str().expect("the turbine is found").to_owned();
    let above =
        rows(&bridge, &format!("/api/search?limit=60&q=Nordsee/gateway+{}", fleet.last_node()))
            .await;
    let above = above[0]["id"].as_str().expect("the node is found").to_owned();

    let asked = [
        ("search for the last turbine", format!("/api/search?limit=60&q={turbine}")),
        ("search for a tag that all have", "/api/search?limit=60&q=active+power".to_owned()),
        (
            "search for that tag of the last turbine",
            format!("/api/search?limit=60&q={turbine}+power"),
        ),
        (
            "search for a tag that the filter leaves out",
            "/api/search?limit=60&q=wind+speed".to_owned(),
        ),
        (
            "search for that one of the last turbine",
            format!("/api/search?limit=60&q={turbine}+wind"),
        ),
        ("search for what nobody has", "/api/search?limit=60&q=nobody+has+this".to_owned()),
        ("search for an id", format!("/api/search?limit=60&q={id}")),
        (
            "search for an id that nobody has",
            "/api/search?q=00000000-0000-4000-8000-000000000000".to_owned(),
        ),
        ("page of a turbine", format!("/api/assets/{id}")),
        ("page of a node", format!("/api/assets/{above}")),
        ("page of the tree: its roots", "/api/children?limit=100".to_owned()),
        ("page of the tree: a node's turbines", format!("/api/children?limit=500&of={above}")),
        ("page's figures", "/api/overview".to_owned()),
        ("page of the edge nodes", "/api/nodes?limit=50".to_owned()),
        ("page of the models", "/api/models".to_owned()),
        ("page of the problems", "/api/problems?limit=500".to_owned()),
        ("page of the rejected values", "/api/refusals?limit=50".to_owned()),
        ("page of the metrics", "/metrics".to_owned()),
    ];
    let mut figures = Vec::new();
    for (what, path) in asked {
        let mut millis = Vec::new();
        for _ in 0..TIMES {
            let began = Instant::now();
            let answer = bridge.get(&path).await;
            millis.push(began.elapsed().as_secs_f64() * 1e3);
            assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        }
        millis.sort_by(f64::total_cmp);
        figures.push((what, Took { median: millis[TIMES / 2], longest: millis[TIMES - 1] }));
    }
    bridge.terminate().await;
    link.ended().await;
    world.end().await;
    figures
}

/// The rows of an answer.
async fn rows(bridge: &Bridge, path: &str) -> Vec<Value> {
    let answer = bridge.get(path).await;
    let (_, body) = answer.split_once("\r\n\r\n").expect("an answer");
    let body: Value = serde_json::from_str(body).expect("JSON");
    body["rows"].as_array().expect("rows").clone()
}

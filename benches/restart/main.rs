//! A bridge that starts again where SiteWise has a hundred thousand of its assets.
//!
//! A first run of the program brings them about, with no quotas in its way. The second finds the
//! emulator with the quotas that AWS gives an account at first, and a plant that tells its births
//! as soon as the program is online. Printed are how long after the births SiteWise has taken the
//! first value, how much was read until then, that nothing is written to the control plane, how
//! long until everything is learned and until all values of the births are delivered, and the
//! program's memory.
//!
//! Without `--bench`, or with `--quick`, a small plant shows that it works.

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
mod fleet;
#[path = "../support/link.rs"]
mod link;
#[path = "../support/memory.rs"]
mod memory;
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
use figures::{complaints, figure, judged};
use fleet::Fleet;
use link::Link;
use program::{Bridge, Folder};
use sitewise_local::{Options, Quotas, Usage};
use stub::Door;
use world::World;

const NAME: &str = "restart";

/// How long anything may take in which nothing moves.
const STUCK: Duration = Duration::from_secs(60);
/// Pages of 250 assets, at 30 a second, and patience.
const LEARN: Duration = Duration::from_secs(120);
/// The account's quota of values a second.
const VALUES_PER_SECOND: f64 = 5_000.0;

/// What is to hold.
const FIRST: Duration = Duration::from_secs(2);
const READS: u64 = 60;

fn main() {
    let Arguments { quick, all } = Arguments::of_process();
    if arguments::asks_for(&all, NAME) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(run(if quick { Fleet::QUICK } else { Fleet::WHOLE }));
    }
}

#[expect(clippy::print_stdout, reason = "the figures")]
async fn run(mut fleet: Fleet) {
    println!(
        "{NAME}: {} assets of {} models, {} values in the births",
        fleet.assets(),
        fleet::TYPES,
        fleet.values()
    );
    let folder = Folder::new();
    let kept = Options { data_dir: Some(folder.path().to_owned()), ..Options::default() };
    first_run(&mut fleet, kept.clone()).await;
    second_run(&mut fleet, Options { quotas: Quotas::aws(), ..kept }).await;
}

/// Brings all assets about.
#[expect(clippy::print_stdout, reason = "the figures")]
async fn first_run(fleet: &mut Fleet, options: Options) {
    let began = Instant::now();
    let world = World::start(Door::Emulator, options).await;
    let stamps = &world.stamps;
    let bridge = Bridge::start(world.mqtt, world.sitewise, &fleet::variables(&fleet::NO_QUOTAS));
    let link = Link::accept(&world.plant).await;
    bridge.learned().await;
    link.write(&fleet.births(|| 0.0)).await.unwrap();
    let mut seen = Usage::default();
    let mut pause = tokio::time::interval(STUCK);
    pause.tick().await;
    while stamps.zeros() < fleet.values() || links(&world.emulator.usage()) < fleet.links() {
        let more = tokio::time::sleep(Duration::from_millis(250));
        tokio::select! {
            () = more => {}
            _ = pause.tick() => {
                let usage = world.emulator.usage();
                assert!(usage != seen, "nothing moves: {usage:?}, {:#?}", bridge.log().await);
                seen = usage;
            }
        }
    }
    println!("made within {:.0} s without quotas", began.elapsed().as_secs_f64());
    bridge.terminate().await;
    link.ended().await;
    world.end().await;
}

fn links(usage: &Usage) -> u64 {
    usage.requests.get("AssociateAssets").copied().unwrap_or_default()
}

fn sum(usage: &Usage, prefixes: &[&str]) -> u64 {
    let is_meant = |name: &str| prefixes.iter().any(|prefix| name.starts_with(prefix));
    let requests = usage.requests.iter().filter(|(name, _)| is_meant(name));
    requests.map(|(_, count)| count).sum()
}

#[expect(clippy::print_stdout, reason = "the figures")]
async fn second_run(fleet: &mut Fleet, options: Options) {
    let world = World::start(Door::Emulator, options).await;
    let stamps = &world.stamps;
    let started = Instant::now();
    let bridge = Bridge::start(world.mqtt, world.sitewise, &fleet::variables(&[fleet::MAX_ASSETS]));
    let link = Link::accept(&world.plant).await;
    let births = fleet.births(|| stamps.stamp(Instant::now()));
    let born = Instant::now();
    link.write(&births).await.unwrap();
    let told = born.elapsed();

    assert!(stamps.until(STUCK, |stamps| stamps.stamped() > 0).await, "no value has come");
    let (first, usage) = (Instant::now(), world.emulator.usage());
    let learned = bridge.learned_within(LEARN).await;
    let memory_learned = memory::now(bridge.id());
    let all = usize::try_from(fleet.values()).unwrap();
    let arrived = stamps.until(STUCK, |stamps| stamps.stamped() >= all).await;
    let delivered = Instant::now();
    assert!(arrived, "{} of {all} values have come", stamps.stamped());
    let memory_delivered = memory::now(bridge.id());

    figure("seconds from the start until online", born.duration_since(started).as_secs_f64());
    figure("seconds to write the births to the socket", told.as_secs_f64());
    let took = first.duration_since(born);
    judged(
        "seconds from the births to the first value",
        took.as_secs_f64(),
        took <= FIRST,
        "2 or less",
    );
    let reads = sum(&usage, &["List", "Describe"]);
    judged("reads before it", reads as f64, reads <= READS, "60 or less");
    println!("  {:?}", usage.requests);
    figure("seconds from the births until all is learned", since(learned, born));
    figure("seconds from the births until all is taken", since(delivered, born));
    figure("by the quota of values alone", all as f64 / VALUES_PER_SECOND);
    let usage = world.emulator.usage();
    let writes = sum(&usage, &["Create", "Update", "Associate", "Delete"]);
    judged("writes to the control plane", writes as f64, writes == 0, "none");
    println!("  {:?}", usage.requests);
    figure("MiB when all was learned", memory_learned.unwrap_or(f64::NAN));
    figure("MiB when all was taken", memory_delivered.unwrap_or(f64::NAN));
    figure("MiB, the most", memory::peak(bridge.id()).unwrap_or(f64::NAN));
    figure("rebirths asked for: messages lost", link.rebirths() as f64);
    complaints(&bridge.terminate().await);
}

fn since(later: Instant, earlier: Instant) -> f64 {
    later.saturating_duration_since(earlier).as_secs_f64()
}

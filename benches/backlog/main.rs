//! A backlog on disk and how it drains, beside live values.
//!
//! The program runs in a process of its own, with the outbox on disk. SiteWise goes away, and the
//! plant says two million values meanwhile; then SiteWise is there again, a stub that takes
//! requests at once, and the plant speaks on. Printed are how fast the backlog drains, how long
//! live values take beside it, from the moment they were due to be published until the stub had
//! taken them, and the most memory that the program had.
//!
//! Without `--bench`, or with `--quick`, one small round shows that it works.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark ends where it cannot go on, and both ends of its sockets are its own"
)]

#[path = "../support/arguments.rs"]
mod arguments;
#[path = "../support/cpu.rs"]
mod cpu;
#[path = "../support/farm.rs"]
mod farm;
#[path = "../support/figures.rs"]
mod figures;
#[path = "../support/link.rs"]
mod link;
#[path = "../support/memory.rs"]
mod memory;
#[path = "../support/mqtt.rs"]
mod mqtt;
#[path = "../support/plant.rs"]
mod plant;
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
use farm::Farm;
use figures::{Latencies, complaints, figure, judged};
use link::Link;
use program::{Bridge, Folder};
use sparkwise::time::Timestamp;
use stamps::Stamps;
use stub::Door;
use world::World;

const NAME: &str = "backlog";

/// Messages, a turbine each, that the plant says at once while SiteWise is away, and values not yet
/// on disk beyond which it waits: a plant of this size speaks more slowly, but then the outage would
/// take hours; faster than the disk, values would be lost.
const CHUNK: usize = 500;
const UNSAVED: f64 = 50_000.0;
/// Messages a second afterwards.
const LIVE: f64 = 400.0;
/// Between two values of a property in the backlog.
const STEP: Duration = Duration::from_secs(3);
/// How long ago the plant was born: all times of the backlog lie between then and now.
const AGE: Duration = Duration::from_secs(3_600);
/// How long anything may take in which nothing moves.
const STUCK: Duration = Duration::from_secs(60);

/// What is to hold.
const VALUES_PER_SECOND: f64 = 50_000.0;
const LATENCY: Duration = Duration::from_millis(500);
/// 300 MB.
const MEBIBYTES: f64 = 286.0;

/// How much of what.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// Turbines of each edge node.
    turbines: usize,
    /// Values of each property in the backlog.
    sweeps: usize,
}

const WHOLE: Plan = Plan { turbines: 200, sweeps: 200 };
const QUICK: Plan = Plan { turbines: 10, sweeps: 20 };
/// `INGEST_LINGER` of the program.
const LINGER: Duration = Duration::from_secs(1);

fn main() {
    let Arguments { quick, all } = Arguments::of_process();
    if arguments::asks_for(&all, NAME) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(run(if quick { &QUICK } else { &WHOLE }));
    }
}

#[expect(clippy::print_stdout, reason = "the figures")]
async fn run(plan: &Plan) {
    let mut farm = Farm::new(plan.turbines);
    let messages = farm.turbines() * plan.sweeps;
    let backlog = (messages * plant::MEMBERS.len()) as u64;
    println!("{NAME}: {} properties, a backlog of {backlog} values", farm.properties());
    let world = World::start(Door::Open, sitewise_local::Options::default()).await;
    let stamps = &world.stamps;
    let folder = Folder::new();
    let bridge = Bridge::start(
        world.mqtt,
        world.sitewise,
        &[
            ("OUTBOX_DIR", folder.path().as_os_str()),
            ("INGEST_LINGER", "1s".as_ref()),
            ("INGEST_REQUESTS_PER_SECOND", "1000000".as_ref()),
            ("INGEST_VALUES_PER_SECOND", "100000000".as_ref()),
            ("TWIN_ASSET_CREATIONS_PER_SECOND", "1000".as_ref()),
            ("TWIN_ASSOCIATIONS_PER_SECOND", "1000".as_ref()),
            ("TWIN_DESCRIBES_PER_SECOND", "1000".as_ref()),
        ],
    );
    let link = Link::accept(&world.plant).await;
    bridge.learned().await;
    let born = stamps::wall().minus(AGE);
    link.write(&farm.births(born)).await.unwrap();
    let all = farm.properties() as u64;
    assert!(stamps.until(STUCK, |stamps| stamps.zeros() >= all).await, "no births");
    println!("born; memory {:.0} MiB", memory::now(bridge.id()).unwrap_or(f64::NAN));

    stamps.set(Door::Shut);
    let began = Instant::now();
    take_in(&mut farm, &link, &bridge, (messages, born)).await;
    on_disk(&bridge, backlog).await;
    println!(
        "taken in within {:.1} s, {:.0} values a second, while SiteWise was away; memory {:.0} MiB",
        began.elapsed().as_secs_f64(),
        backlog as f64 / began.elapsed().as_secs_f64(),
        memory::now(bridge.id()).unwrap_or(f64::NAN)
    );

    let cpu_before = cpu::used(bridge.id());
    stamps.set(Door::Open);
    let back = Instant::now();
    speak_on(&mut farm, &link, stamps, backlog).await;
    let cpu_used = cpu::used(bridge.id()).zip(cpu_before).map(|(now, then)| now - then);
    let (first, last) = stamps.span_of_negative().expect("nothing of the backlog was taken");
    report(stamps, backlog, [back, first, last], memory::peak(bridge.id()));
    figure("CPU seconds of the program meanwhile", seconds(cpu_used));
    figure("requests in all", stamps.requests() as f64);
    // Messages that the bridge read and had no room for.
    let dropped = format!(
        "sparkwise_mqtt_messages_dropped_total{{server=\"mqtt://127.0.0.1:{}\"}}",
        world.mqtt
    );
    let (rebirths, lost) = (link.rebirths(), bridge.metric(&dropped).await);
    judged("messages lost before the engine", lost, lost == 0.0 && rebirths == 0, "none");
    complaints(&bridge.terminate().await);
}

fn seconds(time: Option<Duration>) -> f64 {
    time.map_or(f64::NAN, |time| time.as_secs_f64())
}

/// The plant speaks while nobody takes it: negative numbers with all their digits.
async fn take_in(
    farm: &mut Farm,
    link: &Link,
    bridge: &Bridge,
    (messages, born): (usize, Timestamp),
) {
    let turbines = farm.turbines();
    let mut bytes = Vec::new();
    for number in 0..messages {
        let (sweep, turbine) = (number / turbines, number % turbines);
        let time = born.plus(Duration::from_secs(1) + STEP * u32::try_from(sweep).unwrap());
        let value = -1_000.0 - 500.0 * (sweep as f64 + turbine as f64 / 7.0).sin();
        farm.say(&mut bytes, turbine, value, time);
        if (number + 1) % CHUNK == 0 || number + 1 == messages {
            link.write(&bytes).await.unwrap();
            bytes.clear();
            let said = (number * plant::MEMBERS.len()) as f64;
            while bridge.metric("sparkwise_values_read_total").await + UNSAVED < said
                || bridge.metric("sparkwise_outbox_unsaved").await > UNSAVED
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

/// Waits until as many values wait, and all of them on disk.
async fn on_disk(bridge: &Bridge, backlog: u64) {
    let began = Instant::now();
    let mut pause = tokio::time::interval(Duration::from_millis(100));
    loop {
        pause.tick().await;
        let outbox = bridge.metric("sparkwise_values_waiting{place=\"outbox\"}").await;
        let delivery = bridge.metric("sparkwise_values_waiting{place=\"delivery\"}").await;
        let unsaved = bridge.metric("sparkwise_outbox_unsaved").await;
        if outbox + delivery >= backlog as f64 && unsaved == 0.0 {
            return;
        }
        assert!(
            began.elapsed() < STUCK,
            "{outbox} in the outbox, {delivery} beyond, {unsaved} not on disk: {:#?}",
            bridge.log().await
        );
    }
}

/// The plant speaks until the backlog has gone; then what it said is waited for.
async fn speak_on(farm: &mut Farm, link: &Link, stamps: &Stamps, backlog: u64) {
    let turbines = farm.turbines();
    let mut said = 0;
    let mut moved = (Instant::now(), 0);
    farm::pace(link, LIVE, |bytes, number, due| {
        let turbine = usize::try_from(number).unwrap() % turbines;
        farm.say(bytes, turbine, stamps.stamp(due), stamps::wall());
        said += plant::MEMBERS.len();
        let gone = stamps.negative();
        if gone != moved.1 {
            moved = (Instant::now(), gone);
        }
        assert!(moved.0.elapsed() < STUCK, "{gone} of {backlog} values have come");
        gone < backlog
    })
    .await;
    let arrived = stamps.until(LINGER * 10, |stamps| stamps.stamped() >= said).await;
    assert!(arrived, "{} of {said} live values have come", stamps.stamped());
}

fn report(stamps: &Stamps, backlog: u64, [back, first, last]: [Instant; 3], memory: Option<f64>) {
    let drained = last.duration_since(first).as_secs_f64();
    let rate = backlog as f64 / drained;
    let meanwhile = stamps.since_start(first)..stamps.since_start(last);
    let live = stamps.all_stamped().into_iter();
    let live = Latencies::of(live.filter(|value| meanwhile.contains(&value.published)));
    figure("seconds until SiteWise was asked again", first.duration_since(back).as_secs_f64());
    figure("seconds from the first value to the last", drained);
    judged("values of the backlog a second", rate, rate >= VALUES_PER_SECOND, "50,000 or more");
    live.print(LINGER + LATENCY);
    let memory = memory.unwrap_or(f64::NAN);
    judged("MiB, the most that the program had", memory, memory <= MEBIBYTES, "286 or less");
}

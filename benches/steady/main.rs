//! Ten minutes of 4,000 values a second under the quotas that AWS gives an account at first.
//!
//! The program runs in a process of its own, with nothing set that need not be; SiteWise is the
//! emulator, which throttles what is too much. 10,000 properties have a value every two and a half
//! seconds. None finds company within a linger of a second, so that each travels alone: the most
//! entries, requests and messages that so many values can make. Printed are how long values take,
//! from the moment they were due to be published until the emulator had taken them; what was
//! throttled; and the program's memory, which is called flat if the median of the last minute is no
//! more than a twentieth above that of the first minute of the second half: in the first half it
//! still rises to what the longest queue took.
//!
//! `--in-step` has 4,000 properties with a value each second, all in the rhythm of the linger, which
//! is the worst case for a steady rate. `--disk` keeps the outbox on disk. `--commands` takes two
//! minutes, in the second of which a thousand requests a second to write to the plant come in beside
//! the values. Without `--bench`, or with `--quick`, some seconds show that it works, the last of
//! them with requests.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark ends where it cannot go on, and both ends of its sockets are its own"
)]

#[path = "../support/arguments.rs"]
mod arguments;
mod commands;
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
#[path = "../support/waits.rs"]
mod waits;
#[path = "../support/world.rs"]
mod world;

use std::ffi::OsStr;
use std::time::{Duration, Instant};

use arguments::Arguments;
use commands::Requests;
use farm::Farm;
use figures::{Latencies, complaints, figure, judged};
use link::Link;
use program::{Bridge, Folder};
use sitewise_local::{Options, Quotas};
use stamps::Stamps;
use stub::Door;
use waits::Waits;
use world::World;

const NAME: &str = "steady";
const DISK: &str = "--disk";
const IN_STEP: &str = "--in-step";
const COMMANDS: &str = "--commands";

/// How much of what.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// Turbines of each edge node.
    turbines: usize,
    /// Messages a second, a turbine each.
    messages: f64,
    length: Duration,
}

const WHOLE: Plan = Plan { turbines: 200, messages: 400.0, length: Duration::from_secs(600) };
const STEPS: Plan = Plan { turbines: 80, ..WHOLE };
const BESIDE: Plan = Plan { length: Duration::from_secs(120), ..WHOLE };
const QUICK: Plan = Plan { turbines: 20, messages: 40.0, length: Duration::from_secs(5) };
/// `INGEST_LINGER`, as it comes.
const LINGER: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// Between two values of the births, which wait for models and assets.
const BIRTH: Duration = Duration::from_secs(30);

/// How often it is looked how long processes are kept waiting.
const WATCH: Duration = Duration::from_millis(20);

/// What is to hold.
const LATENCY: Duration = Duration::from_millis(250);
const GROWTH: f64 = 0.05;

/// A look at the program's memory.
type Look = (Duration, f64);

fn main() {
    let Arguments { quick, all } = Arguments::of_process();
    if arguments::asks_for(&all, NAME) {
        let has = |word: &str| all.iter().any(|argument| argument == word);
        let plan = match (quick, has(IN_STEP)) {
            (true, _) => QUICK,
            (false, true) => STEPS,
            (false, false) => WHOLE,
        };
        let disk = has(DISK);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        if !has(COMMANDS) {
            runtime.block_on(run(&plan, disk));
        }
        if quick || has(COMMANDS) {
            runtime.block_on(run_beside(if quick { &QUICK } else { &BESIDE }));
        }
    }
}

#[expect(clippy::print_stdout, reason = "the figures")]
async fn run(plan: &Plan, disk: bool) {
    let length = plan.length;
    let mut farm = Farm::new(plan.turbines);
    let messages = (plan.messages * length.as_secs_f64()) as u64;
    println!(
        "{NAME}: {} properties, {messages} messages of {} values within {length:?}, the outbox {}",
        farm.properties(),
        plant::MEMBERS.len(),
        if disk { "on disk" } else { "in memory" }
    );
    // The emulator's own memory need not have all that was ever written.
    let options = Options { quotas: Quotas::aws(), history_per_stream: 100, ..Options::default() };
    let world = World::start(Door::Emulator, options).await;
    let stamps = &world.stamps;
    let folder = Folder::new();
    let variables = [("OUTBOX_DIR", folder.path().as_os_str())];
    let bridge = Bridge::start(world.mqtt, world.sitewise, if disk { &variables } else { &[] });
    let link = Link::accept(&world.plant).await;
    bridge.learned().await;
    link.write(&farm.births(stamps::wall())).await.unwrap();
    let all = farm.properties() as u64;
    let born = stamps.until(BIRTH, |stamps| stamps.zeros() >= all).await;
    assert!(born, "{} of {all} values of the births have come", stamps.zeros());

    let mark = world.emulator.usage();
    let cpu_before = cpu::used(bridge.id());
    let began = Instant::now();
    let (looks, ()) = tokio::join!(
        look(bridge.id(), length),
        speak(&mut farm, &link, stamps, (messages, plan.messages)),
    );
    let said = usize::try_from(messages).unwrap() * plant::MEMBERS.len();
    let arrived = stamps.until(10 * LINGER, |stamps| stamps.stamped() >= said).await;
    let cpu_used = cpu::used(bridge.id()).zip(cpu_before).map(|(now, then)| now - then);
    let usage = world.emulator.usage().since(&mark);

    by_tenth(stamps, began, length, &looks);
    let taken = stamps.stamped();
    judged("values taken", taken as f64, arrived && taken == said, "all that were said");
    Latencies::of(stamps.all_stamped().into_iter()).print(LINGER + LATENCY);
    figure("requests a second", stamps.requests() as f64 / length.as_secs_f64());
    figure("throttled requests and entries", usage.throttles as f64);
    let cpu_used = cpu_used.map_or(f64::NAN, |used| used.as_secs_f64());
    figure("CPU of the program, per cent of one core", 100.0 * cpu_used / length.as_secs_f64());
    flatness(&looks, length);
    figure("MiB, the most", memory::peak(bridge.id()).unwrap_or(f64::NAN));
    figure("rebirths asked for: messages lost", link.rebirths() as f64);
    complaints(&bridge.terminate().await);
}

/// Half of the time without requests, the other half beside them.
#[expect(clippy::print_stdout, reason = "the figures")]
async fn run_beside(plan: &Plan) {
    let length = plan.length;
    let mut farm = Farm::new(plan.turbines);
    let messages = (plan.messages * length.as_secs_f64()) as u64;
    println!(
        "{NAME}, commands: {} properties, {messages} messages of {} values within {length:?}, in \
         the second half {:.0} requests to write a second",
        farm.properties(),
        plant::MEMBERS.len(),
        commands::RATE
    );
    let options = Options { quotas: Quotas::aws(), history_per_stream: 100, ..Options::default() };
    let world = World::start(Door::Emulator, options).await;
    let stamps = &world.stamps;
    let requests = Requests::bind().await;
    let variables = requests.variables();
    let variables = variables.each_ref().map(|(name, value)| (*name, OsStr::new(value.as_str())));
    let bridge = Bridge::start(world.mqtt, world.sitewise, &variables);
    let (link, iot) = tokio::join!(Link::accept(&world.plant), requests.accept());
    bridge.learned().await;
    link.write(&farm.births(stamps::wall())).await.unwrap();
    let all = farm.properties() as u64;
    let born = stamps.until(BIRTH, |stamps| stamps.zeros() >= all).await;
    assert!(born, "{} of {all} values of the births have come", stamps.zeros());

    let cpu_before = cpu::used(bridge.id());
    let began = Instant::now();
    let said = usize::try_from(messages).unwrap() * plant::MEMBERS.len();
    let run = async {
        let (asked, ()) = tokio::join!(
            commands::ask(&iot, length / 2),
            speak(&mut farm, &link, stamps, (messages, plan.messages)),
        );
        let arrived = stamps.until(10 * LINGER, |stamps| stamps.stamped() >= said).await;
        (asked, arrived)
    };
    let ((asked, arrived), waits) = watch(run, bridge.id(), stamps).await;
    let answers = commands::answered(&iot, asked.0).await;
    let cpu_used = cpu::used(bridge.id()).zip(cpu_before).map(|(now, then)| now - then);

    let taken = stamps.stamped();
    judged("values taken", taken as f64, arrived && taken == said, "all that were said");
    let holds = commands::judge(stamps, &waits, began, asked, answers);
    figure("commands sent to the plant", link.commands() as f64);
    let cpu_used = cpu_used.map_or(f64::NAN, |used| used.as_secs_f64());
    figure("CPU of the program, per cent of one core", 100.0 * cpu_used / length.as_secs_f64());
    figure("rebirths asked for: messages lost", link.rebirths() as f64);
    let log = bridge.terminate().await;
    println!("{} lines of the log", log.len());
    assert!(answers == asked.0 && taken == said && link.commands() > 0, "{answers}");
    assert!(holds, "the way of a value takes longer beside requests");
}

/// Does this, and looks meanwhile how long the bridge and this process are kept waiting.
async fn watch<T>(run: impl Future<Output = T>, bridge: u32, stamps: &Stamps) -> (T, Waits) {
    let (processes, mut waits) = ([bridge, std::process::id()], Waits::default());
    let mut pause = tokio::time::interval(WATCH);
    tokio::pin!(run);
    loop {
        tokio::select! {
            biased;
            _ = pause.tick() => waits.look(stamps.since_start(Instant::now()), &processes),
            done = &mut run => return (done, waits),
        }
    }
}

/// The plant speaks: every turbine in its turn.
async fn speak(farm: &mut Farm, link: &Link, stamps: &Stamps, (messages, rate): (u64, f64)) {
    let turbines = farm.turbines();
    farm::pace(link, rate, |bytes, number, due| {
        let turbine = usize::try_from(number).unwrap() % turbines;
        farm.say(bytes, turbine, stamps.stamp(due), stamps::wall());
        number + 1 < messages
    })
    .await;
}

/// Looks at the program's memory each second.
async fn look(process: u32, length: Duration) -> Vec<Look> {
    let began = Instant::now();
    let mut pause = tokio::time::interval(Duration::from_secs(1));
    let mut looks = Vec::new();
    while began.elapsed() < length {
        pause.tick().await;
        looks.push((began.elapsed(), memory::now(process).unwrap_or(f64::NAN)));
    }
    looks
}

/// Median of the looks between two moments.
fn median(looks: &[Look], from: Duration, to: Duration) -> f64 {
    let within = looks.iter().filter(|(at, _)| (from..to).contains(at));
    let mut within: Vec<f64> = within.map(|(_, mebibytes)| *mebibytes).collect();
    within.sort_by(f64::total_cmp);
    within.get(within.len() / 2).copied().unwrap_or(f64::NAN)
}

#[expect(clippy::print_stdout, reason = "the figures")]
fn by_tenth(stamps: &Stamps, began: Instant, length: Duration, looks: &[Look]) {
    println!(
        "{:>8} {:>10} {:>10} {:>10} {:>12}",
        "second", "median ms", "p99 ms", "longest", "memory MiB"
    );
    let began = stamps.since_start(began);
    let all = stamps.all_stamped();
    let tenth = length / 10;
    for part in 0..10 {
        let from = tenth * part;
        let within = began + from..began + from + tenth;
        let values = all.iter().filter(|value| within.contains(&value.published));
        let values = Latencies::of(values.copied());
        println!(
            "{:>8.1} {:>10.0} {:>10.0} {:>10.0} {:>12.1}",
            from.as_secs_f64(),
            values.millis(0.5),
            values.millis(0.99),
            values.millis(1.0),
            median(looks, from, from + tenth)
        );
    }
}

fn flatness(looks: &[Look], length: Duration) {
    if length < 3 * MINUTE {
        return;
    }
    let middle = median(looks, length / 2, length / 2 + MINUTE);
    let last = median(looks, length - MINUTE, length);
    figure("MiB, median of the second minute", median(looks, MINUTE, 2 * MINUTE));
    figure("MiB, median of the minute past the middle", middle);
    let flat = last <= middle * (1.0 + GROWTH);
    judged("MiB, median of the last minute", last, flat, "a twentieth more at most");
}

//! Two programs on one lease under 1,000 values a second: the one that acts is killed, replaced, stopped
//! for half a minute, and cut off from the lease's store or from the MQTT server. Counted outside: every
//! value that the plant published is in SiteWise.

mod left;
mod pair;
mod plant;
#[path = "../../benches/support/program.rs"]
mod program;
#[path = "../failures/reader.rs"]
#[expect(dead_code, reason = "another suite needs a part of it")]
mod reader;
#[path = "../support/sdk.rs"]
mod sdk;
mod state;
#[path = "../support/turbine.rs"]
mod turbine;
mod wire;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pair::{KEEP_ALIVE, Pair};
use plant::{MEMBERS, Plant, PublishedValue};
use reader::Reader;
use sitewise_local::{Options, Server as SiteWise};
use state::States;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::sleep;
use windfarm::Broker;

use crate::proxy::Way;

/// From the end of a holder until the other acts, and what a busy machine may add.
const AFTER_A_KILL: Duration = Duration::from_secs(12);
const AFTER_A_RELEASE: Duration = Duration::from_secs(2);
const SLACK: Duration = Duration::from_secs(3);
/// Until a bridge notices that its MQTT server is silent: a ping after one, unanswered after another.
const NOTICED: Duration = KEEP_ALIVE.saturating_mul(2);
/// Longer than the lease lasts.
const PAUSE: Duration = Duration::from_secs(30);
/// How long a network stays cut after the other has taken over.
const STAYS_CUT: Duration = Duration::from_secs(5);
/// A bridge that has heard the plant for so long goes before one that has not.
const SETTLED: Duration = Duration::from_secs(16);
/// How long it may take until the last values are delivered.
const PATIENCE: Duration = Duration::from_secs(60);

/// What happens to the holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    Kill,
    Replace,
    Pause,
    /// It reaches the lease's store no longer, and all else.
    CutLease,
    /// It hears nothing of its MQTT server, and nobody tells it so.
    CutMqtt,
}

fn count(name: &str, usual: usize) -> usize {
    std::env::var(name).map_or(usual, |text| text.parse().expect("a number"))
}

/// How often, by `LEASE_KILLS`, `LEASE_REPLACEMENTS`, `LEASE_PAUSES`, and `LEASE_CUTS` of each network.
fn blows() -> Vec<Blow> {
    let mut blows = vec![Blow::Kill; count("LEASE_KILLS", 2)];
    blows.extend(vec![Blow::Replace; count("LEASE_REPLACEMENTS", 1)]);
    blows.extend(vec![Blow::Pause; count("LEASE_PAUSES", 1)]);
    let cuts = count("LEASE_CUTS", 1);
    blows.extend([Blow::CutLease, Blow::CutMqtt].into_iter().flat_map(|cut| vec![cut; cuts]));
    fastrand::Rng::with_seed(19).shuffle(&mut blows);
    blows
}

/// One test at a time: they measure how long something takes.
async fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

fn store() -> SocketAddr {
    crate::stores().into_iter().find(|(name, _)| name == "dynalite").unwrap().1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_becomes_of_the_holder_every_value_arrives() {
    let _turn = alone().await;
    run(store(), &blows()).await;
}

async fn run(store: SocketAddr, blows: &[Blow]) {
    // A run of seventy blows has more values of each member than the emulator keeps.
    let options = Options { history_per_stream: 1_000_000, ..Options::default() };
    let sitewise = SiteWise::bind(([127, 0, 0, 1], 0).into(), options).unwrap();
    let at = sitewise.local_addr().port();
    tokio::spawn(sitewise.run(std::future::pending()));
    let broker = Broker::start(0).await.unwrap();
    let states = States::watch(broker.addr).await;
    let mut pair = Pair::new("live", (broker.addr, at, store), None);
    let first = pair.start().await;
    pair.members.push(first);
    // Nobody was there before: it waits for one that might be, and for one that has heard longer.
    pair.until_acts(0, AFTER_A_KILL + SLACK + SLACK).await;
    let second = pair.start().await;
    pair.members.push(second);
    let plant = Plant::start(broker.addr).await;
    for place in [0, 1] {
        pair.until_follows(place).await;
    }
    pair.measure(0, SETTLED).await;
    let reader = Reader::new(at);
    let mut holder = 0;
    let mut random = fastrand::Rng::with_seed(7);
    for blow in blows {
        sleep(Duration::from_millis(random.u64(1_000..4_000))).await;
        assert!(pair.acts(holder).await && !pair.acts(1 - holder).await);
        let quiet = states.take_longest_offline();
        assert!(quiet.is_zero(), "STATE was offline for {quiet:?}, and the holder lives and hears");
        let (took, bound) = strike(&mut pair, holder, *blow).await;
        sleep(Duration::from_millis(500)).await;
        // One that has not ended is taken whole, and once.
        states.until_online(bound + SLACK).await;
        let offline = states.take_longest_offline();
        println!(
            "{blow:?}: the other acts after {took:.1?}, of {bound:?}; STATE offline {offline:.1?}"
        );
        assert!(offline < bound + SLACK, "{blow:?}: STATE was offline for {offline:?}");
        pair.until_follows(holder).await;
        sleep(SETTLED).await;
        holder = 1 - holder;
    }
    sleep(Duration::from_secs(2)).await;
    let published = plant.stop().await;
    assert!(published.len() > 5_000, "there was no load: {} values", published.len());
    all_arrive(&reader, &published).await;
    for member in std::mem::take(&mut pair.members) {
        let log = member.program.terminate().await;
        pair.record_epochs(&log);
        for line in log {
            assert!(!line.contains("the counts do not balance"), "{line}");
        }
    }
    pair.assert_one_writer_an_epoch();
    println!("{} values", published.len());
    broker.stop().await;
}

/// Does that to the holder. Returns how long it takes until the other acts, and may take.
async fn strike(pair: &mut Pair, holder: usize, blow: Blow) -> (Duration, Duration) {
    let other = 1 - holder;
    match blow {
        Blow::Kill => {
            let old = pair.replace(holder).await;
            pair.record_epochs(&old.program.log().await);
            old.program.kill().await;
            (pair.until_acts(other, AFTER_A_KILL + SLACK).await, AFTER_A_KILL)
        }
        Blow::Replace => {
            let old = pair.replace(holder).await;
            let ends = tokio::spawn(old.program.terminate());
            let took = pair.until_acts(other, AFTER_A_RELEASE + SLACK).await;
            let log = ends.await.unwrap();
            let handed = log.iter().any(|line| line.contains("the other bridge has the lease"));
            assert!(handed, "{log:#?}");
            pair.record_epochs(&log);
            (took, AFTER_A_RELEASE)
        }
        Blow::Pause => {
            pair.members[holder].program.signal("STOP").await;
            let took = pair.until_acts(other, AFTER_A_KILL + SLACK).await;
            sleep(PAUSE.saturating_sub(took)).await;
            pair.members[holder].program.signal("CONT").await;
            (took, AFTER_A_KILL)
        }
        Blow::CutLease => {
            pair.set(holder, |member| &member.to_store, Way::Cut);
            let took = pair.until_acts(other, AFTER_A_KILL + SLACK).await;
            assert!(!pair.acts(holder).await, "it stops before the other acts");
            sleep(STAYS_CUT).await;
            pair.set(holder, |member| &member.to_store, Way::Open);
            (took, AFTER_A_KILL)
        }
        Blow::CutMqtt => {
            pair.set(holder, |member| &member.to_mqtt, Way::Cut);
            let bound = NOTICED + AFTER_A_RELEASE;
            let took = pair.until_acts(other, bound + SLACK).await;
            sleep(STAYS_CUT).await;
            pair.set(holder, |member| &member.to_mqtt, Way::Open);
            (took, bound)
        }
    }
}

/// Waits until SiteWise has all published values, and shows the last of each member as the latest.
async fn all_arrive(reader: &Reader, published: &[PublishedValue]) {
    let until = Instant::now() + PATIENCE;
    loop {
        let lost = lost(reader, published).await;
        if lost.is_empty() {
            return;
        }
        let few = &lost[..lost.len().min(10)];
        assert!(Instant::now() < until, "{} of {} are lost: {few:#?}", lost.len(), published.len());
        sleep(Duration::from_millis(500)).await;
    }
}

/// Those values that SiteWise does not have; and the members whose latest is not the last.
async fn lost(reader: &Reader, published: &[PublishedValue]) -> Vec<PublishedValue> {
    let properties = reader.properties().await;
    let mut lost = Vec::new();
    for number in 0..MEMBERS {
        let stored = reader.values(&properties, &plant::member(number)).await;
        let key = |of: &&PublishedValue| (of.time.as_millis(), of.value.to_bits());
        let of_member: Vec<_> = published.iter().filter(|value| value.member == number).collect();
        let before = lost.len();
        lost.extend(of_member.iter().filter(|value| !stored.contains(&key(value))).copied());
        // A birth may repeat the last value a millisecond later.
        let (shown, last) = (stored.last().map(|last| last.1), of_member.last().map(key));
        assert!(lost.len() > before || shown == last.map(|last| last.1), "{stored:?} {last:?}");
    }
    lost
}

//! Two programs on one lease under 1,000 values a second: the one that acts is killed, replaced and
//! stopped for half a minute. Counted outside: every value that the plant published is in SiteWise.

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

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use plant::{MEMBERS, Plant, PublishedValue};
use program::Bridge;
use reader::Reader;
use sitewise_local::{Options, Server as SiteWise};
use state::States;
use tokio::time::sleep;
use windfarm::Broker;

/// From the end of a holder until the other acts, and what a busy machine may add.
const AFTER_A_KILL: Duration = Duration::from_secs(12);
const AFTER_A_RELEASE: Duration = Duration::from_secs(2);
const SLACK: Duration = Duration::from_secs(3);
/// Longer than the lease lasts.
const PAUSE: Duration = Duration::from_secs(30);
/// A bridge that has heard the plant for so long goes before one that has not.
const SETTLED: Duration = Duration::from_secs(16);
/// How long it may take until the last values are delivered.
const PATIENCE: Duration = Duration::from_secs(60);
const ACTS: &str = "this bridge acts from now on";
const STOPS: [&str; 2] = ["this bridge acts no longer", "this bridge gives the lease back"];

/// What happens to the holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    Kill,
    Replace,
    Pause,
}

/// How often, by `LEASE_KILLS`, `LEASE_REPLACEMENTS` and `LEASE_PAUSES`.
fn blows() -> Vec<Blow> {
    let count = |name: &str, usual: usize| {
        std::env::var(name).map_or(usual, |text| text.parse().expect("a number"))
    };
    let mut blows = vec![Blow::Kill; count("LEASE_KILLS", 2)];
    blows.extend(vec![Blow::Replace; count("LEASE_REPLACEMENTS", 1)]);
    blows.extend(vec![Blow::Pause; count("LEASE_PAUSES", 1)]);
    fastrand::Rng::with_seed(19).shuffle(&mut blows);
    blows
}

/// Two bridges on one item.
struct Pair {
    mqtt: u16,
    sitewise: u16,
    store: String,
    lease: String,
    bridges: Vec<Bridge>,
}

impl Pair {
    fn program(&self) -> Bridge {
        let variables: [(&str, &OsStr); 5] = [
            ("LEASE", self.lease.as_ref()),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.store.as_ref()),
            ("SPARKPLUG_HOST_ID", "plant".as_ref()),
            ("INGEST_LINGER", "500ms".as_ref()),
            ("RUST_LOG", "info".as_ref()),
        ];
        Bridge::start(self.mqtt, self.sitewise, &variables)
    }

    /// Whether a bridge acts, as it says.
    async fn acts(&self, place: usize) -> bool {
        let log = self.bridges[place].log().await;
        let last = log.iter().rev().find_map(|line| {
            let stops = STOPS.iter().any(|words| line.contains(words));
            (stops || line.contains(ACTS)).then_some(!stops)
        });
        last.unwrap_or(false)
    }

    /// Waits until this one acts; how long that took.
    async fn until_acts(&self, place: usize, within: Duration) -> Duration {
        let began = Instant::now();
        while !self.acts(place).await {
            let log = self.bridges[place].log().await;
            assert!(began.elapsed() < within, "nobody acts within {within:?}: {log:#?}");
            sleep(Duration::from_millis(20)).await;
        }
        began.elapsed()
    }

    /// Waits until this one follows the plant in full.
    async fn until_follows(&self, place: usize) {
        let (began, online) = (Instant::now(), "sparkwise_edge_nodes{phase=\"online\"}");
        self.bridges[place].learned().await;
        while self.bridges[place].try_metric(online).await != Some(1.0) {
            let log = self.bridges[place].log().await;
            assert!(began.elapsed() < PATIENCE, "it does not follow: {log:#?}");
            sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_becomes_of_the_holder_every_value_arrives() {
    let (_, store) = crate::stores().into_iter().find(|(name, _)| name == "dynalite").unwrap();
    run(store, &blows()).await;
}

async fn run(store: SocketAddr, blows: &[Blow]) {
    let sitewise = SiteWise::bind(([127, 0, 0, 1], 0).into(), Options::default()).unwrap();
    let at = sitewise.local_addr().port();
    tokio::spawn(sitewise.run(std::future::pending()));
    let broker = Broker::start(0).await.unwrap();
    let states = States::watch(broker.addr).await;
    let lease = format!("dynamodb://{}/live-{}", crate::TABLE, std::process::id());
    let store = format!("http://{store}");
    let mqtt = broker.addr.port();
    let mut pair = Pair { mqtt, sitewise: at, store, lease, bridges: Vec::new() };
    pair.bridges.push(pair.program());
    // Nobody was there before: it waits for one that might be, and for one that has heard longer.
    pair.until_acts(0, AFTER_A_KILL + SLACK + SLACK).await;
    pair.bridges.push(pair.program());
    let plant = Plant::start(broker.addr).await;
    for place in [0, 1] {
        pair.until_follows(place).await;
    }
    sleep(SETTLED).await;
    let reader = Reader::new(at);
    let mut holder = 0;
    let mut random = fastrand::Rng::with_seed(7);
    for blow in blows {
        sleep(Duration::from_millis(random.u64(1_000..4_000))).await;
        assert!(pair.acts(holder).await && !pair.acts(1 - holder).await);
        let other = 1 - holder;
        let (took, bound) = match blow {
            Blow::Kill => {
                let new = pair.program();
                let old = std::mem::replace(&mut pair.bridges[holder], new);
                old.kill().await;
                (pair.until_acts(other, AFTER_A_KILL + SLACK).await, AFTER_A_KILL)
            }
            Blow::Replace => {
                let new = pair.program();
                let old = std::mem::replace(&mut pair.bridges[holder], new);
                let ends = tokio::spawn(old.terminate());
                let took = pair.until_acts(other, AFTER_A_RELEASE + SLACK).await;
                let log = ends.await.unwrap();
                let handed = log.iter().any(|line| line.contains("the other bridge has the lease"));
                assert!(handed, "{log:#?}");
                (took, AFTER_A_RELEASE)
            }
            Blow::Pause => {
                pair.bridges[holder].signal("STOP").await;
                let took = pair.until_acts(other, AFTER_A_KILL + SLACK).await;
                sleep(PAUSE.saturating_sub(took)).await;
                pair.bridges[holder].signal("CONT").await;
                (took, AFTER_A_KILL)
            }
        };
        println!("{blow:?}: the other acts after {took:.1?}, of {bound:?}");
        sleep(Duration::from_millis(500)).await;
        pair.until_follows(holder).await;
        sleep(SETTLED).await;
        holder = other;
    }
    sleep(Duration::from_secs(2)).await;
    let published = plant.stop().await;
    assert!(published.len() > 5_000, "there was no load: {} values", published.len());
    all_arrive(&reader, &published).await;
    for bridge in pair.bridges {
        for line in bridge.terminate().await {
            assert!(!line.contains("the counts do not balance"), "{line}");
        }
    }
    let longest = states.longest_offline();
    println!("{} values, STATE offline for {longest:.1?} at most", published.len());
    assert!(longest < AFTER_A_KILL + SLACK);
    broker.stop().await;
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

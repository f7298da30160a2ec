//! A tenth of a large plant under the quotas that AWS gives an account at first: how long it
//! takes until every twin is there, and how long until a bridge that starts again delivers.

use std::time::{Duration, Instant};

use sitewise_local::{Effect, Fault, Options, Quotas, Usage};
use sparkwise::sparkplug::address::EdgeNode;
use sparkwise::sparkplug::edge::{Edge, Metric, Template};
use windfarm::Broker;

use crate::support::{Bridge, Emulator, Plant, eventually, now};

const NODES: usize = 10;
/// `START_TURBINES=1000` makes it the whole.
const TURBINES: usize = 100;
/// CreateAsset a second.
const CREATIONS: usize = 50;

fn turbine(number: usize, speed: f64) -> Metric {
    let instance = Template::instance("Turbine").member(Metric::new("Speed", speed));
    Metric::template(&format!("T{number:04}"), instance)
}

fn births(turbines: usize) -> Vec<Metric> {
    let definition = Template::definition().member(Metric::new("Speed", 0.0));
    let definition = Metric::template("_types_/Turbine", definition);
    std::iter::once(definition).chain((0..turbines).map(|n| turbine(n, 1.0))).collect()
}

fn sum(usage: &Usage, prefixes: &[&str]) -> u64 {
    let is_meant = |name: &str| prefixes.iter().any(|prefix| name.starts_with(prefix));
    let requests = usage.requests.iter().filter(|(name, _)| is_meant(name));
    requests.map(|(_, count)| count).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plant_is_there_as_fast_as_the_quotas_allow_and_again_at_once() {
    let turbines = std::env::var("START_TURBINES").ok().and_then(|text| text.parse().ok());
    let turbines: usize = turbines.unwrap_or(TURBINES);
    let broker = Broker::start(0).await.unwrap();
    let emulator = Emulator::start(Options { quotas: Quotas::aws(), ..Options::default() });
    let bridge = Bridge::start(&broker, &emulator, &[]);
    let mut nodes = Vec::new();
    for node in 0..NODES {
        let mut edge = Edge::new(EdgeNode::new("Nordsee", format!("gw{node}")), 0);
        let mut plant = Plant::connect(&broker, &edge).await;
        plant.until_asked(&mut edge, || turbine(0, 1.0)).await;
        nodes.push((edge, plant));
    }
    let began = Instant::now();
    for (edge, plant) in &mut nodes {
        plant.publish(edge.nbirth(now(), births(turbines))).await;
    }
    // The group, the nodes, and what they have.
    let links = (NODES * (turbines + 1)) as u64;
    let quotas_alone = Duration::from_secs_f64((links + 1) as f64 / CREATIONS as f64);
    let until = began + 2 * quotas_alone;
    while emulator.handle.usage().requests.get("AssociateAssets") < Some(&links) {
        assert!(Instant::now() < until, "{:?}", emulator.handle.usage());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let took = began.elapsed();
    assert!(
        took <= quotas_alone.mul_f64(1.1),
        "{took:?}, by the quotas {quotas_alone:?}: {:?}",
        emulator.handle.usage()
    );
    let ledger = bridge.stop().await;
    assert_eq!((ledger.waiting(), ledger.problems.as_slice()), (0, &[] as &[_]));

    let mark = emulator.handle.usage();
    let bridge = Bridge::start(&broker, &emulator, &[]);
    for (edge, plant) in &mut nodes {
        plant.until_asked(edge, || turbine(0, 1.0)).await;
    }
    let began = Instant::now();
    for (edge, plant) in &mut nodes {
        plant.publish(edge.nbirth(now(), births(turbines))).await;
    }
    let first = eventually("the first value", || async {
        let usage = emulator.handle.usage().since(&mark);
        (usage.values_accepted > 0).then_some(usage)
    });
    let first = first.await;
    let took = began.elapsed();
    assert!(took <= Duration::from_secs(2), "{took:?}");
    assert!(sum(&first, &["List", "Describe"]) <= 60, "{first:?}");
    eventually("all values", || async {
        let usage = emulator.handle.usage().since(&mark);
        (usage.values_accepted >= (NODES * turbines) as u64).then_some(())
    })
    .await;
    let ledger = bridge.stop().await;
    assert_eq!((ledger.waiting(), ledger.problems.as_slice()), (0, &[] as &[_]));
    let usage = emulator.handle.usage().since(&mark);
    assert_eq!(sum(&usage, &["Create", "Update", "Associate"]), 0, "{usage:?}");
    broker.stop().await;
}

/// Values were sent to properties that the assets do not have, and each retry, for seven days, looked
/// the asset up once more: 57,000 reads an hour of 200 machines.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_definition_renamed_while_the_bridge_was_away_is_not_looked_up_for_ever() {
    const MACHINES: usize = 200;
    let births = |name: &str, speed: f64| {
        let member = || Metric::new("Speed", speed);
        let definitions = ["Turbine", "Windmill"].map(|name| {
            let definition = Template::definition().member(member());
            Metric::template(&format!("_types_/{name}"), definition)
        });
        let instances = (0..MACHINES).map(|number| {
            let instance = Template::instance(name).member(member());
            Metric::template(&format!("T{number:04}"), instance)
        });
        // The other model is there as well: without it nothing is guessed.
        let other = Template::instance("Windmill").member(member());
        let other = Metric::template("Other", other);
        definitions.into_iter().chain(instances).chain([other]).collect::<Vec<_>>()
    };
    let broker = Broker::start(0).await.unwrap();
    let emulator = Emulator::start(Options::default());
    let bridge = Bridge::start(&broker, &emulator, &[]);
    let mut edge = Edge::new(EdgeNode::new("Nordsee", "gw"), 0);
    let mut plant = Plant::connect(&broker, &edge).await;
    plant.until_asked(&mut edge, || Metric::new("Speed", 1.0)).await;
    plant.publish(edge.nbirth(now(), births("Turbine", 1.0))).await;
    eventually("all values", || async {
        (emulator.handle.usage().values_accepted > MACHINES as u64).then_some(())
    })
    .await;
    assert_eq!(bridge.stop().await.waiting(), 0);

    // While the assets are listed, which takes a while, values go by a guess.
    let mut slow = Fault::always(Effect::Latency { milliseconds: 2_000, jitter_milliseconds: 0 });
    slow.operations = vec!["ListAssets".to_owned()];
    emulator.handle.order(slow).unwrap();
    let mark = emulator.handle.usage();
    let bridge = Bridge::start(&broker, &emulator, &[]);
    plant.until_asked(&mut edge, || Metric::new("Speed", 1.0)).await;
    plant.publish(edge.nbirth(now(), births("Windmill", 2.0))).await;
    let usage = || emulator.handle.usage().since(&mark);
    eventually("all values", || async {
        (usage().values_accepted > MACHINES as u64).then_some(())
    })
    .await;
    let reads = || sum(&usage(), &["List", "Describe"]);
    let until = Instant::now() + Duration::from_secs(120);
    loop {
        let before = reads();
        tokio::time::sleep(Duration::from_secs(10)).await;
        if reads() == before {
            break;
        }
        assert!(Instant::now() < until, "it is read on and on: {:?}", usage());
    }
    // A page of models, of each model's assets, and at most what is below and within each machine.
    assert!(reads() <= 4 * MACHINES as u64, "{:?}", usage());
    let ledger = bridge.stop().await;
    assert_eq!((ledger.waiting(), ledger.problems.as_slice()), (0, &[] as &[_]), "{ledger:?}");
    assert_eq!(ledger.refused.total(), 0, "{ledger:?}");
    // The guess was made, and withdrawn; what was withdrawn went where it belongs.
    assert!(ledger.delivery.discarded.misrouted >= MACHINES as u64, "{ledger:?}");
    broker.stop().await;
}

//! `sparkwise plan` between a real farm and the emulator: it tells, and leaves no trace.

use std::collections::BTreeMap;
use std::time::Duration;

use sitewise_local::Options;
use sparkwise::config::Config;
use sparkwise::preview::{self, PlanReport, PlanSource};
use sparkwise::sitewise::aws::AwsSiteWise;
use windfarm::model::Company;
use windfarm::{Broker, Fleet};

use crate::sdk;
use crate::support::{Bridge, Emulator, eventually};

async fn planned(broker: &Broker, emulator: &Emulator) -> PlanReport {
    let variables = BTreeMap::from([
        ("MQTT_URL".to_owned(), broker.url()),
        ("AWS_REGION".to_owned(), "eu-west-1".to_owned()),
    ]);
    let config = Config::load(&variables).unwrap();
    let sitewise = AwsSiteWise::new(&sdk::config(&emulator.endpoint)).unwrap();
    let listen = Duration::from_secs(11);
    let options =
        preview::PlanOptions { from: PlanSource::Plant { listen, rebirth: true }, json: false };
    Box::pin(preview::run(&config, &options, sitewise, "test")).await.unwrap()
}

/// Calls that change something.
fn writes(emulator: &Emulator) -> BTreeMap<String, u64> {
    let mut requests = emulator.handle.usage().requests;
    requests
        .retain(|name, _| !["List", "Describe", "Get"].iter().any(|read| name.starts_with(read)));
    requests
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_writes_nothing_and_says_what_the_bridge_then_does() {
    let broker = Broker::start(0).await.unwrap();
    let emulator = Emulator::start(Options::default());
    let company = Company { turbines: 4, ..Company::default() };
    let fleet = Fleet::start(&company, &broker.url().parse().unwrap(), 1.0);

    let report = planned(&broker, &emulator).await;
    assert_eq!(writes(&emulator), BTreeMap::new());
    assert!(report.changes());
    assert_eq!(
        (report.received.unborn.as_slice(), report.conflicts.as_slice()),
        (&[] as _, &[] as _)
    );
    let monthly = report.cost.unwrap().monthly().unwrap();
    assert!(monthly[0] > monthly[1] && monthly[1] >= monthly[2], "{monthly:?}");

    // What was told is what the bridge makes.
    let bridge = Bridge::start(&broker, &emulator, &[]);
    let assets: usize = report.assets.iter().map(|(_, names)| names.len()).sum();
    eventually("the twins", || async {
        let usage = emulator.handle.usage();
        let links = usage.requests.get("AssociateAssets").copied().unwrap_or_default();
        (usage.assets == assets as u64 && links == report.associations as u64).then_some(())
    })
    .await;
    let ledger = bridge.stop().await;
    assert_eq!(ledger.problems, []);
    let new = report.models.iter().filter(|model| model.is_new).count();
    assert_eq!(emulator.handle.usage().models, new as u64);

    // And afterwards there is nothing left to do.
    let before = writes(&emulator);
    let report = planned(&broker, &emulator).await;
    assert!(!report.changes(), "{report}");
    assert_eq!(writes(&emulator), before);
    fleet.stop().await;
    broker.stop().await;
}

//! From a publish at the edge to a value read back.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_iotsitewise::Client;
use aws_sdk_iotsitewise::types::{AssetModelPropertySummary, Quality, Variant};
use sitewise_local::Options;
use sparkwise::sparkplug::address::{EdgeNode, Source};
use sparkwise::sparkplug::edge::{Edge, Metric, Template};
use sparkwise::time::Timestamp;
use sparkwise::twin::identity::{Address, Namespace};
use uuid::Uuid;
use windfarm::Broker;

use crate::support::{Bridge, Emulator, Plant, eventually, now};

fn speed(value: f64) -> Metric {
    Metric::template("T7", Template::instance("Turbine").member(Metric::new("Speed", value)))
}

fn turbine(speed: f64, temperature: f64) -> Template {
    Template::instance("Turbine")
        .parameter("Serial", "WT-7")
        .member(Metric::new("Speed", speed))
        .member(Metric::template(
            "Gearbox",
            Template::instance("Gearbox").member(Metric::new("Temp", temperature)),
        ))
}

fn births() -> Vec<Metric> {
    let turbine_type = Template::definition()
        .parameter("Serial", "unknown")
        .member(Metric::new("Speed", 0.0).property("engUnit", "rpm").property("engHigh", 20.0))
        .member(Metric::template("Gearbox", Template::instance("Gearbox")));
    let gearbox_type =
        Template::definition().member(Metric::new("Temp", 0.0).property("engUnit", "°C"));
    vec![
        Metric::template("_types_/Turbine", turbine_type),
        Metric::template("_types_/Gearbox", gearbox_type),
        Metric::template("T7", turbine(12.0, 60.0)),
    ]
}

/// One value as read back: epoch milliseconds, quality, value.
type Read = (i64, Quality, Variant);

struct Twin {
    reader: Client,
    asset: Uuid,
    model: String,
}

impl Twin {
    /// The twin of an instance, once it is there.
    async fn of(reader: &Client, path: &[&str]) -> Self {
        let source = Source { edge: EdgeNode::new("Nordsee", "gw"), device: None };
        let address = match path {
            [] => Address::Source(&source),
            path => Address::Instance(&source, path),
        };
        Self::at(reader, &address).await
    }

    async fn at(reader: &Client, address: &Address<'_>) -> Self {
        let asset = Namespace::new("test").asset(address);
        let described = eventually("the asset", || async {
            reader.describe_asset().asset_id(asset.to_string()).send().await.ok()
        });
        let model = described.await.asset_model_id;
        Self { reader: reader.clone(), asset, model }
    }

    async fn property(&self, name: &str) -> AssetModelPropertySummary {
        let model = self.reader.list_asset_model_properties().asset_model_id(&self.model);
        let properties = model.max_results(250).send().await.unwrap();
        let named = properties.asset_model_property_summaries.into_iter();
        let mut named = named.filter(|property| property.name == name);
        named.next().unwrap_or_else(|| panic!("no property {name}"))
    }

    async fn history(&self, property: &str) -> Vec<Read> {
        let property = self.property(property).await;
        let history = self
            .reader
            .get_asset_property_value_history()
            .asset_id(self.asset.to_string())
            .property_id(property.id.unwrap_or_default())
            .max_results(1_000)
            .send()
            .await;
        let values = history.map(|history| history.asset_property_value_history);
        let values = values.unwrap_or_default().into_iter();
        values
            .map(|value| {
                let time = value.timestamp.unwrap();
                let millis = i64::from(time.offset_in_nanos.unwrap_or_default()) / 1_000_000;
                (
                    time.time_in_seconds * 1_000 + millis,
                    value.quality.unwrap(),
                    value.value.unwrap(),
                )
            })
            .collect()
    }

    /// The history, once it ends as `expected`: what was said before the birth comes first.
    async fn becomes(&self, property: &str, expected: &[Read]) {
        let found = eventually(property, || async {
            self.history(property).await.ends_with(expected).then_some(())
        });
        found.await;
    }
}

fn double(time: Timestamp, value: f64) -> Read {
    (time.as_millis(), Quality::Good, Variant::builder().double_value(value).build())
}

async fn online(twin: &Twin) -> Vec<bool> {
    let history = twin.history("Online").await.into_iter();
    history.filter_map(|(_, _, value)| value.boolean_value).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turbine_comes_to_life() {
    let broker = Broker::start(0).await.unwrap();
    let emulator = Emulator::start(Options::default());
    let bridge = Bridge::start(&broker, &emulator, &[]);
    let mut edge = Edge::new(EdgeNode::new("Nordsee", "gw"), 0);
    let mut plant = Plant::connect(&broker, &edge).await;

    plant.until_asked(&mut edge, || speed(1.0)).await;
    let born = now();
    plant.publish(edge.nbirth(born, births())).await;
    let reader = emulator.reader();
    let gearbox = Twin::of(&reader, &["T7", "Gearbox"]).await;

    let sent_at = now();
    plant.publish(edge.ndata(sent_at, [speed(13.5)])).await;
    let turbine = Twin::of(&reader, &["T7"]).await;
    turbine.becomes("Speed", &[double(born, 12.0), double(sent_at, 13.5)]).await;
    gearbox.becomes("Temp", &[double(born, 60.0)]).await;
    let serial = Variant::builder().string_value("WT-7").build();
    turbine.becomes("Serial", &[(born.as_millis(), Quality::Good, serial)]).await;
    assert_eq!(turbine.property("Speed").await.unit.as_deref(), Some("rpm"));
    assert_eq!(gearbox.property("Temp").await.unit.as_deref(), Some("°C"));

    let parents = eventually("the tree", || async {
        let mut names = Vec::new();
        let mut below = gearbox.asset.to_string();
        loop {
            let up = reader.list_associated_assets().asset_id(&below);
            let up = up.traversal_direction("PARENT".into()).send().await.ok()?;
            let Some(parent) = up.asset_summaries.into_iter().next() else { break };
            names.push(parent.name);
            below = parent.id;
        }
        (names.len() == 3).then_some(names)
    });
    assert_eq!(parents.await, ["T7", "gw", "Nordsee"]);

    let node = Twin::of(&reader, &[]).await;
    assert_eq!(online(&node).await, [true]);
    plant.cut();
    eventually("offline", || async { (online(&node).await == [true, false]).then_some(()) }).await;

    let ledger = bridge.stop().await;
    assert_eq!(ledger.waiting(), 0, "{ledger:#?}");
    assert_eq!(ledger.problems, []);
    broker.stop().await;
}

/// Ids, names and versions of everything in SiteWise.
async fn everything(reader: &Client) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let models = reader.list_asset_models().max_results(250).send().await.unwrap();
    for model in models.asset_model_summaries {
        let described = reader.describe_asset_model().asset_model_id(&model.id);
        let described = described.send().await.unwrap();
        found.insert(model.id.clone(), format!("{} {:?}", model.name, described.e_tag));
        let assets = reader.list_assets().asset_model_id(model.id).max_results(250);
        for asset in assets.send().await.unwrap().asset_summaries {
            found.insert(asset.id, asset.name);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bridge_that_was_killed_creates_nothing_twice() {
    let broker = Broker::start(0).await.unwrap();
    let emulator = Emulator::start(Options::default());
    let reader = emulator.reader();
    let mut edge = Edge::new(EdgeNode::new("Nordsee", "gw"), 0);
    let mut plant = Plant::connect(&broker, &edge).await;

    let bridge = Bridge::start(&broker, &emulator, &[]);
    plant.until_asked(&mut edge, || speed(1.0)).await;
    let born = now();
    plant.publish(edge.nbirth(born, births())).await;
    let turbine = Twin::of(&reader, &["T7"]).await;
    turbine.becomes("Speed", &[double(born, 12.0)]).await;
    let settled = eventually("the tree", || async {
        let usage = emulator.handle.usage();
        (usage.requests.get("AssociateAssets") == Some(&3)).then_some(())
    });
    settled.await;
    bridge.kill().await;
    let before = everything(&reader).await;
    let mark = emulator.handle.usage();

    let bridge = Bridge::start(&broker, &emulator, &[]);
    plant.until_asked(&mut edge, || speed(14.0)).await;
    plant.publish(edge.nbirth(now(), births())).await;
    let sent_at = now();
    plant.publish(edge.ndata(sent_at, [speed(15.0)])).await;
    eventually("the value after the restart", || async {
        turbine.history("Speed").await.contains(&double(sent_at, 15.0)).then_some(())
    })
    .await;
    let ledger = bridge.stop().await;
    assert_eq!(everything(&reader).await, before);
    let since = emulator.handle.usage().since(&mark);
    for write in ["CreateAssetModel", "UpdateAssetModel", "CreateAsset", "AssociateAssets"] {
        assert_eq!(since.requests.get(write).copied().unwrap_or(0), 0, "{write}: {since:?}");
    }
    assert_eq!(ledger.provisioning.failures, 0);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_wait_for_models_and_assets_that_take_their_time() {
    let broker = Broker::start(0).await.unwrap();
    let delay = Duration::from_millis(700);
    let options = Options { create_delay: delay, update_delay: delay, ..Options::default() };
    let emulator = Emulator::start(options);
    let mut edge = Edge::new(EdgeNode::new("Nordsee", "gw"), 0);
    let mut plant = Plant::connect(&broker, &edge).await;
    let bridge = Bridge::start(&broker, &emulator, &[]);
    plant.until_asked(&mut edge, || speed(1.0)).await;
    let born = now();
    plant.publish(edge.nbirth(born, births())).await;
    let mut expected = vec![double(born, 12.0)];
    for step in 1..=25 {
        let sent_at = Timestamp::from_millis(born.as_millis() + 20 * step);
        plant.publish(edge.ndata(sent_at, [speed(step as f64)])).await;
        expected.push(double(sent_at, step as f64));
    }
    let reader = emulator.reader();
    // Ten values of one second go: the rest of that second is given up but for the last.
    let turbine = Twin::of(&reader, &["T7"]).await;
    eventually("the last value", || async {
        turbine.history("Speed").await.contains(expected.last().unwrap()).then_some(())
    })
    .await;
    let ledger = bridge.stop().await;
    assert_eq!(ledger.waiting(), 0);
    assert!(ledger.delivery.discarded.rate > 0, "{ledger:#?}");
    broker.stop().await;
}

/// Nothing is said between the bridges: the second knows of the node from SiteWise alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_online_is_asked_after_a_restart_and_a_lost_device_goes_offline() {
    let broker = Broker::start(0).await.unwrap();
    let emulator = Emulator::start(Options::default());
    let mut edge = Edge::new(EdgeNode::new("Nordsee", "gw"), 0);
    let mut plant = Plant::connect(&broker, &edge).await;
    let bridge = Bridge::start(&broker, &emulator, &[]);
    plant.until_asked(&mut edge, || speed(1.0)).await;
    plant.publish(edge.nbirth(now(), births())).await;
    plant.publish(edge.dbirth("pump", now(), [Metric::new("Flow", 1.0)])).await;
    let reader = emulator.reader();
    let pump = Source { edge: edge.node().clone(), device: Some("pump".into()) };
    let pump = Twin::at(&reader, &Address::Source(&pump)).await;
    let node = Twin::of(&reader, &[]).await;
    for twin in [&pump, &node] {
        eventually("online", || async { (online(twin).await == [true]).then_some(()) }).await;
    }
    bridge.kill().await;

    let bridge = Bridge::start(&broker, &emulator, &[]);
    plant.rebirth_asked(&edge).await;
    plant.publish(edge.nbirth(now(), births())).await;
    eventually("offline", || async { (online(&pump).await == [true, false]).then_some(()) }).await;
    assert!(!online(&node).await.contains(&false));
    assert_eq!(bridge.stop().await.problems, []);
    broker.stop().await;
}

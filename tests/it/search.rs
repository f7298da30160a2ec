//! What people type to find a tag: its whole address, a topic, an id of SiteWise's.

use std::net::SocketAddr;

use serde_json::Value;
use sitewise_local::Options;
use sparkwise::sparkplug::address::EdgeNode;
use sparkwise::sparkplug::edge::{Edge, Metric, Template};
use windfarm::Broker;

use crate::console::json;
use crate::support::{Bridge, Emulator, Plant, Scene, eventually, now};

/// The assets and properties that some words find, each as `address: property`.
async fn found(console: SocketAddr, words: &str) -> Vec<String> {
    let words = words.replace(' ', "+");
    let found = json(console, &format!("/api/search?q={words}")).await;
    let name = |row: &Value| {
        let text = |place: &str| row.pointer(place).and_then(Value::as_str);
        format!("{}: {}", text("/address").unwrap(), text("/property/name").unwrap_or("-"))
    };
    found.pointer("/rows").and_then(Value::as_array).unwrap().iter().map(name).collect()
}

/// Once the tag is carried.
async fn carried(console: SocketAddr, words: &str) {
    eventually(words, || async { (!found(console, words).await.is_empty()).then_some(()) }).await;
}

fn turbine(name: &str) -> Metric {
    let members = [Metric::new("Speed", 1.0), Metric::new("Gear/Oil Level", 2.0)];
    Metric::template(name, Template::instance("Turbine").members(members))
}

/// Twenty of thirty zones were all that was found, without a word on the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_properties_of_one_asset_than_are_listed_are_told() {
    let mut scene = Scene::start(&[], || Metric::new("Speed", 1.0)).await;
    let console = scene.console;
    let zones = (1..=30).map(|zone| Metric::new(&format!("Zone {zone:02}/Temp"), 20.0));
    scene.publish_birth(zones).await;
    carried(console, "zone 30 temp").await;
    let asked = async |words: &str| {
        let answer = json(console, &format!("/api/search?q={}", words.replace(' ', "+"))).await;
        (answer["rows"].as_array().unwrap().len(), answer["more"].as_bool().unwrap())
    };
    assert_eq!(asked("gw temp").await, (20, true));
    assert_eq!(asked("Nordsee/gw/Zone").await, (20, true), "by the address");
    assert_eq!(asked("gw zone 2 temp").await, (12, false));
    scene.stop().await;
}

/// The whole address found a tag whose values go nowhere, and none that is carried.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_that_is_carried_is_found_by_its_whole_address() {
    let mut scene = Scene::start(&[], || Metric::new("Speed", 1.0)).await;
    let console = scene.console;
    let tags = [Metric::new("Speed", 12.0), Metric::new("Drive/Temp", 12.0)];
    scene.publish_birth(tags.into_iter().chain([turbine("T1"), turbine("T2")])).await;
    carried(console, "t2 speed").await;

    for (words, expected) in [
        ("Nordsee/gw/Speed", "Nordsee/gw: Speed"),
        ("spBv1.0/Nordsee/NDATA/gw/Speed", "Nordsee/gw: Speed"),
        ("nordsee/gw/drive/temp", "Nordsee/gw: Drive/Temp"),
        ("Nordsee/gw/T1/Speed", "Nordsee/gw/T1: Speed"),
        ("gw/T1/spe", "Nordsee/gw/T1: Speed"),
        ("Nordsee/gw/T2/Gear/Oil Level", "Nordsee/gw/T2: Gear/Oil Level"),
        ("Nordsee/gw/T2/Gear level", "Nordsee/gw/T2: Gear/Oil Level"),
    ] {
        assert_eq!(found(console, words).await, [expected], "{words}");
    }
    for words in ["Nordsee/gw/T3/Speed", "gw/T1/peed", "Nordsee/gw/Speed temp", "/speed/"] {
        assert_eq!(found(console, words).await, [""; 0], "{words}");
    }
    scene.stop().await;
}

/// A topic was cut at its first blank, and found nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_with_a_blank_in_its_group_finds_its_machine() {
    let (broker, emulator) = (Broker::start(0).await.unwrap(), Emulator::start(Options::default()));
    let bridge = Bridge::start(&broker, &emulator, &[]);
    let console = bridge.console().await;
    let mut edge = Edge::new(EdgeNode::new("Plant 1", "Gateway A"), 0);
    let mut plant = Plant::connect(&broker, &edge).await;
    plant.until_asked(&mut edge, || Metric::new("Speed", 1.0)).await;
    plant.publish(edge.nbirth(now(), [Metric::new("Speed", 1.0)])).await;
    carried(console, "speed").await;

    let machine = "Plant 1/Gateway A";
    let rows = found(console, "spBv1.0/Plant 1/NBIRTH/Gateway A").await;
    assert_eq!(rows, [format!("{machine}: -")]);
    for words in ["spBv1.0/Plant 1/NDATA/Gateway A speed", "spBv1.0/Plant 1/NDATA/Gateway A/Speed"]
    {
        assert_eq!(found(console, words).await, [format!("{machine}: Speed")], "{words}");
    }
    bridge.stop().await;
    broker.stop().await;
}

/// The id of a model, as it stands in SiteWise's own pages and in the log, found nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_of_sitewise_finds_its_asset_its_property_and_the_assets_of_a_model() {
    let mut scene = Scene::start(&[], || Metric::new("Speed", 1.0)).await;
    let console = scene.console;
    scene.publish_birth([turbine("T1"), turbine("T2")]).await;
    carried(console, "t2 speed").await;

    let row = json(console, "/api/search?q=t1+speed").await["rows"][0].clone();
    let (asset, property) = (row["id"].as_str().unwrap(), row["property"]["id"].as_str().unwrap());
    assert_eq!(found(console, asset).await, ["Nordsee/gw/T1: -"]);
    assert_eq!(found(console, property).await, ["Nordsee/gw/T1: Speed", "Nordsee/gw/T2: Speed"]);
    let models = json(console, "/api/models?q=turbine").await;
    let model = models["rows"][0]["id"].as_str().unwrap();
    assert_eq!(found(console, model).await, ["Nordsee/gw/T1: -", "Nordsee/gw/T2: -"]);
    scene.stop().await;
}

//! Problems: one row for one cause, what costs most first, and the same said wherever it is shown.

use std::net::SocketAddr;

use serde_json::Value;
use sitewise_local::{Effect, Fault, Options};
use sparkwise::sparkplug::address::EdgeNode;
use sparkwise::sparkplug::edge::{Edge, Metric, Template};
use sparkwise::time::Timestamp;
use windfarm::Broker;

use crate::console::json;
use crate::support::{Bridge, Emulator, Plant, Scene, eventually, now};

/// The rows under Problems of one kind.
async fn problems(console: SocketAddr, kind: &str) -> Vec<Value> {
    let page = json(console, "/api/problems?limit=500").await;
    page.pointer("/rows")
        .and_then(Value::as_array)
        .unwrap()
        .iter()
        .filter(|row| row["kind"] == kind)
        .cloned()
        .collect()
}

/// Waits until the bridge has the birth of this edge node: a connection that is cut before may
/// have sent none.
async fn becomes_online(console: SocketAddr, node: &str) {
    eventually("its birth", || async {
        let nodes = json(console, "/api/nodes").await;
        let rows = nodes.get("rows")?.as_array()?.clone();
        let is_online = |row: &Value| row["node"] == node && row["phase"] == "online";
        rows.iter().any(is_online).then_some(())
    })
    .await;
}

fn instance(name: &str, of: &str) -> Metric {
    Metric::template(name, Template::instance(of).members([Metric::new("Oil", 1.0)]))
}

/// Calls of these operations end with this exception, from now on.
fn order(emulator: &Emulator, operations: &[&str], code: &str) {
    let effect =
        Effect::Error { code: code.into(), carried_out: false, retry_after_milliseconds: None };
    let operations = operations.iter().map(|name| (*name).to_owned()).collect();
    emulator.handle.order(Fault { operations, ..Fault::always(effect) }).unwrap();
}

/// Each device of a gateway whose clock is wrong was a problem of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_wrong_clock_is_one_row_however_many_devices_the_gateway_has() {
    const DEVICES: u64 = 4;
    let (broker, emulator) = (Broker::start(0).await.unwrap(), Emulator::start(Options::default()));
    let bridge = Bridge::start(&broker, &emulator, &[]);
    let console = bridge.console().await;
    let mut edge = Edge::new(EdgeNode::new("Nordsee", "gw"), 0);
    let mut plant = Plant::connect(&broker, &edge).await;
    plant.until_asked(&mut edge, || Metric::new("Speed", 1.0)).await;
    plant.publish(edge.nbirth(now(), [Metric::new("Speed", 1.0)])).await;
    let old = Timestamp::from_millis(now().as_millis() - 8 * 86_400_000);
    for device in (0..DEVICES).map(|number| format!("D{number}")) {
        plant.publish(edge.dbirth(&device, now(), [Metric::new("Flow", 1.0)])).await;
        plant.publish(edge.ddata(&device, old, [Metric::new("Flow", 2.0)])).await;
    }
    eventually("the rejections", || async {
        let letters = json(console, "/api/refusals?limit=100").await;
        (letters["rows"].as_array()?.len() as u64 == DEVICES).then_some(())
    })
    .await;
    let rows = problems(console, "values_rejected").await;
    let [row] = &rows[..] else { panic!("{rows:?}") };
    let reason = row["reason"].as_str().unwrap();
    assert_eq!(row["subject"], "Nordsee/gw");
    assert!(reason.contains("had 4 values of 4 machines"), "{reason}");
    assert!(reason.contains("(out_of_range)") && reason.contains("NTP"), "{reason}");
    assert_eq!(row["link"]["page"], "plant", "{row}");
    // As many machines as before are counted.
    let overview = json(console, "/api/overview").await;
    let counted = overview["degraded"].as_array().unwrap();
    let counted = counted.iter().find(|row| row[0] == "values_rejected");
    assert_eq!(counted.map(|row| &row[1]), Some(&DEVICES.into()), "{overview}");
    bridge.stop().await;
    broker.stop().await;
}

/// A model that SiteWise rejects, behind which all values of a kind wait, stood behind everything
/// else; and the page of a healthy model showed the problem of another whose name holds its name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejected_model_comes_before_a_gateway_that_is_offline_and_is_no_other_models() {
    let (broker, emulator) = (Broker::start(0).await.unwrap(), Emulator::start(Options::default()));
    emulator
        .handle
        .order(Fault::always(Effect::FailModel { name: Some("WindPump".into()) }))
        .unwrap();
    let bridge = Bridge::start(&broker, &emulator, &[]);
    let console = bridge.console().await;
    for node in ["dead", "gw"] {
        let mut edge = Edge::new(EdgeNode::new("Nordsee", node), 0);
        let mut plant = Plant::connect(&broker, &edge).await;
        plant.until_asked(&mut edge, || Metric::new("Speed", 1.0)).await;
        plant
            .publish(edge.nbirth(now(), [instance("P1", "WindPump"), instance("P2", "Pump")]))
            .await;
        if node == "dead" {
            becomes_online(console, node).await;
            plant.cut();
        } else {
            let rows = eventually("both", || async {
                let rows = json(console, "/api/problems").await["rows"].clone();
                let rows = rows.as_array()?.clone();
                let has = |kind: &str| rows.iter().any(|row| row["kind"] == kind);
                (has("problem") && has("node_offline")).then_some(rows)
            })
            .await;
            assert_eq!(rows[0]["subject"], "model WindPump", "{rows:?}");
        }
    }
    let models = json(console, "/api/models?q=pump").await;
    for row in models["rows"].as_array().unwrap() {
        let id = row["id"].as_str().unwrap();
        let problem = json(console, &format!("/api/models/{id}")).await["problem"].clone();
        match row["name"].as_str().unwrap() {
            "WindPump" => {
                let problem = problem.as_str().unwrap();
                assert!(problem.contains("it is retried with backoff"), "{problem}");
            }
            name => assert_eq!((name, problem), ("Pump", Value::Null)),
        }
    }
    bridge.stop().await;
    broker.stop().await;
}

/// What eight pumps are told of that SiteWise answers to CreateAsset with this exception, in one row.
async fn kept_out_by(code: &str) -> String {
    let emulator = Emulator::start(Options::default());
    order(&emulator, &["CreateAsset"], code);
    let mut scene = Scene::start_with(emulator, &[], || Metric::new("Speed", 1.0)).await;
    let console = scene.console;
    scene.publish_birth((0..8).map(|number| instance(&format!("P{number}"), "Pump"))).await;
    let reason = eventually("one row", || async {
        let rows = problems(console, "problem").await;
        let [row] = &rows[..] else { return None };
        let reason = row["reason"].as_str()?.to_owned();
        // The group, the gateway, what the bridge says of itself, and those of the pumps that were tried.
        row["subject"].as_str()?.contains(" and ").then_some(reason)
    })
    .await;
    scene.stop().await;
    reason
}

/// One used-up quota was a problem for each asset that waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_that_is_used_up_is_one_row_with_a_count() {
    let reason = kept_out_by("LimitExceededException").await;
    assert!(reason.contains("Service Quotas"), "{reason}");
}

/// So was a right that the role lacks, since SiteWise's words name each asset.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_is_missing_is_one_row_with_a_count() {
    let reason = kept_out_by("AccessDeniedException").await;
    assert!(reason.contains("iotsitewise:CreateAsset"), "{reason}");
}

/// A property that its model does not get was waited for without a word about why.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_property_that_its_model_does_not_get_says_why_and_what_to_do() {
    let mut scene = Scene::start(&[], || Metric::new("Speed", 1.0)).await;
    let console = scene.console;
    scene.publish_birth([Metric::new("Speed", 12.0)]).await;
    let of = |words: &'static str| async move {
        let found = json(console, &format!("/api/search?q=Nordsee/gw+{words}")).await;
        let row = found.pointer("/rows/0")?.clone();
        let id = row.get("id")?.as_str()?;
        let page = json(console, &format!("/api/assets/{id}?q={words}")).await;
        Some((page.pointer("/values/rows/0/delivery")?.clone(), row))
    };
    eventually("the first property", || async {
        let (way, _) = of("speed").await?;
        (way["state"] == "accepted").then_some(())
    })
    .await;
    let denied = ["UpdateAssetModel", "CreateAssetModelCompositeModel"];
    order(&scene.emulator, &denied, "AccessDeniedException");
    scene.publish_birth([Metric::new("Speed", 12.0), Metric::new("Torque", 3.0)]).await;
    let way = eventually("the reason", || async {
        let (way, row) = of("torque").await?;
        let reason = way["reason"].as_str()?;
        let is_same = row["problem"] == reason;
        (way["waits_for"] == "property" && is_same).then_some(way)
    })
    .await;
    let reason = way["reason"].as_str().unwrap();
    assert!(reason.contains("iotsitewise:UpdateAssetModel"), "{reason}");
    scene.stop().await;
}

/// What the role may not create was said to be created.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_asset_whose_model_the_role_may_not_create_is_not_being_created() {
    let emulator = Emulator::start(Options::default());
    order(&emulator, &["CreateAssetModel"], "AccessDeniedException");
    let mut scene = Scene::start_with(emulator, &[], || Metric::new("Speed", 1.0)).await;
    let console = scene.console;
    scene.publish_birth([Metric::new("Speed", 12.0)]).await;
    // Not the group's: its model is not tried before that of what it holds.
    let node = eventually("what is rejected", || async {
        let found = json(console, "/api/search?q=Nordsee/gw").await;
        let row = found.pointer("/rows/0")?.clone();
        (row["provisioning"] == "rejected").then_some(row)
    })
    .await;
    let model = node["model"].as_str().unwrap();
    let models = json(console, "/api/models").await;
    let row = models["rows"].as_array().unwrap().iter().find(|row| row["name"] == model).unwrap();
    assert_eq!(row["provisioning"], "rejected", "{row}");
    let model = json(console, &format!("/api/models/{}", row["id"].as_str().unwrap())).await;
    assert_eq!(model["provisioning"], "rejected", "{model}");
    assert!(model["problem"].as_str().unwrap().contains("iotsitewise:CreateAssetModel"), "{model}");
    scene.stop().await;
}

/// The gateways behind the server that is away were told to be dead, and not to answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_at_the_start_is_one_row_and_nobody_behind_it_is_accused() {
    let (broker, emulator) = (Broker::start(0).await.unwrap(), Emulator::start(Options::default()));
    let bridge = Bridge::start(&broker, &emulator, &[]);
    let console = bridge.console().await;
    let mut plants = Vec::new();
    for (node, is_left_online) in [("alive", true), ("dead", false)] {
        let mut edge = Edge::new(EdgeNode::new("Nordsee", node), 0);
        let mut plant = Plant::connect(&broker, &edge).await;
        plant.until_asked(&mut edge, || Metric::new("Speed", 1.0)).await;
        plant.publish(edge.nbirth(now(), [Metric::new("Speed", 1.0)])).await;
        becomes_online(console, node).await;
        match is_left_online {
            true => plants.push(plant),
            false => plant.cut(),
        }
    }
    eventually("one that is alive and one that is dead", || async {
        let dead = problems(console, "node_offline").await;
        let overview = json(console, "/api/overview").await;
        let is_empty = |place: &str| overview["values"][place] == 0;
        let is_done = ["in_outbox", "behind_gates", "in_delivery"].into_iter().all(is_empty)
            && overview["assets_live"] == overview["assets"];
        (dead.len() == 1 && is_done).then_some(())
    })
    .await;
    bridge.stop().await;
    broker.stop().await;

    // Both are behind the first of these, and not heard. The one that was dead is as it was.
    let broker = Broker::start(0).await.unwrap();
    let urls = format!("mqtt://127.0.0.1:1,{}", broker.url());
    let bridge = Bridge::start(&broker, &emulator, &[("MQTT_URL", urls.as_str())]);
    let console = bridge.console().await;
    let behind = "; 1 edge node not heard since the start may be behind it";
    eventually("the row", || async {
        let rows = problems(console, "mqtt_not_connected").await;
        rows.first()?["reason"].as_str()?.ends_with(behind).then_some(())
    })
    .await;
    // As long as whoever is asked has to answer, and longer.
    tokio::time::sleep(std::time::Duration::from_secs(20)).await;
    let page = json(console, "/api/problems?limit=500").await;
    let kinds: Vec<_> = page["rows"].as_array().unwrap().iter().map(|row| &row["kind"]).collect();
    assert_eq!(kinds, ["mqtt_not_connected"], "{page}");
    bridge.stop().await;
    broker.stop().await;
}

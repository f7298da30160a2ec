//! What the program prints in a terminal of the bridge that runs: `status`, and `doctor` before it.

use std::process::Output;

use sitewise_local::Options;
use sparkwise::sparkplug::address::EdgeNode;
use sparkwise::sparkplug::edge::{Edge, Metric};
use windfarm::Broker;

use crate::support::{Bridge, Emulator, Plant, eventually, now};

/// Runs the program with these variables and no others.
async fn sparkwise(arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_sparkwise"));
    command.args(arguments).env_clear().envs(variables.iter().copied());
    let Output { status, stdout, stderr } = command.output().await.unwrap();
    let text = [stdout, stderr].concat();
    (status.code().unwrap(), String::from_utf8(text).unwrap())
}

fn lines_with<'a>(text: &'a str, words: &'a str) -> Vec<&'a str> {
    text.lines().filter(|line| line.contains(words)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_names_a_gateway_that_died_and_a_tag_is_found() {
    let (broker, emulator) = (Broker::start(0).await.unwrap(), Emulator::start(Options::default()));
    let bridge = Bridge::start(&broker, &emulator, &[]);
    let at = bridge.console().await;
    let console = at.to_string();
    let variables = [("CONSOLE_ADDR", console.as_str())];
    let mut edge = Edge::new(EdgeNode::new("Nordsee", "gw"), 0);
    let mut plant = Plant::connect(&broker, &edge).await;
    plant.until_asked(&mut edge, || Metric::new("Oil Temperature", 1.0)).await;
    plant.publish(edge.nbirth(now(), [Metric::new("Oil Temperature", 71.0)])).await;

    eventually("ready", || async {
        let (code, text) = sparkwise(&["status"], &variables).await;
        (code == 0 && text.starts_with("ready\n") && text.contains("1 online")).then_some(())
    })
    .await;
    let query = "/api/search?q=spBv1.0/Nordsee/NDATA/gw+temperature";
    let found = crate::console::json(at, query).await;
    let rows = found["rows"].as_array().unwrap();
    assert!(
        rows.iter().any(|row| row["name"] == "gw" && row["property"]["name"] == "Oil Temperature"),
        "{found}"
    );

    plant.cut();
    eventually("degraded", || async {
        let (code, text) = sparkwise(&["status"], &variables).await;
        let problem = lines_with(&text, "node_offline: Nordsee/gw is offline since 20");
        (code == 2 && text.starts_with("degraded\n") && problem.len() == 1).then_some(())
    })
    .await;
    let (code, text) = sparkwise(&["status", "--json"], &variables).await;
    let status: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &status["health"]), (2, &"degraded".into()), "{text}");
    assert_eq!(status["problems"][0]["kind"], "node_offline", "{text}");

    bridge.stop().await;
    let (code, text) = sparkwise(&["status"], &variables).await;
    assert!(code == 1 && text.contains("no bridge runs here"), "{code}: {text}");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_says_what_is_wrong_before_the_bridge_starts() {
    let (broker, emulator) = (Broker::start(0).await.unwrap(), Emulator::start(Options::default()));
    let folder = std::env::temp_dir().join(format!("sparkwise-doctor-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let url = broker.url();
    let mut variables = vec![
        ("MQTT_URL", url.as_str()),
        ("AWS_ENDPOINT_URL_IOTSITEWISE", &emulator.endpoint),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("TWIN_NAMESPACE", "test"),
        ("OUTBOX_DIR", folder.to_str().unwrap()),
    ];
    let (code, text) = sparkwise(&["doctor"], &variables).await;
    assert_eq!(code, 0, "{text}");
    assert_eq!(lines_with(&text, "ok          iotsitewise:").len(), 12, "{text}");
    assert_eq!(lines_with(&text, "connected and subscribed").len(), 1, "{text}");
    assert_eq!(lines_with(&text, "OUTBOX_DIR=").len(), 1, "{text}");
    assert!(text.ends_with("nothing to do\n"), "{text}");
    // It changed nothing.
    assert_eq!(emulator.handle.usage().values_accepted, 0);
    assert!(
        emulator
            .reader()
            .list_asset_models()
            .send()
            .await
            .unwrap()
            .asset_model_summaries
            .is_empty()
    );
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);

    // Nobody listens at either.
    variables[0] = ("MQTT_URL", "mqtt://127.0.0.1:1");
    variables[1] = ("AWS_ENDPOINT_URL_IOTSITEWISE", "http://127.0.0.1:1");
    let (code, text) = sparkwise(&["doctor", "--json"], &variables).await;
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &report["well"]), (1, &false.into()), "{text}");
    let checks = report["checks"].as_array().unwrap();
    let wrong = |what: &str| {
        checks.iter().any(|check| {
            check["what"].as_str().unwrap().contains(what) && check["verdict"] == "wrong"
        })
    };
    assert!(wrong("mqtt://127.0.0.1:1") && wrong("iotsitewise:ListAssetModels"), "{text}");
    std::fs::remove_dir_all(&folder).unwrap();
    broker.stop().await;
}

//! What is written to the plant on requests that come over AWS IoT.

use super::*;

/// A value is written to a node, and another to its device.
pub(crate) struct Commanded {
    /// The plant's server.
    pub(crate) recording: Recording,
    /// AWS IoT.
    pub(crate) iot: Recording,
}

/// What may be written, and where requests come in.
const ALLOW: &str = "Nordsee 1.ü/gw/a = 0..10\nNordsee 1.ü/gw/d/a = 0..10";
const EXECUTIONS: &str = "$aws/commands/things/press/executions";

pub(crate) static COMMANDED: LazyLock<Commanded> = LazyLock::new(|| {
    play(async {
        let (server, iot) = (Server::start(true).await, Server::start(true).await);
        let sitewise = SiteWise::start();
        let url = iot.url();
        let variables =
            [("COMMANDS_ALLOW", ALLOW), ("COMMANDS_THING", "press"), ("COMMANDS_IOT_URL", &url)];
        let bridge = Bridge::start(&[&server], &sitewise, &variables);
        server.until("the birth", |records| births(records, 0) == 1).await;
        iot.until("the subscriptions", |records| granted(records) == 2).await;

        let mut edge = edge("gw").with_aliases();
        server.plant(&edge.nbirth(time(), a(0)));
        server.plant(&edge.dbirth("d", time(), a(0)));
        for of in [source("gw", None), source("gw", Some("d"))] {
            sitewise.until(&of, "a", |values| !values.is_empty()).await;
        }
        ask(&iot, "1", "Nordsee 1.ü/gw", 5);
        server.until("NCMD", |records| commands(records, "/NCMD/gw") == 1).await;
        server.plant(&edge.ndata(time(), a(5)));
        iot.until("the first answer", |records| answers(records) == 1).await;
        ask(&iot, "2", "Nordsee 1.ü/gw/d", 6);
        server.until("DCMD", |records| commands(records, "/DCMD/gw/d") == 1).await;
        server.plant(&edge.ddata("d", time(), a(6)));
        iot.until("the second answer", |records| answers(records) == 2).await;
        bridge.stop().await;
        let gone = |records: &[Record]| records.last().is_some_and(|r| r.what == What::Closed);
        server.until("the end", gone).await;
        Commanded { recording: Recording(server.records()), iot: Recording(iot.records()) }
    })
});

fn ask(iot: &Server, id: &str, asset: &str, value: i32) {
    let payload = format!(r#"{{"asset": "{asset}", "property": "a", "value": {value}}}"#);
    iot.tell(&format!("{EXECUTIONS}/{id}/request/json"), payload.as_bytes(), 0, false);
}

fn granted(records: &[Record]) -> usize {
    records.iter().filter(|record| record.what == What::Granted).count()
}

fn commands(records: &[Record], end: &str) -> usize {
    records.iter().filter_map(published).filter(|(_, publish)| publish.topic.ends_with(end)).count()
}

/// How many executions have succeeded.
fn answers(records: &[Record]) -> usize {
    let succeeded = |publish: &Publish| {
        let answer: serde_json::Value = serde_json::from_slice(&publish.payload).unwrap();
        publish.topic.ends_with("/response/json") && answer["status"] == "SUCCEEDED"
    };
    records.iter().filter_map(published).filter(|(_, publish)| succeeded(publish)).count()
}

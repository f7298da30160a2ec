//! A round of the bridge: the whole of it, from one socket to the other.

use std::collections::BTreeMap;
use std::time::Duration;

use sparkwise::app::{self, Ledger};
use sparkwise::config::Config;
use sparkwise::sitewise::aws::AwsSiteWise;
use tokio::sync::oneshot;

use super::child::Peer;
use super::measured::{ENGINE, Measured, Used};
use super::plan::Plan;
use super::sdk;

/// What went, and what the bridge's own books say of it.
pub(crate) struct Round {
    pub(crate) measured: Measured,
    pub(crate) ledger: Ledger,
    /// Values that were sent and that SiteWise does not have.
    pub(crate) lost: u64,
    /// Rebirths that the bridge asked for: none unless messages were lost.
    pub(crate) rebirths: u64,
}

pub(crate) fn round(peer: &mut Peer, plan: &Plan) -> Round {
    let config = Config::load(&variables(peer.mqtt)).unwrap();
    let sdk = sdk::config(&format!("http://127.0.0.1:{}", peer.http));
    let (stop, stopped) = oneshot::channel::<()>();
    // As the binary has it: the engine on this thread, the rest on the runtime's own.
    let engine = std::thread::Builder::new().name(ENGINE.to_owned());
    let bridge = engine.spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let stopped = async {
            let _ = stopped.await;
        };
        let sitewise = AwsSiteWise::new(&sdk).unwrap();
        runtime.block_on(app::run_with(config, sitewise, "benchmark", stopped)).unwrap()
    });
    let bridge = bridge.unwrap();

    let [complete, births] = peer.hear("born");
    let before = Used::until_now(peer.id());
    peer.go();
    let [values, requests, micros, rebirths] = peer.hear("done");
    let cpu = Used::until_now(peer.id()).since(before);
    let _ = stop.send(());
    let ledger = bridge.join().unwrap();

    assert_eq!(complete, 1, "only {births} values of the births were taken: {ledger:#?}");
    assert!(ledger.balances(), "{ledger:#?}");
    let sent = (plan.properties() + plan.values()) as u64;
    let lost = (sent + ledger.values.own_points).saturating_sub(ledger.delivery.delivered);
    let elapsed = Duration::from_micros(micros);
    let measured = Measured { values, requests, elapsed, cpu };
    Round { measured, ledger, lost, rebirths }
}

/// Quotas are raised out of the way; everything else is as it comes, but for a linger that lets
/// every entry fill.
fn variables(mqtt: u16) -> BTreeMap<String, String> {
    [
        ("CONSOLE_ADDR", "off"),
        ("MQTT_URL", format!("mqtt://127.0.0.1:{mqtt}").as_str()),
        ("AWS_REGION", "eu-west-1"),
        ("INGEST_REQUESTS_PER_SECOND", "1000000"),
        ("INGEST_VALUES_PER_SECOND", "100000000"),
        ("INGEST_LINGER", "3s"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

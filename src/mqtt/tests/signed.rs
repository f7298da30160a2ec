//! MQTT over a WebSocket whose address is signed, as AWS IoT takes it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use aws_lc_rs::{digest, hmac};

use super::websocket::serve_where;
use super::*;
use crate::mqtt::{SignedAddress, SigningError};
use crate::sitewise::aws::WebSocketSigner;

const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "to/ken+=";
const REQUESTS: &str = "$aws/commands/things/press/executions/+/request/json";

fn start(port: u16, signed: SignedAddress) -> Bridge {
    let url = format!("ws://127.0.0.1:{port}");
    let config = config(&url, &[("MQTT_CLIENT_ID", "press")]);
    let filters = vec![REQUESTS.to_owned()];
    let connection = Connection::of_commands(&config.mqtt, filters, Vec::new(), Some(signed));
    Bridge::running(connection.unwrap().unwrap(), 100)
}

/// With the real signer, and these credentials.
fn signed(secret: &'static str, port: u16) -> SignedAddress {
    let signer = WebSocketSigner::of_test((KEY, secret, TOKEN), ("127.0.0.1", port));
    Arc::new(move || {
        let signer = signer.clone();
        Box::pin(async move {
            let address = signer.address(SystemTime::now()).await;
            address.map_err(|fault| SigningError::new(fault.explain()))
        })
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sha256(text: &str) -> String {
    hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

/// The status of AWS IoT for a signature, computed from what AWS says of Signature Version 4 and
/// not by the code that signs.
fn judge(target: &str, host: &str) -> u16 {
    let Some((path, query)) = target.split_once('?') else { return 403 };
    let fields: BTreeMap<_, _> =
        query.split('&').map(|field| field.split_once('=').unwrap()).collect();
    // The token is there and not signed.
    let token = fields.get("X-Amz-Security-Token").copied();
    let mut signed: Vec<_> = query
        .split('&')
        .filter(|field| {
            !field.starts_with("X-Amz-Signature=") && !field.starts_with("X-Amz-Security-Token=")
        })
        .collect();
    signed.sort_unstable();
    let (time, scope) = (fields["X-Amz-Date"], fields["X-Amz-Credential"].replace("%2F", "/"));
    let (key, scope) = scope.split_once('/').unwrap();
    let day = time.split('T').next().unwrap();
    let empty = sha256("");
    let request = format!("GET\n{path}\n{}\nhost:{host}\n\nhost\n{empty}", signed.join("&"));
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(&request));
    let mut signing = format!("AWS4{SECRET}").into_bytes();
    for part in [day, "eu-west-1", "iotdevicegateway", "aws4_request"] {
        signing = mac(&signing, part);
    }
    let right = hex(&mac(&signing, &text)) == fields["X-Amz-Signature"]
        && scope == format!("{day}/eu-west-1/iotdevicegateway/aws4_request")
        && (key, token, path) == (KEY, Some("to%2Fken%2B%3D"), "/mqtt");
    if right { 101 } else { 403 }
}

#[tokio::test]
async fn requests_arrive_over_a_signed_websocket() {
    let broker = Broker::start(0).await.unwrap();
    let port = serve_where(broker.addr, judge).await.port();
    let mut bridge = start(port, signed(SECRET, port));
    bridge.connected().await;
    let mut cloud = Watcher::start(broker.addr, "$aws/commands/#").await;
    let topic = "$aws/commands/things/press/executions/1/request/json";
    cloud.publish(topic, "{}").await;
    assert_eq!(bridge.message().await.topic, topic);
    let answer = "$aws/commands/things/press/executions/1/response/json";
    bridge.publish(answer, "done", Qos::AtLeastOnce).await;
    assert_eq!(cloud.message(answer).await.0, "done");
    bridge.shutdown.cancel();
    timeout(PATIENCE, bridge.task).await.unwrap().unwrap();
    broker.stop().await;
}

#[tokio::test]
async fn a_wrong_signature_is_refused_and_said_so() {
    let broker = Broker::start(0).await.unwrap();
    let port = serve_where(broker.addr, judge).await.port();
    let bridge = start(port, signed("another secret", port));
    let reason = trouble(&bridge).await;
    assert!(reason.contains("refuses the signature") && reason.contains("403"), "{reason}");
    bridge.shutdown.cancel();
    broker.stop().await;
}

/// An address holds for minutes, a connection for a day.
#[tokio::test]
async fn each_attempt_has_an_address_of_its_own() {
    let broker = Broker::start(0).await.unwrap();
    let status = |target: &str, _: &str| if target == "/mqtt?attempt=1" { 101 } else { 403 };
    let port = serve_where(broker.addr, status).await.port();
    let attempts = AtomicU32::new(0);
    let mut bridge = start(
        port,
        Arc::new(move || {
            let attempt = attempts.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move { Ok(format!("ws://127.0.0.1:{port}/mqtt?attempt={attempt}")) })
        }),
    );
    bridge.connected().await;
    bridge.shutdown.cancel();
    broker.stop().await;
}

#[tokio::test]
async fn without_credentials_nothing_is_sent_and_the_reason_is_told() {
    let broker = Broker::start(0).await.unwrap();
    let port = serve_where(broker.addr, |_, _| panic!("it was asked")).await.port();
    let unsigned = || -> Result<String, SigningError> { Err(SigningError::new("no credentials")) };
    let bridge = start(port, Arc::new(move || Box::pin(async move { unsigned() })));
    let reason = trouble(&bridge).await;
    assert!(reason.contains("cannot be signed: no credentials"), "{reason}");
    bridge.shutdown.cancel();
    broker.stop().await;
}

async fn trouble(bridge: &Bridge) -> String {
    let told = async {
        loop {
            if let Some(reason) = bridge.figures.trouble() {
                return reason.to_string();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, told).await.unwrap()
}

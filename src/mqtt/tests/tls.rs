//! TLS, ended by a proxy before the server. The keys beside this file protect nothing.

use std::sync::Arc;

use rumqttc::tokio_rustls::TlsAcceptor;
use rumqttc::tokio_rustls::rustls::crypto::aws_lc_rs;
use rumqttc::tokio_rustls::rustls::pki_types::pem::PemObject;
use rumqttc::tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rumqttc::tokio_rustls::rustls::server::WebPkiClientVerifier;
use rumqttc::tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use super::*;

const CA: &str = include_str!("ca.pem");
const SERVER: (&str, &str) = (include_str!("server.pem"), include_str!("server.key"));
const CLIENT: (&str, &str) = (include_str!("client.pem"), include_str!("client.key"));

#[tokio::test]
async fn both_sides_prove_themselves() {
    let broker = Broker::start(0).await.unwrap();
    let port = serve_tls(&broker).await;
    let variables = [("MQTT_CA", CA), ("MQTT_CERT", CLIENT.0), ("MQTT_KEY", CLIENT.1)];
    let mut bridge = Bridge::start(&format!("mqtts://localhost:{port}"), &variables);
    bridge.connected().await;
    bridge.shutdown.cancel();
    timeout(PATIENCE, bridge.task).await.unwrap().unwrap();
    broker.stop().await;
}

#[tokio::test]
async fn certificate_errors_are_readable() {
    let broker = Broker::start(0).await.unwrap();
    let port = serve_tls(&broker).await;
    let (identified, unknown) = (
        [("MQTT_CA", CA), ("MQTT_CERT", CLIENT.0), ("MQTT_KEY", CLIENT.1)],
        [("MQTT_CA", CA), ("MQTT_CERT", SERVER.0), ("MQTT_KEY", SERVER.1)],
    );
    for (host, variables, hint) in [
        ("localhost", &[("MQTT_CA", SERVER.0)][..], "set MQTT_CA"),
        ("127.0.0.1", &identified, "another name"),
        ("localhost", &identified[..1], "check MQTT_CERT and MQTT_KEY"),
        ("localhost", &unknown, "check MQTT_CERT and MQTT_KEY"),
    ] {
        let reason = failure(&format!("mqtts://{host}:{port}"), variables).await;
        assert!(reason.contains(hint), "{hint} is not in: {reason}");
    }
    let plain = format!("mqtts://localhost:{}", broker.addr.port());
    let reason = failure(&plain, &identified).await;
    assert!(reason.contains("closed") || reason.contains("does not speak TLS"), "{reason}");
    broker.stop().await;
}

/// TLS with client certificates in front of `broker`; the port.
async fn serve_tls(broker: &Broker) -> u16 {
    let certificates = |pem: &str| -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(pem.as_bytes()).map(Result::unwrap).collect()
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(CA));
    let provider = Arc::new(aws_lc_rs::default_provider());
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(
            certificates(SERVER.0),
            PrivateKeyDer::from_pem_slice(SERVER.1.as_bytes()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, behind) = (listener.local_addr().unwrap().port(), broker.addr);
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            if let Ok(mut tls) = acceptor.accept(tcp).await {
                let mut plain = TcpStream::connect(behind).await.unwrap();
                tokio::spawn(async move { copy_bidirectional(&mut tls, &mut plain).await });
            }
        }
    });
    port
}

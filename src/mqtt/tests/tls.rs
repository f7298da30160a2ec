//! TLS, ended by a proxy before the server. Certificates are made for each test.

use std::io::{self, Write};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rumqttc::tokio_rustls::TlsAcceptor;
use rumqttc::tokio_rustls::rustls::crypto::aws_lc_rs;
use rumqttc::tokio_rustls::rustls::pki_types::pem::PemObject;
use rumqttc::tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rumqttc::tokio_rustls::rustls::server::WebPkiClientVerifier;
use rumqttc::tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tracing_subscriber::fmt::MakeWriter;

use super::*;

/// A certificate authority.
pub(super) struct Authority {
    pub(super) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, as PEM.
pub(super) struct Identity {
    cert: String,
    key: String,
}

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// Its own certificate, as `openssl req -x509` makes one for a server.
    fn self_signed(name: &str, is_ca: IsCa) -> Identity {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.is_ca = is_ca;
        let key = KeyPair::generate().unwrap();
        let cert = params.self_signed(&key).unwrap().pem();
        Identity { cert, key: key.serialize_pem() }
    }

    /// A certificate for `name`, valid until the end of a year.
    fn issue_until(&self, name: &str, year: i32) -> Identity {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 12, 31);
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap().pem();
        Identity { cert, key: key.serialize_pem() }
    }

    pub(super) fn issue(&self, name: &str) -> Identity {
        self.issue_until(name, 2999)
    }
}

impl Identity {
    fn variables(&self) -> [(&str, &str); 2] {
        [("MQTT_CERT", &self.cert), ("MQTT_KEY", &self.key)]
    }
}

/// An authority, and a broker behind TLS with a certificate for `localhost` from it. With
/// `clients` it asks for certificates of this authority.
async fn secured(clients: bool) -> (Authority, Broker, u16) {
    let authority = Authority::new("ours");
    let broker = Broker::start(0).await.unwrap();
    let server = authority.issue("localhost");
    let port = serve_tls(broker.addr, &server, clients.then_some(&authority)).await;
    (authority, broker, port)
}

async fn connects(url: &str, variables: &[(&str, &str)]) {
    let mut bridge = Bridge::start(url, variables);
    bridge.connected().await;
    bridge.shutdown.cancel();
    timeout(PATIENCE, bridge.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn both_sides_prove_themselves_by_variables() {
    let (authority, broker, port) = secured(true).await;
    let client = authority.issue("bridge");
    let [cert, key] = client.variables();
    connects(&format!("mqtts://localhost:{port}"), &[("MQTT_CA", &authority.pem), cert, key]).await;
    broker.stop().await;
}

#[tokio::test]
async fn a_message_that_is_too_large_is_left_out_within_tls() {
    let (authority, broker, port) = secured(false).await;
    let url = format!("mqtts://localhost:{port}");
    leaves_out(&url, &[("MQTT_CA", &authority.pem)], &broker).await;
    broker.stop().await;
}

#[tokio::test]
async fn both_sides_prove_themselves_by_files() {
    let (authority, broker, port) = secured(true).await;
    let client = authority.issue("bridge");
    let folder = std::env::temp_dir().join(format!("sparkwise-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.into_os_string().into_string().unwrap()
    };
    let paths = [
        ("MQTT_CA_FILE", file("ca.pem", &authority.pem)),
        ("MQTT_CERT_FILE", file("client.pem", &client.cert)),
        ("MQTT_KEY_FILE", file("client.key", &client.key)),
    ];
    let variables: Vec<_> = paths.iter().map(|(name, path)| (*name, path.as_str())).collect();
    connects(&format!("mqtts://localhost:{port}"), &variables).await;
    std::fs::remove_dir_all(folder).unwrap();
    broker.stop().await;
}

#[tokio::test]
async fn what_is_rotated_on_disk_is_used_by_the_next_connection() {
    let (authority, broker, port) = secured(true).await;
    let folder = std::env::temp_dir().join(format!("sparkwise-rotated-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let put = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.into_os_string().into_string().unwrap()
    };
    // What it starts with nobody trusts.
    let stranger = Authority::new("theirs").issue("bridge");
    let cert = put("client.pem", &stranger.cert);
    let key = put("client.key", &stranger.key);
    let variables = [
        ("MQTT_CA", authority.pem.as_str()),
        ("MQTT_CERT_FILE", cert.as_str()),
        ("MQTT_KEY_FILE", key.as_str()),
    ];
    let mut bridge = Bridge::start(&format!("mqtts://localhost:{port}"), &variables);
    tokio::time::sleep(Duration::from_millis(300)).await;
    // Half of a rotation does not end it.
    put("client.key", "half a k");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let client = authority.issue("bridge");
    put("client.pem", &client.cert);
    put("client.key", &client.key);
    bridge.connected().await;
    bridge.shutdown.cancel();
    timeout(PATIENCE, bridge.task).await.unwrap().unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    broker.stop().await;
}

/// It went back to what was read at the start: authorities that nobody uses any more.
#[tokio::test]
async fn a_file_that_is_gone_after_a_rotation_leaves_the_last_version_that_worked() {
    let (authority, broker, port) = secured(false).await;
    let folder = std::env::temp_dir().join(format!("sparkwise-last-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let put = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.into_os_string().into_string().unwrap()
    };
    let ca = put("ca.pem", &Authority::new("theirs").pem);
    let password = put("password", "hunter2");
    let url = format!("mqtts://localhost:{port}");
    let login = ("MQTT_USERNAME", "bridge");
    let files = [login, ("MQTT_CA_FILE", ca.as_str()), ("MQTT_PASSWORD_FILE", password.as_str())];
    let mut bridge = Bridge::start(&url, &files);
    put("ca.pem", &authority.pem);
    bridge.connected().await;

    std::fs::remove_file(&password).unwrap();
    // Another one takes its session, and goes.
    let mut other = Bridge::start(&url, &[("MQTT_CA", &authority.pem)]);
    other.connected().await;
    other.task.abort();
    assert!(matches!(bridge.next().await, Inbound::Disconnected { .. }));
    bridge.connected().await;
    bridge.shutdown.cancel();
    timeout(PATIENCE, bridge.task).await.unwrap().unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    broker.stop().await;
}

#[tokio::test]
async fn a_server_that_cannot_be_trusted_is_refused_with_the_cause() {
    let authority = Authority::new("ours");
    let stranger = Authority::new("theirs");
    let successor = Authority::new("ours");
    let broker = Broker::start(0).await.unwrap();
    for (server, hint) in [
        (authority.issue("elsewhere"), "a name that it contains (elsewhere)"),
        (stranger.issue("localhost"), "is signed by an authority that is not trusted: set"),
        (successor.issue("localhost"), "of a trusted one, but another key: set MQTT_CA"),
        (authority.issue_until("localhost", 2001), "has expired"),
    ] {
        let port = serve_tls(broker.addr, &server, None).await;
        let url = format!("mqtts://localhost:{port}");
        let reason = failure(&url, &[("MQTT_CA", &authority.pem)]).await;
        assert!(reason.contains(hint) && reason.contains(&url), "{hint} is not in: {reason}");
    }
    broker.stop().await;
}

/// It was "not valid: Other(OtherError(CaUsedAsEndEntity))", also where `MQTT_CA` was set to it.
#[tokio::test]
async fn a_self_signed_certificate_is_told_with_what_to_do() {
    let broker = Broker::start(0).await.unwrap();
    let server = Authority::self_signed("localhost", IsCa::Ca(BasicConstraints::Unconstrained));
    let port = serve_tls(broker.addr, &server, None).await;
    let url = format!("mqtts://localhost:{port}");
    let other = Authority::new("ours");
    for ca in [&server.cert, &other.pem] {
        let reason = failure(&url, &[("MQTT_CA", ca)]).await;
        assert!(reason.contains(&format!("the certificate of {url} is self-signed")), "{reason}");
        assert!(reason.contains("with CA:FALSE") && reason.contains("set MQTT_CA"), "{reason}");
        assert!(!reason.contains("OtherError"), "{reason}");
    }
    // One that is no authority's can be trusted by itself, as the documentation says.
    let server = Authority::self_signed("localhost", IsCa::ExplicitNoCa);
    let port = serve_tls(broker.addr, &server, None).await;
    connects(&format!("mqtts://localhost:{port}"), &[("MQTT_CA", &server.cert)]).await;
    broker.stop().await;
}

#[tokio::test]
async fn a_client_certificate_that_is_refused_is_named() {
    let (authority, broker, port) = secured(true).await;
    let url = format!("mqtts://localhost:{port}");
    let ca = ("MQTT_CA", authority.pem.as_str());
    let hint = "check MQTT_CERT and MQTT_KEY";
    let reason = failure(&url, &[ca]).await;
    let none = "requires a client certificate, and none was sent: set MQTT_CERT and MQTT_KEY";
    assert!(reason.contains(none), "{reason}");
    let strangers = ["ours", "theirs"].map(|name| Authority::new(name).issue("bridge"));
    for client in strangers.iter().chain([&authority.issue_until("bridge", 2001)]) {
        let [cert, key] = client.variables();
        let reason = failure(&url, &[ca, cert, key]).await;
        assert!(reason.contains(hint), "{reason}");
    }
    broker.stop().await;
}

/// All of them were "check scheme, port and path".
#[tokio::test]
async fn an_answer_in_the_place_of_a_websocket_is_told_by_its_status() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    for (status, hint) in [
        ("401 Unauthorized", "the path and the token in MQTT_URL"),
        ("403 Forbidden", "the path and the token in MQTT_URL"),
        ("407 Proxy Authentication Required", "a proxy before"),
        ("302 Found", "to the address that it redirects to"),
        ("404 Not Found", "/mqtt with most servers"),
        ("503 Service Unavailable", "cannot take the WebSocket now (HTTP 503)"),
        ("200 OK", "check scheme, port and path in MQTT_URL"),
    ] {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("ws://localhost:{}", listener.local_addr().unwrap().port());
        let server = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = [0; 2_048];
                let _ = stream.read(&mut head).await;
                let answer =
                    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        let reason = failure(&url, &[]).await;
        assert!(reason.contains(hint), "{hint} is not in: {reason}");
        server.abort();
    }
}

#[tokio::test]
async fn a_port_without_tls_is_told() {
    let (authority, broker) = (Authority::new("ours"), Broker::start(0).await.unwrap());
    let plain = format!("mqtts://localhost:{}", broker.addr.port());
    let reason = failure(&plain, &[("MQTT_CA", &authority.pem)]).await;
    assert!(reason.contains("without TLS") || reason.contains("does not speak TLS"), "{reason}");
    assert!(!reason.contains("MQTT_CLIENT_ID"), "{reason}");
    broker.stop().await;
}

/// Keeps the log, and tells when there is more of it.
#[derive(Clone)]
struct Log(watch::Sender<Vec<u8>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send_modify(|log| log.extend(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Nothing is left out of the log here, that of other tests included, and still no secret is in
/// it.
#[tokio::test]
async fn passwords_and_keys_are_in_no_log_and_no_error() {
    const PASSWORD: &str = "correct-horse-battery";
    let log = Log(watch::Sender::new(Vec::new()));
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    // For all threads: a place in the code that another test has passed without a log would stay
    // silent in this one.
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let (authority, broker, port) = secured(true).await;
    let client = Authority::new("theirs").issue("bridge");
    let [cert, key] = client.variables();
    let login = [("MQTT_USERNAME", "bridge"), ("MQTT_PASSWORD", PASSWORD)];
    let variables = [("MQTT_CA", authority.pem.as_str()), cert, key, login[0], login[1]];
    let url = format!("mqtts://localhost:{port}");
    let mut told = format!("{:?}", config(&url, &variables));

    // One that is refused, then one that works.
    let refused = Bridge::start(&url, &variables);
    let mut lines = log.0.subscribe();
    let cause = format!("{url} does not accept the client certificate");
    let named = lines.wait_for(|log| String::from_utf8_lossy(log).contains(&cause));
    drop(timeout(PATIENCE, named).await.unwrap().unwrap());
    refused.shutdown.cancel();
    timeout(PATIENCE, refused.task).await.unwrap().unwrap();
    told += &failure(&url, &variables).await;
    let known = authority.issue("bridge");
    let [cert, key] = known.variables();
    connects(&url, &[("MQTT_CA", &authority.pem), cert, key, login[0], login[1]]).await;

    // Keys that cannot be used.
    let other = authority.issue("other");
    for wrong in [&*other.key, &client.key.replace("MI", "XX")] {
        let config = config(&url, &[cert, ("MQTT_KEY", wrong)]);
        let made = Connection::new(0, &config.mqtt.servers[0], &config.mqtt, &config.sparkplug);
        let error = made.unwrap_err();
        told += &format!("{error} {error:?}");
    }

    told += &String::from_utf8_lossy(&log.0.borrow());
    assert!(told.contains(&format!("connected to {url}")), "{told}");
    assert!(!told.contains(PASSWORD), "{told}");
    for key in [&client.key, &known.key, &other.key] {
        let lines = key.lines().filter(|line| !line.starts_with("---"));
        for line in lines {
            assert!(!told.contains(line), "{line}");
        }
    }
    broker.stop().await;
}

/// TLS in front of `behind`; the port.
pub(super) async fn serve_tls(
    behind: SocketAddr,
    server: &Identity,
    clients: Option<&Authority>,
) -> u16 {
    let certificates = |pem: &str| -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(pem.as_bytes()).map(Result::unwrap).collect()
    };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = match clients {
        None => config.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(certificates(&authority.pem));
            let clients =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            config.with_client_cert_verifier(clients.unwrap())
        }
    };
    let key = PrivateKeyDer::from_pem_slice(server.key.as_bytes()).unwrap();
    let config = config.with_single_cert(certificates(&server.cert), key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
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

/// The same certificate as one of version 1: without version and extensions. Nobody checks the
/// signature of one's own.
fn version_1(pem: &str) -> String {
    /// The parts of a sequence, each with tag and length.
    fn parts(der: &[u8]) -> Vec<&[u8]> {
        let mut rest = whole(der).1;
        let mut parts = Vec::new();
        while !rest.is_empty() {
            let (size, content) = whole(rest);
            let end = size + content.len();
            parts.push(&rest[..end]);
            rest = &rest[end..];
        }
        parts
    }
    /// Bytes before the content, and the content.
    fn whole(der: &[u8]) -> (usize, &[u8]) {
        let bytes = usize::from(der[1].saturating_sub(0x80));
        let length = match bytes {
            0 => usize::from(der[1]),
            _ => der[2..2 + bytes].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
        };
        (2 + bytes, &der[2 + bytes..][..length])
    }
    fn sequence(parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[0x30, 0x82], length.as_slice(), &content].concat()
    }
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let outer = parts(&der);
    let signed: Vec<&[u8]> =
        parts(outer[0]).into_iter().filter(|part| !matches!(part[0], 0xa0 | 0xa3)).collect();
    let old = sequence(&[&sequence(&signed), outer[1], outer[2]]);
    let encoded = base64(&old);
    format!("-----BEGIN CERTIFICATE-----\n{encoded}\n-----END CERTIFICATE-----\n")
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = bytes.chunks(3).flat_map(|chunk| {
        let bits = (0..3).fold(0, |sum, at| sum << 8 | usize::from(*chunk.get(at).unwrap_or(&0)));
        let digit = move |at: usize| match at <= chunk.len() {
            true => char::from(DIGITS[bits >> (18 - 6 * at) & 63]),
            false => '=',
        };
        (0..4).map(digit)
    });
    digits.collect()
}

/// It was "do not work together" for all of them, told after the start.
#[test]
fn a_certificate_that_cannot_be_used_says_why_before_the_start() {
    let authority = Authority::new("ours");
    let (one, other) = (authority.issue("one"), authority.issue("other"));
    let why = |cert: &str, key: &str| {
        let set = [
            ("MQTT_URL", "mqtts://localhost"),
            ("AWS_REGION", "eu-central-1"),
            ("MQTT_CA", &authority.pem),
            ("MQTT_CERT", cert),
            ("MQTT_KEY", key),
        ];
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let set: std::collections::BTreeMap<_, _> = set.into_iter().map(own).collect();
        let config = crate::config::Config::load(&set).unwrap();
        crate::mqtt::check_tls(&config.mqtt).err().map(|error| error.to_string())
    };
    assert_eq!(why(&one.cert, &one.key), None);
    let swapped = why(&one.cert, &other.key).unwrap();
    assert!(swapped.contains("MQTT_KEY is not the private key of the first"), "{swapped}");
    let old = why(&version_1(&one.cert), &one.key).unwrap();
    assert!(old.contains("X.509 certificate of version 1"), "{old}");
}

//! The program's way to AWS: credentials, certificates, proxies, the endpoint. And what stands in
//! between and answers by itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use rumqttc::tokio_rustls::TlsAcceptor;
use rumqttc::tokio_rustls::rustls::ServerConfig;
use rumqttc::tokio_rustls::rustls::crypto::aws_lc_rs;
use rumqttc::tokio_rustls::rustls::pki_types::pem::PemObject;
use rumqttc::tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sitewise_local::Options;
use sparkwise::sparkplug::address::EdgeNode;
use sparkwise::sparkplug::edge::{Edge, Metric};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use windfarm::Broker;

use crate::support::{Bridge, Emulator, Plant, eventually, now};

/// A folder for one test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("sparkwise-aws-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.into_os_string().into_string().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A capture of one birth, as `mosquitto_sub -F '%U %t %x'` prints it.
fn capture() -> String {
    let mut edge = Edge::new(EdgeNode::new("Nordsee", "gw"), 0);
    let birth = edge.nbirth(now(), metrics(1.0, "fine"));
    let payload: String = birth.payload.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("1790000000.000 {} {payload}\n", birth.topic)
}

/// `sparkwise plan` of a capture: it asks SiteWise for all its models.
pub(crate) async fn plan(folder: &Folder, variables: &[(&str, &str)]) -> Output {
    let capture = folder.file("capture", &capture());
    let mut all = BTreeMap::from([
        ("HOME", folder.0.to_str().unwrap()),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("TWIN_NAMESPACE", "test"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ]);
    all.extend(variables.iter().copied());
    all.retain(|_, value| *value != "(unset)");
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_sparkwise"));
    command.env_clear().envs(all).args(["plan", &capture]).kill_on_drop(true);
    tokio::time::timeout(Duration::from_secs(60), command.output()).await.unwrap().unwrap()
}

pub(crate) async fn asks(emulator: &Emulator, folder: &Folder, variables: &[(&str, &str)]) {
    let listed = || emulator.handle.usage().requests.get("ListAssetModels").copied().unwrap_or(0);
    let before = listed();
    let output = plan(folder, variables).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 2)), "{variables:?}: {output:?}");
    assert!(listed() > before, "{variables:?} does not ask: {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_gives_credentials_and_an_empty_endpoint_is_none() {
    let emulator = Emulator::start(Options::default());
    let folder = Folder::new("process");
    let answer = r#"{"Version":1,"AccessKeyId":"id","SecretAccessKey":"secret"}"#;
    let answer = folder.file("answer", answer);
    let config = folder.file("config", &format!("[default]\ncredential_process = cat {answer}\n"));
    let url = emulator.endpoint.as_str();
    asks(
        &emulator,
        &folder,
        &[
            ("AWS_ACCESS_KEY_ID", "(unset)"),
            ("AWS_SECRET_ACCESS_KEY", "(unset)"),
            ("AWS_CONFIG_FILE", &config),
            ("PATH", "/usr/bin:/bin"),
            ("AWS_ENDPOINT_URL_IOTSITEWISE", url),
        ],
    )
    .await;
    // Templates leave empty variables behind.
    let empty = [("AWS_ENDPOINT_URL_IOTSITEWISE", ""), ("AWS_CA_BUNDLE", "")];
    asks(&emulator, &folder, &[empty[0], empty[1], ("AWS_ENDPOINT_URL", url)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aws_is_reached_through_a_proxy() {
    let emulator = Emulator::start(Options::default());
    let folder = Folder::new("proxy");
    // A proxy gets the whole URL in the request's first line, which the emulator takes as well.
    let elsewhere = ("AWS_ENDPOINT_URL_IOTSITEWISE", "http://sitewise.invalid");
    asks(&emulator, &folder, &[elsewhere, ("HTTP_PROXY", &emulator.endpoint)]).await;
    let around = [
        ("AWS_ENDPOINT_URL_IOTSITEWISE", emulator.endpoint.as_str()),
        ("HTTP_PROXY", "http://127.0.0.1:1"),
        ("NO_PROXY", "127.0.0.1"),
    ];
    asks(&emulator, &folder, &around).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn authorities_of_one_s_own_are_trusted_and_no_others() {
    let emulator = Emulator::start(Options::default());
    let folder = Folder::new("bundle");
    let made = |name: &str| rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let (server, other) = (made("localhost"), made("localhost"));
    let port = serve_tls(&emulator, &server).await;
    let url = format!("https://localhost:{port}");
    let endpoint = ("AWS_ENDPOINT_URL_IOTSITEWISE", url.as_str());
    let bundle = folder.file("ca.pem", &(other.cert.pem() + &server.cert.pem()));
    asks(&emulator, &folder, &[endpoint, ("AWS_CA_BUNDLE", &bundle)]).await;
    let wrong =
        folder.file("wrong.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let output = plan(&folder, &[endpoint, ("AWS_CA_BUNDLE", &wrong)]).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("AWS_CA_BUNDLE") && !said.contains("panicked"), "{said}");
}

/// TLS before the emulator.
async fn serve_tls(emulator: &Emulator, own: &rcgen::CertifiedKey<rcgen::KeyPair>) -> u16 {
    let cert = CertificateDer::from_pem_slice(own.cert.pem().as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(own.signing_key.serialize_pem().as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let to = emulator.endpoint.trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (acceptor, to) = (acceptor.clone(), to.clone());
            tokio::spawn(async move {
                let Ok(mut socket) = acceptor.accept(socket).await else { return };
                let mut there = TcpStream::connect(to).await.unwrap();
                let _ = copy_bidirectional(&mut socket, &mut there).await;
            });
        }
    });
    port
}

/// What stands between the bridge and SiteWise and answers by itself what it does not like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stops {
    Nothing,
    /// Requests that hold this word.
    Word(&'static str),
    Everything,
}

struct Firewall {
    endpoint: String,
    stops: watch::Sender<Stops>,
}

impl Firewall {
    /// Answers with this status and body in the place of `emulator`.
    async fn before(emulator: &Emulator, status: &'static str, body: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let to = emulator.endpoint.trim_start_matches("http://").to_owned();
        let (stops, rule) = watch::channel(Stops::Nothing);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (to, rule) = (to.clone(), rule.clone());
                tokio::spawn(async move {
                    let there = TcpStream::connect(to).await.unwrap();
                    let answer = format!(
                        "HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    let _ = pass(socket, there, &rule, &answer).await;
                });
            }
        });
        Self { endpoint, stops }
    }
}

/// Requests and answers one after the other, each as a whole.
async fn pass(
    mut here: TcpStream,
    mut there: TcpStream,
    rule: &watch::Receiver<Stops>,
    answer: &str,
) -> std::io::Result<()> {
    loop {
        let request = whole(&mut here).await?;
        let stops = *rule.borrow();
        let stopped = match stops {
            Stops::Nothing => false,
            Stops::Word(word) => String::from_utf8_lossy(&request).contains(word),
            Stops::Everything => true,
        };
        if stopped {
            here.write_all(answer.as_bytes()).await?;
        } else {
            there.write_all(&request).await?;
            let answer = whole(&mut there).await?;
            here.write_all(&answer).await?;
        }
    }
}

/// A message with its body.
async fn whole(socket: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut message = Vec::new();
    let mut piece = vec![0; 16 << 10];
    loop {
        let count = socket.read(&mut piece).await?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        message.extend_from_slice(piece.get(..count).unwrap());
        let Some(end) = message.windows(4).position(|at| at == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(message.get(..end).unwrap()).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
        if message.len() >= end + 4 + length {
            return Ok(message);
        }
    }
}

/// What `/readyz` says, with its status.
async fn readyz(bridge: &Bridge) -> (u16, String) {
    let mut socket = TcpStream::connect(bridge.console().await).await.unwrap();
    let request = "GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    (answer[9..12].parse().unwrap(), answer)
}

fn metrics(speed: f64, words: &str) -> [Metric; 2] {
    [Metric::new("Speed", speed), Metric::new("Words", words)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_answers_in_sitewise_s_place_makes_no_dead_letters() {
    let mut cases = tokio::task::JoinSet::new();
    for (status, body) in [
        ("400 Bad Request", "<html>blocked</html>"),
        ("401 Unauthorized", "<html>log in</html>"),
        ("403 Forbidden", "<html>blocked</html>"),
        ("400 Bad Request", r#"{"message":"a","Message":"b","__type":"RequestAbortedException"}"#),
        ("407 Proxy Authentication Required", "<html>log in</html>"),
        ("413 Payload Too Large", ""),
        ("421 Misdirected Request", ""),
        ("200 OK", "{}"),
    ] {
        cases.spawn(answered_by_somebody_else(status, body));
    }
    while let Some(case) = cases.join_next().await {
        case.unwrap();
    }
}

async fn answered_by_somebody_else(status: &'static str, body: &'static str) {
    let broker = Broker::start(0).await.unwrap();
    let emulator = Emulator::start(Options::default());
    let firewall = Firewall::before(&emulator, status, body).await;
    let bridge = Bridge::start_at(&broker, &firewall.endpoint, &[]);
    let mut edge = Edge::new(EdgeNode::new("Nordsee", "gw"), 0);
    let mut plant = Plant::connect(&broker, &edge).await;
    plant.until_asked(&mut edge, || Metric::new("Speed", 1.0)).await;
    plant.publish(edge.nbirth(now(), metrics(1.0, "fine"))).await;
    eventually("ready", || async { (readyz(&bridge).await.0 == 200).then_some(()) }).await;
    eventually("the birth", || async {
        (emulator.handle.usage().values_accepted >= 5).then_some(())
    })
    .await;

    // One value that it does not like waits, named; the others pass.
    firewall.stops.send_replace(Stops::Word("DROP TABLE"));
    plant.publish(edge.ndata(now(), [Metric::new("Words", "DROP TABLE")])).await;
    let before = emulator.handle.usage().values_accepted;
    let mut speed = 2.0;
    let named = eventually("its name", || {
        speed += 1.0;
        let message = edge.ndata(now(), [Metric::new("Speed", speed)]);
        let (plant, bridge) = (&plant, &bridge);
        async move {
            plant.publish(message).await;
            let (code, said) = readyz(bridge).await;
            assert_eq!(code, 200, "{status} {body}: {said}");
            said.contains("Words").then_some(said)
        }
    })
    .await;
    assert!(named.contains("values_retried: "), "{status} {body}: {named}");
    assert!(emulator.handle.usage().values_accepted > before, "{status} {body}");

    // Where nothing passes it is not ready, and nothing is lost.
    firewall.stops.send_replace(Stops::Everything);
    let said = eventually("not ready", || {
        speed += 1.0;
        let message = edge.ndata(now(), metrics(speed, &format!("{speed}")));
        let (plant, bridge) = (&plant, &bridge);
        async move {
            plant.publish(message).await;
            let (code, said) = readyz(bridge).await;
            (code == 503).then_some(said)
        }
    })
    .await;
    assert!(said.contains("sitewise_unreachable: "), "{status} {body}: {said}");
    assert!(said.contains(" values are queued, since 2"), "{status} {body}: {said}");
    firewall.stops.send_replace(Stops::Nothing);
    eventually("ready again", || async { (readyz(&bridge).await.0 == 200).then_some(()) }).await;
    let ledger = bridge.stop().await;
    assert_eq!(ledger.refused.total(), 0, "{status} {body}: {ledger:?}");
    broker.stop().await;
}

/// The program itself, and what it writes.
struct Program {
    lines: tokio::io::Lines<BufReader<tokio::process::ChildStderr>>,
    said: Vec<String>,
    _process: tokio::process::Child,
}

impl Program {
    fn start(broker: &Broker, folder: &Folder, variables: &[(&str, &str)]) -> Self {
        let url = broker.url();
        let mut all = BTreeMap::from([
            ("HOME", folder.0.to_str().unwrap()),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("CONSOLE_ADDR", "127.0.0.1:0"),
            ("MQTT_URL", &url),
        ]);
        all.extend(variables.iter().copied());
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_sparkwise"));
        command.env_clear().envs(all).stderr(std::process::Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        Self { lines, said: Vec::new(), _process: process }
    }

    /// The next line with these words.
    async fn says(&mut self, words: &str) -> String {
        let wait = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                self.said.push(line.clone());
                if line.contains(words) {
                    return Some(line);
                }
            }
            None
        };
        let found = tokio::time::timeout(Duration::from_secs(15), wait).await;
        found.ok().flatten().unwrap_or_else(|| panic!("no {words:?} in {:#?}", self.said))
    }

    async fn console(&mut self) -> String {
        let line = self.says("console listening on http://").await;
        line.split("http://").nth(1).unwrap().split_whitespace().next().unwrap().to_owned()
    }
}

async fn ready_at(console: &str) -> String {
    let mut stream = TcpStream::connect(console).await.unwrap();
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {console}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// There was no line for two minutes, and no reason at `/readyz`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sitewise_unreachable_is_told_at_once_and_so_is_its_return() {
    let (broker, folder) = (Broker::start(0).await.unwrap(), Folder::new("away"));
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let keys = [("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    let variables =
        [keys[0], keys[1], ("AWS_ENDPOINT_URL_IOTSITEWISE", &url), ("TWIN_NAMESPACE", "test")];
    let mut program = Program::start(&broker, &folder, &variables);
    let console = program.console().await;
    let line = program.says("SiteWise is unreachable").await;
    assert!(line.contains("WARN") && line.contains(&url), "{line}");
    let answer = ready_at(&console).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("initial_sync_incomplete") && answer.contains("is unreachable"));

    let emulator = sitewise_local::Server::bind(([127, 0, 0, 1], port).into(), Options::default());
    let emulator = tokio::spawn(emulator.unwrap().run(std::future::pending()));
    let line = program.says("SiteWise is reachable again after ").await;
    assert!(line.contains("INFO") && line.contains(" s: calls for models and assets"), "{line}");
    assert!(line.contains("are answered; 0 values waited"), "{line}");
    emulator.abort();
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_credentials_readyz_says_so() {
    let (broker, folder) = (Broker::start(0).await.unwrap(), Folder::new("none"));
    for namespace in ["", "test"] {
        let mut variables = vec![("AWS_ENDPOINT_URL_IOTSITEWISE", "http://127.0.0.1:1")];
        if !namespace.is_empty() {
            variables.push(("TWIN_NAMESPACE", namespace));
        }
        let mut program = Program::start(&broker, &folder, &variables);
        let console = program.console().await;
        program.says("no AWS credentials were found").await;
        let answer = ready_at(&console).await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        // It was told twice: once more as a problem, in the SDK's words and without a remedy.
        let told = answer.matches("no AWS credentials were found").count();
        assert_eq!(told, 1, "{namespace:?}: {answer}");
        assert!(answer.contains("give the task or instance a role"), "{namespace:?}: {answer}");
        assert!(!answer.contains("Attempted") && !answer.contains("problem: "), "{answer}");
    }
    broker.stop().await;
}

/// Keys that are written into the file later, and keys that are rotated there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_read_from_the_file_when_it_changes() {
    let (broker, folder) = (Broker::start(0).await.unwrap(), Folder::new("rotated"));
    let emulator = Emulator::start(Options::default());
    let file = folder.0.join("credentials").to_str().unwrap().to_owned();
    let variables = [
        ("AWS_SHARED_CREDENTIALS_FILE", file.as_str()),
        ("AWS_ENDPOINT_URL_IOTSITEWISE", &emulator.endpoint),
        ("TWIN_NAMESPACE", "test"),
    ];
    let mut program = Program::start(&broker, &folder, &variables);
    program.says("no AWS credentials were found").await;
    folder
        .file("credentials", "[default]\naws_access_key_id = id\naws_secret_access_key = secret\n");
    program.says("initial sync with SiteWise complete").await;
    broker.stop().await;
}

/// It asked for credentials, and waited for them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_capture_is_planned_without_aws() {
    let folder = Folder::new("capture");
    let keys = [("AWS_ACCESS_KEY_ID", "(unset)"), ("AWS_SECRET_ACCESS_KEY", "(unset)")];
    for more in [("TWIN_NAMESPACE", "(unset)"), ("TWIN_NAMESPACE", "test")] {
        let output = plan(&folder, &[keys[0], keys[1], more]).await;
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let report = String::from_utf8_lossy(&output.stdout);
        assert!(report.starts_with("Planned without AWS"), "{report}");
        assert!(report.contains("no AWS credentials were found"), "{report}");
        assert!(report.contains("Nordsee"), "{report}");
    }
    let output = plan(&folder, &[keys[0], keys[1], ("AWS_REGION", "(unset)")]).await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

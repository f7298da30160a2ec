//! History of ten days after an outage: what is too old travels by S3 and bulk import, and a kill
//! loses and doubles nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::ffi::OsStr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_sdk_iotsitewise::types::{StorageType, WarmTierState};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use sitewise_local::{Options, Server as SiteWise};
use sparkwise::sparkplug::edge::{Edge, Metric, Template};
use sparkwise::time::Timestamp;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::mqtt::{Published, Reader as MqttReader, put_publish};
use super::plant;
use super::program::{Bridge, Folder};
use super::reader::Reader;
use super::sdk;

pub(crate) const BUCKET: &str = "late-values";
pub(crate) const DAY: i64 = 86_400_000;
pub(crate) const MEMBERS: usize = 20;
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What S3 has, and how often it was asked.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    pub(crate) by_key: BTreeMap<String, Vec<u8>>,
    requests: u64,
}

/// As much of S3 as is needed; every third request fails.
async fn s3(request: Request<Incoming>, objects: Arc<Mutex<Objects>>) -> Response<Full<Bytes>> {
    let answer = |status: StatusCode, body: Vec<u8>| {
        Response::builder().status(status).body(Full::new(Bytes::from(body))).unwrap()
    };
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let signed = request.headers().contains_key("x-amz-content-sha256")
        && request.headers().contains_key("authorization");
    let checksum = request.headers().get("x-amz-checksum-crc32").cloned();
    let content = request.into_body().collect().await.unwrap().to_bytes();
    let mut objects = objects.lock().unwrap();
    objects.requests += 1;
    if objects.requests.is_multiple_of(3) {
        let said = "<Error><Code>SlowDown</Code><Message>Slow down</Message></Error>";
        return answer(StatusCode::SERVICE_UNAVAILABLE, said.into());
    }
    let key = uri.path().strip_prefix(&format!("/{BUCKET}/"));
    let (Some(key), true) = (key, signed) else {
        return answer(StatusCode::FORBIDDEN, Vec::new());
    };
    match method {
        // As a bucket with Object Lock says.
        Method::PUT if checksum.is_none() => answer(StatusCode::BAD_REQUEST, Vec::new()),
        Method::PUT => {
            objects.by_key.insert(key.to_owned(), content.to_vec());
            answer(StatusCode::OK, Vec::new())
        }
        Method::GET if key.is_empty() => {
            let query = uri.query().unwrap_or_default().replace("%2F", "/");
            let prefix = query.rsplit("prefix=").next().unwrap().to_owned();
            let found = objects.by_key.iter().filter(|(key, _)| key.starts_with(&prefix));
            let found = found.map(|(key, content)| {
                let size = content.len();
                format!("<Contents><Key>{key}</Key><Size>{size}</Size></Contents>")
            });
            let list = found.collect::<String>();
            answer(StatusCode::OK, format!("<ListBucketResult>{list}</ListBucketResult>").into())
        }
        Method::GET => match objects.by_key.get(key) {
            Some(content) => answer(StatusCode::OK, content.clone()),
            None => answer(StatusCode::NOT_FOUND, Vec::new()),
        },
        _ => answer(StatusCode::METHOD_NOT_ALLOWED, Vec::new()),
    }
}

async fn serve_s3(objects: Arc<Mutex<Objects>>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let objects = Arc::clone(&objects);
            let service = service_fn(move |request| {
                let objects = Arc::clone(&objects);
                async move { Ok::<_, Infallible>(s3(request, objects).await) }
            });
            let connection = hyper::server::conn::http1::Builder::new();
            tokio::spawn(connection.serve_connection(TokioIo::new(socket), service));
        }
    });
    port
}

/// A value of the past.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Past {
    pub(crate) member: usize,
    pub(crate) time: i64,
    pub(crate) value: f64,
}

pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// Ten days of it, of which some numbers are left out.
pub(crate) fn history(first: usize) -> Vec<Past> {
    let begin = now() - 10 * DAY - DAY / 2;
    let times =
        (0..11).flat_map(|day| (0..4).map(move |hour| begin + day * DAY + hour * 3_600_000));
    let times = times.filter(|time| *time < now() - 3_600_000);
    let members = (first..MEMBERS).step_by(2);
    let pasts = times.enumerate().flat_map(move |(number, time)| {
        members.clone().map(move |member| Past {
            member,
            time,
            value: (number * 100 + member) as f64,
        })
    });
    pasts.collect()
}

/// An MQTT server whose edge node sends, to each bridge that comes, its birth and the history that is
/// asked for meanwhile.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) history: watch::Sender<Vec<Past>>,
    sent: watch::Receiver<usize>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (history, asked) = watch::channel(Vec::new());
        let (done, sent) = watch::channel(0);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let pasts = asked.borrow().clone();
                tell(socket, pasts, &done).await;
            }
        });
        Self { port, history, sent }
    }

    /// Waits until so many values were written to a socket.
    pub(crate) async fn sent(&mut self, values: usize) {
        let sent = self.sent.wait_for(|sent| *sent >= values);
        tokio::time::timeout(PATIENCE, sent).await.expect("nothing is sent").unwrap();
    }
}

async fn tell(socket: TcpStream, pasts: Vec<Past>, done: &watch::Sender<usize>) {
    let (read, write) = socket.into_split();
    let write = Arc::new(tokio::sync::Mutex::new(write));
    let mut edge = Edge::new(plant::node(), 0);
    let mut reader = MqttReader::new(read);
    let mut online = false;
    while let Ok(Some(Published { topic, payload })) = reader.next(&write).await {
        let comes =
            topic.starts_with("spBv1.0/STATE/") && payload.windows(4).any(|word| word == b"true");
        if !comes && !edge.is_rebirth(&topic, &payload) {
            continue;
        }
        let at = Timestamp::from_millis(now());
        let members = || (0..MEMBERS).map(|of| Metric::new(&plant::member(of), 0.5));
        let definition = Template::definition().members(members());
        let turbine = Template::instance("Turbine").members(members());
        let mut messages = vec![edge.nbirth(
            at,
            [Metric::template("_types_/Turbine", definition), Metric::template("T7", turbine)],
        )];
        let is_first = !std::mem::replace(&mut online, true);
        let told = if is_first { pasts.as_slice() } else { &[] };
        for pasts in told.chunks(50) {
            let members = pasts.iter().map(|past| {
                let metric = Metric::new(&plant::member(past.member), past.value);
                Metric::template(
                    "T7",
                    Template::instance("Turbine")
                        .member(metric.at(Timestamp::from_millis(past.time)).historical()),
                )
            });
            messages.push(edge.ndata(at, members));
        }
        for message in messages {
            let mut bytes = Vec::new();
            put_publish(&mut bytes, &message.topic, &message.payload);
            if write.lock().await.write_all(&bytes).await.is_err() {
                return;
            }
        }
        done.send_modify(|sent| *sent += told.len());
    }
}

/// S3 and SiteWise, which has a warm tier.
pub(crate) struct Cloud {
    pub(crate) objects: Arc<Mutex<Objects>>,
    s3: String,
    pub(crate) sitewise: u16,
}

impl Cloud {
    pub(crate) async fn start() -> Self {
        let objects = Arc::new(Mutex::new(Objects::default()));
        let s3 = format!("http://127.0.0.1:{}", serve_s3(Arc::clone(&objects)).await);
        let options = Options {
            s3_endpoint: Some(s3.clone()),
            import_delay: Duration::from_millis(200),
            ..Options::default()
        };
        let server = SiteWise::bind(([127, 0, 0, 1], 0).into(), options).unwrap();
        let sitewise = server.local_addr().port();
        tokio::spawn(server.run(std::future::pending()));
        let client = sdk::reader(&format!("http://127.0.0.1:{sitewise}"));
        let put = client.put_storage_configuration();
        let put = put.storage_type(StorageType::SitewiseDefaultStorage);
        put.warm_tier(WarmTierState::Enabled).send().await.unwrap();
        Self { objects, s3, sitewise }
    }

    /// What a bridge needs for late values.
    pub(crate) fn variables<'a>(&'a self, outbox: &'a Folder) -> [(&'a str, &'a OsStr); 4] {
        [
            ("OUTBOX_DIR", outbox.path().as_os_str()),
            ("LATE_BUCKET", BUCKET.as_ref()),
            ("LATE_ROLE_ARN", "arn:aws:iam::123456789012:role/late".as_ref()),
            ("AWS_ENDPOINT_URL_S3", self.s3.as_ref()),
        ]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_of_ten_days_arrives_by_job_and_live_with_kills_between() {
    let _turn = super::alone().await;
    let cloud = Cloud::start().await;
    let (objects, at) = (Arc::clone(&cloud.objects), cloud.sitewise);
    let mut server = Server::start().await;
    let mqtt = server.port;
    let outbox = Folder::new();
    let start = || Bridge::start(mqtt, at, &cloud.variables(&outbox));
    // Each life gets half of it, and is killed 300 ms after that was written: in the first perhaps
    // before the asset exists, in the second with rows of the first on their way.
    let mut owed = Vec::new();
    for life in 0..2 {
        let pasts = history(life);
        server.history.send_replace(pasts.clone());
        let bridge = start();
        bridge.learned().await;
        owed.extend(pasts);
        server.sent(owed.len()).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        bridge.kill().await;
    }
    let oldest = now() - 7 * DAY;
    let old = owed.iter().filter(|past| past.time < oldest);
    let old: BTreeSet<(usize, i64)> = old.map(|past| (past.member, past.time)).collect();
    // The third is killed once all that is old is in a file: otherwise the last one would travel an
    // hour later.
    server.history.send_replace(Vec::new());
    let bridge = start();
    bridge.learned().await;
    let until = Instant::now() + PATIENCE;
    while rows_on_disk(&outbox).union(&keys(&objects.lock().unwrap())).count() < old.len() {
        assert!(Instant::now() < until, "{:#?}", bridge.log().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bridge.kill().await;
    let bridge = start();
    bridge.learned().await;
    let reader = Reader::new(at);
    all_arrive(&reader, &owed, &bridge).await;

    assert!(!old.is_empty() && old.len() < owed.len());
    // What is old, and nothing else, is in exactly one object.
    let properties = reader.properties().await;
    let rows = rows(&objects.lock().unwrap());
    let expected =
        old.iter().map(|(member, time)| ((properties[&plant::member(*member)].clone(), *time), 1));
    assert_eq!(rows, expected.collect::<BTreeMap<_, _>>());
    let done = Instant::now() + PATIENCE;
    while bridge.metric("sparkwise_values_waiting_late").await > 0.0 {
        assert!(Instant::now() < done, "{:#?}", bridge.log().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let log = bridge.terminate().await;
    assert!(log.iter().any(|line| line.contains("nothing is queued")), "{log:#?}");
    assert!(!log.iter().any(|line| line.contains("do not balance")), "{log:#?}");
}

/// Property and time of each row of a file.
pub(crate) fn keys_of(content: &[u8]) -> Vec<(String, i64)> {
    let text = String::from_utf8_lossy(content).into_owned();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let key = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |at: usize| fields[at].parse::<i64>().unwrap();
        (fields[1].to_owned(), number(3) * 1_000 + number(4) / 1_000_000)
    };
    whole.lines().map(key).collect()
}

/// How often each property and time is in an object.
pub(crate) fn rows(objects: &Objects) -> BTreeMap<(String, i64), u32> {
    let mut rows = BTreeMap::new();
    for (_, content) in objects.by_key.iter().filter(|(key, _)| key.ends_with(".csv")) {
        for key in keys_of(content) {
            *rows.entry(key).or_default() += 1;
        }
    }
    rows
}

fn keys(objects: &Objects) -> BTreeSet<(String, i64)> {
    rows(objects).into_keys().collect()
}

/// Property and time of each row in the files of late values.
pub(crate) fn rows_on_disk(outbox: &Folder) -> BTreeSet<(String, i64)> {
    let entries = std::fs::read_dir(outbox.path().join("late")).into_iter().flatten().flatten();
    let files = entries.map(|entry| entry.path());
    let files = files.filter(|path| path.extension().is_some_and(|kind| kind != "job"));
    let files = files.filter_map(|path| std::fs::read(path).ok());
    files.flat_map(|content| keys_of(&content)).collect()
}

/// Waits until SiteWise has all that is owed.
pub(crate) async fn all_arrive(reader: &Reader, owed: &[Past], bridge: &Bridge) {
    let until = Instant::now() + PATIENCE;
    loop {
        let mut missing: Vec<&Past> = Vec::new();
        let properties = reader.properties().await;
        for member in 0..MEMBERS {
            let has: BTreeSet<(i64, u64)> = match properties.get(&plant::member(member)) {
                Some(property) => {
                    let history = reader.history(property).await.into_iter();
                    history.map(|(time, value)| (time, value.to_bits())).collect()
                }
                None => BTreeSet::new(),
            };
            let of = owed.iter().filter(|past| past.member == member);
            missing.extend(of.filter(|past| !has.contains(&(past.time, past.value.to_bits()))));
        }
        if missing.is_empty() {
            return;
        }
        if Instant::now() >= until {
            panic!("{} missing, {:?}: {:#?}", missing.len(), missing.first(), bridge.log().await);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

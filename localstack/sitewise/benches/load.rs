//! How much the emulator takes: values a second in full requests from one client, and the memory
//! of a million streams. `cargo bench -p sitewise-local`; ends with an error below the bars.

use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sitewise_local::{EntriesPerSecond, Limits, Options, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use uuid::Uuid;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Values a second below which it could be what a benchmark of the bridge measures.
const VALUES_PER_SECOND: f64 = 300_000.0;
/// Bytes that a million streams may take.
const MEMORY: u64 = 1_000_000_000;
const PROPERTIES: u128 = 500;
const CONNECTIONS: u64 = 4;

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn main() -> Outcome {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let before = resident()?;
    let bytes = runtime.block_on(memory())?.saturating_sub(before);
    println!("memory: {} MB for 1,000,000 streams with their latest value", bytes / 1_000_000);
    let rate = runtime.block_on(throughput())?;
    println!(
        "throughput: {rate:.0} values/s in full requests, one client, {CONNECTIONS} connections, 2 threads"
    );
    if rate < VALUES_PER_SECOND || bytes > MEMORY {
        return Err(
            format!("below the bars of {VALUES_PER_SECOND} values/s and {MEMORY} bytes").into()
        );
    }
    Ok(())
}

/// Ten entries of ten values each, for 50,000 properties in turn, for three seconds.
async fn throughput() -> Outcome<f64> {
    const ASSETS: u128 = 100;
    let (address, stop, serving) =
        start(Options { history_per_stream: 100, ..Options::default() })?;
    create(address, ASSETS).await?;
    let sent = Arc::new(AtomicU64::new(0));
    let next = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (sent, next) = (Arc::clone(&sent), Arc::clone(&next));
        clients.spawn(async move {
            let mut client = Client::connect(address).await?;
            let start = now()? - 6 * 24 * 3600;
            while begun.elapsed() < Duration::from_secs(3) {
                let number = u128::from(next.fetch_add(1, Ordering::Relaxed));
                let entries = (0..10).map(|at| (number * 10 + at) % (ASSETS * PROPERTIES));
                // Each round over all properties writes ten seconds further on.
                let round = u64::try_from(number * 10 / (ASSETS * PROPERTIES))?;
                client.put(entries, start + round * 10, 10).await?;
                sent.fetch_add(100, Ordering::Relaxed);
            }
            Outcome::Ok(())
        });
    }
    while let Some(client) = clients.join_next().await {
        client??;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let _ = stop.send(());
    serving.await??;
    #[expect(clippy::cast_precision_loss, reason = "a count of values")]
    Ok(sent.load(Ordering::Relaxed) as f64 / seconds)
}

/// One value each for 500 properties of 2,000 assets.
async fn memory() -> Outcome<u64> {
    const ASSETS: u128 = 2_000;
    let limits = Limits::default();
    let entries_per_second = EntriesPerSecond { measurement: 1_000, attribute: 1_000 };
    let (address, stop, serving) =
        start(Options { limits, entries_per_second, ..Options::default() })?;
    create(address, ASSETS).await?;
    let mut client = Client::connect(address).await?;
    let start = now()?;
    for request in 0..ASSETS * PROPERTIES / 10 {
        client.put((0..10).map(|at| request * 10 + at), start, 1).await?;
    }
    let resident = resident()?;
    let _ = stop.send(());
    serving.await??;
    Ok(resident)
}

type Serving = tokio::task::JoinHandle<io::Result<()>>;

fn start(options: Options) -> Outcome<(SocketAddr, tokio::sync::oneshot::Sender<()>, Serving)> {
    let server = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0)), options)?;
    let address = server.local_addr();
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let serving = tokio::spawn(server.run(async move {
        let _ = stopped.await;
    }));
    Ok((address, stop, serving))
}

fn property(number: u128) -> Uuid {
    Uuid::from_u128(0x1000_0000 + number)
}

fn asset(number: u128) -> Uuid {
    Uuid::from_u128(0x2000_0000 + number)
}

async fn create(address: SocketAddr, assets: u128) -> Outcome {
    let mut client = Client::connect(address).await?;
    let model = Uuid::from_u128(0x3000_0000);
    let properties: Vec<String> = (0..PROPERTIES)
        .map(|number| {
            let id = property(number);
            format!(r#"{{"id":"{id}","name":"p{number}","dataType":"DOUBLE","type":{{"measurement":{{}}}}}}"#)
        })
        .collect();
    let properties = properties.join(",");
    let body = format!(
        r#"{{"assetModelName":"m","assetModelId":"{model}","assetModelProperties":[{properties}]}}"#
    );
    client.post("/asset-models", &body).await?;
    for number in 0..assets {
        let id = asset(number);
        let body =
            format!(r#"{{"assetName":"a{number}","assetId":"{id}","assetModelId":"{model}"}}"#);
        client.post("/assets", &body).await?;
    }
    Ok(())
}

fn now() -> Outcome<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}

/// The memory that the process holds, as Linux tells it.
fn resident() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}

/// A client that does as little as possible: one connection, one request at a time.
struct Client {
    stream: TcpStream,
    request: String,
    body: String,
    answer: Vec<u8>,
}

impl Client {
    async fn connect(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, request: String::new(), body: String::new(), answer: vec![0; 64 * 1024] })
    }

    /// Writes `values` values a second apart for each property; all must be accepted.
    async fn put(
        &mut self,
        properties: impl Iterator<Item = u128>,
        start: u64,
        values: u64,
    ) -> Outcome {
        let mut body = std::mem::take(&mut self.body);
        body.clear();
        body.push_str(r#"{"enablePartialEntryProcessing":true,"entries":["#);
        for (at, number) in properties.enumerate() {
            let (asset, property) = (asset(number / PROPERTIES), property(number % PROPERTIES));
            let comma = if at == 0 { "" } else { "," };
            write!(
                body,
                r#"{comma}{{"entryId":"{at}","assetId":"{asset}","propertyId":"{property}","propertyValues":["#
            )?;
            for value in 0..values {
                let comma = if value == 0 { "" } else { "," };
                let seconds = start + value;
                write!(
                    body,
                    r#"{comma}{{"value":{{"doubleValue":{value}.5}},"timestamp":{{"timeInSeconds":{seconds},"offsetInNanos":250000000}},"quality":"GOOD"}}"#
                )?;
            }
            body.push_str("]}");
        }
        body.push_str("]}");
        let length = self.post("/properties", &body).await;
        self.body = body;
        let answer = self.answer.get(..length?).unwrap_or_default();
        if answer.ends_with(br#"{"errorEntries":[]}"#) {
            return Ok(());
        }
        Err(format!("values were refused: {}", String::from_utf8_lossy(answer)).into())
    }

    /// Sends a request that must succeed; gives the length of the answer.
    async fn post(&mut self, path: &str, body: &str) -> Outcome<usize> {
        self.request.clear();
        write!(
            self.request,
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        self.stream.write_all(self.request.as_bytes()).await?;
        let mut length = 0;
        loop {
            let read = self.stream.read(self.answer.get_mut(length..).unwrap_or_default()).await?;
            if read == 0 {
                return Err("the connection was closed".into());
            }
            length += read;
            let answer = self.answer.get(..length).unwrap_or_default();
            if let Some(end) = complete(answer)? {
                return Ok(end);
            }
        }
    }
}

/// The length of the answer, if all of it is there.
fn complete(answer: &[u8]) -> Outcome<Option<usize>> {
    let Some(head) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(answer.get(..head).unwrap_or_default())?;
    if !text.starts_with("HTTP/1.1 20") {
        return Err(String::from_utf8_lossy(answer).into());
    }
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .ok_or("no content-length")?
        .parse::<usize>()?;
    let end = head + 4 + length;
    Ok((answer.len() >= end).then_some(end))
}

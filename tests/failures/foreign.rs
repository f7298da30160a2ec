//! Something on the way answers in SiteWise's place, with every status that there is, on both
//! planes.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sitewise_local::{Options, Server as SiteWise};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::interval;

use super::killed::all_arrive;
use super::plant::{Server, Written};
use super::program::Bridge;
use super::reader::Reader;

const PATIENCE: Duration = Duration::from_secs(120);
/// One request of so many is answered by somebody else.
const EVERY: usize = 3;
/// Foreign answers to the control plane at least, of those that a start takes.
const CONTROL: usize = 5;

/// Every status that HTTP registers for a final answer, and some that nobody registers.
const STATUSES: [u16; 65] = [
    200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 299, 300, 301, 302, 303, 304, 305, 307, 308,
    400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418,
    421, 422, 423, 424, 425, 426, 428, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 506, 507,
    508, 510, 511, 520, 522, 524, 598, 599,
];

/// What was answered in SiteWise's place.
#[derive(Debug, Default)]
struct Answered {
    requests: [usize; 2],
    /// How often each status was, to the control plane and to values.
    foreign: [BTreeMap<u16, usize>; 2],
    /// Nothing more is answered.
    over: bool,
}

impl Answered {
    /// The status of a foreign answer to this request; none if SiteWise itself is to answer.
    fn next(&mut self, is_put: bool) -> Option<u16> {
        let plane = usize::from(is_put);
        self.requests[plane] += 1;
        if self.over || !self.requests[plane].is_multiple_of(EVERY) {
            return None;
        }
        // The control plane is asked little: it begins with errors.
        let start = if is_put { 0 } else { 19 };
        let given = self.foreign[plane].values().sum::<usize>();
        let status = STATUSES[(start + given) % STATUSES.len()];
        *self.foreign[plane].entry(status).or_default() += 1;
        Some(status)
    }
}

/// Stands before the emulator; its port, and what it answered.
async fn proxy(emulator: u16) -> (u16, Arc<Mutex<Answered>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answered = Arc::new(Mutex::new(Answered::default()));
    let notes = Arc::clone(&answered);
    tokio::spawn(async move {
        while let Ok((here, _)) = listener.accept().await {
            let notes = Arc::clone(&notes);
            tokio::spawn(async move {
                let there = TcpStream::connect(("127.0.0.1", emulator)).await.unwrap();
                let _ = pass(here, there, &notes).await;
            });
        }
    });
    (port, answered)
}

async fn pass(
    mut here: TcpStream,
    mut there: TcpStream,
    notes: &Mutex<Answered>,
) -> std::io::Result<()> {
    loop {
        let request = whole(&mut here).await?;
        let is_put = request.starts_with(b"POST /properties HTTP");
        let status = notes.lock().unwrap().next(is_put);
        let answer = match status {
            None => {
                there.write_all(&request).await?;
                whole(&mut there).await?
            }
            Some(status) => {
                let body = match status {
                    // What has no body.
                    204 | 205 | 304 => "",
                    // An empty object is no answer of SiteWise's.
                    200 => "{}",
                    _ => "<html>somebody else</html>",
                };
                let length = body.len();
                let head = format!("HTTP/1.1 {status} Foreign\r\ncontent-type: text/html\r\n");
                format!("{head}content-length: {length}\r\n\r\n{body}").into_bytes()
            }
        };
        here.write_all(&answer).await?;
    }
}

/// A message with its body.
async fn whole(socket: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut message = Vec::new();
    let mut piece = vec![0; 16 << 10];
    loop {
        let count = socket.read(&mut piece).await?;
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        message.extend_from_slice(&piece[..count]);
        let Some(end) = message.windows(4).position(|at| at == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&message[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
        if message.len() >= end + 4 + length {
            return Ok(message);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_answers_of_every_status_lose_nothing_and_refuse_nothing() {
    let _turn = super::alone().await;
    let sitewise = SiteWise::bind(([127, 0, 0, 1], 0).into(), Options::default()).unwrap();
    let emulator = sitewise.local_addr().port();
    tokio::spawn(sitewise.run(std::future::pending()));
    let (at, answered) = proxy(emulator).await;
    let mut server = Server::start().await;
    let linger = [("INGEST_LINGER", "0s".as_ref())];
    let bridge = Bridge::start(server.port, at, &linger);
    server.born(1).await;
    bridge.learned_within(PATIENCE).await;

    // Until values have met each status.
    let until = Instant::now() + PATIENCE;
    let mut pause = interval(Duration::from_millis(200));
    loop {
        pause.tick().await;
        let [control, put] = answered.lock().unwrap().foreign.clone();
        if put.len() == STATUSES.len() && control.values().sum::<usize>() >= CONTROL {
            break;
        }
        assert!(Instant::now() < until, "{control:?} {put:?}: {:#?}", bridge.log().await);
    }
    answered.lock().unwrap().over = true;
    let owed: Vec<Written> = server.written().await;
    assert!(owed.len() > 1_000, "there was no load: {} values", owed.len());
    all_arrive(&Reader::new(emulator), &owed).await;
    for reason in ["out_of_range", "invalid", "denied"] {
        let refused = format!("sparkwise_values_refused_total{{reason=\"{reason}\"}}");
        assert!(bridge.metric(&refused).await.abs() < 0.5, "{refused}: {:#?}", bridge.log().await);
    }
    let log = bridge.terminate().await;
    assert!(!log.iter().any(|line| line.contains("do not balance")), "{log:#?}");
}

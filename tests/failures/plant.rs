//! A plant behind an MQTT server that is no more than a socket: it knows when each byte left.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sparkwise::sparkplug::edge::{Edge, Metric};
use sparkwise::sparkplug::message::Message;
use sparkwise::time::Timestamp;
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::mqtt::{Published, Reader, put_publish};
use super::turbine::{data, now};
pub(crate) use super::turbine::{member, node};

/// Members of the one machine, and how many of them a message tells. Each has a value every
/// 200 ms: SiteWise takes ten a second.
pub(crate) const MEMBERS: usize = 100;
const MEMBERS_PER_MESSAGE: usize = 10;
const PACE: Duration = Duration::from_millis(20);

/// A value that was written to the bridge's socket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Written {
    pub(crate) at: Instant,
    pub(crate) member: usize,
    pub(crate) time: Timestamp,
    pub(crate) value: f64,
}

/// The MQTT server.
pub(crate) struct Server {
    pub(crate) port: u16,
    written: Arc<Mutex<Vec<Written>>>,
    /// How many bridges have come and were told a birth.
    births: watch::Receiver<u64>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let written = Arc::new(Mutex::new(Vec::new()));
        let (born, births) = watch::channel(0);
        let record = Arc::clone(&written);
        tokio::spawn(async move {
            let mut number = 0.0;
            while let Ok((socket, _)) = listener.accept().await {
                serve(socket, &record, &born, &mut number).await;
            }
        });
        Self { port, written, births }
    }

    /// Waits until a bridge has been told the births of its life.
    pub(crate) async fn born(&mut self, lives: u64) {
        let born = self.births.wait_for(|births| *births >= lives);
        tokio::time::timeout(Duration::from_secs(30), born).await.expect("no bridge").unwrap();
    }

    /// All that was written so far.
    pub(crate) async fn written(&self) -> Vec<Written> {
        self.written.lock().await.clone()
    }
}

fn birth(edge: &mut Edge) -> Message {
    super::turbine::birth(edge, (0..MEMBERS).map(|of| Metric::new(&member(of), 0.0)).collect())
}

/// One connection of a bridge: births, then data until it ends.
async fn serve(
    socket: TcpStream,
    record: &Mutex<Vec<Written>>,
    born: &watch::Sender<u64>,
    number: &mut f64,
) {
    socket.set_nodelay(true).unwrap();
    let (read, write) = socket.into_split();
    let write = Arc::new(Mutex::new(write));
    let mut edge = Edge::new(node(), 0);
    let (heard_tx, mut heard_rx) = tokio::sync::mpsc::unbounded_channel();
    let answers = Arc::clone(&write);
    let listener = tokio::spawn(async move {
        let mut reader = Reader::new(read);
        while let Ok(Some(message)) = reader.next(&answers).await {
            if heard_tx.send(message).is_err() {
                return;
            }
        }
    });
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut online, mut first_member) = (false, 0);
    loop {
        tokio::select! {
            message = heard_rx.recv() => {
                let Some(Published { topic, payload }) = message else { break };
                let is_online = topic.starts_with("spBv1.0/STATE/")
                    && payload.windows(4).any(|word| word == b"true");
                if is_online || edge.is_rebirth(&topic, &payload) {
                    if send(&write, birth(&mut edge)).await.is_err() {
                        break;
                    }
                    if !online {
                        born.send_modify(|births| *births += 1);
                    }
                    online = true;
                }
            }
            _ = pace.tick(), if online => {
                let time = now();
                let mut batch = Vec::new();
                for member in (0..MEMBERS_PER_MESSAGE).map(|of| (first_member + of) % MEMBERS) {
                    *number += 1.0;
                    batch.push((member, *number));
                }
                first_member += MEMBERS_PER_MESSAGE;
                let members = batch.iter().map(|(of, value)| Metric::new(&member(*of), *value));
                let message = data(&mut edge, time, members);
                if send(&write, message).await.is_err() {
                    break;
                }
                let at = Instant::now();
                let batch = batch.into_iter();
                let batch = batch.map(|(member, value)| Written { at, member, time, value });
                record.lock().await.extend(batch);
            }
        }
    }
    listener.abort();
}

async fn send(write: &Mutex<OwnedWriteHalf>, message: Message) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    put_publish(&mut bytes, &message.topic, &message.payload);
    write.lock().await.write_all(&bytes).await
}

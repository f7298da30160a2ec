//! An MQTT server that writes down what a client says, in order, and says what it is told to.
//!
//! The test plays everybody else: the plant, other hosts, the network.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::select;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub(crate) mod codec;

pub(crate) use codec::{Connect, Packet, Publish};

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// One thing that happened on a server.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// When, in milliseconds since the epoch.
    pub(crate) at: i64,
    /// In the how manieth connection, from zero.
    pub(crate) session: usize,
    pub(crate) what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    /// The client said this.
    Said(Packet),
    /// The client was told this message.
    Told(String),
    /// The subscriptions of one SUBSCRIBE were granted.
    Granted,
    /// The connection has ended.
    Closed,
}

enum Order {
    Tell(Publish),
    /// Ends the connection without a word.
    Cut,
}

#[derive(Debug)]
pub(crate) struct Server {
    addr: SocketAddr,
    records: watch::Sender<Vec<Record>>,
    orders: Arc<Mutex<Option<mpsc::UnboundedSender<Order>>>>,
    task: JoinHandle<()>,
}

impl Server {
    /// On a free port of the loopback interface. One that is not `willing` never acknowledges
    /// the death of a host.
    pub(crate) async fn start(willing: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let records = watch::Sender::new(Vec::new());
        let orders = Arc::new(Mutex::new(None));
        let (written, taken) = (records.clone(), Arc::clone(&orders));
        let task = tokio::spawn(async move {
            for session in 0.. {
                let (socket, _) = listener.accept().await.unwrap();
                let (sender, receiver) = mpsc::unbounded_channel();
                *taken.lock().unwrap() = Some(sender);
                Connection { socket, session, records: &written, willing }.serve(receiver).await;
            }
        });
        Self { addr, records, orders, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("mqtt://{}", self.addr)
    }

    /// Tells the client a message.
    pub(crate) fn tell(&self, topic: &str, payload: &[u8], qos: u8, retain: bool) {
        let payload = payload.to_vec().into();
        self.order(Order::Tell(Publish { topic: topic.to_owned(), payload, qos, retain, id: 1 }));
    }

    /// Ends the connection without a word.
    pub(crate) fn cut(&self) {
        self.order(Order::Cut);
    }

    fn order(&self, order: Order) {
        let orders = self.orders.lock().unwrap();
        assert!(orders.as_ref().is_some_and(|orders| orders.send(order).is_ok()), "no client");
    }

    /// Waits until the records are as wanted.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&[Record]) -> bool) {
        let mut records = self.records.subscribe();
        let waiting = records.wait_for(|records| wanted(records));
        let done = tokio::time::timeout(PATIENCE, waiting).await.is_ok();
        assert!(done, "{what}: not within {PATIENCE:?}: {:#?}", self.records.borrow());
    }

    /// All that was written down.
    pub(crate) fn records(&self) -> Vec<Record> {
        self.records.borrow().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Connection<'a> {
    socket: TcpStream,
    session: usize,
    records: &'a watch::Sender<Vec<Record>>,
    willing: bool,
}

impl Connection<'_> {
    async fn serve(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut buffer = BytesMut::new();
        loop {
            select! {
                read = self.socket.read_buf(&mut buffer) => {
                    if !matches!(read, Ok(1..)) {
                        break;
                    }
                    while let Some(packet) = codec::take(&mut buffer) {
                        self.write(What::Said(packet.clone()));
                        self.answer(packet).await;
                    }
                }
                Some(order) = orders.recv() => match order {
                    Order::Tell(publish) => self.tell(&publish).await,
                    Order::Cut => break,
                },
            }
        }
        self.write(What::Closed);
    }

    async fn answer(&mut self, packet: Packet) {
        match packet {
            Packet::Connect(_) => self.send(&codec::connected()).await,
            Packet::Subscribe(id, filters) => {
                self.write(What::Granted);
                self.send(&codec::subscribed(id, &filters)).await;
            }
            Packet::Unsubscribe(id, _) => self.send(&codec::unsubscribed(id)).await,
            Packet::Ping => self.send(&codec::pong()).await,
            Packet::Publish(publish) => {
                if publish.qos > 0 && (self.willing || !is_death(&publish)) {
                    self.send(&codec::acknowledged(publish.id)).await;
                }
                // As any server does: a host hears its own STATE.
                if publish.topic.contains("/STATE/") {
                    self.tell(&Publish { retain: false, ..publish }).await;
                }
            }
            Packet::Acknowledge(_) | Packet::Disconnect => {}
        }
    }

    async fn tell(&mut self, publish: &Publish) {
        self.write(What::Told(publish.topic.clone()));
        self.send(&codec::published(publish)).await;
    }

    /// A client that has gone hears nothing: the next read says so.
    async fn send(&mut self, bytes: &[u8]) {
        let _ = self.socket.write_all(bytes).await;
    }

    fn write(&self, what: What) {
        let record = Record { at: now(), session: self.session, what };
        self.records.send_modify(|records| records.push(record));
    }
}

fn is_death(publish: &Publish) -> bool {
    publish.payload.starts_with(br#"{"online":false"#)
}

/// Milliseconds since the epoch.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

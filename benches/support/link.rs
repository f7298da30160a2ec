//! One connection of a bridge, from the other side of the MQTT server: the plant's, or that of AWS
//! IoT, which sends requests to write.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, oneshot};
use tokio::task::JoinHandle;

use super::mqtt::{Published, Reader};

/// Between two looks whether a bridge has subscribed.
const LOOK: Duration = Duration::from_millis(10);

/// A bridge that is online.
#[derive(Debug)]
pub(crate) struct Link {
    write: Arc<Mutex<OwnedWriteHalf>>,
    heard: Arc<Heard>,
    listener: JoinHandle<()>,
}

/// What was heard of it.
#[derive(Debug, Default)]
struct Heard {
    rebirths: AtomicU64,
    commands: AtomicU64,
    /// Final answers, by the topic of their execution.
    answers: StdMutex<BTreeMap<String, u64>>,
}

impl Link {
    /// Waits for a bridge, until it says that it is online.
    pub(crate) async fn accept(listener: &TcpListener) -> Self {
        let (socket, _) = listener.accept().await.unwrap();
        Self::online(socket).await
    }

    /// Waits for the connection of a bridge to AWS IoT, until it has subscribed.
    pub(crate) async fn accept_iot(listener: &TcpListener) -> Self {
        let (socket, _) = listener.accept().await.unwrap();
        let (link, subscriptions, _) = Self::of(socket);
        // The requests first, then what is said of its answers.
        while subscriptions.load(Ordering::Relaxed) < 2 {
            tokio::time::sleep(LOOK).await;
        }
        link
    }

    async fn online(socket: TcpStream) -> Self {
        let (link, _, is_online) = Self::of(socket);
        is_online.await.unwrap();
        link
    }

    fn of(socket: TcpStream) -> (Self, Arc<AtomicU64>, oneshot::Receiver<()>) {
        socket.set_nodelay(true).unwrap();
        let (read, write) = socket.into_split();
        let write = Arc::new(Mutex::new(write));
        let heard = Arc::new(Heard::default());
        let (online, is_online) = oneshot::channel();
        let reader = Reader::new(read);
        let subscriptions = reader.subscriptions();
        let listener = listen(reader, Arc::clone(&write), online, Arc::clone(&heard));
        let listener = tokio::spawn(listener);
        (Self { write, heard, listener }, subscriptions, is_online)
    }

    /// Writes PUBLISH packets to the bridge's socket.
    pub(crate) async fn write(&self, packets: &[u8]) -> io::Result<()> {
        self.write.lock().await.write_all(packets).await
    }

    /// Rebirths that the bridge has asked for: none unless messages were lost.
    pub(crate) fn rebirths(&self) -> u64 {
        self.heard.rebirths.load(Ordering::Relaxed)
    }

    /// Commands that the bridge has sent to the plant.
    pub(crate) fn commands(&self) -> u64 {
        self.heard.commands.load(Ordering::Relaxed)
    }

    /// Requests to which the bridge has given one final answer, and no second one.
    pub(crate) fn answers(&self) -> u64 {
        let answers = self.heard.answers.lock().unwrap();
        answers.values().filter(|times| **times == 1).count() as u64
    }

    /// Waits until the bridge has gone.
    pub(crate) async fn ended(self) {
        self.listener.await.unwrap();
    }
}

/// Hears what the bridge says, to its end.
async fn listen(
    mut reader: Reader,
    answers: Arc<Mutex<OwnedWriteHalf>>,
    online: oneshot::Sender<()>,
    heard: Arc<Heard>,
) {
    let mut online = Some(online);
    while let Ok(Some(Published { topic, payload })) = reader.next(&answers).await {
        let has = |word: &[u8]| payload.windows(word.len()).any(|at| at == word);
        let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
        if topic.starts_with("spBv1.0/STATE/") && has(b"true") {
            online.take().map(|online| online.send(()));
        }
        if topic.contains("/NCMD/") {
            count(if has(b"Node Control/Rebirth") { &heard.rebirths } else { &heard.commands });
        }
        if topic.ends_with("/response/json") && !has(b"\"IN_PROGRESS\"") {
            *heard.answers.lock().unwrap().entry(topic).or_default() += 1;
        }
    }
}

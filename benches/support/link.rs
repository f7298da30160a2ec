//! One connection of a bridge, from the plant's side of the MQTT server.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::AsyncWriteExt;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, oneshot};
use tokio::task::JoinHandle;

use super::mqtt::{Published, Reader};

/// A bridge that is online.
#[derive(Debug)]
pub(crate) struct Link {
    write: Arc<Mutex<OwnedWriteHalf>>,
    rebirths: Arc<AtomicU64>,
    listener: JoinHandle<()>,
}

impl Link {
    /// Waits for a bridge, until it says that it is online.
    pub(crate) async fn accept(listener: &TcpListener) -> Self {
        let (socket, _) = listener.accept().await.unwrap();
        Self::online(socket).await
    }

    async fn online(socket: TcpStream) -> Self {
        socket.set_nodelay(true).unwrap();
        let (read, write) = socket.into_split();
        let write = Arc::new(Mutex::new(write));
        let rebirths = Arc::new(AtomicU64::new(0));
        let (online, is_online) = oneshot::channel();
        let listener = listen(Reader::new(read), Arc::clone(&write), online, Arc::clone(&rebirths));
        let listener = tokio::spawn(listener);
        is_online.await.unwrap();
        Self { write, rebirths, listener }
    }

    /// Writes PUBLISH packets to the bridge's socket.
    pub(crate) async fn write(&self, packets: &[u8]) -> io::Result<()> {
        self.write.lock().await.write_all(packets).await
    }

    /// Rebirths that the bridge has asked for: none unless messages were lost.
    pub(crate) fn rebirths(&self) -> u64 {
        self.rebirths.load(Ordering::Relaxed)
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
    rebirths: Arc<AtomicU64>,
) {
    let mut online = Some(online);
    while let Ok(Some(Published { topic, payload })) = reader.next(&answers).await {
        if topic.starts_with("spBv1.0/STATE/") && payload.windows(4).any(|word| word == b"true") {
            online.take().map(|online| online.send(()));
        }
        if topic.contains("/NCMD/") {
            rebirths.fetch_add(1, Ordering::Relaxed);
        }
    }
}

//! What stands between a bridge and the store: it lets through, cuts, slows, or loses the answers.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What becomes of what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It arrives.
    Open,
    /// It arrives so much later, in both directions.
    Slow(Duration),
    /// Requests arrive, answers do not.
    AnswersLost,
    /// Nothing arrives, and nobody says so.
    Cut,
}

/// A way to one store.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    way: watch::Sender<Way>,
}

impl Proxy {
    pub(crate) async fn start(store: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (way, ways) = watch::channel(Way::Open);
        tokio::spawn(async move {
            while let Ok((inside, _)) = listener.accept().await {
                tokio::spawn(connect(inside, store, ways.clone()));
            }
        });
        Self { address, way }
    }

    pub(crate) fn set(&self, way: Way) {
        self.way.send_replace(way);
    }
}

async fn connect(inside: TcpStream, store: SocketAddr, ways: watch::Receiver<Way>) {
    let Ok(outside) = TcpStream::connect(store).await else { return };
    let (from_bridge, to_bridge) = inside.into_split();
    let (from_store, to_store) = outside.into_split();
    let there = pass(from_bridge, to_store, ways.clone(), |way| way == Way::Cut);
    let back = pass(from_store, to_bridge, ways, |way| matches!(way, Way::Cut | Way::AnswersLost));
    tokio::join!(there, back);
}

/// Passes on what comes. What is lost is read all the same: its sender notices nothing.
async fn pass(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    ways: watch::Receiver<Way>,
    loses: impl Fn(Way) -> bool,
) {
    let mut buffer = vec![0; 65_536];
    while let Ok(read) = from.read(&mut buffer).await {
        let way = *ways.borrow();
        if let Way::Slow(by) = way {
            tokio::time::sleep(by).await;
        }
        if read == 0 {
            break;
        }
        if !loses(way) && to.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}

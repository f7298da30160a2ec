//! What the program finds around itself: a plant's MQTT server, and SiteWise.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::net::SocketAddr;
use std::sync::Arc;

use sitewise_local::{Handle, Options, Server};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::stamps::Stamps;
use super::stub::{self, Door};

const LOOPBACK: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

/// Both, on free ports of the loopback interface.
pub(crate) struct World {
    /// Where bridges connect to the plant, and the port of that.
    pub(crate) plant: TcpListener,
    pub(crate) mqtt: u16,
    /// Port of SiteWise.
    pub(crate) sitewise: u16,
    pub(crate) stamps: Arc<Stamps>,
    /// The emulator behind.
    pub(crate) emulator: Handle,
    stop: oneshot::Sender<()>,
    emulates: JoinHandle<std::io::Result<()>>,
}

impl World {
    pub(crate) async fn start(door: Door, options: Options) -> Self {
        let emulator = Server::bind(LOOPBACK.into(), options).unwrap();
        let (at, handle) = (emulator.local_addr(), emulator.handle());
        let (stop, stopped) = oneshot::channel();
        let emulates = tokio::spawn(emulator.run(async {
            let _ = stopped.await;
        }));
        let stamps = Arc::new(Stamps::new(door));
        let http = TcpListener::bind(SocketAddr::from(LOOPBACK)).await.unwrap();
        let sitewise = http.local_addr().unwrap().port();
        tokio::spawn(stub::serve(http, at, Arc::clone(&stamps)));
        let plant = TcpListener::bind(SocketAddr::from(LOOPBACK)).await.unwrap();
        let mqtt = plant.local_addr().unwrap().port();
        Self { plant, mqtt, sitewise, stamps, emulator: handle, stop, emulates }
    }

    /// Ends the emulator in order: what it keeps is on disk then.
    pub(crate) async fn end(self) {
        let _ = self.stop.send(());
        self.emulates.await.unwrap().unwrap();
    }
}

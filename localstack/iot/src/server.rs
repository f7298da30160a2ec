//! The emulator that listens, and what its connections share.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use sitewise_local::aws::{self, Moment};
use tracing::info;

use crate::cloud::{Answer, Cloud, Endpoints};
use crate::error::Result;
use crate::link::Link;
use crate::options::{Clock, Options};
use crate::service;

/// An emulator that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    clock: Clock,
    cloud: Mutex<Cloud>,
    link: Link,
}

impl Shared {
    /// Asks the account as it stands now, and publishes what follows.
    pub(crate) fn ask(
        &self,
        what: impl FnOnce(&mut Cloud, Moment) -> Result<Answer>,
    ) -> Result<Answer> {
        let now = Moment::from_system(self.clock.now());
        // A panic elsewhere while it was held leaves it as it was.
        let mut cloud = self.cloud.lock().unwrap_or_else(PoisonError::into_inner);
        cloud.settle(now);
        let mut answer = what(&mut cloud, now)?;
        drop(cloud);
        if let Some(outgoing) = answer.outgoing.take() {
            self.link.publish(outgoing);
        }
        Ok(answer)
    }

    /// Takes what a device published.
    fn respond(&self, topic: &str, payload: &[u8]) {
        let now = Moment::from_system(self.clock.now());
        let mut cloud = self.cloud.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((outgoing, outcome)) = cloud.respond(topic, payload, now) else { return };
        drop(cloud);
        let said = String::from_utf8_lossy(payload);
        match outcome {
            Ok(()) => info!(topic, %said, "response"),
            Err(reason) => info!(topic, %said, reason, "response rejected"),
        }
        self.link.publish(outgoing);
    }
}

impl Server {
    /// Binds `address`; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn bind(address: SocketAddr, options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (host, port) = &options.mqtt;
        let endpoints = Endpoints { mqtt: format!("{host}:{port}"), http: address.to_string() };
        let cloud = Mutex::new(Cloud::new(&options, endpoints));
        let link = Link::new(options.mqtt);
        let shared = Arc::new(Shared { clock: options.clock, cloud, link });
        Ok(Self { listener, address, shared })
    }

    /// The address that is bound.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is ready. The connection to the MQTT server is made again and again
    /// while there is none.
    ///
    /// # Errors
    ///
    /// What the operating system says to the listener.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        info!(address = %self.address, "listening");
        let shared = Arc::clone(&self.shared);
        let answer = move |request| {
            let shared = Arc::clone(&shared);
            async move { service::serve(&shared, request).await }
        };
        let shared = self.shared;
        tokio::select! {
            ended = aws::serve(self.listener, shutdown, answer) => ended,
            () = shared.link.keep(|topic, payload| shared.respond(topic, payload)) => Ok(()),
        }
    }
}

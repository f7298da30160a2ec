//! The listener and its connections.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tracing::{debug, error, info, warn};

use crate::fault::Fault;
use crate::options::Options;
use crate::service;
use crate::shared::Shared;
use crate::store::Store;
use crate::usage::Usage;

/// Connections served at a time; more wait to be accepted.
const CONNECTIONS: usize = 1_024;
/// How long a connection may be idle or take to send its headers.
const IDLE: Duration = Duration::from_secs(300);
/// How long requests under way may take to end after the shutdown.
const GRACE: Duration = Duration::from_secs(2);
/// How often a changed state is written to disk.
const SAVE: Duration = Duration::from_secs(5);

/// An emulator that listens.
#[derive(Debug)]
pub struct Server {
    listener: StdListener,
    address: SocketAddr,
    shared: Arc<Shared>,
    store: Option<Arc<Store>>,
}

/// Looks at a server from within its process.
#[derive(Debug, Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    /// What was asked since the start, and what AWS would bill for it.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.shared.settled().usage()
    }

    /// Orders a fault; gives the number that it is listed under.
    ///
    /// # Errors
    ///
    /// Why the order cannot be carried out.
    pub fn order(&self, fault: Fault) -> Result<u64, String> {
        self.shared.lock().order(fault).map_err(|error| error.message)
    }

    /// Takes back every order.
    pub fn clear_faults(&self) {
        self.shared.lock().faults.clear();
    }

    /// Forgets everything, as after a new start with nothing kept.
    pub fn reset(&self) {
        self.shared.reset();
    }

    /// The time by the server's clock.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.shared.clock_now()
    }
}

impl Server {
    /// Binds `address`; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// What the operating system says, or that the folder of the state is not usable.
    pub fn bind(address: SocketAddr, options: Options) -> io::Result<Self> {
        let listener = StdListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let store = options.data_dir.as_deref().map(Store::open).transpose()?.map(Arc::new);
        let shared = Arc::new(Shared::new(options));
        if let Some(state) = store.as_ref().map(|store| store.load()).transpose()?.flatten() {
            shared.lock().account.restore(state);
        }
        Ok(Self { listener, address, shared, store })
    }

    /// The address that is bound.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// A handle that stays valid while the server runs and after.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle { shared: Arc::clone(&self.shared) }
    }

    /// Serves until `shutdown` is ready; then ends requests under way within a short grace.
    ///
    /// # Errors
    ///
    /// What the operating system says to the listener.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let listener = TcpListener::from_std(self.listener)?;
        let mut shutdown = pin!(shutdown);
        let (stop, stopped) = watch::channel(());
        let permits = Arc::new(Semaphore::new(CONNECTIONS));
        let mut connections = JoinSet::new();
        let mut saves = tokio::time::interval(SAVE);
        saves.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut saved = 0;
        info!(address = %self.address, "listening");
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(_) = connections.join_next() => {}
                _ = saves.tick(), if self.store.is_some() => {
                    saved = save(self.store.as_ref(), &self.shared, saved).await;
                }
                accepted = accept(&listener, &permits) => {
                    let Some((stream, permit)) = accepted else { continue };
                    let connection = connection(stream, Arc::clone(&self.shared), stopped.clone());
                    connections.spawn(async move {
                        connection.await;
                        drop(permit);
                    });
                }
            }
        }
        drop(stop);
        let ended = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, ended).await.is_err() {
            warn!("requests under way are cut off");
        }
        save(self.store.as_ref(), &self.shared, saved).await;
        info!("stopped");
        Ok(())
    }
}

/// Writes the state if it changed after `saved`; gives the change that is on disk then.
async fn save(store: Option<&Arc<Store>>, shared: &Arc<Shared>, saved: u64) -> u64 {
    let Some(store) = store.map(Arc::clone) else { return saved };
    let shared = Arc::clone(shared);
    let written = tokio::task::spawn_blocking(move || {
        let core = shared.lock();
        let changes = core.account.changes;
        if changes == saved {
            return Ok(saved);
        }
        store.save(&core.account.state).map(|()| changes)
    });
    match written.await {
        Ok(Ok(changes)) => changes,
        Ok(Err(error)) => {
            error!(%error, "write the state");
            saved
        }
        Err(error) => {
            error!(%error, "write the state");
            saved
        }
    }
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, permit)),
        Err(error) => {
            // Out of file descriptors, for example: try again a little later.
            warn!(%error, "accept a connection");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>, mut stopped: watch::Receiver<()>) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "set TCP_NODELAY");
    }
    let answer = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { service::serve(&shared, request).await }
    });
    let mut serving = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .serve_connection(TokioIo::new(stream), answer)
    );
    let outcome = tokio::select! {
        outcome = serving.as_mut() => outcome,
        _ = stopped.changed() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = outcome {
        debug!(%error, "connection ended");
    }
}

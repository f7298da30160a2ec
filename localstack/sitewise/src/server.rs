//! The emulator that listens, and the state that it keeps.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::MissedTickBehavior;
use tracing::{error, info};

use crate::fault::Fault;
use crate::http;
use crate::importer;
use crate::options::Options;
use crate::s3::S3;
use crate::service;
use crate::shared::Shared;
use crate::store::Store;
use crate::usage::Usage;

/// How often a changed state is written to disk.
const SAVE: Duration = Duration::from_secs(5);

/// An emulator that listens.
#[derive(Debug)]
pub struct Server {
    listener: StdListener,
    address: SocketAddr,
    shared: Arc<Shared>,
    store: Option<Arc<Store>>,
    s3: Option<S3>,
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
        let s3 = options.s3_endpoint.as_deref().map(|endpoint| S3::new(endpoint, &options.region));
        let s3 = s3.transpose().map_err(io::Error::other)?;
        let shared = Arc::new(Shared::new(options));
        if let Some(state) = store.as_ref().map(|store| store.load()).transpose()?.flatten() {
            shared.lock().account.restore(state);
        }
        Ok(Self { listener, address, shared, store, s3 })
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
        let mut saves = tokio::time::interval(SAVE);
        saves.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut saved = 0;
        info!(address = %self.address, "listening");
        let shared = Arc::clone(&self.shared);
        let answer = move |request| {
            let shared = Arc::clone(&shared);
            async move { service::serve(&shared, request).await }
        };
        let importing = tokio::spawn(importer::run(Arc::clone(&self.shared), self.s3));
        let mut serving = pin!(http::serve(self.listener, shutdown, answer));
        loop {
            tokio::select! {
                biased;
                ended = &mut serving => {
                    ended?;
                    break;
                }
                _ = saves.tick(), if self.store.is_some() => {
                    saved = save(self.store.as_ref(), &self.shared, saved).await;
                }
            }
        }
        importing.abort();
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

//! The console over HTTP: health, metrics, and a web page.
//!
//! Read-only: GET and HEAD only. The engine reads the data between two of its inputs: a
//! [query](queries::EngineQueries) is a closure that runs there and reads a page at most, so that the
//! pure middle needs no locks.

mod api;
mod buffered;
pub mod degraded;
pub mod emf;
mod guard;
mod guide;
pub mod health;
pub mod metrics;
mod page;
pub mod probe;
pub mod process;
pub mod queries;
mod reply;
mod routes;
mod serve;
pub mod snapshot;
pub mod usage;
mod view;
pub mod watched;

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

pub use queries::{EngineQueries, EngineQuery};
pub use serve::serve;
pub use view::{CommandDoors, DoorStatus, EngineView, LeaseStatus, LeaseView, ServerStatus};

use crate::config;

/// A console that is bound to its address, but does not serve yet.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    guard: guard::RequestGuard,
    addr: SocketAddr,
}

impl Listener {
    /// Binds the address of `console`; none if it is off.
    ///
    /// # Errors
    ///
    /// The address cannot be had.
    pub async fn bind(console: &config::Console) -> Result<Option<Self>, io::Error> {
        let Some(addr) = console.addr else { return Ok(None) };
        let listener = TcpListener::bind(addr).await.map_err(|error| {
            let remedy = match error.kind() {
                io::ErrorKind::AddrInUse => {
                    "; another process listens on this port: set another port in CONSOLE_ADDR"
                }
                io::ErrorKind::AddrNotAvailable => {
                    ": it is no address of this host: set one that is in CONSOLE_ADDR, or 0.0.0.0 for all"
                }
                io::ErrorKind::PermissionDenied => {
                    ": set a port from 1024 in CONSOLE_ADDR, or allow the bridge's user this one"
                }
                _ => "",
            };
            io::Error::new(error.kind(), format!("cannot listen on {addr}: {error}{remedy}"))
        })?;
        let addr = listener.local_addr()?;
        let guard = guard::RequestGuard::new(addr, console.token.clone());
        Ok(Some(Self { listener, guard, addr }))
    }

    /// Where it is.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

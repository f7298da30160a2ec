//! HTTP connections: how many, how long they may idle, and how they end.

use std::future::Future;
use std::io;
use std::net::TcpListener as StdListener;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tracing::{debug, warn};

/// Connections served at a time; more wait to be accepted.
const CONNECTIONS: usize = 1_024;
/// How long a connection may be idle or take to send its headers.
const IDLE: Duration = Duration::from_secs(300);
/// How long requests under way may take to end after the shutdown.
const GRACE: Duration = Duration::from_secs(2);

/// Answers what comes to `listener` until `shutdown` is ready; then ends requests under way within
/// a short grace. An answer that fails closes its connection.
///
/// # Errors
///
/// What the operating system says to the listener, which must not block.
pub async fn serve<A, F, B>(
    listener: StdListener,
    shutdown: impl Future<Output = ()>,
    answer: A,
) -> io::Result<()>
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = io::Result<Response<B>>> + Send + 'static,
    B: Body<Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
    B::Data: Send,
{
    let listener = TcpListener::from_std(listener)?;
    let mut shutdown = pin!(shutdown);
    let (stop, stopped) = watch::channel(());
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = accept(&listener, &permits) => {
                let Some((stream, permit)) = accepted else { continue };
                let connection = connection(stream, answer.clone(), stopped.clone());
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
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
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

async fn connection<A, F, B>(stream: TcpStream, answer: A, mut stopped: watch::Receiver<()>)
where
    A: Fn(Request<Incoming>) -> F + Clone,
    F: Future<Output = io::Result<Response<B>>>,
    B: Body<Error: Into<Box<dyn std::error::Error + Send + Sync>>> + 'static,
{
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "set TCP_NODELAY");
    }
    let mut serving = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .serve_connection(TokioIo::new(stream), service_fn(answer))
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

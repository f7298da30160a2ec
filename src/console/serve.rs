//! The server: connections, their number and their time.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::Listener;
use super::queries::EngineQueries;
use super::routes::Routes;

/// Connections at one time. One more ends the oldest, so that nobody can keep others out by
/// holding on to all of them.
const CONNECTIONS: usize = 128;
/// From the first to the last byte of a request's head, and between two requests.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a connection may live; who still needs one opens another.
const LIFETIME: Duration = Duration::from_secs(120);
/// For the last answer of a connection, once it is to end.
const LAST_ANSWER: Duration = Duration::from_secs(5);
/// Bytes of a request's head at most.
const HEAD_BYTES: usize = 16 << 10;
/// Headers of a request at most.
const HEADERS: usize = 64;
/// After a failed accept: the process has no more file descriptors, perhaps.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers until `end` is cancelled.
pub async fn serve(listener: Listener, queries: EngineQueries, end: CancellationToken) {
    let Listener { listener, guard, addr } = listener;
    info!(server.address = %addr, "console listening on http://{addr}");
    let routes = Arc::new(Routes::new(guard, queries));
    let mut tasks = JoinSet::new();
    let mut oldest: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let stream = tokio::select! {
            stream = accept(&listener) => stream,
            Some(_) = tasks.join_next() => {
                oldest.retain(|task| !task.is_finished());
                continue;
            }
            () = end.cancelled() => break,
        };
        if oldest.len() >= CONNECTIONS
            && let Some(task) = oldest.pop_front()
        {
            task.abort();
        }
        let routes = Arc::clone(&routes);
        oldest.push_back(tasks.spawn(connection(stream, routes, end.clone())));
    }
    // What is being answered is answered to its end.
    let answered = async { while tasks.join_next().await.is_some() {} };
    let _ = timeout(LAST_ANSWER, answered).await;
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                debug!(%error, "cannot accept a connection to the console: {error}");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, routes: Arc<Routes>, end: CancellationToken) {
    let service = service_fn(|request| {
        let routes = Arc::clone(&routes);
        async move { Ok::<_, Infallible>(routes.answer(&request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        // Errors are the other side's: garbage, a reset, a timeout.
        _ = connection.as_mut() => return,
        () = sleep(LIFETIME) => {}
        () = end.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(LAST_ANSWER, connection).await;
}

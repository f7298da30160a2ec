//! Routing.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderMap;
use hyper::{Request, StatusCode};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::degraded::DegradedReasons;
use super::guard::RequestGuard;
use super::health::NotReadyReason;
use super::process::ProcessStats;
use super::queries::{EngineQueries, QueryError};
use super::reply::{self, Reply};
use super::snapshot::Snapshot;
use super::{api, guide, metrics, page};

/// How long a snapshot is reused.
const SNAPSHOT_TTL: Duration = Duration::from_millis(900);

/// Answers requests.
#[derive(Debug)]
pub(super) struct Routes {
    guard: RequestGuard,
    pub(super) queries: EngineQueries,
    /// The last snapshot: the engine is queried at most once a second.
    snapshot: Mutex<Option<(Instant, Arc<Snapshot>)>>,
}

impl Routes {
    pub(super) fn new(guard: RequestGuard, queries: EngineQueries) -> Self {
        Self { guard, queries, snapshot: Mutex::new(None) }
    }

    pub(super) async fn answer<B>(&self, request: &Request<B>) -> Reply {
        if let Err(status) = self.guard.check(request) {
            return reply::status(status);
        }
        let (path, headers) = (request.uri().path(), request.headers());
        match path {
            "/livez" => return self.livez().await,
            "/readyz" => return self.readyz().await,
            _ => {}
        }
        if !self.guard.admits(headers) {
            return reply::status(StatusCode::UNAUTHORIZED);
        }
        if let Some(file) = page::file(path).or_else(|| guide::page(path)) {
            return reply::tagged(headers, file.content_type, file.content);
        }
        if path == "/metrics" {
            return match self.snapshot().await {
                Ok(snapshot) => reply::reply(
                    StatusCode::OK,
                    "text/plain; version=0.0.4; charset=utf-8",
                    metrics::text(&snapshot, &ProcessStats::read()),
                ),
                Err(why) => Self::no_answer(why),
            };
        }
        let query = request.uri().query().unwrap_or_default();
        match path.strip_prefix("/api/") {
            Some(name) => self.api(name, query, headers).await,
            None => reply::status(StatusCode::NOT_FOUND),
        }
    }

    async fn api(&self, name: &str, query: &str, headers: &HeaderMap) -> Reply {
        match api::answer(self, name, query, headers).await {
            Ok(reply) => reply,
            Err(api::ApiError::NotFound) => reply::status(StatusCode::NOT_FOUND),
            Err(api::ApiError::Wrong(what)) => reply::text(StatusCode::BAD_REQUEST, what),
            Err(api::ApiError::NoAnswer(why)) => Self::no_answer(why),
        }
    }

    /// Liveness: the process responds, and so does its engine once it runs.
    async fn livez(&self) -> Reply {
        match self.queries.ask(|_| ()).await {
            Ok(()) | Err(QueryError::Starting(_) | QueryError::Busy) => {
                reply::text(StatusCode::OK, "ok")
            }
            Err(QueryError::Silent) => Self::no_answer(QueryError::Silent),
        }
    }

    /// Ready, degraded with the reasons, or not ready with the reasons. A problem with one machine
    /// does not make the bridge unready: that would block a deployment.
    async fn readyz(&self) -> Reply {
        let snapshot = match self.snapshot().await {
            Ok(snapshot) => snapshot,
            Err(why) => return Self::no_answer(why),
        };
        readiness(&snapshot.not_ready, &snapshot.degraded)
    }

    /// The figures of this second.
    pub(super) async fn snapshot(&self) -> Result<Arc<Snapshot>, QueryError> {
        let mut last = self.snapshot.lock().await;
        if let Some((at, snapshot)) = &*last
            && at.elapsed() < SNAPSHOT_TTL
        {
            return Ok(Arc::clone(snapshot));
        }
        let snapshot = Arc::new(self.queries.ask(Snapshot::take).await?);
        *last = Some((Instant::now(), Arc::clone(&snapshot)));
        Ok(snapshot)
    }

    fn no_answer(why: QueryError) -> Reply {
        reply::text(StatusCode::SERVICE_UNAVAILABLE, NotReadyReason::from(why).line())
    }
}

/// The answer of `/readyz`: all reasons, those first that make the bridge unready. One of these
/// does not hide what else is wrong.
fn readiness(not_ready: &[NotReadyReason], degraded: &DegradedReasons) -> Reply {
    let lines: Vec<String> = not_ready.iter().map(NotReadyReason::line).collect();
    let lines = [lines, degraded.lines()].concat().join("\n");
    match (not_ready.is_empty(), lines.is_empty()) {
        (false, _) => reply::text(StatusCode::SERVICE_UNAVAILABLE, lines),
        (true, true) => reply::text(StatusCode::OK, "ready"),
        (true, false) => reply::text(StatusCode::OK, format!("degraded\n{lines}")),
    }
}

impl From<QueryError> for NotReadyReason {
    fn from(why: QueryError) -> Self {
        match why {
            QueryError::Starting(reason) => Self::Starting(reason),
            QueryError::Busy | QueryError::Silent => Self::EngineNotResponding,
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::console::degraded::DegradedReason;

    /// SiteWise that was unreachable hid a disk that could not be written.
    #[tokio::test]
    async fn one_reason_to_be_unready_hides_no_other_problem() {
        let disk = || DegradedReason::OutboxNotWritable("EIO".to_owned());
        let disk: DegradedReasons = [disk()].into_iter().collect();
        let away = NotReadyReason::SiteWiseUnreachable { said: None, since: None, waiting: 7 };
        for (not_ready, degraded, status, begins) in [
            (&[][..], DegradedReasons::default(), 200, &["ready"][..]),
            (&[], disk.clone(), 200, &["degraded", "outbox_not_writable: "]),
            (
                &[NotReadyReason::NotSynced(None), away],
                disk,
                503,
                &["initial_sync_incomplete: ", "sitewise_unreachable: ", "outbox_not_writable: "],
            ),
        ] {
            let reply = readiness(not_ready, &degraded);
            assert_eq!(reply.status(), status);
            let text = reply.into_body().collect().await.unwrap().to_bytes();
            let text = std::str::from_utf8(&text).unwrap();
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines.len(), begins.len(), "{text}");
            let all = lines.iter().zip(begins).all(|(line, start)| line.starts_with(start));
            assert!(all, "{text}");
        }
    }
}

//! From an HTTP request to an HTTP response.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};
use tokio::time::Sleep;
use tracing::{debug, warn};
use uuid::Uuid;

use crate::admin;
use crate::fault::Lost;
use crate::shared::{Input, Shared};
use crate::values::batch;
use crate::wire::bind::{self, Parts};
use crate::wire::error::{Error, Kind, Result};
use crate::wire::operation::{Answer, Call};
use crate::wire::route::route;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const RETRY_AFTER: HeaderName = HeaderName::from_static("x-amz-retry-after");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The largest body that is read. A model with all the properties it may have stays below it.
const BODY_BYTES: usize = 8 * 1024 * 1024;

/// How long half an answer may take to leave before its connection breaks.
const FLUSH: Duration = Duration::from_millis(20);

/// A body that is sent in one piece, or half of it.
#[derive(Debug)]
pub(crate) struct Whole {
    bytes: Option<Bytes>,
    /// The length that is announced.
    length: usize,
    /// The connection breaks after the bytes, and after they have had the time to leave.
    breaks: Option<Pin<Box<Sleep>>>,
}

impl Whole {
    fn new(bytes: Vec<u8>) -> Self {
        Self { length: bytes.len(), bytes: Some(Bytes::from(bytes)), breaks: None }
    }

    fn halve(&mut self) {
        if let Some(bytes) = &mut self.bytes {
            bytes.truncate(self.length / 2);
        }
        self.breaks = Some(Box::pin(tokio::time::sleep(FLUSH)));
    }
}

impl Body for Whole {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(bytes) = self.bytes.take().filter(|bytes| !bytes.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        let Some(flushed) = self.breaks.as_mut() else { return Poll::Ready(None) };
        ready!(flushed.as_mut().poll(context));
        Poll::Ready(Some(Err(io::Error::other("the answer is cut off by order"))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none() && self.breaks.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length as u64)
    }
}

/// Answers one request.
///
/// # Errors
///
/// When the connection is to be closed without an answer.
pub(crate) async fn serve(
    shared: &Shared,
    request: Request<Incoming>,
) -> io::Result<Response<Whole>> {
    let (head, body) = request.into_parts();
    let (method, path) = (head.method.as_str(), head.uri.path());
    let query = head.uri.query().unwrap_or("");
    let body = match read(body).await {
        Ok(body) => body,
        Err(error) => return Ok(failure(&error)),
    };
    if let Some(path) = path.strip_prefix("/_sitewise/") {
        return Ok(match admin::answer(shared, method, path, query, &body) {
            Ok(value) => {
                success(StatusCode::OK, Answer { body: value.to_string().into_bytes(), etag: None })
            }
            Err(error) => failure(&error),
        });
    }
    let (operation, labels) = match route(method, path) {
        Ok(route) => route,
        Err(error) => {
            warn!(method, path, "no such operation");
            shared.count_unknown(&error);
            return Ok(failure(&error));
        }
    };
    let header = |name: &str| {
        head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let input = match operation.call {
        Call::BatchPut => batch::read(&body).map(Input::Batch),
        Call::Bound(_) => {
            bind::input(operation.input, &Parts { labels, query, header: &header, body: &body })
                .map(Input::Bound)
        }
    };
    let verdict = shared.verdict(operation);
    if !verdict.latency.is_zero() {
        tokio::time::sleep(verdict.latency).await;
    }
    let mut response = match shared.perform(operation, input, &verdict) {
        Ok(answer) => {
            success(StatusCode::from_u16(operation.status).unwrap_or(StatusCode::OK), answer)
        }
        Err(error) => {
            debug!(
                operation = operation.name,
                error = error.kind.name(),
                message = error.message,
                "refused"
            );
            failure(&error)
        }
    };
    if let Some(milliseconds) = verdict.error.and_then(|ordered| ordered.retry_after) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(milliseconds));
    }
    match verdict.lost {
        Some(Lost::BeforeWork | Lost::AfterWork) => {
            return Err(io::Error::other("the answer is dropped by order"));
        }
        Some(Lost::HalfWay) => response.body_mut().halve(),
        None => {}
    }
    Ok(response)
}

async fn read(body: Incoming) -> Result<Bytes> {
    match Limited::new(body, BODY_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Error::new(
            Kind::RequestTooLarge,
            format!("The request is larger than {BODY_BYTES} bytes"),
        )),
        Err(error) => Err(Error::invalid(format!("The request could not be read: {error}"))),
    }
}

fn success(status: StatusCode, answer: Answer) -> Response<Whole> {
    let mut response = respond(status, answer.body);
    if let Some(etag) = answer.etag.and_then(|etag| HeaderValue::try_from(etag).ok()) {
        response.headers_mut().insert(ETAG, etag);
    }
    response
}

fn failure(error: &Error) -> Response<Whole> {
    let status =
        StatusCode::from_u16(error.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = respond(status, error.body());
    response.headers_mut().insert(ERROR_TYPE, HeaderValue::from_static(error.kind.name()));
    response
}

fn respond(status: StatusCode, body: Vec<u8>) -> Response<Whole> {
    let mut response = Response::new(Whole::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    if let Ok(id) = HeaderValue::try_from(Uuid::new_v4().to_string()) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

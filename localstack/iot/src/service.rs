//! From an HTTP request to an HTTP response.

use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};
use serde_json::Value;
use sitewise_local::aws::{self, Parts};
use tracing::{debug, warn};
use uuid::Uuid;

use crate::cloud::{self, Answer};
use crate::error::{Error, Kind, Result};
use crate::operations::{self, Service};
use crate::server::Shared;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The largest body that is read. A template with all that may be in it stays below it.
const BODY_BYTES: usize = 1024 * 1024;

/// Answers one request.
pub(crate) async fn serve(
    shared: &Shared,
    request: Request<Incoming>,
) -> io::Result<Response<Full<Bytes>>> {
    let response = match answer(shared, request).await {
        Ok(answer) => respond(answer.status, &answer.body, None),
        Err(error) => {
            debug!(error = error.kind.name(), message = error.message, "refused");
            respond(error.kind.status(), &error.body(), Some(error.kind))
        }
    };
    Ok(response)
}

async fn answer(shared: &Shared, request: Request<Incoming>) -> Result<Answer> {
    let (head, body) = request.into_parts();
    let body = read(body).await?;
    let header = |name: &str| {
        head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let Some(authorization) = header(AUTHORIZATION.as_str()) else {
        let message = "A request must be signed: its signature names the service";
        return Err(Error::new(Kind::MissingAuthenticationToken, message));
    };
    let (method, path) = (head.method.as_str(), head.uri.path());
    let found = Service::signed(&authorization)
        .ok_or_else(|| Error::new(Kind::UnknownOperation, "Signed for another service"))
        .and_then(|service| operations::find(service, method, path));
    let (operation, labels) = found.inspect_err(|error| {
        if error.kind == Kind::UnknownOperation {
            warn!(method, path, "no such operation");
        }
    })?;
    let query = head.uri.query().unwrap_or_default();
    let parts = Parts { labels, query, header: &header, body: &body };
    let input = aws::input(operation.fields, &parts)
        .map_err(|error| Error::new(operation.invalid, error.message))?;
    let answer = shared.ask(|cloud, now| {
        let request = cloud::Request { input, now, id: Uuid::new_v4().to_string() };
        (operation.call)(cloud, &request)
    })?;
    debug!(operation = operation.name, "done");
    Ok(answer)
}

async fn read(body: Incoming) -> Result<Bytes> {
    match Limited::new(body, BODY_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let message = format!("The request is larger than {BODY_BYTES} bytes");
            Err(Error::new(Kind::RequestTooLarge, message))
        }
        Err(error) => Err(Error::invalid(format!("The request could not be read: {error}"))),
    }
}

fn respond(status: u16, body: &Value, error: Option<Kind>) -> Response<Full<Bytes>> {
    // A 204 has no body.
    let body = if status == 204 { String::new() } else { body.to_string() };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    if let Ok(id) = HeaderValue::try_from(Uuid::new_v4().to_string()) {
        headers.insert(REQUEST_ID, id);
    }
    if let Some(kind) = error {
        headers.insert(ERROR_TYPE, HeaderValue::from_static(kind.name()));
    }
    response
}

//! Answers, with the headers that every one of them has.

use std::hash::{Hash, Hasher};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap, HeaderName,
    HeaderValue, IF_NONE_MATCH, REFERRER_POLICY, RETRY_AFTER, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::{Response, StatusCode};
use rustc_hash::FxHasher;
use serde::Serialize;

/// Scripts, styles and data from here alone, nothing inline, in no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors \
                      'none'";

pub(super) const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

pub(super) type Reply = Response<Full<Bytes>>;

/// An answer with a body.
pub(super) fn reply(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(CONTENT_TYPE, content_type);
    set(CACHE_CONTROL, "no-cache");
    set(CONTENT_SECURITY_POLICY, POLICY);
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(X_FRAME_OPTIONS, "DENY");
    set(REFERRER_POLICY, "no-referrer");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    match status {
        StatusCode::METHOD_NOT_ALLOWED => set(ALLOW, "GET, HEAD"),
        StatusCode::UNAUTHORIZED => {
            set(WWW_AUTHENTICATE, "Basic realm=\"Sparkwise\", charset=\"UTF-8\"");
        }
        StatusCode::SERVICE_UNAVAILABLE => set(RETRY_AFTER, "5"),
        _ => {}
    }
    reply
}

/// A sentence.
pub(super) fn text(status: StatusCode, sentence: impl Into<String>) -> Reply {
    let mut sentence = sentence.into();
    sentence.push('\n');
    reply(status, TEXT, sentence)
}

/// An error by its status alone.
pub(super) fn status(status: StatusCode) -> Reply {
    text(status, status.canonical_reason().unwrap_or("error").to_lowercase())
}

/// Data; nothing but its tag where the reader has it already.
pub(super) fn json(request_headers: &HeaderMap, data: &impl Serialize) -> Reply {
    match serde_json::to_vec(data) {
        Ok(body) => tagged(request_headers, JSON, body),
        // None of the types here can fail.
        Err(_) => status(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// A body with a tag; nothing but the tag where the reader has it already.
pub(super) fn tagged(
    asked: &HeaderMap,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Reply {
    let body = body.into();
    let mut hasher = FxHasher::default();
    body.hash(&mut hasher);
    let tag = format!("\"{:016x}-{:x}\"", hasher.finish(), body.len());
    let had = asked.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let had = had.flat_map(|tags| tags.split(',')).any(|had| had.trim() == tag);
    let mut reply = if had {
        reply(StatusCode::NOT_MODIFIED, content_type, Bytes::new())
    } else {
        reply(StatusCode::OK, content_type, body)
    };
    if let Ok(tag) = HeaderValue::try_from(tag) {
        reply.headers_mut().insert(ETAG, tag);
    }
    reply
}

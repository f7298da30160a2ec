//! Authentication, and which requests are allowed.

use std::net::SocketAddr;

use hyper::header::{AUTHORIZATION, HOST, HeaderMap};
use hyper::{Method, Request, StatusCode};

use crate::config::Secret;

/// Bytes of path and query at most.
const URI_BYTES: usize = 2_048;

/// Decides whether a request is answered.
#[derive(Debug)]
pub(super) struct RequestGuard {
    loopback: bool,
    token: Option<Secret>,
}

impl RequestGuard {
    pub(super) fn new(addr: SocketAddr, token: Option<Secret>) -> Self {
        Self { loopback: addr.ip().is_loopback(), token }
    }

    /// Whether a request is allowed at all, before authentication.
    ///
    /// # Errors
    ///
    /// The status to answer with.
    pub(super) fn check<B>(&self, request: &Request<B>) -> Result<(), StatusCode> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(StatusCode::METHOD_NOT_ALLOWED);
        }
        let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
        if target > URI_BYTES {
            return Err(StatusCode::URI_TOO_LONG);
        }
        // DNS rebinding: a foreign page can make its own name resolve to this machine; that name is
        // then in `Host`, where only ours are allowed. Beyond loopback the token protects.
        if self.loopback && !names_this_machine(request) {
            return Err(StatusCode::MISDIRECTED_REQUEST);
        }
        Ok(())
    }

    /// Whether a request shows the token, if there is one.
    pub(super) fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        let Some(shown) = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
            return false;
        };
        let Some((scheme, shown)) = shown.split_once(' ') else { return false };
        let shown = shown.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            same(shown.as_bytes(), token.expose().as_bytes())
        } else if scheme.eq_ignore_ascii_case("basic") {
            let Some(pair) = crate::sitewise::decode_base64(shown) else { return false };
            let password = pair.iter().position(|byte| *byte == b':').map(|at| at + 1);
            let password = password.and_then(|at| pair.get(at..)).unwrap_or_default();
            same(password, token.expose().as_bytes())
        } else {
            false
        }
    }
}

fn names_this_machine<B>(request: &Request<B>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Ok(host) = host.to_str() else { return false };
    // An absolute target would win over the header.
    let target = request.uri().host();
    is_local(host_of(host)) && target.is_none_or(|target| is_local(host_of(target)))
}

/// A host without its port.
fn host_of(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    authority.split(':').next().unwrap_or_default()
}

fn is_local(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let loopback = host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    loopback || host == "localhost" || host.ends_with(".localhost")
}

/// Constant-time comparison: the time depends only on the length of `shown`.
fn same(shown: &[u8], secret: &[u8]) -> bool {
    let mut differ = u8::from(shown.len() != secret.len());
    for (place, byte) in shown.iter().enumerate() {
        let expected = secret.get(place % secret.len().max(1)).copied().unwrap_or_default();
        differ |= std::hint::black_box(byte ^ expected);
    }
    std::hint::black_box(differ) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(addr: &str, token: Option<&str>) -> RequestGuard {
        RequestGuard::new(addr.parse().unwrap(), token.map(Secret::new))
    }

    fn request(method: &str, uri: &str, hosts: &[&str]) -> Request<()> {
        let mut request = Request::builder().method(method).uri(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        request.body(()).unwrap()
    }

    fn authorization(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn only_reading_is_answered() {
        let guard = guard("127.0.0.1:80", None);
        for method in ["GET", "HEAD"] {
            assert_eq!(guard.check(&request(method, "/", &["localhost"])), Ok(()));
        }
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT", "BREW"] {
            let refused = guard.check(&request(method, "/", &["localhost"]));
            assert_eq!(refused, Err(StatusCode::METHOD_NOT_ALLOWED), "{method}");
        }
        let long = format!("/?{}", "x".repeat(URI_BYTES));
        let refused = guard.check(&request("GET", &long, &["localhost"]));
        assert_eq!(refused, Err(StatusCode::URI_TOO_LONG));
    }

    #[test]
    fn on_loopback_a_foreign_name_is_a_rebound_one() {
        let loopback = guard("127.0.0.1:80", None);
        for host in ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "[::1]:8080", "a.localhost"] {
            assert_eq!(loopback.check(&request("GET", "/", &[host])), Ok(()), "{host}");
        }
        let foreign: [&[&str]; 6] = [
            &[],
            &[""],
            &["evil.example"],
            &["localhost.evil.example:8080"],
            &["10.0.0.1"],
            &["localhost", "evil.example"],
        ];
        for hosts in foreign {
            let refused = loopback.check(&request("GET", "/", hosts));
            assert_eq!(refused, Err(StatusCode::MISDIRECTED_REQUEST), "{hosts:?}");
        }
        let absolute = request("GET", "http://evil.example/", &["localhost"]);
        assert_eq!(loopback.check(&absolute), Err(StatusCode::MISDIRECTED_REQUEST));
        let open = guard("0.0.0.0:80", Some("0123456789abcdef"));
        assert_eq!(open.check(&request("GET", "/", &["plant.example"])), Ok(()));
    }

    #[test]
    fn the_token_opens_as_bearer_or_as_password() {
        let guard = guard("0.0.0.0:80", Some("0123456789abcdef"));
        assert!(guard.admits(&authorization("Bearer 0123456789abcdef")));
        // anyone:0123456789abcdef
        assert!(guard.admits(&authorization("Basic YW55b25lOjAxMjM0NTY3ODlhYmNkZWY=")));
        for wrong in [
            "Bearer 0123456789abcdeF",
            "Bearer 0123456789abcde",
            "Bearer 0123456789abcdef0123456789abcdef",
            "Bearer ",
            "Bearer",
            "Basic 0123456789abcdef",
            "Basic YW55b25lOg==",
            "Digest 0123456789abcdef",
            "",
        ] {
            assert!(!guard.admits(&authorization(wrong)), "{wrong}");
        }
        assert!(!guard.admits(&HeaderMap::new()));
    }
}

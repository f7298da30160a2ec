//! The few requests to S3 that bulk imports need: path-style, over plain HTTP, to anything on one
//! machine that speaks S3. They are signed with the credentials `local` and `local`, for servers that
//! want a signature and check it.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The largest object that is read: the whole of it is held in memory.
const OBJECT_BYTES: usize = 1 << 30;
/// Tries of a request, as a service makes them by itself.
const TRIES: usize = 10;
const PAUSE: Duration = Duration::from_millis(50);
/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that speaks S3.
#[derive(Debug, Clone)]
pub(crate) struct S3 {
    authority: String,
    region: String,
}

/// Why a request came to nothing.
enum Fault {
    /// Another try would end the same way.
    Final(String),
    Passing(String),
}

impl S3 {
    /// The server at `http://HOST:PORT`.
    ///
    /// # Errors
    ///
    /// The endpoint is none.
    pub(crate) fn new(endpoint: &str, region: &str) -> Result<Self, String> {
        let authority = endpoint
            .strip_prefix("http://")
            .map(|rest| rest.trim_end_matches('/'))
            .filter(|rest| !rest.is_empty() && !rest.contains('/'))
            .ok_or_else(|| format!("the S3 endpoint must be http://HOST:PORT, not {endpoint}"))?;
        Ok(Self { authority: authority.to_owned(), region: region.to_owned() })
    }

    /// Reads an object.
    ///
    /// # Errors
    ///
    /// Why it cannot be read, after some tries.
    pub(crate) async fn get(&self, bucket: &str, key: &str) -> Result<Bytes, String> {
        self.request("GET", bucket, key, Bytes::new()).await
    }

    /// Writes an object.
    ///
    /// # Errors
    ///
    /// Why it cannot be written, after some tries.
    pub(crate) async fn put(&self, bucket: &str, key: &str, body: Vec<u8>) -> Result<(), String> {
        self.request("PUT", bucket, key, Bytes::from(body)).await.map(drop)
    }

    /// Deletes an object.
    ///
    /// # Errors
    ///
    /// Why it cannot be deleted, after some tries.
    pub(crate) async fn delete(&self, bucket: &str, key: &str) -> Result<(), String> {
        self.request("DELETE", bucket, key, Bytes::new()).await.map(drop)
    }

    async fn request(
        &self,
        method: &'static str,
        bucket: &str,
        key: &str,
        body: Bytes,
    ) -> Result<Bytes, String> {
        let path = format!("/{}/{}", encoded(bucket), encoded(key));
        let mut last = String::new();
        for _ in 0..TRIES {
            let tried = tokio::time::timeout(PATIENCE, self.once(method, &path, body.clone()));
            match tried.await {
                Ok(Ok(content)) => return Ok(content),
                Ok(Err(Fault::Final(reason))) => return Err(reason),
                Ok(Err(Fault::Passing(reason))) => last = reason,
                Err(_) => last = format!("no answer within {} s", PATIENCE.as_secs()),
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(last)
    }

    async fn once(&self, method: &'static str, path: &str, body: Bytes) -> Result<Bytes, Fault> {
        let request = self.signed(method, path, body).map_err(Fault::Final)?;
        let passing = |error: &dyn std::error::Error| Fault::Passing(error.to_string());
        let stream = TcpStream::connect(&self.authority).await.map_err(|error| passing(&error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| passing(&error))?;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(|error| passing(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), OBJECT_BYTES).collect().await;
            let body = body.map_err(|error| match error.is::<LengthLimitError>() {
                // It is not shorter the next time.
                true => Fault::Final(format!("{method} {path}: {error}")),
                false => Fault::Passing(error.to_string()),
            })?;
            judge(method, path, status, body.to_bytes())
        };
        tokio::pin!(exchange);
        tokio::select! {
            outcome = &mut exchange => outcome,
            // The connection may end with the last byte of the answer.
            _ = connection => exchange.await,
        }
    }

    fn signed(
        &self,
        method: &'static str,
        path: &str,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, String> {
        let url = format!("http://{}{path}", self.authority);
        let identity = Credentials::new("local", "local", None, None, "sitewise-local").into();
        let mut settings = SigningSettings::default();
        // The path is signed as it is sent.
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(SystemTime::now())
            .settings(settings)
            .build()
            .map_err(|error| error.to_string())?
            .into();
        let headers = [("host", self.authority.as_str())].into_iter();
        let signable = SignableRequest::new(method, &url, headers, SignableBody::Bytes(&body))
            .map_err(|error| error.to_string())?;
        let (signature, _) =
            sign(signable, &params).map_err(|error| error.to_string())?.into_parts();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.authority)
            .body(Full::new(body))
            .map_err(|error| error.to_string())?;
        signature.apply_to_request_http1x(&mut request);
        Ok(request)
    }
}

fn judge(method: &str, path: &str, status: StatusCode, body: Bytes) -> Result<Bytes, Fault> {
    if status.is_success() {
        return Ok(body);
    }
    let message = String::from_utf8_lossy(&body);
    let message: String = message.chars().filter(|letter| !letter.is_control()).take(300).collect();
    let reason = format!("{method} {path}: S3 answers {status} {message}");
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(Fault::Passing(reason));
    }
    Err(Fault::Final(reason))
}

/// Text as S3 wants it in a path: everything escaped but letters, digits, `-._~` and slashes.
fn encoded(text: &str) -> String {
    use std::fmt::Write as _;

    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

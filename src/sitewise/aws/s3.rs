//! Objects in S3, through the SDK's orchestrator
//! (`docs/decisions/0012-s3-without-a-generated-client.md`).

use std::fmt::Write;
use std::ops::Range;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_runtime::auth::SigningOptions;
use aws_sdk_iotsitewise::config::StalledStreamProtectionConfig;
use aws_sdk_iotsitewise::error::{BoxError, SdkError};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::base64;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_xml::decode::{Document, ScopedDecoder, XmlDecodeError, try_data};
use flate2::Crc;

use super::bounded::MAX_RESPONSE;
use super::response_inspector::ResponseInspector;
use super::unmodelled;
use crate::sitewise::api::ApiFault;
use crate::sitewise::{endpoint, fault};

const SERVICE: &str = "s3";
/// How long a call may take: an object of 16 MiB over a slow line.
const TIMEOUT: Duration = Duration::from_secs(300);
/// Bytes of an object that are read with a call at most.
const PART: usize = 16 << 20;
const _: () = assert!(PART <= MAX_RESPONSE, "no part would be read");

/// A bucket.
#[derive(Debug)]
pub(super) struct Bucket {
    /// Before the key in a request's path: the bucket's name, where the host does not name it.
    path: String,
    call: Operation<Request, Vec<u8>, ErrorMetadata>,
}

/// A request to the bucket.
#[derive(Debug)]
struct Request {
    method: &'static str,
    /// Path and query, encoded.
    uri: String,
    /// Which bytes of an object are read.
    range: Option<Range<usize>>,
    body: Vec<u8>,
}

/// An object of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Listed {
    key: String,
    size: usize,
}

impl Bucket {
    /// With the credentials and the HTTP client of `config`, in `region`.
    pub(super) fn new(
        config: &SdkConfig,
        region: &str,
        bucket: &str,
        inspector: ResponseInspector,
    ) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(super::sdk::CONNECT_TIMEOUT)
            .operation_timeout(TIMEOUT)
            .build();
        let (url, path) = address(config, region, bucket);
        let mut call = Operation::builder()
            .service_name(SERVICE)
            .operation_name("Object")
            .behavior_version(BehaviorVersion::latest())
            .no_retry()
            .timeout_config(timeouts)
            // The whole call has its timeout, and its body is in memory.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .with_connection_poisoning()
            .interceptor(inspector)
            .endpoint_url(&url);
        if let Some(client) = config.http_client() {
            call = call.http_client(client);
        }
        if let Some(source) = config.time_source() {
            call = call.time_source(source);
        }
        // S3 signs paths as they are sent, and wants the hash of the body.
        let mut options = SigningOptions::default();
        options.double_uri_encode = false;
        options.normalize_uri_path = false;
        options.content_sha256_header = true;
        let (layer, components) = unmodelled::signed_with(config, region, SERVICE, options);
        let plugin = StaticRuntimePlugin::new()
            .with_config(layer.freeze())
            .with_runtime_components(components);
        let call = call.runtime_plugin(plugin).serializer(request).deserializer(answer).build();
        Self { path, call }
    }

    /// Puts an object, over one that is there.
    pub(super) async fn put(&self, key: &str, content: Vec<u8>) -> Result<(), ApiFault> {
        let uri = format!("{}/{}", self.path, encoded(key, Slash::Kept));
        let put = Request { method: "PUT", uri, range: None, body: content };
        self.call(put, "s3:PutObject", key).await.map(drop)
    }

    /// Reads the objects below a prefix, `max_bytes` of them.
    pub(super) async fn read_below(
        &self,
        prefix: &str,
        max_bytes: usize,
    ) -> Result<Vec<Vec<u8>>, ApiFault> {
        let mut left = max_bytes;
        let mut objects = Vec::new();
        for Listed { key, size } in self.list(prefix).await? {
            let object = self.read(&key, size.min(left)).await?;
            left = left.saturating_sub(object.len());
            if !object.is_empty() {
                objects.push(object);
            }
        }
        Ok(objects)
    }

    /// Reads the first bytes of an object, part by part.
    async fn read(&self, key: &str, size: usize) -> Result<Vec<u8>, ApiFault> {
        let mut object = Vec::new();
        // Of an empty object there is no range.
        while object.len() < size {
            let from = object.len();
            let uri = format!("{}/{}", self.path, encoded(key, Slash::Kept));
            let range = Some(from..size.min(from + PART));
            let get = Request { method: "GET", uri, range, body: Vec::new() };
            object.append(&mut self.call(get, "s3:GetObject", key).await?);
            if object.len() == from {
                break;
            }
        }
        object.truncate(size);
        Ok(object)
    }

    /// The first thousand objects below a prefix.
    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, ApiFault> {
        let query = format!("list-type=2&prefix={}", encoded(prefix, Slash::Encoded));
        let uri = format!("{}/?{query}", self.path);
        let list = Request { method: "GET", uri, range: None, body: Vec::new() };
        let page = self.call(list, "s3:ListBucket", prefix).await?;
        listed(&page).map_err(|error| fault::of_answer(format!("s3:ListBucket {prefix}"), error))
    }

    async fn call(
        &self,
        request: Request,
        action: &'static str,
        key: &str,
    ) -> Result<Vec<u8>, ApiFault> {
        let answer: Result<_, SdkError<ErrorMetadata, HttpResponse>> =
            self.call.invoke(request).await;
        answer.map_err(|error| fault::of_operation(action, format!("{action} {key}"), &error))
    }
}

/// Where the bucket is, and what its paths begin with. What replaces S3 in the environment has one
/// host for all buckets; so has AWS for those whose certificate no name with dots would match.
fn address(config: &SdkConfig, region: &str, bucket: &str) -> (String, String) {
    if let Some(url) = endpoint::custom_url(config, "S3") {
        return (url, format!("/{bucket}"));
    }
    let is_china = region.starts_with("cn-");
    let is_dual = config.use_dual_stack() == Some(true);
    let name = if config.use_fips() == Some(true) { "s3-fips" } else { "s3" };
    let name = if is_dual { format!("{name}.dualstack") } else { name.to_owned() };
    let domain = if is_china { "amazonaws.com.cn" } else { "amazonaws.com" };
    let host = format!("{name}.{region}.{domain}");
    if bucket.contains('.') {
        (format!("https://{host}"), format!("/{bucket}"))
    } else {
        (format!("https://{bucket}.{host}"), String::new())
    }
}

/// Whether slashes stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slash {
    Kept,
    Encoded,
}

/// As [RFC 3986](https://www.rfc-editor.org/rfc/rfc3986#section-2.3) keeps it, and as S3 signs it.
fn encoded(text: &str, slash: Slash) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let is_kept = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if is_kept || (byte == b'/' && slash == Slash::Kept) {
            encoded.push(char::from(byte));
        } else {
            // Writing into memory does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn request(Request { method, uri, range, body }: Request) -> Result<HttpRequest, BoxError> {
    let length = body.len().to_string();
    let checksum = crc32(&body);
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method(method)?;
    request.set_uri(uri)?;
    let headers = request.headers_mut();
    if method == "PUT" {
        headers.insert("content-length", length);
        headers.insert("content-type", "text/csv");
        headers.insert("x-amz-sdk-checksum-algorithm", "CRC32");
        headers.insert("x-amz-checksum-crc32", checksum);
    }
    if let Some(Range { start, end }) = range {
        headers.insert("range", format!("bytes={start}-{}", end.saturating_sub(1)));
    }
    headers.insert("user-agent", unmodelled::USER_AGENT);
    Ok(request)
}

/// A body's checksum, as the header carries it. A bucket with Object Lock takes no object without one.
/// Source: [Checking object
/// integrity](https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html).
fn crc32(body: &[u8]) -> String {
    let mut crc = Crc::new();
    crc.update(body);
    base64::encode(crc.sum().to_be_bytes())
}

fn answer(response: &HttpResponse) -> Result<Vec<u8>, OrchestratorError<ErrorMetadata>> {
    let body = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        return Ok(body.to_vec());
    }
    let (code, message) = error_of(body).unwrap_or_default();
    let mut error = ErrorMetadata::builder();
    if let Some(code) = code {
        error = error.code(code);
    }
    if let Some(message) = message {
        error = error.message(message);
    }
    Err(OrchestratorError::operation(error.build()))
}

/// Code and message of an error. Source:
/// [Error responses](https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
fn error_of(body: &[u8]) -> Result<(Option<String>, Option<String>), XmlDecodeError> {
    let mut document = Document::new(std::str::from_utf8(body).unwrap_or_default());
    let mut root = document.root_element()?;
    let (mut code, mut message) = (None, None);
    while let Some(mut tag) = root.next_tag() {
        let text = match tag.start_el().local() {
            "Code" => &mut code,
            "Message" => &mut message,
            _ => continue,
        };
        *text = Some(try_data(&mut tag)?.into_owned());
    }
    Ok((code, message))
}

/// The objects of a list. Source:
/// [ListObjectsV2](https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html).
fn listed(body: &[u8]) -> Result<Vec<Listed>, XmlDecodeError> {
    let mut document = Document::new(std::str::from_utf8(body).unwrap_or_default());
    let mut root = document.root_element()?;
    let mut objects = Vec::new();
    while let Some(mut tag) = root.next_tag() {
        if tag.start_el().local() == "Contents" {
            objects.push(object(&mut tag)?);
        }
    }
    Ok(objects)
}

fn object(contents: &mut ScopedDecoder<'_, '_>) -> Result<Listed, XmlDecodeError> {
    let mut object = Listed::default();
    while let Some(mut tag) = contents.next_tag() {
        match tag.start_el().local() {
            "Key" => object.key = try_data(&mut tag)?.into_owned(),
            "Size" => object.size = try_data(&mut tag)?.trim().parse().unwrap_or(0),
            _ => {}
        }
    }
    Ok(object)
}

#[cfg(test)]
mod tests {
    use aws_config::Region;

    use super::*;

    fn config() -> SdkConfig {
        SdkConfig::builder().region(Region::new("eu-central-1")).build()
    }

    #[test]
    fn a_bucket_has_its_host_at_aws_and_its_path_elsewhere() {
        let at = |region, bucket| address(&config(), region, bucket);
        let host = |host: &str| format!("https://{host}");
        assert_eq!(
            at("eu-central-1", "late"),
            (host("late.s3.eu-central-1.amazonaws.com"), String::new())
        );
        assert_eq!(
            at("cn-north-1", "late"),
            (host("late.s3.cn-north-1.amazonaws.com.cn"), String::new())
        );
        assert_eq!(
            at("eu-central-1", "late.example"),
            (host("s3.eu-central-1.amazonaws.com"), "/late.example".to_owned())
        );
        let local = SdkConfig::builder().endpoint_url("http://127.0.0.1:9").build();
        assert_eq!(
            address(&local, "eu-central-1", "late"),
            ("http://127.0.0.1:9".to_owned(), "/late".to_owned())
        );
    }

    #[test]
    fn keys_are_encoded_as_s3_signs_them() {
        assert_eq!(encoded("a/b c+ü~.csv", Slash::Kept), "a/b%20c%2B%C3%BC~.csv");
        assert_eq!(encoded("a/b/", Slash::Encoded), "a%2Fb%2F");
    }

    /// A bucket with Object Lock refused every object.
    #[test]
    fn what_is_put_has_a_checksum() {
        let put = |method, body: &[u8]| {
            let uri = "https://late.example/a.csv".to_owned();
            request(Request { method, uri, range: None, body: body.to_vec() }).unwrap()
        };
        let checksum = |request: &HttpRequest| {
            request.headers().get("x-amz-checksum-crc32").map(str::to_owned)
        };
        // The check value of CRC-32 is CBF43926.
        assert_eq!(checksum(&put("PUT", b"123456789")).as_deref(), Some("y/Q5Jg=="));
        assert_eq!(checksum(&put("PUT", b"")).as_deref(), Some("AAAAAA=="));
        assert_eq!(checksum(&put("GET", b"")), None);
    }

    #[test]
    fn answers_are_read() {
        let list = "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/\
                    2006-03-01/\"><Name>late</Name><Contents><Key>a/b &amp; c</Key><ETag>x</ETag>\
                    <Size>12</Size></Contents><Contents><Size>0</Size><Key>d</Key></Contents>\
                    </ListBucketResult>";
        let object = |key: &str, size| Listed { key: key.to_owned(), size };
        assert_eq!(listed(list.as_bytes()).unwrap(), [object("a/b & c", 12), object("d", 0)]);
        assert!(listed(b"<html").is_err());
        let error = "<Error><Code>NoSuchBucket</Code><Message>It is not there</Message></Error>";
        assert_eq!(
            error_of(error.as_bytes()).unwrap(),
            (Some("NoSuchBucket".to_owned()), Some("It is not there".to_owned()))
        );
        assert!(error_of(b"").is_err());
    }
}

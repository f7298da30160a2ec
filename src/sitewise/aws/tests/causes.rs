//! What lies behind faults, and credentials that are read anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::sitewise::cause::Cause;

#[tokio::test]
async fn what_lies_behind_faults_is_told_apart() {
    let put = |config: SdkConfig| async move {
        let client = AwsSiteWise::with(&config, Duration::from_secs(2), None).unwrap();
        client.put(Vec::new()).await.unwrap_err()
    };
    let fault = put(config("http://127.0.0.1:1").build()).await;
    assert_eq!(fault.cause, Cause::Connection, "{fault}");
    let fault = put(config("http://sitewise.invalid").build()).await;
    assert_eq!(fault.cause, Cause::Dns, "{fault}");
    let mut without = config("http://127.0.0.1:1");
    without.set_credentials_provider(None);
    let fault = put(without.build()).await;
    assert_eq!(fault.cause, Cause::NoCredentials, "{fault}");
    let stub = Stub::start(|_| StubReply::Hang).await;
    let fault = put(config(&stub.url()).build()).await;
    assert_eq!(fault.cause, Cause::NoAnswer, "{fault}");
    let stub = Stub::start(|_| StubReply::text(200, "{}")).await;
    let fault = put(config(&stub.url().replace("http:", "https:")).build()).await;
    assert_eq!(fault.cause, Cause::Tls, "{fault}");
    assert!(fault.message.contains("may be one without TLS"), "{fault}");

    let cases = [
        (503, "ServiceUnavailableException", Cause::ServerError),
        (429, "ThrottlingException", Cause::Throttled),
        (403, "AccessDeniedException", Cause::Denied("BatchPutAssetPropertyValue")),
        (403, "ExpiredTokenException", Cause::Credentials),
        (403, "UnrecognizedClientException", Cause::Credentials),
        (400, "SomethingNewException", Cause::Foreign),
        (400, "InvalidRequestException", Cause::Answer),
    ];
    for (status, code, cause) in cases {
        let stub = Stub::start(move |_| StubReply::error(status, code)).await;
        let fault = put(config(&stub.url()).build()).await;
        assert_eq!(fault.cause, cause, "{fault}");
    }
    for (status, cause) in [(401, Cause::Foreign), (403, Cause::Foreign), (502, Cause::ServerError)]
    {
        let stub = Stub::start(move |_| StubReply::text(status, "<html>no</html>")).await;
        let fault = put(config(&stub.url()).build()).await;
        assert_eq!(fault.cause, cause, "{status}: {fault}");
    }
    let stub = Stub::start(|_| StubReply::error(403, "AccessDeniedException")).await;
    let fault = client(&stub).list_models(None).await.unwrap_err();
    assert_eq!(fault.cause.description(), "SiteWise denies iotsitewise:ListAssetModels", "{fault}");
}

/// It was "received corrupt message of type InvalidContentType".
#[tokio::test]
async fn a_port_without_tls_is_told_by_what_to_check() {
    use tokio::io::AsyncWriteExt;

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await
    });
    let client = AwsSiteWise::with(&config(&url).build(), Duration::from_secs(5), None).unwrap();
    let fault = client.put(Vec::new()).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Tls, "{fault}");
    let told = "the server that answers does not speak TLS at this port: check scheme and port in";
    assert!(fault.message.contains(told), "{fault}");
    server.abort();
}

/// They were kept until the process ended.
#[tokio::test]
async fn keys_that_were_rotated_are_taken_at_once() {
    let key = |id: &str| {
        SharedCredentialsProvider::new(Credentials::new(id, "secret", None, None, "test"))
    };
    let stub = Stub::start(|request| {
        if request.headers["authorization"].contains("Credential=old/") {
            return StubReply::error(403, "UnrecognizedClientException");
        }
        match request.path.as_str() {
            "/properties" => StubReply::text(200, r#"{"errorEntries":[]}"#),
            _ => StubReply::text(200, r#"{"assetModelSummaries":[]}"#),
        }
    })
    .await;
    let mut config = config(&stub.url());
    config.set_credentials_provider(Some(key("old")));
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let make: ProviderFactory = Box::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
        let new = key("new");
        Box::pin(async move { Some(new) })
    });
    let client = AwsSiteWise::with(&config.build(), Duration::from_secs(2), Some(make)).unwrap();
    client.put(Vec::new()).await.unwrap_err();
    client.put(Vec::new()).await.unwrap();
    client.list_models(None).await.unwrap();
    assert_eq!(made.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn keys_that_are_refused_again_and_again_are_read_anew_within_bounds() {
    let stub = Stub::start(|_| StubReply::error(403, "ExpiredTokenException")).await;
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let make: ProviderFactory = Box::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
        let old = Credentials::new("old", "secret", None, None, "test");
        Box::pin(async move { Some(SharedCredentialsProvider::new(old)) })
    });
    let config = config(&stub.url()).build();
    let client = AwsSiteWise::with(&config, Duration::from_secs(2), Some(make)).unwrap();
    for _ in 0..20 {
        client.put(Vec::new()).await.unwrap_err();
    }
    assert_eq!(made.load(Ordering::SeqCst), 1, "of twenty calls within five seconds");
}

/// Counts how often it is built, and gives this provider.
fn counted(of: impl ProvideCredentials + Clone + 'static) -> (Arc<AtomicUsize>, ProviderFactory) {
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let make: ProviderFactory = Box::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
        let provider = SharedCredentialsProvider::new(of.clone());
        Box::pin(async move { Some(provider) })
    });
    (made, make)
}

/// They were told as a connection to SiteWise that fails, and as SiteWise's silence where several
/// calls waited.
#[tokio::test]
async fn a_source_of_credentials_that_hangs_is_named_by_each_call() {
    let stub = Stub::start(|_| StubReply::text(200, "{}")).await;
    let mut config = config(&stub.url());
    config.set_credentials_provider(Some(SharedCredentialsProvider::new(Hangs)));
    let client = AwsSiteWise::with(&config.build(), Duration::from_secs(1), None).unwrap();
    let (put, list, again, more) = tokio::join!(
        client.put(Vec::new()),
        client.list_models(None),
        client.list_models(None),
        client.put(Vec::new()),
    );
    let faults = [put.unwrap_err(), list.unwrap_err(), again.unwrap_err(), more.unwrap_err()];
    for fault in faults {
        assert_eq!(fault.cause, Cause::CredentialSource, "{fault}");
        assert_eq!(fault.kind, ApiFaultKind::Unavailable, "{fault}");
        assert!(fault.message.contains("timed out"), "{fault}");
    }
    assert!(stub.requests().is_empty());
}

/// Each was told what all sources lack, in the SDK's words and over five lines.
#[tokio::test]
async fn credentials_that_no_source_has_are_told_in_one_sentence() {
    use aws_config::meta::credentials::CredentialsProviderChain;

    let chain = CredentialsProviderChain::first_try("Environment", NotLoaded)
        .or_else("Profile", NotLoaded)
        .or_else("Ec2InstanceMetadata", NotLoaded);
    let mut config = config("http://127.0.0.1:1");
    config.set_credentials_provider(Some(SharedCredentialsProvider::new(chain)));
    let client = AwsSiteWise::new(&config.build()).unwrap();
    let faults =
        [client.list_models(None).await.unwrap_err(), client.find_credentials().await.unwrap_err()];
    for fault in faults {
        assert_eq!(fault.cause, Cause::NoCredentials, "{fault}");
        assert!(
            fault.message.ends_with(
                ": none in the environment, a profile, a web identity token, \
            nor a container's or an instance's role"
            ),
            "{fault}"
        );
        assert!(fault.explain().starts_with("no AWS credentials were found: "), "{fault}");
    }
}

/// A proxy of another scheme was "SiteWise is unreachable", without the variable.
#[tokio::test]
async fn a_scheme_that_is_not_supported_names_where_it_comes_from() {
    let error = CredentialsError::provider_error("unsupported scheme socks5");
    let told = crate::sitewise::fault::of_credentials(&error).message;
    assert!(told.contains("a proxy in HTTPS_PROXY") && told.contains("http://host:port"), "{told}");
}

/// The whole chain was built with each call.
#[tokio::test]
async fn credentials_that_fail_to_load_are_built_anew_within_bounds() {
    let (made, make) = counted(NotLoaded);
    let mut config = config("http://127.0.0.1:1");
    config.set_credentials_provider(Some(SharedCredentialsProvider::new(NotLoaded)));
    let client = AwsSiteWise::with(&config.build(), Duration::from_secs(2), Some(make)).unwrap();
    for _ in 0..20 {
        let fault = client.put(Vec::new()).await.unwrap_err();
        assert_eq!(fault.cause, Cause::NoCredentials, "{fault}");
    }
    assert_eq!(made.load(Ordering::SeqCst), 1, "of twenty calls within five seconds");
}

#[derive(Clone, Debug)]
struct Hangs;

impl ProvideCredentials for Hangs {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(std::future::pending())
    }
}

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
    assert_eq!(fault.cause, Cause::Name, "{fault}");
    let mut without = config("http://127.0.0.1:1");
    without.set_credentials_provider(None);
    let fault = put(without.build()).await;
    assert_eq!(fault.cause, Cause::NoCredentials, "{fault}");
    let stub = Stub::start(|_| Reply::Hang).await;
    let fault = put(config(&stub.url()).build()).await;
    assert_eq!(fault.cause, Cause::Silence, "{fault}");
    let stub = Stub::start(|_| Reply::text(200, "{}")).await;
    let fault = put(config(&stub.url().replace("http:", "https:")).build()).await;
    assert_eq!(fault.cause, Cause::Tls, "{fault}");

    let cases = [
        (503, "ServiceUnavailableException", Cause::Failing),
        (429, "ThrottlingException", Cause::Throttled),
        (403, "AccessDeniedException", Cause::Action("BatchPutAssetPropertyValue")),
        (403, "ExpiredTokenException", Cause::Credentials),
        (403, "UnrecognizedClientException", Cause::Credentials),
        (400, "SomethingNewException", Cause::Foreign),
        (400, "InvalidRequestException", Cause::Answer),
    ];
    for (status, code, cause) in cases {
        let stub = Stub::start(move |_| Reply::error(status, code)).await;
        let fault = put(config(&stub.url()).build()).await;
        assert_eq!(fault.cause, cause, "{fault}");
    }
    for (status, cause) in [(401, Cause::Foreign), (403, Cause::Foreign), (502, Cause::Failing)] {
        let stub = Stub::start(move |_| Reply::text(status, "<html>no</html>")).await;
        let fault = put(config(&stub.url()).build()).await;
        assert_eq!(fault.cause, cause, "{status}: {fault}");
    }
    let stub = Stub::start(|_| Reply::error(403, "AccessDeniedException")).await;
    let fault = client(&stub).list_models(None).await.unwrap_err();
    assert_eq!(fault.cause.words(), "SiteWise denies iotsitewise:ListAssetModels", "{fault}");
}

/// They were kept until the process ended.
#[tokio::test]
async fn keys_that_were_rotated_are_taken_at_once() {
    let key = |id: &str| {
        SharedCredentialsProvider::new(Credentials::new(id, "secret", None, None, "test"))
    };
    let stub = Stub::start(|request| {
        if request.headers["authorization"].contains("Credential=old/") {
            return Reply::error(403, "UnrecognizedClientException");
        }
        match request.path.as_str() {
            "/properties" => Reply::text(200, r#"{"errorEntries":[]}"#),
            _ => Reply::text(200, r#"{"assetModelSummaries":[]}"#),
        }
    })
    .await;
    let mut config = config(&stub.url());
    config.set_credentials_provider(Some(key("old")));
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let make: Make = Box::new(move || {
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
    let stub = Stub::start(|_| Reply::error(403, "ExpiredTokenException")).await;
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let make: Make = Box::new(move || {
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

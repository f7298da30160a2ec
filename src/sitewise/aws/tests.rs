mod causes;
mod foreign;
mod large;
mod models;
mod properties;
mod quotas;
mod tags;
mod values;

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::future;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use serde_json::{Value, json};

use super::*;
use crate::sitewise::api::{NotificationState, PropertyDataType, Quality, Tqv, Variant};
use crate::sitewise::stub::{Stub, StubReply, StubRequest};
use crate::time::Timestamp;

#[tokio::test]
async fn errors_are_judged_by_their_code() {
    let cases = [
        (429, "ThrottlingException", ApiFaultKind::Throttled),
        (500, "InternalFailureException", ApiFaultKind::Unavailable),
        (503, "ServiceUnavailableException", ApiFaultKind::Unavailable),
        (409, "ConflictingOperationException", ApiFaultKind::Conflict),
        (409, "ResourceAlreadyExistsException", ApiFaultKind::AlreadyExists),
        (404, "ResourceNotFoundException", ApiFaultKind::NotFound),
        (412, "PreconditionFailedException", ApiFaultKind::Changed),
        (410, "LimitExceededException", ApiFaultKind::Limit),
        (400, "TooManyTagsException", ApiFaultKind::Limit),
        (400, "InvalidRequestException", ApiFaultKind::Invalid),
        (403, "AccessDeniedException", ApiFaultKind::Denied),
        (403, "UnrecognizedClientException", ApiFaultKind::Denied),
        (403, "ExpiredToken", ApiFaultKind::Denied),
        (403, "SignatureDoesNotMatch", ApiFaultKind::Denied),
        (400, "ThrottlingException", ApiFaultKind::Throttled),
        (400, "ValidationException", ApiFaultKind::Invalid),
        (400, "SomethingNewException", ApiFaultKind::Foreign),
        (400, "RequestAbortedException", ApiFaultKind::Foreign),
        (413, "RequestEntityTooLargeException", ApiFaultKind::Foreign),
        (500, "SomethingNewException", ApiFaultKind::Unavailable),
    ];
    for (status, code, kind) in cases {
        let stub = Stub::start(move |_| StubReply::error(status, code)).await;
        let fault = client(&stub).put(Vec::new()).await.unwrap_err();
        assert_eq!((fault.kind, fault.message), (kind, format!("write values: {code}: because")));
        assert_eq!(stub.requests().len(), 1, "{code} is tried once");
    }
}

#[tokio::test]
async fn errors_that_an_operation_does_not_model_are_understood() {
    let stub = Stub::start(|_| StubReply::error(409, "ConflictingOperationException")).await;
    let fault = client(&stub).list_models(None).await.unwrap_err();
    assert_eq!(fault.kind, ApiFaultKind::Conflict);
    assert_eq!(fault.message, "list asset models: ConflictingOperationException: because");
}

#[tokio::test]
async fn answers_without_a_code_are_judged_by_their_status() {
    for (status, kind) in [
        (429, ApiFaultKind::Busy),
        (500, ApiFaultKind::Unavailable),
        (502, ApiFaultKind::Unavailable),
        (503, ApiFaultKind::Unavailable),
        (400, ApiFaultKind::Foreign),
        (401, ApiFaultKind::Foreign),
        (403, ApiFaultKind::Foreign),
        (404, ApiFaultKind::Foreign),
        (407, ApiFaultKind::Foreign),
        (409, ApiFaultKind::Foreign),
        (413, ApiFaultKind::Foreign),
        (421, ApiFaultKind::Foreign),
    ] {
        for body in ["", "<html>busy</html>"] {
            let stub = Stub::start(move |_| StubReply::text(status, body)).await;
            let fault = client(&stub).put(Vec::new()).await.unwrap_err();
            assert_eq!(fault.kind, kind, "{status} {body:?}: {fault}");
            let stub = Stub::start(move |_| StubReply::text(status, body)).await;
            let fault = client(&stub).list_models(None).await.unwrap_err();
            assert_eq!(fault.kind, kind, "control plane, {status} {body:?}: {fault}");
        }
    }
}

/// A portal's page was told as an error of SiteWise.
#[tokio::test]
async fn what_is_no_answer_of_sitewise_is_told_as_another_ones() {
    for (status, cause) in [(200, Cause::Foreign), (302, Cause::Foreign), (502, Cause::ServerError)]
    {
        let stub =
            Stub::start(move |_| StubReply::text(status, "<html>Please sign in</html>")).await;
        let fault = client(&stub).put(Vec::new()).await.unwrap_err();
        assert_eq!((fault.kind, fault.cause), (ApiFaultKind::Unavailable, cause), "{fault}");
        let fault = client(&stub).list_models(None).await.unwrap_err();
        assert_eq!((fault.kind, fault.cause), (ApiFaultKind::Unavailable, cause), "{fault}");
    }
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_unavailable() {
    for reply in [StubReply::Drop, StubReply::Cut, StubReply::Hang] {
        let answer = reply.clone();
        let stub = Stub::start(move |_| answer.clone()).await;
        let fault = client(&stub).put(Vec::new()).await.unwrap_err();
        assert_eq!(fault.kind, ApiFaultKind::Unavailable, "{reply:?}: {fault}");
        assert_eq!(stub.requests().len(), 1, "{reply:?} is tried once");
    }
    let config = config("http://127.0.0.1:1").build();
    let fault = AwsSiteWise::new(&config).unwrap().list_models(None).await;
    assert_eq!(fault.unwrap_err().kind, ApiFaultKind::Unavailable);
}

#[tokio::test]
async fn missing_credentials_are_denied() {
    let stub = Stub::start(|_| StubReply::text(200, "{}")).await;
    let mut config = config(&stub.url());
    config.set_credentials_provider(Some(SharedCredentialsProvider::new(NotLoaded)));
    let client = AwsSiteWise::new(&config.build()).unwrap();
    let fault = client.put(Vec::new()).await.unwrap_err();
    assert_eq!(fault.kind, ApiFaultKind::Denied, "{fault}");
    let fault = client.account_and_region().await.unwrap_err();
    assert_eq!(fault.kind, ApiFaultKind::Denied, "{fault}");
    assert!(stub.requests().is_empty());
}

#[tokio::test]
async fn values_go_as_the_api_wants_them() {
    let stub = Stub::start(|_| StubReply::text(200, r#"{"errorEntries":[]}"#)).await;
    let value = |time, quality, value| Tqv { time: Timestamp::from_millis(time), quality, value };
    let entry = Entry {
        asset: Uuid::from_u128(1),
        property: Uuid::from_u128(2),
        values: vec![
            value(1_790_000_000_123, Quality::Good, Variant::Double(21.5)),
            value(1_790_000_001_000, Quality::Bad, Variant::Double(f64::NAN)),
            value(1_790_000_002_000, Quality::Uncertain, Variant::Null(PropertyDataType::Integer)),
            value(1_790_000_003_000, Quality::Good, Variant::String("läuft".into())),
            value(1_790_000_004_000, Quality::Good, Variant::Integer(-7)),
            value(1_790_000_005_000, Quality::Good, Variant::Boolean(true)),
        ],
    };
    let errors = client(&stub).put(vec![entry]).await.unwrap();
    assert_eq!(errors, []);
    let request = &stub.requests()[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/properties"));
    assert!(request.headers["user-agent"].contains("app/sparkwise"));
    let at = |seconds: i64, nanos: i64| json!({"timeInSeconds": seconds, "offsetInNanos": nanos});
    assert_eq!(
        request.json(),
        json!({"enablePartialEntryProcessing": true, "entries": [{
        "entryId": "0",
        "assetId": Uuid::from_u128(1).to_string(),
        "propertyId": Uuid::from_u128(2).to_string(),
        "propertyValues": [
            {"value": {"doubleValue": 21.5}, "timestamp": at(1_790_000_000, 123_000_000), "quality": "GOOD"},
            {"value": {"doubleValue": "NaN"}, "timestamp": at(1_790_000_001, 0), "quality": "BAD"},
            {"value": {"nullValue": {"valueType": "I"}}, "timestamp": at(1_790_000_002, 0), "quality": "UNCERTAIN"},
            {"value": {"stringValue": "läuft"}, "timestamp": at(1_790_000_003, 0), "quality": "GOOD"},
            {"value": {"integerValue": -7}, "timestamp": at(1_790_000_004, 0), "quality": "GOOD"},
            {"value": {"booleanValue": true}, "timestamp": at(1_790_000_005, 0), "quality": "GOOD"},
        ]}]})
    );
}

#[tokio::test]
async fn errors_of_entries_are_told_with_their_times() {
    let stub = Stub::start(|_| {
        let error = |code: &str, times: Value| json!({"errorCode": code, "errorMessage": "because", "timestamps": times});
        StubReply::json(
            200,
            &json!({"errorEntries": [
                {"entryId": "3", "errors": [
                    error("TimestampOutOfRangeException", json!([{"timeInSeconds": 1_690_000_000, "offsetInNanos": 5_000_000}])),
                    error("InvalidRequestException", json!([{"timeInSeconds": 1_790_000_000}])),
                ]},
                {"entryId": "0", "errors": [error("ThrottlingException", json!([]))]},
                {"entryId": "1", "errors": [error("SomethingNewException", json!([]))]},
            ]}),
        )
    })
    .await;
    let errors = client(&stub).put(Vec::new()).await.unwrap();
    let seen: Vec<_> =
        errors.iter().map(|error| (error.entry, error.fault.kind, error.times.clone())).collect();
    let at = |millis| vec![Timestamp::from_millis(millis)];
    assert_eq!(
        seen,
        [
            (3, ApiFaultKind::OutOfRange, at(1_690_000_000_005)),
            (3, ApiFaultKind::Invalid, at(1_790_000_000_000)),
            (0, ApiFaultKind::Throttled, vec![]),
            (1, ApiFaultKind::Unavailable, vec![]),
        ]
    );
    assert_eq!(errors[1].fault.message, "InvalidRequestException: because");
}

#[tokio::test]
async fn pages_are_as_long_as_the_api_allows() {
    let stub = Stub::start(|request: &StubRequest| {
        let asset = json!({"id": Uuid::from_u128(1).to_string(), "arn": "a", "name": "Turbine 7",
            "assetModelId": MODEL, "creationDate": 1, "lastUpdateDate": 1,
            "status": {"state": "ACTIVE"}, "hierarchies": []});
        let next = (!request.path.contains("nextToken")).then_some("next");
        StubReply::json(200, &json!({"assetSummaries": [asset], "nextToken": next}))
    })
    .await;
    let client = client(&stub);
    let page = client.list_assets(MODEL.parse().unwrap(), None).await.unwrap();
    assert_eq!(page.items[0].name, "Turbine 7");
    let page = client.list_children(Uuid::from_u128(5), page.next).await.unwrap();
    assert_eq!(page.next, None);
    let paths: Vec<String> = stub.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(
        paths,
        [
            format!("/assets?maxResults=250&assetModelId={MODEL}&filter=ALL"),
            format!(
                "/assets/{}/hierarchies?traversalDirection=CHILD&nextToken=next&maxResults=250",
                Uuid::from_u128(5)
            ),
        ]
    );
}

/// DescribeAsset does not tell the properties of composite models.
#[tokio::test]
async fn units_are_read_of_all_properties_page_by_page() {
    let stub = Stub::start(|request: &StubRequest| {
        let (id, path) = (Uuid::from_u128(3).to_string(), request.path.as_str());
        let property = match path.contains("nextToken") {
            true => json!({
                "id": id, "unit": "°F", "alias": "/a", "assetCompositeModelId": MODEL,
                "notification": {"topic": "t", "state": "ENABLED"},
            }),
            false => json!({"id": id}),
        };
        let next = (!path.contains("nextToken")).then_some("next");
        StubReply::json(200, &json!({"assetPropertySummaries": [property], "nextToken": next}))
    })
    .await;
    let (client, asset) = (client(&stub), Uuid::from_u128(5));
    let page = client.read_properties(asset, None).await.unwrap();
    let bare = AssetProperty { alias: None, notification: NotificationState::Disabled, unit: None };
    assert_eq!(page.items, [(Uuid::from_u128(3), bare)]);
    let page = client.read_properties(asset, page.next).await.unwrap();
    let own = AssetProperty {
        alias: Some("/a".to_owned()),
        notification: NotificationState::Enabled,
        unit: Some("°F".to_owned()),
    };
    assert_eq!((page.items, page.next), (vec![(Uuid::from_u128(3), own)], None));
    let paths: Vec<String> = stub.requests().into_iter().map(|request| request.path).collect();
    assert!(
        paths.iter().all(|path| path.contains("filter=ALL") && path.contains("maxResults=250"))
    );
}

#[tokio::test]
async fn the_account_comes_from_the_credentials_or_else_from_sts() {
    let stub = Stub::start(|_| {
        StubReply::text(
            200,
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult>\
             </GetCallerIdentityResponse>",
        )
        .header("x-amzn-requestid", "1")
    })
    .await;
    let asked = account_and_region(&config(&stub.url()).build()).await.unwrap();
    assert_eq!(asked, ("123456789012".to_owned(), "eu-west-1".to_owned()));
    assert_eq!(stub.requests().len(), 1);

    let known = Credentials::builder()
        .access_key_id("id")
        .secret_access_key("secret")
        .account_id("210987654321")
        .provider_name("test")
        .build();
    let mut config = config(&stub.url());
    config.set_credentials_provider(Some(SharedCredentialsProvider::new(known)));
    let (account, _) = account_and_region(&config.build()).await.unwrap();
    assert_eq!(account, "210987654321");
    assert_eq!(stub.requests().len(), 1);
}

/// An empty variable was the address of every call to STS: nothing started.
#[tokio::test]
async fn an_empty_address_of_sts_is_none() {
    #[derive(Debug)]
    struct Empty;
    impl LoadServiceConfig for Empty {
        fn load_config(&self, _: ServiceConfigKey<'_>) -> Option<String> {
            Some(String::new())
        }
    }
    let stub = Stub::start(|_| StubReply::error(403, "AccessDenied")).await;
    let config = config(&stub.url()).service_config(Empty).build();
    assert!(account_and_region(&config).await.is_err());
    assert_eq!(stub.requests().len(), 1);
    let config = config.into_builder().endpoint_url("").build();
    assert_eq!(endpoint::custom_url(&config, "STS"), None);
}

#[test]
fn without_a_region_there_is_no_client() {
    let config = SdkConfig::builder().build();
    assert_eq!(AwsSiteWise::new(&config).unwrap_err(), NoRegion);
}

#[test]
fn the_endpoint_is_the_one_that_calls_go_to() {
    let client = AwsSiteWise::new(&config("http://127.0.0.1:4567").build()).unwrap();
    assert_eq!(client.endpoint().to_string(), "http://127.0.0.1:4567 (region eu-west-1)");
    let config = SdkConfig::builder().region(Region::new("eu-west-1")).build();
    let client = AwsSiteWise::new(&config).unwrap();
    assert_eq!(client.endpoint().to_string(), "AWS region eu-west-1");
}

const MODEL: &str = "00000000-0000-0000-0000-000000000001";

fn config(url: &str) -> aws_types::sdk_config::Builder {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(url)
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "id", "secret", None, None, "test",
        )))
}

fn client(stub: &Stub) -> AwsSiteWise {
    let config = config(&stub.url()).build();
    AwsSiteWise::with(&config, Duration::from_millis(500), None).unwrap()
}

#[derive(Clone, Debug)]
struct NotLoaded;

impl ProvideCredentials for NotLoaded {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("none anywhere")))
    }
}

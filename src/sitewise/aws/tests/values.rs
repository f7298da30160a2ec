//! The call that writes values is put together by hand: it goes where the generated client's
//! calls go, and is signed as they are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_sdk_iotsitewise::config::http::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_types::body::SdkBody;
use aws_types::sdk_config::Builder;

use super::*;

#[tokio::test]
async fn values_go_where_all_calls_of_the_data_plane_go() {
    type With = fn(Builder) -> Builder;
    let all: [(&str, With); 6] = [
        ("eu-west-1", |config| config),
        ("cn-north-1", |config| config),
        ("us-gov-west-1", |config| config.use_fips(true)),
        ("us-east-1", |config| config.use_fips(true)),
        ("us-east-1", |config| config.use_dual_stack(true)),
        ("eu-west-1", |config| config.endpoint_url("http://127.0.0.1:4567/base")),
    ];
    for (region, with) in all {
        let (written, read) = both(with(here(region))).await;
        assert_eq!(written.url.rsplit_once('/').unwrap().1, "properties");
        let base = |url: &str| url.split("/properties").next().unwrap().to_owned();
        assert_eq!(base(&written.url), base(&read.url), "{region}");
        assert_eq!(written.scope(), read.scope(), "{region}");
    }
    let (written, _) = both(here("eu-west-1")).await;
    assert_eq!(written.url, "https://data.iotsitewise.eu-west-1.amazonaws.com/properties");
    assert!(written.scope().ends_with("/eu-west-1/iotsitewise/aws4_request"));
}

#[tokio::test]
async fn entries_and_their_values_go_in_order() {
    let stub = Stub::start(|_| StubReply::text(200, r#"{"errorEntries":[]}"#)).await;
    let value = |time, text: &str| Tqv {
        time: Timestamp::from_millis(time),
        quality: Quality::Good,
        value: Variant::String(text.into()),
    };
    let entry = |property, values| Entry {
        asset: Uuid::nil(),
        property: Uuid::from_u128(property),
        values,
    };
    let entries =
        vec![entry(1, vec![value(1_000, "a\"b\\"), value(2_000, "c\n")]), entry(2, vec![])];
    assert_eq!(client(&stub).put(entries).await.unwrap(), []);
    let sent = stub.requests()[0].json();
    let sent = sent["entries"].as_array().unwrap();
    let values = |at: usize| sent[at]["propertyValues"].as_array().unwrap().clone();
    assert_eq!((&sent[0]["entryId"], &sent[1]["entryId"]), (&json!("0"), &json!("1")));
    assert_eq!(sent[1]["propertyId"], json!(Uuid::from_u128(2).to_string()));
    let texts: Vec<_> =
        values(0).iter().map(|value| value["value"]["stringValue"].clone()).collect();
    assert_eq!((texts, values(1)), (vec![json!("a\"b\\"), json!("c\n")], vec![]));
}

#[tokio::test]
async fn a_session_s_token_goes_along_and_is_signed() {
    let credentials = Credentials::new("id", "secret", Some("token".to_owned()), None, "test");
    let provider = SharedCredentialsProvider::new(credentials);
    let (written, _) = both(here("eu-west-1").credentials_provider(provider)).await;
    assert_eq!(written.headers["x-amz-security-token"], "token");
    for signed in ["content-type", "host", "x-amz-date", "x-amz-security-token"] {
        assert!(written.signed().contains(&signed), "{signed}: {:?}", written.headers);
    }
}

#[tokio::test]
async fn an_error_s_code_may_stand_in_the_body_or_be_qualified() {
    for (header, body) in [
        ("ThrottlingException:http://internal.amazon.com/coral/", r#"{"message":"slow"}"#),
        ("", r#"{"__type":"aws.iotsitewise#ThrottlingException","message":"slow"}"#),
        ("", r#"{"code":"ThrottlingException","Message":"slow"}"#),
    ] {
        let stub = Stub::start(move |_| match header {
            "" => StubReply::text(400, body),
            header => StubReply::text(400, body).header("x-amzn-errortype", header),
        });
        let fault = client(&stub.await).put(Vec::new()).await.unwrap_err();
        assert_eq!(fault.kind, ApiFaultKind::Throttled, "{body}");
        assert_eq!(fault.message, "write values: ThrottlingException: slow", "{body}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_json_is_not_taken_for_success() {
    let stub = Stub::start(|_| StubReply::text(200, "<html>welcome</html>")).await;
    let fault = client(&stub).put(Vec::new()).await.unwrap_err();
    assert_eq!(fault.kind, ApiFaultKind::Unavailable, "{fault}");
    assert!(fault.message.contains("unreadable answer with status 200"), "{fault}");
}

fn here(region: &'static str) -> Builder {
    let credentials = Credentials::new("id", "secret", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
}

/// A request that writes values, and one of the generated client that reads some.
async fn both(config: Builder) -> (Seen, Seen) {
    let wire = Wire::default();
    let connector = SharedHttpConnector::new(wire.clone());
    let config = config.http_client(http_client_fn(move |_, _| connector.clone())).build();
    let client = AwsSiteWise::new(&config).unwrap();
    client.put(Vec::new()).await.unwrap();
    client.read_values(vec![(Uuid::nil(), Uuid::nil())]).await.unwrap();
    let mut seen = wire.0.lock().unwrap().clone().into_iter();
    (seen.next().unwrap(), seen.next().unwrap())
}

/// Takes every request and notes it.
#[derive(Clone, Debug, Default)]
struct Wire(Arc<Mutex<Vec<Seen>>>);

#[derive(Clone, Debug)]
struct Seen {
    url: String,
    headers: BTreeMap<String, String>,
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let headers = request.headers().iter();
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        self.0.lock().unwrap().push(Seen { url: request.uri().to_owned(), headers });
        let answer = HttpResponse::new(
            200.try_into().unwrap(),
            SdkBody::from(r#"{"errorEntries":[],"successEntries":[]}"#),
        );
        HttpConnectorFuture::ready(Ok(answer))
    }
}

impl Seen {
    /// For what the signature is: date, region, service.
    fn scope(&self) -> &str {
        self.part("Credential=").split_once('/').unwrap().1
    }

    fn signed(&self) -> Vec<&str> {
        self.part("SignedHeaders=").split(';').collect()
    }

    fn part(&self, name: &str) -> &str {
        let (_, part) = self.headers["authorization"].split_once(name).unwrap();
        part.split(',').next().unwrap()
    }
}

#[tokio::test]
async fn every_kind_of_value_is_read_as_it_was_written() {
    let value = |place: usize, value: serde_json::Value, quality: &str| {
        json!({
            "entryId": place.to_string(),
            "assetPropertyValue": {
                "value": value,
                "timestamp": { "timeInSeconds": 1_790_000_000, "offsetInNanos": 123_999_999 },
                "quality": quality,
            },
        })
    };
    let error = |place: usize, code: &str| json!({ "entryId": place.to_string(), "errorCode": code, "errorMessage": "because" });
    let answer = json!({
        "successEntries": [
            value(5, json!({ "nullValue": { "valueType": "D" } }), "BAD"),
            value(0, json!({ "integerValue": -7 }), "GOOD"),
            value(1, json!({ "doubleValue": 2.5 }), "UNCERTAIN"),
            value(2, json!({ "booleanValue": false }), "GOOD"),
            value(3, json!({ "stringValue": "" }), "GOOD"),
            { "entryId": "4" },
            value(8, json!({ "doubleValue": "NaN" }), "BAD"),
        ],
        "errorEntries": [
            error(6, "ResourceNotFoundException"),
            error(7, "ResourceNotFoundException"),
        ],
    });
    let stub = Stub::start(move |_| StubReply::json(200, &answer)).await;
    let of: Vec<_> = (0..9).map(|n| (Uuid::from_u128(n), Uuid::from_u128(100 + n))).collect();
    let mut read = client(&stub).read_values(of).await.unwrap();
    let nan = read.pop().unwrap().unwrap().unwrap();
    assert!(matches!(nan.value, Variant::Double(number) if number.is_nan()), "{nan:?}");
    let tqv = |value, quality| {
        Ok(Some(Tqv { time: Timestamp::from_millis(1_790_000_000_123), quality, value }))
    };
    let wanted = [
        tqv(Variant::Integer(-7), Quality::Good),
        tqv(Variant::Double(2.5), Quality::Uncertain),
        tqv(Variant::Boolean(false), Quality::Good),
        tqv(Variant::String("".into()), Quality::Good),
        Ok(None),
        tqv(Variant::Null(PropertyDataType::Double), Quality::Bad),
        Ok(None),
        Ok(None),
    ];
    assert_eq!(read, wanted);
    let asked = stub.requests()[0].json();
    assert_eq!(asked["entries"][3]["propertyId"], json!(Uuid::from_u128(103).to_string()));
}

#[tokio::test]
async fn an_entry_that_is_denied_is_no_others() {
    let answer = json!({
        "successEntries": [{ "entryId": "1" }],
        "errorEntries": [
            { "entryId": "0", "errorCode": "AccessDeniedException", "errorMessage": "because" },
            { "entryId": "2", "errorCode": "InvalidRequestException", "errorMessage": "because" },
            { "entryId": "3", "errorCode": "ResourceNotFoundException", "errorMessage": "gone" },
        ],
    });
    let stub = Stub::start(move |_| StubReply::json(200, &answer)).await;
    let of = vec![(Uuid::nil(), Uuid::nil()); 4];
    let read = client(&stub).read_values(of).await.unwrap();
    let read: Vec<_> = read.into_iter().map(|read| read.map_err(|fault| fault.kind)).collect();
    assert_eq!(read, [Err(ApiFaultKind::Denied), Ok(None), Err(ApiFaultKind::Invalid), Ok(None)]);
}

/// All of it can be tried again.
#[tokio::test]
async fn a_read_of_which_an_entry_is_throttled_is_throttled() {
    let answer = json!({
        "successEntries": [{ "entryId": "1" }],
        "errorEntries": [
            { "entryId": "0", "errorCode": "ThrottlingException", "errorMessage": "because" },
        ],
    });
    let stub = Stub::start(move |_| StubReply::json(200, &answer)).await;
    let of = vec![(Uuid::nil(), Uuid::nil()); 2];
    let fault = client(&stub).read_values(of).await.unwrap_err();
    assert_eq!(fault.kind, ApiFaultKind::Throttled, "{fault}");
}

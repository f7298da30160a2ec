//! Tags are read and written by ARN, which SiteWise tells.

use super::*;
use crate::sitewise::tags::{Taggable, Tags};

const SCOPE: &str = "arn:aws-cn:iotsitewise:cn-north-1:123456789012:";

#[tokio::test]
async fn the_arn_is_asked_for_once_and_tags_go_as_the_api_wants_them() {
    let (asset, model) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let stub = Stub::start(move |request| match (&*request.method, &*request.path) {
        ("GET", path) if path.starts_with("/assets/") => {
            let arn = format!("{SCOPE}asset/{asset}");
            StubReply::json(
                200,
                &json!({"assetId": asset.to_string(), "assetArn": arn, "assetName": "T7",
                "assetModelId": model.to_string(), "assetProperties": [], "assetHierarchies": [],
                "assetCreationDate": 1.0, "assetLastUpdateDate": 1.0,
                "assetStatus": {"state": "ACTIVE"}}),
            )
        }
        ("GET", _) => StubReply::json(200, &json!({"tags": {"team": "people"}})),
        _ => StubReply::json(200, &json!({})),
    })
    .await;
    let client = client(&stub);
    let tags = Tags::from([("team".to_owned(), "people".to_owned())]);
    assert_eq!(client.read_tags(Taggable::Asset(asset)).await.unwrap(), tags);
    client.tag(Taggable::Model(model), tags).await.unwrap();
    let requests = stub.requests();
    let told: Vec<_> = requests
        .iter()
        .map(|request| {
            (request.method.as_str(), request.path.replace("%3A", ":").replace("%2F", "/"))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("GET", format!("/assets/{asset}?excludeProperties=true")),
            ("GET", format!("/tags?resourceArn={SCOPE}asset/{asset}")),
            ("POST", format!("/tags?resourceArn={SCOPE}asset-model/{model}")),
        ]
    );
    assert_eq!(requests[2].json(), json!({"tags": {"team": "people"}}));
}

#[tokio::test]
async fn an_arn_that_cannot_be_read_is_asked_for_again() {
    let model = Uuid::from_u128(2);
    let stub = Stub::start(|_| StubReply::error(404, "ResourceNotFoundException")).await;
    let client = client(&stub);
    for _ in 0..2 {
        let fault = client.read_tags(Taggable::Model(model)).await.unwrap_err();
        assert_eq!(fault.kind, ApiFaultKind::NotFound);
        assert!(fault.message.starts_with(&format!("describe asset model {model}")), "{fault}");
    }
    assert_eq!(stub.requests().len(), 2);
}

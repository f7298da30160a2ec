//! What an asset's property has beyond its model's.

use super::*;
use crate::sitewise::api::{AssetProperty, NotificationState, UpdateProperty};

fn ids() -> (Uuid, Uuid) {
    (Uuid::from_u128(1), Uuid::from_u128(2))
}

#[tokio::test]
async fn a_property_is_described_at_the_root_and_in_a_composite_model() {
    let (asset, property) = ids();
    let told = json!({
        "id": property.to_string(),
        "name": "Temperature",
        "dataType": "DOUBLE",
        "alias": "/gw/temperature",
        "notification": { "topic": "$aws/sitewise/a", "state": "ENABLED" },
        "unit": "°F",
    });
    let within = json!({ "name": "More members 1", "type": "CUSTOM", "assetProperty": told });
    for place in [json!({ "assetProperty": told }), json!({ "compositeModel": within })] {
        let stub = Stub::start(move |_| StubReply::json(200, &place)).await;
        let read = client(&stub).describe_property(asset, property).await.unwrap();
        let wanted = AssetProperty {
            alias: Some("/gw/temperature".into()),
            notification: NotificationState::Enabled,
            unit: Some("°F".into()),
        };
        assert_eq!(read, wanted);
        assert_eq!(stub.requests()[0].path, format!("/assets/{asset}/properties/{property}"));
    }
    let stub = Stub::start(|_| StubReply::text(200, "{}")).await;
    let fault = client(&stub).describe_property(asset, property).await.unwrap_err();
    assert_eq!(fault.kind, ApiFaultKind::Unavailable, "{fault}");
}

#[tokio::test]
async fn an_update_sends_back_all_that_it_would_overwrite() {
    let (asset, property) = ids();
    let updates = [
        (
            Some("/gw/temperature"),
            NotificationState::Enabled,
            Some("°F"),
            json!({
                "propertyAlias": "/gw/temperature",
                "propertyNotificationState": "ENABLED",
                "propertyUnit": "°F",
            }),
        ),
        (
            None,
            NotificationState::Disabled,
            None,
            json!({ "propertyNotificationState": "DISABLED" }),
        ),
    ];
    for (alias, notification, unit, wanted) in updates {
        let stub = Stub::start(|_| StubReply::text(200, "{}")).await;
        let update = UpdateProperty {
            asset,
            property,
            alias: alias.map(str::to_owned),
            notification,
            unit: unit.map(str::to_owned),
        };
        client(&stub).update_property(update).await.unwrap();
        let request = stub.requests().remove(0);
        assert_eq!(
            (request.method.as_str(), request.path.as_str()),
            ("PUT", format!("/assets/{asset}/properties/{property}").as_str())
        );
        let mut sent = request.json();
        sent.as_object_mut().unwrap().remove("clientToken");
        assert_eq!(sent, wanted);
    }
}

//! What an asset sets on a property.

use super::limits::{asset, model};
use super::*;

/// What DescribeAssetProperty tells of the one property, which is in °C by its model.
fn shown(emulator: &Emulator, at: &str) -> (Value, Value, Value) {
    let shown = emulator.get(at).expect("a property")["assetProperty"].clone();
    (shown["alias"].clone(), shown["notification"]["state"].clone(), shown["unit"].clone())
}

#[test]
fn an_update_overwrites_alias_notification_and_unit() {
    let emulator = Emulator::new(Options::default());
    let measurement = json!({
        "name": "T", "dataType": "DOUBLE", "unit": "°C", "type": { "measurement": {} },
    });
    let model = model(&emulator, "m", &json!({ "assetModelProperties": [measurement] }));
    let model = model.expect("a model");
    let of_model = emulator.get(&format!("/asset-models/{model}")).expect("the model");
    let property = of_model["assetModelProperties"][0]["id"].as_str().expect("an id").to_owned();
    let asset = asset(&emulator, "a", &model).expect("an asset");
    let at = format!("/assets/{asset}/properties/{property}");
    assert_eq!(shown(&emulator, &at), (Value::Null, json!("DISABLED"), json!("°C")));

    let whole = json!({
        "propertyAlias": "/a/t", "propertyNotificationState": "ENABLED", "propertyUnit": "°F",
    });
    emulator.send("PUT", &at, &whole).expect("an update");
    assert_eq!(shown(&emulator, &at), (json!("/a/t"), json!("ENABLED"), json!("°F")));

    emulator.send("PUT", &at, &json!({ "propertyUnit": "K" })).expect("an update");
    assert_eq!(shown(&emulator, &at), (Value::Null, json!("DISABLED"), json!("K")));
    emulator.send("PUT", &at, &json!({})).expect("an update");
    assert_eq!(shown(&emulator, &at), (Value::Null, json!("DISABLED"), json!("°C")));

    for bad in [
        json!({ "propertyUnit": "" }),
        json!({ "propertyUnit": "a\u{7}" }),
        json!({ "propertyUnit": "x".repeat(257) }),
        json!({ "propertyAlias": "" }),
        json!({ "propertyNotificationState": "ON" }),
    ] {
        assert_eq!(emulator.send("PUT", &at, &bad), Err(Kind::InvalidRequest), "{bad}");
    }
    let elsewhere = format!("/assets/{asset}/properties/{asset}");
    assert_eq!(emulator.send("PUT", &elsewhere, &json!({})), Err(Kind::ResourceNotFound));
}

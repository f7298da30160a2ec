//! What is told about values.

use std::sync::{Mutex, PoisonError};

use super::limits::{asset, model};
use super::*;
use crate::options::{Notification, Notify};

#[test]
fn each_accepted_value_is_told_where_a_notification_is_on() {
    let told: Arc<Mutex<Vec<Notification>>> = Arc::default();
    let take = Arc::clone(&told);
    let notify =
        Notify::new(move |told| take.lock().unwrap_or_else(PoisonError::into_inner).push(told));
    let emulator = Emulator::new(Options { notify: Some(notify), ..Options::default() });
    let measurement = json!({ "name": "T", "dataType": "DOUBLE", "type": { "measurement": {} } });
    let model = model(&emulator, "m", &json!({ "assetModelProperties": [measurement] }));
    let model = model.expect("a model");
    let of_model = emulator.get(&format!("/asset-models/{model}")).expect("the model");
    let property = of_model["assetModelProperties"][0]["id"].as_str().expect("an id").to_owned();
    let asset = asset(&emulator, "a", &model).expect("an asset");
    let put = |numbers: &[f64], ago: u64| {
        let value = |number: &f64| {
            json!({
                "value": { "doubleValue": number },
                "timestamp": { "timeInSeconds": START - ago, "offsetInNanos": 5 },
                "quality": "GOOD",
            })
        };
        let values: Vec<_> = numbers.iter().map(value).collect();
        let entry = json!({
            "entryId": "e", "assetId": asset, "propertyId": property, "propertyValues": values,
        });
        emulator.post("/properties", &json!({ "entries": [entry] })).expect("an answer")
    };
    let taken = || std::mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner));

    put(&[1.0], 9);
    assert_eq!(taken(), [], "it is off");
    let at = format!("/assets/{asset}/properties/{property}");
    let on = json!({ "propertyNotificationState": "ENABLED" });
    emulator.send("PUT", &at, &on).expect("an update");
    put(&[1.0], 8);
    // The same value again is told as well; one that is refused is not.
    put(&[1.0], 7);
    put(&[2.0], 8 * 24 * 3600);
    let told = taken();
    assert_eq!(told.len(), 2, "{told:?}");
    let topic = format!("$aws/sitewise/asset-models/{model}/assets/{asset}/properties/{property}");
    let shown = emulator.get(&at).expect("a property");
    assert_eq!(shown["assetProperty"]["notification"]["topic"], topic.as_str());
    let payload: Value = serde_json::from_slice(&told[1].payload).expect("JSON");
    let value = json!({
        "value": { "doubleValue": 1.0 },
        "timestamp": { "timeInSeconds": START - 7, "offsetInNanos": 5 },
        "quality": "GOOD",
    });
    assert_eq!(told[1].topic, topic);
    let expected = json!({ "assetId": asset, "propertyId": property, "values": [value] });
    assert_eq!(payload, json!({ "type": "PropertyValueUpdate", "payload": expected }));
}

//! Which values are taken, and what a default may be.

use super::limits::{asset, model};
use super::*;

/// An asset with a property of the type DOUBLE: their ids.
fn thermometer(emulator: &Emulator) -> (String, String) {
    let temperature = json!({ "name": "T", "dataType": "DOUBLE", "type": { "measurement": {} } });
    let model = model(emulator, "m", &json!({ "assetModelProperties": [temperature] }));
    let model = model.expect("a model");
    let shown = emulator.get(&format!("/asset-models/{model}")).expect("the model");
    let property = shown["assetModelProperties"][0]["id"].as_str().expect("an id").to_owned();
    (asset(emulator, "a", &model).expect("an asset"), property)
}

/// The error code of a value that is written on its own, if there is one.
fn put(emulator: &Emulator, of: &(String, String), value: &Value, quality: &str) -> Option<String> {
    emulator.pass(1);
    let entry = json!({
        "entryId": "1",
        "assetId": of.0,
        "propertyId": of.1,
        "propertyValues": [{
            "value": value,
            "timestamp": { "timeInSeconds": emulator.now() },
            "quality": quality,
        }],
    });
    let answer = emulator.post("/properties", &json!({ "entries": [entry] })).expect("an answer");
    let code = answer["errorEntries"][0]["errors"][0]["errorCode"].as_str();
    code.map(str::to_owned)
}

#[test]
fn a_number_past_the_limit_is_refused_and_the_limit_can_be_set() {
    let past = 10_000_000_001.0;
    for (limit, taken) in [(Options::default().double_limit, false), (1e100, true)] {
        let emulator = Emulator::new(Options { double_limit: limit, ..Options::default() });
        let of = thermometer(&emulator);
        for number in [past, -past] {
            let code = put(&emulator, &of, &json!({ "doubleValue": number }), "GOOD");
            assert_eq!(code.is_none(), taken, "{number} of {limit}: {code:?}");
        }
        assert_eq!(put(&emulator, &of, &json!({ "doubleValue": 1e10 }), "GOOD"), None);
        let code = put(&emulator, &of, &json!({ "doubleValue": 1e101 }), "GOOD");
        assert_eq!(code.as_deref(), Some("InvalidRequestException"));
    }
}

#[test]
fn null_and_nan_are_taken_with_bad_and_uncertain_alone() {
    let emulator = Emulator::new(Options::default());
    let of = thermometer(&emulator);
    for value in [json!({ "nullValue": { "valueType": "D" } }), json!({ "doubleValue": "NaN" })] {
        for (quality, taken) in [("GOOD", false), ("BAD", true), ("UNCERTAIN", true)] {
            let code = put(&emulator, &of, &value, quality);
            assert_eq!(code.is_none(), taken, "{value} {quality}: {code:?}");
        }
    }
    let read = json!({
        "entries": [{ "entryId": "1", "assetId": of.0, "propertyId": of.1 }],
    });
    let latest = emulator.post("/properties/batch/latest", &read).expect("the latest");
    let latest = &latest["successEntries"][0]["assetPropertyValue"];
    assert_eq!(latest["value"], json!({ "doubleValue": "NaN" }));
    assert_eq!(latest["quality"], json!("UNCERTAIN"));
}

#[test]
fn a_default_that_is_no_value_of_its_type_is_refused() {
    let emulator = Emulator::new(Options::default());
    for (data_type, default, taken) in [
        ("DOUBLE", "8000.5", true),
        ("DOUBLE", "NaN", false),
        ("DOUBLE", "nan", false),
        ("DOUBLE", "Infinity", false),
        ("DOUBLE", "-inf", false),
        ("DOUBLE", "", false),
        ("INTEGER", "7", true),
        ("INTEGER", "", false),
        ("INTEGER", "2147483648", false),
        ("BOOLEAN", "true", true),
        ("BOOLEAN", "", false),
        ("STRING", "NaN", true),
        ("STRING", "", false),
    ] {
        let limit = json!({
            "name": "Limit",
            "dataType": data_type,
            "type": { "attribute": { "defaultValue": default } },
        });
        let name = format!("{data_type} {default}");
        let made = model(&emulator, &name, &json!({ "assetModelProperties": [limit] }));
        let wanted = if taken { None } else { Some(Kind::InvalidRequest) };
        assert_eq!(made.err(), wanted, "{name:?}");
    }
}

//! Asynchronous states by a clock that is set by hand.

use std::time::Duration;

use serde_json::json;

use super::{Emulator, measured};
use crate::options::Options;
use crate::wire::error::Kind;

const MODEL: &str = "10000000-0000-4000-8000-000000000001";
const PROPERTY: &str = "20000000-0000-4000-8000-000000000001";
const ASSET: &str = "30000000-0000-4000-8000-000000000001";

fn slow() -> Emulator {
    let delay = Duration::from_secs(10);
    Emulator::new(Options { create_delay: delay, update_delay: delay, ..Options::default() })
}

fn model_state(emulator: &Emulator) -> String {
    let model = emulator.get(&format!("/asset-models/{MODEL}")).expect("the model");
    model["assetModelStatus"]["state"].as_str().unwrap_or_default().to_owned()
}

fn asset_state(emulator: &Emulator) -> String {
    let asset = emulator.get(&format!("/assets/{ASSET}")).expect("the asset");
    asset["assetStatus"]["state"].as_str().unwrap_or_default().to_owned()
}

fn put(emulator: &Emulator) -> Option<String> {
    let value = json!({ "value": { "doubleValue": 1.0 }, "timestamp": { "timeInSeconds": emulator.now() } });
    let entry = json!({ "entryId": "e", "assetId": ASSET, "propertyId": PROPERTY, "propertyValues": [value] });
    let answer = emulator.post("/properties", &json!({ "entries": [entry] })).expect("an answer");
    answer["errorEntries"][0]["errors"][0]["errorCode"].as_str().map(str::to_owned)
}

#[test]
fn a_model_and_its_assets_go_through_their_states() {
    let emulator = slow();
    measured(&emulator, MODEL, PROPERTY);
    assert_eq!(model_state(&emulator), "CREATING");
    let asset = json!({ "assetName": "a", "assetId": ASSET, "assetModelId": MODEL });
    assert_eq!(emulator.post("/assets", &asset), Err(Kind::ConflictingOperation));
    emulator.pass(10);
    assert_eq!(model_state(&emulator), "ACTIVE");
    emulator.post("/assets", &asset).expect("an asset");
    assert_eq!(asset_state(&emulator), "CREATING");
    assert_eq!(put(&emulator).as_deref(), Some("ConflictingOperationException"));
    emulator.pass(10);
    assert_eq!(asset_state(&emulator), "ACTIVE");
    assert_eq!(put(&emulator), None);
}

#[test]
fn assets_are_locked_while_their_model_propagates() {
    let emulator = slow();
    measured(&emulator, MODEL, PROPERTY);
    emulator.pass(10);
    let asset = json!({ "assetName": "a", "assetId": ASSET, "assetModelId": MODEL });
    emulator.post("/assets", &asset).expect("an asset");
    emulator.pass(10);
    let same = json!({
        "assetModelName": "m",
        "assetModelProperties": [
            { "name": "v", "id": PROPERTY, "dataType": "DOUBLE", "type": { "measurement": {} } },
        ],
    });
    let target = format!("/asset-models/{MODEL}");
    emulator.send("PUT", &target, &same).expect("an update");
    for (state, seconds) in [("UPDATING", 5), ("PROPAGATING", 5)] {
        assert_eq!(model_state(&emulator), state);
        assert_eq!(asset_state(&emulator), "UPDATING");
        assert_eq!(put(&emulator).as_deref(), Some("ConflictingOperationException"));
        assert_eq!(emulator.send("PUT", &target, &same), Err(Kind::ConflictingOperation));
        emulator.pass(seconds);
    }
    assert_eq!((model_state(&emulator).as_str(), put(&emulator)), ("ACTIVE", None));
}

#[test]
fn a_removed_property_takes_its_data_with_it_once_the_update_is_active() {
    let emulator = slow();
    measured(&emulator, MODEL, PROPERTY);
    emulator.pass(10);
    emulator
        .post("/assets", &json!({ "assetName": "a", "assetId": ASSET, "assetModelId": MODEL }))
        .expect("an asset");
    emulator.pass(10);
    assert_eq!(put(&emulator), None);
    let latest = format!("/properties/latest?assetId={ASSET}&propertyId={PROPERTY}");
    emulator
        .send("PUT", &format!("/asset-models/{MODEL}"), &json!({ "assetModelName": "m" }))
        .expect("an update");
    emulator.pass(5);
    assert!(emulator.get(&latest).is_ok(), "the ACTIVE version is still in force");
    emulator.pass(5);
    assert_eq!(emulator.get(&latest), Err(Kind::ResourceNotFound));
    assert_eq!(emulator.shared.settled().usage().streams, 0);
}

#[test]
fn a_deletion_takes_its_time() {
    let emulator = slow();
    measured(&emulator, MODEL, PROPERTY);
    emulator.pass(10);
    emulator.send("DELETE", &format!("/asset-models/{MODEL}"), &json!({})).expect("a deletion");
    assert_eq!(model_state(&emulator), "DELETING");
    let taken = json!({ "assetModelName": MODEL });
    assert_eq!(emulator.post("/asset-models", &taken), Err(Kind::ResourceAlreadyExists));
    emulator.pass(10);
    assert_eq!(emulator.get(&format!("/asset-models/{MODEL}")), Err(Kind::ResourceNotFound));
    assert!(emulator.post("/asset-models", &taken).is_ok());
}

#[test]
fn the_same_state_comes_back_from_disk() {
    let emulator = Emulator::new(Options::default());
    measured(&emulator, MODEL, PROPERTY);
    emulator
        .post("/assets", &json!({ "assetName": "a", "assetId": ASSET, "assetModelId": MODEL }))
        .expect("an asset");
    assert_eq!(put(&emulator), None);
    let kept = serde_json::to_vec(&emulator.shared.lock().account.state).expect("text");
    let again = Emulator::new(Options::default());
    again.shared.lock().account.restore(serde_json::from_slice(&kept).expect("a state"));
    for target in [
        format!("/asset-models/{MODEL}"),
        format!("/assets/{ASSET}"),
        format!("/assets?assetModelId={MODEL}"),
        format!("/properties/latest?assetId={ASSET}&propertyId={PROPERTY}"),
    ] {
        assert_eq!(emulator.get(&target), again.get(&target), "{target}");
    }
    let twice = json!({ "assetName": "a", "assetModelId": MODEL });
    assert_eq!(again.post("/assets", &twice), Err(Kind::ResourceAlreadyExists));
}

#[test]
fn nothing_new_refers_to_what_is_being_deleted() {
    let emulator = slow();
    measured(&emulator, MODEL, PROPERTY);
    emulator.pass(10);
    emulator.send("DELETE", &format!("/asset-models/{MODEL}"), &json!({})).expect("a deletion");
    let hierarchies = json!([{ "name": "h", "childAssetModelId": MODEL }]);
    let parent = json!({ "assetModelName": "parent", "assetModelHierarchies": hierarchies });
    assert_eq!(emulator.post("/asset-models", &parent), Err(Kind::ConflictingOperation));
    let asset = json!({ "assetName": "a", "assetModelId": MODEL });
    assert_eq!(emulator.post("/assets", &asset), Err(Kind::ConflictingOperation));
}

#[test]
fn a_young_account_denies_conflicts_and_shows_values_late() {
    let options = Options {
        denied_for: Duration::from_secs(30),
        conflict_delay: Duration::from_secs(5),
        read_delay: Duration::from_secs(3),
        ..Options::default()
    };
    let emulator = Emulator::new(options);
    assert_eq!(emulator.get("/asset-models"), Err(Kind::AccessDenied));
    emulator.pass(30);
    measured(&emulator, MODEL, PROPERTY);
    emulator.pass(1);
    assert_eq!(model_state(&emulator), "ACTIVE");
    let asset = json!({ "assetName": "a", "assetId": ASSET, "assetModelId": MODEL });
    assert_eq!(emulator.post("/assets", &asset), Err(Kind::ConflictingOperation));
    emulator.pass(5);
    emulator.post("/assets", &asset).expect("an asset");
    emulator.pass(1);
    assert_eq!(put(&emulator), None);
    let latest = format!("/properties/latest?assetId={ASSET}&propertyId={PROPERTY}");
    let shown = || emulator.get(&latest).expect("an answer").get("propertyValue").is_some();
    assert!(!shown());
    emulator.pass(3);
    assert!(shown());
}

/// They were kept nowhere: what was taken shortly before the end was gone after the next start.
#[test]
fn values_that_cannot_be_read_yet_survive_a_restart() {
    let delayed = || Options { read_delay: Duration::from_secs(3), ..Options::default() };
    let emulator = Emulator::new(delayed());
    measured(&emulator, MODEL, PROPERTY);
    let asset = json!({ "assetName": "a", "assetId": ASSET, "assetModelId": MODEL });
    emulator.post("/assets", &asset).expect("an asset");
    let before = emulator.shared.lock().account.changes;
    assert_eq!(put(&emulator), None);
    let kept = {
        let core = emulator.shared.lock();
        assert!(core.account.changes > before, "it is written at the end");
        serde_json::to_vec(&core.account.state).expect("a state")
    };
    let next = Emulator::new(delayed());
    next.shared.lock().account.restore(serde_json::from_slice(&kept).expect("the state"));
    let latest = format!("/properties/latest?assetId={ASSET}&propertyId={PROPERTY}");
    let shown = || next.get(&latest).expect("an answer").get("propertyValue").is_some();
    assert!(!shown(), "the delay goes on");
    next.pass(3);
    assert!(shown());
}

#[test]
fn a_model_that_has_assets_is_not_deleted() {
    let emulator = Emulator::new(Options::default());
    measured(&emulator, MODEL, PROPERTY);
    let asset = json!({ "assetName": "a", "assetId": ASSET, "assetModelId": MODEL });
    emulator.post("/assets", &asset).expect("an asset");
    let path = format!("/asset-models/{MODEL}");
    assert_eq!(emulator.send("DELETE", &path, &serde_json::Value::Null), Err(Kind::InvalidRequest));
}

#[test]
fn a_double_comes_back_to_the_last_bit() {
    let emulator = Emulator::new(Options::default());
    measured(&emulator, MODEL, PROPERTY);
    let asset = json!({ "assetName": "a", "assetId": ASSET, "assetModelId": MODEL });
    emulator.post("/assets", &asset).expect("an asset");
    // Some that a quick reader of JSON has one unit in the last place off.
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    for second in 0..200 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        #[expect(clippy::cast_precision_loss, reason = "any double will do")]
        let number = (random >> 11) as f64 / 1.0e9;
        let time = emulator.now() - 1_000 + second;
        let value =
            json!({ "value": { "doubleValue": number }, "timestamp": { "timeInSeconds": time } });
        let entry = json!({ "entryId": "e", "assetId": ASSET, "propertyId": PROPERTY, "propertyValues": [value] });
        emulator.post("/properties", &json!({ "entries": [entry] })).expect("an answer");
        let latest = format!("/properties/latest?assetId={ASSET}&propertyId={PROPERTY}");
        let back = emulator.get(&latest).expect("a value");
        let back = back["propertyValue"]["value"]["doubleValue"].as_f64();
        assert_eq!(back.map(f64::to_bits), Some(number.to_bits()), "{number}");
        emulator.pass(1);
    }
}

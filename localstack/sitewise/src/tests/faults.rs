//! Faults are the same again for the same seed, and quotas follow the clock.

use serde_json::json;

use super::Emulator;
use crate::fault::{Effect, Fault, Faults};
use crate::options::Options;
use crate::quota::Quotas;
use crate::wire::error::Kind;

fn dropped(seed: u64) -> Vec<bool> {
    let mut faults = Faults::default();
    let fault = Fault { share: 0.3, seed, ..Fault::always(Effect::Drop { carried_out: true }) };
    faults.add(fault).expect("an order");
    (0..1_000).map(|_| faults.decide("CreateAsset").lost.is_some()).collect()
}

#[test]
fn a_share_is_met_and_follows_from_the_seed() {
    let first = dropped(7);
    assert_eq!(first, dropped(7));
    assert_ne!(first, dropped(8));
    let count = first.iter().filter(|dropped| **dropped).count();
    assert!((250..350).contains(&count), "{count}");
}

#[test]
fn a_count_begins_after_those_that_are_spared() {
    let mut faults = Faults::default();
    let effect = Effect::Drop { carried_out: false };
    let fault = Fault { after: 2, count: Some(3), ..Fault::always(effect) };
    faults.add(Fault { operations: vec!["CreateAsset".into()], ..fault }).expect("an order");
    assert!(faults.decide("DeleteAsset").lost.is_none());
    let lost: Vec<bool> = (0..7).map(|_| faults.decide("CreateAsset").lost.is_some()).collect();
    assert_eq!(lost, [false, false, true, true, true, false, false]);
}

#[test]
fn requests_are_throttled_until_the_bucket_fills_again() {
    let quotas = Quotas::default().with_requests("ListAssetModels", 2.0);
    let emulator = Emulator::new(Options { quotas, ..Options::default() });
    let list = || emulator.get("/asset-models").err();
    assert_eq!([list(), list(), list()], [None, None, Some(Kind::Throttling)]);
    emulator.pass(1);
    assert_eq!([list(), list(), list()], [None, None, Some(Kind::Throttling)]);
    assert_eq!(emulator.shared.settled().usage().throttles, 2);
}

#[test]
fn values_are_throttled_entry_by_entry() {
    let quotas = Quotas::default().with_values(3.0);
    let emulator = Emulator::new(Options { quotas, ..Options::default() });
    let id = "10000000-0000-4000-8000-000000000001";
    let value = json!({ "value": { "doubleValue": 1.0 }, "timestamp": { "timeInSeconds": emulator.now() } });
    let entry = |name: &str| json!({ "entryId": name, "assetId": id, "propertyId": id, "propertyValues": [value, value] });
    let answer = emulator
        .post("/properties", &json!({ "entries": [entry("a"), entry("b")] }))
        .expect("an answer");
    let codes = [0, 1]
        .map(|at| answer["errorEntries"][at]["errors"][0]["errorCode"].as_str().map(str::to_owned));
    assert_eq!(
        codes.each_ref().map(Option::as_deref),
        [Some("ResourceNotFoundException"), Some("ThrottlingException")]
    );
}

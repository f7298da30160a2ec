//! Random calls, valid and not, against a small model of what the account may hold.
//!
//! The reference knows names, trees and values and nothing of how the emulator keeps them. After
//! each call both must agree on the outcome, and at the end on everything there is.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Emulator, START};
use crate::options::Options;
use crate::wire::error::Kind;

#[derive(Debug, Clone)]
enum Call {
    CreateModel { id: u8, name: u8, child: Option<u8> },
    UpdateModel { id: u8, measured: bool, extra: u8 },
    DeleteModel { id: u8 },
    CreateAsset { id: u8, name: u8, model: u8 },
    DeleteAsset { id: u8 },
    Associate { parent: u8, child: u8 },
    Disassociate { parent: u8, child: u8 },
    Put { asset: u8, second: u8, quality: u8, value: i8 },
    Latest { asset: u8 },
    Pass,
}

fn calls() -> impl Strategy<Value = Call> {
    let few = 0..4_u8;
    let many = 0..6_u8;
    prop_oneof![
        2 => (few.clone(), few.clone(), prop::option::of(few.clone()))
            .prop_map(|(id, name, child)| Call::CreateModel { id, name, child }),
        1 => (few.clone(), prop::bool::weighted(0.7), 0..3_u8)
            .prop_map(|(id, measured, extra)| Call::UpdateModel { id, measured, extra }),
        1 => few.clone().prop_map(|id| Call::DeleteModel { id }),
        4 => (many.clone(), many.clone(), few).prop_map(|(id, name, model)| Call::CreateAsset { id, name, model }),
        1 => many.clone().prop_map(|id| Call::DeleteAsset { id }),
        3 => (many.clone(), many.clone()).prop_map(|(parent, child)| Call::Associate { parent, child }),
        1 => (many.clone(), many.clone()).prop_map(|(parent, child)| Call::Disassociate { parent, child }),
        6 => (many.clone(), 0..4_u8, 0..3_u8, any::<i8>())
            .prop_map(|(asset, second, quality, value)| Call::Put { asset, second, quality, value }),
        2 => many.prop_map(|asset| Call::Latest { asset }),
        2 => Just(Call::Pass),
    ]
}

const QUALITIES: [&str; 3] = ["GOOD", "BAD", "UNCERTAIN"];

fn id(kind: u8, number: u8) -> String {
    format!("{kind}0000000-0000-4000-8000-00000000000{number}")
}

#[derive(Debug, Clone, Copy)]
struct Model {
    name: u8,
    child: Option<u8>,
    /// Whether it has the property that values go to.
    measured: bool,
    /// How many other properties it has.
    extra: u8,
}

/// What may be there.
#[derive(Debug, Default)]
struct Reference {
    models: BTreeMap<u8, Model>,
    /// Name and model.
    assets: BTreeMap<u8, (u8, u8)>,
    parents: BTreeMap<u8, u8>,
    /// By asset; then by second and quality.
    values: BTreeMap<u8, BTreeMap<(u8, u8), i8>>,
    /// Entries of each asset's property in the present second.
    entries: BTreeMap<u8, u8>,
}

type Verdict = Result<(), Kind>;

impl Reference {
    fn create_model(&mut self, id: u8, name: u8, child: Option<u8>) -> Verdict {
        let taken =
            self.models.contains_key(&id) || self.models.values().any(|model| model.name == name);
        if taken {
            return Err(Kind::ResourceAlreadyExists);
        }
        if child.is_some_and(|child| !self.models.contains_key(&child)) {
            return Err(Kind::ResourceNotFound);
        }
        self.models.insert(id, Model { name, child, measured: true, extra: 0 });
        Ok(())
    }

    fn update_model(&mut self, id: u8, measured: bool, extra: u8) -> Verdict {
        let model = self.models.get_mut(&id).ok_or(Kind::ResourceNotFound)?;
        (model.measured, model.extra) = (measured, extra);
        if !measured {
            // A property that is left out goes with its data.
            let assets = self.assets.iter().filter(|asset| asset.1.1 == id).map(|asset| *asset.0);
            for asset in assets.collect::<Vec<_>>() {
                self.values.remove(&asset);
                self.entries.remove(&asset);
            }
        }
        Ok(())
    }

    fn is_measured(&self, asset: u8) -> bool {
        let model = self.assets.get(&asset).and_then(|asset| self.models.get(&asset.1));
        model.is_some_and(|model| model.measured)
    }

    fn delete_model(&mut self, id: u8) -> Verdict {
        if !self.models.contains_key(&id) {
            return Err(Kind::ResourceNotFound);
        }
        if self.assets.values().any(|asset| asset.1 == id) {
            return Err(Kind::InvalidRequest);
        }
        if self.models.values().any(|model| model.child == Some(id)) {
            return Err(Kind::ConflictingOperation);
        }
        self.models.remove(&id);
        Ok(())
    }

    fn create_asset(&mut self, id: u8, name: u8, model: u8) -> Verdict {
        if !self.models.contains_key(&model) {
            return Err(Kind::ResourceNotFound);
        }
        if self.assets.contains_key(&id)
            || self.assets.values().any(|asset| *asset == (name, model))
        {
            return Err(Kind::ResourceAlreadyExists);
        }
        self.assets.insert(id, (name, model));
        Ok(())
    }

    fn delete_asset(&mut self, id: u8) -> Verdict {
        if !self.assets.contains_key(&id) {
            return Err(Kind::ResourceNotFound);
        }
        if self.parents.contains_key(&id) || self.parents.values().any(|parent| *parent == id) {
            return Err(Kind::ConflictingOperation);
        }
        self.assets.remove(&id);
        self.values.remove(&id);
        self.entries.remove(&id);
        Ok(())
    }

    /// The child model of a parent's hierarchy, where both assets and the hierarchy exist.
    fn hierarchy(&self, parent: u8, child: u8) -> Result<u8, Kind> {
        let (_, model) = self.assets.get(&parent).ok_or(Kind::ResourceNotFound)?;
        if !self.assets.contains_key(&child) {
            return Err(Kind::ResourceNotFound);
        }
        self.models.get(model).and_then(|model| model.child).ok_or(Kind::ResourceNotFound)
    }

    fn associate(&mut self, parent: u8, child: u8) -> Verdict {
        let wanted = self.hierarchy(parent, child)?;
        let (name, model) = self.assets[&child];
        if model != wanted {
            return Err(Kind::InvalidRequest);
        }
        if self.parents.contains_key(&child) {
            return Err(Kind::ResourceAlreadyExists);
        }
        let siblings: BTreeSet<u8> =
            self.parents.iter().filter(|link| *link.1 == parent).map(|link| *link.0).collect();
        if siblings.iter().any(|sibling| self.assets[sibling].0 == name) {
            return Err(Kind::InvalidRequest);
        }
        self.parents.insert(child, parent);
        Ok(())
    }

    fn disassociate(&mut self, parent: u8, child: u8) -> Verdict {
        self.hierarchy(parent, child)?;
        if self.parents.get(&child) != Some(&parent) {
            return Err(Kind::ResourceNotFound);
        }
        self.parents.remove(&child);
        Ok(())
    }

    fn put(&mut self, asset: u8, key: (u8, u8), value: i8) -> Verdict {
        if !self.is_measured(asset) {
            return Err(Kind::ResourceNotFound);
        }
        let entries = self.entries.entry(asset).or_default();
        if *entries >= 10 {
            return Err(Kind::Throttling);
        }
        *entries += 1;
        self.values.entry(asset).or_default().insert(key, value);
        Ok(())
    }
}

fn model_body(own: u8, model: Model) -> Value {
    let Model { name, child, measured, extra } = model;
    let hierarchies: Vec<Value> = child
        .map(|child| json!({ "id": id(4, own), "name": "h", "childAssetModelId": id(1, child) }))
        .into_iter()
        .collect();
    let property = |id: String, name: String| json!({ "id": id, "name": name, "dataType": "INTEGER", "type": { "measurement": {} } });
    let properties: Vec<Value> = measured
        .then(|| property(id(2, own), "v".to_owned()))
        .into_iter()
        .chain((0..extra).map(|at| property(id(5 + at, own), format!("e{at}"))))
        .collect();
    json!({
        "assetModelId": id(1, own),
        "assetModelName": format!("model {name}"),
        "assetModelHierarchies": hierarchies,
        "assetModelProperties": properties,
    })
}

/// Sends the call; gives what the emulator said.
fn send(emulator: &Emulator, reference: &Reference, call: &Call) -> Verdict {
    let model_of = |asset: u8| reference.assets.get(&asset).map_or(9, |asset| asset.1);
    let link = |child: u8, parent: u8| json!({ "hierarchyId": id(4, model_of(parent)), "childAssetId": id(3, child) });
    let answer = match call {
        Call::CreateModel { id: own, name, child } => {
            let model = Model { name: *name, child: *child, measured: true, extra: 0 };
            emulator.post("/asset-models", &model_body(*own, model))
        }
        Call::UpdateModel { id: own, measured, extra } => {
            let known = reference.models.get(own).copied();
            let known = known.unwrap_or(Model { name: 9, child: None, measured: true, extra: 0 });
            let body = model_body(*own, Model { measured: *measured, extra: *extra, ..known });
            emulator.send("PUT", &format!("/asset-models/{}", id(1, *own)), &body)
        }
        Call::DeleteModel { id: own } => {
            emulator.send("DELETE", &format!("/asset-models/{}", id(1, *own)), &Value::Null)
        }
        Call::CreateAsset { id: own, name, model } => {
            let body = json!({ "assetId": id(3, *own), "assetName": format!("asset {name}"), "assetModelId": id(1, *model) });
            emulator.post("/assets", &body)
        }
        Call::DeleteAsset { id: own } => {
            emulator.send("DELETE", &format!("/assets/{}", id(3, *own)), &Value::Null)
        }
        Call::Associate { parent, child } => {
            emulator.post(&format!("/assets/{}/associate", id(3, *parent)), &link(*child, *parent))
        }
        Call::Disassociate { parent, child } => emulator
            .post(&format!("/assets/{}/disassociate", id(3, *parent)), &link(*child, *parent)),
        Call::Put { asset, second, quality, value } => {
            let entry = json!({
                "entryId": "e",
                "assetId": id(3, *asset),
                "propertyId": id(2, model_of(*asset)),
                "propertyValues": [{
                    "value": { "integerValue": value },
                    "timestamp": { "timeInSeconds": START - u64::from(*second) },
                    "quality": QUALITIES[usize::from(*quality)],
                }],
            });
            let answer = emulator.post("/properties", &json!({ "entries": [entry] }))?;
            let code = answer["errorEntries"][0]["errors"][0]["errorCode"].as_str();
            return code.and_then(Kind::named).map_or(Ok(()), Err);
        }
        Call::Latest { asset } => emulator.get(&latest(*asset, model_of(*asset))),
        Call::Pass => {
            emulator.pass(1);
            return Ok(());
        }
    };
    answer.map(|_| ())
}

fn latest(asset: u8, model: u8) -> String {
    format!("/properties/latest?assetId={}&propertyId={}", id(3, asset), id(2, model))
}

fn expect(reference: &mut Reference, call: &Call) -> Verdict {
    match call {
        Call::CreateModel { id, name, child } => reference.create_model(*id, *name, *child),
        Call::UpdateModel { id, measured, extra } => reference.update_model(*id, *measured, *extra),
        Call::DeleteModel { id } => reference.delete_model(*id),
        Call::CreateAsset { id, name, model } => reference.create_asset(*id, *name, *model),
        Call::DeleteAsset { id } => reference.delete_asset(*id),
        Call::Associate { parent, child } => reference.associate(*parent, *child),
        Call::Disassociate { parent, child } => reference.disassociate(*parent, *child),
        Call::Put { asset, second, quality, value } => {
            reference.put(*asset, (*second, *quality), *value)
        }
        Call::Latest { asset } if reference.is_measured(*asset) => Ok(()),
        Call::Latest { .. } => Err(Kind::ResourceNotFound),
        Call::Pass => {
            reference.entries.clear();
            Ok(())
        }
    }
}

fn compare(emulator: &Emulator, reference: &Reference) {
    let usage = emulator.shared.settled().usage();
    assert_eq!(usage.models, reference.models.len() as u64);
    assert_eq!(usage.assets, reference.assets.len() as u64);
    for (own, model) in &reference.models {
        let shown = emulator.get(&format!("/asset-models/{}", id(1, *own))).expect("the model");
        assert_eq!(shown["assetModelStatus"]["state"], "ACTIVE");
        let count = shown["assetModelProperties"].as_array().map_or(0, Vec::len);
        assert_eq!(count, usize::from(model.measured) + usize::from(model.extra));
    }
    for (asset, (name, model)) in &reference.assets {
        let shown = emulator.get(&format!("/assets/{}", id(3, *asset))).expect("the asset");
        assert_eq!(shown["assetName"], format!("asset {name}"));
        let parents = emulator
            .get(&format!("/assets/{}/hierarchies?traversalDirection=PARENT", id(3, *asset)));
        let parents = parents.expect("its parents");
        let expected =
            reference.parents.get(asset).map(|parent| json!(id(3, *parent))).unwrap_or_default();
        assert_eq!(
            parents["assetSummaries"].get(0).map(|parent| parent["id"].clone()).unwrap_or_default(),
            expected
        );
        if !reference.is_measured(*asset) {
            continue;
        }
        let history = emulator
            .get(&latest(*asset, *model).replace("latest", "history"))
            .expect("its history");
        let found: BTreeMap<(u64, String), i64> = history["assetPropertyValueHistory"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|point| {
                let second = point["timestamp"]["timeInSeconds"].as_u64().unwrap_or_default();
                let quality = point["quality"].as_str().unwrap_or_default().to_owned();
                ((second, quality), point["value"]["integerValue"].as_i64().unwrap_or_default())
            })
            .collect();
        let expected: BTreeMap<(u64, String), i64> = reference
            .values
            .get(asset)
            .into_iter()
            .flatten()
            .map(|((second, quality), value)| {
                let quality = QUALITIES[usize::from(*quality)].to_owned();
                ((START - u64::from(*second), quality), i64::from(*value))
            })
            .collect();
        assert_eq!(found, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn the_emulator_allows_what_the_reference_allows(calls in prop::collection::vec(calls(), 1..80)) {
        let emulator = Emulator::new(Options::default());
        let mut reference = Reference::default();
        for call in &calls {
            let said = send(&emulator, &reference, call);
            let expected = expect(&mut reference, call);
            prop_assert_eq!(said, expected, "{:?} of {:?}", call, calls);
        }
        compare(&emulator, &reference);
    }
}

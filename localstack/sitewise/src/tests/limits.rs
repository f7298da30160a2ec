//! Every resource quota, set small, met and then broken.

use serde_json::{Value, json};

use super::Emulator;
use crate::limits::Limits;
use crate::options::Options;
use crate::wire::error::Kind;

fn with(limits: Limits) -> Emulator {
    Emulator::new(Options { limits, ..Options::default() })
}

pub(super) fn model(emulator: &Emulator, name: &str, more: &Value) -> Result<String, Kind> {
    let mut body = json!({ "assetModelName": name });
    for (key, value) in more.as_object().into_iter().flatten() {
        body[key] = value.clone();
    }
    let made = emulator.post("/asset-models", &body)?;
    Ok(made["assetModelId"].as_str().unwrap_or_default().to_owned())
}

pub(super) fn asset(emulator: &Emulator, name: &str, model: &str) -> Result<String, Kind> {
    let made = emulator.post("/assets", &json!({ "assetName": name, "assetModelId": model }))?;
    Ok(made["assetId"].as_str().unwrap_or_default().to_owned())
}

fn measurements(count: usize) -> Value {
    (0..count)
        .map(|at| json!({ "name": format!("p{at}"), "dataType": "DOUBLE", "type": { "measurement": {} } }))
        .collect()
}

fn hierarchies(children: &[&str]) -> Value {
    let named = children.iter().enumerate();
    let list: Vec<Value> = named
        .map(|(at, child)| json!({ "name": format!("h{at}"), "childAssetModelId": child }))
        .collect();
    json!({ "assetModelHierarchies": list })
}

fn composite(emulator: &Emulator, model: &str, name: &str, more: &Value) -> Result<String, Kind> {
    let mut body =
        json!({ "assetModelCompositeModelName": name, "assetModelCompositeModelType": "CUSTOM" });
    for (key, value) in more.as_object().into_iter().flatten() {
        body[key] = value.clone();
    }
    let made = emulator.post(&format!("/asset-models/{model}/composite-models"), &body)?;
    Ok(made["assetModelCompositeModelId"].as_str().unwrap_or_default().to_owned())
}

const LIMIT: Option<Kind> = Some(Kind::LimitExceeded);

#[test]
fn models_and_assets() {
    let emulator = with(Limits { models: 2, assets_per_model: 2, ..Limits::default() });
    let first = model(&emulator, "a", &json!({})).expect("one");
    model(&emulator, "b", &json!({})).expect("two");
    assert_eq!(model(&emulator, "c", &json!({})).err(), LIMIT);
    assert!(asset(&emulator, "1", &first).is_ok() && asset(&emulator, "2", &first).is_ok());
    assert_eq!(asset(&emulator, "3", &first).err(), LIMIT);
}

#[test]
fn children_of_an_asset() {
    let emulator = with(Limits { children_per_asset: 2, ..Limits::default() });
    let child = model(&emulator, "child", &json!({})).expect("a child");
    let parent = model(&emulator, "parent", &hierarchies(&[&child])).expect("a parent");
    let shown = emulator.get(&format!("/asset-models/{parent}")).expect("the parent");
    let hierarchy = shown["assetModelHierarchies"][0]["id"].clone();
    let top = asset(&emulator, "top", &parent).expect("an asset");
    let associated: Vec<Option<Kind>> = ["1", "2", "3"]
        .iter()
        .map(|name| {
            let below = asset(&emulator, name, &child).expect("a child");
            let body = json!({ "hierarchyId": hierarchy, "childAssetId": below });
            emulator.post(&format!("/assets/{top}/associate"), &body).err()
        })
        .collect();
    assert_eq!(associated, [None, None, LIMIT]);
}

#[test]
fn trees_of_models() {
    let limits = Limits {
        hierarchy_depth: 3,
        models_per_tree: 4,
        parents_per_model: 2,
        hierarchies_per_model: 3,
        ..Limits::default()
    };
    let emulator = with(limits);
    let leaf = model(&emulator, "leaf", &json!({})).expect("a leaf");
    let middle = model(&emulator, "middle", &hierarchies(&[&leaf])).expect("depth two");
    let top = model(&emulator, "top", &hierarchies(&[&middle])).expect("depth three");
    assert_eq!(model(&emulator, "higher", &hierarchies(&[&top])).err(), LIMIT);
    model(&emulator, "second parent", &hierarchies(&[&leaf])).expect("two parents");
    assert_eq!(model(&emulator, "third parent", &hierarchies(&[&leaf])).err(), LIMIT);
    let leaves: Vec<String> = (0..4)
        .map(|at| model(&emulator, &format!("leaf {at}"), &json!({})).expect("a leaf"))
        .collect();
    let leaves: Vec<&str> = leaves.iter().map(String::as_str).collect();
    assert_eq!(model(&emulator, "four hierarchies", &hierarchies(&leaves)).err(), LIMIT);
    let wide = model(&emulator, "wide", &hierarchies(&leaves[..3])).expect("four models");
    assert_eq!(model(&emulator, "five models", &hierarchies(&[&wide])).err(), LIMIT);
}

#[test]
fn properties_and_composite_models() {
    let limits = Limits {
        root_properties: 3,
        properties_per_model: 5,
        properties_per_composite: 2,
        composites_per_model: 3,
        composite_depth: 2,
        models_per_component: 1,
        ..Limits::default()
    };
    let emulator = with(limits);
    let with_root = |count| json!({ "assetModelProperties": measurements(count) });
    assert_eq!(model(&emulator, "four", &with_root(4)).err(), LIMIT);
    let own = model(&emulator, "three", &with_root(3)).expect("three properties");
    let of = |count| json!({ "assetModelCompositeModelProperties": measurements(count) });
    assert_eq!(composite(&emulator, &own, "three", &of(3)).err(), LIMIT);
    let outer = composite(&emulator, &own, "two", &of(2)).expect("five in all");
    assert_eq!(composite(&emulator, &own, "one more", &of(1)).err(), LIMIT);
    let inside = |parent: &str| json!({ "parentAssetModelCompositeModelId": parent });
    let inner = composite(&emulator, &own, "inner", &inside(&outer)).expect("depth two");
    assert_eq!(composite(&emulator, &own, "deeper", &inside(&inner)).err(), LIMIT);
    composite(&emulator, &own, "third", &json!({})).expect("three composite models");
    assert_eq!(composite(&emulator, &own, "fourth", &json!({})).err(), LIMIT);
    let component =
        json!({ "assetModelType": "COMPONENT_MODEL", "assetModelProperties": measurements(1) });
    let component = model(&emulator, "component", &component).expect("a component");
    let made_of = json!({ "composedAssetModelId": component });
    for (name, expected) in [("first user", None), ("second user", LIMIT)] {
        let user = model(&emulator, name, &json!({})).expect("a user");
        assert_eq!(composite(&emulator, &user, "part", &made_of).err(), expected, "{name}");
    }
}

#[test]
fn formulas_and_tags() {
    let limits = Limits {
        direct_dependents: 2,
        dependents: 3,
        property_depth: 3,
        tags: 2,
        ..Limits::default()
    };
    let emulator = with(limits);
    let transform = |name: &str, source: &str| {
        let variables = json!([{ "name": "v", "value": { "propertyId": source } }]);
        let transform = json!({ "expression": "v", "variables": variables });
        json!({ "name": name, "dataType": "DOUBLE", "type": { "transform": transform } })
    };
    let formulas = |links: &[(&str, &str)]| {
        let source = json!({ "name": "p", "dataType": "DOUBLE", "type": { "measurement": {} } });
        let made = links.iter().map(|(name, source)| transform(name, source));
        json!({ "assetModelProperties": std::iter::once(source).chain(made).collect::<Vec<_>>() })
    };
    let made = |name: &str, links: &[(&str, &str)]| model(&emulator, name, &formulas(links)).err();
    assert_eq!(made("two direct", &[("a", "p"), ("b", "p")]), None);
    assert_eq!(made("three direct", &[("a", "p"), ("b", "p"), ("c", "p")]), LIMIT);
    assert_eq!(made("three in all", &[("a", "p"), ("b", "p"), ("c", "a")]), None);
    assert_eq!(made("four in all", &[("a", "p"), ("b", "p"), ("c", "a"), ("d", "a")]), LIMIT);
    assert_eq!(made("a chain of four", &[("a", "p"), ("b", "a"), ("c", "b")]), LIMIT);
    assert_eq!(made("a ring", &[("a", "b"), ("b", "a")]), Some(Kind::InvalidRequest));
    let own = model(&emulator, "tagged", &json!({ "tags": { "a": "1" } })).expect("a model");
    let target =
        format!("/tags?resourceArn=arn:aws:iotsitewise:us-east-1:123456789012:asset-model/{own}");
    assert_eq!(emulator.post(&target, &json!({ "tags": { "b": "2", "a": "3" } })).err(), None);
    assert_eq!(
        emulator.post(&target, &json!({ "tags": { "c": "3" } })).err(),
        Some(Kind::TooManyTags)
    );
}

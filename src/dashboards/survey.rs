//! What a twin has, as far as dashboards need it.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{BridgeAsset, Machine, Model, Plant, Property};
use crate::sitewise::api::Variant;
use crate::twin::Twin;
use crate::twin::identity::PropertyRole;
use crate::twin::mapping::ValueForm;
use crate::twin::view::{AssetIx, AssetKind, DesiredModel, DesiredProperty, ModelIx, ShownValue};

/// Assets of a model whose attributes are looked at: a range that these agree on is drawn.
const LOOKED_AT: usize = 20;

/// What `twin` has, and what its ids derive from.
pub fn plant(twin: &Twin, namespace: &str) -> Plant {
    let mut plant = Plant { namespace: namespace.to_owned(), ..Plant::default() };
    let mut of_model: BTreeMap<ModelIx, Vec<(Uuid, AssetIx)>> = BTreeMap::new();
    for (ix, asset) in twin.assets_from(0) {
        of_model.entry(asset.model).or_default().push((asset.id, ix));
        match &asset.kind {
            AssetKind::Source(source) => {
                let model = twin.model_at(asset.model);
                let of = |name| Some(presence(model, name, ValueForm::Seconds)?.id);
                let times = of("Last birth").zip(of("Last death"));
                plant.machines.extend(times.map(|(last_birth, last_death)| Machine {
                    asset: asset.id,
                    address: asset.address.to_string(),
                    group: source.edge.group.to_string(),
                    node: source.edge.node.to_string(),
                    device: source.device.as_deref().map(str::to_owned),
                    last_birth,
                    last_death,
                }));
            }
            AssetKind::Bridge => {
                let model = twin.model_at(asset.model);
                let heartbeat = presence(model, "Heartbeat", ValueForm::Seconds);
                plant.bridge = plant.bridge.or(heartbeat.map(|heartbeat| BridgeAsset {
                    asset: asset.id,
                    name: asset.name.to_string(),
                    heartbeat: heartbeat.id,
                }));
            }
            AssetKind::Group | AssetKind::Instance | AssetKind::Level(..) => {}
        }
    }
    for (ix, mut assets) in of_model {
        // The same ones whatever the order of the births.
        assets.sort_unstable();
        let values = attribute_values(twin, ix, &assets);
        let model = twin.model_at(ix);
        let property =
            |of: &DesiredProperty| Property { value: values.get(&of.id).cloned(), ..described(of) };
        plant.models.push(Model {
            id: model.id,
            name: model.name.clone(),
            properties: model.properties.iter().map(property).collect(),
            parent_online: parent_online(twin, &assets),
        });
    }
    plant
}

/// By its path: where an account has a property of the same path in another form, one of the two
/// has another name.
fn presence<'a>(
    model: &'a DesiredModel,
    path: &str,
    form: ValueForm,
) -> Option<&'a DesiredProperty> {
    let is_it = |has: &&DesiredProperty| {
        has.role == PropertyRole::Presence && has.form == form && has.path().eq([path])
    };
    model.properties.iter().find(is_it)
}

fn described(of: &DesiredProperty) -> Property {
    Property {
        id: of.id,
        name: of.name.to_string(),
        path: of.path().map(str::to_owned).collect(),
        role: of.role,
        form: of.form,
        unit: of.unit.as_deref().map(str::to_owned),
        value: None,
    }
}

/// What the first assets of a model show of each attribute, where they agree.
fn attribute_values(
    twin: &Twin,
    model: ModelIx,
    assets: &[(Uuid, AssetIx)],
) -> BTreeMap<Uuid, String> {
    let is_static = |role| role == PropertyRole::Property;
    if !twin.model_at(model).properties.iter().any(|of| is_static(of.role)) {
        return BTreeMap::new();
    }
    let mut values: BTreeMap<Uuid, Option<String>> = BTreeMap::new();
    for (_, asset) in assets.iter().take(LOOKED_AT) {
        for (_, property, shown) in twin.property_values(*asset) {
            let shown = match shown {
                ShownValue::Default(text) => Some(text.to_owned()),
                ShownValue::Own(value) => text(value),
                ShownValue::Nothing | ShownValue::Last(_) | ShownValue::Bridge(_) => None,
            };
            if is_static(property.role) {
                let had = values.entry(property.id).or_insert_with(|| shown.clone());
                *had = had.take().filter(|had| Some(had) == shown.as_ref());
            }
        }
    }
    values.into_iter().filter_map(|(id, value)| Some((id, value?))).collect()
}

fn text(value: &Variant) -> Option<String> {
    Some(match value {
        Variant::Double(value) => value.to_string(),
        Variant::Integer(value) => value.to_string(),
        Variant::Boolean(value) => value.to_string(),
        Variant::String(value) => value.to_string(),
        Variant::Null(_) => return None,
    })
}

/// The `Online` of what is above all of these assets, where that is nodes or devices of one model.
fn parent_online(twin: &Twin, assets: &[(Uuid, AssetIx)]) -> Option<Property> {
    let mut models = BTreeSet::new();
    for (_, asset) in assets {
        let asset = twin.asset_at(*asset);
        if asset.kind != AssetKind::Instance {
            return None;
        }
        let parent = twin.asset_at(asset.parent?);
        if !matches!(parent.kind, AssetKind::Source(_)) {
            return None;
        }
        models.insert(parent.model);
    }
    match models.into_iter().collect::<Vec<_>>().as_slice() {
        [model] => presence(twin.model_at(*model), "Online", ValueForm::Boolean).map(described),
        _ => None,
    }
}

//! What a twin and its account have, as far as dashboards need it.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Above, BridgeAsset, Machine, Model, Plant, Property};
use crate::sitewise::api::{Asset, ResourceState, Variant};
use crate::sparkplug::address::Source;
use crate::sparkplug::text::shown;
use crate::twin::Twin;
use crate::twin::identity::{Address, Namespace, PropertyRole};
use crate::twin::mapping::ValueForm;
use crate::twin::plan::presence;
use crate::twin::view::{AssetIx, AssetKind, DesiredModel, DesiredProperty, ModelIx, ShownValue};

/// Assets of a model whose attributes are looked at: a range that these agree on is drawn.
const LOOKED_AT: usize = 20;
/// What the bridge itself tells of a machine, and the dashboard of the plant shows.
pub(super) const PRESENCE: [(&str, ValueForm); 5] = [
    ("Online", ValueForm::Boolean),
    ("Last birth", ValueForm::Seconds),
    ("Last death", ValueForm::Seconds),
    ("Sequence gaps", ValueForm::Integer),
    ("Rebirths", ValueForm::Integer),
];

/// What there is, and which of it nobody spoke of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Survey {
    /// Everything.
    pub plant: Plant,
    /// The addresses of the edge nodes and devices that only the account has, in order.
    pub silent: Vec<String>,
    /// Assets and their attributes of models of which only the account has any: what they hold is to be
    /// read.
    pub unread: Vec<(Uuid, Uuid)>,
}

impl Survey {
    /// Takes what the attributes hold that were [unread](Self::unread): as of those that were born, where
    /// the assets agree.
    pub fn take(&mut self, read: &BTreeMap<(Uuid, Uuid), Variant>) {
        let mut shown: BTreeMap<Uuid, Vec<Option<String>>> = BTreeMap::new();
        for of in &self.unread {
            shown.entry(of.1).or_default().push(read.get(of).and_then(text));
        }
        for property in self.plant.models.iter_mut().flat_map(|model| &mut model.properties) {
            let values = shown.remove(&property.id).unwrap_or_default();
            if let Some(first) = values.first().filter(|_| values.iter().any(Option::is_some)) {
                let agree = values.iter().all(|value| value == first);
                property.value = first.clone().filter(|_| agree);
            }
        }
    }
}

/// An asset of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Member {
    id: Uuid,
    /// Where it is in the twin; none for one that only the account has.
    born: Option<AssetIx>,
    /// Of an instance: the model of the node or device above it, and how many steps above it that is.
    above: Option<(ModelIx, usize)>,
}

/// What `twin` has, and what its ids derive from; and of `account`, the assets on the bridge's models, the
/// nodes, devices and instances that this bridge would hear but that sent no birth.
pub fn survey(twin: &Twin, namespace: &str, account: &BTreeMap<Uuid, Asset>) -> Survey {
    let mut models: BTreeMap<ModelIx, Vec<Member>> = BTreeMap::new();
    for (ix, asset) in twin.assets_from(0) {
        let member = Member { id: asset.id, born: Some(ix), above: above(twin, ix) };
        models.entry(asset.model).or_default().push(member);
    }
    let ids = Namespace::new(namespace);
    let silent = silent(twin, ids, account, &mut models);
    let described: BTreeMap<ModelIx, Vec<Property>> =
        models.keys().map(|ix| (*ix, properties(ids, twin.model_at(*ix)))).collect();
    let of = |model: ModelIx| described.get(&model).map_or(&[][..], Vec::as_slice);

    let mut plant = Plant { namespace: namespace.to_owned(), ..Plant::default() };
    for (_, asset) in twin.assets_from(0) {
        match &asset.kind {
            AssetKind::Source(source) => {
                plant.machines.extend(machine(asset.id, source, of(asset.model)));
            }
            AssetKind::Bridge => {
                let heartbeat = find(of(asset.model), "Heartbeat", ValueForm::Seconds);
                plant.bridge = plant.bridge.or(heartbeat.map(|heartbeat| BridgeAsset {
                    asset: asset.id,
                    name: asset.name.to_string(),
                    heartbeat: heartbeat.id,
                }));
            }
            AssetKind::Group | AssetKind::Instance | AssetKind::Level(..) => {}
        }
    }
    let silent: Vec<Machine> = silent
        .into_iter()
        .filter_map(|(id, source, model)| machine(id, &source, of(model)))
        .collect();
    let mut addresses: Vec<String> = silent.iter().map(|of| of.address.clone()).collect();
    addresses.sort_unstable();
    plant.machines.extend(silent);
    let mut unread = Vec::new();
    for (ix, mut members) in models {
        // The same ones whatever the order of the births.
        members.sort_unstable();
        let values = attribute_values(twin, ix, &members);
        if members.iter().all(|member| member.born.is_none()) {
            let is_static = |has: &&Property| has.role == PropertyRole::Property;
            let attributes: Vec<Uuid> = of(ix).iter().filter(is_static).map(|has| has.id).collect();
            for member in members.iter().take(LOOKED_AT) {
                unread.extend(attributes.iter().map(|attribute| (member.id, *attribute)));
            }
        }
        let model = twin.model_at(ix);
        let property =
            |has: &Property| Property { value: values.get(&has.id).cloned(), ..has.clone() };
        plant.models.push(Model {
            id: model.id,
            name: model.name.clone(),
            properties: of(ix).iter().map(property).collect(),
            above: connection(&members, &described),
        });
    }
    Survey { plant, silent: addresses, unread }
}

/// Adds to their models the assets that only the account has. Returns the nodes and devices among them.
fn silent(
    twin: &Twin,
    ids: Namespace,
    account: &BTreeMap<Uuid, Asset>,
    models: &mut BTreeMap<ModelIx, Vec<Member>>,
) -> Vec<(Uuid, Source, ModelIx)> {
    let heard = twin.plan().heard();
    let model_of = |id: Uuid| match twin.asset(id) {
        Some((_, asset)) => Some(asset.model),
        None => Some(twin.model(account.get(&id)?.model)?.0),
    };
    let is_taken = |path: Option<&str>| path.is_some_and(|path| heard.filter.may_take(path));
    let mut machines = Vec::new();
    for (id, asset) in account {
        let is_there = twin.asset(*id).is_none() && asset.state != ResourceState::Deleting;
        let Some((model, _)) = twin.model(asset.model).filter(|_| is_there) else { continue };
        let description = asset.description.as_deref();
        let machine = presence::source(ids, *id, description);
        let above = match &machine {
            Some(source) if !heard.source(source) => continue,
            Some(_) => None,
            None => match presence::instance(ids, *id, description) {
                Some((source, steps)) if heard.source(&source) && is_taken(description) => {
                    let source = ids.asset(&Address::Source(&source));
                    model_of(source).map(|model| (model, steps))
                }
                _ => continue,
            },
        };
        models.entry(model).or_default().push(Member { id: *id, born: None, above });
        machines.extend(machine.map(|source| (*id, source, model)));
    }
    machines
}

fn machine(asset: Uuid, source: &Source, properties: &[Property]) -> Option<Machine> {
    let time = |name| find(properties, name, ValueForm::Seconds);
    Some(Machine {
        asset,
        address: shown(&source.to_string()).into_owned(),
        group: source.edge.group.to_string(),
        node: source.edge.node.to_string(),
        device: source.device.as_deref().map(str::to_owned),
        last_birth: time("Last birth")?.id,
        last_death: time("Last death")?.id,
    })
}

/// By its path: where an account has a property of the same path in another form, one of the two
/// has another name.
fn find<'a>(properties: &'a [Property], path: &str, form: ValueForm) -> Option<&'a Property> {
    properties.iter().find(|of| of.is_presence(path) && of.form == form)
}

/// The properties of a model. Of those that no birth has asked for, the ids say what they stand for.
fn properties(ids: Namespace, model: &DesiredModel) -> Vec<Property> {
    let one = |of: &DesiredProperty| {
        let plain = Property {
            id: of.id,
            name: of.name.to_string(),
            path: of.path().map(str::to_owned).collect(),
            role: of.role,
            form: of.form,
            unit: of.unit.as_deref().map(str::to_owned),
            value: None,
        };
        if !of.is_imported() {
            return plain;
        }
        let role = PropertyRole::Presence;
        let is = |(name, form): &&(&str, ValueForm)| {
            of.role == role && ids.property(model.id, role, &[*name], *form) == of.id
        };
        if let Some((name, form)) = PRESENCE.iter().find(is) {
            return Property { path: vec![(*name).to_owned()], form: *form, ..plain };
        }
        // Of two alike in name, one has a word in brackets behind its own.
        let alone = of.name.strip_suffix(')').and_then(|name| name.rsplit_once(" ("));
        let mut names = std::iter::once(&*of.name).chain(alone.map(|(name, _)| name));
        match names.find_map(|name| ids.recognised(model.id, of.id, name, of.form.data_type())) {
            Some((role, path, form)) => {
                let path = path.into_iter().map(str::to_owned).collect();
                Property { role, path, form, ..plain }
            }
            None => plain,
        }
    };
    model.properties.iter().map(one).collect()
}

/// What the first assets of a model show of each attribute, where they agree. Of those that sent no birth
/// the model alone is known.
fn attribute_values(twin: &Twin, model: ModelIx, members: &[Member]) -> BTreeMap<Uuid, String> {
    let is_static = |of: &&DesiredProperty| of.role == PropertyRole::Property;
    let has = &twin.model_at(model).properties;
    if !has.iter().any(|of| is_static(&of)) {
        return BTreeMap::new();
    }
    let born: Vec<AssetIx> = members.iter().filter_map(|of| of.born).take(LOOKED_AT).collect();
    if born.is_empty() {
        let default = |of: &DesiredProperty| Some((of.id, of.default()?.to_owned()));
        return has.iter().filter(is_static).filter_map(default).collect();
    }
    let mut values: BTreeMap<Uuid, Option<String>> = BTreeMap::new();
    for asset in born {
        for (_, property, shown) in twin.property_values(asset) {
            let shown = match shown {
                ShownValue::Default(text) => Some(text.to_owned()),
                ShownValue::Own(value) => text(value),
                ShownValue::Nothing | ShownValue::Last(_) | ShownValue::Bridge(_) => None,
            };
            if is_static(&property) {
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

/// The model of the node or device above an instance, and how many steps above it that is.
fn above(twin: &Twin, ix: AssetIx) -> Option<(ModelIx, usize)> {
    let mut asset = twin.asset_at(ix);
    if asset.kind != AssetKind::Instance {
        return None;
    }
    for steps in 1.. {
        asset = twin.asset_at(asset.parent?);
        match asset.kind {
            AssetKind::Source(_) => return Some((asset.model, steps)),
            AssetKind::Instance | AssetKind::Level(..) => {}
            AssetKind::Bridge | AssetKind::Group => return None,
        }
    }
    None
}

/// The `Online` of what all of these assets are connected through, where that is nodes or devices of one
/// model, as many steps above each of them. Those that sent no birth count where no other did.
fn connection(members: &[Member], described: &BTreeMap<ModelIx, Vec<Property>>) -> Option<Above> {
    let is_born = members.iter().any(|of| of.born.is_some());
    let mut of = members.iter().filter(|of| of.born.is_some() == is_born).map(|of| of.above);
    let first = of.next()?;
    let (model, steps) = first.filter(|_| of.all(|other| other == first))?;
    let online = find(described.get(&model)?, "Online", ValueForm::Boolean)?;
    Some(Above { online: online.clone(), steps })
}

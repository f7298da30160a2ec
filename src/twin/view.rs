//! A read-only view of the twin, for the console.

use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::Twin;
pub use super::assets::{AssetIx, AssetKind, DesiredAsset};
use super::counts::DropReason;
pub use super::identity::Address;
use super::identity::split;
pub use super::models::{DesiredModel, ModelIx, PropertyIx};
use super::plan::problems::RejectionKind;
use super::plan::status::ProvisioningStatus;
pub use super::property::DesiredProperty;
use super::values::SourceValues;
use crate::labels::{Measurement, Place, Readiness, Subject, TagSubject, TagTarget};
use crate::sitewise::api::{Tqv, Variant};
use crate::sitewise::tags::Taggable;
use crate::sparkplug::address::{EdgeNode, Source};
use crate::sparkplug::event::Slot;
use crate::sparkplug::text::shown;
use crate::time::Timestamp;

/// Slashes of a path of which each may stand between two names.
const SLASHES: usize = 6;

/// Whether a node or device is alive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Presence {
    /// Whether it is online.
    pub liveness: Liveness,
    /// Its last birth.
    pub born: Option<Timestamp>,
    /// Its last death.
    pub died: Option<Timestamp>,
    /// Gaps in the sequence and rebirths asked for; of an edge node alone.
    pub session: Option<(u64, u64)>,
}

impl Presence {
    /// Whether it is online by a birth that this process has heard.
    pub fn is_heard_alive(&self) -> bool {
        self.liveness == Liveness::Online && self.born.is_some()
    }
}

/// Whether a node or device is online.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Liveness {
    /// Before its first event.
    #[default]
    Unknown,
    /// It was born.
    Online,
    /// It died.
    Offline,
}

impl Liveness {
    /// As the property `Online` has it; none where nothing is known.
    pub fn is_online(self) -> Option<bool> {
        match self {
            Self::Unknown => None,
            Self::Online => Some(true),
            Self::Offline => Some(false),
        }
    }
}

/// What a property holds.
#[derive(Clone, Debug, PartialEq)]
pub enum ShownValue<'a> {
    /// Nothing was written yet.
    Nothing,
    /// The model's default.
    Default(&'a str),
    /// The asset's own value of an attribute.
    Own(&'a Variant),
    /// What was written last.
    Last(Tqv),
    /// What the bridge itself knows.
    Bridge(Tqv),
}

/// How far an asset is in SiteWise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProvisioningProgress<'a> {
    /// How far.
    pub status: ProvisioningStatus,
    /// Why it is not there, where something keeps it: SiteWise's words, or those of the call.
    pub problem: Option<&'a str>,
    /// SiteWise's verdict, where it is one.
    pub verdict: Option<RejectionKind>,
}

impl Twin {
    /// The asset with this id.
    pub fn asset(&self, id: Uuid) -> Option<(AssetIx, &DesiredAsset)> {
        let assets = &self.writer.world.assets;
        assets.by_id(id).map(|ix| (ix, assets.get(ix)))
    }

    /// The asset at a place.
    pub fn asset_at(&self, ix: AssetIx) -> &DesiredAsset {
        self.writer.world.assets.get(ix)
    }

    /// The external id of an asset.
    pub fn external_id(&self, asset: &DesiredAsset) -> String {
        self.writer.world.assets.external_id(asset)
    }

    /// How far an asset is in SiteWise, and the problem that keeps it from being there: its own, or
    /// its model's.
    pub fn provisioning(&self, ix: AssetIx) -> ProvisioningProgress<'_> {
        let plan = self.plan();
        let status = plan.asset_state(ix);
        if status == ProvisioningStatus::Active {
            return ProvisioningProgress { status, problem: None, verdict: None };
        }
        let asset = self.asset_at(ix);
        let subjects = [
            format!("asset {}", asset.address),
            format!("model {}", self.model_at(asset.model).name),
        ];
        let mut found = subjects.iter().filter_map(|subject| {
            let reason = plan.problem(subject)?;
            Some((plan.rejection(subject), self.unless_denied(subject, status), reason))
        });
        match found.next() {
            None => ProvisioningProgress { status, problem: None, verdict: None },
            Some((verdict, status, reason)) => ProvisioningProgress {
                status: verdict.map_or(status, |_| ProvisioningStatus::Rejected),
                problem: Some(reason),
                verdict,
            },
        }
    }

    /// How far a model is in SiteWise, and how many of its wanted properties it has.
    pub fn model_provisioning(&self, ix: ModelIx) -> (ProvisioningStatus, usize) {
        let (status, complete) = self.plan().model_state(ix, &self.writer.world.models);
        (self.unless_denied(&format!("model {}", self.model_at(ix).name), status), complete)
    }

    /// Whether SiteWise has the property at this place of a model.
    pub fn has_property(&self, ix: ModelIx, place: PropertyIx) -> bool {
        self.plan().has_property(ix, place, &self.writer.world.models)
    }

    /// What the role may not create is rejected, and not on its way.
    fn unless_denied(&self, subject: &str, status: ProvisioningStatus) -> ProvisioningStatus {
        match status {
            ProvisioningStatus::Wanted if self.plan().is_denied(subject) => {
                ProvisioningStatus::Rejected
            }
            status => status,
        }
    }

    /// All assets from a place on, in the order in which they were first wanted.
    pub fn assets_from(&self, from: u32) -> impl Iterator<Item = (AssetIx, &DesiredAsset)> {
        self.writer.world.assets.iter().skip(from as usize)
    }

    /// The assets right below another, or at the root, by name, from behind `after` on.
    pub fn children(
        &self,
        parent: Option<AssetIx>,
        after: Option<AssetIx>,
    ) -> impl Iterator<Item = (AssetIx, &DesiredAsset)> {
        self.writer.world.assets.children(parent, after)
    }

    /// The model at a place.
    pub fn model_at(&self, ix: ModelIx) -> &DesiredModel {
        self.writer.world.models.get(ix)
    }

    /// The model with this id.
    pub fn model(&self, id: Uuid) -> Option<(ModelIx, &DesiredModel)> {
        let models = &self.writer.world.models;
        models.by_id(id).map(|ix| (ix, models.get(ix)))
    }

    /// All models, in the order in which they were first wanted.
    pub fn models(&self) -> impl Iterator<Item = (ModelIx, &DesiredModel)> {
        self.writer.world.models.iter()
    }

    /// The node or device that an asset belongs to; none for a group and the bridge itself.
    pub fn source_of_asset(&self, ix: AssetIx) -> Option<&Source> {
        let mut asset = self.asset_at(ix);
        loop {
            if let AssetKind::Source(source) = &asset.kind {
                return Some(source);
            }
            asset = self.asset_at(asset.parent?);
        }
    }

    /// Presence of the node or device that an asset belongs to.
    pub fn presence(&self, ix: AssetIx) -> Option<Presence> {
        self.source_of_asset(ix).map(|source| self.presence_of(source))
    }

    /// Whether a node or device is alive.
    pub fn presence_of(&self, source: &Source) -> Presence {
        self.sources.get(source).map(SourceValues::presence).unwrap_or_default()
    }

    /// Edge nodes that died, as their assets show, however long ago.
    pub fn dead_nodes(&self) -> impl Iterator<Item = &EdgeNode> {
        let dead = self.sources.iter().filter(|(source, values)| {
            source.device.is_none() && values.presence().liveness == Liveness::Offline
        });
        dead.map(|(source, _)| &source.edge)
    }

    /// What each property of an asset holds, in the order of its model. Looks at every leaf of
    /// the asset's node or device.
    pub fn property_values(
        &self,
        ix: AssetIx,
    ) -> Vec<(PropertyIx, &DesiredProperty, ShownValue<'_>)> {
        let asset = self.asset_at(ix);
        let model = self.model_at(asset.model);
        let mut held: FxHashMap<PropertyIx, ShownValue<'_>> = FxHashMap::default();
        if let Some(values) = self.source_of_asset(ix).and_then(|source| self.sources.get(source)) {
            if matches!(asset.kind, AssetKind::Source(_)) {
                let presence_values = values.presence_values().into_iter();
                held.extend(
                    presence_values.map(|(property, tqv)| (property, ShownValue::Bridge(tqv))),
                );
            }
            let own_values = values.attributes_of(ix);
            held.extend(own_values.map(|(property, value)| (property, ShownValue::Own(value))));
            let last = values.last_values(ix);
            held.extend(last.map(|(property, tqv)| (property, ShownValue::Last(tqv))));
        }
        let properties = (0..).map(PropertyIx).zip(&model.properties);
        properties
            .map(|(place, property)| {
                let held = held.remove(&place).unwrap_or(match property.default() {
                    Some(default) => ShownValue::Default(default),
                    None => ShownValue::Nothing,
                });
                (place, property, held)
            })
            .collect()
    }

    /// Whether the latest birth of a node or device is laid out, rather than one before it or none:
    /// then [`place_of`](Self::place_of) speaks of its leaves.
    pub fn is_current(&self, source: &Source) -> bool {
        self.writer.world.plan.is_synced()
            && !self.blocked.is_blocked(source)
            && !self.awaiting_tags.contains(source)
    }

    /// Where the values of a leaf go: what the layout says, read from the metric's side. None for
    /// what is not carried, and for a metric that shares its place with another.
    pub fn place_of(&self, source: &Source, slot: Slot) -> Option<(AssetIx, PropertyIx)> {
        self.sources.get(source)?.place_of(slot)
    }

    /// Whether a birth has the leaf of a slot twice, as a member of an instance and as a tag.
    pub fn is_twice_in_birth(&self, source: &Source, slot: Slot) -> bool {
        self.sources.get(source).is_some_and(|values| values.is_twice_in_birth(slot))
    }

    /// Whether any tag of a node or device has no place: of its latest birth, if that is laid out.
    pub fn has_dropped_leaf(&self, source: &Source) -> bool {
        self.is_current(source)
            && self.sources.get(source).is_none_or(SourceValues::has_dropped_leaf)
    }

    /// Why a leaf of the latest birth of a node or device has no place; none where it has one, and
    /// where that birth is not laid out.
    pub fn lost(&self, source: &Source, slot: Slot) -> Option<DropReason> {
        if !self.is_current(source) {
            return None;
        }
        match self.sources.get(source) {
            Some(values) => values.lost(slot),
            // Whoever was born has its asset, unless there were too many.
            None => Some(DropReason::CappedAssets),
        }
    }

    /// Whether the properties of the asset at a place can be given labels: aliases and the like.
    pub fn label_readiness(&self, ix: AssetIx) -> Readiness {
        match self.asset_at(ix).kind {
            AssetKind::Source(_) | AssetKind::Instance => {
                self.plan().label_readiness(ix, &self.writer.world.assets)
            }
            AssetKind::Bridge | AssetKind::Group | AssetKind::Level(..) => Readiness::Never,
        }
    }

    /// The asset at a place with the measurements that SiteWise has of it.
    pub fn label_subject(&self, ix: AssetIx) -> Subject {
        let world = &self.writer.world;
        let asset = self.asset_at(ix);
        let properties = (0..).map(PropertyIx).zip(&self.model_at(asset.model).properties);
        let there = properties.filter(|(place, property)| {
            !property.is_attribute() && world.plan.has_property(asset.model, *place, &world.models)
        });
        Subject {
            id: asset.id,
            place: self.label_place(ix),
            model: self.plain_model_name(asset.model).to_owned(),
            properties: there
                .map(|(_, has)| {
                    let (id, name) = (has.id, has.name.to_string());
                    Measurement { id, name, unit: has.unit.clone() }
                })
                .collect(),
        }
    }

    /// Where the asset at a place stands in the plant.
    pub fn label_place(&self, ix: AssetIx) -> Place {
        let Some(source) = self.source_of_asset(ix) else { return Place::default() };
        let address = &*self.asset_at(ix).address;
        let below = address.strip_prefix(&*shown(&source.to_string())).unwrap_or(address);
        Place {
            group: source.edge.group.to_string(),
            node: source.edge.node.to_string(),
            device: source.device.as_deref().unwrap_or_default().to_owned(),
            asset: below.trim_start_matches(['/', ',', ' ']).to_owned(),
        }
    }

    /// The nodes, devices and instances whose addresses stand before the last part of this one, or before
    /// more of it: names have slashes as well, so there may be several.
    pub fn assets_at(&self, address: &str) -> Vec<AssetIx> {
        let mut parts = address.splitn(3, '/');
        let (Some(group), Some(node), Some(rest)) = (parts.next(), parts.next(), parts.next())
        else {
            return Vec::new();
        };
        let edge = EdgeNode::new(group, node);
        let of =
            |device: Option<&str>| Source { edge: edge.clone(), device: device.map(Into::into) };
        let assets = &self.writer.world.assets;
        let mut found: Vec<AssetIx> = Vec::new();
        let mut look = |address: &Address<'_>| found.extend(assets.by_id(assets.id(address)));
        look(&Address::Source(&of(None)));
        for (at, _) in rest.match_indices('/') {
            let above = rest.get(..at).unwrap_or_default();
            let mut instances = |source: &Source, name: &str| {
                let slashes = name.matches('/').count().min(SLASHES);
                for cuts in 0..1 << slashes {
                    look(&Address::Instance(source, &split(name, cuts)));
                }
            };
            instances(&of(None), above);
            match above.split_once('/') {
                Some((device, name)) => instances(&of(Some(device)), name),
                None => look(&Address::Source(&of(Some(above)))),
            }
        }
        found
    }

    /// Lets the plan write no units of these assets, until others are named.
    pub fn hold_units(&mut self, assets: impl Iterator<Item = AssetIx>) {
        self.writer.world.plan.hold_units(assets);
    }

    /// Notes why labels cannot be set, or that they can be again: `subject` says which.
    pub fn note_labels(&mut self, subject: &str, denied: Option<String>) {
        self.writer.world.plan.note_labels(subject, denied);
    }

    /// Whether the model or asset at a place can be tagged.
    pub fn tag_readiness(&self, of: TagTarget) -> Readiness {
        self.plan().tag_readiness(of)
    }

    /// The model or asset at a place, as tags may name it.
    pub fn tag_subject(&self, of: TagTarget) -> TagSubject {
        match of {
            TagTarget::Model(at) => {
                let model = self.model_at(ModelIx(at));
                let (resource, place) = (Taggable::Model(model.id), Place::default());
                TagSubject { resource, name: model.name.clone(), place }
            }
            TagTarget::Asset(at) => {
                let (ix, asset) = (AssetIx(at), self.asset_at(AssetIx(at)));
                let (resource, name) = (Taggable::Asset(asset.id), asset.address.to_string());
                TagSubject { resource, name, place: self.tag_place(ix) }
            }
        }
    }

    /// The node or device that an asset belongs to, or else its group.
    fn tag_place(&self, ix: AssetIx) -> Place {
        if self.source_of_asset(ix).is_some() {
            return self.label_place(ix);
        }
        let mut asset = self.asset_at(ix);
        loop {
            if let AssetKind::Group = asset.kind {
                return Place { group: asset.address.to_string(), ..Place::default() };
            }
            let Some(parent) = asset.parent else { return Place::default() };
            asset = self.asset_at(parent);
        }
    }

    /// The id of the asset that stands for an address, whether it is there or not.
    pub fn asset_id(&self, address: &Address<'_>) -> Uuid {
        self.writer.world.assets.id(address)
    }

    /// What people call a model: without `TWIN_MODEL_PREFIX`, and for a part of a model, the name
    /// of the first part.
    pub fn plain_model_name(&self, ix: ModelIx) -> &str {
        let models = &self.writer.world.models;
        let prefix = self.config.model_prefix.as_str();
        let plain = |ix: ModelIx| {
            let name = models.get(ix).name.as_str();
            name.strip_prefix(prefix).unwrap_or(name)
        };
        let base = plain(ix).rsplit_once(" (from asset ");
        let base = base.and_then(|(base, _)| models.by_id(models.id_of(base)));
        match base.filter(|base| models.is_part(ix, *base, self.config.assets_per_model)) {
            Some(base) => plain(base),
            None => plain(ix),
        }
    }

    /// The property of an asset with this id.
    pub fn property(&self, asset: &DesiredAsset, id: Uuid) -> Option<&DesiredProperty> {
        let properties = &self.model_at(asset.model).properties;
        properties.iter().find(|property| property.id == id)
    }
}

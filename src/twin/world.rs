//! The desired world: models, assets and the plan that provisions them, kept consistent.

mod shared;
mod tree;
mod units;

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::Config;
use super::assets::{self, AssetIx, AssetKind, DesiredAssets};
use super::caps::{Cap, CappedMachines};
use super::counts::ValueCounts;
use super::defined::DefinitionCache;
use super::identity::{Address, PropertyRole};
use super::kinds::Kinds;
use super::layout::LeafTarget;
use super::mapping::{SECONDS_UNIT, ValueForm};
use super::models::{
    self, BRIDGE_MODEL, DEVICE_MODEL, DesiredModels, GROUP_MODEL, KindCandidate, ModelIx,
    NODE_MODEL, PropertyIx, Tags,
};
use super::plan::Plan;
use crate::delivery::point::Stream;
use crate::sparkplug::address::{EdgeNode, Source};
use crate::time::Instant;

/// Edge nodes without plain metrics that get a model of their own. A tree has 100 models at most.
const OWN_NODE_MODELS: usize = 20;
/// The presence property.
pub(super) const ONLINE: &str = "Online";
const LAST_BIRTH: &str = "Last birth";
const LAST_DEATH: &str = "Last death";
pub(super) const GAPS: &str = "Sequence gaps";
const REBIRTHS: &str = "Rebirths";
const HEARTBEAT: &str = "Heartbeat";

/// All presence properties, including those of an earlier version.
pub(super) const PRESENCE: [(&str, ValueForm); 9] = [
    (ONLINE, ValueForm::Boolean),
    (LAST_BIRTH, ValueForm::Seconds),
    (LAST_DEATH, ValueForm::Seconds),
    (GAPS, ValueForm::Integer),
    (REBIRTHS, ValueForm::Integer),
    (HEARTBEAT, ValueForm::Seconds),
    (LAST_BIRTH, ValueForm::Double),
    (LAST_DEATH, ValueForm::Double),
    (HEARTBEAT, ValueForm::Double),
];

/// Desired models and assets, and the plan.
#[derive(Debug)]
pub(super) struct DesiredWorld {
    pub models: DesiredModels,
    pub assets: DesiredAssets,
    pub plan: Plan,
    pub counts: ValueCounts,
    pub capped: CappedMachines,
    assets_per_model: usize,
    /// For a full model: the number of its first part with room.
    first_with_room: FxHashMap<ModelIx, usize>,
    max_models: usize,
    kinds: Kinds,
    pub(super) changed_models: BTreeSet<ModelIx>,
    pub defined: DefinitionCache,
    /// Properties of assets that SiteWise had at the start, whose unit should be their model's.
    units_to_verify: BTreeMap<AssetIx, Vec<PropertyIx>>,
    verified_units: units::VerifiedUnits,
    /// Units of assets that are not their model's.
    units: FxHashMap<(AssetIx, PropertyIx), Option<Box<str>>>,
    /// What is to be told of units that are not their model's, or missing.
    pub unit_findings: units::UnitFindings,
    /// Sources with tags on a shared model.
    sources_on_shared_model: BTreeSet<Source>,
}

/// The presence properties of a node or device: those that its model has, or has room for. One that
/// was full already, in an earlier version or by what people added, may lack some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PresenceProperties {
    pub online: Option<PropertyIx>,
    pub last_birth: Option<PropertyIx>,
    pub last_death: Option<PropertyIx>,
    /// Sequence gaps and rebirths, of an edge node.
    pub session: Option<(PropertyIx, PropertyIx)>,
}

/// How to choose the model of a node or device that has no asset yet.
#[derive(Clone, Copy, Debug)]
pub(super) enum ModelHint<'a> {
    /// `TWIN_KINDS` says it.
    Named(&'a str),
    /// Its plain metrics; it may have none.
    Tags(&'a Tags<'a>),
    /// It has no plain metrics, but instances, and so needs no model of its own.
    Instances,
}

impl DesiredWorld {
    pub(super) fn new(config: &Config, seed: u64) -> Self {
        let mut models = DesiredModels::new(
            config.namespace,
            config.model_prefix.clone(),
            config.max_models,
            config.max_properties,
        );
        models.reserve_presence(config.kinds.models());
        Self {
            models,
            assets: DesiredAssets::new(config.namespace, config.max_assets),
            plan: Plan::new(config.namespace, config.rates, seed).hearing(config.heard.clone()),
            counts: ValueCounts::default(),
            capped: CappedMachines::default(),
            assets_per_model: config.assets_per_model,
            first_with_room: FxHashMap::default(),
            max_models: config.max_models,
            kinds: config.kinds.clone(),
            changed_models: BTreeSet::new(),
            defined: DefinitionCache::default(),
            units_to_verify: BTreeMap::new(),
            verified_units: units::VerifiedUnits::default(),
            units: FxHashMap::default(),
            unit_findings: units::UnitFindings::default(),
            sources_on_shared_model: BTreeSet::new(),
        }
    }

    /// Takes the names that SiteWise's assets have already.
    pub(super) fn take_known_names(&mut self) {
        for asset in self.plan.known_assets() {
            if let Some(model) = self.models.by_id(asset.model) {
                self.assets.note_existing(model, &asset.name);
            }
        }
    }

    /// Existing assets of which something became known late. The names of those that were not known
    /// at all are reserved.
    pub(super) fn take_newly_known(&mut self) -> Vec<Uuid> {
        let mut newly_known = self.plan.take_newly_known();
        for known in newly_known.iter().filter_map(|id| self.plan.known_asset(*id)) {
            if let Some(model) = self.models.by_id(known.model) {
                self.assets.note_existing(model, &known.name);
            }
        }
        newly_known.extend(self.plan.take_found_offline());
        newly_known
    }

    /// Passes changed models to the plan.
    pub(super) fn settle_changes(&mut self, now: Instant) {
        for model in std::mem::take(&mut self.changed_models) {
            self.models.shrink(model);
            self.plan.model_wanted(model, &self.models, now);
        }
    }

    /// The model of a template, or one that people named.
    pub(super) fn ensure_model(
        &mut self,
        name: &str,
        description: Option<&str>,
    ) -> Result<ModelIx, Cap> {
        let models = self.models.len();
        let ix = self.models.ensure_named(name, description)?;
        if ix.0 as usize >= models {
            self.changed_models.insert(ix);
        }
        Ok(ix)
    }

    /// A model of the bridge's own.
    fn ensure_built_in(&mut self, name: &str, description: Option<&str>) -> ModelIx {
        let models = self.models.len();
        let ix = self.models.ensure_built_in(name, description);
        if ix.0 as usize >= models {
            self.changed_models.insert(ix);
        }
        ix
    }

    /// A property of a model.
    pub(super) fn ensure_property(
        &mut self,
        model: ModelIx,
        wanted: models::PropertyRequest<'_>,
    ) -> Result<PropertyIx, Cap> {
        let (property, made) = self.models.ensure_property(model, wanted)?;
        if made || self.plan.has_rejected(model) && self.corrects(model, property, wanted) {
            self.changed_models.insert(model);
        }
        Ok(property)
    }

    /// Whether what SiteWise rejected of a property is now wanted otherwise.
    fn corrects(
        &mut self,
        model: ModelIx,
        property: PropertyIx,
        wanted: models::PropertyRequest<'_>,
    ) -> bool {
        let id = self.models.get(model).property_id(property);
        self.plan.rejected_property(model, id).is_some()
            && self.models.correct(model, property, wanted)
    }

    /// A property of the bridge's own.
    pub(super) fn ensure_presence_property(
        &mut self,
        model: ModelIx,
        name: &str,
        form: ValueForm,
    ) -> Result<PropertyIx, Cap> {
        let path = &[name];
        let role = PropertyRole::Presence;
        let unit = (form == ValueForm::Seconds).then_some(SECONDS_UNIT);
        self.ensure_property(
            model,
            models::PropertyRequest { role, path, name: None, form, unit, default: None },
        )
    }

    /// An asset, below its parent if the tree has a place for it.
    pub(super) fn ensure_asset(
        &mut self,
        wanted: assets::AssetRequest<'_>,
    ) -> Result<AssetIx, Cap> {
        let id = self.assets.id(wanted.address);
        if let Some(ix) = self.assets.by_id(id) {
            return Ok(ix);
        }
        let mut wanted = wanted;
        let known = self.plan.known_asset(id).map(|known| (known.model, known.name.clone()));
        match &known {
            Some((model, _)) => {
                let name = self.plan.known_model_name(*model).unwrap_or("");
                wanted.model = self.models.get_or_import(*model, name, None);
                self.changed_models.insert(wanted.model);
            }
            None if self.assets.has_room() => wanted.model = self.model_with_room(wanted.model)?,
            None => return Err(Cap::Assets),
        }
        wanted.parent = wanted.parent.map(|parent| self.place_below(parent, wanted.model));
        let name = known.as_ref().map(|(_, name)| name.as_str());
        let (ix, _) = self.assets.get_or_create(wanted, name)?;
        self.plan.asset_wanted(ix, &self.assets);
        Ok(ix)
    }

    /// The model, or the first one like it that has room for another asset.
    fn model_with_room(&mut self, base: ModelIx) -> Result<ModelIx, Cap> {
        let each = self.assets_per_model;
        // Those before it are full, and stay so.
        let mut number = self.first_with_room.get(&base).copied().unwrap_or(1);
        let mut model = match number {
            1 => base,
            _ => self.models.ensure_part(base, number, each)?.0,
        };
        while self.assets.of_model(model) >= each {
            number += 1;
            let (part, made) = self.models.ensure_part(base, number, each)?;
            if made {
                self.changed_models.insert(part);
                let below: Vec<_> =
                    self.models.get(base).hierarchies.iter().map(|(child, _)| *child).collect();
                for child in below {
                    self.ensure_hierarchy(part, child);
                }
            }
            model = part;
            self.first_with_room.insert(base, number);
        }
        Ok(model)
    }

    /// A model, and those like it for which it has no room.
    pub(super) fn with_parts(&self, base: ModelIx) -> Vec<ModelIx> {
        let parts = self.models.parts(base, self.assets_per_model);
        std::iter::once(base).chain(parts).collect()
    }

    /// The asset of the bridge itself, with its heartbeat.
    pub(super) fn ensure_bridge(&mut self, host_id: &str) -> Result<(AssetIx, PropertyIx), Cap> {
        let about = "Sparkwise bridges; the heartbeat is written once a minute";
        let model = self.ensure_built_in(BRIDGE_MODEL, Some(about));
        let address = Address::Bridge(host_id);
        let kind = AssetKind::Bridge;
        let wanted =
            assets::AssetRequest { address: &address, name: host_id, model, parent: None, kind };
        let asset = self.ensure_asset(wanted)?;
        let model = self.assets.get(asset).model;
        let heartbeat = self.ensure_presence_property(model, HEARTBEAT, ValueForm::Seconds)?;
        Ok((asset, heartbeat))
    }

    /// Whether a node or device has its asset, here or in SiteWise.
    pub(super) fn has_asset(&self, source: &Source) -> bool {
        self.exists(self.assets.id(&Address::Source(source)))
    }

    /// Where a property's values go; none for what is not of this bridge.
    pub(super) fn target(&self, stream: Stream) -> Option<LeafTarget> {
        let asset = self.assets.by_id(stream.asset)?;
        let model = self.models.get(self.assets.get(asset).model);
        let property = model.property_ix(stream.property)?;
        let form = model.properties.get(property.0 as usize)?.form;
        Some(LeafTarget { asset, property, form })
    }

    /// What SiteWise calls a place for values.
    pub(super) fn stream(&self, target: LeafTarget) -> Stream {
        let asset = self.assets.get(target.asset);
        let property = self.models.get(asset.model).property_id(target.property);
        Stream { asset: asset.id, property }
    }

    /// Whether a birth has or had an asset.
    pub(super) fn is_wanted(&self, id: Uuid) -> bool {
        self.assets.by_id(id).is_some()
    }

    /// Whether an asset is there, here or in SiteWise.
    pub(super) fn exists(&self, id: Uuid) -> bool {
        self.assets.by_id(id).is_some() || self.plan.known_asset(id).is_some()
    }

    /// The edge node that an asset belongs to; none for a group and the bridge.
    pub(super) fn edge_of(&self, ix: AssetIx) -> Option<&EdgeNode> {
        self.source_of(ix).map(|source| &source.edge)
    }

    /// The node or device that an asset belongs to; none for a group and the bridge.
    pub(super) fn source_of(&self, ix: AssetIx) -> Option<&Source> {
        let mut asset = self.assets.get(ix);
        loop {
            if let AssetKind::Source(source) = &asset.kind {
                return Some(source);
            }
            asset = self.assets.get(asset.parent?);
        }
    }

    /// Whether an asset was made for the template whose model is called `name`.
    pub(super) fn has_template(&self, asset: AssetIx, name: &str) -> bool {
        let model = self.assets.get(asset).model;
        let base = self.models.id_of(name);
        self.models.get(model).id == base
            || self
                .models
                .by_id(base)
                .is_some_and(|base| self.models.is_part(model, base, self.assets_per_model))
    }

    /// The asset of an edge node or device, with all that is above it.
    pub(super) fn ensure_source_asset(
        &mut self,
        source: &Source,
        hint: ModelHint<'_>,
    ) -> Result<AssetIx, Cap> {
        let (parent, name) = match &source.device {
            None => (self.ensure_group(&source.edge.group)?, &source.edge.node),
            Some(device) => {
                let node = Source { edge: source.edge.clone(), device: None };
                (self.ensure_node_asset(&node)?, device)
            }
        };
        let address = Address::Source(source);
        let id = self.assets.id(&address);
        let model = match (self.assets.by_id(id), self.plan.known_asset(id)) {
            (Some(ix), _) => return Ok(ix),
            // It keeps the model that it was created with.
            (None, Some(known)) => {
                let model = known.model;
                let name = self.plan.known_model_name(model).unwrap_or("");
                self.models.get_or_import(model, name, None)
            }
            (None, None) if !self.assets.has_room() => return Err(Cap::Assets),
            (None, None) => {
                let model = self.model_of(source, name, hint);
                match self.model_with_room(model) {
                    Ok(model) => model,
                    Err(cap) => self.model_beyond_cap(cap, source),
                }
            }
        };
        let kind = AssetKind::Source(Box::new(source.clone()));
        let parent = Some(parent);
        self.ensure_asset(assets::AssetRequest { address: &address, name, model, parent, kind })
    }

    /// The asset of an edge node of which a device speaks: that its own birth may never be heard
    /// does not take the model from it that people gave it.
    fn ensure_node_asset(&mut self, node: &Source) -> Result<AssetIx, Cap> {
        let named = match self.has_asset(node) {
            true => None,
            false => self.kinds.find(node).map(str::to_owned),
        };
        let none = Tags::default();
        let hint = named.as_deref().map_or(ModelHint::Tags(&none), ModelHint::Named);
        self.ensure_source_asset(node, hint)
    }

    /// The model for a node or device that has no asset yet. Past `TWIN_MAX_MODELS` it is one for
    /// its presence only.
    fn model_of(&mut self, source: &Source, name: &str, hint: ModelHint<'_>) -> ModelIx {
        let shared = shared(source);
        let made = match hint {
            ModelHint::Named(name) => match self.models.named(name, source) {
                Some(ix) => return ix,
                None => self.ensure_model(name, None),
            },
            ModelHint::Instances => return self.ensure_built_in(shared, None),
            ModelHint::Tags(tags) => {
                let candidate = KindCandidate { founder: source, tags };
                if let Some(ix) = self.models.find_kind(candidate) {
                    if self.plan.is_unsent(ix) {
                        self.models.rename_kind(ix, name);
                    }
                    return ix;
                }
                if tags.is_empty() && !self.may_have_own_model(source) {
                    return self.ensure_built_in(shared, None);
                }
                let models = self.models.len();
                let made = self.models.create_kind(candidate, name);
                if let Ok(ix) = made
                    && ix.0 as usize >= models
                {
                    self.changed_models.insert(ix);
                }
                made
            }
        };
        made.unwrap_or_else(|cap| self.model_beyond_cap(cap, source))
    }

    /// The model for a node or device that a cap keeps from one of its own.
    fn model_beyond_cap(&mut self, cap: Cap, source: &Source) -> ModelIx {
        self.capped.exceed(cap, || format!("the model of {source}"));
        self.ensure_built_in(shared(source), None)
    }

    /// Whether the caps leave a model for this source alone. A tree may have few models, so edge
    /// nodes, which have all others below them, share one sooner.
    fn may_have_own_model(&self, source: &Source) -> bool {
        let few = self.models.len() < self.max_models / 2;
        few && (source.device.is_some() || self.models.node_kinds() < OWN_NODE_MODELS)
    }

    fn ensure_group(&mut self, group: &str) -> Result<AssetIx, Cap> {
        let model = self.ensure_built_in(GROUP_MODEL, None);
        let (address, kind) = (Address::Group(group), AssetKind::Group);
        self.ensure_asset(assets::AssetRequest {
            address: &address,
            name: group,
            model,
            parent: None,
            kind,
        })
    }

    /// The presence of a node's or device's asset.
    pub(super) fn presence_of(&mut self, asset: AssetIx, is_node: bool) -> PresenceProperties {
        let model = self.assets.get(asset).model;
        let mut has = |name, form| self.ensure_presence_property(model, name, form).ok();
        PresenceProperties {
            online: has(ONLINE, ValueForm::Boolean),
            last_birth: has(LAST_BIRTH, ValueForm::Seconds),
            last_death: has(LAST_DEATH, ValueForm::Seconds),
            session: is_node
                .then(|| has(GAPS, ValueForm::Integer).zip(has(REBIRTHS, ValueForm::Integer)))
                .flatten(),
        }
    }
}

/// The model of nodes or devices that have none of their own.
fn shared(source: &Source) -> &'static str {
    match source.device {
        None => NODE_MODEL,
        Some(_) => DEVICE_MODEL,
    }
}

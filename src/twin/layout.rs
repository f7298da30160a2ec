//! A birth laid out over assets: which leaf is which property of which asset.
//!
//! Presence has priority, then measurements, then attributes, leaf by leaf: a cap does not affect
//! what fits.

mod as_defined;
mod attributes;
mod define;
mod losses;
mod own_tags;
mod tags;
mod untyped;

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

pub(super) use self::as_defined::AttributeDeclaration;
pub(super) use self::define::define_all;
use self::define::{DefinePass, define_pass};
pub(super) use self::losses::unmappable;
use self::losses::{NullInstances, holds_known};
pub(super) use self::tags::{declared_unit, form, has_instances, leaves, statics, tags, unit};
pub(super) use self::untyped::{form_among, is_replaced, known_forms, takes};
use super::assets::{self, AssetIx, AssetKind};
use super::caps::Cap;
use super::counts::DropReason;
use super::defined::DefinitionDiff;
use super::identity::{Address, PropertyRole};
use super::mapping::{self, ValueForm};
use super::models::{ModelIx, PropertyIx, PropertyRequest, Tags};
use super::world::{DesiredWorld, ModelHint, PresenceProperties};
use super::{Config, Nested, names};
use crate::sparkplug::address::Source;
use crate::sparkplug::datatype::DataType as SparkplugType;
pub use crate::sparkplug::edge::is_control;
use crate::sparkplug::event::{
    Birth, BirthMetric, Content, Instance, Sample, Slot, SparkplugQuality, StaticProperty,
};
use crate::sparkplug::value::Value;

/// Where the values of a leaf go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LeafTarget {
    pub asset: AssetIx,
    pub property: PropertyIx,
    pub form: ValueForm,
}

/// An attribute of which a birth speaks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AttributeTarget {
    pub target: LeafTarget,
    pub declared: AttributeDeclaration,
}

/// Where an instance is: its asset, and the names of the members from there down to it.
pub(super) type InstancePlace = (AssetIx, Option<Box<[Box<str>]>>);

/// The asset of a leaf that has no place for its values, and the names of the members down to it.
pub(super) type Unplaced = BTreeMap<Slot, (AssetIx, Box<[Box<str>]>)>;

/// Where a leaf's values go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeafPlace {
    /// They go here.
    Target(LeafTarget),
    /// They go where those of another leaf go: the birth has it twice.
    Same(Slot),
    /// They go nowhere.
    None(DropReason),
}

/// A birth, laid out.
#[derive(Debug)]
pub(super) struct Layout {
    /// The asset of the node or device.
    pub asset: AssetIx,
    pub presence: PresenceProperties,
    /// By slot.
    pub places: Vec<LeafPlace>,
    /// Every attribute of which it speaks.
    pub attributes: Vec<AttributeTarget>,
    /// Its assets, its own first.
    pub assets: Vec<AssetIx>,
    /// By the number of an instance: its asset, and the names of the members down to it where it
    /// has none of its own.
    pub instances: Vec<Option<InstancePlace>>,
    /// Where leaves are that have static properties or no type, and no place for their values.
    pub unplaced: Unplaced,
    /// The assets of instances that are null, and of which nothing else is known.
    pub null_instances: NullInstances,
    /// Instances whose asset was made for another template: the asset, and what the template is
    /// called now.
    pub template_changed: Vec<(AssetIx, String)>,
    /// The first instance whose asset is placed beside, not below, its container; described.
    pub placed_beside: Option<String>,
    /// It has tags on a model that unrelated machines share.
    pub on_shared_model: bool,
    /// Its tags are not those of its kind; true if they have an asset of their own.
    pub another_machine: Option<bool>,
    /// The first metric that SiteWise has no type for, in words.
    pub unmappable: Option<String>,
}

/// Lays out a birth, and adds what it describes to the desired world. What does not fit is reported
/// to [`capped`](DesiredWorld::capped).
///
/// # Errors
///
/// The source has no asset: nothing of it can be carried.
pub(super) fn lay_out(
    world: &mut DesiredWorld,
    config: &Config,
    birth: &Birth,
) -> Result<Layout, Cap> {
    world.models.set_current_source(&birth.source);
    let hint = config.kinds.find(&birth.source);
    // An existing asset keeps its model, whatever tags the birth has now.
    let tags = match world.has_asset(&birth.source) {
        true => Tags::default(),
        false => tags(config, &birth.metrics),
    };
    let hint = match hint {
        // Its tags had an asset below its own before that could be made.
        _ if world.has_tags_asset_only(&birth.source) => ModelHint::Instances,
        Some(name) => ModelHint::Named(name),
        None if tags.is_empty() && has_instances(birth) => ModelHint::Instances,
        None => ModelHint::Tags(&tags),
    };
    let ensure_own_asset = |world: &mut DesiredWorld| {
        let asset = world.ensure_source_asset(&birth.source, hint)?;
        Ok::<_, Cap>((asset, world.presence_of(asset, birth.source.device.is_none())))
    };
    let mut own_asset = ensure_own_asset(world);
    if own_asset.is_err()
        && (world.has_asset(&birth.source)
            || holds_known(world, &birth.source, &[], &birth.metrics))
    {
        // Instances that exist in SiteWise are kept, though the asset above them was never created.
        world.assets.ignore_cap = true;
        own_asset = ensure_own_asset(world);
        world.assets.ignore_cap = false;
    }
    let (asset, presence) = own_asset.inspect_err(|cap| {
        world.capped.exceed(*cap, || format!("the asset of {}", birth.source))
    })?;
    if presence.online.and(presence.last_birth).and(presence.last_death).is_none() {
        let source = &birth.source;
        world.capped.exceed(Cap::Properties, || format!("the presence of {source}"));
    }
    define_pass(world, config, birth, DefinePass::Members);
    let mut laying = LayoutBuilder {
        world,
        config,
        source: &birth.source,
        places: vec![LeafPlace::None(DropReason::NotCarried); birth.slots as usize],
        leaf_of_property: FxHashMap::default(),
        path: Vec::new(),
        pending_attributes: Vec::new(),
        attributes: Vec::new(),
        assets: vec![asset],
        instances: Vec::new(),
        unplaced: Unplaced::new(),
        null_instances: NullInstances::default(),
        definition_diffs: Vec::new(),
        unnamed: Vec::new(),
        undefined: Vec::new(),
        template_changed: Vec::new(),
        placed_beside: None,
        another_machine: None,
        unmappable: None,
    };
    let model = laying.world.assets.get(asset).model;
    let shared = laying.world.is_shared(model);
    let spot = Spot {
        asset,
        model,
        depth: 0,
        template: TemplateMatch::Same,
        shared_model: false,
        origin: AssetOrigin::ThisBirth,
    };
    let of_tags = laying.spot_of_tags(spot, birth, shared);
    for metric in &birth.metrics {
        let is_tag = matches!(metric.content, Content::Leaf { .. });
        laying.metric(if is_tag { of_tags } else { spot }, &[], metric);
    }
    define_pass(laying.world, config, birth, DefinePass::Attributes);
    for later in std::mem::take(&mut laying.pending_attributes) {
        laying.attribute(later);
    }
    laying.null_undefined();
    let LayoutBuilder {
        places,
        attributes,
        assets,
        instances,
        unplaced,
        null_instances,
        template_changed,
        placed_beside,
        another_machine,
        unmappable,
        ..
    } = laying;
    let is_own =
        |place: &LeafPlace| matches!(place, LeafPlace::Target(target) if target.asset == asset);
    let shares = shared && places.iter().any(is_own);
    Ok(Layout {
        asset,
        presence,
        places,
        attributes,
        assets,
        instances,
        unplaced,
        null_instances,
        template_changed,
        placed_beside,
        another_machine,
        on_shared_model: shares,
        unmappable,
    })
}

struct LayoutBuilder<'a> {
    world: &'a mut DesiredWorld,
    config: &'a Config,
    source: &'a Source,
    places: Vec<LeafPlace>,
    /// Which leaf an asset's property belongs to, where rules may have two of them.
    leaf_of_property: FxHashMap<(AssetIx, PropertyIx), Slot>,
    /// Path from the current asset to the current metric.
    path: Vec<&'a str>,
    pending_attributes: Vec<PendingAttribute<'a>>,
    attributes: Vec<AttributeTarget>,
    assets: Vec<AssetIx>,
    instances: Vec<Option<InstancePlace>>,
    unplaced: Unplaced,
    null_instances: NullInstances,
    /// What the definitions of the current instances declare, outermost first; none where there is
    /// no definition.
    definition_diffs: Vec<Option<Arc<DefinitionDiff>>>,
    /// Attributes of the current asset that have a default, and that no definition names so far.
    unnamed: Vec<PropertyIx>,
    /// Attributes whose default is none of their own definitions'.
    undefined: Vec<LeafTarget>,
    template_changed: Vec<(AssetIx, String)>,
    placed_beside: Option<String>,
    another_machine: Option<bool>,
    unmappable: Option<String>,
}

/// An attribute that gets its place once all measurements have theirs.
struct PendingAttribute<'a> {
    spot: Spot,
    role: PropertyRole,
    path: Vec<&'a str>,
    property: &'a StaticProperty,
    /// What the attribute shows if it is sent without a value.
    if_absent: AttributeDeclaration,
}

/// Where in the world a metric is.
#[derive(Clone, Copy)]
struct Spot {
    asset: AssetIx,
    model: ModelIx,
    /// Instances with an asset of their own down to here.
    depth: usize,
    template: TemplateMatch,
    /// The model is shared, and gets nothing that it does not have.
    shared_model: bool,
    origin: AssetOrigin,
}

/// Whether an asset was made for the template that its instance names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TemplateMatch {
    Same,
    /// Another one: only what the instance itself sends is added to its model.
    Other,
}

/// Since when an asset exists.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AssetOrigin {
    ThisBirth,
    /// It was there before.
    Before,
}

/// The asset of an instance.
struct PlacedAsset {
    asset: AssetIx,
    template: TemplateMatch,
    origin: AssetOrigin,
}

impl<'a> LayoutBuilder<'a> {
    /// A metric at a spot: a value, or an instance with an asset of its own or flattened.
    /// `asset_path` leads from the source to the spot's asset.
    fn metric(&mut self, spot: Spot, asset_path: &[&'a str], metric: &'a BirthMetric) {
        let top = spot.depth == 0 && self.path.is_empty();
        if top && is_control(&metric.name) {
            if let Content::Leaf { slot, .. } = &metric.content {
                self.set(*slot, LeafPlace::None(DropReason::Control));
            }
            return;
        }
        self.path.push(&metric.name);
        match &metric.content {
            Content::Leaf { slot, datatype, sample } => {
                let place = match self.is_null_instance(asset_path, (*datatype, sample)) {
                    true => LeafPlace::None(DropReason::NotCarried),
                    false => self.leaf(spot, *slot, metric, (*datatype, sample)),
                };
                self.set(*slot, place);
                self.note_unplaced(spot, *slot, metric);
                self.statics(spot, &metric.properties);
            }
            Content::Instance(instance) if top || self.config.nested == Nested::Child => {
                let path = std::mem::take(&mut self.path);
                self.instance(spot, asset_path, metric, instance);
                self.path = path;
            }
            Content::Instance(instance) => {
                let path = self.path.iter().map(|name| Box::from(*name)).collect();
                self.record_instance(instance, (spot.asset, Some(path)));
                self.members(spot, asset_path, instance);
                self.statics(spot, &metric.properties);
            }
        }
        self.path.pop();
    }

    /// The members and parameters of an instance, with or without an asset of its own.
    fn members(&mut self, spot: Spot, asset_path: &[&'a str], instance: &'a Instance) {
        let differing = self.differing(instance, spot.model);
        let around = self.begin_unnamed(spot.model, differing.as_deref());
        self.definition_diffs.push(differing.clone());
        for member in &instance.members {
            self.metric(spot, asset_path, member);
        }
        self.definition_diffs.pop();
        self.parameters(spot, &instance.parameters);
        if let Some(differing) = differing {
            self.as_defined(spot, instance, &differing);
        }
        self.end_unnamed(spot, around);
    }

    /// An instance with an asset of its own, under that of the spot.
    fn instance(
        &mut self,
        above: Spot,
        asset_path: &[&'a str],
        metric: &'a BirthMetric,
        instance: &'a Instance,
    ) {
        let mut asset_path = asset_path.to_vec();
        asset_path.push(&metric.name);
        let template = names::model(
            instance.definition.as_deref(),
            &instance.template,
            instance.version.as_deref(),
        );
        let mut asset = self.asset_of(above, &asset_path, &template);
        if matches!(asset, Err(Cap::Assets))
            && holds_known(self.world, self.source, &asset_path, &instance.members)
        {
            self.world.assets.ignore_cap = true;
            asset = self.asset_of(above, &asset_path, &template);
            self.world.assets.ignore_cap = false;
        }
        match asset {
            Ok(PlacedAsset { asset, template, origin }) => {
                self.assets.push(asset);
                let model = self.world.assets.get(asset).model;
                self.record_instance(instance, (asset, None));
                let depth = above.depth + 1;
                let spot = Spot { asset, model, depth, template, shared_model: false, origin };
                self.members(spot, &asset_path, instance);
                self.statics(spot, &metric.properties);
            }
            Err(cap) => {
                let source = self.source;
                self.world.capped.exceed(cap, || format!("{source}/{}", asset_path.join("/")));
                self.drop_members(&instance.members, cap.into());
            }
        }
    }

    /// Notes where an instance is.
    fn record_instance(&mut self, instance: &Instance, place: InstancePlace) {
        let at = instance.number as usize;
        // An instance that rules made has no number.
        if instance.number == u32::MAX {
            return;
        }
        if self.instances.len() <= at {
            self.instances.resize(at + 1, None);
        }
        if let Some(has) = self.instances.get_mut(at) {
            *has = Some(place);
        }
    }

    /// The asset of an instance.
    fn asset_of(
        &mut self,
        above: Spot,
        asset_path: &[&str],
        template: &str,
    ) -> Result<PlacedAsset, Cap> {
        let address = Address::Instance(self.source, asset_path);
        let id = self.world.assets.id(&address);
        let origin = match self.world.exists(id) {
            true => AssetOrigin::Before,
            false => AssetOrigin::ThisBirth,
        };
        let wanted = assets::AssetRequest {
            address: &address,
            name: &asset_path.join("/"),
            // One that is there keeps the model it was made with.
            model: match origin {
                AssetOrigin::Before => above.model,
                AssetOrigin::ThisBirth => self.world.ensure_model(template, None)?,
            },
            parent: Some(above.asset),
            kind: AssetKind::Instance,
        };
        let asset = self.world.ensure_asset(wanted)?;
        if self.placed_beside.is_none() {
            self.placed_beside = self.world.placed_beside(asset, above.asset);
        }
        if origin == AssetOrigin::Before && !self.world.has_template(asset, template) {
            self.template_changed.push((asset, template.to_owned()));
            return Ok(PlacedAsset { asset, template: TemplateMatch::Other, origin });
        }
        Ok(PlacedAsset { asset, template: TemplateMatch::Same, origin })
    }

    fn leaf(
        &mut self,
        spot: Spot,
        slot: Slot,
        metric: &BirthMetric,
        (datatype, sample): (Option<SparkplugType>, &Sample),
    ) -> LeafPlace {
        let Some(form) = self.form_of((spot.model, &self.path), (datatype, sample)) else {
            if !sample.without_value {
                self.lacks_form(spot, &[], datatype);
            }
            return LeafPlace::None(DropReason::NotCarried);
        };
        let wanted = PropertyRequest {
            role: PropertyRole::Member,
            path: &self.path,
            name: Some(&metric.name),
            form,
            unit: unit(&metric.properties, form),
            default: None,
        };
        let unsaid = spot.template == TemplateMatch::Other && sample.without_value;
        let lacks = || self.world.models.find(spot.model, wanted).is_none();
        let property = match (unsaid || spot.shared_model) && lacks() {
            true if unsaid => return LeafPlace::None(DropReason::NotCarried),
            true => Err(Cap::Models),
            false => self.world.ensure_property(spot.model, wanted),
        };
        let property = match property {
            Ok(property) => property,
            Err(cap) => {
                self.exceed_cap(spot, cap);
                return LeafPlace::None(cap.into());
            }
        };
        self.unit_of(spot, property, metric, sample.without_value);
        if !self.config.rules.is_empty() {
            let first = *self.leaf_of_property.entry((spot.asset, property)).or_insert(slot);
            if first != slot {
                return LeafPlace::Same(first);
            }
        }
        LeafPlace::Target(LeafTarget { asset: spot.asset, property, form })
    }

    fn set(&mut self, slot: Slot, place: LeafPlace) {
        if let Some(at) = self.places.get_mut(slot.0 as usize) {
            *at = place;
        }
    }
}

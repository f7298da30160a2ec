//! What must hold once things are quiet, and what of it does not.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::super::*;
use super::plant::{Unit, Val};
use super::truth::{Attribute, Fact, Mark, Place, Spot, Want};
use super::world::World;
use crate::delivery::point::Stream;
use crate::sitewise::api::{Property, PropertyDataType, PropertyKind, Quality};
use crate::sparkplug::address::Source;
use crate::sparkplug::findings::Finding;
use crate::twin::Kinds;
use crate::twin::identity::{Address, Namespace, PropertyRole};
use crate::twin::mapping::ValueForm;

/// A claim that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Violation {
    /// Which claim.
    pub(super) claim: &'static str,
    /// Where, and what is there instead.
    pub(super) what: String,
}

/// The latest values of a property: those with the highest time.
type Latest<'a> = Vec<(Quality, &'a Variant)>;

/// The bridge's own models.
const OWN_MODELS: [&str; 4] =
    ["Sparkwise Bridge", "Sparkplug Group", "Sparkplug Edge Node", "Sparkplug Device"];

/// What SiteWise shows, to be held against the truth.
struct Shown<'a> {
    world: &'a World,
    latest: BTreeMap<Stream, (Timestamp, Latest<'a>)>,
    alive: &'a BTreeSet<Source>,
    found: Vec<Violation>,
    capped: bool,
}

/// All claims of a world that has been quiet for a while.
pub(super) fn violations(world: &mut World) -> Vec<Violation> {
    let alive = world.alive();
    let unknown = world.truth.unknown(&alive);
    world.truth.settle(&alive);
    world.check_conservation();
    let mut latest: BTreeMap<Stream, (Timestamp, Latest<'_>)> = BTreeMap::new();
    for (key, value) in &world.written {
        let (time, all) = latest.entry(key.stream).or_default();
        if key.time > *time {
            (*time, *all) = (key.time, Vec::new());
        }
        all.push((key.quality, value));
    }
    let mut shown = Shown { world, latest, alive: &alive, found: Vec::new(), capped: false };
    shown.nothing_waits();
    shown.no_more_models_than_allowed();
    let is_known = |source: &Source| {
        let node = Source { device: None, ..source.clone() };
        !unknown.contains(source) && !unknown.contains(&node)
    };
    for source in alive.iter().filter(|source| is_known(source)) {
        shown.alive(source);
    }
    let dead = |source: &&Source| !alive.contains(source) && is_known(source);
    for source in world.truth.pieces.keys().filter(dead) {
        shown.dead(source);
    }
    let is_known = |place: &Place| is_known(&place.spot.source);
    for (place, fact) in world.truth.facts.iter().filter(|(place, _)| is_known(place)) {
        let now = alive.contains(&place.spot.source) && fact.mark == Mark::Fresh;
        shown.measurement(place, fact, now);
    }
    for (place, attribute) in world.truth.attributes.iter().filter(|(place, _)| is_known(place)) {
        shown.attribute(place, attribute);
    }
    let Shown { found, capped, .. } = shown;
    if capped {
        world.reach("cap");
    }
    found
}

impl<'a> Shown<'a> {
    fn fail(&mut self, claim: &'static str, what: String) {
        self.found.push(Violation { claim, what });
    }

    fn nothing_waits(&mut self) {
        let World { bridge, outbox, unaccounted, .. } = self.world;
        for what in unaccounted {
            self.found.push(Violation { claim: "conservation", what: what.clone() });
        }
        let (stored, held) = (outbox.len(), bridge.twin().buffered());
        let waiting = bridge.delivery().waiting();
        if stored + held + waiting > 0 {
            let what = format!("{stored} in the outbox, {held} held, {waiting} in delivery");
            self.fail("nothing waits", what);
        }
    }

    /// The bridge's own four are there whatever the cap is.
    fn no_more_models_than_allowed(&mut self) {
        let models = self.world.sitewise.models.len();
        let most = self.world.config.twin.max_models.max(OWN_MODELS.len());
        if models > most {
            self.fail("cap of models", format!("{models} of {most}"));
        }
    }

    /// Everything born is alive.
    fn alive(&mut self, source: &Source) {
        let pieces = self.world.truth.pieces.get(source);
        let paths = pieces.into_iter().flatten().cloned();
        for path in [Vec::new()].into_iter().chain(paths) {
            let spot = Spot { source: source.clone(), path };
            let asset = self.asset(&spot);
            if !self.world.sitewise.assets.contains_key(&asset) {
                self.missing(&spot, "asset", self.is_full(), true);
            } else if spot.path.is_empty() {
                match self.online(asset) {
                    Some((Quality::Good, Variant::Boolean(true))) => {}
                    other => self.fail("online", format!("{source}: {other:?}")),
                }
            }
        }
    }

    fn dead(&mut self, source: &Source) {
        let asset = self.asset(&Spot { source: source.clone(), path: Vec::new() });
        if let Some((_, Variant::Boolean(true))) = self.online(asset) {
            self.fail("offline", source.to_string());
        }
    }

    /// What the bridge tells of a source's presence; the plant's own `Online` is a number.
    fn online(&self, asset: Uuid) -> Option<(Quality, &'a Variant)> {
        let all = self.properties(asset, "Online", PropertyDataType::Boolean, false);
        let latest = all.iter().find_map(|property| self.latest(asset, property.id))?;
        latest.last().copied()
    }

    /// Latest is latest.
    fn measurement(&mut self, place: &Place, fact: &Fact, now: bool) {
        let asset = self.home(&place.spot);
        let namespace = self.world.config.twin.namespace;
        if !fact.claimed || !self.world.sitewise.assets.contains_key(&asset) {
            return;
        }
        let mut properties = self.properties(asset, &place.name, place.data_type, false);
        let model = self.world.sitewise.assets[&asset].model;
        let (role, form) = (PropertyRole::Member, ValueForm::Seconds);
        let time = |path: &[&str]| namespace.property(model, role, path, form);
        let below = place.name.split_once('/').map(|(piece, name)| time(&[piece, name]));
        let times = [Some(time(&[&place.name])), below];
        properties.retain(|property| times.contains(&Some(property.id)) == place.is_time);
        if properties.is_empty() {
            return self.missing(&place.spot, &place.name, self.has_no_room(&place.spot), now);
        }
        let shown: Vec<_> =
            properties.iter().filter_map(|property| self.latest(asset, property.id)).collect();
        let is_right = |latest: &&&Latest<'_>| {
            let mut right = latest.iter().map(|shown| fact.expects(shown));
            if fact.tied { right.any(|right| right) } else { right.all(|right| right) }
        };
        let full = self.is_full() || self.has_no_room(&place.spot);
        if shown.is_empty() && fact.mark != Mark::Fresh && full {
            // It is gone, and may have been said before anything fitted.
            return;
        }
        if !shown.iter().any(|latest| is_right(&latest)) {
            let claim = fact.broken(now, shown.first().map_or(&[], |latest| latest));
            self.fail(claim, format!("{place}: {shown:?}, not {fact:?}"));
        }
        let units: Vec<_> = properties.iter().map(|property| self.unit(asset, property)).collect();
        let mut findings = self.world.bridge.host().findings();
        let told = findings.any(|told| {
            told.finding == Finding::MissingUnit && told.edge == Some(&place.spot.source.edge)
        });
        let by_kind = self.world.config.twin.kinds != Kinds::default();
        let is_right = |unit: &Option<String>| match &fact.unit {
            // Whatever its sender says.
            _ if place.is_time => unit.as_deref() == Some("s"),
            Unit::Unsaid => true,
            // The model's is another's, which is told; what it said once stays.
            Unit::Own(None) if by_kind => unit.is_none() || told || fact.had_unit,
            Unit::Defined(None) => unit.is_none() || told || fact.had_unit,
            Unit::Own(said) | Unit::Defined(said) => unit == said,
        };
        if (now || fact.process == self.world.truth.process) && !units.iter().any(is_right) {
            self.fail("unit", format!("{place}: {units:?}, not {:?}", fact.unit));
        }
    }

    fn attribute(&mut self, place: &Place, attribute: &Attribute) {
        let asset = self.home(&place.spot);
        if !attribute.claimed || !self.world.sitewise.assets.contains_key(&asset) {
            return;
        }
        let properties = self.properties(asset, &place.name, place.data_type, true);
        if properties.is_empty() {
            // Where nothing is right, so is that there is no such property.
            let wanted = attribute.want.iter().all(|want| *want != Want::Nothing);
            if wanted && !attribute.may_lack {
                let (full, now) = (self.has_no_room(&place.spot), self.is_said(&place.spot));
                // One of a template that had no model may be meant.
                if full || !self.is_full() {
                    self.missing(&place.spot, &place.name, full, now);
                }
            }
            return;
        }
        let shown: Vec<_> = properties
            .iter()
            .map(|property| {
                let PropertyKind::Attribute { default } = &property.kind else { unreachable!() };
                let written = self.latest(asset, property.id);
                let written = written.and_then(|latest| latest.last().copied());
                (written.map(|(quality, value)| (quality, text(value))), default.clone())
            })
            .collect();
        if attribute.may_lack && shown.contains(&(None, None)) {
            // Another instance of the template that it was made for brought it.
            return;
        }
        if !shown.iter().any(|shown| attribute.want.iter().any(|want| is_shown(want, shown))) {
            let claim = match attribute.want.first() {
                Some(Want::Own(_)) => "attribute",
                Some(Want::Default(_)) => "attribute's default",
                Some(Want::Nothing | Want::Null) | None => "attribute that is said no more",
            };
            self.fail(claim, format!("{place}: {shown:?}, not {:?}", attribute.want));
        }
    }

    /// What does not fit is told by name while it is said, and nothing else is missing.
    fn missing(&mut self, spot: &Spot, what: &str, full: bool, now: bool) {
        self.capped = true;
        let place = format!("{}/{} {what}", spot.source, spot.path.join("/"));
        if !full {
            // What is said no more may have been said before anything fitted.
            let was_full = self.world.was_capped.contains(&spot.source) || self.is_full();
            if now || !was_full {
                self.fail("everything that fits", place);
            }
        } else if now && !self.is_told(&spot.source) {
            self.fail("told by name", place);
        }
    }

    /// Whether an asset is in the latest birth of a source that is online.
    fn is_said(&self, Spot { source, path }: &Spot) -> bool {
        let pieces = self.world.truth.pieces.get(source);
        let said = path.is_empty() || pieces.is_some_and(|pieces| pieces.contains(path));
        said && self.alive.contains(source)
    }

    /// Whether it was told that a cap keeps something of a source out.
    fn is_told(&self, source: &Source) -> bool {
        self.world.capped.contains(source)
    }

    fn is_full(&self) -> bool {
        let (twin, sitewise) = (&self.world.config.twin, &self.world.sitewise);
        sitewise.assets.len() >= twin.max_assets || self.has_no_model()
    }

    /// Whether there are as many models as there may be: for the bridge's own there is a place, made
    /// or not.
    fn has_no_model(&self) -> bool {
        let models = &self.world.sitewise.models;
        let is_there = |own: &&str| models.values().any(|model| model.name == *own);
        let to_come = OWN_MODELS.iter().filter(|own| !is_there(own)).count();
        models.len() + to_come >= self.world.config.twin.max_models
    }

    /// Whether an asset's model is full, or flat tags have none of their own since there are as
    /// many models as there may be.
    fn has_no_room(&self, spot: &Spot) -> bool {
        let (twin, sitewise) = (&self.world.config.twin, &self.world.sitewise);
        let model = &sitewise.models[&sitewise.assets[&self.home(spot)].model];
        let no_model = spot.path.is_empty() && self.has_no_model();
        no_model || model.all_properties().count() >= twin.max_properties
    }

    fn home(&self, spot: &Spot) -> Uuid {
        home(self.world.config.twin.namespace, &self.world.sitewise, spot)
    }

    fn asset(&self, spot: &Spot) -> Uuid {
        self.world.config.twin.namespace.asset(&spot.address(&spot.names()))
    }

    /// The properties of an asset that may be what people look for by this name: it alone, or
    /// with a word in brackets that tells it from another.
    fn properties(
        &self,
        asset: Uuid,
        name: &str,
        data_type: PropertyDataType,
        attribute: bool,
    ) -> Vec<&'a Property> {
        let sitewise = &self.world.sitewise;
        let model = sitewise.assets.get(&asset).and_then(|asset| sitewise.models.get(&asset.model));
        let fits = |property: &&Property| {
            let rest = property.name.strip_prefix(name);
            let named = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" ("));
            let is_attribute = matches!(property.kind, PropertyKind::Attribute { .. });
            named && property.data_type == data_type && is_attribute == attribute
        };
        model.into_iter().flat_map(|model| model.all_properties()).filter(fits).collect()
    }

    fn latest(&self, asset: Uuid, property: Uuid) -> Option<&Latest<'a>> {
        self.latest.get(&Stream { asset, property }).map(|(_, latest)| latest)
    }

    /// The unit that SiteWise shows for a property of an asset.
    fn unit(&self, asset: Uuid, property: &Property) -> Option<String> {
        self.world.sitewise.property(asset, property.id).ok().and_then(|shown| shown.unit)
    }
}

impl Spot {
    pub(super) fn names(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }

    pub(super) fn address<'a>(&'a self, names: &'a [&'a str]) -> Address<'a> {
        match names {
            [] => Address::Source(&self.source),
            _ => Address::Instance(&self.source, names),
        }
    }
}

impl Fact {
    /// Which claim it is that what is shown does not hold.
    fn broken(&self, now: bool, shown: &[(Quality, &Variant)]) -> &'static str {
        let same = shown.iter().all(|(_, value)| **value == self.value);
        let bad = self.quality == Quality::Bad && shown.iter().all(|(q, _)| *q < Quality::Bad);
        match (now, shown) {
            (_, []) => "a value is written",
            _ if shown.iter().any(|shown| self.expects(shown)) => "one value for a time",
            (true, _) if same => "quality",
            (true, _) => "value",
            (false, _) if same && bad => "bad stays bad",
            (false, _) if same => "quality of what is gone",
            (false, _) => "value of what is gone",
        }
    }

    fn expects(&self, (quality, value): &(Quality, &Variant)) -> bool {
        let main = std::iter::once((&self.value, self.quality));
        let others = self.others.iter().map(|(value, quality)| (value, *quality));
        main.chain(others).any(|(said, as_said)| {
            let marked = as_said.max(Quality::Uncertain);
            let right = match self.mark {
                Mark::Fresh => *quality == as_said,
                Mark::Marked => *quality == marked,
                Mark::Either => *quality == as_said || *quality == marked,
            };
            right && said == *value
        })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { spot, name, data_type, is_time: _ } = self;
        write!(f, "{}/{} {name} ({data_type:?})", spot.source, spot.path.join("/"))
    }
}

/// Whether an attribute shows what is wanted; it comes as what was written of it last, and its
/// model's default.
fn is_shown(want: &Want, shown: &(Option<(Quality, String)>, Option<String>)) -> bool {
    let (written, default) = shown;
    let is = |text: &str| match written {
        Some((quality, written)) => *quality == Quality::Good && written == text,
        None => default.as_deref() == Some(text),
    };
    let is_default = default.as_deref().is_some_and(is);
    let is_null = match written {
        Some((quality, text)) => *quality == Quality::Bad && text == "null",
        None => default.is_none(),
    };
    match want {
        Want::Own(value) => is(&own_text(value)),
        Want::Default(value) => is_default || is(&own_text(value)),
        Want::Nothing => is_default || is_null,
        Want::Null => is_null,
    }
}

/// The asset of the values of a spot: that of tags that came after instances is below the
/// machine's own.
pub(super) fn home(namespace: Namespace, sitewise: &FakeSiteWise, spot: &Spot) -> Uuid {
    let [below, own] = homes(namespace, spot);
    if sitewise.assets.contains_key(&below) { below } else { own }
}

/// The assets that may have the values of a spot, made or not.
pub(super) fn homes(namespace: Namespace, spot: &Spot) -> [Uuid; 2] {
    let own = namespace.asset(&spot.address(&spot.names()));
    let below = namespace.asset(&Address::Tags(&spot.source));
    [if spot.path.is_empty() { below } else { own }, own]
}

fn own_text(value: &Val) -> String {
    match value {
        Val::Null => "null".to_owned(),
        Val::Int(value) => value.to_string(),
        Val::Long(value) => value.to_string(),
        Val::Double(value) => value.to_string(),
        Val::Bool(value) => value.to_string(),
        Val::Time(millis) => (*millis as f64 / 1_000.0).to_string(),
        Val::Text(value) => value.clone(),
    }
}

fn text(value: &Variant) -> String {
    match value {
        Variant::Integer(value) => value.to_string(),
        Variant::Double(value) => value.to_string(),
        Variant::Boolean(value) => value.to_string(),
        Variant::String(value) => value.to_string(),
        Variant::Null(_) => "null".to_owned(),
    }
}

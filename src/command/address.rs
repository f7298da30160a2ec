//! From a request's asset and property to the metric: the twin's layout, read backwards.

use uuid::Uuid;

use super::PlantView;
use super::answer::{Code, Refusal};
use super::metrics::{Metrics, SourceAvailability, Writable};
use super::rules::{AllowRule, AllowRules, WriteGuard};
use crate::sparkplug::address::{EdgeNode, Source};
use crate::sparkplug::host::NodePhase;
use crate::twin::identity::{Address, PropertyRole};
use crate::twin::view::{AssetIx, AssetKind, DesiredAsset, Liveness};
use crate::twin::{Twin, is_control};

/// Levels of an address at most: group, node, device and a path with as many ways to be taken
/// apart as are worth a look.
const LEVELS: usize = 10;

/// External ids of assets, by their hash: an external id cannot be taken apart.
#[derive(Debug, Default)]
pub(super) struct ExternalIds {
    assets: rustc_hash::FxHashMap<u64, AssetIx>,
    seen: u32,
}

/// An id that the asset of a request may have; where the request has an address, with the node or device
/// that the asset would be of.
type Candidate = (Uuid, Option<Source>);

/// A metric, with the rule that allows to write it.
#[derive(Debug)]
pub(super) struct Target<'a> {
    pub metric: &'a Writable,
    pub rule: &'a AllowRule,
}

/// Finds the metric that a request means, and the rule for it; or says why it may not be written,
/// or not now.
pub(super) fn find<'a>(
    (asset, property): (&str, &str),
    metrics: &'a Metrics,
    rules: &'a AllowRules,
    externals: &mut ExternalIds,
    plant: PlantView<'_>,
) -> Result<Target<'a>, Refusal> {
    let candidates = candidates(asset, externals, plant);
    let ids = candidates.iter().map(|(id, _)| *id);
    let assets: Vec<_> = ids.filter_map(|id| plant.twin.asset(id)).collect();
    if assets.is_empty() {
        return Err(unknown(asset, &candidates, plant));
    }
    let mut found = Vec::new();
    let mut refusals = Vec::new();
    for (ix, of) in assets {
        match in_asset((ix, of), property, metrics, rules, plant) {
            Ok(some) => found.extend(some),
            Err(refusal) => refusals.push(refusal),
        }
    }
    // Another machine of this address may be the one that is meant, and cannot answer for itself now.
    let is_absent = |refusal: &Refusal| {
        matches!(refusal.code, Code::NodeOffline | Code::DeviceOffline | Code::AwaitingBirth)
    };
    let other_is_absent = refusals.iter().any(is_absent)
        || candidates.iter().any(|(id, of)| is_unborn(*id, of, plant));
    match (found.as_slice(), refusals.into_iter().next()) {
        ([_], _) if other_is_absent => Err(Refusal::new(
            Code::UnknownProperty,
            format!(
                "\"{}\" is ambiguous: another asset of this address is offline, or waits for its \
                    birth; use the asset's UUID",
                short(asset)
            ),
        )),
        ([metric], _) => allowed(metric, rules, plant),
        ([], Some(refusal)) => Err(refusal),
        ([], None) => Err(Refusal::new(
            Code::UnknownProperty,
            format!("the asset has no property \"{}\"", short(property)),
        )),
        (_, _) => Err(Refusal::new(
            Code::UnknownProperty,
            format!(
                "\"{}\" is ambiguous: several metrics have this name; use the property's UUID",
                short(property)
            ),
        )),
    }
}

/// The rule for a metric, if its source can be written to.
fn allowed<'a>(
    metric: &'a Writable,
    rules: &'a AllowRules,
    plant: PlantView<'_>,
) -> Result<Target<'a>, Refusal> {
    let by_model = by_model(metric, plant.twin);
    let is_twice = plant.twin.is_twice_in_birth(&metric.key.source, metric.slot);
    match rules.find(&metric.address, by_model.as_deref(), metric.guard()) {
        // Which of them the edge node would write cannot be known.
        Some(_) if metric.is_ambiguous || is_twice => Err(Refusal::new(
            Code::UnknownProperty,
            format!("the latest birth has several metrics of the name {}", metric.address),
        )),
        Some(rule) => Ok(Target { metric, rule }),
        None => Err(not_allowed(&metric.address, metric.guard())),
    }
}

/// A metric as `model/member`; none where it is no property of an asset.
pub(super) fn by_model(metric: &Writable, twin: &Twin) -> Option<String> {
    let source = &metric.key.source;
    if metric.levels.is_empty() && is_control(&metric.name) {
        let (_, asset) = twin.asset(twin.asset_id(&Address::Source(source)))?;
        return Some(format!("{}/{}", twin.plain_model_name(asset.model), metric.name));
    }
    let (ix, place) = twin.place_of(source, metric.slot)?;
    let model = twin.asset_at(ix).model;
    let property = twin.model_at(model).properties.get(place.0 as usize)?;
    let path: Vec<_> = property.path().collect();
    Some(format!("{}/{}", twin.plain_model_name(model), path.join("/")))
}

/// The metrics of an asset that a property means; an empty list if the asset has no such property.
fn in_asset<'a>(
    (ix, asset): (AssetIx, &DesiredAsset),
    property: &str,
    metrics: &'a Metrics,
    rules: &AllowRules,
    plant: PlantView<'_>,
) -> Result<Vec<&'a Writable>, Refusal> {
    let twin = plant.twin;
    let Some(source) = twin.source_of_asset(ix) else {
        return Err(Refusal::new(Code::NotAllowed, "the asset has no writable property"));
    };
    presence(source, metrics, plant)?;
    let all = metrics.source(source).map(|of| of.metrics.as_slice()).unwrap_or_default();
    let is_own = matches!(asset.kind, AssetKind::Source(_));
    if is_own && is_control(property) {
        let found: Vec<_> = all
            .iter()
            .filter(|metric| metric.levels.is_empty() && *metric.name == *property)
            .collect();
        // Whether a birth has it is not remembered where no rule is for it.
        return match found.is_empty() {
            true => Err(not_allowed(&format!("{source}/{property}"), WriteGuard::FullName)),
            false => Ok(found),
        };
    }
    if plant.is_behind || !twin.is_current(source) {
        return Err(awaiting(&format!(
            "{source} is online, but its birth has not been mapped to assets yet"
        )));
    }
    let id = Uuid::try_parse(property).ok();
    let model = twin.model_at(asset.model);
    let is_meant = |at: usize| {
        let Some(has) = model.properties.get(at) else { return false };
        let is_path = || {
            let mut rest = Some(property);
            for (place, name) in has.path().enumerate() {
                rest = rest.and_then(|rest| match place {
                    0 => Some(rest),
                    _ => rest.strip_prefix('/'),
                });
                rest = rest.and_then(|rest| rest.strip_prefix(name));
            }
            rest == Some("")
        };
        match id {
            Some(id) => has.id == id,
            None => *has.name == *property || has.role == PropertyRole::Member && is_path(),
        }
    };
    let meant: Vec<_> = (0..model.properties.len()).filter(|at| is_meant(*at)).collect();
    if meant.is_empty() {
        return Ok(Vec::new());
    }
    let found: Vec<_> = all
        .iter()
        .filter(|metric| {
            let place = twin.place_of(source, metric.slot);
            place.is_some_and(|(at, has)| at == ix && meant.contains(&(has.0 as usize)))
        })
        .collect();
    if !found.is_empty() {
        return Ok(found);
    }
    // It is there, and no rule may be for it; or the latest birth does not have it.
    let names = meant.iter().filter_map(|at| model.properties.get(*at)).map(|has| {
        let path: Vec<_> = has.path().collect();
        let path = path.join("/");
        (
            format!("{}/{path}", asset.address),
            format!("{}/{path}", twin.plain_model_name(asset.model)),
        )
    });
    for (by_address, by_model) in names {
        if rules.find(&by_address, Some(&by_model), WriteGuard::Open).is_none() {
            return Err(not_allowed(&by_address, WriteGuard::Open));
        }
    }
    Err(Refusal::new(
        Code::UnknownProperty,
        format!("the latest birth of {source} has no metric of a writable type for this property"),
    ))
}

/// Whether a source can be written to now.
fn presence(source: &Source, metrics: &Metrics, plant: PlantView<'_>) -> Result<(), Refusal> {
    of_node(&source.edge, plant)?;
    match metrics.source(source).map(|of| of.presence) {
        Some(SourceAvailability::Online) if plant.host.is_born(source) => Ok(()),
        // The device may be alive, but its birth from before the node's rebirth no longer holds.
        Some(SourceAvailability::Online) => Err(awaiting(&format!(
            "the latest birth of {source} could not be read, or arrived too late"
        ))),
        Some(SourceAvailability::Awaited) => {
            Err(awaiting(&format!("waiting for the birth of {source}")))
        }
        Some(SourceAvailability::Offline) => Err(offline(source)),
        // Nothing of it may be written; whoever asks for it is told that where it can be.
        None => match plant.twin.presence_of(source).liveness {
            Liveness::Offline => Err(offline(source)),
            Liveness::Online | Liveness::Unknown => Ok(()),
        },
    }
}

fn of_node(edge: &EdgeNode, plant: PlantView<'_>) -> Result<(), Refusal> {
    match plant.host.phase(edge) {
        NodePhase::Online => Ok(()),
        NodePhase::Awaited => Err(awaiting(&format!("waiting for the birth of {edge}"))),
        NodePhase::Offline | NodePhase::Unknown => {
            Err(Refusal::new(Code::NodeOffline, format!("{edge} is offline")))
        }
    }
}

fn offline(source: &Source) -> Refusal {
    let code = match source.device {
        Some(_) => Code::DeviceOffline,
        None => Code::NodeOffline,
    };
    Refusal::new(code, format!("{source} is offline"))
}

fn awaiting(reason: &str) -> Refusal {
    Refusal::new(Code::AwaitingBirth, reason)
}

fn not_allowed(name: &str, guard: WriteGuard) -> Refusal {
    let reason = match guard {
        WriteGuard::Open => format!("no rule of COMMANDS_ALLOW allows writing {name}"),
        WriteGuard::FullName => format!(
            "{name} is read-only in its birth, or controls the node or device: it needs a rule in \
                COMMANDS_ALLOW with exactly this address, without wildcards"
        ),
    };
    Refusal::new(Code::NotAllowed, reason)
}

/// Whether SiteWise has an asset of a node or device that was not born since the start.
fn is_unborn(id: Uuid, of: &Option<Source>, plant: PlantView<'_>) -> bool {
    let twin = plant.twin;
    twin.asset(id).is_none()
        && twin.plan().known_asset(id).is_some()
        && of.as_ref().is_some_and(|source| !plant.host.is_born(source))
}

/// Why there is no asset for a request.
fn unknown(asset: &str, candidates: &[Candidate], plant: PlantView<'_>) -> Refusal {
    let mut levels = asset.split('/');
    if let (Some(group), Some(node)) = (levels.next(), levels.next()) {
        let edge = EdgeNode::new(group, node);
        if plant.host.phase(&edge) != NodePhase::Unknown
            && let Err(refusal) = of_node(&edge, plant)
        {
            return refusal;
        }
    }
    let plan = plant.twin.plan();
    if !plan.is_synced() {
        return awaiting("the initial sync with SiteWise is not complete yet");
    }
    match candidates.iter().any(|(id, _)| plan.known_asset(*id).is_some()) {
        true => awaiting(
            "the asset exists in SiteWise, but no birth of its machine was received since the \
            start",
        ),
        false => {
            Refusal::new(Code::UnknownAsset, format!("there is no asset \"{}\"", short(asset)))
        }
    }
}

/// The ids that an asset may have, by UUID, external id or address.
fn candidates(asset: &str, externals: &mut ExternalIds, plant: PlantView<'_>) -> Vec<Candidate> {
    if let Ok(id) = Uuid::try_parse(asset) {
        return vec![(id, None)];
    }
    if let Some(external) = asset.strip_prefix("externalId:") {
        return externals.find(external, plant).map(|id| (id, None)).into_iter().collect();
    }
    let levels: Vec<&str> = asset.split('/').collect();
    if levels.len() > LEVELS || levels.iter().any(|level| level.is_empty()) {
        return Vec::new();
    }
    let [group, node, rest @ ..] = levels.as_slice() else { return Vec::new() };
    let of_node = Source { edge: EdgeNode::new(*group, *node), device: None };
    let mut all = Vec::new();
    below(&of_node, rest, plant, &mut all);
    if let [device, rest @ ..] = rest {
        let of_device = Source { device: Some((*device).into()), ..of_node };
        below(&of_device, rest, plant, &mut all);
    }
    all
}

/// The assets that a path may mean below a source: names may have slashes of their own.
fn below(source: &Source, path: &[&str], plant: PlantView<'_>, all: &mut Vec<Candidate>) {
    let id = |address: &Address<'_>| (plant.twin.asset_id(address), Some(source.clone()));
    let Some(gaps) = path.len().checked_sub(1) else {
        all.extend([id(&Address::Source(source)), id(&Address::Tags(source))]);
        return;
    };
    for cuts in 0..1_u32 << gaps {
        let mut names: Vec<String> = Vec::with_capacity(path.len());
        for (place, level) in path.iter().enumerate() {
            match names.last_mut() {
                Some(name) if cuts & (1 << (place - 1)) == 0 => {
                    name.push('/');
                    name.push_str(level);
                }
                _ => names.push((*level).to_owned()),
            }
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        all.push(id(&Address::Instance(source, &names)));
    }
}

impl ExternalIds {
    fn find(&mut self, external: &str, plant: PlantView<'_>) -> Option<Uuid> {
        let hash = |text: &str| xxhash_rust::xxh3::xxh3_64(text.as_bytes());
        for (ix, asset) in plant.twin.assets_from(self.seen) {
            self.assets.insert(hash(&plant.twin.external_id(asset)), ix);
            self.seen = ix.0 + 1;
        }
        let asset = plant.twin.asset_at(*self.assets.get(&hash(external))?);
        (plant.twin.external_id(asset) == external).then_some(asset.id)
    }
}

/// What was asked for, no more of it than people read.
fn short(text: &str) -> String {
    text.chars().take(200).filter(|c| !c.is_control()).collect()
}

//! Nodes and devices that wait after the initial sync: an asset of theirs may belong to a model
//! whose assets cannot be listed, or they may be of a kind whose model cannot be described.
//!
//! Otherwise an asset could get a second model, or their kind a second one. Their events are
//! buffered, all others are processed.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::event_buffer::source_of;
use super::identity::Address;
use super::layout;
use super::models::KindCandidate;
use super::{Config, Nested, Output, Twin};
use crate::sparkplug::address::{EdgeNode, Source};
use crate::sparkplug::event::{BirthMetric, Content, Event};
use crate::sparkplug::rebirth::RefreshReason;
use crate::time::Now;

/// Blocked sources and what they wait for. Bounded by the buffer, which holds their events.
#[derive(Debug, Default)]
pub(super) struct BlockedSources(BTreeMap<Source, BlockReason>);

#[derive(Debug, Default)]
struct BlockReason {
    /// These assets may be there or not.
    assets: BTreeSet<Uuid>,
    /// No known kind matches its tags.
    no_known_kind: bool,
}

impl Output {
    /// Data of this node, or a device of it, was dropped: a rebirth brings it again.
    pub(super) fn dropped(edge: EdgeNode) -> Self {
        Self::RequestRefresh(edge, RefreshReason::Dropped)
    }
}

impl Twin {
    /// Whether an event is to wait.
    pub(super) fn should_block(&mut self, event: &Event) -> bool {
        let source = source_of(event);
        let is_blocked = self.blocked.is_blocked(source);
        if !is_blocked && !self.writer.world.plan.has_unread() {
            return false;
        }
        let metrics = match event {
            Event::Birth(birth) => &*birth.metrics,
            // A device's death needs its node's asset, which may be unlisted.
            Event::Death(_) => &[],
            Event::Data(_) => {
                if is_blocked {
                    self.blocked.0.entry(source.clone()).or_default();
                }
                return is_blocked;
            }
        };
        let reason = self.block_reason(source, metrics);
        let waits = is_blocked || !self.is_unblocked(source, &reason);
        if waits {
            self.request_asset_checks(source, metrics, &reason);
            // What is buffered of it is followed as well.
            let mut held = BlockReason::default();
            if self.blocked.contains(source) {
                for birth in self.buffer.births(source) {
                    held.assets.extend(self.block_reason(source, &birth.metrics).assets);
                }
            }
            held.assets.extend(reason.assets);
            held.no_known_kind = match event {
                Event::Birth(_) => reason.no_known_kind,
                _ => self.blocked.0.get(source).is_some_and(|before| before.no_known_kind),
            };
            self.blocked.0.insert(source.clone(), held);
        }
        waits
    }

    /// More is known of what SiteWise had at the start.
    pub(super) fn release_ready(&mut self, now: Now) {
        // `SyncProgress` is emitted again once presence is read.
        if !self.writer.world.plan.presence_known() {
            return;
        }
        let newly_known = self.writer.world.take_newly_known();
        let mut unblocked = BTreeSet::new();
        let mut settled = BTreeSet::new();
        let mut unsettled = std::mem::take(&mut self.blocked);
        // A node comes before its devices.
        for (source, reason) in &mut unsettled.0 {
            let known = reason.assets.extract_if(.., |asset| !self.is_unsure(*asset));
            settled.extend(known);
            let waits_for_node =
                node_of(source).is_some_and(|node| self.blocked.0.contains_key(&node));
            if !waits_for_node && self.is_unblocked(source, reason) {
                unblocked.insert(source.clone());
            } else {
                self.blocked.0.insert(source.clone(), std::mem::take(reason));
            }
        }
        for (event, sent) in self.buffer.take(&unblocked) {
            self.apply_event(event, &sent, now);
        }
        settled.into_iter().for_each(|asset| self.writer.world.plan.forget_check(asset));
        let incomplete = self.buffer.take_incomplete(|source| unblocked.contains(source));
        self.writer.outputs.extend(incomplete.into_iter().map(Output::dropped));
        self.expect(&newly_known, now);
    }

    fn is_unsure(&self, asset: Uuid) -> bool {
        !self.writer.world.is_wanted(asset) && self.writer.world.plan.may_exist(asset)
    }

    /// Whether there is nothing left to wait for but a node.
    fn is_unblocked(&self, source: &Source, reason: &BlockReason) -> bool {
        let world = &self.writer.world;
        let may_match_undescribed = || {
            let mut kinds = world.models.kinds_for(source);
            kinds.any(|kind| world.plan.is_undescribed(kind))
        };
        reason.assets.is_empty()
            && world.plan.presence_known()
            && !(reason.no_known_kind && !world.has_asset(source) && may_match_undescribed())
    }

    fn block_reason(&self, source: &Source, metrics: &[BirthMetric]) -> BlockReason {
        let all = addresses(source, metrics, &self.config);
        let ids = all.into_iter().map(|(asset, _)| asset);
        let tags = layout::tags(&self.config, metrics);
        let candidate = KindCandidate { founder: source, tags: &tags };
        let matches_no_kind = !tags.is_empty()
            && self.config.kinds.find(source).is_none()
            && self.writer.world.models.find_kind(candidate).is_none();
        BlockReason {
            assets: ids.filter(|asset| self.is_unsure(*asset)).collect(),
            no_known_kind: matches_no_kind,
        }
    }

    /// Asks SiteWise for the assets that are waited for.
    fn request_asset_checks(
        &mut self,
        source: &Source,
        metrics: &[BirthMetric],
        reason: &BlockReason,
    ) {
        for (asset, address) in addresses(source, metrics, &self.config) {
            if reason.assets.contains(&asset) {
                self.writer.world.plan.check_asset(asset, &address);
            }
        }
    }
}

impl BlockedSources {
    /// Whether a source waits.
    pub(super) fn contains(&self, source: &Source) -> bool {
        self.0.contains_key(source)
    }

    /// Whether an event waits for earlier ones of its source, or of its node.
    pub(super) fn is_blocked(&self, source: &Source) -> bool {
        self.0.contains_key(source)
            || node_of(source).is_some_and(|node| self.0.contains_key(&node))
    }
}

/// The node of a device.
fn node_of(source: &Source) -> Option<Source> {
    source.device.as_ref()?;
    Some(Source { edge: source.edge.clone(), device: None })
}

/// The assets of a source's metrics, and those above, with their names.
fn addresses(source: &Source, metrics: &[BirthMetric], config: &Config) -> Vec<(Uuid, String)> {
    let namespace = config.namespace;
    let group = &source.edge.group;
    let mut all = vec![(namespace.asset(&Address::Group(group)), group.to_string())];
    for of in node_of(source).iter().chain([source]) {
        all.push((namespace.asset(&Address::Source(of)), of.to_string()));
    }
    let has = |instance: bool| {
        let mut all = metrics.iter().map(|metric| matches!(metric.content, Content::Instance(_)));
        all.any(|is| is == instance)
    };
    if has(true) && has(false) {
        let address = Address::Tags(source);
        all.push((namespace.asset(&address), super::assets::text(&address)));
    }
    let mut add = |path: &[&str]| {
        let asset = namespace.asset(&Address::Instance(source, path));
        all.push((asset, format!("{source}/{}", path.join("/"))));
    };
    for metric in metrics {
        instances(metric, &[], config.nested, &mut add);
    }
    all
}

/// The instance that a metric is, and those within it that have assets of their own.
fn instances(metric: &BirthMetric, above: &[&str], nested: Nested, add: &mut impl FnMut(&[&str])) {
    let Content::Instance(instance) = &metric.content else { return };
    let mut path = above.to_vec();
    path.push(&metric.name);
    add(&path);
    if nested == Nested::Child {
        for member in &instance.members {
            instances(member, &path, nested, add);
        }
    }
}

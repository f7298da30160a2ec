//! Nodes and devices that were born without tags.
//!
//! Many are born empty and again a moment later, with what their driver has found meanwhile. An
//! asset keeps its model for ever, so theirs waits for the first tags, or for a minute.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::layout::{self, is_control};
use super::writer::PointWriter;
use super::{Config, Twin};
use crate::sparkplug::address::Source;
use crate::sparkplug::event::{Birth, Content};
use crate::sparkplug::findings::Finding;
use crate::time::{Instant, Now};
use crate::twin::counts::DropReason;

/// How long tags are waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Births that wait. Their number is bounded by that of nodes and devices in the session.
#[derive(Debug, Default)]
pub(super) struct AwaitingTags {
    births: BTreeMap<Source, (Instant, Birth)>,
    timeouts: BTreeSet<(Instant, Source)>,
}

impl AwaitingTags {
    pub(super) fn contains(&self, source: &Source) -> bool {
        self.births.contains_key(source)
    }

    /// When the first has waited long enough.
    pub(super) fn next(&self) -> Option<Instant> {
        self.timeouts.first().map(|(at, _)| *at)
    }

    /// Stops waiting: its tags arrived, or it died.
    pub(super) fn forget(&mut self, source: &Source) -> Option<Birth> {
        let (at, birth) = self.births.remove(source)?;
        self.timeouts.remove(&(at, source.clone()));
        Some(birth)
    }

    /// Keeps what is left of a birth that has no tags. One more of the same source does not let
    /// it wait longer.
    fn insert(&mut self, birth: Birth, now: Instant) {
        let source = birth.source.clone();
        let due = self.births.get(&source).map_or(now + PATIENCE, |(due, _)| *due);
        self.timeouts.insert((due, source.clone()));
        self.births.insert(source, (due, birth));
    }

    fn take_due(&mut self, now: Instant) -> Option<Birth> {
        let (at, source) = self.timeouts.first()?.clone();
        if at > now { None } else { self.forget(&source) }
    }
}

/// Whether a birth is to wait for tags: it has none, and no asset either.
fn awaits_tags(birth: &Birth, config: &Config, writer: &PointWriter) -> bool {
    !writer.world.has_asset(&birth.source)
        && !layout::has_instances(birth)
        && layout::tags(config, &birth.metrics).is_empty()
        && config.kinds.find(&birth.source).is_none()
}

impl Twin {
    /// Returns a birth that is to be followed now; one without tags waits for them.
    pub(super) fn wait_for_tags(&mut self, birth: Birth, now: Now) -> Option<Birth> {
        if !awaits_tags(&birth, &self.config, &self.writer) {
            self.awaiting_tags.forget(&birth.source);
            if birth.source.device.is_some() {
                // What is above comes first.
                let node = Source { edge: birth.source.edge.clone(), device: None };
                if let Some(node) = self.awaiting_tags.forget(&node) {
                    self.birth_received(&node, &[], now);
                }
            }
            return Some(birth);
        }
        let mut birth = birth;
        let Self { config, writer, .. } = self;
        // Others may have instances of what it defines.
        layout::define_all(&mut writer.world, config, &birth);
        birth.definitions.clear();
        writer.emit_birth_findings(&birth.source);
        let mut unmappable = None;
        for metric in &birth.metrics {
            if let Content::Leaf { datatype, sample, .. } = &metric.content
                && !sample.without_value
            {
                let why = match is_control(&metric.name) {
                    true => DropReason::Control,
                    false => DropReason::NotCarried,
                };
                if why == DropReason::NotCarried {
                    let address = format!("{}/{}", birth.source, metric.name);
                    unmappable.get_or_insert_with(|| layout::unmappable(&address, *datatype));
                }
                writer.world.counts.drop_value(why);
            }
        }
        if let Some(example) = unmappable {
            writer.emit_finding(&birth.source.edge, Finding::NotCarried, example);
        }
        // Their values are counted, and may be large; what describes them becomes attributes.
        birth.metrics.retain_mut(|metric| {
            if let Content::Leaf { sample, .. } = &mut metric.content {
                (sample.value, sample.rejected_value) = (None, None);
                sample.without_value = true;
            }
            !metric.properties.is_empty()
        });
        self.awaiting_tags.insert(birth, now.instant);
        None
    }

    /// Follows the births that have waited long enough.
    pub(super) fn give_up_on_tags(&mut self, now: Now) {
        while let Some(birth) = self.awaiting_tags.take_due(now.instant) {
            self.birth_received(&birth, &[], now);
            self.writer.world.settle_changes(now.instant);
        }
    }
}

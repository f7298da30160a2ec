//! Deaths: what is written of a node or device that died, or whose connection was lost.
//!
//! A bridge that follows another one, and loses its own connection to an MQTT server, knows nothing of
//! the machines behind it: the bridge that acts may hear them. So it decides nothing of them then. If it
//! begins to act without having heard them again, it is the one that knows most, and decides it then.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::SourceValues;
use super::leaf::LeafSlotState;
use super::times::stale_mark;
use crate::delivery::point::Class;
use crate::sitewise::limits;
use crate::sparkplug::address::{EdgeNode, Source};
use crate::sparkplug::event::{ClockSource, Death, DeathCause};
use crate::time::{Instant, Now, Timestamp};
use crate::twin::view::Liveness;
use crate::twin::{Output, Twin, in_window};

/// Nodes and devices whose connection this bridge lost, until they are born again or died.
#[derive(Debug, Default)]
pub(in crate::twin) struct LostConnections(FxHashMap<Source, LostConnection>);

#[derive(Debug)]
struct LostConnection {
    death: Death,
    at: Now,
    /// What it was until then.
    before: Liveness,
    /// Whether its death or its stale marks were not decided, since another bridge acts.
    is_held: bool,
}

impl LostConnections {
    /// It is born. Whether all its values are to be written: the bridge that acted may have marked
    /// them, and this one does not know it. The other one may have noticed earlier.
    pub(super) fn born(&mut self, source: &Source, stale_after: Duration, now: Instant) -> bool {
        self.0
            .remove(source)
            .is_some_and(|lost| lost.is_held && now.since(lost.at.instant) >= stale_after / 2)
    }
}

impl Twin {
    pub(in crate::twin) fn death_received(&mut self, death: &Death, now: Now) {
        self.awaiting_tags.forget(&death.source);
        let follows = self.writer.world.plan.holds_writes();
        let Some(values) = self.restore_presence(&death.source) else { return };
        if values.liveness == Liveness::Offline {
            return;
        }
        let is_lost = death.cause == DeathCause::ConnectionLost;
        if is_lost && follows {
            let before = std::mem::replace(&mut values.liveness, Liveness::Unknown);
            let lost = LostConnection { death: death.clone(), at: now, before, is_held: true };
            // What was lost before is lost since then.
            self.lost_connections.0.entry(death.source.clone()).or_insert(lost);
            return;
        }
        let held = self.lost_connections.0.remove(&death.source).filter(|lost| lost.is_held);
        if let Some(held) = held
            && let Some(values) = self.sources.get_mut(&death.source)
        {
            values.liveness = held.before;
        }
        self.decide_death(death, now);
    }

    fn decide_death(&mut self, death: &Death, now: Now) {
        // The plan has to know the models before a value asks for its gate.
        self.writer.world.settle_changes(now.instant);
        let Some(values) = self.sources.get_mut(&death.source) else { return };
        let before = values.liveness;
        let event_time = if in_window(death.time, now) { death.time } else { now.wall };
        values.write_death_presence(&mut self.writer, event_time, now);
        self.writer.world.assets.died(values.asset);
        let due = now.instant + self.config.stale_after;
        // By the sender's own clock: what it says next must not be hidden by the mark.
        let by_its_clock = match death.clock {
            // A device's death has a timestamp.
            ClockSource::Sender => event_time,
            // Never born here: how far its clock is behind is not known.
            ClockSource::Host if values.born.is_none() => Timestamp::default(),
            ClockSource::Host if values.clock_lag.is_zero() => event_time,
            ClockSource::Host => event_time.min(now.wall.minus(values.clock_lag)),
        };
        values.stale_mark_due = Some((due, by_its_clock));
        self.stale_due.insert((due, death.source.clone()));
        if death.cause == DeathCause::ConnectionLost {
            let lost = LostConnection { death: death.clone(), at: now, before, is_held: false };
            self.lost_connections.0.insert(death.source.clone(), lost);
        }
    }

    /// Writes the stale marks of a dead node or device. What was BAD does not become better by it.
    pub(in crate::twin) fn mark_stale(&mut self, source: &Source, now: Now) {
        if self.writer.world.plan.holds_writes()
            && let Some(lost) = self.lost_connections.0.get_mut(source)
        {
            lost.is_held = true;
            return;
        }
        let Some(values) = self.sources.get_mut(source) else { return };
        let Some((_, died)) = values.stale_mark_due.take() else { return };
        for leaf in values.slots.iter_mut().filter_map(LeafSlotState::leaf_mut) {
            leaf.unsaid();
            if let Some(last) = leaf.last().filter(|_| leaf.needs_mark()) {
                let mark = stale_mark(last, died, now);
                leaf.write(mark.clone());
                self.writer.write_own(leaf.target(), mark, Class::Stale);
            }
        }
        if values.born.is_none() {
            self.lookups.queue_offline(source, died);
            self.look_up();
        }
    }

    /// This bridge is about to act: it decides what it did not while it followed. Who is still out
    /// of reach died when the connection was lost, and the others are asked for their births.
    pub fn decide_lost(&mut self, is_out_of_reach: impl Fn(&EdgeNode) -> bool, now: Now) {
        let mut asked: BTreeMap<EdgeNode, Vec<Arc<str>>> = BTreeMap::new();
        let mut dead = Vec::new();
        for (source, lost) in &mut self.lost_connections.0 {
            let Some(values) = self.sources.get_mut(source) else { continue };
            if values.liveness == Liveness::Offline {
                values.stale_marks_from(now);
                let due = values.stale_mark_due.map(|(due, _)| (due, source.clone()));
                self.stale_due.extend(due);
            } else if is_out_of_reach(&source.edge) {
                values.liveness = lost.before;
                dead.push((lost.death.clone(), lost.at));
            } else {
                let devices = asked.entry(source.edge.clone()).or_default();
                devices.extend(source.device.clone());
            }
        }
        // Devices before their nodes, as they die together.
        dead.sort_by(|(one, _), (other, _)| {
            let place = |death: &Death| (death.source.edge.clone(), death.source.device.is_none());
            place(one).cmp(&place(other))
        });
        for (death, at) in dead {
            // The other bridge may have written values since: marks of that time would be hidden.
            let oldest = now.wall.minus(limits::OLDEST_VALUE - Duration::from_secs(3_600));
            let wall = at.wall.max(oldest);
            self.decide_death(&death, Now { wall, instant: at.instant.min(now.instant) });
            if let Some(values) = self.sources.get_mut(&death.source) {
                values.stale_marks_from(now);
            }
        }
        for (edge, mut devices) in asked {
            devices.sort_unstable();
            self.writer.outputs.push_back(Output::ExpectOnline { edge, devices });
        }
    }
}

impl SourceValues {
    /// Stale marks that wait get the present time, by the sender's clock as far as it is known.
    fn stale_marks_from(&mut self, now: Now) {
        let time = now.wall.minus(self.clock_lag);
        if self.born.is_some()
            && let Some((_, died)) = &mut self.stale_mark_due
        {
            *died = time.max(*died);
        }
    }
}

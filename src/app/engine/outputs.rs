//! Performs what the bridge decides.

use std::sync::Arc;

use tracing::{info, warn};

use super::repeated_lines::LineKind;
use super::{DEAD_LETTERS, Engine, SyncState, calls, logging};
use crate::bridge::Output;
use crate::delivery::point::{DiscardReason, Gate, GateState, Point};
use crate::outbox::dead_letters::DeadLetter;
use crate::outbox::{PutResult, QueuedPoint};
use crate::sitewise::client::SiteWise;
use crate::sitewise::limits;
use crate::time::{ClockAgreement, Now, Timestamp};

/// The times before which values wait for nothing any more.
struct OldestWaiting {
    /// What SiteWise's usual call takes.
    accepted: Timestamp,
    /// What waits for its asset or its property.
    for_asset: Timestamp,
}

impl<S: SiteWise> Engine<S> {
    /// Points that are only on disk, for the room that those in memory leave.
    pub(super) fn take_cold_points(&mut self, now: Now) -> Vec<Point> {
        let bridge = &self.bridge;
        let oldest = self.oldest_waiting(now);
        let gate_state = |point: &Point| match &oldest {
            Some(oldest) if point.time < oldest.for_asset => GateState::Open,
            // Whether SiteWise rejects its property no longer matters then.
            Some(oldest) if point.time < oldest.accepted => bridge.twin().gate_state(point.stream),
            _ => bridge.gate_state(point.stream),
        };
        self.outbox.take_cold(bridge.room(), &gate_state)
    }

    /// What waits in memory behind a gate until it is too old waits no longer.
    pub(super) fn expire_parked(&mut self, now: Now) {
        let Some(oldest) = self.oldest_waiting(now) else { return };
        self.outbox.expire(&|gate| match gate {
            Gate::Rejected(_) => oldest.accepted,
            Gate::Asset(_) | Gate::Property(_) => oldest.for_asset,
        });
    }

    /// Which values wait no longer; none while a value's age is not known: until SiteWise has answered,
    /// or after a step of our clock.
    fn oldest_waiting(&self, now: Now) -> Option<OldestWaiting> {
        let is_judged =
            self.sync_state == SyncState::Done && self.clock.clocks() == ClockAgreement::Agree;
        let accepted = now.wall.minus(limits::OLDEST_VALUE);
        // A point that is too old is rejected whether or not its asset exists. By bulk import, it is
        // rejected unless its asset exists: it waits for that as long again.
        let for_asset = match self.bridge.late() {
            Some(_) => accepted.minus(limits::OLDEST_VALUE),
            None => accepted,
        };
        is_judged.then_some(OldestWaiting { accepted, for_asset })
    }

    pub(super) fn handle_output(&mut self, output: Output, now: Now) {
        match output {
            Output::Publish(publish) => self.servers.publish(publish),
            Output::Call(id, step) => {
                let sitewise = Arc::clone(&self.sitewise);
                let tried = calls::described(&step, self.bridge.twin());
                self.calls
                    .spawn(async move { (id, tried, calls::carry_out(&*sitewise, step).await) });
            }
            Output::Send(id, entries) => self.senders.send(id, entries),
            Output::Store(points) => {
                let points = self.keep_in_window(points, now);
                self.store_points(points, now);
            }
            Output::Open(gate) => {
                let twin = self.bridge.twin();
                self.outbox.open(gate, &|point| twin.gate(point.stream));
            }
            Output::PutBack(points, gate) => {
                let dropped = self.outbox.put_back(points, gate);
                self.count_dropped(&dropped, now);
            }
            Output::Settled(keys) => {
                self.watched.get_mut().record_accepted(&keys, now.wall);
                self.dead_letters.record_accepted(&keys);
                self.outbox.settle(&keys);
            }
            Output::Late(output) => self.handle_late_output(output),
            Output::Rejected { point, refusal, reason, stored } => {
                let (asset, property) = self.bridge.twin().display_names(point.stream);
                let names = (asset.map(str::to_owned), property.map(str::to_owned));
                let key = point.key();
                let alias = self.bridge.alias(point.stream);
                let letter = DeadLetter { point, refusal, reason, at: now.wall, names, alias };
                self.log_rejected_value(&letter, now.instant);
                self.outbox.store_dead_letter(&letter);
                self.dead_letters.push(letter);
                if self.dead_letters.len() == DEAD_LETTERS && !self.dead_letter_limit_logged {
                    self.dead_letter_limit_logged = true;
                    warn!(
                        "{DEAD_LETTERS} dead letters are kept, which is the limit: the oldest are \
                         dropped from now on"
                    );
                }
                if stored {
                    self.outbox.settle(&[key]);
                }
            }
            Output::Discarded(key, why) => {
                self.watched.get_mut().record_discarded(&key, why, now.wall);
                if why != DiscardReason::Overwritten {
                    self.outbox.settle(&[key]);
                }
            }
            Output::ValuesFailing { stream, reason, cause, others } => {
                let names = self.bridge.twin().display_names(stream);
                logging::log_failing_property(stream, names, &reason, (cause, others));
            }
            Output::OverRate(machine, stream) => {
                logging::log_over_rate(&machine, self.bridge.twin().display_names(stream));
            }
            Output::ReachabilityChanged(told) => self.log_reachability(&told, now),
            Output::NothingDelivered(server) => self.servers.log_nothing_delivered(server),
            Output::Finding { edge, finding, example } => {
                let name = edge.as_ref().map(ToString::to_string);
                let kind = LineKind::Finding(finding);
                if self.repeated_lines.admit(kind, name.as_deref(), now.instant) {
                    logging::log_output(Output::Finding { edge, finding, example });
                }
            }
            Output::LabelRemark(remark) => {
                let kind = LineKind::LabelLeft(remark.kind);
                if self.repeated_lines.admit(kind, Some(&remark.property), now.instant) {
                    warn!(label.left = remark.kind.name(), "{remark}");
                }
            }
            Output::LabelsDenied(what, why) => warn!("Sparkwise cannot {what}: {why}"),
            Output::LabelsAllowed(what) => info!("Sparkwise can {what} again"),
            told @ (Output::Grouped(_)
            | Output::RuleSuggested(..)
            | Output::AllNodesExcluded(_)
            | Output::Capped { .. }) => logging::log_output(told),
            Output::Born(source) => {
                let name = source.to_string();
                if self.repeated_lines.admit(LineKind::Online, Some(&name), now.instant) {
                    logging::log_output(Output::Born(source));
                }
            }
            Output::Died(source, cause) => {
                let name = source.to_string();
                let kind = match source.device {
                    None => LineKind::NodeOffline(cause),
                    Some(_) => LineKind::DeviceOffline(cause),
                };
                if self.repeated_lines.admit(kind, Some(&name), now.instant) {
                    logging::log_output(Output::Died(source, cause));
                }
            }
        }
    }

    /// Queues points for delivery.
    pub(super) fn store_points(&mut self, points: Vec<QueuedPoint>, now: Now) {
        if points.is_empty() {
            return;
        }
        self.remember_machines(&points);
        let PutResult { dropped: gone, taken } =
            self.outbox.put_and_take(points, self.bridge.room());
        self.count_dropped(&gone, now);
        if !taken.is_empty() {
            self.bridge.handle_points(taken, now);
        }
    }

    /// The outbox dropped these.
    fn count_dropped(&mut self, gone: &[(Point, DiscardReason)], now: Now) {
        let full = gone.iter().filter(|(_, why)| *why == DiscardReason::Full).count();
        for (point, why) in gone {
            self.watched.get_mut().record_discarded(&point.key(), *why, now.wall);
        }
        self.losses.full += full as u64;
        self.losses.overwritten += (gone.len() - full) as u64;
        if full > 0 {
            self.note_outbox_full(now);
        }
    }

    /// Remembers on disk which machine the waiting points belong to, so that a later process can
    /// name it and request its birth.
    fn remember_machines(&mut self, points: &[QueuedPoint]) {
        let twin = self.bridge.twin();
        for points in points.chunk_by(|one, next| one.point.stream.asset == next.point.stream.asset)
        {
            let waits = |queued: &QueuedPoint| matches!(queued.gate, Some(Gate::Asset(_)));
            let Some(first) = points.iter().find(|queued| waits(queued)) else { continue };
            let asset = first.point.stream.asset;
            if let Some(machine) = twin.asset(asset).and_then(|(ix, _)| twin.source_of_asset(ix)) {
                self.outbox.remember_machine(asset, machine);
            }
        }
    }
}

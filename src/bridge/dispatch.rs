//! What the bridge does with the outputs of the twin and of delivery: performed within, or passed on
//! to the shell.

use super::{Bridge, Output};
use crate::delivery;
use crate::delivery::point::Gate;
use crate::sitewise::cause::Plane;
use crate::time::Now;
use crate::twin;

impl Bridge {
    /// Handles an output of the twin. Returns what is left for the shell.
    pub(super) fn handle_twin_output(&mut self, output: twin::Output, now: Now) -> Option<Output> {
        Some(match output {
            twin::Output::Store(points) => Output::Store(points),
            twin::Output::Call(id, call) => {
                self.reachability.call_started(call.plane(), id.0, now);
                self.reachability.call_started_as(call.plane(), id.0, call.operation());
                Output::Call(id, call)
            }
            twin::Output::Open(gate) => Output::Open(gate),
            twin::Output::Grouped(edge) => Output::Grouped(edge),
            twin::Output::ExpectOnline { edge, devices } => {
                self.host.expect_online(&edge, &devices, now);
                self.expect_deferred(&edge, &devices, now);
                self.drain_host(now);
                return None;
            }
            twin::Output::MayBeBack(edge) => {
                self.host.request_birth_if_back(&edge, now);
                self.drain_host(now);
                return None;
            }
            twin::Output::RequestRefresh(edge, why) => {
                self.host.request_refresh(&edge, why, now);
                self.drain_host(now);
                return None;
            }
            twin::Output::Finding { edge, finding, example } => {
                self.host.handle_finding(&edge, finding, &example, now.wall);
                self.drain_host(now);
                return None;
            }
            twin::Output::Capped { source, cap, example } => {
                Output::Capped { source, cap, example }
            }
            twin::Output::Rejected { point, refusal, reason } => {
                let reason = reason.to_owned();
                Output::Rejected { point, refusal, reason, stored: false }
            }
        })
    }

    /// Handles an output of delivery. Returns what is left for the shell.
    pub(super) fn handle_delivery_output(
        &mut self,
        output: delivery::output::Output,
        now: Now,
    ) -> Option<Output> {
        Some(match output {
            delivery::output::Output::Send { id, entries } => {
                self.reachability.call_started(Plane::Write, id.number(), now);
                Output::Send(id, entries)
            }
            delivery::output::Output::Settled(keys) => {
                self.twin.handle_decided(&keys);
                Output::Settled(keys)
            }
            delivery::output::Output::Rejected { point, refusal, reason } => {
                return self.rejected_by_delivery(point, refusal, reason, now);
            }
            delivery::output::Output::Discarded { key, why } => {
                self.twin.handle_decided(&[key]);
                let over_rate = self.over_rate.count_dropped(key, why, &self.twin, now.instant);
                let over_rate = over_rate.map(|machine| Output::OverRate(machine, key.stream));
                self.outputs.extend(over_rate);
                Output::Discarded(key, why)
            }
            delivery::output::Output::PutBack(stream, points) => {
                Output::PutBack(points, Gate::Rejected(stream))
            }
            delivery::output::Output::Released(stream) => Output::Open(Gate::Rejected(stream)),
            delivery::output::Output::LatestDiscarded(key) => {
                self.twin.handle_over_rate_discard(key, now);
                return None;
            }
            delivery::output::Output::ValuesFailing { stream, reason, cause, others } => {
                Output::ValuesFailing { stream, reason, cause, others }
            }
            delivery::output::Output::NotFound(streams) => {
                for stream in streams {
                    if self.twin.is_misrouted(stream) {
                        self.delivery.drop_stream(stream, now);
                    } else {
                        self.twin.handle_missing(stream.asset, now);
                    }
                }
                return None;
            }
        })
    }
}

//! The bridge, pure: the session, the twin and delivery together, behind `handle_*` and
//! `poll_*`.
//!
//! It does no I/O and reads no clock. A shell performs its outputs, tries each call once and hands
//! back the result; so a whole plant runs in a test, at any speed, deterministically.

mod commands;
mod dead;
pub mod deferral;
mod dispatch;
pub(crate) mod labels;
pub mod late;
mod output;
pub mod over_rate;
pub mod reachability;
mod roles;

use std::collections::VecDeque;

use deferral::Deferral;
pub use output::Output;
use over_rate::{MachineOverRate, MachinesOverRate};
use reachability::Reachability;

use crate::command::Commander;
use crate::delivery::output::{RequestId, Room};
use crate::delivery::point::{GateState, Point, Stream};
use crate::delivery::{self, Delivery};
use crate::labels::Labels;
use crate::late::Late;
use crate::sitewise::api::{ApiFault, EntryError, Quotas};
use crate::sitewise::cause::Plane;
use crate::sparkplug::address::{EdgeNode, Source};
use crate::sparkplug::config as host_config;
use crate::sparkplug::event::Event;
use crate::sparkplug::host::{self, Host, LostSenders, ServerId};
use crate::time::{ClockAgreement, Instant, Now, Timestamp};
use crate::twin::folders::FolderSurvey;
use crate::twin::identity::Namespace;
use crate::twin::plan::api_call::{CallId, CallResult};
use crate::twin::{self, Twin};

/// Configuration of all that the bridge decides.
#[derive(Clone, Debug)]
pub struct Config {
    /// As a Sparkplug host application.
    pub host: host_config::Config,
    /// From the plant to models and assets.
    pub twin: twin::Config,
    /// Towards SiteWise.
    pub delivery: delivery::Config,
}

/// The bridge.
///
/// After each `handle_*` the caller drains [`poll_output`](Self::poll_output), then hands over
/// points from the outbox as long as there is [`room`](Self::room);
/// [`handle_timeout`](Self::handle_timeout) is due at [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct Bridge {
    host: Host,
    twin: Twin,
    /// None unless messages are stored that the twin has not seen.
    deferral: Option<Box<Deferral>>,
    delivery: Delivery,
    folders: Box<FolderSurvey>,
    reachability: Reachability,
    over_rate: MachinesOverRate,
    /// None where nothing may be written to the plant.
    commands: Option<Box<Commander>>,
    /// None where values that are too old become dead letters.
    late: Option<Box<late::LatePath>>,
    /// None where no labels are wanted.
    labels: Option<Box<Labels>>,
    outputs: VecDeque<Output>,
}

impl Bridge {
    /// Begins with the initial sync; `seed` is for the jitter of all retries.
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            host: Host::new(config.host, seed),
            twin: Twin::new(config.twin, seed.wrapping_add(1)),
            deferral: None,
            delivery: Delivery::new(config.delivery, seed.wrapping_add(2)),
            folders: Box::default(),
            reachability: Reachability::default(),
            over_rate: MachinesOverRate::default(),
            commands: None,
            late: None,
            labels: None,
            outputs: VecDeque::new(),
        }
    }

    /// The namespace of the configuration is none: the real one is handed over later, and until then
    /// what the plant says is buffered.
    pub fn await_namespace(&mut self) {
        self.twin.await_namespace();
    }

    /// Why the namespace is not known yet.
    pub fn namespace_unknown(&mut self, why: &str) {
        self.twin.namespace_unknown(why);
    }

    /// The namespace that was awaited.
    pub fn handle_namespace(&mut self, namespace: Namespace) {
        self.twin.handle_namespace(namespace);
    }

    /// A session with a server has begun, all subscriptions granted.
    pub fn handle_connected(&mut self, server: ServerId, session_time: Timestamp, now: Now) {
        self.host.handle_connected(server, session_time, now);
        self.drain_host(now);
    }

    /// A session with a server has ended.
    pub fn handle_disconnected(&mut self, server: ServerId, now: Now) {
        self.host.handle_disconnected(server, now);
        self.drain_host(now);
    }

    /// Messages of these nodes were dropped before they could be handled.
    pub fn handle_lost(&mut self, server: ServerId, lost: &LostSenders, now: Now) {
        if let Some(commands) = &mut self.commands {
            commands.handle_lost(lost);
        }
        self.host.handle_lost(server, lost, now);
        self.lose_deferred(server, lost, now);
        self.drain_host(now);
    }

    /// A message has arrived.
    pub fn handle_message(
        &mut self,
        server: ServerId,
        topic: &str,
        payload: &[u8],
        retain: bool,
        now: Now,
    ) {
        self.host.handle_message(server, topic, payload, retain, now);
        self.drain_host(now);
    }

    /// Whether the clocks of senders can be judged by the arrival of their messages from now on.
    pub fn judge_clocks(&mut self, enabled: bool) {
        self.host.judge_clocks(enabled);
    }

    /// An oversized message has arrived.
    pub fn handle_oversized(&mut self, server: ServerId, topic: &str, retain: bool, now: Now) {
        self.host.handle_oversized(server, topic, retain, now);
        self.drain_host(now);
    }

    /// The message that has just arrived on `topic` travelled at this quality of service.
    pub fn handle_qos(&mut self, topic: &str, qos: u8, now: Now) {
        self.host.handle_qos(topic, qos, now.wall);
        self.drain_host(now);
    }

    /// Requests the birth of an edge node that may have come back unnoticed: values of it wait
    /// since before the start, and its birth is unknown.
    pub fn request_birth_if_back(&mut self, edge: &EdgeNode, now: Now) {
        self.host.request_birth_if_back(edge, now);
        self.drain_host(now);
    }

    /// A call to the control plane, or a read, has returned.
    pub fn handle_call_result(
        &mut self,
        id: CallId,
        answer: Result<CallResult, ApiFault>,
        now: Now,
    ) {
        if Labels::owns(id) {
            return self.handle_label_result(id, answer, now);
        }
        // The id does not tell which plane the call was of; the other one ignores it.
        for plane in [Plane::Control, Plane::Read] {
            self.reachability.call_ended(plane, id.0, answer.as_ref().err(), now);
        }
        self.twin.handle_result(id, answer, now);
    }

    /// Models and assets that SiteWise rejected since this was last called, with its reason and
    /// what to do.
    pub fn take_rejections(&mut self) -> Vec<(String, String)> {
        self.twin.take_rejections()
    }

    /// Models and assets that wait since something else changes them in SiteWise, with its words,
    /// since this was last called.
    pub fn take_conflicts(&mut self) -> Vec<(String, String)> {
        self.twin.take_conflicts()
    }

    /// A request for values was answered.
    pub fn handle_put_response(
        &mut self,
        id: RequestId,
        answer: Result<Vec<EntryError>, ApiFault>,
        now: Now,
    ) {
        // A response in which every entry failed does not count as reachable.
        let put = Reachability::of_put(&answer);
        self.delivery.handle_put_response(id, answer, now);
        self.reachability.set_unreachable(self.delivery.is_unreachable());
        self.reachability.put_answered(id.number(), put, self.delivery.all_rejected(), now);
    }

    /// Our clock and SiteWise's show the same time again, or no longer.
    pub fn handle_clocks(&mut self, clocks: ClockAgreement) {
        self.twin.handle_clocks(clocks);
        if let Some(commands) = &mut self.commands {
            commands.handle_clocks(clocks);
        }
        self.delivery.handle_clocks(clocks);
        self.handle_clocks_late(clocks);
    }

    /// The account's quotas; those that are unknown stay unchanged.
    pub fn handle_quotas(&mut self, quotas: &Quotas, now: Now) {
        self.twin.handle_quotas(quotas);
        self.delivery.handle_quotas(quotas, now.instant);
    }

    /// Takes points from the outbox for delivery.
    pub fn handle_points(&mut self, points: Vec<Point>, now: Now) {
        let points = self.take_late(points, now);
        self.delivery.handle_points(points, now);
    }

    /// Points that are only on disk are about to be handed over: they may be newer than,
    /// and so shown instead of, what this process wrote.
    pub fn handle_restored(&mut self, points: &[Point], now: Now) {
        self.twin.handle_restored(points, now);
    }

    /// Whether a point that is only on disk can be handed over.
    pub fn gate_state(&self, stream: Stream) -> GateState {
        match self.twin.gate_state(stream) {
            GateState::Open => self.delivery.gate_state(stream),
            other => other,
        }
    }

    /// How many points can be taken out of the outbox.
    pub fn room(&self) -> Room {
        self.room_with_late(self.delivery.room())
    }

    /// Handles expired timers.
    pub fn handle_timeout(&mut self, now: Now) {
        self.host.handle_timeout(now);
        self.drain_host(now);
        self.twin.handle_timeout(now);
        self.delivery.handle_timeout(now);
        self.late_timeout(now);
        for (source, suggestion) in self.folders.survey(now.instant) {
            self.outputs.push_back(Output::RuleSuggested(source, suggestion));
        }
        self.reachability.all_rejected(self.delivery.all_rejected(), now);
        self.reachability.handle_timeout(now);
        if let Some(commands) = &mut self.commands {
            commands.handle_timeout(now);
        }
    }

    /// When the next timer expires.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadlines = [
            self.host.poll_timeout(),
            self.twin.poll_timeout(),
            self.delivery.poll_timeout(),
            self.reachability.poll_timeout(),
            self.folders.poll_timeout(),
            self.commands.as_ref().and_then(|commands| commands.poll_timeout()),
            self.late().and_then(Late::poll_timeout),
            self.labels.as_ref().and_then(|labels| labels.poll_timeout()),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Publishes STATE offline on all servers, and answers what waits for a value.
    pub fn shut_down(&mut self, now: Now) {
        if let Some(commands) = &mut self.commands {
            commands.handle_stop(now);
        }
        self.stop_labels();
        self.host.shutdown(now);
        self.drain_host(now);
    }

    /// Answers what is left of commands: the process ends now.
    pub fn end_commands(&mut self, now: Now) {
        if let Some(commands) = &mut self.commands {
            commands.handle_end(now);
        }
    }

    /// Flushes without lingering: the process is about to stop.
    pub fn flush(&mut self, now: Now) {
        self.delivery.flush(now);
    }

    /// Sends no more values: what is left is on disk for the next process.
    pub fn stop_sending(&mut self) {
        self.delivery.stop_sending();
    }

    /// The next output.
    pub fn poll_output(&mut self, now: Now) -> Option<Output> {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return Some(output);
            }
            if let Some(change) = self.reachability.poll_change() {
                return Some(Output::ReachabilityChanged(change));
            }
            let output = if let Some(output) = self.twin.poll_output(now) {
                self.handle_twin_output(output, now)
            } else if let Some(output) = self.poll_late() {
                Some(output)
            } else if let Some(output) = self.delivery.poll_output() {
                self.handle_delivery_output(output, now)
            } else {
                return self.poll_labels(now);
            };
            if output.is_some() {
                return output;
            }
        }
    }

    /// The Sparkplug host, read-only.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The twin, read-only.
    pub fn twin(&self) -> &Twin {
        &self.twin
    }

    /// Delivery, read-only.
    pub fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    /// Rules that would make assets of flat metrics.
    pub fn folders(&self) -> &FolderSurvey {
        &self.folders
    }

    /// How calls to SiteWise succeed.
    pub fn reachability(&self) -> &Reachability {
        &self.reachability
    }

    /// Machines whose values were dropped within the last hour, since SiteWise takes only ten
    /// values of a property a second.
    pub fn over_rate(&self, now: Instant) -> impl Iterator<Item = (&Source, &MachineOverRate)> {
        self.over_rate.recent(now)
    }

    /// Whether nothing is queued or in flight here.
    pub fn is_idle(&self) -> bool {
        self.twin.buffered() == 0 && self.delivery.waiting() == 0
    }

    fn drain_host(&mut self, now: Now) {
        while let Some(output) = self.host.poll_output() {
            match output {
                host::Output::Publish(publish) => {
                    self.outputs.push_back(Output::Publish(publish));
                }
                host::Output::Event(event) => self.handle_event(event, now),
                host::Output::Finding { edge, finding, example } => {
                    self.outputs.push_back(Output::Finding { edge, finding, example });
                }
                host::Output::AllNodesExcluded(edge) => {
                    self.outputs.push_back(Output::AllNodesExcluded(edge));
                }
                host::Output::NothingDelivered(server) => {
                    self.outputs.push_back(Output::NothingDelivered(server));
                }
            }
        }
    }

    fn handle_event(&mut self, event: Event, now: Now) {
        let new_source = match &event {
            Event::Birth(birth) => {
                self.folders.note(birth, self.twin.rules(), now.instant);
                let is_reborn = self.twin.presence_of(&birth.source).is_heard_alive();
                (!is_reborn).then(|| birth.source.clone())
            }
            Event::Data(_) => None,
            Event::Death(death) => {
                self.outputs.push_back(Output::Died(death.source.clone(), death.cause));
                None
            }
        };
        if let Some(commands) = &mut self.commands {
            commands.handle_event(&event, now);
        }
        if let Some(deferral) = &self.deferral {
            deferral.account_for(&event, &mut self.twin);
        } else {
            handle_in_twin(&mut self.twin, &self.host, event, now, Twin::handle_event);
        }
        self.outputs.extend(new_source.map(Output::Born));
    }
}

/// Lets the twin handle an event of a host.
fn handle_in_twin(
    twin: &mut Twin,
    host: &Host,
    event: Event,
    now: Now,
    handle: impl FnOnce(&mut Twin, Event, Now),
) {
    let born_node = match &event {
        Event::Birth(birth) if birth.source.device.is_none() => Some(birth.source.clone()),
        Event::Birth(_) | Event::Data(_) | Event::Death(_) => None,
    };
    handle(twin, event, now);
    if let Some(source) = born_node
        && let Some(figures) = host.figures(&source.edge)
    {
        twin.handle_figures(&source, &figures, now);
    }
}

#[cfg(test)]
mod tests;

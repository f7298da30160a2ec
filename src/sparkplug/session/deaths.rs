//! A node dies, may have died, or becomes unreachable.

use std::sync::Arc;

use super::awaited::{AwaitingBirth, CarriedState, DeathTarget};
use super::{
    EdgeSession, Payload, RebirthReason, RebirthTrigger, ServerId, SessionContext, SessionState,
};
use crate::sparkplug::address::Source;
use crate::sparkplug::birth;
use crate::sparkplug::config::BdSeq;
use crate::sparkplug::event::{ClockSource, Death, DeathCause, Event};
use crate::sparkplug::findings::Finding;
use crate::sparkplug::host::SkipReason;

impl EdgeSession {
    /// NDEATH, or a will that the server publishes. Its own time is that of a CONNECT long ago
    /// [operational-behavior-edge-node-termination-host-action-ndeath-node-offline].
    pub(super) fn handle_node_death(
        &mut self,
        server: ServerId,
        payload: &Payload,
        context: &mut SessionContext<'_>,
    ) {
        let may_ask = self.may_ask(RebirthTrigger::Probe, context);
        let is_asked = self.requests.due().is_some();
        let verifies = context.config.bd_seq == BdSeq::Verify;
        let verifies_number = context.config.bd_seq != BdSeq::Off;
        match &mut self.state {
            SessionState::Awaited(awaited) if awaited.is_expected() => {
                let death = birth::bd_seq(payload, None).map(|(number, _)| number);
                // One of another server may be of before the node moved.
                let is_other_server = self.server.is_some_and(|of| of != server);
                let target = match is_other_server {
                    true => DeathTarget::Unsure,
                    false => awaited.death_target(death),
                };
                match (target, context.config.bd_seq) {
                    (DeathTarget::This, _) | (DeathTarget::Other, BdSeq::Off) => {
                        self.read_before_death(server, payload, context);
                        self.go_offline(DeathCause::Certificate, context);
                    }
                    (DeathTarget::Unsure | DeathTarget::Before, _)
                    | (DeathTarget::Other, BdSeq::Verify)
                        if may_ask || is_asked =>
                    {
                        self.notes.findings.note(Finding::StaleDeath);
                        awaited.doubt();
                        self.request(RebirthTrigger::Probe, context);
                    }
                    // As one of another server, or by its number, where it is online.
                    (DeathTarget::Unsure, _) if is_other_server => {
                        self.notes.findings.note(Finding::StaleDeath);
                    }
                    (DeathTarget::Unsure, _) | (DeathTarget::Before, BdSeq::Off) => {
                        self.read_before_death(server, payload, context);
                        self.go_offline(DeathCause::Certificate, context);
                    }
                    (DeathTarget::Other | DeathTarget::Before, BdSeq::Verify | BdSeq::Strict) => {
                        self.notes.findings.note(Finding::StaleDeath);
                    }
                }
            }
            SessionState::Awaited(awaited)
                if awaited.is_hidden()
                    && (self.server.is_some_and(|own| own != server)
                        || verifies_number && awaited.is_of_before(payload)) =>
            {
                self.notes.findings.note(Finding::StaleDeath);
            }
            SessionState::Awaited(_) => {
                self.read_before_death(server, payload, context);
                let SessionState::Awaited(awaited) = &mut self.state else { return };
                awaited.die();
                // It was there until now, where it spoke since it died last, or was not known.
                if self.died.is_none() || self.sends_unreadable {
                    self.died = Some(context.now.wall);
                }
                let is_unasked = awaited.is_to_be_asked();
                self.requests.cancel();
                self.problem = None;
                self.note(Finding::RepeatedDeath);
                // It may live: the death may be that of a session before.
                if is_unasked {
                    self.request(RebirthTrigger::Expected, context);
                }
            }
            SessionState::Online(online) if online.server() != server => {
                self.notes.findings.note(Finding::ForeignServer);
                // It was there last, though its birth there was not heard.
                if may_ask && online.is_heard_on(server) {
                    online.doubt(DeathCause::Certificate, context.now.instant);
                    self.request(RebirthTrigger::Probe, context);
                }
            }
            SessionState::Online(online)
                if online.is_death(payload, context.config)
                    // It may live on, where it was heard since.
                    && !(may_ask && verifies && online.is_elsewhere()) =>
            {
                self.go_offline(DeathCause::Certificate, context);
            }
            SessionState::Online(online) => {
                self.notes.findings.note(Finding::StaleDeath);
                // A node that may not be asked is not doubted: nothing would end the doubt.
                if may_ask && verifies {
                    online.doubt(DeathCause::Certificate, context.now.instant);
                    self.request(RebirthTrigger::Probe, context);
                }
            }
        }
    }

    /// The connection that the node was seen through is down.
    pub(crate) fn handle_disconnected(
        &mut self,
        server: ServerId,
        context: &mut SessionContext<'_>,
    ) {
        match &mut self.state {
            SessionState::Online(online) if online.server() == server => {
                self.go_offline(DeathCause::ConnectionLost, context);
            }
            SessionState::Online(online) => online.forget_elsewhere(server),
            SessionState::Awaited(awaited) => {
                let is_its_server = self.server == Some(server);
                let is_out_of_reach = is_its_server || !context.servers.is_any_up();
                if is_out_of_reach && awaited.is_expected() {
                    return self.go_offline(DeathCause::ConnectionLost, context);
                }
                if is_its_server {
                    self.problem.take_if(|problem| problem.reason != RebirthReason::Expected);
                    self.notes.findings.add(Finding::BeforeBirth, awaited.count_waiting());
                    let waiting = awaited.take_waiting();
                    self.notes.skip_waiting(SkipReason::BeforeBirth, &waiting);
                }
                if is_out_of_reach {
                    self.requests.cancel();
                }
            }
        }
    }

    /// The node is gone, its devices with it: they first.
    pub(super) fn go_offline(&mut self, cause: DeathCause, context: &mut SessionContext<'_>) {
        self.finish_offline(cause, context);
        self.requests.cancel();
        self.problem = None;
    }

    /// It did not answer, and counts as offline. It may be alive, since a request or its answer can
    /// be lost: requests go on with backoff, and it stays a problem unless there was a death.
    pub(super) fn go_offline_silent(
        &mut self,
        cause: DeathCause,
        context: &mut SessionContext<'_>,
    ) {
        let is_doubted =
            matches!(&self.state, SessionState::Awaited(awaited) if awaited.is_doubted());
        self.finish_offline(cause, context);
        self.requests.continue_as_expected();
        if is_doubted || cause == DeathCause::Certificate {
            self.problem = None;
        }
    }

    fn finish_offline(&mut self, cause: DeathCause, context: &mut SessionContext<'_>) {
        let unknown = SessionState::Awaited(AwaitingBirth::unknown());
        let CarriedState { waiting, devices, prior_tables, archived_births, .. } =
            match std::mem::replace(&mut self.state, unknown) {
                SessionState::Awaited(awaited) => {
                    let carried = awaited.into_carried();
                    self.notes.findings.add(Finding::BeforeBirth, carried.uncounted as u64);
                    carried
                }
                SessionState::Online(mut online) => {
                    let early = online.take_early();
                    online.flush(early, &mut self.notes, context);
                    let waiting = online.take_waiting();
                    online.read_unborn(waiting, &mut self.notes, context);
                    online.into_carried()
                }
            };
        self.notes.skip_waiting(SkipReason::BeforeBirth, &waiting);
        self.notes.clear_triggers();
        self.notes.born_devices.clear();
        self.sends_unreadable = false;
        // Who was not heard since the start may be dead for long.
        if self.last_heard.is_some() {
            self.died = Some(context.now.wall);
        }
        self.device_clocks.clear();
        let mut offline = AwaitingBirth::after_death(cause, prior_tables);
        offline
            .keep_archived_births(archived_births.filter(|_| cause == DeathCause::ConnectionLost));
        self.state = SessionState::Awaited(offline);
        let device_cause = match cause {
            DeathCause::ConnectionLost => DeathCause::ConnectionLost,
            DeathCause::Certificate | DeathCause::Node | DeathCause::Silent => DeathCause::Node,
        };
        for device in devices {
            self.emit_death(Some(device), device_cause, context);
        }
        if self.birth_emitted {
            self.emit_death(None, cause, context);
        }
    }

    pub(super) fn emit_death(
        &self,
        device: Option<Arc<str>>,
        cause: DeathCause,
        context: &mut SessionContext<'_>,
    ) {
        let source = Source { edge: self.source.edge.clone(), device };
        let (time, clock) = (context.now.wall, ClockSource::Host);
        context.emit(Event::Death(Death { source, time, clock, cause }));
    }
}

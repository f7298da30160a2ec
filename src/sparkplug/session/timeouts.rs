//! What a session does as time passes.

use super::{EdgeSession, RebirthTrigger, SessionContext, SessionState};
use crate::sparkplug::address::Source;
use crate::sparkplug::config::Config;
use crate::sparkplug::event::{ClockSource, Death, DeathCause, Event};
use crate::sparkplug::findings::Finding;
use crate::sparkplug::host::SkipReason;
use crate::time::Instant;

impl EdgeSession {
    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(crate) fn deadline(&self, config: &Config) -> Option<Instant> {
        match &self.state {
            SessionState::Awaited(awaited) => {
                [awaited.deadline(), self.unread_silence(config)].into_iter().flatten().min()
            }
            SessionState::Online(online) => online.deadline(config),
        }
    }

    /// Time has passed.
    pub(crate) fn handle_timeout(&mut self, context: &mut SessionContext<'_>) {
        let now = context.now.instant;
        self.reschedule_request(context);
        if self.unread_silence(context.config).is_some_and(|deadline| deadline <= now) {
            self.probe_unread(RebirthTrigger::Silence, context);
        }
        let silent = match self.may_be_behind_another(context) {
            true => DeathCause::ConnectionLost,
            false => DeathCause::Silent,
        };
        match &mut self.state {
            SessionState::Awaited(awaited) => {
                if awaited.is_silent(now) {
                    self.go_offline_silent(silent, context);
                } else if awaited.is_overdue(now) {
                    self.birth_wait_expired(context);
                }
            }
            SessionState::Online(online) => {
                if let Some(cause) = online.death_cause(now) {
                    self.go_offline_silent(cause, context);
                } else {
                    self.online_timeout(context);
                }
            }
        }
    }

    /// Messages have waited for their birth. They wait on for the answer to a request, if one is
    /// sent soon.
    fn birth_wait_expired(&mut self, context: &mut SessionContext<'_>) {
        let until = context.now.instant + context.config.answer_timeout;
        let asked = matches!(&self.state, SessionState::Awaited(awaited) if awaited.was_asked());
        if !asked {
            self.request(RebirthTrigger::BeforeBirth, context);
        }
        let soon = !asked && self.requests.due().is_some_and(|due| due <= until);
        let SessionState::Awaited(awaited) = &mut self.state else { return };
        self.notes.findings.add(Finding::BeforeBirth, awaited.count_waiting());
        if soon {
            return awaited.extend_wait(until);
        }
        let waiting = awaited.take_waiting();
        self.notes.skip_waiting(SkipReason::BeforeBirth, &waiting);
    }

    fn online_timeout(&mut self, context: &mut SessionContext<'_>) {
        let now = context.now.instant;
        let may_ask = self.may_ask(RebirthTrigger::Silence, context);
        let SessionState::Online(online) = &mut self.state else {
            return;
        };
        for device in online.expire_unborn_devices(&mut self.notes, context) {
            let source = Source { edge: self.source.edge.clone(), device: Some(device) };
            let (time, clock, cause) = (context.now.wall, ClockSource::Host, DeathCause::Node);
            context.emit(Event::Death(Death { source, time, clock, cause }));
        }
        if online.filter_yield.leaves_nothing(now) {
            self.notes.findings.note(Finding::NothingTaken);
        }
        if online.take_elsewhere_due(now) {
            self.notes.triggers.push(RebirthTrigger::BeforeBirth);
        }
        let silent = online.take_silence(context.config, now, may_ask);
        if online.window_deadline(context.config).is_some_and(|deadline| deadline <= now) {
            self.expire_gap(context);
        }
        if silent && let SessionState::Online(online) = &mut self.state {
            online.doubt(DeathCause::Silent, now);
            self.notes.triggers.push(RebirthTrigger::Silence);
        }
        self.request_for_triggers(context);
    }
}

//! Rebirth requests of a session: whether, for what, and the problem if they are not answered.

use std::sync::Arc;

use super::{
    EdgeSession, RebirthReason, RebirthToSend, RebirthTrigger, SessionContext, SessionState,
};
use crate::sparkplug::findings::Finding;
use crate::sparkplug::rebirth::{RefreshReason, RequestRank, RequestResult};
use crate::time::{Instant, Timestamp};

/// A node that cannot be interpreted although a rebirth was requested. Any readable birth ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeProblem {
    /// Why the rebirth was requested.
    pub reason: RebirthReason,
    /// Since when the request is known to be unanswered.
    pub since: Timestamp,
    /// Which problem it is.
    pub kind: NodeProblemKind,
    /// What is known of it.
    pub known_by: KnownBy,
    /// The device that is not born, or the metric that is in no birth.
    pub example: Option<Arc<str>>,
}

/// Why a node stays uninterpreted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeProblemKind {
    /// It did not answer the rebirth request.
    Unanswered,
    /// It did not answer either, and its payloads are skipped as too costly: they are not damaged.
    TooCostly,
    /// It may not be asked, by `SPARKPLUG_REBIRTH`.
    RequestDisabled,
}

/// What is known of a node that was asked for its birth in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBy {
    /// What it sent.
    Messages,
    /// A birth that a server has stored, and nothing else.
    StoredBirth,
}

/// What it means that nodes are known by stored births only, and what to do.
pub(crate) const ONLY_STORED: &str = "known only by a birth that the MQTT server has stored \
    (retained): no live message was received from it, and no rebirth request was answered, so \
    nothing reaches SiteWise; start the gateway, or, if it is gone for good, delete the retained \
    message from the server (publish an empty one, retained, on the NBIRTH topic)";

impl NodeProblem {
    /// What is wrong and what to do, for people, with the device or metric by name.
    pub fn words(&self) -> String {
        let text = self.text();
        match (&self.example, self.reason) {
            (Some(device), RebirthReason::BeforeBirth) => {
                text.replacen("it, or a device of it,", &format!("its device {device}"), 1)
            }
            (Some(name), RebirthReason::UnknownMetric | RebirthReason::UnknownAlias) => {
                text.replacen("in its birth,", &format!("in its birth, such as {name},"), 1)
            }
            _ => text.to_owned(),
        }
    }

    /// What is wrong and what to do, for people.
    pub const fn text(&self) -> &'static str {
        let is_disabled = matches!(self.kind, NodeProblemKind::RequestDisabled);
        match self.reason {
            _ if matches!(self.known_by, KnownBy::StoredBirth) && is_disabled => {
                "known only by a birth that the MQTT server has stored (retained): no live message \
                 was received from it, and SPARKPLUG_REBIRTH allows no rebirth request; start the \
                 gateway, or, if it is gone for good, delete the retained message from the server"
            }
            _ if matches!(self.known_by, KnownBy::StoredBirth) => ONLY_STORED,
            _ if is_disabled => {
                "its data does not match its last birth, or no birth of it was readable, and \
                 SPARKPLUG_REBIRTH forbids to request another: these values are skipped until its \
                 next birth; set SPARKPLUG_REBIRTH to auto, or restart the edge node"
            }
            RebirthReason::Gap => {
                "numbers are missing in the sequence of its messages, and it does not answer rebirth \
                 requests: what arrives is taken, and what was lost on its way is missing in \
                 SiteWise; check that it accepts commands (NCMD)"
            }
            RebirthReason::BeforeBirth => {
                "it, or a device of it, sends data without a birth although a rebirth was \
                 requested: its values are skipped; check that it accepts commands (NCMD) and that \
                 our user may read its births, or restart it"
            }
            RebirthReason::UnknownMetric => {
                "it sends metrics that are not in its birth, although a rebirth was requested: \
                 their values are skipped; let the edge node include them in its birth"
            }
            RebirthReason::UnknownAlias => {
                "it sends aliases that are not in its birth, although a rebirth was requested: \
                 their values are skipped; let the edge node include them in its birth"
            }
            RebirthReason::Undecodable if matches!(self.kind, NodeProblemKind::TooCostly) => {
                "its compressed messages are skipped although a rebirth was requested: they \
                 inflate to far more than their size; let the edge node send less in one message, \
                 or without compression"
            }
            RebirthReason::Undecodable => {
                "its messages cannot be decoded although a rebirth was requested: they are \
                 damaged, too large, or not Sparkplug B's; check what the edge node sends, and let \
                 it send less in one message"
            }
            RebirthReason::Probe => {
                "it does not answer rebirth requests, so it may be dead; check that it accepts \
                 commands (NCMD)"
            }
            RebirthReason::Silence => {
                "it sends nothing and does not answer rebirth requests, so it may be dead; check \
                 its power and its network, and that it accepts commands (NCMD); where it may be \
                 silent for so long, set SPARKPLUG_SILENCE longer"
            }
            RebirthReason::Dropped => {
                "values of it were dropped, and it does not answer the rebirth request that would \
                 bring the latest ones again; check that it accepts commands (NCMD), or restart it"
            }
            RebirthReason::Clock => {
                "its clock may have gone back, and it does not answer the rebirth request that would \
                 show it: SiteWise may show earlier values; check that it accepts commands (NCMD), \
                 and synchronize the edge's clock (NTP)"
            }
            RebirthReason::Expected => {
                "it was online and does not answer rebirth requests: it counts as offline; check \
                 its power, its network and its MQTT connection, and that it accepts commands \
                 (NCMD)"
            }
        }
    }
}

impl EdgeSession {
    /// Its current problem, if any.
    pub(crate) fn problem(&self) -> Option<&NodeProblem> {
        self.problem.as_ref()
    }

    /// Whether the node may be asked for this.
    pub(super) fn may_ask(&self, trigger: RebirthTrigger, context: &SessionContext<'_>) -> bool {
        let policy = &context.config.rebirth;
        policy.reasons.contains(trigger.reason())
            && (context.config.filter.is_open() || self.is_included(trigger, context))
    }

    /// Whether anything of it is or may be included. Nodes that are not included are never sent a
    /// command.
    fn is_included(&self, trigger: RebirthTrigger, context: &SessionContext<'_>) -> bool {
        let of_device =
            matches!(trigger, RebirthTrigger::Unborn(_) | RebirthTrigger::Unreadable(Some(_)));
        match &self.state {
            SessionState::Online(online) if !of_device => online.is_anything_emitted(),
            SessionState::Online(_) | SessionState::Awaited(_) => {
                context.may_take(self.edge(), None)
            }
        }
    }

    /// Schedules rebirth requests for the triggers of the current message.
    pub(super) fn request_for_triggers(&mut self, context: &SessionContext<'_>) {
        for device in std::mem::take(&mut self.notes.born_devices) {
            self.requests.device_born(&device);
            if self.requests.due().is_none() {
                self.problem = None;
            }
        }
        let unknown = std::mem::take(&mut self.notes.unknown);
        let triggers = std::mem::take(&mut self.notes.triggers);
        for trigger in unknown.into_iter().map(|(_, trigger)| trigger).chain(triggers) {
            self.request(trigger, context);
        }
    }

    pub(super) fn request(
        &mut self,
        trigger: RebirthTrigger,
        context: &SessionContext<'_>,
    ) -> RequestResult {
        if !self.may_ask(trigger, context) {
            let reason = trigger.reason();
            if trigger.skips_values()
                && !context.config.rebirth.reasons.contains(reason)
                && let Some(known_by) = self.known_by(trigger)
            {
                let (since, kind) = (context.now.wall, NodeProblemKind::RequestDisabled);
                let example = self.example_of(trigger);
                self.set_problem(NodeProblem { reason, since, kind, known_by, example });
            }
            return RequestResult::Disabled;
        }
        let (policy, answer) = (&context.config.rebirth, context.config.answer_timeout);
        let request =
            self.requests.request(trigger, context.now.instant, context.random, policy, answer);
        if request == RequestResult::Unanswered {
            self.report_unanswered(trigger, context);
        }
        request
    }

    /// It is a problem by name from the first request in vain on. The silence of who was not online
    /// says nothing.
    fn report_unanswered(&mut self, trigger: RebirthTrigger, context: &SessionContext<'_>) {
        let silent = match &self.state {
            SessionState::Awaited(awaited) => {
                !awaited.is_expected() && !awaited.is_lost() && awaited.bytes() == 0
            }
            SessionState::Online(_) => false,
        };
        if (trigger != RebirthTrigger::Expected || !silent)
            && !self.may_be_behind_another(context)
            && let Some(known_by) = self.known_by(trigger)
        {
            let reason = match (trigger, &self.state) {
                // It speaks, and what it said meanwhile is missing.
                (RebirthTrigger::Expected, SessionState::Online(_)) => RebirthReason::Dropped,
                _ => trigger.reason(),
            };
            let since = context.now.wall;
            let kind = match self.is_costly {
                true => NodeProblemKind::TooCostly,
                false => NodeProblemKind::Unanswered,
            };
            let example = self.example_of(trigger);
            self.set_problem(NodeProblem { reason, since, kind, known_by, example });
        }
        // Its server is back, and it is not: from here on it is as dead as any other.
        if !self.may_be_behind_another(context)
            && let SessionState::Awaited(awaited) = &mut self.state
            && awaited.is_lost()
        {
            awaited.die();
        }
    }

    /// What is known of it where it is asked for this; none where a stored birth is the reason and
    /// it is offline, which is emitted as such.
    fn known_by(&self, trigger: RebirthTrigger) -> Option<KnownBy> {
        let SessionState::Awaited(awaited) = &self.state else { return Some(KnownBy::Messages) };
        if trigger != RebirthTrigger::BeforeBirth || self.sends_unreadable {
            return Some(KnownBy::Messages);
        }
        let is_offline = self.birth_emitted || self.was_known || !awaited.is_unknown();
        match self.is_only_stored() {
            true => Some(KnownBy::StoredBirth),
            false if is_offline => None,
            false => Some(KnownBy::Messages),
        }
    }

    /// Whether a birth that a server has stored is all that is known of it.
    pub(super) fn is_only_stored(&self) -> bool {
        let never_born = !self.birth_emitted && !self.was_known;
        let unknown = matches!(&self.state, SessionState::Awaited(awaited) if awaited.is_unknown());
        never_born && unknown && self.last_heard.is_none()
    }

    /// What shows why a birth is asked for.
    fn example_of(&self, trigger: RebirthTrigger) -> Option<Arc<str>> {
        match trigger {
            RebirthTrigger::Unborn(_) => self.notes.unborn_example.clone(),
            RebirthTrigger::UnknownMetric(_) | RebirthTrigger::UnknownAlias(_) => {
                self.notes.unknown_example.clone()
            }
            _ => None,
        }
    }

    fn set_problem(&mut self, problem: NodeProblem) {
        if self.problem.is_none() {
            let finding = match problem.known_by {
                KnownBy::Messages => Finding::RebirthUnanswered,
                KnownBy::StoredBirth => Finding::OnlyStored,
            };
            self.notes.findings.note_with_example(finding, || problem.words());
            self.problem = Some(problem);
        }
    }

    /// A live message of it has come: it is known by more than what a server has stored.
    pub(super) fn note_received(&mut self, context: &SessionContext<'_>) {
        self.last_heard = Some(context.now.instant);
        self.problem.take_if(|problem| problem.known_by == KnownBy::StoredBirth);
    }

    /// A message arrived, so the pending liveness request is cancelled.
    pub(super) fn clear_doubt(&mut self) {
        if self.requests.due().is_none() {
            return;
        }
        if matches!(&self.state, SessionState::Online(online) if !online.is_doubted()) {
            for trigger in [RebirthTrigger::Probe, RebirthTrigger::Silence] {
                self.requests.resolve(trigger);
                self.problem.take_if(|problem| problem.reason == trigger.reason());
            }
        }
    }

    /// What was asked for may be due again, since no birth came.
    pub(super) fn reschedule_request(&mut self, context: &SessionContext<'_>) {
        let now = context.now.instant;
        if self.requests.due().is_some_and(|due| due <= now)
            && let Some(trigger) = self.requests.unanswered_trigger(now, &context.config.rebirth)
        {
            self.report_unanswered(trigger, context);
        }
    }

    /// Its births are wanted once more. One that is not online sends all of it with its birth.
    pub(crate) fn refresh(&mut self, why: RefreshReason, context: &SessionContext<'_>) {
        if let SessionState::Online(_) = &self.state {
            self.request(why.into(), context);
        }
    }

    /// The other one of two bridges lacks its births, and has decided to ask.
    pub(crate) fn refresh_for_other(&mut self, context: &SessionContext<'_>) {
        if let Some(trigger) = RebirthTrigger::any_of(context.config.rebirth.reasons) {
            self.request(trigger, context);
        }
    }

    /// A birth of the node has come that can be read.
    pub(super) fn note_birth(&mut self, context: &SessionContext<'_>) {
        // A birth may be made up, or of long ago; one that is not the first, or an answer, shows
        // more.
        self.has_answered |= self.birth_emitted || self.requests.is_unanswered();
        self.sends_unreadable = false;
        self.asks_all = false;
        self.requests.answered(&context.config.rebirth);
        self.problem = None;
    }

    /// A birth of it that the server has stored applies, which may be of long ago: one that is to be
    /// asked since it was online, or may have come back, still is. True if it was not asked yet.
    pub(super) fn note_stored_birth(&mut self, context: &SessionContext<'_>) -> bool {
        self.sends_unreadable = false;
        self.problem = None;
        let is_asked = self.requests.is_due_for(RebirthTrigger::Expected);
        if !is_asked {
            self.asks_all = false;
            self.requests.answered(&context.config.rebirth);
        }
        is_asked && !self.requests.is_unanswered()
    }

    /// When its next rebirth request is due, if there is a connection to send it on.
    pub(crate) fn request_due_at(&self) -> Option<Instant> {
        self.requests.due()
    }

    /// Its rank among the nodes with a due request.
    pub(crate) fn rank(&self) -> RequestRank {
        let (is_expected, is_known) = match &self.state {
            SessionState::Online(_) => (true, true),
            SessionState::Awaited(awaited) => {
                let is_expected = awaited.is_expected() || awaited.is_lost();
                let was_known = self.birth_emitted || self.was_known;
                (is_expected, is_expected || was_known || awaited.is_to_be_asked())
            }
        };
        if is_known && self.sends_unreadable {
            match self.has_answered {
                true => RequestRank::ProvenSpeaks,
                false => RequestRank::Speaks,
            }
        } else if is_known && self.requests.is_unanswered() {
            RequestRank::SpeaksUnborn
        } else if is_known && self.has_answered {
            RequestRank::Proven
        } else if is_expected {
            RequestRank::Online
        } else if is_known {
            RequestRank::Known
        } else if self.last_heard.is_none() {
            RequestRank::Stored
        } else if self.problem.is_some() {
            RequestRank::Unanswered
        } else {
            RequestRank::SpeaksUnborn
        }
    }

    /// Its turn has come. Returns the request that is to be published.
    pub(crate) fn send_request(
        &mut self,
        context: &mut SessionContext<'_>,
    ) -> Option<RebirthToSend> {
        let server = match &self.state {
            SessionState::Online(online) if online.is_elsewhere() => None,
            SessionState::Online(online) => Some(online.server()),
            // It speaks there. Whoever is silent may have moved.
            SessionState::Awaited(_) if self.sends_unreadable => self.server,
            SessionState::Awaited(awaited) if awaited.is_lost() && !self.asks_all => {
                self.server.filter(|server| context.servers.is_up(*server))
            }
            SessionState::Awaited(_) => None,
        };
        if !server.map_or(context.servers.is_any_up(), |server| context.servers.is_up(server)) {
            // Whoever is connected next says what is to be asked then.
            self.requests.cancel();
            return None;
        }
        // What a server has stored is no sign of life: one request finds who lives nevertheless.
        if self.is_only_stored() && self.requests.is_unanswered() {
            self.requests.cancel();
            return None;
        }
        let trigger =
            self.requests.send(context.now.instant, context.random, &context.config.rebirth)?;
        self.rebirths += 1;
        self.note_request_sent(context);
        Some(RebirthToSend { reason: trigger.reason(), server })
    }

    /// From now on silence means something.
    pub(super) fn note_request_sent(&mut self, context: &SessionContext<'_>) {
        let deadline = context.now.instant + context.config.answer_timeout;
        match &mut self.state {
            SessionState::Awaited(awaited) => awaited.set_answer_deadline(deadline),
            SessionState::Online(online) => online.set_answer_deadline(deadline),
        }
    }

    /// There is no more room for what is only kept of the past.
    pub(crate) fn drop_prior_tables(&mut self) {
        match &mut self.state {
            SessionState::Awaited(awaited) => awaited.forget_tables(),
            SessionState::Online(online) => online.prior_tables = None,
        }
    }
}

//! Rebirth requests of a session: whether, for what, and the problem if they are not answered.

use super::{Fault, Life, Reason, Request, Session, Sink};
use crate::sparkplug::findings::Finding;
use crate::sparkplug::rebirth::{Rank, Wish};
use crate::time::{Instant, Timestamp};

/// A node that cannot be interpreted although a rebirth was requested. Any readable birth ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Why the rebirth was requested.
    pub reason: Reason,
    /// Since when the request is known to be unanswered.
    pub since: Timestamp,
    /// It may not be asked, by `SPARKPLUG_REBIRTH`.
    pub off: bool,
}

impl Problem {
    /// What is wrong and what to do, for people.
    pub const fn words(&self) -> &'static str {
        match self.reason {
            _ if self.off => {
                "its data does not match its last birth, or no birth of it was readable, and \
                 SPARKPLUG_REBIRTH forbids to request another: these values are skipped until its \
                 next birth; set SPARKPLUG_REBIRTH to auto, or restart the edge node"
            }
            Reason::Gap => {
                "messages are missing and it does not answer rebirth requests: their values are \
                 lost; check that it accepts commands (NCMD)"
            }
            Reason::BeforeBirth => {
                "it, or a device of it, sends data without a birth although a rebirth was \
                 requested: its values are skipped; check that it accepts commands (NCMD) and \
                 that our user may read its births, or restart it"
            }
            Reason::UnknownMetric => {
                "it sends metrics that its birth lacks although a rebirth was requested: their \
                 values are skipped; let the edge node include them in its birth"
            }
            Reason::UnknownAlias => {
                "it sends aliases that its birth lacks although a rebirth was requested: their \
                 values are skipped; let the edge node include them in its birth"
            }
            Reason::Undecodable => {
                "its messages cannot be decoded although a rebirth was requested: they are \
                 damaged or too large; check what the edge node sends, and let it send less in \
                 one message"
            }
            Reason::Probe => {
                "it does not answer rebirth requests, so it may be dead; check that it accepts \
                 commands (NCMD)"
            }
            Reason::Expected => {
                "it was online and does not answer rebirth requests: it counts as offline; check \
                 that it accepts commands (NCMD)"
            }
        }
    }
}

impl Session {
    /// Its current problem, if any.
    pub(crate) fn problem(&self) -> Option<&Problem> {
        self.problem.as_ref()
    }

    /// Whether the node may be asked for this.
    pub(super) fn may_ask(&self, fault: Fault, sink: &Sink<'_>) -> bool {
        let policy = &sink.config.rebirth;
        policy.reasons.contains(fault.reason())
            && (sink.config.filter.is_open() || self.is_included(fault, sink))
    }

    /// Whether anything of it is or may be included. Nodes that are not included are never sent a
    /// command.
    fn is_included(&self, fault: Fault, sink: &Sink<'_>) -> bool {
        let of_device = matches!(fault, Fault::Unborn(_) | Fault::Unreadable(Some(_)));
        match &self.life {
            Life::Online(online) if !of_device => online.is_taken(),
            Life::Online(_) | Life::Awaited(_) => sink.may_take(self.edge(), None),
        }
    }

    /// Schedules rebirth requests for the triggers of the current message.
    pub(super) fn wish_faults(&mut self, sink: &Sink<'_>) {
        for device in std::mem::take(&mut self.notes.born) {
            self.requests.device_born(&device);
            if self.requests.due().is_none() {
                self.problem = None;
            }
        }
        for fault in std::mem::take(&mut self.notes.faults) {
            self.wish(fault, sink);
        }
    }

    pub(super) fn wish(&mut self, fault: Fault, sink: &Sink<'_>) -> Wish {
        if !self.may_ask(fault, sink) {
            let reason = fault.reason();
            if fault.leaves_unread() && !sink.config.rebirth.reasons.contains(reason) {
                self.tell_problem(Problem { reason, since: sink.now.wall, off: true });
            }
            return Wish::Off;
        }
        let (policy, answer) = (&sink.config.rebirth, sink.config.answer_timeout);
        let wish = self.requests.wish(fault, sink.now.instant, sink.chance, policy, answer);
        if wish == Wish::InVain {
            self.tell_vain(fault, sink);
        }
        wish
    }

    /// It is a problem by name from the first request in vain on. The silence of who was not online
    /// says nothing.
    fn tell_vain(&mut self, fault: Fault, sink: &Sink<'_>) {
        let silent = match &self.life {
            Life::Awaited(awaited) => {
                !awaited.is_expected() && !awaited.is_lost() && awaited.bytes() == 0
            }
            Life::Online(_) => false,
        };
        if fault != Fault::Expected || !silent {
            let (reason, since) = (fault.reason(), sink.now.wall);
            self.tell_problem(Problem { reason, since, off: false });
        }
    }

    fn tell_problem(&mut self, problem: Problem) {
        if self.problem.is_none() {
            self.notes.findings.tell(Finding::InVain, || problem.words());
            self.problem = Some(problem);
        }
    }

    /// It spoke, and needs not be asked again whether it is alive.
    pub(super) fn settle_doubt(&mut self) {
        if self.requests.due().is_none() {
            return;
        }
        if matches!(&self.life, Life::Online(online) if !online.is_doubted()) {
            self.requests.settle(Fault::Probe);
            self.problem.take_if(|problem| problem.reason == Reason::Probe);
        }
    }

    /// What was asked for may be due again, since no birth came.
    pub(super) fn ask_again(&mut self, sink: &Sink<'_>) {
        let now = sink.now.instant;
        if self.requests.due().is_some_and(|due| due <= now)
            && let Some(fault) = self.requests.in_vain(now, &sink.config.rebirth)
        {
            self.tell_vain(fault, sink);
        }
    }

    /// Data of it was dropped. One that is not online sends all of it with its birth.
    pub(crate) fn refresh(&mut self, sink: &Sink<'_>) {
        if let Life::Online(_) = &self.life {
            self.wish(Fault::Gap, sink);
        }
    }

    /// A birth of the node has come that can be read.
    pub(super) fn born(&mut self, sink: &Sink<'_>) {
        // A birth may be made up, or of long ago; one that is not the first, or an answer, shows more.
        self.proven |= self.told || self.requests.is_unanswered();
        self.speaks = false;
        self.requests.answered(&sink.config.rebirth);
        self.problem = None;
    }

    /// When it may be asked what it is to be asked.
    pub(crate) fn ask_at(&self) -> Option<Instant> {
        self.requests.due()
    }

    /// Before whom it is asked.
    pub(crate) fn rank(&self) -> Rank {
        let (is_expected, is_known) = match &self.life {
            Life::Online(_) => (true, true),
            Life::Awaited(awaited) => {
                let is_expected = awaited.is_expected() || awaited.is_lost();
                (is_expected, is_expected || self.told || awaited.is_to_be_asked())
            }
        };
        match () {
            () if is_known && self.proven && self.speaks => Rank::ProvenSpeaks,
            () if is_known && self.speaks => Rank::Speaks,
            () if is_known && self.requests.is_unanswered() => Rank::Heard,
            () if is_known && self.proven => Rank::Proven,
            () if is_expected => Rank::Online,
            () if is_known => Rank::Known,
            () if self.problem.is_some() => Rank::InVain,
            () if self.heard.is_some() => Rank::Heard,
            () => Rank::Stored,
        }
    }

    /// Its turn has come. Returns the request that is to be published.
    pub(crate) fn ask(&mut self, sink: &mut Sink<'_>) -> Option<Request> {
        let server = match &self.life {
            Life::Online(online) => Some(online.server()),
            Life::Awaited(awaited) if awaited.is_lost() => {
                self.server.filter(|server| sink.servers.is_up(*server))
            }
            Life::Awaited(awaited) if awaited.is_to_be_asked() => None,
            Life::Awaited(_) => self.server,
        };
        if !server.map_or(sink.servers.is_any_up(), |server| sink.servers.is_up(server)) {
            // Whoever is connected next says what is to be asked then.
            self.requests.cancel();
            return None;
        }
        let fault = self.requests.send(sink.now.instant, sink.chance, &sink.config.rebirth)?;
        self.rebirths += 1;
        self.asked(sink);
        Some(Request { reason: fault.reason(), server })
    }

    /// From now on silence means something.
    pub(super) fn asked(&mut self, sink: &Sink<'_>) {
        let deadline = sink.now.instant + sink.config.answer_timeout;
        match &mut self.life {
            Life::Awaited(awaited) => awaited.asked(deadline),
            Life::Online(online) => online.asked(deadline),
        }
    }

    /// There is no more room for what is only kept of the past.
    pub(crate) fn forget_past(&mut self) {
        if let Life::Awaited(awaited) = &mut self.life {
            awaited.forget_tables();
        }
    }
}

//! A message of the node was dropped before anybody saw it.

use super::{EdgeSession, RebirthTrigger, ServerId, SessionContext, SessionState};
use crate::sparkplug::event::DeathCause;

impl EdgeSession {
    /// A message of it was dropped unseen: its birth repeats what it said.
    pub(crate) fn message_lost(&mut self, server: ServerId, context: &SessionContext<'_>) {
        match &mut self.state {
            SessionState::Online(online) if online.server() == server => {
                self.request(RebirthTrigger::Dropped, context);
            }
            // It may be there now. If its own server brings nothing more of it, it is asked.
            SessionState::Online(online) => {
                online.lost_elsewhere(server, context.now.instant);
            }
            SessionState::Awaited(_) => {
                self.server.get_or_insert(server);
                self.last_heard = Some(context.now.instant);
                self.request(RebirthTrigger::BeforeBirth, context);
            }
        }
    }

    /// Its death was, or that of an earlier session: it lives if it answers.
    pub(crate) fn death_lost(&mut self, server: ServerId, context: &mut SessionContext<'_>) {
        if !self.may_ask(RebirthTrigger::Probe, context) {
            return;
        }
        match &mut self.state {
            SessionState::Online(online)
                if online.server() == server || online.is_heard_on(server) =>
            {
                online.doubt(DeathCause::Silent, context.now.instant);
                self.request(RebirthTrigger::Probe, context);
            }
            SessionState::Online(_) => {}
            // Who is to be asked for another reason is dead as well if it does not answer.
            SessionState::Awaited(awaited) => {
                let is_there = self.server.is_none_or(|own| own == server);
                if is_there && awaited.has_unread_birth() {
                    self.probe_unread(RebirthTrigger::Probe, context);
                }
            }
        }
    }
}

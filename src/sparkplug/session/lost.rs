//! A message of the node was dropped before anybody saw it.

use super::{EdgeSession, RebirthTrigger, ServerId, SessionContext, SessionState};
use crate::sparkplug::event::DeathCause;

impl EdgeSession {
    /// A message of it was dropped unseen: its birth repeats what it said.
    pub(crate) fn message_lost(&mut self, server: ServerId, context: &SessionContext<'_>) {
        match &self.state {
            SessionState::Online(online) if online.server() == server => {
                self.request(RebirthTrigger::Dropped, context);
            }
            SessionState::Online(_) => {}
            SessionState::Awaited(_) => {
                self.server.get_or_insert(server);
                self.last_heard = Some(context.now.instant);
                self.request(RebirthTrigger::BeforeBirth, context);
            }
        }
    }

    /// Its death was, or that of an earlier session: it lives if it answers.
    pub(crate) fn death_lost(&mut self, server: ServerId, context: &SessionContext<'_>) {
        let may_ask = self.may_ask(RebirthTrigger::Probe, context);
        if let SessionState::Online(online) = &mut self.state
            && online.server() == server
            && may_ask
        {
            online.doubt(DeathCause::Silent, context.now.instant);
            self.request(RebirthTrigger::Probe, context);
        }
    }
}

//! Nodes that were online before the start, or while we were disconnected.

use std::sync::Arc;

use super::{EdgeSession, RebirthTrigger, ServerId, SessionContext, SessionState};
use crate::sparkplug::rebirth::RequestResult;
use crate::time::Instant;

impl EdgeSession {
    /// Since when it is asked for its birth: the first request that was not answered.
    pub(crate) fn asked_since(&self) -> Option<Instant> {
        self.requests.asked_since()
    }

    /// The node was online before the start: request a rebirth, and count silence as offline.
    pub(crate) fn expect_online(&mut self, devices: &[Arc<str>], context: &SessionContext<'_>) {
        self.was_known = true;
        let awaited = match &mut self.state {
            SessionState::Awaited(awaited) => awaited,
            SessionState::Online(online) => return online.expect_devices(devices, context),
        };
        awaited.expect_devices(devices);
        self.birth_emitted = true;
        if context.servers.is_any_up() {
            self.ask_expected(context);
        } else {
            // It is asked once there is a connection. Until then its silence says as much as that of
            // a node whose connection was lost.
            self.note_request_sent(context);
        }
    }

    /// The node was known before the start, and not as online: request a rebirth.
    pub(crate) fn request_birth_if_back(&mut self, context: &SessionContext<'_>) {
        self.was_known = true;
        let SessionState::Awaited(awaited) = &mut self.state else { return };
        awaited.request_birth_if_back();
        if context.servers.is_any_up() {
            self.ask_expected(context);
        }
    }

    /// A connection is up: whoever is not online may be behind it, and is asked as after a start.
    pub(crate) fn handle_connected(&mut self, server: ServerId, context: &SessionContext<'_>) {
        let SessionState::Awaited(awaited) = &mut self.state else {
            return;
        };
        self.asks_all |= self.server != Some(server);
        self.sends_unreadable = false;
        self.requests.reset_for_session();
        if self.birth_emitted || self.was_known || awaited.is_to_be_asked() {
            awaited.should_ask();
            self.ask_expected(context);
        } else if self.server.is_some() {
            // What was heard of it, or stored, was not enough, and it may send nothing further by
            // itself.
            self.request(RebirthTrigger::BeforeBirth, context);
        }
    }

    /// Whether `server` is the one that it was heard on last.
    pub(crate) fn is_on(&self, server: ServerId) -> bool {
        self.server == Some(server)
    }

    /// The server that it was heard on last.
    pub(crate) fn heard_on(&self) -> Option<ServerId> {
        self.server
    }

    /// Whether a server that is not connected may be the only one that it is behind, so that its
    /// silence says nothing: nothing was heard of it since the start, or it was lost with its server.
    pub(super) fn may_be_behind_another(&self, context: &SessionContext<'_>) -> bool {
        match self.server.filter(|_| self.is_lost()) {
            Some(own) => !context.servers.is_up(own),
            None => self.is_unheard() && !context.servers.are_all_up(context.config.servers),
        }
    }

    fn ask_expected(&mut self, context: &SessionContext<'_>) {
        if self.request(RebirthTrigger::Expected, context) == RequestResult::Disabled {
            self.note_request_sent(context);
        }
    }
}

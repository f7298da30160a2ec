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
        // Otherwise it is asked once there is a connection.
        if context.servers.is_any_up() {
            self.ask_expected(context);
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

    /// A connection is up: known nodes may be behind it, and are asked as after a start.
    pub(crate) fn handle_connected(&mut self, server: ServerId, context: &SessionContext<'_>) {
        let SessionState::Awaited(awaited) = &mut self.state else {
            return;
        };
        self.sends_unreadable = false;
        if self.birth_emitted || awaited.is_to_be_asked() {
            awaited.should_ask(true);
            self.requests.reset_for_session();
            self.ask_expected(context);
        } else if self.server == Some(server) {
            self.requests.reset_for_session();
            // It sent a birth that could not be decoded, and may send nothing further by itself.
            if awaited.is_unknown() && self.last_heard.is_some() {
                self.request(RebirthTrigger::BeforeBirth, context);
            }
        }
    }

    /// Whether a server that is not connected may be the only one that it is behind: nothing was
    /// heard of it since the start, so that its silence says nothing.
    pub(super) fn may_be_behind_another(&self, context: &SessionContext<'_>) -> bool {
        self.is_unheard() && !context.servers.are_all_up(context.config.servers)
    }

    fn ask_expected(&mut self, context: &SessionContext<'_>) {
        if self.request(RebirthTrigger::Expected, context) == RequestResult::Disabled {
            self.note_request_sent(context);
        }
    }
}

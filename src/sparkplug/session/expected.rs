//! A node whose birth we have not heard: what was online before we were, or while we were away.

use std::sync::Arc;

use super::{Fault, Life, ServerId, Session, Sink, Wish};

impl Session {
    /// The node was online before we were: ask for its birth, and take silence for death.
    pub(crate) fn expect(&mut self, devices: &[Arc<str>], sink: &Sink<'_>) {
        let awaited = match &mut self.life {
            Life::Awaited(awaited) => awaited,
            Life::Online(online) => return online.expect(devices, sink),
        };
        awaited.expect(devices);
        self.told = true;
        // Otherwise it is asked once there is a connection.
        if sink.servers.is_any_up() {
            self.ask_expected(sink);
        }
    }

    /// The node was known before we were, and not as online: ask once for its birth.
    pub(crate) fn hope(&mut self, sink: &Sink<'_>) {
        let Life::Awaited(awaited) = &mut self.life else { return };
        awaited.hope();
        if sink.servers.is_any_up() {
            self.ask_expected(sink);
        }
    }

    /// A connection is up: ask for what cannot be known without it.
    pub(crate) fn handle_connected(&mut self, server: ServerId, sink: &Sink<'_>) {
        let Life::Awaited(awaited) = &self.life else {
            return;
        };
        let lost_here = awaited.is_lost() && self.server == Some(server);
        if lost_here || awaited.is_to_be_asked() {
            self.ask_expected(sink);
        }
    }

    fn ask_expected(&mut self, sink: &Sink<'_>) {
        if self.wish(Fault::Expected, sink) == Wish::Off {
            self.asked(sink);
        }
    }
}

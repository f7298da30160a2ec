//! Nodes that were online before the start, or while we were disconnected.

use std::sync::Arc;

use super::{Fault, Life, ServerId, Session, Sink};
use crate::sparkplug::rebirth::Wish;

impl Session {
    /// The node was online before the start: request a rebirth, and count silence as offline.
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

    /// The node was known before the start, and not as online: request a rebirth.
    pub(crate) fn hope(&mut self, sink: &Sink<'_>) {
        let Life::Awaited(awaited) = &mut self.life else { return };
        awaited.hope();
        if sink.servers.is_any_up() {
            self.ask_expected(sink);
        }
    }

    /// A connection is up: known nodes may be behind it, and are asked as after a start.
    pub(crate) fn handle_connected(&mut self, server: ServerId, sink: &Sink<'_>) {
        let Life::Awaited(awaited) = &mut self.life else {
            return;
        };
        self.speaks = false;
        if self.told || awaited.is_to_be_asked() {
            awaited.seek(true);
            self.requests.renew();
            self.ask_expected(sink);
        } else if self.server == Some(server) {
            self.requests.renew();
            // It spoke, was not understood, and may be quiet from now on.
            if awaited.is_unknown() && self.heard.is_some() {
                self.wish(Fault::BeforeBirth, sink);
            }
        }
    }

    fn ask_expected(&mut self, sink: &Sink<'_>) {
        if self.wish(Fault::Expected, sink) == Wish::Off {
            self.asked(sink);
        }
    }
}

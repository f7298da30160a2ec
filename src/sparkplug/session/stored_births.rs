//! Births stored by a Sparkplug-aware server: a start without rebirth requests.
//!
//! A stored birth defines metrics and aliases, but does not prove that the node is alive: the
//! server keeps it after its death. So it is used only once the node sends something.

use super::online::PriorSession;
use super::{
    EdgeSession, Incoming, OnlineSession, ServerId, SessionContext, SessionMessage, SessionState,
};
use crate::sparkplug::findings::Finding;
use crate::sparkplug::topic::MessageType;

impl EdgeSession {
    /// A birth as the server has stored it [conformance-mqtt-aware-store].
    pub(crate) fn handle_stored_birth(
        &mut self,
        message: Incoming<'_>,
        context: &mut SessionContext<'_>,
    ) {
        if message.verb != MessageType::Birth {
            return;
        }
        match &mut self.state {
            SessionState::Awaited(awaited) => {
                let server = message.server;
                let before = awaited.bytes();
                if !awaited.keep_stored_birth(message.own(), context) {
                    self.notes.findings.note(Finding::WaitingFull);
                }
                let room = context.room_left.bytes + before;
                context.room_left.bytes = room.saturating_sub(awaited.bytes());
                // What waits from another server goes on to wait for a birth there.
                if awaited.has_stored_birth(server) && awaited.has_waiting_from(server) {
                    let early = self.take_waiting(server, context);
                    self.apply_stored_births(early, context);
                }
            }
            // A device that speaks already, whose birth came late among those stored.
            SessionState::Online(online) if online.server() == message.server => {
                online.handle_stored_birth(&message.borrow(), &mut self.notes, context);
                self.request_for_triggers(context);
            }
            SessionState::Online(_) => {}
        }
    }

    /// A birth that the server has stored cannot be read: no table is better than a wrong one.
    pub(crate) fn handle_unreadable_stored_birth(
        &mut self,
        server: ServerId,
        device: Option<&str>,
    ) {
        if let SessionState::Awaited(awaited) = &mut self.state {
            awaited.forget_stored(server, device);
        }
    }

    /// The node lives, as these messages show: what the server has stored of it counts. The
    /// first message tells where in the sequence it stands.
    pub(super) fn apply_stored_births(
        &mut self,
        early: Vec<SessionMessage>,
        context: &mut SessionContext<'_>,
    ) {
        // Before anything is taken of it.
        let freed = self.state_use();
        let SessionState::Awaited(awaited) = &mut self.state else { return };
        let Some(first) = early.first() else { return };
        let Some((birth, devices)) = awaited.take_stored_births(first.server) else { return };
        let prior = PriorSession {
            birth_emitted: self.birth_emitted,
            devices: awaited.take_devices(),
            next_seq: None,
        };
        let first_seq = first.seq().and_then(|seq| u8::try_from(seq).ok());
        self.server = Some(birth.server);
        self.note_birth(context);
        context.room_left.tables += freed.tables;
        context.room_left.bytes += freed.bytes;
        let birth = birth.incoming();
        let mut online = OnlineSession::born(&self.source, &birth, prior, &mut self.notes, context);
        if let Some(seq) = first_seq {
            online.resume(seq);
        }
        for device in devices {
            online.handle_stored_birth(&device.incoming().borrow(), &mut self.notes, context);
        }
        self.birth_emitted = online.is_birth_emitted();
        self.state = SessionState::Online(online);
        for message in early {
            self.handle_message(message.incoming(), context);
        }
    }
}

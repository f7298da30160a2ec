//! Births stored by a Sparkplug-aware server: a start without rebirth requests.
//!
//! A stored birth defines metrics and aliases, but does not prove that the node or the device is
//! alive: the server keeps it after its death. So it is used only once its sender sends something. Its
//! values are old, and are emitted as history.

use super::birth_archive::emit_as_history;
use super::online::PriorSession;
use super::{
    Borrowed, EdgeSession, Incoming, OnlineSession, ServerId, SessionContext, SessionMessage,
    SessionNotes, SessionState,
};
use crate::sparkplug::findings::Finding;
use crate::sparkplug::limits;
use crate::sparkplug::topic::MessageType;

/// What a server has stored of devices that have said nothing yet.
#[derive(Clone, Debug, Default)]
pub(super) struct StoredDevices {
    births: Vec<SessionMessage>,
    bytes: usize,
    /// Whether the node was online before, and is still to be asked for its births.
    pub(super) is_unasked: bool,
}

impl StoredDevices {
    /// Keeps a birth in the place of an older one.
    fn keep(&mut self, birth: SessionMessage) {
        if let Some(device) = &birth.device {
            self.take(device);
            self.bytes += birth.bytes;
            self.births.push(birth);
        }
    }

    /// Takes the birth of a device: it applies, or holds no longer.
    pub(super) fn take(&mut self, device: &str) -> Option<SessionMessage> {
        let of = |birth: &SessionMessage| birth.device.as_deref() == Some(device);
        let birth = self.births.swap_remove(self.births.iter().position(of)?);
        self.bytes -= birth.bytes;
        Some(birth)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl OnlineSession {
    /// The birth of a device as the server has stored it, where no other is known: it waits for a sign
    /// of life, unless the device has given one.
    fn handle_stored_birth(
        &mut self,
        birth: &Borrowed<'_>,
        notes: &mut SessionNotes,
        context: &mut SessionContext<'_>,
    ) {
        let Some(device) = birth.device else { return };
        if self.is_born(device) {
            return;
        }
        let speaks = |message: &SessionMessage| {
            message.verb == MessageType::Data && message.device.as_deref() == Some(device)
        };
        if self.waiting.iter().any(speaks) {
            return self.restore_device(birth, notes, context);
        }
        self.stored.take(device);
        let has_room = birth.bytes <= context.waiting_room();
        if has_room && self.stored.births.len() < limits::DEVICES {
            context.room_left.bytes -= birth.bytes;
            self.stored.keep(birth.to_owned());
        } else {
            notes.findings.note(Finding::WaitingFull);
        }
    }
}

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
            // It came late among those stored.
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
        let is_unasked = self.note_stored_birth(context);
        context.room_left.tables += freed.tables;
        context.room_left.bytes += freed.bytes;
        let birth = birth.incoming();
        let (source, notes) = (&self.source, &mut self.notes);
        let mut online = emit_as_history(context, |context| {
            OnlineSession::born(source, &birth, prior, notes, context)
        });
        if let Some(seq) = first_seq {
            online.resume(seq);
        }
        online.stored.is_unasked = is_unasked;
        for device in devices {
            online.handle_stored_birth(&device.incoming().borrow(), notes, context);
        }
        self.birth_emitted = online.is_birth_emitted();
        self.state = SessionState::Online(online);
        for message in early {
            self.handle_message(message.incoming(), context);
        }
    }
}

//! Data before its birth: it is buffered, and read if the birth means the same as before, or where
//! it uses names.

use std::sync::Arc;

use super::online::OnlineSession;
use super::prior_tables::{PriorTable, PriorTables, SessionId, readable};
use super::reading::read_until;
use super::{
    Borrowed, EdgeSession, ServerId, SessionContext, SessionMessage, SessionNotes, SessionState,
};
use crate::sparkplug::address::Source;
use crate::sparkplug::event::SequenceOrder;
use crate::sparkplug::findings::Finding;
use crate::sparkplug::host::SkipReason;
use crate::sparkplug::limits;
use crate::sparkplug::table::BirthTable;
use crate::sparkplug::topic::MessageType;
use crate::time::Timestamp;

impl OnlineSession {
    /// The node is born: what waited for that is read, or waits for the births of its devices.
    /// `prior_tables` are those it was known by before.
    pub(super) fn take_over(
        &mut self,
        waiting: Vec<SessionMessage>,
        prior_tables: Option<Box<PriorTables>>,
        birth: Timestamp,
        notes: &mut SessionNotes,
        context: &mut SessionContext<'_>,
    ) {
        let (own, of_devices): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|message| message.device.is_none());
        self.prior_tables = prior_tables;
        let before = self.prior_tables.as_mut().and_then(|past| past.take(None));
        let session = self.session_id();
        let (source, table) = self.own_table();
        read((source, table), own, (before.as_ref(), session), birth, notes, context);
        let mut born = Vec::new();
        for message in of_devices {
            let device = message.device.clone();
            self.buffer(message);
            born.extend(device.filter(|device| self.is_born(device)));
        }
        for device in born {
            self.read_waiting(&device, birth, notes, context);
        }
        self.extend_grace(context);
    }

    /// The session that its birth began.
    pub(super) fn session_id(&self) -> SessionId {
        SessionId { server: self.server(), bd_seq: self.bd_seq() }
    }

    /// What waited for the birth of a device is read by it.
    pub(super) fn read_waiting(
        &mut self,
        device: &str,
        birth: Timestamp,
        notes: &mut SessionNotes,
        context: &mut SessionContext<'_>,
    ) {
        let session = self.session_id();
        let before = self.prior_tables.as_mut().and_then(|past| past.take(Some(device)));
        if self.waiting.is_empty() {
            return;
        }
        let (of_device, others) = self
            .take_waiting()
            .into_iter()
            .partition::<Vec<_>, _>(|message| message.device.as_deref() == Some(device));
        for message in others {
            self.buffer(message);
        }
        if let Some(reading) = self.device_table(device) {
            read(reading, of_device, (before.as_ref(), session), birth, notes, context);
        }
    }

    /// Data of a device that is not born.
    pub(super) fn wait_for_birth(
        &mut self,
        device: &str,
        message: &Borrowed<'_>,
        notes: &mut SessionNotes,
        context: &mut SessionContext<'_>,
    ) {
        notes.findings.note(Finding::BeforeBirth);
        if !self.is_awaited(device) && context.may_take(&self.source.edge, Some(device)) {
            notes.push_unborn(device);
        }
        let room = self.waiting.len() < limits::WAITING_MESSAGES
            && self.waiting_bytes + message.bytes <= limits::WINDOW_BYTES
            && message.bytes <= context.waiting_room();
        if !room {
            notes.findings.note(Finding::WaitingFull);
            notes.skip_payload(SkipReason::BeforeBirth, message.payload);
            return;
        }
        context.room_left.bytes -= message.bytes;
        if self.waiting.is_empty() {
            self.await_births(context);
        }
        self.buffer(message.to_owned());
    }

    pub(super) fn buffer(&mut self, message: SessionMessage) {
        self.waiting_bytes += message.bytes;
        self.waiting.push(message);
    }

    pub(super) fn take_waiting(&mut self) -> Vec<SessionMessage> {
        self.waiting_bytes = 0;
        std::mem::take(&mut self.waiting)
    }

    /// A device died: what its names meant is kept for what it may say before its next birth.
    pub(super) fn keep_prior_table(
        &mut self,
        device: Arc<str>,
        table: BirthTable,
        context: &mut SessionContext<'_>,
    ) {
        let session = self.session_id();
        let past = self
            .prior_tables
            .get_or_insert_with(|| Box::new(PriorTables::new(session, BirthTable::default())));
        if past.devices() < limits::DEVICES {
            context.room_left.tables = context.room_left.tables.saturating_sub(table.bytes());
            past.insert_dead(session, device, table);
        }
        self.await_births(context);
    }
}

impl EdgeSession {
    /// The messages that waited for a birth on `server`; those of others are skipped.
    pub(super) fn take_waiting(
        &mut self,
        server: ServerId,
        context: &mut SessionContext<'_>,
    ) -> Vec<SessionMessage> {
        let SessionState::Awaited(awaited) = &mut self.state else { return Vec::new() };
        let waiting = awaited.take_waiting();
        context.room_left.bytes += waiting.iter().map(|message| message.bytes).sum::<usize>();
        self.skip_foreign(waiting, server)
    }

    /// Of messages that waited those that came from `server`, where the session is; the others are
    /// counted.
    pub(super) fn skip_foreign(
        &mut self,
        waiting: Vec<SessionMessage>,
        server: ServerId,
    ) -> Vec<SessionMessage> {
        let (own, foreign): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|message| message.server == server);
        self.notes.findings.add(Finding::ForeignServer, foreign.len() as u64);
        self.notes.skip_waiting(SkipReason::ForeignServer, &foreign);
        own
    }
}

/// Reads messages that waited for their birth, as far as it explains them. What they say is older
/// than what the birth does.
fn read(
    (source, table): (&Source, &mut BirthTable),
    messages: Vec<SessionMessage>,
    (before, session): (Option<&PriorTable>, SessionId),
    birth: Timestamp,
    notes: &mut SessionNotes,
    context: &mut SessionContext<'_>,
) {
    let readable = readable(&messages, before, (session, table));
    for (message, readable) in messages.into_iter().zip(readable) {
        if message.verb == MessageType::Death {
            continue;
        }
        if readable {
            let message = message.with_order(SequenceOrder::BeforeBirth);
            let message = message.incoming();
            read_until(Some(birth), (source, &mut *table), &message.borrow(), notes, context);
        } else {
            notes.skip_payload(SkipReason::BeforeBirth, &message.incoming().payload);
        }
    }
}

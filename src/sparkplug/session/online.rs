//! A node whose birth is known: its tables, its sequence, its devices.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::alias_usage::AliasUsage;
use super::birth_archive::BirthArchive;
use super::devices::{DeviceSession, DeviceState};
use super::doubts::DeathDoubt;
use super::elsewhere::HeardElsewhere;
use super::filter_yield::FilterYield;
use super::prior_tables::PriorTables;
use super::reading::{emit_birth, read_data, scope};
use super::stored_births::StoredDevices;
use super::{
    Borrowed, CarriedState, Incoming, MemoryUse, SessionContext, SessionMessage, SessionNotes,
};
use crate::sparkplug::address::Source;
use crate::sparkplug::birth;
use crate::sparkplug::case_folded::CaseFoldedNames;
use crate::sparkplug::config::{BdSeq, Config};
use crate::sparkplug::edge::REBIRTH;
use crate::sparkplug::event::SequenceOrder;
use crate::sparkplug::findings::Finding;
use crate::sparkplug::host::{ServerId, SkipReason};
use crate::sparkplug::limits;
use crate::sparkplug::memory;
use crate::sparkplug::proto::Payload;
use crate::sparkplug::rebirth::RebirthTrigger;
use crate::sparkplug::table::BirthTable;
use crate::sparkplug::template::TemplateDefinitions;
use crate::sparkplug::topic::MessageType;
use crate::sparkplug::window::{BufferedMessage, Fingerprint, ReorderWindow, SequencePlace};
use crate::time::Instant;

#[derive(Clone, Debug)]
pub(super) struct OnlineSession {
    pub(super) source: Source,
    pub(super) server: ServerId,
    birth: BirthFingerprint,
    /// Whether its birth was emitted.
    pub(super) birth_emitted: bool,
    pub(super) definitions: TemplateDefinitions,
    pub(super) table: BirthTable,
    pub(super) devices: BTreeMap<Arc<str>, DeviceSession>,
    /// What devices without a birth were known by before, and what they say.
    pub(super) prior_tables: Option<Box<PriorTables>>,
    pub(super) waiting: Vec<SessionMessage>,
    pub(super) waiting_bytes: usize,
    /// What the filter leaves of it.
    pub(super) filter_yield: FilterYield,
    /// Names of devices, to detect those that differ only in case.
    pub(super) folded: CaseFoldedNames,
    pub(super) alias_usage: AliasUsage,
    pub(super) window: ReorderWindow<SessionMessage>,
    /// Whether what came in order after its birth bears times from before.
    pub(super) sends_old_times: bool,
    /// The next number of the session before.
    prior_next_seq: Option<u8>,
    /// Bytes that its tables take.
    pub(super) table_bytes: usize,
    /// The longest name that a device of it had.
    pub(super) longest_device_name: usize,
    /// How many devices are not reborn with the node yet.
    pub(super) devices_unborn: usize,
    /// When births have stopped coming: devices that are not reborn with the node are dead then,
    /// and what is buffered for a birth is dropped. None where nothing is.
    pub(super) birth_grace_until: Option<Instant>,
    /// Its births, where nobody may be asked for them.
    pub(super) birth_archive: BirthArchive,
    /// What its server has stored of devices.
    pub(super) stored: StoredDevices,
    /// Whether the node is alive.
    pub(super) death_doubt: Option<DeathDoubt>,
    /// When its last message arrived.
    pub(super) last_heard: Instant,
    /// Where it was heard since, if not on its own server.
    pub(super) elsewhere: Option<HeardElsewhere>,
}

/// Identifies a birth.
#[derive(Clone, Debug)]
struct BirthFingerprint {
    at: Instant,
    fingerprint: Fingerprint,
    /// Its bdSeq, with the alias that a death may carry instead of the name.
    bd_seq: Option<(u64, Option<u64>)>,
}

/// What was emitted of a node before its birth.
#[derive(Clone, Debug, Default)]
pub(super) struct PriorSession {
    /// Whether a birth of it was.
    pub(super) birth_emitted: bool,
    /// Its devices that are alive.
    pub(super) devices: Vec<Arc<str>>,
    /// The number that was next.
    pub(super) next_seq: Option<u8>,
}

impl OnlineSession {
    /// The node is born, or born again.
    pub(super) fn born(
        source: &Source,
        message: &Incoming<'_>,
        before: PriorSession,
        notes: &mut SessionNotes,
        context: &mut SessionContext<'_>,
    ) -> Box<Self> {
        let payload = &message.payload;
        let seq = match payload.seq.map(u8::try_from) {
            Some(Ok(seq)) => seq,
            Some(Err(_)) | None => {
                notes.findings.note(Finding::NoSeq);
                0
            }
        };
        if seq != 0 {
            notes.findings.note(Finding::NotZero);
        }
        let bd_seq = birth::bd_seq(payload, None);
        if bd_seq.is_none() {
            notes.findings.note(Finding::NoBdSeq);
        }
        if !payload.metrics.iter().any(|metric| metric.name.as_deref() == Some(REBIRTH.as_bytes()))
        {
            notes.findings.note(Finding::NoRebirth);
        }
        let PriorSession { birth_emitted, devices, next_seq } = before;
        let longest_device_name = devices.iter().map(|name| name.len()).max().unwrap_or_default();
        let room = context.room_left.tables;
        context.room_left.tables =
            room.saturating_sub(devices_bytes(devices.len(), longest_device_name));
        let scope = scope(source, message.at.wall, context);
        let mut definitions = TemplateDefinitions::default();
        let (born, table) = birth::read(scope, payload, &mut definitions, &mut notes.findings);
        context.room_left.tables = context.room_left.tables.saturating_sub(table.bytes());
        let now = context.now.instant;
        let grace = (!devices.is_empty()).then(|| now + context.config.device_grace);
        let mut alias_usage = AliasUsage::default();
        alias_usage.add(&table);
        let device = |name: Arc<str>| {
            let source = Source { edge: source.edge.clone(), device: Some(Arc::clone(&name)) };
            (name, DeviceSession { source, birth_emitted: true, state: DeviceState::Awaited })
        };
        let filter_yield = FilterYield::of(&born, context);
        let is_emitted = emit_birth(born, birth_emitted, notes, context);
        let birth_archive = BirthArchive::of(message, notes, context);
        Box::new(Self {
            source: source.clone(),
            server: message.server,
            birth: BirthFingerprint { at: now, fingerprint: message.fingerprint(), bd_seq },
            birth_emitted: is_emitted,
            definitions,
            table_bytes: table.bytes(),
            table,
            filter_yield,
            folded: CaseFoldedNames::default(),
            alias_usage,
            devices_unborn: devices.len(),
            longest_device_name,
            devices: devices.into_iter().map(device).collect(),
            prior_tables: None,
            waiting: Vec::new(),
            waiting_bytes: 0,
            window: ReorderWindow::after(seq),
            sends_old_times: false,
            prior_next_seq: next_seq,
            birth_grace_until: grace,
            birth_archive,
            stored: StoredDevices::default(),
            death_doubt: None,
            last_heard: now,
            elsewhere: None,
        })
    }

    /// Goes on with the message of this number.
    pub(super) fn resume(&mut self, seq: u8) {
        self.window = ReorderWindow::after(seq.wrapping_sub(1));
    }

    /// A device that was not known before takes its place. False where there is no room for it.
    pub(super) fn take_place(&self, name: &str, context: &mut SessionContext<'_>) -> bool {
        let before = devices_bytes(self.devices.len(), self.longest_device_name);
        let longest = self.longest_device_name.max(name.len());
        let more = devices_bytes(self.devices.len() + 1, longest).saturating_sub(before);
        let room = context.room_left.tables;
        if self.devices.len() >= limits::DEVICES || room < memory::SOURCE {
            return false;
        }
        context.room_left.tables = room.saturating_sub(more);
        true
    }

    /// What its tables, definitions and window take.
    pub(super) fn memory_use(&self) -> MemoryUse {
        let past = self.prior_tables.as_ref().map_or(0, |past| past.bytes());
        let devices = devices_bytes(self.devices.len(), self.longest_device_name);
        let tables = self.table_bytes + self.definitions.bytes() + past + devices;
        MemoryUse {
            tables: tables + self.folded.bytes(),
            past_leaves: past,
            unproven: 0,
            bytes: self.window.bytes()
                + self.waiting_bytes
                + self.birth_archive.bytes()
                + self.stored.bytes(),
        }
    }

    pub(super) fn server(&self) -> ServerId {
        self.server
    }

    /// Whether `message` is the node's birth once more, rather than another.
    pub(super) fn is_repeated(&self, message: &Incoming<'_>, config: &Config) -> bool {
        self.server == message.server
            && message.own_time().is_some()
            && message.at.instant.since(self.birth.at) < config.reorder_timeout
            && self.death_doubt.is_none()
            // Last, since it reads every byte.
            && self.birth.fingerprint == message.fingerprint()
    }

    /// Whether a death is to be believed [payloads-ndeath-bdseq].
    pub(super) fn is_death(&self, payload: &Payload, config: &Config) -> bool {
        match (self.death_bd_seq(payload), self.birth.bd_seq) {
            (Some(death), Some((birth, _))) => death == birth || config.bd_seq == BdSeq::Off,
            // Without a number on either side there is nothing to compare.
            (None, _) | (_, None) => true,
        }
    }

    /// Whether a death says by its number that it is that of this birth.
    pub(super) fn is_own_death(&self, payload: &Payload) -> bool {
        let birth = self.bd_seq();
        birth.is_some() && self.death_bd_seq(payload) == birth
    }

    /// The bdSeq of its birth.
    pub(super) fn bd_seq(&self) -> Option<u64> {
        self.birth.bd_seq.map(|(number, _)| number)
    }

    fn death_bd_seq(&self, payload: &Payload) -> Option<u64> {
        let alias = self.birth.bd_seq.and_then(|(_, alias)| alias);
        birth::bd_seq(payload, alias).map(|(number, _)| number)
    }

    /// Whether messages wait for a missing one.
    pub(super) fn is_waiting(&self) -> bool {
        self.window.is_waiting()
    }

    pub(super) fn window_deadline(&self, config: &Config) -> Option<Instant> {
        self.window.deadline(config.reorder_timeout)
    }

    pub(super) fn deadline(&self, config: &Config) -> Option<Instant> {
        let doubt = self.death_doubt.and_then(DeathDoubt::until);
        let silence = self.silence_deadline(config);
        let filter = self.filter_yield.deadline();
        let elsewhere = self.elsewhere_deadline();
        [self.window_deadline(config), self.birth_grace_until, doubt, silence, filter, elsewhere]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether its birth was emitted.
    pub(super) fn is_birth_emitted(&self) -> bool {
        self.birth_emitted
    }

    /// Whether anything of it or its devices was emitted.
    pub(super) fn is_anything_emitted(&self) -> bool {
        self.birth_emitted || self.devices.values().any(|device| device.birth_emitted)
    }

    /// What is left of it: all devices that are online by the emitted events, and what its names
    /// and theirs meant.
    pub(super) fn into_carried(mut self) -> CarriedState {
        let session = self.session_id();
        let waiting = self.take_waiting();
        let mut past = match self.prior_tables.take() {
            Some(past) => past.with_own(session, self.table),
            None => Box::new(PriorTables::new(session, self.table)),
        };
        let mut devices = Vec::new();
        for (name, device) in self.devices {
            if device.birth_emitted {
                devices.push(Arc::clone(&name));
            }
            if let DeviceState::Born(table) = device.state {
                past.insert(session, name, *table);
            }
        }
        let archived_births =
            self.birth_archive.into_before_drop(self.server, self.window.expected());
        CarriedState { waiting, uncounted: 0, devices, prior_tables: Some(past), archived_births }
    }

    /// Takes a message in its order. True if too many wait for a missing one now.
    pub(super) fn handle_message(
        &mut self,
        message: Incoming<'_>,
        notes: &mut SessionNotes,
        context: &mut SessionContext<'_>,
    ) -> bool {
        self.note_heard(context);
        let Some(Ok(seq)) = message.payload.seq.map(u8::try_from) else {
            notes.findings.note(Finding::NoSeq);
            self.apply(&message.borrow(), notes, context);
            return false;
        };
        let fingerprint = message.fingerprint();
        let place = match self.window.position_of(seq, fingerprint) {
            // What is of the session before must not take the place of what is still to come.
            SequencePlace::Early(_) | SequencePlace::Conflicting
                if self.has_overtaken((seq, fingerprint), context) =>
            {
                SequencePlace::Past(SequenceOrder::Late)
            }
            place => place,
        };
        match place {
            SequencePlace::Next => {
                // A sign of life that no earlier message can be mistaken for.
                self.death_doubt = None;
                self.sends_old_times |= self.is_before_birth(fingerprint);
                self.window.advance(fingerprint);
                self.apply(&message.borrow(), notes, context);
                self.drain(notes, context);
                false
            }
            SequencePlace::Duplicate => {
                notes.findings.note(Finding::Duplicate);
                notes.skip_payload(SkipReason::Duplicate, &message.payload);
                false
            }
            // In the order in which they arrive, until a birth says what holds.
            SequencePlace::Conflicting if !self.is_before_birth(fingerprint) => {
                notes.findings.note(Finding::Late);
                self.window.mark_received_late(seq, fingerprint);
                let message = message.with_order(SequenceOrder::AfterGap);
                self.apply(&message.borrow(), notes, context);
                notes.triggers.push(RebirthTrigger::Gap);
                false
            }
            SequencePlace::Conflicting => {
                self.handle_past(message, SequenceOrder::AfterGap, notes, context)
            }
            SequencePlace::Past(order) => self.handle_past(message, order, notes, context),
            SequencePlace::Early(place) => {
                let (at, bytes) = (message.at.instant, message.bytes);
                let is_full = bytes > context.waiting_room();
                if is_full || self.window.bytes() + bytes >= limits::WINDOW_BYTES {
                    notes.findings.note(Finding::WaitingFull);
                }
                is_full
                    | !self.window.buffer(
                        place,
                        BufferedMessage { at, bytes, fingerprint, message: message.own() },
                    )
            }
        }
    }

    /// Takes a message that is late, or whose place another has. A birth or death out of its order
    /// says nothing of the present, but that what the device was known by may hold no longer.
    fn handle_past(
        &mut self,
        message: Incoming<'_>,
        order: SequenceOrder,
        notes: &mut SessionNotes,
        context: &mut SessionContext<'_>,
    ) -> bool {
        notes.findings.note(Finding::Late);
        let fingerprint = message.fingerprint();
        if let Some(Ok(seq)) = message.payload.seq.map(u8::try_from) {
            self.window.mark_received_late(seq, fingerprint);
        }
        let message = message.with_order(order);
        match message.verb {
            MessageType::Data => self.apply(&message.borrow(), notes, context),
            MessageType::Birth if self.takes_late_birth(&message, context) => {
                self.apply(&message.borrow(), notes, context);
            }
            MessageType::Birth => {
                notes.skip_payload(SkipReason::Late, &message.payload);
                if !self.is_before_birth(fingerprint) {
                    self.forget_table(message.device, context);
                    notes.triggers.push(RebirthTrigger::Gap);
                }
            }
            MessageType::Death | MessageType::Command => {}
        }
        false
    }

    /// Whether the birth has overtaken a message: by the sender's own times, unless those are of
    /// older values, and only while it may still be on its way; and by its number, which goes on
    /// where the session before the birth was, and not where this one is.
    fn has_overtaken(
        &self,
        (seq, fingerprint): (u8, Fingerprint),
        context: &SessionContext<'_>,
    ) -> bool {
        let sent_before = fingerprint
            .sent_time
            .zip(self.birth.fingerprint.sent_time)
            .map_or(0, |(sent, birth)| birth.as_millis().saturating_sub(sent.as_millis()));
        let sent_before = Duration::from_millis(u64::try_from(sent_before).unwrap_or_default());
        let time_under_way = context.now.instant.since(self.birth.at) + sent_before;
        // From one that was given up as from one that is still to come.
        let distance = |next: u8| seq.wrapping_sub(next).min(next.wrapping_sub(seq));
        let ahead = seq.wrapping_sub(self.window.expected());
        let fits = self.prior_next_seq.is_none_or(|before| distance(before) <= ahead);
        let in_time = !sent_before.is_zero() && time_under_way < context.config.answer_timeout;
        in_time && fits && !self.sends_old_times
    }

    pub(super) fn is_before_birth(&self, fingerprint: Fingerprint) -> bool {
        fingerprint
            .sent_time
            .zip(self.birth.fingerprint.sent_time)
            .is_some_and(|(sent, birth)| sent < birth)
    }

    /// Whether a message came after the node's birth.
    pub(super) fn is_after_birth(&self, message: &SessionMessage) -> bool {
        message.at.instant > self.birth.at
    }

    /// Whether a message that came early is the next.
    pub(super) fn is_next(&self, message: &SessionMessage) -> bool {
        message.seq() == Some(u64::from(self.window.expected()))
    }

    /// Takes a message that came before its birth and is the next by its number.
    pub(super) fn handle_next(
        &mut self,
        message: &SessionMessage,
        notes: &mut SessionNotes,
        context: &mut SessionContext<'_>,
    ) {
        self.window.advance(message.fingerprint());
        self.apply(&message.incoming().borrow(), notes, context);
    }

    fn drain(&mut self, notes: &mut SessionNotes, context: &mut SessionContext<'_>) {
        while let Some(message) = self.window.take_next() {
            self.apply(&message.incoming().borrow(), notes, context);
        }
    }

    pub(super) fn apply(
        &mut self,
        message: &Borrowed<'_>,
        notes: &mut SessionNotes,
        context: &mut SessionContext<'_>,
    ) {
        match (message.verb, message.device) {
            (MessageType::Data, None) => {
                let reading = (&self.source, &mut self.table);
                read_data(reading, message, notes, context);
            }
            (MessageType::Data, Some(name)) => match self.devices.get_mut(name) {
                Some(DeviceSession { source, state: DeviceState::Born(table), .. }) => {
                    read_data((source, table), message, notes, context);
                }
                // Data of a device before its birth [payloads-ddata-order].
                Some(_) | None => {
                    if self.restore_device_by_name(name, notes, context) {
                        self.apply(message, notes, context);
                    } else {
                        self.wait_for_birth(name, message, notes, context);
                    }
                }
            },
            (MessageType::Birth, Some(name)) => self.device_born(name, message, notes, context),
            (MessageType::Death, Some(name)) => self.device_died(name, message, notes, context),
            (MessageType::Birth | MessageType::Death, None) | (MessageType::Command, _) => {}
        }
    }
}

/// Bytes that so many devices take beside their tables, the longest name of which is this long.
fn devices_bytes(devices: usize, longest_name: usize) -> usize {
    devices * (memory::SOURCE + longest_name)
}

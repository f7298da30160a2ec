//! A node whose birth is known: its tables, its sequence, its devices.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::claims::Claims;
use super::reading::{read_data, scope, tell_birth};
use super::{Borrowed, Incoming, Load, Message, Notes, Sink};
use crate::sparkplug::address::Source;
use crate::sparkplug::birth;
use crate::sparkplug::config::{BdSeq, Config};
use crate::sparkplug::edge::REBIRTH;
use crate::sparkplug::event::{Clock, Death, DeathCause, Event, Order};
use crate::sparkplug::findings::Finding;
use crate::sparkplug::folded::Folded;
use crate::sparkplug::host::ServerId;
use crate::sparkplug::limits;
use crate::sparkplug::proto::Payload;
use crate::sparkplug::rebirth::Fault;
use crate::sparkplug::table::Table;
use crate::sparkplug::template::Definitions;
use crate::sparkplug::topic::Verb;
use crate::sparkplug::window::{Early, Place, Print, Window};
use crate::time::Instant;

#[derive(Debug)]
pub(super) struct Online {
    source: Source,
    server: ServerId,
    birth: BirthMark,
    /// Whether its birth was told.
    told: bool,
    definitions: Definitions,
    table: Table,
    devices: BTreeMap<Arc<str>, Device>,
    /// Names of devices, to be told apart by more than their case.
    folded: Folded,
    claims: Claims,
    window: Window<Message>,
    /// Whether what came in order after its birth bears times from before.
    back_dates: bool,
    /// The sizes of all its tables.
    leaves: usize,
    /// How many devices are not reborn with the node yet.
    unborn: usize,
    /// When devices that are not reborn with the node are dead; none where all are.
    grace: Option<Instant>,
    /// When the node is dead unless it gives a sign of life, and of what.
    doubt: Option<(Instant, DeathCause)>,
    /// When it last said anything.
    heard: Instant,
}

/// What a birth is known again by.
#[derive(Debug)]
struct BirthMark {
    at: Instant,
    print: Print,
    /// Its bdSeq, with the alias that a death may carry instead of the name.
    bd_seq: Option<(u64, Option<u64>)>,
}

#[derive(Debug)]
struct Device {
    source: Source,
    /// Whether its birth was told.
    told: bool,
    /// None while it has not been reborn with its node.
    table: Option<Table>,
}

/// What was told of a node before its birth.
#[derive(Debug, Default)]
pub(super) struct Before {
    /// Whether a birth of it was.
    pub(super) told: bool,
    /// Its devices that are alive.
    pub(super) devices: Vec<Arc<str>>,
}

impl Online {
    /// The node is born, or born again.
    pub(super) fn born(
        source: &Source,
        message: &Incoming<'_>,
        before: Before,
        notes: &mut Notes,
        sink: &mut Sink<'_>,
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
        let Before { told, devices } = before;
        let scope = scope(source, message.at.wall, sink);
        let mut definitions = Definitions::default();
        let (born, table) = birth::read(scope, payload, &mut definitions, &mut notes.findings);
        sink.room.leaves = sink.room.leaves.saturating_sub(table.size());
        let now = sink.now.instant;
        let grace = (!devices.is_empty()).then(|| now + sink.config.device_grace);
        let mut claims = Claims::default();
        claims.add(&table);
        let device = |name: Arc<str>| {
            let source = Source { edge: source.edge.clone(), device: Some(Arc::clone(&name)) };
            (name, Device { source, told: true, table: None })
        };
        let told = tell_birth(born, told, notes, sink);
        Box::new(Self {
            source: source.clone(),
            server: message.server,
            birth: BirthMark { at: now, print: message.print(), bd_seq },
            told,
            definitions,
            leaves: table.size(),
            table,
            folded: Folded::default(),
            claims,
            unborn: devices.len(),
            devices: devices.into_iter().map(device).collect(),
            window: Window::after(seq),
            back_dates: false,
            grace,
            doubt: None,
            heard: now,
        })
    }

    /// Goes on with the message of this number.
    pub(super) fn resume(&mut self, seq: u8) {
        self.window = Window::after(seq.wrapping_sub(1));
    }

    /// The birth of a device as the server has stored it, if it is the first that is known.
    pub(super) fn handle_certificate(
        &mut self,
        message: &Borrowed<'_>,
        notes: &mut Notes,
        sink: &mut Sink<'_>,
    ) {
        let born =
            |device: &str| self.devices.get(device).is_some_and(|known| known.table.is_some());
        if message.device.is_some_and(|device| !born(device)) {
            self.apply(message, notes, sink);
        }
    }

    /// These devices were online when last known: those that are not born yet have the time
    /// that they would have after a birth of the node.
    pub(super) fn expect(&mut self, devices: &[Arc<str>], sink: &Sink<'_>) {
        for name in devices {
            let room = self.devices.len() < limits::DEVICES;
            if room && !self.devices.contains_key(name) {
                let name = Arc::clone(name);
                let source =
                    Source { edge: self.source.edge.clone(), device: Some(Arc::clone(&name)) };
                self.devices.insert(name, Device { source, told: true, table: None });
                self.unborn += 1;
                self.grace = Some(sink.now.instant + sink.config.device_grace);
            }
        }
    }

    /// What its tables, definitions and window take.
    pub(super) fn load(&self) -> Load {
        Load { leaves: self.leaves + self.definitions.size(), bytes: self.window.bytes() }
    }

    pub(super) fn server(&self) -> ServerId {
        self.server
    }

    /// Whether `message` is the node's birth once more, rather than another.
    pub(super) fn is_repeated(&self, message: &Incoming<'_>, config: &Config) -> bool {
        self.server == message.server
            && message.own_time().is_some()
            && self.birth.print == message.print()
            && message.at.instant.since(self.birth.at) < config.reorder_timeout
            && self.doubt.is_none()
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

    /// The node is dead unless it gives a sign of life in time. False if it is not to be asked.
    pub(super) fn doubt(&mut self, cause: DeathCause, sink: &Sink<'_>) -> bool {
        if cause == DeathCause::Certificate && sink.config.bd_seq != BdSeq::Verify {
            return false;
        }
        if self.doubt.is_none() {
            self.doubt = Some((sink.now.instant + sink.config.answer_timeout, cause));
        }
        true
    }

    pub(super) fn is_dead(&self, now: Instant) -> Option<DeathCause> {
        self.doubt.filter(|(deadline, _)| *deadline <= now).map(|(_, cause)| cause)
    }

    pub(super) fn is_silent(&self, config: &Config, now: Instant) -> bool {
        self.silence_deadline(config).is_some_and(|deadline| deadline <= now)
    }

    fn silence_deadline(&self, config: &Config) -> Option<Instant> {
        config.silence.filter(|_| self.doubt.is_none()).map(|silence| self.heard + silence)
    }

    /// Whether messages wait for a missing one.
    pub(super) fn is_waiting(&self) -> bool {
        self.window.is_waiting()
    }

    pub(super) fn window_deadline(&self, config: &Config) -> Option<Instant> {
        self.window.deadline(config.reorder_timeout)
    }

    pub(super) fn deadline(&self, config: &Config) -> Option<Instant> {
        let doubt = self.doubt.map(|(deadline, _)| deadline);
        let silence = self.silence_deadline(config);
        [self.window_deadline(config), self.grace, doubt, silence].into_iter().flatten().min()
    }

    /// The devices that were not reborn in time; forgotten.
    pub(super) fn not_reborn(&mut self, now: Instant) -> Vec<Arc<str>> {
        if self.grace.is_none_or(|grace| grace > now) {
            return Vec::new();
        }
        self.grace = None;
        self.unborn = 0;
        let unborn = self.devices.iter().filter(|(_, device)| device.table.is_none());
        let unborn: Vec<_> = unborn.map(|(name, _)| Arc::clone(name)).collect();
        self.devices.retain(|_, device| device.table.is_some());
        unborn
    }

    /// Whether its birth was told.
    pub(super) fn is_told(&self) -> bool {
        self.told
    }

    /// All devices that were told alive and not dead.
    pub(super) fn into_devices(self) -> Vec<Arc<str>> {
        self.devices.into_iter().filter(|(_, device)| device.told).map(|(name, _)| name).collect()
    }

    /// Takes a message in its order. True if too many wait for a missing one now.
    pub(super) fn handle_message(
        &mut self,
        message: Incoming<'_>,
        notes: &mut Notes,
        sink: &mut Sink<'_>,
    ) -> bool {
        self.heard = sink.now.instant;
        let Some(Ok(seq)) = message.payload.seq.map(u8::try_from) else {
            notes.findings.note(Finding::NoSeq);
            self.apply(&message.borrow(), notes, sink);
            return false;
        };
        let print = message.print();
        let place = match self.window.place(seq, print) {
            // Data of the session before must not take the place of what is still to come.
            Place::Early(_) if message.verb == Verb::Data && self.has_overtaken(print, sink) => {
                Place::Past(Order::Late)
            }
            place => place,
        };
        match place {
            Place::Next => {
                // A sign of life that no earlier message can be mistaken for.
                self.doubt = None;
                self.back_dates |= self.is_before_birth(print);
                self.window.advance(print);
                self.apply(&message.borrow(), notes, sink);
                self.drain(notes, sink);
                false
            }
            Place::Duplicate => {
                notes.findings.note(Finding::Duplicate);
                false
            }
            Place::Past(order) => {
                notes.findings.note(Finding::Late);
                self.window.late(seq, print);
                let message = message.with_order(order);
                // A birth or death out of its order says nothing of the present.
                if message.verb == Verb::Data {
                    self.apply(&message.borrow(), notes, sink);
                }
                false
            }
            Place::Early(place) => {
                let (at, bytes) = (message.at.instant, message.bytes);
                let full = bytes > sink.room.bytes;
                full | !self.window.keep(place, Early { at, bytes, print, message: message.own() })
            }
        }
    }

    /// Whether the birth has overtaken a message: by the sender's own times, unless those are of
    /// older values, and only while it may still be on its way.
    fn has_overtaken(&self, print: Print, sink: &Sink<'_>) -> bool {
        let age = sink.now.instant.since(self.birth.at);
        age < sink.config.answer_timeout && !self.back_dates && self.is_before_birth(print)
    }

    fn is_before_birth(&self, print: Print) -> bool {
        print.sent.zip(self.birth.print.sent).is_some_and(|(sent, birth)| sent < birth)
    }

    /// Whether a message that came early is the next.
    pub(super) fn is_next(&self, message: &Message) -> bool {
        message.seq() == Some(u64::from(self.window.expected()))
    }

    /// Takes a message that is known to be the next.
    pub(super) fn handle_next(
        &mut self,
        message: &Message,
        notes: &mut Notes,
        sink: &mut Sink<'_>,
    ) {
        self.window.advance(message.print());
        self.apply(&message.incoming().borrow(), notes, sink);
    }

    fn drain(&mut self, notes: &mut Notes, sink: &mut Sink<'_>) {
        while let Some(message) = self.window.take_next() {
            self.apply(&message.incoming().borrow(), notes, sink);
        }
    }

    /// Goes on without the missing messages. Returns in how many places some were missing.
    pub(super) fn give_up(&mut self, notes: &mut Notes, sink: &mut Sink<'_>) -> u64 {
        let (messages, gaps) = self.window.give_up();
        for message in messages {
            let message = message.with_order(Order::AfterGap);
            self.apply(&message.incoming().borrow(), notes, sink);
        }
        gaps
    }

    /// The messages that still wait for a missing one.
    pub(super) fn take_early(&mut self) -> Vec<Message> {
        self.window.give_up().0
    }

    /// The births of devices and the values among messages that never found their place.
    pub(super) fn flush(&mut self, messages: Vec<Message>, notes: &mut Notes, sink: &mut Sink<'_>) {
        for message in messages.into_iter().filter(|message| message.verb != Verb::Death) {
            let message = message.with_order(Order::AfterGap);
            self.apply(&message.incoming().borrow(), notes, sink);
        }
    }

    fn apply(&mut self, message: &Borrowed<'_>, notes: &mut Notes, sink: &mut Sink<'_>) {
        match (message.verb, message.device) {
            (Verb::Data, None) => {
                let reading = (&self.source, &mut self.table);
                read_data(reading, message, notes, sink);
            }
            (Verb::Data, Some(name)) => match self.devices.get_mut(name) {
                Some(Device { source, table: Some(table), .. }) => {
                    read_data((source, table), message, notes, sink);
                }
                // Before its birth [payloads-ddata-order].
                _ => {
                    notes.findings.note(Finding::BeforeBirth);
                    notes.faults.push(Fault::BeforeBirth);
                }
            },
            (Verb::Birth, Some(name)) => self.device_born(name, message, notes, sink),
            (Verb::Death, Some(name)) => self.device_died(name, message, notes, sink),
            (Verb::Birth | Verb::Death, None) | (Verb::Command, _) => {}
        }
    }

    fn device_born(
        &mut self,
        name: &str,
        message: &Borrowed<'_>,
        notes: &mut Notes,
        sink: &mut Sink<'_>,
    ) {
        let (name, told): (Arc<str>, bool) = match self.devices.remove_entry(name) {
            Some((name, before)) => {
                self.forget(&before, sink);
                (name, before.told)
            }
            None if self.devices.len() >= limits::DEVICES => {
                notes.findings.note(Finding::TooManyDevices);
                return;
            }
            None => (name.into(), false),
        };
        let source = Source { edge: self.source.edge.clone(), device: Some(Arc::clone(&name)) };
        let scope = scope(&source, message.at.wall, sink);
        let (born, table) =
            birth::read(scope, message.payload, &mut self.definitions, &mut notes.findings);
        if born.defines {
            notes.findings.note(Finding::DefinitionPlace);
        }
        if self.folded.clashes((), &name) {
            notes.findings.note(Finding::OnlyCase);
        }
        notes.findings.add(Finding::SharedAlias, self.claims.add(&table));
        self.leaves += table.size();
        sink.room.leaves = sink.room.leaves.saturating_sub(table.size());
        let told = tell_birth(born, told, notes, sink);
        self.devices.insert(name, Device { source, told, table: Some(table) });
    }

    /// What a device was before its birth or death no longer counts. If it was to be reborn
    /// with its node, the others have their time anew.
    fn forget(&mut self, device: &Device, sink: &mut Sink<'_>) {
        match &device.table {
            Some(table) => {
                self.leaves = self.leaves.saturating_sub(table.size());
                self.claims.remove(table);
                sink.room.leaves += table.size();
            }
            None => {
                self.unborn = self.unborn.saturating_sub(1);
                let deadline = sink.now.instant + sink.config.device_grace;
                self.grace = (self.unborn > 0).then_some(deadline);
            }
        }
    }

    /// A birth of the node, or of this device, could not be read: what the one before it said of
    /// names and aliases holds no longer, and no table is better than a wrong one.
    pub(super) fn forget_tables(&mut self, device: Option<&str>, sink: &mut Sink<'_>) {
        let of_devices = self.devices.iter_mut();
        let of_devices = of_devices.filter(|(name, _)| device.is_none_or(|of| of == &***name));
        let tables = of_devices.filter_map(|(_, device)| device.table.as_mut());
        let own = device.is_none().then_some(&mut self.table);
        for table in tables.chain(own) {
            self.leaves = self.leaves.saturating_sub(table.size());
            sink.room.leaves += table.size();
            self.claims.remove(table);
            *table = Table::default();
        }
    }

    /// DDEATH, by its own time
    /// [operational-behavior-edge-node-termination-host-action-ddeath-devices-offline].
    fn device_died(
        &mut self,
        name: &str,
        message: &Borrowed<'_>,
        notes: &mut Notes,
        sink: &mut Sink<'_>,
    ) {
        let Some(device) = self.devices.remove(name) else {
            notes.findings.note(Finding::RepeatedDeath);
            return;
        };
        self.forget(&device, sink);
        if !device.told {
            return;
        }
        let clock = message.own_time().map_or(Clock::Host, |_| Clock::Sender);
        let (source, time, cause) = (device.source, message.time(), DeathCause::Certificate);
        sink.emit(Event::Death(Death { source, time, clock, cause }));
    }
}

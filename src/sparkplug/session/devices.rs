//! The devices of an online node.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::alias_usage::AliasUsage;
use super::message::Incoming;
use super::online::OnlineSession;
use super::reading::{emit_birth, scope};
use super::{Borrowed, EdgeSession, SessionContext, SessionMessage, SessionNotes, SessionState};
use crate::sparkplug::address::Source;
use crate::sparkplug::birth;
use crate::sparkplug::event::{AttributeHolder, ClockSource, Death, DeathCause, Event};
use crate::sparkplug::findings::Finding;
use crate::sparkplug::host::{ServerId, SkipReason};
use crate::sparkplug::limits;
use crate::sparkplug::rebirth::{RebirthReason, RebirthTrigger};
use crate::sparkplug::table::{BirthTable, InstanceId, NameTarget};
use crate::sparkplug::topic::MessageType;

/// Minimum time between two checks of what waits for the births of devices.
const MIN_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub(super) struct DeviceSession {
    pub(super) source: Source,
    /// Whether its birth was emitted.
    pub(super) birth_emitted: bool,
    pub(super) state: DeviceState,
}

/// The state of a device that is not dead.
#[derive(Clone, Debug)]
pub(super) enum DeviceState {
    /// It has not been reborn with its node.
    Awaited,
    /// It lives, and its birth cannot be read, or was not heard.
    BirthUnknown,
    Born(Box<BirthTable>),
}

impl DeviceSession {
    /// Its aliases may refer to other metrics now.
    pub(super) fn forget_aliases(&mut self, alias_usage: &mut AliasUsage) {
        if let DeviceState::Born(table) = &mut self.state {
            alias_usage.remove(table);
            table.forget_aliases();
        }
    }

    pub(super) fn table(&self) -> Option<&BirthTable> {
        match &self.state {
            DeviceState::Born(table) => Some(table),
            DeviceState::Awaited | DeviceState::BirthUnknown => None,
        }
    }
}

impl OnlineSession {
    /// These devices were online when last known: those that are not born yet have the time
    /// that they would have after a birth of the node.
    pub(super) fn expect_devices(&mut self, devices: &[Arc<str>], context: &SessionContext<'_>) {
        for name in devices {
            let room = self.devices.len() < limits::DEVICES;
            if room && !self.devices.contains_key(name) {
                let name = Arc::clone(name);
                let source =
                    Source { edge: self.source.edge.clone(), device: Some(Arc::clone(&name)) };
                self.longest_device_name = self.longest_device_name.max(name.len());
                self.devices.insert(
                    name,
                    DeviceSession { source, birth_emitted: true, state: DeviceState::Awaited },
                );
                self.devices_unborn += 1;
                self.birth_grace_until = Some(context.now.instant + context.config.device_grace);
            }
        }
    }

    /// No birth was asked for, and the devices that were online before are, born or not: they die with
    /// their node, or by themselves.
    pub(super) fn take_devices_as_alive(&mut self) {
        for device in self.devices.values_mut() {
            device.state = DeviceState::BirthUnknown;
        }
        (self.devices_unborn, self.birth_grace_until) = (0, None);
    }

    /// Whether a device is born.
    pub(super) fn is_born(&self, device: &str) -> bool {
        self.devices.get(device).is_some_and(|device| device.table().is_some())
    }

    /// Whether a device is to be reborn with the node.
    pub(super) fn is_awaited(&self, device: &str) -> bool {
        self.devices.get(device).is_some_and(|device| matches!(device.state, DeviceState::Awaited))
    }

    /// Whether a birth out of its order is all that will be known of its device: it was not born with its
    /// node, and no other birth may be requested.
    pub(super) fn takes_late_birth(
        &self,
        message: &Incoming<'_>,
        context: &SessionContext<'_>,
    ) -> bool {
        let reasons = context.config.rebirth.reasons;
        let is_unborn = |device: &str| match self.devices.get(device) {
            Some(of) => matches!(of.state, DeviceState::Awaited),
            // What it was before its death is still known.
            None => !self.prior_tables.as_ref().is_some_and(|past| past.has_died(device)),
        };
        message.device.is_some_and(is_unborn)
            && !self.is_before_birth(message.fingerprint())
            && !reasons.contains(RebirthReason::Gap)
    }

    /// What the node's own data is read by.
    pub(super) fn own_table(&mut self) -> (&Source, &mut BirthTable) {
        (&self.source, &mut self.table)
    }

    /// What the data of a device is read by.
    pub(super) fn device_table(&mut self, device: &str) -> Option<(&Source, &mut BirthTable)> {
        match self.devices.get_mut(device)? {
            DeviceSession { source, state: DeviceState::Born(table), .. } => Some((source, table)),
            _ => None,
        }
    }

    /// Something waits for births from now on.
    pub(super) fn await_births(&mut self, context: &SessionContext<'_>) {
        self.birth_grace_until.get_or_insert(context.now.instant + context.config.device_grace);
    }

    /// No further birth arrives: what was buffered for one so long is read by what is known from before,
    /// or dropped. The devices that have
    /// not been reborn, and said nothing since; they are forgotten. One that said something lives, and
    /// waits for the answer to a request.
    pub(super) fn expire_unborn_devices(
        &mut self,
        notes: &mut SessionNotes,
        context: &mut SessionContext<'_>,
    ) -> Vec<Arc<str>> {
        let (now, grace) = (context.now.instant, context.config.device_grace);
        if self.birth_grace_until.is_none_or(|until| until > now) {
            return Vec::new();
        }
        if self.stored.is_unasked && self.devices_unborn > 0 {
            self.birth_grace_until = Some(now + grace);
            return Vec::new();
        }
        self.devices_unborn = 0;
        let mut alive = BTreeSet::new();
        for message in self.waiting.iter().filter(|message| self.is_after_birth(message)) {
            let speaks = message.verb == MessageType::Data;
            let device = message.device.as_ref().filter(|device| speaks && self.is_awaited(device));
            alive.extend(device.cloned());
        }
        for device in &alive {
            if let Some(device) = self.devices.get_mut(device) {
                device.state = DeviceState::BirthUnknown;
            }
            notes.push_unborn(device);
        }
        let waits = |message: &SessionMessage| {
            let is_new = now.since(message.at.instant) < grace;
            is_new || message.device.as_ref().is_some_and(|device| alive.contains(device))
        };
        let (waiting, dropped): (Vec<_>, Vec<_>) = self.take_waiting().into_iter().partition(waits);
        self.read_unborn(dropped, notes, context);
        let oldest = waiting.iter().map(|message| message.at.instant).min();
        self.birth_grace_until = match oldest {
            _ if !alive.is_empty() => Some(now + grace),
            oldest => oldest.map(|at| (at + grace).max(now + MIN_INTERVAL)),
        };
        waiting.into_iter().for_each(|message| self.buffer(message));
        if self.waiting.is_empty() {
            self.prior_tables = None;
        }
        let is_awaited = |device: &DeviceSession| matches!(device.state, DeviceState::Awaited);
        let unborn = self.devices.iter().filter(|(_, device)| is_awaited(device));
        let unborn: Vec<_> = unborn.map(|(name, _)| Arc::clone(name)).collect();
        self.devices.retain(|_, device| !is_awaited(device));
        unborn
    }

    pub(super) fn device_born(
        &mut self,
        name: &str,
        message: &Borrowed<'_>,
        notes: &mut SessionNotes,
        context: &mut SessionContext<'_>,
    ) {
        let is_first = self.is_first_birth(name);
        let (name, was_emitted): (Arc<str>, bool) = match self.devices.remove_entry(name) {
            Some((name, before)) => {
                self.forget(&before, context);
                (name, before.birth_emitted)
            }
            None if !self.take_place(name, context) => {
                self.forget_prior_table(name);
                notes.findings.note(Finding::TooManyDevices);
                notes.skip_payload(SkipReason::Limits, message.payload);
                return;
            }
            None => (name.into(), false),
        };
        let source = Source { edge: self.source.edge.clone(), device: Some(Arc::clone(&name)) };
        let scope = scope(&source, message.at.wall, context);
        let (born, table) =
            birth::read(scope, message.payload, &mut self.definitions, &mut notes.findings);
        if born.defines {
            notes.findings.note(Finding::DefinitionPlace);
        }
        if self.folded.clashes((), &name) {
            notes.findings.note(Finding::CaseCollision);
        }
        notes.findings.add(Finding::SharedAlias, self.alias_usage.add(&table));
        self.stored.take(&name);
        self.birth_archive.keep(message, notes, context);
        self.table_bytes += table.bytes();
        context.room_left.tables = context.room_left.tables.saturating_sub(table.bytes());
        self.longest_device_name = self.longest_device_name.max(name.len());
        self.filter_yield.add(&born);
        let birth_emitted = emit_birth(born, was_emitted, notes, context);
        self.devices.insert(
            Arc::clone(&name),
            DeviceSession { source, birth_emitted, state: DeviceState::Born(Box::new(table)) },
        );
        notes.born_devices.push(Arc::clone(&name));
        notes.unknown.retain(|(of, _)| of.as_ref() != Some(&name));
        let unborn = RebirthTrigger::unborn(&name);
        notes.triggers.retain(|trigger| *trigger != unborn);
        self.read_waiting(&name, message.time(), notes, context);
        self.device_grace_goes_on(is_first, context);
    }

    /// Whether no birth of a device has come since that of its node, so that one shows that births have
    /// not stopped coming. One that is born again and again shows nothing.
    fn is_first_birth(&self, device: &str) -> bool {
        match self.devices.get(device) {
            Some(known) => matches!(known.state, DeviceState::Awaited),
            None => !self.prior_tables.as_ref().is_some_and(|past| past.has_died(device)),
        }
    }

    /// A birth of a device arrived, readable or not.
    fn device_grace_goes_on(&mut self, is_first: bool, context: &SessionContext<'_>) {
        let until = self.birth_grace_until;
        self.extend_grace(context);
        if !is_first && self.birth_grace_until.is_some() {
            self.birth_grace_until = until.or(self.birth_grace_until);
        }
    }

    /// What a device was before its birth or death no longer counts.
    fn forget(&mut self, device: &DeviceSession, context: &mut SessionContext<'_>) {
        match &device.state {
            DeviceState::Born(table) => {
                self.table_bytes = self.table_bytes.saturating_sub(table.bytes());
                self.alias_usage.remove(table);
                context.room_left.tables += table.bytes();
            }
            DeviceState::BirthUnknown => {}
            DeviceState::Awaited => self.devices_unborn = self.devices_unborn.saturating_sub(1),
        }
    }

    /// A birth arrived: the wait for others starts again. Devices that died keep what their names
    /// meant until then, whichever others are born.
    pub(super) fn extend_grace(&mut self, context: &SessionContext<'_>) {
        let past = self.prior_tables.as_ref().is_some_and(|past| past.devices() > 0);
        let awaits_births = self.devices_unborn > 0 || !self.waiting.is_empty() || past;
        if !awaits_births {
            self.prior_tables = None;
        }
        self.birth_grace_until =
            awaits_births.then(|| context.now.instant + context.config.device_grace);
    }

    /// A birth of this device is undecodable, or too late: names and aliases of the one before are
    /// invalid, and no table is better than a wrong one. The device is alive.
    pub(super) fn forget_table(&mut self, device: Option<&str>, context: &mut SessionContext<'_>) {
        let Some(device) = device else { return };
        let is_first = self.is_first_birth(device);
        self.forget_prior_table(device);
        self.stored.take(device);
        self.birth_archive.forget(device);
        let Some((name, mut device)) = self.devices.remove_entry(device) else { return };
        self.forget(&device, context);
        device.state = DeviceState::BirthUnknown;
        self.devices.insert(name, device);
        self.device_grace_goes_on(is_first, context);
    }

    /// A birth of this device was not read: what its names meant before may hold no longer.
    fn forget_prior_table(&mut self, device: &str) {
        if let Some(past) = &mut self.prior_tables {
            past.take(Some(device));
        }
    }

    /// DDEATH, by its own time
    /// [operational-behavior-edge-node-termination-host-action-ddeath-devices-offline].
    pub(super) fn device_died(
        &mut self,
        name: &str,
        message: &Borrowed<'_>,
        notes: &mut SessionNotes,
        context: &mut SessionContext<'_>,
    ) {
        self.stored.take(name);
        self.birth_archive.forget(name);
        self.read_unborn_device(name, notes, context);
        let Some((name, device)) = self.devices.remove_entry(name) else {
            notes.findings.note(Finding::RepeatedDeath);
            return;
        };
        self.forget(&device, context);
        if let DeviceState::Born(table) = device.state {
            self.keep_prior_table(name, *table, context);
        }
        if !device.birth_emitted {
            return;
        }
        let clock = message.own_time().map_or(ClockSource::Host, |_| ClockSource::Sender);
        let (source, time, cause) = (device.source, message.time(), DeathCause::Certificate);
        context.emit(Event::Death(Death { source, time, clock, cause }));
    }
}

impl EdgeSession {
    /// The server that its birth came from, while that is known.
    pub(crate) fn server_of_birth(&self) -> Option<ServerId> {
        self.online().map(OnlineSession::server)
    }

    /// Whether messages wait for one before them.
    pub(crate) fn has_waiting_messages(&self) -> bool {
        self.online().is_some_and(OnlineSession::is_waiting)
    }

    /// Whether the node, or a device of it, is alive by a birth that was read.
    pub(crate) fn is_born(&self, device: Option<&str>) -> bool {
        let online = self.online();
        online.is_some_and(|online| device.is_none_or(|device| online.is_born(device)))
    }

    /// The alias that the latest birth of the node, or of a device of it, gave a leaf or an
    /// instance; none where another source of the node uses it too.
    pub(crate) fn alias_of(&self, device: Option<&str>, of: AttributeHolder) -> Option<u64> {
        let online = self.online()?;
        let table = match device {
            None => &online.table,
            Some(device) => online.devices.get(device)?.table()?,
        };
        let alias = table.alias_of(match of {
            AttributeHolder::Leaf(slot) => NameTarget::Leaf(slot),
            AttributeHolder::Instance(number) => NameTarget::Instance(InstanceId(number)),
        });
        alias.filter(|alias| !online.alias_usage.is_shared(*alias))
    }

    /// The tables of the node and of its devices that are alive, in a fixed order from a place on.
    pub(crate) fn tables(&self, from: usize) -> impl Iterator<Item = (&Source, &BirthTable)> {
        let online = self.online().into_iter();
        let tables = online.flat_map(|online| {
            let devices = online.devices.values();
            let devices = devices.filter_map(|device| Some((&device.source, device.table()?)));
            std::iter::once((&online.source, &online.table)).chain(devices)
        });
        tables.skip(from)
    }

    fn online(&self) -> Option<&OnlineSession> {
        match &self.state {
            SessionState::Online(online) => Some(online),
            SessionState::Awaited(_) => None,
        }
    }
}

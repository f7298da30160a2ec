//! The devices of an online node.

use std::sync::Arc;

use super::claims::Claims;
use super::online::Online;
use super::reading::{scope, tell_birth};
use super::{Borrowed, Notes, Sink};
use crate::sparkplug::address::Source;
use crate::sparkplug::birth;
use crate::sparkplug::event::{Clock, Death, DeathCause, Event};
use crate::sparkplug::findings::Finding;
use crate::sparkplug::host::Unread;
use crate::sparkplug::limits;
use crate::sparkplug::memory;
use crate::sparkplug::table::Table;
use crate::time::Instant;

#[derive(Debug)]
pub(super) struct Device {
    pub(super) source: Source,
    /// Whether its birth was emitted.
    pub(super) told: bool,
    pub(super) known: Known,
}

/// The state of a device that is not dead.
#[derive(Debug)]
pub(super) enum Known {
    /// It has not been reborn with its node.
    Awaited,
    /// Its birth cannot be read.
    Unread,
    Born(Box<Table>),
}

impl Device {
    /// Its aliases may refer to other metrics now.
    pub(super) fn forget_aliases(&mut self, claims: &mut Claims) {
        if let Known::Born(table) = &mut self.known {
            claims.remove(table);
            table.forget_aliases();
        }
    }

    pub(super) fn table(&self) -> Option<&Table> {
        match &self.known {
            Known::Born(table) => Some(table),
            Known::Awaited | Known::Unread => None,
        }
    }
}

impl Online {
    /// These devices were online when last known: those that are not born yet have the time
    /// that they would have after a birth of the node.
    pub(super) fn expect(&mut self, devices: &[Arc<str>], sink: &Sink<'_>) {
        for name in devices {
            let room = self.devices.len() < limits::DEVICES;
            if room && !self.devices.contains_key(name) {
                let name = Arc::clone(name);
                let source =
                    Source { edge: self.source.edge.clone(), device: Some(Arc::clone(&name)) };
                self.longest = self.longest.max(name.len());
                self.devices.insert(name, Device { source, told: true, known: Known::Awaited });
                self.unborn += 1;
                self.grace = Some(sink.now.instant + sink.config.device_grace);
            }
        }
    }

    /// Whether a device is born.
    pub(super) fn is_born(&self, device: &str) -> bool {
        self.devices.get(device).is_some_and(|device| device.table().is_some())
    }

    /// Whether a device is to be reborn with the node.
    pub(super) fn is_awaited(&self, device: &str) -> bool {
        self.devices.get(device).is_some_and(|device| matches!(device.known, Known::Awaited))
    }

    /// What the node's own data is read by.
    pub(super) fn own_reading(&mut self) -> (&Source, &mut Table) {
        (&self.source, &mut self.table)
    }

    /// What the data of a device is read by.
    pub(super) fn reading_of(&mut self, device: &str) -> Option<(&Source, &mut Table)> {
        match self.devices.get_mut(device)? {
            Device { source, known: Known::Born(table), .. } => Some((source, table)),
            _ => None,
        }
    }

    /// Something waits for births from now on.
    pub(super) fn await_births(&mut self, sink: &Sink<'_>) {
        self.grace.get_or_insert(sink.now.instant + sink.config.device_grace);
    }

    /// No further birth arrives: what is buffered for one is dropped. The devices that have not
    /// been reborn; they are forgotten.
    pub(super) fn not_reborn(&mut self, now: Instant, notes: &mut Notes) -> Vec<Arc<str>> {
        if self.grace.is_none_or(|grace| grace > now) {
            return Vec::new();
        }
        self.grace = None;
        self.unborn = 0;
        self.past = None;
        let waiting = self.take_waiting();
        notes.give_up(Unread::BeforeBirth, &waiting);
        let is_awaited = |device: &Device| matches!(device.known, Known::Awaited);
        let unborn = self.devices.iter().filter(|(_, device)| is_awaited(device));
        let unborn: Vec<_> = unborn.map(|(name, _)| Arc::clone(name)).collect();
        self.devices.retain(|_, device| !is_awaited(device));
        unborn
    }

    pub(super) fn device_born(
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
            None if self.devices.len() >= limits::DEVICES || sink.room.tables < memory::SOURCE => {
                notes.findings.note(Finding::TooManyDevices);
                notes.leave(Unread::Limits, message.payload);
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
        self.kept.keep(message, sink);
        self.tables += table.bytes();
        sink.room.tables = sink.room.tables.saturating_sub(table.bytes());
        self.longest = self.longest.max(name.len());
        let told = tell_birth(born, told, notes, sink);
        self.devices.insert(Arc::clone(&name), Device { source, told, known: Known::Born(Box::new(table)) });
        notes.born.push(Arc::clone(&name));
        self.read_waiting(&name, message.time(), notes, sink);
        self.births_come(sink);
    }

    /// What a device was before its birth or death no longer counts.
    fn forget(&mut self, device: &Device, sink: &mut Sink<'_>) {
        match &device.known {
            Known::Born(table) => {
                self.tables = self.tables.saturating_sub(table.bytes());
                self.claims.remove(table);
                sink.room.tables += table.bytes();
            }
            Known::Unread => {}
            Known::Awaited => self.unborn = self.unborn.saturating_sub(1),
        }
    }

    /// A birth arrived: the wait for others starts again.
    pub(super) fn births_come(&mut self, sink: &Sink<'_>) {
        let some = self.unborn > 0 || !self.waiting.is_empty();
        if !some {
            self.past = None;
        }
        self.grace = some.then(|| sink.now.instant + sink.config.device_grace);
    }

    /// A birth of this device is undecodable, or too late: names and aliases of the one before are
    /// invalid, and no table is better than a wrong one. The device is alive.
    pub(super) fn forget_table(&mut self, device: Option<&str>, sink: &mut Sink<'_>) {
        let Some((name, mut device)) = device.and_then(|d| self.devices.remove_entry(d)) else {
            return;
        };
        self.forget(&device, sink);
        self.kept.forget(&name);
        if let Some(past) = &mut self.past {
            past.take(Some(&name));
        }
        device.known = Known::Unread;
        self.devices.insert(name, device);
        self.births_come(sink);
    }

    /// DDEATH, by its own time
    /// [operational-behavior-edge-node-termination-host-action-ddeath-devices-offline].
    pub(super) fn device_died(
        &mut self,
        name: &str,
        message: &Borrowed<'_>,
        notes: &mut Notes,
        sink: &mut Sink<'_>,
    ) {
        self.kept.forget(name);
        let Some((name, device)) = self.devices.remove_entry(name) else {
            notes.findings.note(Finding::RepeatedDeath);
            return;
        };
        self.forget(&device, sink);
        if let Known::Born(table) = device.known {
            self.keep_past(name, *table, sink);
        }
        if !device.told {
            return;
        }
        let clock = message.own_time().map_or(Clock::Host, |_| Clock::Sender);
        let (source, time, cause) = (device.source, message.time(), DeathCause::Certificate);
        sink.emit(Event::Death(Death { source, time, clock, cause }));
    }
}

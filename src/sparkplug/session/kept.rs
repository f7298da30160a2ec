//! Births that are kept across a lost connection, where rebirths may not be requested: names mean
//! the same afterwards.
//!
//! An alias means the same only if the node's sequence continues; a name does in any case. The kept
//! values are old: they are emitted as history, and a metric is current again once it is sent.

use super::message::{Borrowed, Incoming, Message};
use super::online::{Before, Online};
use super::{Life, Notes, Session, Sink};
use crate::sparkplug::config::Config;
use crate::sparkplug::event::{Birth, Content, Event, Metric};
use crate::sparkplug::host::ServerId;
use crate::sparkplug::limits;
use crate::sparkplug::rebirth::Reason;

/// The births of a node and its devices as they came on the wire.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// The node's own, if there was room for it.
    own: Option<Message>,
    devices: Vec<Message>,
    bytes: usize,
}

/// What is kept of a node across a lost connection.
#[derive(Debug)]
pub(super) struct Lost {
    kept: Kept,
    server: ServerId,
    /// The number that was next.
    next: u8,
}

impl Kept {
    /// The birth of the node: whatever was before is over.
    pub(super) fn of(message: &Incoming<'_>, sink: &mut Sink<'_>) -> Self {
        let room = has_room(message.bytes, sink);
        let own = room.then(|| message.borrow().to_owned());
        let bytes = own.as_ref().map_or(0, |own| own.bytes);
        Self { own, devices: Vec::new(), bytes }
    }

    /// The birth of a device.
    pub(super) fn keep(&mut self, message: &Borrowed<'_>, sink: &mut Sink<'_>) {
        if let Some(device) = message.device {
            self.forget(device);
        }
        if self.own.is_some() && has_room(message.bytes, sink) {
            self.bytes += message.bytes;
            self.devices.push(message.to_owned());
        }
    }

    /// The device died, or its birth holds no longer.
    pub(super) fn forget(&mut self, device: &str) -> Option<Message> {
        let of = |kept: &Message| kept.device.as_deref() == Some(device);
        let birth = self.devices.swap_remove(self.devices.iter().position(of)?);
        self.bytes -= birth.bytes;
        Some(birth)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What is left of it when our link is lost.
    pub(super) fn lost(self, server: ServerId, next: u8) -> Option<Box<Lost>> {
        self.own.is_some().then(|| Box::new(Lost { kept: self, server, next }))
    }
}

impl Lost {
    pub(super) fn bytes(&self) -> usize {
        self.kept.bytes
    }

    pub(super) fn is_on(&self, server: ServerId) -> bool {
        self.server == server
    }

    /// The birth of a device holds no longer.
    pub(super) fn forget(&mut self, device: &str) {
        self.kept.forget(device);
    }
}

/// Where a birth can be asked for, none is kept. They take half of what all that waits may.
fn has_room(bytes: usize, sink: &mut Sink<'_>) -> bool {
    let left = sink
        .room
        .bytes
        .checked_sub(bytes)
        .filter(|left| !may_be_asked(sink.config) && *left >= limits::TOTAL_WINDOW_BYTES / 2);
    sink.room.bytes = left.unwrap_or(sink.room.bytes);
    left.is_some()
}

fn may_be_asked(config: &Config) -> bool {
    let reasons = config.rebirth.reasons;
    reasons.contains(Reason::Expected) || reasons.contains(Reason::BeforeBirth)
}

impl Session {
    /// The node sends data after our connection was lost, and may not be asked: its kept births
    /// apply.
    pub(super) fn resume(&mut self, lost: Lost, message: Incoming<'_>, sink: &mut Sink<'_>) {
        let Lost { kept: Kept { own, devices, .. }, next, .. } = lost;
        let Some(own) = own else { return };
        let birth = own.incoming();
        let freed = self.load();
        sink.room.tables += freed.tables;
        let before = Before { told: self.told, ..Before::default() };
        let (source, notes) = (&self.source, &mut self.notes);
        let mut online = told_again(sink, |sink| Online::born(source, &birth, before, notes, sink));
        let seq = message.seq().and_then(|seq| u8::try_from(seq).ok());
        if let Some(seq) = seq {
            online.resume(seq);
        }
        for device in &devices {
            if seq == Some(next) {
                let birth = device.incoming();
                online.revive(&birth.borrow(), notes, sink);
            } else {
                // It may be dead. Its birth applies once it sends data.
                online.kept.keep(&device.incoming().borrow(), sink);
            }
        }
        if seq != Some(next) {
            online.forget_aliases();
        }
        self.told = online.is_told();
        self.life = Life::Online(online);
        self.handle_message(message, sink);
    }
}

impl Online {
    /// The birth of a device from before our link was lost.
    fn revive(&mut self, birth: &Borrowed<'_>, notes: &mut Notes, sink: &mut Sink<'_>) {
        if let Some(device) = birth.device {
            told_again(sink, |sink| self.device_born(device, birth, notes, sink));
        }
    }

    /// A device without a table sends data. True if its kept birth applies.
    pub(super) fn revive_by_name(
        &mut self,
        device: &str,
        notes: &mut Notes,
        sink: &mut Sink<'_>,
    ) -> bool {
        let Some(birth) = self.kept.forget(device) else { return false };
        self.revive(&birth.incoming().borrow(), notes, sink);
        let Some(known) = self.devices.get_mut(device) else { return false };
        known.forget_aliases(&mut self.claims);
        known.table().is_some()
    }

    fn forget_aliases(&mut self) {
        self.claims.remove(&self.table);
        self.table.forget_aliases();
    }
}

/// Emits kept births: the source is online, and its values are history.
fn told_again<T>(sink: &mut Sink<'_>, act: impl FnOnce(&mut Sink<'_>) -> T) -> T {
    let Sink { now, config, chance, room, servers, .. } = *sink;
    let events = &mut *sink.events;
    let mut again = |event| {
        events(match event {
            Event::Birth(Birth { source, definitions, mut metrics, slots, .. }) => {
                past(&mut metrics);
                Event::Birth(Birth { source, time: now.wall, definitions, metrics, slots })
            }
            Event::Data(mut data) => {
                data.samples.iter_mut().for_each(|(_, sample)| sample.historical = true);
                Event::Data(data)
            }
            Event::Death(death) => Event::Death(death),
        });
    };
    let names = &mut *sink.names;
    let mut inner = Sink { now, config, chance, room, servers, names, events: &mut again };
    let done = act(&mut inner);
    sink.room = inner.room;
    done
}

fn past(metrics: &mut [Metric]) {
    for metric in metrics {
        match &mut metric.content {
            Content::Leaf { sample, .. } => sample.historical = true,
            Content::Instance(instance) => past(&mut instance.members),
        }
    }
}

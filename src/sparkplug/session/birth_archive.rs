//! Births that are kept across a lost connection, where rebirths may not be requested: names mean
//! the same afterwards.
//!
//! An alias means the same only if the node's sequence continues; a name does in any case. Where the node
//! and its devices count by themselves, no number says that of all. The kept
//! values are old: they are emitted as history, and a metric is current again once it is sent.

use super::message::{Borrowed, Incoming, SessionMessage};
use super::online::{OnlineSession, PriorSession};
use super::{EdgeSession, SessionContext, SessionNotes, SessionState};
use crate::sparkplug::config::Config;
use crate::sparkplug::event::{Birth, BirthMetric, Content, Event, SequenceOrder};
use crate::sparkplug::findings::Finding;
use crate::sparkplug::host::ServerId;
use crate::sparkplug::limits;
use crate::sparkplug::rebirth::RebirthReason;

/// The births of a node and its devices as they came on the wire.
#[derive(Clone, Debug, Default)]
pub(super) struct BirthArchive {
    /// The node's own, if there was room for it.
    own: Option<SessionMessage>,
    devices: Vec<SessionMessage>,
    bytes: usize,
}

/// What is kept of a node across a lost connection.
#[derive(Clone, Debug)]
pub(super) struct BirthsBeforeDrop {
    archive: BirthArchive,
    server: ServerId,
    /// The number that was next.
    next_seq: u8,
}

impl BirthArchive {
    /// The birth of the node: whatever was before is over.
    pub(super) fn of(
        message: &Incoming<'_>,
        notes: &mut SessionNotes,
        context: &mut SessionContext<'_>,
    ) -> Self {
        let room = has_room(message.bytes, notes, context);
        let own = room.then(|| message.borrow().to_owned());
        let bytes = own.as_ref().map_or(0, |own| own.bytes);
        Self { own, devices: Vec::new(), bytes }
    }

    /// The birth of a device.
    pub(super) fn keep(
        &mut self,
        message: &Borrowed<'_>,
        notes: &mut SessionNotes,
        context: &mut SessionContext<'_>,
    ) {
        if let Some(device) = message.device {
            self.forget(device);
        }
        if self.own.is_some() && has_room(message.bytes, notes, context) {
            self.bytes += message.bytes;
            self.devices.push(message.to_owned());
        }
    }

    /// The device died, or its birth holds no longer.
    pub(super) fn forget(&mut self, device: &str) -> Option<SessionMessage> {
        let of = |kept: &SessionMessage| kept.device.as_deref() == Some(device);
        let birth = self.devices.swap_remove(self.devices.iter().position(of)?);
        self.bytes -= birth.bytes;
        Some(birth)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What is left of it when our link is lost.
    pub(super) fn into_before_drop(
        self,
        server: ServerId,
        next_seq: u8,
    ) -> Option<Box<BirthsBeforeDrop>> {
        self.own.is_some().then(|| Box::new(BirthsBeforeDrop { archive: self, server, next_seq }))
    }
}

impl BirthsBeforeDrop {
    pub(super) fn bytes(&self) -> usize {
        self.archive.bytes
    }

    pub(super) fn is_on(&self, server: ServerId) -> bool {
        self.server == server
    }

    /// The birth of a device holds no longer.
    pub(super) fn forget(&mut self, device: &str) {
        self.archive.forget(device);
    }
}

/// Whether a birth is to be kept: not where it can be requested, and in no more than half of the
/// memory for waiting messages.
fn has_room(bytes: usize, notes: &mut SessionNotes, context: &mut SessionContext<'_>) -> bool {
    if may_be_asked(context.config) {
        return false;
    }
    let room_left = context.room_left.bytes.checked_sub(bytes);
    let room_left = room_left.filter(|room_left| *room_left >= limits::TOTAL_WINDOW_BYTES / 2);
    if room_left.is_none() {
        notes.findings.note(Finding::WaitingFull);
    }
    context.room_left.bytes = room_left.unwrap_or(context.room_left.bytes);
    room_left.is_some()
}

fn may_be_asked(config: &Config) -> bool {
    let reasons = config.rebirth.reasons;
    reasons.contains(RebirthReason::Expected) || reasons.contains(RebirthReason::BeforeBirth)
}

impl EdgeSession {
    /// The node sends data after our connection was lost, and may not be asked: its kept births
    /// apply.
    pub(super) fn resume(
        &mut self,
        archived: BirthsBeforeDrop,
        message: Incoming<'_>,
        context: &mut SessionContext<'_>,
    ) {
        let BirthsBeforeDrop { archive: BirthArchive { own, devices, bytes }, next_seq, .. } =
            archived;
        let Some(own) = own else { return };
        let birth = own.incoming();
        let freed = self.state_use();
        context.room_left.tables += freed.tables;
        // What is kept of it is kept again.
        context.room_left.bytes += freed.bytes + bytes;
        // None after our link was lost: they were told dead with it.
        let devices_online = match &mut self.state {
            SessionState::Awaited(awaited) => awaited.take_devices(),
            SessionState::Online(_) => Vec::new(),
        };
        let birth_emitted = self.birth_emitted;
        let before = PriorSession { birth_emitted, devices: devices_online, next_seq: None };
        let (source, notes) = (&self.source, &mut self.notes);
        let mut online = emit_as_history(context, |context| {
            OnlineSession::born(source, &birth, before, notes, context)
        });
        online.take_devices_as_alive();
        let seq = message.seq().and_then(|seq| u8::try_from(seq).ok());
        if let Some(seq) = seq {
            online.resume(seq);
        }
        // Where each source counts by itself, the number of one says nothing of the others.
        let goes_on = seq == Some(next_seq) && !self.numbering.is_by_arrival();
        for device in &devices {
            if goes_on {
                let birth = device.incoming();
                online.restore_device(&birth.borrow(), notes, context);
            } else {
                // It may be dead. Its birth applies once it sends data.
                online.birth_archive.keep(&device.incoming().borrow(), notes, context);
            }
        }
        if !goes_on {
            online.forget_aliases();
        }
        self.birth_emitted = online.is_birth_emitted();
        self.state = SessionState::Online(online);
        self.handle_message(message, context);
    }
}

impl OnlineSession {
    /// The birth of a device from before our link was lost.
    pub(super) fn restore_device(
        &mut self,
        birth: &Borrowed<'_>,
        notes: &mut SessionNotes,
        context: &mut SessionContext<'_>,
    ) {
        if let Some(device) = birth.device {
            emit_as_history(context, |context| self.device_born(device, birth, notes, context));
        }
    }

    /// A device without a table sends data. True if its kept birth applies, or the one that the server
    /// has stored.
    pub(super) fn restore_device_by_name(
        &mut self,
        device: &str,
        notes: &mut SessionNotes,
        context: &mut SessionContext<'_>,
    ) -> bool {
        if let Some(birth) = self.stored.take(device) {
            self.restore_device(&birth.incoming().borrow(), notes, context);
            return self.is_born(device);
        }
        let Some(birth) = self.birth_archive.forget(device) else { return false };
        self.restore_device(&birth.incoming().borrow(), notes, context);
        let Some(known) = self.devices.get_mut(device) else { return false };
        known.forget_aliases(&mut self.alias_usage);
        known.table().is_some()
    }

    fn forget_aliases(&mut self) {
        self.alias_usage.remove(&self.table);
        self.table.forget_aliases();
    }
}

/// Emits kept births: the source is online, and its values are history.
pub(super) fn emit_as_history<T>(
    context: &mut SessionContext<'_>,
    act: impl FnOnce(&mut SessionContext<'_>) -> T,
) -> T {
    let SessionContext {
        now,
        config,
        random,
        room_left,
        may_be_made_up,
        servers,
        judges_clocks,
        ..
    } = *context;
    let events = &mut *context.events;
    let mut as_history = |event| {
        events(match event {
            Event::Birth(mut birth) => {
                mark_history(&mut birth.metrics);
                Event::Birth(Birth { time: now.wall, ..birth })
            }
            // What waited for the birth is not of it.
            Event::Data(data) if data.order == SequenceOrder::BeforeBirth => Event::Data(data),
            Event::Data(mut data) => {
                data.samples.iter_mut().for_each(|(_, sample)| sample.historical = true);
                Event::Data(data)
            }
            Event::Death(death) => Event::Death(death),
        });
    };
    let names = &mut *context.names;
    let mut inner = SessionContext {
        now,
        config,
        random,
        room_left,
        may_be_made_up,
        servers,
        judges_clocks,
        names,
        events: &mut as_history,
    };
    let result = act(&mut inner);
    context.room_left = inner.room_left;
    result
}

fn mark_history(metrics: &mut [BirthMetric]) {
    for metric in metrics {
        match &mut metric.content {
            Content::Leaf { sample, .. } => sample.historical = true,
            Content::Instance(instance) => mark_history(&mut instance.members),
        }
    }
}

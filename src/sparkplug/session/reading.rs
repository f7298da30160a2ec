//! Emits events of one source's messages.

use std::time::Duration;

use super::message::Borrowed;
use super::{Notes, Sink};
use crate::sparkplug::address::Source;
use crate::sparkplug::birth::{Born, Scope};
use crate::sparkplug::event::{Data, Event, Order};
use crate::sparkplug::host::Unread;
use crate::sparkplug::limits;
use crate::sparkplug::metric::Inherited;
use crate::sparkplug::table::{Read, Table};
use crate::time::Timestamp;

pub(super) fn scope<'a>(source: &Source, arrival: Timestamp, sink: &'a mut Sink<'_>) -> Scope<'a> {
    let (filter, room) = (&sink.config.filter, sink.room.tables / limits::LEAF_BYTES);
    Scope { source: source.clone(), arrival, filter, names: sink.names, room }
}

/// Emits a birth if anything of it is included, or was when it was `told` before. True if it was
/// emitted.
pub(super) fn tell_birth(born: Born, told: bool, notes: &mut Notes, sink: &mut Sink<'_>) -> bool {
    notes.excluded += born.excluded;
    notes.unread(Unread::Limits, born.unread);
    if !(born.taken || told) {
        return false;
    }
    let source = born.birth.source.clone();
    sink.emit(Event::Birth(born.birth));
    if !born.more.is_empty() {
        sink.emit(Event::Data(Data {
            source,
            samples: born.more,
            attributes: Vec::new(),
            order: Order::InOrder,
        }));
    }
    true
}

pub(super) fn read_data(
    reading: (&Source, &mut Table),
    message: &Borrowed<'_>,
    notes: &mut Notes,
    sink: &mut Sink<'_>,
) {
    read_until(None, reading, message, notes, sink);
}

/// Reads data that was sent before `birth`: all its values get earlier timestamps.
pub(super) fn read_until(
    birth: Option<Timestamp>,
    (source, table): (&Source, &mut Table),
    message: &Borrowed<'_>,
    notes: &mut Notes,
    sink: &mut Sink<'_>,
) {
    let inherited = Inherited::from_payload(message.time());
    let order = message.order;
    // What waited for this birth means by it what it meant before.
    let unchecked = order == Order::Late;
    let Read { mut samples, attributes, faults, excluded, unread } =
        table.read(message.payload, unchecked, inherited, &mut notes.findings);
    if let Some(latest) = birth.map(|birth| birth.minus(Duration::from_millis(1))) {
        for (_, sample) in &mut samples {
            sample.time = sample.time.min(latest);
        }
    }
    if order.is_past() && message.own_time().is_none() {
        // Only its sender's timestamp could show that it is later than what is known.
        samples.iter_mut().for_each(|(_, sample)| sample.historical = true);
    }
    notes.faults.extend(faults);
    notes.excluded += excluded;
    notes.unread(Unread::Unknown, unread);
    if !(samples.is_empty() && attributes.is_empty()) {
        let source = source.clone();
        sink.emit(Event::Data(Data { source, samples, attributes, order }));
    }
}

//! Emits events of one source's messages.

use std::time::Duration;

use super::message::Borrowed;
use super::{SessionContext, SessionNotes};
use crate::sparkplug::address::Source;
use crate::sparkplug::birth::{BirthScope, ParsedBirth};
use crate::sparkplug::event::{Data, Event, SequenceOrder};
use crate::sparkplug::host::SkipReason;
use crate::sparkplug::limits;
use crate::sparkplug::metric::Inherited;
use crate::sparkplug::table::{BirthTable, DataRead};
use crate::time::Timestamp;

pub(super) fn scope<'a>(
    source: &Source,
    arrival: Timestamp,
    context: &'a mut SessionContext<'_>,
) -> BirthScope<'a> {
    let (filter, room) = (&context.config.filter, context.room_left.tables / limits::LEAF_BYTES);
    BirthScope { source: source.clone(), arrival, filter, names: context.names, room }
}

/// Emits a birth if anything of it is included, or if an earlier one of its source was emitted.
/// True if it was emitted.
pub(super) fn emit_birth(
    parsed: ParsedBirth,
    was_emitted: bool,
    notes: &mut SessionNotes,
    context: &mut SessionContext<'_>,
) -> bool {
    notes.excluded_values += parsed.excluded_values;
    notes.skip_values(SkipReason::Limits, parsed.skipped_values);
    if !(parsed.included || was_emitted) {
        return false;
    }
    let (source, sent) = (parsed.birth.source.clone(), parsed.birth.time);
    context.emit(Event::Birth(parsed.birth));
    if !parsed.repeated_values.is_empty() {
        context.emit(Event::Data(Data {
            source,
            samples: parsed.repeated_values,
            attributes: Vec::new(),
            order: SequenceOrder::InOrder,
            sent: Some(sent),
        }));
    }
    true
}

pub(super) fn read_data(
    reading: (&Source, &mut BirthTable),
    message: &Borrowed<'_>,
    notes: &mut SessionNotes,
    context: &mut SessionContext<'_>,
) {
    read_until(None, reading, message, notes, context);
}

/// Reads data that was sent before `birth`: all its values get earlier timestamps.
pub(super) fn read_until(
    birth: Option<Timestamp>,
    (source, table): (&Source, &mut BirthTable),
    message: &Borrowed<'_>,
    notes: &mut SessionNotes,
    context: &mut SessionContext<'_>,
) {
    let inherited = Inherited::from_payload(message.time());
    let order = message.order;
    // What waited for this birth means by it what it meant before.
    let unchecked = order == SequenceOrder::Late;
    let DataRead { mut samples, mut attributes, triggers, unknown, excluded, skipped } =
        table.read(message.payload, unchecked, inherited, &mut notes.findings);
    if order.is_past() && message.own_time().is_none() {
        // Only a timestamp of its sender's, be it a metric's own, could show that it is later than
        // what is known.
        let arrival = message.time();
        let timeless = samples.iter_mut().filter(|(_, sample)| sample.time == arrival);
        timeless.for_each(|(_, sample)| sample.historical = true);
        attributes.retain(|attribute| attribute.time != arrival);
    }
    if let Some(latest) = birth.map(|birth| birth.minus(Duration::from_millis(1))) {
        for (_, sample) in &mut samples {
            sample.time = sample.time.min(latest);
        }
    }
    let of = triggers.into_iter().map(|trigger| (source.device.clone(), trigger));
    notes.unknown.extend(of);
    if let Some(name) = unknown {
        notes.unknown_example = Some(match &source.device {
            Some(device) => format!("{name} of {device}").into(),
            None => name.into(),
        });
    }
    notes.excluded_values += excluded;
    notes.skip_values(SkipReason::Unknown, skipped);
    if !(samples.is_empty() && attributes.is_empty()) {
        let source = source.clone();
        let sent = message.own_time();
        context.emit(Event::Data(Data { source, samples, attributes, order, sent }));
    }
}

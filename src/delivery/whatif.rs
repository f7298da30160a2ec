//! What-if: the billed messages at other values of INGEST_LINGER.
//!
//! A property's values are one message until there are ten of them, a kilobyte, or the linger has
//! passed since the first. Retried values, and values dropped because their second is full, are not
//! distinguished: these are estimates, exact while nothing fails.

use std::time::Duration;

use rustc_hash::FxHashMap;

use super::billing;
use super::point::Stream;
use crate::sitewise::api::Variant;
use crate::sitewise::limits::{BYTES_PER_MESSAGE, VALUES_PER_MESSAGE};
use crate::time::Instant;

/// The lingers that are compared.
pub const LINGERS: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(60)];
/// Properties that are sampled: enough for an estimate, few enough to stay in the processor's
/// cache. Where there are more, every second one represents all, then every fourth, and so on.
const STREAMS: usize = 1_024;

/// Messages at each of [`LINGERS`].
#[derive(Debug, Default)]
pub struct WhatIf {
    streams: FxHashMap<Stream, Sampled>,
    /// A property is sampled if its ids end in this many zeros.
    sampling_zeros: u32,
    /// Values in total, values represented by the sampled properties, and the messages of these.
    values: u64,
    sampled_values: u64,
    messages: [u64; LINGERS.len()],
}

/// A property that is sampled.
#[derive(Clone, Copy, Debug, Default)]
struct Sampled {
    entries: [WhatIfEntry; LINGERS.len()],
    values: u64,
    bytes: u64,
}

/// The entry that a property's values would be collected in.
#[derive(Clone, Copy, Debug, Default)]
struct WhatIfEntry {
    first_at: Instant,
    values: usize,
    bytes: usize,
}

impl WhatIf {
    /// A value has come.
    pub fn count(&mut self, stream: Stream, value: &Variant, now: Instant) {
        self.values += 1;
        if self.is_sampled(&stream) {
            self.count_sampled(stream, value, now);
        }
    }

    fn count_sampled(&mut self, stream: Stream, value: &Variant, now: Instant) {
        if self.streams.len() >= STREAMS && !self.streams.contains_key(&stream) {
            self.sampling_zeros += 1;
            let zeros = self.sampling_zeros;
            self.streams.retain(|stream, _| ends_in(zeros, stream));
            if !self.is_sampled(&stream) {
                return;
            }
        }
        let stands_for = 1 << self.sampling_zeros;
        self.sampled_values += stands_for;
        let bytes = billing::bytes(value);
        let sampled = self.streams.entry(stream).or_default();
        sampled.values += 1;
        sampled.bytes += bytes as u64;
        let entries = sampled.entries.iter_mut();
        for ((entry, linger), messages) in entries.zip(LINGERS).zip(&mut self.messages) {
            *messages += stands_for * entry.add(bytes, linger, now);
        }
    }

    /// The properties that are sampled, with their values and bytes since they are, and how many
    /// properties each of them stands for.
    pub fn sampled(&self) -> impl Iterator<Item = (Stream, u64, u64, u64)> {
        let stands_for = 1 << self.sampling_zeros;
        self.streams
            .iter()
            .map(move |(stream, sampled)| (*stream, sampled.values, sampled.bytes, stands_for))
    }

    /// Messages so far, at each of [`LINGERS`].
    pub fn messages(&self) -> [u64; LINGERS.len()] {
        let share = self.values as f64 / self.sampled_values.max(1) as f64;
        self.messages.map(|messages| (messages as f64 * share).round() as u64)
    }

    fn is_sampled(&self, stream: &Stream) -> bool {
        ends_in(self.sampling_zeros, stream)
    }
}

fn ends_in(zeros: u32, stream: &Stream) -> bool {
    // Both ids are hashes, all of whose bits are as good as random.
    (stream.asset.as_u128() ^ stream.property.as_u128()).trailing_zeros() >= zeros
}

impl WhatIfEntry {
    /// Takes a value; how many messages it adds.
    fn add(&mut self, bytes: usize, linger: Duration, now: Instant) -> u64 {
        if self.values == VALUES_PER_MESSAGE || now.since(self.first_at) > linger {
            *self = Self::default();
        }
        if self.values == 0 {
            self.first_at = now;
        }
        let messages_before = self.bytes.div_ceil(BYTES_PER_MESSAGE);
        self.values += 1;
        self.bytes += bytes;
        (self.bytes.div_ceil(BYTES_PER_MESSAGE) - messages_before) as u64
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn stream(number: u128) -> Stream {
        Stream { asset: Uuid::from_u128(1 << 100), property: Uuid::from_u128(number) }
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_start(Duration::from_secs(seconds))
    }

    #[test]
    fn a_value_each_five_seconds_costs_less_the_longer_it_waits() {
        let mut what_if = WhatIf::default();
        for step in 0..120 {
            what_if.count(stream(1), &Variant::Double(1.0), at(5 * step));
        }
        // Every value; three within ten seconds; ten, which fill the message, within a minute.
        assert_eq!(what_if.messages(), [120, 40, 12]);
    }

    #[test]
    fn long_strings_fill_a_message_sooner() {
        let mut what_if = WhatIf::default();
        let text = Variant::String("x".repeat(500).into());
        for _ in 0..10 {
            what_if.count(stream(1), &text, at(0));
        }
        assert_eq!(what_if.messages(), [6, 6, 6]);
    }

    #[test]
    fn where_all_are_alike_the_estimate_is_exact() {
        let mut what_if = WhatIf::default();
        let count = 5 * STREAMS as u128;
        for number in 0..count {
            what_if.count(stream(number), &Variant::Boolean(true), at(0));
        }
        assert_eq!(what_if.messages(), [5 * STREAMS as u64; 3]);
    }

    #[test]
    fn more_properties_than_are_followed_are_estimated() {
        let mut what_if = WhatIf::default();
        let count = 4 * STREAMS as u128;
        let values = [Variant::Boolean(true), Variant::String("x".repeat(1_500).into())];
        for number in 0..count {
            what_if.count(stream(number), &values[usize::from(number % 3 == 0)], at(0));
        }
        assert!(what_if.streams.len() <= STREAMS);
        let [at_once, ..] = what_if.messages();
        let error = (at_once as f64 / (count as f64 * 4.0 / 3.0) - 1.0).abs();
        assert!(error < 0.05, "{at_once} of {count}");
    }
}

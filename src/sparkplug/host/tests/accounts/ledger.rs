//! What reached the socket, value by value, and what became of each. Each value is another number.

use std::collections::HashMap;

use super::setup::{EXCLUDED, Setup};
use crate::sparkplug::payload;
use crate::sparkplug::proto::payload::metric::Value;

/// Names of metrics; a value tells by its last digit which it is of.
pub(super) const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// What a value is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Data,
    /// It may be told again, as history.
    Birth,
}

struct Entry {
    of: Of,
    /// How often it came.
    came: u32,
    told: u32,
    /// How many others of its message, which are not numbers, are told with it.
    others: u64,
}

pub(super) struct Ledger {
    setup: Setup,
    entries: HashMap<i64, Entry>,
    /// Values that came and were not told, and how many are to be accounted for otherwise.
    pub(super) open: u64,
    /// Messages of nodes that the filter leaves out.
    pub(super) excluded_messages: u64,
    /// Messages that cannot be decoded.
    pub(super) undecodable: u64,
}

impl Ledger {
    pub(super) fn new(setup: Setup) -> Self {
        let entries = HashMap::new();
        Self { setup, entries, open: 0, excluded_messages: 0, undecodable: 0 }
    }

    /// Whether the filter leaves out a value.
    pub(super) fn is_excluded(&self, value: i64) -> bool {
        self.setup.filters && NAMES.get(value as usize % 10) == Some(&EXCLUDED)
    }

    /// A message of values comes.
    pub(super) fn deliver(&mut self, topic: &str, wire: &[u8], of: Of) {
        if self.setup.filters && topic.contains("/made-up/") {
            self.excluded_messages += 1;
            return;
        }
        let Ok(payload) = payload::decode(wire) else {
            self.undecodable += 1;
            return;
        };
        let mut numbers: Vec<_> = payload.metrics.iter().filter_map(number).collect();
        numbers.sort_by_key(|value| self.is_excluded(*value));
        // `bdSeq` and the like are told with the first that is.
        let mut others = (payload.metrics.len() - numbers.len()) as u64;
        self.open += payload.metrics.len() as u64;
        for value in numbers {
            let others = std::mem::take(&mut others);
            let entry = Entry { of, came: 0, told: 0, others };
            self.entries.entry(value).or_insert(entry).came += 1;
        }
    }

    /// A value that a server has stored: it is in no account, and may be told.
    pub(super) fn store(&mut self, value: i64) {
        let entry = Entry { of: Of::Birth, came: 0, told: 0, others: 0 };
        self.entries.insert(value, entry);
    }

    /// A value is told.
    pub(super) fn tell(&mut self, value: i64) -> Result<(), &'static str> {
        if self.is_excluded(value) {
            return Err("is excluded");
        }
        let Some(entry) = self.entries.get_mut(&value) else { return Err("never came") };
        entry.told += 1;
        if entry.told <= entry.came {
            self.open -= 1 + std::mem::take(&mut entry.others);
        } else if entry.of == Of::Data {
            return Err("was told before");
        }
        Ok(())
    }

    pub(super) fn is_told(&self, value: i64) -> bool {
        self.entries.get(&value).is_some_and(|entry| entry.told > 0)
    }
}

/// The number of a metric of ours.
pub(super) fn number(metric: &crate::sparkplug::proto::payload::Metric) -> Option<i64> {
    let is_ours = |name: &[u8]| NAMES.iter().any(|ours| ours.as_bytes() == name);
    match &metric.value {
        Some(Value::LongValue(value)) if metric.name.as_deref().is_none_or(is_ours) => {
            Some(*value as i64)
        }
        _ => None,
    }
}

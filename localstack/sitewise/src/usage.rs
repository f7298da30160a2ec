//! What was asked of the emulator and what AWS would bill for it.
//!
//! Source: the pricing page of AWS IoT SiteWise. A message is 10 values or 1 KB of one stream.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::limits::{IMPORT_MESSAGE_BYTES, IMPORT_MESSAGE_VALUES};
use crate::values::write::Tally;

/// What a bulk import job brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ImportTally {
    pub(crate) received: u64,
    pub(crate) accepted: u64,
    pub(crate) overwritten: u64,
    pub(crate) bytes: u64,
}

/// Counters since the start or since a mark.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Requests by operation, refused ones included.
    pub requests: BTreeMap<String, u64>,
    /// Error answers by exception.
    pub errors: BTreeMap<String, u64>,
    /// Values that came in.
    pub values_received: u64,
    /// Values that were stored.
    pub values_accepted: u64,
    /// Stored values that took the place of one with the same time and quality.
    pub values_overwritten: u64,
    /// Entries that were answered with an error, by code.
    pub entry_errors: BTreeMap<String, u64>,
    /// Messages that would be billed for stored values.
    pub billed_messages: u64,
    /// Values that came in by bulk imports.
    pub imported_received: u64,
    /// Values that bulk imports stored.
    pub imported_values: u64,
    /// Stored values of bulk imports that took the place of one with the same time and quality.
    pub imported_overwritten: u64,
    /// Messages of bulk imports if AWS counts values: 60 each, job by job. The least that a period
    /// is billed with is not in it.
    pub imported_messages: u64,
    /// The same if AWS counts bytes: 5 KB each.
    pub imported_messages_by_bytes: u64,
    /// Requests and entries that were throttled.
    pub throttles: u64,
    /// Asset models there are.
    pub models: u64,
    /// Assets there are.
    pub assets: u64,
    /// Data streams there are.
    pub streams: u64,
}

impl Usage {
    pub(crate) fn request(&mut self, operation: &str) {
        add(&mut self.requests, operation, 1);
    }

    pub(crate) fn error(&mut self, exception: &str) {
        add(&mut self.errors, exception, 1);
        self.throttle(exception);
    }

    pub(crate) fn entry_error(&mut self, code: &str) {
        add(&mut self.entry_errors, code, 1);
        self.throttle(code);
    }

    fn throttle(&mut self, exception: &str) {
        self.throttles += u64::from(exception == "ThrottlingException");
    }

    pub(crate) fn values(&mut self, tally: Tally) {
        self.values_received += tally.received;
        self.values_accepted += tally.accepted;
        self.values_overwritten += tally.overwritten;
        self.billed_messages += tally.messages;
    }

    pub(crate) fn import(&mut self, import: ImportTally) {
        self.imported_received += import.received;
        self.imported_values += import.accepted;
        self.imported_overwritten += import.overwritten;
        self.imported_messages += import.accepted.div_ceil(IMPORT_MESSAGE_VALUES);
        self.imported_messages_by_bytes += import.bytes.div_ceil(IMPORT_MESSAGE_BYTES);
    }

    /// What was counted after `mark`. The numbers of things there are stay as they are.
    #[must_use]
    pub fn since(&self, mark: &Self) -> Self {
        let difference = |now: &BTreeMap<String, u64>, then: &BTreeMap<String, u64>| {
            let left = now.iter().map(|(name, count)| {
                (name.clone(), count.saturating_sub(then.get(name).copied().unwrap_or(0)))
            });
            left.filter(|(_, count)| *count > 0).collect()
        };
        Self {
            requests: difference(&self.requests, &mark.requests),
            errors: difference(&self.errors, &mark.errors),
            values_received: self.values_received.saturating_sub(mark.values_received),
            values_accepted: self.values_accepted.saturating_sub(mark.values_accepted),
            values_overwritten: self.values_overwritten.saturating_sub(mark.values_overwritten),
            entry_errors: difference(&self.entry_errors, &mark.entry_errors),
            billed_messages: self.billed_messages.saturating_sub(mark.billed_messages),
            imported_received: self.imported_received.saturating_sub(mark.imported_received),
            imported_values: self.imported_values.saturating_sub(mark.imported_values),
            imported_overwritten: self
                .imported_overwritten
                .saturating_sub(mark.imported_overwritten),
            imported_messages: self.imported_messages.saturating_sub(mark.imported_messages),
            imported_messages_by_bytes: self
                .imported_messages_by_bytes
                .saturating_sub(mark.imported_messages_by_bytes),
            throttles: self.throttles.saturating_sub(mark.throttles),
            ..self.clone()
        }
    }
}

fn add(counters: &mut BTreeMap<String, u64>, name: &str, count: u64) {
    match counters.get_mut(name) {
        Some(counter) => *counter += count,
        None => {
            counters.insert(name.to_owned(), count);
        }
    }
}

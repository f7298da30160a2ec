//! Reads the latest values from SiteWise where a birth needs them.
//!
//! A batch is read in calls of as many entries as SiteWise allows, and emitted once all are
//! answered. What cannot be read after some tries counts as unread: nothing waits for ever.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::state::Backoff;
use super::step::{CallResult, Step};
use super::{Output, Plan, ProvisioningJob};
use crate::delivery::point::Stream;
use crate::sitewise::api::{ApiFault, ApiFaultKind, Tqv};
use crate::sitewise::limits;
use crate::time::Instant;

/// How often a read is tried.
const TRIES: u32 = 5;
/// The subject under which people find that one failed.
const SUBJECT: &str = "read latest values";

/// What is being looked up: as much as was asked for, and no more.
#[derive(Debug, Default)]
pub(super) struct LatestValueReads {
    batches: BTreeMap<u64, ReadBatch>,
    parts: BTreeMap<u64, ReadPart>,
    /// Batches and parts so far, which numbers them.
    next_number: u64,
}

#[derive(Debug)]
struct ReadBatch {
    /// What the twin calls it.
    caller_id: u64,
    values: Vec<Option<Option<Tqv>>>,
    /// Parts that are not in.
    parts_missing: usize,
}

/// What one call reads.
#[derive(Debug)]
struct ReadPart {
    batch: u64,
    /// The place of its first stream in the batch.
    offset: usize,
    of: Vec<(Uuid, Uuid)>,
    tries: Backoff,
}

impl Plan {
    /// Reads the latest values of these properties, and emits them as [`Output::LookedUp`] under
    /// the name of the batch.
    pub fn look_up(&mut self, batch: u64, streams: Vec<Stream>) {
        let parts = streams.chunks(limits::ENTRIES_PER_BATCH_READ);
        if streams.is_empty() {
            self.outputs.push_back(Output::LookedUp { batch, values: Vec::new() });
            return;
        }
        let number = self.look_ups.number();
        let (values, missing) = (vec![None; streams.len()], parts.len());
        self.look_ups
            .batches
            .insert(number, ReadBatch { caller_id: batch, values, parts_missing: missing });
        let mut first = 0;
        for part in parts {
            let of = part.iter().map(|stream| (stream.asset, stream.property)).collect();
            let part_number = self.look_ups.number();
            let tries = Backoff::default();
            self.look_ups
                .parts
                .insert(part_number, ReadPart { batch: number, offset: first, of, tries });
            self.mark_dirty(ProvisioningJob::LookUp(part_number));
            first += part.len();
        }
    }

    /// How often a part was tried, and when it may be again; none once it is in.
    pub(super) fn look_up_tries(&self, part: u64) -> Option<&Backoff> {
        self.look_ups.parts.get(&part).map(|part| &part.tries)
    }

    pub(super) fn read_part(&self, part: u64) -> Option<Step> {
        Some(Step::ReadValues(self.look_ups.parts.get(&part)?.of.clone()))
    }

    pub(super) fn part_read(
        &mut self,
        number: u64,
        answer: Result<CallResult, ApiFault>,
        now: Instant,
    ) {
        let Some(part) = self.look_ups.parts.get(&number) else {
            return;
        };
        let read = match answer {
            Ok(CallResult::Values(values)) => values,
            Ok(_) => Vec::new(),
            Err(fault) => {
                let tried = part.tries.count;
                self.add_problem(SUBJECT.into(), fault.message);
                if fault.kind != ApiFaultKind::Denied && tried + 1 < TRIES {
                    let tries = self.backoff(Backoff { count: tried, at: now }, now);
                    if let Some(part) = self.look_ups.parts.get_mut(&number) {
                        part.tries = tries;
                    }
                    return;
                }
                Vec::new()
            }
        };
        let Some(part) = self.look_ups.parts.remove(&number) else {
            return;
        };
        self.figures.reads_given_up += part.of.len().saturating_sub(read.len()) as u64;
        let Some(batch) = self.look_ups.batches.get_mut(&part.batch) else {
            return;
        };
        let places = batch.values.iter_mut().skip(part.offset).take(part.of.len());
        let mut why = None;
        for (place, reading) in places.zip(read) {
            match reading {
                Ok(value) => *place = Some(value),
                // No other of the call suffers by it.
                Err(fault) => {
                    self.figures.reads_given_up += 1;
                    why.get_or_insert(fault.message);
                }
            }
        }
        batch.parts_missing -= 1;
        let done = batch.parts_missing == 0;
        let batch = part.batch;
        if let Some(why) = why {
            self.add_problem(SUBJECT.into(), why);
        }
        if done
            && let Some(ReadBatch { caller_id: name, values, .. }) =
                self.look_ups.batches.remove(&batch)
        {
            if values.iter().all(Option::is_some) {
                self.problems.remove(SUBJECT);
            }
            self.outputs.push_back(Output::LookedUp { batch: name, values });
        }
    }
}

impl LatestValueReads {
    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }
}

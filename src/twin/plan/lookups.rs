//! Reads the latest values from SiteWise where a birth needs them.
//!
//! A batch is read in calls of as many entries as SiteWise allows, and emitted once all are
//! answered. What cannot be read after some tries counts as unread: nothing waits for ever. Then
//! one part is retried as a probe, with backoff; once it succeeds, all failed reads are retried.

use std::collections::BTreeMap;
use std::time::Duration;

use uuid::Uuid;

use super::api_call::{ApiCall, CallResult};
use super::state::Backoff;
use super::{Output, Plan, ProvisioningJob};
use crate::delivery::point::Stream;
use crate::sitewise::api::{ApiFault, ApiFaultKind, Tqv};
use crate::sitewise::limits;
use crate::time::Instant;

/// How often a read is tried.
const TRIES: u32 = 5;
/// First delay of the next try after these; doubled each time.
pub(super) const FIRST_PROBE: Duration = Duration::from_secs(30);
/// The longest of them.
pub(super) const LONGEST_PROBE: Duration = Duration::from_secs(60);
/// The same where the permission is missing.
pub(super) const LONGEST_PROBE_DENIED: Duration = Duration::from_secs(300);
/// The subject under which people find that one failed.
const SUBJECT: &str = "read latest values";

/// What was read as the latest value of a property.
#[derive(Clone, Debug, PartialEq)]
pub enum ShownRead {
    /// It could not be read.
    Unread,
    /// SiteWise has no value.
    NoValue,
    /// SiteWise shows this value.
    Value(Tqv),
}

/// What is being looked up: as much as was asked for, and no more.
#[derive(Debug, Default)]
pub(super) struct LatestValueReads {
    batches: BTreeMap<u64, ReadBatch>,
    parts: BTreeMap<u64, ReadPart>,
    /// The part that is asked for again, and what of its call failed.
    probe: Option<(u64, ReadFailure)>,
    /// Batches and parts so far, which numbers them.
    next_number: u64,
}

#[derive(Debug)]
struct ReadBatch {
    /// The id that was passed to [`Plan::look_up`].
    caller_id: u64,
    values: Vec<ShownRead>,
    /// Parts that are not in.
    parts_pending: usize,
}

/// What could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReadFailure {
    /// All of a call.
    Call,
    /// Single values.
    Values,
}

/// What one call reads.
#[derive(Debug)]
struct ReadPart {
    batch: u64,
    /// The place of its first stream in the batch.
    offset: usize,
    streams: Vec<(Uuid, Uuid)>,
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
        let (values, missing) = (vec![ShownRead::Unread; streams.len()], parts.len());
        self.look_ups
            .batches
            .insert(number, ReadBatch { caller_id: batch, values, parts_pending: missing });
        let mut first = 0;
        for part in parts {
            let of = part.iter().map(|stream| (stream.asset, stream.property)).collect();
            let part_number = self.look_ups.number();
            let tries = Backoff::default();
            self.look_ups
                .parts
                .insert(part_number, ReadPart { batch: number, offset: first, streams: of, tries });
            self.mark_dirty(ProvisioningJob::LookUp(part_number));
            first += part.len();
        }
    }

    /// How often a part was tried, and when it may be again; none once it is in.
    pub(super) fn look_up_tries(&self, part: u64) -> Option<&Backoff> {
        self.look_ups.parts.get(&part).map(|part| &part.tries)
    }

    pub(super) fn part_call(&self, part: u64) -> Option<ApiCall> {
        Some(ApiCall::ReadValues(self.look_ups.parts.get(&part)?.streams.clone()))
    }

    pub(super) fn handle_part_result(
        &mut self,
        number: u64,
        answer: Result<CallResult, ApiFault>,
        now: Instant,
    ) {
        if self.look_ups.probe.is_some_and(|(probe, _)| probe == number) {
            return self.handle_probe_result(number, answer, now);
        }
        let Some(part) = self.look_ups.parts.get(&number) else {
            return;
        };
        let of = part.streams.clone();
        let mut failure = None;
        let read = match answer {
            Ok(CallResult::Values(values)) => values,
            Ok(_) => Vec::new(),
            Err(fault) => {
                let tried = part.tries.count;
                self.cannot_read(&of, &fault);
                failure = Some((ReadFailure::Call, fault.kind));
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
        self.figures.reads_given_up += part.streams.len().saturating_sub(read.len()) as u64;
        let mut unread = if read.is_empty() { part.streams.clone() } else { Vec::new() };
        let Some(batch) = self.look_ups.batches.get_mut(&part.batch) else {
            return;
        };
        let places = batch.values.iter_mut().skip(part.offset).take(part.streams.len());
        let mut why = None;
        for ((place, reading), of) in places.zip(read).zip(part.streams) {
            match reading {
                Ok(value) => *place = value.map_or(ShownRead::NoValue, ShownRead::Value),
                // Only this value fails; the others of the call are kept.
                Err(fault) => {
                    self.figures.reads_given_up += 1;
                    unread.push(of);
                    why.get_or_insert(fault);
                }
            }
        }
        batch.parts_pending -= 1;
        let done = batch.parts_pending == 0;
        let batch = part.batch;
        if let Some(why) = why {
            self.cannot_read(&unread, &why);
            failure = Some((ReadFailure::Values, why.kind));
        }
        match failure {
            Some((failure, kind)) => self.probe_later(unread, failure, kind, now),
            None => self.probe_now(now),
        }
        if done
            && let Some(ReadBatch { caller_id: name, values, .. }) =
                self.look_ups.batches.remove(&batch)
        {
            if !values.contains(&ShownRead::Unread) {
                self.problems.remove(SUBJECT);
            }
            self.outputs.push_back(Output::LookedUp { batch: name, values });
        }
    }
}

impl Plan {
    /// Records a problem that names the machines whose values cannot be read.
    fn cannot_read(&mut self, of: &[(Uuid, Uuid)], fault: &ApiFault) {
        let machines = self.machines(of.iter().map(|(asset, _)| asset));
        self.add_read_problem(SUBJECT, &machines, fault);
    }

    /// Schedules a probe of what could not be read, unless there is one already.
    fn probe_later(
        &mut self,
        streams: Vec<(Uuid, Uuid)>,
        failure: ReadFailure,
        kind: ApiFaultKind,
        now: Instant,
    ) {
        if self.look_ups.probe.is_some() || streams.is_empty() {
            return;
        }
        let number = self.look_ups.number();
        let tries = self.probe_backoff(Backoff { count: 0, at: now }, kind, now);
        // 0 stands for no batch: the numbers of batches begin with 1.
        self.look_ups.parts.insert(number, ReadPart { batch: 0, offset: 0, streams, tries });
        self.look_ups.probe = Some((number, failure));
        self.mark_dirty(ProvisioningJob::LookUp(number));
    }

    /// A read succeeded: if the probe is for a call that failed as a whole, it is due now.
    pub(super) fn probe_now(&mut self, now: Instant) {
        let Some((number, ReadFailure::Call)) = self.look_ups.probe else { return };
        if let Some(part) = self.look_ups.parts.get_mut(&number)
            && part.tries.at > now
        {
            part.tries.at = now;
            self.mark_dirty(ProvisioningJob::LookUp(number));
        }
    }

    fn handle_probe_result(
        &mut self,
        number: u64,
        answer: Result<CallResult, ApiFault>,
        now: Instant,
    ) {
        let Some(part) = self.look_ups.parts.get(&number) else { return };
        let fault = match answer {
            Ok(CallResult::Values(values)) => values.into_iter().find_map(Result::err),
            Ok(_) => None,
            Err(fault) => Some(fault),
        };
        let Some(fault) = fault else {
            self.look_ups.parts.remove(&number);
            self.look_ups.probe = None;
            self.problems.remove(SUBJECT);
            self.outputs.push_back(Output::ReadsRecovered);
            return;
        };
        let (tries, of) = (part.tries, part.streams.clone());
        self.cannot_read(&of, &fault);
        let tries = self.probe_backoff(tries, fault.kind, now);
        if let Some(part) = self.look_ups.parts.get_mut(&number) {
            part.tries = tries;
        }
    }

    /// One more failed try of something that nothing waits for.
    pub(super) fn probe_backoff(
        &mut self,
        tries: Backoff,
        kind: ApiFaultKind,
        now: Instant,
    ) -> Backoff {
        let longest = match kind {
            ApiFaultKind::Denied => LONGEST_PROBE_DENIED,
            _ => LONGEST_PROBE,
        };
        let delay = self.delay(tries.count, FIRST_PROBE, longest);
        Backoff { count: tries.count.saturating_add(1), at: now + delay }
    }
}

impl LatestValueReads {
    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }
}

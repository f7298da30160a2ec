//! The queued values of one property, and which of them the next entry takes.

mod by_file;
pub(super) mod put_back;
mod status;
mod value;

use std::collections::VecDeque;
use std::time::Duration;

use super::point::{Class, DiscardReason, Stream};
use super::ready::SendLane;
use super::second::{Admission, ReleaseScope, Seconds};
use crate::sitewise::api::{ApiFaultKind, Quality, Tqv};
use crate::sitewise::limits::{
    ATTRIBUTE_ENTRIES_PER_SECOND, MEASUREMENT_ENTRIES_PER_SECOND, VALUES_PER_ENTRY,
};
use crate::time::{Instant, Now, Timestamp};
use put_back::RejectedInARow;

/// Time between two entries of a measurement. SiteWise takes ten a second; a tenth more than that
/// demands, because they do not arrive as regularly as they leave.
const SPACING: Duration = Duration::from_millis(1100 / MEASUREMENT_ENTRIES_PER_SECOND as u64);
/// Time between two entries of an attribute, by the same rule.
const STATIC_SPACING: Duration = Duration::from_millis(1100 / ATTRIBUTE_ENTRIES_PER_SECOND as u64);
/// Values that a queue has room for once it has more than one.
const FEW: usize = 4;

/// A value in delivery.
#[derive(Clone, Debug)]
pub(super) struct PendingValue {
    pub(super) tqv: Tqv,
    pub(super) class: Class,
    /// When it was handed in.
    pub(super) queued_at: Instant,
    pub(super) isolation: Isolation,
    /// Failures of its own.
    pub(super) failures: u8,
    /// The last of them.
    pub(super) last_failure: Option<ApiFaultKind>,
}

/// With which others a value may be sent, after its failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Isolation {
    /// With any other.
    Shared,
    /// In an entry with others that failed several times.
    WithFailed,
    /// In an entry with its like that is a request's only one: the whole request was rejected.
    OwnRequest,
    /// As the only value of a request: the whole entry was rejected.
    OnlyValue,
}

/// One property's share in delivery.
#[derive(Debug)]
pub(super) struct StreamState {
    pub(super) stream: Stream,
    /// Live values, births and stale marks in the order of their times.
    main_queue: VecDeque<PendingValue>,
    /// None while both are empty, as for most streams.
    secondary: Option<Box<SecondaryQueues>>,
    /// An upper bound of the keys in `main_queue`: a value after it is appended without a search.
    last_key: (Timestamp, Quality),
    /// Whether there may be an isolated value in the queues.
    has_isolated: bool,
    /// Whether it is an attribute's.
    is_static: bool,
    seconds: Seconds,
    /// When the value that waits longest in the two queues was handed in, or before.
    oldest_queued_at: Instant,
    /// No entry leaves before.
    not_before: Instant,
    /// Consecutive entries of which nothing was accepted.
    pub(super) failures: u8,
    /// Whether SiteWise keeps rejecting its values.
    rejections: RejectedInARow,
    /// Values in flight, all in one entry: there are never two.
    pub(super) in_flight: usize,
    /// The lane it is queued in.
    pub(super) lane: Option<SendLane>,
    /// Its present timer: any other in `Timers` is ignored.
    pub(super) timer: Option<Instant>,
    /// When it was used last.
    pub(super) last_used: Instant,
    /// Whether it is listed as empty, to be forgotten.
    pub(super) listed_empty: bool,
}

/// The effect of queueing a value.
#[derive(Debug)]
pub(super) enum OfferResult {
    /// It waits.
    Queued,
    /// It waits in place of this one; or this is the one that was handed in, and others are later.
    Replaced(PendingValue, DiscardReason),
    /// Its second is full, but it may be the latest.
    SecondFull(PendingValue),
    /// SiteWise rejects the property's values, and enough of them are here.
    PutBack(PendingValue),
}

/// The values of a stream that wait beside those of the main queue.
#[derive(Debug)]
struct SecondaryQueues {
    /// History in the order of its times.
    history: VecDeque<PendingValue>,
    /// Failed values set aside until their backoff has passed, so that they block no others.
    set_aside: VecDeque<(Instant, PendingValue)>,
}

static NO_QUEUES: SecondaryQueues = SecondaryQueues::new();

impl SecondaryQueues {
    const fn new() -> Self {
        Self { history: VecDeque::new(), set_aside: VecDeque::new() }
    }
}

impl StreamState {
    pub(super) fn new(stream: Stream, now: Instant) -> Self {
        Self {
            stream,
            main_queue: VecDeque::new(),
            secondary: None,
            last_key: (Timestamp::from_millis(i64::MIN), Quality::Good),
            has_isolated: false,
            is_static: false,
            seconds: Seconds::default(),
            oldest_queued_at: Instant::START,
            not_before: Instant::START,
            failures: 0,
            rejections: RejectedInARow::default(),
            in_flight: 0,
            lane: None,
            timer: None,
            last_used: now,
            listed_empty: false,
        }
    }

    /// Takes a value in. Another may go for it: the one before with the same time and quality,
    /// or one too many in its second.
    pub(super) fn offer(&mut self, value: PendingValue, linger: Duration, now: Now) -> OfferResult {
        let (time, quality) = (value.tqv.time, value.tqv.quality);
        if let Some(overwritten) = self.seconds.find(time, quality) {
            return OfferResult::Replaced(overwritten.replace(value), DiscardReason::Overwritten);
        }
        if let Some(position) = self.find_waiting(time, quality) {
            return match self.overwrite(position, value) {
                Some(overwritten) => OfferResult::Replaced(overwritten, DiscardReason::Overwritten),
                None => OfferResult::Queued,
            };
        }
        if self.rejections.are_many() && !self.is_empty() {
            return OfferResult::PutBack(value);
        }
        match self.seconds.admit(value, linger, now) {
            Admission::Now(value) => {
                self.enqueue(value);
                OfferResult::Queued
            }
            Admission::TenthPlace => OfferResult::Queued,
            Admission::Replaced(value, why) => OfferResult::Replaced(value, why),
            Admission::SecondFull(value) => OfferResult::SecondFull(value),
        }
    }

    /// Queues a failed value again. Drops it if a later one has its key.
    pub(super) fn requeue(&mut self, value: PendingValue) -> Option<PendingValue> {
        if self.has_later(&value) {
            return Some(value);
        }
        self.enqueue(value);
        None
    }

    /// Sets a failed value aside until its backoff has passed.
    pub(super) fn set_aside(
        &mut self,
        value: PendingValue,
        until: Instant,
    ) -> Option<PendingValue> {
        if self.has_later(&value) {
            return Some(value);
        }
        let aside = &mut self.secondary_queues_mut().set_aside;
        let index = aside.partition_point(|(other, _)| *other <= until);
        aside.insert(index, (until, value));
        None
    }

    /// Whether a later value waits that has the time and quality of this one.
    fn has_later(&mut self, value: &PendingValue) -> bool {
        let (time, quality) = value.key();
        self.seconds.find(time, quality).is_some() || self.find_waiting(time, quality).is_some()
    }

    /// Moves to the queues what has waited for a time that has come.
    pub(super) fn release(&mut self, now: Instant, scope: ReleaseScope) {
        while let Some(value) = self.seconds.release(now, scope) {
            self.enqueue(value);
        }
        while let Some(secondary) = &mut self.secondary
            && let Some((_, value)) = secondary.set_aside.pop_front_if(|(until, _)| *until <= now)
        {
            self.enqueue(value);
        }
    }

    /// When [`release`](Self::release) has something to move.
    pub(super) fn release_due(&self) -> Option<Instant> {
        let aside = self.secondary_queues().set_aside.front().map(|(until, _)| *until);
        aside.into_iter().chain(self.seconds.due()).min()
    }

    /// When the next entry is to leave; none while there is nothing for one.
    pub(super) fn entry_due(&self, linger: Duration) -> Option<Instant> {
        let queued = self.queued();
        if queued == 0 {
            return None;
        }
        let is_front_isolated = self.has_isolated
            && self.front().is_some_and(|front| front.isolation != Isolation::Shared);
        Some(if queued >= VALUES_PER_ENTRY || is_front_isolated {
            self.not_before
        } else {
            self.not_before.max(self.oldest_queued_at + linger)
        })
    }

    /// The lane of the next entry: that of its best value.
    pub(super) fn next_lane(&self) -> Option<SendLane> {
        let front = self.front()?;
        if front.isolation >= Isolation::OwnRequest {
            return Some(SendLane::Suspect);
        }
        let best = self.main_queue.iter().take(VALUES_PER_ENTRY).map(|value| value.class).min();
        Some(SendLane::Class(best.unwrap_or(Class::History).scheduling_class()))
    }

    /// Takes the next entry: values from the front that may go together. Those whose time is
    /// before `oldest_accepted` are too old for SiteWise and go to `expired`.
    pub(super) fn take_entry(
        &mut self,
        oldest_accepted: Timestamp,
        entry: &mut Vec<PendingValue>,
        expired: &mut Vec<PendingValue>,
    ) {
        let Some(isolation) = self.front().map(|value| value.isolation) else {
            return;
        };
        let limit = match isolation {
            Isolation::OnlyValue => 1,
            Isolation::Shared | Isolation::WithFailed | Isolation::OwnRequest => VALUES_PER_ENTRY,
        };
        let history = self.secondary.as_mut().map(|secondary| &mut secondary.history);
        for queue in [Some(&mut self.main_queue), history].into_iter().flatten() {
            while entry.len() < limit {
                let Some(value) = queue.pop_front_if(|value| value.isolation == isolation) else {
                    break;
                };
                let target =
                    if value.tqv.time < oldest_accepted { &mut *expired } else { &mut *entry };
                target.push(value);
            }
        }
        self.secondary
            .take_if(|secondary| secondary.history.is_empty() && secondary.set_aside.is_empty());
        self.oldest_queued_at = self.compute_oldest_queued_at();
        self.has_isolated = self.has_isolated && self.has_others();
    }

    /// An entry leaves with so many values.
    pub(super) fn entry_sent(&mut self, values: usize, now: Instant) {
        self.in_flight = values;
        let spacing = if self.is_static { STATIC_SPACING } else { SPACING };
        self.delay_until(now + spacing);
    }

    /// The values are not at fault: they are no longer isolated.
    pub(super) fn clear_isolation(&mut self) {
        let aside = self.secondary.iter_mut().flat_map(|secondary| {
            let SecondaryQueues { history, set_aside: aside } = &mut **secondary;
            history.iter_mut().chain(aside.iter_mut().map(|(_, value)| value))
        });
        for value in self.main_queue.iter_mut().chain(aside) {
            value.isolation = value.isolation.min(Isolation::WithFailed);
        }
    }

    /// How many of the values that wait have failed so often.
    pub(super) fn failed_at_least(&self, failures: u8) -> usize {
        let SecondaryQueues { history, set_aside: aside } = self.secondary_queues();
        let waiting =
            self.main_queue.iter().chain(history).chain(aside.iter().map(|(_, value)| value));
        waiting.filter(|value| value.failures >= failures).count()
    }

    /// Whether nothing is to be sent before `end`.
    pub(super) fn is_idle_until(&self, end: Instant) -> bool {
        self.in_flight == 0
            && self.seconds.is_empty()
            && (self.queued() == 0 || self.not_before > end)
            && self.secondary_queues().set_aside.front().is_none_or(|(until, _)| *until > end)
    }

    /// Whether all values that wait, those in flight excepted, failed before, or are behind one
    /// that did and holds up the property.
    pub(super) fn has_only_failed(&self) -> bool {
        let waiting = self.queued() + self.secondary_queues().set_aside.len();
        let failed = self.failed_at_least(1);
        let is_behind = failed > 0 && self.failures > 0;
        self.seconds.is_empty() && (failed == waiting || is_behind)
    }

    /// Takes all values out that wait, those in flight excepted.
    pub(super) fn drain(&mut self) -> Vec<PendingValue> {
        let secondary = self.secondary.take();
        let (history, aside) =
            secondary.map(|secondary| (secondary.history, secondary.set_aside)).unwrap_or_default();
        let aside = aside.into_iter().map(|(_, value)| value);
        std::mem::take(&mut self.main_queue).into_iter().chain(history).chain(aside).collect()
    }

    /// No entry leaves before `until`.
    pub(super) fn delay_until(&mut self, until: Instant) {
        self.not_before = self.not_before.max(until);
    }

    /// Whether ten values of a value's second were sent.
    pub(super) fn is_full_at(&self, value: &PendingValue) -> bool {
        self.seconds.is_full(value.tqv.time, value.tqv.quality)
    }

    /// What waits for another try waits no longer.
    pub(super) fn end_delays(&mut self, now: Instant) {
        self.not_before = self.not_before.min(now);
        self.failures = 0;
        for (until, value) in
            self.secondary.iter_mut().flat_map(|secondary| &mut secondary.set_aside)
        {
            *until = (*until).min(now);
            value.failures = value.failures.min(1);
        }
    }

    /// Whether no value waits or is in flight.
    pub(super) fn is_empty(&self) -> bool {
        self.in_flight == 0
            && self.queued() == 0
            && self.secondary_queues().set_aside.is_empty()
            && self.seconds.is_empty()
    }

    /// Whether values wait beside those in flight.
    pub(super) fn has_others(&self) -> bool {
        self.queued() > 0
    }

    /// When the value that waits longest was handed in, or before; those in flight not
    /// counted.
    pub(super) fn oldest(&self) -> Option<Instant> {
        let queued = self.front().map(|_| self.oldest_queued_at);
        let aside = self.secondary_queues().set_aside.iter().map(|(_, value)| value.queued_at);
        aside.chain(queued).chain(self.seconds.oldest()).min()
    }

    /// The oldest time of those that wait, without those in flight and those of `seconds`.
    pub(super) fn oldest_time(&self) -> Option<Timestamp> {
        let aside = self.secondary_queues().set_aside.iter().map(|(_, value)| value);
        let fronts = [self.main_queue.front(), self.secondary_queues().history.front()];
        aside.chain(fronts.into_iter().flatten()).map(|value| value.tqv.time).min()
    }

    fn front(&self) -> Option<&PendingValue> {
        self.main_queue.front().or(self.secondary_queues().history.front())
    }

    fn queued(&self) -> usize {
        self.main_queue.len() + self.secondary_queues().history.len()
    }

    fn secondary_queues(&self) -> &SecondaryQueues {
        self.secondary.as_deref().unwrap_or(&NO_QUEUES)
    }

    fn secondary_queues_mut(&mut self) -> &mut SecondaryQueues {
        self.secondary.get_or_insert_with(|| Box::new(SecondaryQueues::new()))
    }

    fn enqueue(&mut self, value: PendingValue) {
        self.oldest_queued_at = match self.has_others() {
            true => self.oldest_queued_at.min(value.queued_at),
            false => value.queued_at,
        };
        self.has_isolated |= value.isolation != Isolation::Shared;
        self.is_static |= value.class == Class::Static;
        let key = value.key();
        let (queue, is_last) = match value.class {
            Class::Live | Class::Birth | Class::Static | Class::Stale => {
                let is_last = self.is_after_main(key);
                self.last_key = if is_last { key } else { self.last_key };
                (&mut self.main_queue, is_last)
            }
            Class::History => {
                let history = &mut self.secondary_queues_mut().history;
                let is_last = history.back().is_none_or(|last| last.key() < key);
                (history, is_last)
            }
        };
        // One value, as most streams have, a few, or an entry: so large queues hold no empty places.
        if queue.len() == queue.capacity() && queue.len() < VALUES_PER_ENTRY {
            let capacity = match queue.len() {
                0 => 1,
                1..FEW => FEW,
                _ => VALUES_PER_ENTRY,
            };
            queue.reserve_exact(capacity - queue.len());
        }
        if is_last {
            queue.push_back(value);
        } else {
            let index = queue.partition_point(|other| other.key() < key);
            queue.insert(index, value);
        }
    }

    fn is_after_main(&self, key: (Timestamp, Quality)) -> bool {
        self.main_queue.is_empty() || self.last_key < key
    }

    /// Where a value of this time and quality waits, tenth places aside.
    fn find_waiting(&self, time: Timestamp, quality: Quality) -> Option<QueuePosition> {
        let key = (time, quality);
        if !self.is_after_main(key)
            && let Some(at) = find(&self.main_queue, key)
        {
            return Some(QueuePosition::Main(at));
        }
        if let Some(at) = find(&self.secondary_queues().history, key) {
            return Some(QueuePosition::History(at));
        }
        let mut aside = self.secondary_queues().set_aside.iter();
        let at = aside.position(|(_, value)| value.key() == key)?;
        Some(QueuePosition::Aside(at))
    }

    /// Puts a value in the place of one with the same time and quality, which is given back.
    fn overwrite(
        &mut self,
        position: QueuePosition,
        mut value: PendingValue,
    ) -> Option<PendingValue> {
        let mut overwritten = match position {
            QueuePosition::Main(at) => self.main_queue.remove(at),
            QueuePosition::History(at) => self.secondary_queues_mut().history.remove(at),
            QueuePosition::Aside(at) => {
                self.secondary_queues_mut().set_aside.remove(at).map(|(_, value)| value)
            }
        }?;
        overwritten.inherit_priority(&mut value);
        self.enqueue(value);
        Some(overwritten)
    }

    /// The time of the value that waits longest, unless there are so many that none lingers:
    /// then the time of those in front.
    fn compute_oldest_queued_at(&self) -> Instant {
        let history = &self.secondary_queues().history;
        let queues = self.main_queue.iter().chain(history);
        let oldest = if self.queued() < VALUES_PER_ENTRY {
            queues.map(|value| value.queued_at).min()
        } else {
            let fronts = self.main_queue.front().into_iter().chain(history.front());
            fronts.map(|value| value.queued_at).min()
        };
        oldest.unwrap_or(Instant::START)
    }
}

/// Where a value waits.
#[derive(Clone, Copy, Debug)]
enum QueuePosition {
    Main(usize),
    History(usize),
    Aside(usize),
}

/// Position of a key in a queue. Nearly always it is later than all that are there.
fn find(queue: &VecDeque<PendingValue>, key: (Timestamp, Quality)) -> Option<usize> {
    if queue.back().is_none_or(|last| last.key() < key) {
        return None;
    }
    queue.binary_search_by_key(&key, PendingValue::key).ok()
}

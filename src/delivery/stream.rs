//! The queued values of one property, and which of them the next entry takes.

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use super::point::{Class, Discard, Point, Stream};
use super::ready::Lane;
use super::second::{Admission, Any, Seconds};
use crate::sitewise::api::{FaultKind, Quality, Tqv};
use crate::sitewise::limits::{
    ATTRIBUTE_ENTRIES_PER_SECOND, MEASUREMENT_ENTRIES_PER_SECOND, VALUES_PER_ENTRY,
};
use crate::time::{Instant, Now, Timestamp};

/// Time between two entries of a measurement. SiteWise takes ten a second; a tenth more than that
/// demands, because they do not arrive as regularly as they leave.
const SPACING: Duration = Duration::from_millis(1100 / MEASUREMENT_ENTRIES_PER_SECOND as u64);
/// Time between two entries of an attribute, by the same rule.
const STATIC_SPACING: Duration = Duration::from_millis(1100 / ATTRIBUTE_ENTRIES_PER_SECOND as u64);
/// Values that a queue has room for once it has more than one.
const FEW: usize = 4;
/// Values of a stream that may be set aside; further ones go back into the queue.
const ASIDE: usize = 128;

/// A value in delivery.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) tqv: Tqv,
    pub(super) class: Class,
    /// When it was handed in.
    pub(super) since: Instant,
    pub(super) care: Care,
    /// Failures of its own.
    pub(super) failures: u8,
    /// The last of them.
    pub(super) why: Option<FaultKind>,
}

/// With which others a value may be sent, after its failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Care {
    /// With any other.
    Shared,
    /// In an entry with others that failed several times.
    Apart,
    /// In an entry with its like that is a request's only one: the whole request was refused.
    Alone,
    /// As the only value of a request: the whole entry was refused.
    Single,
}

/// One property's share in delivery.
#[derive(Debug)]
pub(super) struct StreamState {
    pub(super) stream: Stream,
    /// Live values, births and stale marks in the order of their times.
    urgent: VecDeque<Value>,
    /// None while both are empty, as for most streams.
    rare: Option<Box<Rare>>,
    /// The last key among the urgent ones, or one after it: most values come after it, and are
    /// queued without a look at those before.
    latest: (Timestamp, Quality),
    /// Whether there may be an isolated value in the queues.
    careful: bool,
    /// Whether it is an attribute's.
    is_static: bool,
    seconds: Seconds,
    /// When the value that waits longest in the two queues was handed in, or before.
    first: Instant,
    /// No entry leaves before.
    not_before: Instant,
    /// Consecutive entries of which nothing was accepted.
    pub(super) failures: u8,
    /// Values in flight, all in one entry: there are never two.
    pub(super) flying: usize,
    /// The lane it is queued in.
    pub(super) lane: Option<Lane>,
    /// The timer that counts.
    pub(super) wake: Option<Instant>,
    /// When it was needed last, and whether it is listed to be forgotten.
    pub(super) used: Instant,
    pub(super) listed: bool,
}

/// The effect of queueing a value.
#[derive(Debug)]
pub(super) enum Offered {
    /// It waits.
    Taken,
    /// It waits in place of this one; or this is the one that was handed in, and others are later.
    Instead(Value, Discard),
    /// Its second is full, but it may be the latest.
    Late(Value),
}

/// The values of a stream that wait beside the urgent ones.
#[derive(Debug)]
struct Rare {
    /// History in the order of its times.
    history: VecDeque<Value>,
    /// Failed values set aside until their backoff has passed, so that they block no others.
    aside: VecDeque<(Instant, Value)>,
}

static NONE: Rare = Rare::new();

impl Rare {
    const fn new() -> Self {
        Self { history: VecDeque::new(), aside: VecDeque::new() }
    }
}

impl StreamState {
    pub(super) fn new(stream: Stream, now: Instant) -> Self {
        Self {
            stream,
            urgent: VecDeque::new(),
            rare: None,
            latest: (Timestamp::from_millis(i64::MIN), Quality::Good),
            careful: false,
            is_static: false,
            seconds: Seconds::default(),
            first: Instant::START,
            not_before: Instant::START,
            failures: 0,
            flying: 0,
            lane: None,
            wake: None,
            used: now,
            listed: false,
        }
    }

    /// Takes a value in. Another may go for it: the one before with the same time and quality,
    /// or one too many in its second.
    pub(super) fn offer(&mut self, value: Value, linger: Duration, now: Now) -> Offered {
        let (time, quality) = (value.tqv.time, value.tqv.quality);
        if let Some(before) = self.seconds.find(time, quality) {
            return Offered::Instead(before.replace(value), Discard::Overwritten);
        }
        if let Some(place) = self.find_waiting(time, quality) {
            return match self.overwrite(place, value) {
                Some((before, why)) => Offered::Instead(before, why),
                None => Offered::Taken,
            };
        }
        match self.seconds.admit(value, linger, now) {
            Admission::Now(value) => {
                self.enqueue(value);
                Offered::Taken
            }
            Admission::Held => Offered::Taken,
            Admission::Instead(value, why) => Offered::Instead(value, why),
            Admission::Late(value) => Offered::Late(value),
        }
    }

    /// Queues a failed value again. Drops it if a later one has its key.
    pub(super) fn put_back(&mut self, value: Value) -> Option<Value> {
        let (time, quality) = (value.tqv.time, value.tqv.quality);
        let taken = self.seconds.find(time, quality).is_some()
            || self.find_waiting(time, quality).is_some();
        if taken {
            return Some(value);
        }
        self.enqueue(value);
        None
    }

    /// Sets a failed value aside until its backoff has passed, if there is room.
    pub(super) fn put_aside(&mut self, value: Value, until: Instant) -> Option<Value> {
        if self.rare().aside.len() >= ASIDE {
            self.keep_back(until);
            return self.put_back(value);
        }
        let (time, quality) = (value.tqv.time, value.tqv.quality);
        let taken = self.seconds.find(time, quality).is_some()
            || self.find_waiting(time, quality).is_some();
        if taken {
            return Some(value);
        }
        let aside = &mut self.rare_mut().aside;
        let place = aside.partition_point(|(other, _)| *other <= until);
        aside.insert(place, (until, value));
        None
    }

    /// Moves to the queues what has waited for a time that has come.
    pub(super) fn release(&mut self, now: Instant, any: Any) {
        while let Some(value) = self.seconds.release(now, any) {
            self.enqueue(value);
        }
        while let Some(rare) = &mut self.rare
            && let Some((_, value)) = rare.aside.pop_front_if(|(until, _)| *until <= now)
        {
            self.enqueue(value);
        }
    }

    /// When [`release`](Self::release) has something to move.
    pub(super) fn release_due(&self) -> Option<Instant> {
        let aside = self.rare().aside.front().map(|(until, _)| *until);
        aside.into_iter().chain(self.seconds.due()).min()
    }

    /// When the next entry is to leave; none while there is nothing for one.
    pub(super) fn entry_due(&self, linger: Duration) -> Option<Instant> {
        let queued = self.queued();
        if queued == 0 {
            return None;
        }
        let apart = self.careful && self.front().is_some_and(|front| front.care != Care::Shared);
        Some(if queued >= VALUES_PER_ENTRY || apart {
            self.not_before
        } else {
            self.not_before.max(self.first + linger)
        })
    }

    /// The lane of the next entry: that of its best value.
    pub(super) fn next_lane(&self) -> Option<Lane> {
        let front = self.front()?;
        if front.care >= Care::Alone {
            return Some(Lane::Suspect);
        }
        let best = self.urgent.iter().take(VALUES_PER_ENTRY).map(|value| value.class).min();
        Some(Lane::Class(best.unwrap_or(Class::History).turn()))
    }

    /// Takes the next entry: values from the front that may go together. Those whose time is
    /// before `oldest` are too old for SiteWise and go to `expired`.
    pub(super) fn take(
        &mut self,
        oldest: Timestamp,
        entry: &mut Vec<Value>,
        expired: &mut Vec<Value>,
    ) {
        let Some(care) = self.front().map(|value| value.care) else {
            return;
        };
        let limit = match care {
            Care::Single => 1,
            Care::Shared | Care::Apart | Care::Alone => VALUES_PER_ENTRY,
        };
        let history = self.rare.as_mut().map(|rare| &mut rare.history);
        for queue in [Some(&mut self.urgent), history].into_iter().flatten() {
            while entry.len() < limit {
                let Some(value) = queue.pop_front_if(|value| value.care == care) else {
                    break;
                };
                let to = if value.tqv.time < oldest { &mut *expired } else { &mut *entry };
                to.push(value);
            }
        }
        self.rare.take_if(|rare| rare.history.is_empty() && rare.aside.is_empty());
        self.first = self.first_of_queues();
        self.careful = self.careful && self.has_others();
    }

    /// An entry leaves with so many values.
    pub(super) fn depart(&mut self, values: usize, now: Instant) {
        self.flying = values;
        let spacing = if self.is_static { STATIC_SPACING } else { SPACING };
        self.keep_back(now + spacing);
    }

    /// The values are not at fault: they are no longer isolated.
    pub(super) fn trust(&mut self) {
        let aside = self.rare.iter_mut().flat_map(|rare| {
            let Rare { history, aside } = &mut **rare;
            history.iter_mut().chain(aside.iter_mut().map(|(_, value)| value))
        });
        for value in self.urgent.iter_mut().chain(aside) {
            value.care = value.care.min(Care::Apart);
        }
    }

    /// How many of the values that wait have failed so often.
    pub(super) fn failing(&self, least: u8) -> usize {
        let Rare { history, aside } = self.rare();
        let waiting = self.urgent.iter().chain(history).chain(aside.iter().map(|(_, value)| value));
        waiting.filter(|value| value.failures >= least).count()
    }

    /// Whether nothing is to be sent before `end`.
    pub(super) fn rests_until(&self, end: Instant) -> bool {
        self.flying == 0
            && self.seconds.is_empty()
            && (self.queued() == 0 || self.not_before > end)
            && self.rare().aside.front().is_none_or(|(until, _)| *until > end)
    }

    /// Whether all values that wait, those in flight excepted, failed before.
    pub(super) fn has_only_failed(&self) -> bool {
        let waiting = self.queued() + self.rare().aside.len();
        self.seconds.is_empty() && self.failing(1) == waiting
    }

    /// Takes all values out that wait, those in flight excepted.
    pub(super) fn drain(&mut self) -> Vec<Value> {
        let rare = self.rare.take();
        let (history, aside) = rare.map(|rare| (rare.history, rare.aside)).unwrap_or_default();
        let aside = aside.into_iter().map(|(_, value)| value);
        std::mem::take(&mut self.urgent).into_iter().chain(history).chain(aside).collect()
    }

    /// No entry leaves before `until`.
    pub(super) fn keep_back(&mut self, until: Instant) {
        self.not_before = self.not_before.max(until);
    }

    /// Whether no value waits or is in flight.
    pub(super) fn is_empty(&self) -> bool {
        self.flying == 0
            && self.queued() == 0
            && self.rare().aside.is_empty()
            && self.seconds.is_empty()
    }

    /// Whether values wait beside those in flight.
    pub(super) fn has_others(&self) -> bool {
        self.queued() > 0
    }

    /// When the value that waits longest was handed in, or before; those in flight not
    /// counted.
    pub(super) fn oldest(&self) -> Option<Instant> {
        let queued = self.front().map(|_| self.first);
        let aside = self.rare().aside.iter().map(|(_, value)| value.since);
        aside.chain(queued).chain(self.seconds.oldest()).min()
    }

    fn front(&self) -> Option<&Value> {
        self.urgent.front().or(self.rare().history.front())
    }

    fn queued(&self) -> usize {
        self.urgent.len() + self.rare().history.len()
    }

    fn rare(&self) -> &Rare {
        self.rare.as_deref().unwrap_or(&NONE)
    }

    fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_with(|| Box::new(Rare::new()))
    }

    fn enqueue(&mut self, value: Value) {
        self.first = match self.has_others() {
            true => self.first.min(value.since),
            false => value.since,
        };
        self.careful |= value.care != Care::Shared;
        self.is_static |= value.class == Class::Static;
        let key = value.key();
        let (queue, is_last) = match value.class {
            Class::Live | Class::Birth | Class::Static | Class::Stale => {
                let is_last = self.is_after_urgent(key);
                self.latest = if is_last { key } else { self.latest };
                (&mut self.urgent, is_last)
            }
            Class::History => {
                let history = &mut self.rare_mut().history;
                let is_last = history.back().is_none_or(|last| last.key() < key);
                (history, is_last)
            }
        };
        // One value, as most streams have, a few, or an entry: so large queues hold no empty places.
        if queue.len() == queue.capacity() && queue.len() < VALUES_PER_ENTRY {
            let room = match queue.len() {
                0 => 1,
                1..FEW => FEW,
                _ => VALUES_PER_ENTRY,
            };
            queue.reserve_exact(room - queue.len());
        }
        if is_last {
            queue.push_back(value);
        } else {
            let place = queue.partition_point(|other| other.key() < key);
            queue.insert(place, value);
        }
    }

    fn is_after_urgent(&self, key: (Timestamp, Quality)) -> bool {
        self.urgent.is_empty() || self.latest < key
    }

    /// Where a value of this time and quality waits, tenth places aside.
    fn find_waiting(&self, time: Timestamp, quality: Quality) -> Option<Waits> {
        let key = (time, quality);
        if !self.is_after_urgent(key)
            && let Some(at) = find(&self.urgent, key)
        {
            return Some(Waits::Urgent(at));
        }
        if let Some(at) = find(&self.rare().history, key) {
            return Some(Waits::History(at));
        }
        let mut aside = self.rare().aside.iter();
        let at = aside.position(|(_, value)| value.key() == key)?;
        Some(Waits::Aside(at))
    }

    /// Puts a value in the place of one with the same time and quality, which is given back.
    fn overwrite(&mut self, place: Waits, value: Value) -> Option<(Value, Discard)> {
        let (mut value, mut before) = (
            value,
            match place {
                Waits::Urgent(at) => self.urgent.remove(at),
                Waits::History(at) => self.rare_mut().history.remove(at),
                Waits::Aside(at) => self.rare_mut().aside.remove(at).map(|(_, value)| value),
            }?,
        );
        before.hand_over(&mut value);
        self.enqueue(value);
        Some((before, Discard::Overwritten))
    }

    /// The time of the value that waits longest, unless there are so many that none lingers:
    /// then the time of those in front.
    fn first_of_queues(&self) -> Instant {
        let history = &self.rare().history;
        let queues = self.urgent.iter().chain(history);
        let first = if self.queued() < VALUES_PER_ENTRY {
            queues.map(|value| value.since).min()
        } else {
            let fronts = self.urgent.front().into_iter().chain(history.front());
            fronts.map(|value| value.since).min()
        };
        first.unwrap_or(Instant::START)
    }
}

/// Where a value waits.
#[derive(Clone, Copy, Debug)]
enum Waits {
    Urgent(usize),
    History(usize),
    Aside(usize),
}

/// Place of a key in a queue. Nearly always it is later than all that are there.
fn find(queue: &VecDeque<Value>, key: (Timestamp, Quality)) -> Option<usize> {
    if queue.back().is_none_or(|last| last.key() < key) {
        return None;
    }
    queue.binary_search_by_key(&key, Value::key).ok()
}

impl Value {
    pub(super) fn new(point: Point, now: Instant) -> Self {
        Self {
            tqv: Tqv { time: point.time, quality: point.quality, value: point.value },
            class: point.class,
            since: now,
            care: Care::Shared,
            failures: 0,
            why: None,
        }
    }

    pub(super) fn into_point(self, stream: Stream) -> Point {
        Point {
            stream,
            time: self.tqv.time,
            quality: self.tqv.quality,
            value: self.tqv.value,
            class: self.class,
        }
    }

    /// Order in a queue, and identity in a stream.
    fn key(&self) -> (Timestamp, Quality) {
        (self.tqv.time, self.tqv.quality)
    }

    /// Puts a value in this one's place, which it gives back.
    pub(super) fn replace(&mut self, mut value: Self) -> Self {
        self.hand_over(&mut value);
        mem::replace(self, value)
    }

    /// Gives a value that takes this one's place the better turn of both, and the longer wait.
    fn hand_over(&mut self, value: &mut Self) {
        if self.class < value.class {
            mem::swap(&mut self.class, &mut value.class);
        }
        value.since = value.since.min(self.since);
    }
}

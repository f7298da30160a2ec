//! Ten values of one property, quality and second of timestamps: SiteWise accepts no more.
//!
//! The first nine of a second go at once. The tenth place waits for the end of the second and
//! takes the last value, so that what stays visible is what the second ended with; those
//! between are discarded.

use std::time::Duration;

use super::point::DiscardReason;
use super::stream::PendingValue;
use crate::sitewise::api::Quality;
use crate::sitewise::limits::VALUES_PER_SECOND_AND_QUALITY;
use crate::time::{Instant, Now, Timestamp};

/// Seconds that a stream remembers. A value of a forgotten one counts as its first: SiteWise
/// then rejects what is too much, and it is tried again.
const REMEMBERED_SECONDS: usize = 4;
/// Values of one second and quality at most.
const MAX_PER_SECOND: u8 = VALUES_PER_SECOND_AND_QUALITY as u8;
/// A second of the sender's takes a second of ours, however wrong its clock is.
const SECOND: Duration = Duration::from_secs(1);

/// The seconds of one stream that had values lately.
#[derive(Debug, Default)]
pub(super) struct Seconds {
    /// The last used first.
    recent: [SecondCount; REMEMBERED_SECONDS],
    /// At most one for each second; allocated for streams that are too fast.
    tenth_values: Vec<TenthValue>,
}

/// How many values of one second and quality were admitted.
#[derive(Clone, Copy, Debug)]
struct SecondCount {
    second: i64,
    quality: Quality,
    admitted: u8,
    /// The millisecond of the last value that went by another way: another value of it has the same
    /// key, and follows it.
    elsewhere: Option<u16>,
}

impl Default for SecondCount {
    fn default() -> Self {
        Self { second: i64::MIN, quality: Quality::Good, admitted: 0, elsewhere: None }
    }
}

/// A value in the tenth place.
#[derive(Debug)]
struct TenthValue {
    value: PendingValue,
    release_at: Instant,
}

/// Whether a value may be sent.
#[derive(Debug)]
pub(super) enum Admission {
    /// It goes.
    Now(PendingValue),
    /// It waits in the tenth place.
    TenthPlace,
    /// It waits in the tenth place, and the value that was there is discarded; or that one
    /// stays and this one is discarded.
    Replaced(PendingValue, DiscardReason),
    /// It comes when the tenth place has gone: it is discarded, though it may be the latest.
    SecondFull(PendingValue),
}

impl Seconds {
    /// Decides on a value whose key waits nowhere else; the tenth place is held for `linger`
    /// at least, as long as other values may still come, and for a second at most.
    pub(super) fn admit(&mut self, value: PendingValue, linger: Duration, now: Now) -> Admission {
        let (second, quality) = (value.tqv.time.seconds(), value.tqv.quality);
        let count = self.count_of(second, quality, now.instant);
        if count.admitted < MAX_PER_SECOND - 1 {
            count.admitted += 1;
            return Admission::Now(value);
        }
        if count.admitted >= MAX_PER_SECOND {
            return Admission::SecondFull(value);
        }
        let waiting = self.tenth_values.iter_mut().find(|held| held.is_of(second, quality));
        let Some(occupant) = waiting else {
            let end = Timestamp::from_millis((second + 1).saturating_mul(1000));
            let released = end.as_millis().saturating_sub(now.wall.as_millis());
            let time_left = Duration::from_millis(u64::try_from(released).unwrap_or(0));
            let release = now.instant + time_left.max(linger).min(SECOND);
            self.tenth_values.push(TenthValue { value, release_at: release });
            return Admission::TenthPlace;
        };
        match value.tqv.time.cmp(&occupant.value.tqv.time) {
            std::cmp::Ordering::Less => Admission::Replaced(value, DiscardReason::SecondFull),
            std::cmp::Ordering::Equal => {
                Admission::Replaced(occupant.value.replace(value), DiscardReason::Overwritten)
            }
            std::cmp::Ordering::Greater => {
                Admission::Replaced(occupant.value.replace(value), DiscardReason::SecondFull)
            }
        }
    }

    /// Whether a value may go by another way, which then counts as sent here: one of the first nine.
    pub(super) fn admit_elsewhere(
        &mut self,
        time: Timestamp,
        quality: Quality,
        now: Instant,
    ) -> bool {
        let millis = u16::try_from(time.as_millis().rem_euclid(1_000)).ok();
        let count = self.count_of(time.seconds(), quality, now);
        if count.elsewhere == millis {
            return true;
        }
        if count.admitted >= MAX_PER_SECOND - 1 {
            return false;
        }
        count.admitted += 1;
        count.elsewhere = millis;
        true
    }

    /// Whether ten values of this second were sent, as far as it is remembered.
    pub(super) fn is_full(&self, time: Timestamp, quality: Quality) -> bool {
        let is_same =
            |count: &&SecondCount| count.second == time.seconds() && count.quality == quality;
        self.recent.iter().find(is_same).is_some_and(|count| count.admitted >= MAX_PER_SECOND)
    }

    /// A value that was admitted goes back to the outbox: it will be admitted again.
    pub(super) fn withdraw(&mut self, time: Timestamp, quality: Quality) {
        let second = time.seconds();
        let is_same = |count: &&mut SecondCount| count.second == second && count.quality == quality;
        if let Some(count) = self.recent.iter_mut().find(is_same) {
            count.admitted = count.admitted.saturating_sub(1);
            count.elsewhere = None;
        }
    }

    /// A value that waits in a tenth place.
    pub(super) fn find(&mut self, time: Timestamp, quality: Quality) -> Option<&mut PendingValue> {
        let mut values = self.tenth_values.iter_mut().map(|held| &mut held.value);
        values.find(|value| value.tqv.time == time && value.tqv.quality == quality)
    }

    /// Takes a value out of a tenth place whose second is over, or out of any.
    pub(super) fn release(&mut self, now: Instant, scope: ReleaseScope) -> Option<PendingValue> {
        let is_released = |held: &TenthValue| scope == ReleaseScope::All || held.release_at <= now;
        let index = self.tenth_values.iter().position(is_released)?;
        let value = self.tenth_values.swap_remove(index).value;
        let (second, quality) = (value.tqv.time.seconds(), value.tqv.quality);
        self.count_of(second, quality, now).admitted = MAX_PER_SECOND;
        Some(value)
    }

    /// When the next tenth place is to be released.
    pub(super) fn due(&self) -> Option<Instant> {
        self.tenth_values.iter().map(|held| held.release_at).min()
    }

    /// When the value that has waited longest in a tenth place was handed in.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.tenth_values.iter().map(|held| held.value.queued_at).min()
    }

    /// Values that wait in tenth places.
    pub(super) fn len(&self) -> usize {
        self.tenth_values.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tenth_values.is_empty()
    }

    /// The count of a second, which becomes the last used; the least used is forgotten, and
    /// what waits in its tenth place goes.
    fn count_of(&mut self, second: i64, quality: Quality, now: Instant) -> &mut SecondCount {
        let is_same = |seen: &SecondCount| seen.second == second && seen.quality == quality;
        let index = self.recent.iter().position(is_same);
        let last_index = REMEMBERED_SECONDS - 1;
        if let Some(moved) = self.recent.get_mut(..=index.unwrap_or(last_index)) {
            moved.rotate_right(1);
        }
        let [first, ..] = &mut self.recent;
        if index.is_none() {
            let forgotten = *first;
            for held in &mut self.tenth_values {
                if held.is_of(forgotten.second, forgotten.quality) {
                    held.release_at = now;
                }
            }
            *first = SecondCount { second, quality, admitted: 0, elsewhere: None };
        }
        first
    }
}

/// Which tenth places are released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReleaseScope {
    /// All: the process is about to stop.
    All,
    /// Those whose second is over.
    Due,
}

impl TenthValue {
    fn is_of(&self, second: i64, quality: Quality) -> bool {
        self.value.tqv.time.seconds() == second && self.value.tqv.quality == quality
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::point::Class;
    use crate::delivery::stream::Isolation;
    use crate::sitewise::api::{Tqv, Variant};

    /// The first moment of a second, some time ago.
    const START: i64 = 1_790_000_000_000;

    #[test]
    fn nine_go_at_once_and_the_tenth_place_takes_the_last() {
        let mut seconds = Seconds::default();
        let admitted: Vec<&str> = (0..12).map(|n| admit(&mut seconds, n * 50)).collect();
        assert_eq!(admitted[..9], ["now"; 9]);
        assert_eq!(admitted[9..], ["held", "instead of 450", "instead of 500"]);
        assert_eq!(seconds.due(), Some(at(1000)));
        assert!(seconds.release(at(999), ReleaseScope::Due).is_none());
        let last = seconds.release(at(1000), ReleaseScope::Due).unwrap();
        assert_eq!(last.tqv.time.as_millis(), START + 550);
        assert!(seconds.is_empty());
        assert_eq!(admit(&mut seconds, 990), "instead of 990", "the second is full");
    }

    #[test]
    fn a_value_before_the_last_does_not_take_the_tenth_place() {
        let mut seconds = Seconds::default();
        for n in 0..10 {
            admit(&mut seconds, n * 50);
        }
        assert_eq!(admit(&mut seconds, 449), "instead of 449");
        assert_eq!(admit(&mut seconds, 450), "instead of 450");
    }

    #[test]
    fn each_quality_and_each_second_has_its_own_ten() {
        let mut seconds = Seconds::default();
        for n in 0..9 {
            assert_eq!(admit(&mut seconds, n), "now");
            assert_eq!(admit(&mut seconds, 1000 + n), "now");
            let mut bad = value(n);
            bad.tqv.quality = Quality::Bad;
            assert!(matches!(seconds.admit(bad, Duration::ZERO, now(0)), Admission::Now(_)));
        }
        assert_eq!(admit(&mut seconds, 9), "held");
        assert_eq!(admit(&mut seconds, 1009), "held");
    }

    #[test]
    fn the_tenth_value_of_a_second_long_gone_waits_for_others_of_its_batch() {
        let mut seconds = Seconds::default();
        let linger = Duration::from_millis(300);
        for n in 0..10 {
            seconds.admit(value(n), linger, now(60_000));
        }
        assert_eq!(seconds.due(), Some(at(60_300)));
    }

    #[test]
    fn a_clock_that_is_ahead_holds_the_tenth_value_for_a_second_only() {
        let mut seconds = Seconds::default();
        for n in 0..10 {
            admit(&mut seconds, 240_000 + n);
        }
        assert_eq!(seconds.due(), Some(at(1_000)));
    }

    #[test]
    fn a_forgotten_second_lets_its_tenth_value_go() {
        let mut seconds = Seconds::default();
        for n in 0..10 {
            admit(&mut seconds, n);
        }
        for second in 1..=REMEMBERED_SECONDS as i64 {
            admit(&mut seconds, second * 1000);
        }
        assert!(seconds.release(at(0), ReleaseScope::Due).is_some());
    }

    fn at(millis: u64) -> Instant {
        Instant::START + Duration::from_millis(millis)
    }

    fn now(millis: u64) -> Now {
        Now { instant: at(millis), wall: Timestamp::from_millis(START + millis as i64) }
    }

    fn value(millis: i64) -> PendingValue {
        PendingValue {
            tqv: Tqv {
                time: Timestamp::from_millis(START + millis),
                quality: Quality::Good,
                value: Variant::Boolean(true),
            },
            class: Class::Live,
            queued_at: at(0),
            isolation: Isolation::Shared,
            failures: 0,
            last_failure: None,
        }
    }

    fn admit(seconds: &mut Seconds, millis: i64) -> &'static str {
        match seconds.admit(value(millis), Duration::ZERO, now(0)) {
            Admission::Now(_) => "now",
            Admission::TenthPlace => "held",
            Admission::Replaced(gone, _) | Admission::SecondFull(gone) => {
                let gone = gone.tqv.time.as_millis() - START;
                Box::leak(format!("instead of {gone}").into_boxed_str())
            }
        }
    }
}

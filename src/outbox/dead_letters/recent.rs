//! Whose values were rejected lately: an account of its own for each asset and reason, since the letters
//! that are kept may all be of one machine.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use uuid::Uuid;

use super::{DeadLetter, DeadLetterRecord};
use crate::delivery::point::{RejectReason, Stream};
use crate::time::Timestamp;

/// How long rejected values are remembered here.
pub const REMEMBERED_FOR: Duration = Duration::from_secs(3_600);
/// Assets with a reason each that are remembered; values of further ones count only in the totals.
const MAX_ENTRIES: usize = 10_000;
/// Milliseconds whose values are counted together.
const BUCKET_MILLIS: i64 = 300_000;

/// Values of one asset that were rejected for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecentRefusals {
    /// Why, by kind.
    pub refusal: RejectReason,
    /// The property of one of the last values.
    pub stream: Stream,
    /// The asset's address and the property's name, where that is known.
    pub names: (Option<String>, Option<String>),
    /// Why it was rejected, in words.
    pub reason: String,
    /// When the last was rejected.
    pub last: Timestamp,
    /// Numbers of values, by when they were rejected.
    buckets: BTreeMap<i64, u64>,
}

impl RecentRefusals {
    /// Values that were rejected since then, to within five minutes.
    pub fn values(&self, since: Timestamp) -> u64 {
        self.buckets.range(bucket(since)..).map(|(_, values)| values).sum()
    }
}

/// A letter that is no longer there.
#[derive(Clone, Copy, Debug)]
pub(super) struct RemovedLetter {
    asset: Uuid,
    kind: &'static str,
    /// When this process counted it.
    at: Timestamp,
}

impl RemovedLetter {
    pub(super) fn of(letter: &DeadLetter) -> Self {
        let (asset, kind) = (letter.point.stream.asset, letter.refusal.label());
        Self { asset, kind, at: letter.at }
    }

    /// One that is not kept in memory, of this process or an earlier one.
    pub(super) fn of_record(record: &DeadLetterRecord) -> Option<Self> {
        let (asset, kind) = record.asset.parse().ok().zip(record.kind())?;
        Some(Self { asset, kind, at: Timestamp::from_millis(record.last_attempt) })
    }
}

/// What was rejected lately.
#[derive(Debug, Default)]
pub(super) struct Recent {
    entries: BTreeMap<(Uuid, &'static str), RecentRefusals>,
    /// The bucket in which old entries were looked for last.
    pruned: Option<i64>,
    /// When the first was counted: what was rejected earlier is of another process.
    since: Option<Timestamp>,
}

impl Recent {
    pub(super) fn count(&mut self, letter: &DeadLetter) {
        let DeadLetter { point, refusal, reason, at, names, .. } = letter;
        self.since.get_or_insert(*at);
        let key = (point.stream.asset, refusal.label());
        if self.entries.len() >= MAX_ENTRIES && !self.entries.contains_key(&key) {
            if self.pruned.replace(bucket(*at)) != Some(bucket(*at)) {
                let since = at.minus(REMEMBERED_FOR);
                self.entries.retain(|_, entry| entry.last >= since);
            }
            if self.entries.len() >= MAX_ENTRIES {
                return;
            }
        }
        let new = || RecentRefusals {
            refusal: *refusal,
            stream: point.stream,
            names: names.clone(),
            reason: reason.clone(),
            last: *at,
            buckets: BTreeMap::new(),
        };
        let entry = match self.entries.entry(key) {
            Entry::Vacant(vacant) => vacant.insert(new()),
            Entry::Occupied(occupied) => occupied.into_mut(),
        };
        let at = bucket(*at);
        if !entry.buckets.is_empty() && !entry.buckets.contains_key(&at) {
            let mut buckets = std::mem::take(&mut entry.buckets);
            buckets.retain(|bucket, _| *bucket >= at - REMEMBERED_FOR.as_millis() as i64);
            *entry = RecentRefusals { buckets, ..new() };
        }
        entry.last = letter.at;
        *entry.buckets.entry(at).or_default() += 1;
    }

    /// These letters are no longer there, `left` are, the oldest first.
    pub(super) fn remove<'a>(
        &mut self,
        gone: &[RemovedLetter],
        left: impl DoubleEndedIterator<Item = &'a DeadLetter>,
    ) {
        let mut changed = BTreeSet::new();
        let is_ours = |letter: &&RemovedLetter| self.since.is_some_and(|since| letter.at >= since);
        for RemovedLetter { asset, kind, at } in gone.iter().filter(is_ours) {
            let key = (*asset, *kind);
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            if let Some(values) = entry.buckets.get_mut(&bucket(*at)) {
                *values = values.saturating_sub(1);
                changed.insert(key);
            }
            entry.buckets.retain(|_, values| *values > 0);
            if entry.buckets.is_empty() {
                self.entries.remove(&key);
            }
        }
        // Of those that are left, the last one is told.
        for letter in left.rev() {
            if changed.is_empty() {
                break;
            }
            let key = (letter.point.stream.asset, letter.refusal.label());
            if changed.remove(&key)
                && let Some(entry) = self.entries.get_mut(&key)
            {
                entry.stream = letter.point.stream;
                entry.names.clone_from(&letter.names);
                entry.reason.clone_from(&letter.reason);
                entry.last = letter.at;
            }
        }
    }

    pub(super) fn since(&self, since: Timestamp) -> impl Iterator<Item = &RecentRefusals> {
        self.entries.values().filter(move |entry| entry.last >= since)
    }
}

/// When the bucket of a point in time began.
fn bucket(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(BUCKET_MILLIS) * BUCKET_MILLIS
}

#[cfg(test)]
mod tests {
    use super::super::DeadLetters;
    use super::super::tests::letter;
    use super::*;

    fn of(asset: usize, at: i64) -> DeadLetter {
        let mut letter = letter(at, RejectReason::Invalid);
        letter.point.stream.asset = Uuid::from_u128(asset as u128);
        letter
    }

    fn shown(letters: &DeadLetters, now: i64) -> Vec<(u128, u64)> {
        let since = Timestamp::from_millis(now).minus(REMEMBERED_FOR);
        let all = letters.recent(since);
        all.map(|of| (of.stream.asset.as_u128(), of.values(since))).collect()
    }

    /// A gateway that flushed nine days of values hid those of all others: `/readyz` said ready.
    #[test]
    fn the_flush_of_one_machine_hides_no_other() {
        let mut letters = DeadLetters::new(10);
        letters.push(of(2, 0));
        for n in 0..10_001 {
            letters.push(of(1, 60_000 + n));
        }
        assert_eq!(letters.len(), 10);
        assert_eq!(shown(&letters, 120_000), [(1, 10_001), (2, 1)]);
        // An hour after its last one each has ended.
        assert_eq!(shown(&letters, 3_600_001), [(1, 10_001)]);
        assert_eq!(shown(&letters, 3_670_001), []);
        letters.push(of(2, 4_000_000));
        assert_eq!(shown(&letters, 4_000_000), [(2, 1)], "and not those of before");
    }

    #[test]
    fn a_thousandfold_plant_is_bounded_and_old_ones_make_room() {
        let mut letters = DeadLetters::new(10);
        (0..MAX_ENTRIES + 5).for_each(|asset| letters.push(of(asset, 0)));
        assert_eq!(shown(&letters, 0).len(), MAX_ENTRIES);
        letters.push(of(MAX_ENTRIES + 7, 3_700_000));
        assert_eq!(shown(&letters, 3_700_000).len(), 1);
        assert_eq!(letters.refused().invalid, MAX_ENTRIES as u64 + 6);
    }
}

//! Dead letters: points that SiteWise rejected for good, or would have, with the reason.

pub mod files;
pub mod recent;
pub mod requests;

use std::collections::VecDeque;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::recent::{Recent, RecentRefusals};
use crate::delivery::figures::RejectedCounts;
use crate::delivery::point::{Class, Key, Point, RejectReason, Stream};
use crate::sitewise::api::{PropertyDataType, Quality, Variant};
use crate::time::Timestamp;

/// Creates a folder for the process's user only (0700).
fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Characters of a reason that are kept.
const REASON_CHARS: usize = 500;

/// A rejected point.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// The point.
    pub point: Point,
    /// Why, by kind.
    pub refusal: RejectReason,
    /// Why, in words.
    pub reason: String,
    /// When it was rejected.
    pub at: Timestamp,
    /// The asset's address and the property's name, where that is known.
    pub names: (Option<String>, Option<String>),
    /// The alias that the property has in SiteWise or will get, where `TWIN_ALIASES` is set.
    pub alias: Option<String>,
}

/// A dead letter as it is written and read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetterRecord {
    /// Names it.
    pub id: u64,
    /// The asset's id.
    pub asset: String,
    /// The property's id.
    pub property: String,
    /// The asset's address, where that is known; its name in what earlier versions wrote.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub asset_name: Option<String>,
    /// The property's name, where that is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub property_name: Option<String>,
    /// The property's alias in SiteWise, or the one that it will get, where `TWIN_ALIASES` is set.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub alias: Option<String>,
    /// The value's time, in milliseconds since the epoch.
    pub time: i64,
    /// The value's quality, in SiteWise's words.
    pub quality: String,
    /// The value's type, in SiteWise's words.
    pub data_type: String,
    /// The value as text; none for null.
    pub value: Option<String>,
    /// What it is where it is no value of a measurement: an attribute's, or a stale mark.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub class: Option<String>,
    /// Why it was rejected, by kind.
    pub refusal: String,
    /// Why it was rejected, in words.
    pub reason: String,
    /// When it was rejected first, in milliseconds since the epoch.
    pub first_attempt: i64,
    /// When it was rejected last, in milliseconds since the epoch.
    pub last_attempt: i64,
    /// How often it was rejected.
    pub attempts: u32,
}

impl DeadLetterRecord {
    /// A letter as it is written; `before` is the same value's letter of an earlier attempt.
    pub(crate) fn new(id: u64, letter: DeadLetter, before: Option<&Self>) -> Self {
        let DeadLetter { point, refusal, reason, at, names, alias } = letter;
        let (data_type, value) = match &point.value {
            Variant::Integer(value) => (PropertyDataType::Integer, Some(value.to_string())),
            Variant::Double(value) => (PropertyDataType::Double, Some(value.to_string())),
            Variant::Boolean(value) => (PropertyDataType::Boolean, Some(value.to_string())),
            Variant::String(text) => (PropertyDataType::String, Some(text.to_string())),
            Variant::Null(data_type) => (*data_type, None),
        };
        Self {
            id,
            asset: point.stream.asset.to_string(),
            property: point.stream.property.to_string(),
            asset_name: names.0,
            property_name: names.1,
            alias,
            time: point.time.as_millis(),
            quality: name_of(&QUALITIES, &point.quality),
            data_type: name_of(&TYPES, &data_type),
            value,
            class: Some(name_of(&CLASSES, &point.class)).filter(|name| !name.is_empty()),
            refusal: refusal.label().to_owned(),
            reason: truncate(reason),
            first_attempt: before.map_or(at.as_millis(), |before| before.first_attempt),
            last_attempt: at.as_millis(),
            attempts: before.map_or(0, |before| before.attempts).saturating_add(1),
        }
    }

    /// What SiteWise keys its value by; none if the line is invalid.
    fn key(&self) -> Option<Key> {
        Some(Key {
            stream: Stream {
                asset: Uuid::parse_str(&self.asset).ok()?,
                property: Uuid::parse_str(&self.property).ok()?,
            },
            time: Timestamp::from_millis(self.time),
            quality: value_of(&QUALITIES, &self.quality)?,
        })
    }

    /// The point, to be sent again; none if the line is invalid.
    pub fn point(&self) -> Option<Point> {
        let Key { stream, time, quality } = self.key()?;
        let data_type = value_of(&TYPES, &self.data_type)?;
        let value = match (&self.value, data_type) {
            (None, data_type) => Variant::Null(data_type),
            (Some(text), PropertyDataType::Integer) => Variant::Integer(text.parse().ok()?),
            (Some(text), PropertyDataType::Double) => Variant::Double(text.parse().ok()?),
            (Some(text), PropertyDataType::Boolean) => Variant::Boolean(text.parse().ok()?),
            (Some(text), PropertyDataType::String) => Variant::String(text.as_str().into()),
        };
        let class = self.class.as_deref().and_then(|name| value_of(&CLASSES, name));
        Some(Point { stream, time, quality, value, class: class.unwrap_or(Class::History) })
    }
}

const QUALITIES: [(Quality, &str); 3] =
    [(Quality::Good, "GOOD"), (Quality::Uncertain, "UNCERTAIN"), (Quality::Bad, "BAD")];
const CLASSES: [(Class, &str); 2] = [(Class::Static, "attribute"), (Class::Stale, "stale")];
const TYPES: [(PropertyDataType, &str); 4] = [
    (PropertyDataType::Integer, "INTEGER"),
    (PropertyDataType::Double, "DOUBLE"),
    (PropertyDataType::Boolean, "BOOLEAN"),
    (PropertyDataType::String, "STRING"),
];

fn name_of<T: PartialEq>(words: &[(T, &str)], value: &T) -> String {
    let found = words.iter().find(|(candidate, _)| candidate == value);
    found.map(|(_, word)| *word).unwrap_or_default().to_owned()
}

fn value_of<T: Copy>(words: &[(T, &str)], text: &str) -> Option<T> {
    words.iter().find(|(_, word)| *word == text).map(|(value, _)| *value)
}

fn truncate(mut reason: String) -> String {
    if let Some((end, _)) = reason.char_indices().nth(REASON_CHARS) {
        reason.truncate(end);
    }
    reason
}

/// The last rejected points in memory, and how many there were.
#[derive(Debug)]
pub struct DeadLetters {
    bound: usize,
    /// Each with its number, in their order.
    letters: VecDeque<(u64, DeadLetter)>,
    recent: Recent,
    /// When a value of each property was rejected last, unless SiteWise took a later one since.
    rejecting: FxHashMap<Stream, Timestamp>,
    refused: RejectedCounts,
}

impl DeadLetters {
    /// Empty; keeps at most `bound` letters, the oldest go first.
    pub fn new(bound: usize) -> Self {
        Self {
            bound,
            letters: VecDeque::new(),
            recent: Recent::default(),
            rejecting: FxHashMap::default(),
            refused: RejectedCounts::default(),
        }
    }

    /// Keeps a letter and counts it.
    pub fn push(&mut self, mut letter: DeadLetter) {
        self.refused.count(letter.refusal);
        letter.reason = truncate(letter.reason);
        self.recent.count(&letter);
        self.rejecting.insert(letter.point.stream, letter.at);
        self.letters.push_back((self.refused.total(), letter));
        while self.letters.len() > self.bound {
            self.letters.pop_front();
        }
        if self.rejecting.len() > 2 * self.bound {
            self.forget_streams();
        }
    }

    /// SiteWise took these values. One from after the last rejection of its property ends that.
    pub fn record_accepted(&mut self, keys: &[Key]) {
        if self.rejecting.is_empty() {
            return;
        }
        for Key { stream, time, .. } in keys {
            if self.rejecting.get(stream).is_some_and(|at| time > at) {
                self.rejecting.remove(stream);
            }
        }
    }

    /// These letters are no longer there: people dropped them, or their values are sent again.
    pub fn remove(&mut self, gone: &[DeadLetterRecord]) {
        let mut left: FxHashMap<(Key, i64), usize> = FxHashMap::default();
        for record in gone {
            if let Some(key) = record.key() {
                *left.entry((key, record.last_attempt)).or_default() += 1;
            }
        }
        self.letters.retain(|(_, letter)| {
            match left.get_mut(&(letter.point.key(), letter.at.as_millis())) {
                Some(count) if *count > 0 => {
                    *count -= 1;
                    false
                }
                _ => true,
            }
        });
        self.recent.remove(gone, self.letters.iter().map(|(_, letter)| letter));
        self.forget_streams();
    }

    /// Forgets properties of which no letter is kept.
    fn forget_streams(&mut self) {
        let kept: FxHashSet<Stream> =
            self.letters.iter().map(|(_, letter)| letter.point.stream).collect();
        self.rejecting.retain(|stream, _| kept.contains(stream));
    }

    /// The last letter of a property, if SiteWise took no later value since.
    pub fn last_of(&self, stream: Stream) -> Option<&DeadLetter> {
        self.rejecting.get(&stream)?;
        self.iter().rev().find(|letter| letter.point.stream == stream)
    }

    /// The letters kept, the oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &DeadLetter> + ExactSizeIterator {
        self.letters.iter().map(|(_, letter)| letter)
    }

    /// Whose values were rejected since then, within the last hour, and why: also where their letters are
    /// no longer kept.
    pub fn recent(&self, since: Timestamp) -> impl Iterator<Item = &RecentRefusals> {
        self.recent.since(since)
    }

    /// The letters kept with a number each after `after`, the oldest first: the first one since the
    /// start is 1.
    pub fn numbered(&self, after: u64) -> impl Iterator<Item = (u64, &DeadLetter)> {
        let skipped = self.letters.partition_point(|(number, _)| *number <= after);
        self.letters.range(skipped..).map(|(number, letter)| (*number, letter))
    }

    /// Letters kept.
    pub fn len(&self) -> usize {
        self.letters.len()
    }

    /// Whether no letter is kept.
    pub fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    /// All letters since the start by reason, those included that are no longer kept.
    pub fn refused(&self) -> RejectedCounts {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::delivery::point::{Class, Stream};
    use crate::sitewise::api::{PropertyDataType, Quality, Variant};

    #[test]
    fn the_oldest_letters_go_but_stay_counted() {
        let mut letters = DeadLetters::new(2);
        for (at, refusal) in
            [(1, RejectReason::Invalid), (2, RejectReason::OutOfRange), (3, RejectReason::Invalid)]
        {
            letters.push(letter(at, refusal));
        }
        let kept: Vec<i64> = letters.iter().map(|letter| letter.at.as_millis()).collect();
        assert_eq!(kept, [2, 3]);
        // Each has its number for good.
        let numbers = |after| letters.numbered(after).map(|(id, _)| id).collect::<Vec<_>>();
        assert_eq!([0, 1, 2, 3, 9].map(numbers), [vec![2, 3], vec![2, 3], vec![3], vec![], vec![]]);
        let refused = letters.refused();
        assert_eq!((refused.invalid, refused.out_of_range, refused.denied), (2, 1, 0));
    }

    #[test]
    fn long_reasons_are_cut_between_characters() {
        let mut letters = DeadLetters::new(1);
        letters.push(DeadLetter {
            reason: "ü".repeat(REASON_CHARS + 1),
            ..letter(1, RejectReason::Invalid)
        });
        assert_eq!(letters.iter().next().unwrap().reason, "ü".repeat(REASON_CHARS));
    }

    /// A letter of this property, whose value has the time of its rejection.
    fn of(property: u128, at: i64) -> DeadLetter {
        let mut letter = letter(at, RejectReason::Invalid);
        letter.point.stream.property = Uuid::from_u128(property);
        letter.point.time = Timestamp::from_millis(at);
        DeadLetter { reason: format!("because {property}"), ..letter }
    }

    fn records(letters: &[DeadLetter]) -> Vec<DeadLetterRecord> {
        let record =
            |(id, letter): (u64, &DeadLetter)| DeadLetterRecord::new(id, letter.clone(), None);
        (1..).zip(letters).map(record).collect()
    }

    /// Console and `/readyz` went on for an hour as if nobody had retried or dropped them.
    #[test]
    fn letters_that_people_retried_or_dropped_are_no_longer_there() {
        let mut letters = DeadLetters::new(10);
        let all = [of(1, 1_000), of(1, 2_000), of(2, 3_000), of(2, 3_000)];
        all.iter().for_each(|letter| letters.push(letter.clone()));
        let shown = |letters: &DeadLetters| {
            let recent = letters.recent(Timestamp::from_millis(0));
            let recent = recent.map(|of| (of.values(Timestamp::from_millis(0)), of.reason.clone()));
            recent.collect::<Vec<_>>()
        };
        assert_eq!(shown(&letters), [(4, "because 1".to_owned())]);
        // One of two that are alike, and one of an earlier process.
        letters.remove(&records(&[all[3].clone(), of(1, 900)]));
        assert_eq!((letters.len(), shown(&letters)), (3, vec![(3, "because 2".to_owned())]));
        letters.remove(&records(&all[2..3]));
        assert_eq!(shown(&letters), [(2, "because 1".to_owned())], "the last of those left");
        assert!(letters.last_of(all[2].point.stream).is_none());
        assert_eq!(letters.last_of(all[0].point.stream).unwrap().at, all[1].at);
        letters.remove(&records(&all));
        assert_eq!((letters.len(), shown(&letters)), (0, Vec::new()));
        // What was rejected since the start stays counted, and the numbers go on.
        assert_eq!(letters.refused().total(), 4);
        letters.push(of(3, 4_000));
        assert_eq!(letters.numbered(0).map(|(id, _)| id).collect::<Vec<_>>(), [5]);
    }

    /// Ten minutes later, with values flowing, the rejection was still what was wrong.
    #[test]
    fn a_rejection_is_over_once_sitewise_took_a_later_value_of_the_property() {
        let mut letters = DeadLetters::new(10);
        letters.push(of(1, 1_000));
        letters.push(of(2, 1_000));
        let key = |property, time| of(property, time).point.key();
        letters.record_accepted(&[key(1, 1_000), key(3, 2_000)]);
        assert!(letters.last_of(key(1, 0).stream).is_some(), "one that was sent before");
        letters.record_accepted(&[key(1, 1_001)]);
        assert!(letters.last_of(key(1, 0).stream).is_none());
        assert!(letters.last_of(key(2, 0).stream).is_some());
        letters.push(of(1, 3_000));
        assert!(letters.last_of(key(1, 0).stream).is_some(), "the next one");
    }

    pub(super) fn letter(at: i64, refusal: RejectReason) -> DeadLetter {
        DeadLetter {
            point: Point {
                stream: Stream { asset: Uuid::from_u128(1), property: Uuid::from_u128(2) },
                time: Timestamp::from_millis(0),
                quality: Quality::Bad,
                value: Variant::Null(PropertyDataType::Double),
                class: Class::Live,
            },
            refusal,
            reason: "because".to_owned(),
            at: Timestamp::from_millis(at),
            names: (None, None),
            alias: None,
        }
    }
}

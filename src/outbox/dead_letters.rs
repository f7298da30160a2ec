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
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use self::recent::{Recent, RecentRefusals, RemovedLetter};
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
    #[serde(deserialize_with = "kind_of_any_version")]
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

    /// Why it was rejected, by kind; none of what an earlier version called otherwise.
    fn kind(&self) -> Option<&'static str> {
        let mut labels = RejectReason::ALL.iter().map(|kind| kind.label());
        labels.find(|label| *label == self.refusal)
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

/// Why a letter was written, by the name that it has today.
fn kind_of_any_version<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let name = String::deserialize(from)?;
    // As 0.1.0 called it.
    let today = RejectReason::OutOfRange.label();
    Ok(if name == "unfit" { today.to_owned() } else { name })
}

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

/// What letters of one value for one kind of reason have in common.
type LetterKey = (Key, &'static str);

/// The last rejected points in memory, and how many there were.
#[derive(Debug)]
pub struct DeadLetters {
    bound: usize,
    /// Each with its number, in their order.
    letters: VecDeque<(u64, DeadLetter)>,
    recent: Recent,
    /// The time of the last rejected value of each property, unless SiteWise took a later one since; that
    /// of its rejection where the value claims to be of a later one.
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
        let time = letter.point.time.min(letter.at);
        let last = self.rejecting.entry(letter.point.stream).or_insert(time);
        *last = time.max(*last);
        self.letters.push_back((self.refused.total(), letter));
        while self.letters.len() > self.bound {
            self.letters.pop_front();
        }
        if self.rejecting.len() > 2 * self.bound {
            self.forget_streams();
        }
    }

    /// SiteWise took these values. One from after the rejected ones of its property ends the rejection:
    /// by the sender's times alone, whose clock may be hours behind ours.
    pub fn record_accepted(&mut self, keys: &[Key]) {
        if self.rejecting.is_empty() {
            return;
        }
        for Key { stream, time, .. } in keys {
            if self.rejecting.get(stream).is_some_and(|rejected| time > rejected) {
                self.rejecting.remove(stream);
            }
        }
    }

    /// These letters are no longer there: people dropped them, or their values are sent again. Those of
    /// a report that an earlier process had begun to keep are on disk with that process's time, and here
    /// with ours.
    pub fn remove(&mut self, gone: &[DeadLetterRecord]) {
        let mut found = FxHashSet::default();
        let mut elsewhere = Vec::new();
        let mut of_key = self.positions();
        for record in gone {
            let same = |letter: &DeadLetter| letter.at.as_millis() == record.last_attempt;
            match self.take_position(&mut of_key, record, same) {
                Some(position) => _ = found.insert(position),
                None => elsewhere.push(record),
            }
        }
        elsewhere.retain(|record| match self.take_position(&mut of_key, record, |_| true) {
            Some(position) => !found.insert(position),
            None => true,
        });
        let ours = found.iter().filter_map(|position| self.letters.get(*position));
        let mut removed: Vec<_> = ours.map(|(_, letter)| RemovedLetter::of(letter)).collect();
        removed.extend(elsewhere.into_iter().filter_map(RemovedLetter::of_record));
        let mut position = 0..;
        self.letters.retain(|_| !position.next().is_some_and(|at| found.contains(&at)));
        self.recent.remove(&removed, self.letters.iter().map(|(_, letter)| letter));
        self.forget_streams();
    }

    /// Where the letters of each value and kind are.
    fn positions(&self) -> FxHashMap<LetterKey, Vec<usize>> {
        let mut positions: FxHashMap<_, Vec<usize>> = FxHashMap::default();
        for (position, (_, letter)) in self.letters.iter().enumerate() {
            let key = (letter.point.key(), letter.refusal.label());
            positions.entry(key).or_default().push(position);
        }
        positions
    }

    /// Takes the newest letter of a record's value and kind that fits.
    fn take_position(
        &self,
        positions: &mut FxHashMap<LetterKey, Vec<usize>>,
        record: &DeadLetterRecord,
        fits: impl Fn(&DeadLetter) -> bool,
    ) -> Option<usize> {
        let of_key = positions.get_mut(&(record.key()?, record.kind()?))?;
        let fits = |position: &usize| self.letters.get(*position).is_some_and(|(_, it)| fits(it));
        let newest = of_key.iter().rposition(fits)?;
        Some(of_key.remove(newest))
    }

    /// Forgets properties of which no letter is kept.
    fn forget_streams(&mut self) {
        let kept: FxHashSet<Stream> =
            self.letters.iter().map(|(_, letter)| letter.point.stream).collect();
        self.rejecting.retain(|stream, _| kept.contains(stream));
    }

    /// Whether a value of the property was rejected, and SiteWise took no later one since.
    pub fn is_rejecting(&self, stream: Stream) -> bool {
        self.rejecting.contains_key(&stream)
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
mod tests;

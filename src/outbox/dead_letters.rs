//! Points that SiteWise will never have, kept to be looked at.

use std::collections::VecDeque;

use crate::delivery::figures::Refused;
use crate::delivery::point::{Point, Refusal};
use crate::time::Timestamp;

/// Characters of a reason that are kept.
const REASON_CHARS: usize = 500;

/// A refused point.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// The point.
    pub point: Point,
    /// Why, by kind.
    pub refusal: Refusal,
    /// Why, in words.
    pub reason: String,
    /// When it was refused.
    pub at: Timestamp,
}

/// The last refused points in memory, and how many there were.
#[derive(Debug)]
pub struct DeadLetters {
    bound: usize,
    letters: VecDeque<DeadLetter>,
    refused: Refused,
}

impl DeadLetters {
    /// Empty; keeps at most `bound` letters, the oldest go first.
    pub fn new(bound: usize) -> Self {
        Self { bound, letters: VecDeque::new(), refused: Refused::default() }
    }

    /// Keeps a letter and counts it.
    pub fn push(&mut self, mut letter: DeadLetter) {
        self.refused.count(letter.refusal);
        if let Some((end, _)) = letter.reason.char_indices().nth(REASON_CHARS) {
            letter.reason.truncate(end);
        }
        self.letters.push_back(letter);
        while self.letters.len() > self.bound {
            self.letters.pop_front();
        }
    }

    /// The letters kept, the oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &DeadLetter> + ExactSizeIterator {
        self.letters.iter()
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
    pub fn refused(&self) -> Refused {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::delivery::point::{Class, Stream};
    use crate::sitewise::api::{DataType, Quality, Variant};

    #[test]
    fn the_oldest_letters_go_but_stay_counted() {
        let mut letters = DeadLetters::new(2);
        for (at, refusal) in
            [(1, Refusal::Invalid), (2, Refusal::OutOfRange), (3, Refusal::Invalid)]
        {
            letters.push(letter(at, refusal));
        }
        let kept: Vec<i64> = letters.iter().map(|letter| letter.at.as_millis()).collect();
        assert_eq!(kept, [2, 3]);
        let refused = letters.refused();
        assert_eq!((refused.invalid, refused.out_of_range, refused.denied), (2, 1, 0));
    }

    #[test]
    fn long_reasons_are_cut_between_characters() {
        let mut letters = DeadLetters::new(1);
        letters.push(DeadLetter {
            reason: "ü".repeat(REASON_CHARS + 1),
            ..letter(1, Refusal::Invalid)
        });
        assert_eq!(letters.iter().next().unwrap().reason, "ü".repeat(REASON_CHARS));
    }

    fn letter(at: i64, refusal: Refusal) -> DeadLetter {
        DeadLetter {
            point: Point {
                stream: Stream { asset: Uuid::from_u128(1), property: Uuid::from_u128(2) },
                time: Timestamp::from_millis(0),
                quality: Quality::Bad,
                value: Variant::Null(DataType::Double),
                class: Class::Live,
            },
            refusal,
            reason: "because".to_owned(),
            at: Timestamp::from_millis(at),
        }
    }
}

//! Streams of values, each ordered by time and quality and bounded in length.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::point::{Point, Quality};
use crate::account::definition::DataType;
use crate::wire::time::Moment;

/// Names a stream: a property of an asset, or a stream that belongs to none (a nil asset, and the
/// stream's own id).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct StreamKey {
    pub(crate) asset: Uuid,
    pub(crate) property: Uuid,
}

impl StreamKey {
    pub(crate) fn free(id: Uuid) -> Self {
        Self { asset: Uuid::nil(), property: id }
    }

    pub(crate) fn is_free(self) -> bool {
        self.asset.is_nil()
    }

    /// `timeSeriesId` of the API.
    pub(crate) fn series_id(self) -> String {
        if self.is_free() {
            self.property.to_string()
        } else {
            format!("{}:{}", self.asset, self.property)
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Stream {
    points: VecDeque<Point>,
    pub(crate) data_type: DataType,
    pub(crate) created: Moment,
    pub(crate) updated: Moment,
    /// The second in which entries are being counted, and how many came in it.
    #[serde(skip)]
    counted: (u32, u32),
}

impl Stream {
    pub(crate) fn new(data_type: DataType, now: Moment) -> Self {
        Self { points: VecDeque::new(), data_type, created: now, updated: now, counted: (0, 0) }
    }

    /// Counts an entry, unless `most` came in the present second already.
    pub(crate) fn admit_entry(&mut self, now: Moment, most: u32) -> bool {
        let second = u32::try_from(now.seconds()).unwrap_or(0);
        if self.counted.0 != second {
            self.counted = (second, 0);
        }
        let admitted = self.counted.1 < most;
        self.counted.1 += u32::from(admitted);
        admitted
    }

    fn position(&self, key: (Moment, Quality)) -> Result<usize, usize> {
        // Values mostly come in order: look at the end first.
        match self.points.back() {
            Some(last) if last.key() < key => Err(self.points.len()),
            None => Err(0),
            Some(_) => self.points.binary_search_by(|point| point.key().cmp(&key)),
        }
    }

    /// Puts a point in its place, over one with the same time and quality; the oldest point goes
    /// when there are more than `most`. Says whether a point was overwritten.
    pub(crate) fn put(&mut self, point: Point, most: usize) -> bool {
        match self.position(point.key()) {
            Ok(at) => {
                if let Some(slot) = self.points.get_mut(at) {
                    *slot = point;
                }
                true
            }
            Err(at) => {
                if self.points.is_empty() {
                    self.points.reserve_exact(1);
                }
                self.points.insert(at, point);
                if self.points.len() > most {
                    self.points.pop_front();
                }
                false
            }
        }
    }

    /// The point with the highest time.
    pub(crate) fn latest(&self) -> Option<&Point> {
        self.points.back()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Points after `start` and up to `end`, in order of time.
    pub(crate) fn between(
        &self,
        start: Moment,
        end: Moment,
    ) -> impl DoubleEndedIterator<Item = &Point> {
        let first = self.points.partition_point(|point| point.time <= start);
        let last = self.points.partition_point(|point| point.time <= end);
        self.points.range(first..last.max(first))
    }

    /// Times of points in the second that begins at `second`, of one quality.
    pub(crate) fn in_second(&self, second: i64, quality: Quality) -> impl Iterator<Item = Moment> {
        let start = Moment(Moment::new(second, 0).0.saturating_sub(1));
        let end = Moment::new(second, 999_999_999);
        self.between(start, end)
            .filter(move |point| point.quality == quality)
            .map(|point| point.time)
    }
}

/// All streams of an account, in the order of lists.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Streams {
    #[serde(with = "crate::pairs")]
    pub(crate) by_key: BTreeMap<StreamKey, Stream>,
}

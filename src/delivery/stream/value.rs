//! A value in the queues of its property.

use std::mem;

use super::{Isolation, PendingValue};
use crate::delivery::point::{Point, Stream};
use crate::sitewise::api::{Quality, Tqv};
use crate::time::{Instant, Timestamp};

impl PendingValue {
    pub(in crate::delivery) fn new(point: Point, now: Instant) -> Self {
        Self {
            tqv: Tqv { time: point.time, quality: point.quality, value: point.value },
            class: point.class,
            queued_at: now,
            isolation: Isolation::Shared,
            failures: 0,
            last_failure: None,
        }
    }

    pub(in crate::delivery) fn into_point(self, stream: Stream) -> Point {
        Point {
            stream,
            time: self.tqv.time,
            quality: self.tqv.quality,
            value: self.tqv.value,
            class: self.class,
        }
    }

    /// Order in a queue, and identity in a stream.
    pub(super) fn key(&self) -> (Timestamp, Quality) {
        (self.tqv.time, self.tqv.quality)
    }

    /// Puts a value in this one's place, which it gives back.
    pub(in crate::delivery) fn replace(&mut self, mut value: Self) -> Self {
        self.inherit_priority(&mut value);
        mem::replace(self, value)
    }

    /// Gives a value that takes this one's place the better turn of both, and the longer wait.
    pub(super) fn inherit_priority(&mut self, value: &mut Self) {
        if self.class < value.class {
            mem::swap(&mut self.class, &mut value.class);
        }
        value.queued_at = value.queued_at.min(self.queued_at);
    }
}

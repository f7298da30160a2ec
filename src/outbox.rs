//! Waiting points: bounded, ordered by class, parked while their asset or property is missing.

pub mod dead_letters;
pub mod memory;

use crate::delivery::output::Room;
use crate::delivery::point::{Discard, Gate, Key, Point};
use crate::time::Timestamp;

/// A point to keep.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// The point.
    pub point: Point,
    /// What it waits for; none if it can be taken at once.
    pub gate: Option<Gate>,
}

/// The store of waiting points, in memory or on disk.
///
/// A point is keyed as SiteWise keys values: one that is put takes the place of one with the
/// same key, unless that one has been taken already.
pub trait Outbox: Send {
    /// Keeps points, and gives back those that had to go for it: overwritten ones, and beyond
    /// the bound in bytes the oldest history, then the oldest of the lowest class that is
    /// there; parked points count and go like others.
    #[must_use = "points given back are to be counted"]
    fn put(&mut self, points: Vec<Waiting>) -> Vec<(Point, Discard)>;

    /// Makes the points parked behind a gate takeable.
    fn open(&mut self, gate: Gate);

    /// Takes points to be delivered, live values first with no class starved, the oldest
    /// first within a class. What is taken counts no longer in [`len`](Self::len) and
    /// [`bytes`](Self::bytes), but a store that survives the process keeps it until it is
    /// [settled](Self::settle), and does not give out its key again before.
    fn take(&mut self, room: Room) -> Vec<Point>;

    /// Forgets points that were taken and are decided: delivered, refused, or discarded for
    /// another reason than [`Discard::Overwritten`].
    fn settle(&mut self, keys: &[Key]);

    /// Points waiting, parked ones included, taken ones not.
    fn len(&self) -> usize;

    /// Whether no point waits.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that the waiting points occupy, by a fixed estimate for each.
    fn bytes(&self) -> usize;

    /// Points waiting behind a gate.
    fn parked(&self) -> usize;

    /// Time of the point that was put first among those waiting.
    fn oldest(&self) -> Option<Timestamp>;
}

//! Waiting points: bounded, ordered by class, parked while their asset or property is missing.

pub mod dead_letters;
pub mod disk;
pub mod memory;

use std::time::Duration;

use bytes::Bytes;

use crate::delivery::output::Room;
use crate::delivery::point::{Discard, Gate, Key, Passage, Point};
use crate::outbox::dead_letters::DeadLetter;
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

    /// Keeps points as [`put`](Self::put) does, and takes at once those that nothing waits
    /// before, as far as there is room: most points need not be kept at all.
    #[must_use = "points given back are to be counted, points taken to be delivered"]
    fn pass(&mut self, points: Vec<Waiting>, _room: Room) -> Passed {
        Passed { gone: self.put(points), taken: Vec::new() }
    }

    /// Makes the points parked behind a gate takeable, those excepted for which `next` tells
    /// that another gate is closed before them.
    fn open(&mut self, gate: Gate, next: &dyn Fn(&Point) -> Option<Gate>);

    /// Takes points to be delivered, live values first with no class starved, the oldest
    /// first within a class. What is taken counts no longer in [`len`](Self::len) and
    /// [`bytes`](Self::bytes), but a store that survives the process keeps it until it is
    /// [settled](Self::settle), and does not give out its key again before.
    fn take(&mut self, room: Room) -> Vec<Point>;

    /// Takes points that are on disk alone, a property's together, as
    /// [history](crate::delivery::point::Class::History): they waited for long, or come from an
    /// earlier process. `passage` tells which of them can go.
    fn restore(&mut self, _room: Room, _passage: &dyn Fn(&Point) -> Passage) -> Vec<Point> {
        Vec::new()
    }

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

    /// Keeps a refused point where it survives the process, before it is settled.
    fn bury(&mut self, _letter: &DeadLetter) {}

    /// Keeps what was heard where it survives the process, until it is [forgotten](Self::forget).
    fn hear(&mut self, _heard: &Heard) {}

    /// What earlier processes heard and did not forget, the oldest first.
    fn heard(&mut self) -> Box<dyn Iterator<Item = Heard> + Send> {
        Box::new(std::iter::empty())
    }

    /// All that was heard became points, and these are safe.
    fn forget(&mut self) {}

    /// Takes in what the disk has done meanwhile, and tells the next thing that people should
    /// know of it.
    fn poll(&mut self) -> Option<Change> {
        None
    }

    /// Whether all that still waits can be left: nothing could be taken, or it is on disk.
    fn is_at_rest(&self) -> bool {
        self.is_empty()
    }

    /// Writes what is not yet on disk and closes it. Blocks for at most `patience`.
    fn close(&mut self, _patience: Duration) {}

    /// How the disk does; none in memory.
    fn disk(&self) -> Option<DiskFigures> {
        None
    }
}

/// What came from an MQTT server before it was known what SiteWise has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// When, by our clock.
    pub at: Timestamp,
    /// The server's place in `MQTT_URL`.
    pub server: u16,
    /// What came.
    pub what: What,
}

/// What came from an MQTT server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A session began, at this time of its own.
    Connected(Timestamp),
    /// It ended.
    Disconnected,
    /// A message.
    Message {
        /// Its topic.
        topic: String,
        /// Its payload.
        payload: Bytes,
        /// It was stored by the server.
        retain: bool,
    },
}

/// What became of points that were kept and taken in one step.
#[derive(Debug, Default)]
pub struct Passed {
    /// Those that had to go, as of [`put`](Outbox::put).
    pub gone: Vec<(Point, Discard)>,
    /// Those to be delivered, as of [`take`](Outbox::take).
    pub taken: Vec<Point>,
}

/// What people should know of the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It takes no more writes, for this reason: points are in memory alone.
    Refused(String),
    /// What lies there cannot be read, for this reason: it is being mended, and points are in
    /// memory alone.
    Unreadable(String),
    /// So many points that its books tell of could not be read.
    Lost(u64),
    /// It does not keep up: points are in memory alone.
    Behind,
    /// What is heard before SiteWise is reached takes all the room: from now on it is in memory
    /// alone.
    Deaf,
    /// It takes writes again, and all that it can have is there.
    Well,
    /// It is full to its bound: the oldest values go.
    Full,
}

/// Whether the disk does its work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DiskState {
    /// It does.
    #[default]
    Well,
    /// It refuses, with this reason; it is tried again and again.
    Refuses(String),
    /// What lies there is damaged, in these words; what can be read is being saved.
    Unreadable(String),
    /// It is too slow for what is put.
    Behind,
}

/// How an outbox on disk does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskFigures {
    /// Whether it takes writes.
    pub state: DiskState,
    /// Bytes of all records, without what the store needs for itself.
    pub bytes: u64,
    /// Points found that an earlier process had left, and those of dead letters sent again.
    pub restored: u64,
    /// Points on disk alone that were overwritten there.
    pub overwritten: u64,
    /// Points on disk alone that were given up because it was full.
    pub full: u64,
    /// Points that could not be read back from a damaged disk.
    pub unreadable: u64,
    /// Points that are on disk alone now.
    pub cold: usize,
    /// Points undecided that are not on disk now: lost if the process is.
    pub unsaved: usize,
}

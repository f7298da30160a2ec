//! The queue of points: bounded, ordered by class, parked while their asset or property does not
//! exist.

pub mod dead_letters;
pub mod disk;
pub mod memory;
mod queues;

use std::time::Duration;

use bytes::Bytes;
use rustc_hash::FxHashMap;
use uuid::Uuid;

use crate::delivery::output::Room;
use crate::delivery::point::{DiscardReason, Gate, GateState, Key, Point};
use crate::late::{FileName, RestoredFile};
use crate::outbox::dead_letters::{DeadLetter, DeadLetterRecord};
use crate::sparkplug::address::Source;
use crate::time::{Instant, Timestamp};

/// Bytes that a point occupies where points wait, by a fixed estimate beside its text.
pub fn bytes_of(point: &Point) -> usize {
    queues::cost(point)
}

/// A point to queue.
#[derive(Clone, Debug, PartialEq)]
pub struct QueuedPoint {
    /// The point.
    pub point: Point,
    /// What it waits for; none if it can be taken at once.
    pub gate: Option<Gate>,
}

/// The queue of points, in memory or on disk.
///
/// A point is keyed as SiteWise keys values: one that is put takes the place of one with the
/// same key, unless that one has been taken already.
pub trait Outbox: Send {
    /// Queues points, and returns those that were dropped for it: overwritten ones, and beyond the
    /// size limit the oldest history, then the oldest of the lowest class; parked points count as
    /// well.
    #[must_use = "points given back are to be counted"]
    fn put(&mut self, points: Vec<QueuedPoint>) -> Vec<(Point, DiscardReason)>;

    /// Queues points as [`put`](Self::put) does, and takes those at the head of the queue at once,
    /// as far as there is room: most points need not be queued at all.
    #[must_use = "points given back are to be counted, points taken to be delivered"]
    fn put_and_take(&mut self, points: Vec<QueuedPoint>, _room: Room) -> PutResult {
        PutResult { dropped: self.put(points), taken: Vec::new() }
    }

    /// Takes back points that delivery has and does not want now, behind a gate, and returns those
    /// that were dropped for it, as [`put`](Self::put) does. One that has been overwritten meanwhile
    /// is dropped.
    #[must_use = "points given back are to be counted"]
    fn put_back(&mut self, points: Vec<Point>, gate: Gate) -> Vec<(Point, DiscardReason)> {
        self.put(points.into_iter().map(|point| QueuedPoint { point, gate: Some(gate) }).collect())
    }

    /// Unparks the points in memory whose time is before the oldest that waits behind their gate.
    fn expire(&mut self, _oldest: &dyn Fn(Gate) -> Timestamp) {}

    /// Unparks the points behind a gate, except those for which `next_gate` returns another closed gate.
    fn open(&mut self, gate: Gate, next_gate: &dyn Fn(&Point) -> Option<Gate>);

    /// Takes points to be delivered, live values first with no class starved, the oldest
    /// first within a class. What is taken counts no longer in [`len`](Self::len) and
    /// [`bytes`](Self::bytes), but a store that survives the process keeps it until it is
    /// [settled](Self::settle), and does not give out its key again before.
    fn take(&mut self, room: Room) -> Vec<Point>;

    /// Takes points that are only on disk, those of a property together, as
    /// [history](crate::delivery::point::Class::History): they were queued for long, or by an
    /// earlier process. `gate_state` says which of them can be sent.
    fn take_cold(&mut self, _room: Room, _gate_state: &dyn Fn(&Point) -> GateState) -> Vec<Point> {
        Vec::new()
    }

    /// Deletes points that were taken and are decided: delivered, rejected, or discarded for
    /// another reason than [`DiscardReason::Overwritten`].
    fn settle(&mut self, keys: &[Key]);

    /// Points queued, including parked ones, without taken ones.
    fn len(&self) -> usize;

    /// Whether no point waits.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the queued points, by a fixed estimate for each.
    fn bytes(&self) -> usize;

    /// Points waiting behind a gate.
    fn parked(&self) -> usize;

    /// Time of the oldest point among those waiting: its own time or a later one, by less than ten
    /// minutes; the exact time if it is the one that was put first. None if no point waits in memory
    /// and nothing is known yet of those that are only on disk.
    fn oldest(&self) -> Option<Timestamp>;

    /// What waits of an asset's properties. Looks at no more than `at_most` points, and only at those
    /// in memory.
    fn waiting_of(&self, _asset: Uuid, _at_most: usize) -> AssetWaiting {
        AssetWaiting::default()
    }

    /// Values that are only on disk and wait for an asset or a property, by asset. None before they
    /// were looked at once.
    fn passed_over(&self) -> Vec<PassedOver> {
        Vec::new()
    }

    /// Remembers which node or device an asset belongs to while values wait for it, where they
    /// survive the process: a later one can name it and request its birth.
    fn remember_machine(&mut self, _asset: Uuid, _machine: &Source) {}

    /// The node or device that an asset belongs to for which values wait.
    fn machine_of(&self, _asset: Uuid) -> Option<&Source> {
        None
    }

    /// Stores a dead letter where it survives the process, before the point is settled.
    fn store_dead_letter(&mut self, _letter: &DeadLetter) {}

    /// Stores an inbound message where it survives the process, until all are
    /// [deleted](Self::clear_inbound).
    fn store_inbound(&mut self, _inbound: &StoredInbound) {}

    /// Inbound messages that earlier processes stored and did not delete, the oldest first.
    fn stored_inbound(&mut self) -> Box<dyn Iterator<Item = StoredInbound> + Send> {
        Box::new(std::iter::empty())
    }

    /// Reads stored messages once more, those of earlier processes first: `count` of them after the
    /// first `skip`. The iterator waits for the disk until all of them are written, and ends early
    /// where some cannot be read.
    fn reread_inbound(
        &mut self,
        _skip: u64,
        _count: u64,
    ) -> Box<dyn Iterator<Item = StoredInbound> + Send> {
        Box::new(std::iter::empty())
    }

    /// Deletes the stored messages: they became points, and these are flushed.
    fn clear_inbound(&mut self) {}

    /// Looks for what another bridge that shares the disk and died has left there, and queues it; nothing
    /// in memory.
    fn take_over_left(&mut self) {}

    /// Appends a row to a file of late values, to be told as [`LateEvent::Saved`]; an outbox without
    /// such files drops it.
    fn append_late(&mut self, _file: FileName, _row: u64, _line: String) {}

    /// Deletes points that are in files of late values up to this row, as
    /// [`settle`](Self::settle) does, to be told as [`LateEvent::Settled`].
    fn settle_late(&mut self, keys: &[Key], _row: u64) {
        self.settle(keys);
    }

    /// Closes a file of late values, to be told as [`LateEvent::Closed`].
    fn close_late(&mut self, _file: FileName) {}

    /// Keeps rows that the job of a file refused, to be told as [`LateEvent::LettersKept`].
    fn keep_late_letters(&mut self, _file: FileName, _letters: Vec<DeadLetter>) {}

    /// What became of late values, after [`poll_event`](Self::poll_event) has handled the reports.
    fn poll_late(&mut self) -> Option<LateEvent> {
        None
    }

    /// Notices, after the reports are handled, a disk that has not answered for long.
    fn handle_timeout(&mut self, _now: Instant) {}

    /// When [`handle_timeout`](Self::handle_timeout) is to be called at the latest.
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Handles reports of the disk writer, and returns the next event to log.
    fn poll_event(&mut self) -> Option<DiskEvent> {
        None
    }

    /// Whether nothing that is queued can be taken, except what is on disk.
    fn is_flushed(&self) -> bool {
        self.len() == self.parked()
    }

    /// Writes what is not yet on disk and closes it. Blocks for at most `patience`.
    fn close(&mut self, _patience: Duration) {}

    /// State of the disk; none in memory.
    fn disk(&self) -> Option<DiskFigures> {
        None
    }
}

/// What waits of one asset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssetWaiting {
    /// By the property's id.
    pub properties: FxHashMap<Uuid, PropertyWaiting>,
    /// More points wait than were looked at, or some are only on disk.
    pub is_partial: bool,
}

/// Values of an asset that are only on disk and cannot be sent yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// The asset.
    pub asset: Uuid,
    /// How many.
    pub values: u64,
    /// The time of the oldest, or up to ten minutes later.
    pub oldest: Timestamp,
}

/// What waits of one property of an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PropertyWaiting {
    /// How many values.
    pub values: usize,
    /// The earliest of their timestamps.
    pub oldest: Timestamp,
    /// What they wait for; none if only for room in delivery.
    pub gate: Option<Gate>,
}

/// An MQTT event that arrived before SiteWise was first reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredInbound {
    /// When, by our clock.
    pub at: Timestamp,
    /// The server's place in `MQTT_URL`.
    pub server: u16,
    /// What came.
    pub kind: InboundKind,
}

/// The kind of event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InboundKind {
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
        /// Whether it was retained.
        retain: bool,
    },
    /// A message that was too large to be read.
    Oversized {
        /// Its topic.
        topic: String,
        /// Whether it was retained.
        retain: bool,
    },
}

/// Result of queueing and taking points in one step.
#[derive(Debug, Default)]
pub struct PutResult {
    /// Those that had to go, as of [`put`](Outbox::put).
    pub dropped: Vec<(Point, DiscardReason)>,
    /// Those to be delivered, as of [`take`](Outbox::take).
    pub taken: Vec<Point>,
}

/// An event of the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskEvent {
    /// It is not writable, for this reason: points are in memory only.
    NotWritable(String),
    /// The store is damaged, for this reason: it is being repaired, and points are in memory only.
    Unreadable(String),
    /// This many points could not be read, by the outbox's own count.
    PointsLost(u64),
    /// It is too slow: points are in memory only.
    TooSlow,
    /// It has not done a write for ten seconds: this many points are in memory only.
    Hung(usize),
    /// Messages stored before SiteWise is first reached take all the room: further ones are in
    /// memory only.
    InboundFull,
    /// It is writable again, and everything queued is saved.
    Recovered,
    /// It is full: the oldest values are dropped.
    Full,
    /// These dead letters are no longer there: `sparkwise dead-letters` retried or dropped them.
    LettersRemoved(Vec<DeadLetterRecord>),
}

/// What became of late values.
#[derive(Clone, Debug, PartialEq)]
pub enum LateEvent {
    /// Earlier processes left these files. Told first, and once.
    Restored(Vec<RestoredFile>),
    /// An earlier process left this file, which cannot be read for this reason, and stays there.
    Unreadable(FileName, String),
    /// All rows up to this one are flushed.
    Saved(u64),
    /// The deletion of all points up to this row is flushed.
    Settled(u64),
    /// A file is closed.
    Closed(FileName),
    /// So many rows that a file's job refused are dead letters, flushed.
    LettersKept(FileName, u64),
    /// The disk refuses the files, for this reason; none once it takes them again.
    Fault(Option<String>),
}

/// State of the disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DiskState {
    /// It takes writes.
    #[default]
    Writable,
    /// It is not writable, for this reason; writing is retried.
    NotWritable(String),
    /// The store is damaged, as described; it is being repaired.
    Unreadable(String),
    /// It is too slow for what is put, or hangs.
    TooSlow,
}

/// Figures of an outbox on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskFigures {
    /// Whether it takes writes.
    pub state: DiskState,
    /// Bytes of all records, without what the store needs for itself.
    pub bytes: u64,
    /// Points restored from an earlier process, and those of retried dead letters.
    pub restored: u64,
    /// Points on disk alone that were overwritten there.
    pub overwritten: u64,
    /// Points only on disk that were dropped because it was full.
    pub full: u64,
    /// Points that could not be read back from a damaged disk.
    pub unreadable: u64,
    /// Points that are on disk alone now.
    pub cold: usize,
    /// Undecided points that are not on disk now: a crash loses them.
    pub unsaved: usize,
}

//! An outbox, its keeper and a disk that does what the test tells it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use uuid::Uuid;

use super::super::store::{Store, StoreOp};
use super::super::*;
use super::tempdir;
use crate::delivery::point::{Class, DiscardReason, Gate, GateState, Key, Point, Stream};
use crate::outbox::{DiskFigures, Outbox};
use crate::sitewise::api::{Quality, Variant};
use crate::time::Timestamp;

/// A disk that does what the test tells it.
#[derive(Debug, Default)]
pub(super) struct Platter {
    /// What is there whatever happens.
    pub(super) safe: BTreeMap<record::RecordKey, Point>,
    /// What was written since, after each batch.
    pub(super) written: Vec<BTreeMap<record::RecordKey, Point>>,
    pub(super) refuses: bool,
    /// Points that were lost and are not yet told of, and the number of the last batch.
    pub(super) unreadable: u64,
    pub(super) batch: u64,
}

impl Platter {
    pub(super) fn last(&self) -> &BTreeMap<record::RecordKey, Point> {
        self.written.last().unwrap_or(&self.safe)
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Faulty(Arc<Mutex<Platter>>);

impl Faulty {
    pub(super) fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap()
    }

    pub(super) fn working(&self) -> Result<MutexGuard<'_, Platter>, StoreError> {
        let platter = self.platter();
        match platter.refuses {
            true => Err(StoreError::Disk("no space left on device".to_owned())),
            false => Ok(platter),
        }
    }

    pub(super) fn opener(&self) -> StoreOpener {
        let disk = self.clone();
        Box::new(move |_| {
            drop(disk.working()?);
            Ok(Box::new(disk.clone()))
        })
    }
}

pub(super) fn size(point: &Point) -> u64 {
    (record::RECORD_KEY_BYTES + record::value(point).len()) as u64
}

impl Store for Faulty {
    fn apply(&mut self, ops: &[StoreOp]) -> Result<u64, StoreError> {
        let mut platter = self.working()?;
        let mut next = platter.last().clone();
        let mut overwritten = 0;
        for op in ops {
            match op {
                StoreOp::Save { point, fresh } => {
                    let before = next.insert(record::RecordKey::of(point.key()), point.clone());
                    overwritten += u64::from(*fresh && before.is_some());
                }
                StoreOp::Remove(key) => {
                    next.remove(&record::RecordKey::of(*key));
                }
            }
        }
        platter.written.push(next);
        platter.batch += 1;
        Ok(overwritten)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        let mut platter = self.working()?;
        platter.unreadable = 0;
        if let Some(last) = platter.written.pop() {
            platter.safe = last;
            platter.written.clear();
        }
        Ok(())
    }

    fn read(
        &mut self,
        after: Option<record::RecordKey>,
        limit: usize,
    ) -> Result<Vec<(Point, u64)>, StoreError> {
        let platter = self.working()?;
        let points = platter.last().iter().filter(|(place, _)| Some(**place) > after);
        Ok(points.take(limit).map(|(_, point)| (point.clone(), size(point))).collect())
    }

    fn find(&mut self, key: Key) -> Result<Option<Point>, StoreError> {
        Ok(self.working()?.last().get(&record::RecordKey::of(key)).cloned())
    }

    fn stats(&self) -> StoreStats {
        let platter = self.platter();
        let points = platter.last().len() as u64;
        let bytes = platter.last().values().map(size).sum();
        let unreadable = platter.unreadable;
        StoreStats { points, bytes, unreadable, is_repaired: unreadable > 0 }
    }

    fn batch(&self) -> u64 {
        self.platter().batch
    }
}

/// An outbox whose keeper works when it is told.
pub(super) struct World {
    pub(super) disk: DiskOutbox,
    pub(super) writer: DiskWriter,
    pub(super) jobs: Receiver<DiskJob>,
    pub(super) platter: Faulty,
    pub(super) bound: u64,
    pub(super) head: usize,
    pub(super) folder: tempdir::Folder,
    /// The last value of each key that is not decided, and of those delivery has.
    pub(super) undecided: BTreeMap<Key, f64>,
    pub(super) taken: BTreeMap<Key, f64>,
    /// Keys of which a value was given up: an older one may still be on disk.
    pub(super) given_up: BTreeSet<Key>,
    /// Assets whose gate is closed.
    pub(super) closed: BTreeSet<Uuid>,
    pub(super) put: u64,
    pub(super) settled: u64,
    pub(super) gone: u64,
    pub(super) next: f64,
}

impl World {
    pub(super) fn new(bound: u64, head: usize) -> Self {
        let platter = Faulty::default();
        let folder = tempdir::Folder::new();
        let (disk, writer, jobs) = start(&platter, bound, head, &folder);
        Self {
            disk,
            writer,
            jobs,
            platter,
            bound,
            head,
            folder,
            undecided: BTreeMap::new(),
            taken: BTreeMap::new(),
            given_up: BTreeSet::new(),
            closed: BTreeSet::new(),
            put: 0,
            settled: 0,
            gone: 0,
            next: 0.0,
        }
    }

    /// Ends the process; of what the disk was not waited for, it has the first `kept` batches.
    pub(super) fn crash(&mut self, kept: usize) {
        {
            let mut platter = self.platter.platter();
            let kept = kept.min(platter.written.len());
            if let Some(last) = kept.checked_sub(1).and_then(|at| platter.written.get(at).cloned())
            {
                platter.safe = last;
            }
            platter.written.clear();
            platter.refuses = false;
        }
        (self.disk, self.writer, self.jobs) =
            start(&self.platter, self.bound, self.head, &self.folder);
        self.taken.clear();
        self.undecided = on_platter(self.platter.platter().last());
        (self.put, self.settled, self.gone) = (0, 0, 0);
    }

    pub(super) fn put(&mut self, points: Vec<(u8, u8)>) {
        let points = points.into_iter().map(|(asset, time)| {
            self.next += 1.0;
            let point = point(asset, i64::from(time) * 200_000, self.next);
            self.undecided.insert(point.key(), self.next);
            let closed = self.closed.contains(&point.stream.asset);
            QueuedPoint { gate: closed.then_some(Gate::Asset(point.stream.asset)), point }
        });
        let points: Vec<QueuedPoint> = points.collect();
        self.put += points.len() as u64;
        for (point, why) in self.disk.put(points) {
            self.gone += 1;
            if why == DiscardReason::Full {
                assert_eq!(self.undecided.remove(&point.key()), Some(number(&point)));
                self.given_up.insert(point.key());
            }
        }
    }

    pub(super) fn take(&mut self, room: usize) {
        let mut points = self.disk.take(room.into());
        let closed = &self.closed;
        let gate_state = |point: &Point| match closed.contains(&point.stream.asset) {
            true => GateState::Closed,
            false => GateState::Open,
        };
        let restored = self.disk.take_cold(room.into(), &gate_state);
        for point in &restored {
            assert!(!self.closed.contains(&point.stream.asset), "behind a closed gate: {point:?}");
        }
        points.extend(restored);
        for point in points {
            let before = self.taken.insert(point.key(), number(&point));
            assert_eq!(before, None, "handed out twice: {point:?}");
        }
    }

    /// Decides on one of the points that delivery has.
    pub(super) fn settle(&mut self, which: usize) {
        let keys: Vec<Key> = self.taken.keys().copied().collect();
        let Some(key) = which.checked_rem(keys.len()).and_then(|at| keys.get(at)) else { return };
        let value = self.taken.remove(key);
        if self.undecided.get(key).copied() == value {
            self.undecided.remove(key);
        }
        self.settled += 1;
        self.disk.settle(&[*key]);
    }

    /// Delivery gives one of the points back that it has; its property is rejected from now on.
    pub(super) fn put_back(&mut self, which: usize) {
        let keys: Vec<Key> = self.taken.keys().copied().collect();
        let Some(key) = which.checked_rem(keys.len()).and_then(|at| keys.get(at)) else { return };
        let Some(value) = self.taken.remove(key) else { return };
        self.closed.insert(key.stream.asset);
        let point = Point {
            stream: key.stream,
            time: key.time,
            quality: key.quality,
            value: Variant::Double(value),
            class: Class::History,
        };
        for (point, why) in self.disk.put_back(vec![point], Gate::Rejected(key.stream)) {
            self.gone += 1;
            match why {
                DiscardReason::Full => {
                    assert_eq!(self.undecided.remove(&point.key()), Some(number(&point)));
                    self.given_up.insert(point.key());
                }
                _ => assert!(self.undecided.get(&point.key()) > Some(&number(&point))),
            }
        }
    }

    pub(super) fn work(&mut self, jobs: usize) {
        for _ in 0..jobs {
            let Ok(job) = self.jobs.try_recv() else { return };
            self.writer.handle(job);
        }
    }

    pub(super) fn poll(&mut self) {
        while self.disk.poll_event().is_some() {}
    }

    /// Everything that can happen without delivery has happened.
    pub(super) fn rest(&mut self) {
        for _ in 0..5 {
            self.poll();
            self.work(usize::MAX);
            self.writer.handle_timeout();
            self.poll();
        }
    }

    pub(super) fn balance(&self) {
        let DiskFigures { restored, overwritten, full, .. } = self.disk.disk().unwrap();
        let out = self.settled + self.gone + overwritten + full;
        let waiting = (self.disk.len() + self.taken.len()) as u64;
        assert_eq!(self.put + restored, out + waiting, "{:?} {:?}", self.disk.disk(), self.taken);
    }

    /// Delivers all that waits; gives back the last value of each key that was delivered.
    pub(super) fn drain(&mut self) -> BTreeMap<Key, f64> {
        let mut delivered = std::mem::take(&mut self.taken);
        self.settled += delivered.len() as u64;
        self.disk.settle(&delivered.keys().copied().collect::<Vec<_>>());
        self.closed.clear();
        for asset in 0..4 {
            let asset = Uuid::from_u128(asset);
            self.disk.open(Gate::Asset(asset), &|_| None);
            self.disk.open(Gate::Rejected(stream(asset)), &|_| None);
        }
        for _ in 0..50 {
            self.rest();
            self.take(7);
            self.settled += self.taken.len() as u64;
            self.disk.settle(&self.taken.keys().copied().collect::<Vec<_>>());
            delivered.append(&mut self.taken);
        }
        self.rest();
        self.balance();
        delivered
    }
}

pub(super) fn start(
    platter: &Faulty,
    bound: u64,
    head: usize,
    folder: &tempdir::Folder,
) -> (DiskOutbox, DiskWriter, Receiver<DiskJob>) {
    let mut open = platter.opener();
    let store = open(None);
    let letters = DeadLetterFiles::open(&folder.path().join("dead-letters"));
    DiskOutbox::parts(open, store, letters, bound, head, Arc::new(Notify::new()))
}

pub(super) fn on_platter(points: &BTreeMap<record::RecordKey, Point>) -> BTreeMap<Key, f64> {
    points.values().map(|point| (point.key(), number(point))).collect()
}

pub(in crate::outbox::disk) fn point(asset: u8, time: i64, value: f64) -> Point {
    Point {
        stream: Stream { asset: Uuid::from_u128(asset.into()), property: Uuid::from_u128(1) },
        time: Timestamp::from_millis(time),
        quality: Quality::Good,
        value: Variant::Double(value),
        class: Class::Live,
    }
}

/// The property of an asset.
pub(super) fn stream(asset: Uuid) -> Stream {
    Stream { asset, property: Uuid::from_u128(1) }
}

pub(in crate::outbox::disk) fn number(point: &Point) -> f64 {
    match point.value {
        Variant::Double(value) => value,
        _ => f64::NAN,
    }
}

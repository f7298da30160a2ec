use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use proptest::prelude::*;
use uuid::Uuid;

use super::store::Store;
use super::*;
use crate::delivery::point::{Class, Stream};
use crate::outbox::dead_letters::files::Letters;
use crate::sitewise::api::{Quality, Variant};

mod fjall;
pub(super) mod tempdir;

/// A disk that does what the test tells it.
#[derive(Debug, Default)]
struct Platter {
    /// What is there whatever happens.
    safe: BTreeMap<record::Place, Point>,
    /// What was written since, after each batch.
    written: Vec<BTreeMap<record::Place, Point>>,
    refuses: bool,
}

impl Platter {
    fn last(&self) -> &BTreeMap<record::Place, Point> {
        self.written.last().unwrap_or(&self.safe)
    }
}

#[derive(Clone, Debug, Default)]
struct Faulty(Arc<Mutex<Platter>>);

impl Faulty {
    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap()
    }

    fn working(&self) -> Result<MutexGuard<'_, Platter>, Fault> {
        let platter = self.platter();
        match platter.refuses {
            true => Err(Fault::Disk("no space left on device".to_owned())),
            false => Ok(platter),
        }
    }

    fn opener(&self) -> Open {
        let disk = self.clone();
        Box::new(move || {
            drop(disk.working()?);
            Ok(Box::new(disk.clone()))
        })
    }
}

fn size(point: &Point) -> u64 {
    (record::PLACE + record::value(point).len()) as u64
}

impl Store for Faulty {
    fn apply(&mut self, ops: &[Op]) -> Result<u64, Fault> {
        let mut platter = self.working()?;
        let mut next = platter.last().clone();
        let mut overwritten = 0;
        for op in ops {
            match op {
                Op::Save { point, fresh } => {
                    let before = next.insert(record::Place::of(point.key()), point.clone());
                    overwritten += u64::from(*fresh && before.is_some());
                }
                Op::Remove(key) => {
                    next.remove(&record::Place::of(*key));
                }
            }
        }
        platter.written.push(next);
        Ok(overwritten)
    }

    fn sync(&mut self) -> Result<(), Fault> {
        let mut platter = self.working()?;
        if let Some(last) = platter.written.pop() {
            platter.safe = last;
            platter.written.clear();
        }
        Ok(())
    }

    fn read(
        &mut self,
        after: Option<record::Place>,
        limit: usize,
    ) -> Result<Vec<(Point, u64)>, Fault> {
        let platter = self.working()?;
        let points = platter.last().iter().filter(|(place, _)| Some(**place) > after);
        Ok(points.take(limit).map(|(_, point)| (point.clone(), size(point))).collect())
    }

    fn stock(&self) -> Stock {
        let platter = self.platter();
        let points = platter.last().len() as u64;
        Stock { points, bytes: platter.last().values().map(size).sum() }
    }
}

/// An outbox whose keeper works when it is told.
struct World {
    disk: Disk,
    keeper: Keeper,
    jobs: Receiver<Job>,
    platter: Faulty,
    bound: u64,
    head: usize,
    folder: tempdir::Folder,
    /// The last value of each key that is not decided, and of those delivery has.
    undecided: BTreeMap<Key, f64>,
    taken: BTreeMap<Key, f64>,
    /// Keys of which a value was given up: an older one may still be on disk.
    given_up: BTreeSet<Key>,
    /// Assets whose gate is closed.
    closed: BTreeSet<Uuid>,
    put: u64,
    settled: u64,
    gone: u64,
    next: f64,
}

impl World {
    fn new(bound: u64, head: usize) -> Self {
        let platter = Faulty::default();
        let folder = tempdir::Folder::new();
        let (disk, keeper, jobs) = start(&platter, bound, head, &folder);
        Self {
            disk,
            keeper,
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
    fn crash(&mut self, kept: usize) {
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
        (self.disk, self.keeper, self.jobs) =
            start(&self.platter, self.bound, self.head, &self.folder);
        self.taken.clear();
        self.undecided = on_platter(self.platter.platter().last());
        (self.put, self.settled, self.gone) = (0, 0, 0);
    }

    fn put(&mut self, points: Vec<(u8, u8)>) {
        let points = points.into_iter().map(|(asset, time)| {
            self.next += 1.0;
            let point = point(asset, i64::from(time) * 200_000, self.next);
            self.undecided.insert(point.key(), self.next);
            let closed = self.closed.contains(&point.stream.asset);
            Waiting { gate: closed.then_some(Gate::Asset(point.stream.asset)), point }
        });
        let points: Vec<Waiting> = points.collect();
        self.put += points.len() as u64;
        for (point, why) in self.disk.put(points) {
            self.gone += 1;
            if why == Discard::Full {
                assert_eq!(self.undecided.remove(&point.key()), Some(number(&point)));
                self.given_up.insert(point.key());
            }
        }
    }

    fn take(&mut self, room: usize) {
        let mut points = self.disk.take(room.into());
        let closed = &self.closed;
        let passage = |point: &Point| match closed.contains(&point.stream.asset) {
            true => Passage::Closed,
            false => Passage::Open,
        };
        let restored = self.disk.restore(room.into(), &passage);
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
    fn settle(&mut self, which: usize) {
        let keys: Vec<Key> = self.taken.keys().copied().collect();
        let Some(key) = which.checked_rem(keys.len()).and_then(|at| keys.get(at)) else { return };
        let value = self.taken.remove(key);
        if self.undecided.get(key).copied() == value {
            self.undecided.remove(key);
        }
        self.settled += 1;
        self.disk.settle(&[*key]);
    }

    fn work(&mut self, jobs: usize) {
        for _ in 0..jobs {
            let Ok(job) = self.jobs.try_recv() else { return };
            self.keeper.handle(job);
        }
    }

    fn poll(&mut self) {
        while self.disk.poll().is_some() {}
    }

    /// Everything that can happen without delivery has happened.
    fn rest(&mut self) {
        for _ in 0..5 {
            self.poll();
            self.work(usize::MAX);
            self.keeper.handle_timeout();
            self.poll();
        }
    }

    fn balance(&self) {
        let DiskFigures { restored, overwritten, full, .. } = self.disk.disk().unwrap();
        let out = self.settled + self.gone + overwritten + full;
        let waiting = (self.disk.len() + self.taken.len()) as u64;
        assert_eq!(self.put + restored, out + waiting, "{:?} {:?}", self.disk.disk(), self.taken);
    }

    /// Delivers all that waits; gives back the last value of each key that was delivered.
    fn drain(&mut self) -> BTreeMap<Key, f64> {
        let mut delivered = std::mem::take(&mut self.taken);
        self.settled += delivered.len() as u64;
        self.disk.settle(&delivered.keys().copied().collect::<Vec<_>>());
        self.closed.clear();
        for asset in 0..4 {
            self.disk.open(Gate::Asset(Uuid::from_u128(asset)));
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

fn start(
    platter: &Faulty,
    bound: u64,
    head: usize,
    folder: &tempdir::Folder,
) -> (Disk, Keeper, Receiver<Job>) {
    let mut open = platter.opener();
    let store = open().map_err(|fault| fault.to_string());
    let letters = Letters::open(&folder.path().join("dead-letters"));
    Disk::parts(open, store, letters, bound, head, Arc::new(Notify::new()))
}

fn on_platter(points: &BTreeMap<record::Place, Point>) -> BTreeMap<Key, f64> {
    points.values().map(|point| (point.key(), number(point))).collect()
}

fn point(asset: u8, time: i64, value: f64) -> Point {
    Point {
        stream: Stream { asset: Uuid::from_u128(asset.into()), property: Uuid::from_u128(1) },
        time: Timestamp::from_millis(time),
        quality: Quality::Good,
        value: Variant::Double(value),
        class: Class::Live,
    }
}

fn number(point: &Point) -> f64 {
    match point.value {
        Variant::Double(value) => value,
        _ => f64::NAN,
    }
}

#[derive(Clone, Debug)]
enum Step {
    Put(Vec<(u8, u8)>),
    Take(usize),
    Settle(usize),
    Work(usize),
    Sync,
    Poll,
    Refuse(bool),
    Gate(u8, bool),
    Crash(usize),
    Rest,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => prop::collection::vec((0..4u8, 0..12u8), 0..6).prop_map(Step::Put),
        4 => (0..6usize).prop_map(Step::Take),
        6 => any::<usize>().prop_map(Step::Settle),
        4 => (0..4usize).prop_map(Step::Work),
        2 => Just(Step::Sync),
        4 => Just(Step::Poll),
        1 => any::<bool>().prop_map(Step::Refuse),
        1 => (0..4u8, any::<bool>()).prop_map(|(asset, open)| Step::Gate(asset, open)),
        1 => (0..4usize).prop_map(Step::Crash),
        2 => Just(Step::Rest),
    ];
    prop::collection::vec(step, 0..120)
}

fn run(world: &mut World, steps: Vec<Step>) {
    for step in steps {
        match step {
            Step::Put(points) => world.put(points),
            Step::Take(room) => world.take(room),
            Step::Settle(which) => world.settle(which),
            Step::Work(jobs) => world.work(jobs),
            Step::Sync => world.keeper.handle_timeout(),
            Step::Poll => world.poll(),
            Step::Refuse(refuses) => {
                let mut platter = world.platter.platter();
                platter.refuses = refuses;
            }
            Step::Gate(asset, open) => {
                let asset = Uuid::from_u128(asset.into());
                if open && world.closed.remove(&asset) {
                    world.disk.open(Gate::Asset(asset));
                } else if !open {
                    world.closed.insert(asset);
                }
            }
            Step::Crash(kept) => world.crash(kept),
            Step::Rest => {
                world.rest();
                // Whatever happened before: what waits is safe now. What delivery took while
                // the disk refused need not be.
                let platter = world.platter.platter();
                if !platter.refuses && world.bound == u64::MAX {
                    let mut safe = on_platter(&platter.safe);
                    for (key, value) in &world.taken {
                        if world.disk.unsaved.contains_key(key) {
                            safe.insert(*key, *value);
                        }
                    }
                    let undecided = &world.undecided;
                    safe.retain(|key, _| {
                        undecided.contains_key(key) || !world.given_up.contains(key)
                    });
                    assert_eq!(safe, world.undecided);
                }
            }
        }
        world.balance();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, max_shrink_iters: 3_000, ..ProptestConfig::default() })]

    /// Whatever happens to disk and process, at whatever moment: what was safe is delivered,
    /// the last value of a key last, and nothing is handed out twice at a time.
    #[test]
    fn what_is_safe_survives_everything(steps in steps(), head in 0..3_000usize) {
        let mut world = World::new(u64::MAX, head);
        run(&mut world, steps);
        world.platter.platter().refuses = false;
        world.rest();
        let expected = world.undecided.clone();
        let delivered = world.drain();
        for (key, value) in expected {
            prop_assert_eq!(delivered.get(&key).copied(), Some(value), "{:?}", key);
        }
        prop_assert_eq!(world.disk.len(), 0, "{:?}", world.disk.disk());
        prop_assert!(world.platter.platter().last().is_empty());
    }

    /// With any bound in bytes every point is accounted for, and at rest the bound holds but
    /// for what delivery and the head have.
    #[test]
    fn a_full_disk_gives_up_what_it_counts(steps in steps(), bound in 0..2_000u64) {
        let mut world = World::new(bound, 600);
        run(&mut world, steps);
        world.platter.platter().refuses = false;
        world.rest();
        world.rest();
        let in_memory = (world.disk.head.len() + world.taken.len()) as u64;
        let bytes = world.platter.platter().last().values().map(size).sum::<u64>();
        prop_assert!(bytes <= bound + in_memory * 60, "{} of {}", bytes, bound);
        world.drain();
        prop_assert_eq!(world.disk.len(), 0, "{:?}", world.disk.disk());
    }
}

#[test]
fn a_disk_that_refuses_is_told_and_lived_through() {
    let mut world = World::new(u64::MAX, 100_000);
    world.platter.platter().refuses = true;
    world.put(vec![(1, 1)]);
    assert_eq!(world.disk.poll(), None);
    world.work(1);
    let refused = Change::Refused("no space left on device".to_owned());
    assert_eq!(world.disk.poll(), Some(refused));
    assert_eq!(world.disk.disk().unwrap().unsaved, 1);
    world.put(vec![(2, 2)]);
    // Values still go their way.
    world.take(1);
    assert_eq!(world.taken.len(), 1);
    world.platter.platter().refuses = false;
    world.keeper.handle_timeout();
    assert_eq!(world.disk.poll(), Some(Change::Well));
    world.rest();
    // What delivery has is in no one's hands but its own.
    assert_eq!(world.disk.disk().unwrap().unsaved, 1);
    assert_eq!(world.platter.platter().safe.len(), 1);
    world.settle(0);
    assert_eq!(world.disk.disk().unwrap().unsaved, 1);
    world.rest();
    assert_eq!(world.disk.disk().unwrap().unsaved, 0);
}

#[test]
fn points_of_an_earlier_process_fill_entries() {
    let mut world = World::new(u64::MAX, 100_000);
    for time in 0..3 {
        world.put(vec![(3, time), (1, time), (2, time)]);
    }
    world.rest();
    world.crash(0);
    world.rest();
    world.disk.restore(9.into(), &|_| Passage::Unknown);
    world.rest();
    assert_eq!(world.disk.restore(9.into(), &|_| Passage::Unknown), []);
    let points = world.disk.restore(9.into(), &|_| Passage::Open);
    let assets: Vec<u128> = points.iter().map(|point| point.stream.asset.as_u128()).collect();
    assert_eq!(assets, [1, 1, 1, 2, 2, 2, 3, 3, 3]);
    assert!(points.iter().all(|point| point.class == Class::History));
}

#[test]
fn a_backlog_is_not_held_in_memory() {
    let mut world = World::new(u64::MAX, 10_000);
    for value in 0..2_000i64 {
        let point = point(1, value * 100, value as f64);
        let _ = world.disk.put(vec![Waiting { point, gate: None }]);
        if value % 100 == 0 {
            world.rest();
        }
    }
    world.rest();
    let figures = world.disk.disk().unwrap();
    assert!(world.disk.bytes() <= 10_000, "{}", world.disk.bytes());
    assert_eq!(figures.cold + world.disk.head.len(), 2_000);
    assert_eq!(world.disk.order.len(), world.disk.head.len());
}

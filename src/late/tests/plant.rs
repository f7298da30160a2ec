//! The world around late values: what is durable, what a crash takes, and what answers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use uuid::Uuid;

use crate::delivery::point::{Class, Key, Point, Stream};
use crate::late::file_import::{JobRecord, JobState, Step, StepResult};
use crate::late::report::RefusedRows;
use crate::late::route::{self, Route};
use crate::late::{Config, FileName, Late, Output, RestoredFile, Tiers, row};
use crate::sitewise::api::{Quality, Variant};
use crate::time::{ClockAgreement, Instant, Now, Timestamp};

const START: i64 = 1_800_000_000_000;
const DAY: i64 = 86_400_000;
/// Rows of this stream are refused by SiteWise.
const UNKNOWN: u128 = 3;

/// A file on disk: what is flushed, and what was only written.
#[derive(Clone, Debug, Default)]
struct DiskFile {
    flushed: String,
    written: String,
    closed: bool,
    record: JobRecord,
}

#[derive(Clone, Debug)]
struct Job {
    id: String,
    key: String,
    state: JobState,
    report: String,
    /// It reads its file when it is looked at for so many more times.
    looks: u32,
}

/// One run.
#[derive(Debug)]
pub(super) struct Plant {
    random: fastrand::Rng,
    now: Now,
    late: Late,
    // What survives a kill.
    outbox: BTreeMap<Key, Point>,
    files: BTreeMap<FileName, DiskFile>,
    letters: BTreeMap<Key, u32>,
    objects: BTreeMap<String, String>,
    jobs: BTreeMap<String, Job>,
    history: BTreeMap<Key, String>,
    live: BTreeSet<Key>,
    tiers: Tiers,
    // What a kill takes.
    taken: BTreeSet<Key>,
    last_written: u64,
    removals: Vec<Key>,
    removed_to: u64,
    steps: VecDeque<(FileName, Step)>,
    reads_tiers: bool,
    // What is looked at in the end.
    put: BTreeMap<Key, Point>,
    in_flight_at_kill: BTreeSet<Key>,
    next: i64,
    /// Nothing is killed any more.
    calm: bool,
    pub(super) kills: u32,
    pub(super) failed_jobs: u32,
}

fn config() -> Config {
    Config { prefix: "late".to_owned(), ..super::config() }
}

impl Plant {
    pub(super) fn new(seed: u64) -> Self {
        let now = Now { instant: Instant::START, wall: Timestamp::from_millis(START) };
        let mut random = fastrand::Rng::with_seed(seed);
        let tiers = if random.u8(..8) == 0 { Tiers::Disabled } else { Tiers::Enabled };
        Self {
            late: Late::new(config(), Vec::new(), seed, now),
            random,
            now,
            outbox: BTreeMap::new(),
            files: BTreeMap::new(),
            letters: BTreeMap::new(),
            objects: BTreeMap::new(),
            jobs: BTreeMap::new(),
            history: BTreeMap::new(),
            live: BTreeSet::new(),
            tiers,
            taken: BTreeSet::new(),
            last_written: 0,
            removals: Vec::new(),
            removed_to: 0,
            steps: VecDeque::new(),
            reads_tiers: false,
            put: BTreeMap::new(),
            in_flight_at_kill: BTreeSet::new(),
            next: 0,
            calm: false,
            kills: 0,
            failed_jobs: 0,
        }
    }

    fn chance(&mut self, one_in: u32) -> bool {
        self.random.u32(..one_in) == 0
    }

    /// Some hundred random things, then whatever is left to do.
    pub(super) fn run(&mut self) {
        for _ in 0..self.random.u32(50..400) {
            match self.random.u8(..20) {
                0..=5 => self.arrive(),
                6..=9 => self.deliver(),
                10..=12 => self.commit(),
                13..=16 => self.step(),
                17 => {
                    let seconds = self.random.u64(1..2_000);
                    self.pass(Duration::from_secs(seconds));
                }
                18 => self.late.flush(self.now),
                _ => {
                    if self.chance(3) {
                        self.kill();
                    }
                }
            }
            self.drain();
        }
        self.tiers = Tiers::Enabled;
        for turn in 0..20_000 {
            self.calm = turn > 50;
            self.deliver();
            self.drain();
            self.commit();
            self.drain();
            if self.outbox.is_empty() {
                self.late.flush(self.now);
            }
            self.step();
            self.drain();
            self.pass(Duration::from_secs(60));
            self.drain();
            if self.outbox.is_empty() && self.files.is_empty() {
                return;
            }
        }
        panic!("it comes to no end: {:?} {:?}", self.late.status(), self.files);
    }

    /// The edge sends values that are up to ten days old.
    fn arrive(&mut self) {
        for _ in 0..self.random.u32(1..20) {
            self.next += 1;
            let stream = Stream {
                asset: Uuid::from_u128(self.random.u128(1..=UNKNOWN)),
                property: Uuid::from_u128(9),
            };
            let age = self.random.i64(0..10) * DAY + DAY / 2;
            let point = Point {
                stream,
                time: Timestamp::from_millis(START - age + self.next),
                quality: Quality::Good,
                value: Variant::Double(self.next as f64),
                class: Class::History,
            };
            self.put.insert(point.key(), point.clone());
            self.outbox.insert(point.key(), point);
        }
    }

    /// What waits in the outbox is handed over.
    fn deliver(&mut self) {
        let most = self.random.usize(1..30);
        let free = self.outbox.values().filter(|point| !self.taken.contains(&point.key()));
        let points: Vec<Point> = free.take(most).cloned().collect();
        for point in points {
            let key = point.key();
            self.taken.insert(key);
            let way = route::of(&point, Duration::ZERO, ClockAgreement::Agree, self.now.wall);
            match way {
                Route::Live => {
                    // The answer to what is in flight at a kill is lost.
                    self.live.insert(key);
                    if self.chance(2) {
                        self.removals.push(key);
                    } else {
                        self.in_flight_at_kill.insert(key);
                        self.taken.remove(&key);
                    }
                }
                Route::Late => {
                    if let Err((point, refusal)) = self.late.handle_point(point, self.now) {
                        assert_eq!(self.late.tiers(), Tiers::Disabled, "{refusal:?}");
                        *self.letters.entry(point.key()).or_default() += 1;
                        self.removals.push(key);
                    }
                }
                Route::None(why) => panic!("{why:?}"),
            }
        }
    }

    /// The group commit: files first, then the outbox; a kill may come between them.
    fn commit(&mut self) {
        for file in self.files.values_mut() {
            let written = std::mem::take(&mut file.written);
            file.flushed.push_str(&written);
        }
        let written = self.last_written;
        if !self.calm && self.chance(8) {
            return self.kill();
        }
        for key in std::mem::take(&mut self.removals) {
            self.outbox.remove(&key);
            self.taken.remove(&key);
        }
        let removed = self.removed_to;
        if !self.calm && self.chance(8) {
            return self.kill();
        }
        self.late.handle_saved(written);
        self.late.handle_settled(removed, self.now);
    }

    fn drain(&mut self) {
        while let Some(output) = self.late.poll_output() {
            match output {
                Output::Append { file, row, line, .. } => {
                    let file = self.files.entry(file).or_default();
                    assert!(!file.closed, "a row for a file that is closed");
                    file.written.push_str(&line);
                    self.last_written = row;
                }
                Output::Settle { keys, row } => {
                    self.removals.extend(keys);
                    self.removed_to = row;
                }
                Output::Close(name) => {
                    let file = self.files.get_mut(&name).unwrap();
                    assert!(file.written.is_empty(), "closed before it was flushed");
                    for record in row::records(file.flushed.as_bytes()) {
                        let point = row::point(&record).unwrap();
                        assert!(!self.outbox.contains_key(&point.key()), "it would come again");
                    }
                    file.closed = true;
                }
                Output::Do(file, step) => self.steps.push_back((file, step)),
                Output::ReadTiers => self.reads_tiers = true,
                Output::JobFailed(_) => self.failed_jobs += 1,
                Output::Lost { file, rows } => panic!("{rows} rows of {file} are lost"),
                Output::Delivered { .. } => {}
            }
        }
        assert!(self.late.figures().balances(self.late.waiting()), "{:?}", self.late.figures());
    }

    /// A step that is under way is done, or not; its answer comes, or does not.
    fn step(&mut self) {
        if std::mem::take(&mut self.reads_tiers) {
            let read = if self.chance(3) { Tiers::Unknown } else { self.tiers };
            self.late.handle_tiers(read, self.now);
        }
        let Some((name, step)) = self.steps.pop_front() else { return };
        // A third of all calls fail: half of these were carried out all the same.
        let fails = self.chance(3);
        if fails && self.chance(2) {
            let failed = StepResult::Failed("no answer".to_owned());
            return self.late.handle_step(name, failed, self.now);
        }
        let result = self.perform(name, &step);
        if !self.calm && self.chance(12) {
            return self.kill();
        }
        let result = if fails { StepResult::Failed("no answer".to_owned()) } else { result };
        self.late.handle_step(name, result, self.now);
    }

    fn perform(&mut self, name: FileName, step: &Step) -> StepResult {
        let config = config();
        let key = config.key(name);
        match step {
            Step::Upload => {
                let content = self.files[&name].flushed.clone();
                let before = self.objects.insert(key, content.clone());
                assert!(before.is_none_or(|before| before == content), "another object");
                StepResult::Done
            }
            Step::RecordAttempt(attempt) => {
                self.files.get_mut(&name).unwrap().record.attempt = *attempt;
                StepResult::Done
            }
            Step::Create(attempt) => self.create(config.job_name(name, *attempt), key),
            Step::Find(attempt) => match self.jobs.get_mut(&config.job_name(name, *attempt)) {
                // What was just created is not in the list yet.
                Some(job) if job.looks > 3 => {
                    job.looks -= 1;
                    StepResult::NoJob
                }
                Some(job) => StepResult::Job(job.id.clone()),
                None => StepResult::NoJob,
            },
            Step::RecordJob(attempt, job) => {
                let record = JobRecord { attempt: *attempt, job: Some(job.clone()) };
                self.files.get_mut(&name).unwrap().record = record;
                StepResult::Done
            }
            Step::Describe(job) => self.describe(job),
            Step::ReadReport(attempt) => {
                let job = &self.jobs[&config.job_name(name, *attempt)];
                let mut refused = RefusedRows::default();
                refused.read(job.report.as_bytes());
                let file = self.files[&name].flushed.clone();
                let rows = row::records(file.as_bytes()).filter_map(|record| row::point(&record));
                let rows = rows.filter(|point| refused.refusal_of(point).is_some());
                let rows: Vec<Point> = rows.collect();
                for point in &rows {
                    *self.letters.entry(point.key()).or_default() += 1;
                }
                StepResult::Refused(rows.len() as u64)
            }
            Step::Remove => {
                self.files.remove(&name);
                StepResult::Done
            }
        }
    }

    fn create(&mut self, name: String, key: String) -> StepResult {
        if self.jobs.contains_key(&name) {
            return StepResult::Exists;
        }
        if self.tiers != Tiers::Enabled {
            return StepResult::Failed("no tier".to_owned());
        }
        let id = format!("job {}", self.jobs.len());
        let looks = self.random.u32(1..6);
        let job =
            Job { id: id.clone(), key, state: JobState::Pending, report: String::new(), looks };
        self.jobs.insert(name, job);
        StepResult::Job(id)
    }

    fn describe(&mut self, id: &str) -> StepResult {
        let fails = self.chance(6);
        let job = self.jobs.values_mut().find(|job| job.id == id).unwrap();
        job.looks = job.looks.saturating_sub(1);
        let is_over = !matches!(job.state, JobState::Pending | JobState::Running);
        if job.looks == 0 && !is_over {
            if fails {
                job.state = JobState::Failed;
                return StepResult::State(job.state);
            }
            job.state = JobState::Completed;
            for record in row::records(self.objects[&job.key].as_bytes()) {
                let point = row::point(&record).unwrap();
                let line = row::line(&point).unwrap();
                if point.stream.asset == Uuid::from_u128(UNKNOWN) {
                    job.state = JobState::CompletedWithFailures;
                    job.report += &format!("{},no such asset\n", line.trim_end());
                } else {
                    self.history.insert(point.key(), line);
                }
            }
        }
        StepResult::State(job.state)
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now.plus(time);
        self.late.handle_timeout(self.now);
    }

    /// The process is killed: what is in memory is gone, of what was only written any part.
    fn kill(&mut self) {
        self.kills += 1;
        self.taken.clear();
        self.removals.clear();
        self.steps.clear();
        self.reads_tiers = false;
        (self.last_written, self.removed_to) = (0, 0);
        let mut restored = Vec::new();
        for (name, file) in &mut self.files {
            let written = std::mem::take(&mut file.written);
            let kept = self.random.usize(..=written.len());
            file.flushed.push_str(&written[..kept]);
            let whole = file.flushed.rfind('\n').map_or(0, |end| end + 1);
            file.flushed.truncate(whole);
            let points = row::records(file.flushed.as_bytes());
            let points: Vec<Point> = points.filter_map(|record| row::point(&record)).collect();
            if !std::mem::replace(&mut file.closed, true) {
                for point in &points {
                    self.outbox.remove(&point.key());
                }
            }
            restored.push(RestoredFile {
                name: *name,
                rows: points.len() as u64,
                bytes: file.flushed.len() as u64,
                record: file.record.clone(),
                latest: Vec::new(),
            });
        }
        self.late = Late::new(config(), restored, self.random.u64(..), self.now);
    }

    pub(super) fn dead_letters(&self) -> usize {
        self.letters.len()
    }

    /// What has to hold in the end.
    pub(super) fn check(&self) {
        let mut rows: BTreeMap<Key, u32> = BTreeMap::new();
        for object in self.objects.values() {
            for record in row::records(object.as_bytes()) {
                *rows.entry(row::key(&record).unwrap()).or_default() += 1;
            }
        }
        for (key, count) in &rows {
            assert_eq!(*count, 1, "a row in two objects: {key:?}");
            let live = self.live.contains(key) && !self.in_flight_at_kill.contains(key);
            assert!(!live, "both live and late: {key:?}");
            assert!(self.put.contains_key(key));
        }
        let mut imports: BTreeMap<&str, u32> = BTreeMap::new();
        for job in self.jobs.values().filter(|job| job.state != JobState::Failed) {
            *imports.entry(&job.key).or_default() += 1;
        }
        for (key, count) in imports {
            assert_eq!(count, 1, "an object that was imported twice: {key}");
        }
        for (key, point) in &self.put {
            let late = self.history.get(key);
            let arrived = late.is_some() || self.live.contains(key);
            assert!(arrived || self.letters.contains_key(key), "lost: {key:?}");
            if let Some(line) = late {
                assert_eq!(Some(line), row::line(point).ok().as_ref());
            }
        }
        let figures = self.late.figures();
        assert_eq!(self.late.waiting(), 0);
        assert!(figures.balances(0), "{figures:?}");
    }
}

//! Values that are too old for SiteWise's live ingestion, between outbox and files.

use std::time::Duration;

use rustc_hash::FxHashMap;

use super::{Bridge, Output};
use crate::delivery::output::Room;
use crate::delivery::point::{Class, Key, Point, RejectReason, Stream};
use crate::late::file_import::StepResult;
use crate::late::route::{self, NoRoute, Route};
use crate::late::{self, FileKind, FileName, Late, NotQueued, RestoredFile, Tiers};
use crate::sitewise::limits;
use crate::time::{ClockAgreement, Now};

/// Why values that are too old did not go into a file: they became dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NotByFile {
    /// The files have no form for it.
    Form(NoRoute),
    /// The files did not take it.
    NotQueued(NotQueued),
}

impl NotByFile {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Form(NoRoute::Null),
        Self::Form(NoRoute::Class),
        Self::Form(NoRoute::BeforeEpoch),
        Self::Form(NoRoute::ControlCharacter),
        Self::Form(NoRoute::EmptyText),
        Self::NotQueued(NotQueued::NoTier),
        Self::NotQueued(NotQueued::Full),
        Self::NotQueued(NotQueued::Disk),
        Self::NotQueued(NotQueued::NoRow),
    ];

    /// Its name: in the metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Form(NoRoute::Null) => "null",
            Self::Form(NoRoute::Class) => "class",
            Self::Form(NoRoute::BeforeEpoch) => "before_1970",
            Self::Form(NoRoute::ControlCharacter) => "control_character",
            Self::Form(NoRoute::EmptyText) => "empty_text",
            Self::NotQueued(NotQueued::NoTier) => "no_tier",
            Self::NotQueued(NotQueued::Full) => "full",
            Self::NotQueued(NotQueued::Disk) => "disk",
            Self::NotQueued(NotQueued::NoRow) => "no_row",
        }
    }

    /// Why, for people.
    fn reason(self) -> String {
        match self {
            Self::Form(why) => format!("older than seven days, and {}", why.reason()),
            Self::NotQueued(why) => why.reason().to_owned(),
        }
    }
}

/// Properties for which it is remembered whether they are buffered, at most.
const MAX_REMEMBERED: usize = 1 << 20;

/// The files, and what they did not take.
#[derive(Debug)]
pub(super) struct LatePath {
    late: Late,
    clocks: ClockAgreement,
    not_taken: [u64; NotByFile::ALL.len()],
    /// Whether a property is buffered, of those that were asked for.
    buffered: FxHashMap<Stream, bool>,
    /// Rows of files that may be newer than what SiteWise shows, of properties that no birth has
    /// named yet: on their way until the file's job is over.
    on_their_way: FxHashMap<FileName, Vec<Key>>,
}

impl Bridge {
    /// Sends values that are too old through files and bulk import from now on; `seed` is for names
    /// and jitter.
    #[must_use]
    pub fn with_late(mut self, config: late::Config, seed: u64, now: Now) -> Self {
        let late = Late::new(config, Vec::new(), seed, now);
        let not_taken = [0; NotByFile::ALL.len()];
        let (clocks, buffered) = (ClockAgreement::default(), FxHashMap::default());
        let on_their_way = FxHashMap::default();
        self.late = Some(Box::new(LatePath { late, clocks, not_taken, buffered, on_their_way }));
        self.twin.keep_old_values();
        self
    }

    /// The files of late values, read-only; none where there are none.
    pub fn late(&self) -> Option<&Late> {
        self.late.as_ref().map(|path| &path.late)
    }

    /// Values that no file took, by reason.
    pub fn not_late(&self) -> [(NotByFile, u64); NotByFile::ALL.len()] {
        let counts = self.late.as_ref().map(|path| path.not_taken).unwrap_or_default();
        let mut counts = counts.into_iter();
        NotByFile::ALL.map(|why| (why, counts.next().unwrap_or(0)))
    }

    /// Earlier processes left these files. Their rows are delivered only now, as points are that were
    /// only on disk.
    pub fn handle_late_restored(&mut self, mut files: Vec<RestoredFile>, now: Now) {
        let mut latest = Vec::new();
        if let Some(path) = &mut self.late {
            for file in files.iter_mut().filter(|file| !file.latest.is_empty()) {
                let points = std::mem::take(&mut file.latest);
                path.on_their_way.insert(file.name, points.iter().map(Point::key).collect());
                latest.extend(points);
            }
        }
        self.twin.handle_restored(&latest, now);
        self.with_lane(|late| late.handle_restored(files, now));
    }

    /// An earlier process left a file that cannot be read.
    pub fn handle_late_unreadable(&mut self, file: FileName, reason: String) {
        self.with_lane(|late| late.handle_unreadable(file, reason));
    }

    /// All rows up to this one are flushed.
    pub fn handle_late_saved(&mut self, row: u64) {
        self.with_lane(|late| late.handle_saved(row));
    }

    /// The deletion of all points up to this row from the outbox is flushed.
    pub fn handle_late_settled(&mut self, row: u64, now: Now) {
        self.with_lane(|late| late.handle_settled(row, now));
    }

    /// The step of a file has ended.
    pub fn handle_late_step(&mut self, file: FileName, result: StepResult, now: Now) {
        self.with_lane(|late| late.handle_step(file, result, now));
    }

    /// The account's storage configuration was read, or could not be, for this reason.
    pub fn handle_late_tiers(&mut self, read: Result<Tiers, String>, now: Now) {
        self.with_lane(|late| match read {
            Ok(tiers) => late.handle_tiers(tiers, now),
            Err(reason) => late.handle_tiers_unread(reason, now),
        });
    }

    /// The disk refuses the files, for this reason; none once it takes them again.
    pub fn handle_late_fault(&mut self, fault: Option<String>) {
        self.with_lane(|late| late.handle_disk_fault(fault));
    }

    /// A job's report names these rows as rejected.
    pub fn handle_late_refused<'a>(&mut self, rows: impl IntoIterator<Item = &'a Point>) {
        rows.into_iter().for_each(|point| self.twin.handle_rejected(point));
    }

    fn with_lane(&mut self, act: impl FnOnce(&mut Late)) {
        if let Some(path) = &mut self.late {
            act(&mut path.late);
        }
    }

    pub(super) fn handle_clocks_late(&mut self, clocks: ClockAgreement) {
        if let Some(path) = &mut self.late {
            path.clocks = clocks;
        }
    }

    /// The room for points, of which history may go into files as well.
    pub(super) fn room_with_late(&self, room: Room) -> Room {
        let Some(path) = &self.late else { return room };
        Room { history: room.history.min(path.late.room()), ..room }
    }

    /// Takes out of these points what goes into files; gives back the others.
    pub(super) fn take_late(&mut self, points: Vec<Point>, now: Now) -> Vec<Point> {
        let Some(path) = &self.late else { return points };
        let clocks = path.clocks;
        let wait = self.history_wait();
        let mut live = Vec::with_capacity(points.len());
        for point in points {
            let route = match route::of(&point, wait, clocks, now.wall) {
                // Presence and attributes, whatever class they come back with.
                Route::Late if self.twin.is_no_measurement(point.stream) => {
                    route::of_own(&point, now.wall)
                }
                route => route,
            };
            match route {
                Route::Live => live.extend(self.take_buffered(point, now)),
                Route::Late => {
                    let key = point.key();
                    match self.put_into_file(point, now) {
                        Ok(()) => self.note_in_file(FileKind::Late, key),
                        Err((point, why)) if route::is_too_old(&point, now.wall) => {
                            self.reject_late(point, why, now);
                        }
                        // SiteWise may take it still.
                        Err((point, _)) => live.push(point),
                    }
                }
                Route::None(why) => self.reject_late(point, NotByFile::Form(why), now),
            }
        }
        live
    }

    /// Takes a point whose property is buffered; gives back any other, and one that is to go live all
    /// the same: a mark, a null, one from the future, or one that the files do not take.
    fn take_buffered(&mut self, point: Point, now: Now) -> Option<Point> {
        let Some(path) = &mut self.late else { return Some(point) };
        let Some(buffered) = &path.late.config().buffered else { return Some(point) };
        let is_of_plant = matches!(point.class, Class::Live | Class::Birth | Class::History);
        let newest = now.wall.plus(limits::NEWEST_VALUE);
        if !is_of_plant || path.clocks == ClockAgreement::Differ || point.time > newest {
            return Some(point);
        }
        let is_buffered = match path.buffered.get(&point.stream) {
            Some(is_buffered) => *is_buffered,
            None => {
                // A property that the twin does not know yet is asked for again with its next value.
                let Some(address) = self.twin.measurement_address(point.stream) else {
                    return Some(point);
                };
                let is_buffered = buffered.globs.matches(&address);
                if path.buffered.len() >= MAX_REMEMBERED {
                    path.buffered.clear();
                }
                path.buffered.insert(point.stream, is_buffered);
                is_buffered
            }
        };
        if !is_buffered {
            return Some(point);
        }
        let key = point.key();
        // Nine of a second: the tenth place takes the last of it, which is not known in time.
        if !self.delivery.admit_to_file(key, now) {
            return Some(point);
        }
        match path.late.handle_buffered(point, now) {
            Ok(()) => {
                self.note_in_file(FileKind::Buffered, key);
                None
            }
            Err((point, _)) => {
                self.delivery.withdraw_from_file(key);
                Some(point)
            }
        }
    }

    /// A point is in the file of this kind. It stays on its way to SiteWise until its job is over.
    fn note_in_file(&mut self, kind: FileKind, key: Key) {
        if let Some(path) = &mut self.late
            && self.twin.is_on_its_way(&key)
            && let Some(file) = path.late.open_file(kind)
        {
            path.on_their_way.entry(file).or_default().push(key);
        }
    }

    /// How long a value of history waits in delivery at most, while SiteWise takes values.
    fn history_wait(&self) -> Duration {
        let (_, values) = self.delivery.quotas();
        Duration::from_secs(self.delivery.waiting() as u64 / u64::from(values.max(1)))
    }

    /// Delivery rejects a point. One that is too old goes into a file instead.
    pub(super) fn rejected_by_delivery(
        &mut self,
        point: Point,
        refusal: RejectReason,
        mut reason: String,
        now: Now,
    ) -> Option<Output> {
        if refusal == RejectReason::Invalid {
            self.twin.handle_rejected(&point);
        }
        self.twin.handle_decided(&[point.key()]);
        // One that is ahead of our time is rejected for being in the future: no file helps.
        let is_late = refusal == RejectReason::OutOfRange && point.time < now.wall;
        if is_late {
            self.twin.handle_too_old(&point, now);
        }
        if !is_late || self.late.is_none() {
            return Some(Output::Rejected { point, refusal, reason, stored: true });
        }
        let result = match route::of_rejected(&point) {
            Route::Late if self.twin.is_no_measurement(point.stream) => {
                Err((point, NotByFile::Form(NoRoute::Class)))
            }
            Route::Late | Route::Live => self.put_into_file(point, now),
            Route::None(why) => Err((point, NotByFile::Form(why))),
        };
        match result {
            Ok(()) => {
                self.delivery.withdraw_rejection(refusal);
                None
            }
            Err((point, why)) => {
                self.count_not_taken(why);
                reason = why.reason();
                Some(Output::Rejected { point, refusal, reason, stored: true })
            }
        }
    }

    fn put_into_file(&mut self, point: Point, now: Now) -> Result<(), (Point, NotByFile)> {
        match &mut self.late {
            Some(path) => {
                let result = path.late.handle_point(point, now);
                result.map_err(|(point, why)| (point, NotByFile::NotQueued(why)))
            }
            None => Err((point, NotByFile::NotQueued(NotQueued::Disk))),
        }
    }

    /// Rejects a point that is too old and that no file takes.
    fn reject_late(&mut self, point: Point, why: NotByFile, now: Now) {
        self.count_not_taken(why);
        let refusal = RejectReason::OutOfRange;
        self.delivery.count_rejected(refusal);
        self.twin.handle_decided(&[point.key()]);
        self.twin.handle_too_old(&point, now);
        self.outputs.push_back(Output::Rejected {
            point,
            refusal,
            reason: why.reason(),
            stored: true,
        });
    }

    fn count_not_taken(&mut self, why: NotByFile) {
        if let Some(path) = &mut self.late
            && let Some(at) = NotByFile::ALL.iter().position(|other| *other == why)
            && let Some(count) = path.not_taken.get_mut(at)
        {
            *count += 1;
        }
    }

    pub(super) fn late_timeout(&mut self, now: Now) {
        self.with_lane(|late| late.handle_timeout(now));
    }

    pub(super) fn poll_late(&mut self) -> Option<Output> {
        let path = self.late.as_mut()?;
        let output = path.late.poll_output()?;
        if let late::Output::Delivered { file, .. } | late::Output::Lost { file, .. } = &output
            && let Some(keys) = path.on_their_way.remove(file)
        {
            self.twin.handle_decided(&keys);
        }
        Some(Output::Late(output))
    }
}

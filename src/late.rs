//! Late values, pure: what is too old for SiteWise's live ingestion, or would be before its turn, is
//! collected in files that travel through S3 and bulk import.
//!
//! ```text
//! point -> route -> row, appended to the open file -> saved -> settled in the outbox -> flushed there
//!                                     |
//!                    full, of too many streams, or old: closed -> import: S3, job, report, deleted
//! ```
//!
//! A row is in the file, flushed, before its point leaves the outbox. So a crash can leave a point in
//! both. A file is closed only when its points have left the outbox, flushed; so only a file that was
//! open can have such rows, and whoever restores it first deletes from the outbox what it holds.

mod config;
mod file;
pub mod file_import;
mod file_name;
pub mod price;
pub mod report;
pub mod route;
pub mod row;
pub mod savings;
mod status;

use std::collections::VecDeque;
use std::time::Duration;

pub use config::{Buffered, Config};
pub use file::{FILE_BYTES, FILE_STREAMS};
use file::{OpenFile, OpenFiles};
use file_import::{FileImport, JobRecord, Progress, Step, StepResult};
pub use file_name::{FileKind, FileName};
use status::Problems;
pub use status::{LateFigures, LateStatus, Obstacle};

use crate::delivery::point::{Key, Point};
use crate::time::{Instant, Now};

/// Rows that may wait to be flushed. Beyond it the disk does not keep up, and points are refused.
const MAX_UNSAVED: usize = 100_000;
/// Files whose steps may run at the same time.
const PARALLEL: usize = 4;
/// Jobs that may run at the same time: SiteWise takes a hundred of an account.
const MAX_JOBS: usize = 20;
/// How often the account's storage configuration is read while no tier is known to be enabled.
const READ_TIERS: Duration = Duration::from_secs(300);
/// How often it is read while a tier is enabled.
const CONFIRM_TIERS: Duration = Duration::from_secs(3600);

/// Whether the account has the storage that bulk import needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tiers {
    /// It was not read yet.
    #[default]
    Unknown,
    /// The warm tier or the cold tier is enabled.
    Enabled,
    /// Neither of them is enabled.
    Disabled,
}

/// Why a point cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NotQueued {
    /// The account has neither the warm nor the cold tier.
    NoTier,
    /// The files take all the room they may.
    Full,
    /// The disk does not keep up, or its writes fail.
    Disk,
    /// It cannot be written as a row: [`route`] says why.
    NoRow,
}

impl NotQueued {
    /// Why, for people.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NoTier => {
                "older than seven days, and bulk import needs SiteWise's warm tier or cold tier, \
                 neither of which is enabled"
            }
            Self::Full => {
                "older than seven days, and the files of late values have reached LATE_MAX_BYTES"
            }
            Self::Disk => "older than seven days, and the files of late values cannot be written",
            Self::NoRow => {
                "older than seven days, and it cannot be written in the CSV files of bulk import"
            }
        }
    }
}

/// A file that an earlier process left.
#[derive(Clone, Debug, PartialEq)]
pub struct RestoredFile {
    /// Its name.
    pub name: FileName,
    /// Its complete rows: a torn one at the end was cut off.
    pub rows: u64,
    /// Its length.
    pub bytes: u64,
    /// The record of its job, which was written beside it.
    pub record: JobRecord,
    /// The latest point of each property in it, where these may be current values: a file of
    /// buffered values.
    pub latest: Vec<Point>,
}

/// An output of [`Late`].
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Append a row to a file, which is made if need be, and tell with
    /// [`handle_saved`](Late::handle_saved) when it is flushed.
    Append {
        /// The file.
        file: FileName,
        /// The row's number, counted over all files.
        row: u64,
        /// The line, its end included.
        line: String,
        /// Of which point.
        key: Key,
    },
    /// Delete these points from the outbox, and tell with [`handle_settled`](Late::handle_settled)
    /// when their deletion is flushed.
    Settle {
        /// The points.
        keys: Vec<Key>,
        /// The last row that is settled with them.
        row: u64,
    },
    /// Flush and close a file. No answer is expected.
    Close(FileName),
    /// Do this step for a file, and hand back the result with [`handle_step`](Late::handle_step).
    Do(FileName, Step),
    /// Read the account's storage configuration, and tell with
    /// [`handle_tiers`](Late::handle_tiers).
    ReadTiers,
    /// Somebody deleted a file before its rows were known to be in SiteWise.
    Lost {
        /// The file.
        file: FileName,
        /// Its rows.
        rows: u64,
    },
    /// The job of a file failed as a whole, as far as is known; another is created later.
    JobFailed(FileName),
    /// The job of a file is over.
    Delivered {
        /// The file.
        file: FileName,
        /// Rows that SiteWise took.
        taken: u64,
        /// Rows that it rejected: they are dead letters.
        refused: u64,
    },
}

/// Late values on their way.
///
/// After each `handle_*`, [`poll_output`](Self::poll_output) is drained; then
/// [`handle_timeout`](Self::handle_timeout) is due at [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct Late {
    config: Config,
    random: fastrand::Rng,
    tiers: Tiers,
    read_tiers_at: Option<Instant>,
    open: OpenFiles,
    /// Files that take no more rows, but whose points may still be in the outbox: closed once the
    /// deletion of these is flushed.
    closing: VecDeque<OpenFile>,
    /// By their names, so the oldest file first.
    imports: Vec<FileImport>,
    last_row: u64,
    /// The deletion of points up to this row from the outbox is flushed.
    settled_row: u64,
    /// Rows that are not flushed yet.
    unsaved: VecDeque<(u64, Key)>,
    outputs: VecDeque<Output>,
    figures: LateFigures,
    problems: Problems,
}

impl Late {
    /// With the files that earlier processes left, whose points are no longer in the outbox. No rows
    /// are added to these: this process opens files of its own.
    pub fn new(config: Config, restored: Vec<RestoredFile>, seed: u64, now: Now) -> Self {
        let mut late = Self {
            config,
            random: fastrand::Rng::with_seed(seed),
            tiers: Tiers::Unknown,
            read_tiers_at: Some(now.instant),
            open: OpenFiles::default(),
            closing: VecDeque::new(),
            imports: Vec::new(),
            last_row: 0,
            settled_row: 0,
            unsaved: VecDeque::new(),
            outputs: VecDeque::new(),
            figures: LateFigures::default(),
            problems: Problems::default(),
        };
        late.add_restored(restored, now);
        late
    }

    /// Adds files of earlier processes, as [`new`](Self::new) does, where they become known only later,
    /// once the outbox's disk can be read.
    pub fn handle_restored(&mut self, restored: Vec<RestoredFile>, now: Now) {
        self.add_restored(restored, now);
        self.start_steps(now);
    }

    fn add_restored(&mut self, restored: Vec<RestoredFile>, now: Now) {
        for RestoredFile { name, rows, bytes, record, .. } in restored {
            self.figures.restored += rows;
            let mut import = FileImport::new(name, (rows, bytes), record, now.instant);
            if rows == 0 {
                import.next = Step::Remove;
                import.is_over = true;
            }
            self.imports.push(import);
        }
        self.imports.sort_by_key(|import| import.name);
    }

    /// Takes a point that [`route`] sends by file.
    ///
    /// # Errors
    ///
    /// It cannot be taken; it is given back to become a dead letter.
    pub fn handle_point(&mut self, point: Point, now: Now) -> Result<(), (Point, NotQueued)> {
        self.take(point, FileKind::Late, now)
    }

    /// Takes a point of a property that is sent by file by choice.
    ///
    /// # Errors
    ///
    /// It cannot be taken; it is given back to be sent live.
    pub fn handle_buffered(&mut self, point: Point, now: Now) -> Result<(), (Point, NotQueued)> {
        self.take(point, FileKind::Buffered, now)
    }

    fn take(&mut self, point: Point, kind: FileKind, now: Now) -> Result<(), (Point, NotQueued)> {
        let may_travel = match kind {
            FileKind::Late => self.tiers != Tiers::Disabled,
            // These values can also be sent live, so they do not wait until a tier is enabled.
            FileKind::Buffered => self.tiers == Tiers::Enabled,
        };
        if !may_travel {
            return Err((point, NotQueued::NoTier));
        }
        let Ok(line) = row::line(&point) else { return Err((point, NotQueued::NoRow)) };
        let key = point.key();
        let is_refusing = kind == FileKind::Buffered && self.problems.disk.is_some();
        if is_refusing || self.unsaved.len() >= MAX_UNSAVED {
            return Err((point, NotQueued::Disk));
        }
        let bytes = line.len() as u64;
        if self.bytes() + bytes > self.config.max_bytes {
            return Err((point, NotQueued::Full));
        }
        if self.open.of(kind).as_ref().is_some_and(|open| !open.has_room(key.stream, bytes)) {
            self.close_open(kind);
        }
        let random = self.random.u64(..);
        let file = self.open.of(kind).get_or_insert_with(|| {
            let millis = u64::try_from(now.wall.as_millis()).unwrap_or(0);
            OpenFile::new(FileName::new(millis, random).of_kind(kind), now.instant)
        });
        self.last_row += 1;
        file.add(self.last_row, key.stream, bytes);
        let file = file.name;
        self.unsaved.push_back((self.last_row, key));
        self.figures.rows += 1;
        self.figures.quoted += u64::from(row::is_quoted(&line));
        self.outputs.push_back(Output::Append { file, row: self.last_row, line, key });
        Ok(())
    }

    /// All rows up to this one are flushed.
    pub fn handle_saved(&mut self, row: u64) {
        let mut keys = Vec::new();
        while let Some((_, key)) = self.unsaved.pop_front_if(|(number, _)| *number <= row) {
            keys.push(key);
        }
        if !keys.is_empty() {
            self.outputs.push_back(Output::Settle { keys, row });
        }
    }

    /// The deletion of all points up to this row from the outbox is flushed.
    pub fn handle_settled(&mut self, row: u64, now: Now) {
        self.settled_row = self.settled_row.max(row);
        self.close_settled(now);
    }

    /// The account's storage configuration was read; `Unknown` if it could not be.
    pub fn handle_tiers(&mut self, tiers: Tiers, now: Now) {
        // A read that failed does not change what is known.
        if tiers != Tiers::Unknown {
            self.tiers = tiers;
            self.problems.tiers_unread = None;
        }
        let wait = if tiers == Tiers::Enabled { CONFIRM_TIERS } else { READ_TIERS };
        self.read_tiers_at = Some(now.instant + wait);
        self.start_steps(now);
    }

    /// Handles the result of a step. That of an unknown file is ignored.
    pub fn handle_step(&mut self, file: FileName, result: StepResult, now: Now) {
        let jitter = self.random.f64();
        let Some(import) = self.imports.iter_mut().find(|import| import.name == file) else {
            return;
        };
        let rows = import.rows;
        match import.handle(result, jitter, now.instant) {
            Progress::None => {}
            Progress::Retried(_) => self.figures.retries += 1,
            Progress::NotCreated => {
                self.figures.retries += 1;
                // Somebody may have disabled the tiers.
                self.read_tiers_at = Some(now.instant);
            }
            Progress::JobFailed => {
                self.figures.failed_jobs += 1;
                // Somebody may have disabled the tiers.
                self.read_tiers_at = Some(now.instant);
                self.outputs.push_back(Output::JobFailed(file));
            }
            Progress::JobOver(refused) => {
                // `JobOver` has at most as many as there are.
                let taken = rows - refused;
                self.figures.jobs += 1;
                self.figures.delivered += taken;
                self.figures.refused += refused;
                self.outputs.push_back(Output::Delivered { file, taken, refused });
            }
            Progress::Lost => {
                self.figures.lost += rows;
                self.outputs.push_back(Output::Lost { file, rows });
            }
            Progress::Gone => self.imports.retain(|import| import.name != file),
        }
        self.start_steps(now);
    }

    /// Handles expired timers.
    pub fn handle_timeout(&mut self, now: Now) {
        if self.read_tiers_at.is_some_and(|due| due <= now.instant) {
            self.read_tiers_at = None;
            self.outputs.push_back(Output::ReadTiers);
        }
        for kind in [FileKind::Late, FileKind::Buffered] {
            let due = self.open.of(kind).as_ref().map(|open| self.config.closes(open));
            if due.is_some_and(|due| due <= now.instant) {
                self.close_open(kind);
            }
        }
        self.close_settled(now);
    }

    /// Closes the open files before they are due, so that their rows are sent at once.
    pub fn flush(&mut self, now: Now) {
        self.close_open(FileKind::Late);
        self.close_open(FileKind::Buffered);
        self.close_settled(now);
    }

    /// When the next timer expires.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let steps = self.startable().filter_map(FileImport::due).min();
        let under_way = self.under_way();
        let steps = steps.filter(|_| under_way < PARALLEL);
        [self.read_tiers_at, self.closes_at(), steps].into_iter().flatten().min()
    }

    /// The next output.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Rows whose jobs are not over.
    pub fn waiting(&self) -> u64 {
        let open = self.open.iter().chain(&self.closing).map(|file| file.rows);
        let closed = self.imports.iter().filter(|import| !import.is_over);
        open.chain(closed.map(|import| import.rows)).sum()
    }

    /// Rows that are not flushed. After a crash their points are still in the outbox, or lost if that
    /// is in memory.
    pub fn unsaved(&self) -> usize {
        self.unsaved.len()
    }

    /// How many more points are taken before some rows are flushed.
    pub fn room(&self) -> usize {
        MAX_UNSAVED.saturating_sub(self.unsaved.len())
    }

    /// Whether the account has the storage that is needed.
    pub fn tiers(&self) -> Tiers {
        self.tiers
    }

    /// The file that rows of a kind are appended to.
    pub fn open_file(&self, kind: FileKind) -> Option<FileName> {
        self.open.iter().map(|open| open.name).find(|name| name.kind() == kind)
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Counters since the start.
    pub fn figures(&self) -> LateFigures {
        self.figures
    }

    /// Bytes of all files on disk.
    fn bytes(&self) -> u64 {
        let open = self.open.iter().chain(&self.closing).map(|file| file.bytes);
        open.chain(self.imports.iter().map(|import| import.bytes)).sum()
    }

    fn closes_at(&self) -> Option<Instant> {
        self.open.iter().map(|open| self.config.closes(open)).min()
    }

    fn close_open(&mut self, kind: FileKind) {
        self.closing.extend(self.open.of(kind).take());
    }

    /// Closes the files whose points have left the outbox, and starts steps that are due.
    fn close_settled(&mut self, now: Now) {
        let settled = self.settled_row;
        while let Some(file) = self.closing.pop_front_if(|file| file.last_row <= settled) {
            self.outputs.push_back(Output::Close(file.name));
            let size = (file.rows, file.bytes);
            let import = FileImport::new(file.name, size, JobRecord::default(), now.instant);
            self.imports.push(import);
        }
        self.start_steps(now);
    }

    fn under_way(&self) -> usize {
        self.imports.iter().filter(|import| import.due().is_none()).count()
    }

    /// Files whose next step is allowed by the tiers and the number of jobs.
    fn startable(&self) -> impl Iterator<Item = &FileImport> {
        let jobs = self.imports.iter().filter(|import| import.has_job()).count();
        let may_create = jobs < MAX_JOBS && self.tiers == Tiers::Enabled;
        self.imports.iter().filter(move |import| import.has_job() || import.is_over || may_create)
    }

    fn start_steps(&mut self, now: Now) {
        while self.under_way() < PARALLEL {
            let due = |import: &&FileImport| import.due().is_some_and(|due| due <= now.instant);
            let Some(name) = self.startable().find(due).map(|import| import.name) else { return };
            let import = self.imports.iter_mut().find(|import| import.name == name);
            let Some(step) = import.and_then(|import| import.begin(now.instant)) else { return };
            self.outputs.push_back(Output::Do(name, step));
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;

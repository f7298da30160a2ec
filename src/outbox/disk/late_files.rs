//! The files of late values on disk: rows appended and flushed, records beside them, and what an
//! earlier process left.
//!
//! A file is named as [`FileName`] writes it: `<name>.open` while rows are appended, `<name>.csv` from
//! then on, and beside it `<name>.job` with the attempt and the job's id in JSON. Foreign files are
//! left alone. A torn last row is cut off: its point is still in the store.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::delivery::point::Point;
use crate::late::file_import::JobRecord;
use crate::late::{FileKind, FileName, RestoredFile, row};

/// How the names of files end: one that is written, one that is closed, and the record of its job.
const OPEN: &str = "open";
const CLOSED: &str = "csv";
const JOB: &str = "job";

/// The record of a job, as it is written.
#[derive(Debug, Serialize, Deserialize)]
struct RecordLine {
    attempt: u32,
    job: Option<String>,
}

/// What earlier processes left.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Leftovers {
    /// Files that are closed by now, the oldest first.
    pub files: Vec<RestoredFile>,
    /// Files that cannot be read, and why. They are left as they are.
    pub unreadable: Vec<(FileName, String)>,
}

/// A file that rows are appended to.
#[derive(Debug)]
struct OpenRows {
    name: FileName,
    file: File,
    /// Rows that are not flushed yet.
    unflushed: Vec<u8>,
    /// Bytes that are flushed.
    flushed: u64,
}

/// The folder of the files: what is done with closed ones.
#[derive(Clone, Debug)]
pub struct LateFolder(PathBuf);

/// The files that rows are appended to.
#[derive(Debug)]
pub struct LateFiles {
    folder: LateFolder,
    /// A few at most: those that are being closed, and one that is written.
    open: Vec<OpenRows>,
}

impl LateFiles {
    /// The files in a folder, which is made with the first row.
    pub fn new(folder: LateFolder) -> Self {
        Self { folder, open: Vec::new() }
    }

    /// Appends a row, its end included; it is safe after the next [`sync`](Self::sync).
    ///
    /// # Errors
    ///
    /// The file cannot be made. What the disk refuses later is told by [`sync`](Self::sync), and
    /// tried again there.
    pub fn append(&mut self, name: FileName, line: &str) -> io::Result<()> {
        let at = match self.open.iter().position(|open| open.name == name) {
            Some(at) => at,
            None => {
                self.begin(name)?;
                self.open.len() - 1
            }
        };
        if let Some(open) = self.open.get_mut(at) {
            open.unflushed.extend_from_slice(line.as_bytes());
        }
        Ok(())
    }

    fn begin(&mut self, name: FileName) -> io::Result<()> {
        self.folder.make()?;
        let path = self.folder.path(name, OPEN);
        // Over one that was made before its folder could be flushed: names are never used twice.
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(true).write(true).mode(0o600).open(path)?;
        self.folder.sync()?;
        self.open.push(OpenRows { name, file, unflushed: Vec::new(), flushed: 0 });
        Ok(())
    }

    /// Waits until the disk has all rows.
    ///
    /// # Errors
    ///
    /// What the disk says. What was not flushed is kept, and written again the next time.
    pub fn sync(&mut self) -> io::Result<()> {
        self.open.iter_mut().try_for_each(OpenRows::sync)
    }

    /// Closes a file whose rows are flushed.
    ///
    /// # Errors
    ///
    /// What the disk says; it can be tried again.
    pub fn close(&mut self, name: FileName) -> io::Result<()> {
        for open in self.open.iter_mut().filter(|open| open.name == name) {
            open.sync()?;
        }
        self.folder.close(name)?;
        self.open.retain(|open| open.name != name);
        Ok(())
    }
}

impl LateFolder {
    /// In this folder, which is made with the first row.
    pub fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    fn make(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)
    }

    fn close(&self, name: FileName) -> io::Result<()> {
        match fs::rename(self.path(name, OPEN), self.path(name, CLOSED)) {
            // It was closed, and the folder could not be flushed. Or somebody deleted it: that is seen
            // when it is read, and must not keep others from being closed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => renamed?,
        }
        self.sync()
    }

    /// What a closed file holds.
    ///
    /// # Errors
    ///
    /// What the disk says.
    pub fn read(&self, name: FileName) -> io::Result<Vec<u8>> {
        fs::read(self.path(name, CLOSED))
    }

    /// Writes a record beside a file, flushed, over one that is there.
    ///
    /// # Errors
    ///
    /// What the disk says; the one before is whole then.
    pub fn record(&self, name: FileName, record: &JobRecord) -> io::Result<()> {
        let line = RecordLine { attempt: record.attempt, job: record.job.clone() };
        let text = serde_json::to_vec(&line)?;
        let new = self.path(name, "job.new");
        let mut options = OpenOptions::new();
        let mut file = options.create(true).write(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(&text)?;
        file.sync_data()?;
        fs::rename(new, self.path(name, JOB))?;
        self.sync()
    }

    /// Deletes a file and its record. The file goes first: a record alone is deleted at the next
    /// start.
    ///
    /// # Errors
    ///
    /// What the disk says; it can be tried again.
    pub fn remove(&self, name: FileName) -> io::Result<()> {
        for kind in [CLOSED, JOB] {
            match fs::remove_file(self.path(name, kind)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        self.sync()
    }

    /// What earlier processes left, the oldest first. A file that was being written is cut after its
    /// last whole row; `settle` deletes its points from the store, flushed, and then it is closed.
    ///
    /// # Errors
    ///
    /// What the disk says of the folder, or what `settle` does. It can be tried again. A file that
    /// cannot be read is no error: the values of the store must not wait for it.
    pub fn restore<E: From<io::Error>>(
        &self,
        mut settle: impl FnMut(Vec<Point>) -> Result<(), E>,
    ) -> Result<Leftovers, E> {
        let (mut open, mut closed, mut records) = (Vec::new(), Vec::new(), Vec::new());
        for (name, kind) in self.names()? {
            match kind.as_str() {
                OPEN => open.push(name),
                CLOSED => closed.push(name),
                JOB => records.push(name),
                _ => {}
            }
        }
        let mut leftovers = Leftovers::default();
        for name in open {
            let text = match self.cut(name) {
                Ok(text) => text,
                Err(error) => {
                    leftovers.unreadable.push((name, error.to_string()));
                    continue;
                }
            };
            let rows = row::records(&text);
            settle(rows.filter_map(|record| row::point(&record)).collect())?;
            self.close(name)?;
            closed.push(name);
        }
        let is_left = |name: &FileName| {
            closed.contains(name) || leftovers.unreadable.iter().any(|(other, _)| other == name)
        };
        for name in records.iter().filter(|name| !is_left(name)) {
            fs::remove_file(self.path(*name, JOB))?;
        }
        closed.sort_unstable();
        for name in closed {
            match self.read(name) {
                Ok(text) => leftovers.files.push(RestoredFile {
                    name,
                    // Text in rows has no line ends.
                    rows: text.iter().filter(|byte| **byte == b'\n').count() as u64,
                    bytes: text.len() as u64,
                    record: self.read_record(name),
                    // Late values are too old to be current.
                    latest: match name.kind() {
                        FileKind::Late => Vec::new(),
                        FileKind::Buffered => row::latest(&text),
                    },
                }),
                Err(error) => leftovers.unreadable.push((name, error.to_string())),
            }
        }
        Ok(leftovers)
    }

    /// Cuts a file that was being written after its last whole row, flushed, and gives what it holds.
    fn cut(&self, name: FileName) -> io::Result<Vec<u8>> {
        let path = self.path(name, OPEN);
        let mut text = fs::read(&path)?;
        let whole_bytes = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        text.truncate(whole_bytes);
        let file = OpenOptions::new().write(true).open(&path)?;
        file.set_len(whole_bytes as u64)?;
        file.sync_data()?;
        Ok(text)
    }

    /// The record beside a file. One that cannot be read is as none: the job that it speaks of is
    /// found by its name.
    fn read_record(&self, name: FileName) -> JobRecord {
        let text = fs::read(self.path(name, JOB)).unwrap_or_default();
        let line = serde_json::from_slice::<RecordLine>(&text).ok();
        line.map(|RecordLine { attempt, job }| JobRecord { attempt, job }).unwrap_or_default()
    }

    /// The names in the folder, with their ends.
    fn names(&self) -> io::Result<Vec<(FileName, String)>> {
        let entries = match self.0.read_dir() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let Some((name, kind)) = name.to_str().and_then(|name| name.split_once('.')) else {
                continue;
            };
            names.extend(FileName::parse(name).map(|name| (name, kind.to_owned())));
        }
        Ok(names)
    }

    fn path(&self, name: FileName, kind: &str) -> PathBuf {
        self.0.join(format!("{name}.{kind}"))
    }

    /// Waits until the disk has the names.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }
}

impl OpenRows {
    fn sync(&mut self) -> io::Result<()> {
        if self.unflushed.is_empty() {
            return Ok(());
        }
        // What was written in part before is written over. A flush that failed is not repeated alone:
        // the kernel may have dropped what it could not write, and would say that all is well.
        self.file.seek(SeekFrom::Start(self.flushed))?;
        self.file.write_all(&self.unflushed)?;
        self.file.sync_data()?;
        self.flushed += self.unflushed.len() as u64;
        self.unflushed.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::tempdir::Folder;
    use super::*;
    use crate::late;
    use crate::sitewise::api::Variant;

    fn point(number: i64) -> Point {
        late::tests::point(number, Variant::String(format!("text {number}, \"quoted\"").into()))
    }

    fn name(number: u64) -> FileName {
        FileName::new(number, number)
    }

    fn late(folder: &Folder) -> LateFolder {
        LateFolder::new(&folder.path().join("late"))
    }

    /// What is left, and which points were to be deleted from the store.
    fn restore(folder: &Folder) -> (Vec<RestoredFile>, Vec<Point>) {
        let mut doubtful = Vec::new();
        let restored = late(folder).restore(|points| -> io::Result<()> {
            doubtful.extend(points);
            Ok(())
        });
        (restored.unwrap().files, doubtful)
    }

    fn append(files: &mut LateFiles, file: u64, rows: std::ops::Range<i64>) {
        for row in rows {
            files.append(name(file), &row::line(&point(row)).unwrap()).unwrap();
        }
    }

    #[test]
    fn rows_that_were_flushed_are_there_for_the_next_process() {
        let folder = Folder::new();
        assert_eq!(restore(&folder), (Vec::new(), Vec::new()));
        let mut files = LateFiles::new(late(&folder));
        append(&mut files, 1, 0..3);
        files.sync().unwrap();
        append(&mut files, 1, 3..5);
        files.sync().unwrap();
        append(&mut files, 2, 5..6);
        // Not flushed: a kill may take it.
        drop(files);
        let (restored, doubtful) = restore(&folder);
        let rows: Vec<_> = restored.iter().map(|file| (file.name, file.rows)).collect();
        assert_eq!(rows, [(name(1), 5), (name(2), 0)]);
        assert_eq!(doubtful, (0..5).map(point).collect::<Vec<_>>());
        // They are closed by now.
        let (again, doubtful) = restore(&folder);
        assert_eq!((again, doubtful), (restored, Vec::new()));
    }

    /// After a flush that failed, the kernel may have none of it and say that all is flushed: points
    /// would leave the store that no file has.
    #[test]
    fn rows_whose_flush_failed_are_written_again() {
        let folder = Folder::new();
        let mut files = LateFiles::new(late(&folder));
        append(&mut files, 1, 0..2);
        files.sync().unwrap();
        append(&mut files, 1, 2..4);
        // It takes all that is written, keeps none of it, and cannot be flushed.
        let null = OpenOptions::new().write(true).open("/dev/null").unwrap();
        let file = std::mem::replace(&mut files.open[0].file, null);
        assert!(files.sync().is_err());
        files.open[0].file = file;
        files.sync().unwrap();
        drop(files);
        assert_eq!(restore(&folder).1, (0..4).map(point).collect::<Vec<_>>());
    }

    /// Its point is still in the store, and comes again.
    #[test]
    fn a_torn_row_is_cut_off() {
        let folder = Folder::new();
        let mut files = LateFiles::new(late(&folder));
        append(&mut files, 1, 0..2);
        files.sync().unwrap();
        let path = folder.path().join("late").join(format!("{}.open", name(1)));
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let (restored, doubtful) = restore(&folder);
        assert_eq!((restored[0].rows, doubtful), (1, vec![point(0)]));
        assert_eq!(late(&folder).read(name(1)).unwrap(), row::line(&point(0)).unwrap().as_bytes());
    }

    #[test]
    fn a_file_keeps_its_record_until_it_is_removed() {
        let folder = Folder::new();
        let mut files = LateFiles::new(late(&folder));
        append(&mut files, 1, 0..1);
        files.sync().unwrap();
        files.close(name(1)).unwrap();
        files.close(name(1)).unwrap();
        let first = JobRecord { attempt: 1, job: None };
        late(&folder).record(name(1), &first).unwrap();
        assert_eq!(restore(&folder).0[0].record, first);
        let second = JobRecord { attempt: 2, job: Some("id".to_owned()) };
        late(&folder).record(name(1), &second).unwrap();
        assert_eq!(restore(&folder).0[0].record, second);
        late(&folder).remove(name(1)).unwrap();
        late(&folder).remove(name(1)).unwrap();
        assert_eq!(restore(&folder), (Vec::new(), Vec::new()));
    }

    #[test]
    fn foreign_files_are_left_alone_and_records_alone_are_deleted() {
        let folder = Folder::new();
        let inside = folder.path().join("late");
        fs::create_dir(&inside).unwrap();
        for foreign in ["notes", "notes.csv", "1-2.csv"] {
            fs::write(inside.join(foreign), "a\nb\n").unwrap();
        }
        late(&folder).record(name(1), &JobRecord::default()).unwrap();
        assert_eq!(restore(&folder), (Vec::new(), Vec::new()));
        let left = fs::read_dir(&inside).unwrap().count();
        assert_eq!(left, 3);
    }

    /// A damaged record must not keep its file from its job, which is found by its name.
    #[test]
    fn a_record_that_cannot_be_read_is_none() {
        let folder = Folder::new();
        let mut files = LateFiles::new(late(&folder));
        append(&mut files, 1, 0..1);
        files.close(name(1)).unwrap();
        fs::write(folder.path().join("late").join(format!("{}.job", name(1))), "{").unwrap();
        assert_eq!(restore(&folder).0[0].record, JobRecord::default());
    }

    /// The store was not opened, and the outbox kept its values in memory.
    #[test]
    fn a_file_that_cannot_be_read_is_left_and_told_and_keeps_nobody_waiting() {
        let folder = Folder::new();
        let mut files = LateFiles::new(late(&folder));
        append(&mut files, 1, 0..1);
        files.sync().unwrap();
        // A folder cannot be read, whoever asks.
        let path =
            |name: FileName, kind: &str| folder.path().join("late").join(format!("{name}.{kind}"));
        fs::create_dir(path(name(2), CLOSED)).unwrap();
        fs::create_dir(path(name(3), OPEN)).unwrap();
        late(&folder).record(name(2), &JobRecord::default()).unwrap();
        let left = late(&folder).restore(|_| -> io::Result<()> { Ok(()) }).unwrap();
        assert_eq!(left.files.iter().map(|file| file.name).collect::<Vec<_>>(), [name(1)]);
        let told: Vec<_> = left.unreadable.iter().map(|(file, _)| *file).collect();
        assert_eq!(told, [name(3), name(2)]);
        let kinds = [(2, CLOSED), (2, JOB), (3, OPEN)];
        assert!(kinds.iter().all(|(file, kind)| path(name(*file), kind).exists()));
    }

    /// No other file was closed any more, and no dead letter of a job was kept.
    #[test]
    fn a_file_that_somebody_deleted_keeps_no_other_from_being_closed() {
        let folder = Folder::new();
        let mut files = LateFiles::new(late(&folder));
        append(&mut files, 1, 0..1);
        append(&mut files, 2, 1..2);
        files.sync().unwrap();
        fs::remove_file(folder.path().join("late").join(format!("{}.open", name(1)))).unwrap();
        files.close(name(1)).unwrap();
        files.close(name(2)).unwrap();
        assert_eq!(files.open.len(), 0);
        let missing = late(&folder).read(name(1)).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        assert!(late(&folder).read(name(2)).is_ok());
    }

    #[test]
    fn what_the_store_refuses_leaves_the_file_open() {
        let folder = Folder::new();
        let mut files = LateFiles::new(late(&folder));
        append(&mut files, 1, 0..1);
        files.sync().unwrap();
        let refused = late(&folder).restore(|_| -> io::Result<()> { Err(io::Error::other("no")) });
        assert!(refused.is_err());
        assert_eq!(restore(&folder).1, [point(0)], "it would be in the file and in the store");
    }
}

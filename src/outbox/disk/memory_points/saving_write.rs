//! What is on disk of the last point of a key, and all ways in which that changes.
//!
//! | what happens | none yet | flushed | in a write | unsure | unsent |
//! |---|---|---|---|---|---|
//! | a point comes and goes into a write | in a write | in a write | in a write | | |
//! | a point comes while the disk takes none | unsent | unsure | unsure | unsure | unsent |
//! | its write is flushed | | flushed | flushed | | |
//! | the disk fails | | flushed | unsure | unsure | unsent |
//! | the disk lost some of what was flushed | | unsure | unsure | unsure | unsent |
//! | the disk takes writes again | | flushed | in a write | in a write | in a write |
//!
//! While the disk takes writes none is unsure or unsent. That its write is flushed is nowhere
//! entered: it follows from the number of the last one that is.

/// The number of the write that saves a point, or one of two that stand for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct SavingWrite(u64);

impl SavingWrite {
    /// It was read from disk.
    pub(in super::super) const FLUSHED: Self = Self(0);
    /// It is in no write, but it was, or one before it with its key: there may be a record.
    pub(in super::super) const UNSURE: Self = Self(u64::MAX - 1);
    /// It is in no write, and none with its key was since the first of them came to memory.
    pub(in super::super) const UNSENT: Self = Self(u64::MAX);

    /// It goes into this write.
    pub(in super::super) fn in_write(number: u64) -> Self {
        Self(number)
    }

    /// That of a point that comes: into this write, if the disk takes any. `before` is that of the
    /// point whose place it takes.
    pub(in super::super) fn for_put(write: Option<u64>, before: Option<Self>) -> Self {
        match (write, before) {
            (Some(number), _) => Self::in_write(number),
            (None, None | Some(Self::UNSENT)) => Self::UNSENT,
            (None, Some(_)) => Self::UNSURE,
        }
    }

    /// The same when the disk fails, and all writes up to `saved` are flushed.
    pub(in super::super) fn after_refusal(self, saved: u64) -> Self {
        match self.is_flushed(saved) || self.is_unwritten() {
            true => self,
            false => Self::UNSURE,
        }
    }

    /// Whether it is on disk, if all writes up to `saved` are.
    pub(in super::super) fn is_flushed(self, saved: u64) -> bool {
        self.0 <= saved
    }

    /// Whether it is in no write.
    pub(in super::super) fn is_unwritten(self) -> bool {
        self == Self::UNSURE || self == Self::UNSENT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table above, with 3 as the last write that is flushed, 7 in one that is not, and 9 the
    /// next.
    #[test]
    fn a_record_changes_as_the_table_says() {
        let (written, next) = (SavingWrite::in_write(7), SavingWrite::in_write(9));
        let all = [None, Some(SavingWrite::in_write(3)), Some(written), Some(SavingWrite::UNSURE)];
        let all = all.into_iter().chain([Some(SavingWrite::UNSENT)]);
        let of_next = |write| all.clone().map(move |before| SavingWrite::for_put(write, before));
        assert!(of_next(Some(9)).all(|record| record == next));
        let (unsure, unsent) = (SavingWrite::UNSURE, SavingWrite::UNSENT);
        assert!(of_next(None).eq([unsent, unsure, unsure, unsure, unsent]));
        let refused = all.clone().flatten().map(|record| record.after_refusal(3));
        assert!(refused.eq([SavingWrite::in_write(3), unsure, unsure, unsent]));
        let is_safe = |saved| all.clone().flatten().map(move |record| record.is_flushed(saved));
        assert!(is_safe(3).eq([true, false, false, false]));
        assert!(is_safe(8).eq([true, true, false, false]));
        let is_lacking = all.clone().flatten().map(SavingWrite::is_unwritten);
        assert!(is_lacking.eq([false, false, true, true]));
        assert!(
            SavingWrite::FLUSHED.is_flushed(0)
                && SavingWrite::FLUSHED.after_refusal(0) == SavingWrite::FLUSHED
        );
    }
}

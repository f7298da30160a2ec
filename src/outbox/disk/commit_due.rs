//! When the disk writer flushes what it has written.

use std::time::{Duration, Instant};

/// From the begin of one wait for the disk to that of the next. With what the disk itself takes, and
/// the way from the socket, far below the 200 ms within which a value is to be flushed.
pub(super) const COMMIT: Duration = Duration::from_millis(50);
/// How long what comes together is gathered before the first wait for the disk after a pause.
const GATHER: Duration = Duration::from_millis(10);

/// When to wait for the disk next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CommitDue {
    /// As soon as no job is left: a slow disk is not given a pause on top.
    pub(super) early: Instant,
    /// However many jobs are left.
    late: Instant,
}

impl CommitDue {
    /// Something is to be flushed from `now` on.
    pub(super) fn after(last_commit: Option<Instant>, now: Instant) -> Self {
        let gathered = now + GATHER;
        let early = last_commit.map_or(gathered, |begun| gathered.max(begun + COMMIT));
        Self { early, late: early.max(now + COMMIT) }
    }

    /// At this time, whatever is left.
    pub(super) fn at(at: Instant) -> Self {
        Self { early: at, late: at }
    }

    /// Whether to wait for the disk now.
    pub(super) fn is_over(self, jobs: JobsLeft, now: Instant) -> bool {
        match jobs {
            JobsLeft::None => self.early <= now,
            JobsLeft::Perhaps => self.late <= now,
        }
    }
}

/// Whether jobs wait for the disk writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JobsLeft {
    None,
    Perhaps,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It had a pause of 50 ms after each wait, however long that was: on a slow disk, beside late
    /// values, a value was flushed after 200 ms.
    #[test]
    fn a_slow_disk_is_given_no_pause_on_top() {
        let begun = Instant::now();
        let after = |millis| begun + Duration::from_millis(millis);
        assert_eq!(CommitDue::after(None, begun).early, begun + GATHER);
        for (now, early, late) in [(1, 50, 51), (45, 55, 95), (80, 90, 130), (1_000, 1_010, 1_050)]
        {
            let due = CommitDue::after(Some(begun), after(now));
            assert_eq!(due, CommitDue { early: after(early), late: after(late) }, "{now}");
            // While jobs are left they are done first.
            assert!(due.is_over(JobsLeft::None, after(early)));
            assert!(!due.is_over(JobsLeft::Perhaps, after(late - 1)));
            assert!(due.is_over(JobsLeft::Perhaps, after(late)));
        }
    }
}

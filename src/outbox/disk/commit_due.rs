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
    pub(super) when_idle: Instant,
    /// However many jobs are left.
    at_latest: Instant,
}

impl CommitDue {
    /// Something is to be flushed from `now` on.
    pub(super) fn after(last_commit: Option<Instant>, now: Instant) -> Self {
        let gathered = now + GATHER;
        let when_idle = last_commit.map_or(gathered, |begun| gathered.max(begun + COMMIT));
        Self { when_idle, at_latest: when_idle.max(now + COMMIT) }
    }

    /// At this time, whatever is left.
    pub(super) fn at(at: Instant) -> Self {
        Self { when_idle: at, at_latest: at }
    }

    /// Whether to wait for the disk now.
    pub(super) fn is_due(self, jobs: JobsLeft, now: Instant) -> bool {
        match jobs {
            JobsLeft::None => self.when_idle <= now,
            JobsLeft::Perhaps => self.at_latest <= now,
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

    /// It had a pause of 50 ms after each wait, however long that was: on a slow disk, beside at_latest
    /// values, a value was flushed after 200 ms.
    #[test]
    fn a_slow_disk_is_given_no_pause_on_top() {
        let begun = Instant::now();
        let after = |millis| begun + Duration::from_millis(millis);
        assert_eq!(CommitDue::after(None, begun).when_idle, begun + GATHER);
        for (now, when_idle, at_latest) in
            [(1, 50, 51), (45, 55, 95), (80, 90, 130), (1_000, 1_010, 1_050)]
        {
            let due = CommitDue::after(Some(begun), after(now));
            assert_eq!(
                due,
                CommitDue { when_idle: after(when_idle), at_latest: after(at_latest) },
                "{now}"
            );
            // While jobs are left they are done first.
            assert!(due.is_due(JobsLeft::None, after(when_idle)));
            assert!(!due.is_due(JobsLeft::Perhaps, after(at_latest - 1)));
            assert!(due.is_due(JobsLeft::Perhaps, after(at_latest)));
        }
    }
}

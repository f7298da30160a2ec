//! Late values that are not sent, although a bucket is there for them.

use super::{DegradedReason, EngineView};
use crate::late::{Late, LateStatus, NotQueued, Obstacle, Tiers};
use crate::sitewise::limits;
use crate::time::Timestamp;

/// What becomes of values that SiteWise's usual call takes no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooOld {
    /// Dead letters.
    Rejected,
    /// With `LATE_BUCKET`, as far as is known: they go by bulk import.
    Imported,
}

impl TooOld {
    pub(super) fn of(look: &EngineView<'_>) -> Self {
        Self::by(look.bridge.late().map(Late::tiers))
    }

    /// By the account's storage; none without `LATE_BUCKET`.
    fn by(tiers: Option<Tiers>) -> Self {
        match tiers {
            None | Some(Tiers::Disabled) => Self::Rejected,
            Some(Tiers::Unknown | Tiers::Enabled) => Self::Imported,
        }
    }

    /// Until when a value of this time waits for its asset.
    pub(super) fn waits_until(self, time: Timestamp) -> Timestamp {
        match self {
            Self::Rejected => time.plus(limits::OLDEST_VALUE),
            Self::Imported => time.plus(2 * limits::OLDEST_VALUE),
        }
    }

    /// The end of the oldest that waits for its asset.
    pub(super) fn of_oldest(self, until: Timestamp) -> String {
        match self {
            Self::Rejected => format!(
                "SiteWise accepts the oldest of them until {until}, after that they become dead \
                 letters"
            ),
            Self::Imported => format!(
                "the oldest of them is sent by bulk import after {until}, through LATE_BUCKET, \
                 and rejected unless the asset is there by then"
            ),
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Rejected => "become dead letters",
            Self::Imported => "are sent by bulk import, through LATE_BUCKET",
        }
    }
}

impl DegradedReason {
    /// Whether late values do not leave: the account has no storage for them as far as is known, the
    /// disk refuses their files, or a file is not sent.
    pub(super) fn late_values(status: &LateStatus) -> Option<Self> {
        let waiting = status.waiting;
        let why = match status.obstacle()? {
            Obstacle::NoTier => {
                let why = NotQueued::NoTier.reason();
                let stay = match waiting {
                    0 => String::new(),
                    _ => format!(
                        "; {waiting} more are in files in OUTBOX_DIR, which are sent once a tier is \
                         enabled"
                    ),
                };
                format!(
                    "become dead letters: {why}{stay}; enable the warm tier or the cold tier in \
                     SiteWise's settings, under Storage, or unset LATE_BUCKET"
                )
            }
            Obstacle::TiersUnread(said) => format!(
                "are not sent, {waiting} of them queued in OUTBOX_DIR, and those of INGEST_BUFFERED \
                 are sent at once: the account's storage configuration cannot be read: {said}; it is \
                 read again every five minutes; allow the bridge's role \
                 iotsitewise:DescribeStorageConfiguration"
            ),
            Obstacle::Disk(said) => format!(
                "are not sent, {waiting} of them queued, and those of INGEST_BUFFERED are sent at \
                 once: the folder late in OUTBOX_DIR cannot be written: {said}; it is tried again; \
                 check its owner, its permissions and the room on the disk"
            ),
            Obstacle::File(object, said) => format!(
                "are not sent, {waiting} of them queued in OUTBOX_DIR: {object}: {said}; the step is \
                 retried; check that LATE_BUCKET exists, in the bridge's region, that the bridge's \
                 role may write to it and pass the role in LATE_ROLE_ARN (iam:PassRole), and that \
                 the latter may read and write the bucket"
            ),
        };
        Some(Self::LateValuesFailing { why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparkplug::findings::Finding;

    /// S3 answered 403 to each file, and the bridge was ready and had no problem.
    #[test]
    fn late_values_that_do_not_leave_are_a_reason_with_what_was_said_and_what_to_do() {
        let well = LateStatus { tiers: Tiers::Enabled, waiting: 7, ..LateStatus::default() };
        assert_eq!(DegradedReason::late_values(&LateStatus::default()), None);
        assert_eq!(DegradedReason::late_values(&well), None);
        let failing = Some(("sparkwise/a.csv".to_owned(), "S3: AccessDenied".to_owned()));
        let line = |status: &LateStatus| {
            let reason = DegradedReason::late_values(status).unwrap();
            assert_eq!(reason.label(), "late_values_failing");
            reason.to_string()
        };
        let denied = line(&LateStatus { failing, ..well.clone() });
        for part in ["late values are not sent, 7 of them", "a.csv: S3: AccessDenied", "PassRole"] {
            assert!(denied.contains(part), "{part} is not in {denied}");
        }
        let without = line(&LateStatus { tiers: Tiers::Disabled, ..well.clone() });
        assert!(without.starts_with("late values become dead letters: "), "{without}");
        // They stayed for as long as no tier was enabled, and nothing said that they were there.
        for part in ["enable the warm tier", "; 7 more are in files in OUTBOX_DIR"] {
            assert!(without.contains(part), "{part} is not in {without}");
        }
    }

    /// Without the permission to read the storage configuration nothing was ever sent, and the bridge
    /// was ready and had no problem.
    #[test]
    fn late_values_wait_for_a_storage_configuration_that_cannot_be_read() {
        let unread = LateStatus { tiers_unread: Some("denied".to_owned()), ..Default::default() };
        // As long as nobody waits for it.
        assert_eq!(DegradedReason::late_values(&unread), None);
        let waiting = LateStatus { waiting: 7, ..unread.clone() };
        let buffering = LateStatus { buffers: true, ..unread.clone() };
        for status in [&waiting, &buffering] {
            let reason = DegradedReason::late_values(status).unwrap().to_string();
            for part in ["are not sent", "denied", "DescribeStorageConfiguration"] {
                assert!(reason.contains(part), "{part} is not in {reason}");
            }
        }
        // A tier was found before: it is read again, and nothing waits for that.
        let known = LateStatus { tiers: Tiers::Enabled, ..waiting };
        assert_eq!(DegradedReason::late_values(&known), None);
    }

    /// Buffered values were held back, a hundred thousand of them, and nothing was degraded.
    #[test]
    fn a_disk_that_refuses_the_files_is_a_reason() {
        let disk = Some("Permission denied".to_owned());
        let status = LateStatus { tiers: Tiers::Enabled, disk, ..LateStatus::default() };
        let reason = DegradedReason::late_values(&status).unwrap().to_string();
        assert!(reason.contains("cannot be written: Permission denied"), "{reason}");
    }

    /// They were said to become dead letters.
    #[test]
    fn with_a_bucket_values_past_the_window_are_not_said_to_be_lost() {
        let (since, until) = (Timestamp::from_millis(0), Timestamp::from_millis(1));
        for (tiers, lost) in [
            (None, true),
            (Some(Tiers::Disabled), true),
            (Some(Tiers::Unknown), false),
            (Some(Tiers::Enabled), false),
        ] {
            let then = TooOld::by(tiers);
            let waits = DegradedReason::AwaitsBirth { machine: None, values: 1, until, then };
            for why in [DegradedReason::ValuesExpiring { since, then }, waits] {
                let (why, case) = (why.reason(), format!("{tiers:?}"));
                assert_eq!(why.contains("become dead letters"), lost, "{case}: {why}");
                assert_eq!(why.contains("through LATE_BUCKET"), !lost, "{case}: {why}");
            }
        }
        let finding = Finding::OutOfWindow.description();
        assert!(!finding.contains("dead letter") && finding.contains("LATE_BUCKET"), "{finding}");
    }
}

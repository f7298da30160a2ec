//! Late values that are not sent, although a bucket is there for them.

use super::{DegradedReason, EngineView};
use crate::late::{Late, LateStatus, NotQueued, Tiers};
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
    /// Whether late values do not leave: the account has no storage for them, or the last step of a
    /// file failed.
    pub(super) fn late_values(status: &LateStatus) -> Option<Self> {
        if status.tiers == Tiers::Disabled {
            let why = NotQueued::NoTier.reason();
            return Some(Self::LateValuesFailing {
                why: format!(
                    "become dead letters: {why}; enable the warm tier or the cold tier in \
                     SiteWise's settings, under Storage, or unset LATE_BUCKET"
                ),
            });
        }
        let (object, said) = status.failing.as_ref()?;
        Some(Self::LateValuesFailing {
            why: format!(
                "are not sent, {} of them queued in OUTBOX_DIR: {object}: {said}; the step is \
                 retried; check that LATE_BUCKET exists, in the bridge's region, that the bridge's \
                 role may write to it and pass the role in LATE_ROLE_ARN (iam:PassRole), and that \
                 the latter may read and write the bucket",
                status.waiting
            ),
        })
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
        let without = line(&LateStatus { tiers: Tiers::Disabled, ..well });
        assert!(without.starts_with("late values become dead letters: "), "{without}");
        assert!(without.contains("enable the warm tier"), "{without}");
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

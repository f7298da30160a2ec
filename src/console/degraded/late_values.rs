//! Late values that are not sent, although a bucket is there for them.

use super::DegradedReason;
use crate::late::{LateStatus, Refusal, Tiers};

impl DegradedReason {
    /// Whether late values do not leave: the account has no storage for them, or the last step of a
    /// file failed.
    pub(super) fn late_values(status: &LateStatus) -> Option<Self> {
        if status.tiers == Tiers::Disabled {
            let why = Refusal::NoTier.reason();
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
}

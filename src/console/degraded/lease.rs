//! Of two bridges: nobody to take over, or a lease that cannot be read.

use std::time::Duration;

use super::DegradedReason;
use crate::console::view::LeaseStatus;
use crate::time::Timestamp;

/// How long a holder may be alone: a bridge that is replaced is missing for a while.
const UNFOLLOWED_FOR: Duration = Duration::from_secs(120);

impl DegradedReason {
    /// What is wrong with the lease, or with the other bridge.
    pub(super) fn lease(status: &LeaseStatus, now: Timestamp) -> Vec<Self> {
        let unreachable = status.trouble.clone().map(|why| Self::LeaseUnreachable { why });
        let since = status.unfollowed_since.filter(|since| since.plus(UNFOLLOWED_FOR) <= now);
        let alone = since.map(|since| Self::NoFollower { since });
        unreachable.into_iter().chain(alone).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second bridge was gone for days, and nobody was told before the first one died.
    #[test]
    fn a_holder_that_nobody_follows_is_degraded_after_two_minutes() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
        let labels = |status: &LeaseStatus, now| {
            let reasons = DegradedReason::lease(status, at(now));
            reasons.iter().map(DegradedReason::label).collect::<Vec<_>>()
        };
        let mut status = LeaseStatus::default();
        assert_eq!(labels(&status, 10_000), [""; 0]);
        status.unfollowed_since = Some(at(1_000));
        assert_eq!(labels(&status, 1_119), [""; 0]);
        assert_eq!(labels(&status, 1_120), ["no_follower"]);
        status.trouble = Some("it does not answer".to_owned());
        assert_eq!(labels(&status, 1_119), ["lease_unreachable"]);
        assert_eq!(labels(&status, 1_120), ["lease_unreachable", "no_follower"]);
        let all = DegradedReason::lease(&status, at(1_120));
        let lines: Vec<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "the lease's table cannot be reached: it does not answer; without it no bridge acts \
                 for longer than the lease lasts",
                "the lease has no follower since 1970-01-01T00:16:40Z: nobody takes over if this \
                 bridge fails; start the second one, and check that it has the same LEASE",
            ]
        );
    }
}

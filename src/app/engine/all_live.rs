//! Logs that all assets are live: the end of a start, of a plant that grew, or of a repair.

use std::time::Duration;

use tracing::info;

use super::{Engine, SyncState};
use crate::sitewise::client::SiteWise;
use crate::time::{Instant, Now};
use crate::twin::plan::status::ProvisioningStatus;

/// The least time between two lines: a plant that is switched on is born bit by bit.
const PAUSE: Duration = Duration::from_secs(60);

/// What was logged of assets that are live.
#[derive(Debug, Default)]
pub(super) struct AllLive {
    /// The number of assets in the last line; none if one was not live since.
    logged: Option<usize>,
    /// The earliest time of the next line.
    next: Option<Instant>,
}

impl AllLive {
    /// Whether to count the live assets: a line for this number was not logged, or is out of date.
    fn should_count(&self, assets: usize, now: Instant) -> bool {
        assets > 0 && self.logged != Some(assets) && self.next.is_none_or(|next| next <= now)
    }

    /// Records how many of the assets are live. True if it is to be logged that all are.
    fn record(&mut self, assets: usize, live: usize, now: Instant) -> bool {
        if live < assets {
            self.logged = None;
            return false;
        }
        let is_logged = self.should_count(assets, now);
        if is_logged {
            (self.logged, self.next) = (Some(assets), Some(now + PAUSE));
        }
        is_logged
    }
}

impl<S: SiteWise> Engine<S> {
    /// After a call: logs that all assets are live, once provisioning has nothing left to do.
    pub(super) fn log_all_live(&mut self, now: Now) {
        let twin = self.bridge.twin();
        if twin.plan().pending() == 0 && self.all_live.should_count(twin.size().1, now.instant) {
            self.check_all_live(now);
        }
    }

    /// Counts the assets that are live: not after each call, since there may be 100,000.
    pub(super) fn check_all_live(&mut self, now: Now) {
        if self.sync_state != SyncState::Done {
            return;
        }
        let twin = self.bridge.twin();
        let assets = twin.size().1;
        let is_live = |ix| twin.plan().asset_state(ix) == ProvisioningStatus::Active;
        let live = twin.assets_from(0).filter(|(ix, _)| is_live(*ix)).count();
        if self.all_live.record(assets, live, now.instant) {
            info!(sitewise.assets = assets, "all {assets} assets are live in SiteWise");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nobody saw in the log that a start was over.
    #[test]
    fn it_is_told_once_and_again_after_it_grew_or_was_broken() {
        let mut all = AllLive::default();
        let at = |seconds| Instant::START + Duration::from_secs(seconds);
        assert!(!all.should_count(0, at(0)));
        assert!(all.should_count(47, at(0)) && !all.record(47, 46, at(0)));
        assert!(all.record(47, 47, at(1)));
        assert!(!all.should_count(47, at(600)) && !all.record(47, 47, at(600)));
        // It grows: not a line for each birth.
        assert!(all.record(48, 48, at(600)));
        assert!(!all.should_count(49, at(630)) && !all.record(49, 49, at(630)));
        assert!(all.record(60, 60, at(660)));
        // One is deleted in SiteWise, and created again.
        assert!(!all.record(60, 59, at(720)));
        assert!(all.record(60, 60, at(780)));
    }
}

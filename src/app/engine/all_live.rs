//! Logs that all assets are live: the end of a start, of a plant that grew, or of a repair.

use std::time::Duration;

use tracing::info;

use super::{Engine, SyncState};
use crate::sitewise::client::SiteWise;
use crate::time::{Instant, Now};
use crate::twin::plan::status::ProvisioningStatus;

/// The least time between two lines: a plant that is switched on is born bit by bit.
const PAUSE: Duration = Duration::from_secs(60);

/// What was logged.
#[derive(Debug, Default)]
pub(super) struct AllLive {
    /// So many assets were live, and nothing was broken since.
    logged: Option<usize>,
    /// The earliest time of the next line.
    next: Option<Instant>,
}

impl AllLive {
    /// Whether it is worth counting: so many assets were not all live when that was last known.
    fn is_open(&self, assets: usize, now: Instant) -> bool {
        assets > 0 && self.logged != Some(assets) && self.next.is_none_or(|next| next <= now)
    }

    /// So many of the assets are live. Whether to log that these are all.
    fn record(&mut self, assets: usize, live: usize, now: Instant) -> bool {
        if live < assets {
            self.logged = None;
            return false;
        }
        let is_told = self.is_open(assets, now);
        if is_told {
            (self.logged, self.next) = (Some(assets), Some(now + PAUSE));
        }
        is_told
    }
}

impl<S: SiteWise> Engine<S> {
    /// Looks whether nothing is to be done and all assets are live, after a call.
    pub(super) fn log_all_live(&mut self, now: Now) {
        let twin = self.bridge.twin();
        if twin.plan().pending() == 0 && self.all_live.is_open(twin.size().1, now.instant) {
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
        assert!(!all.is_open(0, at(0)));
        assert!(all.is_open(47, at(0)) && !all.record(47, 46, at(0)));
        assert!(all.record(47, 47, at(1)));
        assert!(!all.is_open(47, at(600)) && !all.record(47, 47, at(600)));
        // It grows: not a line for each birth.
        assert!(all.record(48, 48, at(600)));
        assert!(!all.is_open(49, at(630)) && !all.record(49, 49, at(630)));
        assert!(all.record(60, 60, at(660)));
        // One is deleted in SiteWise, and created again.
        assert!(!all.record(60, 59, at(720)));
        assert!(all.record(60, 60, at(780)));
    }
}

//! What is read of the account while the bridge runs: the initial sync, its quotas, and
//! SiteWise's time.

use std::sync::Arc;

use tokio::task::JoinError;
use tracing::{info, warn};

use super::{Engine, Error, SyncState};
use crate::bridge::reachability::ReachabilityChange;
use crate::console::degraded;
use crate::sitewise::api::{ApiFault, Quotas};
use crate::sitewise::client::SiteWise;
use crate::time::{ClockAgreement, Now, rounded};
use crate::twin::counts::DropReason;

impl<S: SiteWise> Engine<S> {
    /// Handles the account's quotas, read from Service Quotas.
    pub(super) fn handle_quotas(
        &mut self,
        result: Result<Option<Result<Quotas, ApiFault>>, JoinError>,
    ) -> Result<(), Error> {
        let told = result.map_err(|_| Error::Task("quotas"))?;
        let Some(told) = told else { return Ok(()) };
        let told = told.unwrap_or_else(|fault| {
            info!(error = %fault, "cannot read the account's quotas, using AWS's defaults: allow \
                                   servicequotas:ListServiceQuotas, or set \
                                   INGEST_*_PER_SECOND and TWIN_*_PER_SECOND");
            Quotas::default()
        });
        self.quotas_read = told != Quotas::default();
        let quotas = self.reporting.quotas.or(told);
        let now = self.now();
        self.bridge.handle_quotas(&quotas, now);
        for (what, quota) in told.named() {
            if let Some(quota) = quota {
                info!(quota, "the account's quota of {what} is {quota} a second");
            }
        }
        Ok(())
    }

    /// The current time, after checking for a step of the wall clock.
    pub(super) fn now(&mut self) -> Now {
        self.compare_clocks();
        self.clock.now()
    }

    /// Compares our clock with SiteWise's, by which SiteWise accepts timestamps, and logs when they
    /// differ or agree again.
    fn compare_clocks(&mut self) {
        let Some(clocks) = self.clock.compare(self.sitewise.clock_ahead()) else { return };
        self.bridge.handle_clocks(clocks);
        match (clocks, self.clock.ahead()) {
            (ClockAgreement::Differ, 0) => warn!(
                "this host's clock was changed while the bridge ran: until SiteWise's next answer \
                 shows its time, no value is rejected here for its timestamp"
            ),
            (ClockAgreement::Differ, ahead) => warn!(
                clock.offset_ms = ahead,
                "this host's clock is {}: synchronize it (NTP); meanwhile SiteWise's time is used, \
                 and only SiteWise rejects values for their timestamps",
                degraded::clock_offset_text(ahead)
            ),
            (ClockAgreement::Agree, _) => info!("this host's clock agrees with SiteWise's again"),
        }
    }

    /// Calls to SiteWise begin to fail, or pass again.
    pub(super) fn log_reachability(&self, change: &ReachabilityChange, now: Now) {
        let waiting =
            self.outbox.len() + self.bridge.delivery().waiting() + self.bridge.twin().buffered();
        match change {
            ReachabilityChange::Failing { plane, cause, said, since } => {
                let host = self.sitewise.host(*plane);
                let since = match (now.wall.seconds() - since.seconds()).max(0) {
                    0 => String::new(),
                    seconds => format!(" for {seconds} s"),
                };
                warn!(
                    sitewise.host = host,
                    sitewise.cause = cause.label(),
                    values.waiting = waiting,
                    "{}: {} at {host} have failed{since}: {said}; {waiting} values queued; {}",
                    cause.description(),
                    plane.description(),
                    cause.remedy()
                );
            }
            ReachabilityChange::PermissionRestored { plane, operation, denied } => info!(
                sitewise.host = self.sitewise.host(*plane),
                "SiteWise allows iotsitewise:{operation} again; it was denied for {}",
                rounded(*denied)
            ),
            ReachabilityChange::Slow { plane, took } => {
                let host = self.sitewise.host(*plane);
                warn!(
                    sitewise.host = host,
                    values.waiting = waiting,
                    "SiteWise is slow: {} at {host} succeed, but only after {}; {waiting} \
                        values queued; {}",
                    plane.description(),
                    rounded(*took),
                    degraded::SLOW_REMEDY
                );
            }
            ReachabilityChange::Recovered { plane, away } => {
                let host = self.sitewise.host(*plane);
                info!(
                    sitewise.host = host,
                    values.waiting = waiting,
                    "SiteWise is reachable again after {}: {} at {host} are answered; {waiting} \
                        values waited",
                    rounded(*away),
                    plane.description(),
                );
            }
        }
    }

    /// Logs the end of the initial sync, and reads the quotas: values are delivered from here on.
    pub(super) fn log_sync_progress(&mut self) {
        let twin = self.bridge.twin();
        if self.sync_state == SyncState::Done {
            return;
        }
        if twin.plan().is_synced() {
            self.sync_state = SyncState::Done;
            self.missing_births.sync_complete(self.clock.now().instant);
            let sitewise = Arc::clone(&self.sitewise);
            self.quota_request.spawn(async move { sitewise.quotas().await });
            info!("initial sync with SiteWise complete: delivering values");
        } else if self.sync_state == SyncState::Running
            && twin.counts().dropped(DropReason::BeforeSync) > 0
        {
            self.sync_state = SyncState::BufferFull;
            warn!(
                "values are being dropped: the buffer for values that arrive before the initial \
                 sync with SiteWise is full; the latest birth of each edge node and device is kept"
            );
        }
    }
}

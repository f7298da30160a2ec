//! What console and metrics see of the engine.

use tracing::warn;

use super::Engine;
use crate::app::ledger::Ledger;
use crate::console::degraded::DegradedReasons;
use crate::console::snapshot::Snapshot;
use crate::console::{EngineQuery, EngineView, ServerStatus};
use crate::sitewise::client::SiteWise;
use crate::telemetry;

/// Problems that are logged each time; further ones are counted.
const PROBLEMS: usize = 10;

impl<S: SiteWise> Engine<S> {
    /// Runs a query of the console.
    pub(super) fn answer_query(&self, query: EngineQuery) {
        let links = self.server_statuses();
        query(&self.view(&links));
    }

    pub(super) fn view<'a>(&'a self, servers: &'a [ServerStatus]) -> EngineView<'a> {
        let now = self.clock.now();
        EngineView {
            host_id: &self.reporting.host_id,
            linger: self.reporting.linger,
            bridge: &self.bridge,
            outbox: &*self.outbox,
            outbox_max_bytes: self.reporting.outbox_max_bytes,
            dead_letters: &self.dead_letters,
            watched: &self.watched,
            servers,
            doors: &self.doors,
            lease: &self.keeper,
            sitewise_hosts: &self.sitewise_hosts,
            losses: self.losses,
            clock_ahead: self.clock.ahead(),
            quotas_read: self.quotas_read,
            usage: &self.usage,
            price: self.reporting.price,
            outbox_full: self.is_full(now),
            buffer_saved: self.is_buffer_safe(),
            is_shutting_down: self.shutting_down,
            started_at: self.started_at,
            now,
        }
    }

    /// Logs the current problems that cost most, each with its remedy, and how many more there are.
    pub(super) fn log_problems(&self) {
        let links = self.server_statuses();
        for line in DegradedReasons::of(&self.view(&links)).first_lines(PROBLEMS) {
            warn!("{line}");
        }
    }

    pub(super) fn server_statuses(&self) -> Vec<ServerStatus> {
        self.servers.statuses(self.clock.now().instant)
    }

    /// All counters of now.
    pub(super) fn ledger(&self) -> Ledger {
        let links = self.server_statuses();
        let ledger = Ledger::new(
            &self.bridge,
            &*self.outbox,
            self.losses,
            &self.dead_letters,
            &links,
            self.is_buffer_safe(),
        );
        let follower_window =
            self.keeper.as_ref().map(|keeper| keeper.window()).unwrap_or_default();
        Ledger { replayed_messages: self.catch_up.replayed, follower_window, ..ledger }
    }

    /// Writes a line of metrics, with `METRICS_EMF`.
    pub(super) fn log_metrics(&mut self) {
        let Some(mut emf) = self.reporting.emf.take() else { return };
        let links = self.server_statuses();
        let snapshot = Snapshot::take(&self.view(&links));
        telemetry::write_line(&emf.line(&snapshot));
        self.reporting.emf = Some(emf);
    }
}

//! Snapshot of all figures, for metrics, readiness and the web page.

use std::time::Duration;

use crate::app::Ledger;
use crate::command::{self, Commander};
use crate::labels::{self, Labels};
use crate::late::savings::SavingsEstimate;
use crate::sparkplug::address::EdgeNode;
use crate::sparkplug::host::{HostCounters, NodePhase};
use crate::time::Timestamp;
use crate::twin::plan::status::ProvisioningStatus;

use super::buffered;
use super::degraded::DegradedReasons;
use super::health::NotReadyReason;
use super::usage::{COSTS_AFTER, UsageRates, UsageTotals};
use super::view::{DoorStatus, EngineView, LeaseStatus, ServerStatus};

/// Snapshot of all figures.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Id of this host application.
    pub host_id: String,
    /// How long a value waits for others of its property.
    pub linger: Duration,
    /// The moment.
    pub at: Timestamp,
    /// When the engine began.
    pub started_at: Timestamp,
    /// What became of every value.
    pub ledger: Ledger,
    /// What was received from the plant.
    pub plant: HostCounters,
    /// Edge nodes by phase, in the order of [`PHASES`].
    pub nodes: [u64; PHASES.len()],
    /// Whether each edge node is online: of the first [`NAMED`] by name.
    pub nodes_named: Vec<(EdgeNode, bool)>,
    /// The MQTT servers.
    pub servers: Vec<ServerStatus>,
    /// Why the bridge is not ready.
    pub not_ready: Vec<NotReadyReason>,
    /// Problems while the bridge is ready.
    pub degraded: DegradedReasons,
    /// When the oldest queued value was queued.
    pub oldest: Option<Timestamp>,
    /// Bytes used by queued values.
    pub outbox_bytes: u64,
    /// Bytes that they may take.
    pub outbox_max_bytes: u64,
    /// Dead letters that are kept.
    pub dead_letters_kept: u64,
    /// Requests and values a second that are kept to.
    pub quotas: (u32, u32),
    /// Whether these were read from Service Quotas.
    pub quotas_read: bool,
    /// Share of the quotas that is used; less than 1 after throttling.
    pub quota_share: f64,
    /// How much is sent, of late.
    pub usage: UsageRates,
    /// What bulk import would cost instead; none while too little was measured.
    pub buffered: Option<SavingsEstimate>,
    /// What a million messages cost, in any currency.
    pub price: Option<f64>,
    /// Assets of all wanted that are usable.
    pub assets_live: u64,
    /// Calls to the control plane that are still to be made.
    pub provisioning_pending: u64,
    /// Commands: all zero where nothing may be written to the plant.
    pub commands: command::Figures,
    /// Labels: all zero where none are wanted.
    pub labels: labels::Figures,
    /// Where requests come in, in no order.
    pub doors: Vec<DoorStatus>,
    /// Which of two bridges this is; none for one that acts alone.
    pub lease: Option<LeaseStatus>,
}

/// Edge nodes with a metric of their own: more would be too many series for Prometheus.
pub const NAMED: usize = 1_000;

/// Phases of an edge node, with their labels.
pub const PHASES: [(NodePhase, &str); 4] = [
    (NodePhase::Unknown, "unknown"),
    (NodePhase::Awaited, "awaited"),
    (NodePhase::Online, "online"),
    (NodePhase::Offline, "offline"),
];

/// The first by name, whichever order they come in, so that they are the same ones each time.
fn named<'a>(nodes: impl Iterator<Item = (&'a EdgeNode, NodePhase)>) -> Vec<(EdgeNode, bool)> {
    let known = nodes.filter(|(_, phase)| *phase != NodePhase::Unknown);
    let mut known: Vec<_> = known.map(|(node, phase)| (node, phase == NodePhase::Online)).collect();
    if known.len() > NAMED {
        known.select_nth_unstable(NAMED);
        known.truncate(NAMED);
    }
    known.into_iter().map(|(node, online)| (node.clone(), online)).collect()
}

impl Snapshot {
    /// Takes all figures. Walks over all assets, nodes and waiting streams: once a second is
    /// often enough.
    pub fn take(view: &EngineView<'_>) -> Self {
        let EngineView { bridge, outbox, now, .. } = *view;
        let (twin, host, delivery) = (bridge.twin(), bridge.host(), bridge.delivery());
        let (losses, saved) = (view.losses, view.buffer_saved);
        let ledger = Ledger::new(bridge, outbox, losses, view.dead_letters, view.servers, saved);
        let lease = view.lease.status(now);
        let follower_window = lease.as_ref().map(|lease| lease.window).unwrap_or_default();
        let ledger = Ledger { follower_window, ..ledger };
        let handed = ledger.delivery.oldest;
        let handed = handed.map(|since| now.wall.minus(now.instant.since(since)));
        let mut nodes = [0; PHASES.len()];
        for (_, phase) in host.phases() {
            for ((of, _), count) in PHASES.iter().zip(&mut nodes) {
                *count += u64::from(*of == phase);
            }
        }
        let live = |ix| twin.plan().asset_state(ix) == ProvisioningStatus::Active;
        Self {
            host_id: view.host_id.to_owned(),
            linger: view.linger,
            at: now.wall,
            started_at: view.started_at,
            plant: host.counters(),
            nodes,
            nodes_named: named(host.phases()),
            servers: view.servers.to_vec(),
            not_ready: NotReadyReason::all(view),
            degraded: DegradedReasons::of(view),
            oldest: [handed, outbox.oldest()].into_iter().flatten().min(),
            outbox_bytes: outbox.disk().map_or(outbox.bytes() as u64, |disk| disk.bytes),
            outbox_max_bytes: view.outbox_max_bytes,
            dead_letters_kept: view.dead_letters.len() as u64,
            quotas: delivery.quotas(),
            quotas_read: view.quotas_read,
            quota_share: delivery.share(now.instant),
            usage: view.usage.rates(UsageTotals::of(&ledger.delivery), now.instant),
            buffered: buffered::estimate(view),
            price: view.price,
            assets_live: twin.assets_from(0).filter(|(ix, _)| live(*ix)).count() as u64,
            provisioning_pending: twin.plan().pending() as u64,
            commands: bridge.commands().map(Commander::figures).unwrap_or_default(),
            labels: bridge.labels().map(Labels::figures).unwrap_or_default(),
            doors: view.doors.statuses(),
            lease,
            ledger,
        }
    }

    /// When there will be figures of costs, while there are none.
    pub fn costs_at(&self) -> Option<Timestamp> {
        let is_measuring = self.usage.messages_per_month.is_none();
        is_measuring.then(|| self.started_at.plus(COSTS_AFTER))
    }

    /// What the messages of thirty days cost at the present rate, where the price is known.
    pub fn cost_per_month(&self) -> Option<f64> {
        Some(self.usage.messages_per_month? / 1e6 * self.price?)
    }

    /// Seconds that the oldest value has waited; zero if none waits.
    pub fn oldest_age_seconds(&self) -> f64 {
        let age = self.oldest.map_or(0, |oldest| self.at.as_millis() - oldest.as_millis());
        age.max(0) as f64 / 1_000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_nodes_are_named_and_always_the_same() {
        let nodes: Vec<EdgeNode> =
            (0..NAMED + 10).map(|n| EdgeNode::new("Nordsee", format!("gw{n:05}"))).collect();
        let phases = nodes.iter().map(|node| (node, NodePhase::Offline));
        let (mut there, mut back) = (named(phases.clone()), named(phases.rev()));
        there.sort_unstable();
        back.sort_unstable();
        assert_eq!(there.len(), NAMED);
        assert_eq!(there, back);
        assert!(there.iter().all(|(node, online)| *node.node < *"gw01000" && !online));
        let unknown = named(nodes.iter().map(|node| (node, NodePhase::Unknown)));
        assert_eq!(unknown, []);
    }
}

//! The ledger: all counters in one place, which must add up.

mod late;

use std::time::Duration;

use tracing::{error, info, warn};

pub use self::late::LateAccount;
use super::engine::ShutdownPatience;
use crate::bridge::Bridge;
use crate::console::ServerStatus;
use crate::console::degraded::counted;
use crate::delivery::figures::RejectedCounts;
use crate::delivery::point::DiscardReason;
use crate::late::LateFigures;
use crate::lease::window::WindowFigures;
use crate::outbox::dead_letters::DeadLetters;
use crate::outbox::{DiskFigures, DiskState, Outbox};
use crate::sparkplug::host::SkipReason;
use crate::twin::counts::{DropReason, ValueCounts};
use crate::twin::plan;
use crate::{delivery, twin};

/// Problems that are logged at the end; further ones are counted.
const PROBLEMS: usize = 10;

/// Points that the outbox dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxLosses {
    /// A later point with the same property, time and quality took their place.
    pub overwritten: u64,
    /// There was no room.
    pub full: u64,
}

impl OutboxLosses {
    /// Over all reasons.
    pub fn total(self) -> u64 {
        self.overwritten + self.full
    }
}

/// Messages that never reached the engine, or never left it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageCounts {
    /// Received from all servers.
    pub received: u64,
    /// Of these: the engine's queue was full.
    pub dropped: u64,
    /// Of these: the topic is not UTF-8.
    pub malformed: u64,
    /// To be published, but the connection's queue was full.
    pub unpublished: u64,
}

/// Snapshot of all counters of the bridge.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    /// Messages received, and those dropped before the engine.
    pub mqtt: MessageCounts,
    /// Counters of the plant's values.
    pub values: ValueCounts,
    /// Messages that earlier processes stored and this one replayed: their values count as read.
    pub replayed_messages: u64,
    /// Values buffered until the initial sync with SiteWise.
    pub buffered: usize,
    /// Whether these are on disk, as the messages they arrived in.
    pub buffered_saved: bool,
    /// Counters of delivery.
    pub delivery: delivery::figures::DeliveryFigures,
    /// Points queued in the outbox.
    pub outbox_points: usize,
    /// Of these: behind a gate.
    pub parked_points: usize,
    /// Points that the outbox dropped.
    pub losses: OutboxLosses,
    /// Points that a bridge keeps while another delivers; none in one that acts alone.
    pub follower_window: WindowFigures,
    /// State of the outbox on disk; none with one in memory.
    pub disk: Option<DiskFigures>,
    /// What became of late values; none where these become dead letters.
    pub late: Option<LateAccount>,
    /// Values rejected, by SiteWise or before sending.
    pub refused: RejectedCounts,
    /// Counters of provisioning.
    pub provisioning: plan::ProvisioningFigures,
    /// Models and assets wanted.
    pub desired: (usize, usize),
    /// Values that SPARKPLUG_INCLUDE and SPARKPLUG_EXCLUDE leave out.
    pub excluded_values: u64,
    /// Messages of edge nodes that they leave out whole.
    pub excluded_messages: u64,
    /// Values of messages that were skipped, by reason.
    pub skipped: [u64; SkipReason::ALL.len()],
    /// Edge nodes whose assets TWIN_RULES made of flat metrics: those have no parameters.
    pub grouped_nodes: Vec<String>,
    /// Findings and their counts.
    pub findings: Vec<(&'static str, u64)>,
    /// Problems: subject and reason.
    pub problems: Vec<(String, String)>,
}

impl Ledger {
    pub(crate) fn new(
        bridge: &Bridge,
        outbox: &dyn Outbox,
        losses: OutboxLosses,
        dead_letters: &DeadLetters,
        links: &[ServerStatus],
        buffer_saved: bool,
    ) -> Self {
        let twin: &twin::Twin = bridge.twin();
        let problems = twin.plan().problems();
        let host = bridge.host().counters();
        let findings = host.findings.iter().filter(|(_, count)| *count > 0);
        Self {
            mqtt: MessageCounts::of(links),
            findings: findings.map(|(finding, count)| (finding.name(), count)).collect(),
            excluded_values: host.excluded_values,
            excluded_messages: host.excluded_messages,
            skipped: host.skipped_values,
            grouped_nodes: twin.grouped().map(ToString::to_string).collect(),
            values: twin.counts().clone(),
            replayed_messages: 0,
            buffered: twin.buffered(),
            buffered_saved: buffer_saved,
            delivery: bridge.delivery().figures(),
            outbox_points: outbox.len(),
            parked_points: outbox.parked(),
            losses,
            follower_window: WindowFigures::default(),
            disk: outbox.disk(),
            late: LateAccount::of(bridge),
            refused: dead_letters.refused(),
            provisioning: twin.plan().figures(),
            desired: twin.size(),
            problems: problems.map(|(what, why)| (what.to_owned(), why.to_owned())).collect(),
        }
    }

    /// Values in files of late values whose jobs are not over.
    pub fn waiting_late(&self) -> u64 {
        self.late.as_ref().map_or(0, |late| late.status.waiting)
    }

    fn late_figures(&self) -> LateFigures {
        self.late.as_ref().map(|late| late.figures).unwrap_or_default()
    }

    /// Points queued or in flight.
    pub fn waiting(&self) -> usize {
        self.outbox_points + self.delivery.waiting + self.follower_window.points
    }

    /// Values that a crash would lose: queued or buffered, and not on disk.
    pub fn lost_in_crash(&self) -> usize {
        let points = self.waiting();
        let points = self.disk.as_ref().map_or(points, |disk| disk.unsaved.min(points));
        points + if self.buffered_saved { 0 } else { self.buffered }
    }

    /// Whether every value is accounted for: in = delivered + refused + discarded + waiting. What
    /// an earlier process left on disk counts as input as well.
    pub fn balances(&self) -> bool {
        let ValueCounts { values, points, refused, own_points, .. } = self.values;
        let refused = refused.total();
        let delivery = &self.delivery;
        let disk = self.disk.clone().unwrap_or_default();
        let decided = delivery.delivered
            + delivery.refused.total()
            + delivery.discarded.total()
            + self.losses.total()
            + self.follower_window.released
            + self.follower_window.crowded_out
            + disk.overwritten
            + disk.full
            + disk.unreadable;
        let late = self.late_figures();
        let decided = decided + late.delivered + late.refused + late.lost + self.waiting_late();
        values == points + refused + self.values.dropped_in_all() + self.buffered as u64
            && points + own_points + disk.restored + late.restored
                == decided + self.waiting() as u64
    }

    /// One status line.
    pub(super) fn log(&self) {
        let (models, assets) = self.desired;
        info!(
            values.read = self.values.values,
            values.delivered = self.delivery.delivered,
            values.waiting = self.waiting(),
            values.buffered = self.buffered,
            values.refused = self.refused_in_all(),
            sitewise.models = models,
            sitewise.assets = assets,
            sitewise.billed_messages = self.delivery.billed_messages,
            "{}; {models} models, {assets} assets, {} billed messages",
            self.sums(),
            self.delivery.billed_messages,
        );
        let [one, ten, sixty] = self.delivery.messages_at;
        info!(
            messages.linger_1s = one,
            messages.linger_10s = ten,
            messages.linger_60s = sixty,
            "the same values would have been billed as {one} messages at INGEST_LINGER=1s, {ten} \
                at 10s, {sixty} at 60s"
        );
        if let Some(late) = &self.late {
            late.log();
        }
    }

    /// Values that SiteWise rejected, or that were rejected before it was asked.
    fn refused_in_all(&self) -> u64 {
        let live = self.values.refused.total() + self.delivery.refused.total();
        live + self.late_figures().refused
    }

    /// The sums of the status line: values in, and every outcome; they must add up.
    fn sums(&self) -> String {
        let disk = self.disk.clone().unwrap_or_default();
        let late = self.late_figures();
        let restored = disk.restored + late.restored;
        let entered = self.values.values + self.values.own_points + restored;
        let discarded = self.delivery.discarded.total()
            + self.losses.total()
            + self.follower_window.released
            + self.follower_window.crowded_out
            + disk.overwritten
            + disk.full
            + disk.unreadable
            + late.lost;
        let replayed = match self.replayed_messages {
            0 => String::new(),
            messages => format!(" (also from {messages} stored messages)"),
        };
        format!(
            "{} in ({} read{replayed}, {} generated by the bridge, {} from disk): {} delivered, {} \
             queued, {} rejected, {discarded} discarded, {} dropped before they became points",
            counted(entered, "value"),
            self.values.values,
            self.values.own_points,
            restored,
            self.delivery.delivered + late.delivered,
            (self.waiting() + self.buffered) as u64 + self.waiting_late(),
            self.refused_in_all(),
            self.values.dropped_in_all(),
        )
    }

    /// The problems to log: the first by name, and how many more there are.
    fn problem_lines(&self) -> Vec<String> {
        let all = self.problems.len();
        let first = self.problems.iter().take(PROBLEMS);
        let mut lines: Vec<_> =
            first.map(|(subject, reason)| format!("{subject}: {reason}")).collect();
        if all > lines.len() {
            let more = all - lines.len();
            lines.push(format!("and {more} more problems, {all} in total: see the console"));
        }
        lines
    }

    /// The totals, and one line for each reason why values were dropped.
    fn log_accounts(&self) {
        info!(
            values.read = self.values.values,
            values.points = self.values.points,
            values.own = self.values.own_points,
            values.delivered = self.delivery.delivered,
            values.waiting = self.waiting(),
            values.buffered = self.buffered,
            "{} of the values read became points, {} further points were generated by the bridge",
            self.values.points,
            self.values.own_points,
        );
        for (became, reason, count) in self.dropped_by_reason() {
            if count > 0 {
                let what = outcome_text(became);
                info!(
                    outcome = became,
                    reason,
                    values.count = count,
                    "{} {what}: {reason}",
                    counted(count, "value")
                );
            }
        }
    }

    /// Values that did not reach SiteWise and never will: outcome, reason, count.
    pub(crate) fn dropped_by_reason(
        &self,
    ) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        let early = self.values.refused.named().map(|(why, count)| ("refused_early", why, count));
        let refused = self.delivery.refused.named().map(|(why, count)| ("refused", why, count));
        let unread = SkipReason::ALL.into_iter().zip(self.skipped);
        let unread = unread.map(|(why, count)| ("not_read", why.label(), count));
        let dropped = DropReason::ALL.into_iter();
        let dropped = dropped.map(|why| ("dropped", why.label(), self.values.dropped(why)));
        let discarded =
            self.discarded().map(|(why, count)| ("discarded", why.label(), count)).into_iter();
        unread.chain(dropped).chain(early).chain(refused).chain(discarded)
    }

    /// Points that were discarded, by reason.
    pub fn discarded(&self) -> [(DiscardReason, u64); DiscardReason::ALL.len()] {
        let delivery = self.delivery.discarded;
        let on_disk = |count: fn(&DiskFigures) -> u64| self.disk.as_ref().map_or(0, count);
        DiscardReason::ALL.map(|why| {
            let count = match why {
                DiscardReason::Overwritten => {
                    let in_memory = delivery.overwritten + self.losses.overwritten;
                    in_memory + on_disk(|disk| disk.overwritten)
                }
                DiscardReason::SecondFull => delivery.rate,
                DiscardReason::Full => self.losses.full + on_disk(|disk| disk.full),
                DiscardReason::Misrouted => delivery.misrouted,
                DiscardReason::Unreadable => {
                    on_disk(|disk| disk.unreadable) + self.late_figures().lost
                }
                DiscardReason::StandbyReleased => self.follower_window.released,
                DiscardReason::StandbyFull => self.follower_window.crowded_out,
            };
            (why, count)
        })
    }

    /// The last lines of the log: what was done, and what is left.
    pub(super) fn log_final(&self, took: Duration, patience: ShutdownPatience) {
        self.log();
        for line in self.problem_lines() {
            warn!("{line}");
        }
        self.log_accounts();
        for (count, what) in
            [(self.excluded_values, "values"), (self.excluded_messages, "messages of edge nodes")]
        {
            if count > 0 {
                let by = "SPARKPLUG_INCLUDE and SPARKPLUG_EXCLUDE";
                info!(reason = "excluded", "{count} {what} were filtered out by {by}");
            }
        }
        if !self.grouped_nodes.is_empty() {
            let nodes = self.grouped_nodes.len();
            info!("{nodes} edge nodes sent flat metrics: their assets have no parameters");
        }
        let MessageCounts { dropped, malformed, unpublished, .. } = self.mqtt;
        for (count, what) in [
            (dropped, "messages were dropped: they arrived faster than the bridge could read them"),
            (malformed, "messages had a topic that is not UTF-8"),
            (unpublished, "messages to MQTT servers were dropped: their queue was full"),
        ] {
            if count > 0 {
                warn!(mqtt.messages_dropped = count, "{count} {what}");
            }
        }
        for (finding, count) in &self.findings {
            let times = counted(*count, "time");
            info!(sparkplug.finding = finding, "finding {finding}: {times}");
        }
        self.log_remaining(took, patience);
        if !self.balances() {
            error!(
                "the counts do not balance, which is a bug: report it to the maintainers with this \
                 line: {self:?}"
            );
        }
    }

    /// What is left, and where.
    fn log_remaining(&self, took: Duration, patience: ShutdownPatience) {
        let lost = self.lost_in_crash();
        let late = usize::try_from(self.waiting_late()).unwrap_or(usize::MAX);
        let left = self.waiting() + self.buffered - lost + late;
        if left > 0 {
            info!(
                values.left = left,
                "shutdown took {took:.1?}: {left} values are on disk in OUTBOX_DIR and are \
                 delivered after the next start"
            );
        }
        if lost > 0 {
            let when = match patience {
                ShutdownPatience::Grace(grace) => {
                    format!("after {took:.1?} (SHUTDOWN_GRACE is {grace:.0?})")
                }
                ShutdownPatience::None => "immediately on a second signal".to_owned(),
            };
            warn!(
                values.lost = lost,
                "stopped {when} and lost {lost} values that were only in memory; of all queued \
                    values {} were waiting for a model or asset, and {} for the initial sync with \
                    SiteWise or for an asset that could not be found",
                self.parked_points,
                self.buffered
            );
        }
        if left + lost == 0 {
            info!(
                "shutdown took {took:.1?}: nothing is queued; every value is delivered, or counted \
                 above as rejected, discarded or dropped"
            );
        }
        match self.disk.as_ref().map(|disk| &disk.state) {
            Some(DiskState::NotWritable(reason)) => {
                warn!("cannot write the outbox at shutdown: {reason}");
            }
            Some(DiskState::Unreadable(reason)) => warn!(
                "the outbox on disk was damaged at shutdown: {reason}; what is readable is \
                 delivered after the next start"
            ),
            Some(DiskState::Writable | DiskState::TooSlow) | None => {}
        }
    }
}

/// What an outcome is called in a sentence.
fn outcome_text(outcome: &str) -> &str {
    match outcome {
        "not_read" => "were not read",
        "dropped" => "were dropped before they became points",
        "refused_early" => "were rejected before sending",
        "refused" => "were rejected by SiteWise",
        _ => "were discarded",
    }
}

impl MessageCounts {
    fn of(links: &[ServerStatus]) -> Self {
        let sum = |count: fn(&ServerStatus) -> u64| links.iter().map(count).sum();
        Self {
            received: sum(|link| link.received),
            dropped: sum(|link| link.dropped),
            malformed: sum(|link| link.malformed),
            unpublished: sum(|link| link.unpublished),
        }
    }
}

#[cfg(test)]
mod tests;

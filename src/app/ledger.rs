//! What became of every value, in one place.

use std::time::Duration;

use tracing::{error, info, warn};

use crate::bridge::Bridge;
use crate::outbox::{DiskFigures, DiskState, Outbox};
use crate::twin::counts::{Counts, Dropped};
use crate::twin::plan;
use crate::{delivery, twin};

/// All counts of the bridge at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    /// What became of the plant's values.
    pub values: Counts,
    /// Values held until SiteWise tells what it has.
    pub held: usize,
    /// What became of points on their way.
    pub delivery: delivery::figures::Figures,
    /// Points waiting in the outbox.
    pub outbox: usize,
    /// Of these: behind a gate.
    pub parked: usize,
    /// Points that the outbox gave up: overwritten, or full.
    pub discarded: u64,
    /// How the outbox on disk does; none with one in memory.
    pub disk: Option<DiskFigures>,
    /// What was done in SiteWise.
    pub provisioning: plan::Figures,
    /// Models and assets wanted.
    pub size: (usize, usize),
    /// What senders did otherwise than Sparkplug says, and how often.
    pub findings: Vec<(&'static str, u64)>,
    /// What people should look at.
    pub problems: Vec<(String, String)>,
}

impl Ledger {
    pub(super) fn new(bridge: &Bridge, outbox: &dyn Outbox, discarded: u64) -> Self {
        let twin: &twin::Twin = bridge.twin();
        let problems = twin.plan().problems();
        let findings = bridge.host().counters().findings;
        let findings = findings.iter().filter(|(_, count)| *count > 0);
        Self {
            findings: findings.map(|(finding, count)| (finding.name(), count)).collect(),
            values: twin.counts().clone(),
            held: twin.held(),
            delivery: bridge.delivery().figures(),
            outbox: outbox.len(),
            parked: outbox.parked(),
            discarded,
            disk: outbox.disk(),
            provisioning: twin.plan().figures(),
            size: twin.size(),
            problems: problems.map(|(what, why)| (what.to_owned(), why.to_owned())).collect(),
        }
    }

    /// Points not yet decided.
    pub fn waiting(&self) -> usize {
        self.outbox + self.delivery.waiting
    }

    /// Values not yet decided that are lost with the process: not those on disk.
    pub fn in_memory_alone(&self) -> usize {
        let points = self.waiting();
        let points = self.disk.as_ref().map_or(points, |disk| disk.unsaved.min(points));
        points + self.held
    }

    /// Whether every value is accounted for: in = delivered + refused + discarded + waiting.
    /// What an earlier process left on disk came in as well.
    pub fn balances(&self) -> bool {
        let Counts { values, points, refused, own_points, .. } = self.values;
        let delivery = &self.delivery;
        let disk = self.disk.clone().unwrap_or_default();
        let decided = delivery.delivered
            + delivery.refused.total()
            + delivery.discarded.total()
            + self.discarded
            + disk.overwritten
            + disk.full;
        values == points + refused + self.values.dropped_in_all() + self.held as u64
            && points + own_points + disk.restored == decided + self.waiting() as u64
    }

    /// One line about how things go.
    pub(super) fn log(&self) {
        let (models, assets) = self.size;
        info!(
            values.read = self.values.values,
            values.delivered = self.delivery.delivered,
            values.waiting = self.waiting(),
            values.refused = self.values.refused + self.delivery.refused.total(),
            sitewise.models = models,
            sitewise.assets = assets,
            sitewise.billed_messages = self.delivery.billed_messages,
            "{} values read, {} delivered, {} waiting; {models} models, {assets} assets, \
             {} billed messages",
            self.values.values,
            self.delivery.delivered,
            self.waiting(),
            self.delivery.billed_messages,
        );
        for (subject, reason) in self.problems.iter().take(10) {
            warn!("{subject}: {reason}");
        }
    }

    /// The last lines: what was done, and what is left.
    pub(super) fn report(&self, took: Duration, grace: Duration) {
        self.log();
        for why in Dropped::ALL {
            let count = self.values.dropped(why);
            if count > 0 {
                info!(reason = why.label(), "{count} values were not carried: {}", why.label());
            }
        }
        for (finding, count) in &self.findings {
            info!(finding, "{count} times the plant did otherwise than Sparkplug says: {finding}");
        }
        self.report_left(took, grace);
        if !self.balances() {
            error!("the counts do not balance, this is a bug: {self:?}");
        }
    }

    /// What is left, and where.
    fn report_left(&self, took: Duration, grace: Duration) {
        let lost = self.in_memory_alone();
        let left = self.waiting() + self.held - lost;
        if left > 0 {
            info!(
                values.left = left,
                "ended within {took:.1?}: {left} values are on disk in OUTBOX_DIR, and are \
                 delivered after the next start"
            );
        }
        if lost > 0 {
            warn!(
                values.lost = lost,
                "ended after the grace of {grace:.0?} with {lost} values that were only in \
                 memory; {} waited for models or assets",
                self.parked
            );
        }
        if left + lost == 0 {
            info!("ended within {took:.1?}: everything that was read is delivered or counted");
        }
        if let Some(DiskFigures { state: DiskState::Refuses(reason), .. }) = &self.disk {
            warn!("the outbox could not be written at the end: {reason}");
        }
    }
}

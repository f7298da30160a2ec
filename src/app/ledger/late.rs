//! Late values in the ledger.

use tracing::info;

use crate::bridge::Bridge;
use crate::bridge::late::NotByFile;
use crate::late::{LateFigures, LateStatus};

/// What became of late values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LateAccount {
    /// What was counted since the start.
    pub figures: LateFigures,
    /// How things stand.
    pub status: LateStatus,
    /// Values that no file took, and so became dead letters, in the order of [`NotByFile::ALL`]. They
    /// count as rejected by delivery.
    pub not_taken: [u64; NotByFile::ALL.len()],
}

impl LateAccount {
    pub(super) fn of(bridge: &Bridge) -> Option<Self> {
        let late = bridge.late()?;
        Some(Self {
            figures: late.figures(),
            status: late.status(),
            not_taken: bridge.not_late().map(|(_, count)| count),
        })
    }

    /// One line, if there is anything to tell.
    pub(super) fn log(&self) {
        let LateFigures { restored, rows, delivered, refused, jobs, .. } = self.figures;
        if restored + rows == 0 {
            return;
        }
        let waiting = self.status.waiting;
        info!(
            values.delivered_late = delivered,
            values.waiting_late = waiting,
            values.refused_late = refused,
            "late values: {rows} written to files, {restored} left by an earlier run: {delivered} \
             delivered by {jobs} bulk import jobs, {waiting} in files or jobs, {refused} rejected"
        );
    }
}

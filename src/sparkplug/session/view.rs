//! A session, read-only: its findings and counts.

use super::EdgeSession;
use crate::sparkplug::event::SessionFigures;
use crate::sparkplug::findings::{Finding, FindingCounts};
use crate::sparkplug::host::SkipReason;
use crate::sparkplug::host::finding_log::FindingRecord;
use crate::time::Timestamp;

impl EdgeSession {
    /// Whether no message of it has come.
    pub(crate) fn is_unheard(&self) -> bool {
        self.last_heard.is_none()
    }

    /// When it went offline, if it did since this process began and was not born again.
    pub(crate) fn died(&self) -> Option<Timestamp> {
        self.died
    }

    pub(crate) fn findings(&self) -> &FindingCounts {
        &self.notes.findings
    }

    /// Its findings, for the console.
    pub(crate) fn found(&self) -> impl Iterator<Item = FindingRecord<'_>> + '_ {
        self.finding_log.records_of(Some(self.edge()), &self.notes.findings)
    }

    /// Remembers what was found lately, and gives back what was found for the first time.
    pub(crate) fn take_new_findings(
        &mut self,
        topic: &str,
        at: Timestamp,
    ) -> Vec<(Finding, String)> {
        self.finding_log.record(&mut self.notes.findings, topic, at)
    }

    /// Values excluded by the filter.
    pub(crate) fn excluded(&self) -> u64 {
        self.notes.excluded_values
    }

    /// Values skipped, by reason.
    pub(crate) fn unread(&self) -> [u64; SkipReason::ALL.len()] {
        self.notes.skipped
    }

    pub(crate) fn figures(&self) -> SessionFigures {
        SessionFigures {
            edge: Some(self.source.edge.clone()),
            gaps: self.gaps,
            rebirths: self.rebirths,
        }
    }
}

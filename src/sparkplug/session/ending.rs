//! The process ends: what waits is read now, or counted.

use super::{EdgeSession, SessionContext, SessionState};
use crate::sparkplug::findings::Finding;
use crate::sparkplug::host::SkipReason;

impl EdgeSession {
    /// Nothing more comes. What waits for a missing message is read as after a gap, and what waits
    /// for a birth is counted.
    pub(crate) fn end(&mut self, context: &mut SessionContext<'_>) {
        let waiting = match &mut self.state {
            SessionState::Awaited(awaited) => {
                let uncounted = awaited.count_waiting();
                self.notes.findings.add(Finding::BeforeBirth, uncounted);
                awaited.take_waiting()
            }
            SessionState::Online(online) => {
                online.expire_gap(&mut self.notes, context);
                online.take_waiting()
            }
        };
        self.notes.skip_waiting(SkipReason::BeforeBirth, &waiting);
        // Nobody is asked for a birth any more.
        self.notes.clear_triggers();
    }
}

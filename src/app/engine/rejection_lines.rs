//! Log lines of rejected values: the first of each edge node and kind within an hour.
//!
//! A wrong clock or a missing right concerns every value of a gateway: a line each would be a flood.

use std::collections::BTreeSet;
use std::time::Duration;

use tracing::warn;

use super::Engine;
use crate::console::degraded;
use crate::delivery::point::RejectReason;
use crate::outbox::dead_letters::DeadLetter;
use crate::sitewise::client::SiteWise;
use crate::time::Instant;

/// Lines within [`WINDOW`].
const LINES: usize = 20;
/// After this time, lines are counted anew.
const WINDOW: Duration = Duration::from_secs(3_600);

/// What was logged within the hour: edge nodes and kinds. Bounded by [`LINES`].
#[derive(Debug, Default)]
pub(super) struct RejectionLines {
    since: Option<Instant>,
    logged: BTreeSet<(String, &'static str)>,
}

/// Whether a rejected value gets a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Admission {
    /// It gets one: the first of this edge node and kind.
    Line,
    /// It gets the last line within the hour.
    LastLine,
    /// It gets none: others like it were logged, or enough lines were.
    None,
}

impl RejectionLines {
    /// Whether a rejected value of this edge node gets a line.
    fn admit(&mut self, owner: &str, refusal: RejectReason, now: Instant) -> Admission {
        if self.since.is_none_or(|since| now.since(since) >= WINDOW) {
            self.since = Some(now);
            self.logged.clear();
        }
        let is_full = self.logged.len() >= LINES;
        if is_full || !self.logged.insert((owner.to_owned(), refusal.label())) {
            return Admission::None;
        }
        if self.logged.len() == LINES { Admission::LastLine } else { Admission::Line }
    }
}

impl<S: SiteWise> Engine<S> {
    /// Logs a rejected value, if it is the first of its kind.
    pub(super) fn log_rejected_value(&mut self, letter: &DeadLetter, now: Instant) {
        let (twin, stream) = (self.bridge.twin(), letter.point.stream);
        let asset = twin.asset(stream.asset);
        let machine = asset.and_then(|(ix, _)| twin.source_of_asset(ix));
        let address =
            asset.map_or_else(|| stream.asset.to_string(), |(_, asset)| asset.address.to_string());
        let owner = machine.map_or_else(|| address.clone(), |machine| machine.edge.to_string());
        let more = match self.rejection_lines.admit(&owner, letter.refusal, now) {
            Admission::None => return,
            Admission::Line => "further ones of this edge node, for this reason",
            Admission::LastLine => "further ones of any edge node",
        };
        let property = letter.names.1.clone().unwrap_or_else(|| stream.property.to_string());
        warn!(
            sitewise.asset_id = %stream.asset,
            sitewise.property_id = %stream.property,
            "{address} / {property}: a value was rejected ({}) and became a dead letter: {}; {}; \
             {more} are not logged within the hour",
            letter.refusal.label(),
            letter.reason,
            degraded::refused_remedy(letter.refusal),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SiteWise rejected values, and the log had no line of them.
    #[test]
    fn the_first_of_each_edge_node_and_reason_is_told_and_no_flood_follows() {
        let mut lines = RejectionLines::default();
        let (invalid, old) = (RejectReason::Invalid, RejectReason::OutOfRange);
        let at = |seconds| Instant::START + Duration::from_secs(seconds);
        assert_eq!(lines.admit("g/a", invalid, at(0)), Admission::Line);
        assert_eq!(lines.admit("g/a", invalid, at(1)), Admission::None);
        assert_eq!(lines.admit("g/a", old, at(1)), Admission::Line);
        assert_eq!(lines.admit("g/b", invalid, at(1)), Admission::Line);
        let told: Vec<_> = (0..100).map(|n| lines.admit(&format!("h/{n}"), old, at(2))).collect();
        let count = |of| told.iter().filter(|admission| **admission == of).count();
        assert_eq!((count(Admission::Line), count(Admission::LastLine)), (LINES - 4, 1));
        // An hour later it goes on, which is worth a line.
        assert_eq!(lines.admit("g/a", invalid, at(3_599)), Admission::None);
        assert_eq!(lines.admit("g/a", invalid, at(3_600)), Admission::Line);
    }
}

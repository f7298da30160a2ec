//! Machines whose properties have more values a second than SiteWise takes: the first nine and the
//! last of a second are written, and the others dropped. Each is logged by name, once an hour.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::delivery::point::{DiscardReason, Key, Stream};
use crate::sparkplug::address::Source;
use crate::time::Instant;
use crate::twin::Twin;

/// How long a machine stays a reason for `degraded` after its last dropped value, and the time
/// between two lines about one that goes on.
const SHOWN_FOR: Duration = Duration::from_secs(3_600);
/// Machines that are remembered at most; values of further ones count only in the totals.
const MAX_MACHINES: usize = 1_000;

/// A machine that sends more values than SiteWise takes in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MachineOverRate {
    /// Values dropped since it was last logged.
    pub values: u64,
    /// The property of the first.
    pub example: Stream,
    /// When it was logged, and when the last value was dropped.
    logged: Instant,
    last: Instant,
}

/// The machines that exceeded the rate lately.
#[derive(Debug, Default)]
pub(super) struct MachinesOverRate(BTreeMap<Source, MachineOverRate>);

impl MachinesOverRate {
    /// Counts a dropped value. Returns its machine if that is to be logged.
    pub(super) fn count_dropped(
        &mut self,
        key: Key,
        why: DiscardReason,
        twin: &Twin,
        now: Instant,
    ) -> Option<Source> {
        if why != DiscardReason::SecondFull {
            return None;
        }
        let (ix, _) = twin.asset(key.stream.asset)?;
        let machine = twin.source_of_asset(ix)?;
        self.count(machine, key.stream, now)
    }

    fn count(&mut self, machine: &Source, stream: Stream, now: Instant) -> Option<Source> {
        if let Some(entry) = self.0.get_mut(machine)
            && now.since(entry.logged) < SHOWN_FOR
        {
            (entry.values, entry.last) = (entry.values + 1, now);
            return None;
        }
        let is_known = self.0.contains_key(machine);
        if self.0.len() >= MAX_MACHINES && !is_known {
            self.0.retain(|_, entry| now.since(entry.last) < SHOWN_FOR);
        }
        if self.0.len() >= MAX_MACHINES && !is_known {
            return None;
        }
        let entry = MachineOverRate { values: 1, example: stream, logged: now, last: now };
        self.0.insert(machine.clone(), entry);
        Some(machine.clone())
    }

    /// Those of the last hour.
    pub(super) fn recent(&self, now: Instant) -> impl Iterator<Item = (&Source, &MachineOverRate)> {
        self.0.iter().filter(move |(_, entry)| now.since(entry.last) < SHOWN_FOR)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::sparkplug::address::EdgeNode;

    #[test]
    fn a_machine_that_is_too_fast_is_told_once_an_hour_and_shown_for_an_hour() {
        let at = |seconds| Instant::START + Duration::from_secs(seconds);
        let machine =
            |n: usize| Source { edge: EdgeNode::new("G", format!("N{n}").as_str()), device: None };
        let stream = Stream { asset: Uuid::from_u128(1), property: Uuid::from_u128(2) };
        let mut crowded = MachinesOverRate::default();
        let mut told = 0;
        for second in 0..3_000 {
            told += usize::from(crowded.count(&machine(0), stream, at(second)).is_some());
        }
        assert_eq!(told, 1);
        let shown = |crowded: &MachinesOverRate, now| {
            crowded.recent(now).map(|(_, known)| known.values).collect::<Vec<_>>()
        };
        assert_eq!(shown(&crowded, at(6_000)), [3_000]);
        assert!(shown(&crowded, at(6_700)).is_empty());
        assert!(crowded.count(&machine(0), stream, at(7_000)).is_some(), "it does so again");
        // One that goes on for hours is told each hour.
        let mut told = Vec::new();
        let mut crowded_for_long = MachinesOverRate::default();
        for second in 0..10_800 {
            if crowded_for_long.count(&machine(0), stream, at(second)).is_some() {
                told.push((second, shown(&crowded_for_long, at(second))));
            }
        }
        assert_eq!(told, [0, 3_600, 7_200].map(|second| (second, vec![1])));
        assert_eq!(shown(&crowded_for_long, at(10_800)), [3_600]);
        // Thousands of machines are bounded.
        for n in 0..2 * MAX_MACHINES {
            crowded.count(&machine(n), stream, at(7_001));
        }
        assert_eq!(crowded.0.len(), MAX_MACHINES);
    }
}

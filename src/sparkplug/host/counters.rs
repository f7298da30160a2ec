//! What a host counts.

use crate::sparkplug::findings::Findings;
use crate::sparkplug::rebirth::Reason;

/// What has passed through the host since its start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages handled.
    pub messages: u64,
    /// Births told.
    pub births: u64,
    /// Deaths told.
    pub deaths: u64,
    /// Values told, those of births not counted.
    pub samples: u64,
    /// Values that the filter leaves out, those of births counted.
    pub excluded_values: u64,
    /// Messages of edge nodes that it leaves out whole.
    pub excluded_messages: u64,
    /// Births asked for, by reason.
    pub rebirths: [u64; Reason::ALL.len()],
    /// Everything that was not as it should be.
    pub findings: Findings,
}

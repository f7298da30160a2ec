//! Counters of a host.

use crate::sparkplug::findings::FindingCounts;
use crate::sparkplug::rebirth::RebirthReason;

/// Counters since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostCounters {
    /// Messages handled.
    pub messages: u64,
    /// Births emitted.
    pub births: u64,
    /// Deaths emitted.
    pub deaths: u64,
    /// Values emitted, those of births not counted.
    pub samples: u64,
    /// Values that the filter leaves out, those of births counted.
    pub excluded_values: u64,
    /// Messages of edge nodes that it leaves out whole.
    pub excluded_messages: u64,
    /// Values of messages that were not read, those of births counted; by [`SkipReason`].
    pub skipped_values: [u64; SkipReason::ALL.len()],
    /// Births asked for, by reason.
    pub rebirths: [u64; RebirthReason::ALL.len()],
    /// Everything that was not as it should be.
    pub findings: FindingCounts,
}

/// Why values of messages are skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SkipReason {
    /// They came before the birth that would explain them.
    BeforeBirth,
    /// By no name or alias that the birth has, or by one that stands for several.
    Unknown,
    /// In a message that came twice.
    Duplicate,
    /// In a birth that came after its place in the sequence was given up.
    Late,
    /// In a stored message, which may be of long ago.
    Retained,
    /// From another server than the node's session is on.
    ForeignServer,
    /// Past a limit: of nodes, of devices, of what a birth may have.
    Limits,
}

impl SkipReason {
    /// All of them, in order.
    pub const ALL: [Self; 7] = [
        Self::BeforeBirth,
        Self::Unknown,
        Self::Duplicate,
        Self::Late,
        Self::Retained,
        Self::ForeignServer,
        Self::Limits,
    ];

    /// A name for metrics and logs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::BeforeBirth => "before_birth",
            Self::Unknown => "unknown",
            Self::Duplicate => "duplicate",
            Self::Late => "late",
            Self::Retained => "retained",
            Self::ForeignServer => "foreign_server",
            Self::Limits => "limits",
        }
    }
}

//! Limits of messages, births and nodes; past each limit there is a counted finding, and the rest
//! is processed.

use super::findings::Finding;
use super::inflation_debt::InflationBound;

/// What is lost past a limit, and what is dropped first, if `finding` says that a limit was
/// exceeded.
pub const fn rule(finding: Finding) -> Option<&'static str> {
    Some(match finding {
        Finding::TooLarge => {
            "the limits are 16 MiB and 500,000 fields of a decompressed payload, and \
             MQTT_MAX_PACKET of a packet: the whole message is skipped; send less at once"
        }
        Finding::TooCostly => {
            "the limit of compressed payloads that inflate to more than 32 times their size is 4 \
             MiB a second of an edge node, 1 MiB of one that has sent no data after a birth, and 8 \
             MiB of all such together: further ones are skipped, and a rebirth is requested; check \
             the sender, or let the edge send less at once"
        }
        Finding::TooManyNodes => {
            "the limit is 20,000 edge nodes: for another, one that was never born is evicted, else \
             the one that is offline longest, else the longest silent that sent nothing for ten \
             minutes after its only birth; if there is none, messages of the other are skipped, and \
             those that are silent for an hour are asked whether they are alive; look for what \
             publishes under made-up ids, or set SPARKPLUG_INCLUDE"
        }
        Finding::WaitingFull => {
            "the limits are 4,096 messages of an edge node that wait for a birth, and 4 MiB of an \
             edge node and 64 MiB of all that wait for that or for a missing one; who sent nothing \
             after a birth, and was not in SiteWise at the start, leaves half of the 64 MiB to the \
             others, and so do births that are kept: what comes then is skipped, or read without \
             waiting for what is missing, or not kept, and a rebirth is requested; look for who \
             sends without a birth, and let it accept commands (NCMD)"
        }
        Finding::TooManyDevices => {
            "the limit is 10,000 devices of an edge node: those born later are skipped; spread them \
             over several edge nodes"
        }
        Finding::TooManyLeaves => {
            "the limits are 100,000 metrics of a birth, 16 levels of templates and 512 MiB of all \
             births: the last ones are skipped; until the initial sync with SiteWise is complete, \
             births with 1,000,000 metrics are buffered: the largest of silent senders are dropped \
             first; let the edge node send less in one birth, such as by devices"
        }
        Finding::NoRoom => {
            "the limit of names and aliases of all births is 512 MiB, of nodes that sent nothing \
                after their birth 128 MiB: the latter are evicted first, the longest silent before \
                others, then those that sent nothing for ten minutes; a rebirth is requested from \
                an evicted node once it sends again; look for what publishes under made-up ids, or \
                run several bridges with SPARKPLUG_GROUPS"
        }
        _ => return None,
    })
}

/// Bytes of a payload, as received and once inflated.
pub const PAYLOAD_BYTES: usize = 16 * 1024 * 1024;

/// Parts of a payload that take memory of their own: metrics, members, parameters,
/// properties, cells. An empty part is two bytes on the wire and a hundred in memory.
pub const PAYLOAD_PARTS: usize = 500_000;

/// A compressed payload may inflate to this many times its size before it counts as costly: honest
/// ones do to ten or twenty times.
pub(crate) const INFLATED_FREE: usize = 32;

/// What one edge node may have inflated beyond that: two of the largest payloads at once, then one
/// in four seconds.
pub(crate) const INFLATED: InflationBound =
    InflationBound { max_debt: 32 << 20, per_second: 4 << 20 };

/// What one may that said nothing after a birth yet: it does not take what all those may together.
pub(crate) const INFLATED_OF_ONE_UNKNOWN: InflationBound =
    InflationBound { max_debt: 16 << 20, per_second: 1 << 20 };

/// What all those may together: they may be made up.
pub(crate) const INFLATED_OF_UNKNOWN: InflationBound =
    InflationBound { max_debt: 64 << 20, per_second: 8 << 20 };

/// Leaves and instances of one birth, and members of one definition.
pub const LEAVES: usize = 100_000;

/// Bytes that may be kept of what all births leave.
pub const TABLE_BYTES: usize = 512 << 20;

/// Bytes of these of nodes that said nothing after a birth yet: they may be made up.
pub const UNPROVEN_TABLE_BYTES: usize = 128 << 20;

/// What a leaf or instance takes of these at most, where its name is not long.
pub(crate) const LEAF_BYTES: usize = 128;

/// Template definitions of one edge node.
pub const DEFINITIONS: usize = 10_000;

/// Templates within templates.
pub const TEMPLATE_DEPTH: usize = 16;

/// Bytes of a metric's, member's, property's or template's name.
pub const NAME_BYTES: usize = 1024;

/// Bytes of a string value; a longer one is cut on a character boundary.
pub const STRING_BYTES: usize = 64 * 1024;

/// Bytes of a Bytes or File value.
pub const BLOB_BYTES: usize = 64 * 1024;

/// Elements of an array, and cells of a data set.
pub const ELEMENTS: usize = 10_000;

/// Edge nodes at most.
pub const NODES: usize = 20_000;

/// Devices of one edge node.
pub const DEVICES: usize = 10_000;

/// Messages of one edge node buffered behind a gap.
pub const WINDOW_MESSAGES: usize = 128;

/// Messages of one edge node that wait for a birth.
pub const WAITING_MESSAGES: usize = 4096;

/// Bytes of the messages of one edge node that wait for a missing one, or for a birth.
pub const WINDOW_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of all messages that wait for a missing one.
pub const TOTAL_WINDOW_BYTES: usize = 64 * 1024 * 1024;

/// Triggers of rebirth requests kept per edge node, so that requests back off.
pub const TRIGGERS: usize = 64;

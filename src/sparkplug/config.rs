//! Configuration of the host application.

use std::time::Duration;

use super::filter::Filter;
use super::limits;
use super::rebirth;

/// How a [`Host`](super::host::Host) behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Its id [operational-behavior-host-application-host-id].
    pub host_id: String,
    /// How many MQTT servers there are.
    pub servers: usize,
    /// The include and exclude filter.
    pub filter: Filter,
    /// How long out-of-order messages wait for missing ones; zero for no wait
    /// [operational-behavior-host-reordering-param].
    pub reorder_timeout: Duration,
    /// A device that is not reborn with its node is offline after this long without a further birth
    /// of the node or its devices.
    pub device_grace: Duration,
    /// How deaths are verified.
    pub bd_seq: BdSeq,
    /// The policy of rebirth requests.
    pub rebirth: rebirth::RebirthPolicy,
    /// How long a node may take to answer a rebirth request before it counts as offline.
    pub answer_timeout: Duration,
    /// After how long without a message a node is asked whether it is alive; none for never.
    pub silence: Option<Duration>,
    /// Bytes that may be kept of what births leave: names, aliases, types, definitions, devices.
    pub table_bytes: usize,
    /// Bytes of these of nodes that said nothing after a birth yet.
    pub unproven_table_bytes: usize,
}

/// How deaths of an edge node are verified, where birth and death both have a bdSeq
/// [payloads-ndeath-bdseq].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BdSeq {
    /// Only those of the latest birth.
    Strict,
    /// Those of the latest birth; for any other, a rebirth is requested to see whether the node is
    /// alive.
    #[default]
    Verify,
    /// All.
    Off,
}

/// A word that is no way to check bdSeq.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not one of strict, verify, off")]
pub struct UnknownBdSeq(String);

impl std::str::FromStr for BdSeq {
    type Err = UnknownBdSeq;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "strict" => Ok(Self::Strict),
            "verify" => Ok(Self::Verify),
            "off" => Ok(Self::Off),
            _ => Err(UnknownBdSeq(text.to_owned())),
        }
    }
}

impl Config {
    /// The defaults, for a host application that goes by `host_id`.
    pub fn new(host_id: impl Into<String>) -> Self {
        Self {
            host_id: host_id.into(),
            filter: Filter::default(),
            reorder_timeout: Duration::from_secs(2),
            device_grace: Duration::from_secs(10),
            bd_seq: BdSeq::default(),
            rebirth: rebirth::RebirthPolicy::default(),
            servers: 1,
            answer_timeout: Duration::from_secs(10),
            silence: None,
            table_bytes: limits::TABLE_BYTES,
            unproven_table_bytes: limits::UNPROVEN_TABLE_BYTES,
        }
    }
}

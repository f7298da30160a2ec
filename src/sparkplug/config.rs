//! What can be set of a host application's side.

use std::time::Duration;

use super::filter::Filter;
use super::rebirth;

/// How a [`Host`](super::host::Host) behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Its id [operational-behavior-host-application-host-id].
    pub host_id: String,
    /// Which part of the plant it takes.
    pub filter: Filter,
    /// How long messages that came too early wait for the missing ones; with zero they do not
    /// wait [operational-behavior-host-reordering-param].
    pub reorder_timeout: Duration,
    /// After how long without a further birth of the node or a device of it a device that is not
    /// reborn with its node is dead.
    pub device_grace: Duration,
    /// Which deaths are believed.
    pub bd_seq: BdSeq,
    /// How births are asked for.
    pub rebirth: rebirth::Policy,
    /// How long a node may take to answer such a request where its life depends on it.
    pub answer_timeout: Duration,
    /// After how long without a message a node is asked whether it is alive; none for never.
    pub silence: Option<Duration>,
}

/// Which deaths of an edge node are believed, where birth and death both tell a bdSeq
/// [payloads-ndeath-bdseq].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BdSeq {
    /// Only those of the latest birth.
    Strict,
    /// Those of the latest birth; of any other, the node is asked whether it is alive.
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
            rebirth: rebirth::Policy::default(),
            answer_timeout: Duration::from_secs(10),
            silence: None,
        }
    }
}

//! Behaviour as a Sparkplug host application.

use std::time::Duration;

use super::parse::{duration_within, list, topic_level, word};
use super::reader::Reader;
use super::variable::{Default, Section, Var};
use crate::sparkplug::config::BdSeq;

const HOST_ID: Var = Var {
    name: "SPARKPLUG_HOST_ID",
    default: Default::Value("sparkwise"),
    form: "text without / + #",
    doc: "Id of this host application: its STATE topic, and the name of the bridge's own asset. \
          Unique among the hosts of an infrastructure.",
    secret: false,
    file: false,
};

const GROUPS: Var = Var {
    name: "SPARKPLUG_GROUPS",
    default: Default::Words("all"),
    form: "group ids separated by commas",
    doc: "Groups to subscribe to, each with a filter of its own. What is not subscribed costs nothing.",
    secret: false,
    file: false,
};

const REORDER_TIMEOUT: Var = Var {
    name: "SPARKPLUG_REORDER_TIMEOUT",
    default: Default::Value("2s"),
    form: "duration",
    doc: "How long to wait for a message that is missing in an edge node's sequence before a rebirth is \
          requested. 0s does not wait.",
    secret: false,
    file: false,
};

const REBIRTH: Var = Var {
    name: "SPARKPLUG_REBIRTH",
    default: Default::Value("auto"),
    form: "auto or off",
    doc: "Whether edge nodes are asked for a rebirth when their messages cannot be understood otherwise. \
          With off the bridge publishes nothing but its STATE.",
    secret: false,
    file: false,
};

const BDSEQ: Var = Var {
    name: "SPARKPLUG_BDSEQ",
    default: Default::Value("verify"),
    form: "verify, strict or off",
    doc: "What an NDEATH whose bdSeq is not that of the birth means. verify: perhaps a late will of an \
          earlier session; the node is asked for a rebirth, and is dead if it stays silent. strict: a late \
          will, ignored. off: a death. Where either tells no bdSeq, every NDEATH counts.",
    secret: false,
    file: false,
};

pub(super) const SECTION: Section = Section {
    title: "Sparkplug",
    doc: "Behaviour as a Sparkplug host application.",
    vars: &[&HOST_ID, &GROUPS, &REORDER_TIMEOUT, &REBIRTH, &BDSEQ],
};

/// Behaviour as a Sparkplug host application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sparkplug {
    /// Id of this host application.
    pub host_id: String,
    /// Groups to subscribe to; none means all.
    pub groups: Option<Vec<String>>,
    /// How long a gap in a sequence may stay open.
    pub reorder_timeout: Duration,
    /// Whether rebirths are requested.
    pub rebirth: Rebirth,
    /// How deaths are matched to births.
    pub bdseq: BdSeq,
}

/// Whether rebirths are requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rebirth {
    /// Where they help.
    Auto,
    /// Never.
    Off,
}

impl Sparkplug {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let host_id = reader.value(&HOST_ID, topic_level);
        let groups = reader.optional(&GROUPS, list(topic_level));
        let reorder_timeout = reader
            .value(&REORDER_TIMEOUT, duration_within(Duration::ZERO, Duration::from_secs(60)));
        let rebirth =
            reader.value(&REBIRTH, word(&[("auto", Rebirth::Auto), ("off", Rebirth::Off)]));
        let bdseq = reader.value(
            &BDSEQ,
            word(&[("verify", BdSeq::Verify), ("strict", BdSeq::Strict), ("off", BdSeq::Off)]),
        );
        Some(Self {
            host_id: host_id?,
            groups: groups?,
            reorder_timeout: reorder_timeout?,
            rebirth: rebirth?,
            bdseq: bdseq?,
        })
    }
}

//! Behaviour as a Sparkplug host application.

use std::time::Duration;

use super::mqtt::LONGEST_ID;
use super::parse::{duration_within, list, text_up_to, topic_level, word};
use super::reader::VariableReader;
use super::variable::{DefaultValue, Section, Variable};
use crate::globs::Globs;
use crate::sparkplug::config::BdSeq;
use crate::sparkplug::filter::Filter;
use crate::sparkplug::rebirth::{RebirthReason, RebirthReasons};

const HOST_ID: Variable = Variable {
    name: "SPARKPLUG_HOST_ID",
    default: DefaultValue::Value("sparkwise"),
    form: "text without / + #",
    doc: "Id of this host application: its STATE topic, and the name of the bridge's own asset. It \
          must be unique among the host applications of an infrastructure.",
    secret: false,
    file: false,
};

const GROUPS: Variable = Variable {
    name: "SPARKPLUG_GROUPS",
    default: DefaultValue::Words("all"),
    form: "group ids separated by commas",
    doc: "Groups to subscribe to, each with its own topic filter. Other groups are never received, \
          and machines of a group that is no longer named stay in SiteWise as they were last \
          written. A comma within an id is written `\\,`.",
    secret: false,
    file: false,
};

const INCLUDE: Variable = Variable {
    name: "SPARKPLUG_INCLUDE",
    default: DefaultValue::Words("everything"),
    form: "globs separated by commas",
    doc: "Which part of the plant is bridged, matched against group/node/device/metric, and \
          group/node/metric for an edge node's own metrics; members of a template instance follow \
          after slashes. * also matches slashes. A glob includes everything below what it matches: \
          Nordsee/*, */Temp*. A node or device shows whether it is online where it is matched \
          itself, or anything of it is included.",
    secret: false,
    file: false,
};

const EXCLUDE: Variable = Variable {
    name: "SPARKPLUG_EXCLUDE",
    default: DefaultValue::Words("nothing"),
    form: "globs separated by commas",
    doc: "What to exclude from the included part, matched in the same way: Nordsee/Test*, \
          */Diagnostics. It creates no model, asset, property or value, and is counted. A machine \
          that is excluded is neither asked for a birth nor written offline: it stays in SiteWise \
          as it was last written.",
    secret: false,
    file: false,
};

const REORDER_TIMEOUT: Variable = Variable {
    name: "SPARKPLUG_REORDER_TIMEOUT",
    default: DefaultValue::Value("2s"),
    form: "duration",
    doc: "How long to wait for a message that is missing in an edge node's sequence before a \
        rebirth is requested. 0s does not wait.",
    secret: false,
    file: false,
};

const REBIRTH: Variable = Variable {
    name: "SPARKPLUG_REBIRTH",
    default: DefaultValue::Value("auto"),
    form: "auto, off, or reasons separated by commas: gap, before-birth, unknown-metric, \
        unknown-alias, undecodable, probe, expected, silence, dropped, clock",
    doc: "For which reasons rebirths are requested: auto is all of them. gap: messages are \
          missing; dropped (values were dropped here) and clock (the node's clock may have gone \
          back) are switched with it. before-birth: data of a node or device without a birth. unknown-metric, \
          unknown-alias: data with a name or alias that the latest birth lacks. undecodable: bytes \
          that are not a payload. probe: a check whether the node is alive, after a death that \
          may be a late will, or where memory is short; naming probe allows silence too. \
          expected: it was online when the bridge stopped or lost its connection. silence: it has \
          sent nothing for SPARKPLUG_SILENCE. With off the bridge publishes nothing but its STATE, \
          and commands where COMMANDS_ALLOW is set.",
    secret: false,
    file: false,
};

const BDSEQ: Variable = Variable {
    name: "SPARKPLUG_BDSEQ",
    default: DefaultValue::Value("verify"),
    form: "verify, strict or off",
    doc: "How to treat an NDEATH whose bdSeq is not that of the birth. verify: it may be a late \
          will of an earlier session, so a rebirth is requested, and the node counts as offline if \
          it does not answer. strict: it is ignored as a late will. off: it counts as a death. \
          Where either has no bdSeq, every NDEATH counts.",
    secret: false,
    file: false,
};

const SILENCE: Variable = Variable {
    name: "SPARKPLUG_SILENCE",
    default: DefaultValue::Words("none"),
    form: "duration",
    doc: "How long an edge node may be silent before a rebirth is requested; it counts as offline \
          if it does not answer within ten seconds. For plants whose server publishes no wills: \
          Sparkplug has no heartbeat, so a healthy node may be silent for long.",
    secret: false,
    file: false,
};

const CERTIFICATES: Variable = Variable {
    name: "SPARKPLUG_CERTIFICATES",
    default: DefaultValue::Value("off"),
    form: "on or off",
    doc: "Whether to subscribe to the births (birth certificates; nothing to do with TLS) that a \
          Sparkplug-aware server stores. With them, data of an edge node can be interpreted right \
          after a start of the bridge, before a rebirth request is answered, or without one where \
          SiteWise does not have the node yet. Other servers store none, and some refuse the subscription.",
    secret: false,
    file: false,
};

pub(super) const SECTION: Section = Section {
    title: "Sparkplug",
    doc: "Behaviour as a Sparkplug host application.",
    vars: &[
        &HOST_ID,
        &GROUPS,
        &INCLUDE,
        &EXCLUDE,
        &REORDER_TIMEOUT,
        &REBIRTH,
        &BDSEQ,
        &SILENCE,
        &CERTIFICATES,
    ],
};

/// Behaviour as a Sparkplug host application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sparkplug {
    /// Id of this host application.
    pub host_id: String,
    /// Groups to subscribe to; none means all.
    pub groups: Option<Vec<String>>,
    /// The include and exclude filter.
    pub filter: Filter,
    /// How long a gap in a sequence may stay open.
    pub reorder_timeout: Duration,
    /// For which reasons rebirths are requested.
    pub rebirth: RebirthReasons,
    /// How deaths are matched to births.
    pub bdseq: BdSeq,
    /// How long a node may be silent; none for ever.
    pub silence: Option<Duration>,
    /// Whether births that a server has stored are subscribed to.
    pub certificates: bool,
}

impl Sparkplug {
    pub(super) fn read(reader: &mut VariableReader<'_>) -> Option<Self> {
        let host_id = reader.value(&HOST_ID, |text| topic_level(&text_up_to(LONGEST_ID)(text)?));
        reader.warn_of_blanks(&HOST_ID, host_id.as_deref());
        let groups = reader.optional(&GROUPS, list(topic_level));
        let include = reader.optional(&INCLUDE, Globs::parse_trees);
        let exclude = reader.optional(&EXCLUDE, Globs::parse_trees);
        let reorder_timeout = reader
            .value(&REORDER_TIMEOUT, duration_within(Duration::ZERO, Duration::from_secs(60)));
        let rebirth = reader.value(&REBIRTH, reasons);
        let bdseq = reader.value(
            &BDSEQ,
            word(&[("verify", BdSeq::Verify), ("strict", BdSeq::Strict), ("off", BdSeq::Off)]),
        );
        let silence = reader.optional(
            &SILENCE,
            duration_within(Duration::from_secs(1), Duration::from_secs(7 * 24 * 3600)),
        );
        let certificates = reader.value(&CERTIFICATES, word(&[("on", true), ("off", false)]));
        Some(Self {
            host_id: host_id?,
            groups: groups?,
            filter: Filter { include: include?, exclude: exclude? },
            reorder_timeout: reorder_timeout?,
            rebirth: rebirth?,
            bdseq: bdseq?,
            silence: silence?,
            certificates: certificates?,
        })
    }
}

fn reasons(text: &str) -> Result<RebirthReasons, String> {
    text.parse().map_err(|_| {
        let names = RebirthReason::ALL.map(RebirthReason::name).join(", ");
        format!("must be auto, off, or some of: {names}")
    })
}

//! What each finding means, and what to do, in words for people.

use super::Finding;
use crate::sparkplug::host::ONLY_STORED;

impl Finding {
    /// What it means, in words for people.
    pub const fn description(self) -> &'static str {
        match self {
            Self::WrongTopic => {
                "a topic is not one of Sparkplug's, and its messages are skipped: let the sender \
                 use spBv1.0/GROUP/TYPE/NODE or spBv1.0/GROUP/TYPE/NODE/DEVICE"
            }
            Self::Undecodable => {
                "a payload cannot be decoded, and is skipped: check that it is Sparkplug B's \
                 protobuf that the edge node sends, and that nothing else publishes on its topics"
            }
            Self::TooLarge => "a payload is larger than the limit",
            Self::TooCostly => {
                "a compressed payload is skipped, because this sender's payloads inflate to far \
                 more than their size"
            }
            Self::NoRoom => {
                "its birth was evicted from memory, because the births of all nodes take too much \
                 memory"
            }
            Self::WaitingFull => {
                "there is no room for messages that wait for a birth or for a missing one, or for \
                 births that are kept until their node sends data"
            }
            Self::TooManyNodes => "there are more edge nodes than the limit",
            Self::TooManyDevices => "an edge node has more devices than the limit",
            Self::TooManyLeaves => {
                "a birth has more metrics, or more deeply nested ones, than the limit"
            }
            Self::TooLong => {
                "a name or value is too long: it is cut or skipped; let the edge send it shorter"
            }
            Self::Retained => {
                "a message is retained, so it may be old, and does not count as live: let edge \
                 nodes publish without retain, and delete what is left of those that are gone"
            }
            Self::WrongQos => "births, data and deaths of devices must have QoS 0",
            Self::ForeignServer => "it publishes on another server than the one its session is on",
            Self::TwoSenders => {
                "two senders publish under this edge node id and replace each other's births: give \
                 each an id of its own"
            }
            Self::DoubledNumbers => {
                "the same numbers (seq) come twice with other words, again after each birth: perhaps \
                 two senders publish under this edge node id, with the same bdSeq, so that each is \
                 read by the birth of the other; look for a second one, and give each an id of its \
                 own"
            }
            Self::NotZero => "the seq of an NBIRTH is not 0",
            Self::NoSeq => "a message has no seq, or one outside 0 to 255",
            Self::SeqNumbering => {
                "the seq of its messages is not one counter for the edge node and its devices: they \
                 are taken in the order in which they arrive, and which of them are lost cannot be \
                 told; let the edge node count as the specification wants it"
            }
            Self::Gap => {
                "messages are missing in the sequence: what they said is lost, but for the latest \
                 values, which a rebirth brings; if this repeats, look for losses between the edge \
                 node and the MQTT server, and for a second sender with its id"
            }
            Self::Duplicate => "a message was received twice",
            Self::Late => "a message arrived after the timeout for its place in the sequence",
            Self::BeforeBirth => {
                "data arrived before its birth: a rebirth is requested; shortly after a start of \
                 Sparkwise that is normal"
            }
            Self::NoBdSeq => "an NBIRTH has no bdSeq: any death counts",
            Self::StaleDeath => "a death has a different bdSeq from the latest birth",
            Self::RepeatedDeath => "a death was received of a node or device that is not online",
            Self::NoRebirth => "an NBIRTH lacks the metric Node Control/Rebirth",
            Self::NoTime => "a payload has no timestamp: its time of arrival is used",
            Self::Nameless => "a metric has no name",
            Self::UnknownMetric => {
                "data has a metric that is not in the latest birth: its values are skipped; where a \
                 rebirth does not end this, let the edge node include it in its birth"
            }
            Self::UnknownAlias => {
                "data has an alias that is not in the latest birth: its values are skipped; where a \
                 rebirth does not end this, let the edge node include it in its birth"
            }
            Self::AliasCollision => "an alias refers to several metrics",
            Self::SharedAlias => {
                "an alias is used by another device of the node too, or by the node itself"
            }
            Self::CaseCollision => {
                "an id or a metric's name differs from another only in upper and lower case"
            }
            Self::RepeatedMetric => {
                "a birth has two metrics or definitions of one name: where their types differ, the \
                 first one counts"
            }
            Self::NoDatatype => {
                "a metric of a birth has no datatype: it is inferred from the value"
            }
            Self::UnknownDatatype => "a datatype is not one of Sparkplug's",
            Self::ChangedDatatype => "data has a different datatype from the birth",
            Self::WrongValue => {
                "a value does not match its datatype, and SiteWise shows none, with quality BAD: let \
                 the edge node send what its birth declares"
            }
            Self::OutOfRange => {
                "an integer does not fit its datatype, and SiteWise shows none, with quality BAD: \
                 let the edge node declare a wider type in its birth"
            }
            Self::NoValue => "a metric has no value and does not say that it is null",
            Self::PropertyCount => "a property set has a different number of keys and values",
            Self::WrongQuality => "a Quality property is not an integer",
            Self::UnknownQuality => "a Quality is unknown: its value counts as UNCERTAIN",
            Self::NotUtf8 => {
                "a string is not UTF-8; invalid bytes show as U+FFFD: let the edge node send UTF-8"
            }
            Self::NamelessParameter => "a template parameter has no name",
            Self::DefinitionPlace => "a template definition is outside of NBIRTH",
            Self::Inheritance => "a template definition refers to another",
            Self::TemplateCycle => {
                "a template contains itself, or inherits from itself, through the others named: \
                 SiteWise does not allow a model below itself, so the member that closes the cycle \
                 is left out of the definition, and an asset of it is placed beside the one that \
                 contains it"
            }
            Self::UnknownTemplate => {
                "a template instance has no definition: one is derived from the instance"
            }
            Self::ChangedTemplate => {
                "an instance refers to a different template from before, or a node or device has \
                 the tags of another machine: its asset keeps its model"
            }
            Self::MissingMember => "a template instance of a birth lacks members of its definition",
            Self::UndeclaredMember => {
                "a template instance has members that are not in its definition"
            }
            Self::DefinitionsDiffer => {
                "its unit or default differs from the first one given, which the model keeps: make \
                 the edge nodes agree, or rename one of the templates"
            }
            Self::MissingUnit => {
                "a tag has no unit here, and SiteWise shows the unit that another machine gave the \
                 shared model: let the edge node send engUnit; or give the machine another model, \
                 by the template's name or with TWIN_KINDS, then delete its asset and restart \
                 Sparkwise"
            }
            Self::ClockBack => {
                "its clock went back, by the times of its messages: SiteWise keeps showing an \
                 earlier value with a later timestamp until the clock has passed it, or the next \
                 birth comes; synchronize the edge's clock (NTP)"
            }
            Self::OutOfWindow => {
                "SiteWise accepts no timestamp of its values, which are more than five minutes \
                 ahead or seven days old: synchronize the edge's clock (NTP); history older than \
                 seven days is delivered only with LATE_BUCKET"
            }
            Self::ClockOff => {
                "its clock is wrong, or its messages are held back for long on their way: SiteWise \
                 shows its values at wrong times; synchronize the edge's clock (NTP)"
            }
            Self::NumberTooLarge => {
                "a number is past ±10^10, which SiteWise's API reference does not allow: if it is \
                 rejected and is an integer, set TWIN_INT64=string"
            }
            Self::NumberRefused => {
                "SiteWise rejected a number past ±10^10, which became a dead letter; set \
                 TWIN_INT64=string for integers, or let the edge send another unit"
            }
            Self::NotCarried => {
                "SiteWise cannot store this type, or a text this long: it is dropped; let the edge \
                 send it differently, or exclude it"
            }
            Self::NothingTaken => {
                "SPARKPLUG_INCLUDE and SPARKPLUG_EXCLUDE leave out all its metrics: its values are \
                 counted and go nowhere; let the globs match GROUP/NODE/METRIC or \
                 GROUP/NODE/DEVICE/METRIC, or exclude GROUP/NODE as a whole, and restart"
            }
            Self::SharedModel => {
                "its tags are on a model that unrelated machines share, since it had no tags when \
                 its asset was created, or TWIN_MAX_MODELS was reached: delete its asset in \
                 SiteWise and restart Sparkwise, and it is created again on a model of its own kind"
            }
            Self::WrongState => "a STATE payload is invalid",
            Self::HostConflict => {
                "another host application uses our SPARKPLUG_HOST_ID, and the edge nodes cannot \
                 tell which of the two is online: give each an id of its own"
            }
            Self::RebirthUnanswered => {
                "it cannot be interpreted although a rebirth was requested, or SPARKPLUG_REBIRTH \
                 forbids to request one: requests are repeated with backoff, up to an hour apart"
            }
            Self::OnlyStored => ONLY_STORED,
        }
    }
}

//! What each finding means, and what to do, in words for people.

use super::Finding;

impl Finding {
    /// What it means, in words for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::WrongTopic => "a topic is not one of Sparkplug's",
            Self::Undecodable => "a payload cannot be decoded",
            Self::TooLarge => "a payload is larger than is taken",
            Self::TooManyNodes => "there are more edge nodes than are remembered",
            Self::TooManyDevices => "an edge node has more devices than are remembered",
            Self::TooManyLeaves => "a birth has more metrics, or deeper ones, than are taken",
            Self::TooLong => "a name or value is too long: it is cut or left out",
            Self::Retained => {
                "a message is retained, so that it may be old: it is not taken as live"
            }
            Self::WrongQos => "births, data and deaths of devices belong at QoS 0",
            Self::ForeignServer => "it speaks on another server than the one its session is on",
            Self::TwoSenders => {
                "two senders publish as this edge node, each taking the other's place: give each an \
                 id of its own"
            }
            Self::NotZero => "the sequence of an NBIRTH does not begin at 0",
            Self::NoSeq => "a message has no sequence number from 0 to 255",
            Self::Gap => "messages are missing in the sequence",
            Self::Duplicate => "a message came twice",
            Self::Late => "a message came after its place in the sequence was given up",
            Self::BeforeBirth => "it speaks before its birth",
            Self::NoBdSeq => "an NBIRTH has no bdSeq: any death counts",
            Self::StaleDeath => "a death carries another bdSeq than the latest birth",
            Self::RepeatedDeath => "a death of what is dead already",
            Self::NoRebirth => "an NBIRTH lacks the metric Node Control/Rebirth",
            Self::NoTime => "a payload has no timestamp: the time of its arrival is taken",
            Self::Nameless => "a metric has no name",
            Self::UnknownMetric => "data has a metric that the latest birth lacks",
            Self::UnknownAlias => "data has an alias that the latest birth lacks",
            Self::AliasCollision => "an alias stands for several metrics",
            Self::SharedAlias => "an alias is used by another device of the node, or by itself",
            Self::OnlyCase => "an id or a metric's name differs from another in its case alone",
            Self::RepeatedMetric => "a birth has two metrics or definitions of one name",
            Self::NoDatatype => "a metric of a birth has no datatype: it is told from the value",
            Self::UnknownDatatype => "a datatype is none of Sparkplug's",
            Self::ChangedDatatype => "data has another datatype than the birth",
            Self::WrongValue => "a value does not go with its datatype",
            Self::OutOfRange => "an integer does not fit its datatype",
            Self::NoValue => "a metric has no value and does not say that it is null",
            Self::PropertyCount => "a property set has not as many values as keys",
            Self::WrongQuality => "a Quality property is no integer",
            Self::UnknownQuality => {
                "a Quality is none that is known: its value is taken for uncertain"
            }
            Self::NotUtf8 => {
                "a string is not UTF-8, and what cannot be read of it shows as U+FFFD: let the edge \
                 node send UTF-8"
            }
            Self::NamelessParameter => "a template parameter has no name",
            Self::DefinitionPlace => "a template definition stands outside NBIRTH",
            Self::Inheritance => "a template definition refers to another",
            Self::TemplateRing => {
                "a template holds itself, or inherits from itself, by way of the others named: \
                 SiteWise has no model below itself, so the member that closes the ring is left \
                 out of the definition, and an asset of it hangs beside the one that it is in"
            }
            Self::UnknownTemplate => "a template instance has no definition: one is made from it",
            Self::ChangedTemplate => "an instance names another template than before",
            Self::MissingMember => "a template instance of a birth lacks members of its definition",
            Self::SpareMember => "a template instance has members that its definition lacks",
            Self::DefinitionsDiffer => {
                "it gives another unit or default than was given first, which the model keeps: let \
                 the edge nodes agree, or name one of the templates otherwise"
            }
            Self::UnitUnsaid => {
                "it says no unit of a tag, and SiteWise, which cannot show none, shows another \
                 machine's: let the edge send engUnit, or name another model for it, in the \
                 template's name or with TWIN_KINDS; delete its asset then and restart Sparkwise"
            }
            Self::ClockBack => {
                "its clock went back: SiteWise shows the value of the later time until the next \
                 birth; let the edge's clock be kept by NTP"
            }
            Self::OutOfWindow => {
                "its values are dead letters, for SiteWise takes no time more than five minutes \
                 ahead or seven days old: let the edge's clock be kept by NTP"
            }
            Self::FarNumber => {
                "a number is past 10^10, which the API reference of SiteWise does not allow: if it \
                 is refused and is an integer, set TWIN_INT64=string"
            }
            Self::NumberRefused => {
                "SiteWise did not take a number past 10^10: such are dead letters; set \
                 TWIN_INT64=string where they are integers, or let the edge send another unit"
            }
            Self::NotCarried => {
                "SiteWise has no form for what is of this type, or so long: it is not carried; let \
                 the edge send it otherwise, or leave it out"
            }
            Self::SharedModel => {
                "its tags stand on a model that machines without any likeness share, since it \
                 had no tags when its asset was made, or there was no model more: delete its asset in SiteWise and restart Sparkwise, and it \
                 is made anew on a model of its own kind"
            }
            Self::WrongState => "a STATE payload is none",
            Self::HostConflict => "another host application goes by our SPARKPLUG_HOST_ID",
            Self::InVain => {
                "it is not understood, although it was asked for its birth, or may not be asked by \
                 SPARKPLUG_REBIRTH: who may be is asked ever rarer, once an hour in the end"
            }
        }
    }
}

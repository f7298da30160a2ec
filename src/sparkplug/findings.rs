//! Findings: deviations of senders, counted by a closed list of names, each with the
//! specification's statement.

mod words;

use super::text;

/// A finding. None of them stops anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Finding {
    /// A topic of another shape, or with an id that is none.
    WrongTopic,
    /// Bytes that are no payload.
    Undecodable,
    /// A payload past the limits of size.
    TooLarge,
    /// A compressed payload that is not read, for its sender has had too much inflated.
    TooCostly,
    /// A message of one edge node more than are remembered.
    TooManyNodes,
    /// A birth of one device more than a node may have.
    TooManyDevices,
    /// A metric past the limit of a birth, in number or in depth.
    TooManyLeaves,
    /// A birth's tables are evicted: those of all births take too much memory.
    NoRoom,
    /// A message, or a birth that is to be kept, for which there is no room where others wait.
    WaitingFull,
    /// A name that is rejected, or a value that is cut or rejected, for its length.
    TooLong,
    /// A stored message where a live one belongs.
    Retained,
    /// A birth, data or a device's death at another quality of service than 0.
    WrongQos,
    /// A message from another server than the node's session is on.
    ForeignServer,
    /// Two senders that publish as one edge node.
    TwoSenders,
    /// Numbers that one source sends twice, after each birth: perhaps two senders.
    DoubledNumbers,
    /// An NBIRTH whose sequence begins elsewhere than at zero.
    NotZero,
    /// A message without a sequence number, or with one past 255.
    NoSeq,
    /// Messages that are numbered otherwise than by one counter for the node and its devices.
    SeqNumbering,
    /// Messages that never arrived, or arrived after their place timed out.
    Gap,
    /// A message that came twice.
    Duplicate,
    /// A message that arrived after its place in the sequence timed out.
    Late,
    /// A message of a node or device before its birth.
    BeforeBirth,
    /// A birth without bdSeq.
    NoBdSeq,
    /// A death that belongs to another birth than the latest.
    StaleDeath,
    /// A death of what is dead already.
    RepeatedDeath,
    /// An NBIRTH without `Node Control/Rebirth`.
    NoRebirth,
    /// A payload without a time, or with one that is none.
    NoTime,
    /// A metric without a name where there must be one.
    Nameless,
    /// A metric that the latest birth does not have.
    UnknownMetric,
    /// An alias that the latest birth does not have.
    UnknownAlias,
    /// An alias that stands for several metrics.
    AliasCollision,
    /// An alias that another source of the node uses: each means its own metric by it.
    SharedAlias,
    /// An id or a metric's name that differs from another in its case alone.
    CaseCollision,
    /// A second metric or definition of one name in a birth.
    RepeatedMetric,
    /// A metric of a birth without a datatype.
    NoDatatype,
    /// A datatype outside the enumeration.
    UnknownDatatype,
    /// A datatype in data that is not that of the birth.
    ChangedDatatype,
    /// A value that does not go with its datatype.
    WrongValue,
    /// An integer that does not fit its datatype.
    OutOfRange,
    /// A metric that has neither a value nor says that it is null.
    NoValue,
    /// A property set with more keys than values, or fewer.
    PropertyCount,
    /// A quality that is no integer: it is read nevertheless.
    WrongQuality,
    /// A quality that means nothing known: its value is uncertain.
    UnknownQuality,
    /// A string that is not UTF-8.
    NotUtf8,
    /// A parameter without a name.
    NamelessParameter,
    /// A template definition outside NBIRTH.
    DefinitionPlace,
    /// A template definition that refers to another.
    Inheritance,
    /// Template definitions that lead back to themselves.
    TemplateCycle,
    /// An instance whose definition is unknown.
    UnknownTemplate,
    /// An instance in data that refers to another definition than in the birth.
    ChangedTemplate,
    /// An instance in a birth without a member that its definition has.
    MissingMember,
    /// An instance with a member that its definition lacks.
    UndeclaredMember,
    /// A unit or default of a member that is not the one given first for its model.
    DefinitionsDiffer,
    /// A tag without a unit, whose model shows another machine's.
    MissingUnit,
    /// Messages whose times went back and stay back, with a value that an earlier one hides.
    ClockBack,
    /// A value in data whose time SiteWise does not take.
    OutOfWindow,
    /// A sender whose clock is wrong, by the times of its messages.
    ClockOff,
    /// A number past ±10^10.
    NumberTooLarge,
    /// A number past ±10^10 that SiteWise did not take.
    NumberRefused,
    /// A value or attribute that SiteWise has no form for.
    NotCarried,
    /// The filter leaves nothing of what a node and its devices have.
    NothingTaken,
    /// Tags on a model that unrelated machines share.
    SharedModel,
    /// A STATE payload that is none.
    WrongState,
    /// Another host application that goes by our id.
    HostConflict,
    /// A birth asked for in vain.
    RebirthUnanswered,
    /// The same of a node that is known by a stored birth only.
    OnlyStored,
}

impl Finding {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// All of them, in order.
    pub const ALL: [Self; 66] = [
        Self::WrongTopic,
        Self::Undecodable,
        Self::TooLarge,
        Self::TooCostly,
        Self::TooManyNodes,
        Self::TooManyDevices,
        Self::TooManyLeaves,
        Self::NoRoom,
        Self::WaitingFull,
        Self::TooLong,
        Self::Retained,
        Self::WrongQos,
        Self::ForeignServer,
        Self::TwoSenders,
        Self::DoubledNumbers,
        Self::NotZero,
        Self::NoSeq,
        Self::SeqNumbering,
        Self::Gap,
        Self::Duplicate,
        Self::Late,
        Self::BeforeBirth,
        Self::NoBdSeq,
        Self::StaleDeath,
        Self::RepeatedDeath,
        Self::NoRebirth,
        Self::NoTime,
        Self::Nameless,
        Self::UnknownMetric,
        Self::UnknownAlias,
        Self::AliasCollision,
        Self::SharedAlias,
        Self::CaseCollision,
        Self::RepeatedMetric,
        Self::NoDatatype,
        Self::UnknownDatatype,
        Self::ChangedDatatype,
        Self::WrongValue,
        Self::OutOfRange,
        Self::NoValue,
        Self::PropertyCount,
        Self::WrongQuality,
        Self::UnknownQuality,
        Self::NotUtf8,
        Self::NamelessParameter,
        Self::DefinitionPlace,
        Self::Inheritance,
        Self::TemplateCycle,
        Self::UnknownTemplate,
        Self::ChangedTemplate,
        Self::MissingMember,
        Self::UndeclaredMember,
        Self::DefinitionsDiffer,
        Self::MissingUnit,
        Self::ClockBack,
        Self::OutOfWindow,
        Self::ClockOff,
        Self::NumberTooLarge,
        Self::NumberRefused,
        Self::NotCarried,
        Self::NothingTaken,
        Self::SharedModel,
        Self::WrongState,
        Self::HostConflict,
        Self::RebirthUnanswered,
        Self::OnlyStored,
    ];

    /// A name for metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WrongTopic => "wrong_topic",
            Self::Undecodable => "undecodable",
            Self::TooLarge => "too_large",
            Self::TooCostly => "too_costly",
            Self::TooManyNodes => "too_many_nodes",
            Self::TooManyDevices => "too_many_devices",
            Self::TooManyLeaves => "too_many_leaves",
            Self::NoRoom => "no_room",
            Self::WaitingFull => "waiting_full",
            Self::TooLong => "too_long",
            Self::Retained => "retained",
            Self::WrongQos => "wrong_qos",
            Self::ForeignServer => "foreign_server",
            Self::TwoSenders => "two_senders",
            Self::DoubledNumbers => "doubled_seq",
            Self::NotZero => "birth_seq_not_zero",
            Self::NoSeq => "no_seq",
            Self::SeqNumbering => "seq_numbering",
            Self::Gap => "gap",
            Self::Duplicate => "duplicate",
            Self::Late => "late",
            Self::BeforeBirth => "before_birth",
            Self::NoBdSeq => "no_bd_seq",
            Self::StaleDeath => "stale_death",
            Self::RepeatedDeath => "repeated_death",
            Self::NoRebirth => "no_rebirth",
            Self::NoTime => "no_time",
            Self::Nameless => "nameless",
            Self::UnknownMetric => "unknown_metric",
            Self::UnknownAlias => "unknown_alias",
            Self::AliasCollision => "alias_collision",
            Self::SharedAlias => "shared_alias",
            Self::CaseCollision => "only_case",
            Self::RepeatedMetric => "repeated_metric",
            Self::NoDatatype => "no_datatype",
            Self::UnknownDatatype => "unknown_datatype",
            Self::ChangedDatatype => "changed_datatype",
            Self::WrongValue => "wrong_value",
            Self::OutOfRange => "out_of_range",
            Self::NoValue => "no_value",
            Self::PropertyCount => "property_count",
            Self::WrongQuality => "wrong_quality",
            Self::UnknownQuality => "unknown_quality",
            Self::NotUtf8 => "not_utf8",
            Self::NamelessParameter => "nameless_parameter",
            Self::DefinitionPlace => "definition_place",
            Self::Inheritance => "inheritance",
            Self::TemplateCycle => "template_ring",
            Self::UnknownTemplate => "unknown_template",
            Self::ChangedTemplate => "changed_template",
            Self::MissingMember => "missing_member",
            Self::UndeclaredMember => "spare_member",
            Self::DefinitionsDiffer => "definitions_differ",
            Self::MissingUnit => "unit_unsaid",
            Self::ClockBack => "clock_back",
            Self::OutOfWindow => "out_of_window",
            Self::ClockOff => "clock_off",
            Self::NumberTooLarge => "far_number",
            Self::NumberRefused => "number_refused",
            Self::NotCarried => "not_carried",
            Self::NothingTaken => "nothing_taken",
            Self::SharedModel => "shared_model",
            Self::WrongState => "wrong_state",
            Self::HostConflict => "host_conflict",
            Self::RebirthUnanswered => "rebirth_in_vain",
            Self::OnlyStored => "only_stored",
        }
    }

    /// The specification's statement that is violated, if any.
    pub const fn tck_id(self) -> Option<&'static str> {
        match self {
            Self::WrongTopic => Some("topic-structure"),
            Self::Retained => Some("payloads-ndata-retain"),
            Self::WrongQos => Some("topics-nbirth-mqtt"),
            Self::TwoSenders | Self::DoubledNumbers => Some("intro-edge-node-id-uniqueness"),
            Self::NotZero => Some("topics-nbirth-seq-num"),
            Self::NoSeq => Some("payloads-sequence-num-always-included"),
            Self::SeqNumbering | Self::Gap => Some("payloads-sequence-num-incrementing"),
            Self::BeforeBirth => Some("payloads-ndata-order"),
            Self::NoBdSeq => Some("topics-nbirth-bdseq-included"),
            Self::StaleDeath => Some("payloads-ndeath-bdseq"),
            Self::NoRebirth => Some("topics-nbirth-rebirth-metric"),
            Self::NoTime => Some("payloads-timestamp-in-UTC"),
            Self::Nameless => Some("payloads-name-requirement"),
            Self::UnknownMetric => Some("topics-nbirth-metric-reqs"),
            Self::UnknownAlias => Some("payloads-alias-birth-requirement"),
            Self::AliasCollision | Self::SharedAlias => Some("payloads-alias-uniqueness"),
            Self::CaseCollision => Some("case-sensitivity-sparkplug-ids"),
            Self::NoDatatype => Some("payloads-metric-datatype-req"),
            Self::UnknownDatatype => Some("payloads-metric-datatype-value"),
            Self::ChangedDatatype => Some("payloads-metric-datatype-not-req"),
            Self::NoValue => Some("operational-behavior-data-publish-nbirth-values"),
            Self::PropertyCount => Some("payloads-propertyset-keys-array-size"),
            Self::WrongQuality => Some("payloads-propertyset-quality-value-type"),
            Self::UnknownQuality => Some("payloads-propertyset-quality-value-value"),
            Self::NamelessParameter => Some("payloads-template-parameter-name-required"),
            Self::DefinitionPlace => Some("payloads-template-definition-nbirth-only"),
            Self::Inheritance => Some("payloads-template-definition-ref"),
            Self::UnknownTemplate => Some("payloads-template-ref-instance"),
            Self::ChangedTemplate => Some("payloads-template-instance-ref"),
            Self::MissingMember => Some("payloads-template-instance-members-birth"),
            Self::UndeclaredMember => Some("payloads-template-instance-members"),
            Self::WrongState => Some("payloads-state-birth-payload"),
            Self::HostConflict => Some("operational-behavior-host-application-host-id"),
            Self::RebirthUnanswered => Some("operational-behavior-data-commands-rebirth-action-2"),
            Self::Undecodable
            | Self::OnlyStored
            | Self::TooLarge
            | Self::TooCostly
            | Self::TooManyNodes
            | Self::TooManyDevices
            | Self::TooManyLeaves
            | Self::NoRoom
            | Self::WaitingFull
            | Self::TooLong
            | Self::ForeignServer
            | Self::Duplicate
            | Self::Late
            | Self::RepeatedDeath
            | Self::RepeatedMetric
            | Self::NotUtf8
            | Self::TemplateCycle
            | Self::WrongValue
            | Self::OutOfRange
            | Self::DefinitionsDiffer
            | Self::MissingUnit
            | Self::ClockBack
            | Self::OutOfWindow
            | Self::ClockOff
            | Self::NumberTooLarge
            | Self::NumberRefused
            | Self::NotCarried
            | Self::NothingTaken
            | Self::SharedModel => None,
        }
    }

    /// Whether it is shown as a problem for an hour: nothing but people can mend it, and no other
    /// problem shows it.
    pub const fn needs_people(self) -> bool {
        matches!(
            self,
            Self::Undecodable
                | Self::TooCostly
                | Self::TooManyNodes
                | Self::TooManyDevices
                | Self::TooManyLeaves
                | Self::TwoSenders
                | Self::DoubledNumbers
                | Self::SeqNumbering
                | Self::NotUtf8
                | Self::ClockBack
                | Self::HostConflict
        )
    }

    /// Whether a single damaged message is enough for it, such as the network may bring: it needs
    /// people only if it comes again.
    pub const fn may_be_one_message(self) -> bool {
        matches!(self, Self::Undecodable | Self::NotUtf8)
    }

    /// Whether data is lost or misplaced until people act.
    pub const fn is_loss(self) -> bool {
        matches!(
            self,
            Self::Undecodable
                | Self::TooLarge
                | Self::TooCostly
                | Self::TooManyNodes
                | Self::TooManyDevices
                | Self::TooManyLeaves
                | Self::NoRoom
                | Self::WaitingFull
                | Self::TooLong
                | Self::OutOfWindow
                | Self::ClockOff
                | Self::NumberRefused
                | Self::NotCarried
                | Self::NothingTaken
                | Self::MissingUnit
                | Self::SharedModel
                | Self::RebirthUnanswered
                | Self::OnlyStored
        )
    }
}

/// Counts of findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingCounts {
    counts: [u64; Finding::COUNT],
    /// One bit for each finding that was made since they were last taken.
    fresh: u128,
    /// What showed some of these, in words.
    examples: Vec<(Finding, Box<str>)>,
}

/// Each finding has a bit.
const _: () = assert!(Finding::COUNT <= u128::BITS as usize);

impl Default for FindingCounts {
    fn default() -> Self {
        Self { counts: [0; Finding::COUNT], fresh: 0, examples: Vec::new() }
    }
}

impl FindingCounts {
    /// How often `finding` was made.
    pub fn count(&self, finding: Finding) -> u64 {
        self.counts.get(finding as usize).copied().unwrap_or_default()
    }

    /// The findings made at least once, with how often.
    pub fn iter(&self) -> impl Iterator<Item = (Finding, u64)> + '_ {
        Finding::ALL.into_iter().zip(self.counts).filter(|(_, count)| *count > 0)
    }

    pub(crate) fn note(&mut self, finding: Finding) {
        self.add(finding, 1);
    }

    pub(crate) fn add(&mut self, finding: Finding, count: u64) {
        if count > 0
            && let Some(total) = self.counts.get_mut(finding as usize)
        {
            *total = total.saturating_add(count);
            self.fresh |= 1 << finding as u128;
        }
    }

    /// Counts a finding with a description that is better than the message's topic.
    pub(crate) fn note_with_example<S: Into<Box<str>>>(
        &mut self,
        finding: Finding,
        example: impl FnOnce() -> S,
    ) {
        self.note(finding);
        if !self.examples.iter().any(|(noted, _)| *noted == finding) {
            self.examples.push((finding, text::shown(&example().into()).into()));
        }
    }

    /// The words for what was found since this was last called, at most one for each finding.
    pub(crate) fn take_examples(&mut self) -> Vec<(Finding, Box<str>)> {
        std::mem::take(&mut self.examples)
    }

    /// The findings made since this was last called.
    pub(crate) fn take_fresh(&mut self) -> impl Iterator<Item = Finding> + use<> {
        let fresh = std::mem::take(&mut self.fresh);
        let all = if fresh == 0 { &[][..] } else { &Finding::ALL[..] };
        all.iter().copied().filter(move |finding| fresh & 1 << *finding as u128 != 0)
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (total, count) in self.counts.iter_mut().zip(other.counts) {
            *total = total.saturating_add(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finding_has_its_place_and_a_name_of_its_own() {
        let mut names: Vec<_> = Finding::ALL.iter().map(|finding| finding.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Finding::COUNT);
        for (place, finding) in Finding::ALL.into_iter().enumerate() {
            assert_eq!(finding as usize, place);
        }
    }
}

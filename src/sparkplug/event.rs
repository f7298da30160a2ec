//! Events of the plant, with sequence, aliases and types resolved.
//!
//! A birth is a tree of metrics whose leaves are numbered; data refers to leaves by that number.
//! Numbers hold until the next birth of the same source.

use std::sync::Arc;

use super::address::{EdgeNode, Source};
use super::datatype::DataType;
use super::value::Value;
use crate::time::Timestamp;

/// An event of the plant.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A node or a device was born, or born again.
    Birth(Birth),
    /// Values arrived.
    Data(Data),
    /// A node or a device died, or is unreachable.
    Death(Death),
}

/// A complete description of a node's or device's metrics with their values.
#[derive(Clone, Debug, PartialEq)]
pub struct Birth {
    /// Who was born.
    pub source: Source,
    /// The payload's time, or that of its arrival.
    pub time: Timestamp,
    /// Template definitions carried by this birth (NBIRTH; in DBIRTH by old senders).
    pub definitions: Vec<Definition>,
    /// Everything else, in the payload's order.
    pub metrics: Vec<BirthMetric>,
    /// How many leaves are numbered: every [`Slot`] is below it.
    pub slots: u32,
    /// Leaves by whose name the payload has another metric as well, of another type.
    pub ambiguous: Vec<Slot>,
    /// What the payload says more than once follows as [`Data`].
    pub has_repeated: bool,
}

/// The number of a leaf within its source's latest birth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u32);

/// A metric of a birth, or a member of a template instance.
#[derive(Clone, Debug, PartialEq)]
pub struct BirthMetric {
    /// The name as sent, slashes included.
    pub name: Arc<str>,
    /// Static properties, in order; `Quality` is not among them.
    pub properties: Vec<StaticProperty>,
    /// A value or a template instance.
    pub content: Content,
}

/// What a metric of a birth holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A value of a basic type.
    Leaf {
        /// Its number in data.
        slot: Slot,
        /// Declared, or inferred where the sender left it out; none if neither is possible.
        datatype: Option<DataType>,
        /// Its value in the birth; none where the birth has a member without any sample.
        sample: Sample,
    },
    /// A template instance.
    Instance(Instance),
}

/// A template instance as a birth describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// `template_ref` as sent.
    pub template: Arc<str>,
    /// Name of the definition it resolves to, by the four naming habits; none without one.
    pub definition: Option<Arc<str>>,
    /// `version`, where sent.
    pub version: Option<Arc<str>>,
    /// The instance's own parameters.
    pub parameters: Vec<StaticProperty>,
    /// Its members.
    pub members: Vec<BirthMetric>,
    /// Its number in data.
    pub number: u32,
    /// The definition itself: it provides what the instance lacks.
    pub defined: Option<Arc<Definition>>,
}

/// A template definition. Inherited members are already among its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// The metric's name as sent.
    pub name: Arc<str>,
    /// `version`, where sent.
    pub version: Option<Arc<str>>,
    /// The definition it inherits from (Ignition sends it as `template_ref`).
    pub parent: Option<Arc<str>>,
    /// Parameters with their defaults.
    pub parameters: Vec<StaticProperty>,
    /// Members with their defaults.
    pub members: Vec<Member>,
    /// Its template's, where this is that of an instance within a definition that says more of it.
    pub base: Option<Arc<Definition>>,
}

/// A member of a template definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// The member's name.
    pub name: Arc<str>,
    /// Static properties, `Quality` excepted.
    pub properties: Vec<StaticProperty>,
    /// What it holds.
    pub kind: MemberKind,
}

/// What a member of a definition holds.
#[derive(Clone, Debug, PartialEq)]
pub enum MemberKind {
    /// A value of this type; none where it was neither declared nor to be inferred.
    Leaf(Option<DataType>),
    /// An instance of another template, named by its `template_ref`.
    Template {
        /// `template_ref` as sent.
        template: Arc<str>,
        /// Name of the definition it resolves to.
        definition: Option<Arc<str>>,
        /// What the definition around it says of it; none where that is nothing.
        said: Option<Arc<Definition>>,
        /// Its definition with that; none where nothing is said.
        own: Option<Arc<Definition>>,
    },
}

/// A named static value: a template parameter, or a property of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct StaticProperty {
    /// Its name.
    pub name: Arc<str>,
    /// Declared or inferred type.
    pub datatype: Option<DataType>,
    /// Whether its sender or its definition declares the type.
    pub is_typed: bool,
    /// Its value; none where it is null, absent, or none of its type.
    pub value: Option<Value>,
    /// What is none of its type, as it came.
    pub rejected_value: Option<Box<Value>>,
}

/// Values of one source.
#[derive(Clone, Debug, PartialEq)]
pub struct Data {
    /// The sender.
    pub source: Source,
    /// In the payload's order.
    pub samples: Vec<(Slot, Sample)>,
    /// Parameters and static properties with new values. Of late data those that bear a timestamp.
    pub attributes: Vec<AttributeSample>,
    /// Their order relative to earlier data.
    pub order: SequenceOrder,
    /// The payload's own time; none where it has none.
    pub sent: Option<Timestamp>,
}

/// A message's place in its session's sequence, relative to those emitted before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SequenceOrder {
    /// In its place of the sequence.
    #[default]
    InOrder,
    /// In order, after missing messages timed out: the newest data.
    AfterGap,
    /// It arrived after its place had timed out and later ones were emitted: older than known data,
    /// unless the sender's timestamp says otherwise.
    Late,
    /// It was buffered until its birth: older than the birth's values, whatever its timestamp.
    BeforeBirth,
}

impl SequenceOrder {
    /// Whether later data may have been emitted already.
    #[must_use]
    pub fn is_past(self) -> bool {
        matches!(self, Self::Late | Self::BeforeBirth)
    }
}

/// A parameter or static property in data.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeSample {
    /// What has it.
    pub holder: AttributeHolder,
    /// Which of both it is.
    pub kind: AttributeKind,
    /// Its timestamp.
    pub time: Timestamp,
    /// Its name and value.
    pub property: StaticProperty,
}

/// What a value that is not measured is to its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttributeKind {
    /// A parameter of a template instance.
    Parameter,
    /// A property of a metric, which may hold an instance.
    Property,
}

/// What has a parameter or a static property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttributeHolder {
    /// The leaf of this number.
    Leaf(Slot),
    /// The instance of this number.
    Instance(u32),
}

/// One value of one leaf; by default a null of good quality, of 1970.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// The member's time, else the template's, else the payload's, else that of arrival.
    pub time: Timestamp,
    /// The value; none for null and for a value that could not be decoded.
    pub value: Option<Value>,
    /// The rejected value, if its type or range does not match the metric.
    pub rejected_value: Option<Box<Value>>,
    /// The sender's quality: the worst of the metric's own and of those of the instances around it.
    pub quality: SparkplugQuality,
    /// The metric's own quality.
    pub own_quality: SparkplugQuality,
    /// `is_historical`: never the session's current value.
    pub historical: bool,
    /// `is_transient`: not for a historian.
    pub transient: bool,
    /// `metadata.content_type` is `Alarm`: Ignition's alarms share the tag's name.
    pub alarm: bool,
    /// A member that the birth lists without a value of any kind, null included; in data, a leaf
    /// of which nothing but its quality is said, or that of an instance around it.
    pub without_value: bool,
    /// In data without a value: it is the leaf's own quality that is said.
    pub own_alone: bool,
    /// In data of a leaf whose birth told no type: the one that it declares, or that its field
    /// suggests.
    pub datatype: Option<DataType>,
}

/// Quality as the sender gives it, by the table of Sparkplug and of Ignition's codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SparkplugQuality {
    /// 192, absent, or a Good code.
    #[default]
    Good,
    /// 500 (stale), or an Uncertain code.
    Uncertain,
    /// 0, or a Bad or Error code.
    Bad,
}

/// A death.
#[derive(Clone, Debug, PartialEq)]
pub struct Death {
    /// Who died. The death of a node comes with one event for each of its devices, first.
    pub source: Source,
    /// DDEATH: the payload's time, if it has one; else the host's own.
    pub time: Timestamp,
    /// Whose time that is.
    pub clock: ClockSource,
    /// Its cause.
    pub cause: DeathCause,
}

/// Whose clock a time is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockSource {
    /// The sender's.
    Sender,
    /// Ours.
    Host,
}

/// The cause of a death.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeathCause {
    /// NDEATH or DDEATH.
    Certificate,
    /// The edge node died, the device with it.
    Node,
    /// Our own connection to the server is lost.
    ConnectionLost,
    /// No answer to a rebirth request.
    Silent,
}

/// Counters of one edge node's session that its twin shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionFigures {
    /// The edge node.
    pub edge: Option<EdgeNode>,
    /// Gaps in the sequence since the start.
    pub gaps: u64,
    /// Rebirths requested since the start.
    pub rebirths: u64,
}

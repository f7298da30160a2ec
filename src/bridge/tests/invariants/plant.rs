//! Random plants, as real and as bad as they come, and what they say: each message with its
//! meaning beside its bytes, so that nobody has to read the bytes to know what was meant.

use std::collections::BTreeMap;

use crate::sparkplug::address::Source;
use crate::sparkplug::datatype::DataType;
use crate::sparkplug::edge::{Edge, Typed};
use crate::time::Timestamp;

pub(super) mod change;
mod draw;
mod instances;
mod speak;

pub(super) use draw::plant;

/// The type of a tag or parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Int,
    Long,
    Double,
    Bool,
    Text,
    /// A point in time.
    Time,
}

/// A value as the machine has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Val {
    Null,
    Int(i32),
    Long(i64),
    Double(f64),
    Bool(bool),
    Text(String),
    /// Milliseconds since 1970.
    Time(i64),
}

/// A quality as the machine says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Number(i32),
    Word(&'static str),
}

/// A tag, or a member of an instance.
#[derive(Clone, Debug)]
pub(super) struct Tag {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) value: Val,
    pub(super) quality: Option<Code>,
    pub(super) unit: Option<&'static str>,
    pub(super) statics: BTreeMap<&'static str, Val>,
    /// When its value changed, by the sender's clock; or was said last, where births bear the
    /// present time.
    pub(super) changed: i64,
    /// Data says its unit.
    pub(super) says_unit: bool,
    /// Left out of births and data.
    pub(super) hidden: bool,
}

/// An instance of a template.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) name: String,
    pub(super) shape: usize,
    /// A quality of its own, which counts for its members.
    pub(super) quality: Option<Code>,
    pub(super) members: Vec<Tag>,
    /// What it says itself of its parameters.
    pub(super) parameters: BTreeMap<&'static str, Val>,
    pub(super) nested: Vec<Piece>,
    pub(super) hidden: bool,
    /// It began as one of another template.
    pub(super) reshaped: bool,
}

/// What a node or device consists of.
#[derive(Clone, Debug, Default)]
pub(super) struct Body {
    pub(super) tags: Vec<Tag>,
    pub(super) pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
pub(super) struct Device {
    pub(super) name: String,
    pub(super) body: Body,
    pub(super) alive: bool,
}

/// A member of a template: its name, type, unit, and static properties with their defaults.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) unit: Option<&'static str>,
    pub(super) statics: BTreeMap<&'static str, Val>,
}

/// A template as a node defines it.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) parts: Vec<Part>,
    /// With the default, if there is one.
    pub(super) parameters: Vec<(&'static str, Kind, Option<Val>)>,
    pub(super) nested: Vec<(&'static str, usize)>,
}

/// By which name a definition goes, and by which an instance refers to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    Plain,
    Folder,
    BothFolder,
    Version,
    /// No definitions at all.
    Silent,
}

/// Which times a sender gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stamps {
    Each,
    Payload,
    Nowhere,
}

/// When an edge node answers a request for its births.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answers {
    After(u64),
    Never,
}

/// What becomes of instances, by the bridge's configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Spelling {
    /// Each has an asset.
    #[default]
    Templates,
    /// Nested ones are members of the one around them.
    Flattened,
    /// They are said as flat metrics, which rules group.
    Rules,
    /// As `Templates`; and the devices are of one kind, as people say.
    Kinds,
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) edge: Edge,
    pub(super) spelling: Spelling,
    pub(super) own: Body,
    pub(super) devices: Vec<Device>,
    pub(super) shapes: Vec<Shape>,
    pub(super) habit: Habit,
    pub(super) stamps: Stamps,
    /// The metrics of its births have the birth's time, not that of their last change.
    pub(super) births_now: bool,
    pub(super) aliases: bool,
    /// Its strings are Latin-1.
    pub(super) latin: bool,
    pub(super) alive: bool,
    pub(super) answers: Answers,
    /// How far its clock is from the right one.
    pub(super) offset: i64,
    /// What its clock shows since it stands still.
    pub(super) still: Option<i64>,
}

/// In which way a value is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    Current,
    History,
    Transient,
    Alarm,
}

/// A value that is said.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    /// The instance, from the source down.
    pub(super) path: Vec<String>,
    pub(super) member: String,
    pub(super) kind: Kind,
    pub(super) value: Val,
    pub(super) own: Option<Code>,
    /// Its own, and those of the instances around it.
    pub(super) qualities: Vec<Code>,
    /// None: that of its arrival.
    pub(super) time: Option<i64>,
    pub(super) manner: Manner,
    pub(super) unit: Unit,
}

/// What is said of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Data: nothing.
    Unsaid,
    /// A flat tag's own, or none.
    Own(Option<String>),
    /// An instance's member's, or its definition's.
    Defined(Option<String>),
}

impl Unit {
    /// Whether it is one.
    pub(super) fn is_said(&self) -> bool {
        matches!(self, Self::Own(Some(_)) | Self::Defined(Some(_)))
    }
}

/// An attribute that is said, or left to its default.
#[derive(Clone, Debug)]
pub(super) struct Trait {
    pub(super) path: Vec<String>,
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) own: Option<Val>,
    pub(super) default: Option<Val>,
    /// The instance began as one of another template.
    pub(super) reshaped: bool,
    /// Its definition has it without a default.
    pub(super) without: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Birth,
    Data,
    Death,
}

/// What a message means.
#[derive(Clone, Debug)]
pub(super) struct Speech {
    pub(super) source: Source,
    pub(super) verb: Verb,
    pub(super) values: Vec<Statement>,
    pub(super) traits: Vec<Trait>,
    pub(super) pieces: Vec<Vec<String>>,
    /// The instances in it, with the quality that each says there.
    pub(super) around: Vec<(Vec<String>, Option<Code>)>,
    /// It says the quality of an instance alone.
    pub(super) alone: bool,
    /// An instance that is null.
    pub(super) nulled: Option<Vec<String>>,
    /// Its own time, if it has one.
    pub(super) time: Option<i64>,
    /// It names metrics by aliases.
    pub(super) by_alias: bool,
}

impl Spelling {
    /// The folder whose metrics are grouped by rules.
    const FOLDER: &str = "Plant";
    /// What groups them.
    pub(super) const RULES: &str =
        "Plant/{asset}/Gear/{member} => Machine > Gearbox, Plant/{asset}/{member} => Machine";
    /// The kind of all devices.
    pub(super) const KINDS: &str = "*/*/Pump* => Pump";

    /// Where people look for what an instance has: its asset, and its name there.
    fn place(self, path: &[String], name: &str) -> (Vec<String>, String) {
        match (self, path) {
            (Self::Flattened, [first, below @ ..]) => {
                let name = below.iter().map(String::as_str).chain([name]).collect::<Vec<_>>();
                (vec![first.clone()], name.join("/"))
            }
            (Self::Rules, [first, below @ ..]) => {
                let first = format!("{}/{first}", Self::FOLDER);
                ([&[first], below].concat(), name.to_owned())
            }
            _ => (path.to_vec(), name.to_owned()),
        }
    }
}

impl Speech {
    /// The same, by the places where people look for it.
    fn placed(mut self, spelling: Spelling) -> Self {
        for statement in &mut self.values {
            (statement.path, statement.member) = spelling.place(&statement.path, &statement.member);
        }
        for said in &mut self.traits {
            (said.path, said.name) = spelling.place(&said.path, &said.name);
        }
        self.pieces.retain(|path| spelling != Spelling::Flattened || path.len() == 1);
        for path in &mut self.pieces {
            *path = spelling.place(path, "").0;
        }
        self
    }
}

impl Body {
    pub(super) fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.pieces.is_empty()
    }
}

impl Kind {
    pub(super) fn datatype(self) -> DataType {
        match self {
            Self::Int => DataType::Int32,
            Self::Long => DataType::Int64,
            Self::Double => DataType::Double,
            Self::Bool => DataType::Boolean,
            Self::Text => DataType::String,
            Self::Time => DataType::DateTime,
        }
    }
}

impl Val {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Null | Self::Int(_) => Kind::Int,
            Self::Long(_) => Kind::Long,
            Self::Double(_) => Kind::Double,
            Self::Bool(_) => Kind::Bool,
            Self::Text(_) => Kind::Text,
            Self::Time(_) => Kind::Time,
        }
    }

    fn typed(&self, kind: Kind) -> Typed {
        match self {
            Self::Null => Typed::null(kind.datatype()),
            Self::Int(value) => (*value).into(),
            Self::Long(value) => (*value).into(),
            Self::Double(value) => (*value).into(),
            Self::Bool(value) => (*value).into(),
            Self::Text(value) => value.as_str().into(),
            Self::Time(millis) => Timestamp::from_millis(*millis).into(),
        }
    }
}

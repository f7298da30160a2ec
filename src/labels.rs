//! Labels, pure: the aliases, notifications and tags that configuration asks for, set in the
//! background.
//!
//! A lane of its own visits one asset after another: it reads what SiteWise has, reads each property
//! that lacks something once more, and writes it right behind that; another does so with the tags of
//! models and assets. Nothing is stored: after a
//! restart what was set is read, and only the rest is written. It never replaces what others have
//! set, uses at most half of each quota, and waits while models, assets or values have work to do.

mod alias;
mod lane;
mod lanes;
mod pace;
mod survey;
mod tag_lane;
mod tags;
mod visit;

use std::fmt;

use uuid::Uuid;

pub use self::alias::{AliasError, AliasTemplate, Place};
pub use self::lanes::Labels;
pub use self::survey::LabelSurvey;
pub use self::tags::TagTemplate;
use crate::globs::Globs;
use crate::sitewise::tags::Taggable;
use crate::twin::plan::api_call::{ApiCall, CallId};

/// What is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// `TWIN_ALIASES`.
    pub aliases: Option<AliasTemplate>,
    /// `TWIN_NOTIFY`: by the property's address, or by its model's name and its own.
    pub notify: Option<Globs>,
    /// `TWIN_TAGS`.
    pub tags: Option<TagTemplate>,
}

impl Config {
    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        !self.is_of_properties() && self.tags.is_none()
    }

    /// Whether anything of properties is wanted.
    pub fn is_of_properties(&self) -> bool {
        self.aliases.is_some() || self.notify.is_some()
    }
}

/// An output of the lanes.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Make this call once, and hand back the result.
    Call(CallId, ApiCall),
    /// Something is left as it is.
    Remark(Remark),
    /// An operation is denied: the lane pauses, and tries again after five minutes. Told once until
    /// it is allowed.
    Denied(&'static str, String),
    /// An operation keeps failing, for another reason. Told once until it succeeds.
    Failing(&'static str, String),
    /// An operation that was denied or kept failing succeeds again.
    Allowed(&'static str),
}

/// An asset that may get labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Its id.
    pub id: Uuid,
    /// Where it stands in the plant.
    pub place: Place,
    /// The name of its model, without `TWIN_MODEL_PREFIX`.
    pub model: String,
    /// Its measurements. Attributes get no labels.
    pub properties: Vec<Measurement>,
}

/// A measurement of an asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measurement {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// The unit of its model.
    pub unit: Option<Box<str>>,
}

/// What may get tags, by its place among the plant's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TagPlace {
    /// A model.
    Model(u32),
    /// An asset.
    Asset(u32),
}

/// A model or an asset that may get tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagSubject {
    /// What it is in SiteWise.
    pub resource: Taggable,
    /// What people call it.
    pub name: String,
    /// Where an asset stands in the plant; of no meaning for a model, which several nodes may use.
    pub place: Place,
}

/// Whether an asset can be visited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Not now: it is not in SiteWise yet, or something else writes its properties.
    NotNow,
    /// There is nothing in it that gets labels.
    Never,
    /// It can. Another version, such as of one property more, is a reason to visit it again.
    Ready(u32),
}

/// Whether the lane may make calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It may.
    Go,
    /// Provisioning or values have work to do.
    Wait,
}

/// What the lane reads of the twin.
pub trait Plant {
    /// Assets so far. They keep their places, and are never fewer.
    fn assets(&self) -> u32;
    /// Whether the asset at a place can be visited.
    fn readiness(&self, asset: u32) -> Readiness;
    /// The asset at a place.
    fn subject(&self, asset: u32) -> Subject;
    /// Models so far, as [`assets`](Self::assets).
    fn models(&self) -> u32;
    /// Whether the model or asset at a place can be tagged.
    fn tag_readiness(&self, of: TagPlace) -> Readiness;
    /// The model or asset at a place.
    fn tag_subject(&self, of: TagPlace) -> TagSubject;
    /// Whether the lane may make calls now.
    fn turn(&self) -> Turn;
}

/// Something that the lane left as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// What.
    pub kind: RemarkKind,
    /// The property's address; for tags, the model's name or the asset's address.
    pub property: String,
    /// In words.
    pub reason: String,
}

/// Why a lane left something as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RemarkKind {
    /// It has an alias that is not the wanted one, and keeps it.
    OtherAlias,
    /// Another property or data stream has its alias.
    AliasTaken,
    /// Its alias is longer than SiteWise takes.
    AliasTooLong,
    /// SiteWise rejected the update.
    Rejected,
    /// A tag has a value that is not the wanted one, and keeps it.
    OtherTag,
    /// The value of a tag is longer than SiteWise takes.
    TagTooLong,
    /// There is no room for a tag.
    TagsFull,
}

impl RemarkKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::OtherAlias,
        Self::AliasTaken,
        Self::AliasTooLong,
        Self::Rejected,
        Self::OtherTag,
        Self::TagTooLong,
        Self::TagsFull,
    ];

    /// Its name in metrics and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OtherAlias => "other_alias",
            Self::AliasTaken => "alias_taken",
            Self::AliasTooLong => "alias_too_long",
            Self::Rejected => "rejected",
            Self::OtherTag => "other_tag",
            Self::TagTooLong => "tag_too_long",
            Self::TagsFull => "tags_full",
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.property, self.reason)
    }
}

/// What the lane has done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Aliases set.
    pub aliases: u64,
    /// Notifications switched on.
    pub notifications: u64,
    /// Assets whose aliases and notifications are as wanted, or as far as they can be.
    pub assets: u64,
    /// Tags put on models and assets.
    pub tags: u64,
    /// Models and assets whose tags are as wanted, or as far as they can be.
    pub tagged: u64,
    /// Calls that failed and are made again.
    pub failures: u64,
    /// What is left as it is, by [`RemarkKind`].
    pub remarks: [u64; RemarkKind::ALL.len()],
}

#[cfg(test)]
mod tests;

//! Labels, pure: sets the configured aliases, notifications and tags in the background.
//!
//! One lane visits asset after asset: it lists the properties, and each that lacks a label is read
//! once more and written at once, so that nobody's change is overwritten. Another lane does the same
//! with the tags of models and assets. Nothing is stored: after a restart everything is read again,
//! and only what is missing is written. A lane never replaces what others have set, uses at most
//! half of each quota, and waits while provisioning or delivery have work.

mod alias;
mod kept;
mod lane;
mod lane_calls;
mod lanes;
mod pace;
mod settled;
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

/// The labels that are configured.
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
    /// Whether no labels are configured.
    pub fn is_empty(&self) -> bool {
        !self.has_property_labels() && self.tags.is_none()
    }

    /// Whether aliases or notifications are configured.
    pub fn has_property_labels(&self) -> bool {
        self.aliases.is_some() || self.notify.is_some()
    }
}

/// An output of the lanes.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Make this call once, and hand back the result.
    Call(CallId, ApiCall),
    /// A label is not set, since something else is there or SiteWise does not take it.
    Remark(Remark),
    /// An operation is denied: the lane pauses, and retries after five minutes. Emitted once until
    /// the operation succeeds.
    Denied {
        /// SiteWise's operation.
        operation: &'static str,
        /// SiteWise's words.
        message: String,
    },
    /// An operation keeps failing, for another reason. Emitted once until it succeeds.
    Failing {
        /// SiteWise's operation.
        operation: &'static str,
        /// What the last call said.
        message: String,
    },
    /// This operation, which was denied or kept failing, succeeds again.
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

/// A model or an asset that may get tags, by its index in the plant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TagTarget {
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

/// Whether a model or an asset can be visited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Not now: it is not in SiteWise yet, or something else writes its properties.
    NotNow,
    /// It has nothing that gets labels.
    Never,
    /// It can, in this version. Another version, such as one with a further property, is visited
    /// again.
    Ready(u32),
}

/// Whether a lane may make calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing else has work.
    Go,
    /// Provisioning or values have work to do.
    Wait,
}

/// What the lanes read of the twin.
pub trait Plant {
    /// Number of assets so far. They keep their indexes, and are never fewer.
    fn assets(&self) -> u32;
    /// Whether the asset with this index can be visited.
    fn readiness(&self, asset: u32) -> Readiness;
    /// The asset with this index.
    fn subject(&self, asset: u32) -> Subject;
    /// Number of models so far, as [`assets`](Self::assets).
    fn models(&self) -> u32;
    /// Whether a model or an asset can be tagged.
    fn tag_readiness(&self, of: TagTarget) -> Readiness;
    /// A model or an asset, as tags may name it.
    fn tag_subject(&self, of: TagTarget) -> TagSubject;
    /// Whether the lanes may make calls now.
    fn turn(&self) -> Turn;
    /// The indexes of the assets that an address of a property may begin with.
    fn assets_at(&self, _address: &str) -> Vec<u32> {
        Vec::new()
    }
}

/// A label that is not set, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The reason, for metrics.
    pub kind: RemarkKind,
    /// The property's address; for tags, the model's name or the asset's address.
    pub property: String,
    /// The ids of the asset and the property: names with slashes make an address ambiguous. None for
    /// tags.
    pub ids: Option<(Uuid, Uuid)>,
    /// The model or the asset whose tag it is about; none for a property.
    pub tagged: Option<Taggable>,
    /// The alias that the property keeps in place of the desired one.
    pub kept: Option<Box<str>>,
    /// The desired alias that something else has.
    pub taken: Option<Box<str>>,
    /// The reason in words, with what to do.
    pub reason: String,
}

impl Remark {
    /// A remark without ids.
    pub fn new(kind: RemarkKind, property: String, reason: String) -> Self {
        Self { kind, property, ids: None, tagged: None, kept: None, taken: None, reason }
    }

    /// The asset that it concerns; none for a model.
    pub fn asset(&self) -> Option<Uuid> {
        match (self.ids, self.tagged) {
            (Some((asset, _)), _) | (None, Some(Taggable::Asset(asset))) => Some(asset),
            (None, Some(Taggable::Model(_)) | None) => None,
        }
    }

    /// The model that it concerns; none for an asset or a property.
    pub fn model(&self) -> Option<Uuid> {
        match self.tagged {
            Some(Taggable::Model(model)) => Some(model),
            Some(Taggable::Asset(_)) | None => None,
        }
    }
}

/// Why a label is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RemarkKind {
    /// The property keeps another alias that it has.
    OtherAlias,
    /// Another property or data stream has the alias.
    AliasTaken,
    /// The alias would be longer than SiteWise takes.
    AliasTooLong,
    /// SiteWise rejected the update.
    Rejected,
    /// The tag keeps another value that it has.
    OtherTag,
    /// The value of the tag would be longer than SiteWise takes.
    TagTooLong,
    /// The model or asset has no room for the tag.
    TagsFull,
}

impl RemarkKind {
    /// All reasons.
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

/// Counters of both lanes since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Aliases set.
    pub aliases: u64,
    /// Notifications switched on.
    pub notifications: u64,
    /// Assets whose aliases and notifications are set, as far as possible.
    pub settled_assets: u64,
    /// Tags put on models and assets.
    pub tags: u64,
    /// Models and assets whose tags are set, as far as possible.
    pub settled_tags: u64,
    /// Calls that failed and are retried.
    pub failures: u64,
    /// Labels that are not set, by [`RemarkKind`] in the order of [`RemarkKind::ALL`].
    pub remarks: [u64; RemarkKind::ALL.len()],
}

#[cfg(test)]
mod tests;

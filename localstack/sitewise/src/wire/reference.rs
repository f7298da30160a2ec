//! How requests name things: by UUID, or by `externalId:` and an external id.
//!
//! Source: "Reference objects with external IDs" in the AWS IoT SiteWise User Guide.

use std::fmt;

use serde::{Deserialize, Deserializer, de::Error as _};
use uuid::Uuid;

/// A `CustomID` of the service model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reference {
    Id(Uuid),
    External(Box<str>),
}

impl Reference {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("externalId:") {
            Some(external) => Some(Self::External(external.into())),
            None => Uuid::try_parse(text).ok().map(Self::Id),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(formatter),
            Self::External(external) => write!(formatter, "externalId:{external}"),
        }
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not an id"))
    }
}

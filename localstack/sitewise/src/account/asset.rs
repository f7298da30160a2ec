//! An asset as the account holds it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::states::Phase;
use crate::wire::time::Moment;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Asset {
    pub(crate) model: Uuid,
    pub(crate) name: Box<str>,
    /// Set once, never changed.
    pub(crate) external_id: Option<Box<str>>,
    pub(crate) description: Option<Box<str>>,
    pub(crate) created: Moment,
    pub(crate) updated: Moment,
    pub(crate) phase: Phase,
    pub(crate) parent: Option<Link>,
    pub(crate) children: Vec<Link>,
    pub(crate) tags: BTreeMap<String, String>,
}

/// An association: the asset at the other end, and the hierarchy of the parent's model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Link {
    pub(crate) asset: Uuid,
    pub(crate) hierarchy: Uuid,
}

//! An asset model as the account holds it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::definition::Definition;
use super::states::Phase;
use crate::wire::time::Moment;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ModelKind {
    AssetModel,
    ComponentModel,
    Interface,
}

/// Which version of a model is meant (API: `assetModelVersion`, `Match-For-Version-Type`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Version {
    #[default]
    Latest,
    Active,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AssetModel {
    pub(crate) id: Uuid,
    pub(crate) kind: ModelKind,
    /// Set once, never changed.
    pub(crate) external_id: Option<Box<str>>,
    pub(crate) created: Moment,
    pub(crate) updated: Moment,
    pub(crate) phase: Phase,
    /// When it became ACTIVE last.
    #[serde(default)]
    pub(crate) ready: Option<Moment>,
    /// Why the model is FAILED.
    pub(crate) failure: Option<String>,
    pub(crate) latest: Arc<Definition>,
    /// The last version that became ACTIVE.
    pub(crate) active: Option<Arc<Definition>>,
    pub(crate) tags: BTreeMap<String, String>,
}

impl AssetModel {
    pub(crate) fn at(&self, version: Version) -> Option<&Arc<Definition>> {
        match version {
            Version::Latest => Some(&self.latest),
            Version::Active => self.active.as_ref(),
        }
    }

    /// Whether other models may refer to it: it has been ACTIVE and is not on its way out.
    pub(crate) fn usable(&self) -> bool {
        self.active.is_some() && self.phase != Phase::Deleting
    }

    /// The content that assets are made of: the ACTIVE one, or what is to become it.
    pub(crate) fn in_force(&self) -> &Arc<Definition> {
        self.active.as_ref().unwrap_or(&self.latest)
    }
}

//! What an asset sets on a property: alias, notification, unit. And who owns which alias.
//!
//! Aliases are unique over the properties and data streams of the account.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::values::stream::StreamKey;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PropertyState {
    pub(crate) alias: Option<Box<str>>,
    pub(crate) notified: bool,
    pub(crate) unit: Option<Box<str>>,
    /// Tags of the time series.
    pub(crate) tags: BTreeMap<String, String>,
}

/// The states that differ from the default, by property or free stream.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Properties {
    #[serde(with = "crate::pairs")]
    states: BTreeMap<StreamKey, PropertyState>,
    #[serde(skip)]
    owners: BTreeMap<Box<str>, StreamKey>,
}

impl Properties {
    /// Makes the look-up of aliases anew.
    pub(crate) fn index(&mut self) {
        let owned =
            self.states.iter().filter_map(|(key, state)| Some((state.alias.clone()?, *key)));
        self.owners = owned.collect();
    }

    pub(crate) fn get(&self, key: StreamKey) -> Option<&PropertyState> {
        self.states.get(&key)
    }

    pub(crate) fn alias(&self, key: StreamKey) -> Option<&str> {
        self.states.get(&key)?.alias.as_deref()
    }

    /// The property or stream that has this alias.
    pub(crate) fn owner(&self, alias: &str) -> Option<StreamKey> {
        self.owners.get(alias).copied()
    }

    /// Puts a state in the place of the one there was.
    pub(crate) fn set(&mut self, key: StreamKey, state: PropertyState) {
        self.remove(key);
        if let Some(alias) = &state.alias {
            self.owners.insert(alias.clone(), key);
        }
        if state != PropertyState::default() {
            self.states.insert(key, state);
        }
    }

    pub(crate) fn set_alias(&mut self, key: StreamKey, alias: Option<Box<str>>) {
        let state = PropertyState { alias, ..self.states.get(&key).cloned().unwrap_or_default() };
        self.set(key, state);
    }

    pub(crate) fn remove(&mut self, key: StreamKey) -> Option<PropertyState> {
        let state = self.states.remove(&key)?;
        if let Some(alias) = &state.alias {
            self.owners.remove(alias);
        }
        Some(state)
    }

    /// What is set on the properties of an asset.
    pub(crate) fn of_asset(&self, asset: Uuid) -> impl Iterator<Item = StreamKey> {
        let first = StreamKey { asset, property: Uuid::nil() };
        let last = StreamKey { asset, property: Uuid::max() };
        self.states.range(first..=last).map(|(key, _)| *key)
    }

    pub(crate) fn tags_mut(&mut self, key: StreamKey) -> &mut BTreeMap<String, String> {
        &mut self.states.entry(key).or_default().tags
    }
}

//! Assets: creation, update, deletion, description.
//!
//! Source: API Reference, `CreateAsset`, `UpdateAsset`, `DeleteAsset`, `DescribeAsset`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Account;
use super::asset::Asset;
use super::composites::CUSTOM;
use super::definition::{Composite, Definition};
use super::output::{self, With as _};
use super::states::{Phase, Step};
use crate::wire::error::{Error, Kind, Result};
use crate::wire::reference::Reference;
use crate::wire::time::{Date, Moment};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateAsset {
    asset_name: Box<str>,
    asset_model_id: Reference,
    asset_id: Option<Uuid>,
    asset_external_id: Option<Box<str>>,
    tags: Option<BTreeMap<String, String>>,
    asset_description: Option<Box<str>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateAsset {
    asset_id: Reference,
    asset_external_id: Option<Box<str>>,
    asset_name: Box<str>,
    asset_description: Option<Box<str>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NamedAsset {
    asset_id: Reference,
    exclude_properties: Option<bool>,
}

impl Account {
    pub(crate) fn create_asset(&mut self, input: CreateAsset, now: Moment) -> Result<Value> {
        let model = self.model_id(&input.asset_model_id)?;
        let held = self.model(model)?;
        if held.kind != super::model::ModelKind::AssetModel {
            return Err(Error::invalid(format!(
                "Assets cannot be created from asset model {model} of this type"
            )));
        }
        if held.active.is_none() || !matches!(held.phase, Phase::Active | Phase::Failed) {
            return Err(self.model_conflict(
                model,
                format!("The asset model is in state {}", held.phase.name()),
            ));
        }
        if held.ready.is_some_and(|ready| now < ready.plus(self.setting.conflict_delay)) {
            return Err(self.model_conflict(model, "The asset model was ACTIVE a moment ago only"));
        }
        let id = input.asset_id.unwrap_or_else(Uuid::new_v4);
        if self.state.assets.contains_key(&id) {
            return Err(self.asset_exists(id, format!("An asset with the id {id} already exists")));
        }
        self.check_asset_external(input.asset_external_id.as_deref(), None)?;
        self.check_asset_name(model, &input.asset_name, None)?;
        let most = self.setting.limits.assets_per_model;
        if self.index.model_assets.get(&model).is_some_and(|assets| assets.len() >= most) {
            return Err(Error::limit(format!("Asset model {model} has more than {most} assets")));
        }
        let asset = Asset {
            model,
            name: input.asset_name,
            external_id: input.asset_external_id,
            description: input.asset_description,
            created: now,
            updated: now,
            phase: Phase::Creating,
            parent: None,
            children: Vec::new(),
            tags: input.tags.unwrap_or_default(),
        };
        self.state.assets.insert(id, asset);
        self.index_asset(id);
        self.plan(now.plus(self.setting.create_delay), Step::AssetReady(id));
        Ok(json!({
            "assetId": id,
            "assetArn": self.asset_arn(id),
            "assetStatus": output::status(Phase::Creating, None),
        }))
    }

    pub(crate) fn update_asset(&mut self, input: UpdateAsset, now: Moment) -> Result<Value> {
        let id = self.asset_id(&input.asset_id)?;
        self.check_asset_active(id)?;
        let asset = self.asset(id)?;
        let (model, old, external) = (asset.model, asset.name.clone(), asset.external_id.clone());
        match (&external, &input.asset_external_id) {
            (Some(known), Some(given)) if known != given => {
                return Err(Error::invalid(format!("The external id {known} cannot be changed")));
            }
            _ => self.check_asset_external(input.asset_external_id.as_deref(), Some(id))?,
        }
        self.check_asset_name(model, &input.asset_name, Some(id))?;
        if old != input.asset_name
            && let Some(names) = self.index.model_assets.get_mut(&model)
        {
            names.remove(&old);
        }
        let asset = self.asset_mut(id)?;
        asset.name = input.asset_name;
        asset.description = input.asset_description;
        asset.external_id = external.or(input.asset_external_id);
        asset.updated = now;
        asset.phase = Phase::Updating;
        self.index_asset(id);
        self.plan(now.plus(self.setting.update_delay), Step::AssetReady(id));
        Ok(json!({ "assetId": id, "assetStatus": output::status(Phase::Updating, None) }))
    }

    pub(crate) fn delete_asset(&mut self, input: NamedAsset, now: Moment) -> Result<Value> {
        let id = self.asset_id(&input.asset_id)?;
        self.check_asset_active(id)?;
        let asset = self.asset(id)?;
        if asset.parent.is_some() || !asset.children.is_empty() {
            return Err(self.asset_conflict(
                id,
                "The asset is associated with other assets and cannot be deleted",
            ));
        }
        self.asset_mut(id)?.phase = Phase::Deleting;
        self.plan(now.plus(self.setting.update_delay), Step::AssetGone(id));
        Ok(json!({ "assetId": id, "assetStatus": output::status(Phase::Deleting, None) }))
    }

    pub(super) fn remove_asset(&mut self, id: Uuid) {
        let Some(asset) = self.state.assets.remove(&id) else { return };
        if let Some(names) = self.index.model_assets.get_mut(&asset.model) {
            names.remove(&asset.name);
        }
        self.index.assets_of.remove(&(asset.model, id));
        self.index.roots.remove(&id);
        if let Some(external) = &asset.external_id {
            self.index.asset_externals.remove(external);
        }
        self.remove_streams_of(id);
    }

    fn asset_exists(&self, id: Uuid, message: String) -> Error {
        Error::about(Kind::ResourceAlreadyExists, self.asset_resource(id), message)
    }

    /// The scope of unique asset names is not documented; the harsher reading is taken: unique
    /// within the model, and among siblings.
    fn check_asset_name(&self, model: Uuid, name: &str, own: Option<Uuid>) -> Result<()> {
        let namesake =
            self.index.model_assets.get(&model).and_then(|names| names.get(name)).copied();
        if let Some(other) = namesake.filter(|other| Some(*other) != own) {
            return Err(self.asset_exists(
                other,
                format!("Another resource is already using the name {name}"),
            ));
        }
        let parent = own.and_then(|own| self.state.assets.get(&own)?.parent);
        let siblings = parent
            .and_then(|link| self.state.assets.get(&link.asset))
            .map(|parent| &parent.children);
        let sibling = siblings.into_iter().flatten().map(|link| link.asset).find(|sibling| {
            Some(*sibling) != own
                && self.state.assets.get(sibling).is_some_and(|sibling| *sibling.name == *name)
        });
        match sibling {
            Some(other) => {
                Err(self.asset_exists(other, format!("A sibling is already using the name {name}")))
            }
            None => Ok(()),
        }
    }

    fn check_asset_external(&self, external: Option<&str>, own: Option<Uuid>) -> Result<()> {
        match external.and_then(|external| self.index.asset_externals.get(external)) {
            Some(other) if Some(*other) != own => {
                Err(self
                    .asset_exists(*other, "Another asset is already using the external id".into()))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn describe_asset(&mut self, input: NamedAsset, _now: Moment) -> Result<Value> {
        let id = self.asset_id(&input.asset_id)?;
        let asset = self.asset(id)?;
        let definition = self.model(asset.model)?.in_force();
        let bare = input.exclude_properties == Some(true);
        let properties = definition.properties.iter().filter(|_| !bare);
        let properties =
            properties.map(|property| self.asset_property(id, definition, property, None));
        let alarms = definition.composites.iter().filter(|composite| &*composite.kind != CUSTOM);
        let alarms = alarms.map(|composite| {
            let properties = composite.properties.iter().filter(|_| !bare);
            let properties = properties
                .map(|property| self.asset_property(id, definition, property, Some(composite)));
            json!({
                "id": composite.id,
                "name": composite.name,
                "type": composite.kind,
                "properties": properties.collect::<Vec<_>>(),
            })
            .with("externalId", composite.external_id.as_ref())
            .with("description", composite.description.as_ref())
        });
        Ok(json!({
            "assetId": id,
            "assetArn": self.asset_arn(id),
            "assetName": asset.name,
            "assetModelId": asset.model,
            "assetProperties": properties.collect::<Vec<_>>(),
            "assetHierarchies": output::asset_hierarchies(definition),
            "assetCompositeModels": alarms.collect::<Vec<_>>(),
            "assetCompositeModelSummaries": summaries(definition, None),
            "assetCreationDate": Date(asset.created),
            "assetLastUpdateDate": Date(asset.updated),
            "assetStatus": output::status(self.asset_phase(asset), None),
        })
        .with("assetExternalId", asset.external_id.as_ref())
        .with("assetDescription", asset.description.as_ref()))
    }
}

/// `AssetCompositeModelSummary` of the composite models that stand directly in `parent`.
pub(super) fn summaries(definition: &Definition, parent: Option<&Composite>) -> Vec<Value> {
    let parent = parent.map(|parent| parent.id);
    let children = definition
        .composites
        .iter()
        .filter(|composite| composite.parent == parent && &*composite.kind == CUSTOM);
    children.map(|composite| output::composite_summary(definition, composite)).collect()
}

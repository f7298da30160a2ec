//! Properties and composite models as an asset shows them.
//!
//! Source: API Reference, `DescribeAssetProperty`, `UpdateAssetProperty`, `ListAssetProperties`,
//! `DescribeAssetCompositeModel`.

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Account;
use super::aliases::PropertyState;
use super::assets::summaries;
use super::definition::{Composite, Definition, Property};
use super::describe_models::Scope;
use super::output::With as _;
use crate::values::stream::StreamKey;
use crate::wire::error::{Error, Kind, Result};
use crate::wire::page;
use crate::wire::reference::Reference;
use crate::wire::time::Moment;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NamedProperty {
    asset_id: Reference,
    property_id: Reference,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Switch {
    Enabled,
    Disabled,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateAssetProperty {
    asset_id: Reference,
    property_id: Reference,
    property_alias: Option<Box<str>>,
    property_notification_state: Option<Switch>,
    property_unit: Option<Box<str>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListAssetProperties {
    asset_id: Reference,
    next_token: Option<String>,
    max_results: Option<usize>,
    filter: Option<Scope>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NamedCompositeModel {
    asset_id: Reference,
    asset_composite_model_id: Reference,
}

/// Where notifications about a property of an asset are published.
pub(crate) fn notification_topic(key: StreamKey, model: Uuid) -> String {
    let StreamKey { asset, property } = key;
    format!("$aws/sitewise/asset-models/{model}/assets/{asset}/properties/{property}")
}

impl Account {
    /// The id of the property that `reference` names in the model of an asset.
    pub(super) fn property_id(&self, asset: Uuid, reference: &Reference) -> Result<Uuid> {
        let definition = self.model(self.asset(asset)?.model)?.in_force();
        match reference {
            Reference::Id(id) => definition.property(*id).map(|property| property.id),
            Reference::External(external) => definition
                .all_properties()
                .find(|(property, _)| property.external_id.as_ref() == Some(external))
                .map(|(property, _)| property.id),
        }
        .ok_or_else(|| Error::not_found(format!("Property {reference} not found in asset {asset}")))
    }

    fn notification(&self, key: StreamKey, model: Uuid) -> Value {
        let state = if self.state.properties.get(key).is_some_and(|state| state.notified) {
            "ENABLED"
        } else {
            "DISABLED"
        };
        json!({ "topic": notification_topic(key, model), "state": state })
    }

    /// `AssetProperty`.
    pub(super) fn asset_property(
        &self,
        asset: Uuid,
        definition: &Definition,
        property: &Property,
        composite: Option<&Composite>,
    ) -> Value {
        let key = StreamKey { asset, property: property.id };
        let state = self.state.properties.get(key);
        let model = self.state.assets.get(&asset).map(|asset| asset.model).unwrap_or_default();
        json!({
            "id": property.id,
            "name": property.name,
            "dataType": property.data_type,
            "notification": self.notification(key, model),
            "path": definition.property_path(property, composite),
        })
        .with("externalId", property.external_id.as_ref())
        .with("alias", self.state.properties.alias(key))
        .with("dataTypeSpec", property.data_type_spec.as_ref())
        .with("unit", state.and_then(|state| state.unit.as_ref()).or(property.unit.as_ref()))
    }

    pub(crate) fn describe_asset_property(
        &mut self,
        input: NamedProperty,
        _now: Moment,
    ) -> Result<Value> {
        let id = self.asset_id(&input.asset_id)?;
        let asset = self.asset(id)?;
        let definition = self.model(asset.model)?.in_force();
        let wanted = self.property_id(id, &input.property_id)?;
        let (property, composite) = definition.property_in(wanted).ok_or_else(|| {
            Error::not_found(format!("Property {wanted} not found in asset {id}"))
        })?;
        let mut shown = self
            .asset_property(id, definition, property, composite)
            .with("type", Some(&property.shape));
        if let Some(shown) = shown.as_object_mut() {
            shown.remove("dataTypeSpec");
        }
        let answer = json!({ "assetId": id, "assetName": asset.name, "assetModelId": asset.model })
            .with("assetExternalId", asset.external_id.as_ref());
        Ok(match composite {
            None => answer.with("assetProperty", Some(shown)),
            Some(composite) => {
                let outer = json!({
                    "id": composite.id,
                    "name": composite.name,
                    "type": composite.kind,
                    "assetProperty": shown,
                })
                .with("externalId", composite.external_id.as_ref());
                answer.with("compositeModel", Some(outer))
            }
        })
    }

    /// Overwrites alias, notification and unit: what is left out is removed.
    pub(crate) fn update_asset_property(
        &mut self,
        input: UpdateAssetProperty,
        now: Moment,
    ) -> Result<Value> {
        let asset = self.asset_id(&input.asset_id)?;
        self.check_asset_active(asset)?;
        let property = self.property_id(asset, &input.property_id)?;
        let key = StreamKey { asset, property };
        if let Some(alias) = &input.property_alias {
            self.check_alias(alias, key)?;
        }
        let state = PropertyState {
            alias: input.property_alias,
            notified: input.property_notification_state == Some(Switch::Enabled),
            unit: input.property_unit,
            tags: self
                .state
                .properties
                .get(key)
                .map(|state| state.tags.clone())
                .unwrap_or_default(),
        };
        self.state.properties.set(key, state);
        self.asset_mut(asset)?.updated = now;
        Ok(json!({}))
    }

    /// Refuses an alias that belongs to something else.
    pub(super) fn check_alias(&self, alias: &str, key: StreamKey) -> Result<()> {
        match self.state.properties.owner(alias) {
            Some(owner) if owner != key => Err(Error::about(
                Kind::ConflictingOperation,
                self.asset_resource(key.asset),
                format!(
                    "Given alias {alias} for property with ID {} already in use by another property or data stream",
                    key.property
                ),
            )),
            _ => Ok(()),
        }
    }

    pub(crate) fn list_asset_properties(
        &mut self,
        input: ListAssetProperties,
        _now: Moment,
    ) -> Result<Value> {
        let id = self.asset_id(&input.asset_id)?;
        let definition = self.model(self.asset(id)?.model)?.in_force();
        let scope = input.filter.unwrap_or_default();
        let summaries: Vec<Value> = definition
            .all_properties()
            .filter(|(_, composite)| scope == Scope::All || composite.is_none())
            .map(|(property, composite)| {
                let mut shown = self.asset_property(id, definition, property, composite);
                if let Some(shown) = shown.as_object_mut() {
                    for absent in ["name", "dataType", "dataTypeSpec"] {
                        shown.remove(absent);
                    }
                }
                shown.with("assetCompositeModelId", composite.map(|composite| composite.id))
            })
            .collect();
        let (summaries, next) = page::slice(
            summaries,
            "ListAssetProperties",
            input.next_token.as_deref(),
            input.max_results,
        )?;
        Ok(json!({ "assetPropertySummaries": summaries }).with("nextToken", next))
    }

    pub(crate) fn describe_asset_composite_model(
        &mut self,
        input: NamedCompositeModel,
        _now: Moment,
    ) -> Result<Value> {
        let id = self.asset_id(&input.asset_id)?;
        let definition = self.model(self.asset(id)?.model)?.in_force();
        let wanted = &input.asset_composite_model_id;
        let composite = definition
            .composites
            .iter()
            .find(|composite| match wanted {
                Reference::Id(id) => composite.id == *id,
                Reference::External(external) => composite.external_id.as_ref() == Some(external),
            })
            .ok_or_else(|| {
                Error::not_found(format!("Composite model {wanted} not found in asset {id}"))
            })?;
        let properties = composite.properties.iter();
        let properties = properties
            .map(|property| self.asset_property(id, definition, property, Some(composite)));
        Ok(json!({
            "assetId": id,
            "assetCompositeModelId": composite.id,
            "assetCompositeModelPath": definition.composite_path(composite),
            "assetCompositeModelName": composite.name,
            "assetCompositeModelDescription": composite.description.as_deref().unwrap_or_default(),
            "assetCompositeModelType": composite.kind,
            "assetCompositeModelProperties": properties.collect::<Vec<_>>(),
            "assetCompositeModelSummaries": summaries(definition, Some(composite)),
        })
        .with("assetCompositeModelExternalId", composite.external_id.as_ref()))
    }
}

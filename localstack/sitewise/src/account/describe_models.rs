//! What can be read about asset models.
//!
//! Source: API Reference, `DescribeAssetModel`, `ListAssetModels`, `ListAssetModelProperties`.

use std::ops::Bound;

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Account;
use super::composites::CUSTOM;
use super::definition::{Definition, Property};
use super::model::{AssetModel, ModelKind, Version};
use super::output::{self, With as _};
use crate::wire::bind;
use crate::wire::error::{Error, Result};
use crate::wire::operation::Answer;
use crate::wire::page;
use crate::wire::reference::Reference;
use crate::wire::time::{Date, Moment};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeAssetModel {
    asset_model_id: Reference,
    exclude_properties: Option<bool>,
    asset_model_version: Option<Version>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListAssetModels {
    asset_model_types: Option<Vec<ModelKind>>,
    next_token: Option<String>,
    max_results: Option<usize>,
    asset_model_version: Option<Version>,
}

/// Which properties a list holds: all, or those outside of composite models.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Scope {
    All,
    #[default]
    Base,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListAssetModelProperties {
    asset_model_id: Reference,
    next_token: Option<String>,
    max_results: Option<usize>,
    filter: Option<Scope>,
    asset_model_version: Option<Version>,
}

/// `DescribeAssetModel`, whose entity tag travels as a header.
pub(crate) fn describe_with_etag(
    account: &mut Account,
    input: Value,
    _now: Moment,
) -> Result<Answer> {
    let input: DescribeAssetModel = bind::typed(input)?;
    let id = account.model_id(&input.asset_model_id)?;
    let model = account.model(id)?;
    let definition = account.version_of(id, input.asset_model_version.unwrap_or_default())?;
    let body = describe(account, model, definition, input.exclude_properties == Some(true));
    Ok(Answer { etag: Some(definition.etag.clone()), ..bind::answer(&body)? })
}

fn describe(account: &Account, model: &AssetModel, definition: &Definition, bare: bool) -> Value {
    let list = |properties: &[Property]| -> Vec<Value> {
        let properties = properties.iter().filter(|_| !bare);
        properties.map(|property| output::model_property(definition, property, None)).collect()
    };
    let alarms = definition.composites.iter().filter(|composite| &*composite.kind != CUSTOM);
    let alarms: Vec<Value> = alarms
        .map(|composite| {
            let properties = composite.properties.iter().filter(|_| !bare);
            let properties = properties
                .map(|property| output::model_property(definition, property, Some(composite)));
            json!({
                "id": composite.id,
                "name": composite.name,
                "type": composite.kind,
                "properties": properties.collect::<Vec<_>>(),
            })
            .with("externalId", composite.external_id.as_ref())
            .with("description", composite.description.as_ref())
        })
        .collect();
    let children = definition
        .composites
        .iter()
        .filter(|composite| composite.parent.is_none() && &*composite.kind == CUSTOM);
    let summaries: Vec<Value> =
        children.map(|composite| output::composite_summary(definition, composite)).collect();
    json!({
        "assetModelId": model.id,
        "assetModelArn": account.model_arn(model.id),
        "assetModelName": definition.name,
        "assetModelType": model.kind,
        "assetModelDescription": definition.description.as_deref().unwrap_or_default(),
        "assetModelProperties": list(&definition.properties),
        "assetModelHierarchies": definition.hierarchies.iter().map(output::model_hierarchy).collect::<Vec<_>>(),
        "assetModelCompositeModels": alarms,
        "assetModelCompositeModelSummaries": summaries,
        "assetModelCreationDate": Date(model.created),
        "assetModelLastUpdateDate": Date(model.updated),
        "assetModelStatus": output::model_status(model),
        "assetModelVersion": definition.version.to_string(),
    })
    .with("assetModelExternalId", model.external_id.as_ref())
}

impl Account {
    /// The content of one version of a model.
    ///
    /// # Errors
    ///
    /// `ResourceNotFoundException` if no version became ACTIVE and that one is asked for.
    pub(super) fn version_of(&self, id: Uuid, version: Version) -> Result<&Definition> {
        let found = self.model(id)?.at(version);
        found
            .map(|found| &**found)
            .ok_or_else(|| Error::not_found(format!("Asset model {id} has no active version")))
    }

    pub(crate) fn list_asset_models(
        &mut self,
        input: ListAssetModels,
        _now: Moment,
    ) -> Result<Value> {
        const OPERATION: &str = "ListAssetModels";
        let types = input.asset_model_types.unwrap_or_default();
        if types.contains(&ModelKind::Interface)
            && types.iter().any(|kind| *kind != ModelKind::Interface)
        {
            return Err(Error::invalid("The given filter is not supported"));
        }
        // API Reference: without a filter, models of all types are listed.
        let wanted = |model: &AssetModel| types.is_empty() || types.contains(&model.kind);
        let version = input.asset_model_version.unwrap_or_default();
        let start = after(OPERATION, input.next_token.as_deref())?;
        let models =
            self.state.models.range((start, Bound::Unbounded)).filter(|(_, model)| wanted(model));
        let summaries = models.filter_map(|(id, model)| {
            let definition = model.at(version)?;
            let summary = json!({
                "id": id,
                "arn": self.model_arn(*id),
                "name": definition.name,
                "assetModelType": model.kind,
                "description": definition.description.as_deref().unwrap_or_default(),
                "creationDate": Date(model.created),
                "lastUpdateDate": Date(model.updated),
                "status": output::model_status(model),
                "version": definition.version.to_string(),
            });
            Some((id, summary.with("externalId", model.external_id.as_ref())))
        });
        let (summaries, next) = page::draw(summaries, OPERATION, input.max_results);
        Ok(json!({ "assetModelSummaries": summaries }).with("nextToken", next))
    }

    pub(crate) fn list_asset_model_properties(
        &mut self,
        input: ListAssetModelProperties,
        _now: Moment,
    ) -> Result<Value> {
        let id = self.model_id(&input.asset_model_id)?;
        let definition = self.version_of(id, input.asset_model_version.unwrap_or_default())?;
        let scope = input.filter.unwrap_or_default();
        let summaries: Vec<Value> = definition
            .all_properties()
            .filter(|(_, composite)| scope == Scope::All || composite.is_none())
            .map(|(property, composite)| {
                output::model_property(definition, property, composite)
                    .with("assetModelCompositeModelId", composite.map(|composite| composite.id))
            })
            .collect();
        let (summaries, next) = page::slice(
            summaries,
            "ListAssetModelProperties",
            input.next_token.as_deref(),
            input.max_results,
        )?;
        Ok(json!({ "assetModelPropertySummaries": summaries }).with("nextToken", next))
    }
}

/// Where a list that is ordered by id goes on.
pub(super) fn after(operation: &str, token: Option<&str>) -> Result<Bound<Uuid>> {
    let Some(token) = token else { return Ok(Bound::Unbounded) };
    let id = Uuid::try_parse(&page::key(operation, token)?)
        .map_err(|_| Error::invalid("The given nextToken is not valid for this request"))?;
    Ok(Bound::Excluded(id))
}

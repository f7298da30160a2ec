//! Lists of assets.
//!
//! Source: API Reference, `ListAssets`, `ListAssociatedAssets`, `ListAssetRelationships`.

use std::ops::Bound;

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Account;
use super::describe_models::after;
use super::output::{self, With as _};
use crate::wire::error::{Error, Result};
use crate::wire::page;
use crate::wire::reference::Reference;
use crate::wire::time::{Date, Moment};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Filter {
    #[default]
    All,
    TopLevel,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Direction {
    Parent,
    #[default]
    Child,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListAssets {
    next_token: Option<String>,
    max_results: Option<usize>,
    asset_model_id: Option<Reference>,
    filter: Option<Filter>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListAssociatedAssets {
    asset_id: Reference,
    hierarchy_id: Option<Reference>,
    traversal_direction: Option<Direction>,
    next_token: Option<String>,
    max_results: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListAssetRelationships {
    asset_id: Reference,
    next_token: Option<String>,
    max_results: Option<usize>,
}

impl Account {
    /// `AssetSummary`, and `AssociatedAssetsSummary` which has the same members.
    fn asset_summary(&self, id: Uuid) -> Option<Value> {
        let asset = self.state.assets.get(&id)?;
        let definition = self.state.models.get(&asset.model)?.in_force();
        let summary = json!({
            "id": id,
            "arn": self.asset_arn(id),
            "name": asset.name,
            "assetModelId": asset.model,
            "creationDate": Date(asset.created),
            "lastUpdateDate": Date(asset.updated),
            "status": output::status(self.asset_phase(asset), None),
            "hierarchies": output::asset_hierarchies(definition),
        });
        Some(
            summary
                .with("externalId", asset.external_id.as_ref())
                .with("description", asset.description.as_ref()),
        )
    }

    pub(crate) fn list_assets(&mut self, input: ListAssets, _now: Moment) -> Result<Value> {
        const OPERATION: &str = "ListAssets";
        let start = after(OPERATION, input.next_token.as_deref())?;
        let model = match &input.asset_model_id {
            Some(model) => Some(self.model_id(model)?),
            None => None,
        };
        let summarise = |id: Uuid| Some((id, self.asset_summary(id)?));
        let (summaries, next) = match (input.filter.unwrap_or_default(), model) {
            (Filter::All, None) => {
                return Err(Error::invalid("assetModelId is required when the filter is ALL"));
            }
            (Filter::All, Some(model)) => {
                let first = match start {
                    Bound::Excluded(id) => Bound::Excluded((model, id)),
                    _ => Bound::Included((model, Uuid::nil())),
                };
                let range =
                    self.index.assets_of.range((first, Bound::Included((model, Uuid::max()))));
                page::draw(range.filter_map(|(_, id)| summarise(*id)), OPERATION, input.max_results)
            }
            (Filter::TopLevel, model) => {
                let roots = self.index.roots.range((start, Bound::Unbounded)).filter(|id| {
                    model.is_none_or(|model| {
                        self.state.assets.get(id).is_some_and(|asset| asset.model == model)
                    })
                });
                page::draw(roots.filter_map(|id| summarise(*id)), OPERATION, input.max_results)
            }
        };
        Ok(json!({ "assetSummaries": summaries }).with("nextToken", next))
    }

    pub(crate) fn list_associated_assets(
        &mut self,
        input: ListAssociatedAssets,
        _now: Moment,
    ) -> Result<Value> {
        let id = self.asset_id(&input.asset_id)?;
        let asset = self.asset(id)?;
        let direction = input.traversal_direction.unwrap_or_default();
        let links = match direction {
            Direction::Child => asset.children.clone(),
            Direction::Parent => asset.parent.into_iter().collect(),
        };
        let hierarchy = match (&input.hierarchy_id, direction) {
            (None, _) => None,
            (Some(hierarchy), Direction::Child) => Some(self.hierarchy(id, hierarchy)?.0),
            // Upwards the hierarchy is one of the parent's model.
            (Some(hierarchy), Direction::Parent) => match asset.parent {
                Some(parent) => Some(self.hierarchy(parent.asset, hierarchy)?.0),
                None => None,
            },
        };
        let links = links
            .into_iter()
            .filter(|link| hierarchy.is_none_or(|hierarchy| link.hierarchy == hierarchy));
        let (links, next) = page::slice(
            links.collect(),
            "ListAssociatedAssets",
            input.next_token.as_deref(),
            input.max_results,
        )?;
        let summaries: Vec<Value> =
            links.iter().filter_map(|link| self.asset_summary(link.asset)).collect();
        Ok(json!({ "assetSummaries": summaries }).with("nextToken", next))
    }

    pub(crate) fn list_asset_relationships(
        &mut self,
        input: ListAssetRelationships,
        _now: Moment,
    ) -> Result<Value> {
        let mut child = self.asset_id(&input.asset_id)?;
        let mut path = Vec::new();
        while let Some(link) = self.asset(child)?.parent {
            path.push(json!({
                "hierarchyInfo": { "parentAssetId": link.asset, "childAssetId": child },
                "relationshipType": "HIERARCHY",
            }));
            child = link.asset;
        }
        let (path, next) = page::slice(
            path,
            "ListAssetRelationships",
            input.next_token.as_deref(),
            input.max_results,
        )?;
        Ok(json!({ "assetRelationshipSummaries": path }).with("nextToken", next))
    }
}

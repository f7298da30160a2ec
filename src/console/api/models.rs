//! Models: properties, where they come from, provisioning status.

use serde::Serialize;
use uuid::Uuid;

use super::query::Query;
use super::tree::provisioning;
use super::{ApiError, RowPage, link};
use crate::console::queries::EngineQueries;
use crate::twin::mapping::type_name;
use crate::twin::view::PropertyIx;

/// Rows of a page unless asked otherwise.
const ROWS: usize = 100;

/// A model in a list.
#[derive(Debug, Serialize)]
pub(super) struct ModelRow {
    id: Uuid,
    name: String,
    description: Option<String>,
    properties: usize,
    /// Of these: there in SiteWise.
    complete: usize,
    assets: usize,
    provisioning: &'static str,
}

/// All about one model.
#[derive(Debug, Serialize)]
pub(super) struct ModelDetail {
    id: Uuid,
    external_id: String,
    name: String,
    description: Option<String>,
    provisioning: &'static str,
    assets: usize,
    /// Models of the assets that can be below its own.
    below: Vec<ModelLink>,
    /// What SiteWise has against it, and what to do.
    problem: Option<String>,
    total: usize,
    complete: usize,
    properties: RowPage<PropertyRow>,
}

#[derive(Debug, Serialize)]
struct ModelLink {
    id: Uuid,
    name: String,
}

#[derive(Debug, Serialize)]
struct PropertyRow {
    id: Uuid,
    name: String,
    role: &'static str,
    attribute: bool,
    data_type: &'static str,
    unit: Option<String>,
    default: Option<String>,
    /// The first sender whose birth has it.
    source: Option<String>,
    /// It is there in SiteWise.
    live: bool,
}

/// All models, in the order in which they were first wanted.
pub(super) async fn list(
    queries: &EngineQueries,
    query: &Query,
) -> Result<RowPage<ModelRow>, ApiError> {
    let words = query.get("q").unwrap_or_default().to_lowercase();
    let (from, limit) = (query.number("from")?.unwrap_or_default(), query.limit(ROWS)?);
    let page = queries.ask(move |view| {
        let twin = view.bridge.twin();
        let mut assets = vec![0; twin.size().0];
        for (_, asset) in twin.assets_from(0) {
            if let Some(count) = assets.get_mut(asset.model.0 as usize) {
                *count += 1;
            }
        }
        let named = twin.models().filter(|(_, model)| model.name.to_lowercase().contains(&words));
        let rows = named.map(|(ix, model)| {
            let (stands, complete) = twin.model_provisioning(ix);
            ModelRow {
                id: model.id,
                name: model.name.clone(),
                description: model.description.clone(),
                properties: model.properties.len(),
                complete,
                assets: assets.get(ix.0 as usize).copied().unwrap_or_default(),
                provisioning: provisioning(stands),
            }
        });
        RowPage::cut(rows, from, limit)
    });
    Ok(page.await?)
}

/// All about a model.
pub(super) async fn model(
    queries: &EngineQueries,
    id: Uuid,
    query: &Query,
) -> Result<ModelDetail, ApiError> {
    let words = query.get("q").unwrap_or_default().to_lowercase();
    let (from, limit) = (query.number("from")?.unwrap_or_default(), query.limit(ROWS)?);
    let detail = queries.ask(move |view| {
        let twin = view.bridge.twin();
        let (ix, model) = twin.model(id)?;
        let (stands, complete) = twin.model_provisioning(ix);
        let below = model.hierarchies.iter().map(|(child, _)| twin.model_at(*child));
        let mut subjects = twin.plan().problems().map(|(subject, _)| subject);
        let subject = subjects.find(|subject| link::model_of(twin, subject) == Some(id));
        let properties = (0..).map(PropertyIx).zip(&model.properties);
        let named =
            properties.filter(|(_, property)| property.name.to_lowercase().contains(&words));
        let shown = named.map(|(place, property)| PropertyRow {
            id: property.id,
            name: property.name.to_string(),
            role: property.role.as_str(),
            attribute: property.is_attribute(),
            data_type: type_name(property.form.data_type()),
            unit: property.unit.as_deref().map(str::to_owned),
            default: property.default().map(str::to_owned),
            source: property.source.as_ref().map(ToString::to_string),
            live: twin.has_property(ix, place),
        });
        Some(ModelDetail {
            id,
            external_id: model.external_id.clone(),
            name: model.name.clone(),
            description: model.description.clone(),
            provisioning: provisioning(stands),
            assets: twin.assets_from(0).filter(|(_, asset)| asset.model == ix).count(),
            below: below
                .map(|child| ModelLink { id: child.id, name: child.name.clone() })
                .collect(),
            problem: subject.and_then(|subject| twin.plan().explain(subject)),
            total: model.properties.len(),
            complete,
            properties: RowPage::cut(shown, from, limit),
        })
    });
    detail.await?.ok_or(ApiError::NotFound)
}

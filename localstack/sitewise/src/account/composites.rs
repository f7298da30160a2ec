//! Composite models: inline ones with their own properties, and those made from a component model.
//!
//! Source: User Guide, "Custom composite models"; API Reference, `CreateAssetModelCompositeModel`.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Account;
use super::define::{self, CompositeInput, PropertyInput};
use super::definition::{Composite, DataType, Definition, Property, PropertyKind};
use super::model::{ModelKind, Version};
use super::models::Condition;
use super::output::{self, With as _};
use crate::wire::error::{Error, Kind, Result};
use crate::wire::page;
use crate::wire::reference::Reference;
use crate::wire::time::Moment;

pub(super) const CUSTOM: &str = "CUSTOM";
const ALARM: &str = "AWS/ALARM";
const ANOMALY: &str = "AWS/L4E_ANOMALY";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateCompositeModel {
    asset_model_id: Reference,
    asset_model_composite_model_external_id: Option<Box<str>>,
    parent_asset_model_composite_model_id: Option<Reference>,
    asset_model_composite_model_id: Option<Uuid>,
    asset_model_composite_model_description: Option<Box<str>>,
    asset_model_composite_model_name: Box<str>,
    asset_model_composite_model_type: Box<str>,
    composed_asset_model_id: Option<Reference>,
    asset_model_composite_model_properties: Option<Vec<PropertyInput>>,
    #[serde(flatten)]
    condition: Condition,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateCompositeModel {
    asset_model_id: Reference,
    asset_model_composite_model_id: Reference,
    asset_model_composite_model_external_id: Option<Box<str>>,
    asset_model_composite_model_description: Option<Box<str>>,
    asset_model_composite_model_name: Box<str>,
    asset_model_composite_model_properties: Option<Vec<PropertyInput>>,
    #[serde(flatten)]
    condition: Condition,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NamedCompositeModel {
    asset_model_id: Reference,
    asset_model_composite_model_id: Reference,
    asset_model_version: Option<Version>,
    #[serde(flatten)]
    condition: Condition,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListOfModel {
    asset_model_id: Reference,
    next_token: Option<String>,
    max_results: Option<usize>,
    asset_model_version: Option<Version>,
}

/// The composite models that stand in `CreateAssetModel` and `UpdateAssetModel`: alarms only, which
/// replace those there were. Custom ones have operations of their own and stay as they are.
///
/// # Errors
///
/// `InvalidRequestException`.
pub(super) fn inline(
    inputs: Vec<CompositeInput>,
    kind: ModelKind,
    before: &[Composite],
) -> Result<Vec<Composite>> {
    let mut made: Vec<Composite> =
        before.iter().filter(|composite| &*composite.kind == CUSTOM).cloned().collect();
    let alarms: Vec<&Composite> =
        before.iter().filter(|composite| &*composite.kind != CUSTOM).collect();
    let known = alarms.iter().map(|composite| (composite.id, composite.external_id.as_deref()));
    if kind == ModelKind::Interface && !inputs.is_empty() {
        return Err(Error::invalid("An interface cannot have composite models"));
    }
    for input in inputs {
        // Custom composite models may be sent back as they were described.
        if &*input.kind == CUSTOM
            && let Some(Reference::Id(id)) = &input.id
            && before.iter().any(|composite| composite.id == *id)
        {
            continue;
        }
        if &*input.kind == CUSTOM {
            return Err(Error::invalid(
                "Use CreateAssetModelCompositeModel for composite models of type CUSTOM",
            ));
        }
        let identity =
            define::identify(input.id.as_ref(), input.external_id.as_deref(), known.clone())?;
        let old = alarms.iter().find(|composite| composite.id == identity.id);
        if old.is_some_and(|old| old.kind != input.kind) {
            return Err(Error::invalid(format!(
                "The type of composite model {} cannot be changed",
                input.name
            )));
        }
        let old = old.map(|old| old.properties.as_slice()).unwrap_or_default();
        let composite = Composite {
            id: identity.id,
            external_id: identity.external_id,
            name: input.name,
            description: input.description,
            kind: input.kind,
            properties: define::properties(input.properties.unwrap_or_default(), old)?,
            parent: None,
            composed: None,
            inherited: false,
        };
        check_kind(&composite)?;
        made.push(composite);
    }
    Ok(made)
}

/// Gives every composite model that is made from a component model the component's present
/// properties and composite models. Their ids follow from the composite's own id.
///
/// # Errors
///
/// `InvalidRequestException` or `ResourceNotFoundException`.
pub(super) fn expand(account: &Account, definition: &mut Definition) -> Result<()> {
    definition.composites.retain(|composite| !composite.inherited);
    let mut inherited = Vec::new();
    for composite in &mut definition.composites {
        let Some(component) = composite.composed else { continue };
        let component = Arc::clone(&account.model(component)?.latest);
        let composite_id = composite.id;
        let ids: HashMap<Uuid, Uuid> =
            component.places.keys().map(|id| (*id, derived(composite_id, *id))).collect();
        composite.properties =
            component.properties.iter().map(|property| adopt(property, &ids)).collect();
        inherited.extend(component.composites.iter().map(|part| Composite {
            id: derived(composite_id, part.id),
            external_id: None,
            parent: Some(part.parent.map_or(composite_id, |parent| derived(composite_id, parent))),
            properties: part.properties.iter().map(|property| adopt(property, &ids)).collect(),
            inherited: true,
            ..part.clone()
        }));
    }
    definition.composites.extend(inherited);
    Ok(())
}

fn derived(composite: Uuid, part: Uuid) -> Uuid {
    Uuid::new_v5(&composite, part.as_bytes())
}

/// A component's property as a composite model holds it.
fn adopt(property: &Property, ids: &HashMap<Uuid, Uuid>) -> Property {
    let mut adopted = property.clone();
    adopted.id = ids.get(&property.id).copied().unwrap_or(property.id);
    adopted.external_id = None;
    for variable in adopted.shape.variables_mut() {
        let named = variable.value.property_id.as_deref().and_then(|id| Uuid::try_parse(id).ok());
        if let Some(id) = named.and_then(|id| ids.get(&id)) {
            variable.value.property_id = Some(id.to_string());
            variable.value.property_path = None;
        }
    }
    adopted
}

/// Source: User Guide, "Define alarms on asset models"; service model, composite model types.
fn check_kind(composite: &Composite) -> Result<()> {
    let name = &composite.name;
    match &*composite.kind {
        CUSTOM => Ok(()),
        ANOMALY => Ok(()),
        ALARM => {
            let has = |name: &str, data: DataType, kind: PropertyKind| {
                let mut properties = composite.properties.iter();
                properties.any(|part| {
                    &*part.name == name && part.data_type == data && part.kind() == kind
                })
            };
            if has("AWS/ALARM_TYPE", DataType::String, PropertyKind::Attribute)
                && has("AWS/ALARM_STATE", DataType::Struct, PropertyKind::Measurement)
            {
                return Ok(());
            }
            Err(Error::invalid(format!(
                "Alarm {name} needs the properties AWS/ALARM_TYPE and AWS/ALARM_STATE"
            )))
        }
        other => {
            Err(Error::invalid(format!("Composite model {name} has the unknown type {other}")))
        }
    }
}

/// The composite model of `definition` that `reference` names.
fn find<'a>(definition: &'a Definition, reference: &Reference) -> Result<&'a Composite> {
    let found = definition.composites.iter().find(|composite| match reference {
        Reference::Id(id) => composite.id == *id,
        Reference::External(external) => composite.external_id.as_ref() == Some(external),
    });
    found.ok_or_else(|| Error::not_found(format!("Composite model {reference} not found")))
}

impl Account {
    pub(crate) fn create_composite_model(
        &mut self,
        input: CreateCompositeModel,
        now: Moment,
    ) -> Result<Value> {
        let id = self.model_id(&input.asset_model_id)?;
        self.check_model_settled(id)?;
        self.check_condition(id, &input.condition)?;
        let model = self.model(id)?;
        let kind = model.kind;
        if kind == ModelKind::Interface {
            return Err(Error::invalid("An interface cannot have composite models"));
        }
        let mut definition = Definition::clone(&model.latest);
        let composite_id = input.asset_model_composite_model_id.unwrap_or_else(Uuid::new_v4);
        if definition.composite(composite_id).is_some() {
            return Err(Error::about(
                Kind::ResourceAlreadyExists,
                self.model_resource(id),
                format!("A composite model with the id {composite_id} already exists"),
            ));
        }
        let parent = match &input.parent_asset_model_composite_model_id {
            Some(parent) => Some(find(&definition, parent)?),
            None => None,
        };
        if parent.is_some_and(|parent| parent.composed.is_some() || parent.inherited) {
            return Err(Error::invalid(
                "A composite model made from a component model cannot be extended",
            ));
        }
        let parent = parent.map(|parent| parent.id);
        let properties = input.asset_model_composite_model_properties.unwrap_or_default();
        let composed = match &input.composed_asset_model_id {
            Some(_) if !properties.is_empty() => {
                return Err(Error::invalid(
                    "A composite model has either properties or a composedAssetModelId",
                ));
            }
            Some(component) => Some(self.component(component)?),
            None => None,
        };
        let composite = Composite {
            id: composite_id,
            external_id: input.asset_model_composite_model_external_id,
            name: input.asset_model_composite_model_name,
            description: input.asset_model_composite_model_description,
            kind: input.asset_model_composite_model_type,
            properties: define::properties(properties, &[])?,
            parent,
            composed,
            inherited: false,
        };
        check_kind(&composite)?;
        definition.composites.push(composite);
        self.check_definition(id, kind, &mut definition)?;
        self.replace(id, definition, now)?;
        self.composite_answer(id, composite_id)
    }

    /// A component model that may still be used once more.
    fn component(&self, reference: &Reference) -> Result<Uuid> {
        let component = self.model_id(reference)?;
        if self.model(component)?.kind != ModelKind::ComponentModel {
            return Err(Error::invalid(format!(
                "Asset model {component} is not a component model"
            )));
        }
        if !self.model(component)?.usable() {
            return Err(self.model_conflict(component, "The component model is not ACTIVE"));
        }
        let uses = |model: &&super::AssetModel| {
            model.latest.composites.iter().any(|composite| composite.composed == Some(component))
        };
        if self.state.models.values().filter(uses).count()
            >= self.setting.limits.models_per_component
        {
            return Err(Error::limit(format!(
                "Too many asset models use the component model {component}"
            )));
        }
        Ok(component)
    }

    fn composite_answer(&self, id: Uuid, composite: Uuid) -> Result<Value> {
        let model = self.model(id)?;
        let path =
            model.latest.composite(composite).map(|found| model.latest.composite_path(found));
        Ok(json!({
            "assetModelId": id,
            "assetModelCompositeModelId": composite,
            "assetModelCompositeModelPath": path.unwrap_or_default(),
            "assetModelStatus": output::model_status(model),
        }))
    }

    pub(crate) fn update_composite_model(
        &mut self,
        input: UpdateCompositeModel,
        now: Moment,
    ) -> Result<Value> {
        let id = self.model_id(&input.asset_model_id)?;
        self.check_model_settled(id)?;
        self.check_condition(id, &input.condition)?;
        let model = self.model(id)?;
        let kind = model.kind;
        let mut definition = Definition::clone(&model.latest);
        let composite_id = find(&definition, &input.asset_model_composite_model_id)?.id;
        let Some(composite) =
            definition.composites.iter_mut().find(|composite| composite.id == composite_id)
        else {
            return Err(Error::not_found(format!("Composite model {composite_id} not found")));
        };
        if composite.inherited {
            return Err(Error::invalid(
                "A composite model that came with a component model cannot be changed here",
            ));
        }
        match (&composite.external_id, input.asset_model_composite_model_external_id) {
            (Some(known), Some(given)) if *known != given => {
                return Err(Error::invalid(format!("The external id {known} cannot be changed")));
            }
            (None, Some(given)) => composite.external_id = Some(given),
            _ => {}
        }
        composite.name = input.asset_model_composite_model_name;
        composite.description = input.asset_model_composite_model_description;
        let properties = input.asset_model_composite_model_properties.unwrap_or_default();
        if composite.composed.is_none() {
            composite.properties = define::properties(properties, &composite.properties)?;
        } else if !properties.is_empty() {
            return Err(Error::invalid(
                "The properties of a component model cannot be changed here",
            ));
        }
        check_kind(composite)?;
        self.check_definition(id, kind, &mut definition)?;
        self.replace(id, definition, now)?;
        let mut answer = self.composite_answer(id, composite_id)?;
        if let Some(answer) = answer.as_object_mut() {
            answer.remove("assetModelCompositeModelId");
        }
        Ok(answer)
    }

    pub(crate) fn delete_composite_model(
        &mut self,
        input: NamedCompositeModel,
        now: Moment,
    ) -> Result<Value> {
        let id = self.model_id(&input.asset_model_id)?;
        self.check_model_settled(id)?;
        self.check_condition(id, &input.condition)?;
        let model = self.model(id)?;
        let kind = model.kind;
        let mut definition = Definition::clone(&model.latest);
        let composite = find(&definition, &input.asset_model_composite_model_id)?;
        let composite_id = composite.id;
        if composite.inherited {
            return Err(Error::invalid(
                "A composite model that came with a component model cannot be deleted here",
            ));
        }
        if definition
            .composites
            .iter()
            .any(|child| child.parent == Some(composite_id) && !child.inherited)
        {
            return Err(self.model_conflict(
                id,
                "The composite model has composite models and cannot be deleted",
            ));
        }
        if self.index.model_assets.get(&id).is_some_and(|assets| !assets.is_empty()) {
            return Err(self.model_conflict(
                id,
                "The asset model has assets: its composite models cannot be deleted",
            ));
        }
        definition.composites.retain(|composite| composite.id != composite_id);
        self.check_definition(id, kind, &mut definition)?;
        self.replace(id, definition, now)?;
        Ok(json!({ "assetModelId": id, "assetModelStatus": output::model_status(self.model(id)?) }))
    }

    pub(crate) fn describe_composite_model(
        &mut self,
        input: NamedCompositeModel,
        _now: Moment,
    ) -> Result<Value> {
        let id = self.model_id(&input.asset_model_id)?;
        let definition = self.version_of(id, input.asset_model_version.unwrap_or_default())?;
        let composite = find(definition, &input.asset_model_composite_model_id)?;
        let properties = composite.properties.iter();
        let properties = properties
            .map(|property| output::model_property(definition, property, Some(composite)));
        let children =
            definition.composites.iter().filter(|child| child.parent == Some(composite.id));
        let relationship = composite
            .composed
            .map(|component| json!({ "compositionRelationship": [{ "id": component }] }));
        Ok(json!({
            "assetModelId": id,
            "assetModelCompositeModelId": composite.id,
            "assetModelCompositeModelPath": definition.composite_path(composite),
            "assetModelCompositeModelName": composite.name,
            "assetModelCompositeModelDescription": composite.description.as_deref().unwrap_or_default(),
            "assetModelCompositeModelType": composite.kind,
            "assetModelCompositeModelProperties": properties.collect::<Vec<_>>(),
            "assetModelCompositeModelSummaries":
                children.map(|child| output::composite_summary(definition, child)).collect::<Vec<_>>(),
        })
        .with("assetModelCompositeModelExternalId", composite.external_id.as_ref())
        .with("compositionDetails", relationship))
    }

    pub(crate) fn list_asset_model_composite_models(
        &mut self,
        input: ListOfModel,
        _now: Moment,
    ) -> Result<Value> {
        let id = self.model_id(&input.asset_model_id)?;
        let definition = self.version_of(id, input.asset_model_version.unwrap_or_default())?;
        let summaries = definition
            .composites
            .iter()
            .map(|part| output::composite_summary(definition, part))
            .collect();
        let (summaries, next) = page::slice(
            summaries,
            "ListAssetModelCompositeModels",
            input.next_token.as_deref(),
            input.max_results,
        )?;
        Ok(json!({ "assetModelCompositeModelSummaries": summaries }).with("nextToken", next))
    }

    pub(crate) fn list_composition_relationships(
        &mut self,
        input: ListOfModel,
        _now: Moment,
    ) -> Result<Value> {
        let id = self.model_id(&input.asset_model_id)?;
        let uses = self.state.models.values().flat_map(|model| {
            let used =
                model.latest.composites.iter().filter(|composite| composite.composed == Some(id));
            used.map(|composite| {
                json!({
                    "assetModelId": model.id,
                    "assetModelCompositeModelId": composite.id,
                    "assetModelCompositeModelType": composite.kind,
                })
            })
        });
        let (summaries, next) = page::slice(
            uses.collect(),
            "ListCompositionRelationships",
            input.next_token.as_deref(),
            input.max_results,
        )?;
        Ok(json!({ "compositionRelationshipSummaries": summaries }).with("nextToken", next))
    }
}

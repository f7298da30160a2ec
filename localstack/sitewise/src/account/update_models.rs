//! Updates of asset models: a full replacement of name, description, properties and hierarchies.
//!
//! Source: API Reference, `UpdateAssetModel`; User Guide, "Update asset models".

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Account;
use super::composites;
use super::define::{self, CompositeInput, HierarchyInput, PropertyInput};
use super::definition::Definition;
use super::model::ModelKind;
use super::models::Condition;
use super::output;
use crate::wire::error::{Error, Result};
use crate::wire::reference::Reference;
use crate::wire::time::Moment;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateAssetModel {
    asset_model_id: Reference,
    asset_model_external_id: Option<Box<str>>,
    asset_model_name: Box<str>,
    asset_model_description: Option<Box<str>>,
    asset_model_properties: Option<Vec<PropertyInput>>,
    asset_model_hierarchies: Option<Vec<HierarchyInput>>,
    asset_model_composite_models: Option<Vec<CompositeInput>>,
    #[serde(flatten)]
    condition: Condition,
}

impl Account {
    pub(crate) fn update_asset_model(
        &mut self,
        input: UpdateAssetModel,
        now: Moment,
    ) -> Result<Value> {
        let id = self.model_id(&input.asset_model_id)?;
        self.check_model_settled(id)?;
        self.check_condition(id, &input.condition)?;
        let model = self.model(id)?;
        let (kind, before, external) =
            (model.kind, Arc::clone(&model.latest), model.external_id.clone());
        match (&external, &input.asset_model_external_id) {
            (Some(known), Some(given)) if known != given => {
                return Err(Error::invalid(format!("The external id {known} cannot be changed")));
            }
            _ => self.check_model_external(input.asset_model_external_id.as_deref(), Some(id))?,
        }
        self.check_model_name(&input.asset_model_name, Some(id))?;
        let hierarchies = input.asset_model_hierarchies.unwrap_or_default();
        if kind == ModelKind::ComponentModel && !hierarchies.is_empty() {
            return Err(Error::invalid("A component model cannot have hierarchies"));
        }
        let mut definition = Definition {
            name: input.asset_model_name,
            description: input.asset_model_description,
            properties: define::properties(
                input.asset_model_properties.unwrap_or_default(),
                &before.properties,
            )?,
            hierarchies: define::hierarchies(self, hierarchies, &before.hierarchies)?,
            composites: composites::inline(
                input.asset_model_composite_models.unwrap_or_default(),
                kind,
                &before.composites,
            )?,
            ..Definition::default()
        };
        self.check_definition(id, kind, &mut definition)?;
        self.replace(id, definition, now)?;
        if external.is_none()
            && let Some(given) = input.asset_model_external_id
        {
            self.index.model_externals.insert(given.clone(), id);
            self.model_mut(id)?.external_id = Some(given);
        }
        Ok(json!({ "assetModelId": id, "assetModelStatus": output::model_status(self.model(id)?) }))
    }

    /// Installs a changed definition, and carries a component model's change to the models that
    /// are composed of it.
    ///
    /// # Errors
    ///
    /// Any rule that one of those models would break; nothing is changed then.
    pub(super) fn replace(&mut self, id: Uuid, definition: Definition, now: Moment) -> Result<()> {
        let before = Arc::clone(&self.model(id)?.latest);
        let users: Vec<Uuid> = self
            .state
            .models
            .values()
            .filter(|model| {
                model.latest.composites.iter().any(|composite| composite.composed == Some(id))
            })
            .map(|model| model.id)
            .collect();
        // The users are expanded from the component's new content, which has to stand there first.
        self.model_mut(id)?.latest =
            Arc::new(Definition { version: before.version, ..definition.clone() });
        let expanded: Result<Vec<(Uuid, Definition)>> = users
            .into_iter()
            .map(|user| {
                self.check_model_settled(user)?;
                let model = self.model(user)?;
                let mut changed = Definition::clone(&model.latest);
                let kind = model.kind;
                self.check_definition(user, kind, &mut changed)?;
                Ok((user, changed))
            })
            .collect();
        self.model_mut(id)?.latest = before;
        let expanded = expanded?;
        self.install(id, definition, now)?;
        for (user, changed) in expanded {
            self.replace(user, changed, now)?;
        }
        Ok(())
    }
}

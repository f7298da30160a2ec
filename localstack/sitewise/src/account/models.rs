//! Asset models: creation and deletion, and how a new version of one comes into force.
//!
//! Source: API Reference, `CreateAssetModel`, `DeleteAssetModel`.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::define::{self, CompositeInput, HierarchyInput, PropertyInput};
use super::definition::Definition;
use super::model::{AssetModel, ModelKind, Version};
use super::output;
use super::states::{Phase, Step};
use super::{Account, composites, expressions};
use crate::wire::error::{Error, Kind, Result};
use crate::wire::reference::Reference;
use crate::wire::time::Moment;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateAssetModel {
    asset_model_name: Box<str>,
    asset_model_type: Option<ModelKind>,
    asset_model_id: Option<Uuid>,
    asset_model_external_id: Option<Box<str>>,
    asset_model_description: Option<Box<str>>,
    asset_model_properties: Option<Vec<PropertyInput>>,
    asset_model_hierarchies: Option<Vec<HierarchyInput>>,
    asset_model_composite_models: Option<Vec<CompositeInput>>,
    tags: Option<BTreeMap<String, String>>,
}

/// The headers of a conditional write.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Condition {
    if_match: Option<String>,
    if_none_match: Option<String>,
    match_for_version_type: Option<Version>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeleteAssetModel {
    asset_model_id: Reference,
    #[serde(flatten)]
    condition: Condition,
}

impl Account {
    pub(crate) fn create_asset_model(
        &mut self,
        input: CreateAssetModel,
        now: Moment,
    ) -> Result<Value> {
        let id = input.asset_model_id.unwrap_or_else(Uuid::new_v4);
        if self.state.models.contains_key(&id) {
            return Err(Error::about(
                Kind::ResourceAlreadyExists,
                self.model_resource(id),
                format!("An asset model with the id {id} already exists"),
            ));
        }
        self.check_model_name(&input.asset_model_name, None)?;
        self.check_model_external(input.asset_model_external_id.as_deref(), None)?;
        if self.state.models.len() >= self.setting.limits.models {
            return Err(Error::limit(format!(
                "More than {} asset models",
                self.setting.limits.models
            )));
        }
        let kind = input.asset_model_type.unwrap_or(ModelKind::AssetModel);
        let hierarchies = input.asset_model_hierarchies.unwrap_or_default();
        if kind == ModelKind::ComponentModel && !hierarchies.is_empty() {
            return Err(Error::invalid("A component model cannot have hierarchies"));
        }
        let mut definition = Definition {
            name: input.asset_model_name,
            description: input.asset_model_description,
            properties: define::properties(input.asset_model_properties.unwrap_or_default(), &[])?,
            hierarchies: define::hierarchies(self, hierarchies, &[])?,
            composites: composites::inline(
                input.asset_model_composite_models.unwrap_or_default(),
                kind,
                &[],
            )?,
            ..Definition::default()
        };
        self.check_definition(id, kind, &mut definition)?;
        let model = AssetModel {
            id,
            kind,
            external_id: input.asset_model_external_id,
            created: now,
            updated: now,
            phase: Phase::Creating,
            ready: None,
            failure: None,
            latest: Arc::default(),
            active: None,
            tags: input.tags.unwrap_or_default(),
        };
        if let Some(external) = &model.external_id {
            self.index.model_externals.insert(external.clone(), id);
        }
        self.state.models.insert(id, model);
        self.install(id, definition, now)?;
        let model = self.model(id)?;
        Ok(json!({
            "assetModelId": id,
            "assetModelArn": self.model_arn(id),
            "assetModelStatus": output::model_status(model),
        }))
    }

    pub(crate) fn delete_asset_model(
        &mut self,
        input: DeleteAssetModel,
        now: Moment,
    ) -> Result<Value> {
        let id = self.model_id(&input.asset_model_id)?;
        self.check_model_settled(id)?;
        self.check_condition(id, &input.condition)?;
        if self.index.model_assets.get(&id).is_some_and(|assets| !assets.is_empty()) {
            // What the service answers: seen in the output of AWS's own samples.
            return Err(Error::invalid("The asset model had assets when delete was called"));
        }
        let user = self.state.models.values().find(|model| {
            model.id != id
                && (model.latest.hierarchies.iter().any(|hierarchy| hierarchy.child_model == id)
                    || model
                        .latest
                        .composites
                        .iter()
                        .any(|composite| composite.composed == Some(id)))
        });
        if let Some(user) = user {
            let message =
                format!("The asset model is used by asset model {} and cannot be deleted", user.id);
            return Err(self.model_conflict(id, message));
        }
        let due = now.plus(self.setting.update_delay);
        let model = self.model_mut(id)?;
        model.phase = Phase::Deleting;
        let status = output::model_status(model);
        self.plan(due, Step::ModelGone(id));
        Ok(json!({ "assetModelId": id, "assetModelStatus": status }))
    }

    pub(super) fn remove_model(&mut self, id: Uuid) {
        let Some(model) = self.state.models.remove(&id) else { return };
        self.index.model_names.remove(&model.latest.name);
        if let Some(external) = &model.external_id {
            self.index.model_externals.remove(external);
        }
        self.index.model_assets.remove(&id);
    }

    /// Refuses a name that another asset model has. Source: User Guide, and the service's message.
    pub(super) fn check_model_name(&self, name: &str, own: Option<Uuid>) -> Result<()> {
        match self.index.model_names.get(name) {
            Some(other) if Some(*other) != own => Err(Error::about(
                Kind::ResourceAlreadyExists,
                self.model_resource(*other),
                format!("Another resource is already using the name {name}"),
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn check_model_external(
        &self,
        external: Option<&str>,
        own: Option<Uuid>,
    ) -> Result<()> {
        match external.and_then(|external| self.index.model_externals.get(external)) {
            Some(other) if Some(*other) != own => Err(Error::about(
                Kind::ResourceAlreadyExists,
                self.model_resource(*other),
                "Another asset model is already using the external id",
            )),
            _ => Ok(()),
        }
    }

    /// Refuses writes to a model that is on its way from one state to another.
    pub(super) fn check_model_settled(&self, id: Uuid) -> Result<()> {
        let phase = self.model(id)?.phase;
        match phase {
            Phase::Active | Phase::Failed => Ok(()),
            phase => {
                Err(self
                    .model_conflict(id, format!("The asset model is in state {}", phase.name())))
            }
        }
    }

    /// Source: API Reference, `UpdateAssetModel`, `If-Match`, `If-None-Match`,
    /// `Match-For-Version-Type`.
    pub(super) fn check_condition(&self, id: Uuid, condition: &Condition) -> Result<()> {
        if condition.if_match.is_none() && condition.if_none_match.is_none() {
            return Ok(());
        }
        let Some(version) = condition.match_for_version_type else {
            return Err(Error::invalid("If-Match and If-None-Match need Match-For-Version-Type"));
        };
        let current = self.model(id)?.at(version);
        let failed = |message: &str| {
            Err(Error::about(Kind::PreconditionFailed, self.model_resource(id), message))
        };
        if let Some(etag) = &condition.if_match
            && current.is_none_or(|definition| definition.etag != *etag)
        {
            return failed("The ETag does not match the asset model's current version");
        }
        if condition.if_none_match.is_some() && current.is_some() {
            return failed("The asset model has such a version already");
        }
        Ok(())
    }

    /// Completes a definition and checks it as a whole: components, references, ids, quotas.
    pub(super) fn check_definition(
        &self,
        id: Uuid,
        kind: ModelKind,
        definition: &mut Definition,
    ) -> Result<()> {
        composites::expand(self, definition)?;
        define::check_whole(definition)?;
        self.check_sizes(kind, definition)?;
        self.check_foreign_ids(id, definition)?;
        self.check_model_tree(id, definition)?;
        definition.index();
        expressions::resolve(self, definition)?;
        self.check_needed(id, definition)
    }

    /// Properties that a formula of a parent model depends on must stay.
    fn check_needed(&self, id: Uuid, definition: &Definition) -> Result<()> {
        let Some(before) = self.state.models.get(&id).map(|model| &model.latest) else {
            return Ok(());
        };
        let gone: HashSet<String> = before
            .places
            .keys()
            .filter(|property| !definition.places.contains_key(property))
            .map(Uuid::to_string)
            .collect();
        if gone.is_empty() {
            return Ok(());
        }
        let needs = |model: &&AssetModel| {
            let mut properties = model.latest.all_properties();
            properties.any(|(property, _)| {
                let mut variables = property.shape.variables().iter();
                variables.any(|variable| {
                    let value = &variable.value;
                    value.hierarchy_id.is_some()
                        && value.property_id.as_ref().is_some_and(|id| gone.contains(id))
                })
            })
        };
        match self.state.models.values().filter(|model| model.id != id).find(needs) {
            Some(parent) => Err(self.model_conflict(
                id,
                format!(
                    "A formula of asset model {} depends on a property that is to go",
                    parent.id
                ),
            )),
            None => Ok(()),
        }
    }

    fn check_sizes(&self, kind: ModelKind, definition: &Definition) -> Result<()> {
        let limits = &self.setting.limits;
        let root = match kind {
            ModelKind::AssetModel => limits.root_properties,
            ModelKind::ComponentModel => limits.properties_per_composite,
            ModelKind::Interface => 200,
        };
        let largest =
            definition.composites.iter().map(|composite| composite.properties.len()).max();
        for (count, most, what) in [
            (definition.properties.len(), root, "root properties"),
            (definition.all_properties().count(), limits.properties_per_model, "properties"),
            (
                largest.unwrap_or(0),
                limits.properties_per_composite,
                "properties in a composite model",
            ),
            (definition.hierarchies.len(), limits.hierarchies_per_model, "hierarchies"),
            (definition.composites.len(), limits.composites_per_model, "composite models"),
        ] {
            if count > most {
                return Err(Error::limit(format!(
                    "The asset model has {count} {what}, more than {most}"
                )));
            }
        }
        let depth = definition
            .composites
            .iter()
            .map(|part| definition.composite_path(part).len())
            .max()
            .unwrap_or(0);
        if depth > limits.composite_depth {
            return Err(Error::limit(format!(
                "Composite models are nested deeper than {}",
                limits.composite_depth
            )));
        }
        Ok(())
    }

    /// Ids that a caller chooses must be unique over all models (API Reference:
    /// "must be globally unique").
    fn check_foreign_ids(&self, id: Uuid, definition: &Definition) -> Result<()> {
        let ids: HashSet<Uuid> = definition
            .all_properties()
            .map(|(property, _)| property.id)
            .chain(definition.hierarchies.iter().map(|hierarchy| hierarchy.id))
            .chain(definition.composites.iter().map(|composite| composite.id))
            .collect();
        for model in self.state.models.values().filter(|model| model.id != id) {
            let latest = &model.latest;
            let taken = ids.iter().find(|id| {
                latest.places.contains_key(id)
                    || latest.hierarchy(**id).is_some()
                    || latest.composite(**id).is_some()
            });
            if let Some(taken) = taken {
                return Err(Error::about(
                    Kind::ResourceAlreadyExists,
                    self.model_resource(model.id),
                    format!("The id {taken} is already in use in another asset model"),
                ));
            }
        }
        Ok(())
    }

    /// Makes `definition` the model's latest version and plans how it comes into force.
    pub(super) fn install(
        &mut self,
        id: Uuid,
        mut definition: Definition,
        now: Moment,
    ) -> Result<()> {
        definition.index();
        let doomed = self.doomed.take_if(|doomed| **doomed == *definition.name).is_some();
        let (create_delay, update_delay) = (self.setting.create_delay, self.setting.update_delay);
        let model = self.model_mut(id)?;
        let creating = model.phase == Phase::Creating;
        definition.version = model.latest.version + 1;
        definition.etag = etag(id, &definition);
        let version = definition.version;
        let before = std::mem::replace(&mut model.latest, Arc::new(definition));
        model.updated = now;
        model.failure = doomed.then(|| "The asset model was ordered to fail".to_owned());
        if !creating {
            model.phase = Phase::Updating;
        }
        let name = model.latest.name.clone();
        let due = if creating {
            now.plus(create_delay)
        } else {
            self.plan(now.plus(update_delay / 2), Step::ModelPropagates(id, version));
            now.plus(update_delay)
        };
        let end =
            if doomed { Step::ModelFails(id, version) } else { Step::ModelReady(id, version) };
        self.plan(due, end);
        if before.name != name {
            self.index.model_names.remove(&before.name);
        }
        self.index.model_names.insert(name, id);
        Ok(())
    }

    /// Takes the data of properties and the associations of hierarchies that the version which just
    /// came into force no longer has.
    pub(super) fn drop_removed(&mut self, id: Uuid, before: &Definition, after: &Definition) {
        let gone: Vec<Uuid> =
            before.places.keys().filter(|id| !after.places.contains_key(id)).copied().collect();
        let lost: HashSet<Uuid> = before
            .hierarchies
            .iter()
            .map(|hierarchy| hierarchy.id)
            .filter(|id| after.hierarchy(*id).is_none())
            .collect();
        if gone.is_empty() && lost.is_empty() {
            return;
        }
        let assets: Vec<Uuid> = self
            .index
            .assets_of
            .range((id, Uuid::nil())..=(id, Uuid::max()))
            .map(|key| key.1)
            .collect();
        for asset in assets {
            for property in &gone {
                self.remove_stream_of(asset, *property);
            }
            self.disassociate_where(asset, |link| lost.contains(&link.hierarchy));
        }
    }
}

/// An entity tag: it changes whenever the definition does, and has the shape `^[\w-]{43}$`.
fn etag(id: Uuid, definition: &Definition) -> String {
    let content = serde_json::to_vec(definition).unwrap_or_default();
    let half = Uuid::new_v5(&id, &content);
    let other = Uuid::new_v5(&half, &content);
    let bytes: Vec<u8> = half.as_bytes().iter().chain(other.as_bytes()).copied().collect();
    URL_SAFE_NO_PAD.encode(bytes)
}

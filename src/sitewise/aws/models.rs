//! Models: described with all their parts, and updated without losing what others added.

use std::fmt::Display;

use aws_sdk_iotsitewise::operation::describe_asset_model::DescribeAssetModelOutput;
use aws_sdk_iotsitewise::types::{
    AssetModelState, AssetModelVersionType, ListAssetModelPropertiesFilter,
};
use uuid::Uuid;

use super::{AwsSiteWise, inexpressible, pages, unreadable};
use crate::sitewise::api::{
    ActiveVersion, ApiFault, ApiFaultKind, Composite, CreateComposite, GrowComposite, GrowModel,
    Model, ResourceState,
};
use crate::sitewise::limits::PAGE_ITEMS;
use crate::sitewise::{convert, fault, merge};

/// Type of the composite models that hold properties of a kind of our own.
const CUSTOM: &str = "CUSTOM";
/// The version that is written next, finished or not.
const LATEST: &str = "LATEST";
/// The last version that became ACTIVE; a model that never did has none.
const ACTIVE: &str = "ACTIVE";

impl AwsSiteWise {
    async fn describe(
        &self,
        id: Uuid,
        version: &'static str,
    ) -> Result<DescribeAssetModelOutput, ApiFault> {
        self.client
            .describe_asset_model()
            .asset_model_id(id.to_string())
            .asset_model_version(version)
            .send()
            .await
            .map_err(|error| fault::of_call(format_args!("describe asset model {id}"), &error))
    }

    /// A model as it is written next, and of one that FAILED what its assets go on with.
    pub(super) async fn describe_whole(&self, id: Uuid) -> Result<Model, ApiFault> {
        let mut model = self.describe_version(id, LATEST).await?;
        if let ResourceState::Failed(_) = model.state {
            model.usable = match self.describe_version(id, ACTIVE).await {
                Ok(Model { properties, hierarchies, .. }) => Some(ActiveVersion {
                    properties: properties.into_iter().map(|property| property.id).collect(),
                    hierarchies: hierarchies.into_iter().map(|hierarchy| hierarchy.id).collect(),
                }),
                Err(ApiFault { kind: ApiFaultKind::NotFound, .. }) => None,
                Err(fault) => return Err(fault),
            };
        }
        Ok(model)
    }

    async fn describe_version(&self, id: Uuid, version: &'static str) -> Result<Model, ApiFault> {
        let output = self.describe(id, version).await?;
        let tried = || format!("describe asset model {id}");
        let mut model = convert::model(&output).map_err(unreadable(tried()))?;
        let composites = output.asset_model_composite_models();
        let is_listed = |id: &str| composites.iter().any(|composite| composite.id() == Some(id));
        let summaries = output.asset_model_composite_model_summaries();
        for summary in summaries.iter().filter(|summary| !is_listed(summary.id())) {
            let id = convert::id(summary.id()).map_err(unreadable(tried()))?;
            model.composites.push(Composite { id, properties: 0 });
        }
        if !model.composites.is_empty() {
            self.list_properties(&mut model, version).await?;
        }
        Ok(model)
    }

    /// Puts in the ids and names of all properties, those of custom composite models included.
    async fn list_properties(
        &self,
        model: &mut Model,
        version: &'static str,
    ) -> Result<(), ApiFault> {
        let id = model.id;
        let tried = || format!("list properties of asset model {id}");
        model.properties.clear();
        let mut token = None;
        loop {
            let page = self
                .client
                .list_asset_model_properties()
                .asset_model_id(id.to_string())
                .asset_model_version(version)
                .filter(ListAssetModelPropertiesFilter::All)
                .max_results(PAGE_ITEMS)
                .set_next_token(token.clone())
                .send()
                .await
                .map_err(|error| fault::of_call(tried(), &error))?;
            for property in page.asset_model_property_summaries() {
                let listed = convert::listed_property(property).map_err(unreadable(tried()))?;
                model.properties.extend(listed);
                let within = property.asset_model_composite_model_id();
                let within = within.map(convert::id).transpose().map_err(unreadable(tried()))?;
                let mut composites = model.composites.iter_mut();
                if let Some(composite) = composites.find(|part| Some(part.id) == within) {
                    composite.properties += 1;
                }
            }
            token = pages::next(tried(), token, page.next_token)?;
            if token.is_none() {
                return Ok(());
            }
        }
    }

    pub(super) async fn update(&self, growth: &GrowModel) -> Result<(), ApiFault> {
        let model = self.describe(growth.id, LATEST).await?;
        let tried = || format!("update asset model {:?}", model.asset_model_name());
        let without = self.never_active(&model, &growth.without).await?;
        let Some(grown) = merge::merge(&model, growth, &without).map_err(inexpressible(tried()))?
        else {
            return Ok(());
        };
        let description = model.asset_model_description();
        self.client
            .update_asset_model()
            .asset_model_id(model.asset_model_id())
            .set_asset_model_external_id(model.asset_model_external_id().map(str::to_owned))
            .asset_model_name(model.asset_model_name())
            .set_asset_model_description((!description.is_empty()).then(|| description.to_owned()))
            .set_asset_model_properties(Some(grown.properties))
            .set_asset_model_hierarchies(Some(grown.hierarchies))
            .set_asset_model_composite_models(model.asset_model_composite_models.clone())
            .if_match(etag(&model, tried())?)
            .match_for_version_type(AssetModelVersionType::Latest)
            .send()
            .await
            .map_err(|error| fault::of_call(tried(), &error))?;
        Ok(())
    }

    /// Those of these properties that may go: of a model that FAILED, what no version has had
    /// that its assets went on with. There is no value of it.
    async fn never_active(
        &self,
        model: &DescribeAssetModelOutput,
        properties: &[Uuid],
    ) -> Result<Vec<String>, ApiFault> {
        let state = model.asset_model_status().map(|status| status.state());
        if properties.is_empty() || state != Some(&AssetModelState::Failed) {
            return Ok(Vec::new());
        }
        let id = convert::id(model.asset_model_id());
        let id = id.map_err(unreadable("describe an asset model"))?;
        let active = match self.describe_version(id, ACTIVE).await {
            Ok(model) => model.properties.into_iter().map(|property| property.id).collect(),
            Err(ApiFault { kind: ApiFaultKind::NotFound, .. }) => Vec::new(),
            Err(fault) => return Err(fault),
        };
        let never = properties.iter().filter(|property| !active.contains(property));
        Ok(never.map(Uuid::to_string).collect())
    }

    pub(super) async fn add_composite(&self, composite: CreateComposite) -> Result<(), ApiFault> {
        let tried = || {
            format!("add composite model {:?} to asset model {}", composite.name, composite.model)
        };
        let properties = composite.properties.iter().map(convert::new_property);
        let properties: Result<_, _> = properties.collect();
        self.client
            .create_asset_model_composite_model()
            .asset_model_id(composite.model.to_string())
            .asset_model_composite_model_id(composite.id.to_string())
            .asset_model_composite_model_external_id(&composite.external_id)
            .asset_model_composite_model_name(&composite.name)
            .asset_model_composite_model_type(CUSTOM)
            .set_asset_model_composite_model_properties(Some(
                properties.map_err(inexpressible(tried()))?,
            ))
            .send()
            .await
            .map_err(|error| fault::of_call(tried(), &error))?;
        Ok(())
    }

    pub(super) async fn update_composite(&self, growth: &GrowComposite) -> Result<(), ApiFault> {
        let tried = || format!("update composite model {} of {}", growth.id, growth.model);
        // The tag first: what is written between the two reads is then seen.
        let model = self.describe(growth.model, LATEST).await?;
        let composite = self
            .client
            .describe_asset_model_composite_model()
            .asset_model_id(growth.model.to_string())
            .asset_model_composite_model_id(growth.id.to_string())
            .asset_model_version(LATEST)
            .send()
            .await
            .map_err(|error| fault::of_call(tried(), &error))?;
        let before = composite.asset_model_composite_model_properties();
        let grown =
            merge::properties(before, &[], &growth.properties).map_err(inexpressible(tried()))?;
        if grown.len() == before.len() {
            return Ok(());
        }
        let description = composite.asset_model_composite_model_description();
        self.client
            .update_asset_model_composite_model()
            .asset_model_id(growth.model.to_string())
            .asset_model_composite_model_id(growth.id.to_string())
            .set_asset_model_composite_model_external_id(
                composite.asset_model_composite_model_external_id().map(str::to_owned),
            )
            .asset_model_composite_model_name(composite.asset_model_composite_model_name())
            .set_asset_model_composite_model_description(
                (!description.is_empty()).then(|| description.to_owned()),
            )
            .set_asset_model_composite_model_properties(Some(grown))
            .if_match(etag(&model, tried())?)
            .match_for_version_type(AssetModelVersionType::Latest)
            .send()
            .await
            .map_err(|error| fault::of_call(tried(), &error))?;
        Ok(())
    }
}

fn etag(model: &DescribeAssetModelOutput, tried: impl Display) -> Result<&str, ApiFault> {
    model.e_tag().ok_or_else(|| fault::of_answer(tried, "described without an ETag"))
}

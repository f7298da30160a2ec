//! ListTagsForResource and TagResource.

use super::AwsSiteWise;
use crate::sitewise::api::ApiFault;
use crate::sitewise::fault;
use crate::sitewise::tags::{Taggable, Tags, scope, scope_of};

impl AwsSiteWise {
    /// The ARN of an asset or model: SiteWise tells one of them, the others follow from it.
    async fn arn(&self, of: Taggable) -> Result<String, ApiFault> {
        if let Some(scope) = self.scope.get() {
            return Ok(of.arn(scope));
        }
        let tried = format!("describe {of}");
        let id = of.id().to_string();
        let arn = match of {
            Taggable::Asset(_) => {
                let asked = self.client.describe_asset().asset_id(id).exclude_properties(true);
                let told = asked.send().await.map_err(|error| fault::of_call(&tried, &error))?;
                told.asset_arn
            }
            Taggable::Model(_) => {
                let asked = self.client.describe_asset_model();
                let asked = asked.asset_model_id(id).exclude_properties(true);
                let told = asked.send().await.map_err(|error| fault::of_call(&tried, &error))?;
                told.asset_model_arn
            }
        };
        let scope = scope(&arn).ok_or_else(|| fault::of_answer(tried, "no ARN is in it"))?;
        Ok(of.arn(self.scope.get_or_init(|| scope.to_owned())))
    }

    /// Learns what the ARNs of this account begin with, from one of its models, or from the account and
    /// the region where there is no model: tags can then be asked for of what is not there.
    ///
    /// # Errors
    ///
    /// What SiteWise says, or why the account is not known.
    pub async fn learn_arns(&self) -> Result<(), ApiFault> {
        let listed = self.client.list_asset_models().max_results(1).send().await;
        let listed = listed.map_err(|error| fault::of_call("list one asset model", &error))?;
        let model = listed.asset_model_summaries.into_iter().next();
        let told = match model.as_ref().and_then(|model| scope(&model.arn)) {
            Some(scope) => scope.to_owned(),
            None => {
                let (account, region) = self.account_and_region().await?;
                scope_of(&account, &region)
            }
        };
        self.scope.get_or_init(|| told);
        Ok(())
    }

    pub(super) async fn tags(&self, of: Taggable) -> Result<Tags, ApiFault> {
        let arn = self.arn(of).await?;
        let told = self.client.list_tags_for_resource().resource_arn(arn).send().await;
        let told =
            told.map_err(|error| fault::of_call(format_args!("read tags of {of}"), &error))?;
        Ok(told.tags.unwrap_or_default().into_iter().collect())
    }

    pub(super) async fn write_tags(&self, of: Taggable, tags: Tags) -> Result<(), ApiFault> {
        let arn = self.arn(of).await?;
        let tags = Some(tags.into_iter().collect());
        let told = self.client.tag_resource().resource_arn(arn).set_tags(tags).send().await;
        told.map_err(|error| fault::of_call(format_args!("tag {of}"), &error))?;
        Ok(())
    }
}

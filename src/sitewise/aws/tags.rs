//! ListTagsForResource and TagResource.

use super::AwsSiteWise;
use crate::sitewise::api::ApiFault;
use crate::sitewise::fault;
use crate::sitewise::tags::{Taggable, Tags, scope};

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

//! Tags of asset models, assets and time series.
//!
//! Source: API Reference, `TagResource`, `UntagResource`, `ListTagsForResource`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Account;
use crate::wire::error::{Error, Kind, Result};
use crate::wire::time::Moment;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TagResource {
    resource_arn: String,
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UntagResource {
    resource_arn: String,
    tag_keys: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListTags {
    resource_arn: String,
}

impl Account {
    /// The tags of the resource that an ARN names.
    fn tags_of(&mut self, arn: &str) -> Result<&mut BTreeMap<String, String>> {
        let unknown = || Error::not_found(format!("Resource {arn} not found"));
        let mut parts = arn.splitn(6, ':');
        if parts.next() != Some("arn") || parts.nth(1) != Some("iotsitewise") {
            return Err(Error::invalid(format!(
                "{arn} is not the ARN of a resource of AWS IoT SiteWise"
            )));
        }
        let (region, account) = (parts.next(), parts.next());
        if region != Some(&self.setting.region) || account != Some(&self.setting.account) {
            return Err(unknown());
        }
        let (kind, id) =
            parts.next().and_then(|resource| resource.split_once('/')).ok_or_else(unknown)?;
        match kind {
            "time-series" => {
                let key = self.series_named(id).ok_or_else(unknown)?;
                Ok(self.state.properties.tags_mut(key))
            }
            "asset-model" => {
                let id = Uuid::try_parse(id).map_err(|_| unknown())?;
                self.state.models.get_mut(&id).map(|model| &mut model.tags).ok_or_else(unknown)
            }
            "asset" => {
                let id = Uuid::try_parse(id).map_err(|_| unknown())?;
                self.state.assets.get_mut(&id).map(|asset| &mut asset.tags).ok_or_else(unknown)
            }
            _ => Err(unknown()),
        }
    }

    pub(crate) fn tag_resource(&mut self, input: TagResource, _now: Moment) -> Result<Value> {
        let most = self.setting.limits.tags;
        let tags = self.tags_of(&input.resource_arn)?;
        let more = input.tags.keys().filter(|key| !tags.contains_key(*key)).count();
        if tags.len() + more > most {
            let mut error = Error::new(
                Kind::TooManyTags,
                format!("A resource can have no more than {most} tags"),
            );
            error.resource_name = Some(input.resource_arn);
            return Err(error);
        }
        tags.extend(input.tags);
        Ok(json!({}))
    }

    pub(crate) fn untag_resource(&mut self, input: UntagResource, _now: Moment) -> Result<Value> {
        let tags = self.tags_of(&input.resource_arn)?;
        for key in input.tag_keys {
            tags.remove(&key);
        }
        Ok(json!({}))
    }

    pub(crate) fn list_tags(&mut self, input: ListTags, _now: Moment) -> Result<Value> {
        let tags = self.tags_of(&input.resource_arn)?;
        Ok(json!({ "tags": tags }))
    }
}

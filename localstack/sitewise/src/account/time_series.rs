//! Time series (data streams): described, listed, joined to properties, parted from them, deleted.
//!
//! Source: API Reference, `DescribeTimeSeries`, `ListTimeSeries`,
//! `AssociateTimeSeriesToAssetProperty`, `DisassociateTimeSeriesFromAssetProperty`,
//! `DeleteTimeSeries`. A series exists once it has a value.

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Account;
use super::definition::PropertyKind;
use super::output::With as _;
use crate::values::stream::{Stream, StreamKey};
use crate::wire::error::{Error, Result};
use crate::wire::page;
use crate::wire::reference::Reference;
use crate::wire::time::{Date, Moment};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NamedSeries {
    alias: Option<String>,
    asset_id: Option<Reference>,
    property_id: Option<Reference>,
    workspace_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Association {
    alias: Box<str>,
    asset_id: Reference,
    property_id: Reference,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum SeriesType {
    Associated,
    Disassociated,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListTimeSeries {
    next_token: Option<String>,
    max_results: Option<usize>,
    asset_id: Option<Reference>,
    alias_prefix: Option<String>,
    time_series_type: Option<SeriesType>,
    workspace_name: Option<String>,
}

impl Account {
    fn summary(&self, key: StreamKey, stream: &Stream) -> Value {
        let ids = (!key.is_free()).then_some(key);
        json!({
            "timeSeriesId": key.series_id(),
            "dataType": stream.data_type,
            "timeSeriesCreationDate": Date(stream.created),
            "timeSeriesLastUpdateDate": Date(stream.updated),
            "timeSeriesArn": self.series_arn(key),
        })
        .with("assetId", ids.map(|key| key.asset))
        .with("propertyId", ids.map(|key| key.property))
        .with("alias", self.state.properties.alias(key))
        .with("dataTypeSpec", self.data_type_spec(key))
    }

    fn data_type_spec(&self, key: StreamKey) -> Option<&str> {
        let asset = self.state.assets.get(&key.asset)?;
        let property = self.state.models.get(&asset.model)?.in_force().property(key.property)?;
        property.data_type_spec.as_deref()
    }

    fn property_key(&self, asset: &Reference, property: &Reference) -> Result<StreamKey> {
        let asset = self.asset_id(asset)?;
        Ok(StreamKey { asset, property: self.property_id(asset, property)? })
    }

    /// The series that a request names, which must hold a value.
    fn series_key(&self, input: &NamedSeries) -> Result<StreamKey> {
        self.check_workspace(input.workspace_name.as_deref())?;
        let key = match (&input.alias, &input.asset_id, &input.property_id) {
            (Some(alias), None, None) => self.state.properties.owner(alias).ok_or_else(|| {
                Error::not_found(format!("Time series with the alias {alias} not found"))
            })?,
            (None, Some(asset), Some(property)) => self.property_key(asset, property)?,
            _ => return Err(Error::invalid("Give either alias, or assetId and propertyId")),
        };
        if self.state.streams.by_key.contains_key(&key) {
            return Ok(key);
        }
        Err(Error::not_found(format!("Time series {} not found", key.series_id())))
    }

    pub(super) fn check_workspace(&self, workspace: Option<&str>) -> Result<()> {
        match workspace {
            Some(name) => Err(Error::not_found(format!("Workspace {name} not found"))),
            None => Ok(()),
        }
    }

    pub(crate) fn describe_time_series(
        &mut self,
        input: NamedSeries,
        _now: Moment,
    ) -> Result<Value> {
        let key = self.series_key(&input)?;
        let stream = self.state.streams.by_key.get(&key);
        stream
            .map(|stream| self.summary(key, stream))
            .ok_or_else(|| Error::not_found(format!("Time series {} not found", key.series_id())))
    }

    pub(crate) fn list_time_series(
        &mut self,
        input: ListTimeSeries,
        _now: Moment,
    ) -> Result<Value> {
        const OPERATION: &str = "ListTimeSeries";
        self.check_workspace(input.workspace_name.as_deref())?;
        let invalid = || Error::invalid("The given nextToken is not valid for this request");
        let asset = match &input.asset_id {
            Some(asset) => Some(self.asset_id(asset)?),
            None => None,
        };
        let after = match &input.next_token {
            Some(token) => {
                let key = page::key(OPERATION, token)?;
                let (asset, property) = key.split_once(':').unwrap_or(("", &key));
                let asset =
                    if asset.is_empty() { Some(Uuid::nil()) } else { Uuid::try_parse(asset).ok() };
                let property = Uuid::try_parse(property).map_err(|_| invalid())?;
                Some(StreamKey { asset: asset.ok_or_else(invalid)?, property })
            }
            None => None,
        };
        let first = StreamKey { asset: asset.unwrap_or_default(), property: Uuid::nil() };
        let last = StreamKey { asset: asset.unwrap_or(Uuid::max()), property: Uuid::max() };
        let streams =
            self.state.streams.by_key.range(after.map_or(first, |after| after.max(first))..=last);
        let prefix = input.alias_prefix.as_deref();
        let wanted = streams.filter(|(key, _)| {
            Some(**key) != after
                && input
                    .time_series_type
                    .is_none_or(|kind| (kind == SeriesType::Disassociated) == key.is_free())
                && prefix.is_none_or(|prefix| {
                    self.state
                        .properties
                        .alias(**key)
                        .is_some_and(|alias| alias.starts_with(prefix))
                })
        });
        let summaries = wanted.map(|(key, stream)| (key.series_id(), self.summary(*key, stream)));
        let (summaries, next) = page::draw(summaries, OPERATION, input.max_results);
        Ok(json!({ "TimeSeriesSummaries": summaries }).with("nextToken", next))
    }

    pub(crate) fn associate_time_series(
        &mut self,
        input: Association,
        now: Moment,
    ) -> Result<Value> {
        let key = self.property_key(&input.asset_id, &input.property_id)?;
        self.check_asset_active(key.asset)?;
        let alias = &input.alias;
        let owner = self.state.properties.owner(alias).ok_or_else(|| {
            Error::not_found(format!("Time series with the alias {alias} not found"))
        })?;
        if !owner.is_free() {
            let message = format!("The data stream {alias} is already associated with a property");
            return Err(self.asset_conflict(owner.asset, message));
        }
        let stream = self.state.streams.by_key.get(&owner);
        let stream = stream.ok_or_else(|| {
            Error::not_found(format!("Time series with the alias {alias} not found"))
        })?;
        let definition = self.model(self.asset(key.asset)?.model)?.in_force();
        let property = definition.property(key.property);
        let property = property
            .ok_or_else(|| Error::not_found(format!("Property {} not found", key.property)))?;
        if property.kind() != PropertyKind::Measurement {
            return Err(Error::invalid("A data stream can be associated with a measurement only"));
        }
        if property.data_type != stream.data_type {
            return Err(Error::invalid(format!(
                "Data type {} of the data stream does not match data type {} of the property",
                stream.data_type.name(),
                property.data_type.name()
            )));
        }
        if self.state.streams.by_key.get(&key).is_some_and(|stream| !stream.is_empty()) {
            return Err(
                self.asset_conflict(key.asset, format!("Property {} contains data", key.property))
            );
        }
        if self.state.properties.alias(key).is_some_and(|own| own != &**alias) {
            return Err(self.asset_conflict(
                key.asset,
                format!("Property {} has another alias", key.property),
            ));
        }
        if let Some(mut stream) = self.state.streams.by_key.remove(&owner) {
            stream.updated = now;
            self.state.streams.by_key.insert(key, stream);
        }
        self.state.properties.remove(owner);
        self.state.properties.set_alias(key, Some(input.alias));
        Ok(json!({}))
    }

    pub(crate) fn disassociate_time_series(
        &mut self,
        input: Association,
        now: Moment,
    ) -> Result<Value> {
        let key = self.property_key(&input.asset_id, &input.property_id)?;
        self.check_asset_active(key.asset)?;
        if self.state.properties.alias(key) != Some(&*input.alias) {
            return Err(Error::not_found(format!(
                "Property {} does not have the alias {}",
                key.property, input.alias
            )));
        }
        self.state.properties.set_alias(key, None);
        if let Some(mut stream) = self.state.streams.by_key.remove(&key) {
            stream.updated = now;
            let free = StreamKey::free(Uuid::new_v4());
            self.state.streams.by_key.insert(free, stream);
            self.state.properties.set_alias(free, Some(input.alias));
        }
        Ok(json!({}))
    }

    pub(crate) fn delete_time_series(&mut self, input: NamedSeries, _now: Moment) -> Result<Value> {
        let key = self.series_key(&input)?;
        if !key.is_free() {
            self.check_asset_active(key.asset)?;
        }
        self.state.streams.by_key.remove(&key);
        // The alias belongs to the series; what else is set on a property stays.
        self.state.properties.set_alias(key, None);
        if key.is_free() {
            self.state.properties.remove(key);
        }
        Ok(json!({}))
    }

    /// Takes away the data of a property that is no more.
    pub(super) fn remove_stream_of(&mut self, asset: Uuid, property: Uuid) {
        let key = StreamKey { asset, property };
        self.state.streams.by_key.remove(&key);
        self.state.properties.remove(key);
    }

    /// Takes away the data of an asset that is no more.
    pub(super) fn remove_streams_of(&mut self, asset: Uuid) {
        let first = StreamKey { asset, property: Uuid::nil() };
        let last = StreamKey { asset, property: Uuid::max() };
        let keys: Vec<StreamKey> =
            self.state.streams.by_key.range(first..=last).map(|(key, _)| *key).collect();
        for key in keys {
            self.state.streams.by_key.remove(&key);
        }
        let keys: Vec<StreamKey> = self.state.properties.of_asset(asset).collect();
        for key in keys {
            self.state.properties.remove(key);
        }
    }

    /// The time series that an ARN's last part names.
    pub(super) fn series_named(&self, id: &str) -> Option<StreamKey> {
        let key = match id.split_once(':') {
            Some((asset, property)) => StreamKey {
                asset: Uuid::try_parse(asset).ok()?,
                property: Uuid::try_parse(property).ok()?,
            },
            None => StreamKey::free(Uuid::try_parse(id).ok()?),
        };
        self.state.streams.by_key.contains_key(&key).then_some(key)
    }
}

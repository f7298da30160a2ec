//! The account's configuration: storage, logging, encryption.
//!
//! Source: API Reference, `PutStorageConfiguration`, `PutLoggingOptions`,
//! `DescribeDefaultEncryptionConfiguration`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Account;
use super::output::With as _;
use crate::wire::error::{Error, Result};
use crate::wire::time::{Date, Moment};

/// A storage configuration as it was put, and when.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Storage {
    put: Option<PutStorage>,
    updated: Option<Moment>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PutStorage {
    storage_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_layer_storage: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disassociated_data_storage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retention_period: Option<Retention>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warm_tier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warm_tier_retention_period: Option<Retention>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "disallowIngestNullNaN")]
    disallow_ingest_null_nan: Option<bool>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Retention {
    #[serde(skip_serializing_if = "Option::is_none")]
    number_of_days: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unlimited: Option<bool>,
}

impl Retention {
    fn fits(self, least: i64) -> bool {
        match (self.number_of_days, self.unlimited) {
            (Some(days), None | Some(false)) => days >= least,
            (None, Some(true)) => true,
            _ => false,
        }
    }
}

impl Storage {
    /// Whether values under unknown aliases are kept.
    pub(crate) fn keeps_free_streams(&self) -> bool {
        self.put
            .as_ref()
            .is_some_and(|put| put.disassociated_data_storage.as_deref() == Some("ENABLED"))
    }

    /// Whether the warm tier or the cold tier is enabled, as bulk import asks for.
    pub(crate) fn has_tier(&self) -> bool {
        self.put.as_ref().is_some_and(|put| {
            put.storage_type == "MULTI_LAYER_STORAGE" || put.warm_tier.as_deref() == Some("ENABLED")
        })
    }

    pub(crate) fn refuses_null_and_nan(&self) -> bool {
        self.put.as_ref().is_some_and(|put| put.disallow_ingest_null_nan == Some(true))
    }

    fn wire(&self) -> Value {
        let base = match &self.put {
            Some(put) => json!(put),
            None => json!({ "storageType": "SITEWISE_DEFAULT_STORAGE" }),
        };
        let free = if self.keeps_free_streams() { "ENABLED" } else { "DISABLED" };
        base.with("configurationStatus", Some(json!({ "state": "ACTIVE" })))
            .with("disassociatedDataStorage", Some(free))
            .with("disallowIngestNullNaN", Some(self.refuses_null_and_nan()))
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Nothing {}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Logging {
    level: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeLogging {
    workspace_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PutLogging {
    logging_options: Logging,
    workspace_name: Option<String>,
}

impl Account {
    pub(crate) fn describe_storage(&mut self, _input: Nothing, _now: Moment) -> Result<Value> {
        let storage = &self.state.storage;
        Ok(storage.wire().with("lastUpdateDate", storage.updated.map(Date)))
    }

    /// Overwrites the whole configuration.
    pub(crate) fn put_storage(&mut self, input: PutStorage, now: Moment) -> Result<Value> {
        let layered = input.storage_type == "MULTI_LAYER_STORAGE";
        let warm = input.warm_tier.as_deref() == Some("ENABLED");
        if layered != input.multi_layer_storage.is_some() {
            return Err(Error::invalid(
                "multiLayerStorage belongs to MULTI_LAYER_STORAGE and is required there",
            ));
        }
        if self.state.storage.keeps_free_streams()
            && input.disassociated_data_storage.as_deref() != Some("ENABLED")
        {
            return Err(Error::invalid(
                "disassociatedDataStorage cannot be disabled once it is enabled",
            ));
        }
        if let Some(retention) = input.retention_period {
            if !layered && !warm {
                return Err(Error::invalid(
                    "A retention period needs the warm tier or the cold tier",
                ));
            }
            if !retention.fits(30) {
                return Err(Error::invalid(
                    "The retention period must be unlimited or at least 30 days",
                ));
            }
        }
        if let Some(retention) = input.warm_tier_retention_period {
            if !layered || !warm {
                return Err(Error::invalid(
                    "A warm tier retention period needs the warm tier and the cold tier",
                ));
            }
            if !retention.fits(365) {
                return Err(Error::invalid(
                    "The warm tier retention period must be unlimited or at least 365 days",
                ));
            }
        }
        self.state.storage = Storage { put: Some(input), updated: Some(now) };
        Ok(self.state.storage.wire())
    }

    pub(crate) fn describe_logging(
        &mut self,
        input: DescribeLogging,
        _now: Moment,
    ) -> Result<Value> {
        self.check_workspace(input.workspace_name.as_deref())?;
        let level = self.state.logging.level.as_deref().unwrap_or("OFF");
        Ok(json!({ "loggingOptions": { "level": level } }))
    }

    pub(crate) fn put_logging(&mut self, input: PutLogging, _now: Moment) -> Result<Value> {
        self.check_workspace(input.workspace_name.as_deref())?;
        self.state.logging = input.logging_options;
        Ok(json!({}))
    }

    pub(crate) fn describe_encryption(&mut self, _input: Nothing, _now: Moment) -> Result<Value> {
        Ok(json!({
            "encryptionType": "SITEWISE_DEFAULT_ENCRYPTION",
            "configurationStatus": { "state": "ACTIVE" },
        }))
    }
}

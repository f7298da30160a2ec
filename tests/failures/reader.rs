//! Reads back what SiteWise has.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iotsitewise::Client;
use sparkwise::sparkplug::address::Source;
use sparkwise::twin::identity::{Address, Namespace};

use super::{plant, sdk};

/// A client of the emulator's data plane and control plane.
pub(crate) struct Reader {
    client: Client,
    asset: String,
}

impl Reader {
    pub(crate) fn new(port: u16) -> Self {
        let source = Source { edge: plant::node(), device: None };
        let asset = Namespace::new("test").asset(&Address::Instance(&source, &["T7"]));
        let client = sdk::reader(&format!("http://127.0.0.1:{port}"));
        Self { client, asset: asset.to_string() }
    }

    /// The turbine's id.
    pub(crate) fn asset(&self) -> &str {
        &self.asset
    }

    /// Ids of the turbine's properties by name; empty while there is none.
    pub(crate) async fn properties(&self) -> BTreeMap<String, String> {
        let described = self.client.describe_asset().asset_id(&self.asset).send().await;
        let properties = described.map(|asset| asset.asset_properties).unwrap_or_default();
        properties.into_iter().map(|property| (property.name, property.id)).collect()
    }

    /// What a property has, if there is one of this name: each value's epoch milliseconds and bits.
    pub(crate) async fn values(
        &self,
        properties: &BTreeMap<String, String>,
        name: &str,
    ) -> BTreeSet<(i64, u64)> {
        let Some(property) = properties.get(name) else { return BTreeSet::new() };
        let history = self.history(property).await.into_iter();
        history.map(|(time, value)| (time, value.to_bits())).collect()
    }

    /// All values of a property: epoch milliseconds and value.
    pub(crate) async fn history(&self, property: &str) -> Vec<(i64, f64)> {
        let mut found = Vec::new();
        let mut page = None;
        loop {
            let asked = self.client.get_asset_property_value_history();
            let asked = asked.asset_id(&self.asset).property_id(property).max_results(1_000);
            let Ok(answer) = asked.set_next_token(page).send().await else { return found };
            for value in answer.asset_property_value_history {
                let (Some(time), Some(value)) = (value.timestamp, value.value) else { continue };
                let millis = i64::from(time.offset_in_nanos.unwrap_or_default()) / 1_000_000;
                if let Some(value) = value.double_value {
                    found.push((time.time_in_seconds * 1_000 + millis, value));
                }
            }
            page = answer.next_token;
            if page.is_none() {
                return found;
            }
        }
    }
}

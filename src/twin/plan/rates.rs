//! How many calls of each kind the account takes in a second.

use super::Plan;
use crate::sitewise::limits;

/// Calls a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProvisioningRates {
    /// Of all operations that write models together, and of ListAssetModels.
    pub model_writes: u32,
    /// Of CreateAsset.
    pub asset_creations: u32,
    /// Of AssociateAssets.
    pub associations: u32,
    /// Of DescribeAsset and DescribeAssetModel, each.
    pub describes: u32,
    /// Of ListAssets.
    pub lists: u32,
    /// Of ListAssociatedAssets: associations of existing assets are verified in the background, and
    /// nothing waits for it.
    pub verifications: u32,
    /// Of BatchGetAssetPropertyValue for the latest values that births have to know: a part of
    /// the quota, since the account's other readers share it.
    pub look_ups: u32,
    /// Of DescribeAssetProperty and UpdateAssetProperty together, for units that single assets
    /// have of their own. Their quotas are 150 and 100, but values go meanwhile, and people set
    /// aliases and notifications through them.
    pub units: u32,
    /// Of ListAssetProperties, for the units of assets that were there before: in the background, and
    /// nothing waits for it. AWS publishes no quota for it.
    pub unit_reads: u32,
}

impl Default for ProvisioningRates {
    /// The quotas that AWS gives an account at first.
    fn default() -> Self {
        Self {
            model_writes: limits::MODEL_CALLS_PER_SECOND,
            asset_creations: limits::ASSET_CREATIONS_PER_SECOND,
            associations: limits::ASSOCIATIONS_PER_SECOND,
            describes: limits::DESCRIBES_PER_SECOND,
            lists: limits::LISTS_PER_SECOND,
            verifications: limits::LISTS_PER_SECOND / 10,
            look_ups: limits::BATCH_READS_PER_SECOND / 10,
            units: limits::PROPERTY_UPDATES_PER_SECOND / 20,
            unit_reads: limits::DESCRIBES_PER_SECOND / 10,
        }
    }
}

impl Plan {
    /// Sets the rates, once the account's quotas are known.
    pub fn set_rates(&mut self, rates: &ProvisioningRates) {
        self.lanes.set_rates(rates);
    }
}

//! The resource quotas of AWS IoT SiteWise.
//!
//! Source: "AWS IoT SiteWise endpoints and quotas" in the AWS General Reference.

/// Resource quotas. Every field may be changed; the default is AWS's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Asset models of all types in the account.
    pub models: usize,
    /// Assets of one asset model.
    pub assets_per_model: usize,
    /// Child assets of one parent asset.
    pub children_per_asset: usize,
    /// Depth of a tree of asset models.
    pub hierarchy_depth: usize,
    /// Asset models in one hierarchy tree.
    pub models_per_tree: usize,
    /// Hierarchy definitions of one asset model.
    pub hierarchies_per_model: usize,
    /// Parent models of one child model.
    pub parents_per_model: usize,
    /// Properties at the root of one asset model.
    pub root_properties: usize,
    /// Properties of one asset model, its composite models included.
    pub properties_per_model: usize,
    /// Properties of one composite or component model.
    pub properties_per_composite: usize,
    /// Composite models of one asset model.
    pub composites_per_model: usize,
    /// Depth of composite models.
    pub composite_depth: usize,
    /// Asset models that use one component model.
    pub models_per_component: usize,
    /// Properties that depend on one property directly.
    pub direct_dependents: usize,
    /// Properties that depend on one property in all.
    pub dependents: usize,
    /// Depth of a tree of properties that depend on one another.
    pub property_depth: usize,
    /// Variables of one expression.
    pub variables: usize,
    /// Function calls of one expression.
    pub functions: usize,
    /// Tags of one resource.
    pub tags: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            models: 10_000,
            assets_per_model: 10_000,
            children_per_asset: 2_000,
            hierarchy_depth: 30,
            models_per_tree: 100,
            hierarchies_per_model: 30,
            parents_per_model: 10_000,
            root_properties: 500,
            properties_per_model: 5_000,
            properties_per_composite: 100,
            composites_per_model: 50,
            composite_depth: 2,
            models_per_component: 20,
            direct_dependents: 20,
            dependents: 30,
            property_depth: 10,
            variables: 10,
            functions: 10,
            tags: 50,
        }
    }
}

/// Entries of one batch request (API Reference, `BatchPutAssetPropertyValue`).
pub(crate) const BATCH_ENTRIES: usize = 10;
/// Values of one entry.
pub(crate) const ENTRY_VALUES: usize = 10;
/// Entries of one `BatchGetAssetPropertyValue`.
pub(crate) const BATCH_GET_ENTRIES: usize = 128;
/// Entries of one `BatchGetAssetPropertyValueHistory` or `BatchGetAssetPropertyAggregates`.
pub(crate) const BATCH_HISTORY_ENTRIES: usize = 16;
/// Results of one page of history or aggregates if the request does not say.
pub(crate) const READ_RESULTS: usize = 100;
/// Results of one page of history.
pub(crate) const HISTORY_RESULTS: usize = 20_000;
/// Bytes of one page of history.
pub(crate) const HISTORY_BYTES: usize = 4 * 1024 * 1024;
/// Results of one page of aggregates.
pub(crate) const AGGREGATE_RESULTS: usize = 2_500;
/// Results of one page of batched aggregates.
pub(crate) const BATCH_AGGREGATE_RESULTS: usize = 4_000;
/// Values of one stream in one second and one quality.
pub(crate) const VALUES_PER_SECOND: usize = 10;
/// Files of one bulk import job (API Reference, `CreateBulkImportJob`).
pub(crate) const JOB_FILES: usize = 100;
/// Bulk import jobs that wait or run at a time.
pub(crate) const JOBS_RUNNING: usize = 100;
/// Bytes of one file in CSV.
pub(crate) const CSV_BYTES: u64 = 5 * 1024 * 1024 * 1024;
/// Streams of one file.
pub(crate) const FILE_STREAMS: usize = 10_000;
/// Values that a message holds in a bulk import, over all streams (pricing page).
pub(crate) const IMPORT_MESSAGE_VALUES: u64 = 60;
/// Bytes that a message holds in a bulk import.
pub(crate) const IMPORT_MESSAGE_BYTES: u64 = 5 * 1024;
/// Magnitude of a double, by the API's model; the user guide says 1e100.
pub(crate) const DOUBLE_MAGNITUDE: f64 = 1e10;
/// Bytes of a string value.
pub(crate) const STRING_BYTES: usize = 1024;

//! The table of supported operations. Source: service model of API version 2019-12-02.

mod assets;
mod jobs;
mod models;
mod resources;
mod time_series;
mod values;

use super::operation::{Field, Operation, header, query};
use super::shape::may;
use super::shapes;

/// Every supported operation.
pub(crate) fn all() -> impl Iterator<Item = &'static Operation> {
    [values::TABLE, assets::TABLE, models::TABLE, time_series::TABLE, resources::TABLE, jobs::TABLE]
        .into_iter()
        .flatten()
}

const NEXT_TOKEN: Field = query(may("nextToken", &shapes::NEXT_TOKEN));
const MAX_RESULTS: Field = query(may("maxResults", &shapes::MAX_RESULTS));
const MODEL_VERSION: Field = query(may("assetModelVersion", &shapes::VERSION_FILTER));
const IF_MATCH: Field = header("if-match", may("ifMatch", &shapes::ETAG));
const IF_NONE_MATCH: Field = header("if-none-match", may("ifNoneMatch", &shapes::SELECT_ALL));
const MATCH_FOR: Field =
    header("match-for-version-type", may("matchForVersionType", &shapes::VERSION_TYPE));

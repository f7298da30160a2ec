//! The data behind the page: read-only JSON, a page at a time.
//!
//! It follows the page and changes with it; `/metrics` is what others should build on.

mod delivery_status;
mod figures;
mod labels;
mod link;
mod models;
mod nodes;
mod query;
mod refusals;
mod search;
mod tree;

use hyper::header::HeaderMap;
use serde::Serialize;
use uuid::Uuid;

use super::queries::QueryError;
use super::reply::{self, Reply};
use super::routes::Routes;
use query::Query;

/// Rows of a page at most.
const MOST_ROWS: usize = 500;

/// An error response of the API.
#[derive(Debug)]
pub(super) enum ApiError {
    /// There is no such thing.
    NotFound,
    /// The query is invalid.
    Wrong(&'static str),
    /// The engine does not answer.
    NoAnswer(QueryError),
}

impl From<QueryError> for ApiError {
    fn from(why: QueryError) -> Self {
        Self::NoAnswer(why)
    }
}

/// Part of a list.
#[derive(Debug, Serialize)]
struct RowPage<T> {
    rows: Vec<T>,
    /// What `from` or `after` has to be for the next page; none on the last.
    next: Option<String>,
}

impl<T> RowPage<T> {
    /// The rows from a place on, and where to go on.
    fn cut(rows: impl Iterator<Item = T>, from: usize, limit: usize) -> Self {
        let mut rows = rows.skip(from);
        let page: Vec<T> = rows.by_ref().take(limit).collect();
        let next = rows.next().map(|_| (from + page.len()).to_string());
        Self { rows: page, next }
    }
}

/// Answers `/api/<name>?<query>`.
pub(super) async fn answer(
    routes: &Routes,
    name: &str,
    query: &str,
    request_headers: &HeaderMap,
) -> Result<Reply, ApiError> {
    let query = Query::parse(query).ok_or(ApiError::Wrong("the query is not URL-encoded"))?;
    let queries = &routes.queries;
    let (first, id) = match name.split_once('/') {
        Some((first, id)) => (first, Some(id.parse::<Uuid>().map_err(|_| ApiError::NotFound)?)),
        None => (name, None),
    };
    match (first, id) {
        ("overview", None) => Ok(reply::json(request_headers, &figures::overview(routes).await?)),
        ("children", None) => {
            Ok(reply::json(request_headers, &tree::children(queries, &query).await?))
        }
        ("search", None) => {
            Ok(reply::json(request_headers, &search::search(queries, &query).await?))
        }
        ("assets", Some(id)) => {
            Ok(reply::json(request_headers, &tree::asset(queries, id, &query).await?))
        }
        ("models", None) => Ok(reply::json(request_headers, &models::list(queries, &query).await?)),
        ("models", Some(id)) => {
            Ok(reply::json(request_headers, &models::model(queries, id, &query).await?))
        }
        ("nodes", None) => Ok(reply::json(request_headers, &nodes::list(queries, &query).await?)),
        ("problems", None) => {
            Ok(reply::json(request_headers, &refusals::problems(queries, &query).await?))
        }
        ("refusals", None) => {
            Ok(reply::json(request_headers, &refusals::refusals(queries, &query).await?))
        }
        ("dead-letters", None) => {
            Ok(reply::json(request_headers, &refusals::dead_letters(queries, &query).await?))
        }
        ("labels", None) => Ok(reply::json(request_headers, &labels::list(queries, &query).await?)),
        ("suggestions", None) => {
            Ok(reply::json(request_headers, &refusals::suggestions(queries, &query).await?))
        }
        _ => Err(ApiError::NotFound),
    }
}

//! Batched reads. A page is filled entry by entry until its budget is used up; entries that earlier
//! pages finished come back as skipped.
//!
//! Source: API Reference, `BatchGetAssetPropertyValue`, `BatchGetAssetPropertyValueHistory`,
//! `BatchGetAssetPropertyAggregates`.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::aggregate::{self, Question};
use super::read::{self, Source, Span};
use crate::account::Account;
use crate::account::output::With as _;
use crate::limits;
use crate::wire::error::{Error, Kind, Result};
use crate::wire::page;
use crate::wire::time::{Date, Moment};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Batch<T> {
    entries: Vec<Entry<T>>,
    next_token: Option<String>,
    max_results: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry<T> {
    entry_id: String,
    #[serde(flatten)]
    source: Source,
    #[serde(flatten)]
    asked: T,
}

/// The latest value is asked for without further words.
#[derive(Debug, Deserialize)]
pub(crate) struct Latest {}

impl<T> Batch<T> {
    fn check(&self, most_entries: usize, most_results: usize) -> Result<()> {
        if self.entries.is_empty() || self.entries.len() > most_entries {
            return Err(Error::invalid(format!("A request must have 1 to {most_entries} entries")));
        }
        if self.max_results.is_some_and(|most| most > most_results) {
            return Err(Error::invalid(format!("maxResults must not be more than {most_results}")));
        }
        let mut seen = HashSet::new();
        match self.entries.iter().find(|entry| !seen.insert(&entry.entry_id)) {
            Some(twice) => {
                Err(Error::invalid(format!("Duplicate entryId {} in the request", twice.entry_id)))
            }
            None => Ok(()),
        }
    }

    /// The entry to go on with, and the place within it.
    fn start(&self, operation: &str) -> Result<(usize, Option<String>)> {
        let Some(token) = &self.next_token else { return Ok((0, None)) };
        let invalid = || Error::invalid("The given nextToken is not valid for this request");
        let key = page::key(operation, token)?;
        let (entry, place) = key.split_once(' ').ok_or_else(invalid)?;
        let entry = entry.parse().map_err(|_| invalid())?;
        if entry >= self.entries.len() {
            return Err(invalid());
        }
        Ok((entry, (!place.is_empty()).then(|| place.to_owned())))
    }
}

/// The three lists of an answer.
#[derive(Debug, Default)]
struct Lists {
    success: Vec<Value>,
    errors: Vec<Value>,
    skipped: Vec<Value>,
    next: Option<String>,
}

impl Lists {
    fn fail(&mut self, entry: &str, error: &Error) {
        self.errors.push(json!({
            "entryId": entry,
            "errorCode": error.kind.name(),
            "errorMessage": error.message,
        }));
    }

    /// An entry that an earlier page has dealt with.
    fn skip(&mut self, entry: &str, error: Option<&Error>, now: Moment) {
        let status = if error.is_some() { "ERROR" } else { "SUCCESS" };
        let info = error
            .map(|error| json!({ "errorCode": error.kind.name(), "errorTimestamp": Date(now) }));
        self.skipped
            .push(json!({ "entryId": entry, "completionStatus": status }).with("errorInfo", info));
    }

    fn answer(self) -> Value {
        json!({
            "successEntries": self.success,
            "errorEntries": self.errors,
            "skippedEntries": self.skipped,
        })
        .with("nextToken", self.next)
    }
}

/// Errors of an entry's source; any other error fails the request.
fn of_entry(error: Error) -> Result<Error> {
    match error.kind {
        Kind::InvalidRequest | Kind::ResourceNotFound | Kind::AccessDenied => Ok(error),
        _ => Err(error),
    }
}

impl Account {
    pub(crate) fn batch_get_values(&mut self, input: Batch<Latest>, now: Moment) -> Result<Value> {
        const OPERATION: &str = "BatchGetAssetPropertyValue";
        input.check(limits::BATCH_GET_ENTRIES, usize::MAX)?;
        let (start, _) = input.start(OPERATION)?;
        let mut lists = Lists::default();
        for (at, entry) in input.entries.iter().enumerate() {
            match self.find_stream(&entry.source) {
                found if at < start => lists.skip(&entry.entry_id, found.err().as_ref(), now),
                Ok(found) => {
                    let value = found.latest().map(|point| point.wire());
                    lists.success.push(
                        json!({ "entryId": entry.entry_id }).with("assetPropertyValue", value),
                    );
                }
                Err(error) => lists.fail(&entry.entry_id, &of_entry(error)?),
            }
        }
        Ok(lists.answer())
    }

    pub(crate) fn batch_get_history(&mut self, input: Batch<Span>, now: Moment) -> Result<Value> {
        const OPERATION: &str = "BatchGetAssetPropertyValueHistory";
        input.check(limits::BATCH_HISTORY_ENTRIES, limits::HISTORY_RESULTS)?;
        let (start, place) = input.start(OPERATION)?;
        let mut left =
            (input.max_results.unwrap_or(limits::HISTORY_RESULTS), limits::HISTORY_BYTES);
        let mut lists = Lists::default();
        for (at, entry) in input.entries.iter().enumerate() {
            let found = self.find_stream(&entry.source);
            if at < start {
                lists.skip(&entry.entry_id, found.err().as_ref(), now);
                continue;
            }
            if left.0 == 0 || left.1 == 0 {
                lists.next = Some(page::token(OPERATION, &format!("{at} ")));
                break;
            }
            let after = match place.as_deref().filter(|_| at == start) {
                Some(place) => Some(read::cursor(place)?),
                None => None,
            };
            let page =
                match found.and_then(|found| read::history(&found, &entry.asked, after, left)) {
                    Ok(page) => page,
                    Err(error) => {
                        lists.fail(&entry.entry_id, &of_entry(error)?);
                        continue;
                    }
                };
            left = (left.0.saturating_sub(page.values.len()), left.1.saturating_sub(page.bytes));
            lists.success.push(
                json!({ "entryId": entry.entry_id, "assetPropertyValueHistory": page.values }),
            );
            if let Some(next) = page.next {
                lists.next = Some(page::token(OPERATION, &format!("{at} {next}")));
                break;
            }
        }
        Ok(lists.answer())
    }

    pub(crate) fn batch_get_aggregates(
        &mut self,
        input: Batch<Question>,
        now: Moment,
    ) -> Result<Value> {
        const OPERATION: &str = "BatchGetAssetPropertyAggregates";
        input.check(limits::BATCH_HISTORY_ENTRIES, limits::BATCH_AGGREGATE_RESULTS)?;
        let (start, place) = input.start(OPERATION)?;
        let mut left = input.max_results.unwrap_or(limits::BATCH_AGGREGATE_RESULTS);
        let mut lists = Lists::default();
        for (at, entry) in input.entries.iter().enumerate() {
            let found = self.find_stream(&entry.source);
            if at < start {
                lists.skip(&entry.entry_id, found.err().as_ref(), now);
                continue;
            }
            if left == 0 {
                lists.next = Some(page::token(OPERATION, &format!("{at} ")));
                break;
            }
            let after = match place.as_deref().filter(|_| at == start) {
                Some(place) => Some(aggregate::moment(place)?),
                None => None,
            };
            let page = match found
                .and_then(|found| aggregate::aggregates(&found, &entry.asked, after, left))
            {
                Ok(page) => page,
                Err(error) => {
                    lists.fail(&entry.entry_id, &of_entry(error)?);
                    continue;
                }
            };
            left = left.saturating_sub(page.values.len());
            lists
                .success
                .push(json!({ "entryId": entry.entry_id, "aggregatedValues": page.values }));
            if let Some(next) = page.next {
                lists.next = Some(page::token(OPERATION, &format!("{at} {}", next.0)));
                break;
            }
        }
        Ok(lists.answer())
    }
}

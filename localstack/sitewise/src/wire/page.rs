//! Paging: opaque tokens that carry the last key of a page, and pages cut from ordered keys.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::error::{Error, Result};

/// The default size of a list's page (API Reference: "Default: 50").
pub(crate) const DEFAULT_RESULTS: usize = 50;

/// A token for `key`, valid for `operation` only.
pub(crate) fn token(operation: &str, key: &str) -> String {
    STANDARD.encode(format!("{operation} {key}"))
}

/// The key in a token that [`token`] made for the same operation.
///
/// # Errors
///
/// `InvalidRequestException` for any other text.
pub(crate) fn key(operation: &str, token: &str) -> Result<String> {
    STANDARD
        .decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| text.strip_prefix(operation)?.strip_prefix(' ').map(str::to_owned))
        .ok_or_else(|| Error::invalid("The given nextToken is not valid for this request"))
}

/// A page of a list that is held in full: the token's key is a position.
///
/// # Errors
///
/// `InvalidRequestException` for a foreign token.
pub fn slice<T>(
    items: Vec<T>,
    operation: &str,
    next: Option<&str>,
    max: Option<usize>,
) -> Result<(Vec<T>, Option<String>)> {
    let start = match next {
        Some(next) => key(operation, next)?
            .parse::<usize>()
            .map_err(|_| Error::invalid("The given nextToken is not valid for this request"))?,
        None => 0,
    };
    let max = max.unwrap_or(DEFAULT_RESULTS);
    let total = items.len();
    let end = start.saturating_add(max);
    let page = items.into_iter().skip(start).take(max).collect();
    Ok((page, (end < total).then(|| token(operation, &end.to_string()))))
}

/// A page drawn from an iterator over keys in order: `max` items, and the last key if more follow.
pub(crate) fn draw<K: ToString, T>(
    items: impl Iterator<Item = (K, T)>,
    operation: &str,
    max: Option<usize>,
) -> (Vec<T>, Option<String>) {
    let max = max.unwrap_or(DEFAULT_RESULTS);
    let mut items = items.peekable();
    let mut page = Vec::new();
    let mut last = None;
    while page.len() < max {
        let Some((key, item)) = items.next() else { return (page, None) };
        page.push(item);
        last = Some(key);
    }
    let more = items.peek().is_some();
    (page, last.filter(|_| more).map(|key| token(operation, &key.to_string())))
}

//! Finds the operation that a method and a path name.

use super::bind::percent_decode;
use super::error::{Error, Kind, Result};
use super::operation::Operation;
use super::operations;

/// An operation and its path's labels with their values.
pub(crate) type Route = (&'static Operation, Vec<(&'static str, String)>);

/// What clients may well call and what is left out on purpose: method, path, and what to do instead.
const LEFT_OUT: [(&str, &str, &str); 1] = [(
    "POST",
    "/queries/execution",
    "ExecuteQuery is not emulated: read values with the operations for values \
     (docs/decisions/0011-no-sql-in-the-emulator.md)",
)];

/// Matches `method` and the raw `path`. Segments are decoded after splitting, so that an encoded
/// slash stays inside its segment; a trailing slash makes no difference, since SDKs disagree on it.
///
/// # Errors
///
/// `UnknownOperationException` for a path that no operation has, `InvalidRequestException` for
/// broken escapes.
pub(crate) fn route(method: &str, path: &str) -> Result<Route> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let mut best: Option<Route> = None;
    for operation in operations::all().filter(|operation| operation.method == method) {
        if let Some(labels) = labels(operation.path, &segments) {
            // A literal segment wins over a label.
            if best.as_ref().is_none_or(|(_, found)| labels.len() < found.len()) {
                best = Some((operation, labels));
            }
        }
    }
    let Some((operation, labels)) = best else {
        let known = LEFT_OUT.iter().find(|(has, of, ..)| (*has, *of) == (method, path));
        let message = match known {
            Some((.., reason)) => (*reason).to_owned(),
            None => format!("Unknown operation: {method} {path}"),
        };
        return Err(Error::new(Kind::UnknownOperation, message));
    };
    Ok((operation, decoded(labels)?))
}

/// The decoded labels by which `path` is one of `pattern`; none if it is another path.
///
/// # Errors
///
/// `InvalidRequestException` for broken escapes.
pub fn labels_of(pattern: &'static str, path: &str) -> Option<Result<Vec<(&'static str, String)>>> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    labels(pattern, &segments).map(decoded)
}

fn decoded(labels: Vec<(&'static str, String)>) -> Result<Vec<(&'static str, String)>> {
    labels.into_iter().map(|(label, text)| Ok((label, percent_decode(&text)?))).collect()
}

fn labels(pattern: &'static str, segments: &[&str]) -> Option<Vec<(&'static str, String)>> {
    let mut labels = Vec::new();
    let mut parts = pattern.split('/').skip(1);
    for segment in segments {
        let part = parts.next()?;
        match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(_) if segment.is_empty() => return None,
            Some(label) => labels.push((label, (*segment).to_owned())),
            None if part == *segment => {}
            None => return None,
        }
    }
    parts.next().is_none().then_some(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_on_purpose_says_what_to_do_instead() {
        let said = |method, path| route(method, path).unwrap_err().message;
        assert!(said("POST", "/queries/execution").contains("ExecuteQuery is not emulated"));
        assert!(said("GET", "/queries/execution").contains("Unknown operation"));
    }
}

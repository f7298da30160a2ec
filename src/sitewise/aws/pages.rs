//! Lists that are read within one call, page by page.

use std::fmt::Display;

use crate::sitewise::api::{ApiFault, ApiFaultKind, SAME_PAGE};

/// The token of the next page, after the one that was asked for with `sent`. A page that names itself
/// as the next one would be read for ever.
pub(super) fn next(
    tried: impl Display,
    sent: Option<String>,
    next: Option<String>,
) -> Result<Option<String>, ApiFault> {
    if next.is_some() && next == sent {
        return Err(ApiFault::new(ApiFaultKind::Foreign, format!("{tried}: {SAME_PAGE}")));
    }
    Ok(next)
}

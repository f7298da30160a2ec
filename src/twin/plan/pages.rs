//! Pages of a list, one after the other by their tokens.

use super::api_call::CallResult;
use crate::sitewise::api::{ApiFault, ApiFaultKind, SAME_PAGE};

/// Failures with one token after which the list is begun again: the token may have expired.
const TRIES: u32 = 5;

/// Whether a list is continued after a failed call; else it begins again with its first page. SiteWise
/// rejects an unknown or expired token as an invalid request.
pub(super) fn keeps_token(fault: &ApiFault, failures: u32) -> bool {
    fault.kind != ApiFaultKind::Invalid && failures <= TRIES
}

/// The answer to a call with the token `sent`. A page that names itself as the next one would be
/// read for ever: it counts as failed.
pub(super) fn checked(
    answer: Result<CallResult, ApiFault>,
    sent: Option<&str>,
) -> Result<CallResult, ApiFault> {
    let answer = answer?;
    let next = match &answer {
        CallResult::Models(page) => page.next.as_deref(),
        CallResult::Assets(page) => page.next.as_deref(),
        CallResult::Properties(page) => page.next.as_deref(),
        _ => None,
    };
    if next.is_some() && next == sent {
        // A kind for which the list is begun again.
        return Err(ApiFault {
            kind: ApiFaultKind::Invalid,
            ..ApiFault::new(ApiFaultKind::Foreign, SAME_PAGE)
        });
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sitewise::api::Page;

    #[test]
    fn a_page_that_names_itself_as_the_next_one_has_failed() {
        let page = |next: Option<&str>| {
            Ok(CallResult::Models(Page { items: Vec::new(), next: next.map(str::to_owned) }))
        };
        for (next, sent, fails) in [
            (Some("a"), Some("a"), true),
            (Some("a"), Some("b"), false),
            (Some("a"), None, false),
            (None, Some("a"), false),
            (None, None, false),
        ] {
            let fault = checked(page(next), sent).err();
            assert_eq!(fault.is_some(), fails);
            assert!(fault.is_none_or(|fault| !keeps_token(&fault, 0)));
        }
        let throttled = ApiFault::new(ApiFaultKind::Throttled, "");
        assert!(keeps_token(&throttled, TRIES) && !keeps_token(&throttled, TRIES + 1));
    }
}

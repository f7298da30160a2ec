//! The rights for `TWIN_TAGS`, by calls about an asset that nobody has.

use tokio::time::timeout;

use super::sitewise::{Right, check_permission};
use super::{PATIENCE, no_answer};
use crate::sitewise::api::ApiFault;
use crate::sitewise::tags::Tags;

/// Checks both rights. SiteWise is asked for tags by ARN: `learned` ends once it is known what those of
/// the account begin with. Without it both calls would fail before they reach SiteWise, whatever is
/// allowed.
pub(super) async fn check(
    host: &str,
    learned: impl Future<Output = Result<(), ApiFault>>,
    read: impl Future<Output = Result<Tags, ApiFault>>,
    write: impl Future<Output = Result<(), ApiFault>>,
) -> Vec<Right> {
    let why = match timeout(PATIENCE, learned).await {
        Ok(Ok(())) => {
            let checks = tokio::join!(
                check_permission("ListTagsForResource", host, read),
                check_permission("TagResource", host, write),
            );
            return vec![checks.0, checks.1];
        }
        Ok(Err(fault)) => fault.to_string(),
        Err(_) => no_answer(host),
    };
    let what = "iotsitewise:ListTagsForResource, TagResource, for TWIN_TAGS";
    let why = format!(
        "{why}; they are asked for by ARN, for which a model has to be there, or the account known"
    );
    vec![Right::not_checked(what, host, why)]
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;
    use crate::sitewise::api::ApiFaultKind;

    fn fault<T>(kind: ApiFaultKind) -> Result<T, ApiFault> {
        Err(ApiFault::new(kind, "said so"))
    }

    /// With TWIN_TAGS and without these rights nothing was said before the start.
    #[tokio::test]
    async fn the_rights_for_tags_are_looked_at() {
        let allowed = || ready(fault(ApiFaultKind::NotFound));
        let denied = ready(fault(ApiFaultKind::Denied));
        let checks = check("host", ready(Ok(())), allowed(), denied).await;
        let seen: Vec<_> =
            checks.iter().map(|of| (of.check.what.as_str(), of.check.label())).collect();
        let expected =
            [("iotsitewise:ListTagsForResource", "ok"), ("iotsitewise:TagResource", "wrong")];
        assert_eq!(seen, expected);
        assert!(checks[1].check.text().contains("said so"), "{}", checks[1].check);
    }

    /// "Not found" of the asset by which an ARN is learned says nothing of the rights for tags.
    #[tokio::test]
    async fn what_cannot_be_asked_for_is_not_called_allowed() {
        let unknown = ready(fault(ApiFaultKind::NotFound));
        let checks = check("host", unknown, pending(), pending()).await;
        let [Right { check, .. }] = &checks[..] else { panic!("one check") };
        assert_eq!(check.label(), "not checked", "{check}");
        assert!(check.what.contains("TagResource") && check.text().contains("said so"), "{check}");
    }
}

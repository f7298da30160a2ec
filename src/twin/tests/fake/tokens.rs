//! Tokens of next pages.

use super::*;

impl FakeSiteWise {
    /// Refuses the token of a call, as long as tokens expire.
    pub(super) fn check_token(&mut self, call: &ApiCall) -> Result<(), ApiFault> {
        let has_token = matches!(
            call,
            ApiCall::ListModels(Some(_))
                | ApiCall::ListAssets(_, Some(_))
                | ApiCall::ListChildren(_, Some(_))
        );
        if !has_token || self.expired_tokens == 0 {
            return Ok(());
        }
        self.expired_tokens -= 1;
        Err(fault(ApiFaultKind::Invalid, "the given nextToken is not valid"))
    }
}

//! Addresses of WebSockets that are signed for each attempt to open them, by whoever can.

use std::pin::Pin;
use std::sync::Arc;

/// Gives the address for an attempt that begins now, as `ws://host/path?query`; or says why there is
/// none.
pub type SignedAddress = Arc<dyn Fn() -> SigningFuture + Send + Sync>;

type SigningFuture = Pin<Box<dyn Future<Output = Result<String, SigningError>> + Send>>;

/// Why there is no signed address, for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SigningError(String);

impl SigningError {
    /// For this reason.
    pub fn new(reason: impl ToString) -> Self {
        Self(reason.to_string())
    }
}

//! A bound on what is read of a response: whoever answers in AWS's place may send without end.

use std::error::Error;
use std::fmt;

use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt, LengthLimitError, Limited};

/// The largest response that is read, in bytes: AWS's own are smaller, also ten messages of SQS with
/// 1 MiB of quotes each, and objects in S3 are read in smaller parts.
pub(super) const MAX_RESPONSE: usize = 32 << 20;

/// A response is larger than [`MAX_RESPONSE`]: AWS did not make it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sitewise) struct TooLarge {
    /// Its size in bytes, where it says so itself.
    length: Option<u64>,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = MAX_RESPONSE >> 20;
        match self.length {
            Some(length) => write!(f, "it has {length} bytes, and at most {most} MiB are read"),
            None => write!(f, "it has more than {most} MiB, and no more is read"),
        }
    }
}

impl Error for TooLarge {}

/// The same body, which fails with [`TooLarge`] where it would become larger than that. One that
/// says its length fails at its first byte.
pub(super) fn bounded(body: SdkBody) -> SdkBody {
    let length = body.content_length().filter(|length| *length > MAX_RESPONSE as u64);
    let most = if length.is_some() { 0 } else { MAX_RESPONSE };
    let too_large = move |error: Box<dyn Error + Send + Sync>| match error.is::<LengthLimitError>()
    {
        true => TooLarge { length }.into(),
        false => error,
    };
    SdkBody::from_body_1_x(Limited::new(body, most).map_err(too_large))
}

impl TooLarge {
    /// Whether that is why a call failed.
    pub(in crate::sitewise) fn is_cause_of(error: &(dyn Error + 'static)) -> bool {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if error.is::<Self>() {
                return true;
            }
            cause = error.source();
        }
        false
    }
}

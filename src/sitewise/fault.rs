//! The one place where an error of the SDK is judged.

use std::error::Error;
use std::fmt::Display;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_iotsitewise::error::{ProvideErrorMetadata, SdkError};

use super::api::{Fault, FaultKind};

/// The fault of a call that tried to do what `tried` says.
///
/// Judged by the error's code and never by its variant: not every operation models every
/// error that it can answer with.
pub(super) fn of_call<E>(tried: impl Display, error: &SdkError<E>) -> Fault
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let (kind, why) = match error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            let error = answer.err();
            let kind = error.code().and_then(of_code).unwrap_or(of_status(status));
            let code = error.code().map_or(format!("status {status}"), str::to_owned);
            match error.message() {
                Some(message) => (kind, format!("{code}: {message}")),
                None => (kind, code),
            }
        }
        SdkError::TimeoutError(_) => (FaultKind::Unavailable, "no answer in time".to_owned()),
        SdkError::ResponseError(answer) => {
            let status = answer.raw().status().as_u16();
            let why = format!("unreadable answer with status {status}: {}", chain(error));
            (of_status(status), why)
        }
        SdkError::ConstructionFailure(_) => (of_local(error, FaultKind::Invalid), chain(error)),
        // `SdkError` may get variants: all there are left here are failures to ask.
        _ => (of_local(error, FaultKind::Unavailable), chain(error)),
    };
    Fault { kind, message: format!("{tried}: {why}") }
}

/// The fault of one entry of an answer that went well as a whole.
pub(super) fn of_entry(code: &str, message: &str) -> Fault {
    Fault {
        kind: of_code(code).unwrap_or(FaultKind::Unavailable),
        message: format!("{code}: {message}"),
    }
}

/// An answer that went well but cannot be understood.
pub(super) fn of_answer(tried: impl Display, why: impl Display) -> Fault {
    Fault { kind: FaultKind::Unavailable, message: format!("{tried}: unreadable answer: {why}") }
}

/// The fault of missing or failing credentials.
pub(super) fn of_credentials(error: &CredentialsError) -> Fault {
    Fault {
        kind: credentials_kind(error),
        message: format!("load AWS credentials: {}", chain(error)),
    }
}

/// Kind by error code; none for codes without a meaning of their own.
fn of_code(code: &str) -> Option<FaultKind> {
    Some(match code {
        "ThrottlingException"
        | "Throttling"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "SlowDown" => FaultKind::Throttled,
        "InternalFailureException"
        | "InternalFailure"
        | "InternalServerError"
        | "ServiceUnavailableException"
        | "ServiceUnavailable"
        | "RequestTimeout"
        | "RequestTimeoutException" => FaultKind::Unavailable,
        "ConflictingOperationException" => FaultKind::Conflict,
        "ResourceAlreadyExistsException" => FaultKind::AlreadyExists,
        "ResourceNotFoundException" => FaultKind::NotFound,
        "PreconditionFailedException" => FaultKind::Changed,
        "LimitExceededException" => FaultKind::Limit,
        "InvalidRequestException" | "ValidationException" => FaultKind::Invalid,
        "TimestampOutOfRangeException" => FaultKind::OutOfRange,
        // A stepped clock shows as a signature that is too old: somebody has to act as well.
        "AccessDeniedException"
        | "AccessDenied"
        | "UnauthorizedException"
        | "NotAuthorized"
        | "UnrecognizedClientException"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "RequestTimeTooSkewed"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "OptInRequired" => FaultKind::Denied,
        _ => return None,
    })
}

/// Kind by HTTP status, for answers without a code: those of proxies and load balancers.
fn of_status(status: u16) -> FaultKind {
    match status {
        429 => FaultKind::Throttled,
        401 | 403 | 407 => FaultKind::Denied,
        404 => FaultKind::NotFound,
        408 => FaultKind::Unavailable,
        409 => FaultKind::Conflict,
        410 => FaultKind::Limit,
        412 => FaultKind::Changed,
        400..=499 => FaultKind::Invalid,
        _ => FaultKind::Unavailable,
    }
}

/// Kind of a call that never became a request: missing credentials, or `otherwise`.
fn of_local(error: &(dyn Error + 'static), otherwise: FaultKind) -> FaultKind {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<CredentialsError>() {
            return credentials_kind(error);
        }
        cause = error.source();
    }
    otherwise
}

/// A source of credentials that is slow or away comes back by itself; one that has none does
/// not.
fn credentials_kind(error: &CredentialsError) -> FaultKind {
    match error {
        CredentialsError::ProviderTimedOut(_) | CredentialsError::ProviderError(_) => {
            FaultKind::Unavailable
        }
        _ => FaultKind::Denied,
    }
}

/// An error and its causes in one line, without repetition.
fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !line.ends_with(&words) {
            line = format!("{line}: {words}");
        }
        cause = error.source();
    }
    line
}

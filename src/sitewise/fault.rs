//! Classification of the SDK's errors, in one place.

use std::error::Error;
use std::fmt::Display;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_iotsitewise::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use serde_json::{Map, Value};

use super::api::{ApiFault, ApiFaultKind};
use super::aws::bounded::TooLarge;
use super::cause::Cause;
use crate::tls::{Peer, find};

/// Where an error says its code, before a colon and a URL.
const ERROR_TYPE: &str = "x-amzn-errortype";

/// Details of an error response: the code in a header or in the body, the words in the body.
/// Whoever stands in between may have written it, so that it is read as far as it can be. Source:
/// [AWS
/// restJson1](https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html#operation-error-serialization).
#[derive(Debug, Default)]
pub(super) struct ErrorDetails {
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
}

impl ErrorDetails {
    pub(super) fn of(answer: &HttpResponse) -> Self {
        let body = answer.body().bytes().unwrap_or_default();
        // Of a name that stands there twice the last counts.
        let body: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &&str| body.get(*name).and_then(Value::as_str).map(str::to_owned);
        let codes = ["code", "__type", "Code"];
        let codes = answer
            .headers()
            .get(ERROR_TYPE)
            .map(str::to_owned)
            .into_iter()
            .chain(codes.iter().filter_map(text));
        let codes: Vec<String> = codes.map(|code| bare(&code)).filter(|c| !c.is_empty()).collect();
        let known = codes.iter().find(|code| of_code(code).is_some()).cloned();
        let messages = ["message", "Message", "errorMessage"];
        Self { code: known.or(codes.into_iter().next()), message: messages.iter().find_map(text) }
    }
}

/// A code without its namespace before and the URL behind.
fn bare(code: &str) -> String {
    let code = code.split(':').next().unwrap_or_default();
    code.rsplit('#').next().unwrap_or_default().trim().to_owned()
}

/// The fault of a call that tried to do what `tried` says.
///
/// Judged by the error's code and never by its variant: not every operation models every
/// error that it can answer with.
pub(crate) fn of_call<E>(attempted: impl Display, error: &SdkError<E, HttpResponse>) -> ApiFault
where
    E: ProvideErrorMetadata + Error + 'static,
{
    of_operation(operation::<E>(), attempted, error)
}

/// The same of an operation that is named.
pub(crate) fn of_operation<E>(
    operation: &'static str,
    tried: impl Display,
    error: &SdkError<E, HttpResponse>,
) -> ApiFault
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let ((kind, cause), why) = match error {
        SdkError::ServiceError(answer) => {
            let said = ErrorDetails::of(answer.raw());
            let status = answer.raw().status().as_u16();
            let error = answer.err();
            let code = said.code.as_deref().or(error.code());
            let judged = classify(code, status, operation);
            let code = code.map_or(format!("status {status}"), str::to_owned);
            match error.message().or(said.message.as_deref()) {
                Some(message) => (judged, format!("{code}: {message}")),
                None => (judged, code),
            }
        }
        SdkError::TimeoutError(_) => {
            ((ApiFaultKind::Unavailable, Cause::NoAnswer), "timed out: no answer".to_owned())
        }
        SdkError::ResponseError(answer) => {
            let status = answer.raw().status();
            let said = ErrorDetails::of(answer.raw());
            let is_too_large = TooLarge::is_cause_of(error);
            let code = said.code.filter(|_| !status.is_success() && !is_too_large);
            let (kind, cause) = classify(code.as_deref(), status.as_u16(), operation);
            let judged = (kind, if is_too_large { Cause::Foreign } else { cause });
            let why = match code {
                Some(code) => format!("{code}: {}", said.message.unwrap_or_default()),
                None => {
                    let status = status.as_u16();
                    format!("unreadable answer with status {status}: {}", chain(error))
                }
            };
            (judged, why)
        }
        SdkError::ConstructionFailure(_) => (of_local(error, ApiFaultKind::Invalid), chain(error)),
        // `SdkError` may get variants: all there are left here are failures to ask.
        _ => (of_local(error, ApiFaultKind::Unavailable), chain(error)),
    };
    ApiFault { kind, message: format!("{tried}: {why}"), cause }
}

/// An operation, by the name of its error: `…::ListAssetModelsError`. For words alone.
fn operation<E>() -> &'static str {
    let name = std::any::type_name::<E>().rsplit("::").next().unwrap_or_default();
    name.strip_suffix("Error").unwrap_or(name)
}

/// What an answer's code means, or its status where it has none that does.
fn classify(code: Option<&str>, status: u16, operation: &'static str) -> (ApiFaultKind, Cause) {
    let known = code.and_then(of_code);
    let kind = known.unwrap_or(of_status(status));
    let cause = match (kind, known, code) {
        (ApiFaultKind::Denied, Some(_), Some(code)) if is_authorization_error(code) => {
            Cause::Denied(operation)
        }
        (ApiFaultKind::Denied, None, _) => Cause::Foreign,
        // A page of a proxy or of a portal, or a redirection to one.
        (ApiFaultKind::Unavailable, None, _) if status < 400 => Cause::Foreign,
        _ => Cause::of(kind),
    };
    (kind, cause)
}

/// Whether AWS does not take the credentials that a call was signed with.
pub(super) fn is_credentials_error(answer: &HttpResponse) -> bool {
    let code = ErrorDetails::of(answer).code;
    code.is_some_and(|code| {
        of_code(&code) == Some(ApiFaultKind::Denied) && !is_authorization_error(&code)
    })
}

/// Whether the caller is authenticated, but not authorized.
fn is_authorization_error(code: &str) -> bool {
    [
        "AccessDeniedException",
        "AccessDenied",
        "UnauthorizedException",
        "NotAuthorized",
        "OptInRequired",
    ]
    .contains(&code)
}

/// The fault of one entry of an answer that went well as a whole.
pub(crate) fn of_entry(operation: &'static str, code: &str, message: &str) -> ApiFault {
    let known = of_code(code);
    let mut fault =
        ApiFault::new(known.unwrap_or(ApiFaultKind::Unavailable), format!("{code}: {message}"));
    fault.cause = match known {
        Some(ApiFaultKind::Denied) if is_authorization_error(code) => Cause::Denied(operation),
        Some(_) => Cause::of_entry(&fault),
        // None of SiteWise's codes.
        None => Cause::Foreign,
    };
    fault
}

/// An answer that went well but cannot be understood.
pub(crate) fn of_answer(tried: impl Display, why: impl Display) -> ApiFault {
    let why = format!("{tried}: unreadable answer: {why}");
    ApiFault { cause: Cause::Foreign, ..ApiFault::new(ApiFaultKind::Unavailable, why) }
}

/// The fault of missing or failing credentials.
pub(super) fn of_credentials(error: &CredentialsError) -> ApiFault {
    let (kind, cause) = of_source(error);
    ApiFault { kind, message: format!("load AWS credentials: {}", chain(error)), cause }
}

/// Kind by error code; none for codes without a meaning of their own.
fn of_code(code: &str) -> Option<ApiFaultKind> {
    Some(match code {
        "ThrottlingException"
        | "Throttling"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "SlowDown" => ApiFaultKind::Throttled,
        "InternalFailureException"
        | "InternalFailure"
        | "InternalServerError"
        | "ServiceUnavailableException"
        | "ServiceUnavailable"
        | "RequestTimeout"
        | "RequestTimeoutException" => ApiFaultKind::Unavailable,
        "ConflictingOperationException" => ApiFaultKind::Conflict,
        "ResourceAlreadyExistsException" => ApiFaultKind::AlreadyExists,
        "ResourceNotFoundException" => ApiFaultKind::NotFound,
        "PreconditionFailedException" => ApiFaultKind::Changed,
        "LimitExceededException" | "TooManyTagsException" => ApiFaultKind::Limit,
        "InvalidRequestException" | "ValidationException" => ApiFaultKind::Invalid,
        "TimestampOutOfRangeException" => ApiFaultKind::OutOfRange,
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
        | "OptInRequired" => ApiFaultKind::Denied,
        _ => return None,
    })
}

/// Kind by HTTP status, for answers without a code that means something: those of proxies,
/// firewalls and load balancers. They know nothing of values, models and assets.
fn of_status(status: u16) -> ApiFaultKind {
    match status {
        429 => ApiFaultKind::Busy,
        408 => ApiFaultKind::Unavailable,
        400..=499 => ApiFaultKind::Foreign,
        _ => ApiFaultKind::Unavailable,
    }
}

/// Why a call never became a request: missing credentials, no connection, or `otherwise`.
fn of_local(error: &(dyn Error + 'static), otherwise: ApiFaultKind) -> (ApiFaultKind, Cause) {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<CredentialsError>() {
            return of_source(error);
        }
        cause = error.source();
    }
    if otherwise != ApiFaultKind::Unavailable {
        return (otherwise, Cause::of(otherwise));
    }
    let is_tls = find::<rustls::Error>(error).is_some();
    let words = chain(error);
    let says = |any: &[&str]| any.iter().any(|part| words.contains(part));
    let cause = if says(&["dns error", "failed to lookup"]) {
        Cause::Dns
    } else if is_tls || says(&["certificate", "TLS", "tls", "corrupt message"]) {
        Cause::Tls
    } else {
        Cause::Connection
    };
    (otherwise, cause)
}

/// A source of credentials that is slow or away comes back by itself; one that has none does
/// not.
fn of_source(error: &CredentialsError) -> (ApiFaultKind, Cause) {
    match error {
        CredentialsError::ProviderTimedOut(_) | CredentialsError::ProviderError(_) => {
            (ApiFaultKind::Unavailable, Cause::CredentialSource)
        }
        CredentialsError::CredentialsNotLoaded(_) => (ApiFaultKind::Denied, Cause::NoCredentials),
        _ => (ApiFaultKind::Denied, Cause::CredentialSource),
    }
}

/// What answers at the other end of a connection.
const PEER: Peer<'_> = Peer {
    name: "the server that answers",
    address: "AWS_ENDPOINT_URL",
    authorities: "AWS_CA_BUNDLE",
};

/// What the SDK says where no source has credentials, before what each of them lacks.
const NO_SOURCE: &str = "no credentials found in chain";
/// The same in short.
const NO_SOURCE_SHORT: &str = "none in the environment, a profile, a web identity token, nor a \
                               container's or an instance's role";

/// An error and its causes in one line, without repetition.
fn chain(error: &(dyn Error + 'static)) -> String {
    if let Some(told) = find::<rustls::Error>(error).and_then(|error| PEER.explain(error)) {
        return told;
    }
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !line.ends_with(&words) {
            line = format!("{line}: {words}");
        }
        cause = error.source();
    }
    // Some errors of the SDK are lists.
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.contains(NO_SOURCE) {
        return NO_SOURCE_SHORT.to_owned();
    }
    if line.contains("tls handshake eof") {
        return format!("{line}: the port of the endpoint may be one without TLS");
    }
    if line.contains("unsupported scheme") {
        return format!(
            "{line}, of a proxy in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY or of the endpoint: a proxy is \
             written http://host:port"
        );
    }
    match SIGN_IN.iter().find(|(marks, _)| marks.iter().any(|mark| line.contains(mark))) {
        Some((_, command)) => format!("{line}; sign in again with `{command}`"),
        None => line,
    }
}

/// What the SDK says where the sign-in of a profile's user is missing or has ended, and the command
/// that signs in.
const SIGN_IN: [(&[&str], &str); 2] = [
    (&["SSO token", "/sso/cache/"], "aws sso login"),
    (&["Login token", "/login/cache/"], "aws login"),
];

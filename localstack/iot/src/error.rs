//! The service's errors: their names, status codes and bodies.
//!
//! Source: service models of `iot` (2015-05-28) and `iot-jobs-data` (2017-09-29).

use serde_json::{Map, Value};

/// Which exception an answer names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Conflict,
    /// Of `DescribeEndpoint`, which is older than the commands.
    InvalidRequest,
    MissingAuthenticationToken,
    RequestTooLarge,
    ResourceNotFound,
    ServiceQuotaExceeded,
    UnknownOperation,
    Validation,
}

impl Kind {
    /// The exception's name, as the error type header carries it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Conflict => "ConflictException",
            Self::InvalidRequest => "InvalidRequestException",
            Self::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Self::RequestTooLarge => "RequestEntityTooLargeException",
            Self::ResourceNotFound => "ResourceNotFoundException",
            Self::ServiceQuotaExceeded => "ServiceQuotaExceededException",
            Self::UnknownOperation => "UnknownOperationException",
            Self::Validation => "ValidationException",
        }
    }

    /// The HTTP status. `ServiceQuotaExceededException` really is 402.
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::InvalidRequest | Self::Validation => 400,
            Self::ServiceQuotaExceeded => 402,
            Self::MissingAuthenticationToken => 403,
            Self::ResourceNotFound | Self::UnknownOperation => 404,
            Self::Conflict => 409,
            Self::RequestTooLarge => 413,
        }
    }
}

/// One error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Error {
    pub(crate) kind: Kind,
    pub(crate) message: String,
    /// `resourceId` of a conflict's body.
    pub(crate) resource: Option<String>,
}

impl Error {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), resource: None }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::Validation, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::ResourceNotFound, message)
    }

    pub(crate) fn conflict(resource: &str, message: impl Into<String>) -> Self {
        Self { resource: Some(resource.to_owned()), ..Self::new(Kind::Conflict, message) }
    }

    /// The JSON body.
    pub(crate) fn body(&self) -> Value {
        let mut body = Map::new();
        body.insert("message".into(), self.message.clone().into());
        if let Some(resource) = &self.resource {
            body.insert("resourceId".into(), resource.clone().into());
        }
        Value::Object(body)
    }
}

/// What a request's form does not satisfy.
impl From<sitewise_local::aws::Error> for Error {
    fn from(error: sitewise_local::aws::Error) -> Self {
        Self::invalid(error.message)
    }
}

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

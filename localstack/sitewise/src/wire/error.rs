//! The service's errors: their names, status codes and bodies.
//!
//! Source: the "Errors" section of each page of the AWS IoT SiteWise API Reference.

use serde_json::{Map, Value};
use uuid::Uuid;

/// Which exception an answer names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    AccessDenied,
    ConflictingOperation,
    InternalFailure,
    InvalidRequest,
    LimitExceeded,
    PreconditionFailed,
    RequestTooLarge,
    ResourceAlreadyExists,
    ResourceNotFound,
    ServiceUnavailable,
    Throttling,
    TimestampOutOfRange,
    TooManyTags,
    Unauthorized,
    UnknownOperation,
}

impl Kind {
    pub(crate) const ALL: [Self; 15] = [
        Self::AccessDenied,
        Self::ConflictingOperation,
        Self::InternalFailure,
        Self::InvalidRequest,
        Self::LimitExceeded,
        Self::PreconditionFailed,
        Self::RequestTooLarge,
        Self::ResourceAlreadyExists,
        Self::ResourceNotFound,
        Self::ServiceUnavailable,
        Self::Throttling,
        Self::TimestampOutOfRange,
        Self::TooManyTags,
        Self::Unauthorized,
        Self::UnknownOperation,
    ];

    /// The exception's name as the error type header and `errorCode` carry it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDeniedException",
            Self::ConflictingOperation => "ConflictingOperationException",
            Self::InternalFailure => "InternalFailureException",
            Self::InvalidRequest => "InvalidRequestException",
            Self::LimitExceeded => "LimitExceededException",
            Self::PreconditionFailed => "PreconditionFailedException",
            Self::RequestTooLarge => "RequestEntityTooLargeException",
            Self::ResourceAlreadyExists => "ResourceAlreadyExistsException",
            Self::ResourceNotFound => "ResourceNotFoundException",
            Self::ServiceUnavailable => "ServiceUnavailableException",
            Self::Throttling => "ThrottlingException",
            Self::TimestampOutOfRange => "TimestampOutOfRangeException",
            Self::TooManyTags => "TooManyTagsException",
            Self::Unauthorized => "UnauthorizedException",
            Self::UnknownOperation => "UnknownOperationException",
        }
    }

    /// The kind that carries this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The HTTP status. `LimitExceededException` really is 410.
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::InvalidRequest | Self::TimestampOutOfRange | Self::TooManyTags => 400,
            Self::Unauthorized => 401,
            Self::AccessDenied => 403,
            Self::ResourceNotFound | Self::UnknownOperation => 404,
            Self::ConflictingOperation | Self::ResourceAlreadyExists => 409,
            Self::LimitExceeded => 410,
            Self::PreconditionFailed => 412,
            Self::RequestTooLarge => 413,
            Self::Throttling => 429,
            Self::InternalFailure => 500,
            Self::ServiceUnavailable => 503,
        }
    }
}

/// The resource that an error of the kinds 409 and 412 names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) id: Uuid,
    pub(crate) arn: String,
}

/// One error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub(crate) kind: Kind,
    /// What is wrong, for people.
    pub message: String,
    /// `resourceId` and `resourceArn` of the body.
    pub(crate) resource: Option<Box<Resource>>,
    /// `resourceName` of `TooManyTagsException`.
    pub(crate) resource_name: Option<String>,
}

impl Error {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), resource: None, resource_name: None }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::InvalidRequest, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::ResourceNotFound, message)
    }

    pub(crate) fn limit(message: impl Into<String>) -> Self {
        Self::new(Kind::LimitExceeded, message)
    }

    pub(crate) fn about(kind: Kind, resource: Resource, message: impl Into<String>) -> Self {
        Self { resource: Some(Box::new(resource)), ..Self::new(kind, message) }
    }

    /// The JSON body.
    pub(crate) fn body(&self) -> Vec<u8> {
        let mut body = Map::new();
        body.insert("message".into(), Value::String(self.message.clone()));
        if let Some(resource) = &self.resource {
            body.insert("resourceId".into(), Value::String(resource.id.to_string()));
            body.insert("resourceArn".into(), Value::String(resource.arn.clone()));
        }
        if let Some(name) = &self.resource_name {
            body.insert("resourceName".into(), Value::String(name.clone()));
        }
        Value::Object(body).to_string().into_bytes()
    }
}

/// What may fail with an error answer.
pub type Result<T, E = Error> = std::result::Result<T, E>;

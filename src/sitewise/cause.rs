//! Causes of failed calls, told apart as far as their remedies differ.

use super::api::{ApiFault, ApiFaultKind};

/// Groups of calls, each with its own host and permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Plane {
    /// Those that read and change models and assets.
    Control,
    /// Those that write values.
    Write,
    /// Those that read values.
    Read,
}

impl Plane {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Control, Self::Write, Self::Read];

    /// What the calls do, in words.
    pub fn description(self) -> &'static str {
        match self {
            Self::Control => "calls for models and assets",
            Self::Write => "calls that write values",
            Self::Read => "calls that read values",
        }
    }
}

/// The operation that writes values.
pub const PUT_OPERATION: &str = "BatchPutAssetPropertyValue";

/// The operation that reads the latest values.
pub const GET_OPERATION: &str = "BatchGetAssetPropertyValue";

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// SiteWise's own verdict on the request: it is reachable.
    Answer,
    /// The host's name cannot be resolved.
    Dns,
    /// There is no connection.
    Connection,
    /// TLS fails.
    Tls,
    /// No answer in time.
    NoAnswer,
    /// 5xx, or what is no answer.
    ServerError,
    /// There are no credentials.
    NoCredentials,
    /// Where credentials come from fails.
    CredentialSource,
    /// AWS does not take the credentials, or the signature made with them.
    Credentials,
    /// This operation is not allowed.
    Denied(&'static str),
    /// SiteWise does not have the asset or the property.
    NotFound,
    /// Too fast for a single property.
    PropertyLimit,
    /// Too fast for the account.
    Throttled,
    /// A proxy or firewall answers in SiteWise's place.
    Foreign,
}

impl Cause {
    /// All of them; of those that name an operation, one.
    pub const ALL: [Self; 14] = [
        Self::Answer,
        Self::Dns,
        Self::Connection,
        Self::Tls,
        Self::NoAnswer,
        Self::ServerError,
        Self::NoCredentials,
        Self::CredentialSource,
        Self::Credentials,
        Self::Denied(PUT_OPERATION),
        Self::NotFound,
        Self::PropertyLimit,
        Self::Throttled,
        Self::Foreign,
    ];

    /// The cause as far as the kind of a fault tells it.
    pub fn of(kind: ApiFaultKind) -> Self {
        match kind {
            ApiFaultKind::Throttled => Self::Throttled,
            ApiFaultKind::Busy | ApiFaultKind::Foreign => Self::Foreign,
            ApiFaultKind::Unavailable => Self::ServerError,
            ApiFaultKind::Denied => Self::Credentials,
            ApiFaultKind::Conflict
            | ApiFaultKind::AlreadyExists
            | ApiFaultKind::NotFound
            | ApiFaultKind::Changed
            | ApiFaultKind::Limit
            | ApiFaultKind::Invalid
            | ApiFaultKind::OutOfRange => Self::Answer,
        }
    }

    /// The cause of an entry's fault, in an answer that went well as a whole.
    pub fn of_entry(fault: &ApiFault) -> Self {
        match fault.kind {
            ApiFaultKind::Denied => Self::Denied(PUT_OPERATION),
            ApiFaultKind::NotFound => Self::NotFound,
            ApiFaultKind::Limit => Self::PropertyLimit,
            _ => fault.cause,
        }
    }

    /// Its label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Dns => "dns",
            Self::Connection => "connection",
            Self::Tls => "tls",
            Self::NoAnswer => "no_answer",
            Self::ServerError => "failing",
            Self::NoCredentials => "no_credentials",
            Self::CredentialSource => "credential_source",
            Self::Credentials => "credentials",
            Self::Denied(_) => "denied",
            Self::NotFound => "not_found",
            Self::PropertyLimit => "property_limit",
            Self::Throttled => "throttled",
            Self::Foreign => "foreign",
        }
    }

    /// What is wrong, in words.
    pub fn description(self) -> String {
        let words = match self {
            Self::Denied(operation) => return format!("SiteWise denies iotsitewise:{operation}"),
            Self::Answer => "SiteWise rejects the request",
            Self::Dns => "the name of SiteWise's host cannot be resolved",
            Self::Connection => "SiteWise is unreachable",
            Self::Tls => "the TLS handshake with SiteWise fails",
            Self::NoAnswer => "SiteWise does not answer",
            Self::ServerError => "SiteWise answers with errors (5xx)",
            Self::NoCredentials => "no AWS credentials were found",
            Self::CredentialSource => "the source of AWS credentials fails",
            Self::Credentials => "AWS rejects the credentials",
            Self::NotFound => "SiteWise does not have the asset or the property",
            Self::PropertyLimit => "SiteWise limits the rate of the property",
            Self::Throttled => "SiteWise throttles requests",
            Self::Foreign => "something else answers in place of SiteWise",
        };
        words.to_owned()
    }

    /// In a sentence, with what was said, and with what to do.
    pub fn explain(self, message: &str) -> String {
        format!("{}: {message}; {}", self.description(), self.remedy())
    }

    /// What to do about it, where nothing is tried again by itself: in a command.
    pub fn remedy_once(self) -> &'static str {
        match self {
            Self::NoAnswer | Self::ServerError => {
                "check DNS, proxies and the VPC endpoint on the way and AWS_ENDPOINT_URL, then the \
                 AWS Health Dashboard"
            }
            Self::Throttled => {
                "something else uses up the account's quota: try again later, or request higher \
                 quotas from AWS"
            }
            other => other.remedy(),
        }
    }

    /// Whether calls fail before SiteWise judges them: credentials, the network, or who answers.
    pub fn is_on_the_way(self) -> bool {
        match self {
            Self::Dns
            | Self::Connection
            | Self::Tls
            | Self::NoCredentials
            | Self::CredentialSource
            | Self::Credentials
            | Self::Foreign => true,
            Self::Answer
            | Self::NoAnswer
            | Self::ServerError
            | Self::Denied(_)
            | Self::NotFound
            | Self::PropertyLimit
            | Self::Throttled => false,
        }
    }

    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Answer => "correct what the message names",
            Self::Dns => {
                "check AWS_REGION, AWS_ENDPOINT_URL, DNS, and the VPC endpoint's private names"
            }
            Self::Connection => {
                "check routes, security groups and firewalls, the proxy and AWS_ENDPOINT_URL"
            }
            Self::Tls => {
                "check for a proxy that intercepts TLS, AWS_CA_BUNDLE and the scheme of the \
                endpoint"
            }
            Self::NoAnswer | Self::ServerError => {
                "it is retried automatically; check the AWS Health Dashboard, and proxies in \
                    between"
            }
            Self::NoCredentials => {
                "give the task or instance a role, or set AWS_PROFILE or AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY"
            }
            Self::CredentialSource => {
                "check their source: the metadata endpoint of the container or instance, STS, the \
                credential_process or the file"
            }
            Self::Credentials => "renew them at their source, and check this host's clock",
            Self::Denied(_) => "allow it in the policy of the role or user",
            Self::NotFound => {
                "it was deleted, or it is in another account or region than the configured one; \
                    what was deleted is created again"
            }
            Self::PropertyLimit => {
                "SiteWise accepts ten values per property and second: check whether something else \
                    writes to it as well; it is retried with backoff"
            }
            Self::Throttled => {
                "the bridge slows down by itself; if this lasts, request higher quotas from AWS, \
                    or lower INGEST_*_PER_SECOND and TWIN_*_PER_SECOND"
            }
            Self::Foreign => {
                "find out what answers: a proxy or firewall between the bridge and SiteWise"
            }
        }
    }
}

impl ApiFault {
    /// What was said; where a right is missing, or SiteWise is not reached, in a sentence with what
    /// to do.
    pub fn text_with_remedy(&self) -> String {
        match self.cause {
            Cause::Denied(_) => self.explain(),
            cause if cause.is_on_the_way() => self.explain(),
            _ => self.message.clone(),
        }
    }

    /// In a sentence, with what to do where nothing is tried again by itself.
    pub fn explain_once(&self) -> String {
        let (what, remedy) = (self.cause.description(), self.cause.remedy_once());
        format!("{what}: {}; {remedy}", self.message)
    }

    /// In a sentence, with what to do.
    pub fn explain(&self) -> String {
        self.cause.explain(&self.message)
    }
}

//! The operations that are answered. Source: service models of `iot` (2015-05-28) and
//! `iot-jobs-data` (2017-09-29).

use sitewise_local::aws::{Field, body, labels_of, may, must, path, query};

use crate::cloud::{Answer, Cloud, Request};
use crate::error::{Error, Kind, Result};
use crate::shapes;

/// Which endpoint of AWS an operation is at. Two operations differ in nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Iot,
    JobsData,
}

impl Service {
    /// The service that a request is signed for, by the scope in its `Authorization`.
    pub(crate) fn signed(authorization: &str) -> Option<Self> {
        let (_, scope) = authorization.split_once("Credential=")?;
        match scope.split(',').next()?.split('/').nth(3)? {
            "iot" => Some(Self::Iot),
            "iot-jobs-data" => Some(Self::JobsData),
            _ => None,
        }
    }
}

/// One operation.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    service: Service,
    method: &'static str,
    path: &'static str,
    pub(crate) fields: &'static [Field],
    /// What a request gets that its fields do not allow.
    pub(crate) invalid: Kind,
    pub(crate) call: fn(&mut Cloud, &Request) -> Result<Answer>,
}

const COMMAND: Field = path(must("commandId", &shapes::COMMAND_ID));
const MAX_RESULTS: Field = query(may("maxResults", &shapes::MAX_RESULTS));
const NEXT_TOKEN: Field = query(may("nextToken", &shapes::NEXT_TOKEN));

static OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateCommand",
        service: Service::Iot,
        method: "PUT",
        path: "/commands/{commandId}",
        fields: &[
            COMMAND,
            body(may("namespace", &shapes::NAMESPACE)),
            body(may("displayName", &shapes::DISPLAY_NAME)),
            body(may("description", &shapes::DESCRIPTION)),
            body(may("payload", &shapes::PAYLOAD)),
            body(may("payloadTemplate", &shapes::TEMPLATE)),
            body(may("preprocessor", &shapes::PREPROCESSOR)),
            body(may("mandatoryParameters", &shapes::PARAMETERS)),
            body(may("roleArn", &shapes::ROLE)),
            body(may("tags", &shapes::TAGS)),
        ],
        invalid: Kind::Validation,
        call: Cloud::create_command,
    },
    Operation {
        name: "GetCommand",
        service: Service::Iot,
        method: "GET",
        path: "/commands/{commandId}",
        fields: &[COMMAND],
        invalid: Kind::Validation,
        call: Cloud::get_command,
    },
    Operation {
        name: "DeleteCommand",
        service: Service::Iot,
        method: "DELETE",
        path: "/commands/{commandId}",
        fields: &[COMMAND],
        invalid: Kind::Validation,
        call: Cloud::delete_command,
    },
    Operation {
        name: "ListCommands",
        service: Service::Iot,
        method: "GET",
        path: "/commands",
        fields: &[
            MAX_RESULTS,
            NEXT_TOKEN,
            query(may("namespace", &shapes::NAMESPACE)),
            query(may("commandParameterName", &shapes::PARAMETER_NAME)),
            query(may("sortOrder", &shapes::SORT_ORDER)),
        ],
        invalid: Kind::Validation,
        call: Cloud::list_commands,
    },
    Operation {
        name: "GetCommandExecution",
        service: Service::Iot,
        method: "GET",
        path: "/command-executions/{executionId}",
        fields: &[
            path(must("executionId", &shapes::EXECUTION_ID)),
            query(must("targetArn", &shapes::TARGET_ARN)),
            query(may("includeResult", &shapes::BOOLEAN)),
        ],
        invalid: Kind::Validation,
        call: Cloud::get_command_execution,
    },
    Operation {
        name: "ListCommandExecutions",
        service: Service::Iot,
        method: "POST",
        path: "/command-executions",
        fields: &[
            MAX_RESULTS,
            NEXT_TOKEN,
            body(may("namespace", &shapes::NAMESPACE)),
            body(may("status", &shapes::STATUS)),
            body(may("sortOrder", &shapes::SORT_ORDER)),
            body(may("startedTimeFilter", &shapes::TIME_FILTER)),
            body(may("completedTimeFilter", &shapes::TIME_FILTER)),
            body(may("targetArn", &shapes::TARGET_ARN)),
            body(may("commandArn", &shapes::COMMAND_ARN)),
        ],
        invalid: Kind::Validation,
        call: Cloud::list_command_executions,
    },
    Operation {
        name: "DescribeEndpoint",
        service: Service::Iot,
        method: "GET",
        path: "/endpoint",
        fields: &[query(may("endpointType", &shapes::ENDPOINT_TYPE))],
        invalid: Kind::InvalidRequest,
        call: Cloud::describe_endpoint,
    },
    Operation {
        name: "StartCommandExecution",
        service: Service::JobsData,
        method: "POST",
        path: "/command-executions",
        fields: &[
            body(must("targetArn", &shapes::TARGET_ARN)),
            body(must("commandArn", &shapes::COMMAND_ARN)),
            body(may("parameters", &shapes::VALUES)),
            body(may("executionTimeoutSeconds", &shapes::TIMEOUT)),
            body(may("clientToken", &shapes::CLIENT_TOKEN)),
        ],
        invalid: Kind::Validation,
        call: Cloud::start_command_execution,
    },
];

/// An operation and the labels of its path.
pub(crate) type Route = (&'static Operation, Vec<(&'static str, String)>);

/// The operation of `service` with this method and path.
///
/// # Errors
///
/// `UnknownOperationException`, or `ValidationException` for a path with broken escapes.
pub(crate) fn find(service: Service, method: &str, path: &str) -> Result<Route> {
    for operation in OPERATIONS {
        if operation.service == service
            && operation.method == method
            && let Some(labels) = labels_of(operation.path, path)
        {
            return Ok((operation, labels?));
        }
    }
    let message = format!("Unknown operation: {method} {path}");
    Err(Error::new(Kind::UnknownOperation, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_tells_a_start_from_a_list() {
        let signed = |service: &str| {
            format!(
                "AWS4-HMAC-SHA256 Credential=local/20261129/eu-west-1/{service}/aws4_request, \
                 SignedHeaders=host, Signature=0"
            )
        };
        let named = |service: &str| {
            let service = Service::signed(&signed(service))?;
            Some(find(service, "POST", "/command-executions").ok()?.0.name)
        };
        assert_eq!(named("iot"), Some("ListCommandExecutions"));
        assert_eq!(named("iot-jobs-data"), Some("StartCommandExecution"));
        assert_eq!(named("iotsitewise"), None);
        assert_eq!(Service::signed("Bearer x"), None);
        let (operation, labels) = find(Service::Iot, "GET", "/commands/a-1").unwrap();
        assert_eq!((operation.name, labels), ("GetCommand", vec![("commandId", "a-1".into())]));
        assert!(find(Service::Iot, "PATCH", "/commands/a").is_err());
        assert!(find(Service::JobsData, "GET", "/commands/a").is_err());
    }
}

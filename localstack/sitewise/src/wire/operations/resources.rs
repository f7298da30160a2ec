//! Tags, and the account's configuration.

use crate::account::Account;
use crate::wire::operation::{Field, Operation, body, call, query};
use crate::wire::pattern;
use crate::wire::shape::{Shape, may, must};
use crate::wire::shapes;

const RESOURCE: Field = query(must("resourceArn", &shapes::RESOURCE_ARN));

static STORAGE_TYPE: Shape = Shape::Choice(&["SITEWISE_DEFAULT_STORAGE", "MULTI_LAYER_STORAGE"]);
static STORAGE_ARN: Shape = Shape::Text { min: 1, max: 1600, pattern: Some(pattern::ARN) };
static BUCKET: Shape =
    Shape::Structure(&[must("s3ResourceArn", &STORAGE_ARN), must("roleArn", &STORAGE_ARN)]);
static LAYERS: Shape = Shape::Structure(&[must("customerManagedS3Storage", &BUCKET)]);
static DAYS: Shape = Shape::Integer { min: i32::MIN as i64, max: i32::MAX as i64 };
static RETENTION: Shape =
    Shape::Structure(&[may("numberOfDays", &DAYS), may("unlimited", &shapes::BOOLEAN)]);
static LEVEL: Shape = Shape::Choice(&["ERROR", "INFO", "OFF"]);
static LOGGING: Shape = Shape::Structure(&[must("level", &LEVEL)]);

pub(super) static TABLE: &[Operation] = &[
    Operation {
        name: "TagResource",
        method: "POST",
        path: "/tags",
        status: 200,
        input: &[RESOURCE, body(must("tags", &shapes::TAGS))],
        call: call!(Account::tag_resource),
    },
    Operation {
        name: "UntagResource",
        method: "DELETE",
        path: "/tags",
        status: 200,
        input: &[RESOURCE, query(must("tagKeys", &shapes::TAG_KEYS))],
        call: call!(Account::untag_resource),
    },
    Operation {
        name: "ListTagsForResource",
        method: "GET",
        path: "/tags",
        status: 200,
        input: &[RESOURCE],
        call: call!(Account::list_tags),
    },
    Operation {
        name: "DescribeStorageConfiguration",
        method: "GET",
        path: "/configuration/account/storage",
        status: 200,
        input: &[],
        call: call!(Account::describe_storage),
    },
    Operation {
        name: "PutStorageConfiguration",
        method: "POST",
        path: "/configuration/account/storage",
        status: 200,
        input: &[
            body(must("storageType", &STORAGE_TYPE)),
            body(may("multiLayerStorage", &LAYERS)),
            body(may("disassociatedDataStorage", &shapes::ON_OFF)),
            body(may("retentionPeriod", &RETENTION)),
            body(may("warmTier", &shapes::ON_OFF)),
            body(may("warmTierRetentionPeriod", &RETENTION)),
            body(may("disallowIngestNullNaN", &shapes::BOOLEAN)),
        ],
        call: call!(Account::put_storage),
    },
    Operation {
        name: "DescribeLoggingOptions",
        method: "GET",
        path: "/logging",
        status: 200,
        input: &[query(may("workspaceName", &shapes::WORKSPACE))],
        call: call!(Account::describe_logging),
    },
    Operation {
        name: "PutLoggingOptions",
        method: "PUT",
        path: "/logging",
        status: 200,
        input: &[
            body(must("loggingOptions", &LOGGING)),
            body(may("workspaceName", &shapes::WORKSPACE)),
        ],
        call: call!(Account::put_logging),
    },
    Operation {
        name: "DescribeDefaultEncryptionConfiguration",
        method: "GET",
        path: "/configuration/account/encryption",
        status: 200,
        input: &[],
        call: call!(Account::describe_encryption),
    },
];

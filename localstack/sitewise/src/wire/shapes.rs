//! The shapes that requests share. Source: service model of API version 2019-12-02, and the pages
//! "Data types" of the API Reference.

use super::pattern::{self, Pattern};
use super::shape::{Member, Shape, may, must};

const ANY: usize = usize::MAX;

const fn text(min: usize, max: usize, pattern: Pattern) -> Shape {
    Shape::Text { min, max, pattern: Some(pattern) }
}

const fn free_text(min: usize, max: usize) -> Shape {
    Shape::Text { min, max, pattern: None }
}

const fn integer(min: i64, max: i64) -> Shape {
    Shape::Integer { min, max }
}

const fn list(of: &'static Shape, min: usize, max: usize) -> Shape {
    Shape::List { of, min, max }
}

const INTEGER_MAX: i64 = i32::MAX as i64;

pub(crate) static BOOLEAN: Shape = Shape::Boolean;
pub(crate) static TIMESTAMP: Shape = Shape::Timestamp;
pub(crate) static ID: Shape = text(36, 36, pattern::ID);
pub(crate) static CUSTOM_ID: Shape = text(13, 139, pattern::CUSTOM_ID);
pub(crate) static EXTERNAL_ID: Shape = text(2, 128, pattern::EXTERNAL_ID);
pub(crate) static NAME: Shape = text(1, 256, pattern::PRINTABLE);
pub(crate) static DESCRIPTION: Shape = text(1, 2048, pattern::PRINTABLE);
pub(crate) static UNIT: Shape = text(1, 256, pattern::PRINTABLE);
pub(crate) static CLIENT_TOKEN: Shape = text(36, 64, pattern::CLIENT_TOKEN);
pub(crate) static ETAG: Shape = text(0, ANY, pattern::ETAG);
pub(crate) static SELECT_ALL: Shape = text(0, ANY, pattern::STAR);
pub(crate) static VERSION_TYPE: Shape = Shape::Choice(&["LATEST", "ACTIVE"]);
pub(crate) static VERSION_FILTER: Shape = text(0, ANY, pattern::VERSION);
pub(crate) static NEXT_TOKEN: Shape = text(1, 4096, pattern::NEXT_TOKEN);
pub(crate) static MAX_RESULTS: Shape = integer(1, 250);
pub(crate) static SOME_RESULTS: Shape = integer(1, INTEGER_MAX);
pub(crate) static SCOPE: Shape = Shape::Choice(&["ALL", "BASE"]);
pub(crate) static PROPERTY_ALIAS: Shape = text(1, ANY, pattern::PRINTABLE);
pub(crate) static DATA_ALIAS: Shape = text(1, 2048, pattern::PRINTABLE);
pub(crate) static WORKSPACE: Shape = text(1, 64, pattern::ENTRY_ID);
pub(crate) static ENTRY_ID: Shape = text(1, 64, pattern::ENTRY_ID);
pub(crate) static RESOURCE_ARN: Shape = free_text(1, 1011);
pub(crate) static TAG_KEY: Shape = free_text(1, 128);
pub(crate) static TAG_VALUE: Shape = free_text(0, 256);
pub(crate) static TAGS: Shape = Shape::Map { key: &TAG_KEY, value: &TAG_VALUE, min: 1, max: 50 };
pub(crate) static TAG_KEYS: Shape = list(&TAG_KEY, 0, 200);
pub(crate) static QUALITY: Shape = Shape::Choice(&["GOOD", "BAD", "UNCERTAIN"]);
pub(crate) static QUALITIES: Shape = list(&QUALITY, 1, 1);
pub(crate) static ORDERING: Shape = Shape::Choice(&["ASCENDING", "DESCENDING"]);
pub(crate) static RESOLUTION: Shape = text(2, 3, pattern::RESOLUTION);
pub(crate) static AGGREGATE: Shape =
    Shape::Choice(&["AVERAGE", "COUNT", "MAXIMUM", "MINIMUM", "SUM", "STANDARD_DEVIATION"]);
pub(crate) static AGGREGATES: Shape = list(&AGGREGATE, 1, ANY);
pub(crate) static TIME_IN_SECONDS: Shape = integer(1, 9_223_372_036_854_774);
pub(crate) static OFFSET_IN_NANOS: Shape = integer(0, 999_999_999);
pub(crate) static INTERVAL_IN_SECONDS: Shape = integer(1, 320_000_000);
pub(crate) static INTERPOLATION: Shape = free_text(1, 256);
pub(crate) static ASSET_MODEL_TYPE: Shape =
    Shape::Choice(&["ASSET_MODEL", "COMPONENT_MODEL", "INTERFACE"]);
pub(crate) static ASSET_MODEL_TYPES: Shape = list(&ASSET_MODEL_TYPE, 0, ANY);
pub(crate) static ON_OFF: Shape = Shape::Choice(&["ENABLED", "DISABLED"]);

static DATA_TYPE: Shape = Shape::Choice(&[
    "STRING",
    "INTEGER",
    "DOUBLE",
    "BOOLEAN",
    "STRUCT",
    "VIDEO",
    "ANNOTATION",
    "JSON",
]);
static DEFAULT_VALUE: Shape = text(0, ANY, pattern::PRINTABLE);
static EXPRESSION: Shape = free_text(0, 1024);
static VARIABLE_NAME: Shape = text(1, 64, pattern::VARIABLE);
static MACRO: Shape = text(1, 256, pattern::PRINTABLE);
static COMPUTE_LOCATION: Shape = Shape::Choice(&["EDGE", "CLOUD"]);
static INTERVAL: Shape = free_text(2, 23);
static OFFSET: Shape = free_text(2, 25);

static PATH_SEGMENT: Shape = Shape::Structure(&[may("id", &ID), may("name", &NAME)]);
static PATH: Shape = list(&PATH_SEGMENT, 0, ANY);
static VARIABLE_VALUE: Shape = Shape::Structure(&[
    may("propertyId", &MACRO),
    may("hierarchyId", &MACRO),
    may("propertyPath", &PATH),
]);
static VARIABLE: Shape =
    Shape::Structure(&[must("name", &VARIABLE_NAME), must("value", &VARIABLE_VALUE)]);
static VARIABLES: Shape = list(&VARIABLE, 0, ANY);
static FORWARDING: Shape = Shape::Structure(&[must("state", &ON_OFF)]);
static ATTRIBUTE: Shape = Shape::Structure(&[may("defaultValue", &DEFAULT_VALUE)]);
static MEASUREMENT_PROCESSING: Shape = Shape::Structure(&[must("forwardingConfig", &FORWARDING)]);
static MEASUREMENT: Shape = Shape::Structure(&[may("processingConfig", &MEASUREMENT_PROCESSING)]);
static TRANSFORM_PROCESSING: Shape = Shape::Structure(&[
    must("computeLocation", &COMPUTE_LOCATION),
    may("forwardingConfig", &FORWARDING),
]);
static TRANSFORM: Shape = Shape::Structure(&[
    must("expression", &EXPRESSION),
    must("variables", &VARIABLES),
    may("processingConfig", &TRANSFORM_PROCESSING),
]);
static TUMBLING: Shape = Shape::Structure(&[must("interval", &INTERVAL), may("offset", &OFFSET)]);
static WINDOW: Shape = Shape::Structure(&[may("tumbling", &TUMBLING)]);
static METRIC_PROCESSING: Shape = Shape::Structure(&[must("computeLocation", &COMPUTE_LOCATION)]);
static METRIC: Shape = Shape::Structure(&[
    may("expression", &EXPRESSION),
    may("variables", &VARIABLES),
    must("window", &WINDOW),
    may("processingConfig", &METRIC_PROCESSING),
]);
static PROPERTY_TYPE: Shape = Shape::Structure(&[
    may("attribute", &ATTRIBUTE),
    may("measurement", &MEASUREMENT),
    may("transform", &TRANSFORM),
    may("metric", &METRIC),
]);

static PROPERTY_DEFINITION: Shape = Shape::Structure(&[
    may("id", &ID),
    may("externalId", &EXTERNAL_ID),
    must("name", &NAME),
    must("dataType", &DATA_TYPE),
    may("dataTypeSpec", &NAME),
    may("unit", &UNIT),
    must("type", &PROPERTY_TYPE),
]);
static PROPERTY: Shape = Shape::Structure(&[
    may("id", &CUSTOM_ID),
    may("externalId", &EXTERNAL_ID),
    must("name", &NAME),
    must("dataType", &DATA_TYPE),
    may("dataTypeSpec", &NAME),
    may("unit", &UNIT),
    must("type", &PROPERTY_TYPE),
    may("path", &PATH),
]);
const fn hierarchy(id: &'static Shape) -> [Member; 4] {
    [
        may("id", id),
        may("externalId", &EXTERNAL_ID),
        must("name", &NAME),
        must("childAssetModelId", &CUSTOM_ID),
    ]
}
const fn composite(id: &'static Shape, properties: &'static Shape) -> [Member; 6] {
    [
        may("id", id),
        may("externalId", &EXTERNAL_ID),
        must("name", &NAME),
        may("description", &DESCRIPTION),
        must("type", &NAME),
        may("properties", properties),
    ]
}
static HIERARCHY_DEFINITION_MEMBERS: [Member; 4] = hierarchy(&ID);
static HIERARCHY_DEFINITION: Shape = Shape::Structure(&HIERARCHY_DEFINITION_MEMBERS);
static HIERARCHY_MEMBERS: [Member; 4] = hierarchy(&CUSTOM_ID);
static HIERARCHY: Shape = Shape::Structure(&HIERARCHY_MEMBERS);
static COMPOSITE_DEFINITION_MEMBERS: [Member; 6] = composite(&ID, &PROPERTY_DEFINITIONS);
static COMPOSITE_DEFINITION: Shape = Shape::Structure(&COMPOSITE_DEFINITION_MEMBERS);
static COMPOSITE_MEMBERS: [Member; 6] = composite(&CUSTOM_ID, &PROPERTIES);
static COMPOSITE: Shape = Shape::Structure(&COMPOSITE_MEMBERS);

/// Properties as creations carry them.
pub(crate) static PROPERTY_DEFINITIONS: Shape = list(&PROPERTY_DEFINITION, 0, ANY);
/// Properties as updates carry them.
pub(crate) static PROPERTIES: Shape = list(&PROPERTY, 0, ANY);
pub(crate) static HIERARCHY_DEFINITIONS: Shape = list(&HIERARCHY_DEFINITION, 0, ANY);
pub(crate) static HIERARCHIES: Shape = list(&HIERARCHY, 0, ANY);
pub(crate) static COMPOSITE_DEFINITIONS: Shape = list(&COMPOSITE_DEFINITION, 0, ANY);
pub(crate) static COMPOSITES: Shape = list(&COMPOSITE, 0, ANY);

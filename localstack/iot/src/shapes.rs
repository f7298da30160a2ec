//! The shapes of requests. Source: service models of `iot` (2015-05-28) and `iot-jobs-data`
//! (2017-09-29).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sitewise_local::aws::{Pattern, Shape, may, must};

const ANY: usize = usize::MAX;

const fn text(min: usize, max: usize, pattern: Pattern) -> Shape {
    Shape::Text { min, max, pattern: Some(pattern) }
}

const fn free(min: usize, max: usize) -> Shape {
    Shape::Text { min, max, pattern: None }
}

const fn list(of: &'static Shape, min: usize, max: usize) -> Shape {
    Shape::List { of, min, max }
}

const NAME: Pattern = Pattern { matches: is_name, text: "[a-zA-Z0-9_-]+" };
const PARAMETER: Pattern = Pattern { matches: is_parameter, text: "^[.$a-zA-Z0-9_-]+$" };
const VISIBLE: Pattern = Pattern { matches: is_visible, text: r"[^\p{C}]*" };
const REASON: Pattern = Pattern { matches: is_reason, text: "[A-Z0-9_-]+" };
const DIGITS: Pattern = Pattern { matches: is_digits, text: "^[0-9]*$" };
const TOKEN: Pattern = Pattern { matches: is_token, text: r"^[\x21-\x7E]+$" };
const BASE64: Pattern = Pattern { matches: is_base64, text: "base64" };
const TAG: Pattern = Pattern { matches: is_tag, text: r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$" };

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_word)
}

fn is_parameter(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| is_word(c) || matches!(c, '.' | '$'))
}

/// Unicode's category C, as far as the standard library knows it: control characters; of formats,
/// private use and what is not assigned, the usual ones.
fn is_visible(text: &str) -> bool {
    !text.chars().any(|c| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{feff}' | '\u{e0000}'..)
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
            || matches!(c, '\u{2060}'..='\u{206f}' | '\u{e000}'..='\u{f8ff}')
            || matches!(c, '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}')
    })
}

fn is_reason(text: &str) -> bool {
    let may = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    !text.is_empty() && text.chars().all(may)
}

fn is_digits(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_digit())
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic())
}

fn is_base64(text: &str) -> bool {
    STANDARD.decode(text).is_ok()
}

fn is_tag(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || " _.:/=+-@".contains(c))
}

pub(crate) static BOOLEAN: Shape = Shape::Boolean;
pub(crate) static COMMAND_ID: Shape = text(1, 64, NAME);
pub(crate) static EXECUTION_ID: Shape = text(1, 64, NAME);
pub(crate) static NAMESPACE: Shape = Shape::Choice(&["AWS-IoT", "AWS-IoT-FleetWise"]);
pub(crate) static DISPLAY_NAME: Shape = text(0, 64, VISIBLE);
pub(crate) static DESCRIPTION: Shape = text(0, 2_028, VISIBLE);
pub(crate) static TEMPLATE: Shape = free(0, 32_768);
pub(crate) static ROLE: Shape = free(20, 2_048);
pub(crate) static TARGET_ARN: Shape = free(0, 2_048);
pub(crate) static COMMAND_ARN: Shape = free(0, ANY);
pub(crate) static PARAMETER_NAME: Shape = text(1, 192, PARAMETER);
pub(crate) static ENDPOINT_TYPE: Shape = free(0, 128);
pub(crate) static NEXT_TOKEN: Shape = free(0, ANY);
pub(crate) static MAX_RESULTS: Shape = Shape::Integer { min: 1, max: 100 };
pub(crate) static SORT_ORDER: Shape = Shape::Choice(&["ASCENDING", "DESCENDING"]);
pub(crate) static TIMEOUT: Shape = Shape::Integer { min: 1, max: i64::MAX };
pub(crate) static CLIENT_TOKEN: Shape = text(1, 64, TOKEN);
pub(crate) static STATUS: Shape =
    Shape::Choice(&["CREATED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED", "TIMED_OUT"]);

static CONTENT: Shape = text(0, ANY, BASE64);
static MIME_TYPE: Shape = free(1, ANY);
pub(crate) static PAYLOAD: Shape =
    Shape::Structure(&[may("content", &CONTENT), may("contentType", &MIME_TYPE)]);

static FORMAT: Shape = Shape::Choice(&["JSON", "CBOR"]);
static SUBSTITUTION: Shape = Shape::Structure(&[must("outputFormat", &FORMAT)]);
pub(crate) static PREPROCESSOR: Shape =
    Shape::Structure(&[may("awsJsonSubstitution", &SUBSTITUTION)]);

static SOME_TEXT: Shape = free(1, ANY);
static INTEGER: Shape = Shape::Integer { min: i32::MIN as i64, max: i32::MAX as i64 };
static LONG: Shape = Shape::Integer { min: i64::MIN, max: i64::MAX };
static DOUBLE: Shape = Shape::Double;
static BINARY: Shape = text(1, ANY, BASE64);
static UNSIGNED: Shape = text(1, 20, DIGITS);
static VALUE: Shape = Shape::Structure(&[
    may("S", &SOME_TEXT),
    may("B", &BOOLEAN),
    may("I", &INTEGER),
    may("L", &LONG),
    may("D", &DOUBLE),
    may("BIN", &BINARY),
    may("UL", &UNSIGNED),
]);
/// Values of parameters, by name.
pub(crate) static VALUES: Shape =
    Shape::Map { key: &PARAMETER_NAME, value: &VALUE, min: 1, max: ANY };

static TEXTS: Shape = list(&SOME_TEXT, 1, 10);
static RANGE: Shape = Shape::Structure(&[must("min", &SOME_TEXT), must("max", &SOME_TEXT)]);
static OPERAND: Shape = Shape::Structure(&[
    may("number", &SOME_TEXT),
    may("numbers", &TEXTS),
    may("string", &SOME_TEXT),
    may("strings", &TEXTS),
    may("numberRange", &RANGE),
]);
static OPERATOR: Shape = Shape::Choice(&[
    "EQUALS",
    "NOT_EQUALS",
    "LESS_THAN",
    "LESS_THAN_EQUALS",
    "GREATER_THAN",
    "GREATER_THAN_EQUALS",
    "IN_SET",
    "NOT_IN_SET",
    "IN_RANGE",
    "NOT_IN_RANGE",
]);
static CONDITION: Shape =
    Shape::Structure(&[must("comparisonOperator", &OPERATOR), must("operand", &OPERAND)]);
static CONDITIONS: Shape = list(&CONDITION, 1, ANY);
static PARAMETER_TYPE: Shape =
    Shape::Choice(&["STRING", "INTEGER", "DOUBLE", "LONG", "UNSIGNEDLONG", "BOOLEAN", "BINARY"]);
static DEFINITION: Shape = Shape::Structure(&[
    must("name", &PARAMETER_NAME),
    may("type", &PARAMETER_TYPE),
    may("value", &VALUE),
    may("defaultValue", &VALUE),
    may("valueConditions", &CONDITIONS),
    may("description", &DESCRIPTION),
]);
/// Definitions of parameters.
pub(crate) static PARAMETERS: Shape = list(&DEFINITION, 1, ANY);

static TAG_KEY: Shape = text(1, 128, TAG);
static TAG_VALUE: Shape = free(0, 256);
static ONE_TAG: Shape = Shape::Structure(&[must("Key", &TAG_KEY), may("Value", &TAG_VALUE)]);
pub(crate) static TAGS: Shape = list(&ONE_TAG, 0, ANY);

static TIME: Shape = free(1, 64);
pub(crate) static TIME_FILTER: Shape =
    Shape::Structure(&[may("after", &TIME), may("before", &TIME)]);

static REASON_CODE: Shape = text(0, 64, REASON);
static REASON_TEXT: Shape = text(0, 1_024, VISIBLE);
/// Of a device's response.
pub(crate) static STATUS_REASON: Shape =
    Shape::Structure(&[must("reasonCode", &REASON_CODE), may("reasonDescription", &REASON_TEXT)]);
static RESULT_NAME: Shape = text(1, 32, NAME);
static RESULT: Shape =
    Shape::Structure(&[may("s", &SOME_TEXT), may("b", &BOOLEAN), may("bin", &BINARY)]);
/// Of a device's response, where the members are in lower case.
pub(crate) static RESULTS: Shape =
    Shape::Map { key: &RESULT_NAME, value: &RESULT, min: 1, max: ANY };

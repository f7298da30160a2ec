//! Write requests: what a channel hands over, and the JSON in it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;

use crate::time::Timestamp;

/// Bytes of a request at most: what AWS IoT takes for the payload of a command.
pub const REQUEST_BYTES: usize = 32 * 1024;

/// Bytes of a name in it at most.
const NAME_BYTES: usize = 4 * 1024;

/// Where a request comes in, and its answer goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CommandChannel {
    /// AWS IoT commands.
    Iot,
    /// An SQS queue.
    Queue,
    /// `sparkwise write`.
    Terminal,
}

impl CommandChannel {
    /// Those that are configured by themselves.
    pub const OF_DOORS: [Self; 2] = [Self::Iot, Self::Queue];

    /// As a label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Iot => "iot",
            Self::Queue => "queue",
            Self::Terminal => "terminal",
        }
    }
}

/// What identifies a request: its channel, and the id that it has there (the execution's, or the
/// message's).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestKey {
    /// The channel.
    pub channel: CommandChannel,
    /// The id.
    pub id: Arc<str>,
}

impl RequestKey {
    /// The request called `id` on `channel`.
    pub fn new(channel: CommandChannel, id: impl Into<Arc<str>>) -> Self {
        Self { channel, id: id.into() }
    }
}

impl fmt::Display for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.channel.label(), self.id)
    }
}

/// What a channel knows of a request without parsing it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Which request.
    pub key: RequestKey,
    /// When it was sent.
    pub sent: Sent,
}

/// When a request was sent, as its channel knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// When it arrived, by this host's clock: the channel keeps no requests.
    OnArrival(Timestamp),
    /// Some time before it arrived: the channel keeps requests, and may deliver one again that an
    /// earlier process has taken off it.
    Before {
        /// When it was sent, by AWS's clock.
        at: Timestamp,
        /// What AWS's clock showed at [`Instant::START`](crate::time::Instant::START), or somewhat
        /// more; none where the channel does not tell AWS's time.
        start: Option<Timestamp>,
        /// What AWS's clock showed when it was taken off its channel; none where that is not known.
        taken: Option<Timestamp>,
    },
}

/// What is asked for: one value of one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct WriteRequest {
    /// The asset: its UUID, `externalId:` and its external id, or its address
    /// `group/node/device/instance`.
    pub asset: String,
    /// The property: its name or its UUID.
    pub property: String,
    /// The value to be written.
    pub value: Json,
    /// The value that the metric is to have before.
    pub expected: Option<Json>,
    /// Not to be sent from this time on.
    pub expires: Option<Timestamp>,
    /// How long the sender waits for the answer, from when the request was sent.
    pub timeout: Option<Duration>,
}

/// The JSON that it is written as.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestJson {
    asset: String,
    property: String,
    value: Json,
    #[serde(default, deserialize_with = "present")]
    expected: Option<Json>,
    #[serde(default, deserialize_with = "present")]
    expires: Option<Json>,
    #[serde(default, deserialize_with = "present")]
    timeout: Option<Json>,
}

/// A field that is there, null included: a null is a mistake, not a field left out.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(from).map(Some)
}

impl WriteRequest {
    /// Reads a request. Numbers may be written as text: AWS IoT puts quotes around what it fills
    /// into a template.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words.
    pub fn parse(payload: &[u8]) -> Result<Self, String> {
        if payload.len() > REQUEST_BYTES {
            return Err(format!("the request has more than {REQUEST_BYTES} bytes"));
        }
        let written: RequestJson = serde_json::from_slice(payload)
            .map_err(|error| format!("the request cannot be read: {error}"))?;
        let RequestJson { asset, property, value, expected, expires, timeout } = written;
        for (field, text) in [("asset", &asset), ("property", &property)] {
            if text.is_empty() || text.len() > NAME_BYTES {
                return Err(format!("`{field}` is empty or longer than {NAME_BYTES} bytes"));
            }
        }
        for (field, value) in [("value", Some(&value)), ("expected", expected.as_ref())] {
            if !value
                .is_none_or(|value| value.is_number() || value.is_boolean() || value.is_string())
            {
                return Err(format!("`{field}` is not a number, true, false or a text"));
            }
        }
        let expires = expires.map(|expires| {
            let millis = whole(&expires).and_then(|millis| i64::try_from(millis).ok());
            let millis =
                millis.ok_or("`expires` is not a whole number of milliseconds since 1970")?;
            Ok::<_, String>(Timestamp::from_millis(millis))
        });
        let timeout = timeout.map(|timeout| {
            let seconds = whole(&timeout).filter(|seconds| *seconds > 0);
            let seconds = seconds.ok_or("`timeout` is not a whole number of seconds above 0")?;
            Ok::<_, String>(Duration::from_secs(seconds.min(MOST_SECONDS)))
        });
        Ok(Self {
            asset,
            property,
            value,
            expected,
            expires: expires.transpose()?,
            timeout: timeout.transpose()?,
        })
    }
}

/// The longest timeout of an AWS IoT command execution: twelve hours.
const MOST_SECONDS: u64 = 12 * 60 * 60;

/// A whole number, written as one or as text.
fn whole(json: &Json) -> Option<u64> {
    match json {
        Json::Number(number) => number.as_u64(),
        Json::String(text) => text.parse().ok(),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_with_numbers_as_text_as_well() {
        let text = r#"{"asset":"A","property":"P","value":"1.5","expected":true,
            "expires":"1790000000000","timeout":20}"#;
        let request = WriteRequest::parse(text.as_bytes()).unwrap();
        assert_eq!(request.value, Json::from("1.5"));
        assert_eq!(request.expected, Some(Json::from(true)));
        assert_eq!(request.expires, Some(Timestamp::from_millis(1_790_000_000_000)));
        assert_eq!(request.timeout, Some(Duration::from_secs(20)));
        let least = WriteRequest::parse(br#"{"asset":"A","property":"P","value":1}"#).unwrap();
        assert_eq!((least.expected, least.expires, least.timeout), (None, None, None));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_reason() {
        for (text, reason) in [
            ("", "cannot be read"),
            ("[]", "cannot be read"),
            (r#"{"asset":"A","property":"P"}"#, "missing field `value`"),
            (r#"{"asset":"A","property":"P","value":1,"vlaue":2}"#, "unknown field `vlaue`"),
            (r#"{"asset":"A","property":"P","value":1,"value":2}"#, "duplicate field `value`"),
            (r#"{"asset":"","property":"P","value":1}"#, "`asset` is empty"),
            (r#"{"asset":"A","property":"P","value":null}"#, "`value` is not"),
            (r#"{"asset":"A","property":"P","value":[1]}"#, "`value` is not"),
            (r#"{"asset":"A","property":"P","value":1,"expected":null}"#, "`expected` is not"),
            (r#"{"asset":"A","property":"P","value":1,"expires":null}"#, "`expires` is not"),
            (r#"{"asset":"A","property":"P","value":1,"expires":-1}"#, "`expires` is not"),
            (r#"{"asset":"A","property":"P","value":1,"expires":1.5}"#, "`expires` is not"),
            (r#"{"asset":"A","property":"P","value":1,"timeout":0}"#, "`timeout` is not"),
            (r#"{"asset":"A","property":"P","value":1,"timeout":"soon"}"#, "`timeout` is not"),
            (r#"{"asset":"A","property":"P","value":1,"timeout":0.5}"#, "not a whole number"),
        ] {
            let said = WriteRequest::parse(text.as_bytes()).unwrap_err();
            assert!(said.contains(reason), "{text}: {said}");
        }
        let long = format!(r#"{{"asset":"{}","property":"P","value":1}}"#, "A".repeat(40_000));
        assert!(
            WriteRequest::parse(long.as_bytes()).unwrap_err().contains("more than 32768 bytes")
        );
    }
}

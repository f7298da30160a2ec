//! Answers: how a request ended, by status and code.

use std::sync::Arc;
use std::time::Duration;

use super::request::RequestKey;
use crate::sparkplug::host::OutgoingMessage;
use crate::sparkplug::value::Value;

/// How a request ended, in the words of AWS IoT commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// The machine has the value.
    Succeeded,
    /// It was sent, and the machine did not show the value in time.
    Failed,
    /// This process did not send it.
    Rejected,
}

impl Status {
    /// As it is written in an answer.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Rejected => "REJECTED",
        }
    }
}

/// Why it ended so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The metric's own next value is the one that was asked for.
    Confirmed,
    /// The metric had the value already; nothing was sent.
    Already,
    /// Sent, by a rule that wants no confirmation.
    SentUnconfirmed,
    /// Sent, and the value did not come back within `COMMANDS_CONFIRM`.
    NotConfirmed,
    /// The request cannot be read.
    Malformed,
    /// No rule allows it.
    NotAllowed,
    /// There is no such asset, or no single one.
    UnknownAsset,
    /// The asset has no such property, or the latest birth no metric for it.
    UnknownProperty,
    /// The value is not of the metric's type.
    WrongType,
    /// The value is outside what rule, metric and type allow together.
    OutOfRange,
    /// The edge node is offline.
    NodeOffline,
    /// The device is offline.
    DeviceOffline,
    /// The machine's birth is not known yet.
    AwaitingBirth,
    /// The metric's last value is not GOOD.
    Stale,
    /// The request is too old, or from before the bridge began.
    Expired,
    /// More than the rule's rate, or than the bridge follows at once.
    TooMany,
    /// Another command to the same metric is not confirmed yet.
    Busy,
    /// The metric does not have the value that the request expects.
    UnexpectedValue,
    /// This bridge follows another one, or is about to stop.
    Standby,
}

impl Code {
    /// All of them, in order.
    pub const ALL: [Self; 19] = [
        Self::Confirmed,
        Self::Already,
        Self::SentUnconfirmed,
        Self::NotConfirmed,
        Self::Malformed,
        Self::NotAllowed,
        Self::UnknownAsset,
        Self::UnknownProperty,
        Self::WrongType,
        Self::OutOfRange,
        Self::NodeOffline,
        Self::DeviceOffline,
        Self::AwaitingBirth,
        Self::Stale,
        Self::Expired,
        Self::TooMany,
        Self::Busy,
        Self::UnexpectedValue,
        Self::Standby,
    ];

    /// As it is written in an answer: `[A-Z_]`, as AWS IoT wants a reason code.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "CONFIRMED",
            Self::Already => "ALREADY",
            Self::SentUnconfirmed => "SENT_UNCONFIRMED",
            Self::NotConfirmed => "NOT_CONFIRMED",
            Self::Malformed => "MALFORMED",
            Self::NotAllowed => "NOT_ALLOWED",
            Self::UnknownAsset => "UNKNOWN_ASSET",
            Self::UnknownProperty => "UNKNOWN_PROPERTY",
            Self::WrongType => "WRONG_TYPE",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::NodeOffline => "NODE_OFFLINE",
            Self::DeviceOffline => "DEVICE_OFFLINE",
            Self::AwaitingBirth => "AWAITING_BIRTH",
            Self::Stale => "STALE",
            Self::Expired => "EXPIRED",
            Self::TooMany => "TOO_MANY",
            Self::Busy => "BUSY",
            Self::UnexpectedValue => "UNEXPECTED_VALUE",
            Self::Standby => "STANDBY",
        }
    }

    /// The status that goes with it.
    pub fn status(self) -> Status {
        match self {
            Self::Confirmed | Self::Already | Self::SentUnconfirmed => Status::Succeeded,
            Self::NotConfirmed => Status::Failed,
            Self::Malformed
            | Self::NotAllowed
            | Self::UnknownAsset
            | Self::UnknownProperty
            | Self::WrongType
            | Self::OutOfRange
            | Self::NodeOffline
            | Self::DeviceOffline
            | Self::AwaitingBirth
            | Self::Stale
            | Self::Expired
            | Self::TooMany
            | Self::Busy
            | Self::UnexpectedValue
            | Self::Standby => Status::Rejected,
        }
    }
}

/// The final answer to a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Why it ended so; the status follows from it.
    pub code: Code,
    /// In words for people.
    pub reason: String,
    /// The metric, as `group/node/device/name`; none where it was not found.
    pub metric: Option<Arc<str>>,
    /// The value that the metric has then, where it confirms or was there already.
    pub value: Option<Value>,
    /// From sending to that value.
    pub confirmed_after: Option<Duration>,
}

impl Answer {
    /// Its status.
    pub fn status(&self) -> Status {
        self.code.status()
    }
}

/// A reason as AWS IoT takes it (`[^\p{C}]*`): without characters that cannot be seen, and with a
/// question mark for those of which it is not known. A name in it must not cost the answer.
pub(super) fn shown(reason: &str) -> String {
    let known = |c: char| {
        c.is_ascii_graphic()
            || c == ' '
            || c.is_alphanumeric()
            || matches!(c, '\u{a1}'..='\u{ac}' | '\u{ae}'..='\u{bf}' | '×' | '÷')
            || matches!(c, '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}')
            || matches!(c, '\u{20a0}'..='\u{20bf}' | '\u{2190}'..='\u{22ff}')
    };
    let seen = reason.chars().filter(|c| !c.is_control());
    seen.map(|c| if known(c) { c } else { '?' }).take(super::REASON_CHARS).collect()
}

/// A refusal on the way to the metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub code: Code,
    pub reason: String,
}

impl Refusal {
    pub(super) fn new(code: Code, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }
}

/// An output of the commands.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Publish this for the request, once, at once or never: it must not wait for a connection.
    Publish(RequestKey, OutgoingMessage),
    /// The request was sent to the plant: report IN_PROGRESS on its channel.
    Started {
        /// The request.
        key: RequestKey,
        /// The metric, as `group/node/device/name`.
        metric: Arc<str>,
        /// The value, as it was sent.
        value: Value,
    },
    /// The final answer to a request.
    Answer {
        /// The request.
        key: RequestKey,
        /// The answer.
        answer: Arc<Answer>,
        /// Whether it was given before: the request came twice.
        repeated: bool,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_holds_nothing_that_aws_iot_refuses() {
        assert_eq!(shown("Öltemperatur 60 °C – \u{20ac} 温度\n"), "Öltemperatur 60 °C – € 温度");
        // A soft hyphen, a zero width space, a direction mark, private use, a noncharacter.
        assert_eq!(shown("a\u{ad}b\u{200b}c\u{202e}d\u{e000}e\u{ffff}"), "a?b?c?d?e?");
        assert_eq!(shown(&"x".repeat(2_000)).len(), 1_024);
    }
}

//! What an emulator can be told at its start.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Tells the time. The emulator reads no other clock.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Clock {
    /// A clock that asks `now` each time.
    pub fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(crate) fn now(&self) -> SystemTime {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Clock")
    }
}

/// What a parameter becomes in a payload where its placeholder is all of a JSON string. AWS does
/// not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rendering {
    /// Text: `"42.5"`.
    #[default]
    Text,
    /// A value of the parameter's type: `42.5`.
    Typed,
}

/// What an emulator can be told at its start.
#[derive(Clone, Debug)]
pub struct Options {
    /// The MQTT server that devices are connected to, as host and port.
    pub mqtt: (String, u16),
    /// The account's number, in ARNs.
    pub account: String,
    /// The region, in ARNs.
    pub region: String,
    /// What parameters become in a payload.
    pub rendering: Rendering,
    /// An update of an execution that comes sooner after the one before is rejected, as AWS warns
    /// of updates "within a short timeframe". None by default.
    pub update_gap: Duration,
    /// The clock that dates and timeouts go by.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mqtt: ("127.0.0.1".into(), 1883),
            account: "123456789012".into(),
            region: "us-east-1".into(),
            rendering: Rendering::default(),
            update_gap: Duration::ZERO,
            clock: Clock::new(SystemTime::now),
        }
    }
}

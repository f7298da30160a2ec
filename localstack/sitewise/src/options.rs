//! What an emulator can be told at its start.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::limits::{self, Limits};
use crate::quota::Quotas;

/// Tells the time. The emulator reads no other clock.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Clock {
    /// A clock that asks `now` each time.
    pub fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        (self.0)()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new(SystemTime::now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Clock")
    }
}

/// What SiteWise publishes on AWS IoT Core's MQTT server about values of a property whose notification
/// is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// `$aws/sitewise/asset-models/.../assets/.../properties/...`.
    pub topic: String,
    /// JSON: up to ten values.
    pub payload: Vec<u8>,
}

/// Takes notifications, while the account is locked: it must not wait.
#[derive(Clone)]
pub struct Notify(Arc<dyn Fn(Notification) + Send + Sync>);

impl Notify {
    /// Hands each notification to `take`.
    pub fn new(take: impl Fn(Notification) + Send + Sync + 'static) -> Self {
        Self(Arc::new(take))
    }

    pub(crate) fn tell(&self, notification: Notification) {
        (self.0)(notification);
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Notify")
    }
}

/// Entries that one property takes in a second (quotas of the General Reference, not adjustable at
/// AWS).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntriesPerSecond {
    /// For measurements and data streams.
    pub measurement: u32,
    /// For attributes.
    pub attribute: u32,
}

impl Default for EntriesPerSecond {
    fn default() -> Self {
        Self { measurement: 10, attribute: 1 }
    }
}

/// What an emulator can be told at its start. The default suits tests: no delays, no rates.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long models and assets stay CREATING.
    pub create_delay: Duration,
    /// How long an update or a deletion takes; for models half of it UPDATING, half PROPAGATING.
    pub update_delay: Duration,
    /// How long `CreateAsset` still answers with a conflict after its model has become ACTIVE.
    pub conflict_delay: Duration,
    /// How long a value that was taken cannot be read yet.
    pub read_delay: Duration,
    /// How long a bulk import job takes, half of it PENDING.
    pub import_delay: Duration,
    /// Where bulk imports find their objects: `http://HOST:PORT` of anything that speaks S3. Without
    /// it every job ends FAILED.
    pub s3_endpoint: Option<String>,
    /// How long everything is denied after the start, as to a role that was just made.
    pub denied_for: Duration,
    /// The account's number, for ARNs.
    pub account: String,
    /// The region, for ARNs.
    pub region: String,
    /// The clock that states, dates and the window of accepted times go by.
    pub clock: Clock,
    /// Values kept of each stream; the oldest go first.
    pub history_per_stream: usize,
    /// Resource quotas.
    pub limits: Limits,
    /// Rates of requests and values.
    pub quotas: Quotas,
    /// Entries that one property takes in a second.
    pub entries_per_second: EntriesPerSecond,
    /// The largest magnitude of a double. The API's model says 1e10, the user guide 1e100.
    pub double_limit: f64,
    /// Who takes notifications; nobody by default.
    pub notify: Option<Notify>,
    /// Where the state is kept across restarts; nowhere by default.
    pub data_dir: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            create_delay: Duration::ZERO,
            update_delay: Duration::ZERO,
            conflict_delay: Duration::ZERO,
            read_delay: Duration::ZERO,
            import_delay: Duration::ZERO,
            s3_endpoint: None,
            denied_for: Duration::ZERO,
            account: "123456789012".into(),
            region: "us-east-1".into(),
            clock: Clock::default(),
            history_per_stream: 10_000,
            limits: Limits::default(),
            quotas: Quotas::default(),
            entries_per_second: EntriesPerSecond::default(),
            double_limit: limits::DOUBLE_MAGNITUDE,
            notify: None,
            data_dir: None,
        }
    }
}

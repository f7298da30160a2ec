//! Time, as the loops need it: an argument, so that tests make it pass.

use std::time::{Duration, Instant, SystemTime};

/// The time by both clocks: the monotonic one stands still while the machine is suspended, the
/// other may be set.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClockTime {
    /// Since any start.
    pub(super) monotonic: Duration,
    /// Since 1970.
    pub(super) wall: Duration,
}

impl ClockTime {
    /// The longer of what both say. A clock that was set back says nothing.
    pub(super) fn since(self, earlier: Self) -> Duration {
        let monotonic = self.monotonic.saturating_sub(earlier.monotonic);
        monotonic.max(self.wall.saturating_sub(earlier.wall))
    }
}

/// Reads the time, and waits.
pub(super) trait Clock: Send + Sync + 'static {
    /// The time.
    fn now(&self) -> ClockTime;

    /// Waits.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send;
}

/// The system's clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct SystemClock(Instant);

impl SystemClock {
    /// From now on.
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> ClockTime {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        ClockTime { monotonic: self.0.elapsed(), wall }
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// The result of `call`, or none if it takes longer than `limit`.
pub(super) async fn within<T>(
    clock: &impl Clock,
    limit: Duration,
    call: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        biased;
        result = call => Some(result),
        () = clock.sleep(limit) => None,
    }
}

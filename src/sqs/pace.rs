//! Time, as the loops need it: an argument, so that tests make it pass.

use std::time::{Duration, Instant, SystemTime};

/// A moment on both clocks: the monotonic one stands still while the machine is suspended, the
/// other may be set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// Since any start.
    pub(super) monotonic: Duration,
    /// Since 1970.
    pub(super) wall: Duration,
}

impl Moment {
    /// The longer of what both say. A clock that was set back says nothing.
    pub(super) fn since(self, earlier: Self) -> Duration {
        let monotonic = self.monotonic.saturating_sub(earlier.monotonic);
        monotonic.max(self.wall.saturating_sub(earlier.wall))
    }
}

/// What tells the time, and lets it pass.
pub(super) trait Pace: Send + Sync + 'static {
    /// The time.
    fn now(&self) -> Moment;

    /// Waits.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send;
}

/// The system's clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct SystemPace(Instant);

impl SystemPace {
    /// From now on.
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }
}

impl Pace for SystemPace {
    fn now(&self) -> Moment {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Moment { monotonic: self.0.elapsed(), wall }
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// The result of `call`, or none if it takes longer than `limit`.
pub(super) async fn within<T>(
    pace: &impl Pace,
    limit: Duration,
    call: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        biased;
        result = call => Some(result),
        () = pace.sleep(limit) => None,
    }
}

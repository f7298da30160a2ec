//! The rate limiter: the account's quotas, less when SiteWise throttles.

use std::time::Duration;

use crate::time::Instant;

/// Burst after a pause, in seconds' worth. More would exceed the quota within a second; less would
/// wake the shell more often than it can handle.
const BURST: f64 = 0.05;
/// Values of a full request: the least capacity of the bucket of values.
const FULL_REQUEST: f64 = 100.0;
/// Least share of the quotas that throttling leaves.
const MIN_SHARE: f64 = 1.0 / 128.0;
/// Share of the quotas regained per second without throttling.
const RISE_PER_SECOND: f64 = 0.02;
/// How much later than computed a bucket is asked again, so that rounding never makes it ask
/// twice.
const ROUNDING: Duration = Duration::from_micros(1);

/// A token bucket; taking more tokens than there are makes a debt.
#[derive(Clone, Debug)]
struct TokenBucket {
    tokens: f64,
    capacity: f64,
    per_second: f64,
    filled_at: Instant,
}

impl TokenBucket {
    fn new(per_second: f64, capacity: f64) -> Self {
        Self { tokens: capacity, capacity, per_second, filled_at: Instant::START }
    }

    fn fill(&mut self, share: f64, now: Instant) {
        let refill = now.since(self.filled_at).as_secs_f64() * self.per_second * share;
        self.tokens = (self.tokens + refill).min(self.capacity);
        self.filled_at = now.max(self.filled_at);
    }

    /// When there is a token.
    fn ready(&self, share: f64) -> Instant {
        if self.tokens >= 1.0 {
            return self.filled_at;
        }
        let wait = (1.0 - self.tokens) / (self.per_second * share);
        self.filled_at + Duration::from_secs_f64(wait) + ROUNDING
    }
}

/// Limits requests and values to the quotas, or to a share of them after throttling.
#[derive(Clone, Debug)]
pub(super) struct RateLimiter {
    requests: TokenBucket,
    values: TokenBucket,
    /// As of [`share_changed_at`](Self::share_changed_at); it has risen since.
    share: f64,
    share_changed_at: Instant,
    /// When the share fell last.
    last_throttled: Option<Instant>,
}

impl RateLimiter {
    pub(super) fn new(requests_per_second: u32, values_per_second: u32) -> Self {
        let requests = f64::from(requests_per_second.max(1));
        let values = f64::from(values_per_second.max(1));
        Self {
            requests: TokenBucket::new(requests, (requests * BURST).max(1.0)),
            values: TokenBucket::new(values, (values * BURST).max(FULL_REQUEST)),
            share: 1.0,
            share_changed_at: Instant::START,
            last_throttled: None,
        }
    }

    /// Other quotas hold from now on.
    pub(super) fn set_quotas(&mut self, requests: u32, values: u32, now: Instant) {
        self.fill(now);
        let Self { requests: new_requests, values: new_values, .. } = Self::new(requests, values);
        (self.requests.per_second, self.requests.capacity) =
            (new_requests.per_second, new_requests.capacity);
        (self.values.per_second, self.values.capacity) =
            (new_values.per_second, new_values.capacity);
    }

    /// Share of the quotas that is used.
    pub(super) fn share(&self, now: Instant) -> f64 {
        let risen = now.since(self.share_changed_at).as_secs_f64() * RISE_PER_SECOND;
        (self.share + risen).min(1.0)
    }

    /// When the next request may go: at `now` or later.
    pub(super) fn ready(&mut self, now: Instant) -> Instant {
        let share = self.fill(now);
        let requests = self.requests.ready(share);
        requests.max(self.values.ready(share)).max(now)
    }

    /// A request goes with this many values.
    pub(super) fn consume(&mut self, values: usize) {
        self.requests.tokens -= 1.0;
        self.values.tokens -= values as f64;
    }

    /// SiteWise throttled a request that was sent at `sent_at`. The share falls by half, once
    /// for all that were on their way together.
    pub(super) fn throttled(&mut self, sent_at: Instant, now: Instant) {
        if self.last_throttled.is_some_and(|last| sent_at <= last) {
            return;
        }
        let share = self.fill(now);
        self.share = (share / 2.0).max(MIN_SHARE);
        self.share_changed_at = now;
        self.last_throttled = Some(now);
    }

    fn fill(&mut self, now: Instant) -> f64 {
        let share = self.share(now);
        self.requests.fill(share, now);
        self.values.fill(share, now);
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept_to_the_quota() {
        let mut pace = RateLimiter::new(1_000, 5_000);
        // 100 values a request: the values are the narrower quota.
        let sent = run(&mut pace, 100, Duration::ZERO, Duration::from_secs(10));
        assert!((500..=504).contains(&sent), "{sent}");
        // One value a request: the requests are.
        let sent = run(&mut pace, 1, Duration::from_secs(20), Duration::from_secs(10));
        assert!((9_990..=10_060).contains(&sent), "{sent}");
    }

    #[test]
    fn throttling_halves_the_rate_once_for_requests_on_their_way_together() {
        let mut pace = RateLimiter::new(100, 100_000);
        let at = |seconds| Instant::START + Duration::from_secs(seconds);
        for _ in 0..5 {
            pace.throttled(at(9), at(10));
        }
        assert!((pace.share(at(10)) - 0.5).abs() < 1e-9);
        pace.throttled(at(11), at(11));
        assert!((pace.share(at(11)) - 0.26).abs() < 1e-9);
        assert!(pace.share(at(21)) > 0.45, "it rises slowly");
        assert!((pace.share(at(60)) - 1.0).abs() < 1e-9, "up to the quota");
    }

    #[test]
    fn the_rate_has_a_floor() {
        let mut pace = RateLimiter::new(1_000, 5_000);
        for second in 1..100 {
            let now = Instant::START + Duration::from_millis(second);
            pace.throttled(now, now);
        }
        let now = Instant::START + Duration::from_millis(100);
        assert!(pace.share(now) >= MIN_SHARE);
        assert!(pace.ready(now).since(now) < Duration::from_secs(1));
    }

    #[test]
    fn other_quotas_hold_from_when_they_are_known() {
        let mut pace = RateLimiter::new(1_000, 5_000);
        let second = Duration::from_secs(1);
        assert!((50..=60).contains(&run(&mut pace, 100, Duration::ZERO, second)));
        pace.set_quotas(2_000, 20_000, Instant::START + second);
        let sent = run(&mut pace, 100, second, 10 * second);
        assert!((1_990..=2_020).contains(&sent), "{sent}");
    }

    /// Sends whenever it may; how many requests went.
    fn run(pace: &mut RateLimiter, values: usize, from: Duration, length: Duration) -> u32 {
        let mut now = Instant::START + from;
        let mut sent = 0;
        loop {
            now = pace.ready(now);
            if now.since(Instant::START + from) > length {
                return sent;
            }
            pace.consume(values);
            sent += 1;
        }
    }
}

//! Backoff, per stream and value; and the circuit breaker for all while SiteWise is unreachable.

use std::time::Duration;

use fastrand::Rng;

use super::point::Stream;
use super::request::RequestKind;
use crate::sitewise::api::ApiFaultKind;
use crate::time::Instant;

/// First delay after most faults.
pub(super) const FIRST_DELAY: Duration = Duration::from_millis(500);
/// First delay where SiteWise needs seconds to settle: something is being created or updated.
const SETTLING_DELAY: Duration = Duration::from_secs(2);
/// First delay where access is denied.
const SECOND_TRY_DELAY: Duration = Duration::from_secs(4);
/// Longest delay, spread included.
const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// The longest delay of what keeps failing: one hour.
const LONGEST_SLOW_DELAY: Duration = Duration::from_secs(3_600);
/// Failures that are retried within [`LONGEST_DELAY`]; after them the backoff grows to an hour.
const FAST_RETRIES: u8 = 10;
/// The same where access is denied, which begins with that delay.
const FAST_RETRIES_DENIED: u8 = 6;
/// How long all responses are foreign before SiteWise counts as unreachable: if other requests
/// pass, they do within that time.
const FOREIGN_FOR: Duration = Duration::from_secs(5);
/// Consecutive unavailable responses after which SiteWise counts as unreachable: one in three may
/// fail all day without that.
const UNREACHABLE_AFTER: u32 = 6;
/// First delay of all while access is denied as a whole.
const DENIED_DELAY: Duration = Duration::from_secs(5);

/// Exponential backoff after `failures` failures, the last one of this kind. Of the result, up
/// to a third is jitter.
pub(super) fn delay(kind: ApiFaultKind, failures: u8, random: &mut Rng) -> Duration {
    match kind {
        // One denial may be older than the permission.
        ApiFaultKind::Denied if failures == 0 => with_jitter(SECOND_TRY_DELAY, 0, random),
        ApiFaultKind::Denied => LONGEST_DELAY,
        ApiFaultKind::Conflict | ApiFaultKind::NotFound => {
            with_jitter(SETTLING_DELAY, failures, random)
        }
        ApiFaultKind::Throttled
        | ApiFaultKind::Busy
        | ApiFaultKind::Unavailable
        | ApiFaultKind::AlreadyExists
        | ApiFaultKind::Changed
        | ApiFaultKind::Limit
        | ApiFaultKind::Foreign
        | ApiFaultKind::Invalid
        | ApiFaultKind::OutOfRange => with_jitter(FIRST_DELAY, failures, random),
    }
}

/// The backoff of something that fails while others pass: as [`delay`], and after some minutes
/// growing up to an hour.
pub(super) fn capped_backoff(kind: ApiFaultKind, failures: u8, random: &mut Rng) -> Duration {
    let fast_retries = match kind {
        ApiFaultKind::Throttled => return delay(kind, failures, random),
        ApiFaultKind::Denied => FAST_RETRIES_DENIED,
        _ => FAST_RETRIES,
    };
    let Some(beyond) = failures.checked_sub(fast_retries) else {
        return delay(kind, failures, random);
    };
    let doubled = LONGEST_DELAY.saturating_mul(2_u32 << beyond.min(10));
    add_jitter(doubled.min(LONGEST_SLOW_DELAY * 2 / 3), random)
}

fn with_jitter(first: Duration, failures: u8, random: &mut Rng) -> Duration {
    let doubled = first.saturating_mul(1_u32 << failures.min(10));
    add_jitter(doubled.min(LONGEST_DELAY * 2 / 3), random)
}

/// Adds up to half of `base`, so that up to a third of the result is jitter.
fn add_jitter(base: Duration, random: &mut Rng) -> Duration {
    base + base.mul_f64(random.f64() / 2.0)
}

/// Which of several faults decides the stream's backoff.
pub(super) fn severity(kind: ApiFaultKind) -> u8 {
    match kind {
        ApiFaultKind::Denied => 2,
        ApiFaultKind::NotFound | ApiFaultKind::Conflict => 1,
        ApiFaultKind::Throttled
        | ApiFaultKind::Busy
        | ApiFaultKind::Unavailable
        | ApiFaultKind::AlreadyExists
        | ApiFaultKind::Changed
        | ApiFaultKind::Limit
        | ApiFaultKind::Foreign
        | ApiFaultKind::Invalid
        | ApiFaultKind::OutOfRange => 0,
    }
}

/// The circuit breaker: while SiteWise is unreachable, one request at a time probes it.
#[derive(Clone, Debug)]
pub(super) struct CircuitBreaker {
    state: CircuitState,
}

#[derive(Clone, Copy, Debug)]
enum CircuitState {
    /// Closed: SiteWise is reachable, with this many failures in a row.
    Closed { consecutive_failures: u32, foreign: Option<ForeignStreak> },
    /// Open: SiteWise is unreachable.
    Open {
        /// Probes that failed.
        failed_probes: u8,
        /// When the next probe may go; none while one is on its way.
        next_probe: Option<Instant>,
    },
}

/// Consecutive foreign responses.
#[derive(Clone, Copy, Debug)]
struct ForeignStreak {
    count: u32,
    since: Instant,
    /// The stream of the first.
    first_stream: Stream,
    /// Whether other streams got them as well: a single one does not open the circuit.
    is_of_several_streams: bool,
}

/// Whether requests may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SendPermit {
    /// Any number.
    Many,
    /// One, and no other before its answer.
    Probe,
    /// None before this time.
    NotBefore(Instant),
    /// None before an answer.
    Waiting,
}

impl CircuitBreaker {
    pub(super) fn new() -> Self {
        Self { state: CircuitState::Closed { consecutive_failures: 0, foreign: None } }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, CircuitState::Open { .. })
    }

    pub(super) fn permit(&self, now: Instant) -> SendPermit {
        match self.state {
            CircuitState::Closed { .. } => SendPermit::Many,
            CircuitState::Open { next_probe: None, .. } => SendPermit::Waiting,
            CircuitState::Open { next_probe: Some(next_probe), .. } if next_probe <= now => {
                SendPermit::Probe
            }
            CircuitState::Open { next_probe: Some(next_probe), .. } => {
                SendPermit::NotBefore(next_probe)
            }
        }
    }

    /// A probe goes.
    pub(super) fn probe(&mut self) {
        if let CircuitState::Open { next_probe, .. } = &mut self.state {
            *next_probe = None;
        }
    }

    /// SiteWise has answered something.
    pub(super) fn record_success(&mut self) {
        self.state = CircuitState::Closed { consecutive_failures: 0, foreign: None };
    }

    /// A request failed: no response, or not SiteWise's.
    pub(super) fn record_failure(&mut self, kind: RequestKind, random: &mut Rng, now: Instant) {
        self.state = match self.state {
            CircuitState::Closed { consecutive_failures, foreign }
                if consecutive_failures + 1 < UNREACHABLE_AFTER =>
            {
                CircuitState::Closed { consecutive_failures: consecutive_failures + 1, foreign }
            }
            CircuitState::Closed { .. } => CircuitState::Open {
                failed_probes: 0,
                next_probe: Some(now + with_jitter(FIRST_DELAY, 0, random)),
            },
            CircuitState::Open { failed_probes, .. } if kind == RequestKind::Probe => {
                CircuitState::Open {
                    failed_probes: failed_probes.saturating_add(1),
                    next_probe: Some(
                        now + with_jitter(FIRST_DELAY, failed_probes.saturating_add(1), random),
                    ),
                }
            }
            // A response to a request that was sent before the circuit opened.
            open @ CircuitState::Open { .. } => open,
        };
    }

    /// A foreign response. As long as other requests pass it concerns that stream alone. Returns
    /// whether the circuit has just opened.
    pub(super) fn record_foreign(
        &mut self,
        (stream, of_several_streams): (Stream, bool),
        kind: RequestKind,
        random: &mut Rng,
        now: Instant,
    ) -> bool {
        match self.state {
            CircuitState::Closed { consecutive_failures, foreign } => {
                let streak = match foreign {
                    Some(streak) => ForeignStreak {
                        count: streak.count + 1,
                        is_of_several_streams: streak.is_of_several_streams
                            || of_several_streams
                            || streak.first_stream != stream,
                        ..streak
                    },
                    None => ForeignStreak {
                        count: 1,
                        since: now,
                        first_stream: stream,
                        is_of_several_streams: of_several_streams,
                    },
                };
                let opens = streak.is_of_several_streams
                    && streak.count >= UNREACHABLE_AFTER
                    && now.since(streak.since) >= FOREIGN_FOR;
                self.state = match opens {
                    true => CircuitState::Open {
                        failed_probes: 0,
                        next_probe: Some(now + with_jitter(FIRST_DELAY, 0, random)),
                    },
                    false => CircuitState::Closed { consecutive_failures, foreign: Some(streak) },
                };
                opens
            }
            CircuitState::Open { .. } => {
                self.record_failure(kind, random, now);
                false
            }
        }
    }

    /// SiteWise denies access as a whole: credentials are missing, expired or wrong.
    pub(super) fn denied(&mut self, kind: RequestKind, random: &mut Rng, now: Instant) {
        let failed_probes = match self.state {
            CircuitState::Closed { .. } => 0,
            CircuitState::Open { failed_probes, .. } if kind == RequestKind::Probe => {
                failed_probes.saturating_add(1)
            }
            CircuitState::Open { .. } => return,
        };
        self.state = CircuitState::Open {
            failed_probes,
            next_probe: Some(now + with_jitter(DENIED_DELAY, failed_probes, random)),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_within_their_bounds() {
        let mut random = Rng::with_seed(7);
        for failures in 0..=u8::MAX {
            let delay = delay(ApiFaultKind::Throttled, failures, &mut random);
            let least = Duration::from_millis(500 << failures.min(10)).min(LONGEST_DELAY * 2 / 3);
            assert!(delay >= least && delay <= least * 3 / 2, "{failures}: {delay:?}");
            assert!(delay <= LONGEST_DELAY);
        }
        assert!(delay(ApiFaultKind::NotFound, 0, &mut random) >= Duration::from_secs(2));
    }

    #[test]
    fn what_goes_on_failing_is_tried_ever_rarer_to_once_an_hour() {
        let mut random = Rng::with_seed(7);
        for kind in [ApiFaultKind::NotFound, ApiFaultKind::Foreign, ApiFaultKind::Denied] {
            let delays: Vec<_> =
                (0..=u8::MAX).map(|n| capped_backoff(kind, n, &mut random)).collect();
            let first_minutes: Duration = delays.iter().take(6).sum();
            assert!(first_minutes < Duration::from_secs(240), "{kind:?}: {first_minutes:?}");
            assert!(delays.iter().all(|delay| *delay <= LONGEST_SLOW_DELAY), "{kind:?}");
            assert!(delays[30..].iter().all(|delay| *delay >= LONGEST_SLOW_DELAY / 2), "{kind:?}");
            let week = Duration::from_secs(7 * 24 * 3600);
            let tries = delays.iter().scan(Duration::ZERO, |at, delay| {
                *at += *delay;
                Some(*at)
            });
            let tries = tries.take_while(|at| *at < week).count();
            assert!(tries < 250, "{kind:?}: {tries}");
        }
        // The account's own rate comes back by itself.
        assert!(capped_backoff(ApiFaultKind::Throttled, 200, &mut random) <= LONGEST_DELAY);
    }

    #[test]
    fn delays_follow_from_the_seed() {
        let delays = |seed| {
            let mut random = Rng::with_seed(seed);
            [(); 3].map(|()| delay(ApiFaultKind::Limit, 0, &mut random))
        };
        assert_eq!(delays(1), delays(1));
        assert_ne!(delays(1), delays(2));
    }

    #[test]
    fn while_sitewise_is_away_one_request_at_a_time_asks() {
        let mut random = Rng::with_seed(1);
        let mut circuit = CircuitBreaker::new();
        let mut now = Instant::START;
        for _ in 1..UNREACHABLE_AFTER {
            circuit.record_failure(RequestKind::Regular, &mut random, now);
            assert_eq!(circuit.permit(now), SendPermit::Many);
        }
        circuit.record_failure(RequestKind::Regular, &mut random, now);
        let mut waits = Vec::new();
        for _ in 0..12 {
            let SendPermit::NotBefore(next_probe) = circuit.permit(now) else {
                panic!("{circuit:?}");
            };
            waits.push(next_probe.since(now));
            now = next_probe;
            assert_eq!(circuit.permit(now), SendPermit::Probe);
            circuit.probe();
            circuit.record_failure(RequestKind::Regular, &mut random, now);
            assert_eq!(circuit.permit(now), SendPermit::Waiting);
            circuit.record_failure(RequestKind::Probe, &mut random, now);
        }
        assert!(waits.windows(2).take(4).all(|pair| pair[1] > pair[0]), "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= LONGEST_DELAY));
        circuit.record_success();
        assert_eq!(circuit.permit(now), SendPermit::Many);
    }
}

//! Backoff, per stream and value; and the circuit breaker for all while SiteWise is unreachable.

use std::time::Duration;

use fastrand::Rng;

use super::point::Stream;
use crate::sitewise::api::FaultKind;
use crate::time::Instant;

/// First delay after most faults.
pub(super) const FIRST_DELAY: Duration = Duration::from_millis(500);
/// First delay where SiteWise needs seconds to settle: something is being created or updated.
const SETTLING_DELAY: Duration = Duration::from_secs(2);
/// Longest delay, spread included.
const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// The longest delay of what keeps failing: one hour.
const RAREST: Duration = Duration::from_secs(3_600);
/// So many failures with [`LONGEST_DELAY`] at most; then the backoff grows further.
const SOON: u8 = 10;
/// The same where access is denied, which begins with that delay.
const SOON_DENIED: u8 = 6;
/// SiteWise counts as unreachable if all responses are foreign for so long: if other requests pass,
/// they do within that time.
const FOREIGN_FOR: Duration = Duration::from_secs(5);
/// Consecutive unavailable responses after which SiteWise counts as unreachable: one in three may
/// fail all day without that.
const AWAY_AFTER: u32 = 6;
/// First delay of all while access is denied as a whole.
const DENIED_DELAY: Duration = Duration::from_secs(5);

/// Exponential backoff after `failures` failures, the last one of this kind, with up to half of it
/// as jitter.
pub(super) fn delay(kind: FaultKind, failures: u8, random: &mut Rng) -> Duration {
    match kind {
        FaultKind::Denied => LONGEST_DELAY,
        FaultKind::Conflict | FaultKind::NotFound => spread(SETTLING_DELAY, failures, random),
        FaultKind::Throttled
        | FaultKind::Busy
        | FaultKind::Unavailable
        | FaultKind::AlreadyExists
        | FaultKind::Changed
        | FaultKind::Limit
        | FaultKind::Foreign
        | FaultKind::Invalid
        | FaultKind::OutOfRange => spread(FIRST_DELAY, failures, random),
    }
}

/// The backoff of something that fails while others pass: as [`delay`], and after some minutes
/// growing up to an hour.
pub(super) fn rarer(kind: FaultKind, failures: u8, random: &mut Rng) -> Duration {
    let soon = match kind {
        FaultKind::Throttled => return delay(kind, failures, random),
        FaultKind::Denied => SOON_DENIED,
        _ => SOON,
    };
    let Some(beyond) = failures.checked_sub(soon) else {
        return delay(kind, failures, random);
    };
    let doubled = LONGEST_DELAY.saturating_mul(2_u32 << beyond.min(10));
    let least = doubled.min(RAREST * 2 / 3);
    least + least.mul_f64(random.f64() / 2.0)
}

fn spread(first: Duration, failures: u8, random: &mut Rng) -> Duration {
    let doubled = first.saturating_mul(1_u32 << failures.min(10));
    let least = doubled.min(LONGEST_DELAY * 2 / 3);
    least + least.mul_f64(random.f64() / 2.0)
}

/// The circuit breaker: while SiteWise is unreachable, one request at a time probes it.
#[derive(Clone, Debug)]
pub(super) struct Circuit {
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Closed: SiteWise is reachable, with so many failures in a row.
    There { missed: u32, foreign: Option<Row> },
    /// Open: SiteWise is unreachable.
    Away {
        /// Probes that failed.
        failures: u8,
        /// When the next probe may go; none while one is on its way.
        next: Option<Instant>,
    },
}

/// Consecutive foreign responses.
#[derive(Clone, Copy, Debug)]
struct Row {
    count: u32,
    since: Instant,
    /// The stream of the first.
    first: Stream,
    /// Whether other streams got them as well: a single one does not open the circuit.
    several: bool,
}

/// Whether requests may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permit {
    /// As many as may.
    Many,
    /// One, and no other before its answer.
    Probe,
    /// None before this time.
    NotBefore(Instant),
    /// None before an answer.
    Waiting,
}

impl Circuit {
    pub(super) fn new() -> Self {
        Self { state: State::There { missed: 0, foreign: None } }
    }

    pub(super) fn is_away(&self) -> bool {
        matches!(self.state, State::Away { .. })
    }

    pub(super) fn permit(&self, now: Instant) -> Permit {
        match self.state {
            State::There { .. } => Permit::Many,
            State::Away { next: None, .. } => Permit::Waiting,
            State::Away { next: Some(next), .. } if next <= now => Permit::Probe,
            State::Away { next: Some(next), .. } => Permit::NotBefore(next),
        }
    }

    /// A probe goes.
    pub(super) fn probe(&mut self) {
        if let State::Away { next, .. } = &mut self.state {
            *next = None;
        }
    }

    /// SiteWise has answered something.
    pub(super) fn answered(&mut self) {
        self.state = State::There { missed: 0, foreign: None };
    }

    /// A request failed: no response, or not SiteWise's.
    pub(super) fn missed(&mut self, probe: bool, random: &mut Rng, now: Instant) {
        self.state = match self.state {
            State::There { missed, foreign } if missed + 1 < AWAY_AFTER => {
                State::There { missed: missed + 1, foreign }
            }
            State::There { .. } => {
                State::Away { failures: 0, next: Some(now + spread(FIRST_DELAY, 0, random)) }
            }
            State::Away { failures, .. } if probe => State::Away {
                failures: failures.saturating_add(1),
                next: Some(now + spread(FIRST_DELAY, failures.saturating_add(1), random)),
            },
            // An answer to a request from before.
            away @ State::Away { .. } => away,
        };
    }

    /// A foreign response. As long as other requests pass it concerns that stream alone. Returns
    /// whether the circuit has just opened.
    pub(super) fn foreign(
        &mut self,
        (stream, several): (Stream, bool),
        probe: bool,
        random: &mut Rng,
        now: Instant,
    ) -> bool {
        match self.state {
            State::There { missed, foreign } => {
                let row = match foreign {
                    Some(row) => Row {
                        count: row.count + 1,
                        several: row.several || several || row.first != stream,
                        ..row
                    },
                    None => Row { count: 1, since: now, first: stream, several },
                };
                let away =
                    row.several && row.count >= AWAY_AFTER && now.since(row.since) >= FOREIGN_FOR;
                self.state = match away {
                    true => State::Away {
                        failures: 0,
                        next: Some(now + spread(FIRST_DELAY, 0, random)),
                    },
                    false => State::There { missed, foreign: Some(row) },
                };
                away
            }
            State::Away { .. } => {
                self.missed(probe, random, now);
                false
            }
        }
    }

    /// SiteWise denies access as a whole: credentials are missing, expired or wrong.
    pub(super) fn denied(&mut self, probe: bool, random: &mut Rng, now: Instant) {
        let failures = match self.state {
            State::There { .. } => 0,
            State::Away { failures, .. } if probe => failures.saturating_add(1),
            State::Away { .. } => return,
        };
        self.state =
            State::Away { failures, next: Some(now + spread(DENIED_DELAY, failures, random)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_within_their_bounds() {
        let mut random = Rng::with_seed(7);
        for failures in 0..=u8::MAX {
            let delay = delay(FaultKind::Throttled, failures, &mut random);
            let least = Duration::from_millis(500 << failures.min(10)).min(LONGEST_DELAY * 2 / 3);
            assert!(delay >= least && delay <= least * 3 / 2, "{failures}: {delay:?}");
            assert!(delay <= LONGEST_DELAY);
        }
        assert!(delay(FaultKind::NotFound, 0, &mut random) >= Duration::from_secs(2));
    }

    #[test]
    fn what_goes_on_failing_is_tried_ever_rarer_to_once_an_hour() {
        let mut random = Rng::with_seed(7);
        for kind in [FaultKind::NotFound, FaultKind::Foreign, FaultKind::Denied] {
            let delays: Vec<_> = (0..=u8::MAX).map(|n| rarer(kind, n, &mut random)).collect();
            let first_minutes: Duration = delays.iter().take(6).sum();
            assert!(first_minutes < Duration::from_secs(240), "{kind:?}: {first_minutes:?}");
            assert!(delays.iter().all(|delay| *delay <= RAREST), "{kind:?}");
            assert!(delays[30..].iter().all(|delay| *delay >= RAREST / 2), "{kind:?}");
            let week = Duration::from_secs(7 * 24 * 3600);
            let tries = delays.iter().scan(Duration::ZERO, |at, delay| {
                *at += *delay;
                Some(*at)
            });
            let tries = tries.take_while(|at| *at < week).count();
            assert!(tries < 250, "{kind:?}: {tries}");
        }
        // The account's own rate comes back by itself.
        assert!(rarer(FaultKind::Throttled, 200, &mut random) <= LONGEST_DELAY);
    }

    #[test]
    fn delays_follow_from_the_seed() {
        let delays = |seed| {
            let mut random = Rng::with_seed(seed);
            [(); 3].map(|()| delay(FaultKind::Limit, 0, &mut random))
        };
        assert_eq!(delays(1), delays(1));
        assert_ne!(delays(1), delays(2));
    }

    #[test]
    fn while_sitewise_is_away_one_request_at_a_time_asks() {
        let mut random = Rng::with_seed(1);
        let mut circuit = Circuit::new();
        let mut now = Instant::START;
        for _ in 1..AWAY_AFTER {
            circuit.missed(false, &mut random, now);
            assert_eq!(circuit.permit(now), Permit::Many);
        }
        circuit.missed(false, &mut random, now);
        let mut waits = Vec::new();
        for _ in 0..12 {
            let Permit::NotBefore(next) = circuit.permit(now) else {
                panic!("{circuit:?}");
            };
            waits.push(next.since(now));
            now = next;
            assert_eq!(circuit.permit(now), Permit::Probe);
            circuit.probe();
            circuit.missed(false, &mut random, now);
            assert_eq!(circuit.permit(now), Permit::Waiting);
            circuit.missed(true, &mut random, now);
        }
        assert!(waits.windows(2).take(4).all(|pair| pair[1] > pair[0]), "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= LONGEST_DELAY));
        circuit.answered();
        assert_eq!(circuit.permit(now), Permit::Many);
    }
}

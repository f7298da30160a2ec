//! Whether SiteWise is reachable, and what to log of it.
//!
//! The first fault of each cause is logged at once, and the recovery once no call has failed for a
//! while. Sporadic faults among calls that succeed are logged once an hour; faults with no success
//! in between, within seconds, however often they were logged before. What makes the bridge not ready
//! is logged at once, at most once a minute for each cause.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use crate::delivery::rejections::AllRejected;
use crate::sitewise::api::{ApiFault, ApiFaultKind, EntryError};
use crate::sitewise::cause::{self, Cause, Plane};
use crate::time::{Instant, Now, Timestamp, rounded};

/// How long a call may be unanswered before that is logged, while it is still in flight.
const UNANSWERED_AFTER: Duration = Duration::from_secs(5);
/// Interval of the checks for such calls.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Recovered means: one call has succeeded, and none has failed for this long.
const RECOVERED_AFTER: Duration = Duration::from_secs(2);
/// How long a cause is not logged again, unless no call succeeds for [`LASTING_AFTER`].
const RELOG_INTERVAL: Duration = Duration::from_secs(3_600);
/// The same while SiteWise counts as unreachable: the bridge is not ready, and the log says why.
const RELOG_UNREACHABLE: Duration = Duration::from_secs(60);
/// How long calls must fail without a success to be logged again, and to count as failing.
const LASTING_AFTER: Duration = Duration::from_secs(5);

/// How long after the last slow answer calls count as slow.
const SLOW_FOR: Duration = Duration::from_secs(120);
/// The longest that a call may be unanswered while answers are slow. Calls end after half a minute.
const LONGEST_PATIENCE: Duration = Duration::from_secs(25);

/// A change of reachability, to be logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReachabilityChange {
    /// Calls start to fail, or fail for another cause.
    Failing {
        /// Which.
        plane: Plane,
        /// Why.
        cause: Cause,
        /// The fault's message.
        said: String,
        /// When it began.
        since: Timestamp,
    },
    /// They succeed again.
    Recovered {
        /// Which.
        plane: Plane,
        /// For how long they failed.
        away: Duration,
    },
    /// An operation that was denied is allowed again.
    PermissionRestored {
        /// Which calls.
        plane: Plane,
        /// The operation.
        operation: &'static str,
        /// For how long it was denied.
        denied: Duration,
    },
    /// They succeed, but slowly.
    Slow {
        /// Which.
        plane: Plane,
        /// How long the latest took.
        took: Duration,
    },
}

/// All calls, by plane.
#[derive(Debug, Default)]
pub struct Reachability {
    planes: BTreeMap<Plane, Calls>,
    changes: Vec<ReachabilityChange>,
}

/// The calls of a plane.
#[derive(Debug, Default)]
struct Calls {
    /// Calls in flight, in the order in which they were made.
    in_flight: BTreeMap<u64, Instant>,
    /// The last one that was found unanswered.
    last_unanswered: Option<u64>,
    next_check: Option<Instant>,
    trouble: Option<Trouble>,
    /// Operations that are denied, since when.
    denied: BTreeMap<&'static str, Instant>,
    /// Calls in flight of these.
    denied_before: BTreeMap<u64, &'static str>,
    slow: Option<SlowAnswers>,
    /// When slow answers were logged last.
    slow_logged_at: Option<Instant>,
    /// When each cause was logged last.
    logged_at: BTreeMap<Cause, Instant>,
    /// SiteWise counts as unreachable because of them.
    is_unreachable: bool,
    /// The latest fault since a call succeeded.
    last_fault: Option<(Cause, String)>,
}

/// Calls that succeed after [`UNANSWERED_AFTER`].
#[derive(Debug)]
struct SlowAnswers {
    first: Instant,
    last: Instant,
    /// How long the last took.
    latency: Duration,
    /// A later call was slow too, so it is not a single pause.
    is_sustained: bool,
}

/// From the first fault until the recovery.
#[derive(Debug)]
struct Trouble {
    since: Now,
    cause: Cause,
    message: String,
    /// Causes that were logged.
    logged: BTreeSet<Cause>,
    /// Faults since a call succeeded, with the times of the first and the last.
    faults: u32,
    first: Instant,
    last: Instant,
    /// When a call succeeded, if none has failed since.
    recovered_at: Option<Instant>,
}

impl Trouble {
    fn is_lasting(&self, now: Instant) -> bool {
        self.faults > 1 && now.since(self.first) >= LASTING_AFTER
    }
}

impl Reachability {
    /// A call is made. The numbers of a plane's calls increase.
    pub(super) fn call_started(&mut self, plane: Plane, id: u64, now: Now) {
        let calls = self.planes.entry(plane).or_default();
        calls.in_flight.insert(id, now.instant);
        calls.next_check.get_or_insert(now.instant + UNANSWERED_AFTER);
    }

    /// Whether SiteWise counts as unreachable, so that the bridge is not ready.
    pub(super) fn set_unreachable(&mut self, is_unreachable: bool) {
        self.planes.entry(Plane::Write).or_default().is_unreachable = is_unreachable;
    }

    /// What an answer to a call for values says of the way to SiteWise.
    pub(super) fn of_put(answer: &Result<Vec<EntryError>, ApiFault>) -> Option<ApiFault> {
        let errors = match answer {
            Ok(errors) => errors,
            Err(fault) => return Some(fault.clone()),
        };
        let mut errors = errors.iter().map(|error| &error.fault);
        errors.find(|fault| fault.kind == ApiFaultKind::Throttled).cloned()
    }

    /// A call for values was answered; it may be that SiteWise rejects all that is in them.
    pub(super) fn put_answered(
        &mut self,
        id: u64,
        fault: Option<ApiFault>,
        all_rejected: Option<&AllRejected>,
        now: Now,
    ) {
        let fault = fault.as_ref().or(all_rejected.map(|refused| &refused.fault));
        self.call_ended(Plane::Write, id, fault, now);
        self.all_rejected(all_rejected, now);
    }

    /// SiteWise answers, and rejects every value.
    pub(super) fn all_rejected(&mut self, refused: Option<&AllRejected>, now: Now) {
        let Some(AllRejected { since, fault }) = refused else { return };
        let calls = self.planes.entry(Plane::Write).or_default();
        let known = calls.trouble.as_ref().filter(|trouble| trouble.recovered_at.is_none());
        if known.is_some_and(|trouble| trouble.cause == fault.cause && trouble.faults > 1) {
            return;
        }
        let ago = now.instant.since(*since);
        let first = Now { instant: *since, wall: now.wall.minus(ago) };
        // Counted as two failures, since one does not count as lasting.
        calls.failed(fault.cause, &fault.message, first);
        calls.failed(fault.cause, &fault.message, now);
        calls.last_fault = Some((fault.cause, fault.message.clone()));
        self.changes.extend(calls.report(Plane::Write, now.instant));
    }

    /// The call that is made is this operation.
    pub(super) fn call_started_as(&mut self, plane: Plane, id: u64, operation: &'static str) {
        if let Some(calls) = self.planes.get_mut(&plane)
            && calls.denied.contains_key(operation)
        {
            calls.denied_before.insert(id, operation);
        }
    }

    /// A call ended, with this fault if it failed.
    pub(super) fn call_ended(&mut self, plane: Plane, id: u64, fault: Option<&ApiFault>, now: Now) {
        let Some(calls) = self.planes.get_mut(&plane) else { return };
        let Some(sent) = calls.in_flight.remove(&id) else { return };
        let operation = calls.denied_before.remove(&id);
        match fault.map(|fault| (fault.cause, &fault.message)) {
            Some((cause, said)) if cause != Cause::Answer => {
                calls.last_fault = Some((cause, said.clone()));
                match cause {
                    // A missing permission affects one operation only, so it does not count as a
                    // failure of the plane.
                    Cause::Denied(operation) if operation != cause::PUT_OPERATION => {
                        calls.passed(sent, now.instant);
                        calls.denied.entry(operation).or_insert(now.instant);
                        if calls.is_new(cause, now.instant) {
                            calls.logged_at.insert(cause, now.instant);
                            let (said, since) = (said.clone(), now.wall);
                            self.changes.push(ReachabilityChange::Failing {
                                plane,
                                cause,
                                said,
                                since,
                            });
                        }
                    }
                    _ => {
                        calls.failed(cause, said, now);
                        self.changes.extend(calls.report(plane, now.instant));
                    }
                }
            }
            Some(_) | None => {
                calls.last_fault = None;
                calls.passed(sent, now.instant);
                if let Some(operation) = operation
                    && let Some(since) = calls.denied.remove(operation)
                {
                    calls.logged_at.remove(&Cause::Denied(operation));
                    let denied = now.instant.since(since);
                    self.changes.push(ReachabilityChange::PermissionRestored {
                        plane,
                        operation,
                        denied,
                    });
                }
                self.changes.extend(calls.report_slow(plane, now.instant));
            }
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Now) {
        for (plane, calls) in &mut self.planes {
            calls.end_slowness(now.instant);
            calls.check_unanswered(now);
            self.changes.extend(calls.report(*plane, now.instant));
            if let Some(away) = calls.end_of_trouble(now.instant) {
                self.changes.push(ReachabilityChange::Recovered { plane: *plane, away });
            }
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.planes.values().filter_map(Calls::due).min()
    }

    pub(super) fn poll_change(&mut self) -> Option<ReachabilityChange> {
        if self.changes.is_empty() { None } else { Some(self.changes.remove(0)) }
    }

    /// Why calls keep failing, with a remedy: one has no answer, or none has succeeded for a while.
    pub fn failing(&self, plane: Plane, now: Instant) -> Option<String> {
        let trouble = self.planes.get(&plane)?.trouble.as_ref()?;
        let lasts = trouble.cause == Cause::NoAnswer || trouble.is_lasting(now);
        (trouble.recovered_at.is_none() && lasts).then(|| trouble.cause.explain(&trouble.message))
    }

    /// Whether an operation is denied.
    pub fn is_denied(&self, plane: Plane) -> bool {
        self.planes.get(&plane).is_some_and(|calls| !calls.denied.is_empty())
    }

    /// How long calls take, if they succeed slowly.
    pub fn slow(&self, plane: Plane) -> Option<Duration> {
        let slow = self.planes.get(&plane)?.slow.as_ref()?;
        slow.is_sustained.then_some(slow.latency)
    }

    /// Since when calls fail, if the latest did.
    pub fn failing_since(&self, plane: Plane) -> Option<Timestamp> {
        let trouble = self.planes.get(&plane)?.trouble.as_ref()?;
        trouble.recovered_at.is_none().then_some(trouble.since.wall)
    }

    /// Why the latest call failed, if it did, with a remedy.
    pub fn trouble(&self, plane: Plane) -> Option<String> {
        let (cause, said) = self.planes.get(&plane)?.last_fault.as_ref()?;
        Some(cause.explain(said))
    }
}

impl Calls {
    fn is_new(&self, cause: Cause, now: Instant) -> bool {
        let interval = if self.is_unreachable { RELOG_UNREACHABLE } else { RELOG_INTERVAL };
        self.logged_at.get(&cause).is_none_or(|at| now.since(*at) >= interval)
    }

    fn failed(&mut self, cause: Cause, message: &str, now: Now) {
        let trouble = self.trouble.get_or_insert_with(|| Trouble {
            since: now,
            cause,
            message: String::new(),
            logged: BTreeSet::new(),
            faults: 0,
            first: now.instant,
            last: now.instant,
            recovered_at: None,
        });
        if trouble.recovered_at.take().is_some() {
            (trouble.faults, trouble.first) = (0, now.instant);
        }
        trouble.faults = trouble.faults.saturating_add(1);
        trouble.last = now.instant;
        trouble.cause = cause;
        message.clone_into(&mut trouble.message);
    }

    /// A call sent at `sent` has succeeded. One from before the last fault says nothing about the
    /// present, unless it was unanswered for long itself.
    fn passed(&mut self, sent: Instant, now: Instant) {
        let latency = now.since(sent);
        if latency >= UNANSWERED_AFTER {
            let before = self.slow.as_ref();
            let (first, is_sustained) = before
                .map_or((now, false), |slow| (slow.first, slow.is_sustained || sent >= slow.first));
            self.slow = Some(SlowAnswers { first, last: now, latency, is_sustained });
            if is_sustained {
                // SiteWise is slow, not silent.
                self.trouble.take_if(|trouble| trouble.cause == Cause::NoAnswer);
            }
        }
        if let Some(trouble) = &mut self.trouble
            && (sent >= trouble.last || now.since(sent) >= UNANSWERED_AFTER)
        {
            trouble.recovered_at.get_or_insert(now);
        }
    }

    fn report(&mut self, plane: Plane, now: Instant) -> Option<ReachabilityChange> {
        let trouble = self.trouble.as_ref()?;
        let cause = trouble.cause;
        let due = self.is_new(cause, now) || trouble.is_lasting(now);
        if trouble.recovered_at.is_some() || trouble.logged.contains(&cause) || !due {
            return None;
        }
        self.logged_at.insert(cause, now);
        let trouble = self.trouble.as_mut()?;
        trouble.logged.insert(cause);
        let said = trouble.message.clone();
        Some(ReachabilityChange::Failing { plane, cause, said, since: trouble.since.wall })
    }

    /// How long they failed, once they have recovered; none if no failure was logged.
    fn end_of_trouble(&mut self, now: Instant) -> Option<Duration> {
        let passed = self.trouble.as_ref()?.recovered_at?;
        if now.since(passed) < RECOVERED_AFTER {
            return None;
        }
        let trouble = self.trouble.take()?;
        (!trouble.logged.is_empty()).then(|| passed.since(trouble.since.instant))
    }

    fn report_slow(&mut self, plane: Plane, now: Instant) -> Option<ReachabilityChange> {
        let took = self.slow.as_ref().filter(|slow| slow.is_sustained)?.latency;
        if self.slow_logged_at.is_some_and(|at| now.since(at) < RELOG_INTERVAL) {
            return None;
        }
        self.slow_logged_at = Some(now);
        Some(ReachabilityChange::Slow { plane, took })
    }

    fn end_slowness(&mut self, now: Instant) {
        self.slow.take_if(|slow| now.since(slow.last) >= SLOW_FOR);
    }

    /// How long a call may be unanswered.
    fn patience(&self) -> Duration {
        let slow = self.slow.as_ref().filter(|slow| slow.is_sustained);
        slow.map_or(UNANSWERED_AFTER, |slow| {
            (slow.latency * 2).clamp(UNANSWERED_AFTER, LONGEST_PATIENCE)
        })
    }

    fn check_unanswered(&mut self, now: Now) {
        if self.next_check.is_none_or(|at| at > now.instant) {
            return;
        }
        let patience = self.patience();
        let after = self.last_unanswered.map_or(Bound::Unbounded, Bound::Excluded);
        let long = self.in_flight.range((after, Bound::Unbounded));
        let long = long.take_while(|(_, sent)| now.instant.since(**sent) >= patience);
        let found = long.map(|(id, sent)| (*id, *sent)).last();
        if let Some((id, sent)) = found {
            self.last_unanswered = Some(id);
            let said = format!("no answer for {}", rounded(now.instant.since(sent)));
            self.failed(Cause::NoAnswer, &said, now);
            self.last_fault = Some((Cause::NoAnswer, said));
        }
        self.next_check = (!self.in_flight.is_empty()).then(|| now.instant + CHECK_INTERVAL);
    }

    fn due(&self) -> Option<Instant> {
        let trouble = self.trouble.as_ref();
        let settled =
            trouble.and_then(|trouble| trouble.recovered_at).map(|passed| passed + RECOVERED_AFTER);
        let lasting = trouble.filter(|trouble| {
            trouble.recovered_at.is_none()
                && trouble.faults > 1
                && !trouble.logged.contains(&trouble.cause)
        });
        let lasting = lasting.map(|trouble| trouble.first + LASTING_AFTER);
        let slow = self.slow.as_ref().map(|slow| slow.last + SLOW_FOR);
        [self.next_check, settled, lasting, slow].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests;

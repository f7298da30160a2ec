//! Whether the calls to SiteWise pass, and what is to be told of it.
//!
//! The first fault of each cause is told at once, and that calls pass again once none has failed for
//! a while. What fails now and then while others pass is told once an hour, and what fails without
//! one that passes within seconds, however often that was so before.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use crate::sitewise::api::{ApiFault, ApiFaultKind, EntryError};
use crate::sitewise::cause::{self, Cause, Plane};
use crate::time::{Instant, Now, Timestamp};

/// A call without an answer for so long is told before it ends.
const SILENT: Duration = Duration::from_secs(5);
/// Between two looks for such calls.
const LOOK: Duration = Duration::from_secs(1);
/// Calls pass again once one has passed and none has failed for so long.
const SETTLED: Duration = Duration::from_secs(2);
/// For so long a cause that was told is not told again, unless nothing passes for [`LASTING`].
const SAME: Duration = Duration::from_secs(3_600);
const LASTING: Duration = Duration::from_secs(5);

/// What is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Calls begin to fail, or fail in another way.
    Failing {
        /// Which.
        plane: Plane,
        /// Why.
        cause: Cause,
        /// What was said.
        said: String,
        /// When it began.
        since: Timestamp,
    },
    /// They pass again.
    Passing {
        /// Which.
        plane: Plane,
        /// For how long they failed.
        away: Duration,
    },
}

/// All calls, by plane.
#[derive(Debug, Default)]
pub struct Reach {
    planes: BTreeMap<Plane, Calls>,
    told: Vec<Told>,
}

/// The calls of a plane.
#[derive(Debug, Default)]
struct Calls {
    /// Those on their way, in the order in which they were made.
    flying: BTreeMap<u64, Instant>,
    /// Up to here they were looked at, and found silent.
    silent: Option<u64>,
    next_look: Option<Instant>,
    trouble: Option<Trouble>,
    /// When each cause was told last.
    told: BTreeMap<Cause, Instant>,
    /// The latest fault since a call passed.
    last: Option<(Cause, String)>,
}

/// From the first fault until calls pass again.
#[derive(Debug)]
struct Trouble {
    since: Now,
    cause: Cause,
    said: String,
    /// Causes that were told.
    told: BTreeSet<Cause>,
    /// Faults since a call passed, when the first and the last of them was.
    faults: u32,
    first: Instant,
    last: Instant,
    /// When a call passed, if none has failed since.
    passed: Option<Instant>,
}

impl Trouble {
    fn is_lasting(&self, now: Instant) -> bool {
        self.faults > 1 && now.since(self.first) >= LASTING
    }
}

impl Reach {
    /// A call is made. Of a plane each has a larger number than the one before.
    pub(super) fn called(&mut self, plane: Plane, id: u64, now: Now) {
        let calls = self.planes.entry(plane).or_default();
        calls.flying.insert(id, now.instant);
        calls.next_look.get_or_insert(now.instant + SILENT);
    }

    /// A call for values was answered.
    pub(super) fn put(&mut self, id: u64, answer: &Result<Vec<EntryError>, ApiFault>, now: Now) {
        let throttled = answer.as_ref().ok().and_then(|errors| {
            let mut errors = errors.iter().map(|error| &error.fault);
            errors.find(|fault| fault.kind == ApiFaultKind::Throttled)
        });
        self.answered(Plane::Write, id, answer.as_ref().err().or(throttled), now);
    }

    /// A call was answered, with this fault if with any.
    pub(super) fn answered(&mut self, plane: Plane, id: u64, fault: Option<&ApiFault>, now: Now) {
        let Some(calls) = self.planes.get_mut(&plane) else { return };
        let Some(sent) = calls.flying.remove(&id) else { return };
        match fault.map(|fault| (fault.cause, &fault.message)) {
            Some((cause, said)) if cause != Cause::Answer => {
                calls.last = Some((cause, said.clone()));
                match cause {
                    // One right that is missing says nothing of the others.
                    Cause::Action(operation) if operation != cause::WRITE => {
                        calls.passed(sent, now.instant);
                        if calls.is_new(cause, now.instant) {
                            calls.told.insert(cause, now.instant);
                            let (said, since) = (said.clone(), now.wall);
                            self.told.push(Told::Failing { plane, cause, said, since });
                        }
                    }
                    _ => {
                        calls.failed(cause, said, now);
                        self.told.extend(calls.tell(plane, now.instant));
                    }
                }
            }
            Some(_) | None => {
                calls.last = None;
                calls.passed(sent, now.instant);
            }
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Now) {
        for (plane, calls) in &mut self.planes {
            calls.look_for_silence(now);
            self.told.extend(calls.tell(*plane, now.instant));
            if let Some(away) = calls.end_of_trouble(now.instant) {
                self.told.push(Told::Passing { plane: *plane, away });
            }
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.planes.values().filter_map(Calls::due).min()
    }

    pub(super) fn poll(&mut self) -> Option<Told> {
        if self.told.is_empty() { None } else { Some(self.told.remove(0)) }
    }

    /// What the latest call met, where it failed: in words, with what to do.
    pub fn trouble(&self, plane: Plane) -> Option<String> {
        let (cause, said) = self.planes.get(&plane)?.last.as_ref()?;
        Some(cause.explain(said))
    }
}

impl Calls {
    fn is_new(&self, cause: Cause, now: Instant) -> bool {
        self.told.get(&cause).is_none_or(|at| now.since(*at) >= SAME)
    }

    fn failed(&mut self, cause: Cause, said: &str, now: Now) {
        let trouble = self.trouble.get_or_insert_with(|| Trouble {
            since: now,
            cause,
            said: String::new(),
            told: BTreeSet::new(),
            faults: 0,
            first: now.instant,
            last: now.instant,
            passed: None,
        });
        if trouble.passed.take().is_some() {
            (trouble.faults, trouble.first) = (0, now.instant);
        }
        trouble.faults = trouble.faults.saturating_add(1);
        trouble.last = now.instant;
        trouble.cause = cause;
        said.clone_into(&mut trouble.said);
    }

    /// A call that was sent then has passed. One from before the last fault tells nothing of what is
    /// so now, unless it was silent itself.
    fn passed(&mut self, sent: Instant, now: Instant) {
        if let Some(trouble) = &mut self.trouble
            && (sent >= trouble.last || now.since(sent) >= SILENT)
        {
            trouble.passed.get_or_insert(now);
        }
    }

    fn tell(&mut self, plane: Plane, now: Instant) -> Option<Told> {
        let trouble = self.trouble.as_ref()?;
        let cause = trouble.cause;
        let due = self.is_new(cause, now) || trouble.is_lasting(now);
        if trouble.passed.is_some() || trouble.told.contains(&cause) || !due {
            return None;
        }
        self.told.insert(cause, now);
        let trouble = self.trouble.as_mut()?;
        trouble.told.insert(cause);
        let said = trouble.said.clone();
        Some(Told::Failing { plane, cause, said, since: trouble.since.wall })
    }

    /// How long they failed, once they pass again; none where it was not told that they fail.
    fn end_of_trouble(&mut self, now: Instant) -> Option<Duration> {
        let passed = self.trouble.as_ref()?.passed?;
        if now.since(passed) < SETTLED {
            return None;
        }
        let trouble = self.trouble.take()?;
        (!trouble.told.is_empty()).then(|| passed.since(trouble.since.instant))
    }

    fn look_for_silence(&mut self, now: Now) {
        if self.next_look.is_none_or(|at| at > now.instant) {
            return;
        }
        let after = self.silent.map_or(Bound::Unbounded, Bound::Excluded);
        let long = self.flying.range((after, Bound::Unbounded));
        let long = long.take_while(|(_, sent)| now.instant.since(**sent) >= SILENT);
        let found = long.map(|(id, sent)| (*id, *sent)).last();
        if let Some((id, sent)) = found {
            self.silent = Some(id);
            let said = format!("no answer for {:.0?}", now.instant.since(sent));
            self.failed(Cause::Silence, &said, now);
            self.last = Some((Cause::Silence, said));
        }
        self.next_look = (!self.flying.is_empty()).then(|| now.instant + LOOK);
    }

    fn due(&self) -> Option<Instant> {
        let trouble = self.trouble.as_ref();
        let settled = trouble.and_then(|trouble| trouble.passed).map(|passed| passed + SETTLED);
        let lasting = trouble.filter(|trouble| {
            trouble.passed.is_none() && trouble.faults > 1 && !trouble.told.contains(&trouble.cause)
        });
        let lasting = lasting.map(|trouble| trouble.first + LASTING);
        [self.next_look, settled, lasting].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests;

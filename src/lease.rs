//! The lease, pure: which of two bridges acts.
//!
//! One item in a store says who holds it. The holder renews it every [`RENEW`] and acts for
//! [`HOLD`] from the moment at which it *sent* the last renewal that it knows to be written. The
//! other, the follower, takes the lease once it has seen the same version for [`TAKE`] by its own
//! clock, by a write that the store refuses if the version has changed meanwhile. So no clock is
//! ever compared with another's: only their rates matter, and these may differ by [`DRIFT`] each.
//!
//! An answer that is lost costs no safety: a holder that does not know whether its renewal was
//! written acts as if it was not, a bridge that does not know whether it took the lease looks.
//! Every attempt has a version of its own, so whoever reads the item knows which attempt was
//! written, and when it was sent.
//!
//! A call that has just been made cannot be called back: what is on its way when the lease ends
//! arrives shortly after. What must never be done twice asks for [`lease_left`](Lease::lease_left).

mod asks;
mod attempts;
mod calls;
pub mod figures;
pub mod hearing;
pub mod item;
pub mod looks;
pub mod overlap;
pub mod reach;
mod sighting;
pub mod window;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use self::asks::Asks;
use self::attempts::Attempts;
pub use self::figures::{Figures, Role, StopReason};
pub use self::item::{Ability, Answer, Call, CallId, Item, Sense, Version};
use self::sighting::{FollowerSighting, Seen, Sighting};
use crate::time::Instant;

/// How often a holder renews, and a follower says what it can do.
pub const RENEW: Duration = Duration::from_secs(3);
/// How long a holder acts after it sent a renewal that was written.
pub const HOLD: Duration = Duration::from_millis(8_500);
/// How long a follower has to see the same version before it takes the lease.
pub const TAKE: Duration = Duration::from_secs(10);
/// By how much a clock may go too fast or too slow, in percent.
pub const DRIFT: u32 = 5;
/// How often a follower looks.
pub const LOOK: Duration = Duration::from_secs(1);
/// How long a call is waited for.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause after a call that failed, and between looks of a bridge that has left.
const RETRY: Duration = Duration::from_millis(500);
/// How long a bridge waits for each rank of abler ones: longer than these need to see a free lease.
const RANK_WAIT: Duration = Duration::from_millis(1_500);
/// For how long a new holder does not yield: it may only just begin to hear.
const TERM: Duration = Duration::from_secs(10);
/// The first beat is random, and later ones have room above it.
const LARGEST_FIRST_BEAT: u64 = (1 << 48) - 1;
/// A follower that has not written for so long says nothing any more.
const FOLLOWER_ALIVE: Duration = Duration::from_secs(7);
/// A follower's entry that has not changed for so long can be replaced by another process.
const FOLLOWER_GONE: Duration = Duration::from_secs(10);

// The slowest clock's holder has stopped before the fastest clock's follower takes the lease.
const _: () = assert!(
    HOLD.as_millis() * (100 + DRIFT as u128) < TAKE.as_millis() * (100 - DRIFT as u128),
    "a holder would act longer than its lease"
);

/// One thing to be done by the shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Make this call once, for at most [`CALL_TIMEOUT`], and hand back the answer.
    Call(CallId, Call),
    /// This bridge acts from now on, in this epoch.
    Acts(u64),
    /// It acts no longer.
    Stops(StopReason),
    /// The follower lacks the births of these edge nodes.
    Asked(Vec<String>),
}

/// Where this bridge stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Follower,
    /// The item says so, or said so last.
    Holder {
        epoch: u64,
        taken_at: Instant,
    },
    /// A release is on its way; it is repeated until the item shows that it arrived.
    Releasing {
        epoch: u64,
    },
}

/// What this bridge is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Intent {
    Stay,
    /// The process is about to stop: it takes nothing any more.
    Leave,
}

/// How far a bridge is that is about to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LeaveState {
    /// It is not.
    Stays,
    /// Nobody has the lease yet, or this bridge itself still has it.
    Leaving,
    /// Another bridge has the lease.
    HandedOver,
}

/// One bridge's end of the lease.
///
/// After each `handle_*` the caller drains [`poll_output`](Self::poll_output);
/// [`handle_timeout`](Self::handle_timeout) is due at [`poll_timeout`](Self::poll_timeout).
/// Whether it may act the caller asks at every act by [`acts`](Self::acts).
#[derive(Debug)]
pub struct Lease {
    /// This process: no other ever had the same id.
    id: Arc<str>,
    state: State,
    intent: Intent,
    ability: Ability,
    /// Since when it hears all its MQTT servers without a break.
    hears_since: Option<Instant>,
    asks: Asks,
    /// What was seen of the item last; none before the first answer.
    seen: Option<Seen>,
    /// When the call was sent that showed that.
    seen_by: Instant,
    /// When the process was asked to stop.
    left_at: Instant,
    follower: FollowerSighting,
    attempts: Attempts,
    /// Until when the lease of the present epoch is held, as far as is known.
    holds_until: Instant,
    /// Whether the shell was told that it acts.
    told_acting: bool,
    /// The next call only reads: a write was refused, or it is not known what became of it. If its
    /// answers alone were lost, the renewals of a holder that has lapsed would keep the follower
    /// waiting, while nobody acts.
    looks_first: bool,
    in_flight: Option<CallId>,
    next_call: Instant,
    /// When this follower's entry is due.
    next_entry: Instant,
    calls: u64,
    /// The number of the last write.
    beat: u64,
    /// The latest epoch that was ever seen.
    last_epoch: u64,
    /// The asks that were handed to the shell last, and whose.
    last_asked: Option<(Arc<str>, u64)>,
    role_since: Instant,
    figures: Figures,
    outputs: VecDeque<Output>,
}

impl Lease {
    /// A follower that has seen nothing yet. `id` is unique for this process, for ever; `seed` is
    /// random, so that no two processes ever write the same version.
    pub fn new(id: impl Into<Arc<str>>, seed: u64, now: Instant) -> Self {
        let mut lease = Self {
            id: id.into(),
            state: State::Follower,
            intent: Intent::Stay,
            ability: Ability::default(),
            hears_since: None,
            asks: Asks::default(),
            seen: None,
            seen_by: Instant::START,
            left_at: Instant::START,
            follower: FollowerSighting::default(),
            attempts: Attempts::default(),
            holds_until: Instant::START,
            told_acting: false,
            looks_first: true,
            in_flight: None,
            next_call: now,
            next_entry: now,
            calls: 0,
            beat: seed & LARGEST_FIRST_BEAT,
            last_epoch: 0,
            last_asked: None,
            role_since: now,
            figures: Figures::default(),
            outputs: VecDeque::new(),
        };
        lease.advance(now);
        lease
    }

    /// Whether this bridge may act at this moment.
    pub fn acts(&self, now: Instant) -> bool {
        matches!(self.state, State::Holder { .. }) && now < self.holds_until
    }

    /// For how long it may still act.
    pub fn lease_left(&self, now: Instant) -> Duration {
        match self.acts(now) {
            true => self.holds_until.since(now),
            false => Duration::ZERO,
        }
    }

    /// What this bridge can do has changed.
    pub fn handle_ability(&mut self, ability: Ability, now: Instant) {
        if self.ability != ability {
            self.ability = ability;
            // The other should know at once.
            self.next_call = self.next_call.min(now);
            self.next_entry = self.next_entry.min(now);
        }
        self.advance(now);
    }

    /// Since when this bridge hears all its MQTT servers without a break; none while it does not. The
    /// other one learns it with the next renewal.
    pub fn handle_hears_since(&mut self, since: Option<Instant>) {
        self.hears_since = since;
    }

    /// The edge nodes whose births this bridge lacks; of more than [`item::ASKS`] the first are
    /// asked for. Those that it lacks still after a while are asked for again.
    pub fn handle_asks(&mut self, lacking: Vec<String>, now: Instant) {
        if self.asks.set(lacking, now) {
            self.next_entry = self.next_entry.min(now);
        }
        self.advance(now);
    }

    /// The process is about to stop: whoever holds the lease gives it back and acts no longer, and
    /// takes no other. [`Role::HandedOver`] shows once another bridge holds it.
    pub fn handle_leave(&mut self, now: Instant) {
        if std::mem::replace(&mut self.intent, Intent::Leave) == Intent::Stay {
            self.left_at = now;
        }
        if let State::Holder { epoch, .. } = self.state {
            self.release(epoch, StopReason::Leaving, now);
        }
        self.next_call = self.next_call.min(now);
        self.advance(now);
    }

    /// A call was answered, in time or late.
    pub fn handle_answer(&mut self, id: CallId, answer: Answer, now: Instant) {
        // The lease may have ended in between.
        self.stop_if_over(now);
        let awaited = self.in_flight == Some(id);
        if awaited {
            self.in_flight = None;
        }
        match answer {
            Answer::Done(item) => {
                if awaited {
                    self.looks_first = false;
                    self.next_call = match self.state {
                        State::Holder { .. } => id.sent_at + RENEW,
                        State::Follower if self.intent == Intent::Stay => id.sent_at + LOOK,
                        State::Follower | State::Releasing { .. } => id.sent_at + RETRY,
                    };
                }
                self.observe(item, id.sent_at, now);
            }
            Answer::Refused if awaited => {
                self.looks_first = true;
                self.next_call = now;
            }
            Answer::Failed if awaited => self.fail(now),
            Answer::Refused | Answer::Failed => {}
        }
        self.advance(now);
    }

    /// Handles expired timers.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
    }

    /// When the next timer expires.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let call = match self.in_flight {
            Some(id) => Some(id.sent_at + CALL_TIMEOUT),
            None => self.call_at(),
        };
        let end = self.told_acting.then_some(self.holds_until);
        call.into_iter().chain(end).min()
    }

    /// The next output.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What this bridge is.
    pub fn role(&self, now: Instant) -> Role {
        match (self.state, self.leave_state()) {
            (State::Holder { .. }, _) if self.acts(now) => Role::Holder,
            (State::Holder { .. }, _) => Role::Lapsed,
            (State::Releasing { .. }, _) => Role::Releasing,
            (State::Follower, LeaveState::Stays) => Role::Follower,
            (State::Follower, LeaveState::Leaving) => Role::Left,
            (State::Follower, LeaveState::HandedOver) => Role::HandedOver,
        }
    }

    /// Whether the item was read after this bridge began to leave.
    pub fn has_looked_since_leaving(&self) -> bool {
        self.seen_by >= self.left_at
    }

    /// Counters and what is known.
    pub fn figures(&self, now: Instant) -> Figures {
        let seen = self.seen.as_ref();
        let item = seen.and_then(|seen| seen.item.as_ref());
        let was_held = item.is_some_and(|item| item.version.epoch > 0);
        let holder = item.and_then(|item| item.holder.as_ref());
        let is_held_by_another = holder.is_some_and(|holder| *holder != self.id);
        Figures {
            role: self.role(now),
            since: self.role_since,
            version: item.map(|item| item.version),
            holder: holder.cloned(),
            renewed_at: seen.filter(|_| was_held && is_held_by_another).map(|seen| seen.shown_by),
            heard: item.and_then(|item| self.heard_by_another(item)),
            ability: self.ability,
            follower: self.follower.ability(now),
            unfollowed_since: self.unfollowed_since(now),
            ..self.figures.clone()
        }
    }

    /// A clock that is too fast tells of more than there was, one that is too slow sees less of it.
    fn heard_by_another(&self, item: &Item) -> Option<Duration> {
        item.holder.as_ref().filter(|holder| **holder != self.id)?;
        Some(item.heard? * (100 - 2 * DRIFT) / 100)
    }

    fn leave_state(&self) -> LeaveState {
        let item = self.seen.as_ref().and_then(|seen| seen.item.as_ref());
        let holder = item.and_then(|item| item.holder.as_ref());
        match (self.intent, self.state) {
            (Intent::Stay, _) => LeaveState::Stays,
            // It may have been given back just before, to this bridge.
            (Intent::Leave, State::Follower)
                if self.has_looked_since_leaving() && holder.is_some_and(|it| *it != self.id) =>
            {
                LeaveState::HandedOver
            }
            (Intent::Leave, _) => LeaveState::Leaving,
        }
    }

    /// Everything that follows from the time and what is known.
    fn advance(&mut self, now: Instant) {
        self.stop_if_over(now);
        if let Some(id) = self.in_flight
            && id.sent_at + CALL_TIMEOUT <= now
        {
            self.in_flight = None;
            self.fail(now);
        }
        self.yield_to_an_abler(now);
        if self.acts(now) && !self.told_acting {
            let State::Holder { epoch, .. } = self.state else { return };
            self.told_acting = true;
            self.role_since = now;
            self.outputs.push_back(Output::Acts(epoch));
        }
        if self.in_flight.is_none() {
            self.call(now);
        }
    }

    /// The item was seen as it was when a call that was sent at `sent_at` was done.
    fn observe(&mut self, item: Option<Item>, sent_at: Instant, now: Instant) {
        let sighting = sighting::record(&mut self.seen, item, sent_at, now);
        if sighting == Sighting::Outdated {
            return;
        }
        self.seen_by = sent_at;
        let Some(seen) = &self.seen else { return };
        let item = seen.item.clone().unwrap_or_default();
        self.last_epoch = self.last_epoch.max(item.version.epoch);
        let asked = self.follower.record(item.follower.as_ref(), &self.id, now).cloned();
        if item.holder.as_ref() == Some(&self.id) {
            self.observe_own(item.version, now);
            if let Some(entry) = asked
                && matches!(self.state, State::Holder { .. })
            {
                self.hear_asks(entry);
            }
            return;
        }
        match self.state {
            State::Holder { .. } => {
                self.state = State::Follower;
                self.stop(StopReason::Lost, now);
                // As a follower looks, not as a holder renews.
                self.next_call = self.next_call.min(now + LOOK);
            }
            // It arrived, or another took what had run out.
            State::Releasing { .. } => self.state = State::Follower,
            State::Follower => {}
        }
    }

    /// The item names this process as the holder.
    fn observe_own(&mut self, version: Version, now: Instant) {
        let held = |state| match state {
            State::Holder { epoch, .. } | State::Releasing { epoch } => Some(epoch),
            State::Follower => None,
        };
        if held(self.state) != Some(version.epoch) {
            // The lease was taken, perhaps by a call whose answer was lost.
            let epoch = version.epoch;
            self.holds_until = Instant::START;
            self.state = match self.intent {
                Intent::Stay => State::Holder { epoch, taken_at: now },
                Intent::Leave => State::Releasing { epoch },
            };
            self.figures.taken += 1;
        }
        if let Some(sent_at) = self.attempts.sent_at(version) {
            self.holds_until = self.holds_until.max(sent_at + HOLD);
        }
        if matches!(self.state, State::Holder { .. }) && !self.acts(now) {
            self.next_call = now;
        }
    }

    fn hear_asks(&mut self, entry: item::FollowerEntry) {
        let key = (entry.id, entry.ask_number);
        if self.last_asked.as_ref() != Some(&key) {
            self.last_asked = Some(key);
            if !entry.asks.is_empty() {
                self.outputs.push_back(Output::Asked(entry.asks));
            }
        }
    }

    /// A holder that can do less than the follower gives the lease back.
    fn yield_to_an_abler(&mut self, now: Instant) {
        let State::Holder { epoch, taken_at } = self.state else { return };
        let Some(theirs) = self.follower.ability(now) else { return };
        if !self.acts(now) || now < taken_at + TERM || !theirs.is_better(self.ability) {
            return;
        }
        let deaf = self.ability.hears == Sense::No && theirs.hears == Sense::Yes;
        let why = if deaf { StopReason::Deaf } else { StopReason::Unreachable };
        self.figures.yielded += 1;
        self.release(epoch, why, now);
    }

    /// Stops acting, and only then gives the lease back.
    fn release(&mut self, epoch: u64, why: StopReason, now: Instant) {
        self.state = State::Releasing { epoch };
        self.stop(why, now);
        // A renewal on its way is overtaken by the release, or refused after it.
        self.in_flight = None;
        self.looks_first = false;
        self.next_call = now;
    }

    fn stop_if_over(&mut self, now: Instant) {
        if self.told_acting && !self.acts(now) {
            self.figures.lapsed += 1;
            self.looks_first = true;
            self.stop(StopReason::Lapsed, now);
        }
    }

    fn stop(&mut self, why: StopReason, now: Instant) {
        if std::mem::take(&mut self.told_acting) {
            self.role_since = now;
            self.outputs.push_back(Output::Stops(why));
        }
    }

    fn fail(&mut self, now: Instant) {
        self.figures.failed += 1;
        self.looks_first = !self.acts(now) && !matches!(self.state, State::Releasing { .. });
        self.next_call = now + RETRY;
    }
}

#[cfg(test)]
mod tests;

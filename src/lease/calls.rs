//! Which call is made next, and when.

use std::sync::Arc;
use std::time::Duration;

use super::item::{Call, FollowerEntry, Version};
use super::{
    CallId, FOLLOWER_GONE, Intent, Lease, LeaveState, Output, RANK_WAIT, RENEW, State, TAKE,
};
use crate::time::Instant;

impl Lease {
    /// When this bridge takes the lease, if nothing changes; none if it does not.
    pub(super) fn take_at(&self) -> Option<Instant> {
        if self.state != State::Follower || self.intent == Intent::Leave || self.looks_first {
            return None;
        }
        let seen = self.seen.as_ref()?;
        let item = seen.item.as_ref()?;
        // Nobody has held a new one; but somebody may have deleted the one before while its holder
        // acts.
        let released = item.holder.is_none() && item.version.epoch > 0;
        let free_at = if released { seen.since } else { seen.since + TAKE };
        Some(free_at + RANK_WAIT * self.ability.rank())
    }

    /// When the next call is due; none if there is nothing more to be done.
    pub(super) fn call_at(&self) -> Option<Instant> {
        if self.leave_state() == LeaveState::HandedOver {
            return None;
        }
        let take_at = self.take_at();
        Some(take_at.map_or(self.next_call, |at| self.next_call.min(at)))
    }

    /// Makes the call that is due.
    pub(super) fn call(&mut self, now: Instant) {
        if self.call_at().is_none_or(|at| at > now) {
            return;
        }
        let call = self.next(now);
        self.calls += 1;
        let id = CallId { number: self.calls, sent_at: now };
        self.in_flight = Some(id);
        self.outputs.push_back(Output::Call(id, call));
    }

    fn next(&mut self, now: Instant) -> Call {
        if self.looks_first {
            return Call::Look;
        }
        let by = self.id.clone();
        match self.state {
            State::Holder { epoch, .. } => {
                let version = self.attempt(epoch, now);
                Call::Renew { by, version, ability: self.ability, heard: self.heard(now) }
            }
            State::Releasing { epoch } => {
                Call::Release { by, version: Version { epoch, beat: self.next_beat() } }
            }
            State::Follower => self.next_of_follower(by, now),
        }
    }

    fn next_of_follower(&mut self, by: Arc<str>, now: Instant) -> Call {
        let seen = self.seen.as_ref();
        let Some(expected) = seen.and_then(|seen| seen.item.as_ref()).map(|item| item.version)
        else {
            return match self.intent {
                Intent::Stay if seen.is_some() => {
                    Call::Create { version: Version { epoch: 0, beat: self.next_beat() } }
                }
                Intent::Stay | Intent::Leave => Call::Look,
            };
        };
        if self.take_at().is_some_and(|at| at <= now) {
            let version = self.attempt(self.last_epoch + 1, now);
            let heard = self.heard(now);
            return Call::Take { by, expected, version, ability: self.ability, heard };
        }
        self.entry(now).unwrap_or(Call::Look)
    }

    /// What this follower says of itself, if that is due and nobody else does.
    fn entry(&mut self, now: Instant) -> Option<Call> {
        if self.intent == Intent::Leave || self.next_entry > now {
            return None;
        }
        let replaces = match self.follower.entry() {
            // While one process replaces another there are three: the abler one is heard.
            Some(entry)
                if now.since(entry.changed_at) < FOLLOWER_GONE
                    && self.ability.rank() >= entry.ability.rank() =>
            {
                return None;
            }
            Some(entry) => Some((entry.id.clone(), entry.beat)),
            None => None,
        };
        self.next_entry = now + RENEW;
        let (ask_number, asks) = self.asks.said();
        let beat = self.next_beat();
        let entry =
            FollowerEntry { id: self.id.clone(), beat, ability: self.ability, asks, ask_number };
        Some(Call::Follow { entry, replaces })
    }

    /// For how long this bridge has heard its MQTT servers.
    fn heard(&self, now: Instant) -> Option<Duration> {
        self.hears_since.map(|since| now.since(since))
    }

    fn attempt(&mut self, epoch: u64, now: Instant) -> Version {
        let version = Version { epoch, beat: self.next_beat() };
        self.attempts.record(version, now);
        version
    }

    fn next_beat(&mut self) -> u64 {
        self.beat += 1;
        self.beat
    }
}

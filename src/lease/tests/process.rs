//! One bridge with a clock of its own, and the way between it and the store.

use std::time::Duration;

use crate::lease::{Ability, Lease, Sense};
use crate::time::Instant;

/// Microseconds of true time.
pub(super) type Micros = u64;
pub(super) const SECOND: Micros = 1_000_000;

pub(super) const ABLE: Ability = Ability { hears: Sense::Yes, reaches: Sense::Yes };

/// The way between a process and the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Network {
    /// Up to 50 ms a way.
    Fine,
    /// Up to 4 s a way, and of a hundred messages one up to 40 s.
    Slow,
    /// A third of all requests and answers are lost.
    Lossy,
    /// Every request arrives and no answer.
    AnswersLost,
    /// Nothing arrives.
    Cut,
}

#[derive(Debug)]
pub(super) struct Process {
    pub(super) lease: Lease,
    /// Parts of a million by which its clock goes too fast.
    pub(super) drift: i64,
    pub(super) born: Micros,
    /// What its clock showed then.
    pub(super) clock_at_birth: Micros,
    pub(super) network: Network,
    pub(super) ability: Ability,
    /// Stopped until then.
    pub(super) paused_until: Micros,
    pub(super) is_alive: bool,
    /// When it was told to stop.
    pub(super) left_at: Option<Micros>,
    /// Since when it could act if nobody else did.
    pub(super) good_since: Option<Micros>,
    /// What it could do, and from when.
    pub(super) abilities: Vec<(Micros, Ability)>,
    /// Since when it should have given the lease to an abler one.
    pub(super) should_yield_since: Option<Micros>,
    pub(super) is_lapsed: bool,
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    There,
    Back,
}

/// What a process calls itself.
pub(super) fn name(place: usize) -> String {
    format!("process {place}")
}

impl Process {
    /// What its clock shows.
    pub(super) fn clock(&self, now: Micros) -> Instant {
        let passed = (now - self.born) as i128 * (1_000_000 + self.drift) as i128 * 1_000;
        let nanos = u64::try_from(passed / 1_000_000).unwrap_or_default();
        let at_birth = Duration::from_micros(self.clock_at_birth);
        Instant::from_start(at_birth + Duration::from_nanos(nanos))
    }

    /// When its clock shows that, rounded up.
    pub(super) fn when(&self, clock: Instant) -> Micros {
        let passed = clock.since_start().saturating_sub(Duration::from_micros(self.clock_at_birth));
        let micros = passed.as_nanos() * 1_000_000 / (1_000_000 + self.drift) as u128 / 1_000;
        self.born + u64::try_from(micros).unwrap_or(u64::MAX) + 1
    }

    /// Whether it could do more than `ability` lately: as long as what it wrote can be on its way,
    /// and is believed after it arrived.
    pub(super) fn was_better(&self, ability: Ability, now: Micros) -> bool {
        let ends = self.abilities.iter().skip(1).map(|(from, _)| *from).chain([Micros::MAX]);
        let recent = self
            .abilities
            .iter()
            .zip(ends)
            .filter(|(_, end)| end.saturating_add(50 * SECOND) > now);
        recent.into_iter().any(|((_, could), _)| could.is_better(ability))
    }

    /// Whether nothing keeps it from acting.
    pub(super) fn is_good(&self, now: Micros) -> bool {
        self.is_alive
            && self.left_at.is_none()
            && self.paused_until <= now
            && self.network == Network::Fine
            && self.ability == ABLE
    }
}

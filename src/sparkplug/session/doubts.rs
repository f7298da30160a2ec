//! Whether an online node is alive: what raises a doubt, and what ends it.

use super::SessionContext;
use super::online::OnlineSession;
use crate::sparkplug::config::Config;
use crate::sparkplug::event::DeathCause;
use crate::time::Instant;

/// The node may be dead.
#[derive(Clone, Copy, Debug)]
pub(super) struct DeathDoubt {
    cause: DeathCause,
    since: Instant,
    /// It has been asked, and is dead then unless it gives a sign of life.
    until: Option<Instant>,
}

impl DeathDoubt {
    /// When it is dead, if it was asked.
    pub(super) fn until(self) -> Option<Instant> {
        self.until
    }
}

impl OnlineSession {
    /// Marks the node as possibly dead. After the rebirth request it counts as dead unless a
    /// message arrives before the deadline.
    pub(super) fn doubt(&mut self, cause: DeathCause, now: Instant) {
        self.death_doubt.get_or_insert(DeathDoubt { cause, since: now, until: None });
    }

    /// It has been asked, and has until `deadline`; so long what waits for births of its devices does.
    pub(super) fn set_answer_deadline(&mut self, deadline: Instant) {
        // Who was awaited by a stored birth alone was not asked before.
        let is_first = std::mem::take(&mut self.stored.is_unasked);
        if !self.waiting.is_empty() || is_first && self.devices_unborn > 0 {
            self.birth_grace_until = self.birth_grace_until.max(Some(deadline));
        }
        if let Some(doubt) = &mut self.death_doubt {
            doubt.until.get_or_insert(deadline);
        }
    }

    /// A message arrived, too late to have been sent before the doubt.
    pub(super) fn note_heard(&mut self, context: &SessionContext<'_>) {
        let now = context.now.instant;
        self.last_heard = now;
        self.elsewhere = None;
        self.note_alive(context);
    }

    /// It lives, wherever that was heard.
    pub(super) fn note_alive(&mut self, context: &SessionContext<'_>) {
        let now = context.now.instant;
        self.death_doubt = self
            .death_doubt
            .filter(|doubt| now.since(doubt.since) < context.config.reorder_timeout);
    }

    /// Whether it may be dead.
    pub(super) fn is_doubted(&self) -> bool {
        self.death_doubt.is_some()
    }

    pub(super) fn death_cause(&self, now: Instant) -> Option<DeathCause> {
        let doubt = self.death_doubt.filter(|doubt| doubt.until.is_some_and(|until| until <= now));
        doubt.map(|doubt| doubt.cause)
    }

    /// Whether it is to be asked since it is silent. The silence of who may not be asked says
    /// nothing, and begins anew.
    pub(super) fn take_silence(&mut self, config: &Config, now: Instant, may_ask: bool) -> bool {
        let silent = self.silence_deadline(config).is_some_and(|deadline| deadline <= now);
        if silent && !may_ask {
            self.last_heard = now;
        }
        silent && may_ask
    }

    pub(super) fn silence_deadline(&self, config: &Config) -> Option<Instant> {
        config
            .silence
            .filter(|_| self.death_doubt.is_none())
            .map(|silence| self.last_heard + silence)
    }
}

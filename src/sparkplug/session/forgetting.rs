//! Eviction: nodes that were never born first, those that are offline for long, and those that may
//! be made up.

use std::time::Duration;

use super::{EdgeSession, RebirthTrigger, SessionContext, SessionState};
use crate::sparkplug::config::Config;
use crate::sparkplug::event::DeathCause;
use crate::time::Instant;

/// How long a silent node that was never born is kept.
const UNKNOWN_FOR: Duration = Duration::from_secs(24 * 3600);
/// How long a silent node that is offline is kept.
const OFFLINE_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long a silent node that has sent data keeps its tables when memory is short, and one that has
/// sent none its place when all are taken.
const SILENT_FOR: Duration = Duration::from_secs(600);
/// How long one whose tables were evicted keeps its devices' names when memory is short, and any that
/// is alive its place when all are taken, before it is asked whether it is alive.
const UNASKED_FOR: Duration = Duration::from_secs(3600);

/// The order of eviction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EvictionClass {
    /// It was never born.
    Unknown,
    /// It died, or SiteWise had it as offline at our start.
    Offline,
    /// It was born once and said nothing since: it may be made up.
    Unproven,
}

/// In which order tables are evicted: the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TableEvictionRank {
    pub data: DataSent,
    pub tables: TablesOf,
    pub silent_since: Instant,
}

/// Whether a node ever sent data after a birth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DataSent {
    Never,
    Once,
}

/// Whose tables they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TablesOf {
    /// A node that is online.
    Online,
    /// A node whose birth is awaited: of it only what its devices are called.
    Awaited,
}

impl EdgeSession {
    /// Whether it may be evicted, and since when it is silent. Nodes that are online, expected, or
    /// lost with their server may not, unless they said nothing after a birth and are silent for long,
    /// or were lost a week ago.
    pub(crate) fn eviction_candidate(&self, now: Instant) -> Option<(EvictionClass, Instant)> {
        let heard = self.last_heard.filter(|_| !self.has_answered);
        let unproven = heard
            .filter(|heard| now.since(*heard) >= SILENT_FOR)
            .map(|heard| (EvictionClass::Unproven, heard));
        let SessionState::Awaited(awaited) = &self.state else { return unproven };
        let silent_since = self.last_heard.unwrap_or(self.created);
        // A server that is lost for good keeps nobody's place for ever.
        let is_lost = awaited.is_lost() && now.since(silent_since) < OFFLINE_FOR;
        if awaited.is_to_be_asked() || is_lost {
            return unproven;
        }
        let was_born = self.birth_emitted || self.was_known;
        let kind = if was_born { EvictionClass::Offline } else { EvictionClass::Unknown };
        Some((kind, silent_since))
    }

    /// Whether it was asked because memory is short or it is silent, and has not answered yet.
    pub(crate) fn is_probed(&self) -> bool {
        match &self.state {
            SessionState::Awaited(awaited) => {
                let is_asked = awaited.is_expected() && !awaited.has_unread_birth();
                is_asked && self.has_answered && self.requests.due().is_some()
            }
            SessionState::Online(_) => false,
        }
    }

    /// Whether its tables may be evicted, and in which order.
    pub(crate) fn table_eviction_rank(&self, now: Instant) -> Option<TableEvictionRank> {
        let heard_at = self.last_heard.unwrap_or(self.created);
        let is_long_silent = !self.has_answered || now.since(heard_at) >= SILENT_FOR;
        // A node that was not asked for its birth yet, or may still answer, keeps its devices.
        let (tables, keeps_tables) = match &self.state {
            SessionState::Awaited(awaited) if awaited.has_unread_birth() => {
                (TablesOf::Awaited, self.has_answered && now.since(heard_at) < UNASKED_FOR)
            }
            SessionState::Awaited(awaited) => {
                (TablesOf::Awaited, awaited.is_expected() || self.has_answered)
            }
            SessionState::Online(_) => (TablesOf::Online, false),
        };
        let data = if self.has_answered { DataSent::Once } else { DataSent::Never };
        (is_long_silent && !keeps_tables && self.memory_use().tables > 0)
            .then_some(TableEvictionRank { data, tables, silent_since: heard_at })
    }

    /// When a node whose birth cannot be read, or was evicted, has been silent for
    /// `SPARKPLUG_SILENCE`.
    pub(super) fn unread_silence(&self, config: &Config) -> Option<Instant> {
        let SessionState::Awaited(awaited) = &self.state else { return None };
        let silence = config.silence.filter(|_| awaited.has_unread_birth())?;
        Some(self.last_heard.unwrap_or(self.created) + silence)
    }

    /// Such a node has been silent for long: it is asked, and counts as offline with its devices if
    /// it does not answer.
    pub(super) fn probe_unread(&mut self, why: RebirthTrigger, context: &mut SessionContext<'_>) {
        if let SessionState::Awaited(awaited) = &mut self.state {
            awaited.should_ask();
        }
        if self.may_ask(why, context) {
            self.request(why, context);
        }
    }

    /// Whether its silence exceeds the limit after which a session is removed.
    pub(crate) fn is_expired(&self, now: Instant) -> bool {
        self.eviction_candidate(now).is_some_and(|(kind, since)| match kind {
            EvictionClass::Unknown => now.since(since) >= UNKNOWN_FOR,
            // Whose server is lost goes only where its place is needed.
            EvictionClass::Offline => !self.is_lost() && now.since(since) >= OFFLINE_FOR,
            EvictionClass::Unproven => false,
        })
    }

    /// Whether its server was lost, and did not come back without it.
    pub(super) fn is_lost(&self) -> bool {
        matches!(&self.state, SessionState::Awaited(awaited) if awaited.is_lost())
    }

    /// Its slot is needed: what was emitted as alive is emitted as offline.
    pub(crate) fn evict(&mut self, context: &mut SessionContext<'_>) {
        let is_alive = match &self.state {
            SessionState::Awaited(awaited) => awaited.is_expected(),
            SessionState::Online(_) => true,
        };
        if is_alive {
            self.go_offline_silent(DeathCause::Silent, context);
        }
    }

    /// Since when it is silent, if it is for long, is alive as far as is known, and was not asked.
    pub(crate) fn long_silent_since(&self, now: Instant) -> Option<Instant> {
        let is_alive = match &self.state {
            SessionState::Awaited(awaited) => awaited.has_unread_birth(),
            SessionState::Online(online) => !online.is_doubted(),
        };
        let heard_at = self.last_heard.unwrap_or(self.created);
        (is_alive && now.since(heard_at) >= UNASKED_FOR).then_some(heard_at)
    }

    /// Whether it is to say that it is alive.
    pub(crate) fn is_asked_if_alive(&self) -> bool {
        match &self.state {
            SessionState::Awaited(_) => self.is_probed(),
            SessionState::Online(online) => online.is_doubted(),
        }
    }

    /// Its slot may be needed: it is asked whether it is alive, if it may be.
    pub(crate) fn probe_silent(&mut self, context: &mut SessionContext<'_>) {
        if !self.may_ask(RebirthTrigger::Probe, context) {
            return;
        }
        match &mut self.state {
            SessionState::Awaited(awaited) => awaited.should_ask(),
            SessionState::Online(online) => {
                online.doubt(DeathCause::Silent, context.now.instant);
            }
        }
        self.request(RebirthTrigger::Probe, context);
    }
}

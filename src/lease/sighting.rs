//! What was seen of the item, and since when it is unchanged.

use std::sync::Arc;

use super::FOLLOWER_ALIVE;
use super::item::{Ability, FollowerEntry, Item};
use crate::time::Instant;

/// The item as it was seen last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// None if there was none.
    pub(super) item: Option<Item>,
    /// When the answer arrived that showed this version first.
    pub(super) since: Instant,
    /// When the call was sent that showed this version first: what it says may be as old as that, however
    /// late the answer was read.
    pub(super) shown_by: Instant,
    /// When the answer arrived that showed it last.
    arrived: Instant,
}

/// What an answer is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sighting {
    /// It shows the item as it was before what was seen last.
    Outdated,
    /// It is taken for the item's state.
    Accepted,
}

/// Takes an answer to a call that was sent at `sent_at`. One that was sent before the last answer
/// arrived may be older than that. One that was sent later is not, whatever it shows: somebody may
/// have restored the table, or deleted the item.
pub(super) fn record(
    seen: &mut Option<Seen>,
    item: Option<Item>,
    sent_at: Instant,
    now: Instant,
) -> Sighting {
    let version = |item: &Option<Item>| item.as_ref().map(|item| item.version);
    let Some(last) = seen else {
        *seen = Some(Seen { item, since: now, shown_by: sent_at, arrived: now });
        return Sighting::Accepted;
    };
    if sent_at < last.arrived && version(&item) <= version(&last.item) {
        return Sighting::Outdated;
    }
    let (since, shown_by) = match version(&item) == version(&last.item) {
        true => (last.since, last.shown_by),
        false => (now, sent_at),
    };
    *last = Seen { item, since, shown_by, arrived: now };
    Sighting::Accepted
}

/// The entry of a follower that is another process.
#[derive(Clone, Debug)]
pub(super) struct SeenEntry {
    pub(super) id: Arc<str>,
    pub(super) beat: u64,
    pub(super) ability: Ability,
    /// When it changed last.
    pub(super) changed_at: Instant,
}

/// Whether another process follows.
#[derive(Clone, Debug, Default)]
pub(super) struct FollowerSighting {
    entry: Option<SeenEntry>,
    /// When the last entry of any process changed last.
    last_seen: Option<Instant>,
}

impl FollowerSighting {
    /// Takes what the item says. Returns the entry if it is another's.
    pub(super) fn record<'a>(
        &mut self,
        entry: Option<&'a FollowerEntry>,
        me: &Arc<str>,
        now: Instant,
    ) -> Option<&'a FollowerEntry> {
        let entry = entry.filter(|entry| entry.id != *me);
        let last = self.entry.take();
        self.entry = entry.map(|entry| {
            let same = |last: &SeenEntry| last.id == entry.id && last.beat == entry.beat;
            let changed_at = last.filter(same).map_or(now, |last| last.changed_at);
            let FollowerEntry { id, beat, ability, .. } = entry;
            SeenEntry { id: Arc::clone(id), beat: *beat, ability: *ability, changed_at }
        });
        self.last_seen = self.entry.as_ref().map(|entry| entry.changed_at).or(self.last_seen);
        entry
    }

    /// What the follower can do; none if none is alive.
    pub(super) fn ability(&self, now: Instant) -> Option<Ability> {
        let entry = self.entry.as_ref()?;
        (now.since(entry.changed_at) < FOLLOWER_ALIVE).then_some(entry.ability)
    }

    /// The entry, alive or not.
    pub(super) fn entry(&self) -> Option<&SeenEntry> {
        self.entry.as_ref()
    }

    /// When a follower was seen last.
    pub(super) fn last_seen(&self) -> Option<Instant> {
        self.last_seen
    }
}

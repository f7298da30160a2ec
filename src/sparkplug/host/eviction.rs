//! Eviction of edge nodes: at the limit those that were never born first, then those that are
//! offline longest, then those that said nothing after a birth and are silent for long. Where there
//! is none of these, others that are silent for long are asked whether they are alive.

use std::time::Duration;

use super::Host;
use crate::sparkplug::address::EdgeNode;
use crate::sparkplug::config::Config;
use crate::sparkplug::findings::Finding;
use crate::sparkplug::limits;
use crate::sparkplug::session::{DataSent, EdgeSession, TableEvictionRank, TablesOf};
use crate::time::{Instant, Now};

/// How many candidates one search collects, so that the search is amortised.
const BATCH: usize = 1024;
/// Pause between two evictions of tables that freed too little, and between two searches for nodes
/// to evict that found none.
const BETWEEN: Duration = Duration::from_secs(1);
/// Nodes that are probed at once at most, so that dead ones, or their tables, can be evicted.
const PROBES: usize = 100;
/// How often those that are silent for long are looked for.
const SWEEP: Duration = Duration::from_secs(600);

impl Host {
    /// A place for this edge node, if there is one.
    pub(super) fn free_place(&mut self, group: &str, node: &str, now: Now) -> Option<usize> {
        if let Some(index) = self.free_indices.pop() {
            return Some(index);
        }
        if self.sessions.len() < limits::NODES {
            return Some(self.sessions.len());
        }
        let next = || format!("{group}/{node}");
        self.counters.findings.note_with_example(Finding::TooManyNodes, next);
        self.record_findings(None, "", now.wall);
        if self.evictable.is_empty() {
            self.find_evictable(now);
        }
        while let Some((index, heard)) = self.evictable.pop() {
            let session = self.sessions.get(index);
            let evictable = session.and_then(|session| session.eviction_candidate(now.instant));
            if evictable.is_some_and(|(_, since)| since == heard) {
                self.update_session(index, now, EdgeSession::evict);
                self.remove_session(index);
                return self.free_indices.pop();
            }
        }
        None
    }

    /// Finds the sessions that may be evicted: the last is the first to go.
    fn find_evictable(&mut self, now: Now) {
        if self.no_evictable_at.is_some_and(|at| now.instant.since(at) < BETWEEN) {
            return;
        }
        let sessions = self.sessions.iter().enumerate();
        let mut all: Vec<_> = sessions
            .filter_map(|(index, session)| Some((session.eviction_candidate(now.instant)?, index)))
            .collect();
        all.sort_unstable();
        all.truncate(BATCH);
        self.evictable = all.into_iter().rev().map(|((_, since), index)| (index, since)).collect();
        self.no_evictable_at = self.evictable.is_empty().then_some(now.instant);
        if self.evictable.is_empty() {
            self.probe_silent(now);
        }
    }

    /// Asks those that are silent for long whether they are alive, the longest silent first.
    fn probe_silent(&mut self, now: Now) {
        let asked = self.sessions.iter().filter(|session| session.is_asked_if_alive()).count();
        let sessions = self.sessions.iter().enumerate();
        let mut silent: Vec<_> = sessions
            .filter_map(|(index, session)| Some((session.long_silent_since(now.instant)?, index)))
            .collect();
        silent.sort_unstable();
        for (_, index) in silent.into_iter().take(PROBES.saturating_sub(asked)) {
            self.update_session(index, now, EdgeSession::probe_silent);
        }
    }

    /// Removes long-silent sessions, at most once per sweep interval.
    pub(super) fn sweep(&mut self, now: Now) {
        if now.instant.since(self.last_sweep) < SWEEP {
            return;
        }
        self.last_sweep = now.instant;
        for index in 0..self.sessions.len() {
            let is_expired = |session: &EdgeSession| {
                !session.edge().group.is_empty() && session.is_expired(now.instant)
            };
            if self.sessions.get(index).is_some_and(is_expired) {
                self.remove_session(index);
            }
        }
    }

    /// Removes a node's session. Its counts are kept.
    fn remove_session(&mut self, index: usize) {
        let Some(session) = self.sessions.get_mut(index) else { return };
        let nobody = EdgeSession::new(EdgeNode::new("", ""), Instant::START);
        let session = std::mem::replace(session, nobody);
        let edge = session.edge();
        if let Some(nodes) = self.index_of_node.get_mut(&*edge.group) {
            nodes.remove(&*edge.node);
            if nodes.is_empty() {
                self.index_of_node.remove(&*edge.group);
            }
        }
        self.count(&session);
        let load = session.memory_use();
        self.memory_use.tables = self.memory_use.tables.saturating_sub(load.tables);
        self.memory_use.past_leaves = self.memory_use.past_leaves.saturating_sub(load.past_leaves);
        self.memory_use.unproven = self.memory_use.unproven.saturating_sub(load.unproven);
        self.memory_use.bytes = self.memory_use.bytes.saturating_sub(load.bytes);
        self.request_scheduler.set(index, None);
        if let Some(due) = self.armed_timers.get_mut(index).and_then(Option::take) {
            self.timers.remove(&(due, index));
        }
        self.free_indices.push(index);
    }

    /// Drops the tables that are only kept for late data of the session before.
    fn drop_prior_tables(&mut self) {
        for session in &mut self.sessions {
            let before = session.memory_use();
            session.drop_prior_tables();
            let after = session.memory_use();
            self.memory_use.tables -= before.tables.saturating_sub(after.tables);
            self.memory_use.unproven -= before.unproven.saturating_sub(after.unproven);
        }
        self.memory_use.past_leaves = 0;
    }

    /// Evicts tables when all together exceed their limit: those of offline nodes first, then of
    /// nodes that have sent no data after a birth, then of long silent ones; of each the longest
    /// silent first. The `current` node keeps its own.
    pub(super) fn make_room(&mut self, current: Option<usize>, now: Now) {
        let Config { table_bytes: all, unproven_table_bytes: unproven, .. } = self.config;
        // An eighth at a time, so that not every further birth evicts.
        let most = |of: usize| of - of / 8;
        let is_full = self.memory_use.tables > most(all);
        if !is_full && self.memory_use.unproven <= unproven {
            return;
        }
        if self.eviction_exhausted_at.is_some_and(|at| now.instant.since(at) < BETWEEN) {
            return;
        }
        if is_full && self.memory_use.past_leaves > 0 {
            self.drop_prior_tables();
        }
        let sessions = self.sessions.iter().enumerate();
        let mut order: Vec<_> = sessions
            .filter(|(index, _)| Some(*index) != current)
            .filter_map(|(index, session)| Some((session.table_eviction_rank(now.instant)?, index)))
            .collect();
        order.sort_unstable();
        // Asking gives nothing back before the answer is due: no more are asked than are needed.
        let probed = self.sessions.iter().filter(|session| session.is_probed());
        let (mut probes, mut freed) =
            probed.fold((0, 0), |(count, bytes), s| (count + 1, bytes + s.memory_use().tables));
        for (TableEvictionRank { data, tables, .. }, index) in order {
            let full = self.memory_use.tables.saturating_sub(freed) > most(most(all));
            let many = self.memory_use.unproven > most(unproven);
            if !(is_full && full || data == DataSent::Never && many) {
                continue;
            }
            if data == DataSent::Once && tables == TablesOf::Awaited {
                if probes == PROBES {
                    continue;
                }
                probes += 1;
                freed += self.sessions.get(index).map_or(0, |session| session.memory_use().tables);
            }
            self.update_session(index, now, EdgeSession::evict_tables);
            self.record_findings(Some(index), "", now.wall);
        }
        let still = self.memory_use.tables > most(all) || self.memory_use.unproven > unproven;
        self.eviction_exhausted_at = still.then_some(now.instant);
    }

    /// Keeps the counts of a session that is removed.
    fn count(&mut self, session: &EdgeSession) {
        self.counters.findings.merge(session.findings());
        self.counters.excluded_values += session.excluded();
        for (total, count) in self.counters.skipped_values.iter_mut().zip(session.unread()) {
            *total += count;
        }
    }
}

//! Edge nodes of which a live message was dropped: a later one shows the gap, where there is one. A
//! node that died, or is quiet from then on, sends none.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::sparkplug::address::EdgeNode;
use crate::sparkplug::host::LostSenders;
use crate::sparkplug::topic::{MessageType, Topic};

/// How many are known by name; beyond that it may be any.
const SENDERS: usize = 1_000;
/// The same of those whose death was dropped.
const DEATHS: usize = 20_000;

/// Whose messages were dropped since that was last taken.
#[derive(Debug, Default)]
pub(super) struct LossRecord {
    has_lost: AtomicBool,
    lost: Mutex<LostSenders>,
}

impl LossRecord {
    /// A live message of this topic was dropped.
    pub(super) fn add(&self, topic: &str) {
        let Ok(Topic::Edge(edge)) = Topic::parse(topic) else { return };
        let is_death = match (edge.verb, edge.device) {
            (MessageType::Command, _) => return,
            (MessageType::Death, None) => true,
            (MessageType::Death | MessageType::Birth | MessageType::Data, _) => false,
        };
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let LostSenders { senders, deaths, are_more, are_more_deaths } = &mut *lost;
        let (set, limit, is_full) = match is_death {
            true => (deaths, DEATHS, are_more_deaths),
            false => (senders, SENDERS, are_more),
        };
        if set.len() < limit {
            set.insert(EdgeNode::new(edge.group, edge.node));
        } else {
            *is_full = true;
        }
        self.has_lost.store(true, Ordering::Release);
    }

    /// Takes what was recorded; none if nothing was.
    pub(super) fn take(&self) -> Option<LostSenders> {
        let has_lost = self.has_lost.swap(false, Ordering::Acquire);
        has_lost
            .then(|| std::mem::take(&mut *self.lost.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

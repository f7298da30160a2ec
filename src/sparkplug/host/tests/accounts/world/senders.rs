//! Nodes whose devices are published by senders of their own, each of which numbers its messages.

use std::collections::BTreeMap;

use crate::sparkplug::proto::Payload;

/// The next number of each sender, by its device; of the node's own by an empty name.
pub(super) struct OwnSeq {
    next: BTreeMap<String, u8>,
    /// Whether a birth begins at zero; else its sender counts on.
    begins_at_birth: bool,
    chance: fastrand::Rng,
}

impl OwnSeq {
    /// One node in five has such senders.
    pub(super) fn of(seed: u64, node: usize) -> Option<Self> {
        let mut chance = fastrand::Rng::with_seed(seed.rotate_left(17) ^ (node as u64 + 1));
        let is_so = chance.u8(0..5) == 0;
        let begins_at_birth = chance.bool();
        is_so.then(|| Self { next: BTreeMap::new(), begins_at_birth, chance })
    }

    /// Numbers a message as its sender does.
    pub(super) fn number(&mut self, topic: &str, payload: &mut Payload) {
        if payload.seq.is_none() {
            return;
        }
        let sender = topic.split('/').nth(4).unwrap_or("").to_owned();
        let first = if self.begins_at_birth { 0 } else { self.chance.u8(..) };
        // The node's own birth is numbered as the specification wants it.
        let begins = topic.contains("BIRTH") && (sender.is_empty() || self.begins_at_birth);
        let next = self.next.entry(sender.clone()).or_insert(first);
        if begins {
            *next = 0;
        }
        payload.seq = Some(u64::from(*next));
        *next = next.wrapping_add(1);
    }

    /// A sender loses so many messages.
    pub(super) fn skip(&mut self, device: Option<&str>, count: u8) {
        let next = self.next.entry(device.unwrap_or("").to_owned()).or_default();
        *next = next.wrapping_add(count);
    }
}

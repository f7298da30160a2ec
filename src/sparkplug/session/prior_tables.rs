//! What a node's names and aliases meant before it went offline: data before its next birth is read
//! if the birth says the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::SessionMessage;
use crate::sparkplug::host::ServerId;
use crate::sparkplug::table::BirthTable;

/// The tables of a node that is not online, or not born as a whole.
#[derive(Clone, Debug)]
pub(super) struct PriorTables {
    server: ServerId,
    bd_seq: Option<u64>,
    own: BirthTable,
    devices: BTreeMap<Arc<str>, BirthTable>,
    bytes: usize,
}

impl PriorTables {
    pub(super) fn new(server: ServerId, bd_seq: Option<u64>, own: BirthTable) -> Self {
        Self { server, bd_seq, bytes: own.bytes(), own, devices: BTreeMap::new() }
    }

    /// With the node's own table.
    pub(super) fn with_own(mut self: Box<Self>, own: BirthTable) -> Box<Self> {
        self.bytes = self.bytes - self.own.bytes() + own.bytes();
        self.own = own;
        self
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The same without any name: a birth that cannot be read has ended them.
    pub(super) fn without_tables(self) -> Box<Self> {
        Box::new(Self { own: BirthTable::default(), devices: BTreeMap::new(), bytes: 0, ..self })
    }

    /// Whether a birth of `server` with this bdSeq is of the same session.
    pub(super) fn is_of(&self, server: ServerId, bd_seq: Option<u64>) -> bool {
        self.server == server && bd_seq.is_some() && self.bd_seq == bd_seq
    }

    /// The bdSeq of the last birth that could be read.
    pub(super) fn bd_seq(&self) -> Option<u64> {
        self.bd_seq
    }

    /// Keeps the table of a device that died.
    pub(super) fn insert(&mut self, device: Arc<str>, table: BirthTable) {
        self.bytes += table.bytes();
        if let Some(before) = self.devices.insert(device, table) {
            self.bytes -= before.bytes();
        }
    }

    /// Takes the node's own table, or that of a device.
    pub(super) fn take(&mut self, device: Option<&str>) -> Option<BirthTable> {
        let table = match device {
            None => std::mem::take(&mut self.own),
            Some(device) => self.devices.remove(device)?,
        };
        self.bytes -= table.bytes();
        Some(table)
    }

    pub(super) fn devices(&self) -> usize {
        self.devices.len()
    }
}

/// Which of `messages`, sent before `now` was there, can be read by it: all, if the session is the
/// same and they mean the same by it as by the table `before`; else those that go by names alone.
pub(super) fn readable(
    messages: &[SessionMessage],
    (before, is_same): (Option<&BirthTable>, bool),
    now: &BirthTable,
) -> Vec<bool> {
    let agrees =
        |before: &BirthTable| messages.iter().all(|m| now.agrees(before, &m.incoming().payload));
    if is_same && before.is_some_and(agrees) {
        return vec![true; messages.len()];
    }
    messages.iter().map(|message| now.knows(before, &message.incoming().payload)).collect()
}

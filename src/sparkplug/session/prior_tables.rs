//! What a node's names and aliases meant before it went offline: data before its next birth is read
//! if the birth says the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Payload, SessionMessage};
use crate::sparkplug::birth;
use crate::sparkplug::edge::BD_SEQ;
use crate::sparkplug::host::ServerId;
use crate::sparkplug::table::{BirthTable, NameTarget};

/// Of which session a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SessionId {
    pub(super) server: ServerId,
    pub(super) bd_seq: Option<u64>,
}

impl SessionId {
    /// Whether both are surely one: without a number nobody knows.
    fn is_same(self, other: Self) -> bool {
        self.bd_seq.is_some() && self == other
    }
}

/// What a node or device was known by.
#[derive(Clone, Debug)]
pub(super) struct PriorTable {
    session: SessionId,
    table: BirthTable,
    /// Whether the device died by itself: what it says next has a birth before it, which may have
    /// been missed.
    died: bool,
}

/// The tables of a node that is not online, or not born as a whole.
#[derive(Clone, Debug)]
pub(super) struct PriorTables {
    own: PriorTable,
    /// Each of the session that the device died in, which may be an earlier one than the node's.
    devices: BTreeMap<Arc<str>, PriorTable>,
    bytes: usize,
}

impl PriorTables {
    pub(super) fn new(session: SessionId, own: BirthTable) -> Self {
        let bytes = own.bytes();
        Self {
            own: PriorTable { session, table: own, died: false },
            devices: BTreeMap::new(),
            bytes,
        }
    }

    /// With the node's own table, of its latest session.
    pub(super) fn with_own(mut self: Box<Self>, session: SessionId, own: BirthTable) -> Box<Self> {
        self.bytes = self.bytes - self.own.table.bytes() + own.bytes();
        self.own = PriorTable { session, table: own, died: false };
        self
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The same without any name: a birth that cannot be read has ended them.
    pub(super) fn without_tables(self) -> Box<Self> {
        Box::new(Self::new(self.own.session, BirthTable::default()))
    }

    /// The bdSeq of the last birth that could be read.
    pub(super) fn bd_seq(&self) -> Option<u64> {
        self.own.session.bd_seq
    }

    /// The alias that this birth gave it.
    pub(super) fn alias_of_bd_seq(&self) -> Option<u64> {
        let leaf = self.own.table.named(None, BD_SEQ)?;
        self.own.table.alias_of(leaf).filter(|_| matches!(leaf, NameTarget::Leaf(_)))
    }

    /// Whether a death is of an earlier session by its number, which counts around at 256.
    pub(super) fn begins_after(&self, death: &Payload) -> bool {
        let death = birth::bd_seq(death, self.alias_of_bd_seq()).map(|(number, _)| number);
        let numbers = self.bd_seq().zip(death);
        numbers.is_some_and(|(own, death)| own != death && (own.wrapping_sub(death) as u8) < 128)
    }

    /// Whether the node's own is surely of this session.
    pub(super) fn are_of(&self, session: SessionId) -> bool {
        self.own.session.is_same(session)
    }

    /// The node's own table, or that of a device, if it is surely of this session and
    /// nothing has ended it.
    pub(super) fn table_of(
        &mut self,
        device: Option<&str>,
        session: SessionId,
    ) -> Option<&mut BirthTable> {
        let prior = match device {
            None => &mut self.own,
            Some(device) => self.devices.get_mut(device)?,
        };
        (prior.session.is_same(session) && !prior.died).then_some(&mut prior.table)
    }

    /// Keeps the table of a device that was alive in this session when its node was last heard.
    pub(super) fn insert(&mut self, session: SessionId, device: Arc<str>, table: BirthTable) {
        self.keep(device, PriorTable { session, table, died: false });
    }

    /// Keeps the table of a device that died in this session.
    pub(super) fn insert_dead(&mut self, session: SessionId, device: Arc<str>, table: BirthTable) {
        self.keep(device, PriorTable { session, table, died: true });
    }

    fn keep(&mut self, device: Arc<str>, prior: PriorTable) {
        self.bytes += prior.table.bytes();
        if let Some(before) = self.devices.insert(device, prior) {
            self.bytes -= before.table.bytes();
        }
    }

    /// Takes the node's own table, or that of a device.
    pub(super) fn take(&mut self, device: Option<&str>) -> Option<PriorTable> {
        let session = self.own.session;
        let removed = match device {
            None => {
                let none = PriorTable { session, table: BirthTable::default(), died: false };
                std::mem::replace(&mut self.own, none)
            }
            Some(device) => self.devices.remove(device)?,
        };
        self.bytes -= removed.table.bytes();
        Some(removed)
    }

    /// Whether a device died in this session, and was not born since.
    pub(super) fn has_died(&self, device: &str) -> bool {
        self.devices.get(device).is_some_and(|prior| prior.died)
    }

    pub(super) fn devices(&self) -> usize {
        self.devices.len()
    }
}

/// Which of `messages`, sent before the table `now` of a birth, can be read with it: all, if the
/// birth's `session` is that of the table `before` and they mean the same by both; else those that
/// carry names alone.
pub(super) fn readable(
    messages: &[SessionMessage],
    before: Option<&PriorTable>,
    (session, now): (SessionId, &BirthTable),
) -> Vec<bool> {
    let is_same = before.is_some_and(|before| before.session.is_same(session));
    let before = before.map(|before| &before.table);
    let agrees =
        |before: &BirthTable| messages.iter().all(|m| now.agrees(before, &m.incoming().payload));
    if is_same && before.is_some_and(agrees) {
        return vec![true; messages.len()];
    }
    messages.iter().map(|message| now.knows(before, &message.incoming().payload)).collect()
}

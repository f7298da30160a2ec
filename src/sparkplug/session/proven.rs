//! Data that waits for a birth which never comes: a death is first, or nothing.
//!
//! Where the session is proved the same as that of a table that is kept, by the bdSeq of the death
//! or of the node's birth, what goes by names is read by that table, before the source is told dead.
//! What goes by aliases is counted: a birth that gave them anew may have been missed.

use std::collections::BTreeSet;

use super::online::OnlineSession;
use super::prior_tables::{PriorTables, SessionId};
use super::reading::read_data;
use super::{
    EdgeSession, Payload, ServerId, SessionContext, SessionMessage, SessionNotes, SessionState,
};
use crate::sparkplug::address::Source;
use crate::sparkplug::birth;
use crate::sparkplug::event::SequenceOrder;
use crate::sparkplug::findings::Finding;
use crate::sparkplug::host::SkipReason;
use crate::sparkplug::topic::MessageType;

impl EdgeSession {
    /// A death of the node comes before its birth. What waits is read if it ends the session of the
    /// tables that are kept; else it goes on to wait.
    pub(super) fn read_before_death(
        &mut self,
        server: ServerId,
        payload: &Payload,
        context: &mut SessionContext<'_>,
    ) {
        let SessionState::Awaited(awaited) = &mut self.state else { return };
        if !awaited.has_waiting_from(server) {
            return;
        }
        let Some(mut past) = awaited.take_prior_tables() else { return };
        let death = birth::bd_seq(payload, past.alias_of_bd_seq()).map(|(number, _)| number);
        let of = SessionId { server, bd_seq: death };
        if past.are_of(of) {
            self.notes.findings.add(Finding::BeforeBirth, awaited.count_waiting());
            let waiting = awaited.take_waiting();
            past.read(&self.source, of, waiting, &mut self.notes, context);
        }
        if let SessionState::Awaited(awaited) = &mut self.state {
            awaited.keep_prior_tables(past);
        }
    }
}

impl OnlineSession {
    /// What waits for births of devices that do not come.
    pub(super) fn read_unborn(
        &mut self,
        messages: Vec<SessionMessage>,
        notes: &mut SessionNotes,
        context: &mut SessionContext<'_>,
    ) {
        let of = self.session_id();
        match &mut self.prior_tables {
            Some(past) => past.read(&self.source, of, messages, notes, context),
            None => notes.skip_waiting(SkipReason::BeforeBirth, &messages),
        }
    }

    /// A device dies: what waits for its birth is read before.
    pub(super) fn read_unborn_device(
        &mut self,
        device: &str,
        notes: &mut SessionNotes,
        context: &mut SessionContext<'_>,
    ) {
        let is_of = |message: &SessionMessage| message.device.as_deref() == Some(device);
        if !self.waiting.iter().any(is_of) {
            return;
        }
        let (own, others): (Vec<_>, Vec<_>) = self.take_waiting().into_iter().partition(is_of);
        others.into_iter().for_each(|message| self.buffer(message));
        self.read_unborn(own, notes, context);
    }
}

impl PriorTables {
    /// Reads messages that were sent in the session `of`, as far as they go by names.
    fn read(
        &mut self,
        node: &Source,
        of: SessionId,
        messages: Vec<SessionMessage>,
        notes: &mut SessionNotes,
        context: &mut SessionContext<'_>,
    ) {
        let mut reborn = BTreeSet::new();
        for message in messages {
            match message.verb {
                // What it says after that has a birth before it, which may be missing.
                MessageType::Death => {
                    reborn.insert(message.device.clone());
                    continue;
                }
                MessageType::Birth => drop(reborn.insert(message.device.clone())),
                MessageType::Data | MessageType::Command => {}
            }
            let holds = message.server == of.server && !reborn.contains(&message.device);
            let source = Source { device: message.device.clone(), ..node.clone() };
            let message = message.with_order(SequenceOrder::AfterGap);
            let message = message.incoming();
            let table = self.table_of(source.device.as_deref(), of).filter(|_| holds);
            match table.filter(|table| table.knows(None, &message.payload)) {
                Some(table) => read_data((&source, table), &message.borrow(), notes, context),
                None => notes.skip_payload(SkipReason::BeforeBirth, &message.payload),
            }
        }
    }
}

//! Births of a node, readable or not.

use std::collections::BTreeSet;
use std::time::Duration;

use super::awaited::{AwaitingBirth, CarriedState};
use super::online::{OnlineSession, PriorSession};
use super::{
    EdgeSession, Incoming, MemoryUse, RebirthTrigger, ServerId, SessionContext, SessionMessage,
    SessionState,
};
use crate::sparkplug::event::DeathCause;
use crate::sparkplug::findings::Finding;
use crate::sparkplug::host::SkipReason;

impl EdgeSession {
    /// What a birth replaces.
    pub(super) fn state_use(&self) -> MemoryUse {
        match &self.state {
            SessionState::Awaited(awaited) => {
                let (past, names) = (awaited.tables(), awaited.names());
                MemoryUse {
                    tables: past + names,
                    past_leaves: past,
                    unproven: 0,
                    bytes: awaited.bytes(),
                }
            }
            SessionState::Online(online) => online.memory_use(),
        }
    }

    /// An undecodable birth: no table is better than a wrong one. Its sender is alive, but its data
    /// cannot be interpreted.
    pub(super) fn handle_unreadable_birth(
        &mut self,
        server: ServerId,
        device: Option<&str>,
        context: &mut SessionContext<'_>,
    ) {
        match &mut self.state {
            SessionState::Awaited(awaited) => {
                self.server = Some(server);
                awaited.forget_stored(server, device);
                match device {
                    None => awaited.mark_undecodable(),
                    Some(device) => {
                        awaited.forget_device(device);
                        awaited.sign_of_life();
                    }
                }
            }
            SessionState::Online(online) if online.server() == server && device.is_some() => {
                // What is buffered was sent with the tables that are still there: deaths of other
                // devices too. Births among it are no answer to this one.
                if online.is_waiting() {
                    self.expire_gap(context);
                    self.request_for_triggers(context);
                }
                if let SessionState::Online(online) = &mut self.state {
                    online.note_heard(context);
                    online.forget_table(device, context);
                }
            }
            // As one that can be read, it is of a session that has begun there.
            SessionState::Online(online) if online.server() == server || device.is_none() => {
                self.server = Some(server);
                // What is buffered was sent with the tables that are still there. Devices that died
                // are not born with the next birth.
                let early = online.take_early();
                online.flush(early, &mut self.notes, context);
                self.notes.clear_triggers();
                let unknown = SessionState::Awaited(AwaitingBirth::unknown());
                if let SessionState::Online(online) = std::mem::replace(&mut self.state, unknown) {
                    let CarriedState { waiting, devices, prior_tables, .. } = online.into_carried();
                    self.notes.skip_waiting(SkipReason::BeforeBirth, &waiting);
                    self.state =
                        SessionState::Awaited(AwaitingBirth::undecodable(devices, prior_tables));
                }
            }
            SessionState::Online(_) => self.hear_elsewhere(server, context),
        }
    }

    /// Evicts the tables of its births: a rebirth is requested once it sends again. One that was
    /// evicted before, and never sent data, counts as offline, since its devices take memory too; one
    /// that has sent data is asked first.
    pub(crate) fn evict_tables(&mut self, context: &mut SessionContext<'_>) {
        if self.has_answered && matches!(&self.state, SessionState::Awaited(_)) {
            return self.probe_unread(RebirthTrigger::Probe, context);
        }
        self.note(Finding::NoRoom);
        match &mut self.state {
            SessionState::Awaited(awaited) => {
                awaited.forget_tables();
                // A node that was not asked yet, or has time to answer, is not offline.
                if !self.has_answered && awaited.has_unread_birth() {
                    self.go_offline_silent(DeathCause::Silent, context);
                }
            }
            SessionState::Online(online) => {
                let early = online.take_early();
                online.flush(early, &mut self.notes, context);
                self.notes.clear_triggers();
                self.notes.born_devices.clear();
                let unknown = SessionState::Awaited(AwaitingBirth::unknown());
                if let SessionState::Online(online) = std::mem::replace(&mut self.state, unknown) {
                    let bd_seq = online.bd_seq();
                    let CarriedState { waiting, devices, archived_births, .. } =
                        online.into_carried();
                    self.notes.skip_waiting(SkipReason::BeforeBirth, &waiting);
                    let mut evicted = AwaitingBirth::evicted(devices, bd_seq);
                    evicted.keep_archived_births(archived_births);
                    self.state = SessionState::Awaited(evicted);
                }
            }
        }
    }

    pub(super) fn handle_node_birth(
        &mut self,
        message: &Incoming<'_>,
        context: &mut SessionContext<'_>,
    ) {
        if let SessionState::Online(online) = &self.state
            && online.is_repeated(message, context.config)
        {
            self.note(Finding::Duplicate);
            self.notes.skip_payload(SkipReason::Duplicate, &message.payload);
            return;
        }
        self.server = Some(message.server);
        self.died = None;
        self.numbering.node_born(message);
        self.doubled.node_born();
        self.note_birth(context);
        if message.own_time().is_none() {
            self.note(Finding::NoTime);
        }
        // Messages that overtook the birth go on where it leaves off. It cannot have been on its way
        // for long: where it is older by its sender's time, that clock has gone back.
        let (reorder, transit) = (context.config.reorder_timeout, context.config.answer_timeout);
        let follows = |early: &SessionMessage| match (early.own_time(), message.own_time()) {
            (Some(sent), Some(birth)) => {
                let waited = message.at.instant.since(early.at.instant);
                let ahead = sent.as_millis().saturating_sub(birth.as_millis());
                let ahead = u64::try_from(ahead).ok().map(Duration::from_millis);
                waited < reorder && ahead.is_some_and(|ahead| waited + ahead < transit)
            }
            (None, _) | (_, None) => false,
        };
        // One of the same time does if its number says so: the clock may stand still.
        let place = |early: &SessionMessage| early.place_after(message);
        let next_seq = match &self.state {
            SessionState::Online(online) => Some(online.next_seq()),
            SessionState::Awaited(_) => None,
        };
        let freed = self.state_use();
        let unknown = SessionState::Awaited(AwaitingBirth::unknown());
        let CarriedState { waiting, mut uncounted, devices, prior_tables, .. } =
            match std::mem::replace(&mut self.state, unknown) {
                SessionState::Awaited(awaited) => awaited.into_carried(),
                SessionState::Online(mut online) => {
                    let expected = online.next_seq();
                    let early = online.take_early();
                    let places: BTreeSet<_> = early.iter().filter_map(place).collect();
                    let has_all_before = |at: &u8| (0..*at).all(|before| places.contains(&before));
                    // Nor does one whose number is nearer to what was next before the birth.
                    let is_near = |early: &SessionMessage| {
                        let behind = early.seq().map(|seq| (seq as u8).wrapping_sub(expected));
                        behind.zip(place(early)).is_some_and(|(before, after)| before < after)
                    };
                    let later = |early: &SessionMessage| {
                        early.own_time() > message.own_time() && !is_near(early)
                    };
                    let goes_on =
                        |early: &SessionMessage| place(early).as_ref().is_some_and(has_all_before);
                    let after =
                        |early: &SessionMessage| follows(early) && (later(early) || goes_on(early));
                    let (after, before) = early.into_iter().partition(after);
                    online.flush(before, &mut self.notes, context);
                    // What they could not be read by is over.
                    self.notes.clear_triggers();
                    let mut carried = online.into_carried();
                    let after: Vec<_> = after;
                    carried.uncounted = after.len();
                    carried.waiting.extend(after);
                    carried
                }
            };
        // What waits is read by the past; so is what devices say before they are born again.
        let of_node = |message: &SessionMessage| message.device.is_none();
        let past = prior_tables
            .map(|mut past| {
                if !waiting.iter().any(of_node) {
                    past.take(None);
                }
                past
            })
            .filter(|past| !waiting.is_empty() || past.devices() > 0)
            .filter(|past| past.bytes() <= context.room_left.tables);
        context.room_left.tables +=
            freed.tables.saturating_sub(past.as_ref().map_or(0, |past| past.bytes()));
        context.room_left.bytes += freed.bytes;
        let before = PriorSession { birth_emitted: self.birth_emitted, devices, next_seq };
        let mut online =
            OnlineSession::born(&self.source, message, before, &mut self.notes, context);
        self.birth_emitted = online.is_birth_emitted();
        let is_second_sender = |bd_seq| self.senders.born(bd_seq, context.now.instant);
        if online.bd_seq().is_some_and(is_second_sender) {
            self.notes.findings.note(Finding::TwoSenders);
        }
        let mut waiting = self.skip_foreign(waiting, message.server);
        let is_next = |message: &SessionMessage| follows(message) && online.is_next(message);
        let mut next_index = waiting.iter().position(is_next);
        while let Some(index) = next_index {
            online.handle_next(&waiting.remove(index), &mut self.notes, context);
            uncounted = uncounted.saturating_sub(1);
            next_index = waiting.iter().position(|early| follows(early) && online.is_next(early));
        }
        self.notes.findings.add(Finding::BeforeBirth, uncounted as u64);
        online.take_over(waiting, past, message.time(), &mut self.notes, context);
        self.state = SessionState::Online(online);
        self.request_for_triggers(context);
    }
}

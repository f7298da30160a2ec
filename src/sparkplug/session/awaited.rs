//! A node without a birth: never seen, died, or expected.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::birth_archive::BirthsBeforeDrop;
use super::prior_tables::PriorTables;
use super::{NodePhase, Payload, SessionContext, SessionMessage};
use crate::sparkplug::event::DeathCause;
use crate::sparkplug::host::ServerId;
use crate::sparkplug::limits;
use crate::sparkplug::memory;
use crate::time::Instant;

#[derive(Clone, Debug)]
pub(super) struct AwaitingBirth {
    prior: PriorState,
    expectation: Expectation,
    /// Its devices that were online when last known.
    devices: Vec<Arc<str>>,
    /// Bytes that they take.
    devices_bytes: usize,
    /// Messages buffered until the birth, which they may have overtaken.
    waiting: Vec<SessionMessage>,
    waiting_bytes: usize,
    /// Until when they do.
    wait_until: Option<Instant>,
    /// Whether the node was asked since the first of them came.
    asked_while_waiting: bool,
    /// Whether they count as before-birth.
    waiting_counted: bool,
    /// What is known of its session by which a death is judged.
    missing_table: MissingTable,
    /// Whether a death has come that may be another's.
    death_doubted: bool,
    /// Its tables from before.
    prior_tables: Option<Box<PriorTables>>,
    /// Its births from before our connection was lost, where rebirths may not be requested.
    archived_births: Option<Box<BirthsBeforeDrop>>,
    /// Births that its server has stored, the node's own and those of its devices.
    stored_births: Vec<SessionMessage>,
    stored_bytes: usize,
}

/// Why it has no birth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PriorState {
    /// Never seen.
    Unknown,
    /// Known to have died.
    Dead,
    /// Its server cannot be reached.
    ServerLost,
}

/// What it is expected to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expectation {
    /// Nothing.
    None,
    /// A birth, if it is alive: it is to be asked, and its silence says nothing.
    MayReturn,
    /// A birth, as soon as it can be asked for.
    Unasked,
    /// A sign of life until then.
    Until(Instant),
    /// It has given one, a birth, which cannot be read.
    BirthUndecodable,
}

/// Why it has no table although it was born.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MissingTable {
    /// It has not been.
    NotBorn,
    /// The birth cannot be read, and so its number is not known.
    Undecodable,
    /// The tables were evicted; the bdSeq of the birth is kept.
    Evicted(Option<u64>),
}

/// Which session a death ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeathTarget {
    /// That of the latest birth.
    This,
    /// Another.
    Other,
    /// That of the birth before one that cannot be read, unless both have one number.
    Before,
    /// That of a birth that cannot be read or was not heard, or the one before.
    Unsure,
}

/// What remains once it is born, or offline.
#[derive(Clone, Debug)]
pub(super) struct CarriedState {
    pub(super) waiting: Vec<SessionMessage>,
    /// How many of these do not count as before-birth yet.
    pub(super) uncounted: usize,
    pub(super) devices: Vec<Arc<str>>,
    pub(super) prior_tables: Option<Box<PriorTables>>,
    /// Its births, where nobody may be asked for them.
    pub(super) archived_births: Option<Box<BirthsBeforeDrop>>,
}

impl AwaitingBirth {
    pub(super) fn unknown() -> Self {
        Self::new(PriorState::Unknown)
    }

    /// It died, or the connection to its server was lost.
    pub(super) fn after_death(cause: DeathCause, prior_tables: Option<Box<PriorTables>>) -> Self {
        let prior = match cause {
            DeathCause::ConnectionLost => PriorState::ServerLost,
            DeathCause::Certificate | DeathCause::Node | DeathCause::Silent => PriorState::Dead,
        };
        Self { prior_tables, ..Self::new(prior) }
    }

    /// Its births are kept until it sends data.
    pub(super) fn keep_archived_births(&mut self, archived: Option<Box<BirthsBeforeDrop>>) {
        self.archived_births = archived;
    }

    /// What it was known by before our link was lost, if it is `server` that it was on.
    pub(super) fn take_archived_births(&mut self, server: ServerId) -> Option<BirthsBeforeDrop> {
        self.archived_births.take_if(|archived| archived.is_on(server)).map(|archived| *archived)
    }

    /// The birth of a device holds no longer.
    pub(super) fn forget_device(&mut self, device: &str) {
        if let Some(archived) = &mut self.archived_births {
            archived.forget(device);
        }
    }

    /// It lives, but its birth cannot be read: no table is better than a wrong one. Of what it was
    /// known by its session's number is left.
    pub(super) fn undecodable(devices: Vec<Arc<str>>, past: Option<Box<PriorTables>>) -> Self {
        let prior_tables = past.map(|past| past.without_tables());
        let devices_bytes = bytes_of(&devices);
        let expectation = Expectation::BirthUndecodable;
        Self {
            devices,
            devices_bytes,
            prior_tables,
            expectation,
            missing_table: MissingTable::Undecodable,
            ..Self::new(PriorState::Dead)
        }
    }

    /// It lives, but there is no room for its tables.
    pub(super) fn evicted(devices: Vec<Arc<str>>, bd_seq: Option<u64>) -> Self {
        Self { missing_table: MissingTable::Evicted(bd_seq), ..Self::undecodable(devices, None) }
    }

    /// Whether its birth cannot be read, or its tables were evicted.
    pub(super) fn has_unread_birth(&self) -> bool {
        self.expectation == Expectation::BirthUndecodable
    }

    /// Another birth of it cannot be read.
    pub(super) fn mark_undecodable(&mut self) {
        self.archived_births = None;
        self.prior_tables = self.prior_tables.take().map(|past| past.without_tables());
        if self.is_expected() {
            self.expectation = Expectation::BirthUndecodable;
            self.missing_table = MissingTable::Undecodable;
        }
    }

    fn new(prior: PriorState) -> Self {
        Self {
            prior,
            expectation: Expectation::None,
            devices: Vec::new(),
            devices_bytes: 0,
            waiting: Vec::new(),
            waiting_bytes: 0,
            wait_until: None,
            asked_while_waiting: false,
            waiting_counted: false,
            missing_table: MissingTable::NotBorn,
            death_doubted: false,
            prior_tables: None,
            archived_births: None,
            stored_births: Vec::new(),
            stored_bytes: 0,
        }
    }

    pub(super) fn phase(&self) -> NodePhase {
        let expected = self.is_expected();
        match self.prior {
            _ if expected || !self.waiting.is_empty() => NodePhase::Awaited,
            PriorState::Unknown => NodePhase::Unknown,
            PriorState::Dead | PriorState::ServerLost => NodePhase::Offline,
        }
    }

    /// How much the messages take that wait for their birth, and the stored births that wait
    /// for a sign of life.
    pub(super) fn bytes(&self) -> usize {
        let archived = self.archived_births.as_ref().map_or(0, |archived| archived.bytes());
        self.waiting_bytes + self.stored_bytes + archived
    }

    /// How much the tables take that it was known by.
    pub(super) fn tables(&self) -> usize {
        self.prior_tables.as_ref().map_or(0, |past| past.bytes())
    }

    /// How much the names take of devices that were online.
    pub(super) fn names(&self) -> usize {
        self.devices_bytes
    }

    /// There is no more room for the tables that it was known by.
    pub(super) fn forget_tables(&mut self) {
        self.prior_tables = self.prior_tables.take().map(|past| past.without_tables());
    }

    /// Keeps a stored birth in the place of an older one. False if there is no room.
    pub(super) fn keep_stored_birth(
        &mut self,
        message: SessionMessage,
        context: &SessionContext<'_>,
    ) -> bool {
        let other = |kept: &SessionMessage| {
            (kept.server, &kept.device) != (message.server, &message.device)
        };
        self.stored_births.retain(other);
        self.stored_bytes = self.stored_births.iter().map(|kept| kept.bytes).sum();
        let room = message.bytes <= context.waiting_room().saturating_sub(self.bytes());
        let room = room && self.stored_births.len() <= limits::DEVICES;
        if room {
            self.stored_bytes += message.bytes;
            self.stored_births.push(message);
        }
        room
    }

    /// What `server` has stored of the node, or of a device, is over: a later birth cannot be read.
    pub(super) fn forget_stored(&mut self, server: ServerId, device: Option<&str>) {
        self.stored_births.retain(|kept| {
            let is_over = device.is_none() || kept.device.as_deref() == device;
            kept.server != server || !is_over
        });
        self.stored_bytes = self.stored_births.iter().map(|kept| kept.bytes).sum();
    }

    /// Whether `server` has stored the node's own birth.
    pub(super) fn has_stored_birth(&self, server: ServerId) -> bool {
        self.stored_births.iter().any(|kept| kept.server == server && kept.device.is_none())
    }

    /// Whether something from `server` waits for a birth.
    pub(super) fn has_waiting_from(&self, server: ServerId) -> bool {
        self.waiting.iter().any(|message| message.server == server)
    }

    /// What `server` has stored: the node's own birth, and those of its devices.
    pub(super) fn take_stored_births(
        &mut self,
        server: ServerId,
    ) -> Option<(SessionMessage, Vec<SessionMessage>)> {
        let mut kept = std::mem::take(&mut self.stored_births);
        self.stored_bytes = 0;
        kept.retain(|kept| kept.server == server);
        let own = kept.iter().position(|kept| kept.device.is_none())?;
        Some((kept.swap_remove(own), kept))
    }

    /// The messages that wait for their birth.
    pub(super) fn take_waiting(&mut self) -> Vec<SessionMessage> {
        self.waiting_bytes = 0;
        self.wait_until = None;
        self.asked_while_waiting = false;
        self.waiting_counted = false;
        std::mem::take(&mut self.waiting)
    }

    /// Whether it was never born, and no death of it has come.
    pub(super) fn is_unknown(&self) -> bool {
        self.prior == PriorState::Unknown
    }

    pub(super) fn is_lost(&self) -> bool {
        self.prior == PriorState::ServerLost
    }

    /// Whether it may have been online ever since its server was lost.
    pub(super) fn is_hidden(&self) -> bool {
        self.is_lost() || self.archived_births.is_some()
    }

    /// Whether a death is of a session before the last that is known.
    pub(super) fn is_of_before(&self, death: &Payload) -> bool {
        self.prior_tables.as_ref().is_some_and(|past| past.begins_after(death))
    }

    /// Whether it was online when last known, and no death was emitted since.
    pub(super) fn is_expected(&self) -> bool {
        !matches!(self.expectation, Expectation::None | Expectation::MayReturn)
    }

    pub(super) fn expect_devices(&mut self, devices: &[Arc<str>]) {
        // Devices seen by this process stay.
        let known: BTreeSet<_> = self.devices.iter().cloned().collect();
        self.devices.extend(devices.iter().filter(|device| !known.contains(*device)).cloned());
        self.devices.truncate(limits::DEVICES);
        self.devices_bytes = bytes_of(&self.devices);
        if matches!(self.expectation, Expectation::None | Expectation::MayReturn) {
            self.expectation = Expectation::Unasked;
        }
    }

    /// It is not known to be alive, but may have come back unheard.
    pub(super) fn request_birth_if_back(&mut self) {
        if self.expectation == Expectation::None {
            self.expectation = Expectation::MayReturn;
        }
    }

    /// Whether it is to be asked for its birth.
    pub(super) fn is_to_be_asked(&self) -> bool {
        self.is_expected() || self.expectation == Expectation::MayReturn
    }

    /// Its state is unknown: a rebirth is to be requested, for it may be online unnoticed.
    pub(super) fn should_ask(&mut self) {
        match self.expectation {
            Expectation::None => self.expectation = Expectation::MayReturn,
            Expectation::MayReturn | Expectation::Unasked => {}
            Expectation::Until(_) | Expectation::BirthUndecodable => {
                self.expectation = Expectation::Unasked;
            }
        }
    }

    /// Which session a death ends, by its number. Of who was not asked since it was online, it may
    /// be a session long ago.
    pub(super) fn death_target(&self, death: Option<u64>) -> DeathTarget {
        match self.missing_table {
            MissingTable::NotBorn if self.expectation == Expectation::Unasked => {
                DeathTarget::Unsure
            }
            MissingTable::NotBorn => DeathTarget::This,
            MissingTable::Undecodable => {
                let before = self.prior_tables.as_ref().and_then(|past| past.bd_seq());
                match death {
                    None => DeathTarget::Unsure,
                    Some(_) if death == before => DeathTarget::Before,
                    Some(_) => DeathTarget::This,
                }
            }
            MissingTable::Evicted(own) => match own.zip(death) {
                Some((own, death)) if own != death => DeathTarget::Other,
                Some(_) | None => DeathTarget::This,
            },
        }
    }

    /// A death has come that may be another's: it is to be asked, if it is not being asked.
    pub(super) fn doubt(&mut self) {
        self.death_doubted = true;
        if self.expectation == Expectation::BirthUndecodable {
            self.expectation = Expectation::Unasked;
        }
    }

    pub(super) fn is_doubted(&self) -> bool {
        self.death_doubted
    }

    /// It has been asked, and has until `deadline`.
    pub(super) fn set_answer_deadline(&mut self, deadline: Instant) {
        match self.expectation {
            Expectation::Unasked => self.expectation = Expectation::Until(deadline),
            Expectation::MayReturn => self.expectation = Expectation::None,
            Expectation::None | Expectation::Until(_) | Expectation::BirthUndecodable => {}
        }
        if !self.waiting.is_empty() {
            self.asked_while_waiting = true;
            self.wait_until = Some(deadline);
        }
    }

    pub(super) fn is_silent(&self, now: Instant) -> bool {
        matches!(self.expectation, Expectation::Until(deadline) if deadline <= now)
    }

    pub(super) fn die(&mut self) {
        self.archived_births = None;
        self.prior = PriorState::Dead;
    }

    /// It sends data. Whether it is still alive when asked again is open.
    pub(super) fn sign_of_life(&mut self) {
        if let Expectation::Until(_) = self.expectation {
            self.expectation = Expectation::Unasked;
        }
    }

    /// Whether there is room for a message that is to wait for its birth.
    pub(super) fn has_room(&self, bytes: usize, context: &SessionContext<'_>) -> bool {
        self.waiting.len() < limits::WAITING_MESSAGES
            && self.waiting_bytes + bytes <= limits::WINDOW_BYTES
            && bytes <= context.waiting_room()
    }

    /// Keeps a message for its birth.
    pub(super) fn buffer(&mut self, message: SessionMessage, context: &SessionContext<'_>) {
        if self.waiting.is_empty() {
            self.wait_until = Some(context.now.instant + context.config.reorder_timeout);
        }
        self.waiting_bytes += message.bytes;
        self.waiting.push(message);
    }

    /// Whether messages have waited for their birth long enough.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.wait_until.is_some_and(|until| until <= now)
    }

    /// Whether the node was asked since the first of them came.
    pub(super) fn was_asked(&self) -> bool {
        self.asked_while_waiting
    }

    /// How many messages do not count as before-birth yet; from now on they do.
    pub(super) fn count_waiting(&mut self) -> u64 {
        let uncounted = self.uncounted() as u64;
        self.waiting_counted = !self.waiting.is_empty();
        uncounted
    }

    /// Whether further messages count as before-birth.
    pub(super) fn are_waiting_counted(&self) -> bool {
        self.waiting_counted
    }

    fn uncounted(&self) -> usize {
        if self.waiting_counted { 0 } else { self.waiting.len() }
    }

    /// Extends their wait until the rebirth request about to be sent is answered.
    pub(super) fn extend_wait(&mut self, until: Instant) {
        self.wait_until = Some(until);
    }

    /// What is carried over into the next state.
    pub(super) fn into_carried(self) -> CarriedState {
        let uncounted = self.uncounted();
        CarriedState {
            waiting: self.waiting,
            uncounted,
            devices: self.devices,
            prior_tables: self.prior_tables,
            archived_births: self.archived_births,
        }
    }

    /// Its tables from before.
    pub(super) fn take_prior_tables(&mut self) -> Option<Box<PriorTables>> {
        self.prior_tables.take()
    }

    /// They are kept on.
    pub(super) fn keep_prior_tables(&mut self, past: Box<PriorTables>) {
        self.prior_tables = Some(past);
    }

    /// The devices that are expected with the birth.
    pub(super) fn take_devices(&mut self) -> Vec<Arc<str>> {
        self.devices_bytes = 0;
        std::mem::take(&mut self.devices)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let silence = match self.expectation {
            Expectation::Until(deadline) => Some(deadline),
            Expectation::None
            | Expectation::MayReturn
            | Expectation::Unasked
            | Expectation::BirthUndecodable => None,
        };
        [silence, self.wait_until].into_iter().flatten().min()
    }
}

fn bytes_of(devices: &[Arc<str>]) -> usize {
    let each = devices.iter().map(|name| size_of::<Arc<str>>() + memory::text(name));
    each.sum()
}

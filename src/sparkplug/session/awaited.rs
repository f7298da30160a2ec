//! A node without a birth: one never seen, one that died, one that is expected back.

use std::sync::Arc;

use super::{Message, Phase, Sink};
use crate::sparkplug::config::Config;
use crate::sparkplug::findings::{Finding, Findings};
use crate::sparkplug::host::ServerId;
use crate::sparkplug::limits;
use crate::time::Instant;

#[derive(Debug)]
pub(super) struct Awaited {
    was: Was,
    expectation: Expectation,
    /// Its devices that were online when last known.
    devices: Vec<Arc<str>>,
    /// Messages that may have overtaken their birth.
    early: Vec<Message>,
    early_bytes: usize,
    /// Births that its server has stored, the node's own and those of its devices.
    certificates: Vec<Message>,
    certificate_bytes: usize,
}

/// How it came to be without a birth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Was {
    /// Never seen.
    Unknown,
    /// Known to have died.
    Dead,
    /// Its server cannot be reached.
    Lost,
}

/// What is expected of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expectation {
    /// Nothing.
    None,
    /// A birth, if it is alive: it is to be asked once, and its silence says nothing.
    Hoped,
    /// A birth, as soon as it can be asked for.
    Unasked,
    /// A sign of life until then.
    Until(Instant),
    /// It has given one.
    Alive,
}

impl Awaited {
    pub(super) fn unknown() -> Self {
        Self::new(Was::Unknown)
    }

    pub(super) fn gone(lost: bool) -> Self {
        Self::new(if lost { Was::Lost } else { Was::Dead })
    }

    fn new(was: Was) -> Self {
        Self {
            was,
            expectation: Expectation::None,
            devices: Vec::new(),
            early: Vec::new(),
            early_bytes: 0,
            certificates: Vec::new(),
            certificate_bytes: 0,
        }
    }

    pub(super) fn phase(&self) -> Phase {
        let expected = self.is_expected();
        match self.was {
            _ if expected || !self.early.is_empty() => Phase::Awaited,
            Was::Unknown => Phase::Unknown,
            Was::Dead | Was::Lost => Phase::Offline,
        }
    }

    /// How much the messages take that wait for their birth, and the stored births that wait
    /// for a sign of life.
    pub(super) fn bytes(&self) -> usize {
        self.early_bytes + self.certificate_bytes
    }

    /// Keeps a stored birth in the place of an older one, if there is room.
    pub(super) fn keep_certificate(&mut self, message: Message, sink: &Sink<'_>) {
        let other =
            |kept: &Message| (kept.server, &kept.device) != (message.server, &message.device);
        self.certificates.retain(other);
        self.certificate_bytes = self.certificates.iter().map(|kept| kept.bytes).sum();
        let room = message.bytes <= sink.room.bytes.saturating_sub(self.bytes());
        if room && self.certificates.len() <= limits::DEVICES {
            self.certificate_bytes += message.bytes;
            self.certificates.push(message);
        }
    }

    /// Whether `server` has stored the node's own birth.
    pub(super) fn is_warm(&self, server: ServerId) -> bool {
        self.certificates.iter().any(|kept| kept.server == server && kept.device.is_none())
    }

    /// What `server` has stored: the node's own birth, and those of its devices.
    pub(super) fn take_certificates(
        &mut self,
        server: ServerId,
    ) -> Option<(Message, Vec<Message>)> {
        let mut kept = std::mem::take(&mut self.certificates);
        self.certificate_bytes = 0;
        kept.retain(|kept| kept.server == server);
        let own = kept.iter().position(|kept| kept.device.is_none())?;
        Some((kept.swap_remove(own), kept))
    }

    /// The messages of `server` that wait for their birth.
    pub(super) fn take_early(&mut self, server: ServerId) -> Vec<Message> {
        let mut early = std::mem::take(&mut self.early);
        self.early_bytes = 0;
        early.retain(|early| early.server == server);
        early
    }

    pub(super) fn is_lost(&self) -> bool {
        self.was == Was::Lost
    }

    /// Whether it was online when last known, and its end has not been told.
    pub(super) fn is_expected(&self) -> bool {
        !matches!(self.expectation, Expectation::None | Expectation::Hoped)
    }

    pub(super) fn expect(&mut self, devices: &[Arc<str>]) {
        self.devices = devices.iter().take(limits::DEVICES).cloned().collect();
        if matches!(self.expectation, Expectation::None | Expectation::Hoped) {
            self.expectation = Expectation::Unasked;
        }
    }

    /// It is not known to be alive, but may have come back unheard.
    pub(super) fn hope(&mut self) {
        if self.expectation == Expectation::None {
            self.expectation = Expectation::Hoped;
        }
    }

    /// Whether it is to be asked for its birth.
    pub(super) fn is_to_be_asked(&self) -> bool {
        self.is_expected() || self.expectation == Expectation::Hoped
    }

    /// It has been asked, and has until `deadline`.
    pub(super) fn asked(&mut self, deadline: Instant) {
        match self.expectation {
            Expectation::Unasked => self.expectation = Expectation::Until(deadline),
            Expectation::Hoped => self.expectation = Expectation::None,
            Expectation::None | Expectation::Until(_) | Expectation::Alive => {}
        }
    }

    /// What it was asked may not have reached it.
    pub(super) fn unasked(&mut self) {
        if let Expectation::Until(_) | Expectation::Alive = self.expectation {
            self.expectation = Expectation::Unasked;
        }
    }

    pub(super) fn is_silent(&self, now: Instant) -> bool {
        matches!(self.expectation, Expectation::Until(deadline) if deadline <= now)
    }

    pub(super) fn die(&mut self) {
        self.was = Was::Dead;
        self.forget_early();
    }

    /// Keeps a message for the birth that it may have overtaken. False if it is not waited
    /// for.
    pub(super) fn keep(
        &mut self,
        message: Message,
        sink: &Sink<'_>,
        findings: &mut Findings,
    ) -> bool {
        if self.is_expected() {
            self.expectation = Expectation::Alive;
        }
        let full = self.early.len() >= limits::WINDOW_MESSAGES
            || self.early_bytes + message.bytes > limits::WINDOW_BYTES
            || message.bytes > sink.room.bytes;
        if sink.config.reorder_timeout.is_zero() {
            findings.note(Finding::BeforeBirth);
            return false;
        }
        if full {
            findings.note(Finding::BeforeBirth);
            // With others waiting, their time will come to ask for the birth.
            return !self.early.is_empty();
        }
        self.early_bytes += message.bytes;
        self.early.push(message);
        true
    }

    /// Drops the messages whose birth has not come in time. True if there were any.
    pub(super) fn drop_early(
        &mut self,
        now: Instant,
        config: &Config,
        findings: &mut Findings,
    ) -> bool {
        if self.early_deadline(config).is_none_or(|deadline| deadline > now) {
            return false;
        }
        findings.add(Finding::BeforeBirth, self.early.len() as u64);
        self.forget_early();
        true
    }

    pub(super) fn forget_early(&mut self) {
        self.early = Vec::new();
        self.early_bytes = 0;
    }

    /// The messages that wait for their birth, and the devices that are expected with it.
    pub(super) fn into_early(self) -> (Vec<Message>, Vec<Arc<str>>) {
        (self.early, self.devices)
    }

    /// The devices that are expected with the birth.
    pub(super) fn take_devices(&mut self) -> Vec<Arc<str>> {
        std::mem::take(&mut self.devices)
    }

    pub(super) fn deadline(&self, config: &Config) -> Option<Instant> {
        let silence = match self.expectation {
            Expectation::Until(deadline) => Some(deadline),
            Expectation::None | Expectation::Hoped | Expectation::Unasked | Expectation::Alive => {
                None
            }
        };
        [silence, self.early_deadline(config)].into_iter().flatten().min()
    }

    fn early_deadline(&self, config: &Config) -> Option<Instant> {
        self.early.first().map(|first| first.at.instant + config.reorder_timeout)
    }
}

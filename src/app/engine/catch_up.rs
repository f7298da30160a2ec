//! Catches up with messages that were stored since more came before the initial sync than can be
//! buffered.
//!
//! A thread reads them, in rounds: each reads what was stored before it began. What arrives
//! meanwhile is stored as well, and the last of it is kept in memory too, so that the last round
//! ends where the present is.

use std::collections::VecDeque;
use std::future::pending;

use tokio::sync::mpsc;
use tracing::{info, warn};

use super::{Engine, SyncState};
use crate::bridge::deferral::Deferred;
use crate::outbox::{InboundKind, StoredInbound};
use crate::sitewise::client::SiteWise;
use crate::sparkplug::host::ServerId;
use crate::time::Now;

/// Messages that are read and processed together, and of these how many wait for their turn.
const LOT: usize = 32;
const LOTS: usize = 4;
/// Bytes of payloads that are kept in memory of what arrives during a round.
const LATER_BYTES: usize = 4 << 20;
/// No further message is processed while so many points are not on disk yet.
const UNSAVED_LIMIT: usize = 50_000;

/// Where the engine stands in what is stored.
#[derive(Debug)]
pub(super) struct CatchUp {
    /// Messages that are stored, those of earlier processes included.
    pub(super) stored: u64,
    /// Messages of the plant that earlier processes stored, and this one replays.
    pub(super) replayed: u64,
    /// Parts of events that are buffered before messages are deferred.
    pub(super) limit: usize,
    /// The first that is deferred and not asked for.
    next: u64,
    round: Option<Round>,
}

/// What is being read.
#[derive(Debug)]
struct Round {
    messages: mpsc::Receiver<Vec<StoredInbound>>,
    /// Messages that are still to come from there.
    missing: u64,
    /// What arrived since; no longer complete if it is too much.
    later: VecDeque<StoredInbound>,
    later_bytes: usize,
    too_much: bool,
}

impl CatchUp {
    pub(super) fn new(limit: usize) -> Self {
        Self { stored: 0, replayed: 0, limit, next: 0, round: None }
    }

    /// A message is stored.
    pub(super) fn store(&mut self, stored: StoredInbound) {
        self.stored += 1;
        let Some(round) = self.round.as_mut().filter(|round| !round.too_much) else { return };
        if let InboundKind::Message { payload, topic, .. } = &stored.kind {
            round.later_bytes += payload.len() + topic.len();
        }
        round.later.push_back(stored);
        if round.later_bytes > LATER_BYTES {
            round.too_much = true;
            round.later = VecDeque::new();
        }
    }

    /// Waits for the next messages; none at the end of the round.
    pub(super) async fn next(&mut self) -> Option<Vec<StoredInbound>> {
        match &mut self.round {
            Some(round) => round.messages.recv().await,
            None => pending().await,
        }
    }
}

impl<S: SiteWise> Engine<S> {
    /// Lets the message that comes now, and all after it, wait where they are stored, if no more is
    /// to be buffered.
    pub(super) fn defer_if_full(&mut self, now: Now) {
        if self.bridge.should_defer(self.catch_up.limit) && self.is_buffer_saved() {
            info!(
                "many values arrived before the initial sync with SiteWise: further messages stay \
                 on disk until it is complete"
            );
            self.catch_up.next = self.catch_up.stored;
            self.bridge.defer(now);
        }
    }

    /// Whether messages can be processed that were deferred: points that follow from them are to be
    /// on disk as fast.
    pub(super) fn has_room_for_deferred(&self) -> bool {
        self.outbox.disk().is_none_or(|disk| disk.unsaved < UNSAVED_LIMIT)
    }

    /// Begins to read what was deferred, once SiteWise is known.
    pub(super) fn start_catch_up(&mut self) {
        if self.sync_state != SyncState::Done
            || !self.bridge.is_deferring()
            || self.catch_up.round.is_some()
        {
            return;
        }
        let CatchUp { stored, next, .. } = self.catch_up;
        let count = stored - next;
        let mut again = self.outbox.reread_inbound(next, count);
        let (lots, messages) = mpsc::channel(LOTS);
        let thread = std::thread::Builder::new().name("stored messages".to_owned());
        let started = thread.spawn(move || {
            loop {
                let lot: Vec<_> = again.by_ref().take(LOT).collect();
                if lot.is_empty() || lots.blocking_send(lot).is_err() {
                    return;
                }
            }
        });
        if let Err(error) = started {
            // Nothing comes then, which is told below.
            warn!(%error, "stored messages cannot be read");
        }
        self.catch_up.next = stored;
        self.catch_up.round = Some(Round {
            messages,
            missing: count,
            later: VecDeque::new(),
            later_bytes: 0,
            too_much: false,
        });
    }

    /// Processes messages that were deferred; none come any more at the end of a round.
    pub(super) fn handle_deferred(&mut self, lot: Option<Vec<StoredInbound>>) {
        if let Some(lot) = lot {
            if let Some(round) = &mut self.catch_up.round {
                round.missing = round.missing.saturating_sub(lot.len() as u64);
            }
            self.process_deferred(lot);
            return;
        }
        let Some(Round { missing, later, too_much, .. }) = self.catch_up.round.take() else {
            return;
        };
        if missing == 0 && too_much {
            self.start_catch_up();
            return;
        }
        if missing == 0 {
            self.process_deferred(later);
        }
        let now = self.now();
        match self.bridge.end_deferral(missing == 0, now) {
            0 => info!("all messages that were stored on disk meanwhile are processed"),
            lost => warn!(
                "{lost} values of messages that arrived before the initial sync with SiteWise are \
                 lost: there was no room for them on disk, or they cannot be read back; the latest \
                 birth of each edge node and device is requested"
            ),
        }
    }

    fn process_deferred(&mut self, messages: impl IntoIterator<Item = StoredInbound>) {
        let now = self.now();
        let servers = self.servers.0.len();
        let state = self.bridge.host().state_topic();
        for StoredInbound { at, server, kind } in messages {
            if usize::from(server) >= servers {
                continue;
            }
            let ago = u64::try_from(now.wall.as_millis() - at.as_millis()).unwrap_or(0);
            let instant = now.instant - std::time::Duration::from_millis(ago);
            let deferred = match &kind {
                InboundKind::Connected(session_time) => Deferred::Connected(*session_time),
                InboundKind::Disconnected => Deferred::Disconnected,
                InboundKind::Message { topic, .. } if *topic == state => continue,
                InboundKind::Message { topic, payload, retain } => {
                    Deferred::Message { topic, payload, retain: *retain }
                }
                InboundKind::Oversized { topic, retain } => {
                    Deferred::Oversized { topic, retain: *retain }
                }
            };
            let then = Now { instant, wall: at };
            self.bridge.handle_deferred(ServerId(server), &deferred, then, now);
        }
    }
}

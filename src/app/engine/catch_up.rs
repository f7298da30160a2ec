//! Processes messages that were deferred to disk, because more arrived before the initial sync than
//! can be buffered.
//!
//! A thread reads them back in rounds. What arrives during a round is stored as well, and the
//! latest of it kept in memory, so that the last round ends with the message that has just arrived.

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

/// Messages that are read and processed together.
const BATCH: usize = 32;
/// Batches that are read ahead.
const QUEUED_BATCHES: usize = 4;
/// Bytes of payloads that are kept in memory of what arrives during a round.
const MEANWHILE_BYTES: usize = 4 << 20;
/// No further message is processed while this many points are not on disk yet.
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
    /// What arrived since; empty if it was too much to be kept.
    arrived_meanwhile: VecDeque<StoredInbound>,
    meanwhile_bytes: usize,
    overflowed: bool,
}

impl CatchUp {
    pub(super) fn new(limit: usize) -> Self {
        Self { stored: 0, replayed: 0, limit, next: 0, round: None }
    }

    /// A message is stored.
    pub(super) fn store(&mut self, stored: StoredInbound) {
        self.stored += 1;
        let Some(round) = self.round.as_mut().filter(|round| !round.overflowed) else { return };
        if let InboundKind::Message { payload, topic, .. } = &stored.kind {
            round.meanwhile_bytes += payload.len() + topic.len();
        }
        round.arrived_meanwhile.push_back(stored);
        if round.meanwhile_bytes > MEANWHILE_BYTES {
            round.overflowed = true;
            round.arrived_meanwhile = VecDeque::new();
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
        let mut stored_messages = self.outbox.reread_inbound(next, count);
        let (batches, messages) = mpsc::channel(QUEUED_BATCHES);
        let thread = std::thread::Builder::new().name("stored messages".to_owned());
        let started = thread.spawn(move || {
            loop {
                let batch: Vec<_> = stored_messages.by_ref().take(BATCH).collect();
                if batch.is_empty() || batches.blocking_send(batch).is_err() {
                    return;
                }
            }
        });
        if let Err(error) = started {
            // The channel ends at once, so `handle_deferred` reports the messages as lost.
            warn!(%error, "stored messages cannot be read");
        }
        self.catch_up.next = stored;
        self.catch_up.round = Some(Round {
            messages,
            missing: count,
            arrived_meanwhile: VecDeque::new(),
            meanwhile_bytes: 0,
            overflowed: false,
        });
    }

    /// Processes messages that were deferred; none come any more at the end of a round.
    pub(super) fn handle_deferred(&mut self, batch: Option<Vec<StoredInbound>>) {
        if let Some(batch) = batch {
            if let Some(round) = &mut self.catch_up.round {
                round.missing = round.missing.saturating_sub(batch.len() as u64);
            }
            self.process_deferred(batch);
            return;
        }
        let Some(Round { missing, arrived_meanwhile, overflowed, .. }) = self.catch_up.round.take()
        else {
            return;
        };
        if missing == 0 && overflowed {
            self.start_catch_up();
            return;
        }
        if missing == 0 {
            self.process_deferred(arrived_meanwhile);
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
        let state = self.bridge.host().state_topic();
        for StoredInbound { at, server, kind } in messages {
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

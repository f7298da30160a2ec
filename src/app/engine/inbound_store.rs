//! Messages that arrive before the initial sync: stored on disk, and replayed by the next process
//! if this one stops before.

use std::collections::BTreeSet;

use tracing::info;

use super::{Engine, SyncState};
use crate::bridge::Output;
use crate::mqtt::Inbound;
use crate::outbox::{InboundKind, StoredInbound};
use crate::sitewise::client::SiteWise;
use crate::sparkplug::host::ServerId;
use crate::time::{Now, Timestamp};

impl<S: SiteWise> Engine<S> {
    /// Replays messages that earlier processes stored, as if they had just arrived; afterwards
    /// their sessions are over.
    pub(super) fn replay_stored(&mut self) {
        self.bridge.set_deferrable(self.outbox.disk().is_some());
        let mut open = BTreeSet::new();
        let (mut stored, mut messages) = (false, 0);
        let now = self.clock.now();
        let state = self.bridge.host().state_topic();
        for StoredInbound { at, server, kind } in self.outbox.stored_inbound() {
            let then = Now { wall: at, ..now };
            self.defer_if_full(then);
            self.catch_up.stored += 1;
            stored = true;
            let id = ServerId(server);
            match kind {
                InboundKind::Connected(session_time) => {
                    open.insert(server);
                    self.bridge.handle_connected(id, session_time, then);
                }
                InboundKind::Disconnected => {
                    open.remove(&server);
                    self.bridge.handle_disconnected(id, then);
                }
                // STATE messages of earlier processes are outdated, and must not count as another
                // host's.
                InboundKind::Message { topic, .. } if topic == state => {}
                InboundKind::Message { topic, payload, retain } => {
                    messages += 1;
                    self.bridge.handle_message(id, &topic, &payload, retain, then);
                }
                InboundKind::Oversized { topic, retain } => {
                    self.bridge.handle_oversized(id, &topic, retain, then);
                }
            }
        }
        for server in open {
            // Stored as well: what is deferred is replayed once more.
            self.store(StoredInbound { at: now.wall, server, kind: InboundKind::Disconnected });
            self.bridge.handle_disconnected(ServerId(server), now);
        }
        self.catch_up.replayed = messages;
        self.stores_inbound = stored;
        // Nobody waits any more for what was to be published then, and a STATE of that time would
        // come back as another host's.
        while let Some(output) = self.bridge.poll_output(now) {
            if !matches!(output, Output::Publish(_)) {
                self.handle_output(output, now);
            }
        }
        if messages > 0 {
            info!(
                "replaying {messages} messages that were stored on disk before SiteWise was first \
                 reached: their values count as read, not as points from disk"
            );
        }
    }

    /// Stores a message that arrives before the initial sync, or while messages of then are not
    /// processed yet. It is to be handled afterwards.
    pub(super) fn store_inbound(&mut self, inbound: &Inbound, now: Now) {
        if self.sync_state == SyncState::Done && !self.bridge.is_deferring() {
            return;
        }
        self.defer_if_full(now);
        self.store(stored(inbound, now.wall));
        self.stores_inbound = true;
    }

    fn store(&mut self, stored: StoredInbound) {
        self.outbox.store_inbound(&stored);
        self.catch_up.store(stored);
    }

    /// Deletes the stored messages once they became points and these are flushed. Those in the window
    /// of a bridge that follows are flushed nowhere.
    pub(super) fn discard_stored(&mut self) {
        if !self.stores_inbound
            || self.sync_state != SyncState::Done
            || self.bridge.is_deferring()
            || self.bridge.twin().buffered() > 0
            || self.is_stored_in_window()
        {
            return;
        }
        if self.outbox.disk().is_none_or(|disk| disk.unsaved == 0) {
            self.stores_inbound = false;
            self.outbox.clear_inbound();
        }
    }
}

fn stored(inbound: &Inbound, at: Timestamp) -> StoredInbound {
    let (server, kind) = match inbound {
        Inbound::Connected { server, session_time } => {
            (*server, InboundKind::Connected(*session_time))
        }
        Inbound::Disconnected { server, .. } => (*server, InboundKind::Disconnected),
        Inbound::Message { server, topic, payload, retain, .. } => {
            let (topic, payload) = (topic.clone(), payload.clone());
            (*server, InboundKind::Message { topic, payload, retain: *retain })
        }
        Inbound::Oversized { server, topic, retain, .. } => {
            (*server, InboundKind::Oversized { topic: topic.clone(), retain: *retain })
        }
    };
    StoredInbound { at, server, kind }
}

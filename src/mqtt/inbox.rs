//! The queue to the engine: bounded, and what does not fit is dropped and counted.
//!
//! Data travels at QoS 0, so a reader who waits makes the server drop instead, where nobody
//! counts. Of what is dropped here the sender is remembered, and asked.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rumqttc::Event;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::Instant;

use super::Inbound;
use super::heard::LastHeard;
use super::lost::LossRecord;
use crate::sparkplug::host::LostSenders;

/// Payload bytes in a queue at most, plus the largest packet.
const QUEUED_BYTES: usize = 64 << 20;
/// Retained messages leave one part in this many of the queue's places and bytes to live ones:
/// a server sends everything that it stores at once after a subscription, and live births that
/// find no room are heard only after the next rebirth request.
const LIVE_DIVISOR: usize = 2;
/// Messages kept between the first granted subscription and the last.
const EARLY_MESSAGES: usize = 1_000;

/// How long it is reported that another client takes the sessions.
const CONTENDED_FOR: Duration = Duration::from_secs(300);

/// What a connection counts. Clones show the same numbers.
#[derive(Clone, Debug, Default)]
pub struct ConnectionStats(Arc<ConnectionCounters>);

#[derive(Debug, Default)]
struct ConnectionCounters {
    received: AtomicU64,
    dropped: AtomicU64,
    retained_dropped: AtomicU64,
    malformed: AtomicU64,
    oversized: AtomicU64,
    last_error: Mutex<Option<Arc<str>>>,
    contended: Mutex<Option<(Instant, Arc<str>)>>,
    /// Messages handed to the client and not yet written, plus one; zero without a session.
    uplink: AtomicUsize,
    /// Whether the latest session has its optional subscriptions.
    optional: AtomicBool,
    lost: LossRecord,
}

impl ConnectionStats {
    /// Messages received.
    pub fn received(&self) -> u64 {
        self.0.received.load(Ordering::Relaxed)
    }

    /// Messages of these that were dropped because the queue was full.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Takes whose live messages were dropped since the last call; none if nobody's were.
    pub fn take_lost(&self) -> Option<LostSenders> {
        self.0.lost.take()
    }

    /// Messages of these that the server had stored (retained): no more than half of the queue is
    /// theirs.
    pub fn retained_dropped(&self) -> u64 {
        self.0.retained_dropped.load(Ordering::Relaxed)
    }

    /// Messages of these whose topic is not UTF-8.
    pub fn malformed(&self) -> u64 {
        self.0.malformed.load(Ordering::Relaxed)
    }

    /// Messages of these that were skipped because they are too large.
    pub fn oversized(&self) -> u64 {
        self.0.oversized.load(Ordering::Relaxed)
    }

    /// Why there is no session; none while there is one or the first is tried.
    pub fn trouble(&self) -> Option<Arc<str>> {
        self.0.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why the server closes each session, if it did so within the last minutes: another client has our
    /// identifier.
    pub fn contended(&self) -> Option<Arc<str>> {
        let contended = self.0.contended.lock().unwrap_or_else(PoisonError::into_inner);
        contended
            .as_ref()
            .filter(|(at, _)| at.elapsed() < CONTENDED_FOR)
            .map(|(_, why)| why.clone())
    }

    /// Messages that the client has and has not written yet; none without a session.
    pub fn uplink(&self) -> Option<usize> {
        self.0.uplink.load(Ordering::Relaxed).checked_sub(1)
    }

    /// Whether the server granted the optional subscriptions to the latest session that was
    /// announced.
    pub fn has_optional(&self) -> bool {
        self.0.optional.load(Ordering::Relaxed)
    }

    pub(super) fn set_uplink(&self, unsent: Option<usize>) {
        let stored = unsent.map_or(0, |unsent| unsent.saturating_add(1));
        self.0.uplink.store(stored, Ordering::Relaxed);
    }

    pub(super) fn set_contended(&self, why: String) {
        let now = (Instant::now(), why.into());
        *self.0.contended.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    pub(super) fn set_trouble(&self, trouble: Option<&str>) {
        *self.0.last_error.lock().unwrap_or_else(PoisonError::into_inner) = trouble.map(Arc::from);
    }
}

/// The sending end of the queue for one connection.
#[derive(Debug)]
pub(super) struct Inbox {
    server: u16,
    queue: mpsc::Sender<Inbound>,
    figures: ConnectionStats,
    budget: Arc<Budget>,
    before_announcement: Option<Vec<Inbound>>,
    heard: LastHeard,
}

#[derive(Debug)]
struct Budget {
    used: AtomicUsize,
    limit: usize,
}

/// A payload's share of the budget, given back when the payload is no longer needed.
struct LeasedPayload {
    payload: Bytes,
    budget: Arc<Budget>,
}

impl Inbox {
    pub(super) fn new(
        server: u16,
        queue: mpsc::Sender<Inbound>,
        figures: ConnectionStats,
        max_packet: usize,
    ) -> Self {
        Self {
            server,
            queue,
            figures,
            budget: Arc::new(Budget {
                used: AtomicUsize::new(0),
                limit: QUEUED_BYTES.saturating_add(max_packet),
            }),
            before_announcement: None,
            heard: LastHeard::new(None),
        }
    }

    /// The same, but what comes after a silence of a server that is pinged so often may be as old.
    pub(super) fn pinging(self, every: Option<Duration>) -> Self {
        Self { heard: LastHeard::new(every), ..self }
    }

    /// Sees what the client does beside messages.
    pub(super) fn note(&mut self, event: &Event) {
        self.heard.note(event, Instant::now());
    }

    /// Buffers messages until the session is announced.
    pub(super) fn buffer_until_announced(&mut self) {
        self.drop_unannounced();
        self.heard.begin(Instant::now());
        self.before_announcement = Some(Vec::new());
    }

    /// The session has ended before it was announced.
    fn drop_unannounced(&mut self) {
        for message in self.before_announcement.take().unwrap_or_default() {
            self.drop(&message);
        }
    }

    /// Announces the session, then what has arrived in it already. False if there is no room
    /// yet: the announcement must not be lost.
    pub(super) fn announce(&mut self, connected: Inbound) -> bool {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(connected) {
            return false;
        }
        self.figures.set_trouble(None);
        for message in self.before_announcement.take().unwrap_or_default() {
            self.try_send(message);
        }
        true
    }

    /// The session is open, and this many messages are not written yet.
    pub(super) fn set_uplink(&self, unsent: usize) {
        self.figures.set_uplink(Some(unsent));
    }

    /// The session that is about to be announced has its optional subscriptions, or has not.
    pub(super) fn set_optional(&self, granted: bool) {
        self.figures.0.optional.store(granted, Ordering::Relaxed);
    }

    /// The session takes no more messages.
    pub(super) fn clear_uplink(&self) {
        self.figures.set_uplink(None);
    }

    /// Waits until there is room for an announcement.
    pub(super) async fn room(&self) {
        // An error means that nobody listens any more; the process is about to end.
        let _ = self.queue.reserve().await;
    }

    pub(super) fn handle_message(&mut self, topic: Bytes, payload: Bytes, qos: u8, retain: bool) {
        let Some(topic) = self.admit(topic, retain) else { return };
        let Some(payload) = Budget::lease(&self.budget, payload) else {
            return self.count_dropped(&topic, retain);
        };
        let (server, arrived) = (self.server, self.heard.sent_at(Instant::now()));
        self.accept(Inbound::Message { server, topic, payload, arrived, qos, retain });
    }

    /// A message whose payload was skipped.
    pub(super) fn handle_oversized(&mut self, topic: Bytes, size: u64, retain: bool) {
        self.figures.0.oversized.fetch_add(1, Ordering::Relaxed);
        let Some(topic) = self.admit(topic, retain) else { return };
        self.accept(Inbound::Oversized { server: self.server, topic, size, retain });
    }

    /// Counts a message that has come. Returns its topic; none if that is not UTF-8, or if there is
    /// no room for a retained message: then it is dropped, and counted as such.
    fn admit(&self, topic: Bytes, retain: bool) -> Option<String> {
        self.figures.0.received.fetch_add(1, Ordering::Relaxed);
        let Ok(topic) = String::from_utf8(topic.into()) else {
            self.figures.0.malformed.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        if retain && !self.has_room_for_retained() {
            self.count_dropped(&topic, retain);
            return None;
        }
        Some(topic)
    }

    fn has_room_for_retained(&self) -> bool {
        if let Some(buffered) = &self.before_announcement {
            return buffered.len() < EARLY_MESSAGES - EARLY_MESSAGES / LIVE_DIVISOR;
        }
        let reserved_places = self.queue.max_capacity() / LIVE_DIVISOR;
        let bytes = self.budget.limit - self.budget.limit / LIVE_DIVISOR;
        self.queue.capacity() > reserved_places && self.budget.used.load(Ordering::Relaxed) < bytes
    }

    fn accept(&mut self, message: Inbound) {
        match &mut self.before_announcement {
            Some(buffered) if buffered.len() < EARLY_MESSAGES => buffered.push(message),
            Some(_) => self.drop(&message),
            None => self.try_send(message),
        }
    }

    /// Announces the end of the session. Nothing is being polled now, so waiting is harmless.
    pub(super) async fn disconnected(&mut self, reason: String) {
        self.drop_unannounced();
        let server = self.server;
        let _ = self.queue.send(Inbound::Disconnected { server, reason }).await;
    }

    fn try_send(&self, message: Inbound) {
        // A closed queue loses nothing that was to be read: the process is about to end.
        if let Err(TrySendError::Full(message)) = self.queue.try_send(message) {
            self.drop(&message);
        }
    }

    fn drop(&self, message: &Inbound) {
        match message {
            Inbound::Message { topic, retain, .. } | Inbound::Oversized { topic, retain, .. } => {
                self.count_dropped(topic, *retain);
            }
            Inbound::Connected { .. } | Inbound::Disconnected { .. } => {}
        }
    }

    fn count_dropped(&self, topic: &str, retain: bool) {
        match retain {
            true => drop(self.figures.0.retained_dropped.fetch_add(1, Ordering::Relaxed)),
            false => self.figures.0.lost.add(topic),
        }
        self.figures.0.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

impl Budget {
    fn lease(self: &Arc<Self>, payload: Bytes) -> Option<Bytes> {
        let bytes = payload.len();
        let used = self.used.fetch_add(bytes, Ordering::Relaxed);
        if used.saturating_add(bytes) > self.limit {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
            return None;
        }
        Some(Bytes::from_owner(LeasedPayload { payload, budget: Arc::clone(self) }))
    }
}

impl AsRef<[u8]> for LeasedPayload {
    fn as_ref(&self) -> &[u8] {
        &self.payload
    }
}

impl Drop for LeasedPayload {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.payload.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;

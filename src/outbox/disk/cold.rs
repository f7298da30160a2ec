//! Points that are only on disk, and how they are read back.

mod parked;

use std::collections::BTreeMap;

use self::parked::ParkedPoints;
use super::pending_read::PendingRead;
use super::record::RecordKey;
use crate::delivery::point::{Class, Gate, GateState, Key, Point};
use crate::outbox::PassedOver;

/// Points that are read at once.
const PAGE: usize = 10_000;
/// Points that were read ahead of which more are read.
const READ_AHEAD: usize = 10_000;
/// Full scans in a row that were disturbed, after which reconciling the count is given up.
const MAX_FUTILE_SCANS: u8 = 8;

/// How many points are on disk alone, and those of them that were read ahead.
///
/// They are read in scans. The first goes over all of them, and passes over points whose gate is
/// closed. Another follows only over the spans where there is something to take: where points were
/// left whose gate is open, where points wait for the gate that opened, and where those that were
/// passed over have become too old.
#[derive(Debug, Default)]
pub(super) struct ColdPoints {
    points: usize,
    /// Read ahead; none of them is anywhere else in memory.
    read_ahead: BTreeMap<RecordKey, Point>,
    scan: Option<ColdScan>,
    /// The spans of the next scan; none if there is nothing to take.
    next_spans: Option<SpanRange>,
    parked: ParkedPoints,
    /// The pending read of a page.
    page_read: PendingRead,
    /// Full scans in a row in which points were left behind: they did not show whether points are
    /// counted that are not there.
    futile_scans: u8,
    /// Whether a full scan has ended in which nothing was left behind: then what is there is what
    /// was passed over.
    count_verified: bool,
}

/// A range of spans (ten minutes of timestamps, see `record.rs`); unbounded where none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SpanRange {
    from: Option<i64>,
    to: Option<i64>,
}

impl SpanRange {
    const ALL: Self = Self { from: None, to: None };

    pub(super) fn from(span: i64) -> Self {
        Self { from: Some(span), to: None }
    }

    pub(super) fn to(span: i64) -> Self {
        Self { from: None, to: Some(span) }
    }

    /// The smallest range that contains both.
    fn hull(self, other: Self) -> Self {
        Self {
            from: self.from.and_then(|one| other.from.map(|other| one.min(other))),
            to: self.to.and_then(|one| other.to.map(|other| one.max(other))),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct ColdScan {
    spans: SpanRange,
    /// The next page begins after this key.
    after: Option<RecordKey>,
    /// Whether points were left behind since it began.
    points_added: bool,
    /// Whether all of it was read.
    is_complete: bool,
}

/// A page of points that is to be read from the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageRequest {
    /// It begins after this key; none: with the first.
    pub(super) after: Option<RecordKey>,
    /// Points at most.
    pub(super) limit: usize,
}

impl ColdPoints {
    pub(super) fn len(&self) -> usize {
        self.points
    }

    /// Points whose gate was closed when they were left behind or read last.
    pub(super) fn parked_points(&self) -> usize {
        self.parked.len().min(self.points)
    }

    /// What was passed over, by asset.
    pub(super) fn by_asset(&self) -> Vec<PassedOver> {
        self.parked.by_asset()
    }

    /// The first span of those that are not taken, as far as it is known: before the first page is
    /// read it is not. Where a gate opened it may be one in which no more waits, until the next
    /// scan.
    pub(super) fn oldest(&self) -> Option<i64> {
        if self.points == 0 {
            return None;
        }
        let read_ahead = self.read_ahead.first_key_value().map(|(record_key, _)| record_key.span());
        let passed_over = self.parked.oldest().map(|(span, _)| span);
        let unread = self.scan.filter(|scan| !scan.is_complete).and_then(|scan| scan.after);
        let next = self.next_spans.and_then(|spans| spans.from);
        let unread = unread.map(RecordKey::span);
        [read_ahead, passed_over, unread, next].into_iter().flatten().min()
    }

    /// More points are on disk alone, of which no more is known.
    pub(super) fn add(&mut self, points: usize) {
        if points == 0 {
            return;
        }
        self.points = self.points.saturating_add(points);
        self.mark_disturbed();
        self.rescan(SpanRange::ALL);
    }

    /// One more point is on disk alone. If it waits behind a gate it is read when that opens.
    pub(super) fn add_point(&mut self, point: &Point, gate: Option<Gate>) {
        self.points = self.points.saturating_add(1);
        self.mark_disturbed();
        match gate {
            Some(_) => self.parked.add(point),
            None => self.rescan(SpanRange::from(RecordKey::of(point.key()).span())),
        }
    }

    fn mark_disturbed(&mut self) {
        self.count_verified = false;
        if let Some(scan) = &mut self.scan {
            scan.points_added = true;
        }
    }

    /// There may be points to take where none were.
    fn rescan(&mut self, spans: SpanRange) {
        self.next_spans = Some(self.next_spans.map_or(spans, |before| before.hull(spans)));
    }

    /// The disk is readable again: all points on it are scanned.
    pub(super) fn rescan_all(&mut self) {
        self.rescan(SpanRange::ALL);
    }

    /// A gate opened: what waits for it is to be read.
    pub(super) fn open(&mut self, gate: Gate) {
        if let Some(spans) = self.parked.behind(gate) {
            self.rescan(spans);
        }
    }

    /// Cancels the scan and drops what was read ahead: the disk has failed.
    pub(super) fn cancel(&mut self) {
        self.read_ahead.clear();
        self.page_read.finish();
        self.scan = None;
        self.futile_scans = 0;
        self.count_verified = false;
        self.rescan(SpanRange::ALL);
    }

    /// The point with this key is decided: it may be on its way from the disk.
    pub(super) fn note_settled(&mut self, key: &Key) {
        self.page_read.note_settled(key);
    }

    /// A point with this key comes; true if it overwrites one that was read ahead.
    pub(super) fn overwrite(&mut self, key: &Key) -> bool {
        let was_read_ahead = self.read_ahead.remove(&RecordKey::of(*key)).is_some();
        self.points -= usize::from(was_read_ahead);
        was_read_ahead
    }

    /// This many points were overwritten on disk. Returns how many of them were ours.
    pub(super) fn count_overwritten(&mut self, points: u64) -> u64 {
        let points = usize::try_from(points).unwrap_or(usize::MAX).min(self.points);
        self.points -= points;
        points as u64
    }

    /// A point is dropped.
    pub(super) fn remove_one(&mut self, key: &Key) {
        self.note_settled(key);
        self.read_ahead.remove(&RecordKey::of(*key));
        self.points = self.points.saturating_sub(1);
    }

    /// The page to read next; none if nothing is wanted, or one is being read.
    pub(super) fn next_read(&mut self) -> Option<PageRequest> {
        if self.page_read.is_pending() || self.read_ahead.len() > READ_AHEAD || self.points == 0 {
            return None;
        }
        let is_over = self.scan.is_none_or(|scan| scan.is_complete);
        if is_over
            && self.read_ahead.is_empty()
            && let Some(spans) = self.next_spans.take()
        {
            self.parked.forget(spans);
            self.count_verified = false;
            let after = spans.from.map(RecordKey::before);
            self.scan = Some(ColdScan { spans, after, points_added: false, is_complete: false });
        }
        let scan = self.scan.filter(|scan| !scan.is_complete)?;
        self.page_read.start();
        Some(PageRequest { after: scan.after, limit: PAGE })
    }

    /// A page comes from the disk; `is_in_memory` tells which points are in memory.
    pub(super) fn handle_page(
        &mut self,
        points: impl ExactSizeIterator<Item = Point>,
        is_in_memory: impl Fn(&Key) -> bool,
    ) {
        let Some(settled) = self.page_read.finish() else { return };
        let Some(scan) = &mut self.scan else { return };
        scan.is_complete = points.len() < PAGE;
        for point in points {
            let key = point.key();
            let record_key = RecordKey::of(key);
            if scan.spans.to.is_some_and(|to| record_key.span() > to) {
                scan.is_complete = true;
                break;
            }
            scan.after = Some(record_key);
            if !settled.contains(&key) && !is_in_memory(&key) {
                self.read_ahead.insert(record_key, point);
            }
        }
    }

    /// Takes points that were read and can go.
    pub(super) fn take(
        &mut self,
        room: usize,
        gate_state: &dyn Fn(&Point) -> GateState,
    ) -> Vec<Point> {
        // What is too old goes, whatever it waits for.
        if room > 0
            && let Some((span, latest)) = self.parked.oldest()
            && gate_state(latest) == GateState::Open
        {
            self.parked.forget(SpanRange::to(span));
            self.rescan(SpanRange::to(span));
        }
        let mut taken = Vec::new();
        while taken.len() < room {
            let Some((record_key, mut point)) = self.read_ahead.pop_first() else { break };
            match gate_state(&point) {
                GateState::Unknown => {
                    self.read_ahead.insert(record_key, point);
                    break;
                }
                GateState::Closed => self.parked.add(&point),
                GateState::Open | GateState::Others => {
                    self.points = self.points.saturating_sub(1);
                    if matches!(point.class, Class::Live | Class::Birth) {
                        point.class = Class::History;
                    }
                    taken.push(point);
                }
            }
        }
        if self.read_ahead.is_empty()
            && let Some(scan) = self.scan.filter(|scan| scan.is_complete)
        {
            self.scan = None;
            self.count_verified = scan.spans == SpanRange::ALL && !scan.points_added;
            // More are counted than are known of: a full scan shows whether they are there.
            let is_missing = self.next_spans.is_none() && self.parked.len() < self.points;
            if !self.count_verified && is_missing && self.futile_scans < MAX_FUTILE_SCANS {
                self.futile_scans += u8::from(scan.spans == SpanRange::ALL);
                self.rescan(SpanRange::ALL);
            }
        }
        taken
    }

    /// After a full scan in which nothing happened, what is there is what was passed over.
    /// Returns how many points are not there although they were counted: a store that failed in
    /// between could not tell that they were overwritten, or lost them. None without such a scan.
    pub(super) fn reconcile(&mut self) -> Option<u64> {
        if !std::mem::take(&mut self.count_verified)
            || self.next_spans.is_some()
            || self.page_read.is_pending()
        {
            return None;
        }
        self.futile_scans = 0;
        let missing = self.points.saturating_sub(self.parked.len());
        self.points -= missing;
        Some(missing as u64)
    }
}

//! The outbox on disk, as the engine sees it.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::heard::InboundAgain;
use super::held::{Record, Settled};
use super::keeper::{DiskJob, ReadPurpose};
use super::record::RecordKey;
use super::{DiskOutbox, MAX_UNSAVED_REMOVES, heard};
use crate::delivery::output::Room;
use crate::delivery::point::{DiscardReason, Gate, GateState, Key, Point};
use crate::outbox::dead_letters::DeadLetter;
use crate::outbox::{
    AssetWaiting, DiskEvent, DiskFigures, DiskState, Outbox, PassedOver, QueuedPoint, StoredInbound,
};
use crate::sparkplug::address::Source;
use crate::time::{self, Timestamp};

impl Outbox for DiskOutbox {
    fn put(&mut self, points: Vec<QueuedPoint>) -> Vec<(Point, DiscardReason)> {
        let mut gone = Vec::new();
        for waiting in points {
            let overwritten = self.keep(waiting);
            gone.extend(overwritten.map(|point| (point, DiscardReason::Overwritten)));
        }
        if self.writer.is_full() {
            self.send();
        }
        self.spill();
        while !self.writer.is_well()
            && self.held.bytes() > self.head_bound
            && let Some((point, record)) = self.held.shed()
        {
            if record.is_safe(self.writer.saved()) {
                self.cold.add(1);
                continue;
            }
            if record != Record::UNSENT {
                self.writer.remove(point.key());
            }
            gone.push((point, DiscardReason::Full));
        }
        gone
    }

    fn open(&mut self, gate: Gate, next: &dyn Fn(&Point) -> Option<Gate>) {
        self.held.open(gate, next);
        self.cold.open(gate);
    }

    fn take(&mut self, room: Room) -> Vec<Point> {
        self.held.take(room)
    }

    fn take_cold(&mut self, room: Room, passage: &dyn Fn(&Point) -> GateState) -> Vec<Point> {
        if self.writer.is_busy() {
            return Vec::new();
        }
        let points = self.cold.take(room.points.min(room.history), passage);
        for point in &points {
            self.held.restore(point);
        }
        if self.writer.is_well()
            && let Some((after, limit)) = self.cold.wanted()
        {
            self.send();
            // If it falls behind with that, nothing is waited for any more.
            if self.writer.is_well() {
                self.writer.read(after, limit, ReadPurpose::Deliver);
            }
        }
        points
    }

    fn settle(&mut self, keys: &[Key]) {
        for key in keys {
            let settled = self.held.settle(*key);
            if settled == Settled::Unknown {
                continue;
            }
            self.cold.decide(key);
            self.bounds.decide(key);
            // The record of one that followed took the place of the one that is decided.
            if let Settled::Gone(record) = settled {
                self.remove(*key, record);
            }
        }
        if self.writer.is_full() {
            self.send();
        }
    }

    fn len(&self) -> usize {
        self.held.waiting() + self.held.successors() + self.cold.len()
    }

    fn bytes(&self) -> usize {
        self.held.bytes()
    }

    fn parked(&self) -> usize {
        self.held.parked() + self.cold.passed_over()
    }

    fn oldest(&self) -> Option<Timestamp> {
        let cold = self.cold.oldest().map(RecordKey::end_of);
        self.held.oldest().into_iter().chain(cold).min()
    }

    fn waiting_of(&self, asset: Uuid, at_most: usize) -> AssetWaiting {
        let mut of = self.held.waiting_of(asset, at_most);
        of.more |= self.cold.len() > 0;
        of
    }

    fn passed_over(&self) -> Vec<PassedOver> {
        self.cold.by_asset()
    }

    fn remember_machine(&mut self, asset: Uuid, machine: &Source) {
        if let Some(line) = self.machines.add(asset, machine) {
            self.writer.tell(DiskJob::Name(line));
        }
    }

    fn machine_of(&self, asset: Uuid) -> Option<&Source> {
        self.machines.of(asset)
    }

    fn store_dead_letter(&mut self, letter: &DeadLetter) {
        self.writer.tell(DiskJob::Bury(Box::new(letter.clone())));
    }

    fn store_inbound(&mut self, heard: &StoredInbound) {
        self.writer.tell(DiskJob::Hear { record: heard::record(heard), room: self.bounds.room() });
    }

    fn stored_inbound(&mut self) -> Box<dyn Iterator<Item = StoredInbound> + Send> {
        Box::new(self.heard.take().into_iter().flatten())
    }

    fn reread_inbound(
        &mut self,
        skip: u64,
        count: u64,
    ) -> Box<dyn Iterator<Item = StoredInbound> + Send> {
        self.bounds.reserve();
        let (awaited, written) = mpsc::channel();
        self.writer.tell(DiskJob::Written(awaited));
        let folder = self.inbound_folder.clone();
        Box::new(InboundAgain::new(folder, written, (skip, count)))
    }

    fn clear_inbound(&mut self) {
        self.bounds.release();
        self.writer.tell(DiskJob::Forget);
    }

    fn handle_timeout(&mut self, now: time::Instant) {
        self.notice_hang(now);
    }

    fn poll_timeout(&self) -> Option<time::Instant> {
        self.writer.hang_check()
    }

    fn poll_event(&mut self) -> Option<DiskEvent> {
        while let Some(report) = self.thread.report() {
            self.handle_report(report);
        }
        self.send();
        // Before that, the keeper may still tell of points that were overwritten.
        if self.writer.is_done()
            && self.writer.is_well()
            && let Some(points) = self.cold.reconcile()
        {
            let lost = self.tally.not_there(points);
            self.tell_lost(lost);
        }
        self.changes.pop_front()
    }

    fn is_flushed(&self) -> bool {
        let is_safe = self.writer.is_well() || self.held.lacking() == 0;
        let is_takeable = self.held.waiting() > self.held.parked();
        !is_takeable && self.held.successors() == 0 && is_safe
    }

    fn close(&mut self, patience: Duration) {
        let until = Instant::now() + patience;
        self.heard = None;
        // A disk that is slow still saves what it can until then.
        if *self.writer.state() == DiskState::Behind {
            self.make_up();
        }
        // Not as usual: at the end nothing is held back.
        self.writer.send();
        self.writer.tell(DiskJob::Close);
        while let Some(report) = self.thread.report_until(until) {
            self.handle_report(report);
        }
        self.thread.end();
    }

    fn disk(&self) -> Option<DiskFigures> {
        Some(DiskFigures {
            state: self.writer.state().clone(),
            bytes: self.bounds.stock.bytes,
            cold: self.cold.len(),
            unsaved: self.held.lacking() + self.writer.unsaved(),
            ..self.tally.figures()
        })
    }
}

impl DiskOutbox {
    /// Keeps a point; gives back one that it overwrote.
    pub(super) fn keep(&mut self, waiting: QueuedPoint) -> Option<Point> {
        let Self { held, cold, tally, writer, .. } = self;
        let put = held.put(waiting, writer.open(), |key| {
            let is_cold = cold.overwrite(key);
            tally.overwritten += u64::from(is_cold);
            is_cold
        });
        if let Some(op) = put.save {
            writer.add(op);
        }
        put.overwritten
    }

    /// Removes a record, if there is one.
    fn remove(&mut self, key: Key, record: Record) {
        // One that was not sent may have overwritten one that is on disk alone.
        let may_hide = self.cold.len() > 0 && self.writer.owed() < MAX_UNSAVED_REMOVES;
        if record != Record::UNSENT || may_hide {
            self.writer.remove(key);
        }
    }
}

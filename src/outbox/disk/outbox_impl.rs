//! The outbox on disk, as the engine sees it.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::cold::PageRequest;
use super::disk_writer::{DiskJob, ReadPurpose};
use super::inbound::InboundReread;
use super::memory_points::{PutBackResult, SavingWrite, SettleResult};
use super::record::RecordKey;
use super::{DiskOutbox, MAX_UNSAVED_REMOVES, inbound};
use crate::delivery::output::Room;
use crate::delivery::point::{DiscardReason, Gate, GateState, Key, Point};
use crate::late::FileName;
use crate::outbox::dead_letters::DeadLetter;
use crate::outbox::{
    AssetWaiting, DiskEvent, DiskFigures, DiskState, LateEvent, Outbox, PassedOver, QueuedPoint,
    StoredInbound,
};
use crate::sparkplug::address::Source;
use crate::time::{self, Timestamp};

impl Outbox for DiskOutbox {
    fn put(&mut self, points: Vec<QueuedPoint>) -> Vec<(Point, DiscardReason)> {
        let mut dropped = Vec::new();
        for waiting in points {
            let overwritten = self.enqueue(waiting);
            dropped.extend(overwritten.map(|point| (point, DiscardReason::Overwritten)));
        }
        if self.write_queue.is_full() {
            self.flush_writes();
        }
        self.spill();
        self.drop_excess(&mut dropped);
        dropped
    }

    fn put_back(&mut self, points: Vec<Point>, gate: Gate) -> Vec<(Point, DiscardReason)> {
        let mut dropped = Vec::new();
        for point in points {
            let overwritten = match self.memory.put_back(point, gate) {
                PutBackResult::Queued => None,
                PutBackResult::Overwritten(point) => Some(point),
                // Delivery got it elsewhere.
                PutBackResult::Unknown(queued) => self.enqueue(queued),
            };
            dropped.extend(overwritten.map(|point| (point, DiscardReason::Overwritten)));
        }
        self.spill();
        self.drop_excess(&mut dropped);
        dropped
    }

    fn expire(&mut self, oldest: &dyn Fn(Gate) -> Timestamp) {
        self.memory.expire(oldest);
    }

    fn open(&mut self, gate: Gate, next: &dyn Fn(&Point) -> Option<Gate>) {
        self.memory.open(gate, next);
        self.cold.open(gate);
    }

    fn take(&mut self, room: Room) -> Vec<Point> {
        self.memory.take(room)
    }

    fn take_cold(&mut self, room: Room, gate_state: &dyn Fn(&Point) -> GateState) -> Vec<Point> {
        if self.write_queue.is_busy() {
            return Vec::new();
        }
        let points = self.cold.take(room.points.min(room.history), gate_state);
        for point in &points {
            self.memory.restore(point);
        }
        if self.write_queue.is_writable()
            && let Some(PageRequest { after, limit }) = self.cold.next_read()
        {
            self.flush_writes();
            // If it falls behind with that, nothing is waited for any more.
            if self.write_queue.is_writable() {
                self.write_queue.read(after, limit, ReadPurpose::Deliver);
            }
        }
        points
    }

    fn settle(&mut self, keys: &[Key]) {
        for key in keys {
            let settled = self.memory.settle(*key);
            if settled == SettleResult::Unknown {
                continue;
            }
            self.cold.note_settled(key);
            self.bounds.note_settled(key);
            // The record of one that followed took the place of the one that is decided.
            if let SettleResult::Removed(record) = settled {
                self.remove(*key, record);
            }
        }
        if self.write_queue.is_full() {
            self.flush_writes();
        }
    }

    fn len(&self) -> usize {
        self.memory.waiting() + self.memory.successors() + self.cold.len()
    }

    fn bytes(&self) -> usize {
        self.memory.bytes()
    }

    fn parked(&self) -> usize {
        self.memory.parked() + self.cold.parked_points()
    }

    fn oldest(&self) -> Option<Timestamp> {
        let cold = self.cold.oldest().map(RecordKey::end_of);
        self.memory.oldest().into_iter().chain(cold).min()
    }

    fn waiting_of(&self, asset: Uuid, at_most: usize) -> AssetWaiting {
        let mut of = self.memory.waiting_of(asset, at_most);
        of.is_partial |= self.cold.len() > 0;
        of
    }

    fn passed_over(&self) -> Vec<PassedOver> {
        self.cold.by_asset()
    }

    fn remember_machine(&mut self, asset: Uuid, machine: &Source) {
        if let Some(line) = self.machines.add(asset, machine) {
            self.write_queue.send_job(DiskJob::RecordMachine(line));
        }
    }

    fn machine_of(&self, asset: Uuid) -> Option<&Source> {
        self.machines.of(asset)
    }

    fn store_dead_letter(&mut self, letter: &DeadLetter) {
        self.write_queue.send_job(DiskJob::StoreDeadLetter(Box::new(letter.clone())));
    }

    fn store_inbound(&mut self, inbound: &StoredInbound) {
        self.write_queue.send_job(DiskJob::StoreInbound {
            record: inbound::record(inbound),
            free_bytes: self.bounds.free_bytes(),
        });
    }

    fn stored_inbound(&mut self) -> Box<dyn Iterator<Item = StoredInbound> + Send> {
        Box::new(self.inbound_replay.take().into_iter().flatten())
    }

    fn reread_inbound(
        &mut self,
        skip: u64,
        count: u64,
    ) -> Box<dyn Iterator<Item = StoredInbound> + Send> {
        self.bounds.reserve();
        let (awaited, written) = mpsc::channel();
        self.write_queue.send_job(DiskJob::NotifyFlushed(awaited));
        let folder = self.inbound_folder.clone();
        Box::new(InboundReread::new(folder, written, (skip, count)))
    }

    fn clear_inbound(&mut self) {
        self.bounds.release();
        self.write_queue.send_job(DiskJob::ClearInbound);
    }

    fn take_over_left(&mut self) {
        if !self.beside.is_empty() {
            self.write_queue.send_job(DiskJob::TakeOver(self.beside.clone()));
        }
    }

    fn append_late(&mut self, file: FileName, row: u64, line: String) {
        self.write_queue.send_job(DiskJob::AppendLate { file, row, line });
    }

    fn settle_late(&mut self, keys: &[Key], row: u64) {
        self.settle_rows(keys, row);
    }

    fn close_late(&mut self, file: FileName) {
        self.write_queue.send_job(DiskJob::CloseLate(file));
    }

    fn keep_late_letters(&mut self, file: FileName, letters: Vec<DeadLetter>) {
        self.write_queue.send_job(DiskJob::KeepLateLetters(file, letters));
    }

    fn poll_late(&mut self) -> Option<LateEvent> {
        self.next_late_event()
    }

    fn handle_timeout(&mut self, now: time::Instant) {
        self.check_hang(now);
    }

    fn poll_timeout(&self) -> Option<time::Instant> {
        self.write_queue.next_hang_check()
    }

    fn poll_event(&mut self) -> Option<DiskEvent> {
        while let Some(report) = self.thread.report() {
            self.handle_report(report);
        }
        self.flush_writes();
        // Before that, the disk thread may still tell of points that were overwritten.
        if self.write_queue.is_flushed()
            && self.write_queue.is_writable()
            && let Some(points) = self.cold.reconcile()
        {
            let lost = self.counters.count_missing(points);
            self.report_lost(lost);
        }
        self.events.pop_front()
    }

    fn is_flushed(&self) -> bool {
        let is_safe = self.write_queue.is_writable() || self.memory.unwritten() == 0;
        let is_takeable = self.memory.waiting() > self.memory.parked();
        !is_takeable && self.memory.successors() == 0 && is_safe
    }

    fn close(&mut self, patience: Duration) {
        let until = Instant::now() + patience;
        self.inbound_replay = None;
        // A disk that is slow still saves what it can until then.
        if *self.write_queue.state() == DiskState::TooSlow {
            self.resave_unwritten();
        }
        // Not as usual: at the end nothing is held back.
        self.write_queue.flush_next();
        self.write_queue.send_job(DiskJob::Close);
        while let Some(report) = self.thread.report_until(until) {
            self.handle_report(report);
        }
        self.thread.join();
    }

    fn disk(&self) -> Option<DiskFigures> {
        Some(DiskFigures {
            state: self.write_queue.state().clone(),
            bytes: self.bounds.stats.bytes,
            cold: self.cold.len(),
            unsaved: self.memory.unwritten() + self.write_queue.unflushed_ops(),
            ..self.counters.figures()
        })
    }
}

impl DiskOutbox {
    /// Keeps a point; gives back one that it overwrote.
    pub(super) fn enqueue(&mut self, waiting: QueuedPoint) -> Option<Point> {
        let Self { memory, cold, counters, write_queue: writer, .. } = self;
        let put = memory.put(waiting, writer.open_write(), |key| {
            let is_cold = cold.overwrite(key);
            counters.overwritten += u64::from(is_cold);
            is_cold
        });
        if let Some(op) = put.op {
            writer.add(op);
        }
        put.overwritten
    }

    /// Drops what exceeds the limit of memory while the disk fails.
    fn drop_excess(&mut self, dropped: &mut Vec<(Point, DiscardReason)>) {
        while !self.write_queue.is_writable()
            && self.memory.bytes() > self.head_bound
            && let Some((point, record)) = self.memory.drop_oldest()
        {
            if record.is_flushed(self.write_queue.last_flushed()) {
                self.cold.add(1);
                continue;
            }
            if record != SavingWrite::UNSENT {
                self.write_queue.remove(point.key());
            }
            dropped.push((point, DiscardReason::Full));
        }
    }

    /// Removes a record, if there is one.
    fn remove(&mut self, key: Key, record: SavingWrite) {
        // One that was not sent may have overwritten one that is on disk alone.
        let may_hide =
            self.cold.len() > 0 && self.write_queue.deferred_removals() < MAX_UNSAVED_REMOVES;
        if record != SavingWrite::UNSENT || may_hide {
            self.write_queue.remove(key);
        }
    }
}

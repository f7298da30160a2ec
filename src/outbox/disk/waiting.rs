//! The outbox on disk, as the engine sees it.

use std::time::{Duration, Instant};

use super::held::{Record, Settled};
use super::keeper::{Job, Why};
use super::{Disk, REMOVES, heard};
use crate::delivery::output::Room;
use crate::delivery::point::{Discard, Gate, Key, Passage, Point};
use crate::outbox::dead_letters::DeadLetter;
use crate::outbox::{Change, DiskFigures, Heard, Outbox, Waiting};
use crate::time::Timestamp;

impl Outbox for Disk {
    fn put(&mut self, points: Vec<Waiting>) -> Vec<(Point, Discard)> {
        let mut gone = Vec::new();
        for waiting in points {
            let overwritten = self.keep(waiting);
            gone.extend(overwritten.map(|point| (point, Discard::Overwritten)));
        }
        if self.writer.is_full() {
            self.send();
        }
        self.leave_cold();
        while !self.writer.is_well()
            && self.held.bytes() > self.head_bound
            && let Some((point, record)) = self.held.shed()
        {
            if record.is_safe(self.writer.saved()) {
                self.cold.left(1);
                continue;
            }
            if record != Record::UNSENT {
                self.writer.remove(point.key());
            }
            gone.push((point, Discard::Full));
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

    fn restore(&mut self, room: Room, passage: &dyn Fn(&Point) -> Passage) -> Vec<Point> {
        if self.writer.is_busy() {
            return Vec::new();
        }
        let points = self.cold.take(room.points.min(room.history), passage);
        for point in &points {
            self.held.restore(point.key());
        }
        if self.writer.is_well()
            && let Some((after, limit)) = self.cold.wanted()
        {
            self.send();
            // If it falls behind with that, nothing is waited for any more.
            if self.writer.is_well() {
                self.writer.read(after, limit, Why::Deliver);
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
        self.held.oldest()
    }

    fn bury(&mut self, letter: &DeadLetter) {
        self.writer.tell(Job::Bury(Box::new(letter.clone())));
    }

    fn hear(&mut self, heard: &Heard) {
        self.writer.tell(Job::Hear { record: heard::record(heard), room: self.bounds.room() });
    }

    fn heard(&mut self) -> Box<dyn Iterator<Item = Heard> + Send> {
        Box::new(self.heard.take().into_iter().flatten())
    }

    fn forget(&mut self) {
        self.writer.tell(Job::Forget);
    }

    fn poll(&mut self) -> Option<Change> {
        while let Some(report) = self.thread.report() {
            self.take_in(report);
        }
        self.send();
        // Before that, the keeper may still tell of points that were overwritten.
        if self.writer.is_done()
            && self.writer.is_well()
            && let Some(points) = self.cold.reconcile()
        {
            self.tally.not_there(points);
        }
        self.changes.pop_front()
    }

    fn is_at_rest(&self) -> bool {
        let is_safe = self.writer.is_well() || self.held.lacking() == 0;
        let is_takeable = self.held.waiting() > self.held.parked();
        !is_takeable && self.held.successors() == 0 && is_safe
    }

    fn close(&mut self, patience: Duration) {
        let until = Instant::now() + patience;
        self.heard = None;
        self.send();
        self.writer.tell(Job::Close);
        while let Some(report) = self.thread.report_until(until) {
            self.take_in(report);
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

impl Disk {
    /// Keeps a point; gives back one that it overwrote.
    pub(super) fn keep(&mut self, waiting: Waiting) -> Option<Point> {
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
        let may_hide = self.cold.len() > 0 && self.writer.owed() < REMOVES;
        if record != Record::UNSENT || may_hide {
            self.writer.remove(key);
        }
    }
}

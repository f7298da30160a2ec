//! The outbox on disk, as the engine sees it.

use std::time::{Duration, Instant};

use super::keeper::{Job, Why};
use super::{Attempt, BATCH, Disk, Taken, Write, heard};
use crate::delivery::output::Room;
use crate::delivery::point::{Discard, Gate, Key, Passage, Point};
use crate::outbox::dead_letters::DeadLetter;
use crate::outbox::{Change, DiskFigures, Heard, Outbox, Waiting};
use crate::time::Timestamp;

impl Outbox for Disk {
    fn put(&mut self, points: Vec<Waiting>) -> Vec<(Point, Discard)> {
        let mut gone = Vec::new();
        for waiting in points {
            self.keep(waiting, &mut gone);
        }
        if self.outgoing.len() >= BATCH {
            self.send();
        }
        self.leave_cold();
        if !self.is_well() && self.head.bytes() > self.head_bound {
            for point in self.head.shed(self.head_bound) {
                match self.unsaved.remove(&point.key()) {
                    None => self.cold.left(1),
                    Some(attempt) => {
                        if attempt == Attempt::Sent {
                            self.removes.push(point.key());
                        }
                        gone.push((point, Discard::Full));
                    }
                }
            }
        }
        gone
    }

    fn open(&mut self, gate: Gate, next: &dyn Fn(&Point) -> Option<Gate>) {
        self.head.open(gate, next);
        self.cold.open(gate);
    }

    fn take(&mut self, room: Room) -> Vec<Point> {
        let points = self.head.take(room);
        for point in &points {
            let is_unsaved = !self.unsaved.is_empty() && self.unsaved.contains_key(&point.key());
            let unsaved = is_unsaved.then(|| Box::new(point.clone()));
            self.taken.insert(point.key(), Taken { unsaved, ..Taken::default() });
        }
        points
    }

    fn restore(&mut self, room: Room, passage: &dyn Fn(&Point) -> Passage) -> Vec<Point> {
        if self.is_busy() {
            return Vec::new();
        }
        let points = self.cold.take(room.points.min(room.history), passage);
        for point in &points {
            self.taken.insert(point.key(), Taken::default());
        }
        if self.is_well()
            && let Some((after, limit)) = self.cold.wanted()
        {
            self.send();
            let read = Job::Read { epoch: self.epoch, after, limit, why: Why::Deliver };
            let _ = self.jobs.send(read);
        }
        points
    }

    fn settle(&mut self, keys: &[Key]) {
        for key in keys {
            let Some(taken) = self.taken.remove(key) else { continue };
            self.cold.touch(key);
            if let Some(decided) = &mut self.giving_up {
                decided.insert(*key);
            }
            match taken.successor {
                // Its record took the place of the one that is decided.
                Some(waiting) => {
                    self.successors -= 1;
                    let _ = self.head.put(vec![*waiting]);
                    self.arrived(*key);
                }
                None => self.forget(*key),
            }
        }
        if self.outgoing.len() >= BATCH {
            self.send();
        }
    }

    fn len(&self) -> usize {
        self.head.len() + self.successors + self.cold.len()
    }

    fn bytes(&self) -> usize {
        self.head.bytes()
    }

    fn parked(&self) -> usize {
        self.head.parked() + self.cold.passed_over()
    }

    fn oldest(&self) -> Option<Timestamp> {
        self.head.oldest()
    }

    fn bury(&mut self, letter: &DeadLetter) {
        let _ = self.jobs.send(Job::Bury(Box::new(letter.clone())));
    }

    fn hear(&mut self, heard: &Heard) {
        let room = self.bound.saturating_sub(self.stock.bytes);
        let _ = self.jobs.send(Job::Hear { record: heard::record(heard), room });
    }

    fn heard(&mut self) -> Box<dyn Iterator<Item = Heard> + Send> {
        Box::new(self.heard.take().into_iter().flatten())
    }

    fn forget(&mut self) {
        let _ = self.jobs.send(Job::Forget);
    }

    fn poll(&mut self) -> Option<Change> {
        while let Ok(report) = self.reports.try_recv() {
            self.take_in(report);
        }
        self.send();
        // Before that, the keeper may still tell of points that were overwritten.
        if self.unsaved_writes.is_empty() && self.is_well() {
            let missing = self.cold.reconcile();
            let unreadable = missing.min(std::mem::take(&mut self.missing));
            self.figures.unreadable += unreadable;
            self.figures.overwritten += missing - unreadable;
        }
        self.changes.pop_front()
    }

    fn is_at_rest(&self) -> bool {
        let is_safe = self.is_well() || self.unsaved.is_empty();
        self.head.len() == self.head.parked() && self.successors == 0 && is_safe
    }

    fn close(&mut self, patience: Duration) {
        let until = Instant::now() + patience;
        self.heard = None;
        self.send();
        let _ = self.jobs.send(Job::Close);
        while !self.closed {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(report) = self.reports.recv_timeout(left) else { break };
            self.take_in(report);
        }
        if self.closed
            && let Some(keeper) = self.keeper.take()
        {
            let _ = keeper.join();
        }
    }

    fn disk(&self) -> Option<DiskFigures> {
        let waiting: usize = self.unsaved_writes.iter().map(|Write { ops, .. }| ops.len()).sum();
        Some(DiskFigures {
            state: self.state.clone(),
            bytes: self.stock.bytes,
            cold: self.cold.len(),
            unsaved: self.unsaved.len() + waiting + self.outgoing.len(),
            ..self.figures.clone()
        })
    }
}

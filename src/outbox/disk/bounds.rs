//! What is done when memory or disk is full.

use rustc_hash::FxHashSet;

use super::keeper::{Job, Why};
use super::record::Place;
use super::{Arrived, BACKLOG, Disk, OLDEST, WARM};
use crate::delivery::point::Point;
use crate::outbox::{Change, Outbox, Waiting};

impl Disk {
    /// Leaves on disk alone what is safe there and too much for the head, the oldest first.
    pub(super) fn leave_cold(&mut self) {
        let before = self.cold.len();
        while let Some(Arrived { write, arrival, key }) = self.order.front().copied() {
            let here = arrival.is_some() && self.head.arrival(&key) == arrival;
            if here && self.head.bytes() <= self.head_bound / WARM {
                break;
            }
            let safe = write <= self.saved
                && !self.unsaved.contains_key(&key)
                && !self.rewritten.contains_key(&key);
            if (here && !safe) || write > self.saved {
                break;
            }
            self.order.pop_front();
            if here && let Some(Waiting { point, gate }) = self.head.extract(&key) {
                self.cold.left_one(&point, gate);
            }
        }
        if self.order.len() > 2 * self.head.len() + 2 * BACKLOG {
            let (head, saved) = (&self.head, self.saved);
            let is_here = |of: &Arrived| head.arrival(&of.key) == of.arrival;
            self.order.retain(|arrived| arrived.write > saved || is_here(arrived));
        }
        if self.cold.len() > before {
            self.give_up();
        }
    }

    /// Asks for the oldest points if the records take too much.
    pub(super) fn give_up(&mut self) {
        let too_much = self.stock.bytes > self.bound && self.saved >= self.given_up_by;
        if too_much && self.is_well() && self.giving_up.is_none() {
            self.ask_oldest(None);
        }
    }

    fn ask_oldest(&mut self, after: Option<Place>) {
        self.giving_up = Some(FxHashSet::default());
        self.send();
        let (epoch, limit) = (self.epoch, OLDEST);
        let _ = self.jobs.send(Job::Read { epoch, after, limit, why: Why::GiveUp });
    }

    /// Gives up the oldest cold points.
    pub(super) fn given_up(&mut self, points: Vec<(Point, u64)>) {
        let Some(decided) = self.giving_up.take() else { return };
        let mut too_much = self.stock.bytes.saturating_sub(self.bound);
        let before = self.figures.full;
        let more = points.len() == OLDEST;
        let mut last = None;
        for (point, bytes) in points {
            let key = point.key();
            last = Some(Place::of(key));
            let is_here = self.head.get(&key).is_some() || self.taken.contains_key(&key);
            if is_here || decided.contains(&key) {
                continue;
            }
            if too_much == 0 {
                break;
            }
            too_much = too_much.saturating_sub(bytes);
            self.cold.gone(&key);
            self.figures.full += 1;
            self.forget(key);
        }
        if self.figures.full > before {
            self.changes.push_back(Change::Full);
            self.given_up_by = self.next_write();
        }
        self.send();
        if too_much > 0 && more && self.figures.full == before {
            self.ask_oldest(last);
        }
    }
}

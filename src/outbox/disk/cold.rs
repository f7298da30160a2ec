//! Points that are on disk alone, and the way back.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use super::record::Place;
use crate::delivery::point::{Class, Key, Passage, Point};

/// Points that are read at once.
const PAGE: usize = 10_000;
/// Points that were read ahead of which more are read.
const LOW: usize = 10_000;

/// How many points are on disk alone, and those of them that were read ahead.
///
/// They are read in rounds from the first place to the last. A round passes over points whose
/// gate is closed; when a gate opens, or more is left behind, one more round follows.
#[derive(Debug, Default)]
pub(super) struct Cold {
    points: usize,
    /// Read ahead; none of them is anywhere else in memory.
    page: BTreeMap<Place, Point>,
    round: Round,
    /// Whether there may be something before the place where the round is.
    again: bool,
    passed_over: usize,
    /// Keys that changed since a page was asked for; none while none is.
    touched: Option<FxHashSet<Key>>,
}

#[derive(Clone, Copy, Debug, Default)]
enum Round {
    #[default]
    Over,
    /// The next page begins after this place.
    At(Option<Place>),
}

impl Cold {
    pub(super) fn len(&self) -> usize {
        self.points
    }

    /// Points of the last round whose gate was closed.
    pub(super) fn passed_over(&self) -> usize {
        self.passed_over.min(self.points)
    }

    /// More points are on disk alone.
    pub(super) fn left(&mut self, points: usize) {
        self.points = self.points.saturating_add(points);
        self.again();
    }

    /// There may be points to take where none were.
    pub(super) fn again(&mut self) {
        self.again = true;
    }

    /// Reads no further, and forgets what was read: the disk is gone.
    pub(super) fn stop(&mut self) {
        self.page.clear();
        self.touched = None;
        self.round = Round::Over;
        self.again = true;
    }

    /// The point with this key is not what is on its way from the disk.
    pub(super) fn touch(&mut self, key: &Key) {
        if let Some(touched) = &mut self.touched {
            touched.insert(*key);
        }
    }

    /// A point with this key comes; true if it overwrites one that was read ahead.
    pub(super) fn overwrite(&mut self, key: &Key) -> bool {
        self.touch(key);
        let on_page = self.page.remove(&Place::of(*key)).is_some();
        self.points -= usize::from(on_page);
        on_page
    }

    /// So many points were overwritten on disk. Gives back how many of them were ours.
    pub(super) fn overwritten(&mut self, points: u64) -> u64 {
        let points = usize::try_from(points).unwrap_or(usize::MAX).min(self.points);
        self.points -= points;
        points as u64
    }

    /// A point is given up.
    pub(super) fn gone(&mut self, key: &Key) {
        self.touch(key);
        self.page.remove(&Place::of(*key));
        self.points = self.points.saturating_sub(1);
    }

    /// After which place to read how many points; none if nothing is wanted, or something is
    /// on its way.
    pub(super) fn wanted(&mut self) -> Option<(Option<Place>, usize)> {
        if self.touched.is_some() || self.page.len() > LOW || self.points == 0 {
            return None;
        }
        if matches!(self.round, Round::Over) && self.again && self.page.is_empty() {
            self.round = Round::At(None);
            self.again = false;
            self.passed_over = 0;
        }
        let Round::At(after) = self.round else { return None };
        self.touched = Some(FxHashSet::default());
        Some((after, PAGE))
    }

    /// A page comes from the disk; `is_here` tells which points are in memory.
    pub(super) fn read(
        &mut self,
        points: impl ExactSizeIterator<Item = Point>,
        is_here: impl Fn(&Key) -> bool,
    ) {
        let Some(touched) = self.touched.take() else { return };
        let more = points.len() == PAGE;
        let mut last = None;
        for point in points {
            let key = point.key();
            let place = Place::of(key);
            last = Some(place);
            if !touched.contains(&key) && !is_here(&key) {
                self.page.insert(place, point);
            }
        }
        self.round = if more { Round::At(last) } else { Round::Over };
    }

    /// Takes points that were read and can go.
    pub(super) fn take(&mut self, room: usize, passage: &dyn Fn(&Point) -> Passage) -> Vec<Point> {
        let mut taken = Vec::new();
        while taken.len() < room {
            let Some((place, mut point)) = self.page.pop_first() else { break };
            match passage(&point) {
                Passage::Unknown => {
                    self.page.insert(place, point);
                    break;
                }
                Passage::Closed => self.passed_over += 1,
                Passage::Open => {
                    self.points = self.points.saturating_sub(1);
                    if point.class != Class::Static {
                        point.class = Class::History;
                    }
                    taken.push(point);
                }
            }
        }
        taken
    }

    /// After a whole round in which nothing happened, what is there is what was passed over.
    /// Gives back how many points are not there although they were counted: a store that
    /// failed in between could not tell that they were overwritten.
    pub(super) fn reconcile(&mut self) -> u64 {
        let whole = matches!(self.round, Round::Over)
            && !self.again
            && self.touched.is_none()
            && self.page.is_empty();
        if !whole || self.points <= self.passed_over {
            return 0;
        }
        let missing = self.points - self.passed_over;
        self.points = self.passed_over;
        missing as u64
    }
}

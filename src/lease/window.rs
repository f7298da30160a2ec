//! The follower's window: what it would have delivered had it been the holder.
//!
//! A holder that dies may leave behind what it had heard and not delivered. So the follower keeps
//! what was decided within a [`span`] before the last renewal that it saw, and all that came
//! after it: while nobody renews, perhaps nobody delivers. What is older goes, and is counted: the
//! holder has had it for so long. Unless it may not have heard it: a holder that was interrupted says so,
//! and what came to the follower alone the follower delivers itself. Whoever takes the lease delivers
//! the window; SiteWise overwrites what it has already.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Instant;

/// How much is kept from before the last renewal, at least.
pub const SHORTEST_SPAN: Duration = Duration::from_secs(60);
/// From a holder's notice that its connection is dead to the renewal that says so, and until that is
/// seen.
const NOTICE: Duration = Duration::from_secs(10);

/// How much is kept where connections have this keep-alive. The client sends a ping after one, and
/// notices after another that it was not answered: so long a holder believes that it hears the plant.
pub fn span(keep_alive: Duration) -> Duration {
    SHORTEST_SPAN.max(keep_alive * 2 + NOTICE)
}

/// What is kept, in the order in which it came.
#[derive(Clone, Debug)]
pub struct Window<T> {
    kept: VecDeque<Kept<T>>,
    span: Duration,
    max_bytes: usize,
    bytes: usize,
    released: u64,
    unheard: u64,
    crowded_out: u64,
}

#[derive(Clone, Debug)]
struct Kept<T> {
    at: Instant,
    bytes: usize,
    point: T,
}

/// What the window holds and has held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowFigures {
    /// Points in it.
    pub points: usize,
    /// Bytes that they occupy, as the caller counts them.
    pub bytes: usize,
    /// When the oldest of them came.
    pub oldest: Option<Instant>,
    /// Points that went because the holder has had them for long: `standby_released`.
    pub released: u64,
    /// Points that the holder may not have heard, and this bridge therefore delivered.
    pub unheard: u64,
    /// Points that went earlier, because there was no more room: of them nobody knows whether the
    /// holder has delivered them.
    pub crowded_out: u64,
}

impl<T> Window<T> {
    /// An empty window that reaches back so far, and occupies no more than `max_bytes`.
    pub fn new(span: Duration, max_bytes: usize) -> Self {
        Self {
            kept: VecDeque::new(),
            span,
            max_bytes,
            bytes: 0,
            released: 0,
            unheard: 0,
            crowded_out: 0,
        }
    }

    /// How far it reaches back from the last renewal.
    pub fn span(&self) -> Duration {
        self.span
    }

    /// A point was decided that occupies so many bytes. One that is larger than the window does not
    /// come in, and is counted as crowded out.
    pub fn push(&mut self, point: T, bytes: usize, now: Instant) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.kept.push_back(Kept { at: now, bytes, point });
        while self.bytes > self.max_bytes && self.pop_oldest().is_some() {
            self.crowded_out += 1;
        }
    }

    /// A renewal of the holder was seen at `at`, which had then heard the plant for so long without a
    /// break: what came more than the window's length before is released. Returns those of them that
    /// the holder may not have heard: they are for this bridge to deliver.
    pub fn handle_renewed(&mut self, at: Instant, heard: Option<Duration>) -> Vec<T> {
        let mut unheard = Vec::new();
        // Near the process's start nothing is so old.
        let Some(reach) = at.since_start().checked_sub(self.span) else { return unheard };
        let end = Instant::from_start(reach);
        while self.kept.front().is_some_and(|oldest| oldest.at < end) {
            unheard.extend(self.release_oldest(at, heard));
        }
        unheard
    }

    /// This bridge is about to stop, and another has renewed the lease at `at`: releases everything,
    /// and returns what the holder may not have heard, and what came after that.
    pub fn release_all(&mut self, at: Instant, heard: Option<Duration>) -> Vec<T> {
        let mut unheard = Vec::new();
        while !self.kept.is_empty() {
            unheard.extend(self.release_oldest(at, heard));
        }
        unheard
    }

    /// Takes the oldest out; it is returned unless the holder has surely heard it: a window's length
    /// before it came the holder heard without a break, whatever this bridge did meanwhile.
    fn release_oldest(&mut self, at: Instant, heard: Option<Duration>) -> Option<T> {
        let oldest = self.pop_oldest()?;
        let is_old = oldest.at <= at;
        if is_old && heard.is_some_and(|heard| heard >= at.since(oldest.at) + self.span) {
            self.released += 1;
            return None;
        }
        self.unheard += 1;
        Some(oldest.point)
    }

    /// Takes everything out, oldest first: this bridge has become the holder.
    pub fn take(&mut self) -> impl Iterator<Item = T> + use<T> {
        self.bytes = 0;
        std::mem::take(&mut self.kept).into_iter().map(|kept| kept.point)
    }

    /// What it holds and has held.
    pub fn figures(&self) -> WindowFigures {
        WindowFigures {
            points: self.kept.len(),
            bytes: self.bytes,
            oldest: self.kept.front().map(|oldest| oldest.at),
            released: self.released,
            unheard: self.unheard,
            crowded_out: self.crowded_out,
        }
    }

    fn pop_oldest(&mut self) -> Option<Kept<T>> {
        let oldest = self.kept.pop_front()?;
        self.bytes -= oldest.bytes;
        Some(oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_secs(60);
    const LONG: Option<Duration> = Some(Duration::from_secs(3_600));

    fn at(seconds: u64) -> Instant {
        Instant::from_start(Duration::from_secs(seconds))
    }

    fn window(points: &[(u64, u64)]) -> Window<u64> {
        let mut window = Window::new(SPAN, 1_000);
        for (point, second) in points {
            window.push(*point, 100, at(*second));
        }
        window
    }

    #[test]
    fn what_the_holder_has_had_for_long_is_released_and_counted() {
        let mut window = window(&[(1, 0), (2, 39), (3, 40), (4, 100)]);
        assert!(window.handle_renewed(at(30), LONG).is_empty());
        assert_eq!(window.figures().released, 0);
        assert!(window.handle_renewed(at(100), LONG).is_empty());
        let figures = window.figures();
        assert_eq!((figures.points, figures.bytes, figures.released), (2, 200, 2));
        assert_eq!((figures.oldest, figures.crowded_out), (Some(at(40)), 0));
        assert_eq!(window.take().collect::<Vec<_>>(), [3, 4]);
        let figures = window.figures();
        assert_eq!((figures.points, figures.bytes, figures.oldest), (0, 0, None));
    }

    #[test]
    fn while_nobody_renews_nothing_is_released() {
        let mut window = window(&[(1, 50), (2, 80), (3, 900)]);
        assert!(window.handle_renewed(at(100), LONG).is_empty());
        assert!(window.handle_renewed(at(100), LONG).is_empty());
        assert_eq!(window.take().collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn what_the_holder_may_not_have_heard_is_for_the_follower_to_deliver() {
        let mut deaf = window(&[(1, 100), (2, 130), (3, 200)]);
        assert_eq!(deaf.handle_renewed(at(200), None), [1, 2]);
        assert_eq!((deaf.figures().released, deaf.figures().unheard), (0, 2));
        // It hears since 70 s, and that a window's length before is not relied on.
        let mut interrupted = window(&[(1, 100), (2, 129), (3, 130), (4, 139), (5, 200)]);
        let heard = Some(Duration::from_secs(130));
        assert_eq!(interrupted.handle_renewed(at(200), heard), [1, 2]);
        assert_eq!((interrupted.figures().released, interrupted.figures().unheard), (2, 2));
        interrupted.push(6, 100, at(201));
        assert_eq!(interrupted.release_all(at(200), LONG), [6]);
        assert_eq!((interrupted.figures().points, interrupted.figures().bytes), (0, 0));
    }

    #[test]
    fn memory_is_bounded_also_while_nobody_renews() {
        let mut window = Window::new(SPAN, 1_000);
        for point in 0..1_000 {
            window.push(point, 100, at(point));
            assert!(window.figures().bytes <= 1_000);
        }
        assert_eq!((window.figures().points, window.figures().crowded_out), (10, 990));
        assert_eq!(window.take().collect::<Vec<_>>(), (990..1_000).collect::<Vec<_>>());
    }

    #[test]
    fn one_that_is_larger_than_the_window_does_not_come_in() {
        let mut window = window(&[(1, 1)]);
        window.push(2, 1_001, at(2));
        assert_eq!((window.figures().points, window.figures().bytes), (0, 0));
        assert_eq!(window.figures().crowded_out, 2);
    }
}

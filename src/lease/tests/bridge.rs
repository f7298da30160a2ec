//! A bridge as far as two of them share a plant: its connections, the follower's window, the outbox,
//! and what it can do. As `app::engine::lease` and `app::links` do it, without their I/O.

use std::collections::VecDeque;
use std::time::Duration;

use super::process::Micros;
use crate::lease::hearing::Hearing;
use crate::lease::overlap::{Overlap, Side};
use crate::lease::window::{Window, span};
use crate::lease::{Ability, Sense, StopReason};
use crate::time::Instant;

/// Of every connection.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// How long what both connections bring is read once.
const OVERLAP: Duration = Duration::from_secs(10);
/// How often a follower asks SiteWise for anything.
const PROBE: Duration = Duration::from_secs(10);
/// From a refused connection until the next try.
const NOTICED: Duration = Duration::from_secs(3);

/// As what a connection is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkKind {
    Observer,
    Host,
}

#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) id: usize,
    pub(super) kind: LinkKind,
    /// Whether the server sends to it.
    pub(super) is_subscribed: bool,
    /// Whether the bridge takes it for connected.
    pub(super) is_up: bool,
    /// It is not made again.
    pub(super) is_last: bool,
    /// When its last message arrives.
    pub(super) last: Micros,
    /// When it brought the last.
    last_heard: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Follows,
    Acts,
    Leaves,
}

/// A value, by its number.
pub(super) type Value = usize;

/// What becomes of a value that was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    No,
    InWindow,
    InOutbox,
}

#[derive(Debug)]
pub(super) struct Bridge {
    pub(super) mode: Mode,
    pub(super) current: Link,
    pub(super) incoming: Option<Link>,
    old: Option<usize>,
    overlap: Option<(Overlap, Option<Instant>)>,
    hearing: Hearing,
    pub(super) window: Window<Value>,
    /// What is in it.
    windowed: VecDeque<Value>,
    /// What waits for SiteWise, and when it came.
    pub(super) outbox: Vec<(Value, Micros)>,
    pub(super) is_sending: bool,
    /// Whether messages are lost on their way to it.
    pub(super) is_deaf: bool,
    /// Since when they are, or were last.
    pub(super) deaf_from: Micros,
    /// When it last noticed that a connection was dead.
    pub(super) noticed_at: Option<Micros>,
    /// Since when SiteWise cannot be reached.
    pub(super) cut_off_since: Option<Instant>,
    probed: Sense,
    next_probe: Instant,
    /// Whether requests to write to the plant reach it.
    pub(super) is_door_open: bool,
}

impl Bridge {
    pub(super) fn new(link: usize, now: Instant) -> Self {
        Self {
            mode: Mode::Follows,
            current: Link::new(link, LinkKind::Observer),
            incoming: None,
            old: None,
            overlap: None,
            hearing: Hearing::default(),
            window: Window::new(span(KEEP_ALIVE), usize::MAX),
            windowed: VecDeque::new(),
            outbox: Vec::new(),
            is_sending: false,
            is_deaf: false,
            deaf_from: 0,
            noticed_at: None,
            cut_off_since: None,
            probed: Sense::Unknown,
            next_probe: now,
            is_door_open: false,
        }
    }

    pub(super) fn links(&mut self) -> impl Iterator<Item = &mut Link> {
        [Some(&mut self.current), self.incoming.as_mut()].into_iter().flatten()
    }

    pub(super) fn link(&mut self, id: usize) -> Option<&mut Link> {
        self.links().find(|link| link.id == id)
    }

    /// It acts: the window is to be delivered, and a connection of the host to be made.
    pub(super) fn begin_acting(&mut self, link: usize, now: Instant, at: Micros) -> Option<usize> {
        self.mode = Mode::Acts;
        self.probed = Sense::Unknown;
        self.is_door_open = true;
        let window = self.take_window();
        self.outbox.extend(window.into_iter().map(|value| (value, at)));
        self.begin(LinkKind::Host, link, now)
    }

    /// It acts no longer. Returns the connection that is to be made.
    pub(super) fn stop_acting(
        &mut self,
        why: StopReason,
        link: usize,
        now: Instant,
    ) -> Option<usize> {
        self.is_door_open = false;
        if self.current.kind == LinkKind::Host {
            self.current.is_last = true;
        }
        self.incoming.take_if(|link| link.kind == LinkKind::Host);
        if why == StopReason::Leaving {
            self.mode = Mode::Leaves;
            return None;
        }
        self.mode = Mode::Follows;
        self.next_probe = now;
        self.begin(LinkKind::Observer, link, now)
    }

    fn begin(&mut self, kind: LinkKind, link: usize, now: Instant) -> Option<usize> {
        self.incoming = None;
        if self.current.kind == kind && !self.current.is_last {
            return None;
        }
        self.incoming = Some(Link::new(link, kind));
        self.old = None;
        self.overlap = Some((Overlap::new(now), None));
        Some(link)
    }

    /// A connection is subscribed. Returns the one that it replaces.
    pub(super) fn connected(&mut self, id: usize, now: Instant) -> Option<Link> {
        let mut replaced = None;
        if let Some(mut link) = self.incoming.take_if(|link| link.id == id) {
            std::mem::swap(&mut self.current, &mut link);
            self.old = Some(link.id);
            if let Some((_, until)) = &mut self.overlap {
                *until = Some(now + OVERLAP);
            }
            replaced = Some(link);
        }
        if self.current.id == id {
            self.current.is_up = true;
        }
        self.note_links(now);
        if let Some(link) = &replaced {
            self.hearing.replaced(link.last_heard, now);
        }
        replaced
    }

    /// A connection has failed. Whether it is made again.
    pub(super) fn disconnected(&mut self, id: usize, now: Instant) -> bool {
        let Some(link) = self.link(id) else { return false };
        link.is_up = false;
        let again = !link.is_last;
        self.note_links(now);
        again
    }

    fn note_links(&mut self, now: Instant) {
        self.hearing.record(self.current.is_up, now);
    }

    /// What is in the window.
    pub(super) fn take_window(&mut self) -> Vec<Value> {
        self.windowed.clear();
        self.window.take().collect()
    }

    /// A renewal was seen, or it is about to stop: what the window releases. The rest is delivered.
    pub(super) fn release(
        &mut self,
        (at, heard): (Instant, Option<Duration>),
        stops: bool,
        came: Micros,
    ) -> Vec<Value> {
        let unheard = match stops {
            true => self.window.release_all(at, heard),
            false => self.window.handle_renewed(at, heard),
        };
        let gone = self.windowed.len() - self.window.figures().points;
        let gone: Vec<Value> = self.windowed.drain(..gone).collect();
        self.outbox.extend(unheard.iter().map(|value| (*value, came)));
        gone.into_iter().filter(|value| !unheard.contains(value)).collect()
    }

    /// Whether it takes a dead connection for a live one.
    pub(super) fn is_deaf_unnoticed(&self) -> bool {
        self.current.is_up && !self.current.is_subscribed
    }

    pub(super) fn hears_since(&self) -> Option<Instant> {
        self.hearing.since()
    }

    /// A value came on a connection.
    pub(super) fn hear(&mut self, value: Value, id: usize, now: Instant, at: Micros) -> Kept {
        if self.overlap.as_ref().is_some_and(|(_, until)| until.is_some_and(|it| it <= now)) {
            (self.overlap, self.old) = (None, None);
        }
        let is_known = self.old == Some(id) || self.link(id).is_some();
        let is_current = id == self.current.id;
        if is_current {
            self.current.last_heard = Some(now);
        }
        let side = match is_current && self.incoming.is_none() {
            true => Side::New,
            false => Side::Old,
        };
        let is_read = is_known
            && match &mut self.overlap {
                Some((overlap, _)) => overlap.admit(side, ("", &value.to_le_bytes(), false), now),
                None => is_current,
            };
        match self.mode {
            _ if !is_read => Kept::No,
            Mode::Follows => {
                self.window.push(value, 1, now);
                self.windowed.push_back(value);
                Kept::InWindow
            }
            Mode::Acts | Mode::Leaves => {
                self.outbox.push((value, at));
                Kept::InOutbox
            }
        }
    }

    /// What it can do, as it knows.
    pub(super) fn ability(&mut self, now: Instant) -> Ability {
        let hears = self.hearing.sense(now);
        let notices = self.cut_off_since.is_some_and(|since| now.since(since) >= NOTICED);
        if self.mode == Mode::Follows && self.next_probe <= now {
            self.next_probe = now + PROBE;
            self.probed = if self.cut_off_since.is_some() { Sense::No } else { Sense::Yes };
        }
        let reaches = match self.mode {
            Mode::Follows => self.probed,
            _ if notices && !self.outbox.is_empty() => Sense::No,
            _ => Sense::Yes,
        };
        Ability { hears, reaches }
    }
}

impl Link {
    fn new(id: usize, kind: LinkKind) -> Self {
        Self {
            id,
            kind,
            is_subscribed: false,
            is_up: false,
            is_last: false,
            last: 0,
            last_heard: None,
        }
    }
}

//! Values that carry the moment they were published at, and what SiteWise has taken of them.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sparkwise::time::Timestamp;
use tokio::sync::Notify;

use super::stub::{Door, Puts};

/// What a stamp begins with: beyond all numbers that the bridge writes by itself, which are
/// counts, and times in seconds of the epoch; and for an hour within what SiteWise takes.
const BASE: f64 = 5e9;

/// The time of day.
pub(crate) fn wall() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap())
}

/// A value that was taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    /// When it was published, from the start of the benchmark.
    pub(crate) published: Duration,
    /// From then until SiteWise had taken it.
    pub(crate) took: Duration,
}

/// Notes what is taken. Numbers are stamps; negative ones are counted apart, and so is zero.
#[derive(Debug)]
pub(crate) struct Stamps {
    start: Instant,
    door: Mutex<Door>,
    requests: AtomicU64,
    zeros: AtomicU64,
    noted: Mutex<Noted>,
    /// Told after every request.
    pub(crate) more: Notify,
}

#[derive(Debug, Default)]
struct Noted {
    stamped: Vec<Taken>,
    negative: u64,
    /// When the first and the last negative number was taken.
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Stamps {
    pub(crate) fn new(door: Door) -> Self {
        Self {
            start: Instant::now(),
            door: Mutex::new(door),
            requests: AtomicU64::new(0),
            zeros: AtomicU64::new(0),
            noted: Mutex::default(),
            more: Notify::new(),
        }
    }

    /// From now on requests are met so.
    pub(crate) fn set(&self, door: Door) {
        *self.door.lock().unwrap() = door;
    }

    /// Since the start of the benchmark.
    pub(crate) fn since_start(&self, at: Instant) -> Duration {
        at.duration_since(self.start)
    }

    /// The number that says: published at this moment.
    pub(crate) fn stamp(&self, at: Instant) -> f64 {
        BASE + self.since_start(at).as_micros() as f64
    }

    /// Requests with values that were taken.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Zeros that were taken.
    pub(crate) fn zeros(&self) -> u64 {
        self.zeros.load(Ordering::Relaxed)
    }

    /// How many stamped values were taken.
    pub(crate) fn stamped(&self) -> usize {
        self.noted.lock().unwrap().stamped.len()
    }

    /// All stamped values that were taken.
    pub(crate) fn all_stamped(&self) -> Vec<Taken> {
        self.noted.lock().unwrap().stamped.clone()
    }

    /// How many negative numbers were taken.
    pub(crate) fn negative(&self) -> u64 {
        self.noted.lock().unwrap().negative
    }

    /// When the first and the last of them was taken.
    pub(crate) fn span_of_negative(&self) -> Option<(Instant, Instant)> {
        let noted = self.noted.lock().unwrap();
        noted.first.zip(noted.last)
    }

    /// Waits until what was taken is enough; whether that was within `patience` after the last
    /// request.
    pub(crate) async fn until(&self, patience: Duration, enough: impl Fn(&Self) -> bool) -> bool {
        loop {
            let more = self.more.notified();
            if enough(self) {
                return true;
            }
            if tokio::time::timeout(patience, more).await.is_err() {
                return enough(self);
            }
        }
    }
}

impl Puts for Stamps {
    fn door(&self) -> Door {
        *self.door.lock().unwrap()
    }

    fn taken(&self, body: &[u8]) {
        let now = Instant::now();
        let since_start = self.since_start(now);
        let mut noted = self.noted.lock().unwrap();
        for number in numbers(body) {
            if number < 0.0 {
                noted.negative += 1;
                noted.first.get_or_insert(now);
                noted.last = Some(now);
            } else if number == 0.0 {
                self.zeros.fetch_add(1, Ordering::Relaxed);
            } else if number >= BASE {
                let published = Duration::from_micros((number - BASE) as u64);
                let took = since_start.saturating_sub(published);
                noted.stamped.push(Taken { published, took });
            }
        }
        drop(noted);
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.more.notify_waiters();
    }
}

/// All doubles among a request's values.
fn numbers(body: &[u8]) -> impl Iterator<Item = f64> {
    const BEFORE: &[u8] = b"\"double";
    const AFTER: &[u8] = b"Value\":";
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            // A rare letter first: this runs beside what is measured.
            at += body.get(at..)?.iter().position(|byte| *byte == b'V')?;
            let (before, after) = body.split_at(at);
            at += 1;
            if !before.ends_with(BEFORE) {
                continue;
            }
            let number = after.strip_prefix(AFTER)?;
            let length = number.iter().take_while(|byte| !matches!(byte, b',' | b'}')).count();
            return str::from_utf8(number.get(..length)?).ok()?.trim().parse().ok();
        }
    })
}

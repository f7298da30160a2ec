//! What the delivery of late values does to what is beside it: to the way of current values, and to
//! the program's memory.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::late::now;
use super::memory;
use super::stub::{Door, Puts};
use super::waits::Waits;

/// How often it is looked.
const STEP: Duration = Duration::from_millis(50);
/// How long the last current values may take to arrive.
const PATIENCE: Duration = Duration::from_secs(60);
/// `INGEST_LINGER` of the program.
const LINGER: Duration = Duration::from_secs(1);
/// So many times longer the 99th percentile of current values may be beside late ones than alone, and
/// so much beyond that, as the benchmark `steady` has it for its linger. Both without what was waited
/// for a processor: of the whole a program without optimization, the emulator and S3 leave none idle.
const TIMES: f64 = 1.05;
const BEYOND: f64 = 250.0;
/// So many times longer with that.
const TIMES_IN_ALL: f64 = 5.0;
/// What the program has more with twice the history: a tenth at most, and so many MiB. The store's
/// buffers are full after the first 84,000 values of the whole; a tenth of it is still filling them.
const GROWTH: f64 = 1.1;
const FILLED: f64 = 8.0;
const FILLING: f64 = 24.0;
/// Values older than this are of the past.
const CURRENT: i64 = 60_000;

/// Property and time of a value; the time is different for each machine.
pub(crate) type Key = (String, i64);

/// What SiteWise took by the usual call.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) keys: Mutex<BTreeSet<Key>>,
    /// Of current values: when they were published, and when taken, in milliseconds.
    current: Mutex<Vec<(i64, i64)>>,
    /// The number that births have, whose values come all at once.
    birth: f64,
}

impl Live {
    pub(crate) fn new(birth: f64) -> Self {
        Self { keys: Mutex::default(), current: Mutex::default(), birth }
    }

    fn published_within(&self, (from, to): (i64, i64)) -> Vec<(i64, i64)> {
        let current = self.current.lock().unwrap();
        current.iter().filter(|(time, _)| (from..to).contains(time)).copied().collect()
    }
}

impl Puts for Live {
    fn door(&self) -> Door {
        Door::Emulator
    }

    fn taken(&self, body: &[u8]) {
        let (at, body) = (now(), serde_json::from_slice::<Value>(body).unwrap());
        for entry in body["entries"].as_array().unwrap() {
            let property = entry["propertyId"].as_str().unwrap_or_default();
            for value in entry["propertyValues"].as_array().unwrap() {
                let stamp = &value["timestamp"];
                let nanos = stamp["offsetInNanos"].as_i64().unwrap_or_default();
                let time = stamp["timeInSeconds"].as_i64().unwrap() * 1_000 + nanos / 1_000_000;
                if time <= at - CURRENT {
                    self.keys.lock().unwrap().insert((property.to_owned(), time));
                } else if value["value"]["doubleValue"].as_f64().is_some_and(|of| of != self.birth)
                {
                    self.current.lock().unwrap().push((time, at));
                }
            }
        }
    }
}

/// What was seen of the program for a while.
#[derive(Debug)]
pub(crate) struct Seen {
    /// In milliseconds of the epoch.
    during: (i64, i64),
    waits: Waits,
    /// The most memory at a look, in MiB.
    memory: f64,
}

/// Does this, and looks meanwhile at the program, and until the current values that `told` tells are
/// taken: those between two times.
pub(crate) async fn watch<T>(
    run: impl Future<Output = T>,
    bridge: u32,
    live: &Live,
    told: impl Fn((i64, i64)) -> usize,
) -> (T, Seen) {
    let (processes, mut waits, mut memory) = ([bridge, std::process::id()], Waits::default(), 0.0);
    let from = now();
    let run = async {
        let done = run.await;
        let (during, until) = ((from, now()), Instant::now() + PATIENCE);
        while live.published_within(during).len() < told(during) {
            assert!(Instant::now() < until, "current values do not arrive");
            tokio::time::sleep(STEP).await;
        }
        (done, during)
    };
    let mut pause = tokio::time::interval(STEP);
    tokio::pin!(run);
    let (done, during) = loop {
        tokio::select! {
            biased;
            _ = pause.tick() => {
                waits.look(millis(now()), &processes);
                memory = memory::now(bridge).unwrap_or_default().max(memory);
            }
            done = &mut run => break done,
        }
    };
    waits.look(millis(now()), &processes);
    (done, Seen { during, waits, memory })
}

fn millis(time: i64) -> Duration {
    Duration::from_millis(u64::try_from(time).unwrap())
}

/// Prints what was seen; the 99th percentile of how long current values took, in milliseconds, as it
/// was and without what was waited for a processor.
#[expect(clippy::print_stdout, reason = "the figures")]
fn told(what: &str, seen: &Seen, live: &Live) -> [f64; 2] {
    let published = live.published_within(seen.during);
    let took = published.iter().map(|(time, at)| millis((at - time).max(0)));
    let less = published.iter().zip(took.clone());
    let less = less.map(|((time, _), took)| seen.waits.less(millis(*time), took, LINGER));
    let (took, less) = (sorted(took), sorted(less));
    let at = |took: &[f64], share: usize| took[(took.len() - 1) * share / 100];
    println!(
        "{} current values {what}, ms until taken: median {}, p99 {}, without waits for a processor \
         {:.0}; memory at most {:.0} MiB",
        took.len(),
        at(&took, 50),
        at(&took, 99),
        at(&less, 99),
        seen.memory
    );
    [at(&took, 99), at(&less, 99)]
}

fn sorted(took: impl Iterator<Item = Duration>) -> Vec<f64> {
    let mut took: Vec<f64> = took.map(|took| took.as_secs_f64() * 1e3).collect();
    took.sort_by(f64::total_cmp);
    assert!(took.len() >= 100, "{} current values were measured", took.len());
    took
}

/// Holds what was seen beside a history, and beside one twice as long, against what was seen alone, and
/// against each other.
pub(crate) fn judge(live: &Live, whole: bool, [alone, once, twice]: [&Seen; 3]) {
    let [in_all, without_waits] = told("alone", alone, live);
    let most = [in_all * TIMES_IN_ALL, without_waits * TIMES + BEYOND];
    for (what, seen) in [("beside late ones", once), ("beside twice as many", twice)] {
        let beside = told(what, seen, live);
        let holds = beside.iter().zip(most).all(|(beside, most)| *beside <= most);
        assert!(holds, "current values take {beside:.0?} ms {what}, at most {most:.0?}");
    }
    let (less, more) = (once.memory, twice.memory);
    let most = less * GROWTH + if whole { FILLED } else { FILLING };
    assert!(more <= most, "{less:.0} MiB, with twice the history {more:.0}");
}

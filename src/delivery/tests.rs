mod answers;
mod bill;
mod flush;
mod foreign;
mod laws;
mod put_back;
mod refusals;
mod silent;

use std::collections::{BTreeMap, btree_map};

use uuid::Uuid;

use super::*;
use crate::sitewise::api::{ApiFaultKind, Entry, Quality, Variant};
use crate::time::Timestamp;

#[test]
fn a_lone_value_leaves_after_its_linger() {
    let mut plant = Plant::new(config());
    plant.give([point(1, 0, Class::Live)]);
    assert!(plant.sent().is_empty());
    plant.wait(Duration::from_millis(1_049));
    assert!(plant.sent().is_empty());
    plant.wait(Duration::from_millis(1));
    assert_eq!(shape(&plant.sent()), [[1]]);
    assert_eq!(plant.delivery.poll_timeout(), None);
}

#[test]
fn how_long_live_values_and_requests_take_is_counted() {
    let mut plant = Plant::new(config());
    plant.give([point(1, 0, Class::Live), point(2, 0, Class::History)]);
    plant.wait(Duration::from_secs(2));
    plant.wait(Duration::from_millis(80));
    while plant.answer(Ok(Vec::new())) {}
    let figures = plant.delivery.figures();
    assert_eq!(figures.delivered, 2);
    // The history takes no part; the live value lingered for a second.
    assert_eq!(figures.latencies.cumulative_counts().last(), Some(&1));
    assert!(figures.latencies.sum() > Duration::from_secs(1), "{figures:?}");
    assert_eq!(figures.response_times.cumulative_counts().first(), Some(&0));
    assert!(figures.response_times.sum() >= Duration::from_millis(80), "{figures:?}");
}

#[test]
fn how_far_the_values_of_a_property_are_is_told() {
    let mut plant = Plant::new(config());
    let stream = point(1, 0, Class::Live).stream;
    assert_eq!(plant.delivery.status_of(stream), status::StreamStatus::default());
    let handed_in = plant.now.instant;
    plant.give([point(1, 0, Class::Live), point(1, 1, Class::History)]);
    let waits = plant.delivery.status_of(stream);
    assert_eq!((waits.waiting, waits.in_flight, waits.sent_at), (2, 0, None));
    assert_eq!(waits.oldest, Some(handed_in));
    plant.wait(Duration::from_secs(2));
    let sent = plant.delivery.status_of(stream);
    assert_eq!((sent.waiting, sent.in_flight, sent.oldest), (0, 2, None));
    assert!(sent.sent_at.is_some_and(|at| at > handed_in), "{sent:?}");
    // The request failed, which is no failure of its values: they wait again, as long as before.
    plant.answer(Err(fault(ApiFaultKind::Unavailable)));
    let again = plant.delivery.status_of(stream);
    assert_eq!((again.waiting, again.in_flight, again.failures), (2, 0, 0));
    assert_eq!(again.oldest, Some(handed_in));
}

#[test]
fn ten_values_do_not_linger() {
    let mut plant = Plant::new(config());
    plant.give((0..10).map(|n| point(1, n * 1000, Class::Live)));
    plant.wait(Duration::from_millis(50));
    assert_eq!(shape(&plant.sent()), [[10]]);
}

#[test]
fn without_linger_values_leave_at_once() {
    let mut plant = Plant::new(Config { linger: Duration::ZERO, ..config() });
    plant.give([point(1, 0, Class::Live), point(2, 0, Class::Live)]);
    assert_eq!(shape(&plant.sent()), [[1, 1]]);
}

#[test]
fn requests_are_filled_with_ten_entries() {
    let mut plant = Plant::new(config());
    plant.give((0..25).map(|n| point(n, 0, Class::Live)));
    plant.wait(Duration::from_secs(1));
    assert_eq!(shape(&plant.sent()), [[1; 10], [1; 10]]);
    plant.wait(Duration::from_millis(50));
    assert_eq!(shape(&plant.sent()), [[1; 5]]);
}

#[test]
fn the_same_time_and_quality_again_overwrites_what_waits() {
    let mut plant = Plant::new(config());
    let mut second = point(1, 0, Class::History);
    second.value = Variant::Integer(7);
    let mut other_quality = point(1, 0, Class::Live);
    other_quality.quality = Quality::Bad;
    plant.give([point(1, 0, Class::Live), second, other_quality]);
    let key = point(1, 0, Class::Live).key();
    let why = DiscardReason::Overwritten;
    assert_eq!(plant.told, [Output::Discarded { key, why }]);
    plant.wait(Duration::from_secs(2));
    let sent = plant.sent();
    assert_eq!(shape(&sent), [[2]]);
    assert_eq!(sent[0][0].values[0].value, Variant::Integer(7));
}

#[test]
fn a_stream_has_one_entry_in_flight_and_ten_a_second() {
    let mut plant = Plant::new(config());
    plant.give((0..30).map(|n| point(1, n * 1000, Class::Live)));
    plant.wait(Duration::from_secs(2));
    assert_eq!(shape(&plant.sent()), [[10]]);
    plant.answer(Ok(Vec::new()));
    plant.wait(Duration::from_millis(50));
    assert_eq!(shape(&plant.sent()), [[10]]);
    plant.answer(Ok(Vec::new()));
    plant.wait(Duration::from_millis(100));
    assert!(plant.sent().is_empty(), "spaced");
    plant.wait(Duration::from_millis(60));
    assert_eq!(shape(&plant.sent()), [[10]]);
}

#[test]
fn an_attribute_has_one_entry_a_second() {
    for (class, soon, later) in [(Class::Birth, 1, 0), (Class::Static, 0, 1)] {
        let mut plant = Plant::new(config());
        plant.give([point(1, 0, class)]);
        plant.wait(Duration::from_millis(1_060));
        assert_eq!(plant.sent().len(), 1);
        plant.answer(Ok(Vec::new()));
        plant.give([point(1, 1, class)]);
        plant.wait(Duration::from_millis(1_060));
        assert_eq!(plant.sent().len(), soon, "{class:?}");
        plant.wait(Duration::from_millis(100));
        assert_eq!(plant.sent().len(), later, "{class:?}");
    }
}

#[test]
fn live_values_go_first_and_history_is_not_starved() {
    let mut plant = Plant::new(Config { requests_per_second: 1, ..config() });
    let classes = [Class::History, Class::Live];
    plant.give((0..40).flat_map(|n| classes.map(|class| point(n + 50 * class as u8, 0, class))));
    let mut history = Vec::new();
    for _ in 0..8 {
        plant.wait(Duration::from_millis(1_001));
        for request in plant.sent() {
            let is_history = |entry: &&Entry| entry.asset.as_u128() >= 100;
            history.push(request.iter().filter(is_history).count());
            plant.answer(Ok(Vec::new()));
        }
    }
    assert_eq!(history.iter().sum::<usize>(), 40, "{history:?}");
    assert!(history[..4].iter().all(|count| (1..=2).contains(count)), "{history:?}");
}

#[test]
fn a_live_value_does_not_wait_behind_the_history_of_its_stream() {
    let mut plant = Plant::new(config());
    plant.give((0..100).map(|n| point(1, n * 1000 - 200_000, Class::History)));
    plant.give([point(1, 0, Class::Live)]);
    plant.wait(Duration::from_millis(50));
    let sent = plant.sent();
    assert_eq!(shape(&sent), [[10]]);
    assert_eq!(sent[0][0].values[0].time, point(1, 0, Class::Live).time);
}

#[test]
fn values_too_many_for_their_second_are_discarded_but_the_last() {
    let mut plant = Plant::new(config());
    plant.give((0..15).map(|n| point(1, n, Class::Live)));
    let rate = |output: &&Output| {
        matches!(output, Output::Discarded { why: DiscardReason::SecondFull, .. })
    };
    assert_eq!(plant.told.iter().filter(rate).count(), 5);
    plant.wait(Duration::from_secs(2));
    let sent = plant.sent();
    assert_eq!(shape(&sent), [[10]]);
    assert_eq!(sent[0][0].values[9].time, point(1, 14, Class::Live).time);
    assert_eq!(plant.delivery.figures().discarded.rate, 5);
}

/// A look for each of them costs a scan of all that its machine has.
#[test]
fn only_one_that_may_be_the_latest_of_its_second_is_told_as_late() {
    let mut plant = Plant::new(config());
    plant.give((0..100).map(|n| point(1, n, Class::Live)));
    let late = |plant: &Plant| {
        let late = plant.told.iter().filter_map(|output| match output {
            Output::LatestDiscarded(key) => Some(key.time),
            _ => None,
        });
        late.collect::<Vec<_>>()
    };
    assert_eq!(plant.delivery.figures().discarded.rate, 90);
    assert_eq!(late(&plant), []);
    plant.wait(Duration::from_secs(2));
    plant.give([point(1, 200, Class::Live)]);
    assert_eq!(late(&plant), [point(1, 200, Class::Live).time]);
    assert_eq!(plant.delivery.figures().discarded.rate, 91);
}

#[test]
fn times_that_sitewise_does_not_take_are_refused() {
    let mut plant = Plant::new(config());
    let week = 7 * 24 * 3600 * 1000;
    plant.give([
        point(1, -week, Class::History),
        point(1, -week - 1, Class::History),
        point(1, 300_000, Class::Live),
        point(1, 300_001, Class::Live),
    ]);
    let refused: Vec<i64> = plant.refused().map(|(point, _)| millis(&point)).collect();
    assert_eq!(refused, [-week - 1, 300_001]);
    // What becomes too old on its way is rejected as well.
    plant.wait(Duration::from_secs(2));
    assert_eq!(shape(&plant.sent()), [[1]]);
    let refused: Vec<i64> = plant.refused().map(|(point, _)| millis(&point)).collect();
    assert_eq!(refused[2..], [-week]);
}

#[test]
fn flush_ends_every_linger() {
    let mut plant = Plant::new(Config { linger: Duration::from_secs(60), ..config() });
    plant.give((0..12).map(|n| point(1, n, Class::Live)));
    plant.wait(Duration::from_millis(100));
    plant.give([point(2, 0, Class::Live)]);
    plant.delivery.flush(plant.now);
    plant.drain();
    assert_eq!(shape(&plant.sent()), [vec![10, 1]]);
    plant.give([point(3, 0, Class::Live)]);
    assert_eq!(shape(&plant.sent()), [[1]]);
    plant.answer(Ok(Vec::new()));
    plant.answer(Ok(Vec::new()));
    assert!(plant.delivery.is_idle());
}

#[test]
fn room_keeps_history_from_filling_it_all() {
    let mut plant = Plant::new(config());
    let full = plant.delivery.room();
    assert_eq!((full.points, full.history), (WORKING_SET, HISTORY_SET));
    plant.give((0..3).map(|n| point(n, 0, Class::History)));
    plant.give([point(9, 0, Class::Live)]);
    let room = plant.delivery.room();
    assert_eq!((room.points, room.history), (WORKING_SET - 4, HISTORY_SET - 3));
    plant.wait(Duration::from_secs(2));
    plant.answer(Ok(Vec::new()));
    assert_eq!(plant.delivery.room(), full);
}

#[test]
fn streams_without_values_are_forgotten() {
    let mut plant = Plant::new(config());
    for round in 0..100_u8 {
        plant.give((0..50).map(|n| point(n, i64::from(round), Class::Live)));
        plant.wait(Duration::from_secs(2));
        while plant.answer(Ok(Vec::new())) {}
        plant.wait(Duration::from_secs(20));
        plant.give([point(200 + round % 2, 0, Class::Live)]);
    }
    assert!(plant.delivery.streams.slots().count() <= 60);
}

#[test]
fn figures_tell_what_is_billed() {
    let mut plant = Plant::new(config());
    plant.give((0..10).map(|n| point(1, n * 1000, Class::Live)));
    plant.give([point(2, 0, Class::Live)]);
    plant.wait(Duration::from_secs(2));
    let figures = plant.delivery.figures();
    assert_eq!((figures.billed_messages, figures.oldest), (0, Some(Instant::START)));
    assert_eq!(figures.oldest_time, Some(point(1, 0, Class::Live).time));
    while plant.answer(Ok(Vec::new())) {}
    let figures = plant.delivery.figures();
    assert_eq!((figures.handled, figures.delivered), (11, 11));
    assert_eq!((figures.entries, figures.values, figures.billed_messages), (2, 11, 2));
    assert_eq!((figures.waiting, figures.oldest, figures.in_flight), (0, None, 0));
    assert_eq!(figures.oldest_time, None);
}

/// The wall clock at the process's start.
const WALL: i64 = 1_790_000_000_000;

fn config() -> Config {
    Config {
        linger: Duration::from_secs(1),
        requests_per_second: 1_000,
        values_per_second: 100_000,
        in_flight: 8,
    }
}

/// A value of a stream, `millis` after the start.
fn point(stream: u8, millis: i64, class: Class) -> Point {
    Point {
        stream: Stream { asset: Uuid::from_u128(u128::from(stream)), property: Uuid::from_u128(1) },
        time: Timestamp::from_millis(WALL + millis),
        quality: Quality::Good,
        value: Variant::Double(1.0),
        class,
    }
}

fn millis(point: &Point) -> i64 {
    point.time.as_millis() - WALL
}

/// Values by entry by request.
fn shape(sent: &[Vec<Entry>]) -> Vec<Vec<usize>> {
    let entries = |request: &Vec<Entry>| request.iter().map(|entry| entry.values.len()).collect();
    sent.iter().map(entries).collect()
}

/// Delivery with its shell: a clock, requests in flight, and what was told.
struct Plant {
    delivery: Delivery,
    now: Now,
    /// Requests not looked at yet.
    new: VecDeque<Vec<Entry>>,
    in_flight: VecDeque<(RequestId, Vec<Entry>)>,
    told: Vec<Output>,
    /// What the outbox took back, and what it was given back of it that was overwritten.
    parked: BTreeMap<Key, Point>,
    overwritten: Vec<Key>,
}

impl Plant {
    fn new(config: Config) -> Self {
        Self {
            delivery: Delivery::new(config, 1),
            now: Now { instant: Instant::START, wall: Timestamp::from_millis(WALL) },
            new: VecDeque::new(),
            in_flight: VecDeque::new(),
            told: Vec::new(),
            parked: BTreeMap::new(),
            overwritten: Vec::new(),
        }
    }

    fn give(&mut self, points: impl IntoIterator<Item = Point>) {
        let points: Vec<Point> = points.into_iter().collect();
        for point in &points {
            self.overwritten.extend(self.parked.remove(&point.key()).map(|point| point.key()));
        }
        self.delivery.handle_points(points, self.now);
        self.drain();
    }

    /// Values that are not decided, in delivery or put back.
    fn undecided(&self) -> usize {
        self.delivery.waiting() + self.parked.len()
    }

    /// Lets time pass, with every timeout on its way.
    fn wait(&mut self, duration: Duration) {
        let until = self.now.plus(duration);
        while let Some(due) = self.delivery.poll_timeout().filter(|due| *due <= until.instant) {
            self.now = self.now.plus(due.since(self.now.instant));
            self.delivery.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
        self.delivery.handle_timeout(self.now);
        self.drain();
    }

    /// Answers the request that has been in flight for longest.
    fn answer(&mut self, answer: Result<Vec<EntryError>, ApiFault>) -> bool {
        let Some((id, _)) = self.in_flight.pop_front() else {
            return false;
        };
        self.delivery.handle_put_response(id, answer, self.now);
        self.drain();
        true
    }

    fn drain(&mut self) {
        while let Some(output) = self.delivery.poll_output() {
            match output {
                Output::Send { id, entries } => {
                    self.in_flight.push_back((id, entries.clone()));
                    self.new.push_back(entries);
                }
                Output::PutBack(stream, points) => {
                    for point in points {
                        assert_eq!(point.stream, stream);
                        let key = point.key();
                        match self.parked.entry(key) {
                            btree_map::Entry::Vacant(entry) => _ = entry.insert(point),
                            btree_map::Entry::Occupied(_) => self.overwritten.push(key),
                        }
                    }
                }
                Output::Released(stream) => {
                    let released = self.parked.extract_if(.., |key, _| key.stream == stream);
                    let released: Vec<Point> = released.map(|(_, point)| point).collect();
                    self.delivery.handle_points(released, self.now);
                }
                told => self.told.push(told),
            }
        }
    }

    /// Requests sent since this was last asked.
    fn sent(&mut self) -> Vec<Vec<Entry>> {
        self.new.drain(..).collect()
    }

    fn refused(&self) -> impl Iterator<Item = (Point, RejectReason)> {
        self.told.iter().filter_map(|output| match output {
            Output::Rejected { point, refusal, .. } => Some((point.clone(), *refusal)),
            _ => None,
        })
    }
}

fn fault(kind: ApiFaultKind) -> ApiFault {
    ApiFault::new(kind, format!("{kind:?}"))
}

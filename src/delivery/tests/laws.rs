//! What holds whatever happens: nothing is lost, nothing waits for ever, nothing goes out of
//! order, and the same again does the same again.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Points(Vec<(u8, i64, Quality, Class)>),
    Wait(u64),
    /// A request in flight, by place, and what it is answered.
    Answer(usize, Reply),
    Flush,
    /// A stream turns out not to exist.
    Drop(u8),
}

#[derive(Clone, Debug)]
enum Reply {
    Well,
    Fault(ApiFaultKind),
    /// Entries with their faults and the values meant, by place; none for no times at all.
    Entries(Vec<(usize, ApiFaultKind, Option<Vec<usize>>)>),
}

fn kinds() -> impl Strategy<Value = ApiFaultKind> {
    prop::sample::select(vec![
        ApiFaultKind::Throttled,
        ApiFaultKind::Unavailable,
        ApiFaultKind::Conflict,
        ApiFaultKind::AlreadyExists,
        ApiFaultKind::NotFound,
        ApiFaultKind::Changed,
        ApiFaultKind::Limit,
        ApiFaultKind::Invalid,
        ApiFaultKind::OutOfRange,
        ApiFaultKind::Denied,
    ])
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let quality = prop::sample::select(vec![Quality::Good, Quality::Bad]);
    let class = prop::sample::select(scheduler::CLASSES.to_vec());
    let week = 7 * 24 * 3600 * 1000;
    let time = prop_oneof![
        20 => -2_000..2_000_i64,
        5 => (-100..100_i64).prop_map(|second| second * 500),
        1 => Just(-week + 5_000),
        1 => prop::sample::select(vec![-week - 1, 300_001, i64::MIN / 2, i64::MAX / 2]),
    ];
    let point = (0..14_u8, time, quality, class);
    let entry = (0..11_usize, kinds(), prop::option::of(prop::collection::vec(0..12_usize, 0..4)));
    let reply = prop_oneof![
        3 => Just(Reply::Well),
        2 => kinds().prop_map(Reply::Fault),
        3 => prop::collection::vec(entry, 1..6).prop_map(Reply::Entries),
    ];
    let step = prop_oneof![
        6 => prop::collection::vec(point, 1..60).prop_map(Step::Points),
        6 => prop_oneof![0..200_u64, 0..5_000_u64, 0..100_000_u64].prop_map(Step::Wait),
        8 => (0..8_usize, reply).prop_map(|(at, reply)| Step::Answer(at, reply)),
        1 => Just(Step::Flush),
        1 => (0..14_u8).prop_map(Step::Drop),
    ];
    prop::collection::vec(step, 1..80)
}

fn configs() -> impl Strategy<Value = Config> {
    let linger = prop::sample::select(vec![0, 1, 100, 1_000, 20_000]);
    (linger, 1..50_u32, 10..2_000_u32, 1..5_usize).prop_map(
        |(linger, requests_per_second, values_per_second, in_flight)| Config {
            linger: Duration::from_millis(linger),
            requests_per_second,
            values_per_second,
            in_flight,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn conservation_order_and_liveness(config in configs(), steps in steps()) {
        let mut world = World::new(config);
        world.run(steps);
        world.end();
    }

    #[test]
    fn the_same_inputs_give_the_same_outputs(config in configs(), steps in steps()) {
        let mut outputs = [(); 2].map(|()| {
            let mut world = World::new(config);
            world.run(steps.clone());
            (world.sent, world.plant.told)
        });
        let (first, second) = outputs.split_at_mut(1);
        prop_assert_eq!(&first[0], &second[0]);
    }
}

/// A plant under observation.
struct World {
    plant: Plant,
    config: Config,
    /// Numbers the points: each has its own value.
    number: i32,
    /// Undecided points by key.
    undecided: BTreeMap<Key, usize>,
    /// The number that was delivered last, by key.
    delivered: BTreeMap<Key, i32>,
    /// How much of what was told has been read.
    read: usize,
    sent: Vec<Vec<Entry>>,
}

impl World {
    fn new(config: Config) -> Self {
        Self {
            plant: Plant::new(config),
            config,
            number: 0,
            undecided: BTreeMap::new(),
            delivered: BTreeMap::new(),
            read: 0,
            sent: Vec::new(),
        }
    }

    fn run(&mut self, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Points(points) => self.give(points),
                Step::Wait(millis) => self.plant.wait(Duration::from_millis(millis)),
                Step::Answer(at, reply) => self.answer(at, reply),
                Step::Flush => {
                    self.plant.delivery.flush(self.plant.now);
                    self.plant.drain();
                }
                Step::Drop(stream) => {
                    let stream = point(stream, 0, Class::Live).stream;
                    self.plant.delivery.drop_stream(stream, self.plant.now);
                    self.plant.drain();
                }
            }
            self.check();
        }
    }

    /// From now on SiteWise answers well and at once: nothing may wait for more than the
    /// longest delays one after the other.
    fn end(&mut self) {
        let until = self.plant.now.plus(Duration::from_secs(600));
        while !self.plant.delivery.is_idle() || self.plant.undecided() > 0 {
            assert!(self.plant.now.instant < until.instant, "{:?}", self.plant.delivery.figures());
            if self.plant.in_flight.is_empty() {
                let due = self.plant.delivery.poll_timeout().expect("something is due");
                let wait = due.since(self.plant.now.instant);
                self.plant.wait(wait.max(Duration::from_millis(1)));
            } else {
                self.answer(0, Reply::Well);
            }
            self.check();
        }
        assert!(self.undecided.values().all(|count| *count == 0));
    }

    fn give(&mut self, points: Vec<(u8, i64, Quality, Class)>) {
        let since = self.plant.now.wall.as_millis() - WALL;
        let points: Vec<Point> = points
            .into_iter()
            .map(|(stream, millis, quality, class)| {
                self.number += 1;
                Point {
                    quality,
                    value: Variant::Integer(self.number),
                    ..point(stream, since + millis, class)
                }
            })
            .collect();
        for point in &points {
            *self.undecided.entry(point.key()).or_default() += 1;
        }
        self.plant.give(points);
    }

    fn answer(&mut self, at: usize, reply: Reply) {
        let Some((id, entries)) = self.plant.in_flight.remove(at) else {
            return;
        };
        // Where each value of the request went, if it went anywhere.
        let numbers: BTreeMap<Key, i32> = entries
            .iter()
            .flat_map(|entry| {
                let stream = Stream { asset: entry.asset, property: entry.property };
                entry.values.iter().map(move |value| {
                    let key = Key { stream, time: value.time, quality: value.quality };
                    let Variant::Integer(number) = value.value else {
                        panic!("{value:?}");
                    };
                    (key, number)
                })
            })
            .collect();
        let answer = match reply {
            Reply::Well => Ok(Vec::new()),
            Reply::Fault(kind) => Err(fault(kind)),
            Reply::Entries(errors) => Ok(errors
                .into_iter()
                .map(|(entry, kind, values)| EntryError {
                    entry,
                    fault: fault(kind),
                    times: entries.get(entry).map_or(Vec::new(), |entry| {
                        let time = |at: usize| {
                            let value = entry.values.get(at);
                            value.map_or(Timestamp::from_millis(1), |value| value.time)
                        };
                        values.unwrap_or_default().into_iter().map(time).collect()
                    }),
                })
                .collect()),
        };
        let told = self.plant.told.len();
        self.plant.delivery.handle_put_response(id, answer, self.plant.now);
        self.plant.drain();
        for output in &self.plant.told[told..] {
            if let Output::Settled(keys) = output {
                for key in keys {
                    let before = self.delivered.insert(*key, numbers[key]);
                    assert!(before < Some(numbers[key]), "an older value after a newer one");
                }
            }
        }
    }

    fn check(&mut self) {
        for output in &self.plant.told[self.read..] {
            let decided = match output {
                Output::Settled(keys) => keys.clone(),
                Output::Rejected { point, .. } => vec![point.key()],
                Output::Discarded { key, .. } => vec![*key],
                Output::ValuesFailing { .. }
                | Output::LatestDiscarded(_)
                | Output::NotFound(_)
                | Output::PutBack(..)
                | Output::Released(_)
                | Output::Send { .. } => Vec::new(),
            };
            for key in decided {
                let count = self.undecided.get_mut(&key).expect("a point that was handed in");
                *count = count.checked_sub(1).expect("a point is decided once");
            }
        }
        self.read = self.plant.told.len();
        for key in std::mem::take(&mut self.plant.overwritten) {
            let count = self.undecided.get_mut(&key).expect("a point that was handed in");
            *count = count.checked_sub(1).expect("a point is decided once");
        }

        let figures = self.plant.delivery.figures();
        let decided = figures.delivered + figures.refused.total() + figures.discarded.total();
        assert_eq!(figures.handled, decided + figures.waiting as u64);
        assert_eq!(self.plant.undecided(), self.undecided.values().sum::<usize>());
        let back = self.plant.parked.keys().map(|key| key.stream).collect::<BTreeSet<_>>();
        let told: BTreeSet<Stream> = self.plant.delivery.put_back_of().collect();
        assert!(back.is_subset(&told), "what was put back would never come again");
        let busy = |stream: &Stream| self.plant.delivery.status_of(*stream);
        let busy = |stream| busy(stream).waiting + busy(stream).in_flight > 0;
        assert!(told.iter().all(busy), "nothing is tried of what was put back");
        assert_eq!(figures.waiting == 0, figures.oldest.is_none());
        assert_eq!(figures.in_flight, self.plant.in_flight.len());
        assert!(figures.in_flight <= self.config.in_flight);
        if figures.waiting > 0 {
            let due = self.plant.delivery.poll_timeout();
            assert!(due.is_some() || figures.in_flight > 0, "nothing would ever happen");
        }

        for request in self.plant.sent() {
            assert!((1..=limits::ENTRIES_PER_REQUEST).contains(&request.len()));
            for entry in &request {
                assert!((1..=limits::VALUES_PER_ENTRY).contains(&entry.values.len()));
                let keys = entry.values.iter().map(|value| (value.time, value.quality));
                assert_eq!(keys.collect::<BTreeSet<_>>().len(), entry.values.len());
            }
            self.sent.push(request);
        }
        let flying = self.plant.in_flight.iter().flat_map(|(_, entries)| entries);
        let flying: Vec<(Uuid, Uuid)> = flying.map(|entry| (entry.asset, entry.property)).collect();
        assert_eq!(flying.iter().collect::<BTreeSet<_>>().len(), flying.len(), "two of one stream");
    }
}

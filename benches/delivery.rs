//! Delivery and the outbox in memory: points become entries, entries requests, and every request
//! is answered at once with "all taken".
//!
//! `full` gives every property ten values at a time, as under load; `single` one, as with a
//! linger of zero. `from the outbox` is what the engine does with points: put, taken, delivered,
//! settled. Everything is told per value.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sparkwise::delivery::output::{Output, Room};
use sparkwise::delivery::point::{Class, Gate, Point, Stream};
use sparkwise::delivery::{Config, Delivery};
use sparkwise::outbox::memory::MemoryOutbox;
use sparkwise::outbox::{Outbox, QueuedPoint};
use sparkwise::sitewise::api::{Quality, Variant};
use sparkwise::time::{Instant, Now, Timestamp};
use uuid::Uuid;

/// Assets with ten properties each.
const ASSETS: u128 = 1_000;
const PROPERTIES: u128 = 10;
/// Properties that get values.
const STREAMS: usize = (ASSETS * PROPERTIES) as usize;
/// Between two values of a property: eight a second, SiteWise takes ten.
const STEP: Duration = Duration::from_millis(125);
/// The outbox's bound, far away.
const BOUND: usize = 1 << 30;

fn config(linger: Duration) -> Config {
    Config { linger, requests_per_second: 1_000_000, values_per_second: 100_000_000, in_flight: 64 }
}

fn start() -> Now {
    Now { instant: Instant::START, wall: Timestamp::from_millis(1_790_000_000_000) }
}

/// `rounds` values of every property, in the order in which a plant says them; ends before `now`.
fn points(rounds: u32, now: Now) -> Vec<Point> {
    let mut points = Vec::with_capacity(STREAMS * rounds as usize);
    for round in 0..rounds {
        let time = now.wall.minus(STEP * (rounds - round));
        for asset in 0..ASSETS {
            for property in 0..PROPERTIES {
                points.push(Point {
                    stream: Stream {
                        asset: Uuid::from_u128(asset),
                        property: Uuid::from_u128(ASSETS + property),
                    },
                    time,
                    quality: Quality::Good,
                    value: Variant::Double(f64::from(round)),
                    class: Class::Live,
                });
            }
        }
    }
    points
}

fn waiting(points: Vec<Point>) -> Vec<QueuedPoint> {
    points.into_iter().map(|point| QueuedPoint { point, gate: None }).collect()
}

/// Answers every request as soon as it leaves; tells how many points are settled.
fn answer(delivery: &mut Delivery, outbox: &mut MemoryOutbox, now: Now) -> usize {
    let mut settled = 0;
    while let Some(output) = delivery.poll_output() {
        match output {
            Output::Send { id, entries } => {
                black_box(entries);
                delivery.handle_put_response(id, Ok(Vec::new()), now);
            }
            Output::Settled(keys) => {
                settled += keys.len();
                outbox.settle(&keys);
            }
            Output::Rejected { .. }
            | Output::Discarded { .. }
            | Output::ValuesFailing { .. }
            | Output::LatestDiscarded(_)
            | Output::PutBack(..)
            | Output::Released(_)
            | Output::NotFound(_) => {}
        }
    }
    settled
}

fn deliver(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("delivery");
    group.sample_size(20);
    for (name, rounds, linger) in
        [("full", 10, Duration::from_secs(1)), ("single", 1, Duration::ZERO)]
    {
        let values = STREAMS * rounds as usize;
        group.throughput(Throughput::Elements(values as u64));
        let mut delivery = Delivery::new(config(linger), 1);
        let mut outbox = MemoryOutbox::new(BOUND);
        let mut now = start();
        group.bench_function(format!("{name} entries"), |bencher| {
            bencher.iter_batched(
                || {
                    now = now.plus(Duration::from_secs(2));
                    (points(rounds, now), now)
                },
                |(points, now)| {
                    delivery.handle_points(points, now);
                    let settled = answer(&mut delivery, &mut outbox, now);
                    assert_eq!(settled, values);
                },
                BatchSize::PerIteration,
            );
        });
        let mut delivery = Delivery::new(config(linger), 1);
        group.bench_function(format!("{name} entries, from the outbox"), |bencher| {
            bencher.iter_batched(
                || {
                    now = now.plus(Duration::from_secs(2));
                    (waiting(points(rounds, now)), now)
                },
                |(waiting, now)| {
                    let mut settled = 0;
                    assert!(outbox.put(waiting).is_empty());
                    while !outbox.is_empty() {
                        delivery.handle_points(outbox.take(delivery.room()), now);
                        settled += answer(&mut delivery, &mut outbox, now);
                    }
                    assert_eq!(settled, values);
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn outbox(criterion: &mut Criterion) {
    let values = STREAMS * 10;
    let all = Room { points: values, history: values };
    let points = points(10, start());
    let mut group = criterion.benchmark_group("outbox in memory");
    group.throughput(Throughput::Elements(values as u64)).sample_size(20);
    group.bench_function("put and take", |bencher| {
        bencher.iter_batched(
            || (MemoryOutbox::new(BOUND), waiting(points.clone())),
            |(mut outbox, waiting)| {
                assert!(outbox.put(waiting).is_empty());
                let taken = outbox.take(all);
                assert_eq!(taken.len(), values);
                (outbox, taken)
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("put behind gates, open and take", |bencher| {
        bencher.iter_batched(
            || {
                let parked = points.iter().cloned().map(|point| QueuedPoint {
                    gate: Some(Gate::Asset(point.stream.asset)),
                    point,
                });
                (MemoryOutbox::new(BOUND), parked.collect::<Vec<_>>())
            },
            |(mut outbox, waiting)| {
                assert!(outbox.put(waiting).is_empty());
                assert_eq!(outbox.parked(), values);
                for asset in 0..ASSETS {
                    outbox.open(Gate::Asset(Uuid::from_u128(asset)), &|_| None);
                }
                let taken = outbox.take(all);
                assert_eq!(taken.len(), values);
                (outbox, taken)
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3));
    targets = deliver, outbox
}
criterion_main!(benches);

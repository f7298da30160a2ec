//! Payloads of data: our decoding alone and with the session, beside a bare prost decode of
//! the same bytes.
//!
//! Everything is told per metric. `prost` is what any host application must pay; `payload` adds
//! the limits that keep a hostile payload from growing in memory; `host` is the whole step from
//! bytes to an event: topic, decoding, sequence, aliases, types, values.

#![expect(clippy::indexing_slicing, reason = "the messages are a cycle of a known length")]

#[path = "support/plant.rs"]
mod plant;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use prost::Message as _;
use sparkwise::sparkplug::edge::{Edge, Metric};
use sparkwise::sparkplug::message::Message;
use sparkwise::sparkplug::payload;
use sparkwise::sparkplug::proto::Payload;
use sparkwise::time::Timestamp;

/// A birth, and data for every sequence number after it.
struct Shape {
    name: &'static str,
    metrics: usize,
    birth: Message,
    data: Vec<Message>,
}

impl Shape {
    fn new<I>(
        name: &'static str,
        mut edge: Edge,
        definitions: Vec<Metric>,
        metrics: impl Fn(f64, Timestamp) -> I,
    ) -> Self
    where
        I: Iterator<Item = Metric>,
    {
        let born = definitions.into_iter().chain(metrics(0.0, plant::START));
        let birth = edge.nbirth(plant::START, born);
        let data: Vec<_> = (1..=plant::SEQUENCE)
            .map(|number| {
                let time = plant::START.plus(Duration::from_millis(number as u64));
                edge.ndata(time, metrics(number as f64, time))
            })
            .collect();
        let mut host = plant::host_with([&birth]);
        plant::tell(&mut host, &data[0], plant::after(Duration::ZERO));
        let metrics = plant::drain(&mut host);
        assert!(metrics > 0, "{name}: the data is not understood");
        Self { name, metrics, birth, data }
    }
}

fn shapes() -> [Shape; 5] {
    let named = || Edge::new(plant::edge(0).node().clone(), 0);
    [
        Shape::new("10 by alias", plant::edge(0).without_datatypes(), vec![], |value, time| {
            plant::plain(10, value, time)
        }),
        Shape::new("100 by alias", plant::edge(0).without_datatypes(), vec![], |value, time| {
            plant::plain(100, value, time)
        }),
        Shape::new("10 by name", named(), vec![], |value, time| plant::plain(10, value, time)),
        Shape::new("100 by name", named(), vec![], |value, time| plant::plain(100, value, time)),
        Shape::new("template of 10", plant::edge(0), vec![plant::turbine_type()], |value, time| {
            std::iter::once(plant::turbine(0, value, time))
        }),
    ]
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for shape in shapes() {
        group.throughput(Throughput::Elements(shape.metrics as u64));
        let mut at = 0;
        let mut next = || {
            at = (at + 1) % plant::SEQUENCE;
            at
        };
        group.bench_function(BenchmarkId::new("prost", shape.name), |bencher| {
            bencher.iter(|| Payload::decode(black_box(&*shape.data[next()].payload)));
        });
        group.bench_function(BenchmarkId::new("payload", shape.name), |bencher| {
            bencher.iter(|| payload::decode(black_box(&shape.data[next()].payload)));
        });
        let mut host = plant::host_with([&shape.birth]);
        let now = plant::after(Duration::from_secs(1));
        let (mut seq, mut told, mut messages) = (0, 0, 0);
        group.bench_function(BenchmarkId::new("host", shape.name), |bencher| {
            bencher.iter(|| {
                plant::tell(&mut host, black_box(&shape.data[seq]), now);
                told += plant::drain(&mut host);
                seq = (seq + 1) % plant::SEQUENCE;
                messages += 1;
            });
        });
        assert_eq!(told, messages * shape.metrics, "{}: values were lost", shape.name);
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3));
    targets = decode
}
criterion_main!(benches);

//! The session: births of many metrics, and data of many edge nodes in turns.
//!
//! `birth` is a host application that hears of the node for the first time, `rebirth` one that
//! knew all of it. `nodes` spreads messages of ten metrics over a thousand sessions, so that no
//! alias table stays in the cache.

#![expect(clippy::indexing_slicing, reason = "the messages are a table of known lengths")]

#[path = "support/plant.rs"]
mod plant;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sparkwise::sparkplug::message::Message;

/// Metrics of the large birth.
const METRICS: usize = 10_000;
/// Turbines of the birth with templates: the same number of values.
const TURBINES: usize = METRICS / plant::MEMBERS.len();
/// Edge nodes that speak in turns.
const NODES: usize = 1_000;
/// Metrics of each of their messages.
const METRICS_PER_MESSAGE: usize = 10;

fn births(criterion: &mut Criterion) {
    let now = plant::after(Duration::ZERO);
    let plain = plant::edge(0).nbirth(plant::START, plant::plain(METRICS, 1.0, plant::START));
    let turbines = (0..TURBINES).map(|number| plant::turbine(number, 1.0, plant::START));
    let turbines = std::iter::once(plant::turbine_type()).chain(turbines);
    let turbines = plant::edge(0).nbirth(plant::START, turbines);

    let mut group = criterion.benchmark_group("session");
    group.throughput(Throughput::Elements(METRICS as u64)).sample_size(20);
    for (name, birth) in [("plain metrics", &plain), ("template instances", &turbines)] {
        group.bench_function(format!("birth/10,000 {name}"), |bencher| {
            bencher.iter_batched(
                || plant::host_with([]),
                |mut host| {
                    plant::tell(&mut host, black_box(birth), now);
                    // bdSeq and the like come on top.
                    assert!(plant::drain(&mut host) >= METRICS);
                    host
                },
                BatchSize::LargeInput,
            );
        });
        let mut host = plant::host_with([birth]);
        let mut now = now;
        group.bench_function(format!("rebirth/10,000 {name}"), |bencher| {
            bencher.iter(|| {
                // The same birth within two seconds would be a duplicate.
                now = now.plus(Duration::from_secs(10));
                plant::tell(&mut host, black_box(birth), now);
                // bdSeq and the like come on top.
                assert!(plant::drain(&mut host) >= METRICS);
            });
        });
    }
    group.finish();
}

fn nodes(criterion: &mut Criterion) {
    let metrics = |value, time| plant::plain(METRICS_PER_MESSAGE, value, time);
    let mut edges: Vec<_> =
        (0..NODES).map(|number| plant::edge(number).without_datatypes()).collect();
    let births: Vec<Message> = edges
        .iter_mut()
        .map(|edge| edge.nbirth(plant::START, metrics(0.0, plant::START)))
        .collect();
    // By sequence number, then by node.
    let data: Vec<Vec<Message>> = (1..=plant::SEQUENCE)
        .map(|number| {
            let time = plant::START.plus(Duration::from_millis(number as u64));
            edges.iter_mut().map(|edge| edge.ndata(time, metrics(number as f64, time))).collect()
        })
        .collect();
    let now = plant::after(Duration::from_secs(1));
    let mut host = plant::host_with(&births);
    let (mut seq, mut node, mut told, mut messages) = (0, 0, 0, 0);

    let mut group = criterion.benchmark_group("session");
    group.throughput(Throughput::Elements(METRICS_PER_MESSAGE as u64));
    group.bench_function("data/1,000 nodes in turns, 10 by alias", |bencher| {
        bencher.iter(|| {
            plant::tell(&mut host, &data[seq][node], now);
            told += plant::drain(&mut host);
            messages += 1;
            node += 1;
            if node == NODES {
                node = 0;
                seq = (seq + 1) % plant::SEQUENCE;
            }
        });
    });
    group.finish();
    assert_eq!(told, messages * METRICS_PER_MESSAGE, "values were lost");
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3));
    targets = births, nodes
}
criterion_main!(benches);

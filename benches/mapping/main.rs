//! The twin: births of a hundred turbines become models, assets and points, data becomes points.
//!
//! `laid out` is a birth that nothing is known of, up to its points; `provisioned` goes on until
//! every asset is created and under its parent, against a control plane that accepts everything
//! at once, on a clock of its own; `repeated` is the same birth once more. `data` is told per
//! value, the rest per turbine.

#![expect(clippy::unwrap_used, reason = "a benchmark ends where it cannot go on")]

#[path = "../support/control_plane.rs"]
mod control_plane;
#[path = "../support/plant.rs"]
mod plant;
#[path = "../support/twin.rs"]
mod twin;

use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sparkwise::outbox::QueuedPoint;
use sparkwise::sparkplug::event::{Data, Event};
use sparkwise::sparkplug::host;
use sparkwise::time::Now;
use sparkwise::twin::{Output, Twin};

use control_plane::ControlPlane;

/// Turbines of the birth.
const TURBINES: usize = 100;
/// Their assets, and those of group, node and bridge.
const ASSETS: usize = TURBINES + 3;
/// Values that one round of data carries.
const VALUES: usize = TURBINES * plant::MEMBERS.len();

/// The birth of the turbines, and data of each of them.
fn events() -> (Event, Vec<Data>) {
    let turbines = || (0..TURBINES).map(|number| plant::turbine(number, 1.0, plant::START));
    let mut edge = plant::edge(0);
    let birth = edge.nbirth(plant::START, std::iter::once(plant::turbine_type()).chain(turbines()));
    let mut host = plant::host_with([]);
    let mut events = Vec::new();
    let data = turbines().map(|turbine| edge.ndata(plant::START, [turbine]));
    for message in std::iter::once(birth).chain(data) {
        plant::tell(&mut host, &message, plant::after(Duration::ZERO));
        while let Some(output) = host.poll_output() {
            match output {
                host::Output::Event(event) => events.push(event),
                host::Output::Publish(_)
                | host::Output::Finding { .. }
                | host::Output::AllNodesExcluded(_)
                | host::Output::NothingDelivered(_) => {}
            }
        }
    }
    let mut events = events.into_iter();
    let birth = events.next().unwrap();
    let data = events.map(|event| match event {
        Event::Data(data) => data,
        Event::Birth(_) | Event::Death(_) => unreachable!("there is one birth and no death"),
    });
    (birth, data.collect())
}

/// A twin that has learned that there is nothing in SiteWise.
fn learned() -> (Twin, ControlPlane) {
    let mut twin = Twin::new(twin::config(), 1);
    let mut plane = ControlPlane::default();
    perform(&mut twin, &mut plane, plant::after(Duration::ZERO));
    (twin, plane)
}

/// Makes every call that can be made now.
fn perform(twin: &mut Twin, plane: &mut ControlPlane, now: Now) {
    while let Some(output) = twin.poll_output(now) {
        match output {
            Output::Call(id, call) => {
                let done = plane.answer(call, twin);
                twin.handle_result(id, Ok(done), now);
            }
            Output::Store(_)
            | Output::Open(_)
            | Output::Rejected { .. }
            | Output::Grouped(_)
            | Output::Finding { .. }
            | Output::Capped { .. }
            | Output::MayBeBack(_)
            | Output::RequestRefresh(..)
            | Output::ExpectOnline { .. } => {}
        }
    }
}

/// The points just made: they come before anything else.
fn stored(twin: &mut Twin, now: Now) -> Vec<QueuedPoint> {
    match twin.poll_output(now) {
        Some(Output::Store(points)) => points,
        _ => Vec::new(),
    }
}

/// Goes on until SiteWise is as wanted; tells when that is.
fn provision(twin: &mut Twin, plane: &mut ControlPlane, birth: Event) -> Now {
    let mut now = plant::after(Duration::ZERO);
    twin.handle_event(birth, now);
    perform(twin, plane, now);
    while twin.plan().pending() > 0 {
        let due = twin.poll_timeout().unwrap();
        now = plant::after(due.since_start());
        twin.handle_timeout(now);
        perform(twin, plane, now);
    }
    now
}

fn births(criterion: &mut Criterion) {
    let (birth, _) = events();
    let now = plant::after(Duration::ZERO);
    let mut group = criterion.benchmark_group("mapping");
    group.throughput(Throughput::Elements(TURBINES as u64)).sample_size(50);
    group.bench_function("birth of 100 turbines/laid out", |bencher| {
        bencher.iter_batched(
            || (learned(), birth.clone()),
            |((mut twin, plane), birth)| {
                twin.handle_event(birth, now);
                let points = stored(&mut twin, now);
                assert!(points.len() >= VALUES);
                (twin, plane, points)
            },
            BatchSize::LargeInput,
        );
    });
    group.bench_function("birth of 100 turbines/provisioned", |bencher| {
        bencher.iter_batched(
            || (learned(), birth.clone()),
            |((mut twin, mut plane), birth)| {
                provision(&mut twin, &mut plane, birth);
                assert_eq!(plane.assets, ASSETS);
                (twin, plane)
            },
            BatchSize::LargeInput,
        );
    });
    let (mut twin, mut plane) = learned();
    let now = provision(&mut twin, &mut plane, birth.clone());
    group.bench_function("birth of 100 turbines/repeated", |bencher| {
        bencher.iter_batched(
            || birth.clone(),
            |birth| {
                twin.handle_event(birth, now);
                let points = stored(&mut twin, now);
                perform(&mut twin, &mut plane, now);
                points
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn data(criterion: &mut Criterion) {
    let (birth, data) = events();
    let (mut twin, mut plane) = learned();
    let mut now = provision(&mut twin, &mut plane, birth);

    let mut group = criterion.benchmark_group("mapping");
    group.throughput(Throughput::Elements(VALUES as u64));
    group.bench_function("data of 100 turbines", |bencher| {
        bencher.iter_batched(
            || {
                now = now.plus(Duration::from_secs(1));
                let events = data.iter().cloned().map(|mut data| {
                    for (_, sample) in &mut data.samples {
                        sample.time = now.wall;
                    }
                    Event::Data(data)
                });
                (events.collect::<Vec<_>>(), now)
            },
            |(events, now)| {
                for event in events {
                    twin.handle_event(event, now);
                }
                let points = stored(&mut twin, now);
                assert!(points.len() >= VALUES);
                points
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3));
    targets = births, data
}
criterion_main!(benches);

//! Old values between outbox, files and jobs, under random plants and failures.

use std::collections::BTreeMap;

use super::*;
use crate::bridge::late::NotByFile;
use crate::globs::Globs;
use crate::late::file_import::{JobState, Step, StepResult};
use crate::late::{self, Buffered, FileKind, Tiers};

/// What the world has of files and jobs.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// Rows of each file.
    rows: BTreeMap<late::FileName, Vec<String>>,
    /// Steps that fail, in percent.
    failing: u8,
}

fn config() -> late::Config {
    late::Config { every: Duration::from_secs(60), ..crate::late::tests::config() }
}

impl World {
    fn with_late(seed: u64, failing: u8) -> Self {
        Self::with_files(config(), seed, failing)
    }

    /// All properties called Speed travel by file.
    fn with_buffered(seed: u64, failing: u8) -> Self {
        let globs = Globs::parse_trees("*/T?/Speed").unwrap();
        let buffered = Some(Buffered { globs, every: Duration::from_secs(30) });
        Self::with_files(late::Config { buffered, ..config() }, seed, failing)
    }

    fn with_files(files: late::Config, seed: u64, failing: u8) -> Self {
        let parts = Config {
            host: host_config::Config::new("sparkwise"),
            twin: twin_config(),
            delivery: delivery::Config::default(),
        };
        let start = Now { instant: Instant::START, wall: Timestamp::from_millis(START) };
        let bridge = Bridge::new(parts, seed).with_late(files, seed, start);
        let mut world = Self::around(bridge, seed);
        world.files.failing = failing;
        world
    }

    /// An edge node sends a value of the past.
    fn old(&mut self, node: usize, turbine: u8, value: i16, hours: u64) {
        let time = self.true_time().minus(Duration::from_secs(hours * 3_600));
        self.old_at(node, turbine, value, time);
    }

    fn old_at(&mut self, node: usize, turbine: u8, value: i16, time: Timestamp) {
        let speed = Metric::new("Speed", f64::from(value)).at(time).historical();
        let partial = Template::instance("Turbine").member(speed);
        let metric = Metric::template(&format!("T{turbine}"), partial);
        let sent = self.true_time();
        let message = self.edges[node].ndata(sent, [metric]);
        self.deliver(message);
        self.check_conservation();
    }

    pub(super) fn perform_late(&mut self, output: late::Output) {
        match output {
            late::Output::Append { file, row, line, .. } => {
                self.files.rows.entry(file).or_default().push(line);
                self.bridge.handle_late_saved(row);
            }
            late::Output::Settle { keys, row } => {
                for key in &keys {
                    self.kept.remove(key);
                }
                self.outbox.settle(&keys);
                self.bridge.handle_late_settled(row, self.now);
            }
            late::Output::Close(_)
            | late::Output::JobFailed(_)
            | late::Output::Lost { .. }
            | late::Output::Delivered { .. } => {}
            late::Output::Do(file, step) => {
                let result = self.step_of(file, &step);
                self.bridge.handle_late_step(file, result, self.now);
            }
            late::Output::ReadTiers => self.bridge.handle_late_tiers(Ok(Tiers::Enabled), self.now),
        }
    }

    fn step_of(&mut self, file: late::FileName, step: &Step) -> StepResult {
        if self.rng.u8(..100) < self.files.failing {
            return StepResult::Failed("no answer".to_owned());
        }
        match step {
            Step::Upload | Step::RecordAttempt(_) | Step::RecordJob(..) | Step::Remove => {
                StepResult::Done
            }
            Step::Create(_) | Step::Find(_) => StepResult::Job(file.to_string()),
            Step::Describe(_) => StepResult::State(match self.rng.u8(..4) {
                0 => JobState::Running,
                1 => JobState::CompletedWithFailures,
                _ => JobState::Completed,
            }),
            Step::ReadReport(_) => {
                let rows = self.files.rows.get(&file).map_or(0, Vec::len) as u64;
                StepResult::Refused(self.rng.u64(..=rows))
            }
        }
    }

    /// What late values add to the right side of the sum.
    pub(super) fn decided_late(&self) -> u64 {
        self.bridge.late().map_or(0, |late| {
            assert!(late.figures().balances(late.waiting()), "{:?}", late.figures());
            late.figures().delivered + late.figures().refused + late.waiting()
        })
    }

    fn not_late(&self, why: NotByFile) -> u64 {
        self.bridge.not_late().into_iter().find(|(of, _)| *of == why).map_or(0, |(_, n)| n)
    }
}

#[test]
fn what_is_too_old_goes_into_a_file_and_what_is_not_goes_live() {
    let mut world = World::with_late(1, 0);
    world.birth(0, 2, false);
    world.pass(Duration::from_secs(60));
    world.old(0, 1, 7, 24 * 10);
    world.old(0, 1, 8, 24 * 6);
    assert_eq!(world.bridge.late().unwrap().waiting(), 1);
    world.pass(Duration::from_secs(10));
    let written = |number| world.written.values().any(|value| *value == Variant::Double(number));
    assert!(written(8.0) && !written(7.0));
    assert_eq!(world.refused_before, 0);
    world.pass(Duration::from_secs(600));
    let late = world.bridge.late().unwrap();
    assert_eq!((late.waiting(), late.figures().rows), (0, 1));
    let rows: Vec<&String> = world.files.rows.values().flatten().collect();
    assert!(rows.len() == 1 && rows[0].ends_with(",DOUBLE,1789136060,0,GOOD,7\n"), "{rows:?}");
    assert!(world.kept.is_empty(), "{:?}", world.kept);
}

/// Current values and history of what is buffered go into files, what is not and what files do not
/// take goes live; and where there are no files, everything does.
#[test]
fn what_is_buffered_goes_into_files_of_its_own_while_there_is_a_tier() {
    let mut world = World::with_buffered(1, 0);
    world.birth(0, 2, false);
    world.pass(Duration::from_secs(90));
    let live = |world: &World, number: f64| {
        world.written.values().any(|value| *value == Variant::Double(number))
    };
    // Values of its birth as well: before it, it was not known that the account has a tier.
    let data = |world: &mut World, value: i16| {
        world.act(Act::Data { node: 0, turbine: 1, value, historical: false });
        world.pass(Duration::from_secs(40));
    };
    data(&mut world, 7);
    world.old(0, 1, 8, 24 * 6);
    world.old(0, 1, 9, 24 * 10);
    world.pass(Duration::from_secs(90));
    assert!(!live(&world, 7.0) && !live(&world, 8.0) && !live(&world, 9.0));
    let ends = |lane, number: &str| {
        let files = world.files.rows.iter().filter(|(file, _)| file.kind() == lane);
        let rows = files.flat_map(|(_, rows)| rows);
        rows.filter(|row| row.ends_with(&format!(",{number}\n"))).count()
    };
    assert_eq!([ends(FileKind::Buffered, "7"), ends(FileKind::Buffered, "8")], [1, 1]);
    assert_eq!([ends(FileKind::Buffered, "9"), ends(FileKind::Late, "9")], [0, 1]);
    // The node's own property is not matched.
    assert!(world.written.values().any(|value| *value == Variant::Integer(7)));
    assert_eq!(world.bridge.late().unwrap().waiting(), 0);
    let null = Metric::new("Speed", f64::NAN).at(world.true_time());
    let partial = Template::instance("Turbine").member(null);
    let sent = world.true_time();
    let message = world.edges[0].ndata(sent, [Metric::template("T1", partial)]);
    world.deliver(message);
    world.pass(Duration::from_secs(10));
    let is_null = |value: &Variant| matches!(value, Variant::Null(_));
    assert!(world.written.values().any(is_null), "a null has no form in a file");
    world.bridge.handle_late_tiers(Ok(Tiers::Disabled), world.now);
    data(&mut world, 11);
    assert!(live(&world, 11.0));
    assert_eq!(world.not_late(NotByFile::NotQueued(crate::late::NotQueued::NoTier)), 0);
    world.check_conservation();
}

/// A null has no form in the files: it is a dead letter, and counted by its own name.
#[test]
fn old_nulls_are_counted_by_their_name() {
    let mut world = World::with_late(1, 0);
    world.birth(0, 2, false);
    world.pass(Duration::from_secs(60));
    let time = world.true_time().minus(Duration::from_secs(9 * 86_400));
    let speed = Metric::new("Speed", f64::NAN).at(time).historical();
    let partial = Template::instance("Turbine").member(speed);
    let sent = world.true_time();
    let message = world.edges[0].ndata(sent, [Metric::template("T1", partial)]);
    world.deliver(message);
    world.check_conservation();
    assert_eq!(world.not_late(NotByFile::Form(crate::late::route::NoRoute::Null)), 1);
    assert_eq!(world.bridge.delivery().figures().refused.out_of_range, 1);
}

/// Presence that waited for a week went into a file, and nothing told SiteWise any more that the
/// machine was online.
#[test]
fn presence_that_waited_for_a_week_goes_by_no_file_and_is_told_again_while_it_holds() {
    for with_files in [true, false] {
        let mut world = if with_files { World::with_late(1, 0) } else { World::new(1) };
        world.birth(0, 2, false);
        world.pass(Duration::from_secs(60));
        let (asset, of) = world.sitewise.asset("gw1");
        let model = &world.sitewise.models[&of.model];
        let online = model.properties.iter().find(|p| p.name == "Online").unwrap().id;
        let stream = crate::delivery::point::Stream { asset, property: online };
        let told = |world: &World, from: Timestamp| {
            let later =
                world.written.iter().filter(|(key, _)| key.stream == stream && key.time > from);
            later.map(|(_, value)| value.clone()).collect::<Vec<_>>()
        };
        let before = world.now.wall;
        for (online, expected) in [(false, 0), (true, 1)] {
            let point = Point {
                stream,
                time: before.minus(Duration::from_secs(8 * 86_400)),
                quality: crate::sitewise::api::Quality::Good,
                value: Variant::Boolean(online),
                class: crate::delivery::point::Class::Live,
            };
            world.bridge.handle_points(vec![point], world.now);
            world.restored += 1;
            world.drain();
            world.pass(Duration::from_secs(30));
            world.check_conservation();
            assert_eq!(told(&world, before).len(), expected, "{with_files} {online}");
        }
        assert_eq!(told(&world, before), [Variant::Boolean(true)]);
        assert!(world.files.rows.is_empty(), "{:?}", world.files.rows);
        assert_eq!(world.bridge.delivery().figures().refused.out_of_range, 2);
        let class = NotByFile::Form(crate::late::route::NoRoute::Class);
        assert_eq!(world.not_late(class), if with_files { 2 } else { 0 });
    }
}

/// An attribute's value that came back from the dead letters, or from disk, was a row of a file,
/// although an attribute has no values to import.
#[test]
fn an_old_value_of_an_attribute_goes_by_no_file_whatever_its_class() {
    let mut world = World::with_late(1, 0);
    world.birth(0, 2, false);
    world.pass(Duration::from_secs(60));
    let (asset, of) = world.sitewise.asset("T1");
    let model = &world.sitewise.models[&of.model];
    let serial = model.properties.iter().find(|p| p.name == "Serial").unwrap().id;
    let point = Point {
        stream: crate::delivery::point::Stream { asset, property: serial },
        time: world.now.wall.minus(Duration::from_secs(10 * 86_400)),
        quality: crate::sitewise::api::Quality::Good,
        value: Variant::String("17".into()),
        class: crate::delivery::point::Class::History,
    };
    world.bridge.handle_points(vec![point], world.now);
    world.restored += 1;
    world.drain();
    world.pass(Duration::from_secs(600));
    world.check_conservation();
    assert!(world.files.rows.is_empty(), "{:?}", world.files.rows);
    assert_eq!(world.not_late(NotByFile::Form(crate::late::route::NoRoute::Class)), 1);
}

/// Without a tier they become dead letters, which say what to switch on.
#[test]
fn without_a_tier_old_values_are_rejected_with_the_reason() {
    let mut world = World::with_late(1, 0);
    world.birth(0, 2, false);
    world.pass(Duration::from_secs(60));
    world.bridge.handle_late_tiers(Ok(Tiers::Disabled), world.now);
    world.drain();
    world.log.clear();
    world.old(0, 1, 7, 24 * 10);
    assert_eq!(world.not_late(NotByFile::NotQueued(crate::late::NotQueued::NoTier)), 1);
    let told = world.log.iter().any(|line| line.contains("warm tier"));
    assert!(told, "{:?}", world.log);
}

/// Of the last minutes of SiteWise's window it was rejected, as older than that.
#[test]
fn history_that_no_file_takes_goes_live_while_sitewise_takes_it() {
    let full = late::Config { max_bytes: 1, ..config() };
    for (files, tiers) in [(config(), Tiers::Disabled), (full, Tiers::Enabled)] {
        let mut world = World::with_files(files, 1, 0);
        world.birth(0, 2, false);
        world.pass(Duration::from_secs(60));
        world.bridge.handle_late_tiers(Ok(tiers), world.now);
        world.drain();
        let time = world.true_time().minus(Duration::from_secs(7 * 86_400 - 300));
        world.old_at(0, 1, 7, time);
        world.pass(Duration::from_secs(60));
        assert!(world.written.keys().any(|key| key.time == time), "{:?}", world.log);
        assert_eq!(world.bridge.delivery().figures().refused.out_of_range, 0);
        assert!(world.bridge.not_late().iter().all(|(_, count)| *count == 0));
        world.check_conservation();
    }
}

/// The tenth place was taken by whatever came tenth: the job rejected the values after it, and
/// SiteWise showed the tenth as the latest.
#[test]
fn the_last_of_many_buffered_values_in_a_second_arrives() {
    let mut world = World::with_buffered(1, 0);
    world.birth(0, 2, false);
    world.pass(Duration::from_secs(90));
    let hour_ago = world.true_time().minus(Duration::from_secs(3_600)).seconds() * 1_000;
    let rows = |world: &World| {
        let rows = world.files.rows.values().flatten();
        rows.filter(|row| row.contains(&format!(",{},", hour_ago / 1_000))).count()
    };
    for number in 0..12 {
        let time = Timestamp::from_millis(hour_ago + i64::from(number));
        world.old_at(0, 1, 100 + number, time);
    }
    world.pass(Duration::from_secs(90));
    let live =
        world.written.iter().filter(|(key, _)| key.time.as_millis() / 1_000 == hour_ago / 1_000);
    let live: Vec<_> = live.map(|(_, value)| value.clone()).collect();
    assert_eq!((rows(&world), live), (9, vec![Variant::Double(111.0)]));
    world.check_conservation();
}

/// SiteWise went on showing the value before as GOOD, as long as the machine repeated the rejected
/// one.
#[test]
fn a_row_that_a_job_rejects_is_followed_by_null() {
    let mut world = World::with_buffered(1, 0);
    world.birth(0, 2, false);
    world.pass(Duration::from_secs(90));
    world.act(Act::Data { node: 0, turbine: 1, value: 7, historical: false });
    world.pass(Duration::from_secs(10));
    let mut rows = world.files.rows.values().flatten();
    let row = rows.rfind(|row| row.ends_with(",7\n")).unwrap();
    let record = late::row::records(row.as_bytes()).next().unwrap();
    let refused = late::row::point(&record).unwrap();
    world.bridge.handle_late_refused([&refused]);
    world.drain();
    world.pass(Duration::from_secs(10));
    let null = crate::delivery::point::Key {
        time: refused.time.plus(Duration::from_millis(1)),
        quality: crate::sitewise::api::Quality::Bad,
        ..refused.key()
    };
    assert!(matches!(world.written.get(&null), Some(Variant::Null(_))), "{:?}", world.written);
}

/// The rows that an earlier process left in files were unknown to the twin: they hid what a birth
/// had said, or came behind a stale mark of an older value, for ever.
#[test]
fn rows_of_an_earlier_process_are_on_their_way_until_their_job_is_over() {
    let mut world = World::with_buffered(1, 0);
    world.birth(0, 2, false);
    world.pass(Duration::from_secs(90));
    let (asset, of) = world.sitewise.asset("T1");
    let properties = &world.sitewise.models[&of.model].properties;
    let property = properties.iter().find(|property| property.name == "Speed").unwrap().id;
    let stream = crate::delivery::point::Stream { asset, property };
    // By the clock of a sender that was ahead.
    let later = Point {
        stream,
        time: world.now.wall.plus(Duration::from_secs(60)),
        quality: crate::sitewise::api::Quality::Good,
        value: Variant::Double(99.0),
        class: crate::delivery::point::Class::History,
    };
    let unborn = crate::delivery::point::Stream { asset: uuid::Uuid::from_u128(7), ..stream };
    let unborn = Point { stream: unborn, ..later.clone() };
    let file = late::RestoredFile {
        name: late::FileName::new(1, 1).of_kind(FileKind::Buffered),
        rows: 2,
        bytes: 200,
        record: late::file_import::JobRecord::default(),
        latest: vec![later.clone(), unborn.clone()],
    };
    world.restored += 2;
    world.bridge.handle_late_restored(vec![file], world.now);
    assert!(world.bridge.twin().is_on_its_way(&unborn.key()));
    world.drain();
    world.pass(Duration::from_secs(90));
    let rows = world.files.rows.values().flatten();
    let rows = rows.filter_map(|row| late::row::records(row.as_bytes()).next());
    let last = rows.filter_map(|record| late::row::point(&record));
    let last = last.filter(|point| point.stream == stream).max_by_key(|point| point.time);
    assert!(last.unwrap().time > later.time, "what is hidden is written once more");
    world.pass(Duration::from_secs(600));
    assert!(!world.bridge.twin().is_on_its_way(&unborn.key()));
    world.check_conservation();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn every_old_or_buffered_value_is_accounted_for(
        acts in prop::collection::vec((act(), 0..2usize, 0..4u8, 140..300u64), 1..60),
        seed in any::<u64>(),
        failing in 0..60u8,
        buffered in any::<bool>(),
    ) {
        let mut world = match buffered {
            true => World::with_buffered(seed, failing),
            false => World::with_late(seed, failing),
        };
        for (number, (act, node, turbine, hours)) in acts.into_iter().enumerate() {
            world.act(act);
            world.old(node, turbine, i16::try_from(number).unwrap(), hours);
        }
        world.weather = Weather::default();
        world.files.failing = 0;
        world.step(0);
        world.pass(Duration::from_secs(600));
        world.birth(0, 3, true);
        world.birth(1, 3, false);
        world.pass(Duration::from_secs(1_200));
        world.bridge.flush(world.now);
        world.pass(Duration::from_secs(1));
        world.check_conservation();
        prop_assert_eq!(world.outbox.len(), 0, "parked {}", world.outbox.parked());
        prop_assert_eq!(world.bridge.delivery().waiting(), 0);
        prop_assert_eq!(world.bridge.late().unwrap().waiting(), 0);
        let rows = world.files.rows.values().flatten().count() as u64;
        prop_assert_eq!(world.bridge.late().unwrap().figures().rows, rows);
    }
}

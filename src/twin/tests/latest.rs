//! SiteWise shows what the plant said last.

use super::*;
use crate::sparkplug::event::SequenceOrder;

pub(super) fn temp(value: impl Into<Option<Value>>, offset: i64) -> BirthMetric {
    leaf(0, "Temp", DataType::Double, sample(offset, value))
}

pub(super) fn born(rig: &mut Rig, value: f64, offset: i64) {
    let metrics = vec![temp(Value::Double(value), offset)];
    rig.event(birth_at(rig.offset(), node(), Vec::new(), metrics));
    rig.pass(Duration::from_secs(5));
}

pub(super) fn shown(rig: &Rig) -> (Quality, Variant) {
    rig.shown("gw", "Temp").unwrap()
}

/// What waited for a missing message is the newest there is, and what came late is the latest of its
/// metric if its time says so.
#[test]
fn a_mark_after_a_gap_repeats_the_last_value() {
    for order in [SequenceOrder::AfterGap, SequenceOrder::Late] {
        let mut rig = Rig::new();
        born(&mut rig, 80.0, 0);
        rig.seconds(10);
        for (at, value) in [(10_000, 95.0), (5_000, 90.0)] {
            let samples = vec![(Slot(0), sample(at, Value::Double(value)))];
            rig.event(Event::Data(Data {
                source: node(),
                samples,
                attributes: Vec::new(),
                order,
                sent: None,
            }));
        }
        rig.seconds(10);
        assert_eq!(shown(&rig), (Quality::Good, Variant::Double(95.0)));
        rig.event(death(node(), 20_000));
        rig.seconds(70);
        assert_eq!(shown(&rig), (Quality::Uncertain, Variant::Double(95.0)));
    }
}

/// The mark is the bridge's own word: what the machine said last does not become later by it.
#[test]
fn what_a_clock_says_that_stands_still_after_a_death_is_the_latest() {
    let mut rig = Rig::new();
    born(&mut rig, 80.0, 0);
    rig.event(death(node(), 20_000));
    rig.seconds(70);
    rig.event(birth_at(0, node(), Vec::new(), vec![temp(Value::Double(80.0), 0)]));
    assert_eq!(shown(&rig), (Quality::Good, Variant::Double(80.0)));
    rig.event(data(node(), vec![(0, sample(0, Value::Double(81.0)))]));
    assert_eq!(shown(&rig), (Quality::Good, Variant::Double(81.0)));
    assert!(rig.found.is_empty(), "{:?}", rig.found);
    rig.event(death(node(), 100_000));
    rig.seconds(70);
    assert_eq!(shown(&rig), (Quality::Uncertain, Variant::Double(81.0)));
}

/// A metric has a time of its own a little after its payload's.
#[test]
fn a_value_in_a_birth_that_has_a_later_time_of_its_own_is_later_than_data_before_it() {
    let mut rig = Rig::new();
    rig.event(birth_at(0, node(), Vec::new(), vec![temp(Value::Double(80.0), 80)]));
    rig.event(data(node(), vec![(0, sample(10, Value::Double(81.0)))]));
    rig.event(death(node(), 1_000));
    rig.seconds(70);
    assert_eq!(shown(&rig), (Quality::Uncertain, Variant::Double(80.0)));
}

#[test]
fn what_was_bad_does_not_become_better_by_a_death() {
    let mut rig = Rig::new();
    let mut metric = temp(Value::Double(80.0), 0);
    if let Content::Leaf { sample, .. } = &mut metric.content {
        sample.quality = Sent::Bad;
    }
    rig.event(birth(node(), Vec::new(), vec![metric]));
    rig.seconds(10);
    rig.event(death(node(), 20_000));
    rig.seconds(90);
    assert_eq!(rig.written("gw", "Temp").len(), 1);
    assert_eq!(shown(&rig).0, Quality::Bad);
}

#[test]
fn nan_is_null_with_bad_and_written_once() {
    let mut rig = Rig::new();
    for _ in 0..3 {
        born(&mut rig, f64::NAN, 0);
        rig.seconds(10);
    }
    let null = Variant::Null(crate::sitewise::api::PropertyDataType::Double);
    assert_eq!(rig.written("gw", "Temp"), [(0, Quality::Bad, null)]);
}

/// The node died, its values were marked, and it came back while the bridge was not running: its
/// birth repeats the old time of change.
#[test]
fn a_mark_of_an_earlier_process_is_written_over() {
    let mut rig = Rig::new();
    born(&mut rig, 80.0, 0);
    rig.seconds(10);
    rig.event(death(node(), 20_000));
    rig.seconds(70);
    assert_eq!(shown(&rig), (Quality::Uncertain, Variant::Double(80.0)));
    let mut rig = rig.restart();
    born(&mut rig, 80.0, 0);
    rig.seconds(30);
    assert_eq!(shown(&rig), (Quality::Good, Variant::Double(80.0)));
    // It is known now.
    let written = rig.written("gw", "Temp").len();
    born(&mut rig, 80.0, 0);
    rig.seconds(30);
    assert_eq!(rig.written("gw", "Temp").len(), written);
}

#[test]
fn a_value_that_went_back_while_the_bridge_was_away_is_written_over() {
    let mut rig = Rig::new();
    born(&mut rig, 80.0, 0);
    rig.event(data(node(), vec![(0, sample(10_000, Value::Double(95.0)))]));
    rig.seconds(30);
    let mut rig = rig.restart();
    born(&mut rig, 80.0, 0);
    rig.seconds(30);
    assert_eq!(shown(&rig), (Quality::Good, Variant::Double(80.0)));
}

#[test]
fn a_first_birth_is_written_once_more_only_where_sitewise_hides_it() {
    for (before, offset, expected) in [
        (Sent::Good, 0, vec![0]),
        (Sent::Uncertain, 1_000, vec![1_000]),
        (Sent::Uncertain, 0, vec![0, 1]),
        (Sent::Good, -1_000, vec![-1_000, 1]),
    ] {
        let mut rig = Rig::new();
        let first = Sample { quality: before, ..sample(0, Value::Double(80.0)) };
        let metrics = vec![leaf(0, "Temp", DataType::Double, first)];
        rig.event(birth(node(), Vec::new(), metrics));
        rig.seconds(30);
        let mut rig = rig.restart();
        born(&mut rig, 81.0, offset);
        rig.seconds(30);
        let times: Vec<_> = rig.written("gw", "Temp").into_iter().map(|(at, ..)| at).collect();
        assert_eq!(times, expected, "{before:?} {offset}");
        assert_eq!(shown(&rig), (Quality::Good, Variant::Double(81.0)));
    }
}

#[test]
fn what_sitewise_shows_and_cannot_be_read_is_written_as_the_last_and_counted() {
    let mut rig = Rig::new();
    born(&mut rig, 80.0, 0);
    rig.event(data(node(), vec![(0, sample(10_000, Value::Double(95.0)))]));
    rig.seconds(30);
    rig.sitewise.unreadable = Some(ApiFaultKind::Denied);
    let mut rig = rig.restart();
    born(&mut rig, 80.0, 0);
    rig.seconds(30);
    assert_eq!(shown(&rig), (Quality::Good, Variant::Double(80.0)));
    assert!(rig.twin.counts().unread > 0);
}

#[test]
fn what_came_while_sitewise_was_read_is_not_written_over() {
    let mut rig = Rig::new();
    born(&mut rig, 80.0, 0);
    rig.event(data(node(), vec![(0, sample(10_000, Value::Double(95.0)))]));
    rig.seconds(30);
    let mut rig = rig.restart();
    rig.seconds(5);
    born(&mut rig, 80.0, 0);
    let offset = rig.offset() + 1;
    rig.event(data(node(), vec![(0, sample(offset, Value::Double(81.0)))]));
    rig.seconds(30);
    assert_eq!(shown(&rig), (Quality::Good, Variant::Double(81.0)));
}

#[test]
fn history_later_than_the_current_value_is_written_over_by_the_next_birth() {
    let mut rig = Rig::new();
    born(&mut rig, 80.0, 0);
    rig.seconds(10);
    let past = Sample { historical: true, ..sample(5_000, Value::Double(1.0)) };
    rig.event(data(node(), vec![(0, past)]));
    assert_eq!(shown(&rig), (Quality::Good, Variant::Double(1.0)));
    born(&mut rig, 80.0, 0);
    assert_eq!(shown(&rig), (Quality::Good, Variant::Double(80.0)));
    let past = Sample { historical: true, ..sample(11_000, Value::Double(2.0)) };
    rig.event(data(node(), vec![(0, past)]));
    rig.event(death(node(), 12_000));
    rig.seconds(70);
    assert_eq!(shown(&rig), (Quality::Uncertain, Variant::Double(80.0)));
}

#[test]
fn history_that_came_before_the_first_value_does_not_hide_it() {
    let mut rig = Rig::new();
    let nothing = Sample { without_value: true, ..sample(0, None) };
    let metrics = vec![leaf(0, "Temp", DataType::Double, nothing)];
    rig.event(birth(node(), Vec::new(), metrics));
    rig.seconds(10);
    let past = Sample { historical: true, ..sample(9_000, Value::Double(1.0)) };
    rig.event(data(node(), vec![(0, past)]));
    assert_eq!(shown(&rig), (Quality::Good, Variant::Double(1.0)));
    born(&mut rig, 80.0, 5_000);
    assert_eq!(shown(&rig), (Quality::Good, Variant::Double(80.0)));
}

/// What it says at one time is put a tick behind what it said before.
#[test]
fn what_a_clock_says_that_stands_still_over_births_is_the_latest() {
    for (birth, data_at, expected) in [(10_000, 10_000, 82.0), (5_000, 9_000, 81.0)] {
        let mut rig = Rig::new();
        let old = -30 * 24 * 3_600_000;
        for (time, value) in [(10_000, 80.0), (birth, 81.0)] {
            let metrics = vec![temp(Value::Double(value), old)];
            rig.event(birth_at(time, node(), Vec::new(), metrics));
        }
        rig.event(data(node(), vec![(0, sample(data_at, Value::Double(82.0)))]));
        rig.seconds(10);
        assert_eq!(shown(&rig), (Quality::Good, Variant::Double(expected)));
        assert_eq!(rig.found, [], "one that is back for a moment is not told");
    }
}

#[test]
fn history_that_repeats_the_current_value_does_not_have_it_written_again() {
    let mut rig = Rig::new();
    born(&mut rig, 80.0, 0);
    rig.seconds(10);
    let past = Sample { historical: true, ..sample(5_000, Value::Double(80.0)) };
    rig.event(data(node(), vec![(0, past)]));
    born(&mut rig, 80.0, 0);
    assert_eq!(rig.written("gw", "Temp").len(), 2);
    assert_eq!(rig.twin.counts().dropped(DropReason::Unchanged), 1);
}

#[test]
fn a_value_of_the_same_time_and_another_quality_is_the_latest() {
    let mut rig = Rig::new();
    born(&mut rig, 80.0, 0);
    let uncertain = Sample { quality: Sent::Uncertain, ..sample(0, Value::Double(81.0)) };
    rig.event(data(node(), vec![(0, uncertain)]));
    assert_eq!(rig.written("gw", "Temp")[1], (1, Quality::Uncertain, Variant::Double(81.0)));
}

/// By a rule and by a template, a birth may have one member twice.
#[test]
fn a_member_that_a_birth_has_twice_is_written_once() {
    let rules = Rules::parse("{asset}/{member} => Turbine").unwrap();
    let mut rig = Rig::with(Config { rules, ..config() }, FakeSiteWise::default());
    let metrics = || {
        let flat = leaf(3, "T1/Speed", DataType::Double, sample(0, Value::Double(5.0)));
        vec![turbine("T1", 0, 5.0, 0), flat]
    };
    for n in 0..3 {
        rig.event(birth_at(n * 10_000, node(), definitions(), metrics()));
        rig.seconds(10);
    }
    assert_eq!(rig.written("T1", "Speed"), [(0, Quality::Good, Variant::Double(5.0))]);
    rig.event(data(node(), vec![(3, sample(40_000, Value::Double(6.0)))]));
    assert_eq!(rig.written("T1", "Speed").len(), 2);
    rig.check_conservation();
}

#[test]
fn a_changed_type_is_called_the_same_over_restarts() {
    let speed = |datatype, value, offset| {
        birth_at(
            offset,
            node(),
            Vec::new(),
            vec![leaf(0, "Speed", datatype, sample(offset, value))],
        )
    };
    let mut rig = Rig::new();
    rig.event(speed(DataType::Double, Value::Double(1.0), 0));
    rig.seconds(30);
    let mut rig = rig.restart();
    let offset = rig.offset();
    rig.event(speed(DataType::String, text("fast"), offset));
    rig.seconds(90);
    let shown = rig.shown("gw", "Speed (STRING)");
    assert_eq!(shown, Some((Quality::Good, Variant::String("fast".into()))));
}

#[test]
fn a_tag_called_online_does_not_take_the_name_of_the_machines_presence() {
    let mut rig = Rig::new();
    let tag = leaf(0, "Online", DataType::Boolean, sample(0, Value::Boolean(false)));
    rig.event(birth(node(), Vec::new(), vec![tag]));
    rig.seconds(30);
    assert_eq!(rig.shown("gw", "Online"), Some((Quality::Good, Variant::Boolean(true))));
    let shown = rig.shown("gw", "Online (BOOLEAN)");
    assert_eq!(shown, Some((Quality::Good, Variant::Boolean(false))));
}

#[test]
fn an_instance_that_changes_its_template_is_told_and_adds_only_what_it_says() {
    let mut rig = Rig::new();
    rig.event(birth(
        node(),
        definitions(),
        vec![turbine("T1", 0, 1.0, 0), turbine("T2", 3, 1.0, 0)],
    ));
    rig.seconds(30);
    let mut pump = instance(
        "T1",
        "Pump",
        vec![leaf(0, "Flow", DataType::Double, sample(40_000, Value::Double(3.0)))],
    );
    if let Content::Instance(instance) = &mut pump.content {
        let spare = Sample { without_value: true, ..sample(40_000, None) };
        instance.members.push(leaf(1, "Head", DataType::Double, spare));
    }
    for _ in 0..2 {
        rig.event(birth_at(40_000, node(), definitions(), vec![pump.clone()]));
        rig.seconds(90);
    }
    let names = rig.properties("T1");
    assert!(names.contains(&"Flow") && !names.contains(&"Head"), "{names:?}");
    assert_eq!(rig.capped, [""; 0]);
    assert_eq!(rig.shown("T1", "Flow"), Some((Quality::Good, Variant::Double(3.0))));
    let changed: Vec<_> =
        rig.found.iter().filter(|(finding, _)| *finding == Finding::ChangedTemplate).collect();
    let (_, example) = changed.first().unwrap();
    assert!(example.starts_with("Nordsee/gw/T1 has the template Pump now"), "{example}");
}

#[test]
fn a_number_past_ten_to_the_ten_is_sent_and_told() {
    let mut rig = Rig::new();
    born(&mut rig, 2e10, 0);
    assert_eq!(shown(&rig), (Quality::Good, Variant::Double(2e10)));
    let (finding, example) = &rig.found[0];
    assert_eq!((*finding, &**example), (Finding::NumberTooLarge, "Nordsee/gw/Temp is 20000000000"));
}

/// Its clock stands still, or its birth repeats the old time of change.
#[test]
fn a_tag_that_vanishes_and_comes_back_is_not_hidden_by_its_mark() {
    let mut rig = Rig::new();
    let other = || leaf(1, "Other", DataType::Double, sample(0, Value::Double(1.0)));
    for (offset, present) in [(0, true), (20_000, false), (40_000, false), (60_000, true)] {
        let metrics = present.then(|| temp(Value::Double(80.0), 0)).into_iter().chain([other()]);
        rig.event(birth_at(offset, node(), Vec::new(), metrics.collect()));
        rig.seconds(10);
        let quality = if present { Quality::Good } else { Quality::Uncertain };
        assert_eq!(shown(&rig), (quality, Variant::Double(80.0)), "{offset}");
    }
    assert_eq!(rig.written("gw", "Temp").len(), 3);
}

/// The mark of a death by our clock hid an hour of what a machine said whose clock is behind.
#[test]
fn a_machine_whose_clock_is_behind_is_not_hidden_by_the_mark_of_its_death() {
    let hour = 3_600_000;
    let mut rig = Rig::new();
    rig.event(birth_at(-hour, node(), Vec::new(), vec![temp(Value::Double(80.0), -hour)]));
    rig.seconds(30);
    rig.event(death(node(), 30_000));
    rig.seconds(70);
    assert_eq!(shown(&rig), (Quality::Uncertain, Variant::Double(80.0)));
    let at = rig.offset() - hour;
    rig.event(birth_at(at, node(), Vec::new(), vec![temp(Value::Double(80.0), -hour)]));
    assert_eq!(shown(&rig), (Quality::Good, Variant::Double(80.0)));
    rig.seconds(1);
    rig.event(data(node(), vec![(0, sample(at + 1_000, Value::Double(81.0)))]));
    assert_eq!(shown(&rig), (Quality::Good, Variant::Double(81.0)));
    assert!(rig.found.is_empty(), "{:?}", rig.found);
}

/// It told no time, so that ours is known alone.
#[test]
fn a_device_that_tells_no_time_of_its_death_is_marked_by_its_clock_all_the_same() {
    let hour = 3_600_000;
    let mut rig = Rig::new();
    let source = || device("mast");
    rig.event(birth_at(-hour, source(), Vec::new(), vec![temp(Value::Double(8.0), -hour)]));
    rig.seconds(30);
    let (time, cause) = (rig.now.wall, DeathCause::Certificate);
    rig.event(Event::Death(Death { source: source(), time, clock: ClockSource::Host, cause }));
    rig.seconds(70);
    assert_eq!(rig.shown("mast", "Temp"), Some((Quality::Uncertain, Variant::Double(8.0))));
    let at = rig.offset() - hour;
    rig.event(birth_at(at, source(), Vec::new(), vec![temp(Value::Double(8.0), -hour)]));
    rig.event(data(source(), vec![(0, sample(at + 1_000, Value::Double(9.0)))]));
    assert_eq!(rig.shown("mast", "Temp"), Some((Quality::Good, Variant::Double(9.0))));
    assert!(rig.found.is_empty(), "{:?}", rig.found);
}

/// Its mark had the time of our clock, or of its oldest value, whatever the device said.
#[test]
fn a_device_that_tells_the_time_of_its_death_is_marked_at_it() {
    for (says, born) in [(35_000, 0), (5_000, -300_000), (-200_000, -300_000)] {
        let mut rig = Rig::new();
        let source = device("mast");
        rig.event(birth_at(born, source.clone(), Vec::new(), vec![temp(Value::Double(8.0), born)]));
        rig.seconds(30);
        rig.event(death(source, says));
        rig.seconds(70);
        let marks = rig.written("mast", "Temp");
        assert_eq!(marks.last(), Some(&(says, Quality::Uncertain, Variant::Double(8.0))));
    }
}

#[test]
fn a_unit_that_a_lost_answer_hid_is_set_on_the_asset() {
    let born = |rig: &mut Rig, unit: Option<&str>| {
        let mut metric = temp(Value::Double(80.0), 0);
        metric
            .properties
            .extend(unit.map(|unit| property("engUnit", DataType::String, text(unit))));
        rig.event(birth_at(rig.offset(), node(), Vec::new(), vec![metric]));
    };
    let mut rig = Rig::new();
    rig.seconds(5);
    // All calls are carried out, and their answers are lost.
    rig.weather = Some((100, fastrand::Rng::with_seed(3)));
    born(&mut rig, None);
    rig.pass(Duration::from_millis(700));
    born(&mut rig, Some("°C"));
    rig.seconds(10);
    rig.weather = None;
    rig.seconds(60);
    born(&mut rig, Some("°C"));
    rig.seconds(60);
    let (asset, of) = rig.sitewise.asset("gw");
    let model = &rig.sitewise.models[&of.model];
    let id = model.properties.iter().find(|property| property.name == "Temp").unwrap().id;
    assert_eq!(rig.sitewise.property(asset, id).unwrap().unit.as_deref(), Some("°C"));
}

#[test]
fn what_went_while_the_bridge_was_away_is_marked() {
    let metric = |slot, name: &str, datatype, value: Value, at| {
        leaf(slot, name, datatype, sample(at, value))
    };
    let mut rig = Rig::new();
    let metrics = vec![
        temp(Value::Double(80.0), 0),
        metric(1, "Gone", DataType::Double, Value::Double(7.0), 0),
        metric(2, "Retyped", DataType::Double, Value::Double(6.0), 0),
    ];
    rig.event(birth(node(), Vec::new(), metrics));
    rig.seconds(60);
    let mut rig = rig.restart();
    let at = rig.offset();
    let metrics =
        vec![temp(Value::Double(80.0), at), metric(1, "Retyped", DataType::String, text("zz"), at)];
    rig.event(birth_at(at, node(), Vec::new(), metrics));
    rig.seconds(90);
    let shown = |rig: &Rig, name: &str| rig.shown("gw", name).unwrap();
    assert_eq!(shown(&rig, "Temp"), (Quality::Good, Variant::Double(80.0)));
    assert_eq!(shown(&rig, "Gone"), (Quality::Uncertain, Variant::Double(7.0)));
    assert_eq!(shown(&rig, "Retyped"), (Quality::Uncertain, Variant::Double(6.0)));
    assert_eq!(shown(&rig, "Retyped (STRING)"), (Quality::Good, Variant::String("zz".into())));
    // It comes back as it was.
    let at = rig.offset();
    let metrics = vec![
        temp(Value::Double(80.0), at),
        metric(1, "Gone", DataType::Double, Value::Double(7.0), at),
    ];
    rig.event(birth_at(at, node(), Vec::new(), metrics));
    rig.seconds(10);
    assert_eq!(shown(&rig, "Gone"), (Quality::Good, Variant::Double(7.0)));
}

/// What was written with the time of an hour ahead has not arrived.
#[test]
fn what_comes_after_our_clock_was_put_right_keeps_its_time() {
    let hour = 3_600_000;
    let mut rig = Rig::new();
    rig.now.wall = rig.at(hour);
    rig.event(birth_at(hour, node(), Vec::new(), vec![temp(Value::Double(80.0), hour)]));
    rig.seconds(5);
    rig.now.wall = rig.at(10_000);
    for (at, value) in [(10_000, 81.0), (11_000, 82.0)] {
        rig.event(data(node(), vec![(0, sample(at, Value::Double(value)))]));
        let written = rig.written("gw", "Temp");
        assert_eq!(written.last(), Some(&(at, Quality::Good, Variant::Double(value))));
    }
}

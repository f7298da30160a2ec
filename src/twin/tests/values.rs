//! What is written of what the plant says.

use super::*;

const GOOD: Quality = Quality::Good;

fn double(value: f64) -> Variant {
    Variant::Double(value)
}

/// A device with one plain metric, born and in SiteWise.
fn mast() -> Rig {
    let mut rig = Rig::new();
    rig.event(birth(node(), Vec::new(), Vec::new()));
    rig.event(mast_birth(0, 0, 7.0));
    rig.seconds(10);
    rig
}

fn mast_birth(offset_ms: i64, value_offset_ms: i64, wind: f64) -> Event {
    let value = sample(value_offset_ms, Value::Double(wind));
    birth_at(offset_ms, device("mast"), Vec::new(), vec![leaf(0, "Wind", DataType::Double, value)])
}

#[test]
fn values_keep_their_own_time_and_quality() {
    let mut rig = mast();
    let uncertain = Sample { quality: Sent::Uncertain, ..sample(11_500, Value::Double(8.0)) };
    rig.event(data(
        device("mast"),
        vec![(0, sample(11_000, Value::Double(7.5))), (0, uncertain), (0, sample(12_000, None))],
    ));
    assert_eq!(
        rig.written("mast", "Wind"),
        [
            (0, GOOD, double(7.0)),
            (11_000, GOOD, double(7.5)),
            (11_500, Quality::Uncertain, double(8.0)),
            (12_000, Quality::Bad, Variant::Null(crate::sitewise::api::PropertyDataType::Double)),
        ]
    );
    rig.check_conservation();
}

#[test]
fn a_birth_that_repeats_what_was_written_writes_nothing() {
    let mut rig = mast();
    rig.event(mast_birth(20_000, -5_000, 7.0));
    assert_eq!(rig.written("mast", "Wind").len(), 1);
    assert_eq!(rig.twin.counts().dropped(DropReason::Unchanged), 1);
}

#[test]
fn a_birth_with_an_old_change_time_writes_at_its_own_time() {
    let mut rig = mast();
    rig.event(data(device("mast"), vec![(0, sample(12_000, Value::Double(8.0)))]));
    rig.event(mast_birth(20_000, 5_000, 9.0));
    rig.event(mast_birth(20_000, 19_000, 10.0));
    let eight_days = 8 * 24 * 3600 * 1000;
    rig.event(mast_birth(30_000, -eight_days, 11.0));
    // One that is later than what was written keeps its time, and one of the same time cannot.
    rig.event(mast_birth(40_000, 35_000, 12.0));
    rig.event(mast_birth(34_000, 35_000, 13.0));
    let written = rig.written("mast", "Wind");
    assert_eq!(
        written[2..],
        [
            (20_000, GOOD, double(9.0)),
            (20_001, GOOD, double(10.0)),
            (30_000, GOOD, double(11.0)),
            (35_000, GOOD, double(12.0)),
            (35_001, GOOD, double(13.0)),
        ]
    );
}

#[test]
fn history_is_written_and_never_current() {
    let mut rig = mast();
    let past = Sample { historical: true, ..sample(-60_000, Value::Double(1.0)) };
    rig.event(data(device("mast"), vec![(0, past)]));
    let point = &rig.points.last().unwrap().point;
    assert_eq!((point.class, point.time), (Class::History, rig.at(-60_000)));
    // The birth repeats the current value: still nothing new.
    rig.event(mast_birth(20_000, 0, 7.0));
    assert_eq!(rig.twin.counts().dropped(DropReason::Unchanged), 1);
}

#[test]
fn values_out_of_the_window_alarms_and_transients_are_counted() {
    let mut rig = mast();
    let hour = 3_600_000;
    rig.event(data(
        device("mast"),
        vec![
            (0, sample(hour, Value::Double(1.0))),
            (0, sample(-200 * hour, Value::Double(1.0))),
            (0, Sample { alarm: true, ..sample(11_000, Value::Double(1.0)) }),
            (0, Sample { transient: true, ..sample(11_000, Value::Double(1.0)) }),
            (9, sample(11_000, Value::Double(1.0))),
        ],
    ));
    assert_eq!(rig.refused.len(), 2);
    let counts = rig.twin.counts();
    for why in [DropReason::Alarm, DropReason::Transient, DropReason::NotCarried] {
        assert_eq!(counts.dropped(why), 1, "{why:?}");
    }
    rig.check_conservation();
}

#[test]
fn a_dead_machine_is_offline_at_once_and_stale_after_a_while() {
    let mut rig = mast();
    rig.event(death(device("mast"), 9_000));
    let online = rig.written("mast", "Online");
    assert_eq!(online.last().map(|(_, _, value)| value.clone()), Some(Variant::Boolean(false)));
    rig.seconds(59);
    assert_eq!(rig.written("mast", "Wind").len(), 1);
    rig.seconds(2);
    assert_eq!(rig.written("mast", "Wind")[1..], [(9_000, Quality::Uncertain, double(7.0))]);
    rig.event(mast_birth(80_000, 0, 7.0));
    assert_eq!(rig.written("mast", "Wind")[2..], [(80_000, GOOD, double(7.0))]);
    let online: Vec<_> = rig.written("mast", "Online").into_iter().map(|(_, _, v)| v).collect();
    assert_eq!(online, [true, false, true].map(Variant::Boolean));
    rig.check_conservation();
}

#[test]
fn a_stale_mark_comes_after_the_last_value_even_if_death_came_first() {
    let mut rig = mast();
    rig.event(data(device("mast"), vec![(0, sample(9_500, Value::Double(8.0)))]));
    rig.event(death(device("mast"), 9_000));
    rig.seconds(61);
    assert_eq!(rig.written("mast", "Wind")[2..], [(9_501, Quality::Uncertain, double(8.0))]);
}

#[test]
fn a_quick_rebirth_writes_no_mark() {
    let mut rig = mast();
    rig.event(death(device("mast"), 9_000));
    rig.seconds(5);
    rig.event(mast_birth(15_000, 0, 7.0));
    rig.seconds(120);
    assert_eq!(rig.written("mast", "Wind").len(), 1);
}

#[test]
fn a_metric_missing_from_a_new_birth_is_marked_once() {
    let mut rig = mast();
    for offset in [20_000, 30_000] {
        rig.event(birth_at(offset, device("mast"), Vec::new(), Vec::new()));
    }
    assert_eq!(rig.written("mast", "Wind")[1..], [(20_000, Quality::Uncertain, double(7.0))]);
}

#[test]
fn an_instance_writes_its_own_parameters_where_they_differ_from_the_default() {
    let mut rig = Rig::new();
    let with_serial = |offset, serial: &str| {
        let mut metric = turbine("T1", 0, 12.0, 0);
        if let Content::Instance(instance) = &mut metric.content {
            instance.parameters = vec![property("Serial", DataType::String, text(serial))];
        }
        birth_at(offset, node(), definitions(), vec![metric])
    };
    rig.event(with_serial(0, "unknown"));
    rig.seconds(10);
    assert_eq!(rig.written("T1", "Serial"), []);
    for offset in [11_000, 12_000] {
        rig.event(with_serial(offset, "WT-7"));
    }
    assert_eq!(rig.written("T1", "Serial"), [(11_000, GOOD, Variant::String("WT-7".into()))]);
}

#[test]
fn the_session_of_a_node_shows_on_its_twin() {
    let mut rig = mast();
    let figures = SessionFigures { edge: None, gaps: 2, rebirths: 1 };
    for _ in 0..2 {
        rig.twin.handle_figures(&node(), &figures, rig.now);
        rig.drain();
    }
    assert_eq!(rig.written("gw", "Sequence gaps"), [(10_000, GOOD, Variant::Integer(2))]);
    assert_eq!(rig.written("gw", "Rebirths"), [(10_000, GOOD, Variant::Integer(1))]);
}

#[test]
fn the_bridge_beats_once_a_minute() {
    let mut rig = mast();
    rig.seconds(169);
    let beats: Vec<_> = rig.written("sparkwise", "Heartbeat").iter().map(|beat| beat.0).collect();
    assert_eq!(beats, [0, 60_000, 120_000]);
}

#[test]
fn what_comes_before_sitewise_has_answered_is_held_and_not_lost() {
    let mut rig = Rig::new();
    rig.twin.handle_event(birth(node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]), rig.now);
    rig.twin.handle_event(data(node(), vec![(0, sample(1, Value::Double(13.0)))]), rig.now);
    assert_eq!(rig.twin.buffered(), 4);
    rig.check_conservation();
    rig.seconds(10);
    assert_eq!(rig.written("T1", "Speed").len(), 2);
    rig.check_conservation();
}

/// The time that the birth itself has is before the value's in SiteWise.
#[test]
fn a_birth_with_a_time_out_of_the_window_is_not_hidden_by_a_later_value() {
    let mut rig = mast();
    rig.event(data(device("mast"), vec![(0, sample(60_000, Value::Double(8.0)))]));
    let eight_days = 8 * 24 * 3600 * 1000;
    rig.event(mast_birth(30_000, -eight_days, 11.0));
    assert_eq!(rig.written("mast", "Wind")[2..], [(60_001, GOOD, double(11.0))]);
}

/// The mark of a dead machine repeated what SiteWise had rejected, was rejected as well, and the
/// value before stayed GOOD; while it lived, too.
#[test]
fn what_sitewise_rejects_is_null_with_bad_and_no_mark_repeats_it() {
    let null = Some((Quality::Bad, Variant::Null(crate::sitewise::api::PropertyDataType::Double)));
    let reject_last = |rig: &mut Rig, asset: &str, property: &str| {
        let (at, _, value) = rig.written(asset, property).pop().unwrap();
        let id = rig.sitewise.asset(asset).0;
        let points = rig.points.iter().map(|waiting| &waiting.point);
        let mut points = points.filter(|point| point.stream.asset == id);
        let is_it = |point: &&Point| (point.time, &point.value) == (rig.at(at), &value);
        let point = points.rfind(is_it).unwrap().clone();
        rig.twin.handle_rejected(&point);
        rig.drain();
    };
    let born = |offset: i64, value: f64| {
        let tag = leaf(0, "Energy", DataType::Double, sample(offset, Value::Double(value)));
        birth_at(offset, node(), definitions(), vec![tag, turbine("T1", 1, value, offset)])
    };
    for (asset, property, slot) in [("gw", "Energy", 0), ("T1", "Speed", 1)] {
        let told = |rig: &mut Rig, value: f64| {
            let value = sample(rig.offset(), Value::Double(value));
            rig.event(data(node(), vec![(slot, value)]));
        };
        let mut rig = Rig::new();
        rig.event(born(0, 9.9e9));
        rig.seconds(30);
        told(&mut rig, 1.1e10);
        rig.seconds(1);
        reject_last(&mut rig, asset, property);
        assert_eq!(rig.shown(asset, property), null);
        // A null that is rejected as well is the end of it.
        let before = rig.points.len();
        reject_last(&mut rig, asset, property);
        assert_eq!(rig.points.len(), before);
        rig.event(death(node(), rig.offset()));
        rig.seconds(70);
        assert_eq!(rig.shown(asset, property), null);
        // What it says again is tried again, and the machine's next value is shown.
        rig.event(born(rig.offset(), 1.1e10));
        reject_last(&mut rig, asset, property);
        assert_eq!(rig.shown(asset, property), null);
        told(&mut rig, 5.0);
        assert_eq!(rig.shown(asset, property), Some((Quality::Good, double(5.0))));
        // A verdict that comes when there is a later value changes nothing.
        told(&mut rig, 1.2e10);
        let late = rig.points.last().unwrap().point.clone();
        rig.seconds(1);
        told(&mut rig, 6.0);
        rig.twin.handle_rejected(&late);
        rig.drain();
        assert_eq!(rig.shown(asset, property), Some((Quality::Good, double(6.0))));
        // One that comes after the mark is the mark's as well.
        rig.seconds(1);
        told(&mut rig, 1.3e10);
        rig.event(death(node(), rig.offset() + 1_000));
        rig.seconds(70);
        assert_eq!(rig.shown(asset, property), Some((Quality::Uncertain, double(1.3e10))));
        reject_last(&mut rig, asset, property);
        assert_eq!(rig.shown(asset, property), null);
        rig.check_conservation();
    }
}

/// The shorter one before it stayed GOOD.
#[test]
fn what_is_too_long_for_sitewise_is_null_with_bad() {
    let null = || Variant::Null(crate::sitewise::api::PropertyDataType::String);
    let array = |length: i64| Value::Array((0..length).map(Value::Int).collect());
    let born = |offset: i64, length: i64| {
        let tag = leaf(0, "Arr", DataType::Int32Array, sample(offset, array(length)));
        let mut metric = turbine("T1", 1, 1.0, offset);
        if let Content::Instance(instance) = &mut metric.content {
            instance.parameters = vec![property("Serial", DataType::Int32Array, array(length))];
        }
        birth_at(offset, node(), definitions(), vec![tag, metric])
    };
    let mut rig = Rig::new();
    rig.event(born(0, 3));
    rig.seconds(30);
    let short = Some((Quality::Good, Variant::String("[0,1,2]".into())));
    assert_eq!(rig.shown("gw", "Arr"), short);
    rig.event(data(node(), vec![(0, sample(31_000, array(600)))]));
    assert_eq!(rig.written("gw", "Arr").pop(), Some((31_000, Quality::Bad, null())));
    // A birth that repeats it is rejected as well, and null stands there already.
    rig.event(born(40_000, 600));
    assert_eq!((rig.refused.len(), rig.written("gw", "Arr").len()), (2, 2));
    assert_eq!(rig.shown("T1", "Serial"), Some((Quality::Bad, null())));
    rig.event(born(50_000, 3));
    assert_eq!(rig.shown("gw", "Arr"), short);
    assert_eq!(rig.shown("T1", "Serial"), short);
    rig.check_conservation();
}

/// It was written as a null, or not at all.
#[test]
fn the_quality_that_an_instance_says_alone_is_that_of_its_members() {
    let mut rig = mast();
    let alone = |at: i64, quality| Sample { quality, without_value: true, ..sample(at, None) };
    let say = |rig: &mut Rig, sample: Sample| {
        rig.event(data(device("mast"), vec![(0, sample)]));
        rig.seconds(1);
        rig.shown("mast", "Wind").unwrap()
    };
    assert_eq!(say(&mut rig, alone(11_000, Sent::Bad)), (Quality::Bad, double(7.0)));
    assert_eq!(say(&mut rig, alone(12_000, Sent::Good)), (GOOD, double(7.0)));
    // What a member says of itself is made no better by it.
    let own = Sample {
        quality: Sent::Bad,
        own_quality: Sent::Uncertain,
        ..sample(13_000, Value::Double(8.0))
    };
    assert_eq!(say(&mut rig, own), (Quality::Bad, double(8.0)));
    assert_eq!(say(&mut rig, alone(14_000, Sent::Good)), (Quality::Uncertain, double(8.0)));
    // Nor is anything written twice, or of what is older.
    let written = rig.written("mast", "Wind").len();
    assert_eq!(say(&mut rig, alone(15_000, Sent::Good)), (Quality::Uncertain, double(8.0)));
    assert_eq!(say(&mut rig, alone(13_500, Sent::Bad)), (Quality::Uncertain, double(8.0)));
    assert_eq!(rig.written("mast", "Wind").len(), written);
    // A value that is sent later may have an earlier time of its own.
    assert_eq!(say(&mut rig, alone(20_000, Sent::Bad)), (Quality::Bad, double(8.0)));
    assert_eq!(say(&mut rig, sample(19_000, Value::Double(9.0))), (GOOD, double(9.0)));
    rig.check_conservation();
}

/// A null became GOOD, which SiteWise does not take, and a rounded number too.
#[test]
fn what_is_null_or_rounded_is_made_no_better_by_its_instance() {
    let null = || (Quality::Bad, Variant::Null(crate::sitewise::api::PropertyDataType::Double));
    let alone = |at: i64, quality| Sample { quality, without_value: true, ..sample(at, None) };
    let say = |rig: &mut Rig, sample: Sample| {
        rig.event(data(device("mast"), vec![(0, sample)]));
        rig.seconds(1);
        rig.shown("mast", "Wind").unwrap()
    };
    // A value that cannot be decoded, within an instance that is GOOD.
    let mut rig = mast();
    let unread = Sample { quality: Sent::Bad, ..sample(11_000, None) };
    assert_eq!(say(&mut rig, unread), null());
    assert_eq!(say(&mut rig, alone(12_000, Sent::Good)), null());
    // One that SiteWise rejects.
    say(&mut rig, sample(13_000, Value::Double(2e10)));
    let point = rig.points.last().unwrap().point.clone();
    rig.twin.handle_rejected(&point);
    rig.drain();
    assert_eq!(say(&mut rig, alone(14_000, Sent::Good)), null());
    // A death makes it no better either.
    rig.event(death(device("mast"), rig.offset()));
    rig.seconds(90);
    assert_eq!(rig.shown("mast", "Wind"), Some(null()));
    // A value that never reached SiteWise says nothing of the one that is there.
    assert_eq!(say(&mut rig, sample(15_000, Value::Double(8.0))), (GOOD, double(8.0)));
    say(&mut rig, Sample { own_quality: Sent::Bad, quality: Sent::Bad, ..sample(1 << 40, None) });
    assert_eq!(say(&mut rig, alone(16_000, Sent::Uncertain)), (Quality::Uncertain, double(8.0)));
    assert_eq!(say(&mut rig, alone(17_000, Sent::Good)), (GOOD, double(8.0)));
    rig.check_conservation();
    // In births, of an instance that is BAD or stale.
    for (quality, value, shown) in [
        (Sent::Bad, None, null()),
        (Sent::Uncertain, Some(1 << 53), (Quality::Uncertain, double(9_007_199_254_740_992.0))),
    ] {
        let value = value.map(|value: i64| Value::Int(value + 1));
        let born = Sample { quality, ..sample(0, value) };
        let mut rig = Rig::new();
        rig.event(birth(node(), Vec::new(), Vec::new()));
        let metrics = vec![leaf(0, "Wind", DataType::Int64, born)];
        rig.event(birth(device("mast"), Vec::new(), metrics));
        rig.seconds(10);
        assert_eq!(say(&mut rig, alone(11_000, Sent::Good)), shown);
    }
}

/// A birth that said that an instance was BAD, and nothing of its members, left them GOOD.
#[test]
fn the_quality_that_a_birth_says_of_an_instance_is_that_of_the_members_it_lacks() {
    let mut rig = mast();
    let born = |rig: &mut Rig, quality| {
        let absent = Sample { quality, without_value: true, ..sample(rig.offset(), None) };
        let metrics = vec![leaf(0, "Wind", DataType::Double, absent)];
        rig.event(birth_at(rig.offset(), device("mast"), Vec::new(), metrics));
        rig.seconds(1);
        rig.shown("mast", "Wind").unwrap()
    };
    assert_eq!(born(&mut rig, Sent::Good), (GOOD, double(7.0)));
    assert_eq!(born(&mut rig, Sent::Bad), (Quality::Bad, double(7.0)));
    assert_eq!(born(&mut rig, Sent::Good), (GOOD, double(7.0)));
    assert_eq!(rig.written("mast", "Wind").len(), 3);
    // What a death has marked stays so until the member is said again.
    rig.event(death(device("mast"), rig.offset()));
    rig.seconds(90);
    for _ in 0..2 {
        assert_eq!(born(&mut rig, Sent::Good), (Quality::Uncertain, double(7.0)));
    }
    assert_eq!(born(&mut rig, Sent::Bad), (Quality::Bad, double(7.0)));
    // Nor does it become GOOD by way of BAD, or by what data says of its instance.
    assert_eq!(born(&mut rig, Sent::Good), (Quality::Uncertain, double(7.0)));
    let at = rig.offset();
    let alone = Sample { without_value: true, ..sample(at, None) };
    rig.event(data(device("mast"), vec![(0, alone)]));
    rig.seconds(1);
    assert_eq!(rig.shown("mast", "Wind"), Some((Quality::Uncertain, double(7.0))));
    rig.event(data(device("mast"), vec![(0, sample(rig.offset(), Value::Double(8.0)))]));
    rig.seconds(1);
    assert_eq!(rig.shown("mast", "Wind"), Some((GOOD, double(8.0))));
    rig.check_conservation();
}

/// The value became a null.
#[test]
fn the_quality_that_a_leaf_says_alone_is_that_of_its_last_value() {
    let mut rig = mast();
    let around = |at: i64, quality| Sample { quality, without_value: true, ..sample(at, None) };
    let alone =
        |at: i64, quality| Sample { own_quality: quality, own_alone: true, ..around(at, quality) };
    let say = |rig: &mut Rig, sample: Sample| {
        rig.event(data(device("mast"), vec![(0, sample)]));
        rig.seconds(1);
        rig.shown("mast", "Wind").unwrap()
    };
    assert_eq!(say(&mut rig, alone(11_000, Sent::Bad)), (Quality::Bad, double(7.0)));
    // The next one holds in its place, and no instance around it makes it better.
    let uncertain = (Quality::Uncertain, double(7.0));
    assert_eq!(say(&mut rig, alone(12_000, Sent::Uncertain)), uncertain);
    assert_eq!(say(&mut rig, around(13_000, Sent::Good)), uncertain);
    assert_eq!(say(&mut rig, alone(11_500, Sent::Bad)), uncertain, "it is older");
    let written = rig.written("mast", "Wind").len();
    assert_eq!(say(&mut rig, alone(14_000, Sent::Uncertain)), uncertain);
    assert_eq!(rig.written("mast", "Wind").len(), written);
    assert_eq!(say(&mut rig, alone(15_000, Sent::Good)), (GOOD, double(7.0)));
    // A null is BAD whatever is said of it.
    let null = say(&mut rig, sample(16_000, Value::Double(f64::NAN)));
    assert_eq!(null.0, Quality::Bad);
    assert_eq!(say(&mut rig, alone(17_000, Sent::Good)), null);
    rig.check_conservation();

    // What was rounded stays rounded.
    let rounded = sample(0, Value::Int((1 << 53) + 1));
    let count = leaf(0, "Count", DataType::Int64, rounded);
    rig.event(birth_at(20_000, device("counter"), Vec::new(), vec![count]));
    rig.seconds(30);
    let shown = rig.shown("counter", "Count").unwrap();
    assert_eq!(shown.0, Quality::Uncertain);
    rig.event(data(device("counter"), vec![(0, alone(60_000, Sent::Good))]));
    rig.seconds(1);
    assert_eq!(rig.shown("counter", "Count"), Some(shown));
    rig.check_conservation();
}

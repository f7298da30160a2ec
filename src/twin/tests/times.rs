//! Times that a sender says and SiteWise does not take, or takes only so many of.

use super::latest::{born, shown, temp};
use super::*;

#[test]
fn the_last_value_of_a_full_second_is_shown() {
    let mut rig = Rig::new();
    born(&mut rig, 80.0, 0);
    rig.seconds(10);
    let tell = |rig: &mut Rig, value: f64, at: i64| {
        rig.event(data(node(), vec![(0, sample(at, Value::Double(value)))]));
        let QueuedPoint { point, .. } = rig.points.last().unwrap().clone();
        rig.twin.handle_over_rate_discard(point.key(), rig.now);
        rig.drain();
    };
    for n in 0..3 {
        tell(&mut rig, f64::from(n), 10_700 + i64::from(n));
        assert_eq!(shown(&rig), (Quality::Good, Variant::Double(n.into())));
    }
    // Each of them is later than the one before, whatever became of that.
    let written = rig.written("gw", "Temp");
    assert_eq!(written.last().unwrap().0, 13_000, "{written:?}");
    // One that is not the latest any more is discarded and that is all.
    let QueuedPoint { point, .. } = rig.points.first().unwrap().clone();
    let before = rig.points.len();
    rig.twin.handle_over_rate_discard(point.key(), rig.now);
    rig.drain();
    assert_eq!(rig.points.len(), before);
    // What comes next is shown, at its own time once that is later.
    rig.event(data(node(), vec![(0, sample(14_000, Value::Double(9.0)))]));
    assert_eq!(rig.written("gw", "Temp").last().unwrap().0, 14_000);
    rig.check_conservation();
}

/// What a birth says with a time of its own that is later than the birth's, after a value that is
/// later still.
#[test]
fn a_value_of_a_birth_is_later_than_data_before_it_whatever_was_written_before() {
    let mut rig = Rig::new();
    for (value, own) in [(80.0, 700), (81.0, 500)] {
        rig.event(birth_at(0, node(), Vec::new(), vec![temp(Value::Double(value), own)]));
    }
    rig.event(data(node(), vec![(0, sample(200, Value::Double(82.0)))]));
    rig.seconds(10);
    assert_eq!(shown(&rig), (Quality::Good, Variant::Double(81.0)));
    rig.event(death(node(), 11_000));
    rig.seconds(70);
    assert_eq!(shown(&rig), (Quality::Uncertain, Variant::Double(81.0)));
}

/// It was so for measurements of the last birth alone.
#[test]
fn presence_a_mark_and_an_attribute_of_a_full_second_are_shown() {
    let mut rig = Rig::new();
    let crowd_out = |rig: &mut Rig, asset: &str, property: &str| {
        let (at, quality, value) = rig.written(asset, property).pop().unwrap();
        let is_it = |point: &&Point| {
            (point.time, point.quality, &point.value) == (rig.at(at), quality, &value)
        };
        let id = rig.sitewise.asset(asset).0;
        let points = rig.points.iter().map(|waiting| &waiting.point);
        let key = points.filter(is_it).find(|point| point.stream.asset == id).unwrap().key();
        rig.twin.handle_over_rate_discard(key, rig.now);
        rig.drain();
        let next = (at.div_euclid(1_000) + 1) * 1_000;
        assert_eq!(rig.written(asset, property).pop().unwrap(), (next, quality, value));
    };
    let mut metric = turbine("T1", 1, 1.0, 0);
    if let Content::Instance(instance) = &mut metric.content {
        instance.parameters = vec![property("Serial", DataType::String, text("A-17"))];
    }
    rig.event(birth(node(), definitions(), vec![temp(Value::Double(80.0), 0), metric.clone()]));
    rig.seconds(30);
    crowd_out(&mut rig, "T1", "Serial");
    // A metric of the last birth that is missing from this one is marked.
    rig.event(birth_at(rig.offset(), node(), definitions(), vec![metric]));
    crowd_out(&mut rig, "gw", "Temp");
    rig.seconds(10);
    rig.event(death(node(), rig.offset()));
    crowd_out(&mut rig, "gw", "Online");
    crowd_out(&mut rig, "gw", "Last death");
    rig.check_conservation();
}

#[test]
fn a_time_that_sitewise_does_not_take_is_told_once_a_birth() {
    let mut rig = Rig::new();
    let told = |rig: &Rig| rig.found.iter().filter(|(f, _)| *f == Finding::OutOfWindow).count();
    for births in 1..=2 {
        born(&mut rig, 80.0, 0);
        for n in 0..3 {
            let at = rig.offset() + 3_600_000 + n;
            rig.event(data(node(), vec![(0, sample(at, Value::Double(n as f64)))]));
        }
        assert_eq!(told(&rig), births);
    }
    assert_eq!(rig.refused.len(), 6);
    rig.check_conservation();
}

/// What is less than ten seconds old was underway; what is older than SiteWise takes says nothing.
#[test]
fn a_clock_is_behind_from_ten_seconds_up_to_what_sitewise_takes() {
    let week = 7 * 24 * 3_600_000;
    for (late, behind) in [(9_999, 0), (10_000, 10_000), (week, week), (week + 1, 0)] {
        let mut rig = Rig::new();
        rig.event(birth_at(-late, node(), Vec::new(), vec![temp(Value::Double(80.0), -late)]));
        rig.seconds(30);
        rig.event(death(node(), 30_000));
        rig.seconds(70);
        let mark = rig.written("gw", "Temp").pop().unwrap();
        assert_eq!(mark, (30_000 - behind, Quality::Uncertain, Variant::Double(80.0)), "{late}");
    }
}

/// Its mark had the time of our clock: an hour of its data lay behind it, and was packed into the
/// second after it or lost.
#[test]
fn a_slow_clock_is_not_hidden_by_the_mark_of_a_machine_that_was_dead_at_the_start() {
    let hour = 3_600_000;
    for died_before in [false, true] {
        let mut rig = Rig::new();
        let source = || device("mast");
        rig.event(birth_at(-hour, source(), Vec::new(), vec![temp(Value::Double(8.0), -hour)]));
        rig.seconds(30);
        let die = |rig: &mut Rig| {
            let (time, cause) = (rig.now.wall, DeathCause::Certificate);
            rig.event(Event::Death(Death {
                source: source(),
                time,
                clock: ClockSource::Host,
                cause,
            }));
        };
        if died_before {
            die(&mut rig);
        }
        rig.seconds(2);
        let mut rig = rig.restart();
        rig.seconds(2);
        if !died_before {
            die(&mut rig);
        }
        rig.seconds(130);
        assert_eq!(rig.shown("mast", "Temp"), Some((Quality::Uncertain, Variant::Double(8.0))));
        let at = rig.offset() - hour;
        rig.event(birth_at(at, source(), Vec::new(), vec![temp(Value::Double(9.0), at)]));
        rig.event(data(source(), vec![(0, sample(at + 1_000, Value::Double(10.0)))]));
        rig.seconds(5);
        let written = rig.written("mast", "Temp");
        let good = |at: i64, value| (at, Quality::Good, Variant::Double(value));
        assert!(written.ends_with(&[good(at, 9.0), good(at + 1_000, 10.0)]), "{written:?}");
        assert_eq!(rig.shown("mast", "Temp"), Some((Quality::Good, Variant::Double(10.0))));
    }
}

/// In microseconds it was past 10^10 and a dead letter, in seconds it was 1970.
#[test]
fn a_birth_whose_time_sitewise_would_not_take_is_told_by_our_clock() {
    for time in [START * 1_000, START / 1_000] {
        for source in [node(), device("mast")] {
            let name = if source == node() { "gw" } else { "mast" };
            let mut rig = Rig::new();
            rig.event(birth_at(
                time - START,
                source,
                Vec::new(),
                vec![temp(Value::Double(8.0), 0)],
            ));
            rig.seconds(10);
            let born = Variant::Double(START as f64 / 1_000.0);
            assert_eq!(rig.shown(name, "Last birth"), Some((Quality::Good, born)));
        }
    }
}

/// With a wrong clock of ours a time was taken that is still to come.
#[test]
fn what_was_written_while_our_clock_was_ahead_is_not_the_latest_once_it_is_right() {
    let mut rig = Rig::new();
    born(&mut rig, 80.0, 0);
    rig.seconds(10);
    let right = rig.now.wall;
    rig.now.wall = right.plus(Duration::from_secs(7_200));
    rig.event(data(node(), vec![(0, sample(7_210_000, Value::Double(81.0)))]));
    rig.now.wall = right;
    rig.event(data(node(), vec![(0, sample(11_000, Value::Double(82.0)))]));
    rig.event(death(node(), 12_000));
    rig.seconds(70);
    let (good, stale) = (Quality::Good, Quality::Uncertain);
    let last = [(11_000, good, Variant::Double(82.0)), (12_000, stale, Variant::Double(82.0))];
    assert_eq!(rig.written("gw", "Temp")[2..], last);
}

#[test]
fn where_a_clock_goes_back_the_value_keeps_its_time_and_the_next_birth_sets_it_right() {
    let mut rig = Rig::new();
    born(&mut rig, 80.0, 0);
    rig.event(data(node(), vec![(0, sample(60_000, Value::Double(95.0)))]));
    for second in 0..20 {
        rig.seconds(1);
        rig.event(data(node(), vec![(0, sample(30_000 + second * 1_000, Value::Double(81.0)))]));
    }
    let written = rig.written("gw", "Temp");
    assert_eq!(written.last(), Some(&(49_000, Quality::Good, Variant::Double(81.0))));
    let found: Vec<_> = rig.found.iter().map(|(finding, _)| *finding).collect();
    assert_eq!(found, [Finding::ClockBack], "once until the next birth");
    born(&mut rig, 81.0, 50_000);
    let written = rig.written("gw", "Temp");
    assert_eq!(written.last(), Some(&(60_001, Quality::Good, Variant::Double(81.0))));
}

/// A gateway that stores and forwards sends old values, and does not say that they are.
#[test]
fn an_old_value_in_a_message_of_now_is_no_clock_that_went_back() {
    let mut rig = Rig::new();
    born(&mut rig, 80.0, 0);
    for second in 1..100 {
        rig.seconds(1);
        let (now, old) = (rig.offset(), second * 1_000 - 1_800_000);
        let value = sample(old, Value::Double(81.0));
        rig.event(data_sent(now, node(), vec![(0, value)]));
    }
    assert_eq!(rig.found, []);
}

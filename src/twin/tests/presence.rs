//! Presence after our own absence.

use super::*;
use crate::globs::Globs;
use crate::sitewise::api::ApiFaultKind;
use crate::sitewise::cause::Cause;
use crate::sparkplug::filter::Filter;

/// SiteWise as a bridge left it that was away since: a node and two of its three devices were
/// online.
fn left() -> Rig {
    let mut rig = Rig::new();
    rig.event(birth(node(), Vec::new(), Vec::new()));
    for name in ["mast", "pump", "dead"] {
        let value = sample(0, Value::Double(7.0));
        rig.event(birth(device(name), Vec::new(), vec![leaf(0, "Wind", DataType::Double, value)]));
    }
    rig.seconds(10);
    rig.event(death(device("dead"), DeathCause::Certificate, 10_000));
    rig
}

fn death(source: Source, cause: DeathCause, offset_ms: i64) -> Event {
    let time = Timestamp::from_millis(START + offset_ms);
    Event::Death(Death { source, time, clock: ClockSource::Host, cause })
}

#[test]
fn who_was_online_is_expected_after_a_restart() {
    let mut rig = left().restart();
    rig.seconds(10);
    assert_eq!(rig.expected, ["Nordsee/gw mast pump"]);
    assert_eq!(rig.sitewise.writes, [""; 0]);
}

/// A bridge of other groups asked them for births that it does not hear, and wrote them offline.
#[test]
fn machines_of_groups_that_another_bridge_hears_are_left_to_it() {
    for (groups, expected) in [
        (None, &["Nordsee/gw mast pump"][..]),
        (Some(vec!["Alpen".to_owned(), "Nordsee".to_owned()]), &["Nordsee/gw mast pump"][..]),
        (Some(vec!["Alpen".to_owned(), "nordsee".to_owned()]), &[][..]),
    ] {
        let heard = Heard { groups: groups.clone(), ..Heard::default() };
        let mut rig = left().restart_with(Config { heard, ..config() });
        rig.seconds(10);
        assert_eq!(rig.expected, expected, "{groups:?}");
        assert_eq!(rig.twin.plan().online().count(), expected.len() * 3, "{groups:?}");
        assert_eq!(rig.twin.plan().offline().count(), expected.len(), "{groups:?}");
        // Nor are they in the way of its own.
        rig.event(birth(
            Source { edge: EdgeNode::new("Alpen", "gw"), device: None },
            Vec::new(),
            vec![leaf(0, "Wind", DataType::Double, sample(0, Value::Double(7.0)))],
        ));
        rig.seconds(100);
        assert!(!rig.points.is_empty());
        assert!(rig.points.iter().all(|waiting| waiting.gate.is_none()), "{groups:?}");
        rig.check_conservation();
    }
}

/// Two bridges that divided a plant by their globs wrote each other's machines offline.
#[test]
fn machines_that_the_filter_leaves_out_are_left_to_who_hears_them() {
    let all = &["Nordsee/gw mast pump"][..];
    for (include, exclude, expected, followed) in [
        ("", "Alpen", all, (3, 1)),
        ("Nordsee/gw", "", all, (3, 1)),
        ("", "Nordsee/gw/pump", &["Nordsee/gw mast"][..], (2, 1)),
        ("*/pump", "", all, (3, 1)),
        ("Nordsee/gw/pump", "", &["Nordsee/gw pump"][..], (2, 0)),
        ("Alpen", "", &[][..], (0, 0)),
        ("", "Nordsee/gw", &[][..], (0, 0)),
    ] {
        let globs = |text: &str| (!text.is_empty()).then(|| Globs::parse_trees(text).unwrap());
        let filter = Filter { include: globs(include), exclude: globs(exclude) };
        let heard = Heard { groups: None, filter };
        let mut rig = left().restart_with(Config { heard, ..config() });
        rig.seconds(10);
        assert_eq!(rig.expected, expected, "{include} {exclude}");
        let plan = rig.twin.plan();
        let count = (plan.online().count(), plan.offline().count());
        assert_eq!(count, followed, "{include} {exclude}");
    }
}

#[test]
fn who_stays_silent_is_written_offline_and_its_last_values_are_marked() {
    let mut rig = left().restart();
    rig.seconds(10);
    rig.event(death(device("mast"), DeathCause::Node, 20_000));
    rig.event(death(device("dead"), DeathCause::Node, 20_000));
    rig.event(death(node(), DeathCause::Silent, 20_000));
    rig.event(death(node(), DeathCause::Silent, 30_000));
    rig.seconds(100);
    let offline = (20_000, Quality::Good, Variant::Boolean(false));
    for name in ["mast", "gw"] {
        assert_eq!(rig.written(name, "Online"), std::slice::from_ref(&offline), "{name}");
        assert_eq!(rig.written(name, "Last death").len(), 1, "{name}");
    }
    assert_eq!(rig.written("dead", "Online"), [], "it was offline before");
    // After its value: how far its clock is behind is not known. The pump is expected still.
    for name in ["mast", "dead"] {
        let mark = (1, Quality::Uncertain, Variant::Double(7.0));
        assert_eq!(rig.written(name, "Wind"), [mark], "{name}");
    }
    assert_eq!(rig.written("pump", "Wind"), []);
    // Beside these six the bridge's own heartbeats alone.
    let beats = rig.written("sparkwise", "Heartbeat").len();
    assert_eq!(rig.points.len(), 6 + beats);
    assert_eq!(rig.sitewise.writes, [""; 0], "no model and no asset is written");
    assert!(rig.points.iter().all(|waiting| waiting.gate.is_none()), "{:?}", rig.points);
    rig.check_conservation();
}

/// It stayed GOOD for ever, where the marks of the death had been written before.
#[test]
fn a_value_that_is_read_after_the_death_is_marked_like_those_before_it() {
    for seconds in [1, 200] {
        let mut rig = left();
        rig.event(death(device("mast"), DeathCause::ConnectionLost, 10_000));
        rig.seconds(seconds);
        let (source, order) = (device("mast"), SequenceOrder::AfterGap);
        let at = rig.offset();
        let samples = vec![(Slot(0), sample(at, Value::Double(9.0)))];
        let (attributes, sent) = (Vec::new(), Some(rig.at(at)));
        rig.event(Event::Data(Data { source, samples, attributes, order, sent }));
        rig.event(death(node(), DeathCause::Certificate, at));
        rig.seconds(100);
        let shown = rig.shown("mast", "Wind");
        assert_eq!(shown, Some((Quality::Uncertain, Variant::Double(9.0))), "{seconds}");
        let online = rig.shown("mast", "Online");
        assert_eq!(online, Some((Quality::Good, Variant::Boolean(false))), "{seconds}");
        rig.check_conservation();
    }
}

#[test]
fn who_comes_back_is_as_any_other() {
    let mut rig = left().restart();
    rig.seconds(10);
    rig.event(birth_at(20_000, node(), Vec::new(), Vec::new()));
    rig.event(death(device("pump"), DeathCause::Node, 22_000));
    let value = sample(23_000, Value::Double(8.0));
    rig.event(birth_at(
        23_000,
        device("pump"),
        Vec::new(),
        vec![leaf(0, "Wind", DataType::Double, value)],
    ));
    rig.seconds(10);
    let told: Vec<_> = rig.written("pump", "Online").into_iter().map(|(_, _, v)| v).collect();
    assert_eq!(told, [Variant::Boolean(false), Variant::Boolean(true)]);
    assert_eq!(rig.written("pump", "Wind").len(), 1);
}

#[test]
fn what_could_be_read_in_the_end_is_no_problem() {
    let mut rig = left();
    rig.sitewise.unreadable = Some(ApiFaultKind::Throttled);
    let mut rig = rig.restart();
    rig.seconds(1);
    assert_eq!(rig.twin.plan().problems().count(), 1);
    rig.sitewise.unreadable = None;
    rig.seconds(60);
    assert_eq!(rig.twin.plan().problems().count(), 0);
    assert_eq!(rig.expected, ["Nordsee/gw mast pump"]);
}

#[test]
fn what_cannot_be_read_holds_nothing_up() {
    for (kind, patience) in [(ApiFaultKind::Denied, 1), (ApiFaultKind::Unavailable, 60)] {
        let mut rig = left();
        rig.sitewise.unreadable = Some(kind);
        let mut rig = rig.restart();
        rig.seconds(patience);
        assert!(rig.twin.plan().is_synced());
        assert_eq!(rig.expected, ["Nordsee/gw dead mast pump"], "who is silent is offline");
        let problems: Vec<_> = rig.twin.plan().problems().collect();
        let why = match kind {
            // It does not pass by itself: with what to do.
            ApiFaultKind::Denied => Cause::Credentials.explain("values cannot be read"),
            _ => "values cannot be read".to_owned(),
        };
        let told = format!("of Nordsee/gw, Nordsee/gw/dead, Nordsee/gw/mast and 1 more: {why}");
        assert_eq!(problems, [("read who is online", &*told)]);
    }
}

/// SiteWise takes the word of a clock that is ahead. Put right too far, it looks back on a time
/// of its own that it takes for impossible; put right at last, it does not.
#[test]
fn who_died_by_a_wrong_clock_is_alive_by_the_next_birth() {
    let mut rig = Rig::new();
    let tagged = || vec![leaf(0, "Wind", DataType::Double, sample(0, Value::Double(7.0)))];
    rig.event(birth(node(), Vec::new(), tagged()));
    let minutes = |minutes: i64| Timestamp::from_millis(START + minutes * 60_000);
    rig.now.wall = minutes(2);
    rig.event(death(node(), DeathCause::ConnectionLost, 120_000));
    rig.now.wall = minutes(-3);
    rig.event(birth(node(), Vec::new(), tagged()));
    rig.now.wall = minutes(0);
    rig.seconds(600);
    rig.event(birth_at(600_000, node(), Vec::new(), tagged()));
    let latest = rig.written("gw", "Online").into_iter().max_by_key(|(time, ..)| *time);
    assert_eq!(latest, Some((600_000, Quality::Good, Variant::Boolean(true))));
}

/// Its clock is ahead, so that it died later than it was born again.
#[test]
fn who_died_by_a_clock_that_is_ahead_is_online_after_a_restart() {
    let metrics = || vec![leaf(0, "Wind", DataType::Double, sample(0, Value::Double(7.0)))];
    let mut rig = Rig::new();
    rig.event(birth(device("mast"), Vec::new(), metrics()));
    rig.seconds(10);
    let death = Death {
        source: device("mast"),
        time: rig.at(180_000),
        clock: ClockSource::Sender,
        cause: DeathCause::Certificate,
    };
    rig.event(Event::Death(death));
    rig.seconds(20);
    let mut rig = rig.restart();
    rig.seconds(30);
    rig.event(birth_at(60_000, device("mast"), Vec::new(), metrics()));
    rig.seconds(10);
    let online = (180_001, Quality::Good, Variant::Boolean(true));
    assert_eq!(rig.written("mast", "Online"), [online]);
    assert_eq!(rig.shown("mast", "Online"), Some((Quality::Good, Variant::Boolean(true))));
}

/// One whose presence alone cannot be read may be online; the others are known.
#[test]
fn a_presence_that_cannot_be_read_is_no_others() {
    let mut rig = left();
    let (dead, _) = rig.sitewise.asset("dead");
    for property in rig.sitewise.models.values().flat_map(|model| &model.properties) {
        rig.sitewise.unreadable_properties.insert((dead, property.id));
    }
    let mut rig = rig.restart();
    rig.seconds(10);
    assert_eq!(rig.expected, ["Nordsee/gw dead mast pump"]);
    rig.event(death(device("pump"), DeathCause::Node, 20_000));
    assert_eq!(rig.written("pump", "Last death").len(), 1, "it is known that it was online");
    let told: Vec<_> = rig.twin.plan().problems().collect();
    let why = Cause::Credentials.explain("this one is not for you");
    assert_eq!(told, [("read who is online", &*format!("of Nordsee/gw/dead: {why}"))]);
}

/// They stayed GOOD for ever: the process that marks had not seen them.
#[test]
fn what_died_shortly_before_a_restart_is_marked() {
    let wind =
        |at, value: f64| vec![leaf(0, "Wind", DataType::Double, sample(at, Value::Double(value)))];
    let machine = |at, value: f64| {
        let mut metrics = wind(at, value);
        metrics.push(turbine("T1", 1, value, at));
        metrics
    };
    let mut rig = Rig::new();
    let other = |device: Option<&str>| Source {
        edge: EdgeNode::new("Nordsee", "b"),
        device: device.map(Into::into),
    };
    rig.event(birth(node(), definitions(), machine(0, 7.0)));
    rig.event(birth(device("da"), Vec::new(), wind(0, 7.0)));
    rig.event(birth(other(None), definitions(), machine(0, 7.0)));
    rig.event(birth(other(Some("db")), Vec::new(), machine(0, 7.0)));
    rig.event(birth(other(Some("dc")), Vec::new(), wind(0, 7.0)));
    rig.seconds(30);
    for source in [device("da"), node(), other(Some("db")), other(Some("dc"))] {
        rig.event(death(source, DeathCause::Certificate, 28_000));
    }
    rig.seconds(2);
    let mut rig = rig.restart();
    rig.seconds(10);
    let at = rig.offset();
    rig.event(birth_at(at, other(None), definitions(), machine(0, 7.0)));
    rig.seconds(45);
    assert_eq!(rig.written("da", "Wind"), [], "it may be born yet");
    rig.event(birth_at(at, other(Some("dc")), Vec::new(), wind(0, 7.0)));
    rig.seconds(30);
    let good = Some((Quality::Good, Variant::Double(7.0)));
    let marked = Some((Quality::Uncertain, Variant::Double(7.0)));
    // After the value: how far its clock is behind is not known any more.
    let mark = (1, Quality::Uncertain, Variant::Double(7.0));
    let below = ["gw", "da", "db"].map(|asset| (asset, "Wind"));
    let speeds = ["T1", "Nordsee/b/db/T1"].map(|asset| (asset, "Speed"));
    for (asset, property) in below.into_iter().chain(speeds) {
        assert_eq!(rig.shown(asset, property), marked, "{asset}");
        assert_eq!(rig.written(asset, property), std::slice::from_ref(&mark), "{asset}");
    }
    assert_eq!(rig.shown("T1/Gearbox", "Temp").unwrap().0, Quality::Uncertain);
    for (asset, property) in [("b", "Wind"), ("dc", "Wind"), ("Nordsee/b/T1", "Speed")] {
        assert_eq!(rig.shown(asset, property), good, "{asset}");
    }
    // Who comes back is not hidden by it.
    rig.event(birth_at(rig.offset(), device("da"), Vec::new(), wind(0, 7.0)));
    rig.seconds(30);
    assert_eq!(rig.shown("da", "Wind"), good);
    rig.check_conservation();
    // What is marked is marked once, and nothing that is known is asked for.
    let mut rig = rig.restart();
    rig.seconds(200);
    assert_eq!(rig.written("db", "Wind"), []);
}

/// Of who lives nothing is read to find out who is dead.
#[test]
fn nothing_is_read_of_who_is_born_in_time() {
    let mut rig = left().restart();
    rig.seconds(10);
    let wind = || vec![leaf(0, "Wind", DataType::Double, sample(0, Value::Double(7.0)))];
    rig.event(birth_at(20_000, node(), Vec::new(), Vec::new()));
    for name in ["mast", "pump", "dead"] {
        rig.event(birth_at(20_000, device(name), Vec::new(), wind()));
    }
    rig.seconds(30);
    let reads = rig.sitewise.reads;
    rig.seconds(120);
    assert_eq!(rig.sitewise.reads, reads);
    for name in ["mast", "pump", "dead"] {
        assert_eq!(rig.shown(name, "Wind"), Some((Quality::Good, Variant::Double(7.0))), "{name}");
    }
}

/// One whose presence could not be read is as any other that is silent.
#[test]
fn who_is_silent_and_could_not_be_read_is_marked_once_it_can_be() {
    let mut rig = left();
    rig.sitewise.unreadable = Some(ApiFaultKind::Denied);
    let mut rig = rig.restart();
    rig.seconds(10);
    rig.sitewise.unreadable = None;
    rig.event(death(device("mast"), DeathCause::Silent, 40_000));
    rig.seconds(90);
    let mark = (1, Quality::Uncertain, Variant::Double(7.0));
    assert_eq!(rig.written("mast", "Wind"), [mark]);
}

/// SiteWise was away just then.
#[test]
fn the_dead_who_cannot_be_read_are_looked_at_again() {
    let mut rig = left().restart();
    rig.seconds(10);
    rig.sitewise.unreadable = Some(ApiFaultKind::Unavailable);
    rig.seconds(600);
    assert_eq!(rig.written("dead", "Wind"), []);
    rig.sitewise.unreadable = None;
    // Within a minute of backoff, and what the reads take.
    rig.seconds(75);
    let mark = (1, Quality::Uncertain, Variant::Double(7.0));
    assert_eq!(rig.written("dead", "Wind"), [mark]);
    assert_eq!(rig.twin.plan().problems().count(), 0);
    let reads = rig.sitewise.reads;
    rig.seconds(7_200);
    assert_eq!(rig.written("dead", "Wind").len(), 1);
    assert_eq!(rig.sitewise.reads, reads);
}

/// The read was given up after its first denial, and the dead kept GOOD values for ever.
#[test]
fn what_was_denied_at_the_start_is_read_once_the_right_is_back() {
    let mut rig = left();
    rig.sitewise.unreadable = Some(ApiFaultKind::Denied);
    let mut rig = rig.restart();
    rig.seconds(900);
    let reads = rig.sitewise.reads;
    let problems: Vec<_> = rig.twin.plan().problems().map(|(subject, _)| subject).collect();
    assert!(problems.contains(&"read who is online"), "{problems:?}");
    rig.seconds(900);
    let more = rig.sitewise.reads - reads;
    assert!((2..=30).contains(&more), "{more} in a quarter of an hour without the right");
    rig.sitewise.unreadable = None;
    // At most five minutes until the next try.
    rig.seconds(400);
    assert_eq!(rig.twin.plan().problems().collect::<Vec<_>>(), []);
    let mark = (Quality::Uncertain, Variant::Double(7.0));
    assert_eq!(rig.shown("dead", "Wind"), Some(mark));
}

/// Somebody else wrote it: what the machine says now has to be later than that, not than the mark.
#[test]
fn what_came_after_the_mark_of_the_dead_does_not_hide_what_they_say_now() {
    let mut rig = left().restart();
    rig.seconds(100);
    let mark = (1, Quality::Uncertain, Variant::Double(7.0));
    assert_eq!(rig.written("dead", "Wind"), [mark]);
    let (asset, of) = rig.sitewise.asset("dead");
    let model = &rig.sitewise.models[&of.model];
    let wind = model.properties.iter().find(|property| property.name == "Wind").unwrap().id;
    let time = rig.at(50_000);
    rig.sitewise.put(
        asset,
        wind,
        Tqv { time, quality: Quality::Good, value: Variant::Double(9.0) },
    );
    let wind = leaf(0, "Wind", DataType::Double, sample(0, Value::Double(7.0)));
    rig.event(birth_at(rig.offset(), device("dead"), Vec::new(), vec![wind]));
    rig.seconds(30);
    assert_eq!(rig.shown("dead", "Wind"), Some((Quality::Good, Variant::Double(7.0))));
}

/// They counted twice, and a new machine was refused for a cap that was not reached.
#[test]
fn assets_that_are_found_offline_late_count_once() {
    let mut rig = left();
    rig.sitewise.unreadable = Some(ApiFaultKind::Denied);
    let before = rig.sitewise.assets.len();
    let mut rig = rig.restart_with(Config { max_assets: before + 1, ..config() });
    rig.seconds(60);
    rig.sitewise.unreadable = None;
    rig.seconds(400);
    let wind = leaf(0, "Wind", DataType::Double, sample(0, Value::Double(7.0)));
    rig.event(birth_at(rig.offset(), device("new"), Vec::new(), vec![wind]));
    rig.seconds(30);
    assert_eq!(rig.capped, [""; 0]);
    assert_eq!(rig.sitewise.path("new"), ["Nordsee", "gw", "new"]);
}

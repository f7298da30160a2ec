//! What is looked up in SiteWise after a start.

use super::latest::temp;
use super::*;
use crate::sitewise::cause::Cause;

/// All of it was asked for at once: what was hidden waited for what nobody speaks of.
#[test]
fn what_is_hidden_is_looked_up_before_what_is_gone_and_not_all_at_once() {
    let machines: Vec<_> = (0..60).map(|n| device(&format!("D{n}"))).collect();
    let metrics = |count| {
        let tag = |n| leaf(n, &format!("Tag {n}"), DataType::Double, sample(0, Value::Double(8.0)));
        (0..count).map(tag).collect::<Vec<_>>()
    };
    let mut rig = Rig::new();
    for source in &machines {
        rig.event(birth(source.clone(), Vec::new(), metrics(300)));
    }
    rig.seconds(60);
    for source in &machines {
        let mark = Sample { quality: Sent::Uncertain, ..sample(60_000, Value::Double(8.0)) };
        rig.event(data(source.clone(), vec![(0, mark)]));
    }
    let mut rig = rig.restart();
    rig.seconds(10);
    for source in &machines {
        rig.event(birth_at(0, source.clone(), Vec::new(), metrics(1)));
    }
    let calls = rig.twin.plan().pending();
    assert!((40..80).contains(&calls), "{calls}");
    rig.seconds(2);
    let good = (Quality::Good, Variant::Double(8.0));
    let gone = (Quality::Uncertain, Variant::Double(8.0));
    for source in &machines {
        let name = source.device.as_deref().unwrap();
        assert_eq!(rig.shown(name, "Tag 0"), Some(good.clone()), "{name}");
    }
    assert_eq!(rig.shown("D59", "Tag 299"), Some(good));
    rig.seconds(10);
    assert_eq!(rig.shown("D59", "Tag 299"), Some(gone));
}

/// What SiteWise denies of one property says nothing of those that were asked for with it.
#[test]
fn a_value_that_cannot_be_read_is_no_others() {
    let metrics = |at| {
        let other = leaf(1, "Other", DataType::Double, sample(at, Value::Double(1.0)));
        vec![temp(Value::Double(80.0), at), other]
    };
    let mut rig = Rig::new();
    rig.event(birth(node(), Vec::new(), metrics(0)));
    rig.seconds(30);
    let mut rig = rig.restart();
    let (asset, of) = rig.sitewise.asset("gw");
    let model = &rig.sitewise.models[&of.model];
    let other = model.properties.iter().find(|property| property.name == "Other").unwrap().id;
    rig.sitewise.unreadable_properties.insert((asset, other));
    rig.event(birth_at(1_000, node(), Vec::new(), metrics(0)));
    let after = rig.offset();
    rig.seconds(30);
    let times = |name| rig.written("gw", name).into_iter().map(|(at, ..)| at).collect::<Vec<_>>();
    assert_eq!(times("Temp"), [0]);
    // The last by our clock: the sender's may have gone back.
    assert!(matches!(times("Other")[..], [0, last] if last >= after), "{:?}", times("Other"));
    assert_eq!(rig.twin.counts().unread, 1);
    assert_eq!(rig.twin.plan().figures().reads_given_up, 1);
    let told: Vec<_> = rig.twin.plan().problems().collect();
    let why = Cause::Credentials.explain("this one is not for you");
    assert_eq!(told, [("read latest values", &*format!("of Nordsee/gw: {why}"))]);
}

/// A birth says something older than the mark that SiteWise shows, and the next birth does not have
/// it any more, before that was read.
#[test]
fn what_was_born_and_is_gone_before_sitewise_is_read_is_the_latest() {
    let other = || leaf(1, "Other", DataType::Double, sample(0, Value::Double(1.0)));
    let mut rig = Rig::new();
    rig.event(birth(node(), Vec::new(), vec![temp(Value::Double(-4.1), 0), other()]));
    let mark = Sample { quality: Sent::Uncertain, ..sample(2_000, Value::Double(-4.1)) };
    rig.event(data(node(), vec![(0, mark)]));
    rig.seconds(30);
    let mut rig = rig.restart();
    let said = Sample { quality: Sent::Uncertain, ..sample(1_000, Value::Double(4.7)) };
    let temp = leaf(0, "Temp", DataType::Double, said);
    rig.event(birth_at(1_000, node(), Vec::new(), vec![temp, other()]));
    let other = leaf(0, "Other", DataType::Double, sample(0, Value::Double(1.0)));
    rig.event(birth_at(1_000, node(), Vec::new(), vec![other]));
    rig.seconds(30);
    assert_eq!(rig.shown("gw", "Temp"), Some((Quality::Uncertain, Variant::Double(4.7))));
}

/// A birth repeats an old change time, and what waited for it has a later one.
#[test]
fn what_waited_for_a_birth_is_never_the_latest_of_what_the_birth_says() {
    let mut rig = Rig::new();
    rig.event(birth(node(), Vec::new(), vec![temp(Value::Double(4.0), -60_000)]));
    for (at, value) in [(-2_000, 8.0), (-1_000, 9.0)] {
        let Event::Data(waited) = data(node(), vec![(0, sample(at, Value::Double(value)))]) else {
            unreachable!()
        };
        rig.event(Event::Data(Data { order: SequenceOrder::BeforeBirth, ..waited }));
    }
    rig.seconds(30);
    assert_eq!(rig.shown("gw", "Temp"), Some((Quality::Good, Variant::Double(4.0))));
    let mut times: Vec<_> = rig.written("gw", "Temp").into_iter().map(|(at, ..)| at).collect();
    times.sort_unstable();
    assert_eq!(times, [-60_000, -2_000, -1_000, 0]);
}

#[test]
fn what_is_gone_and_was_marked_is_not_marked_at_the_next_start() {
    let tag = |n| leaf(n, &format!("Tag {n}"), DataType::Double, sample(0, Value::Double(8.0)));
    let mut rig = Rig::new();
    rig.event(birth(device("D"), Vec::new(), vec![tag(0), tag(1)]));
    rig.seconds(60);
    for marks in [1, 0] {
        rig = rig.restart();
        rig.seconds(10);
        rig.event(birth_at(0, device("D"), Vec::new(), vec![tag(0)]));
        rig.seconds(20);
        assert_eq!(rig.written("D", "Tag 1").len(), marks);
    }
}

/// All of it was written a millisecond after the value that hides it: each took the place of the one
/// before, and SiteWise kept the last alone.
#[test]
fn after_a_restart_data_of_a_clock_that_went_back_keeps_its_own_times() {
    for repeats in [false, true] {
        let mut rig = Rig::new();
        rig.event(birth(node(), Vec::new(), vec![temp(Value::Double(1.0), 0)]));
        rig.seconds(30);
        // Its clock is four minutes ahead, until somebody sets it right.
        rig.event(data(node(), vec![(0, sample(270_000, Value::Double(2.0)))]));
        rig.seconds(5);
        let mut rig = rig.restart();
        rig.seconds(5);
        let value = if repeats { 2.0 } else { 3.0 };
        rig.event(birth_at(45_000, node(), Vec::new(), vec![temp(Value::Double(value), 45_000)]));
        rig.seconds(5);
        // The birth is the latest.
        assert_eq!(rig.shown("gw", "Temp"), Some((Quality::Good, Variant::Double(value))));
        for at in [50_000, 51_000, 52_000] {
            rig.event(data(node(), vec![(0, sample(at, Value::Double(4.0)))]));
        }
        let times: Vec<_> = rig.written("gw", "Temp").into_iter().map(|(at, ..)| at).collect();
        assert!(times.ends_with(&[50_000, 51_000, 52_000]), "{times:?}");
        // The next birth is the latest again.
        rig.event(birth_at(60_000, node(), Vec::new(), vec![temp(Value::Double(5.0), 60_000)]));
        assert_eq!(rig.shown("gw", "Temp"), Some((Quality::Good, Variant::Double(5.0))));
    }
}

/// Where the count of open calls never fell, nothing was read after the first 64.
#[test]
fn what_was_read_makes_room_for_what_is_to_be_read() {
    // A value that a mark hides, and one of an instance that is gone, each read by itself.
    for gone in [false, true] {
        let machines: Vec<_> = (0..70).map(|n| device(&format!("D{n}"))).collect();
        let metrics = |n: usize, gone: bool| {
            let mut metrics = vec![turbine(&format!("T{n}"), 0, 12.0, 0)];
            metrics.extend((!gone).then(|| turbine(&format!("U{n}"), 3, 13.0, 0)));
            metrics
        };
        let mut rig = Rig::new();
        for (n, source) in machines.iter().enumerate() {
            rig.event(birth(source.clone(), definitions(), metrics(n, false)));
        }
        rig.seconds(90);
        for source in machines.iter().filter(|_| !gone) {
            let mark = Sample { quality: Sent::Uncertain, ..sample(60_000, Value::Double(13.0)) };
            rig.event(data(source.clone(), vec![(3, mark)]));
        }
        let mut rig = rig.restart();
        rig.seconds(10);
        for (n, source) in machines.iter().enumerate() {
            rig.event(birth_at(0, source.clone(), definitions(), metrics(n, gone)));
            rig.seconds(1);
        }
        rig.seconds(10);
        let quality = if gone { Quality::Uncertain } else { Quality::Good };
        for n in 0..machines.len() {
            let shown = rig.shown(&format!("U{n}"), "Speed");
            assert_eq!(shown, Some((quality, Variant::Double(13.0))), "U{n}, gone: {gone}");
        }
    }
}

//! A start from the births that a Sparkplug-aware server has stored.

use super::*;
use crate::sparkplug::rebirth::RebirthReason;

fn store(stage: &mut Stage, birth: &Message) {
    let topic = format!("$sparkplug/certificates/{}", birth.topic);
    stage.send(&Message { topic, retain: true, ..birth.clone() });
}

#[test]
fn a_stored_birth_waits_for_a_sign_of_life_and_asks_for_nothing() {
    let mut stage = Stage::new();
    let mut edge = edge().with_aliases();
    let births = [
        edge.nbirth(stage.time(), [Metric::new("a", 1_i32)]),
        edge.dbirth("d", stage.time(), [Metric::new("b", 2_i32)]),
        edge.dbirth("silent", stage.time(), []),
    ];
    for birth in births.iter().rev() {
        store(&mut stage, birth);
    }
    stage.pass(secs(60));
    stage.check(&[]);
    assert_eq!(stage.host.phase(edge.node()), NodePhase::Unknown);
    // Much has been said that nobody heard.
    edge.skip(100);
    stage.send(&edge.ddata("d", stage.time(), [Metric::new("b", 3_i32)]));
    stage.send(&edge.ndata(stage.time(), [Metric::new("a", 4_i32)]));
    let outputs = stage.look();
    let births = ["birth g/n: a#2=1 historical", "birth g/n/d: b#0=2 historical"];
    assert_eq!(outputs[..2], births);
    assert_eq!(outputs[2..], ["data g/n/d: #0=3", "data g/n: #2=4"]);
    stage.pass(secs(60));
    stage.check(&[]);
    stage.check_found(&[]);
    // From now on a gap is one, and a death one.
    edge.skip(1);
    stage.send(&edge.ndata(stage.time(), [Metric::new("a", 5_i32)]));
    stage.pass(secs(2));
    stage.check(&["after gap data g/n: #2=5", "rebirth 0 g/n"]);
    stage.send(&edge.will());
    assert_eq!(stage.look().last().unwrap(), "death g/n certificate @1122000");
}

#[test]
fn a_stored_birth_that_comes_after_data_is_in_time() {
    let mut stage = Stage::new();
    let mut edge = edge();
    let birth = edge.nbirth(stage.time(), [Metric::new("a", 1_i32)]);
    let device = edge.dbirth("d", stage.time(), [Metric::new("a", 1_i32)]);
    edge.skip(7);
    stage.send(&edge.ndata(stage.time(), [Metric::new("a", 2_i32)]));
    stage.pass(secs(1));
    store(&mut stage, &birth);
    store(&mut stage, &device);
    stage.send(&edge.ddata("d", stage.time(), [Metric::new("a", 3_i32)]));
    stage.pass(secs(60));
    stage.check(&[
        "birth g/n: a#2=1 historical",
        "data g/n: #2=2",
        "birth g/n/d: a#0=1 historical",
        "data g/n/d: #0=3",
    ]);
    stage.check_found(&[]);
}

#[test]
fn a_live_birth_comes_before_a_stored_one() {
    let mut stage = Stage::new();
    let mut edge = edge();
    let old = edge.nbirth(stage.time(), [Metric::new("old", 1_i32)]);
    store(&mut stage, &old);
    stage.pass(ms(1));
    let new = edge.nbirth(stage.time(), [Metric::new("new", 1_i32)]);
    stage.send(&new);
    // The server stores it now, and says so.
    store(&mut stage, &new);
    stage.send(&edge.ndata(stage.time(), [Metric::new("new", 2_i32)]));
    stage.check(&["birth g/n: new#2=1", "data g/n: #2=2"]);
}

#[test]
fn a_stored_birth_of_another_server_or_of_the_dead_says_nothing() {
    let mut stage = Stage::new();
    let second = ServerId(1);
    stage.host.handle_connected(second, stage.time(), stage.now);
    stage.look();
    let mut edge = edge();
    let birth = edge.nbirth(stage.time(), [Metric::new("a", 1_i32)]);
    store(&mut stage, &birth);
    store(&mut stage, &edge.will());
    let data = edge.ndata(stage.time(), [Metric::new("a", 2_i32)]);
    stage.send_via(second, &data);
    stage.pass(secs(2));
    stage.check(&["rebirth 1 g/n"]);
    stage.host.handle_message(SERVER, "$sparkplug/certificates/x", b"\xff", true, stage.now);
    stage.check(&[]);
}

#[test]
fn stored_births_are_bounded() {
    let mut stage = Stage::new();
    let mut edge = edge();
    let text = "x".repeat(1 << 20);
    for device in 0..200 {
        let metrics = [Metric::new("a", text.as_str())];
        let birth = edge.dbirth(&device.to_string(), stage.time(), metrics);
        store(&mut stage, &birth);
    }
    // It may be made up: it leaves others half, and those like it half of the rest.
    let (bytes, most) = (stage.host.memory_use.bytes, limits::TOTAL_WINDOW_BYTES);
    assert!((most / 4..most / 2).contains(&bytes), "{bytes}");
}

/// No table is better than a wrong one: what goes by alias was read by the birth before.
#[test]
fn a_birth_that_cannot_be_read_ends_what_the_server_has_stored_of_it() {
    for (device, live) in [(None, true), (Some("d"), true), (None, false), (Some("d"), false)] {
        let mut stage = Stage::new();
        let mut edge = edge().with_aliases();
        let metrics = |turned: bool| {
            let names = if turned { ["b", "a"] } else { ["a", "b"] };
            names.map(|name| Metric::new(name, 1_i32))
        };
        let births = |edge: &mut Edge, stage: &Stage, turned: bool| {
            [
                edge.nbirth(stage.time(), metrics(turned)),
                edge.dbirth("d", stage.time(), metrics(turned)),
            ]
        };
        for birth in births(&mut edge, &stage, false) {
            store(&mut stage, &birth);
        }
        // Born again with other aliases, which is not readable: live, or as the server has it now.
        let damaged = |birth: &Message| Message { payload: vec![0xff], ..birth.clone() };
        let [node, of_device] = births(&mut edge, &stage, true);
        match device {
            None => {
                if live {
                    stage.send(&damaged(&node));
                } else {
                    store(&mut stage, &damaged(&node));
                }
                stage.send(&of_device);
            }
            Some(_) if live => {
                store(&mut stage, &node);
                stage.send(&damaged(&of_device));
            }
            Some(_) => {
                store(&mut stage, &node);
                store(&mut stage, &damaged(&of_device));
            }
        }
        let data = |edge: &mut Edge, stage: &Stage| match device {
            None => edge.ndata(stage.time(), [Metric::new("b", 7_i32)]),
            Some(device) => edge.ddata(device, stage.time(), [Metric::new("b", 7_i32)]),
        };
        stage.send(&data(&mut edge, &stage));
        let told = stage.look();
        assert!(!told.iter().any(|line| line.contains("=7")), "{device:?} {live} {told:?}");
        stage.pass(secs(3));
        for birth in births(&mut edge, &stage, true) {
            stage.send(&birth);
        }
        stage.look();
        stage.send(&data(&mut edge, &stage));
        let told = stage.look();
        assert!(told.iter().any(|line| line.ends_with("=7")), "{device:?} {live} {told:?}");
    }
}

/// It was online before the start, and its birth is not among those that the server has.
#[test]
fn a_device_that_is_expected_and_of_which_nothing_is_stored_ends() {
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.host.expect_online(edge.node(), &["d".into(), "gone".into()], stage.now);
    let births = [edge.nbirth(stage.time(), []), edge.dbirth("d", stage.time(), [])];
    for birth in &births {
        store(&mut stage, birth);
    }
    stage.send(&edge.ndata(stage.time(), []));
    stage.send(&edge.ddata("d", stage.time(), []));
    stage.pass(secs(120));
    let told = stage.look();
    let ended: Vec<_> = told.iter().filter(|line| line.starts_with("death ")).collect();
    assert!(matches!(ended[..], [one] if one.starts_with("death g/n/gone ")), "{told:?}");
}

/// Those names stay with the node, and were counted as room that its birth gives back.
#[test]
fn a_birth_takes_no_room_for_its_own_that_names_of_devices_keep() {
    const ALL: usize = 64 << 10;
    let devices: Vec<Arc<str>> = (0..40).map(|n| format!("{n:0>1000}").into()).collect();
    for is_stored in [true, false] {
        let mut stage = Stage::with(|config| config.table_bytes = ALL);
        let mut edge = edge();
        stage.host.expect_online(edge.node(), &devices, stage.now);
        let metrics = (0..400).map(|n| Metric::new(&format!("metric {n}"), 1_i32));
        let birth = edge.nbirth(stage.time(), metrics);
        if is_stored {
            store(&mut stage, &birth);
            stage.send(&edge.ndata(stage.time(), []));
        } else {
            stage.send(&birth);
        }
        assert!(stage.look().iter().any(|line| line.starts_with("birth g/n: metric 0#")));
        let taken = stage.host.memory_use.tables;
        assert!(ALL / 2 < taken && taken <= ALL, "{is_stored}: {taken}");
    }
}

/// It was in no account.
#[test]
fn what_waited_from_another_server_is_counted_once_a_stored_birth_is_used() {
    let mut stage = Stage::new();
    let second = ServerId(1);
    stage.host.handle_connected(second, stage.time(), stage.now);
    let mut edge = edge();
    let birth = edge.nbirth(stage.time(), [Metric::new("a", 1_i32)]);
    store(&mut stage, &birth);
    stage.look();
    let mut other = edge.clone();
    let data = other.ndata(stage.time(), [Metric::new("a", 66_i32)]);
    stage.send_via(second, &data);
    stage.send(&edge.ndata(stage.time(), [Metric::new("a", 2_i32)]));
    stage.check(&["birth g/n: a#2=1 historical", "data g/n: #2=2"]);
    assert_eq!(stage.host.counters().skipped_values[SkipReason::ForeignServer as usize], 1);
    stage.check_found_of(Finding::ForeignServer, 1);
}

/// It was skipped, and nothing was asked of the node any more.
#[test]
fn what_waits_from_one_server_waits_on_where_another_has_stored_a_birth() {
    let mut stage = Stage::new();
    let second = ServerId(1);
    stage.host.handle_connected(second, stage.time(), stage.now);
    stage.look();
    let mut edge = edge();
    let old = edge.nbirth(stage.time(), [Metric::new("old", 1_i32)]);
    let data = edge.ndata(stage.time(), [Metric::new("a", 2_i32)]);
    stage.send_via(second, &data);
    store(&mut stage, &old);
    stage.pass(secs(2));
    stage.check(&["rebirth 1 g/n"]);
    assert_eq!(stage.host.counters().skipped_values[SkipReason::ForeignServer as usize], 0);
    let birth = edge.nbirth(stage.time(), [Metric::new("a", 3_i32)]);
    stage.send_via(second, &birth);
    let told = stage.look();
    assert!(told.contains(&"birth g/n: a#2=3".to_owned()), "{told:?}");
    assert!(told.iter().any(|line| line.ends_with("#2=2")), "{told:?}");
    stage.check_found_of(Finding::ForeignServer, 0);
}

/// An older value stood over a newer one: a birth of long ago was told as what holds now, and the request
/// that would have brought what holds was cancelled.
#[test]
fn the_values_of_a_stored_birth_are_history_and_who_was_online_is_asked_for_others() {
    for answers in [true, false] {
        let mut stage = Stage::new();
        let mut edge = edge();
        let metric = |name: &str, value: i32| [Metric::new(name, value)];
        let both = [Metric::new("a", 1_i32), Metric::new("b", 1_i32)];
        let birth = edge.nbirth(stage.time(), both);
        stage.send(&birth);
        stage.send(&edge.ndata(stage.time(), metric("a", 5)));
        stage.host.handle_disconnected(SERVER, stage.now);
        stage.pass(secs(3));
        stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
        stage.look();
        store(&mut stage, &birth);
        stage.send(&edge.ndata(stage.time(), metric("b", 2)));
        stage.check(&["birth g/n: a#2=1 historical, b#3=1 historical", "data g/n: #3=2"]);
        stage.pass(secs(1));
        stage.check(&["rebirth 0 g/n"]);
        if answers {
            stage.send(&edge.nbirth(stage.time(), metric("a", 5)));
            stage.check(&["birth g/n: a#2=5"]);
        }
        stage.pass(secs(60));
        let told = stage.look();
        assert_eq!(told.is_empty(), answers, "{told:?}");
        assert!(!told.iter().any(|line| line.starts_with("death")), "{told:?}");
        // It speaks: that it counts as offline is not what is wrong.
        let problem = stage.host.problems().next().map(|(_, problem)| problem.reason);
        assert_eq!(problem, (!answers).then_some(RebirthReason::Dropped));
    }
}

/// It had died long ago, and was online again, with good values, once its node spoke: the server keeps the
/// birth of a device after its death.
#[test]
fn a_device_is_not_alive_since_its_server_has_stored_a_birth_of_it() {
    for come_late in [false, true] {
        let mut stage = Stage::new();
        let mut edge = edge();
        let a = |value: i32| [Metric::new("a", value)];
        let births = [
            edge.nbirth(stage.time(), a(1)),
            edge.dbirth("dead", stage.time(), a(1)),
            edge.dbirth("alive", stage.time(), a(1)),
        ];
        births.iter().for_each(|birth| stage.send(birth));
        stage.send(&edge.ddeath("dead", stage.time()));
        stage.host.handle_disconnected(SERVER, stage.now);
        stage.pass(secs(3));
        stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
        stage.look();
        let (early, late) = births.split_at(if come_late { 1 } else { 3 });
        early.iter().for_each(|birth| store(&mut stage, birth));
        stage.send(&edge.ndata(stage.time(), a(2)));
        late.iter().for_each(|birth| store(&mut stage, birth));
        stage.check(&["birth g/n: a#2=1 historical", "data g/n: #2=2"]);
        stage.send(&edge.ddata("alive", stage.time(), a(3)));
        stage.check(&["birth g/n/alive: a#0=1 historical", "data g/n/alive: #0=3"]);
        stage.send(&edge.will());
        let told = stage.look();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(!told.iter().any(|line| line.contains("/dead")), "{told:?}");
        assert_eq!(stage.host.memory_use.bytes, 0);
    }
}

/// What it was known by ended with a birth that cannot be read, or with its death.
#[test]
fn a_stored_birth_that_waits_ends_with_the_next_birth_or_death() {
    for damaged in [false, true] {
        let mut stage = Stage::new();
        let mut edge = edge();
        let a = |value: i32| [Metric::new("a", value)];
        let birth = edge.nbirth(stage.time(), a(1));
        store(&mut stage, &birth);
        let of_device = edge.dbirth("d", stage.time(), a(1));
        store(&mut stage, &of_device);
        stage.send(&edge.ndata(stage.time(), a(2)));
        stage.send(&match damaged {
            true => Message { payload: vec![0xff], ..edge.dbirth("d", stage.time(), a(1)) },
            false => edge.ddeath("d", stage.time()),
        });
        stage.look();
        stage.send(&edge.ddata("d", stage.time(), a(3)));
        stage.pass(secs(30));
        let told = stage.look();
        assert!(!told.iter().any(|line| line.contains("g/n/d")), "{told:?}");
    }
}

/// It would be told dead by a question that nobody had asked.
#[test]
fn a_device_that_is_expected_has_its_time_from_when_its_node_was_asked() {
    let mut stage = Stage::with(|config| config.rebirth.per_second = 1);
    // As many that speak as well, before it.
    let others = (0..30).map(|other| EdgeNode::new("g", format!("other{other}")));
    let nodes: Vec<_> = others.chain([edge().node().clone()]).collect();
    for node in &nodes {
        let mut edge = Edge::new(node.clone(), 0);
        stage.host.expect_online(node, &["d".into()], stage.now);
        let births = [edge.nbirth(stage.time(), []), edge.dbirth("d", stage.time(), [])];
        births.iter().for_each(|birth| store(&mut stage, birth));
        stage.send(&edge.ndata(stage.time(), []));
    }
    let mut asked = None;
    let mut died = None;
    for second in 1..120 {
        stage.pass(secs(1));
        for line in stage.look() {
            if line == "rebirth 0 g/n" {
                asked.get_or_insert(second);
            } else if line.starts_with("death g/n/d") {
                died.get_or_insert(second);
            }
        }
    }
    let (asked, died) = (asked.unwrap(), died.unwrap());
    assert!(asked > 10 && (9..=12).contains(&(died - asked)), "{asked} {died}");
}

//! Sessions that end and go on: our own link, the node's, late wills, several servers.

use super::*;
use crate::sparkplug::rebirth::{RebirthReason, RebirthReasons};

fn a(value: i32) -> [Metric; 1] {
    [Metric::new("a", value)]
}

/// The values of `a` among these lines, data of any order.
fn values(lines: &[String]) -> Vec<i32> {
    let data = lines.iter().filter(|line| line.contains("data "));
    data.flat_map(|line| line.split(['=', ',']).skip(1).step_by(2))
        .map(|value| value.trim().parse().unwrap())
        .collect()
}

/// Lets time pass in tenths of seconds; whenever a birth is asked for, `birth` answers at once.
fn pass(
    stage: &mut Stage,
    duration: Duration,
    birth: &mut dyn FnMut(&Stage) -> Vec<Message>,
) -> Vec<String> {
    let mut lines = Vec::new();
    let end = stage.now.instant + duration;
    while stage.now.instant < end {
        stage.pass(ms(100));
        for line in stage.look() {
            if line.starts_with("rebirth") {
                for message in birth(stage) {
                    stage.send(&message);
                }
            }
            lines.push(line);
        }
    }
    lines.extend(stage.look());
    lines
}

#[test]
fn after_short_drops_of_our_link_everybody_is_heard_again_at_once() {
    for drops in [1, 4, 8, 16] {
        let mut stage = Stage::new();
        let mut edge = edge().with_aliases();
        stage.send(&edge.nbirth(stage.time(), a(1)));
        stage.look();
        for _ in 0..drops {
            stage.host.handle_disconnected(SERVER, stage.now);
            stage.pass(secs(3));
            stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
            stage.look();
            stage.pass(ms(0));
            stage.check(&["rebirth 0 g/n"]);
            stage.send(&edge.nbirth(stage.time(), a(1)));
            stage.send(&edge.ndata(stage.time(), a(2)));
            stage.pass(secs(12));
            assert_eq!(values(&stage.look()), [2]);
        }
    }
}

#[test]
fn what_was_said_before_the_answer_is_read_if_the_session_is_the_same() {
    let mut stage = Stage::new();
    let mut edge = edge().with_aliases();
    let device = |edge: &mut Edge, stage: &Stage| edge.dbirth("d", stage.time(), a(1));
    stage.send(&edge.nbirth(stage.time(), a(1)));
    stage.send(&device(&mut edge, &stage));
    stage.host.handle_disconnected(SERVER, stage.now);
    stage.pass(secs(3));
    stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
    for value in 2..600 {
        stage.send(&edge.ndata(stage.time(), a(value)));
        stage.send(&edge.ddata("d", stage.time(), a(value)));
        stage.pass(ms(5));
    }
    stage.look();
    stage.send(&edge.nbirth(stage.time(), a(600)));
    assert_eq!(values(&stage.look()), (2..600).collect::<Vec<_>>());
    stage.pass(secs(1));
    stage.send(&device(&mut edge, &stage));
    let told = stage.look();
    assert_eq!(told[0], "birth g/n/d: a#0=1");
    assert_eq!(values(&told), (2..600).collect::<Vec<_>>());
    assert_eq!(stage.host.counters().skipped_values, [0; SkipReason::ALL.len()]);
    assert_eq!(stage.host.memory_use.bytes, 0);
}

/// What is told of data that came between our drop and the answer, if the answer is changed.
fn between(bare: bool, change: impl FnOnce(&mut Edge) -> Vec<Metric>) -> (Vec<i32>, u64) {
    let mut stage = Stage::new();
    let mut edge = edge().with_aliases();
    let metrics = [Metric::new("a", 1_i32), Metric::new("b", 2_i32)];
    stage.send(&edge.nbirth(stage.time(), metrics.clone()));
    stage.host.handle_disconnected(SERVER, stage.now);
    stage.pass(secs(3));
    stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
    let data = edge.ndata(stage.time(), [Metric::new("b", 7_i32)]);
    let mut payload = payload::decode(&data.payload).unwrap();
    if !bare {
        payload.metrics[0].name = Some("b".into());
        payload.metrics[0].alias = None;
    }
    stage.send(&Message { payload: payload::encode(&payload), ..data });
    stage.pass(secs(1));
    let metrics = change(&mut edge);
    stage.send(&edge.nbirth(stage.time(), metrics));
    let told = values(&stage.look());
    (told, stage.host.counters().skipped_values[SkipReason::BeforeBirth as usize])
}

#[test]
fn what_may_mean_something_else_is_counted_and_not_read() {
    let [first, second] = [Metric::new("a", 1_i32), Metric::new("b", 2_i32)];
    let same = || vec![first.clone(), second.clone()];
    let turned = || vec![second.clone(), first.clone()];
    let retyped = || vec![first.clone(), Metric::new("b", 2.0_f64)];
    for bare in [true, false] {
        let read = |expected: bool| if expected { (vec![7], 0) } else { (vec![], 1) };
        assert_eq!(between(bare, |_| same()), read(true));
        // Another session: names alone tell.
        let told = between(bare, |edge| {
            edge.reconnect();
            same()
        });
        assert_eq!(told, read(!bare));
        // Aliases that stand for others, as a gateway gives them that was configured anew.
        assert_eq!(between(bare, |_| turned()), read(!bare));
        assert_eq!(between(bare, |_| retyped()), read(false));
        assert_eq!(between(bare, |_| vec![first.clone()]), read(false));
    }
}

#[test]
fn without_a_bd_seq_only_names_are_read() {
    for named in [false, true] {
        let mut stage = Stage::new();
        let mut edge = if named { edge() } else { edge().with_aliases() };
        let without = |message: Message| {
            let mut payload = payload::decode(&message.payload).unwrap();
            payload.metrics.retain(|metric| metric.name.as_deref() != Some(b"bdSeq"));
            Message { payload: payload::encode(&payload), ..message }
        };
        stage.send(&without(edge.nbirth(stage.time(), a(1))));
        stage.host.handle_disconnected(SERVER, stage.now);
        stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
        stage.send(&edge.ndata(stage.time(), a(2)));
        stage.look();
        stage.pass(ms(10));
        stage.send(&without(edge.nbirth(stage.time(), a(3))));
        assert_eq!(values(&stage.look()).len(), usize::from(named));
    }
}

#[test]
fn what_waits_for_an_answer_is_bounded_and_counted() {
    let mut stage = Stage::new();
    let mut edge = edge().with_aliases();
    stage.send(&edge.nbirth(stage.time(), a(1)));
    stage.host.handle_disconnected(SERVER, stage.now);
    stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
    let sent = limits::WAITING_MESSAGES as u64 + 100;
    for _ in 0..sent {
        stage.send(&edge.ndata(stage.time(), a(2)));
    }
    let unread =
        |stage: &Stage| stage.host.counters().skipped_values[SkipReason::BeforeBirth as usize];
    assert_eq!(unread(&stage), 100);
    // Nobody answers.
    stage.pass(secs(60));
    assert_eq!((unread(&stage), stage.host.memory_use.bytes), (sent, 0));
}

#[test]
fn a_birth_that_cannot_be_read_ends_the_tables_and_the_node_lives() {
    let bomb = {
        use std::io::Write as _;
        let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        bomb.write_all(&vec![0; limits::PAYLOAD_BYTES + 1]).unwrap();
        payload::encode(&crate::sparkplug::proto::Payload {
            uuid: Some(payload::COMPRESSED.into()),
            body: Some(bomb.finish().unwrap()),
            ..Default::default()
        })
    };
    let garbage = payload::encode(&crate::sparkplug::proto::Payload {
        uuid: Some(payload::COMPRESSED.into()),
        body: Some(vec![1, 2, 3]),
        ..Default::default()
    });
    let parts = [0x12, 0x00].repeat(limits::PAYLOAD_PARTS + 1);
    for (device, damaged) in [None, Some("d")].into_iter().flat_map(|device| {
        [
            vec![0xff],
            vec![0; limits::PAYLOAD_BYTES + 1],
            parts.clone(),
            bomb.clone(),
            garbage.clone(),
        ]
        .map(|payload| (device, payload))
    }) {
        let mut stage = Stage::new();
        let mut edge = edge().with_aliases();
        let metrics = |turned: bool| {
            let names = if turned { ["b", "a"] } else { ["a", "b"] };
            names.map(|name| Metric::new(name, 1_i32))
        };
        stage.send(&edge.nbirth(stage.time(), metrics(false)));
        stage.send(&edge.dbirth("d", stage.time(), metrics(false)));
        stage.pass(secs(60));
        stage.look();
        // Born again in another order, and that birth is damaged.
        let birth = match device {
            None => edge.nbirth(stage.time(), metrics(true)),
            Some(device) => edge.dbirth(device, stage.time(), metrics(true)),
        };
        stage.send(&Message { payload: damaged.clone(), ..birth });
        let data = |edge: &mut Edge, stage: &Stage, value: i32| match device {
            None => edge.ndata(stage.time(), [Metric::new("b", value)]),
            Some(device) => edge.ddata(device, stage.time(), [Metric::new("b", value)]),
        };
        for value in 0..10 {
            stage.send(&data(&mut edge, &stage, value));
            stage.pass(ms(100));
        }
        let told = stage.look();
        assert!(!told.iter().any(|line| line.contains("data")), "{device:?}: {told:?}");
        assert!(!told.iter().any(|line| line.contains("death")), "{device:?}: {told:?}");
        assert_eq!(told.iter().filter(|line| line.starts_with("rebirth")).count(), 1);
        // The next birth can be read, and all goes on.
        stage.send(&edge.nbirth(stage.time(), metrics(true)));
        stage.send(&edge.dbirth("d", stage.time(), metrics(true)));
        stage.send(&data(&mut edge, &stage, 77));
        stage.pass(secs(20));
        let told = stage.look();
        assert_eq!(values(&told).last(), Some(&77), "{device:?}: {told:?}");
        assert!(!told.iter().any(|line| line.contains("death")), "{device:?}: {told:?}");
    }
}

#[test]
fn a_birth_that_can_never_be_read_is_asked_for_ever_rarer_and_named() {
    for device in [None, Some("d")] {
        let mut stage = Stage::new();
        let mut edge = edge();
        let mut births = |stage: &Stage| {
            let mut node = edge.nbirth(stage.time(), a(1));
            let mut damaged = edge.dbirth("d", stage.time(), a(1));
            let poisoned = if device.is_some() { &mut damaged } else { &mut node };
            poisoned.payload.truncate(poisoned.payload.len() - 3);
            vec![node, damaged]
        };
        for message in births(&stage) {
            stage.send(&message);
        }
        let told = pass(&mut stage, secs(24 * 3600), &mut births);
        let asked = told.iter().filter(|line| line.starts_with("rebirth")).count();
        assert!((20..40).contains(&asked), "{device:?}: {asked}");
        let problems: Vec<_> = stage.host.problems().collect();
        assert_eq!(problems[0].1.reason, RebirthReason::Undecodable, "{device:?}");
        assert!(stage.host.counters().findings.count(Finding::RebirthUnanswered) > 0);
        // One that can be read ends it.
        let mut edge = Edge::new(EdgeNode::new("g", "n"), 0);
        stage.send(&edge.nbirth(stage.time(), a(1)));
        stage.send(&edge.dbirth("d", stage.time(), a(1)));
        assert_eq!(stage.host.problems().count(), 0, "{device:?}");
    }
}

#[test]
fn a_device_that_is_never_born_costs_a_birth_an_hour() {
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), a(1)));
    let mut asked = 0;
    for second in 0..24 * 3600 {
        if second % 10 == 0 {
            stage.send(&edge.ddata("ghost", stage.time(), a(1)));
        }
        stage.pass(secs(1));
        for line in stage.look() {
            if line.starts_with("rebirth") {
                asked += 1;
                stage.send(&edge.nbirth(stage.time(), a(1)));
            }
        }
    }
    assert!((30..36).contains(&asked), "{asked}");
    assert_eq!(stage.host.problems().next().unwrap().1.reason, RebirthReason::BeforeBirth);
    // Each value is in an account, but the last, which waits.
    let unread = stage.host.counters().skipped_values[SkipReason::BeforeBirth as usize];
    assert!((8638..=8640).contains(&unread), "{unread}");
    // It does not keep others from being heard.
    edge.skip(1);
    stage.send(&edge.ndata(stage.time(), a(2)));
    stage.pass(secs(2));
    assert!(stage.look().contains(&"rebirth 0 g/n".to_owned()));
    stage.send(&edge.nbirth(stage.time(), a(1)));
    stage.send(&edge.dbirth("ghost", stage.time(), a(1)));
    assert_eq!(stage.host.problems().count(), 0);
}

#[test]
fn a_node_that_never_answers_is_asked_ever_rarer_and_never_given_up() {
    let mut stage = Stage::new();
    let mut edge = edge();
    let mut asked = Vec::new();
    for second in 0..48 * 3600 {
        stage.send(&edge.ndata(stage.time(), a(1)));
        stage.pass(secs(1));
        if stage.look().contains(&"rebirth 0 g/n".to_owned()) {
            asked.push(second);
        }
    }
    assert!((50..60).contains(&asked.len()), "{asked:?}");
    assert!(*asked.last().unwrap() > 47 * 3600 - 60, "{asked:?}");
    assert_eq!(stage.host.problems().next().unwrap().1.reason, RebirthReason::BeforeBirth);
    stage.send(&edge.nbirth(stage.time(), a(1)));
    assert_eq!(stage.host.problems().count(), 0);
    // Whatever it was asked before, the next time it is asked at once.
    stage.send(&edge.will());
    stage.pass(secs(1));
    stage.send(&edge.ndata(stage.time(), a(1)));
    stage.look();
    stage.pass(secs(2));
    stage.check(&["rebirth 0 g/n"]);
}

#[test]
fn a_living_node_is_never_told_dead_without_having_been_asked() {
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), a(1)));
    let mut told = Vec::new();
    for _ in 0..12 {
        told.extend(pass(&mut stage, secs(3), &mut |_| Vec::new()));
        let will = edge.will();
        edge.reconnect();
        stage.send(&edge.nbirth(stage.time(), a(1)));
        stage.pass(secs(1));
        stage.send(&will);
        // It answers whenever it is asked.
        told.extend(pass(&mut stage, secs(4), &mut |stage| vec![edge.nbirth(stage.time(), a(1))]));
    }
    told.extend(pass(&mut stage, secs(900), &mut |stage| vec![edge.nbirth(stage.time(), a(1))]));
    assert!(!told.iter().any(|line| line.starts_with("death")), "{told:?}");
    assert_eq!(stage.host.phase(edge.node()), NodePhase::Online);
}

#[test]
fn a_late_will_costs_nothing_where_nobody_may_be_asked() {
    for reasons in [RebirthReasons::NONE, RebirthReasons::ALL.without(RebirthReason::Probe)] {
        let mut stage = Stage::with(|config| config.rebirth.reasons = reasons);
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), a(1)));
        let will = edge.will();
        edge.reconnect();
        stage.pass(secs(60));
        stage.send(&edge.nbirth(stage.time(), a(1)));
        stage.send(&will);
        stage.look();
        for value in 0..40 {
            stage.pass(secs(15));
            stage.send(&edge.ndata(stage.time(), a(value)));
        }
        assert_eq!(values(&stage.look()), (0..40).collect::<Vec<_>>());
        stage.send(&edge.will());
        assert_eq!(stage.look().len(), 1, "its own death is one");
    }
}

#[test]
fn a_late_will_after_a_birth_that_cannot_be_read_is_asked_about() {
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), a(1)));
    stage.pass(secs(60));
    let will = edge.will();
    edge.reconnect();
    let mut birth = edge.nbirth(stage.time(), a(1));
    birth.payload.truncate(birth.payload.len() - 3);
    stage.send(&birth);
    stage.send(&will);
    stage.look();
    let told = pass(&mut stage, secs(60), &mut |stage| vec![edge.nbirth(stage.time(), a(1))]);
    assert!(!told.iter().any(|line| line.starts_with("death")), "{told:?}");
    assert_eq!(stage.host.phase(edge.node()), NodePhase::Online);
}

#[test]
fn who_is_behind_a_server_that_connects_later_is_asked() {
    let mut stage = Stage::new();
    let (quiet, node) = (Edge::new(EdgeNode::new("g", "quiet"), 0), EdgeNode::new("g", "n"));
    stage.host.expect_online(&node, &[], stage.now);
    stage.host.request_birth_if_back(quiet.node(), stage.now);
    stage.pass(secs(10));
    let told = stage.look();
    assert_eq!(told.last().unwrap(), "death g/n silent @1010000");
    stage.pass(secs(20));
    stage.look();
    stage.host.handle_connected(ServerId(1), stage.now.wall, stage.now);
    stage.pass(secs(1));
    let told = stage.look();
    assert!(told.contains(&"rebirth 1 g/n".to_owned()), "{told:?}");
    // Whoever has not answered when the second connects has its time anew.
    let mut stage = Stage::new();
    stage.host.expect_online(&node, &[], stage.now);
    stage.pass(secs(5));
    stage.host.handle_connected(ServerId(1), stage.now.wall, stage.now);
    stage.pass(secs(9));
    let told = stage.look();
    assert!(told.contains(&"rebirth 1 g/n".to_owned()), "{told:?}");
    assert!(!told.iter().any(|line| line.starts_with("death")), "{told:?}");
    stage.pass(secs(2));
    let told = stage.look();
    assert!(told.contains(&"death g/n silent @1015000".to_owned()), "{told:?}");
}

#[test]
fn the_loss_of_another_server_keeps_nobody_awaited() {
    let mut stage = Stage::new();
    stage.host.handle_connected(ServerId(1), stage.now.wall, stage.now);
    let node = EdgeNode::new("g", "n");
    stage.host.expect_online(&node, &[], stage.now);
    stage.pass(secs(1));
    stage.host.handle_disconnected(ServerId(1), stage.now);
    stage.look();
    stage.pass(secs(9));
    stage.check(&["rebirth 0 g/n", "death g/n silent @1010000"]);
    assert_eq!(stage.host.phase(&node), NodePhase::Offline);
}

#[test]
fn devices_of_a_slow_gateway_do_not_flap() {
    let mut stage = Stage::new();
    let mut edge = edge();
    let names: Vec<_> = (0..30).map(|n| format!("d{n}")).collect();
    for _ in 0..3 {
        stage.send(&edge.nbirth(stage.time(), a(1)));
        for name in &names {
            stage.pass(secs(9));
            stage.send(&edge.dbirth(name, stage.time(), a(1)));
        }
        stage.pass(secs(60));
    }
    let told = stage.look();
    assert!(!told.iter().any(|line| line.starts_with("death")), "{told:?}");
}

#[test]
fn a_server_that_brings_other_topics_alone_is_named() {
    let mut stage = Stage::new();
    let foreign = |stage: &mut Stage, topic: &str| {
        stage.host.handle_message(SERVER, topic, b"", false, stage.now);
    };
    assert_eq!(stage.host.foreign(SERVER), None);
    foreign(&mut stage, "spBv1/0/STATE/h");
    foreign(&mut stage, "spBv1/0/g/NDATA/n");
    assert_eq!(stage.host.foreign(SERVER), Some("spBv1/0/STATE/h"));
    stage.send(&edge().nbirth(stage.time(), a(1)));
    foreign(&mut stage, "spBv1/0/STATE/h");
    assert_eq!(stage.host.foreign(SERVER), None);
}

#[test]
fn data_of_a_device_before_its_birth_is_read_once_it_is_born() {
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), a(1)));
    stage.send(&edge.ddata("d", stage.time(), a(2)));
    stage.pass(ms(100));
    stage.check(&["birth g/n: a#2=1", "rebirth 0 g/n"]);
    stage.send(&edge.nbirth(stage.time(), a(1)));
    stage.send(&edge.dbirth("d", stage.time(), a(3)));
    stage.check(&["birth g/n: a#2=1", "birth g/n/d: a#0=3", "before birth data g/n/d: #0=2"]);
}

#[test]
fn what_waits_for_a_birth_is_given_up_when_no_answer_is_due() {
    let mut stage = Stage::new();
    stage.send(&edge().ndata(stage.time(), a(1)));
    let skipped =
        |stage: &Stage| stage.host.counters().skipped_values[SkipReason::BeforeBirth as usize];
    // Asked after two and seven seconds, it may answer for ten more.
    stage.pass(ms(16_999));
    assert_eq!(skipped(&stage), 0);
    stage.pass(secs(1));
    assert_eq!(skipped(&stage), 1);
}

//! Where nobody may be asked for births.

use super::*;
use crate::globs::Globs;
use crate::sparkplug::filter::Filter;
use crate::sparkplug::rebirth::{RebirthReason, RebirthReasons};

fn a(value: i32) -> [Metric; 1] {
    [Metric::new("a", value)]
}

/// After births of a node and a device, and a short drop of our link.
fn dropped(reasons: &str, edge: &mut Edge) -> Stage {
    let mut stage = Stage::with(|config| config.rebirth.reasons = reasons.parse().unwrap());
    stage.send(&edge.nbirth(stage.time(), a(1)));
    stage.send(&edge.dbirth("d", stage.time(), a(1)));
    stage.send(&edge.ndata(stage.time(), a(2)));
    stage.host.handle_disconnected(SERVER, stage.now);
    stage.pass(secs(3));
    stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
    stage.look();
    stage
}

/// How many values of 60 messages each of the node and its device are told as they are.
fn told(stage: &mut Stage, edge: &mut Edge) -> (usize, usize) {
    for value in 10..70 {
        stage.send(&edge.ndata(stage.time(), a(value)));
        stage.send(&edge.ddata("d", stage.time(), a(value)));
        stage.pass(secs(1));
    }
    let told = stage.look();
    let count = |what: &str| told.iter().filter(|line| line.contains(what)).count();
    assert_eq!(count("rebirth"), 0, "{told:?}");
    (count("data g/n: #2"), count("data g/n/d: #0"))
}

#[test]
fn after_a_drop_what_goes_by_names_is_read_where_nobody_may_be_asked() {
    for reasons in ["off", "gap", "probe,unknown-alias"] {
        for missed in [0, 7] {
            let mut edge = edge();
            let mut stage = dropped(reasons, &mut edge);
            edge.skip(missed);
            assert_eq!(told(&mut stage, &mut edge), (60, 60), "{reasons} {missed}");
            assert_eq!(stage.host.problems().count(), 0);
            assert_eq!(stage.host.counters().skipped_values, [0; SkipReason::ALL.len()]);
        }
    }
}

#[test]
fn after_a_drop_an_alias_is_read_only_if_the_sequence_goes_on() {
    for (missed, read) in [(0, 60), (1, 0), (255, 0)] {
        let mut edge = edge().with_aliases();
        let mut stage = dropped("off", &mut edge);
        edge.skip(missed);
        assert_eq!(told(&mut stage, &mut edge), (read, read), "{missed}");
        let unread = stage.host.counters().skipped_values[SkipReason::Unknown as usize];
        assert_eq!(unread, 120 - 2 * read as u64);
        let problem = stage.host.problems().next().map(|(_, problem)| problem.clone());
        assert_eq!(problem.is_some(), read == 0);
        let words = problem.map(|problem| problem.text()).unwrap_or("SPARKPLUG_REBIRTH");
        assert!(words.contains("SPARKPLUG_REBIRTH"));
        // Any birth that can be read ends it.
        stage.send(&edge.nbirth(stage.time(), a(1)));
        stage.send(&edge.dbirth("d", stage.time(), a(1)));
        stage.look();
        assert_eq!(told(&mut stage, &mut edge), (60, 60));
        assert_eq!(stage.host.problems().count(), 0);
    }
}

/// What waited for a missing message was read with the birth that ended the problem, by what the
/// birth before did not have: a problem again, that nothing ended.
#[test]
fn a_birth_ends_the_problem_of_what_waited_before_it() {
    // The birth of the node itself.
    let mut edge = edge().with_aliases();
    let mut stage = dropped("off", &mut edge);
    edge.skip(1);
    stage.send(&edge.ndata(stage.time(), a(3)));
    assert_eq!(stage.host.problems().count(), 1);
    edge.skip(1);
    stage.send(&edge.ndata(stage.time(), a(4)));
    stage.pass(ms(10));
    stage.send(&edge.nbirth(stage.time(), a(5)));
    assert_eq!(stage.host.problems().count(), 0);

    // One that cannot be read says what is wrong now, and one of a device ends what was its own.
    for damaged in [false, true] {
        let mut edge = self::edge().with_aliases();
        let mut stage = dropped("off", &mut edge);
        stage.send(&edge.ndata(stage.time(), a(3)));
        edge.skip(1);
        let unknown = [Metric::new("unborn", 1_i32)];
        stage.send(&edge.ddata("d", stage.time(), unknown));
        let birth = match damaged {
            true => Message { payload: vec![0xff], ..edge.nbirth(stage.time(), a(1)) },
            false => edge.dbirth("d", stage.time(), a(1)),
        };
        stage.send(&birth);
        stage.pass(secs(3));
        let problems: Vec<_> = stage.host.problems().map(|(_, problem)| problem.reason).collect();
        let expected: &[_] = if damaged { &[RebirthReason::Undecodable] } else { &[] };
        assert_eq!(problems, expected, "{damaged}");
        // Nothing of it is left for the next.
        stage.send(&edge.nbirth(stage.time(), a(1)));
        assert_eq!(stage.host.problems().count(), 0, "{damaged}");
    }
}

#[test]
fn what_is_known_from_before_a_drop_is_told_as_history() {
    let mut edge = edge();
    let mut stage = dropped("off", &mut edge);
    assert_eq!(stage.host.phase(edge.node()), NodePhase::Offline);
    stage.send(&edge.ndata(stage.time(), a(3)));
    stage.check(&[
        "birth g/n: a#2=1 historical",
        "birth g/n/d: a#0=1 historical",
        "data g/n: #2=3",
    ]);
    // Again and again. A device that may have died is known once it speaks.
    for _ in 0..3 {
        stage.host.handle_disconnected(SERVER, stage.now);
        stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
        edge.skip(2);
        stage.look();
        stage.send(&edge.ndata(stage.time(), a(4)));
        stage.check(&["birth g/n: a#2=1 historical", "data g/n: #2=4"]);
        stage.send(&edge.ddata("d", stage.time(), a(5)));
        stage.check(&["birth g/n/d: a#0=1 historical", "data g/n/d: #0=5"]);
    }
}

#[test]
fn what_a_death_or_a_birth_has_ended_is_not_known_after_a_drop() {
    let endings: [fn(&mut Edge, &Stage) -> Message; 2] = [
        |edge, _| edge.will(),
        |edge, stage| Message { payload: vec![0xff], ..edge.nbirth(stage.time(), a(1)) },
    ];
    for ending in endings {
        let mut edge = edge();
        let mut stage = dropped("off", &mut edge);
        let ending = ending(&mut edge, &stage);
        stage.send(&ending);
        assert_eq!(told(&mut stage, &mut edge), (0, 0));
        let (_, problem) = stage.host.problems().next().unwrap();
        assert_eq!(problem.kind, NodeProblemKind::RequestDisabled);
        assert!(problem.text().contains("SPARKPLUG_REBIRTH"));
    }
    // A device that died is not known, and neither is one whose birth cannot be read.
    for damaged in [false, true] {
        let mut edge = edge();
        let mut stage = dropped("off", &mut edge);
        let ending = match damaged {
            false => edge.ddeath("d", stage.time()),
            true => Message { payload: vec![0xff], ..edge.dbirth("d", stage.time(), a(1)) },
        };
        stage.send(&ending);
        assert_eq!(told(&mut stage, &mut edge), (60, 0), "{damaged}");
        assert_eq!(stage.host.problems().count(), 1);
    }
}

/// All that the node said was skipped until its next birth, which nobody may ask for.
#[test]
fn a_will_of_before_or_of_another_server_ends_nothing_that_is_known_after_a_drop() {
    for server in [SERVER, ServerId(1)] {
        let mut edge = edge();
        let _birth = edge.nbirth(Timestamp::default(), a(1));
        let before = edge.will();
        edge.reconnect();
        let mut stage = dropped("off", &mut edge);
        stage.host.handle_connected(ServerId(1), stage.now.wall, stage.now);
        stage.look();
        let will = if server == SERVER { before } else { edge.will() };
        stage.send_via(server, &will);
        stage.check_found_of(Finding::StaleDeath, 1);
        assert_eq!(told(&mut stage, &mut edge), (60, 60), "{server:?}");
        stage.send(&edge.will());
        assert_eq!(stage.look().len(), 2, "its own ends it");
    }
}

/// Births that were kept of a node whose tables were evicted were gone with our link.
#[test]
fn births_of_a_node_whose_tables_were_evicted_are_kept_over_a_drop() {
    let mut stage = Stage::with(|config| config.rebirth.reasons = RebirthReasons::NONE);
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), a(1)));
    stage.send(&edge.dbirth("d", stage.time(), a(1)));
    stage.evict_tables();
    stage.host.handle_disconnected(SERVER, stage.now);
    stage.pass(secs(3));
    stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
    stage.look();
    assert_eq!(told(&mut stage, &mut edge), (60, 60));
}

#[test]
fn births_are_kept_within_bounds_and_only_where_nobody_may_be_asked() {
    for (reasons, kept) in [
        (RebirthReasons::NONE, true),
        (RebirthReasons::ALL, false),
        (RebirthReasons::NONE.with(RebirthReason::Gap), true),
    ] {
        let mut stage = Stage::with(|config| config.rebirth.reasons = reasons);
        for node in 0..3 {
            let mut edge = Edge::new(EdgeNode::new("g", node.to_string()), 0);
            for _ in 0..3 {
                stage.send(&edge.nbirth(stage.time(), a(1)));
                stage.send(&edge.dbirth("d", stage.time(), a(1)));
                stage.pass(secs(5));
            }
        }
        let bytes = stage.host.memory_use.bytes;
        assert_eq!(bytes > 0, kept);
        assert!(bytes < 6 * 600, "{bytes}");
    }
    let mut stage = Stage::with(|config| config.rebirth.reasons = RebirthReasons::NONE);
    let long = "x".repeat(60_000);
    for node in 0..60 {
        let mut edge = Edge::new(EdgeNode::new("g", node.to_string()), 0);
        let metrics = (0..20).map(|n| Metric::new(&format!("m{n}"), long.as_str()));
        stage.send(&edge.nbirth(stage.time(), metrics));
    }
    let bytes = stage.host.memory_use.bytes;
    assert!((20 << 20..=limits::TOTAL_WINDOW_BYTES / 2).contains(&bytes), "{bytes}");
}

/// Nothing of its last birth is taken, but it was told as online by the one before: it stayed offline.
#[test]
fn after_a_drop_a_node_that_was_told_is_told_again_although_nothing_of_its_birth_is_taken() {
    let include = Some(Globs::parse_trees("g/n/a").unwrap());
    let mut stage = Stage::with(|config| {
        config.rebirth.reasons = RebirthReasons::NONE;
        config.filter = Filter { include, exclude: None };
    });
    let mut edge = edge();
    let b = |value: i32| [Metric::new("b", value)];
    stage.send(&edge.nbirth(stage.time(), a(1)));
    stage.send(&edge.nbirth(stage.time(), b(1)));
    let told = stage.look();
    assert!(matches!(&told[..], [_, last] if last == "birth g/n: "), "{told:?}");
    stage.host.handle_disconnected(SERVER, stage.now);
    stage.pass(secs(3));
    stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
    assert!(stage.look().iter().any(|line| line.starts_with("death g/n connection")));
    stage.send(&edge.ndata(stage.time(), b(2)));
    stage.check(&["birth g/n: "]);
    stage.send(&edge.will());
    assert!(stage.look().iter().any(|line| line.starts_with("death g/n certificate")));
}

/// The first to speak after a drop was not known any more after the next: its own birth took the room.
#[test]
fn births_that_fill_their_room_are_kept_over_each_drop() {
    let mut stage = Stage::with(|config| config.rebirth.reasons = RebirthReasons::NONE);
    let text = "x".repeat(1 << 20);
    let nodes = (0..40).map(|n| EdgeNode::new("g", n.to_string()));
    let mut edges: Vec<_> = nodes.map(|node| Edge::new(node, 0)).collect();
    for edge in &mut edges {
        let metrics = [Metric::new("text", text.as_str()), Metric::new("a", 1_i32)];
        stage.send(&edge.nbirth(stage.time(), metrics));
    }
    let read = [1, 2, 3].map(|_| {
        stage.host.handle_disconnected(SERVER, stage.now);
        stage.pass(secs(3));
        stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
        stage.look();
        for edge in &mut edges {
            stage.send(&edge.ndata(stage.time(), a(7)));
        }
        stage.look().iter().filter(|line| line.ends_with("=7")).count()
    });
    assert!((20..40).contains(&read[0]), "{read:?}");
    assert_eq!(read, [read[0]; 3]);
}

/// It was in no account.
#[test]
fn what_waited_from_another_server_is_counted_once_kept_births_are_used() {
    let mut stage = Stage::with(|config| config.rebirth.reasons = RebirthReasons::NONE);
    let second = ServerId(1);
    stage.host.handle_connected(second, stage.time(), stage.now);
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), a(1)));
    stage.host.handle_disconnected(SERVER, stage.now);
    stage.host.handle_connected(SERVER, stage.time(), stage.now);
    stage.look();
    let data = edge.clone().ndata(stage.time(), a(66));
    stage.send_via(second, &data);
    stage.send(&edge.ndata(stage.time(), a(2)));
    assert_eq!(stage.look().last().map(String::as_str), Some("data g/n: #2=2"));
    assert_eq!(stage.host.counters().skipped_values[SkipReason::ForeignServer as usize], 1);
    stage.check_found_of(Finding::ForeignServer, 1);
}

/// It was told neither by its own death nor by that of its node, and stayed online.
#[test]
fn a_device_of_a_node_whose_tables_were_evicted_dies_as_any_other() {
    let with_node = ["death g/n/d node", "death g/n certificate"];
    for (by_itself, expected) in [(false, &with_node[..]), (true, &["death g/n/d certificate"])] {
        for missed in [0, 1] {
            let mut stage = Stage::with(|config| config.rebirth.reasons = RebirthReasons::NONE);
            let mut edge = edge();
            stage.send(&edge.nbirth(stage.time(), a(1)));
            stage.send(&edge.dbirth("d", stage.time(), a(1)));
            stage.evict_tables();
            edge.skip(missed);
            stage.send(&edge.ndata(stage.time(), a(2)));
            stage.look();
            // It is quiet, which says nothing.
            stage.pass(secs(60));
            stage.check(&[]);
            stage.send(&match by_itself {
                true => edge.ddeath("d", stage.time()),
                false => edge.will(),
            });
            let told = stage.look();
            assert_eq!(told.len(), expected.len(), "{told:?}");
            for (line, expected) in told.iter().zip(expected) {
                assert!(line.starts_with(expected), "{missed} {told:?}");
            }
        }
    }
}

//! Nodes that move from one server to another.

use super::lost::lost;
use super::*;
use crate::sparkplug::rebirth::{RebirthReason, RebirthReasons};

const THERE: ServerId = ServerId(1);

fn a(value: i32) -> [Metric; 1] {
    [Metric::new("a", value)]
}

/// A node online on one server that moved to another, where nobody heard its birth.
fn moved(set: impl FnOnce(&mut Config)) -> (Stage, Edge, Message) {
    let mut stage = Stage::with(set);
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), a(1)));
    let will = edge.will();
    edge.reconnect();
    let _unheard = edge.nbirth(stage.time(), a(2));
    stage.pass(secs(30));
    stage.host.handle_connected(THERE, stage.now.wall, stage.now);
    stage.look();
    (stage, edge, will)
}

#[track_caller]
fn check_asked(told: &[String]) {
    assert!(told.contains(&"rebirth 1 g/n".to_owned()), "{told:?}");
    assert!(told.iter().all(|line| line.starts_with("rebirth ")), "{told:?}");
}

/// All that it said there was skipped until the old server published its will, and then it was told
/// dead.
#[test]
fn who_is_heard_on_another_server_alone_is_asked_there() {
    for damaged in [None, Some("NBIRTH"), Some("NDATA"), Some("DDEATH")] {
        for wills in [false, true] {
            let (mut stage, mut edge, will) = moved(|_| {});
            let mut said = edge.ndata(stage.time(), a(3));
            if let Some(verb) = damaged {
                let topic =
                    format!("spBv1.0/g/{verb}/n{}", if verb == "DDEATH" { "/d" } else { "" });
                said = Message { topic, payload: vec![0xff], ..said };
            }
            stage.send_via(THERE, &said);
            if wills {
                stage.send(&will);
            }
            stage.pass(secs(3));
            check_asked(&stage.look());
            stage.send_via(THERE, &edge.nbirth(stage.time(), a(4)));
            stage.check(&["birth g/n: a#2=4"]);
            stage.send_via(THERE, &edge.ndata(stage.time(), a(5)));
            stage.send(&will);
            stage.pass(secs(60));
            stage.check(&["data g/n: #2=5"]);
        }
    }
}

/// It answered each request there, and was told dead by the will of its old server.
#[test]
fn who_says_something_on_another_server_lives_though_it_cannot_be_understood_there() {
    for birth in [true, false] {
        let (mut stage, mut edge, will) = moved(|_| {});
        let mut say = |stage: &mut Stage| {
            let said = match birth {
                true => edge.nbirth(stage.time(), a(3)),
                false => edge.ndata(stage.time(), a(3)),
            };
            stage.send_via(THERE, &Message { payload: vec![0xff], ..said });
        };
        say(&mut stage);
        stage.send(&will);
        let mut told = Vec::new();
        for _ in 0..60 {
            stage.pass(secs(1));
            for line in stage.look() {
                if line == "rebirth 1 g/n" {
                    say(&mut stage);
                }
                told.push(line);
            }
        }
        check_asked(&told);
        assert_ne!(stage.host.phase(edge.node()), NodePhase::Offline, "{birth}");
        assert_eq!(stage.host.problems().count(), 1, "{birth}");
    }
}

#[test]
fn who_does_not_answer_where_it_is_heard_is_named_and_not_told_dead() {
    for reasons in [RebirthReasons::ALL, RebirthReasons::NONE] {
        let (mut stage, mut edge, _) = moved(|config| config.rebirth.reasons = reasons);
        for value in 0..100 {
            stage.send_via(THERE, &edge.ndata(stage.time(), a(value)));
            stage.pass(secs(1));
        }
        let told = stage.look();
        assert!(!told.iter().any(|line| line.starts_with("death")), "{told:?}");
        assert_eq!(told.is_empty(), reasons == RebirthReasons::NONE, "{told:?}");
        let problem = stage.host.problems().next().map(|(_, problem)| problem.reason);
        assert_eq!(problem, Some(RebirthReason::BeforeBirth), "{reasons}");
    }
}

/// Its request went there alone, and so did all that followed: a quiet node stayed offline.
#[test]
fn what_another_server_has_stored_of_a_lost_node_keeps_no_request_from_its_own() {
    for other_is_lost in [true, false] {
        let mut stage = Stage::new();
        stage.host.handle_connected(THERE, stage.now.wall, stage.now);
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), a(1)));
        if other_is_lost {
            stage.host.handle_disconnected(THERE, stage.now);
        }
        stage.host.handle_disconnected(SERVER, stage.now);
        stage.pass(secs(1));
        if other_is_lost {
            stage.host.handle_connected(THERE, stage.now.wall, stage.now);
        }
        let stored = Edge::new(edge.node().clone(), 0).nbirth(stage.time(), a(1));
        stage.send_via(THERE, &Message { retain: true, ..stored });
        stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
        let stored = Edge::new(edge.node().clone(), 0).nbirth(stage.time(), a(1));
        stage.send_via(THERE, &Message { retain: true, ..stored });
        stage.look();
        stage.pass(secs(60));
        let asked = stage.look().iter().filter(|line| *line == "rebirth 0 g/n").count();
        assert!(asked >= 3, "{other_is_lost} {asked}");
        // It has moved there by what it says itself.
        stage.send_via(THERE, &edge.ndata(stage.time(), a(2)));
        stage.look();
        stage.pass(secs(3600));
        let asked = stage.look().iter().filter(|line| *line == "rebirth 1 g/n").count();
        assert!(asked > 0, "{other_is_lost}");
    }
}

/// It would be online for ever, for its old server has no death of it.
#[test]
fn who_dies_where_it_was_heard_last_is_dead() {
    let (mut stage, mut edge, _) = moved(|_| {});
    stage.send_via(THERE, &edge.ndata(stage.time(), a(3)));
    stage.pass(secs(3));
    check_asked(&stage.look());
    stage.send_via(THERE, &edge.will());
    stage.pass(secs(20));
    let told = stage.look();
    assert!(told.iter().any(|line| line.starts_with("death g/n certificate")), "{told:?}");
}

#[test]
fn servers_that_are_bridged_to_each_other_are_no_reason_to_ask() {
    for first in [SERVER, THERE] {
        let second = if first == SERVER { THERE } else { SERVER };
        let mut stage = Stage::new();
        stage.host.handle_connected(THERE, stage.now.wall, stage.now);
        let mut edge = edge();
        let birth = edge.nbirth(stage.time(), a(1));
        stage.send_via(SERVER, &birth);
        stage.pass(ms(10));
        stage.send_via(THERE, &birth);
        stage.look();
        for value in 0..100 {
            stage.pass(secs(7));
            let data = edge.ndata(stage.time(), a(value));
            stage.send_via(first, &data);
            stage.pass(ms(300));
            stage.send_via(second, &data);
        }
        stage.pass(secs(60));
        let told = stage.look();
        assert!(told.iter().all(|line| line.starts_with("data")), "{first:?} {told:?}");
        assert_eq!(told.len(), 100);
    }
    // Nor is a server that is lost again.
    let (mut stage, mut edge, _) = moved(|_| {});
    stage.send_via(THERE, &edge.ndata(stage.time(), a(3)));
    stage.host.handle_disconnected(THERE, stage.now);
    stage.pass(secs(60));
    stage.check(&[]);
}

/// It lives there, quietly, and was told dead once its old server published its will.
#[test]
fn whose_message_was_dropped_on_another_server_is_asked_there() {
    for heard_just_now in [false, true] {
        let (mut stage, mut edge, will) = moved(|_| {});
        if heard_just_now {
            stage.send(&edge.clone().ndata(stage.time(), a(9)));
            stage.look();
        }
        stage.host.handle_lost(THERE, &lost(&["n"], &[]), stage.now);
        stage.send(&will);
        stage.pass(secs(5));
        check_asked(&stage.look());
        stage.send_via(THERE, &edge.nbirth(stage.time(), a(4)));
        stage.check(&["birth g/n: a#2=4"]);
    }
    // One that dies there as well is online for ever otherwise.
    for deaths in [&["n"][..], &[]] {
        let (mut stage, _, _) = moved(|_| {});
        stage.host.handle_lost(THERE, &lost(&["n"], deaths), stage.now);
        stage.pass(secs(30));
        let told = stage.look();
        let died = told.iter().any(|line| line.starts_with("death g/n silent"));
        assert_eq!(died, !deaths.is_empty(), "{told:?}");
    }
    // Servers that are bridged to each other bring everything twice.
    let (mut stage, mut edge, _) = moved(|_| {});
    stage.host.handle_lost(THERE, &lost(&["n"], &[]), stage.now);
    stage.pass(secs(1));
    stage.send(&edge.ndata(stage.time(), a(5)));
    stage.pass(secs(60));
    let told = stage.look();
    assert!(!told.contains(&"rebirth 1 g/n".to_owned()), "{told:?}");
}

//! Nodes that are known by a birth that a server has stored, and by nothing else.

use super::*;
use crate::sparkplug::rebirth::{RebirthReason, RebirthReasons};

fn a(value: i32) -> [Metric; 1] {
    [Metric::new("a", value)]
}

fn known_by(stage: &Stage) -> Option<KnownBy> {
    stage.host.problems().next().map(|(_, problem)| problem.known_by)
}

/// Thousands of gateways that are gone were told as sending data without a birth.
#[test]
fn who_is_only_stored_and_does_not_answer_is_told_as_that() {
    let mut stage = Stage::new();
    stage.send_retained(&edge().nbirth(stage.time(), a(1)));
    stage.pass(secs(4));
    stage.check(&["rebirth 0 g/n"]);
    assert_eq!(known_by(&stage), None, "it has time to answer");
    stage.pass(secs(2));
    assert_eq!(known_by(&stage), Some(KnownBy::StoredBirth));
    stage.check_found_of(Finding::OnlyStored, 1);
    stage.check_found_of(Finding::RebirthUnanswered, 0);
    let (_, problem) = stage.host.problems().next().unwrap();
    for part in ["stored", "retained", "delete", "start the gateway"] {
        assert!(problem.text().contains(part), "{part} is not in {}", problem.text());
    }
    assert!(!problem.text().contains("sends data"), "{}", problem.text());
}

/// It was never asked, and nobody else told of it.
#[test]
fn who_is_stored_with_a_birth_that_cannot_be_read_is_asked_as_well() {
    for oversized in [true, false] {
        let mut stage = Stage::new();
        let mut edge = edge();
        let birth = edge.nbirth(stage.time(), a(1));
        let damaged = Message { payload: vec![0xff], ..birth.clone() };
        let store = |stage: &mut Stage, topic: &str| match oversized {
            true => stage.host.handle_oversized(SERVER, topic, true, stage.now),
            false => stage.send_retained(&Message { topic: topic.to_owned(), ..damaged.clone() }),
        };
        store(&mut stage, &birth.topic);
        stage.pass(secs(600));
        stage.check(&["rebirth 0 g/n"]);
        assert_eq!(known_by(&stage), Some(KnownBy::StoredBirth));
        // Who was online before our start is asked on, in the same pace.
        stage.host.expect_online(edge.node(), &[], stage.now);
        stage.pass(secs(12));
        stage.look();
        // What is stored of a device, or is no birth, is no reason, nor for one that is online.
        stage.send(&edge.nbirth(stage.time(), a(2)));
        stage.look();
        for topic in ["spBv1.0/g/DBIRTH/n/d", "spBv1.0/g/NDATA/other", "spBv1.0/g/NDEATH/other"] {
            store(&mut stage, topic);
        }
        store(&mut stage, &birth.topic);
        stage.pass(secs(60));
        stage.check(&[]);
        assert_eq!(stage.host.phase(edge.node()), NodePhase::Online);
    }
}

/// It was asked on and on, as one that sends data: six times within minutes.
#[test]
fn who_is_only_stored_is_asked_once_in_each_session_of_ours_and_at_once_when_it_speaks() {
    let mut stage = Stage::new();
    let mut edge = edge();
    let birth = edge.nbirth(stage.time(), a(1));
    stage.send_retained(&birth);
    stage.pass(secs(600));
    stage.check(&["rebirth 0 g/n"]);
    // Another that is stored is no sign of life either.
    stage.send_retained(&birth);
    stage.send_retained(&edge.ndata(stage.time(), a(2)));
    stage.pass(secs(600));
    stage.check(&[]);
    assert_eq!(known_by(&stage), Some(KnownBy::StoredBirth), "it is still told");
    stage.host.handle_disconnected(SERVER, stage.now);
    stage.pass(secs(1));
    stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
    stage.look();
    stage.send_retained(&birth);
    stage.pass(secs(600));
    stage.check(&["rebirth 0 g/n"]);
    // It lives, and its server had stored its birth: from now on it is asked as any other.
    stage.send(&edge.ndata(stage.time(), a(2)));
    stage.pass(secs(4));
    stage.check(&["rebirth 0 g/n"]);
    for _ in 0..10 {
        stage.pass(secs(10));
        stage.send(&edge.ndata(stage.time(), a(2)));
    }
    let again = stage.look().iter().filter(|line| *line == "rebirth 0 g/n").count();
    assert!(again >= 3, "{again}");
}

#[test]
fn who_was_only_stored_and_speaks_is_another_problem_and_a_birth_ends_it() {
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.send_retained(&edge.nbirth(stage.time(), a(1)));
    stage.pass(secs(20));
    stage.send(&edge.ndata(stage.time(), a(2)));
    assert_eq!(known_by(&stage), None);
    stage.pass(secs(60));
    assert_eq!(known_by(&stage), Some(KnownBy::Messages));
    stage.check_found_of(Finding::RebirthUnanswered, 1);
    stage.send(&edge.nbirth(stage.time(), a(3)));
    assert_eq!(stage.host.problems().count(), 0);
}

#[test]
fn who_answers_is_not_told_as_stored() {
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.send_retained(&edge.nbirth(stage.time(), a(1)));
    stage.pass(secs(1));
    stage.send(&edge.nbirth(stage.time(), a(1)));
    stage.pass(secs(60));
    assert_eq!(stage.host.problems().count(), 0);
    stage.check_found_of(Finding::OnlyStored, 0);
}

/// It is offline, which is told: the birth that the server has stored adds nothing to that.
#[test]
fn who_is_offline_is_told_as_that_although_its_birth_is_stored() {
    for how in ["died", "died, and our link was lost", "never born", "known before the start"] {
        let mut stage = Stage::new();
        let mut edge = edge();
        if how == "known before the start" {
            stage.host.request_birth_if_back(edge.node(), stage.now);
        } else if how != "never born" {
            stage.send(&edge.nbirth(stage.time(), a(1)));
            stage.send(&edge.ndata(stage.time(), a(2)));
        }
        if how.starts_with("died") || how == "never born" {
            stage.send(&edge.will());
        }
        if how.ends_with("lost") {
            stage.host.handle_disconnected(SERVER, stage.now);
            stage.pass(secs(1));
            stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
        }
        stage.send_retained(&edge.nbirth(stage.time(), a(1)));
        stage.pass(secs(600));
        assert_eq!(known_by(&stage), None, "{how}");
        let is_dead = stage.host.dead().count() == 1;
        assert!(is_dead || how == "known before the start", "{how}");
        assert!(stage.look().iter().any(|line| line == "rebirth 0 g/n"), "{how}: it is asked");
    }
}

#[test]
fn who_is_only_stored_and_may_not_be_asked_is_told_with_the_variable() {
    let reasons = RebirthReasons::ALL.without(RebirthReason::BeforeBirth);
    for reasons in [RebirthReasons::NONE, reasons] {
        let mut stage = Stage::with(|config| config.rebirth.reasons = reasons);
        stage.send_retained(&edge().nbirth(stage.time(), a(1)));
        stage.check(&[]);
        let (_, problem) = stage.host.problems().next().unwrap();
        let known = (problem.known_by, problem.kind);
        assert_eq!(known, (KnownBy::StoredBirth, NodeProblemKind::RequestDisabled));
        assert!(problem.text().contains("SPARKPLUG_REBIRTH"), "{}", problem.text());
    }
}

/// What is stored stands behind who speaks, also once it was asked in vain.
#[test]
fn who_is_only_stored_stands_last_also_when_asked_again() {
    let mut stage = Stage::new();
    for n in 0..2000 {
        let mut gone = Edge::new(EdgeNode::new("m", n.to_string()), 0);
        stage.send_retained(&gone.nbirth(stage.time(), a(1)));
    }
    stage.pass(secs(50));
    stage.look();
    let mut new = Edge::new(EdgeNode::new("g", "new"), 0);
    stage.send(&new.ndata(stage.time(), a(1)));
    stage.pass(ms(2500));
    assert!(stage.look().contains(&"rebirth 0 g/new".to_owned()));
}

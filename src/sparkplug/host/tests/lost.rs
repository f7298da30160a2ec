//! Messages that our own queue had no room for.

use super::*;
use crate::sparkplug::rebirth::RebirthReasons;

fn a(value: i32) -> [Metric; 1] {
    [Metric::new("a", value)]
}

pub(super) fn lost(senders: &[&str], deaths: &[&str]) -> LostSenders {
    let set = |names: &[&str]| names.iter().map(|name| EdgeNode::new("g", *name)).collect();
    LostSenders { senders: set(senders), deaths: set(deaths), ..LostSenders::default() }
}

/// It was online for ever: a death leaves no gap.
#[test]
fn a_node_whose_death_was_dropped_is_dead_unless_it_answers() {
    for answers in [true, false] {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), a(1)));
        stage.pass(secs(60));
        stage.look();
        stage.host.handle_lost(SERVER, &lost(&[], &["n", "never heard of"]), stage.now);
        stage.pass(secs(1));
        stage.check(&["rebirth 0 g/n"]);
        if answers {
            stage.send(&edge.nbirth(stage.time(), a(1)));
        }
        stage.pass(secs(30));
        let told = stage.look();
        let died = told.iter().any(|line| line.starts_with("death g/n silent"));
        assert_eq!(died, !answers, "{told:?}");
    }
    // One on another server, or that may not be asked, is not doubted.
    let mut stage = Stage::with(|config| config.rebirth.reasons = RebirthReasons::NONE);
    stage.send(&edge().nbirth(stage.time(), a(1)));
    stage.look();
    for server in [SERVER, ServerId(1)] {
        stage.host.handle_lost(server, &lost(&["n"], &["n"]), stage.now);
    }
    stage.pass(secs(60));
    stage.check(&[]);
}

/// The last word of a node that is quiet from then on was missing until it spoke again.
#[test]
fn who_lost_a_message_is_asked_for_its_birth_and_not_taken_for_dead() {
    for are_more in [false, true] {
        let mut stage = Stage::new();
        let mut edges = ["online", "offline", "new"].map(|n| Edge::new(EdgeNode::new("g", n), 0));
        stage.send(&edges[0].nbirth(stage.time(), a(1)));
        stage.send(&edges[1].nbirth(stage.time(), a(1)));
        stage.send(&edges[1].will());
        stage.pass(secs(60));
        stage.look();
        let named = lost(&["online", "offline", "new"], &[]);
        let lost = match are_more {
            true => LostSenders { are_more, ..LostSenders::default() },
            false => named,
        };
        stage.host.handle_lost(SERVER, &lost, stage.now);
        stage.pass(secs(1));
        let mut asked = stage.look();
        asked.sort();
        let all = ["rebirth 0 g/new", "rebirth 0 g/offline", "rebirth 0 g/online"];
        assert_eq!(asked, all[usize::from(are_more)..]);
        stage.pass(secs(60));
        let told = stage.look();
        assert!(told.iter().all(|line| line.starts_with("rebirth")), "{told:?}");
    }
}

#[test]
fn who_is_left_out_is_not_asked_for_what_was_dropped() {
    let mut stage = Stage::with(|config| {
        let exclude = Some(crate::globs::Globs::parse_trees("g/n").unwrap());
        config.filter = crate::sparkplug::filter::Filter { include: None, exclude };
    });
    stage.host.handle_lost(SERVER, &lost(&["n"], &[]), stage.now);
    stage.pass(secs(60));
    stage.check(&[]);
    assert_eq!(stage.host.nodes().count(), 0);
}

/// Nothing was asked, or nothing came of the silence: it was online for ever.
#[test]
fn a_node_without_tables_whose_death_was_dropped_is_dead_unless_it_answers() {
    for unread in [false, true] {
        for answers in [false, true] {
            let mut stage = Stage::new();
            let mut edge = edge();
            let birth = edge.nbirth(stage.time(), a(1));
            stage.send(&birth);
            stage.send(&edge.ndata(stage.time(), a(2)));
            let damaged = Message { payload: vec![0xff], ..birth };
            if unread {
                stage.send(&damaged);
            } else {
                stage.evict_tables();
            }
            stage.pass(secs(60));
            stage.look();
            stage.host.handle_lost(SERVER, &lost(&[], &["n"]), stage.now);
            stage.pass(secs(2));
            assert!(stage.look().contains(&"rebirth 0 g/n".to_owned()), "{unread}");
            if answers {
                stage.send(&damaged);
            }
            stage.pass(secs(30));
            let told = stage.look();
            let died = told.iter().any(|line| line.starts_with("death g/n silent"));
            assert_eq!(died, !answers, "{unread} {told:?}");
        }
    }
}

/// Deaths of made-up nodes in front of it kept it online for ever.
#[test]
fn who_may_be_among_more_deaths_than_can_be_named_is_dead_unless_it_answers() {
    let mut stage = Stage::new();
    stage.host.handle_connected(ServerId(1), stage.now.wall, stage.now);
    let mut edges = ["dead", "alive", "there"].map(|n| Edge::new(EdgeNode::new("g", n), 0));
    stage.send(&edges[0].nbirth(stage.time(), a(1)));
    stage.send(&edges[1].nbirth(stage.time(), a(1)));
    stage.send_via(ServerId(1), &edges[2].nbirth(stage.time(), a(1)));
    stage.pass(secs(60));
    stage.look();
    let more = LostSenders { are_more_deaths: true, ..LostSenders::default() };
    stage.host.handle_lost(SERVER, &more, stage.now);
    stage.pass(secs(1));
    let mut asked = stage.look();
    asked.sort();
    assert_eq!(asked, ["rebirth 0 g/alive", "rebirth 0 g/dead"]);
    stage.send(&edges[1].nbirth(stage.time(), a(1)));
    stage.pass(secs(30));
    let told = stage.look();
    let dead: Vec<_> = told.iter().filter(|line| line.starts_with("death")).collect();
    assert!(matches!(dead[..], [one] if one.starts_with("death g/dead silent")), "{told:?}");
}

//! Messages that our own queue had no room for.

use super::*;
use crate::sparkplug::rebirth::RebirthReasons;

fn a(value: i32) -> [Metric; 1] {
    [Metric::new("a", value)]
}

fn lost(senders: &[&str], deaths: &[&str]) -> LostSenders {
    let set = |names: &[&str]| names.iter().map(|name| EdgeNode::new("g", *name)).collect();
    LostSenders { senders: set(senders), deaths: set(deaths), are_more: false }
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

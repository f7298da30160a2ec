//! Deaths that may be of a session long ago: wills that the server publishes late.

use super::*;
use crate::sparkplug::rebirth::{RebirthReason, RebirthReasons};

fn a(value: i32) -> [Metric; 1] {
    [Metric::new("a", value)]
}

/// It lived in another session than the will's, was told dead, and was never asked.
#[test]
fn a_late_will_after_our_restart_is_asked_about() {
    let devices: [Arc<str>; 1] = ["d".into()];
    let without_probe = RebirthReasons::ALL.without(RebirthReason::Probe);
    for (speaks, damaged, reasons) in [
        (false, false, RebirthReasons::ALL),
        (false, true, RebirthReasons::ALL),
        (true, false, RebirthReasons::ALL),
        (false, false, without_probe),
    ] {
        let mut stage = Stage::with(|config| config.rebirth.reasons = reasons);
        let mut edge = edge();
        let mut late = edge.will();
        if damaged {
            late.payload = vec![0xff];
        }
        edge.reconnect();
        let _unheard = [edge.nbirth(stage.time(), a(1)), edge.dbirth("d", stage.time(), a(1))];
        stage.host.expect_online(edge.node(), &devices, stage.now);
        let mut expected = vec!["birth g/n: a#2=3", "birth g/n/d: a#0=1"];
        if speaks {
            stage.pass(secs(1));
            stage.send(&edge.ndata(stage.time(), a(2)));
            stage.look();
            expected.insert(1, "before birth data g/n: #2=2");
        }
        stage.send(&late);
        assert_eq!(stage.host.phase(edge.node()), NodePhase::Awaited);
        stage.pass(secs(6));
        let asked = stage.look();
        assert!(!asked.is_empty() && asked.iter().all(|line| line == "rebirth 0 g/n"), "{asked:?}");
        stage.send(&edge.nbirth(stage.time(), a(3)));
        stage.send(&edge.dbirth("d", stage.time(), a(1)));
        stage.check(&expected);
        stage.pass(secs(60));
        stage.check(&[]);
    }
}

/// As where the last birth can be read: it told a living node dead.
#[test]
fn a_late_will_after_a_birth_that_cannot_be_read_costs_nothing_where_nobody_may_be_asked() {
    let there = ServerId(1);
    // The will of the session before, on its server; its own; one of the server it was on before.
    for (of_before, moves, told) in [(true, false, 0), (false, false, 1), (true, true, 0)] {
        let mut stage = Stage::with(|config| config.rebirth.reasons = RebirthReasons::NONE);
        stage.host.handle_connected(there, stage.now.wall, stage.now);
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), a(1)));
        let mut before = edge.will();
        edge.reconnect();
        if moves {
            let damaged = Message { payload: vec![0xff], ..edge.nbirth(stage.time(), a(1)) };
            stage.send(&damaged);
            before = edge.will();
            edge.reconnect();
        }
        stage.pass(secs(60));
        let damaged = Message { payload: vec![0xff], ..edge.nbirth(stage.time(), a(1)) };
        stage.send_via(if moves { there } else { SERVER }, &damaged);
        stage.look();
        stage.send(&if of_before { before } else { edge.will() });
        stage.pass(secs(60));
        assert_eq!(stage.look().len(), told, "{of_before} {moves}");
        let phase = if told == 0 { NodePhase::Awaited } else { NodePhase::Offline };
        assert_eq!(stage.host.phase(edge.node()), phase, "{of_before} {moves}");
    }
}

#[test]
fn a_will_before_an_expected_node_was_asked_is_believed_once_it_does_not_answer() {
    let mut stage = Stage::new();
    let edge = edge();
    stage.host.expect_online(edge.node(), &[], stage.now);
    stage.send(&edge.will());
    stage.check(&[]);
    stage.pass(ms(9999));
    assert!(stage.look().iter().all(|line| line == "rebirth 0 g/n"));
    stage.pass(ms(1));
    assert_eq!(stage.look()[0], "death g/n silent @1010000");
    assert_eq!(stage.host.problems().count(), 0, "a death has come");
    // Whom nobody may ask, a death ends at once.
    let mut stage = Stage::with(|config| config.rebirth.reasons = RebirthReasons::NONE);
    stage.host.expect_online(edge.node(), &[], stage.now);
    stage.send(&edge.will());
    stage.check(&["death g/n certificate @1000000"]);
}

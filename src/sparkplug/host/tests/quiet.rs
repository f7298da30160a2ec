//! Nodes that are quiet for hours: what is asked once may be lost, and nobody else tells.

use super::*;
use crate::sparkplug::rebirth::{RebirthReason, RebirthReasons};

fn a(value: i32) -> [Metric; 1] {
    [Metric::new("a", value)]
}

/// After how many seconds the node is asked, while it is silent.
fn asked(stage: &mut Stage, seconds: u64) -> Vec<u64> {
    let mut asked = Vec::new();
    for second in 0..seconds {
        if stage.look().contains(&"rebirth 0 g/n".to_owned()) {
            asked.push(second);
        }
        stage.pass(secs(1));
    }
    asked
}

fn problem(stage: &Stage) -> Option<RebirthReason> {
    stage.host.problems().next().map(|(_, problem)| problem.reason)
}

const EVER_RARER: [u64; 11] = [1, 5, 15, 35, 75, 155, 315, 635, 1275, 2555, 5115];

#[test]
fn a_quiet_node_whose_birth_could_not_be_read_is_asked_until_it_answers() {
    for (device, oversized) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), a(1)));
        stage.send(&edge.dbirth("d", stage.time(), a(1)));
        stage.pass(secs(60));
        stage.look();
        let birth = match device {
            false => edge.nbirth(stage.time(), a(2)),
            true => edge.dbirth("d", stage.time(), a(2)),
        };
        if oversized {
            stage.host.handle_oversized(SERVER, &birth.topic, false, stage.now);
        } else {
            stage.send(&Message { payload: vec![0xff], ..birth });
        }
        // It misses the request, and says nothing.
        stage.pass(ms(4999));
        assert_eq!((stage.look().len(), problem(&stage)), (1, None));
        stage.pass(ms(1));
        assert_eq!((stage.look().len(), problem(&stage)), (1, Some(RebirthReason::Undecodable)));
        assert_eq!(asked(&mut stage, 10_000)[..9], EVER_RARER.map(|at| at.saturating_sub(5))[2..]);
        stage.pass(secs(48 * 3600));
        stage.look();
        let asked = asked(&mut stage, 7200);
        assert_eq!((asked.len(), asked[1] - asked[0]), (2, 3600), "never given up");
        stage.send(&edge.nbirth(stage.time(), a(2)));
        stage.send(&edge.dbirth("d", stage.time(), a(2)));
        assert_eq!(problem(&stage), None);
        stage.look();
        stage.pass(secs(2 * 3600));
        stage.check(&[]);
    }
}

#[test]
fn a_quiet_node_is_asked_on_after_our_drop_and_after_a_restart() {
    for restart in [false, true] {
        let mut stage = Stage::new();
        let mut edge = edge();
        if restart {
            stage.host.expect_online(edge.node(), &[], stage.now);
        } else {
            stage.send(&edge.nbirth(stage.time(), a(1)));
            stage.host.handle_disconnected(SERVER, stage.now);
            stage.pass(secs(3));
            stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
            stage.look();
        }
        stage.pass(ms(0));
        stage.check(&["rebirth 0 g/n"]);
        stage.pass(ms(5000));
        stage.check(&["rebirth 0 g/n"]);
        assert_eq!(problem(&stage), Some(RebirthReason::Expected));
        assert_eq!(asked(&mut stage, 10_000)[..9], EVER_RARER.map(|at| at.saturating_sub(5))[2..]);
        // It is told dead, may be alive, and is named for as long as nobody knows.
        assert_eq!(stage.host.phase(edge.node()), NodePhase::Offline);
        assert_eq!(problem(&stage), Some(RebirthReason::Expected));
        stage.send(&edge.nbirth(stage.time(), a(2)));
        assert_eq!((stage.host.phase(edge.node()), problem(&stage)), (NodePhase::Online, None));
        stage.look();
        stage.pass(secs(2 * 3600));
        stage.check(&[]);
    }
}

#[test]
fn who_was_known_as_dead_is_asked_on_but_is_no_problem() {
    let mut stage = Stage::new();
    let edge = edge();
    stage.host.request_birth_if_back(edge.node(), stage.now);
    assert_eq!(asked(&mut stage, 10_000)[..11], EVER_RARER);
    assert_eq!((stage.host.phase(edge.node()), problem(&stage)), (NodePhase::Unknown, None));
    // A death that has really come needs no asking.
    stage.send(&edge.will());
    stage.look();
    stage.pass(secs(2 * 3600));
    stage.check(&[]);
}

#[test]
fn a_quiet_node_is_asked_on_for_whatever_was_missed() {
    type Miss = fn(&mut Stage, &mut Edge);
    let misses: [(RebirthReason, Miss); 4] = [
        (RebirthReason::Gap, |stage, edge| {
            edge.skip(1);
            stage.send(&edge.ndata(stage.time(), a(3)));
        }),
        (RebirthReason::UnknownMetric, |stage, edge| {
            stage.send(&edge.ndata(stage.time(), [Metric::new("x", 1_i32)]));
        }),
        (RebirthReason::Undecodable, |stage, edge| {
            let data = edge.ndata(stage.time(), a(3));
            stage.send(&Message { payload: vec![0xff], ..data });
        }),
        (RebirthReason::BeforeBirth, |stage, edge| {
            stage.send(&edge.ddata("d", stage.time(), a(3)));
        }),
    ];
    for (reason, miss) in misses {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), a(1)));
        miss(&mut stage, &mut edge);
        stage.pass(secs(3));
        stage.look();
        stage.pass(secs(6));
        stage.check(&["rebirth 0 g/n"]);
        assert_eq!(problem(&stage), Some(reason));
        stage.send(&edge.nbirth(stage.time(), a(2)));
        assert_eq!(problem(&stage), None);
        // A death ends it, too.
        miss(&mut stage, &mut edge);
        stage.pass(secs(60));
        stage.send(&edge.will());
        stage.look();
        stage.pass(secs(2 * 3600));
        stage.check(&[]);
        assert_eq!(problem(&stage), None);
    }
}

#[test]
fn a_new_node_whose_first_birth_could_not_be_read_is_asked_after_our_drop() {
    let mut stage = Stage::new();
    let mut edge = edge();
    let birth = edge.nbirth(stage.time(), a(1));
    stage.send(&Message { payload: vec![0xff], ..birth });
    stage.host.handle_disconnected(SERVER, stage.now);
    stage.pass(secs(3));
    stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
    stage.look();
    assert_eq!(asked(&mut stage, 20), [1, 5, 15]);
}

/// They were counted among the requests of those of whom a death is in doubt.
#[test]
fn requests_for_silence_have_a_reason_of_their_own() {
    use crate::sparkplug::rebirth::RebirthReasons;
    for (reasons, asks) in [
        (RebirthReasons::ALL, true),
        ("probe".parse().unwrap(), true),
        ("silence".parse().unwrap(), true),
        (RebirthReasons::ALL.without(RebirthReason::Silence), false),
    ] {
        let mut stage = Stage::with(|config| {
            config.silence = Some(secs(60));
            config.rebirth.reasons = reasons;
        });
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), a(1)));
        stage.pass(secs(65));
        let counts = stage.host.counters().rebirths;
        let others = counts.iter().sum::<u64>() - counts[RebirthReason::Silence as usize];
        assert_eq!((counts[RebirthReason::Silence as usize] > 0, others), (asks, 0), "{reasons}");
        let named = asks.then_some(RebirthReason::Silence);
        assert_eq!(problem(&stage), named, "{reasons}");
        stage.send(&edge.ndata(stage.time(), a(2)));
        assert_eq!(problem(&stage), None, "a sign of life");
    }
}

/// The host looked for them again and again, and came to no end.
#[test]
fn the_silence_of_who_may_not_be_asked_says_nothing() {
    use crate::globs::Globs;
    use crate::sparkplug::rebirth::RebirthReasons;
    let none = |config: &mut Config| config.rebirth.reasons = RebirthReasons::NONE;
    let excluded = |config: &mut Config| {
        config.filter.include = Some(Globs::parse_trees("g/n/d").unwrap());
    };
    let sets: [&dyn Fn(&mut Config); 2] = [&none, &excluded];
    for set in sets {
        let mut stage = Stage::with(|config| {
            config.silence = Some(secs(60));
            set(config);
        });
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), a(1)));
        stage.look();
        stage.pass(secs(600));
        stage.check(&[]);
        assert_eq!(stage.host.phase(edge.node()), NodePhase::Online);
    }
}

/// It lives if its own server delivers something of it, whatever that says.
#[test]
fn who_sends_what_cannot_be_read_is_not_silent() {
    let other = ServerId(1);
    for (server, is_asked) in [(SERVER, false), (other, true)] {
        let mut stage = Stage::with(|config| {
            config.silence = Some(secs(60));
            config.rebirth.reasons = RebirthReasons::NONE.with(RebirthReason::Silence);
        });
        stage.host.handle_connected(other, stage.time(), stage.now);
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), []));
        stage.pass(secs(40));
        let damaged = Message { payload: vec![0xff], ..edge.ndata(stage.time(), []) };
        stage.send_via(server, &damaged);
        stage.look();
        stage.pass(secs(40));
        let asked = stage.look().contains(&"rebirth 0 g/n".to_owned());
        assert_eq!(asked, is_asked, "{server:?}");
    }
}

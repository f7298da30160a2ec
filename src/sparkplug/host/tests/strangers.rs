//! Who was never born: nobody waits for them, and they take nobody's place.

use super::*;
use crate::globs::Globs;
use crate::sparkplug::filter::Filter;
use crate::sparkplug::rebirth::{RebirthReason, RebirthReasons};

fn a(value: i32) -> [Metric; 1] {
    [Metric::new("a", value)]
}

fn made_up(stage: &mut Stage, numbers: std::ops::Range<usize>, retain: bool) {
    for number in numbers {
        let verb = if retain { "NBIRTH" } else { "NDATA" };
        let topic = format!("spBv1.0/made-up/{verb}/{number}");
        stage.host.handle_message(SERVER, &topic, b"\x18\x05", retain, stage.now);
    }
}

#[test]
fn who_is_known_is_asked_before_strangers_and_what_is_stored() {
    for retain in [false, true] {
        let mut stage = Stage::new();
        let mut edges: Vec<_> =
            (0..100).map(|n| Edge::new(EdgeNode::new("g", format!("n{n}")), 0)).collect();
        for edge in &mut edges {
            stage.send(&edge.nbirth(stage.time(), a(1)));
        }
        made_up(&mut stage, 0..10_000, retain);
        stage.pass(secs(3));
        stage.host.handle_disconnected(SERVER, stage.now);
        stage.look();
        stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
        made_up(&mut stage, 0..10_000, retain);
        stage.pass(secs(2));
        let told = stage.look();
        let known = told.iter().filter(|line| line.starts_with("rebirth 0 g/")).count();
        assert_eq!(known, 100, "{retain}");
        // One that is new and speaks stands before what is only stored.
        if retain {
            let mut new = Edge::new(EdgeNode::new("g", "new"), 0);
            stage.send(&new.ndata(stage.time(), a(1)));
            stage.pass(ms(2100));
            assert!(stage.look().contains(&"rebirth 0 g/new".to_owned()));
        }
    }
}

/// The places of the requests to each node of group `g` among all, until all are asked.
fn places(stage: &mut Stage, seconds: u64) -> Vec<(usize, String)> {
    stage.pass(secs(seconds));
    let asked = stage.look().into_iter().filter(|line| line.starts_with("rebirth"));
    asked.enumerate().filter(|(_, line)| line.starts_with("rebirth 0 g/")).collect()
}

#[test]
fn who_was_made_up_and_born_once_is_asked_after_who_ever_spoke() {
    for honest in ["data", "answer", "again", "speaks now"] {
        let mut stage = Stage::new();
        let mut edges: Vec<_> =
            (0..50).map(|n| Edge::new(EdgeNode::new("g", format!("n{n}")), 0)).collect();
        let made_up = |stage: &mut Stage, numbers: std::ops::Range<usize>| {
            for number in numbers {
                let mut edge = Edge::new(EdgeNode::new("m", number.to_string()), 0);
                let birth = edge.nbirth(stage.time(), []);
                stage.send(&birth);
            }
        };
        made_up(&mut stage, 0..3000);
        if honest == "answer" {
            for edge in &edges {
                stage.host.request_birth_if_back(edge.node(), stage.now);
            }
            stage.pass(secs(2));
        }
        for edge in &mut edges {
            stage.send(&edge.nbirth(stage.time(), a(1)));
            match honest {
                "data" => stage.send(&edge.ndata(stage.time(), a(2))),
                "again" => {
                    edge.reconnect();
                    stage.send(&edge.nbirth(stage.time(), a(2)));
                }
                _ => {}
            }
        }
        made_up(&mut stage, 3000..6000);
        stage.host.handle_disconnected(SERVER, stage.now);
        stage.pass(secs(3));
        stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
        if honest == "speaks now" {
            for edge in &mut edges {
                stage.send(&edge.ndata(stage.time(), a(3)));
            }
        }
        stage.look();
        let places = places(&mut stage, 4);
        assert!(places.len() >= 50 && places[49].0 < 50 + 10, "{honest}: {places:?}");
    }
}

#[test]
fn who_is_dead_does_not_keep_a_new_node_from_being_asked() {
    let mut stage = Stage::new();
    for number in 0..2000 {
        let mut edge = Edge::new(EdgeNode::new("m", number.to_string()), 0);
        stage.send(&edge.nbirth(stage.time(), a(1)));
        stage.send(&edge.ndata(stage.time(), a(2)));
    }
    stage.host.handle_disconnected(SERVER, stage.now);
    stage.pass(secs(3));
    stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
    let mut new = Edge::new(EdgeNode::new("g", "new"), 0);
    stage.send(&new.ndata(stage.time(), a(1)));
    stage.look();
    // Each is asked once, and then it is the turn of the new one before any is asked again.
    let places = places(&mut stage, 60);
    assert!(places[0].0 <= 2000 + 10, "{places:?}");
}

#[test]
fn strangers_do_not_shut_out_the_next_node() {
    let mut stage = Stage::new();
    let mut known = edge();
    stage.send(&known.nbirth(stage.time(), a(1)));
    stage.pass(secs(60));
    made_up(&mut stage, 0..limits::NODES - 2, false);
    let mut recent = Edge::new(EdgeNode::new("g", "recent"), 0);
    stage.pass(secs(1));
    stage.send(&recent.ndata(stage.time(), a(1)));
    stage.look();
    // All places are taken.
    let mut new = Edge::new(EdgeNode::new("g", "new"), 0);
    stage.send(&new.nbirth(stage.time(), a(1)));
    stage.check(&["birth g/new: a#2=1"]);
    made_up(&mut stage, limits::NODES..limits::NODES + 5000, false);
    let phase = |node: &str| stage.host.phase(&EdgeNode::new("g", node));
    assert_eq!(
        (phase("n"), phase("new"), phase("recent")),
        (NodePhase::Online, NodePhase::Online, NodePhase::Awaited)
    );
    assert_eq!(stage.host.phases().count(), limits::NODES);
    assert_eq!(stage.host.counters().findings.count(Finding::TooManyNodes), 5001);
    stage.send(&known.ndata(stage.time(), a(2)));
    assert!(stage.look().contains(&"data g/n: #2=2".to_owned()));
    // What they said is counted, although they are forgotten.
    let before = stage.host.counters().messages;
    assert_eq!(before, 1 + limits::NODES as u64 - 2 + 1 + 1 + 5000 + 1);
}

#[test]
fn where_all_are_known_who_is_offline_longest_is_forgotten_and_nobody_who_is_online() {
    let mut stage = Stage::new();
    let node = |n: usize| Edge::new(EdgeNode::new("g", n.to_string()), 0);
    for n in 0..limits::NODES {
        stage.send(&node(n).nbirth(stage.time(), []));
    }
    stage.look();
    let mut new = Edge::new(EdgeNode::new("g", "new"), 0);
    stage.send(&new.ndata(stage.time(), a(1)));
    stage.check(&[]);
    assert_eq!(stage.host.counters().skipped_values[SkipReason::Limits as usize], 1);
    for n in [7, 5] {
        stage.pass(secs(1));
        stage.send(&node(n).will());
    }
    stage.look();
    stage.pass(secs(1));
    stage.send(&new.nbirth(stage.time(), a(1)));
    stage.check(&["birth g/new: a#2=1"]);
    assert_eq!(stage.host.phase(&EdgeNode::new("g", "7")), NodePhase::Unknown);
    assert_eq!(stage.host.phase(&EdgeNode::new("g", "5")), NodePhase::Offline);
}

/// Births of made-up nodes, which may say something after it, too.
fn born_once(stage: &mut Stage, numbers: std::ops::Range<usize>, also_say: bool) {
    for number in numbers {
        let mut edge = Edge::new(EdgeNode::new("m", number.to_string()), 0);
        stage.send(&edge.nbirth(stage.time(), []));
        if also_say {
            stage.send(&edge.ndata(stage.time(), []));
        }
    }
}

/// The next was shut out until a restart.
#[test]
fn who_was_born_once_and_said_nothing_for_ten_minutes_goes_before_one_is_shut_out() {
    let mut stage = Stage::new();
    let mut quiet = edge();
    stage.send(&quiet.nbirth(stage.time(), a(1)));
    stage.send(&quiet.ndata(stage.time(), a(2)));
    born_once(&mut stage, 0..limits::NODES - 3, false);
    // One whose birth cannot be read any more, and one with a device.
    let mut damaged = Edge::new(EdgeNode::new("m", "damaged"), 0);
    stage.send(&damaged.nbirth(stage.time(), []));
    let birth = damaged.nbirth(stage.time(), []);
    stage.send(&Message { payload: vec![0xff], ..birth });
    let mut last = Edge::new(EdgeNode::new("m", "last"), 0);
    stage.pass(secs(1));
    stage.send(&last.nbirth(stage.time(), a(1)));
    stage.send(&last.dbirth("d", stage.time(), a(1)));
    stage.pass(ms(598_999));
    stage.look();
    let mut new = Edge::new(EdgeNode::new("g", "new"), 0);
    stage.send(&new.nbirth(stage.time(), a(1)));
    stage.check(&[]);
    stage.pass(secs(1));
    stage.send(&new.nbirth(stage.time(), a(1)));
    stage.check(&["death m/0 silent @1600999", "birth g/new: a#2=1"]);
    stage.send(&new.ndata(stage.time(), a(2)));
    stage.pass(secs(1));
    for number in 0..limits::NODES - 3 {
        stage.send(&Edge::new(EdgeNode::new("h", number.to_string()), 0).nbirth(stage.time(), []));
    }
    stage.look();
    stage.send(&Edge::new(EdgeNode::new("g", "next"), 0).nbirth(stage.time(), a(1)));
    stage.check(&[
        "death m/last/d node @1601999",
        "death m/last silent @1601999",
        "birth g/next: a#2=1",
    ]);
    assert_eq!(stage.host.phase(quiet.node()), NodePhase::Online, "it has said something");
    assert_eq!(stage.host.phase(new.node()), NodePhase::Online);
    assert_eq!(stage.host.phase(damaged.node()), NodePhase::Unknown);
}

/// They are alive, for all that is known, but some may be made up or gone without a death.
#[test]
fn where_all_have_said_something_who_is_silent_for_an_hour_is_asked() {
    for may_ask in [true, false] {
        let mut stage = Stage::with(|config| {
            if !may_ask {
                config.rebirth.reasons = RebirthReasons::ALL.without(RebirthReason::Probe);
            }
        });
        let mut quiet = edge();
        stage.send(&quiet.nbirth(stage.time(), a(1)));
        stage.send(&quiet.ndata(stage.time(), a(2)));
        born_once(&mut stage, 0..limits::NODES - 1, true);
        stage.pass(ms(3_599_999));
        stage.look();
        let mut new = Edge::new(EdgeNode::new("g", "new"), 0);
        stage.send(&new.ndata(stage.time(), a(1)));
        stage.pass(ms(1));
        stage.check(&[]);
        stage.pass(secs(1));
        stage.send(&new.ndata(stage.time(), a(1)));
        stage.pass(secs(3));
        let asked = stage.look();
        assert_eq!(asked.len(), if may_ask { 100 } else { 0 }, "{asked:?}");
        if !may_ask {
            continue;
        }
        assert_eq!(asked[0], "rebirth 0 g/n");
        stage.send(&quiet.nbirth(stage.time(), a(2)));
        stage.pass(secs(20));
        stage.look();
        stage.send(&new.nbirth(stage.time(), a(1)));
        stage.check(&["birth g/new: a#2=1"]);
        assert_eq!(stage.host.phase(quiet.node()), NodePhase::Online);
    }
}

#[test]
fn who_is_offline_for_long_is_forgotten() {
    let mut stage = Stage::new();
    let mut known = edge();
    let mut online = Edge::new(EdgeNode::new("g", "online"), 0);
    stage.send(&known.nbirth(stage.time(), a(1)));
    stage.send(&online.nbirth(stage.time(), a(1)));
    stage.send(&known.will());
    made_up(&mut stage, 0..10, false);
    stage.pass(secs(25 * 3600));
    stage.host.handle_timeout(stage.now);
    assert_eq!(stage.host.nodes().count(), 2);
    stage.pass(secs(7 * 24 * 3600));
    stage.host.handle_timeout(stage.now);
    let left: Vec<_> = stage.host.phases().map(|(edge, _)| edge.to_string()).collect();
    assert_eq!(left, ["g/online"]);
    // It may come back.
    known.reconnect();
    stage.look();
    stage.send(&known.nbirth(stage.time(), a(1)));
    stage.check(&["birth g/n: a#2=1"]);
    // While our server is lost nobody is offline for long.
    stage.host.handle_disconnected(SERVER, stage.now);
    stage.pass(secs(30 * 24 * 3600));
    stage.host.handle_timeout(stage.now);
    assert_eq!(stage.host.nodes().count(), 2);
}

/// It was one of the crowd once it had been asked in vain.
#[test]
fn who_sitewise_has_as_offline_is_no_stranger() {
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.host.request_birth_if_back(edge.node(), stage.now);
    stage.pass(secs(20));
    made_up(&mut stage, 0..10_000, false);
    stage.pass(secs(3));
    stage.look();
    // It comes alive, and its birth is missed.
    stage.send(&edge.ndata(stage.time(), a(1)));
    let places = places(&mut stage, 3);
    assert!(places.len() == 1 && places[0].0 < 110, "{places:?}");
    // Nor is it the first to go.
    let mut stage = Stage::new();
    stage.host.request_birth_if_back(edge.node(), stage.now);
    stage.pass(secs(20));
    made_up(&mut stage, 0..limits::NODES, false);
    let is_kept = |stage: &Stage| stage.host.phases().any(|(known, _)| known == edge.node());
    assert_eq!((stage.host.phases().count(), is_kept(&stage)), (limits::NODES, true));
    // It is asked on for a week.
    let mut stage = Stage::new();
    stage.host.request_birth_if_back(edge.node(), stage.now);
    stage.pass(secs(6 * 24 * 3600));
    stage.look();
    stage.pass(secs(3600));
    stage.check(&["rebirth 0 g/n"]);
    stage.pass(secs(25 * 3600));
    assert_eq!(stage.host.phases().count(), 0);
}

#[test]
fn who_is_not_included_is_never_commanded() {
    let include = |text: &str| {
        let include = Some(Globs::parse_trees(text).unwrap());
        Stage::with(|config| config.filter = Filter { include, exclude: None })
    };
    // By the address alone, or since nothing of its birth is taken.
    for text in ["g/mine", "*/Temp"] {
        let mut stage = include(text);
        let mut other = Edge::new(EdgeNode::new("g", "other"), 0);
        let mut late = stage.now.instant;
        for second in 0..600 {
            stage.send(&other.ndata(stage.time(), a(1)));
            stage.pass(secs(1));
            for line in stage.look() {
                if (text, &*line) == ("g/mine", "nobody admitted, first g/other") {
                    continue;
                }
                assert_eq!((text, &*line), ("*/Temp", "rebirth 0 g/other"));
                stage.send(&other.nbirth(stage.time(), a(1)));
                late = stage.now.instant;
            }
            other.skip(u8::from(second % 7 == 0));
        }
        assert!(late.since(Instant::START) < secs(70), "once, to see what it has");
    }
    // Its devices alike.
    let mut stage = include("g/n/d1");
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), a(1)));
    stage.send(&edge.ddata("d2", stage.time(), a(1)));
    stage.pass(secs(60));
    stage.check(&[]);
    stage.send(&edge.ddata("d1", stage.time(), a(1)));
    stage.pass(secs(1));
    stage.check(&["rebirth 0 g/n"]);
}

#[test]
fn values_skipped_of_who_is_forgotten_stay_counted() {
    let mut stage = Stage::new();
    stage.send(&edge().ndata(stage.time(), a(1)));
    stage.pass(secs(60));
    let skipped = stage.host.counters().skipped_values;
    assert_eq!(skipped[SkipReason::BeforeBirth as usize], 1);
    stage.pass(secs(25 * 3600));
    stage.host.handle_timeout(stage.now);
    assert_eq!(stage.host.nodes().count(), 0);
    assert_eq!(stage.host.counters().skipped_values, skipped);
}

#[test]
fn a_node_of_which_a_device_alone_is_included_is_asked_for_what_is_missing() {
    let include = Some(Globs::parse_trees("g/n/d").unwrap());
    let mut stage = Stage::with(|config| config.filter = Filter { include, exclude: None });
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), a(1)));
    stage.send(&edge.dbirth("d", stage.time(), a(1)));
    edge.skip(1);
    stage.send(&edge.ddata("d", stage.time(), a(2)));
    stage.pass(secs(3));
    let told = stage.look();
    assert_eq!(told.last().unwrap(), "rebirth 0 g/n", "{told:?}");
    // What is told of it is counted.
    assert_eq!(stage.host.counters().samples, 1);
}

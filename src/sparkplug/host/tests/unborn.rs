//! Devices that speak before they are born, or born again.

use super::*;
use crate::sparkplug::rebirth::{RebirthReason, RebirthReasons};

fn a(value: i32) -> [Metric; 1] {
    [Metric::new("a", value)]
}

fn skipped(stage: &Stage) -> u64 {
    stage.host.counters().skipped_values[SkipReason::BeforeBirth as usize]
}

/// An aliased node with two devices, online for a while.
fn plant() -> (Stage, Edge) {
    plant_with(RebirthReasons::ALL)
}

fn plant_with(reasons: RebirthReasons) -> (Stage, Edge) {
    let mut stage = Stage::with(|config| config.rebirth.reasons = reasons);
    let mut edge = edge().with_aliases();
    stage.send(&edge.nbirth(stage.time(), a(1)));
    stage.send(&edge.dbirth("d", stage.time(), a(1)));
    stage.send(&edge.dbirth("e", stage.time(), a(1)));
    stage.pass(secs(60));
    stage.look();
    (stage, edge)
}

/// A gateway with a thread for each device: it was read only where something had waited before the
/// node was born.
#[test]
fn what_a_device_says_by_alias_between_the_birth_of_its_node_and_its_own_is_read() {
    for (our_drop, same_session) in [(true, true), (false, true), (true, false), (false, false)] {
        let (mut stage, mut edge) = plant();
        if our_drop {
            stage.host.handle_disconnected(SERVER, stage.now);
            stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
        }
        let by_alias = edge.clone().ddata("d", stage.time(), a(2));
        let mut payload = payload::decode(&by_alias.payload).unwrap();
        assert_eq!(payload.metrics[0].name, None);
        payload.seq = Some(1);
        if !same_session {
            edge.reconnect();
        }
        stage.send(&edge.nbirth(stage.time(), a(1)));
        stage.look();
        stage.send(&Message { payload: payload::encode(&payload), ..by_alias });
        edge.skip(1);
        stage.pass(ms(100));
        // The edge numbers aliases in the order of births.
        stage.send(&edge.dbirth("d", stage.time(), a(3)));
        stage.send(&edge.dbirth("e", stage.time(), a(1)));
        let told = stage.look();
        let read = told.contains(&"before birth data g/n/d: #0=2".to_owned());
        assert_eq!(
            (read, skipped(&stage)),
            (same_session, u64::from(!same_session)),
            "{our_drop} {told:?}"
        );
        // Nothing of it is kept longer than it is of use.
        assert_eq!(stage.host.memory_use.past_leaves, 0);
    }
}

/// They stand in nobody's way: they go first where memory is short.
#[test]
fn what_unborn_devices_were_known_by_goes_where_memory_is_short() {
    let mut stage = Stage::with(|config| config.table_bytes = 256 << 10);
    let many = || (0..100).map(|n| Metric::new(&format!("metric {n}"), 1_i32));
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), []));
    for device in ["d", "e"] {
        stage.send(&edge.dbirth(device, stage.time(), many()));
    }
    stage.pass(secs(10));
    stage.send(&edge.nbirth(stage.time(), []));
    assert!(stage.host.memory_use.past_leaves > 0);
    for number in 0..100 {
        let mut other = Edge::new(EdgeNode::new("g", number.to_string()), 0);
        stage.send(&other.nbirth(stage.time(), many()));
        if stage.host.memory_use.past_leaves == 0 {
            return assert_eq!(stage.host.counters().findings.count(Finding::TooManyLeaves), 0);
        }
    }
    panic!("they stay: {:?}", stage.host.memory_use);
}

/// The clock of another device's death, or of another's data, ran for it, too: it waited a tenth of
/// a second.
#[test]
fn what_a_device_says_waits_ten_seconds_whatever_others_waited_for() {
    for dies in [true, false] {
        // Each request for births is a reason to wait on.
        let (mut stage, mut edge) = plant_with(RebirthReasons::NONE);
        match dies {
            true => stage.send(&edge.ddeath("e", stage.time())),
            false => stage.send(&edge.ddata("ghost", stage.time(), a(1))),
        }
        stage.pass(ms(9_900));
        stage.send(&edge.ddata("late", stage.time(), a(2)));
        stage.pass(ms(9_900));
        stage.look();
        stage.send(&edge.dbirth("late", stage.time(), a(3)));
        let told = stage.look();
        let read = "before birth data g/n/late: #0=2".to_owned();
        assert!(told.contains(&read), "{dies} {told:?}");
        assert_eq!(skipped(&stage), if dies { 0 } else { 1 });
    }
}

/// Its answer is due ten seconds after it is asked.
#[test]
fn what_a_device_says_waits_until_ten_seconds_after_the_request() {
    let (mut stage, mut edge) = plant();
    edge.skip(1);
    stage.send(&edge.ndata(stage.time(), a(2)));
    stage.pass(secs(2));
    stage.check(&["after gap data g/n: #2=2", "rebirth 0 g/n"]);
    // One is under way.
    stage.send(&edge.ddata("late", stage.time(), a(2)));
    stage.pass(ms(14_999));
    assert!(stage.look().iter().all(|line| line == "rebirth 0 g/n"));
    stage.send(&edge.nbirth(stage.time(), a(1)));
    stage.send(&edge.dbirth("late", stage.time(), a(3)));
    let told = stage.look();
    assert_eq!(told.last().unwrap(), "before birth data g/n/late: #0=2", "{told:?}");
}

/// It was told dead ten seconds after the birth of its node, and what it said was thrown away.
#[test]
fn a_device_that_speaks_is_not_told_dead_since_its_birth_is_missing() {
    // As where a request for a gap is debounced.
    let without_gap = RebirthReasons::ALL.without(RebirthReason::Gap);
    for reasons in [without_gap, RebirthReasons::NONE] {
        let mut stage = Stage::with(|config| config.rebirth.reasons = reasons);
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), a(1)));
        for device in ["gone", "speaks"] {
            stage.send(&edge.dbirth(device, stage.time(), a(1)));
        }
        stage.pass(secs(60));
        stage.send(&edge.nbirth(stage.time(), a(1)));
        edge.skip(2);
        stage.pass(ms(100));
        stage.send(&edge.ddata("speaks", stage.time(), a(2)));
        stage.pass(secs(1));
        stage.look();
        stage.pass(secs(10));
        let told = stage.look();
        let mut expected = vec!["death g/n/gone node @1070000"];
        if reasons == RebirthReasons::NONE {
            stage.check_found_of(Finding::RebirthUnanswered, 1);
        } else {
            expected.push("rebirth 0 g/n");
        }
        assert_eq!(told, expected);
        stage.send(&edge.nbirth(stage.time(), a(1)));
        stage.send(&edge.dbirth("speaks", stage.time(), a(3)));
        let told = stage.look();
        assert_eq!(told.last().unwrap(), "before birth data g/n/speaks: #0=2", "{told:?}");
        stage.pass(secs(60));
        stage.check(&[]);
        // Nor is it alive for ever: it is not born again with its node, and says nothing.
        stage.send(&edge.nbirth(stage.time(), a(1)));
        stage.pass(secs(60));
        assert_eq!(stage.look()[1], "death g/n/speaks node @1141100");
    }
}

/// What it said was on its way before the birth of its node, which it is not a part of any more.
#[test]
fn a_device_that_spoke_before_the_birth_of_its_node_is_not_alive_for_that() {
    let (mut stage, mut edge) = plant();
    let damaged = edge.nbirth(stage.time(), a(1));
    stage.send(&Message { payload: vec![0xff], ..damaged });
    stage.send(&edge.ddata("d", stage.time(), a(2)));
    stage.pass(secs(1));
    stage.send(&edge.nbirth(stage.time(), a(1)));
    stage.send(&edge.dbirth("e", stage.time(), a(1)));
    stage.look();
    stage.pass(secs(60));
    stage.check(&["death g/n/d node @1071000"]);
    assert_eq!(skipped(&stage), 1);
}

/// It stayed online, or unread and unasked, for as long as another device of its gateway was born again.
#[test]
fn a_device_that_is_not_reborn_is_dead_or_asked_for_however_often_another_is_born() {
    for speaks in [false, true] {
        for ending in ["DDEATH", "unreadable", "nothing"] {
            let mut stage = Stage::new();
            let mut edge = edge();
            let a = || [Metric::new("a", 1_i32)];
            stage.send(&edge.nbirth(stage.time(), a()));
            stage.send(&edge.dbirth("d", stage.time(), a()));
            stage.send(&edge.dbirth("e", stage.time(), a()));
            stage.pass(secs(60));
            stage.send(&edge.nbirth(stage.time(), a()));
            stage.send(&edge.dbirth("e", stage.time(), a()));
            stage.look();
            for second in 0..20 {
                stage.pass(secs(1));
                if speaks {
                    stage.send(&edge.ddata("d", stage.time(), a()));
                }
                if second % 5 > 0 {
                    continue;
                }
                match ending {
                    "DDEATH" => stage.send(&edge.ddeath("e", stage.time())),
                    "unreadable" => {
                        let birth = edge.dbirth("e", stage.time(), a());
                        stage.send(&Message { payload: vec![0xff], ..birth });
                    }
                    _ => {}
                }
                stage.send(&edge.dbirth("e", stage.time(), a()));
            }
            let told = stage.look();
            let died = told.iter().any(|line| line.starts_with("death g/n/d node"));
            let asked = told.iter().any(|line| line == "rebirth 0 g/n");
            assert_eq!(died, !speaks, "{ending} {told:?}");
            assert!(asked || !speaks, "{ending} {told:?}");
        }
    }
}

/// Each first birth shows that births have not stopped, also of one that nobody knew.
#[test]
fn the_first_birth_of_any_device_gives_the_others_time() {
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), []));
    stage.send(&edge.dbirth("last", stage.time(), []));
    stage.pass(secs(60));
    stage.send(&edge.nbirth(stage.time(), []));
    for device in 0..10 {
        stage.pass(secs(8));
        stage.send(&edge.dbirth(&device.to_string(), stage.time(), []));
    }
    stage.pass(secs(8));
    stage.send(&edge.dbirth("last", stage.time(), []));
    stage.pass(secs(60));
    let told = stage.look();
    assert!(!told.iter().any(|line| line.starts_with("death")), "{told:?}");
}

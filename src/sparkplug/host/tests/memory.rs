//! What sessions keep is counted as long as they keep it.

use super::*;
use crate::sparkplug::rebirth::RebirthReasons;

/// A name or text of a kilobyte, which takes at least that.
fn kilobyte(n: usize) -> String {
    format!("{n:0>1000}")
}

fn many(count: usize) -> impl Iterator<Item = Metric> {
    (0..count).map(|n| Metric::new(&format!("metric {n}"), 1_i32))
}

/// What is counted is what the sessions take.
#[track_caller]
fn check_sums(stage: &Stage) {
    let sessions = || stage.host.sessions.iter().map(EdgeSession::memory_use);
    let counted = stage.host.memory_use;
    assert_eq!(counted.tables, sessions().map(|each| each.tables).sum::<usize>());
    assert_eq!(counted.past_leaves, sessions().map(|each| each.past_leaves).sum::<usize>());
    assert_eq!(counted.unproven, sessions().map(|each| each.unproven).sum::<usize>());
    assert_eq!(counted.bytes, sessions().map(|each| each.bytes).sum::<usize>());
}

#[test]
fn what_all_nodes_take_is_the_sum_of_what_each_takes_whoever_is_evicted() {
    let mut stage = Stage::with(|config| {
        config.table_bytes = 256 << 10;
        config.unproven_table_bytes = 128 << 10;
    });
    for number in 0..60 {
        let mut edge = Edge::new(EdgeNode::new("g", number.to_string()), 0);
        stage.send(&edge.ndata(stage.time(), [Metric::new("metric 0", 1_i32)]));
        stage.send(&edge.nbirth(stage.time(), many(50)));
        check_sums(&stage);
        match number % 3 {
            // Nothing is said after the birth, and what it left is kept.
            0 => stage.send(&edge.will()),
            1 => stage.send(&edge.ndata(stage.time(), [Metric::new("metric 0", 2_i32)])),
            _ => {}
        }
        stage.pass(ms(1100));
        check_sums(&stage);
    }
    assert!(stage.host.counters().findings.count(Finding::NoRoom) > 0);
}

#[test]
fn names_of_devices_waiting_messages_and_tables_of_the_dead_are_counted() {
    let devices: Vec<Arc<str>> = (0..20).map(|n| kilobyte(n).into()).collect();
    let mut stage = Stage::new();
    stage.host.expect_online(edge().node(), &devices, stage.now);
    assert!(stage.host.memory_use.tables >= 20_000, "{:?}", stage.host.memory_use);

    let mut stage = Stage::new();
    let mut edge = edge();
    let text = kilobyte(1);
    stage.send(&edge.ndata(stage.time(), [Metric::new("a", text.as_str())]));
    assert!(stage.host.memory_use.bytes >= 1_000, "{:?}", stage.host.memory_use);

    stage.send(&edge.nbirth(stage.time(), (0..20).map(|n| Metric::new(&kilobyte(n), 1_i32))));
    stage.send(&edge.will());
    assert!(stage.host.memory_use.past_leaves >= 20_000, "{:?}", stage.host.memory_use);
    check_sums(&stage);
}

/// A birth takes the place of the one before, and none is dropped with our link.
#[test]
fn births_that_are_kept_are_counted_once_and_also_after_a_drop() {
    let mut stage = Stage::with(|config| config.rebirth.reasons = RebirthReasons::NONE);
    let mut edge = edge();
    let text = "x".repeat(10_000);
    let metrics = || [Metric::new("a", text.as_str())];
    stage.send(&edge.nbirth(stage.time(), metrics()));
    let counted: Vec<_> = (0..3)
        .map(|_| {
            stage.send(&edge.dbirth("d", stage.time(), metrics()));
            stage.host.memory_use.bytes
        })
        .collect();
    assert!(counted[0] >= 20_000, "{counted:?}");
    assert_eq!(counted, [counted[0]; 3]);
    stage.host.handle_disconnected(SERVER, stage.now);
    assert!(stage.host.memory_use.bytes >= 20_000, "{:?}", stage.host.memory_use);
    check_sums(&stage);
}

/// What its birth before took is room for the next, and no more than that.
#[test]
fn a_device_that_is_born_again_with_more_than_there_is_room_for_is_cut() {
    const ALL: usize = 64 << 10;
    let mut stage = Stage::with(|config| config.table_bytes = ALL);
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), []));
    stage.send(&edge.dbirth("d", stage.time(), many(100)));
    stage.send(&edge.dbirth("d", stage.time(), many(2_000)));
    assert!(stage.host.memory_use.tables <= ALL + ALL / 2, "{:?}", stage.host.memory_use);
    assert!(stage.host.counters().findings.count(Finding::TooManyLeaves) > 0);
}

/// A birth may be made up. One that was asked for, or is not the first, is taken for what it says.
#[test]
fn who_answers_or_is_born_again_is_proven() {
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), many(1)));
    assert!(stage.host.memory_use.unproven > 0);
    stage.pass(secs(5));
    stage.send(&edge.nbirth(stage.time(), many(1)));
    assert_eq!(stage.host.memory_use.unproven, 0);

    let mut stage = Stage::new();
    stage.send(&edge.ndata(stage.time(), many(1)));
    stage.pass(secs(5));
    stage.check(&["rebirth 0 g/n"]);
    stage.send(&edge.nbirth(stage.time(), many(1)));
    assert_eq!(stage.host.memory_use.unproven, 0);
    assert!(stage.host.memory_use.tables > 0);
}

#[test]
fn two_messages_of_a_device_wait_for_its_birth() {
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), []));
    let text = "x".repeat(3_000);
    let metric = |n: i32| [Metric::new("text", text.as_str()), Metric::new("a", n)];
    for n in [1, 2] {
        stage.send(&edge.ddata("d", stage.time(), metric(n)));
    }
    stage.send(&edge.dbirth("d", stage.time(), metric(3)));
    let told = stage.look();
    for n in [1, 2] {
        let is_it =
            |line: &&String| line.starts_with("before birth") && line.ends_with(&format!("={n}"));
        assert_eq!(told.iter().filter(is_it).count(), 1, "{n}");
    }
    check_sums(&stage);
}

/// Names are compared without their case as long as the node is online, also those of dead devices.
#[test]
fn names_of_dead_devices_are_counted_as_long_as_they_are_compared() {
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), []));
    let taken: Vec<_> = (0..1000)
        .map(|number| {
            let device = format!("{number:0>4}");
            stage.send(&edge.dbirth(&device, stage.time(), []));
            stage.send(&edge.ddeath(&device, stage.time()));
            stage.host.memory_use.tables
        })
        .collect();
    // Beside its name each leaves what it was known by, which is alike.
    let each = taken[1] - taken[0];
    let names = taken[999] - taken[0] - 999 * each;
    assert!(names >= 999 * size_of::<(u64, u64)>(), "{names} {each}");
    check_sums(&stage);
}

/// What the dead left was dropped for want of room, and counted once more each time.
#[test]
fn what_the_dead_left_is_not_counted_any_more_once_it_is_dropped() {
    let mut stage = Stage::with(|config| {
        config.table_bytes = 256 << 10;
        config.unproven_table_bytes = 1 << 30;
    });
    let mut left = Vec::new();
    for number in 0..100 {
        let mut edge = Edge::new(EdgeNode::new("g", number.to_string()), 0);
        stage.send(&edge.nbirth(stage.time(), many(50)));
        stage.send(&edge.will());
        check_sums(&stage);
        left.push(stage.host.memory_use.past_leaves);
    }
    assert!(left.windows(2).any(|pair| pair[1] < pair[0]), "{left:?}");
}

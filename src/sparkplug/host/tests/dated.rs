//! Data that bears a time from before the birth: of the session before, or of a sender that dates
//! back.

use super::order::{node, online};
use super::*;

#[test]
fn a_sender_whose_payloads_bear_the_times_of_older_values_is_asked_after_a_gap() {
    for in_order in [0, 1] {
        let mut stage = Stage::new();
        let mut edge = online(&mut stage);
        stage.pass(ms(1));
        let old = Timestamp::from_millis(stage.time().as_millis() - 60_000);
        for _ in 0..in_order {
            stage.send(&edge.ndata(old, [Metric::new("a", 3_i32)]));
        }
        edge.skip(1);
        // Known to date back, it is asked at once; else when nothing can be on its way any more.
        for value in 4..4 + 6 / (in_order + 1) {
            stage.send(&edge.ndata(old, [Metric::new("a", value)]));
            stage.pass(secs(3));
        }
        let told = stage.look();
        assert!(told.contains(&"rebirth 0 g/n".to_owned()), "{in_order}: {told:?}");
    }
}

/// A node with aliases that has said `count` messages after its birth, and is born anew with its
/// aliases given to others.
fn reborn(stage: &mut Stage, count: usize) -> Edge {
    let mut edge = edge().with_aliases();
    let [a, b] = ["a", "b"].map(|name| Metric::new(name, 0_i32));
    stage.send(&edge.nbirth(stage.time(), [a.clone(), b.clone()]));
    for _ in 0..count {
        stage.send(&node(&mut edge, stage, 1));
    }
    stage.pass(secs(5));
    stage.send(&edge.nbirth(stage.time(), [b, a]));
    stage.look();
    edge
}

/// It was told at once as late, by names alone: aliases are of the session before, if it is.
#[test]
fn what_is_dated_back_and_has_a_number_of_the_new_session_waits_in_it() {
    for (count, back) in [(0, 60_000), (100, 60_000), (100, 3_000), (200, 3_000)] {
        let mut stage = Stage::new();
        let mut edge = reborn(&mut stage, count);
        let old = stage.time().minus(ms(back));
        edge.skip(1);
        for value in [2, 3] {
            stage.send(&edge.ndata(old, [Metric::new("a", value)]));
        }
        stage.check(&[]);
        stage.send(&edge.will());
        let told = stage.look();
        let expected = ["after gap data g/n: #3=2", "after gap data g/n: #3=3"];
        assert_eq!(told[..2], expected, "{count} {back}");
    }
}

/// It was read before the birth that waited in the window, as what is older than that.
#[test]
fn what_a_device_dates_back_stays_behind_its_birth() {
    let mut stage = Stage::new();
    let mut edge = online(&mut stage);
    stage.pass(secs(5));
    stage.send(&edge.nbirth(stage.time(), [Metric::new("a", 0_i32)]));
    stage.look();
    edge.skip(1);
    stage.send(&edge.dbirth("d", stage.time(), [Metric::new("a", 1_i32)]));
    let old = stage.time().minus(secs(60));
    stage.send(&edge.ddata("d", old, [Metric::new("a", 2_i32)]));
    stage.pass(secs(2));
    let told = ["birth g/n/d: a#0=1", "after gap data g/n/d: #0=2", "rebirth 0 g/n"];
    stage.check(&told);
    stage.check_found(&[(Finding::Gap, 1)]);
}

/// It was read in the place of a message of the new session: the device was born or dead by what it
/// had said before, and what has the number was late.
#[test]
fn what_a_device_said_before_its_nodes_birth_takes_no_place_after_it() {
    for died in [false, true] {
        let mut stage = Stage::new();
        let mut edge = edge();
        let born = |value: i32| [Metric::new("a", value)];
        stage.send(&edge.nbirth(stage.time(), born(0)));
        stage.send(&edge.dbirth("d", stage.time(), born(1)));
        let overtaken = match died {
            true => edge.ddeath("d", stage.time()),
            false => edge.dbirth("d", stage.time(), born(2)),
        };
        stage.pass(secs(1));
        stage.send(&edge.nbirth(stage.time(), born(0)));
        stage.look();
        stage.send(&overtaken);
        stage.send(&edge.dbirth("d", stage.time(), born(3)));
        stage.send(&edge.ddata("d", stage.time(), born(4)));
        stage.check(&["birth g/n/d: a#0=3", "data g/n/d: #0=4"]);
        stage.check_found_of(Finding::Late, 1);
    }
}

/// Its number goes on where the session before it was: it takes no place in the new one.
#[test]
fn what_was_said_just_before_the_birth_takes_no_place_after_it() {
    for count in [0, 1, 100, 200] {
        let mut stage = Stage::new();
        let mut edge = edge().with_aliases();
        let [a, b] = ["a", "b"].map(|name| Metric::new(name, 0_i32));
        stage.send(&edge.nbirth(stage.time(), [a.clone(), b.clone()]));
        for _ in 0..count {
            stage.send(&node(&mut edge, &stage, 1));
        }
        edge.skip(1);
        let late = node(&mut edge, &stage, 7);
        stage.pass(secs(1));
        stage.send(&edge.nbirth(stage.time(), [b, a]));
        stage.look();
        stage.send(&late);
        stage.send(&node(&mut edge, &stage, 2));
        stage.send(&node(&mut edge, &stage, 3));
        stage.check(&["data g/n: #3=2", "data g/n: #3=3"]);
        stage.check_found_of(Finding::Late, 1);
    }
}

//! Sequence: gaps, duplicates, what comes early and what comes late.

use super::*;

/// A node with `a` in slot 2 and a device with `a` in slot 0; 3 is the next number to send.
pub(super) fn online(stage: &mut Stage) -> Edge {
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), [Metric::new("a", 0_i32)]));
    stage.send(&edge.dbirth("d", stage.time(), [Metric::new("a", 0_i32)]));
    stage.send(&edge.ndata(stage.time(), [Metric::new("a", 2_i32)]));
    stage.look();
    edge
}

pub(super) fn node(edge: &mut Edge, stage: &Stage, value: i32) -> Message {
    edge.ndata(stage.time(), [Metric::new("a", value)])
}

fn device(edge: &mut Edge, stage: &Stage, value: i32) -> Message {
    edge.ddata("d", stage.time(), [Metric::new("a", value)])
}

#[test]
fn operational_behavior_host_reordering_success() {
    let mut stage = Stage::new();
    let mut edge = online(&mut stage);
    let three = node(&mut edge, &stage, 3);
    let four = device(&mut edge, &stage, 4);
    let five = node(&mut edge, &stage, 5);
    stage.send(&five);
    stage.pass(ms(1900));
    stage.send(&four);
    stage.check(&[]);
    stage.send(&three);
    stage.check(&["data g/n: #2=3", "data g/n/d: #0=4", "data g/n: #2=5"]);
    stage.pass(secs(60));
    stage.check(&[]);
    stage.check_found(&[]);
}

#[test]
fn operational_behavior_host_reordering_rebirth() {
    let mut stage = Stage::new();
    let mut edge = online(&mut stage);
    let three = node(&mut edge, &stage, 3);
    let four = node(&mut edge, &stage, 4);
    let five = node(&mut edge, &stage, 5);
    let six = node(&mut edge, &stage, 6);
    stage.send(&four);
    stage.send(&six);
    stage.pass(ms(1999));
    stage.check(&[]);
    stage.pass(ms(1));
    stage.check(&["after gap data g/n: #2=4", "after gap data g/n: #2=6", "rebirth 0 g/n"]);
    // It goes on from there; what was missing is history when it comes, and only once.
    let seven = node(&mut edge, &stage, 7);
    stage.send(&seven);
    stage.send(&three);
    stage.send(&three);
    stage.send(&five);
    stage.check(&["data g/n: #2=7", "late data g/n: #2=3", "late data g/n: #2=5"]);
    stage.check_found(&[(Finding::Gap, 2), (Finding::Duplicate, 1), (Finding::Late, 2)]);
    let figures = stage.host.figures(edge.node()).unwrap();
    assert_eq!((figures.gaps, figures.rebirths), (2, 1));
}

#[test]
fn operational_behavior_host_reordering_param() {
    let mut stage = Stage::with(|config| config.reorder_timeout = Duration::ZERO);
    let mut edge = online(&mut stage);
    edge.skip(1);
    stage.send(&node(&mut edge, &stage, 4));
    stage.pass(ms(0));
    stage.check(&["after gap data g/n: #2=4", "rebirth 0 g/n"]);
    let other = Edge::new(EdgeNode::new("g", "m"), 0).ndata(stage.time(), []);
    stage.send(&other);
    stage.pass(ms(0));
    stage.check(&["rebirth 0 g/m"]);
}

#[test]
fn payloads_sequence_num_incrementing() {
    let mut stage = Stage::new();
    let mut edge = online(&mut stage);
    for value in 0..600 {
        stage.send(&node(&mut edge, &stage, value));
        stage.pass(ms(1));
    }
    assert_eq!(stage.look().len(), 600);
    stage.check_found(&[]);
}

#[test]
fn a_gap_across_the_wrap_is_one_gap() {
    let mut stage = Stage::new();
    let mut edge = online(&mut stage);
    edge.skip(250);
    let lost = node(&mut edge, &stage, 1);
    assert_eq!(edge.next_seq(), 254);
    edge.skip(4);
    stage.pass(ms(1));
    stage.send(&node(&mut edge, &stage, 9));
    stage.pass(secs(2));
    stage.check(&["after gap data g/n: #2=9", "rebirth 0 g/n"]);
    stage.send(&lost);
    stage.check(&["late data g/n: #2=1"]);
    stage.check_found(&[(Finding::Gap, 1), (Finding::Late, 1)]);
}

#[test]
fn duplicates_are_harmless() {
    let mut stage = Stage::new();
    let mut edge = online(&mut stage);
    let three = node(&mut edge, &stage, 3);
    let four = node(&mut edge, &stage, 4);
    let five = node(&mut edge, &stage, 5);
    for message in [&three, &three, &five, &five, &four, &four, &five, &three] {
        stage.send(message);
    }
    stage.check(&["data g/n: #2=3", "data g/n: #2=4", "data g/n: #2=5"]);
    stage.pass(secs(60));
    stage.check(&[]);
    stage.check_found(&[(Finding::Duplicate, 5)]);
}

#[test]
fn a_birth_that_comes_twice_is_one_birth() {
    let mut stage = Stage::new();
    let mut edge = edge();
    let birth = edge.nbirth(stage.time(), [Metric::new("a", 0_i32)]);
    stage.send(&birth);
    stage.send(&node(&mut edge, &stage, 1));
    stage.send(&birth);
    stage.send(&node(&mut edge, &stage, 2));
    stage.check(&["birth g/n: a#2=0", "data g/n: #2=1", "data g/n: #2=2"]);
    stage.check_found(&[(Finding::Duplicate, 1)]);
    // Much later, the same bytes are a birth again.
    stage.pass(secs(60));
    stage.send(&birth);
    stage.check(&["birth g/n: a#2=0"]);
}

#[test]
fn deaths_of_devices_take_part_in_the_sequence() {
    let mut stage = Stage::new();
    let mut edge = online(&mut stage);
    let three = device(&mut edge, &stage, 3);
    let four = edge.ddeath("d", stage.time());
    stage.send(&four);
    stage.check(&[]);
    stage.send(&three);
    stage.check(&["data g/n/d: #0=3", "death g/n/d certificate @1000000"]);
}

#[test]
fn payloads_sequence_num_always_included() {
    let mut stage = Stage::new();
    let mut edge = online(&mut stage);
    let without = |message: &Message| {
        let mut payload = payload::decode(&message.payload).unwrap();
        payload.seq = None;
        Message { payload: payload::encode(&payload), ..message.clone() }
    };
    let next = edge.clone();
    stage.send(&without(&node(&mut edge, &stage, 3)));
    edge = next;
    stage.send(&node(&mut edge, &stage, 4));
    stage.check(&["data g/n: #2=3", "data g/n: #2=4"]);
    stage.check_found(&[(Finding::NoSeq, 1)]);
}

#[test]
fn topics_nbirth_seq_num() {
    use crate::sparkplug::payload::{decode, encode};
    let mut stage = Stage::new();
    let mut edge = edge();
    let birth = edge.nbirth(stage.time(), [Metric::new("a", 0_i32)]);
    let mut payload = decode(&birth.payload).unwrap();
    payload.seq = Some(255);
    stage.send(&Message { payload: encode(&payload), ..birth });
    edge.skip(255);
    stage.send(&node(&mut edge, &stage, 1));
    stage.check(&["birth g/n: a#2=0", "data g/n: #2=1"]);
    stage.check_found(&[(Finding::NotZero, 1)]);
}

#[test]
fn data_that_overtakes_its_birth_is_kept_for_it() {
    let mut stage = Stage::new();
    let mut edge = edge();
    let birth = edge.nbirth(stage.time(), [Metric::new("a", 0_i32)]);
    let one = edge.dbirth("d", stage.time(), [Metric::new("a", 1_i32)]);
    let two = device(&mut edge, &stage, 2);
    let three = node(&mut edge, &stage, 3);
    for message in [&three, &two, &one, &birth] {
        stage.send(message);
    }
    stage.check(&["birth g/n: a#2=0", "birth g/n/d: a#0=1", "data g/n/d: #0=2", "data g/n: #2=3"]);
    stage.pass(secs(60));
    stage.check(&[]);
    stage.check_found(&[]);
}

#[test]
fn data_that_overtakes_a_rebirth_is_kept_for_it() {
    let mut stage = Stage::new();
    let mut edge = online(&mut stage);
    let last = node(&mut edge, &stage, 3);
    edge.skip(1);
    let ahead = node(&mut edge, &stage, 5);
    stage.send(&ahead);
    stage.pass(ms(10));
    let birth = edge.nbirth(stage.time(), [Metric::new("b", 0_i32)]);
    let one = edge.ndata(stage.time(), [Metric::new("b", 1_i32)]);
    stage.send(&one);
    stage.send(&birth);
    stage.check(&["after gap data g/n: #2=5", "birth g/n: b#2=0", "data g/n: #2=1"]);
    let _ = last;
    stage.check_found(&[]);
}

#[test]
fn a_node_that_starts_anew_unseen_is_asked_for_its_birth() {
    let mut stage = Stage::new();
    let mut edge = online(&mut stage);
    stage.pass(secs(5));
    edge.nbirth(stage.time(), [Metric::new("a", 0_i32)]);
    for value in 1..5 {
        stage.send(&node(&mut edge, &stage, value));
    }
    stage.pass(secs(2));
    assert_eq!(stage.look().last().unwrap(), "rebirth 0 g/n");
}

#[test]
fn the_window_is_bounded() {
    let mut stage = Stage::new();
    let mut edge = online(&mut stage);
    edge.skip(1);
    for value in 0..128 {
        stage.send(&node(&mut edge, &stage, value));
    }
    assert_eq!(stage.look().len(), limits::WINDOW_MESSAGES);
    stage.pass(ms(0));
    stage.check(&["rebirth 0 g/n"]);
    stage.check_found(&[(Finding::Gap, 1)]);
}

/// A node with a device whose messages the server's rules hide from us: `unread` of them before
/// each that is read. What is told of the other device in `seconds`, with the values' times.
fn beside_a_hidden_device(unread: u8, seconds: i32) -> Vec<String> {
    let mut stage = Stage::new();
    let mut edge = edge();
    let born = |stage: &mut Stage, edge: &mut Edge| {
        stage.send(&edge.nbirth(stage.time(), [Metric::new("a", 1_i32)]));
        let _unread = edge.dbirth("secret", stage.time(), [Metric::new("x", 1_i32)]);
        stage.send(&edge.dbirth("open", stage.time(), [Metric::new("y", -1_i32)]));
    };
    born(&mut stage, &mut edge);
    let mut told = Vec::new();
    for second in 0..seconds {
        edge.skip(unread);
        stage.send(&edge.ddata("open", stage.time(), [Metric::new("y", second)]));
        stage.pass(secs(1));
        for line in stage.look() {
            if line.starts_with("rebirth") {
                born(&mut stage, &mut edge);
            }
            told.extend(line.contains("data g/n/open").then_some(line));
        }
    }
    stage.pass(secs(3));
    told.extend(stage.look().into_iter().filter(|line| line.contains("data g/n/open")));
    told
}

#[test]
fn a_device_that_may_not_be_read_does_not_make_what_others_say_late() {
    for unread in [1, 2, 7, 126, 127, 128, 199, 254] {
        let told = beside_a_hidden_device(unread, 600);
        let values = told.iter().map(|line| line.rsplit('=').next().unwrap().parse::<i32>());
        let values: Vec<_> = values.map(Result::unwrap).collect();
        if unread > 126 {
            // Half a round within the time for reordering: numbers alone cannot tell before from
            // after, and what is told of it bears its own time.
            assert!(values.len() > 580 && values.contains(&599), "{unread}: {values:?}");
        } else {
            assert_eq!(values, (0..600).collect::<Vec<_>>(), "{unread}");
        }
        let late = told.iter().filter(|line| line.starts_with("late")).count();
        assert!(late == 0 || unread > 126, "{unread}: {late}");
    }
}

#[test]
fn what_waited_when_the_node_dies_is_the_newest_there_is() {
    let mut stage = Stage::new();
    let mut edge = online(&mut stage);
    edge.skip(1);
    stage.send(&node(&mut edge, &stage, 95));
    stage.send(&edge.will());
    let told = stage.look();
    assert_eq!(told[0], "after gap data g/n: #2=95");
    assert!(told[2].starts_with("death g/n certificate"), "{told:?}");
}

#[test]
fn a_second_message_with_the_number_of_one_that_waits_is_older_than_nothing() {
    let mut stage = Stage::new();
    let mut edge = online(&mut stage);
    let mut other = edge.clone();
    for edge in [&mut edge, &mut other] {
        edge.skip(1);
    }
    stage.send(&node(&mut edge, &stage, 4));
    stage.pass(ms(1));
    stage.send(&node(&mut other, &stage, 44));
    stage.check(&["after gap data g/n: #2=44"]);
    stage.pass(secs(2));
    stage.check(&["after gap data g/n: #2=4", "rebirth 0 g/n"]);
}

#[test]
fn a_message_sent_before_one_that_was_told_is_late_half_a_round_on() {
    let mut stage = Stage::new();
    let mut edge = online(&mut stage);
    let three = node(&mut edge, &stage, 3);
    stage.pass(ms(1));
    stage.send(&node(&mut edge, &stage, 4));
    stage.pass(secs(2));
    stage.check(&["after gap data g/n: #2=4", "rebirth 0 g/n"]);
    for value in 5..100 {
        stage.send(&node(&mut edge, &stage, value));
    }
    assert_eq!(stage.look().len(), 95);
    stage.send(&three);
    stage.check(&["late data g/n: #2=3"]);
}

#[test]
fn a_sender_without_times_that_loses_a_message_is_heard_on() {
    let timeless = |message: Message| {
        let mut payload = payload::decode(&message.payload).unwrap();
        payload.timestamp = None;
        Message { payload: payload::encode(&payload), ..message }
    };
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.send(&timeless(edge.nbirth(stage.time(), [Metric::new("a", 1.0)])));
    // A round and more, so that each number was seen.
    for value in 0..300 {
        stage.send(&timeless(edge.ndata(stage.time(), [Metric::new("a", f64::from(value))])));
    }
    assert_eq!(stage.look().len(), 301);
    edge.skip(1);
    let mut last = None;
    for value in 0..100 {
        stage.pass(ms(100));
        let message = timeless(edge.ndata(stage.time(), [Metric::new("a", f64::from(value))]));
        for _twice in 0..2 {
            stage.send(&message);
        }
        last = Some(message);
    }
    stage.pass(secs(2));
    let told = stage.look().into_iter().filter(|line| line.contains("data g/n"));
    let told: Vec<_> = told.map(|line| line.rsplit('=').next().unwrap().to_owned()).collect();
    assert_eq!(told, (0..100).map(|value| value.to_string()).collect::<Vec<_>>());
    stage.check_found_of(Finding::Gap, 1);
    stage.check_found_of(Finding::Duplicate, 100);
    stage.send(&last.unwrap());
    stage.check(&[]);
}

/// Birth after birth has the same time and length, and another value.
#[test]
fn births_that_a_clock_makes_alike_that_stands_still_are_told_apart() {
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), [Metric::new("a", 1_i32)]));
    let birth = edge.nbirth(stage.time(), [Metric::new("a", 2_i32)]);
    stage.send(&birth);
    stage.send(&birth);
    stage.check(&["birth g/n: a#2=1", "birth g/n: a#2=2"]);
    stage.check_found(&[(Finding::Duplicate, 1)]);
}

/// The next birth numbers the aliases anew.
#[test]
fn an_alias_from_before_the_birth_means_nothing() {
    let mut stage = Stage::new();
    let mut edge = edge().with_aliases();
    let [a, b] = ["a", "b"].map(|name| Metric::new(name, 1_i32));
    stage.send(&edge.nbirth(stage.time(), [a.clone(), b.clone()]));
    edge.skip(2);
    let late = edge.ndata(stage.time(), [Metric::new("a", 7_i32)]);
    stage.pass(ms(10));
    stage.send(&edge.nbirth(stage.time(), [b]));
    stage.look();
    stage.send(&late);
    stage.pass(secs(60));
    stage.check(&[]);
    stage.check_found(&[(Finding::Late, 1), (Finding::BeforeBirth, 1)]);
}

/// It had waited for a message before it, and its number does not go on from the birth's.
#[test]
fn what_waits_when_a_birth_of_the_same_time_comes_is_told_before_it() {
    let mut stage = Stage::new();
    let mut edge = online(&mut stage);
    edge.skip(1);
    stage.send(&node(&mut edge, &stage, 4));
    stage.send(&edge.nbirth(stage.time(), [Metric::new("b", 0_i32)]));
    stage.check(&["after gap data g/n: #2=4", "birth g/n: b#2=0"]);
}

/// Its clock stands still, and its birth was lost once: what followed that goes on from the next.
#[test]
fn what_has_the_number_of_one_of_the_session_before_is_told_in_its_order() {
    let mut stage = Stage::new();
    let mut edge = edge();
    let _lost = edge.nbirth(stage.time(), [Metric::new("a", 0_i32)]);
    stage.send(&node(&mut edge, &stage, 7));
    stage.send(&edge.nbirth(stage.time(), [Metric::new("a", 0_i32)]));
    stage.check(&["birth g/n: a#2=0", "data g/n: #2=7"]);
    stage.send(&node(&mut edge, &stage, 8));
    stage.send(&node(&mut edge, &stage, 9));
    stage.pass(secs(60));
    let told = stage.look();
    let data: Vec<_> = told.iter().filter(|line| line.contains("data g/n")).collect();
    assert_eq!(data, ["after gap data g/n: #2=8", "data g/n: #2=9"]);
    assert!(told.iter().any(|line| line.starts_with("rebirth")), "{told:?}");
}

#[test]
fn a_device_born_with_the_number_of_one_of_the_session_before_is_read_by_its_birth() {
    let mut stage = Stage::new();
    let mut edge = edge();
    let _lost = edge.nbirth(stage.time(), []);
    stage.send(&edge.dbirth("d", stage.time(), [Metric::new("a", 1_i32)]));
    stage.send(&edge.nbirth(stage.time(), []));
    stage.look();
    stage.send(&edge.dbirth("d", stage.time(), [Metric::new("b", 2_i32)]));
    stage.send(&edge.ddata("d", stage.time(), [Metric::new("b", 3_i32)]));
    stage.send(&edge.will());
    let told = stage.look();
    let of_device: Vec<_> = told.iter().filter(|line| line.contains("g/n/d:")).collect();
    assert_eq!(of_device, ["birth g/n/d: b#0=2", "data g/n/d: #0=3"]);
}

/// By its times it comes after the birth, which cannot have been on its way for so long; or its
/// number goes on from the session before.
#[test]
fn what_waits_when_a_clock_goes_back_is_told_before_the_birth() {
    for (back, skipped) in [(180_000, 1), (1_000, 1), (180_000, 250)] {
        let mut stage = Stage::new();
        let mut edge = online(&mut stage);
        edge.skip(skipped);
        stage.send(&node(&mut edge, &stage, 4));
        stage.send(&edge.dbirth("d", stage.time(), [Metric::new("b", 5_i32)]));
        let then = Timestamp::from_millis(stage.time().as_millis() - back);
        stage.send(&edge.nbirth(then, [Metric::new("c", 0_i32)]));
        let told = ["after gap data g/n: #2=4", "birth g/n/d: b#0=5", "birth g/n: c#2=0"];
        stage.check(&told);
    }
}

#[test]
fn where_nothing_is_waited_for_who_misses_nothing_is_not_asked() {
    let mut stage = Stage::with(|config| config.reorder_timeout = Duration::ZERO);
    let mut edge = online(&mut stage);
    stage.send(&node(&mut edge, &stage, 3));
    stage.pass(secs(60));
    stage.check(&["data g/n: #2=3"]);
    // What comes after a gap is told with it.
    edge.skip(1);
    stage.send(&node(&mut edge, &stage, 5));
    assert_eq!(stage.look()[0], "after gap data g/n: #2=5");
}

/// It came before its birth, and the server delivers it once more.
#[test]
fn what_came_before_its_birth_is_not_read_twice() {
    let mut stage = Stage::new();
    let mut edge = edge();
    let birth = edge.nbirth(stage.time(), [Metric::new("a", 0_i32)]);
    let data = node(&mut edge, &stage, 1);
    for message in [&data, &birth, &data] {
        stage.send(message);
    }
    stage.check(&["birth g/n: a#2=0", "data g/n: #2=1"]);
    stage.check_found_of(Finding::Duplicate, 1);
}

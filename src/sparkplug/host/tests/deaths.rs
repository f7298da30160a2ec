//! Deaths: whose they are, when they are believed, what they take along.

use super::*;
use crate::sparkplug::config::BdSeq;
use crate::sparkplug::event::ClockSource;

fn online(stage: &mut Stage) -> Edge {
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), [Metric::new("a", 1_i32)]));
    stage.send(&edge.dbirth("e", stage.time(), [Metric::new("a", 1_i32)]));
    stage.send(&edge.dbirth("d", stage.time(), [Metric::new("a", 1_i32)]));
    stage.check(&["birth g/n: a#2=1", "birth g/n/e: a#0=1", "birth g/n/d: a#0=1"]);
    edge
}

const ALL_DEAD: [&str; 3] =
    ["death g/n/d node @1001000", "death g/n/e node @1001000", "death g/n certificate @1001000"];

#[test]
fn operational_behavior_edge_node_termination_host_action_ndeath_devices_offline() {
    let mut stage = Stage::new();
    let edge = online(&mut stage);
    stage.pass(secs(1));
    stage.send(&edge.ndeath());
    stage.check(&ALL_DEAD);
    // The second, the will itself, is ignored.
    stage.send(&edge.will());
    stage.check(&[]);
    stage.check_found(&[(Finding::RepeatedDeath, 1)]);
    assert_eq!(stage.host.phase(edge.node()), NodePhase::Offline);
}

#[test]
fn operational_behavior_edge_node_termination_host_action_ddeath_devices_offline() {
    let mut stage = Stage::new();
    let mut edge = online(&mut stage);
    stage.pass(secs(1));
    stage.send(&edge.ddeath("d", Timestamp::from_millis(77)));
    stage.send(&edge.ddeath("d", Timestamp::from_millis(78)));
    stage.send(&edge.ddeath("e", Timestamp::from_millis(0)));
    stage.check(&["death g/n/d certificate @77", "death g/n/e certificate @1001000"]);
    stage.send(&edge.ndeath());
    stage.check(&["death g/n certificate @1001000"]);
    stage.check_found(&[(Finding::RepeatedDeath, 1), (Finding::NoTime, 1)]);
}

#[test]
fn whose_clock_told_the_time_of_a_death_is_known() {
    let mut stage = Stage::new();
    let mut edge = online(&mut stage);
    stage.send(&edge.ddeath("d", Timestamp::from_millis(77)));
    stage.send(&edge.ddeath("e", Timestamp::from_millis(0)));
    stage.send(&edge.ndeath());
    let mut clocks = Vec::new();
    while let Some(output) = stage.host.poll_output() {
        if let Output::Event(Event::Death(death)) = output {
            clocks.push(death.clock);
        }
    }
    assert_eq!(clocks, [ClockSource::Sender, ClockSource::Host, ClockSource::Host]);
}

#[test]
fn operational_behavior_device_ddeath() {
    let mut stage = Stage::new();
    let mut edge = online(&mut stage);
    stage.send(&edge.ddeath("d", stage.time()));
    stage.send(&edge.dbirth("d", stage.time(), [Metric::new("b", 1_i32)]));
    stage.send(&edge.ddata("d", stage.time(), [Metric::new("b", 2_i32)]));
    stage.check(&["death g/n/d certificate @1000000", "birth g/n/d: b#0=1", "data g/n/d: #0=2"]);
}

#[test]
fn payloads_ndeath_bdseq() {
    let late = |mode| {
        let mut stage = Stage::with(|config| config.bd_seq = mode);
        let mut edge = online(&mut stage);
        let will = edge.will();
        edge.reconnect();
        stage.pass(secs(1));
        stage.send(&edge.nbirth(stage.time(), []));
        stage.look();
        stage.send(&will);
        stage
    };
    let mut strict = late(BdSeq::Strict);
    strict.pass(ms(1500));
    strict.check(&[]);
    strict.check_found(&[(Finding::StaleDeath, 1)]);

    let mut off = late(BdSeq::Off);
    off.check(&ALL_DEAD);

    let mut verify = late(BdSeq::Verify);
    verify.pass(ms(1500));
    verify.check(&["rebirth 0 g/n"]);
    verify.pass(secs(10));
    let outputs = verify.look();
    assert_eq!(outputs.last().unwrap(), "death g/n certificate @1011000");
}

#[test]
fn a_doubted_node_that_speaks_is_alive() {
    let mut stage = Stage::new();
    let mut edge = online(&mut stage);
    let mut other = Edge::new(edge.node().clone(), 9);
    stage.send(&other.reconnect());
    stage.pass(secs(1));
    stage.send(&edge.ndata(stage.time(), [Metric::new("a", 2_i32)]));
    stage.pass(secs(60));
    stage.check(&["rebirth 0 g/n", "data g/n: #2=2"]);
    stage.check_found(&[(Finding::StaleDeath, 1)]);
}

#[test]
fn topics_ndeath_payload() {
    let empty = Message { payload: Vec::new(), ..edge().will() };
    let foreign = Message { payload: vec![0xff], ..edge().will() };
    for will in [empty, foreign] {
        let mut stage = Stage::with(|config| config.bd_seq = BdSeq::Strict);
        online(&mut stage);
        stage.pass(secs(1));
        stage.send(&will);
        stage.check(&ALL_DEAD);
    }
}

#[test]
fn a_death_may_name_its_number_by_alias() {
    use crate::sparkplug::edge::BD_SEQ;
    use crate::sparkplug::payload::{decode, encode};
    let with_alias = |message: &Message, name: Option<&str>| {
        let mut payload = decode(&message.payload).unwrap();
        for metric in &mut payload.metrics {
            if metric.name.as_deref() == Some(BD_SEQ.as_bytes()) {
                metric.alias = Some(4);
                metric.name = name.map(|name| name.to_owned().into());
            }
        }
        Message { payload: encode(&payload), ..message.clone() }
    };
    let mut stage = Stage::with(|config| config.bd_seq = BdSeq::Strict);
    let mut edge = edge();
    stage.send(&with_alias(&edge.nbirth(stage.time(), []), Some(BD_SEQ)));
    let mut other = edge.clone();
    stage.send(&with_alias(&other.reconnect(), None));
    stage.check(&["birth g/n: "]);
    stage.send(&with_alias(&edge.will(), None));
    stage.check(&["death g/n certificate @1000000"]);
}

#[test]
fn connection_lost_ends_all_behind_it() {
    let mut stage = Stage::new();
    online(&mut stage);
    let mut other = Edge::new(EdgeNode::new("g", "m"), 0);
    stage.host.handle_connected(ServerId(1), stage.time(), stage.now);
    stage.send_via(ServerId(1), &other.nbirth(stage.time(), []));
    stage.look();
    stage.host.handle_disconnected(SERVER, stage.now);
    stage.check(&[
        "death g/n/d connection @1000000",
        "death g/n/e connection @1000000",
        "death g/n connection @1000000",
    ]);
    stage.host.handle_disconnected(SERVER, stage.now);
    stage.check(&[]);
    // Once back, the lost are asked for; the other was never lost.
    stage.pass(secs(1));
    stage.host.handle_connected(SERVER, stage.time(), stage.now);
    stage.pass(secs(1));
    stage.check(&["state 0 online @1001000", "rebirth 0 g/n"]);
}

#[test]
fn a_rebirth_does_not_flap_its_devices() {
    let mut stage = Stage::new();
    let mut edge = online(&mut stage);
    stage.pass(secs(60));
    stage.send(&edge.nbirth(stage.time(), [Metric::new("a", 1_i32)]));
    stage.pass(secs(1));
    stage.send(&edge.dbirth("e", stage.time(), [Metric::new("a", 1_i32)]));
    stage.check(&["birth g/n: a#2=1", "birth g/n/e: a#0=1"]);
    // The other has its time from the latest birth on.
    stage.pass(ms(9999));
    stage.check(&[]);
    stage.pass(ms(1));
    stage.check(&["death g/n/d node @1071000"]);
    stage.send(&edge.dbirth("d", stage.time(), []));
    stage.check(&["birth g/n/d: "]);
}

#[test]
fn a_node_that_moves_to_another_server_leaves_its_will_behind() {
    let mut stage = Stage::with(|config| config.bd_seq = BdSeq::Off);
    let second = ServerId(1);
    stage.host.handle_connected(second, stage.time(), stage.now);
    let mut edge = online_moved(&mut stage, second);
    stage.send_via(SERVER, &edge.will());
    stage.send_via(SERVER, &edge.ndata(stage.time(), [Metric::new("a", 5_i32)]));
    stage.check(&[]);
    stage.check_found(&[(Finding::ForeignServer, 2)]);
    stage.host.handle_disconnected(SERVER, stage.now);
    stage.check(&[]);
}

fn online_moved(stage: &mut Stage, to: ServerId) -> Edge {
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), [Metric::new("a", 1_i32)]));
    edge.reconnect();
    stage.pass(secs(1));
    stage.send_via(to, &edge.nbirth(stage.time(), [Metric::new("a", 1_i32)]));
    stage.look();
    edge
}

#[test]
fn silence_is_asked_about_where_it_is_set() {
    let mut stage = Stage::with(|config| config.silence = Some(secs(60)));
    let mut edge = online(&mut stage);
    stage.pass(secs(59));
    stage.send(&edge.ndata(stage.time(), []));
    stage.pass(secs(59));
    stage.check(&[]);
    stage.pass(secs(1));
    stage.check(&["rebirth 0 g/n"]);
    stage.pass(secs(10));
    let outputs = stage.look();
    assert_eq!(outputs.last().unwrap(), "death g/n silent @1129000");
}

#[test]
fn expected_nodes_answer_or_are_dead() {
    let mut stage = Stage::unconnected(|_| {});
    let mut alive = Edge::new(EdgeNode::new("g", "alive"), 0);
    let speaking = Edge::new(EdgeNode::new("g", "speaking"), 0);
    let gone = EdgeNode::new("g", "gone");
    for node in [alive.node(), speaking.node(), &gone] {
        stage.host.expect_online(node, &[], stage.now);
        assert_eq!(stage.host.phase(node), NodePhase::Awaited);
    }
    // Without a connection nobody can be asked, so nobody is silent.
    stage.pass(secs(9));
    stage.check(&[]);
    stage.host.handle_connected(SERVER, stage.time(), stage.now);
    stage.pass(secs(1));
    stage.check(&[
        "state 0 online @1009000",
        "rebirth 0 g/alive",
        "rebirth 0 g/speaking",
        "rebirth 0 g/gone",
    ]);
    stage.send(&alive.nbirth(stage.time(), []));
    stage.send(&speaking.clone().ndata(stage.time(), [Metric::new("a", 1_i32)]));
    stage.pass(secs(9));
    let outputs = stage.look();
    assert!(outputs.contains(&"death g/gone silent @1019000".to_owned()), "{outputs:?}");
    assert!(!outputs.iter().any(|output| output.contains("death g/speaking")), "{outputs:?}");
    assert_eq!(stage.host.phase(&gone), NodePhase::Offline);
}

#[test]
fn the_death_of_an_expected_node_is_told() {
    let mut stage = Stage::new();
    let edge = edge();
    stage.host.expect_online(edge.node(), &[], stage.now);
    stage.pass(secs(1));
    stage.check(&["rebirth 0 g/n"]);
    stage.send(&edge.will());
    stage.check(&["death g/n certificate @1001000"]);
    stage.pass(secs(60));
    stage.check(&[]);
}

#[test]
fn devices_of_a_silent_node_die_with_it() {
    let mut stage = Stage::new();
    let edge = edge();
    let devices: [Arc<str>; 2] = ["d".into(), "e".into()];
    stage.host.expect_online(edge.node(), &devices, stage.now);
    stage.pass(secs(10));
    stage.check(&[
        "rebirth 0 g/n",
        "rebirth 0 g/n",
        "death g/n/d node @1010000",
        "death g/n/e node @1010000",
        "death g/n silent @1010000",
    ]);
    stage.pass(secs(600));
    assert!(stage.look().iter().all(|line| line == "rebirth 0 g/n"), "dead once");
}

#[test]
fn a_device_that_does_not_come_back_with_its_node_is_dead() {
    let devices: [Arc<str>; 2] = ["d".into(), "e".into()];
    // Expected before the birth of the node, or after it.
    for late in [false, true] {
        let mut stage = Stage::new();
        let mut edge = edge();
        if !late {
            stage.host.expect_online(edge.node(), &devices, stage.now);
        }
        stage.send(&edge.nbirth(stage.time(), []));
        stage.send(&edge.dbirth("e", stage.time(), []));
        if late {
            stage.host.expect_online(edge.node(), &devices, stage.now);
        }
        stage.pass(secs(60));
        stage.check(&["birth g/n: ", "birth g/n/e: ", "death g/n/d node @1010000"]);
    }
}

/// A message from before its death came late, and nothing after it.
#[test]
fn an_expected_node_that_speaks_once_and_then_no_more_is_dead() {
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.host.expect_online(edge.node(), &[], stage.now);
    stage.pass(secs(1));
    for _ in 0..6 {
        stage.send(&edge.ndata(stage.time(), [Metric::new("a", 1_i32)]));
        stage.pass(secs(5));
    }
    let outputs = stage.look();
    assert!(!outputs.iter().any(|output| output.starts_with("death")), "{outputs:?}");
    stage.pass(secs(600));
    let outputs = stage.look();
    assert!(outputs.iter().any(|output| output.contains("death g/n silent")), "{outputs:?}");
}

/// SiteWise tells later than the plant who was online before the start.
#[test]
fn a_device_born_here_dies_with_its_node_though_sitewise_has_the_node_alone() {
    let mut stage = Stage::new();
    let mut edge = edge();
    let a = || [Metric::new("a", 1_i32)];
    stage.send(&edge.nbirth(stage.time(), a()));
    stage.send(&edge.dbirth("d", stage.time(), a()));
    let damaged = edge.nbirth(stage.time(), a());
    stage.send(&Message { payload: vec![0xff], ..damaged });
    stage.send(&edge.ndeath());
    stage.host.expect_online(edge.node(), &[], stage.now);
    stage.pass(secs(20));
    let told = stage.look();
    let died = told.iter().any(|line| line.starts_with("death g/n/d "));
    assert!(died, "{told:?}");
}

/// It had connected anew while our own connection was down, and was never asked: a quiet node stayed
/// dead.
#[test]
fn a_will_before_a_node_was_asked_does_not_keep_it_from_being_asked() {
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), [Metric::new("a", 1_i32)]));
    stage.host.handle_disconnected(SERVER, stage.now);
    let late = edge.will();
    edge.reconnect();
    let _unheard = edge.nbirth(stage.time(), [Metric::new("a", 2_i32)]);
    stage.pass(secs(3));
    stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
    stage.look();
    stage.send(&late);
    stage.pass(secs(1));
    stage.check(&["rebirth 0 g/n"]);
    stage.send(&edge.nbirth(stage.time(), [Metric::new("a", 2_i32)]));
    stage.check(&["birth g/n: a#2=2"]);
    // What could not be read of it before is no problem any more.
    stage.host.handle_disconnected(SERVER, stage.now);
    stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
    let birth = edge.nbirth(stage.time(), [Metric::new("a", 2_i32)]);
    stage.send(&Message { payload: vec![0xff], ..birth });
    stage.send(&edge.will());
    stage.pass(secs(60));
    assert_eq!(stage.host.problems().count(), 0);
    stage.send(&edge.nbirth(stage.time(), [Metric::new("a", 2_i32)]));
    stage.look();
    // One that was asked needs no more asking.
    stage.host.handle_disconnected(SERVER, stage.now);
    stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
    stage.pass(secs(1));
    stage.send(&edge.will());
    stage.look();
    stage.pass(secs(3600));
    stage.check(&[]);
}

/// It was told dead, and requests for what could not be read were cancelled.
#[test]
fn a_will_on_the_server_that_a_node_moved_from_is_asked_about_though_its_birth_cannot_be_read() {
    let mut stage = Stage::new();
    let there = ServerId(1);
    stage.host.handle_connected(there, stage.now.wall, stage.now);
    let mut edge = edge();
    let a = || [Metric::new("a", 1_i32)];
    stage.send(&edge.nbirth(stage.time(), a()));
    // Of this session no birth can be read here.
    edge.reconnect();
    let birth = edge.nbirth(stage.time(), a());
    stage.send(&Message { payload: vec![0xff], ..birth });
    let will = edge.will();
    edge.reconnect();
    let birth = edge.nbirth(stage.time(), a());
    stage.send_via(there, &Message { payload: vec![0xff], ..birth });
    stage.look();
    stage.send(&will);
    assert_eq!(stage.host.phase(edge.node()), NodePhase::Awaited);
    stage.pass(secs(6));
    assert!(stage.look().iter().all(|line| line.starts_with("rebirth ")));
    stage.send_via(there, &edge.nbirth(stage.time(), a()));
    stage.check(&["birth g/n: a#2=1"]);
}

/// Its births say the same under the same aliases.
#[test]
fn what_a_dead_device_says_by_alias_is_read_once_it_is_born_again() {
    let mut stage = Stage::new();
    let mut edge = edge().with_aliases();
    let a = |value: i32| [Metric::new("a", value)];
    stage.send(&edge.nbirth(stage.time(), []));
    stage.send(&edge.dbirth("d", stage.time(), a(1)));
    stage.send(&edge.ddeath("d", stage.time()));
    stage.look();
    stage.send(&edge.ddata("d", stage.time(), a(2)));
    stage.send(&edge.dbirth("d", stage.time(), a(3)));
    stage.check(&["birth g/n/d: a#0=3", "before birth data g/n/d: #0=2"]);
}

/// Its topic says all. It was asked about, and where nobody may be asked it stayed online.
#[test]
fn a_death_of_a_device_that_cannot_be_read_is_believed_as_that_of_a_node_is() {
    for (asks, oversized) in [(true, false), (false, false), (true, true), (false, true)] {
        let mut stage = Stage::with(|config| {
            if !asks {
                config.rebirth.reasons = crate::sparkplug::rebirth::RebirthReasons::NONE;
            }
        });
        let mut edge = online(&mut stage);
        let death = edge.ddeath("d", stage.time());
        if oversized {
            stage.host.handle_oversized(SERVER, &death.topic, false, stage.now);
        } else {
            stage.send(&Message { payload: vec![0xff], ..death });
        }
        stage.check(&["death g/n/d certificate @1000000"]);
        stage.pass(secs(1));
        // It may have been more than a death: what it said is missing in the sequence.
        stage.check(if asks { &["rebirth 0 g/n"] } else { &[] });
        stage.send(&edge.nbirth(stage.time(), [Metric::new("a", 1_i32)]));
        stage.send(&edge.dbirth("e", stage.time(), [Metric::new("a", 1_i32)]));
        stage.pass(secs(60));
        stage.check(&["birth g/n: a#2=1", "birth g/n/e: a#0=1"]);
    }
}

#[test]
fn only_who_was_born_and_died_is_dead() {
    let dead = |stage: &Stage| stage.host.dead().count();
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.send(&edge.ndata(stage.time(), []));
    assert_eq!(dead(&stage), 0, "its birth is awaited");
    stage.send(&edge.nbirth(stage.time(), []));
    assert_eq!(dead(&stage), 0, "it is online");
    stage.host.handle_disconnected(SERVER, stage.now);
    assert_eq!(dead(&stage), 0, "it cannot be seen");
    stage.host.handle_connected(SERVER, stage.time(), stage.now);
    stage.send(&edge.nbirth(stage.time(), []));
    stage.send(&edge.will());
    assert_eq!(dead(&stage), 1);
}

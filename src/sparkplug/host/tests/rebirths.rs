//! When births are asked for, and when not.

use super::*;
use crate::sparkplug::rebirth::{RebirthReason, RebirthReasons, RefreshReason};

fn unknown(edge: &mut Edge, stage: &Stage, name: &str) -> Message {
    edge.ndata(stage.time(), [Metric::new(name, 1_i32)])
}

#[test]
fn payloads_ndata_order() {
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.send(&edge.ndata(stage.time(), [Metric::new("a", 1_i32)]));
    assert_eq!(stage.host.phase(edge.node()), NodePhase::Awaited);
    stage.pass(ms(1999));
    stage.check(&[]);
    stage.pass(ms(1));
    stage.check(&["rebirth 0 g/n"]);
    stage.send(&edge.nbirth(stage.time(), []));
    stage.pass(secs(600));
    stage.check(&["birth g/n: "]);
    stage.check_found(&[(Finding::BeforeBirth, 1)]);
}

#[test]
fn payloads_ddata_order() {
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), []));
    stage.send(&edge.ddata("d", stage.time(), [Metric::new("a", 1_i32)]));
    stage.pass(ms(0));
    stage.check(&["birth g/n: ", "rebirth 0 g/n"]);
    stage.check_found(&[(Finding::BeforeBirth, 1)]);
}

#[test]
fn message_flow_device_birth_publish_nbirth_wait() {
    let mut stage = Stage::new();
    let mut edge = edge();
    edge.skip(1);
    stage.send(&edge.dbirth("d", stage.time(), []));
    stage.pass(secs(2));
    stage.check(&["rebirth 0 g/n"]);
}

#[test]
fn requests_are_debounced_and_the_interval_grows() {
    let mut stage = Stage::new();
    let mut edge = edge();
    let mut asked = Vec::new();
    for second in 0..400 {
        stage.send(&edge.ndata(stage.time(), []));
        stage.pass(secs(1));
        if stage.look().contains(&"rebirth 0 g/n".to_owned()) {
            asked.push(second);
        }
    }
    let between: Vec<_> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(between, [5, 10, 20, 40, 80, 160]);
}

#[test]
fn a_birth_that_somebody_else_asked_for_will_do() {
    let mut stage = Stage::with(|config| config.rebirth.jitter = secs(10));
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), []));
    stage.send(&unknown(&mut edge, &stage, "x"));
    stage.pass(ms(1));
    stage.send(&edge.nbirth(stage.time(), [Metric::new("x", 1_i32)]));
    stage.pass(secs(60));
    stage.check(&["birth g/n: ", "birth g/n: x#2=1"]);
}

#[test]
fn a_rebirth_that_does_not_cure_is_asked_for_ever_rarer() {
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), []));
    stage.look();
    let mut asked = 0;
    for _ in 0..200 {
        stage.send(&unknown(&mut edge, &stage, "x"));
        stage.pass(secs(10));
        for output in stage.look() {
            assert_eq!(output, "rebirth 0 g/n");
            asked += 1;
            stage.send(&edge.nbirth(stage.time(), []));
            stage.look();
        }
    }
    assert_eq!(asked, 9);
    // Another metric is another fault.
    stage.send(&unknown(&mut edge, &stage, "y"));
    stage.pass(secs(0));
    stage.check(&["rebirth 0 g/n"]);
}

#[test]
fn each_reason_can_be_switched_off() {
    for reason in RebirthReason::ALL {
        for reasons in [RebirthReasons::NONE.with(reason), RebirthReasons::ALL.without(reason)] {
            let mut stage = Stage::with(|config| {
                config.rebirth.reasons = reasons;
                config.silence = (reason == RebirthReason::Silence).then_some(secs(1));
            });
            let asked = provoke(&mut stage, reason);
            assert_eq!(asked, reasons.contains(reason), "{reason:?} of {reasons}");
        }
    }
}

#[test]
fn a_node_that_is_asked_late_has_its_time_from_then_on() {
    let mut stage = Stage::with(|config| config.rebirth.per_second = 1);
    let nodes: Vec<_> = (0..30).map(|n| EdgeNode::new("g", format!("n{n:02}"))).collect();
    for node in &nodes {
        stage.host.request_birth_if_back(node, stage.now);
    }
    let late = |stage: &Stage| {
        let had_time =
            |node: &&EdgeNode| stage.host.had_time_to_answer(node, secs(15), stage.now.instant);
        nodes.iter().filter(had_time).count()
    };
    stage.pass(secs(14));
    assert_eq!(late(&stage), 0);
    stage.pass(secs(10));
    let some = late(&stage);
    assert!((1..30).contains(&some), "{some}: they are asked one a second");
    stage.pass(secs(60));
    assert_eq!(late(&stage), 30);
    // Who is never asked has nothing to wait for.
    let stage = Stage::with(|config| config.rebirth.reasons = RebirthReasons::NONE);
    assert!(stage.host.had_time_to_answer(&nodes[0], secs(15), stage.now.instant));
}

/// Whether a request follows `reason`.
fn provoke(stage: &mut Stage, reason: RebirthReason) -> bool {
    let mut edge = edge();
    if reason == RebirthReason::Expected {
        stage.host.expect_online(edge.node(), &[], stage.now);
    }
    if reason == RebirthReason::BeforeBirth {
        stage.send(&edge.ndata(stage.time(), []));
    }
    if !matches!(reason, RebirthReason::Expected | RebirthReason::BeforeBirth) {
        stage.send(&edge.nbirth(stage.time(), []));
    }
    match reason {
        RebirthReason::Expected | RebirthReason::BeforeBirth | RebirthReason::Silence => {}
        RebirthReason::Gap => {
            edge.skip(1);
            stage.send(&edge.ndata(stage.time(), []));
        }
        RebirthReason::UnknownMetric => stage.send(&unknown(&mut edge, stage, "x")),
        RebirthReason::UnknownAlias => {
            let metric = Metric::new("x", 1_i32).alias(9).nameless();
            stage.send(&edge.ndata(stage.time(), [metric]));
        }
        RebirthReason::Undecodable => {
            let data = edge.ndata(stage.time(), []);
            stage.send(&Message { payload: vec![0xff], ..data });
        }
        RebirthReason::Probe => stage.send(&edge.clone().reconnect()),
        RebirthReason::Dropped => {
            stage.host.request_refresh(edge.node(), RefreshReason::Dropped, stage.now);
        }
        RebirthReason::Clock => {
            stage.host.request_refresh(edge.node(), RefreshReason::Clock, stage.now);
        }
    }
    stage.pass(secs(2));
    let counters = stage.host.counters();
    let asked = stage.look().contains(&"rebirth 0 g/n".to_owned());
    assert_eq!(counters.rebirths[reason as usize], u64::from(asked));
    asked
}

#[test]
fn reasons_are_read_and_written() {
    for text in ["auto", "off", "gap", "gap,unknown-alias"] {
        assert_eq!(text.parse::<RebirthReasons>().unwrap().to_string(), text);
    }
    let error = "gap,often".parse::<RebirthReasons>().unwrap_err().to_string();
    assert!(error.starts_with("\"often\" is not a reason"), "{error}");
}

#[test]
fn two_thousand_nodes_are_not_asked_at_once() {
    let mut stage = Stage::with(|config| config.rebirth.jitter = ms(200));
    for node in 0..2000 {
        let mut edge = Edge::new(EdgeNode::new("g", format!("n{node}")), 0);
        stage.send(&edge.ndata(stage.time(), []));
    }
    stage.pass(secs(2));
    let mut most = 0;
    let mut asked = Vec::new();
    for _ in 0..45 {
        stage.pass(secs(1));
        let now = stage.look();
        most = most.max(now.len());
        asked.extend(now);
    }
    asked.truncate(2000);
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), 2000, "each once, before any is asked again");
    assert!(most <= 55, "{most}");
}

#[test]
fn nothing_is_asked_of_a_server_that_is_gone() {
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.send(&edge.ndata(stage.time(), []));
    stage.host.handle_disconnected(SERVER, stage.now);
    stage.pass(secs(60));
    stage.check(&[]);
}

#[test]
fn operational_behavior_data_commands_ncmd_rebirth_name() {
    let now = Now { wall: Timestamp::from_millis(5), ..Now::default() };
    let message = rebirth::request(&EdgeNode::new("g", "n"), now);
    let payload = payload::decode(&message.payload).unwrap();
    assert_eq!((payload.timestamp, payload.seq), (Some(5), None), "payloads_ncmd_seq");
    assert_eq!(payload.metrics.len(), 1);
    let metric = &payload.metrics[0];
    assert_eq!(metric.name.as_deref(), Some(b"Node Control/Rebirth".as_slice()));
    assert_eq!((metric.datatype, metric.alias, metric.timestamp), (Some(11), None, Some(5)));
}

#[test]
fn who_may_have_come_back_is_asked_once_there_is_a_connection() {
    let mut stage = Stage::unconnected(|_| {});
    stage.host.request_birth_if_back(edge().node(), stage.now);
    stage.pass(secs(5));
    stage.check(&[]);
    stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
    stage.pass(secs(1));
    assert!(stage.look().contains(&"rebirth 0 g/n".to_owned()));
}

#[test]
fn an_online_node_whose_data_was_given_up_is_asked_for_its_births() {
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.host.request_refresh(edge.node(), RefreshReason::Dropped, stage.now);
    stage.send(&edge.nbirth(stage.time(), []));
    stage.pass(secs(60));
    stage.check(&["birth g/n: "]);
    stage.host.request_refresh(edge.node(), RefreshReason::Dropped, stage.now);
    stage.pass(secs(1));
    stage.check(&["rebirth 0 g/n"]);
}

/// It was told as a gap: "messages are missing", which they are not.
#[test]
fn what_is_asked_of_an_online_node_is_told_with_its_true_reason() {
    for (why, reason, words) in [
        (RefreshReason::Dropped, RebirthReason::Dropped, "values of it were dropped"),
        (RefreshReason::Clock, RebirthReason::Clock, "its clock may have gone back"),
    ] {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), []));
        stage.host.request_refresh(edge.node(), why, stage.now);
        stage.pass(secs(60));
        assert!(stage.host.counters().rebirths[reason as usize] > 0);
        assert_eq!(stage.host.counters().rebirths[RebirthReason::Gap as usize], 0);
        let (_, problem) = stage.host.problems().next().unwrap();
        assert_eq!(problem.reason, reason);
        assert!(problem.text().contains(words), "{}", problem.text());
    }
}

#[test]
fn who_was_not_asked_yet_had_no_time_to_answer() {
    let mut stage = Stage::unconnected(|_| {});
    let edge = edge();
    let had =
        |stage: &Stage| stage.host.had_time_to_answer(edge.node(), secs(10), stage.now.instant);
    assert!(had(&stage), "nobody waits for who is not known");
    stage.host.expect_online(edge.node(), &[], stage.now);
    stage.pass(secs(60));
    assert!(!had(&stage), "there is no connection");
    stage.host.handle_connected(SERVER, stage.time(), stage.now);
    stage.pass(secs(5));
    assert!(!had(&stage), "it was asked just now");
    stage.pass(secs(10));
    assert!(had(&stage));
}

#[test]
fn who_was_online_is_asked_before_who_may_have_come_back() {
    let mut stage = Stage::with(|config| config.rebirth.per_second = 1);
    for number in 0..10 {
        let away = EdgeNode::new("g", format!("away {number}"));
        stage.host.request_birth_if_back(&away, stage.now);
    }
    stage.host.expect_online(&EdgeNode::new("g", "online"), &[], stage.now);
    stage.pass(secs(3));
    let asked = stage.look();
    assert!(asked.len() < 6 && asked.contains(&"rebirth 0 g/online".to_owned()), "{asked:?}");
}

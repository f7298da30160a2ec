//! Senders whose payloads become far larger than they came: they do not take the others' turn.

use std::io::Write as _;

use super::*;
use crate::sparkplug::payload::{COMPRESSED, Compression};
use crate::sparkplug::proto::Payload;

/// 15 MiB in a few kilobytes; no payload, once it is inflated.
fn bomb(edge: &str) -> Message {
    let mut body = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    body.write_all(&vec![0; 15 << 20]).unwrap();
    let payload = payload::encode(&Payload {
        uuid: Some(COMPRESSED.into()),
        body: Some(body.finish().unwrap()),
        ..Payload::default()
    });
    let topic = format!("spBv1.0/g/NDATA/{edge}");
    Message { topic, payload, qos: Qos::AtMostOnce, retain: false }
}

/// A node that is born and said something.
fn spoken(stage: &mut Stage, mut edge: Edge) -> Edge {
    stage.send(&edge.nbirth(stage.time(), [Metric::new("a", 1_i32)]));
    stage.send(&edge.ndata(stage.time(), [Metric::new("a", 2_i32)]));
    stage.pass(secs(1));
    stage.look();
    edge
}

fn found(stage: &Stage) -> [u64; 2] {
    [Finding::Undecodable, Finding::TooCostly].map(|f| stage.host.counters().findings.count(f))
}

#[test]
fn one_sender_of_bombs_is_limited_for_itself_and_asked_ever_rarer() {
    let mut stage = Stage::new();
    let mut n = spoken(&mut stage, edge());
    let other = Edge::new(EdgeNode::new("g", "other"), 0).with_compression(Compression::Gzip);
    let mut other = spoken(&mut stage, other);
    let bomb = bomb("n");
    for _ in 0..1_000 {
        stage.send(&bomb);
    }
    // Two fit into what it may, the third goes past it.
    assert_eq!(found(&stage), [3, 997]);
    let told: Vec<_> = std::iter::from_fn(|| stage.host.poll_output()).collect();
    let costly: Vec<_> = told
        .iter()
        .filter(|o| matches!(o, Output::Finding { finding: Finding::TooCostly, .. }))
        .collect();
    assert_eq!(costly.len(), 1, "told once");
    assert!(matches!(costly[0], Output::Finding { edge: Some(edge), .. } if *edge == *n.node()));
    // Others are read, compressed or not, and so is what it says without compression.
    stage.send(&other.ndata(stage.time(), [Metric::new("a", 3_i32)]));
    stage.send(&n.ndata(stage.time(), [Metric::new("a", 4_i32)]));
    stage.check(&["data g/other: #2=3", "data g/n: #2=4"]);
    // It does not answer, and is asked ever rarer.
    let mut asked = 0;
    for _ in 0..20 {
        stage.pass(secs(1));
        stage.send(&bomb);
        asked += stage.look().iter().filter(|line| *line == "rebirth 0 g/n").count();
    }
    assert_eq!(asked, 3);
    // One in four seconds.
    assert_eq!(found(&stage), [8, 1_012]);
}

#[test]
fn bombs_of_made_up_nodes_take_from_what_the_unknown_have_together() {
    let mut stage = Stage::new();
    let known = Edge::new(EdgeNode::new("g", "known"), 0).with_compression(Compression::Gzip);
    let mut known = spoken(&mut stage, known);
    let mut bomb = bomb("x");
    for number in 0..200 {
        bomb.topic = format!("spBv1.0/g/NDATA/x{number}");
        stage.send(&bomb);
    }
    assert_eq!(found(&stage), [5, 195]);
    stage.look();
    stage.send(&known.ndata(stage.time(), [Metric::new("a", 3_i32)]));
    let mut new = Edge::new(EdgeNode::new("g", "new"), 0);
    stage.send(&new.nbirth(stage.time(), [Metric::new("a", 1_i32)]));
    stage.check(&["data g/known: #2=3", "birth g/new: a#2=1"]);
}

/// A birth that is not read may have given its aliases anew.
#[test]
fn a_birth_that_is_too_costly_leaves_no_table_behind() {
    let mut stage = Stage::new();
    let mut n = spoken(&mut stage, edge());
    let bomb = bomb("n");
    for _ in 0..3 {
        stage.send(&bomb);
    }
    stage.look();
    stage.send(&Message { topic: "spBv1.0/g/NBIRTH/n".into(), ..bomb });
    assert_eq!(stage.host.phase(n.node()), NodePhase::Awaited);
    stage.send(&n.ndata(stage.time(), [Metric::new("a", 5_i32)]));
    assert_eq!(stage.look(), Vec::<String>::new());
    stage.pass(secs(1));
    assert_eq!(stage.look(), ["rebirth 0 g/n"]);
}

#[test]
fn a_problem_of_costly_payloads_says_that_they_are_not_damaged() {
    let mut stage = Stage::new();
    spoken(&mut stage, edge());
    let bomb = bomb("n");
    let mut words = Vec::new();
    for _ in 0..20 {
        for _ in 0..10 {
            stage.send(&bomb);
        }
        stage.pass(secs(1));
        while let Some(output) = stage.host.poll_output() {
            if let Output::Finding { finding: Finding::RebirthUnanswered, example, .. } = output {
                words.push(example);
            }
        }
    }
    assert_eq!(words.len(), 1);
    assert!(words[0].contains("without compression") && !words[0].contains("damaged"), "{words:?}");
}

/// A new node sent bombs: other new nodes were skipped, and named, in its stead.
#[test]
fn bombs_of_one_new_node_take_no_other_new_nodes_turn_and_name_it() {
    let mut stage = Stage::new();
    let bomb = bomb("x");
    for _ in 0..1_000 {
        stage.send(&bomb);
    }
    assert_eq!(found(&stage), [2, 998]);
    // What it says inflates to a hundred times its size.
    let text = "a".repeat(1_000);
    let mut new = Edge::new(EdgeNode::new("g", "new"), 0).with_compression(Compression::Gzip);
    let metrics = (0..300).map(|n| Metric::new(&format!("{n}"), text.as_str()));
    let birth = new.nbirth(stage.time(), metrics);
    assert!(birth.payload.len() * 32 < 300_000, "{}", birth.payload.len());
    stage.send(&birth);
    assert_eq!(stage.host.phase(new.node()), NodePhase::Online);
    let told: Vec<_> = std::iter::from_fn(|| stage.host.poll_output()).collect();
    let costly = told.iter().filter_map(|output| match output {
        Output::Finding { finding: Finding::TooCostly, edge: Some(edge), .. } => Some(&*edge.node),
        _ => None,
    });
    assert_eq!(costly.collect::<Vec<_>>(), ["x"]);
    // One in fifteen seconds.
    stage.pass(secs(16));
    stage.send(&bomb);
    stage.send(&bomb);
    assert_eq!(found(&stage), [3, 999]);
}

/// Once made-up nodes had used what all may together, no compressed message of a new node was read.
#[test]
fn who_inflates_no_more_than_usual_is_read_whatever_others_send() {
    let mut stage = Stage::new();
    let mut bomb = bomb("x");
    let mut flood = |stage: &mut Stage| {
        for number in 0..100 {
            bomb.topic = format!("spBv1.0/g/NDATA/x{number}");
            stage.send(&bomb);
        }
    };
    flood(&mut stage);
    let mut new = Edge::new(EdgeNode::new("g", "new"), 0).with_compression(Compression::Gzip);
    let metrics = (0..100).map(|n| Metric::new(&format!("Line {}/Motor {n}/Speed", n % 7), n));
    stage.send(&new.nbirth(stage.time(), metrics));
    assert_eq!(stage.host.phase(new.node()), NodePhase::Online);
    flood(&mut stage);
    stage.look();
    stage.send(&new.ndata(stage.time(), [Metric::new("Line 0/Motor 0/Speed", 5)]));
    stage.check(&["data g/new: #2=5"]);
    // Of one that has used up its own, too.
    bomb.topic = "spBv1.0/g/NDATA/new".to_owned();
    for _ in 0..10 {
        stage.send(&bomb);
    }
    stage.look();
    stage.send(&new.ndata(stage.time(), [Metric::new("Line 0/Motor 0/Speed", 6)]));
    stage.check(&["data g/new: #2=6"]);
}

/// Empty parts are few bytes, and fifty times as many in memory.
#[test]
fn parts_without_bytes_are_not_read_of_who_had_too_much_inflated() {
    use crate::sparkplug::inflation_debt::InflationLimit;
    let mut chance = fastrand::Rng::with_seed(1);
    let noise: Vec<_> = (0..1_500).map(|_| chance.u8(..)).collect();
    let mut plain = payload::encode(&Payload { body: Some(noise), ..Payload::default() });
    plain.extend([0x12, 0x00].repeat(10_000));
    let mut body = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    body.write_all(&plain).unwrap();
    let payload = payload::encode(&Payload {
        uuid: Some(COMPRESSED.into()),
        body: Some(body.finish().unwrap()),
        ..Payload::default()
    });
    assert!(plain.len() < payload.len() * 32);
    let (read, work) = payload::decode_counted(&payload, InflationLimit::Full);
    assert_eq!((read.map(|payload| payload.metrics.len()), work), (Ok(10_000), 160_000));
    let (read, work) = payload::decode_counted(&payload, InflationLimit::Reduced);
    assert_eq!((read, work), (Err(payload::DecodeError::Costly), plain.len()));
}

//! A start in a plant that runs: data arrives before the births that the start asks for.

use super::*;
use crate::app::engine::logging;

const NODES: usize = 3;

/// What was found until `seconds` have passed, as far as the log warns of it. Nodes that are asked
/// answer after half a second, or not.
fn warnings(engine: &mut Engine<Silent>, edges: &mut [Edge], answers: bool) -> Vec<String> {
    let (mut now, mut lines) = (engine.clock.now(), Vec::new());
    let end = now.instant + Duration::from_secs(30);
    let mut due: Vec<(Instant, usize)> = Vec::new();
    loop {
        while let Some(output) = engine.bridge.poll_output(now) {
            match output {
                Output::Publish(out) => {
                    let asked = edges.iter().position(|edge| {
                        let edge = edge.node();
                        out.message.topic == format!("spBv1.0/{}/NCMD/{}", edge.group, edge.node)
                    });
                    let answer = now.instant + Duration::from_millis(500);
                    due.extend(asked.filter(|_| answers).map(|edge| (answer, edge)));
                }
                Output::Finding { edge, finding, example } if logging::is_warning(finding) => {
                    lines.push(format!("{} {}: {example}", edge.unwrap(), finding.name()));
                }
                _ => {}
            }
        }
        let next = due.iter().map(|(at, _)| *at).chain(engine.bridge.poll_timeout()).min();
        let Some(at) = next.filter(|at| *at <= end) else { return lines };
        now = now.plus(at.since(now.instant));
        for (_, edge) in due.extract_if(.., |(at, _)| *at <= now.instant) {
            let birth = edges[edge].nbirth(now.wall, [Metric::new("a", 1.0_f64)]);
            engine.bridge.handle_message(ServerId(0), &birth.topic, &birth.payload, false, now);
        }
        engine.bridge.handle_timeout(now);
    }
}

fn speaking(engine: &mut Engine<Silent>) -> Vec<Edge> {
    let mut edges: Vec<_> =
        (0..NODES).map(|n| Edge::new(EdgeNode::new("g", n.to_string()), 0)).collect();
    for edge in &mut edges {
        let time = crate::clock::wall();
        edge.nbirth(time, [Metric::new("a", 1.0_f64)]);
        engine.handle_inbound(inbound(edge.ndata(time, [Metric::new("a", 2.0_f64)])));
    }
    edges
}

/// Each gateway was told to be restarted, though the bridge came late and asked it at once.
#[tokio::test]
async fn a_start_in_a_calm_plant_warns_of_nobody() {
    let (mut engine, _published) = engine();
    let session_time = crate::clock::wall();
    engine.handle_inbound(Inbound::Connected { server: 0, session_time });
    let mut edges = speaking(&mut engine);
    assert_eq!(warnings(&mut engine, &mut edges, true), [""; 0]);
    let findings = &engine.bridge.host().counters().findings;
    assert_eq!(findings.count(Finding::BeforeBirth), NODES as u64, "it is counted");
}

#[tokio::test]
async fn who_does_not_answer_the_request_of_a_start_is_warned_of_once_with_the_remedy() {
    let (mut engine, _published) = engine();
    let session_time = crate::clock::wall();
    engine.handle_inbound(Inbound::Connected { server: 0, session_time });
    let mut edges = speaking(&mut engine);
    let lines = warnings(&mut engine, &mut edges, false);
    assert_eq!(lines.len(), NODES, "{lines:?}");
    for line in lines {
        assert!(line.contains("rebirth_in_vain") && line.contains("or restart it"), "{line}");
    }
}

/// As a process finds them that was stopped before SiteWise was reached.
#[tokio::test]
async fn stored_messages_that_are_replayed_warn_of_nobody() {
    let name = format!("sparkwise-engine-calm-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let _ = std::fs::remove_dir_all(&folder);
    let start = || {
        let wake = Arc::new(Notify::new());
        let disk = DiskOutbox::open(&folder, 1 << 20, Arc::clone(&wake)).unwrap();
        engine_with((Box::new(disk), wake))
    };
    let session_time = crate::clock::wall();
    let (mut engine, _published) = start();
    engine.handle_inbound(Inbound::Connected { server: 0, session_time });
    let mut edges = speaking(&mut engine);
    engine.outbox.close(Duration::from_secs(5));
    drop(engine);
    let (mut engine, _published) = start();
    engine.replay_stored();
    assert_eq!(engine.ledger().replayed_messages, NODES as u64);
    engine.handle_inbound(Inbound::Connected { server: 0, session_time });
    assert_eq!(warnings(&mut engine, &mut edges, true), [""; 0]);
    drop(engine);
    let _ = std::fs::remove_dir_all(&folder);
}

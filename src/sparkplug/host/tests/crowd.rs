//! Made-up nodes that fill what all that wait may take: the others have their own half.

use super::*;
use crate::sparkplug::rebirth::RebirthReasons;

fn a(value: i32) -> [Metric; 1] {
    [Metric::new("a", value)]
}

fn skipped(stage: &Stage) -> u64 {
    stage.host.counters().skipped_values[SkipReason::BeforeBirth as usize]
}

/// What fills it: data of nodes that were never born, or births that a server has stored.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Filler {
    Data,
    StoredBirths,
}

const FILLERS: [Filler; 2] = [Filler::Data, Filler::StoredBirths];

/// 100 made-up nodes with three messages of a megabyte each, then others with ever smaller ones.
fn fill(stage: &mut Stage, with: Filler) {
    let sizes = [100_000, 10_000, 1_000, 100, 10, 1].map(|size| [size; 12]);
    let sizes = [1_000_000; 100].into_iter().chain(sizes.into_iter().flatten());
    for (number, size) in sizes.enumerate() {
        let text = "x".repeat(size);
        let mut edge = Edge::new(EdgeNode::new("m", number.to_string()), 0);
        let metrics = || [Metric::new("t", text.as_str())];
        for device in ["d", "e", "f"] {
            match with {
                Filler::Data => stage.send(&edge.ddata(device, stage.time(), metrics())),
                Filler::StoredBirths => {
                    let birth = edge.dbirth(device, stage.time(), metrics());
                    let topic = format!("$sparkplug/certificates/{}", birth.topic);
                    stage.send_retained(&Message { topic, ..birth });
                }
            }
        }
    }
    let taken = stage.host.memory_use.bytes;
    assert!((31 << 20..=32 << 20).contains(&taken), "{with:?} {taken}");
}

/// It was skipped: not a byte was left for it.
#[test]
fn the_waiting_messages_of_made_up_nodes_leave_room_for_what_is_said_before_an_answer() {
    for (with, restart) in FILLERS.into_iter().flat_map(|with| [(with, false), (with, true)]) {
        let mut stage = Stage::new();
        let mut edge = edge();
        let text = "x".repeat(1_000_000);
        stage.send(&edge.nbirth(stage.time(), a(1)));
        stage.send(&edge.ndata(stage.time(), a(1)));
        if restart {
            stage = Stage::new();
            stage.host.expect_online(edge.node(), &[], stage.now);
        } else {
            stage.host.handle_disconnected(SERVER, stage.now);
            stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
        }
        stage.look();
        fill(&mut stage, with);
        let before = skipped(&stage);
        for value in 2..5 {
            let [value] = a(value);
            stage.send(&edge.ndata(stage.time(), [value, Metric::new("t", text.as_str())]));
        }
        assert_eq!(skipped(&stage), before, "{with:?} {restart}");
        let t = Metric::new("t", "");
        stage.send(&edge.nbirth(stage.time(), a(5).into_iter().chain([t])));
        let told = stage.look();
        let read = told.iter().filter(|line| line.starts_with("before birth data")).count();
        assert_eq!(read, 3, "{with:?} {restart}");
    }
}

/// Each pair that was turned round was a gap, and a reason to ask for a birth.
#[test]
fn the_waiting_messages_of_made_up_nodes_leave_room_for_the_order_of_others() {
    for with in FILLERS {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), a(1)));
        stage.send(&edge.ndata(stage.time(), a(2)));
        fill(&mut stage, with);
        stage.look();
        let late = edge.ndata(stage.time(), a(3));
        stage.send(&edge.ndata(stage.time(), a(4)));
        stage.send(&late);
        // Of a device that is not born yet, too.
        stage.send(&edge.ddata("d", stage.time(), a(5)));
        stage.send(&edge.dbirth("d", stage.time(), a(6)));
        stage.check(&[
            "data g/n: #2=3",
            "data g/n: #2=4",
            "birth g/n/d: a#0=6",
            "before birth data g/n/d: #0=5",
        ]);
        assert_eq!(stage.host.counters().findings.count(Finding::Gap), 0, "{with:?}");
    }
}

/// What was found of each for the first time, by name.
fn found(stage: &mut Stage, of: Finding) -> Vec<String> {
    let outputs = std::iter::from_fn(|| stage.host.poll_output());
    outputs
        .filter_map(|output| match output {
            Output::Finding { edge, finding, example } if finding == of => {
                Some(edge.map_or(example, |edge| edge.to_string()))
            }
            _ => None,
        })
        .collect()
}

fn large() -> [Metric; 1] {
    [Metric::new("t", "x".repeat(1 << 20).as_str())]
}

#[test]
fn each_limit_of_what_waits_is_told_once_by_name() {
    type Fill = fn(&mut Stage, &mut Edge);
    let (auto, off) = (RebirthReasons::ALL, RebirthReasons::NONE);
    let fills: [(&str, RebirthReasons, Fill); 6] = [
        ("messages of a node that was not born", auto, |stage, edge| {
            for _ in 0..=limits::WAITING_MESSAGES {
                stage.send(&edge.ndata(stage.time(), a(1)));
            }
        }),
        ("messages of a device that was not born", auto, |stage, edge| {
            stage.send(&edge.nbirth(stage.time(), []));
            for _ in 0..=limits::WAITING_MESSAGES {
                stage.send(&edge.ddata("d", stage.time(), a(1)));
            }
        }),
        ("bytes of a node that was not born", auto, |stage, edge| {
            for _ in 0..5 {
                stage.send(&edge.ndata(stage.time(), large()));
            }
        }),
        ("bytes behind a missing message", auto, |stage, edge| {
            stage.send(&edge.nbirth(stage.time(), []));
            edge.skip(1);
            for _ in 0..5 {
                stage.send(&edge.ndata(stage.time(), large()));
            }
        }),
        ("births that a server has stored", auto, |stage, edge| {
            for device in 0..64 {
                let birth = edge.dbirth(&device.to_string(), stage.time(), large());
                let topic = format!("$sparkplug/certificates/{}", birth.topic);
                stage.send_retained(&Message { topic, ..birth });
            }
        }),
        ("births that are kept since none may be requested", off, |stage, edge| {
            stage.send(&edge.nbirth(stage.time(), []));
            for device in 0..64 {
                stage.send(&edge.dbirth(&device.to_string(), stage.time(), large()));
            }
        }),
    ];
    for (what, reasons, fill) in fills {
        let mut stage = Stage::with(|config| config.rebirth.reasons = reasons);
        let mut other = Edge::new(EdgeNode::new("g", "other"), 0);
        stage.send(&other.nbirth(stage.time(), a(1)));
        stage.send(&other.ndata(stage.time(), a(1)));
        fill(&mut stage, &mut edge());
        assert_eq!(found(&mut stage, Finding::WaitingFull), ["g/n"], "{what}");
    }
    // What all may take together: 32 of these, for they may be made up.
    let mut stage = Stage::new();
    for number in 0..17 {
        let mut edge = Edge::new(EdgeNode::new("m", number.to_string()), 0);
        stage.send(&edge.ddata("d", stage.time(), large()));
        stage.send(&edge.ddata("e", stage.time(), large()));
    }
    assert_eq!(found(&mut stage, Finding::WaitingFull), ["m/15", "m/16"]);
    let rule = limits::rule(Finding::WaitingFull).unwrap();
    for part in ["4,096", "4 MiB", "64 MiB", "half", "skipped", "without waiting", "not kept"] {
        assert!(rule.contains(part), "{part} is not in {rule}");
    }
}

#[test]
fn the_first_node_beyond_the_limit_is_told_by_name_with_who_goes_first() {
    for is_born in [false, true] {
        let mut stage = Stage::new();
        for number in 0..limits::NODES {
            let mut edge = Edge::new(EdgeNode::new("m", number.to_string()), 0);
            stage.send(&match is_born {
                true => edge.nbirth(stage.time(), []),
                false => edge.ndata(stage.time(), []),
            });
        }
        assert!(found(&mut stage, Finding::TooManyNodes).is_empty());
        for node in ["next", "other"] {
            let mut edge = Edge::new(EdgeNode::new("g", node), 0);
            stage.send(&edge.nbirth(stage.time(), []));
        }
        assert_eq!(found(&mut stage, Finding::TooManyNodes), ["g/next"], "{is_born}");
    }
    let rule = limits::rule(Finding::TooManyNodes).unwrap();
    for part in ["20,000", "never born is evicted", "ten minutes", "skipped", "silent for an hour"]
    {
        assert!(rule.contains(part), "{part} is not in {rule}");
    }
}

//! Made-up nodes that fill what all that wait may take: the others have their own half.

use super::*;

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

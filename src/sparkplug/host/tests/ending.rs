//! What waits when the process ends.

use super::*;

fn a(value: i32) -> [Metric; 1] {
    [Metric::new("a", value)]
}

fn skipped(stage: &Stage) -> u64 {
    stage.host.counters().skipped_values.iter().sum()
}

fn samples(told: &[String]) -> usize {
    told.iter().filter(|line| line.contains("data ")).count()
}

/// They were in no account, and "every value is delivered, or counted above" was logged.
#[test]
fn what_waits_when_the_process_ends_is_read_or_counted() {
    // Behind a missing message: of the node and of a device, the last one its death.
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), a(1)));
    stage.send(&edge.dbirth("d", stage.time(), a(1)));
    stage.look();
    edge.ndata(stage.time(), a(2));
    for value in 3..6 {
        stage.send(&edge.ndata(stage.time(), a(value)));
        stage.send(&edge.ddata("d", stage.time(), a(value)));
    }
    stage.send(&edge.ddeath("d", stage.time()));
    assert_eq!(samples(&stage.look()), 0);
    stage.host.shutdown(stage.now);
    let told = stage.look();
    assert_eq!(samples(&told), 6, "{told:?}");
    assert!(told.iter().any(|line| line.starts_with("death g/n/d")), "{told:?}");
    assert_eq!(skipped(&stage), 0);

    // For a birth: of a node that is not born, and of a device.
    let mut stage = Stage::new();
    let mut edge = self::edge();
    edge.nbirth(stage.time(), a(1));
    for value in 0..5 {
        stage.send(&edge.ndata(stage.time(), a(value)));
    }
    let mut other = Edge::new(EdgeNode::new("g", "other"), 0);
    stage.send(&other.nbirth(stage.time(), a(1)));
    other.dbirth("d", stage.time(), a(1));
    for value in 0..7 {
        stage.send(&other.ddata("d", stage.time(), a(value)));
    }
    stage.look();
    stage.host.shutdown(stage.now);
    let told = stage.look();
    assert_eq!((samples(&told), skipped(&stage)), (0, 12), "{told:?}");
    assert_eq!(stage.host.memory_use.bytes, 0);
    let findings = &stage.host.counters().findings;
    assert_eq!(findings.count(Finding::BeforeBirth), 12);
    assert!(!told.iter().any(|line| line.contains("rebirth")), "{told:?}");
}

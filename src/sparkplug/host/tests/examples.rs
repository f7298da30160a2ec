//! What is found is told by the name of the metric or device that shows it.

use super::*;

fn edge() -> Edge {
    Edge::new(EdgeNode::new("g", "n"), 0)
}

fn example(stage: &Stage, finding: Finding) -> String {
    let found = stage.host.findings().find(|found| found.finding == finding);
    found.map(|found| found.example.to_owned()).unwrap_or_default()
}

/// Answers requests with a birth that does not help, while this is sent each second.
fn problem(
    stage: &mut Stage,
    edge: &mut Edge,
    sent: impl Fn(&mut Edge, Timestamp) -> Message,
) -> String {
    for _ in 0..120 {
        let message = sent(edge, stage.time());
        stage.send(&message);
        stage.pass(secs(1));
        if stage.look().contains(&"rebirth 0 g/n".to_owned()) {
            stage.send(&edge.nbirth(stage.time(), [Metric::new("a", 1_i32)]));
        }
    }
    let mut problems = stage.host.problems();
    problems.next().map(|(_, problem)| problem.words()).unwrap_or_default()
}

/// "it sends metrics that are not in its birth": which, stood nowhere.
#[test]
fn a_metric_that_is_in_no_birth_is_named() {
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), [Metric::new("a", 1_i32)]));
    let strange = |edge: &mut Edge, time| edge.ndata(time, [Metric::new("no/such", 1_i32)]);
    let words = problem(&mut stage, &mut edge, strange);
    assert!(words.contains("not in its birth, such as no/such, although"), "{words}");
    assert_eq!(example(&stage, Finding::UnknownMetric), "spBv1.0/g/NDATA/n: no/such");
}

/// The node was accused, which was born.
#[test]
fn the_device_that_is_not_born_is_named() {
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), [Metric::new("a", 1_i32)]));
    let ghost = |edge: &mut Edge, time| edge.ddata("D1", time, [Metric::new("a", 1_i32)]);
    let words = problem(&mut stage, &mut edge, ghost);
    assert!(words.starts_with("its device D1 sends data without a birth"), "{words}");
    // A node that is not born itself is not its device.
    let mut stage = Stage::new();
    let mut edge = Edge::new(EdgeNode::new("g", "n"), 0);
    for _ in 0..60 {
        stage.send(&edge.ndata(stage.time(), [Metric::new("a", 1_i32)]));
        stage.pass(secs(1));
    }
    let words = stage.host.problems().next().map(|(_, problem)| problem.words());
    let words = words.expect("a problem");
    assert!(words.starts_with("it, or a device of it, sends data without"), "{words}");
}

#[test]
fn a_metric_whose_value_cannot_be_read_is_named_and_of_a_long_name_the_beginning() {
    for (name, shown) in [("Speed", "Speed".to_owned()), (&*"x".repeat(900), "x".repeat(200))] {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), [Metric::new(name, 1_i32)]));
        stage.send(&edge.ndata(stage.time(), [Metric::new(name, "text")]));
        let told = example(&stage, Finding::WrongValue);
        let expected: String = format!("spBv1.0/g/NDATA/n: {shown}").chars().take(200).collect();
        assert_eq!(told, expected);
    }
}

//! What a known metric takes: the resident memory of a process that holds the pure middle alone,
//! after a million metrics were born at once, provisioned, told, born again, and all was delivered.
//!
//! This process is the plant: it pipes messages to itself, started once more for each row of
//! the table, so that what the plant takes is not counted. The same is measured of the session
//! alone, and of session and twin with all points thrown away; the differences are the layers.
//!
//! Without `--bench`, or with `--quick`, one small round shows that it works.

#![expect(clippy::unwrap_used, reason = "a benchmark ends where it cannot go on")]

#[path = "../support/control_plane.rs"]
mod control_plane;
mod frame;
mod known;
#[path = "../support/plant.rs"]
mod plant;
mod spelling;
#[path = "../support/twin.rs"]
mod twin;

use std::io::{BufWriter, Write};
use std::process::{Command, Stdio};

use known::{Extent, Measured};
use spelling::Spelling;

const NAME: &str = "memory";
const QUICK: &str = "--quick";
/// Bytes that a known metric may take.
const LIMIT: u64 = 400;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    if let Some(extent) = Extent::ALL.into_iter().find(|extent| has(extent.argument())) {
        return known::hold(extent);
    }
    let nodes = if has(QUICK) || !has("--bench") { 2 } else { 100 };
    let mut filters = arguments.iter().filter(|argument| !argument.starts_with('-')).peekable();
    if filters.peek().is_some() && !filters.any(|filter| NAME.contains(filter.as_str())) {
        return;
    }
    run(nodes);
}

#[expect(clippy::print_stdout, reason = "the figures")]
fn run(nodes: usize) {
    println!("{NAME}: {nodes} edge nodes, {} metrics", nodes * spelling::METRICS);
    println!(
        "{:<34} {:>8} {:>8} {:>8} | {:>8} {:>8} {:>8} | {:>8} {:>8}",
        "bytes a metric",
        "whole",
        "most",
        "limit",
        "session",
        "twin",
        "delivery",
        "models",
        "assets"
    );
    for spelling in Spelling::ALL {
        let [session, twin, whole] = Extent::ALL.map(|extent| measure(spelling, nodes, extent));
        let each = |bytes: u64| bytes / (nodes * spelling::METRICS) as u64;
        println!(
            "{:<34} {:>8} {:>8} {:>8} | {:>8} {:>8} {:>8} | {:>8} {:>8}",
            spelling.name(),
            each(whole.resident),
            each(whole.most),
            LIMIT,
            each(session.resident),
            each(twin.resident.saturating_sub(session.resident)),
            each(whole.resident.saturating_sub(twin.resident)),
            whole.models,
            whole.assets,
        );
    }
}

/// Tells a plant to a process of its own.
fn measure(spelling: Spelling, nodes: usize, extent: Extent) -> Measured {
    let program = std::env::current_exe().unwrap();
    let mut child = Command::new(program)
        .arg(extent.argument())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = BufWriter::new(child.stdin.take().unwrap());
    for part in 0..spelling::PARTS {
        for number in 0..nodes {
            for message in spelling.node(number).get(part).unwrap() {
                frame::write(&mut input, Some(message));
            }
        }
        frame::write(&mut input, None);
    }
    input.flush().unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    Measured::parse(&String::from_utf8(output.stdout).unwrap())
}

//! The demo itself: what it prints, and how it ends.

#![expect(clippy::unwrap_used, reason = "a test ends where the program does not start")]

use std::process::{Command, Output};

fn demo(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_demo"))
        .args(arguments)
        .env("RUST_LOG", "off")
        .output()
        .unwrap()
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

#[test]
fn once_ends_well_only_when_every_twin_is_live() {
    let live = demo(&["--once", "--turbines", "1"]);
    let printed = String::from_utf8_lossy(&live.stdout);
    assert_eq!(code(&live), Some(0), "{printed}{}", String::from_utf8_lossy(&live.stderr));
    assert!(printed.contains("● T01/Gearbox (Gearbox)") && !printed.contains('○'), "{printed}");
    assert!(printed.contains("Ended in order"), "{printed}");
    let told = printed.lines().find(|line| line.contains("Last birth")).unwrap_or_default();
    assert!(told.contains(" UTC"), "{told}");

    let early = demo(&["--once", "--turbines", "1", "--for", "0s"]);
    assert_eq!(code(&early), Some(1));
    assert!(String::from_utf8_lossy(&early.stderr).contains("twins are live"));
}

#[test]
fn what_it_does_not_understand_it_says() {
    let wrong = demo(&["--onec"]);
    assert_eq!(code(&wrong), Some(64));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("there is no --onec"));
    assert_eq!(code(&demo(&["--help"])), Some(0));
}

#[test]
fn the_loop_ends_well_only_when_a_command_has_cooled_the_gearbox() {
    let cooled = demo(&["--loop", "--once", "--turbines", "1"]);
    let printed = String::from_utf8_lossy(&cooled.stdout);
    assert_eq!(code(&cooled), Some(0), "{printed}{}", String::from_utf8_lossy(&cooled.stderr));
    let steps = ["has lost its cooling", "is too warm", "SUCCEEDED CONFIRMED", "Cooled by the"];
    let told = steps.map(|step| printed.find(step));
    assert!(told.iter().all(Option::is_some) && told.is_sorted(), "{told:?} {printed}");

    let early = demo(&["--loop", "--once", "--turbines", "1", "--for", "0s"]);
    assert_eq!(code(&early), Some(1));
}

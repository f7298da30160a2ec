//! Births of devices that cannot be read, behind messages that are missing.

use super::*;

fn a(value: i32) -> [Metric; 1] {
    [Metric::new("a", value)]
}

/// The device was online for ever: its death waited for a missing message, and what waits was told
/// without deaths. Nobody asked for a birth either: a birth that had waited too answered for the
/// damaged one that came after it.
#[test]
fn a_death_behind_a_gap_counts_where_a_birth_of_another_device_cannot_be_read() {
    for reborn in ["d", "e"] {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), a(1)));
        for device in ["d", "e"] {
            stage.send(&edge.dbirth(device, stage.time(), a(1)));
        }
        stage.pass(secs(60));
        stage.look();
        edge.skip(1);
        stage.send(&edge.ddeath("e", stage.time()));
        stage.send(&edge.dbirth("d", stage.time(), a(2)));
        let mut damaged = edge.dbirth(reborn, stage.time(), a(3));
        damaged.payload.truncate(damaged.payload.len() - 3);
        stage.send(&damaged);
        let told = stage.look();
        assert!(told.iter().any(|line| line.starts_with("death g/n/e")), "{reborn} {told:?}");
        assert!(told.iter().any(|line| line.starts_with("birth g/n/d")), "{reborn} {told:?}");
        assert_eq!(stage.host.counters().findings.count(Finding::Gap), 1);
        stage.pass(secs(20));
        let told = stage.look();
        assert!(told.iter().any(|line| line.starts_with("rebirth")), "{reborn} {told:?}");
    }
}

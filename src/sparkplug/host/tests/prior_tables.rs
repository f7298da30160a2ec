//! What dead devices were known by, while others are born and die.

use super::*;

fn a(value: i32) -> [Metric; 1] {
    [Metric::new("a", value)]
}

fn skipped(stage: &Stage) -> u64 {
    stage.host.counters().skipped_values[SkipReason::BeforeBirth as usize]
}

/// A node with two devices that speak in aliases; the first has died.
fn with_a_dead_device() -> (Stage, Edge) {
    let mut stage = Stage::new();
    let mut edge = edge().with_aliases();
    stage.send(&edge.nbirth(stage.time(), a(1)));
    for name in ["d", "e"] {
        stage.send(&edge.dbirth(name, stage.time(), a(1)));
    }
    stage.pass(ms(10));
    stage.send(&edge.ddeath("d", stage.time()));
    (stage, edge)
}

/// The birth of any device dropped the tables of all dead ones, and what waited for their births
/// was thrown away, since it had no names.
#[test]
fn the_birth_of_another_device_takes_no_table_of_a_dead_one() {
    for other in ["e", "new"] {
        let (mut stage, mut edge) = with_a_dead_device();
        stage.send(&edge.dbirth(other, stage.time(), a(1)));
        stage.look();
        // Its birth is late.
        stage.send(&edge.ddata("d", stage.time(), a(2)));
        stage.pass(ms(100));
        stage.send(&edge.dbirth("d", stage.time(), a(3)));
        let told = stage.look();
        assert_eq!(told.last().unwrap(), "before birth data g/n/d: #0=2", "{other} {told:?}");
        assert_eq!(skipped(&stage), 0, "{other}");
    }
}

/// What came between one that could not be read and the next was read by the one before both.
#[test]
fn a_birth_of_a_dead_device_that_cannot_be_read_ends_its_table() {
    let (mut stage, mut edge) = with_a_dead_device();
    let damaged = edge.dbirth("d", stage.time(), a(1));
    stage.send(&Message { payload: vec![0xff], ..damaged });
    stage.send(&edge.ddata("d", stage.time(), a(2)));
    stage.pass(secs(3));
    stage.send(&edge.dbirth("d", stage.time(), a(3)));
    assert!(!stage.look().iter().any(|line| line.starts_with("before birth data")));
    assert_eq!(skipped(&stage), 1);
}

/// A table that was kept gave its session to those that came after it, so that values after a drop
/// of the link were taken for those of another session.
#[test]
fn a_kept_table_gives_its_session_to_no_other() {
    for is_reborn in [false, true] {
        let (mut stage, mut edge) = with_a_dead_device();
        // It waits, so that what the device was known by is still of interest.
        stage.send(&edge.ddata("d", stage.time(), a(7)));
        edge.reconnect();
        stage.send(&edge.nbirth(stage.time(), a(1)));
        if is_reborn {
            stage.send(&edge.dbirth("e", stage.time(), a(1)));
        }
        stage.pass(secs(1));
        stage.host.handle_disconnected(SERVER, stage.now);
        stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
        stage.send(&edge.ndata(stage.time(), a(2)));
        stage.look();
        stage.pass(ms(100));
        stage.send(&edge.nbirth(stage.time(), a(3)));
        let told = stage.look();
        let read = "before birth data g/n: #2=2".to_owned();
        assert!(told.contains(&read), "{is_reborn} {told:?}");
    }
}

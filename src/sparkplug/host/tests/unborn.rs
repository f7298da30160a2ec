//! Devices that speak before they are born, or born again.

use super::*;

fn a(value: i32) -> [Metric; 1] {
    [Metric::new("a", value)]
}

fn skipped(stage: &Stage) -> u64 {
    stage.host.counters().skipped_values[SkipReason::BeforeBirth as usize]
}

/// An aliased node with two devices, online for a while.
fn plant() -> (Stage, Edge) {
    let mut stage = Stage::new();
    let mut edge = edge().with_aliases();
    stage.send(&edge.nbirth(stage.time(), a(1)));
    stage.send(&edge.dbirth("d", stage.time(), a(1)));
    stage.send(&edge.dbirth("e", stage.time(), a(1)));
    stage.pass(secs(60));
    stage.look();
    (stage, edge)
}

/// A gateway with a thread for each device: it was read only where something had waited before the
/// node was born.
#[test]
fn what_a_device_says_by_alias_between_the_birth_of_its_node_and_its_own_is_read() {
    for (our_drop, same_session) in [(true, true), (false, true), (true, false), (false, false)] {
        let (mut stage, mut edge) = plant();
        if our_drop {
            stage.host.handle_disconnected(SERVER, stage.now);
            stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
        }
        let by_alias = edge.clone().ddata("d", stage.time(), a(2));
        let mut payload = payload::decode(&by_alias.payload).unwrap();
        assert_eq!(payload.metrics[0].name, None);
        payload.seq = Some(1);
        if !same_session {
            edge.reconnect();
        }
        stage.send(&edge.nbirth(stage.time(), a(1)));
        stage.look();
        stage.send(&Message { payload: payload::encode(&payload), ..by_alias });
        edge.skip(1);
        stage.pass(ms(100));
        // The edge numbers aliases in the order of births.
        stage.send(&edge.dbirth("d", stage.time(), a(3)));
        stage.send(&edge.dbirth("e", stage.time(), a(1)));
        let told = stage.look();
        let read = told.contains(&"before birth data g/n/d: #0=2".to_owned());
        assert_eq!(
            (read, skipped(&stage)),
            (same_session, u64::from(!same_session)),
            "{our_drop} {told:?}"
        );
        // Nothing of it is kept longer than it is of use.
        assert_eq!(stage.host.memory_use.past_leaves, 0);
    }
}

/// They stand in nobody's way: they go first where memory is short.
#[test]
fn what_unborn_devices_were_known_by_goes_where_memory_is_short() {
    let mut stage = Stage::with(|config| config.table_bytes = 256 << 10);
    let many = || (0..100).map(|n| Metric::new(&format!("metric {n}"), 1_i32));
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), []));
    for device in ["d", "e"] {
        stage.send(&edge.dbirth(device, stage.time(), many()));
    }
    stage.pass(secs(10));
    stage.send(&edge.nbirth(stage.time(), []));
    assert!(stage.host.memory_use.past_leaves > 0);
    for number in 0..100 {
        let mut other = Edge::new(EdgeNode::new("g", number.to_string()), 0);
        stage.send(&other.nbirth(stage.time(), many()));
        if stage.host.memory_use.past_leaves == 0 {
            return assert_eq!(stage.host.counters().findings.count(Finding::TooManyLeaves), 0);
        }
    }
    panic!("they stay: {:?}", stage.host.memory_use);
}

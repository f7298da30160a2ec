//! Edge nodes that are dead for long.

use super::plant::Plant;
use super::*;

/// After seven days its session is forgotten, and the bridge called itself healthy.
#[test]
fn who_is_dead_for_longer_than_sessions_are_kept_is_dead_until_it_is_born() {
    let mut plant = Plant::new(|_| {});
    plant.nbirth(0, [Metric::new("Wind", 7.0)]);
    let will = plant.edge.ndeath();
    assert!(plant.bridge.dead_nodes().is_empty());
    plant.send(&will);
    for _ in 0..8 {
        assert_eq!(plant.bridge.dead_nodes().len(), 1);
        plant.pass(Duration::from_secs(24 * 3600));
    }
    assert_eq!(plant.bridge.host().dead().count(), 0, "it is forgotten");
    assert_eq!(plant.bridge.dead_nodes().len(), 1);
    let days = 8 * 24 * 3_600_000;
    plant.nbirth(days, [Metric::new("Wind", 8.0)]);
    assert!(plant.bridge.dead_nodes().is_empty());
}

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

/// It was offline "since before the bridge started", in a log that showed its life and its death.
#[test]
fn who_came_or_died_after_the_start_is_offline_since_the_death_that_was_received() {
    let mut plant = Plant::new(|_| {});
    let since = |plant: &Plant, node: &str| {
        let edge = EdgeNode::new("Nordsee", node);
        let is_dead = plant.bridge.dead_nodes().contains(&edge);
        is_dead.then(|| plant.bridge.offline_since(&edge))
    };
    let dies = |plant: &mut Plant, edge: &mut Edge| {
        plant.pass(Duration::from_secs(60));
        let will = edge.ndeath();
        plant.send(&will);
        plant.now.wall
    };
    let mut only_will = Edge::new(EdgeNode::new("Nordsee", "will"), 0);
    let mut unborn = Edge::new(EdgeNode::new("Nordsee", "unborn"), 0);
    let mut empty = Edge::new(EdgeNode::new("Nordsee", "empty"), 0);
    // Nothing but a will.
    let died = dies(&mut plant, &mut only_will);
    assert_eq!(since(&plant, "will"), Some(Some(died)));
    dies(&mut plant, &mut only_will);
    assert_eq!(since(&plant, "will"), Some(Some(died)), "it is dead since the first");
    // Data without a birth, twice.
    for _ in 0..2 {
        let data = unborn.ndata(plant.now.wall, [Metric::new("Wind", 7.0)]);
        plant.send(&data);
        let died = dies(&mut plant, &mut unborn);
        assert_eq!(since(&plant, "unborn"), Some(Some(died)));
    }
    // A birth without a tag of its own, and so without an asset.
    let birth = empty.nbirth(plant.now.wall, []);
    plant.send(&birth);
    assert_eq!(since(&plant, "empty"), None);
    let died = dies(&mut plant, &mut empty);
    assert_eq!(since(&plant, "empty"), Some(Some(died)));
    // Born again, it is alive, and its next death has the time of that.
    let birth = empty.nbirth(plant.now.wall, []);
    plant.send(&birth);
    assert_eq!(since(&plant, "empty"), None);
    let died = dies(&mut plant, &mut empty);
    assert_eq!(since(&plant, "empty"), Some(Some(died)));
}

/// The server was lost, and the node did not come back with it.
#[test]
fn who_is_lost_with_its_server_is_offline_since_then() {
    let mut plant = Plant::new(|_| {});
    plant.nbirth(0, [Metric::new("Wind", 7.0)]);
    plant.pass(Duration::from_secs(60));
    let lost = plant.now.wall;
    plant.bridge.handle_disconnected(SERVER, plant.now);
    plant.pass(Duration::from_secs(10));
    plant.bridge.handle_connected(SERVER, plant.now.wall, plant.now);
    plant.pass(Duration::from_secs(120));
    let edge = EdgeNode::new("Nordsee", "gw");
    assert!(plant.bridge.dead_nodes().contains(&edge));
    assert_eq!(plant.bridge.offline_since(&edge), Some(lost));
}

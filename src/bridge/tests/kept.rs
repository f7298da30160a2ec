//! What an earlier process left on disk, through the whole pure middle.

use super::plant::Plant;
use super::*;
use crate::delivery::point::Class;
use crate::sitewise::api::Quality;

impl World {
    /// Another process, on what the outbox had on disk.
    pub(super) fn restart_on_disk(&mut self) {
        self.check_conservation();
        self.disk.extend(std::mem::take(&mut self.kept).into_values());
        let config = Config {
            host: host_config::Config::new("sparkwise"),
            twin: twin_config(),
            delivery: delivery::Config::default(),
        };
        self.bridge = Bridge::new(config, self.rng.u64(..));
        self.outbox = MemoryOutbox::new(1 << 20);
        self.in_flight.clear();
        (self.discarded, self.refused_before, self.restored) = (0, 0, 0);
        self.bridge.handle_connected(SERVER, self.now.wall, self.now);
        self.drain();
    }

    /// What can go of what lies on disk.
    pub(super) fn restore(&mut self) -> Vec<Point> {
        let bridge = &self.bridge;
        let can_go = |point: &mut Point| {
            matches!(bridge.gate_state(point.stream), GateState::Open | GateState::Others)
        };
        let room = bridge.room();
        let mut points: Vec<_> =
            self.disk.extract_if(.., can_go).take(room.history.min(room.points)).collect();
        for point in &mut points {
            point.class = Class::History;
            self.kept.insert(point.key(), point.clone());
        }
        self.restored += points.len() as u64;
        points
    }
}

/// What SiteWise shows of a property of a node.
fn shown(world: &World, property: &str) -> Option<(Quality, Variant)> {
    let (asset, of) = world.sitewise.asset("gw1");
    let model = &world.sitewise.models[&of.model];
    let property = model.properties.iter().find(|has| has.name == property)?.id;
    let stream = Stream { asset, property };
    let latest = world.written.iter().rfind(|(key, _)| key.stream == stream);
    latest.map(|(key, value)| (key.quality, value.clone()))
}

/// SiteWise was away while the node died and was marked, and perhaps since before it was first
/// born, so that nothing of it was there; it is back with the bridge and the node.
#[test]
fn what_a_node_says_is_shown_whatever_lay_on_disk() {
    for away_at_first in [false, true] {
        let mut world = World::new(7);
        world.pass(Duration::from_secs(5));
        let changed = world.true_time();
        let birth = |world: &mut World| {
            let time = world.true_time();
            let load = Metric::new("Load", 7).at(changed);
            let message = world.edges[0].nbirth(time, [load]);
            world.deliver(message);
        };
        let away = Weather { steps: 100, requests: 100, ..Weather::default() };
        if away_at_first {
            world.weather = away;
        }
        birth(&mut world);
        world.pass(Duration::from_secs(60));
        world.weather = away;
        let message = world.edges[0].ndeath();
        world.deliver(message);
        world.pass(Duration::from_secs(90));
        world.weather = Weather::default();
        world.restart_on_disk();
        assert!(!world.disk.is_empty() || world.restored > 0);
        world.edges[0].reconnect();
        birth(&mut world);
        world.pass(Duration::from_secs(300));
        world.bridge.flush(world.now);
        world.pass(Duration::from_secs(1));
        world.check_conservation();
        assert_eq!(world.disk, []);
        let load = Some((Quality::Good, Variant::Integer(7)));
        assert_eq!(shown(&world, "Load"), load, "{away_at_first}");
        let online = Some((Quality::Good, Variant::Boolean(true)));
        assert_eq!(shown(&world, "Online"), online, "{away_at_first}");
    }
}

/// An older value stood over a newer one.
#[test]
fn a_birth_that_the_server_has_stored_writes_nothing_over_what_is_newer() {
    for restarts in [false, true] {
        let mut plant = Plant::new(|_| {});
        let value = |name: &str, value: i32| Metric::new(name, value);
        let birth = plant.edge.nbirth(Plant::at(0), [value("a", 1), value("b", 1)]);
        plant.send(&birth);
        plant.pass(Duration::from_secs(60));
        plant.ndata(60_000, [value("a", 5)]);
        plant.pass(Duration::from_secs(60));
        if restarts {
            plant = plant.restart();
            plant.now = plant.now.plus(Duration::from_secs(120));
        } else {
            plant.bridge.handle_disconnected(SERVER, plant.now);
            plant.pass(Duration::from_secs(3));
            plant.bridge.handle_connected(SERVER, plant.now.wall, plant.now);
        }
        let Message { topic, payload, .. } = &birth;
        let topic = format!("$sparkplug/certificates/{topic}");
        plant.bridge.handle_message(SERVER, &topic, payload, true, plant.now);
        plant.ndata(123_000, [value("b", 2)]);
        plant.pass(Duration::from_secs(2));
        let shown = |name: &str| plant.latest("gw", name).map(|last| last.value);
        assert_eq!(shown("a"), Some(Variant::Integer(5)), "{restarts}");
        assert_eq!(shown("b"), Some(Variant::Integer(2)), "{restarts}");
    }
}

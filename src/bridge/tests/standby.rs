//! A bridge that follows another one.

use super::plant::Plant;
use super::*;
use crate::sitewise::api::Quality;

/// A bridge that follows, of a plant that SiteWise has, and lost its connection two minutes ago.
fn cut_off() -> Plant {
    let mut plant = Plant::new(|_| {});
    plant.nbirth(0, [Metric::new("Wind", 7.0)]);
    plant.pass(Duration::from_secs(10));
    plant.bridge.follow(plant.now);
    plant.pass(Duration::from_secs(10));
    plant.bridge.handle_disconnected(SERVER, plant.now);
    let before = plant.points.len();
    plant.pass(Duration::from_secs(120));
    assert_eq!(plant.points[before..], []);
    plant
}

fn online(plant: &Plant) -> Variant {
    plant.written("gw", "Online").iter().max_by_key(|(time, ..)| *time).unwrap().2.clone()
}

fn wind(plant: &Plant) -> Quality {
    plant.written("gw", "Wind").iter().max_by_key(|(time, ..)| *time).unwrap().1
}

/// The machines that it heard no longer were shown offline and stale, though the other bridge heard
/// them.
#[test]
fn a_follower_that_is_cut_off_decides_no_deaths_before_it_acts() {
    let mut plant = cut_off();
    plant.bridge.act(plant.now);
    plant.pass(Duration::from_secs(1));
    assert_eq!((online(&plant), wind(&plant)), (Variant::Boolean(false), Quality::Uncertain));
    plant.bridge.handle_connected(SERVER, plant.now.wall, plant.now);
    plant.nbirth(200_000, [Metric::new("Wind", 7.0)]);
    assert_eq!((online(&plant), wind(&plant)), (Variant::Boolean(true), Quality::Good));
}

/// It hears the server again, and not yet the edge node: its silence decides, once it was asked.
#[test]
fn a_node_that_was_not_heard_again_is_asked_by_the_follower_that_begins_to_act() {
    for answers in [true, false] {
        let mut plant = cut_off();
        plant.bridge.handle_connected(SERVER, plant.now.wall, plant.now);
        plant.pass(Duration::from_secs(1));
        plant.bridge.act(plant.now);
        plant.bridge.handle_connected(SERVER, plant.now.wall, plant.now);
        plant.bridge.speak(plant.now);
        plant.pass(Duration::from_secs(2));
        assert_eq!((online(&plant), wind(&plant)), (Variant::Boolean(true), Quality::Good));
        if answers {
            plant.nbirth(200_000, [Metric::new("Wind", 7.0)]);
        }
        plant.pass(Duration::from_secs(600));
        assert_eq!(online(&plant), Variant::Boolean(answers));
        let quality = if answers { Quality::Good } else { Quality::Uncertain };
        assert_eq!(wind(&plant), quality, "{answers}");
    }
}

/// Of two servers one is cut for this bridge alone.
#[test]
fn a_follower_that_lost_one_of_two_servers_decides_of_the_nodes_on_the_other_alone() {
    let mut plant = Plant::new(|config| config.host.servers = 2);
    plant.bridge.handle_connected(ServerId(1), plant.now.wall, plant.now);
    plant.nbirth(0, [Metric::new("Wind", 7.0)]);
    let mut other = Edge::new(EdgeNode::new("Nordsee", "other"), 0);
    let born = other.nbirth(Plant::at(0), [Metric::new("Wind", 7.0)]);
    let on_other = |plant: &mut Plant, message: &Message| {
        let (topic, payload) = (&message.topic, &message.payload);
        plant.bridge.handle_message(ServerId(1), topic, payload, false, plant.now);
        plant.pass(Duration::from_secs(70));
    };
    on_other(&mut plant, &born);
    plant.bridge.follow(plant.now);
    plant.bridge.handle_disconnected(SERVER, plant.now);
    let before = plant.points.len();
    plant.pass(Duration::from_secs(120));
    assert_eq!(plant.points[before..], []);
    on_other(&mut plant, &other.ndeath());
    let last = |plant: &Plant, asset| plant.written(asset, "Online").last().unwrap().2.clone();
    let (alive, dead) = (Variant::Boolean(true), Variant::Boolean(false));
    assert_eq!((last(&plant, "gw"), last(&plant, "other")), (alive, dead.clone()));
    plant.bridge.act(plant.now);
    plant.pass(Duration::from_secs(1));
    assert_eq!(last(&plant, "gw"), dead);
}

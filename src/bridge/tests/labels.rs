//! Aliases and notifications through the whole pure middle.

use uuid::Uuid;

use super::*;
use crate::globs::Globs;
use crate::labels::{AliasTemplate, Config as Labels, RemarkKind, TagTemplate};
use crate::sitewise::api::{AssetProperty, NotificationState};
use crate::sitewise::tags::Taggable;
use crate::sparkplug::address::Source;

const TEMPLATE: &str = "/{group}/{node}/{device}/{asset}/{member}";

fn wanted() -> Labels {
    Labels {
        aliases: Some(AliasTemplate::parse(TEMPLATE).unwrap()),
        notify: Some(Globs::parse("Turbine/Speed").unwrap()),
        tags: None,
    }
}

fn labelled(world: World) -> World {
    World { bridge: world.bridge.with_labels(wanted(), 1), ..world }
}

impl World {
    /// What is set on properties: by the asset's name and the property's.
    fn own(&self) -> BTreeMap<(String, String), AssetProperty> {
        let named = self.sitewise.properties.iter().map(|((asset, property), own)| {
            let asset = &self.sitewise.assets[asset];
            let model = &self.sitewise.models[&asset.model];
            let property = model.all_properties().find(|of| of.id == *property).unwrap();
            ((asset.name.clone(), property.name.clone()), own.clone())
        });
        named.collect()
    }

    /// A birth of turbines, each with a unit of its own for its speed, and one of a device.
    fn birth_with_units(&mut self, node: usize, units: &[&str]) {
        let speed = |unit: &str| Metric::new("Speed", 1.0).property("engUnit", unit);
        let definition = Template::definition().member(speed("rpm")).parameter("Serial", "?");
        let mut metrics = vec![Metric::template("Turbine", definition), Metric::new("Load", 7)];
        for (at, unit) in units.iter().enumerate() {
            let instance = Template::instance("Turbine").member(speed(unit));
            metrics.push(Metric::template(&format!("Row 1/T{at}"), instance));
        }
        let time = self.true_time();
        let message = self.edges[node].nbirth(time, metrics);
        self.deliver(message);
        let device = [Metric::new("Level", 3.0)];
        let message = self.edges[node].dbirth("Tank", time, device);
        self.deliver(message);
    }

    fn updates(&self) -> usize {
        self.sitewise.writes.iter().filter(|write| write.starts_with("set the unit")).count()
    }

    fn alias(&self, asset: &str, property: &str) -> Option<String> {
        self.own().get(&(asset.to_owned(), property.to_owned()))?.alias.clone()
    }
}

#[test]
fn every_measurement_gets_its_alias_and_no_attribute_does() {
    let mut world = labelled(World::new(1));
    world.birth_with_units(0, &["rpm", "rpm"]);
    world.pass(Duration::from_secs(120));
    for (asset, property, alias) in [
        ("T0", "Speed", "/Nordsee/gw1/Row 1/T0/Speed"),
        ("T1", "Speed", "/Nordsee/gw1/Row 1/T1/Speed"),
        ("gw1", "Load", "/Nordsee/gw1/Load"),
        ("gw1", "Online", "/Nordsee/gw1/Online"),
        ("Tank", "Level", "/Nordsee/gw1/Tank/Level"),
        ("Tank", "Last birth", "/Nordsee/gw1/Tank/Last birth"),
    ] {
        let asset = world.own().keys().find(|(of, _)| of.ends_with(asset)).unwrap().0.clone();
        assert_eq!(world.alias(&asset, property).as_deref(), Some(alias));
    }
    for ((asset, property), own) in world.own() {
        assert_ne!(property, "Serial", "{asset}");
        assert_eq!(own.notification == NotificationState::Enabled, property == "Speed", "{asset}");
    }
    let figures = world.bridge.labels().unwrap().figures();
    assert_eq!(figures.aliases as usize, world.own().len());
    assert_eq!((figures.notifications, figures.remarks), (2, [0; RemarkKind::ALL.len()]));

    // What comes later is set as well, and after a restart nothing is written again.
    world.birth_with_units(1, &["rpm"]);
    world.pass(Duration::from_secs(120));
    let (own, updates) = (world.own(), world.updates());
    assert!(own.len() > figures.aliases as usize);
    world.restart_on_disk();
    let mut world = labelled(world);
    world.birth_with_units(0, &["rpm", "rpm"]);
    world.birth_with_units(1, &["rpm"]);
    world.pass(Duration::from_secs(600));
    assert_eq!((world.own(), world.updates()), (own, updates));
}

/// UpdateAssetProperty overwrites unit and alias together, and both are read before: what is read of
/// one must not be written over the other.
#[test]
fn a_unit_and_an_alias_of_one_property_do_not_overwrite_each_other() {
    for delay in 0..60 {
        let mut world = labelled(World::new(delay));
        world.birth_with_units(0, &["rpm", "rpm", "rpm"]);
        world.pass(Duration::from_millis(500 + delay * 100));
        // Units of their own come while aliases are set.
        world.birth_with_units(0, &["rpm", "1/s", "Hz"]);
        world.pass(Duration::from_secs(120));
        let speeds = world.own().into_iter().filter(|((_, property), _)| property == "Speed");
        let mut speeds: Vec<_> =
            speeds.map(|(_, own)| (own.alias.unwrap(), own.unit.unwrap())).collect();
        speeds.sort_unstable();
        let expected = [("T0", "rpm"), ("T1", "1/s"), ("T2", "Hz")]
            .map(|(name, unit)| (format!("/Nordsee/gw1/Row 1/{name}/Speed"), unit.to_owned()));
        assert_eq!(speeds, expected, "{delay}");
    }
}

#[test]
fn an_alias_unit_and_notification_of_others_stay() {
    let mut world = World::new(1);
    world.birth_with_units(0, &["rpm", "rpm"]);
    world.pass(Duration::from_secs(60));
    let theirs = |property: &str, asset: &str| -> (Uuid, Uuid) {
        let (id, asset) = world.sitewise.asset(asset);
        let model = &world.sitewise.models[&asset.model];
        (id, model.all_properties().find(|of| of.name == property).unwrap().id)
    };
    let (load, online) = (theirs("Load", "gw1"), theirs("Online", "gw1"));
    let alias = Some("/theirs".to_owned());
    let unit = Some("MW".to_owned());
    let enabled = NotificationState::Enabled;
    let set = AssetProperty { alias: alias.clone(), notification: enabled, unit: unit.clone() };
    world.sitewise.properties.insert(load, set.clone());
    let set_too = AssetProperty { alias: None, notification: enabled, unit };
    world.sitewise.properties.insert(online, set_too.clone());
    let mut world = labelled(world);
    world.pass(Duration::from_secs(120));
    assert_eq!(world.sitewise.properties[&load], set);
    let with_alias = AssetProperty { alias: Some("/Nordsee/gw1/Online".to_owned()), ..set_too };
    assert_eq!(world.sitewise.properties[&online], with_alias);
    let told: Vec<_> = world.bridge.labels().unwrap().remarks().map(ToString::to_string).collect();
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("Nordsee/gw1/Load: it keeps its alias `/theirs`"), "{told:?}");
}

/// The call was named that says whose an alias is, and not whose it is.
#[test]
fn of_two_properties_with_one_alias_the_one_without_it_is_told_with_the_other() {
    let mut world = labelled(World::new(1));
    let definition = Template::definition().member(Metric::new("Speed", 0.0));
    let instance = |speed| Template::instance("Turbine").member(Metric::new("Speed", speed));
    let births = [
        Metric::template("Turbine", definition),
        Metric::template("Row 1/T7", instance(1.0)),
        Metric::new("Row 1/T7/Speed", 2.0),
    ];
    let time = world.true_time();
    let message = world.edges[0].nbirth(time, births);
    world.deliver(message);
    world.pass(Duration::from_secs(120));
    let remarks: Vec<_> = world.bridge.labels().unwrap().remarks().collect();
    let [remark] = remarks.as_slice() else { panic!("{remarks:?}") };
    assert_eq!(remark.kind, RemarkKind::AliasTaken);
    let alias = "/Nordsee/gw1/Row 1/T7/Speed".to_owned();
    let mut holders = world.sitewise.properties.iter();
    let (holder, _) = holders.find(|(_, has)| has.alias.as_ref() == Some(&alias)).unwrap();
    let (asset, property) = holder;
    let whose = format!("; TWIN_ALIASES gives it to property {property} of asset {asset} as well");
    assert!(remark.reason.ends_with(&whose), "{remark}");
    assert_ne!(remark.ids, Some(*holder));
}

/// Of two assets of one model the other was not named: their properties have the same ids.
#[test]
fn the_other_property_with_one_alias_is_named_where_both_are_of_one_template() {
    let mut world = labelled(World::new(1));
    let definition = Template::definition().member(Metric::new("Speed", 0.0));
    let instance = |speed| Template::instance("Turbine").member(Metric::new("Speed", speed));
    let time = world.true_time();
    let births =
        [Metric::template("Turbine", definition), Metric::template("D/M/T", instance(1.0))];
    let message = world.edges[0].nbirth(time, births);
    world.deliver(message);
    let message = world.edges[0].dbirth("D/M", time, [Metric::template("T", instance(2.0))]);
    world.deliver(message);
    let message = world.edges[0].dbirth("D", time, [Metric::template("M/T", instance(3.0))]);
    world.deliver(message);
    world.pass(Duration::from_secs(120));
    let remarks: Vec<_> = world.bridge.labels().unwrap().remarks().collect();
    let alias = "/Nordsee/gw1/D/M/T/Speed".to_owned();
    let of_speed: Vec<_> =
        remarks.iter().filter(|of| of.taken.as_deref() == Some(alias.as_str())).collect();
    assert!(!of_speed.is_empty(), "{remarks:?}");
    for remark in of_speed {
        assert!(remark.reason.contains("; TWIN_ALIASES gives it to property"), "{remark}");
    }
}

/// A wrong unit is worse than a lost one: the machine's own wins where it says one.
#[test]
fn a_unit_of_others_stays_where_the_machine_says_none_and_the_machines_own_wins() {
    let mut world = labelled(World::new(1));
    world.birth_with_units(0, &["rpm"]);
    world.pass(Duration::from_secs(120));
    let place = |asset: &str, property: &str| -> (Uuid, Uuid) {
        let (id, asset) = world.sitewise.asset(asset);
        let model = &world.sitewise.models[&asset.model];
        (id, model.all_properties().find(|of| of.name == property).unwrap().id)
    };
    let (load, speed) = (place("gw1", "Load"), place("Row 1/T0", "Speed"));
    for at in [load, speed] {
        let theirs = world.sitewise.properties.get_mut(&at).unwrap();
        (theirs.unit, theirs.alias) = (Some("furlong".to_owned()), None);
    }
    world.restart_on_disk();
    let mut world = labelled(world);
    world.birth_with_units(0, &["rpm"]);
    world.pass(Duration::from_secs(600));
    let units = [load, speed].map(|at| world.sitewise.properties[&at].unit.clone().unwrap());
    assert_eq!(units, ["furlong", "rpm"]);
    for (asset, property) in [("gw1", "Load"), ("Row 1/T0", "Speed")] {
        assert!(world.alias(asset, property).is_some(), "{asset}");
    }
}

/// The lane changes nothing of what is written besides, and without it nothing is read or written
/// for it.
#[test]
fn what_else_is_written_is_the_same_with_labels_and_without() {
    let life = |mut world: World| {
        for turbines in [1, 2, 3] {
            world.birth(0, turbines, turbines > 2);
            world.pass(Duration::from_secs(90));
            world.birth(1, turbines, false);
            world.pass(Duration::from_secs(30));
        }
        world.pass(Duration::from_secs(300));
        world.check_conservation();
        let reads = world.log.iter().filter(|line| line.contains("ReadProperties")).count();
        let written: BTreeMap<_, _> =
            world.written.iter().map(|(key, value)| (key.stream, value.clone())).collect();
        let writes = std::mem::take(&mut world.sitewise.writes);
        let (labels, others): (Vec<_>, Vec<_>) =
            writes.into_iter().partition(|write| write.starts_with("set the unit"));
        (labels.len(), reads, others, written.into_keys().collect::<Vec<_>>())
    };
    let (without, reads, others, streams) = life(World::new(1));
    assert_eq!((without, reads), (0, 0));
    let (with, _, others_too, streams_too) = life(labelled(World::new(1)));
    assert!(with > 20, "{with}");
    assert_eq!((others, streams), (others_too, streams_too));
}

#[test]
fn where_writing_is_denied_it_is_a_problem_with_a_remedy_until_it_is_allowed() {
    let mut world = labelled(World::new(1));
    world.sitewise.unwritable = Some(ApiFaultKind::Denied);
    world.birth(0, 1, false);
    world.pass(Duration::from_secs(60));
    let problem = |world: &World| {
        let problem = world.bridge.twin().plan().problem("set aliases and notifications");
        problem.map(str::to_owned)
    };
    let told = problem(&world).unwrap();
    assert!(told.starts_with("UpdateAssetProperty: ") && told.contains("TWIN_ALIASES"), "{told}");
    assert_eq!(world.log.iter().filter(|line| line.starts_with("LabelsDenied")).count(), 1);
    world.sitewise.unwritable = None;
    world.pass(Duration::from_secs(600));
    assert_eq!(problem(&world), None);
    assert!(world.alias("T0", "Speed").is_some());
    let place = world.bridge.twin().asset_id(&crate::twin::view::Address::Source(&Source {
        edge: EdgeNode::new("Nordsee", "gw1"),
        device: None,
    }));
    assert!(world.sitewise.properties.keys().any(|(asset, _)| *asset == place));
}

/// Groups and the bridge's own asset get tags as well, as far as their placeholders stand for something.
#[test]
fn models_and_assets_are_tagged_by_their_place_in_the_plant() {
    let tags = "team=ot,group={group},at={node}/{device}";
    let tags = TagTemplate::parse(tags).unwrap();
    let wanted = Labels { tags: Some(tags), ..Labels::default() };
    let mut world = World::new(1);
    world.bridge = world.bridge.with_labels(wanted, 1);
    world.sitewise.unwritable = Some(ApiFaultKind::Denied);
    world.birth_with_units(0, &["rpm"]);
    world.pass(Duration::from_secs(60));
    let problem = |world: &World| world.bridge.twin().plan().problem("set tags").map(str::to_owned);
    let told = problem(&world).unwrap();
    assert!(told.starts_with("TagResource: ") && told.contains("TWIN_TAGS"), "{told}");
    world.sitewise.unwritable = None;
    world.pass(Duration::from_secs(600));
    assert_eq!(problem(&world), None);
    let tags = |of: Taggable| -> Vec<(String, String)> {
        world.sitewise.tags[&of].clone().into_iter().collect()
    };
    let pair = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    for (name, expected) in [
        ("Row 1/T0", vec![("group", "Nordsee"), ("team", "ot")]),
        ("gw1", vec![("group", "Nordsee"), ("team", "ot")]),
        ("Tank", vec![("at", "gw1/Tank"), ("group", "Nordsee"), ("team", "ot")]),
        ("Nordsee", vec![("group", "Nordsee"), ("team", "ot")]),
    ] {
        let (id, _) = world.sitewise.asset(name);
        let expected: Vec<_> = expected.into_iter().map(pair).collect();
        assert_eq!(tags(Taggable::Asset(id)), expected, "{name}");
    }
    for id in world.sitewise.models.keys() {
        assert_eq!(tags(Taggable::Model(*id)), [pair(("team", "ot"))]);
    }
    assert_eq!(
        world.sitewise.assets.len() + world.sitewise.models.len(),
        world.sitewise.tags.len()
    );
    assert_eq!(world.updates(), 0, "nothing of properties");
}

/// Its lane knew no lease: it wrote aliases beside the holder, and took away units that the holder had
/// set meanwhile.
#[test]
fn a_bridge_that_follows_sets_no_labels_until_it_acts() {
    let mut world = World::new(1);
    world.birth_with_units(0, &["rpm", "rpm"]);
    world.pass(Duration::from_secs(60));
    world.restart_on_disk();
    let mut world = labelled(world);
    let writes = world.sitewise.writes.len();
    world.bridge.follow(world.now);
    world.birth_with_units(0, &["rpm", "rpm"]);
    world.pass(Duration::from_secs(600));
    assert_eq!(world.sitewise.writes[writes..], [""; 0]);
    world.bridge.act(world.now);
    world.pass(Duration::from_secs(120));
    let named =
        |(asset, property): &&(String, String)| asset.ends_with("T0") && property == "Speed";
    let own = world.own();
    let (_, speed) = own.iter().find(|(key, _)| named(key)).unwrap();
    assert_eq!(speed.alias.as_deref(), Some("/Nordsee/gw1/Row 1/T0/Speed"));
    // What it had read when it stopped is not written by the other's side, nor after it unread.
    for millis in 0..200 {
        world.birth_with_units(1, &["rpm", "1/s", "Hz"]);
        world.pass(Duration::from_millis(10 * millis));
        world.bridge.follow(world.now);
        let writes = world.sitewise.writes.len();
        world.pass(Duration::from_secs(30));
        assert_eq!(world.sitewise.writes[writes..], [""; 0], "{millis}");
        world.bridge.act(world.now);
    }
}

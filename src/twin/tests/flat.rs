//! Devices of plain metrics: which of them are of one kind.

use super::*;

/// A tag of a double, with a unit if it has one.
pub(super) fn tag(slot: u32, name: &str, unit: Option<&str>) -> BirthMetric {
    let mut metric = leaf(slot, name, DataType::Double, sample(0, Value::Double(1.0)));
    let unit = unit.map(|unit| property("engUnit", DataType::String, text(unit)));
    metric.properties.extend(unit);
    metric
}

pub(super) fn tags<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<BirthMetric> {
    (0..).zip(names).map(|(slot, name)| tag(slot, name, None)).collect()
}

pub(super) fn born(rig: &mut Rig, name: &str, metrics: Vec<BirthMetric>) {
    rig.event(birth_at(rig.offset(), device(name), Vec::new(), metrics));
}

pub(super) fn begin(config: Config) -> Rig {
    let mut rig = Rig::with(config, FakeSiteWise::default());
    rig.event(birth(node(), Vec::new(), Vec::new()));
    rig.seconds(5);
    rig
}

pub(super) fn model_of<'a>(rig: &'a Rig, asset: &str) -> &'a str {
    &rig.sitewise.models[&rig.sitewise.asset(asset).1.model].name
}

pub(super) fn unplaced(rig: &Rig) -> usize {
    rig.sitewise.assets.values().filter(|asset| asset.parent.is_none()).count()
        // The bridge and the group.
        - 2
}

/// Every distinct set of names was a model of its own.
#[test]
fn devices_of_ten_kinds_with_odd_tags_need_few_models_and_hang_under_their_node() {
    let mut rig = begin(Config { max_models: 1_000, ..config() });
    let mut rng = fastrand::Rng::with_seed(11);
    for number in 0..150_u32 {
        let kind = number % 10;
        let name = format!("K{kind} {number}");
        let mut names: Vec<String> = (0..20).map(|tag| format!("K{kind} tag {tag}")).collect();
        // Up to a fifth of all, of the kind or its own alone.
        for extra in 0..rng.u32(0..=5) {
            names.push(match rng.bool() {
                true => format!("K{kind} option {extra}"),
                false => format!("{name} extra {extra}"),
            });
        }
        born(&mut rig, &name, tags(names.iter().map(String::as_str)));
    }
    rig.seconds(600);
    assert!(rig.sitewise.models.len() <= 20, "{}", rig.sitewise.models.len());
    assert_eq!(unplaced(&rig), 0);
    let devices = rig.sitewise.assets.values().filter(|asset| asset.name.starts_with('K'));
    assert_eq!(devices.count(), 150);
    for (_, asset) in rig.sitewise.assets.iter().filter(|(_, asset)| asset.name.starts_with('K')) {
        let kind = &asset.name[..2];
        for property in rig.properties(&asset.name).into_iter().skip(3) {
            assert!(property.starts_with(kind), "{} shows {property}", asset.name);
        }
    }
    assert!(rig.points.iter().all(|waiting| waiting.gate.is_none()));
    rig.check_conservation();
}

#[test]
fn wholly_different_devices_all_exist_with_all_values() {
    let mut rig = begin(Config { max_models: 1_000, ..config() });
    for number in 0..150 {
        let names: Vec<_> = (0..10).map(|tag| format!("PLC{number} Tag {tag}")).collect();
        born(&mut rig, &format!("PLC{number}"), tags(names.iter().map(String::as_str)));
    }
    rig.seconds(600);
    for number in 0..150 {
        let name = format!("PLC{number}");
        for tag in 0..10 {
            assert_eq!(rig.written(&name, &format!("PLC{number} Tag {tag}")).len(), 1);
        }
        assert_eq!(rig.shown(&name, "Online"), Some((Quality::Good, Variant::Boolean(true))));
    }
    // A tree has room for 100 models; the others are named.
    let unplaced = unplaced(&rig);
    assert!((50..60).contains(&unplaced), "{unplaced}");
    let named =
        rig.twin.plan().problems().filter(|(what, _)| what.starts_with("placement of asset "));
    assert_eq!(named.count(), unplaced);
}

#[test]
fn a_kind_is_called_what_its_first_devices_share() {
    let mut rig = begin(config());
    let names = ["Flow", "Head", "Speed", "Power", "Hours"];
    for name in ["Pump 1", "Pump 2", "Pump 3"] {
        born(&mut rig, name, tags(names));
    }
    born(&mut rig, "Mast", tags(["Wind"]));
    rig.seconds(30);
    for name in ["Pump 1", "Pump 2", "Pump 3"] {
        assert_eq!(model_of(&rig, name), "Pump (device)");
    }
    assert_eq!(model_of(&rig, "Mast"), "Mast (device)");
    // Its id does not hang on that name, and no later device changes it.
    born(&mut rig, "P4", tags(names));
    rig.seconds(30);
    assert_eq!(model_of(&rig, "P4"), "Pump (device)");
}

#[test]
fn a_name_of_a_kind_that_is_taken_gets_another() {
    let mut rig = begin(config());
    let mut foreign = rig.sitewise.models.values().next().unwrap().clone();
    (foreign.name, foreign.external_id) = ("Mast (device)".into(), None);
    rig.sitewise.models.insert(Uuid::from_u128(1), foreign);
    born(&mut rig, "Mast", tags(["Wind"]));
    rig.seconds(60);
    assert!(model_of(&rig, "Mast").starts_with("Mast (device) "));
    assert_eq!(rig.written("Mast", "Wind").len(), 1);
}

#[test]
fn four_fifths_of_the_larger_set_are_common_to_a_kind() {
    let base = ["a", "b", "c", "d", "e", "f", "g", "h"];
    for (names, joins) in [
        (vec!["a", "b", "c", "d", "e", "f", "g"], true),
        (vec!["a", "b", "c", "d", "e", "f"], false),
        (base.into_iter().chain(["x", "y"]).collect(), true),
        (base.into_iter().chain(["x", "y", "z"]).collect(), false),
    ] {
        let mut rig = begin(config());
        born(&mut rig, "one", tags(base));
        rig.seconds(10);
        born(&mut rig, "two", tags(names.iter().copied()));
        rig.seconds(30);
        assert_eq!(model_of(&rig, "two") == "one (device)", joins, "{names:?}");
        assert_eq!(rig.written("two", names.last().unwrap()).len(), 1);
    }
}

#[test]
fn a_new_device_finds_its_kind_after_a_restart() {
    let names = ["Flow", "Head", "Speed", "Power", "Hours"];
    let mut rig = begin(config());
    for name in ["Pump 1", "Pump 2"] {
        born(&mut rig, name, tags(names));
    }
    rig.seconds(30);
    // With the description that people gave it there was a second model, and one more after each
    // restart.
    for (number, description) in (3..).zip([None, Some("Feed pumps, hall 3"), Some("")]) {
        let kind = rig.sitewise.asset("Pump 1").1.model;
        if let Some(description) = description {
            let model = rig.sitewise.models.get_mut(&kind).unwrap();
            model.description = Some(description.to_owned()).filter(|text| !text.is_empty());
        }
        rig = rig.restart();
        let name = format!("Pump {number}");
        born(&mut rig, &name, tags(names));
        rig.seconds(30);
        assert_eq!(model_of(&rig, &name), "Pump (device)");
        assert!(rig.sitewise.writes.iter().all(|write| !write.contains("create asset model")));
    }
}

/// One showed 70.7 °C for 70.7 °F.
#[test]
fn devices_with_another_unit_are_of_another_kind() {
    let mut rig = begin(config());
    born(&mut rig, "one", vec![tag(0, "Temperature", Some("°C"))]);
    born(&mut rig, "two", vec![tag(0, "Temperature", Some("°F"))]);
    born(&mut rig, "three", vec![tag(0, "Temperature", None)]);
    rig.seconds(30);
    for (name, unit) in [("one", Some("°C")), ("two", Some("°F")), ("three", None)] {
        let (_, of) = rig.sitewise.asset(name);
        let model = &rig.sitewise.models[&of.model];
        let property = model.properties.iter().find(|p| p.name == "Temperature").unwrap();
        assert_eq!(property.unit.as_deref(), unit, "{name}");
    }
}

#[test]
fn a_unit_that_is_not_its_models_is_set_on_the_asset() {
    let unit_of = |rig: &Rig, asset: &str| {
        let (id, of) = rig.sitewise.asset(asset);
        let model = &rig.sitewise.models[&of.model];
        let property = model.properties.iter().find(|p| p.name == "Temperature").unwrap();
        let own = rig.sitewise.properties.get(&(id, property.id));
        own.map_or(property.unit.clone(), |own| own.unit.clone())
    };
    let mut rig = begin(config());
    born(&mut rig, "one", vec![tag(0, "Temperature", None)]);
    rig.seconds(30);
    // It comes later, changes, and comes back.
    for unit in ["°C", "°F"] {
        born(&mut rig, "one", vec![tag(0, "Temperature", Some(unit))]);
        rig.seconds(30);
        assert_eq!(unit_of(&rig, "one").as_deref(), Some(unit));
    }
    // A template whose unit is a parameter.
    let temperature =
        |name: &str, slot, unit| instance(name, "Oven", vec![tag(slot, "Temperature", Some(unit))]);
    let ovens = vec![temperature("O1", 0, "°C"), temperature("O2", 1, "°F")];
    rig.event(birth_at(rig.offset(), node(), Vec::new(), ovens));
    rig.seconds(30);
    assert_eq!(unit_of(&rig, "O1").as_deref(), Some("°C"));
    assert_eq!(unit_of(&rig, "O2").as_deref(), Some("°F"));
}

#[test]
fn devices_that_were_born_empty_get_what_comes_later_and_nothing_of_others() {
    let mut rig = begin(Config { max_models: 200, ..config() });
    for number in 0..60 {
        born(&mut rig, &format!("D{number}"), Vec::new());
    }
    rig.seconds(30);
    assert!(rig.sitewise.assets.values().all(|asset| !asset.name.starts_with('D')));
    let names = |number: u32| [format!("D{number} a"), format!("D{number} b")];
    for number in 0..30 {
        let names = names(number);
        born(&mut rig, &format!("D{number}"), tags(names.iter().map(String::as_str)));
    }
    // The others come to life after a minute, and get their tags much later.
    rig.seconds(60);
    let shown = rig.shown("D59", "Online");
    assert_eq!(shown, Some((Quality::Good, Variant::Boolean(true))));
    for number in 30..60 {
        let names = names(number);
        born(&mut rig, &format!("D{number}"), tags(names.iter().map(String::as_str)));
    }
    rig.seconds(120);
    for number in 0..60 {
        let shown = rig.properties(&format!("D{number}"));
        let names = names(number);
        assert_eq!(shown, ["Online", "Last birth", "Last death", &*names[0], &*names[1]]);
    }
    rig.check_conservation();
}

#[test]
fn a_node_that_was_born_empty_is_there_once_its_device_is() {
    let mut rig = Rig::new();
    rig.event(birth(node(), Vec::new(), Vec::new()));
    rig.seconds(5);
    born(&mut rig, "mast", tags(["Wind"]));
    rig.seconds(5);
    assert_eq!(rig.sitewise.path("mast"), ["Nordsee", "gw", "mast"]);
    assert_eq!(rig.shown("gw", "Online"), Some((Quality::Good, Variant::Boolean(true))));
    // Its tags come later.
    rig.event(birth_at(rig.offset(), node(), Vec::new(), tags(["Load"])));
    rig.seconds(90);
    assert_eq!(rig.written("gw", "Load").len(), 1);
}

#[test]
fn an_empty_machine_that_dies_again_leaves_nothing() {
    let mut rig = begin(config());
    born(&mut rig, "D", Vec::new());
    rig.seconds(5);
    rig.event(death(device("D"), 6_000));
    rig.seconds(120);
    assert!(rig.sitewise.assets.values().all(|asset| asset.name != "D"));
    rig.check_conservation();
}

#[test]
fn people_name_the_kind_of_a_device_by_its_address() {
    let kinds = Kinds::parse("Nordsee/*/Pump* => Pump").unwrap();
    let mut rig = begin(Config { kinds, ..config() });
    born(&mut rig, "Pump 1", tags(["Flow", "Head"]));
    born(&mut rig, "Pump 2", tags(["Other"]));
    born(&mut rig, "Pump 3", Vec::new());
    born(&mut rig, "Valve", tags(["Flow", "Head"]));
    rig.seconds(30);
    for name in ["Pump 1", "Pump 2", "Pump 3"] {
        assert_eq!(model_of(&rig, name), "Pump");
    }
    assert_eq!(model_of(&rig, "Valve"), "Valve (device)");
    assert_eq!(rig.written("Pump 2", "Other").len(), 1);
}

/// SiteWise takes 2,000 children of an asset, those that people put there among them.
#[test]
fn what_has_no_place_among_the_children_goes_to_a_further_level() {
    let mut rig = begin(config());
    let farm = |from: u32, count: u32| {
        let member = |slot| leaf(slot, "M", DataType::Int32, sample(0, Value::Int(1)));
        let one = |n: u32| instance(&format!("I{}", from + n), "K", vec![member(n)]);
        (0..count).map(one).collect()
    };
    rig.event(birth(device("A"), Vec::new(), farm(0, 2_100)));
    rig.seconds(900);
    assert_eq!(rig.sitewise.path("I0"), ["Nordsee", "gw", "A", "I0"]);
    assert_eq!(rig.sitewise.path("I2099"), ["Nordsee", "gw", "A", "A, more", "I2099"]);
    let below = |rig: &Rig, name: &str| {
        let (id, _) = rig.sitewise.asset(name);
        rig.sitewise.assets.values().filter(|asset| asset.parent == Some(id)).count()
    };
    assert_eq!((below(&rig, "A"), below(&rig, "A, more")), (2_000, 101));
    let mut rig = rig.restart();
    rig.event(birth_at(rig.offset(), device("A"), Vec::new(), farm(2_090, 20)));
    rig.seconds(900);
    assert_eq!((below(&rig, "A"), below(&rig, "A, more")), (2_000, 111));
    assert_eq!(rig.twin.plan().problems().count(), 0);
}

/// The asset had a unit of its own, and its machine came back to its model's while the bridge was
/// not running.
#[test]
fn a_unit_of_its_own_is_taken_back_after_a_restart() {
    let unit_of = |rig: &Rig| {
        let (id, of) = rig.sitewise.asset("O2");
        let model = &rig.sitewise.models[&of.model];
        let property = model.properties.iter().find(|p| p.name == "Temperature").unwrap();
        rig.sitewise.property(id, property.id).unwrap().unit
    };
    let ovens = |rig: &mut Rig, second| {
        let oven =
            |name, slot, unit| instance(name, "Oven", vec![tag(slot, "Temperature", Some(unit))]);
        let metrics = vec![oven("O1", 0, "°C"), oven("O2", 1, second)];
        rig.event(birth_at(rig.offset(), node(), Vec::new(), metrics));
        rig.seconds(60);
    };
    let mut rig = Rig::new();
    ovens(&mut rig, "°F");
    assert_eq!(unit_of(&rig).as_deref(), Some("°F"));
    let mut rig = rig.restart();
    ovens(&mut rig, "°F");
    assert_eq!(unit_of(&rig).as_deref(), Some("°F"));
    let mut rig = rig.restart();
    ovens(&mut rig, "°C");
    assert_eq!(unit_of(&rig).as_deref(), Some("°C"));
}

#[test]
fn a_unit_of_its_own_goes_when_its_definition_is_as_its_model_again() {
    let unit_of = |rig: &Rig, asset: &str| {
        let (id, of) = rig.sitewise.asset(asset);
        let model = &rig.sitewise.models[&of.model];
        let property = model.properties.iter().find(|p| p.name == "Temperature").unwrap();
        rig.sitewise.property(id, property.id).unwrap().unit
    };
    let definition = |unit: &str| Definition {
        name: "_types_/Oven".into(),
        version: None,
        parent: None,
        base: None,
        parameters: Vec::new(),
        members: vec![Member {
            name: "Temperature".into(),
            properties: vec![property("engUnit", DataType::String, text(unit))],
            kind: MemberKind::Leaf(Some(DataType::Double)),
        }],
    };
    // Two nodes define one template, and one of them changes it and changes it back.
    let oven = |rig: &mut Rig, number: u32, unit: &str| {
        let mut oven = instance(&format!("O{number}"), "Oven", vec![tag(0, "Temperature", None)]);
        if let Content::Instance(instance) = &mut oven.content {
            instance.defined = Some(definition(unit).into());
        }
        let edge = EdgeNode::new("Nordsee", format!("gw{number}"));
        let source = Source { edge, device: None };
        rig.event(birth_at(rig.offset(), source, vec![definition(unit)], vec![oven]));
        rig.seconds(60);
    };
    let mut rig = Rig::new();
    oven(&mut rig, 1, "kW");
    for restarted in [false, true] {
        oven(&mut rig, 2, "MW");
        assert_eq!(unit_of(&rig, "O2").as_deref(), Some("MW"), "{restarted}");
        if restarted {
            rig = rig.restart();
        }
        oven(&mut rig, 2, "kW");
        assert_eq!(unit_of(&rig, "O2").as_deref(), Some("kW"), "{restarted}");
        assert_eq!(unit_of(&rig, "O1").as_deref(), Some("kW"), "{restarted}");
    }
}

#[test]
fn a_birth_that_says_no_unit_takes_none_back() {
    let oven = |name: &str, unit| instance(name, "Oven", vec![tag(0, "Temperature", unit)]);
    let born = |rig: &mut Rig, number: u32, unit| {
        let edge = EdgeNode::new("Nordsee", format!("gw{number}"));
        let oven = oven(&format!("O{number}"), unit);
        let source = Source { edge, device: None };
        rig.event(birth_at(rig.offset(), source, Vec::new(), vec![oven]));
        rig.seconds(60);
    };
    let mut rig = Rig::new();
    born(&mut rig, 1, Some("°C"));
    born(&mut rig, 2, Some("°F"));
    let mut rig = rig.restart();
    born(&mut rig, 2, None);
    let (id, of) = rig.sitewise.asset("O2");
    let model = &rig.sitewise.models[&of.model];
    let property = model.properties.iter().find(|p| p.name == "Temperature").unwrap();
    assert_eq!(rig.sitewise.property(id, property.id).unwrap().unit.as_deref(), Some("°F"));
}

/// Below the models of edge nodes all others hang, and a tree has few.
#[test]
fn edge_nodes_without_tags_share_a_model_once_twenty_have_their_own() {
    let mut rig = begin(Config { max_models: 1_000, ..config() });
    let node_born = |rig: &mut Rig, name: &str, metrics| {
        let source = Source { edge: EdgeNode::new("Nordsee", name), device: None };
        rig.event(birth_at(rig.offset(), source, Vec::new(), metrics));
    };
    for number in 0..20 {
        born(&mut rig, &format!("D{number}"), tags([&*format!("D{number} a")]));
    }
    node_born(&mut rig, "early", Vec::new());
    rig.seconds(120);
    // Kinds of devices do not count.
    assert_eq!(model_of(&rig, "early"), "early (edge node)");
    for number in 0..18 {
        node_born(&mut rig, &format!("N{number}"), tags([&*format!("N{number} a")]));
    }
    node_born(&mut rig, "late", Vec::new());
    rig.seconds(120);
    assert_eq!(model_of(&rig, "late"), "Sparkplug Edge Node");
    assert_eq!(model_of(&rig, "N17"), "N17 (edge node)");
    // What comes to it later shows on no other.
    node_born(&mut rig, "later", Vec::new());
    node_born(&mut rig, "late", tags(["L"]));
    rig.seconds(120);
    assert!(!rig.properties("later").contains(&"L"));
    assert_eq!(rig.properties("late, tags"), ["L"]);
}

#[test]
fn a_device_that_is_as_much_like_two_kinds_is_of_the_one_that_was_there_first() {
    let all = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let mut rig = begin(config());
    born(&mut rig, "one", tags(all.into_iter().take(8)));
    born(&mut rig, "two", tags(all.into_iter().skip(2)));
    rig.seconds(10);
    born(&mut rig, "both", tags(all));
    rig.seconds(30);
    assert_eq!(model_of(&rig, "two"), "two (device)");
    assert_eq!(model_of(&rig, "both"), "one (device)");
}

#[test]
fn devices_with_few_tags_are_of_one_kind_if_they_have_all_of_them() {
    let all = ["a", "b", "c", "d", "e"];
    for count in 1..=5 {
        let mut rig = begin(config());
        born(&mut rig, "one", tags(all.into_iter().take(count)));
        rig.seconds(10);
        born(&mut rig, "two", tags(all.into_iter().take(count)));
        born(&mut rig, "less", tags(all.into_iter().skip(1).take(count - 1)));
        rig.seconds(90);
        assert_eq!(model_of(&rig, "two"), "one (device)", "{count}");
        assert_eq!(model_of(&rig, "less") == "one (device)", count == 5, "{count}");
    }
}

#[test]
fn what_joined_a_kind_later_does_not_tell_who_is_of_it() {
    let mut rig = begin(config());
    born(&mut rig, "one", tags(["a", "b", "c", "d", "e"]));
    rig.seconds(10);
    born(&mut rig, "two", tags(["a", "b", "c", "d", "e", "x"]));
    rig.seconds(10);
    born(&mut rig, "three", tags(["a", "b", "c", "x", "y"]));
    rig.seconds(90);
    assert_eq!(model_of(&rig, "two"), "one (device)");
    assert_eq!(model_of(&rig, "three"), "three (device)");
}

/// Both are doubles in SiteWise, with the unit of seconds.
#[test]
fn a_point_in_time_and_a_duration_tell_a_kind_after_a_restart() {
    let clock = |name: &str, slot| {
        let mut now = leaf(slot, name, DataType::DateTime, sample(0, Value::DateTime(1_000)));
        now.properties.push(property("engUnit", DataType::String, text("s")));
        now
    };
    let metrics = || vec![clock("Since", 0), tag(1, "Runs", Some("s"))];
    let mut rig = begin(config());
    born(&mut rig, "one", metrics());
    rig.seconds(30);
    let mut rig = rig.restart();
    born(&mut rig, "two", metrics());
    born(&mut rig, "other", vec![tag(0, "Since", Some("s")), clock("Runs", 1)]);
    rig.seconds(30);
    assert_eq!(model_of(&rig, "two"), "one (device)");
    assert_eq!(model_of(&rig, "other"), "other (device)");
}

//! Which model a machine is on, where its name, its tags, or people make that hard to tell.

use super::flat::{begin, born, model_of, tags};
use super::*;
use crate::twin::identity::Address;

const PUMP: [&str; 5] = ["Flow", "Head", "Speed", "Power", "Hours"];

fn problems(rig: &Rig) -> Vec<(&str, &str)> {
    rig.twin.plan().problems().collect()
}

/// Its kind got all its tags, and showed them as empty on every other machine.
#[test]
fn a_device_that_becomes_another_machine_shows_its_tags_nowhere_else() {
    let mut rig = begin(config());
    for number in 1..=3 {
        born(&mut rig, &format!("Pump {number}"), tags(PUMP));
    }
    rig.seconds(60);
    let before: Vec<_> = rig.properties("Pump 1").iter().map(ToString::to_string).collect();
    for restarts in [false, true] {
        if restarts {
            rig = rig.restart();
        }
        born(&mut rig, "Pump 1", tags(PUMP));
        born(&mut rig, "Pump 2", tags(["x", "y", "z"]));
        rig.seconds(120);
        assert_eq!(rig.properties("Pump 1"), before);
        assert_eq!(rig.properties("Pump 2, tags"), ["x", "y", "z"]);
        assert_eq!(rig.shown("Pump 2, tags", "z"), Some((Quality::Good, Variant::Double(1.0))));
        assert_eq!(rig.shown("Pump 2", "Online"), Some((Quality::Good, Variant::Boolean(true))));
        let found = rig.found.iter().filter(|(finding, _)| *finding == Finding::ChangedTemplate);
        let found: Vec<_> = found.map(|(_, example)| &**example).collect();
        let begins = "Nordsee/gw/Pump 2 has other tags now than those of its model Pump (device): \
                      they are on the asset Pump 2, tags.";
        assert!(matches!(found[..], [told] if told.starts_with(begins)), "{found:?}");
    }
    // It is a pump again, with a tag more.
    born(&mut rig, "Pump 2", tags(PUMP.into_iter().chain(["More"])));
    rig.seconds(120);
    assert_eq!(rig.shown("Pump 2", "More"), Some((Quality::Good, Variant::Double(1.0))));
    rig.check_conservation();
}

#[test]
fn a_machine_that_grows_or_is_alone_or_that_people_named_keeps_its_tags_on_its_asset() {
    let many: Vec<_> = (0..20).map(|n| format!("New {n}")).collect();
    let grown = || tags(PUMP.into_iter().chain(many.iter().map(String::as_str)));
    let mut rig = begin(config());
    for name in ["Pump 1", "Pump 2", "Mast"] {
        born(
            &mut rig,
            name,
            tags(if name == "Mast" { &["Wind"][..] } else { &PUMP }.iter().copied()),
        );
    }
    rig.seconds(60);
    born(&mut rig, "Pump 2", grown());
    born(&mut rig, "Mast", tags(["Gust", "Sun"]));
    rig.seconds(120);
    assert_eq!(rig.shown("Pump 2", "New 19"), Some((Quality::Good, Variant::Double(1.0))));
    assert_eq!(rig.shown("Mast", "Sun"), Some((Quality::Good, Variant::Double(1.0))));
    let kinds = Kinds::parse("Nordsee/gw/Pump* => Pump (device)").unwrap();
    let mut rig = rig.restart_with(Config { kinds, ..config() });
    born(&mut rig, "Pump 1", tags(["x"]));
    rig.seconds(120);
    assert_eq!(rig.shown("Pump 1", "x"), Some((Quality::Good, Variant::Double(1.0))));
    assert_eq!(rig.found, []);
}

/// Its model was never made, and people were told that Sparkwise had not created the other one.
#[test]
fn a_kind_that_people_name_as_it_is_called_is_that_kind() {
    let mut rig = begin(config());
    for name in ["Pump 1", "Pump 2"] {
        born(&mut rig, name, tags(PUMP));
    }
    rig.seconds(60);
    let kinds = "Nordsee/gw/P9 => Pump (device), Nordsee/gwx => Pump (device)";
    let kinds = Kinds::parse(kinds).unwrap();
    let mut rig = rig.restart_with(Config { kinds, ..config() });
    born(&mut rig, "P9", tags(["Other"]));
    let source = Source { edge: EdgeNode::new("Nordsee", "gwx"), device: None };
    rig.event(birth_at(rig.offset(), source, Vec::new(), tags(["Load"])));
    rig.seconds(120);
    assert_eq!(model_of(&rig, "P9"), "Pump (device)");
    assert_eq!(rig.written("P9", "Other").len(), 1);
    // An edge node is of no kind of devices.
    assert!(model_of(&rig, "gwx").starts_with("Pump (device) "));
    assert_eq!(rig.shown("gwx", "Online"), Some((Quality::Good, Variant::Boolean(true))));
    assert_eq!(problems(&rig), []);
}

#[test]
fn a_template_that_is_called_as_a_model_of_ours_gets_another_name() {
    let mut rig = begin(config());
    for name in ["Pump 1", "Pump 2"] {
        born(&mut rig, name, tags(PUMP));
    }
    rig.seconds(60);
    // People call the kind as a template is called that comes later.
    let kind = rig.sitewise.asset("Pump 1").1.model;
    rig.sitewise.models.get_mut(&kind).unwrap().name = "Pump".into();
    let mut rig = rig.restart();
    for _ in 0..2 {
        let pump = || instance("P", "Pump", tags(["Flow"]));
        rig.event(birth_at(rig.offset(), node(), Vec::new(), vec![pump()]));
        rig.seconds(120);
        assert!(model_of(&rig, "P").starts_with("Pump "), "{}", model_of(&rig, "P"));
        assert_eq!(rig.shown("P", "Flow"), Some((Quality::Good, Variant::Double(1.0))));
        assert_eq!((problems(&rig), &*rig.found), (vec![], &[][..]));
        rig = rig.restart();
    }
}

/// There was one more model after each start.
#[test]
fn a_kind_with_many_odd_tags_is_found_after_its_description_was_changed() {
    let all: Vec<_> = (0..8).map(|n| format!("Tag {n}")).collect();
    let pump = |odd: Option<&str>| tags(all.iter().map(String::as_str).chain(odd));
    let mut rig = begin(config());
    born(&mut rig, "Pump 0", pump(None));
    for odd in ["a", "b", "c", "d"] {
        born(&mut rig, &format!("Pump {odd}"), pump(Some(odd)));
    }
    rig.seconds(60);
    let kind = rig.sitewise.asset("Pump 0").1.model;
    assert_eq!(rig.properties("Pump 0").len(), 3 + 8 + 4);
    rig.sitewise.models.get_mut(&kind).unwrap().description = Some("Feed pumps, hall 3".into());
    for number in 1..3 {
        rig = rig.restart();
        let name = format!("Pump {number}");
        born(&mut rig, &name, pump(None));
        // What has little of it is none.
        born(&mut rig, "Tap", tags(["Tag 0"]));
        rig.seconds(60);
        assert_eq!(
            (model_of(&rig, &name), model_of(&rig, "Tap")),
            ("Pump (device)", "Tap (device)")
        );
    }
}

/// A third one was made, and of each instance on the second its template counted as changed.
#[test]
fn a_full_model_that_people_rename_keeps_its_second_one() {
    let config = Config { assets_per_model: 2, ..config() };
    let farm = |rig: &mut Rig, turbines: u32| {
        let at = rig.offset();
        let metrics = (0..turbines).map(|n| turbine(&format!("T{n}"), n * 3, 1.0, at)).collect();
        rig.event(birth_at(at, node(), definitions(), metrics));
        rig.seconds(200);
    };
    let mut rig = Rig::with(config.clone(), FakeSiteWise::default());
    farm(&mut rig, 3);
    let (base, part) = ["T0", "T2"].map(|name| rig.sitewise.asset(name).1.model).into();
    for (first, second) in [
        ("Wind turbine", "Turbine (from asset 3)"),
        ("Wind turbine", "More of them"),
        ("Turbine", "Wind turbine (from asset 3)"),
    ] {
        rig.sitewise.models.get_mut(&base).unwrap().name = first.into();
        rig.sitewise.models.get_mut(&part).unwrap().name = second.into();
        rig = rig.restart_with(config.clone());
        let models = rig.sitewise.models.len();
        farm(&mut rig, 4);
        assert_eq!(rig.sitewise.asset("T3").1.model, part, "{first} {second}");
        assert_eq!(rig.sitewise.models.len(), models, "{first} {second}");
        assert!(rig.found.iter().all(|(finding, _)| *finding != Finding::ChangedTemplate));
        assert_eq!(rig.sitewise.models[&part].properties.len(), 4);
    }
}

/// The id of such a model hung on the first one's name.
#[test]
fn a_second_model_of_an_earlier_version_is_found_though_people_rename_the_first() {
    let namespace = config().namespace;
    let mut models = models::DesiredModels::new(namespace, "Test ".into(), 10, 100);
    let base = models.id_of("Turbine");
    let base = models.get_or_import(base, "Wind turbine", None);
    let name = "Test Turbine (from asset 4)";
    let part = models.get_or_import(namespace.model(name), name, None);
    assert!(models.is_part(part, base, 3));
    assert_eq!(models.parts(base, 3).collect::<Vec<_>>(), [part]);
    assert_eq!(models.ensure_part(base, 2, 3), Ok((part, false)));
}

/// Devices joined it: it has their presence, and an id that is not its name's.
#[test]
fn a_second_shared_model_is_no_kind_after_a_restart() {
    let config = Config { assets_per_model: 2, ..config() };
    let mut rig = Rig::with(config.clone(), FakeSiteWise::default());
    let motor = || instance("M", "Motor", tags(["Speed"]));
    let devices = |rig: &mut Rig, tag: bool| {
        for name in ["A", "B", "C"] {
            let mut metrics = vec![motor()];
            metrics.extend(
                tag.then(|| leaf(1, "Wind", DataType::Double, sample(0, Value::Double(2.0)))),
            );
            rig.event(birth_at(rig.offset(), device(name), Vec::new(), metrics));
        }
        rig.seconds(200);
    };
    devices(&mut rig, false);
    assert_eq!(model_of(&rig, "C"), "Sparkplug Device (from asset 3)");
    let mut rig = rig.restart_with(config);
    devices(&mut rig, true);
    assert_eq!(rig.properties("C"), ["Online", "Last birth", "Last death"]);
    assert_eq!(rig.shown("C, tags", "Wind"), Some((Quality::Good, Variant::Double(2.0))));
}

/// Nobody knew which machine its asset stands for, and its death was ignored.
#[test]
fn a_name_with_a_blank_at_its_end_or_with_control_characters_is_known_after_a_restart() {
    let broken = crate::sparkplug::text::name(b"D\xb0", &mut Default::default()).into_owned();
    for name in ["D ", " D", "D\t1", "D%20 ", &broken] {
        let mut rig = begin(config());
        born(&mut rig, name, tags(["Temp"]));
        let gear = || instance(name, "Gear", tags(["Heat"]));
        rig.event(birth_at(rig.offset(), node(), Vec::new(), vec![gear()]));
        rig.seconds(90);
        let of = device(name);
        let id = config().namespace.asset(&Address::Source(&of));
        let shown = rig.sitewise.assets[&id].name.clone();
        let mut rig = rig.restart();
        rig.seconds(5);
        let listed = rig.twin.plan().online().filter(|source| **source == of);
        assert_eq!(listed.count(), 1, "{name:?} {:?}", rig.sitewise.assets[&id].description);
        assert_eq!(rig.twin.plan().instances(&node()).len(), 1, "{name:?}");
        rig.event(death(of, rig.offset()));
        rig.seconds(90);
        let online = rig.shown(&shown, "Online");
        assert_eq!(online, Some((Quality::Good, Variant::Boolean(false))), "{name:?}");
    }
}

/// What an earlier version wrote.
#[test]
fn a_name_with_a_blank_at_its_end_is_known_by_a_description_without_it() {
    let of = |group: &str, node: &str, device: Option<&str>| Source {
        edge: EdgeNode::new(group, node),
        device: device.map(Into::into),
    };
    for source in
        [of("Nordsee", "gw", Some("D ")), of(" Nordsee", "gw", None), of(" N", "g ", None)]
    {
        let mut rig = Rig::new();
        rig.event(birth_at(0, source.clone(), Vec::new(), tags(["Temp"])));
        rig.seconds(90);
        let id = config().namespace.asset(&Address::Source(&source));
        let asset = rig.sitewise.assets.get_mut(&id).unwrap();
        asset.description = names::description(&source.to_string());
        let mut rig = rig.restart();
        rig.seconds(5);
        let listed = rig.twin.plan().online().filter(|listed| **listed == source);
        assert_eq!(listed.count(), 1, "{source:?}");
    }
}

//! What lies past a cap takes nothing with it that fits, and is told by name.

use super::*;
use crate::sparkplug::event::{AttributeHolder, AttributeKind, AttributeSample};

fn flat(count: u32) -> Vec<BirthMetric> {
    (0..count)
        .map(|slot| leaf(slot, &format!("M{slot:04}"), DataType::Int32, sample(0, Value::Int(1))))
        .collect()
}

fn capped(rig: &Rig, cap: Cap) -> Vec<(String, String, u64)> {
    let of = rig.twin.capped_machines().filter(|(_, of, _)| *of == cap);
    of.map(|(source, _, lost)| (source.to_string(), lost.example.clone(), lost.values)).collect()
}

/// A device with 498 flat metrics got nothing at all, and nobody was told.
#[test]
fn a_machine_at_the_cap_of_properties_is_alive_with_all_that_fits() {
    for count in [495, 496, 497, 498, 500, 600] {
        let mut rig = Rig::new();
        rig.event(birth(node(), Vec::new(), vec![]));
        let beside = turbine("T1", count, 12.0, 0);
        let metrics = flat(count).into_iter().chain([beside]).collect();
        rig.event(birth(device("D"), definitions(), metrics));
        rig.seconds(30);
        // Three tell of its presence.
        let fit = count.min(497);
        let names = rig.properties("D");
        assert_eq!(names.len() as u32, 3 + fit, "{count}");
        assert_eq!(names[..3], ["Online", "Last birth", "Last death"]);
        assert_eq!(rig.shown("D", "Online"), Some((Quality::Good, Variant::Boolean(true))));
        let last = format!("M{:04}", fit - 1);
        assert_eq!(rig.shown("D", &last), Some((Quality::Good, Variant::Integer(1))), "{count}");
        assert_eq!(rig.written("T1", "Speed").len(), 1);
        let lost = u64::from(count - fit);
        assert_eq!(rig.twin.counts().dropped(DropReason::CappedProperties), lost);
        let told = (lost > 0).then(|| "Nordsee/gw/D properties: Nordsee/gw/D/M0497".to_owned());
        assert_eq!(rig.capped, Vec::from_iter(told), "{count}");
        rig.check_conservation();
    }
}

#[test]
fn a_machine_that_grows_past_the_cap_keeps_its_life_over_restarts() {
    let mut rig = Rig::new();
    rig.event(birth(node(), Vec::new(), vec![]));
    rig.event(birth(device("D"), Vec::new(), flat(490)));
    rig.seconds(30);
    rig.event(birth_at(30_000, device("D"), Vec::new(), flat(510)));
    rig.seconds(90);
    let mut rig = rig.restart();
    let offset = rig.offset();
    rig.event(birth_at(offset, node(), Vec::new(), vec![]));
    rig.event(birth_at(offset, device("D"), Vec::new(), flat(510)));
    rig.seconds(90);
    rig.event(data(device("D"), vec![(0, sample(offset + 1_000, Value::Int(2)))]));
    assert_eq!(rig.shown("D", "Online"), Some((Quality::Good, Variant::Boolean(true))));
    assert_eq!(rig.shown("D", "M0000"), Some((Quality::Good, Variant::Integer(2))));
    assert_eq!(rig.properties("D").len(), 500);
    let told = ("Nordsee/gw/D".to_owned(), "Nordsee/gw/D/M0497".to_owned(), 13);
    assert_eq!(capped(&rig, Cap::Properties), [told]);
    // It fits again, and is no problem any more.
    rig.event(birth_at(offset + 2_000, device("D"), Vec::new(), flat(300)));
    assert_eq!(capped(&rig, Cap::Properties), []);
}

/// 130 tags with three static properties each: the tags come before their attributes.
#[test]
fn measurements_come_before_attributes() {
    let mut rig = Rig::new();
    rig.event(birth(node(), Vec::new(), vec![]));
    let mut metrics = flat(130);
    for metric in &mut metrics {
        for name in ["engLow", "engHigh", "documentation"] {
            metric.properties.push(property(name, DataType::Double, Value::Double(1.0)));
        }
    }
    rig.event(birth(device("D"), Vec::new(), metrics));
    rig.seconds(30);
    let names = rig.properties("D");
    assert_eq!((names.len(), names[3], names[132]), (500, "M0000", "M0129"));
    assert_eq!(names[133], "M0000/engLow");
    assert_eq!(rig.twin.counts().dropped_in_all(), 0, "no value is lost");
    assert_eq!(rig.capped, ["Nordsee/gw/D properties: Nordsee/gw/D/M0122/engHigh"]);
    rig.check_conservation();
}

/// 200 assets became 435 after two restarts.
#[test]
fn the_cap_of_assets_holds_over_restarts() {
    let config = Config { max_assets: 6, ..config() };
    let mut rig = Rig::with(config.clone(), FakeSiteWise::default());
    let farm = |offset, from: u32| {
        let instances = (0..4).map(|n| {
            let speed = leaf(n, "Speed", DataType::Double, sample(offset, Value::Double(1.0)));
            instance(&format!("T{}", from + n), "Turbine", vec![speed])
        });
        birth_at(offset, node(), Vec::new(), instances.collect())
    };
    rig.event(farm(0, 0));
    rig.seconds(30);
    // The bridge's own, the group's and the node's are among them.
    let names = |rig: &Rig| -> Vec<String> {
        let mut names: Vec<_> =
            rig.sitewise.assets.values().map(|asset| asset.name.clone()).collect();
        names.sort();
        names
    };
    let first = ["Nordsee", "T0", "T1", "T2", "gw", "sparkwise"];
    assert_eq!(names(&rig), first);
    assert_eq!(rig.capped, ["Nordsee/gw assets: Nordsee/gw/T3"]);
    for _ in 0..2 {
        rig = rig.restart_with(config.clone());
        let offset = rig.offset();
        // Others come first now: those that are there are not shut out by it.
        rig.event(farm(offset, 10));
        rig.event(farm(offset + 1, 0));
        rig.seconds(30);
        assert_eq!(names(&rig), first);
        assert_eq!(rig.written("T2", "Speed").len(), 1);
    }
    rig.check_conservation();
}

/// What the births of somebody else used up does not shut out a plant whose models are there.
#[test]
fn a_machine_past_the_cap_of_models_is_alive_and_those_of_a_known_kind_have_all() {
    let config = Config { max_models: 5, ..config() };
    let mut rig = Rig::with(config.clone(), FakeSiteWise::default());
    let pump = |name: &str, offset| birth_at(offset, device(name), Vec::new(), flat(10));
    rig.event(birth(node(), Vec::new(), vec![]));
    rig.event(pump("Pump 1", 0));
    // The pump's beside the bridge's own: that is all.
    let other = |n: u32| leaf(n, &format!("Other {n}"), DataType::Int32, sample(0, Value::Int(7)));
    rig.event(birth(device("Stranger"), Vec::new(), (0..3).map(other).collect()));
    let foreign = instance("F1", "Foreign", vec![other(0)]);
    rig.event(birth(device("Other"), Vec::new(), vec![foreign]));
    rig.event(pump("Pump 2", 0));
    rig.seconds(30);
    assert_eq!(rig.written("Pump 2", "M0009").len(), 1);
    for alive in ["Stranger", "Other"] {
        assert_eq!(rig.shown(alive, "Online"), Some((Quality::Good, Variant::Boolean(true))));
    }
    assert_eq!(
        rig.capped,
        [
            "Nordsee/gw/Stranger models: the model of Nordsee/gw/Stranger",
            "Nordsee/gw/Other models: Nordsee/gw/Other/F1",
        ]
    );
    assert_eq!(rig.twin.counts().dropped(DropReason::CappedModels), 4);
    let mut rig = rig.restart_with(config);
    let offset = rig.offset();
    rig.event(pump("Pump 3", offset));
    rig.seconds(30);
    assert_eq!(rig.written("Pump 3", "M0009").len(), 1);
    rig.check_conservation();
}

#[test]
fn what_one_birth_loses_at_two_caps_is_counted_at_each() {
    let mut rig = Rig::with(Config { max_models: 5, ..config() }, FakeSiteWise::default());
    rig.event(birth(node(), Vec::new(), vec![]));
    let other = |n: u32| leaf(n, &format!("Other {n}"), DataType::Int32, sample(0, Value::Int(7)));
    let beside = instance("F1", "Foreign", (499..502).map(other).collect());
    let metrics = flat(499).into_iter().chain([beside]).collect();
    rig.event(birth(device("D"), Vec::new(), metrics));
    rig.event(data(device("D"), [499, 498].map(|n| (n, sample(1, Value::Int(2)))).to_vec()));
    rig.seconds(30);
    let source = || "Nordsee/gw/D".to_owned();
    let told = (source(), "Nordsee/gw/D/M0497".to_owned(), 2 + 1);
    assert_eq!(capped(&rig, Cap::Properties), [told]);
    let told = (source(), "Nordsee/gw/D/F1".to_owned(), 3 + 1);
    assert_eq!(capped(&rig, Cap::Models), [told]);
    rig.check_conservation();
}

/// Somebody deleted the asset above, and the cap is reached without it.
#[test]
fn what_sitewise_has_is_not_shut_out_with_what_is_gone_above_it() {
    let four = Config { max_assets: 4, ..config() };
    for (gone, above) in [("T1", ["gw", "T1"]), ("gw", ["Nordsee", "gw"])] {
        let mut rig = Rig::new();
        rig.event(birth(node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]));
        rig.seconds(30);
        let (id, _) = rig.sitewise.asset(gone);
        rig.sitewise.assets.remove(&id);
        let mut rig = rig.restart_with(four.clone());
        let offset = rig.offset();
        rig.event(birth_at(offset, node(), definitions(), vec![turbine("T1", 0, 13.0, offset)]));
        rig.seconds(60);
        assert!(rig.sitewise.path(gone).ends_with(&above), "{gone}");
        assert_eq!(rig.written("T1/Gearbox", "Temp").len(), 1, "{gone}");
        assert_eq!(rig.written("T1", "Speed").len(), 1, "{gone}");
        // Nothing else is let in.
        let other = turbine("T2", 0, 13.0, offset);
        rig.event(birth_at(offset, device("D"), Vec::new(), vec![other]));
        rig.seconds(60);
        assert_eq!(rig.sitewise.assets.len(), 5, "{gone}");
        assert_eq!(rig.capped, ["Nordsee/gw/D assets: the asset of Nordsee/gw/D"]);
    }
}

/// Seven gave eight, for the bridge's own did not count.
#[test]
fn there_are_no_more_models_than_the_cap_says_and_everybody_is_alive() {
    for most in [1, 4, 5, 7, 12] {
        let config = Config { max_models: most, ..config() };
        let mut rig = Rig::with(config.clone(), FakeSiteWise::default());
        for restarted in [false, true] {
            if restarted {
                rig = rig.restart_with(config.clone());
            }
            let offset = rig.offset();
            let tag = |name: &str| leaf(0, name, DataType::Int32, sample(offset, Value::Int(1)));
            let own = vec![tag("Load"), turbine("T1", 1, 12.0, offset)];
            rig.event(birth_at(offset, node(), definitions(), own));
            for number in 0..10 {
                let name = format!("D{number}");
                let metrics = vec![tag(&format!("{name} {restarted}"))];
                rig.event(birth_at(offset, device(&name), Vec::new(), metrics));
            }
            rig.seconds(120);
            let models = rig.sitewise.models.len();
            assert!(models <= most.max(4), "{models} of {most}");
            assert!(models + 1 >= most.min(4 + 12), "{models} of {most}");
            for name in ["gw".to_owned()].into_iter().chain((0..10).map(|n| format!("D{n}"))) {
                let shown = rig.shown(&name, "Online");
                assert_eq!(shown, Some((Quality::Good, Variant::Boolean(true))), "{name}");
            }
            rig.check_conservation();
        }
    }
}

#[test]
fn a_further_level_past_the_cap_of_models_leaves_its_assets_at_the_root_with_the_remedy() {
    // The node's model and those of thirty devices take what the bridge's own four leave.
    for (most, at_root) in [(35, 3), (36, 0)] {
        let config = Config { max_models: most, ..config() };
        let mut rig = Rig::with(config, FakeSiteWise::default());
        rig.event(birth(node(), Vec::new(), Vec::new()));
        rig.seconds(61);
        for number in 0..32 {
            let name = format!("D{number}");
            let tag = leaf(0, &format!("{name} tag"), DataType::Int32, sample(0, Value::Int(1)));
            rig.event(birth(device(&name), Vec::new(), vec![tag]));
        }
        rig.seconds(600);
        let models = rig.sitewise.models.len();
        assert!(models <= most, "{models}");
        let problems = rig.twin.plan().problems();
        let told = problems.filter(|(what, why)| {
            what.starts_with("placement of asset") && why.contains("TWIN_MAX_MODELS")
        });
        assert_eq!(told.count(), at_root, "{most}");
    }
}

/// They came to the shared model then, and showed empty on every machine of it.
#[test]
fn tags_that_had_no_model_under_a_cap_get_one_once_that_is_lifted() {
    let five = Config { max_models: 5, ..config() };
    let mut rig = Rig::with(five, FakeSiteWise::default());
    let born = |rig: &mut Rig, name: &str| {
        let tag = |n| leaf(n, &format!("{name} {n}"), DataType::Int32, sample(0, Value::Int(7)));
        rig.event(birth_at(rig.offset(), device(name), Vec::new(), (0..3).map(tag).collect()));
        rig.seconds(90);
    };
    rig.event(birth(node(), Vec::new(), vec![]));
    born(&mut rig, "Pump");
    born(&mut rig, "Stranger");
    assert_eq!(rig.found, []);
    assert_eq!(rig.capped, ["Nordsee/gw/Stranger models: the model of Nordsee/gw/Stranger"]);
    let mut rig = rig.restart();
    born(&mut rig, "Pump");
    born(&mut rig, "Stranger");
    assert_eq!(rig.properties("Stranger"), ["Online", "Last birth", "Last death"]);
    let shown = rig.shown("Stranger, tags", "Stranger 0");
    assert_eq!(shown, Some((Quality::Good, Variant::Integer(7))));
    assert_eq!(rig.twin.plan().problems().count(), 0);
    assert_eq!((rig.found.len(), &*rig.capped), (0, &[][..]));
}

/// A model that people named is a template's as well, and has as many members as SiteWise takes.
#[test]
fn a_machine_on_a_model_that_grew_full_tells_that_it_is_alive() {
    let big = Config { max_properties: 5_000, ..config() };
    let kinds = Kinds::parse("Nordsee/gw/P* => Big").unwrap();
    let named = Config { kinds, ..big.clone() };
    let definition = || {
        let member = |n| Member {
            name: format!("M{n:04}").into(),
            properties: Vec::new(),
            kind: MemberKind::Leaf(Some(DataType::Int32)),
        };
        let (version, parent) = (None, None);
        let members = (0..5_100).map(member).collect();
        Definition {
            name: "Big".into(),
            version,
            parent,
            parameters: Vec::new(),
            members,
            base: None,
        }
    };
    let born = |rig: &mut Rig| {
        rig.event(birth_at(rig.offset(), node(), vec![definition()], vec![]));
        rig.seconds(300);
        rig.event(birth_at(rig.offset(), device("P1"), Vec::new(), flat(2)));
        rig.event(data(device("P1"), vec![(0, sample(rig.offset(), Value::Int(2)))]));
        rig.seconds(300);
    };
    let mut rig = Rig::with(named.clone(), FakeSiteWise::default());
    born(&mut rig);
    assert_eq!(rig.properties("P1").len(), 5_000 - 2, "two are for what an edge node tells");
    assert_eq!(rig.shown("P1", "Online"), Some((Quality::Good, Variant::Boolean(true))));
    assert_eq!(rig.shown("P1", "M0000"), Some((Quality::Good, Variant::Integer(2))));

    // One that was full before anybody had named it has no room: what fits is shown nevertheless.
    let mut rig = Rig::with(big, FakeSiteWise::default());
    rig.event(birth(node(), vec![definition()], vec![]));
    rig.seconds(600);
    let mut rig = rig.restart_with(named);
    born(&mut rig);
    assert_eq!(rig.properties("P1").len(), 5_000);
    assert_eq!(rig.shown("P1", "M0000"), Some((Quality::Good, Variant::Integer(2))));
    let told = "Nordsee/gw/P1 properties: the presence of Nordsee/gw/P1";
    assert!(rig.capped.contains(&told.to_owned()), "{:?}", rig.capped);
    assert_eq!(rig.twin.counts().dropped(DropReason::CappedAssets), 0);
}

/// A kind's model has as many assets as SiteWise allows, and there may be no further one.
#[test]
fn a_machine_whose_model_is_full_past_the_cap_of_models_is_alive() {
    let config = Config { max_models: 7, assets_per_model: 2, ..config() };
    let mut rig = Rig::with(config, FakeSiteWise::default());
    let pumps = ["P0", "P1", "P2", "P3", "P4"];
    let born = |rig: &mut Rig, names: &[&str]| {
        for name in names {
            rig.event(birth(device(name), Vec::new(), flat(3)));
        }
    };
    // Beside the bridge's own there are the node's, the pumps' and the turbines'.
    rig.event(birth(node(), Vec::new(), vec![]));
    born(&mut rig, &pumps[..2]);
    let speed = |n| leaf(n, "Speed", DataType::Double, sample(0, Value::Double(1.0)));
    let turbines = (0..3).map(|n| instance(&format!("T{n}"), "Turbine", vec![speed(n)]));
    rig.event(birth(device("Row"), Vec::new(), turbines.collect()));
    born(&mut rig, &pumps[2..]);
    rig.seconds(300);
    for name in pumps.into_iter().chain(["Row"]) {
        let shown = rig.shown(name, "Online");
        assert_eq!(shown, Some((Quality::Good, Variant::Boolean(true))), "{name}");
    }
    assert_eq!((rig.written("P1", "M0002").len(), rig.written("T1", "Speed").len()), (1, 1));
    let told: Vec<_> = rig.capped.iter().map(String::as_str).collect();
    assert_eq!(
        told,
        [
            "Nordsee/gw/Row models: Nordsee/gw/Row/T2",
            "Nordsee/gw/P2 models: the model of Nordsee/gw/P2",
            "Nordsee/gw/P3 models: the model of Nordsee/gw/P3",
            "Nordsee/gw/P4 models: the model of Nordsee/gw/P4",
        ]
    );
    // Those of the bridge's own go on, with a further one for each two.
    let names: Vec<_> = rig.sitewise.models.values().map(|model| &*model.name).collect();
    let further = names.iter().filter(|name| name.contains("(from asset"));
    assert!(further.clone().all(|name| name.starts_with("Sparkplug Device")), "{names:?}");
    assert_eq!(names.len() - further.count(), 6, "{names:?}");
    rig.check_conservation();
}

/// Its node was never made: the process ended between the two.
#[test]
fn a_device_that_sitewise_has_is_alive_although_its_node_is_gone() {
    let mut rig = Rig::new();
    let tag = |at| vec![leaf(0, "Temp", DataType::Double, sample(at, Value::Double(8.0)))];
    rig.event(birth(node(), Vec::new(), Vec::new()));
    rig.event(birth(device("D"), Vec::new(), tag(0)));
    rig.seconds(90);
    for dies in [false, true] {
        let (id, _) = rig.sitewise.asset("gw");
        rig.sitewise.assets.remove(&id);
        rig = rig.restart_with(Config { max_assets: 3, ..config() });
        let offset = rig.offset();
        rig.event(match dies {
            true => death(device("D"), offset),
            false => birth_at(offset, device("D"), Vec::new(), tag(offset)),
        });
        rig.seconds(90);
        let online = rig.shown("D", "Online");
        assert_eq!(online, Some((Quality::Good, Variant::Boolean(!dies))));
    }
}

/// Its node got a model of its own, or the shared one, for ever.
#[test]
fn a_node_that_a_device_brings_into_being_gets_the_model_that_people_named() {
    let kinds = Kinds::parse("Nordsee/gw => Gateway").unwrap();
    let mut rig = Rig::with(Config { kinds, ..config() }, FakeSiteWise::default());
    let tag = |at| vec![leaf(0, "Temp", DataType::Double, sample(at, Value::Double(8.0)))];
    rig.event(birth(device("D"), Vec::new(), tag(0)));
    rig.seconds(90);
    for dies in [false, true] {
        assert_eq!(flat::model_of(&rig, "gw"), "Gateway", "{dies}");
        let (id, _) = rig.sitewise.asset("gw");
        rig.sitewise.assets.remove(&id);
        let kinds = Kinds::parse("Nordsee/gw => Gateway").unwrap();
        rig = rig.restart_with(Config { kinds, ..config() });
        let offset = rig.offset();
        rig.event(match dies {
            true => death(device("D"), offset),
            false => birth_at(offset, device("D"), Vec::new(), tag(offset)),
        });
        rig.seconds(90);
    }
    assert_eq!(flat::model_of(&rig, "gw"), "Gateway");
    rig.event(birth_at(rig.offset(), node(), Vec::new(), tag(rig.offset())));
    rig.seconds(90);
    assert_eq!(rig.written("gw", "Temp").len(), 1);
}

/// It showed empty on every machine of that model, and the next birth did not name the machine.
#[test]
fn data_adds_no_attribute_to_a_shared_model_past_the_cap_of_models() {
    let five = Config { max_models: 5, ..config() };
    let mut rig = Rig::with(five.clone(), FakeSiteWise::default());
    rig.event(birth(node(), Vec::new(), vec![]));
    // On the shared model since there were no tags, with a tag from when there was room for it.
    rig.event(birth(device("Pump"), Vec::new(), flat(2)));
    rig.seconds(30);
    rig.event(birth(device("Stranger"), Vec::new(), vec![]));
    rig.seconds(90);
    let high = || property("engHigh", DataType::Double, Value::Double(90.0));
    let tag = |offset, properties| BirthMetric {
        properties,
        ..leaf(0, "Temp", DataType::Double, sample(offset, Value::Double(1.0)))
    };
    // It leaves no room for an asset of the tags.
    let mut rig = rig.restart_with(Config { max_assets: 5, ..config() });
    let offset = rig.offset();
    rig.event(birth_at(offset, device("Stranger"), Vec::new(), vec![tag(offset, vec![])]));
    rig.seconds(90);
    let mut rig = rig.restart_with(five);
    let offset = rig.offset();
    rig.event(birth_at(offset, device("Stranger"), Vec::new(), vec![tag(offset, vec![])]));
    rig.seconds(30);
    let before = rig.properties("Stranger").len();
    let (holder, kind) = (AttributeHolder::Leaf(Slot(0)), AttributeKind::Property);
    let attributes = vec![AttributeSample { holder, kind, time: rig.now.wall, property: high() }];
    let (source, samples, order) = (device("Stranger"), Vec::new(), SequenceOrder::InOrder);
    rig.event(Event::Data(Data { source, samples, attributes, order, sent: None }));
    rig.seconds(90);
    assert_eq!(rig.properties("Stranger").len(), before);
    let offset = rig.offset();
    rig.event(birth_at(offset, device("Stranger"), Vec::new(), vec![tag(offset, vec![high()])]));
    assert_eq!(rig.capped, ["Nordsee/gw/Stranger models: Nordsee/gw/Stranger/Temp/engHigh"]);
}

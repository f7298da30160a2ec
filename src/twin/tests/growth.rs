//! Models that grow past what one write, one root or one model holds.

use super::*;
use crate::sitewise::api::PropertyKind;

/// A birth of one turbine of a kind of its own with so many members.
fn wide(members: u32) -> Event {
    let leaves = (0..members)
        .map(|slot| leaf(slot, &format!("M{slot:04}"), DataType::Int32, sample(0, Value::Int(1))));
    birth(node(), Vec::new(), vec![instance("W1", "Wide", leaves.collect())])
}

/// The sizes of a model's root and composite models, in the order of their names.
fn sizes(rig: &Rig, model: &str) -> (usize, Vec<(String, usize)>) {
    let (_, model) = rig.sitewise.model(model);
    let composites = model.composites.values();
    let mut composites: Vec<_> =
        composites.map(|(name, properties)| (name.clone(), properties.len())).collect();
    composites.sort();
    (model.properties.len(), composites)
}

fn waiting(rig: &Rig) -> usize {
    rig.points.iter().filter(|waiting| waiting.gate.is_some()).count()
}

#[test]
fn what_the_root_has_no_room_for_goes_into_composite_models_in_order() {
    let config = Config { max_properties: 5_000, ..config() };
    let mut rig = Rig::with(config.clone(), FakeSiteWise::default());
    rig.sitewise.slowness = 1;
    rig.event(wide(750));
    rig.seconds(30);
    let more = |sizes: &[usize]| {
        let named = |(at, size): (usize, &usize)| (format!("More members {}", at + 1), *size);
        sizes.iter().enumerate().map(named).collect::<Vec<_>>()
    };
    assert_eq!(sizes(&rig, "Wide"), (500, more(&[100, 100, 50])));
    assert_eq!(waiting(&rig), 0);
    // The asset was made once the model was whole: each write would have locked it.
    let at = |what: &str| rig.sitewise.writes.iter().position(|write| write.contains(what));
    assert!(at("More members 3") < at("create asset \"W1\""), "{:#?}", rig.sitewise.writes);

    rig.event(wide(760));
    rig.seconds(30);
    assert_eq!(sizes(&rig, "Wide"), (500, more(&[100, 100, 60])));
    assert_eq!((waiting(&rig), rig.written("W1", "M0759").len()), (0, 1));

    let mut sitewise = rig.sitewise;
    sitewise.writes.clear();
    let mut rig = Rig::with(config, sitewise);
    rig.event(wide(760));
    rig.seconds(30);
    assert_eq!((waiting(&rig), rig.sitewise.writes.as_slice()), (0, &[] as &[String]));
}

#[test]
fn a_model_takes_no_more_than_sitewise_has_room_for() {
    let mut rig = Rig::with(Config { max_properties: 5_000, ..config() }, FakeSiteWise::default());
    rig.event(wide(5_001));
    rig.seconds(300);
    let (root, composites) = sizes(&rig, "Wide");
    assert_eq!((root, composites.len()), (500, 45));
    assert!(composites.iter().all(|(_, size)| *size == 100), "{composites:?}");
    assert_eq!(rig.twin.counts().dropped(DropReason::CappedProperties), 1);
    rig.check_conservation();
}

#[test]
fn a_full_model_gets_a_second_one_that_says_why() {
    let config = Config { assets_per_model: 3, ..config() };
    let farm = |turbines: u32| {
        let metrics = (0..turbines).map(|n| turbine(&format!("T{n}"), n * 3, 1.0, 0));
        birth(node(), definitions(), metrics.collect())
    };
    let mut rig = Rig::with(config.clone(), FakeSiteWise::default());
    rig.event(farm(4));
    rig.seconds(20);
    let of = |rig: &Rig, model: &str| {
        let (id, _) = rig.sitewise.model(model);
        rig.sitewise.assets.values().filter(|asset| asset.model == id).count()
    };
    assert_eq!((of(&rig, "Turbine"), of(&rig, "Turbine (from asset 4)")), (3, 1));
    assert_eq!(waiting(&rig), 0);
    assert_eq!(rig.sitewise.path("T3/Gearbox"), ["Nordsee", "gw", "T3", "T3/Gearbox"]);
    let properties = |rig: &Rig, model: &str| -> Vec<(String, Option<String>, PropertyKind)> {
        let (_, model) = rig.sitewise.model(model);
        let each = model.properties.iter();
        each.map(|p| (p.name.clone(), p.unit.clone(), p.kind.clone())).collect()
    };
    assert_eq!(properties(&rig, "Turbine"), properties(&rig, "Turbine (from asset 4)"));

    // A restart finds each where it is, and a new one joins the second.
    let mut sitewise = rig.sitewise;
    sitewise.writes.clear();
    let mut rig = Rig::with(config, sitewise);
    rig.event(farm(4));
    rig.seconds(200);
    assert_eq!(rig.sitewise.writes, Vec::<String>::new());
    rig.event(farm(5));
    rig.seconds(20);
    assert_eq!((of(&rig, "Turbine"), of(&rig, "Turbine (from asset 4)")), (3, 2));
    assert_eq!(waiting(&rig), 0);
    rig.check_conservation();
}

#[test]
fn a_model_that_ends_failed_is_written_again_when_its_definition_changes() {
    let mut rig = Rig::new();
    rig.sitewise.failing.insert("Turbine".into());
    rig.event(birth(node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]));
    rig.seconds(20);
    let reason = |rig: &Rig| {
        let mut problems = rig.twin.plan().problems();
        problems.find(|(what, _)| *what == "model Turbine").map(|(_, why)| why.to_owned())
    };
    assert_eq!(reason(&rig).as_deref(), Some("it failed; Nordsee/gw/T1 waits for it"));
    let kept = waiting(&rig);
    assert!(kept > 0);
    rig.seconds(100);
    let (_, model) = rig.sitewise.model("Turbine");
    assert_eq!((model.updates, waiting(&rig)), (0, kept));

    rig.sitewise.failing.clear();
    let mut definitions = definitions();
    definitions[0].members.push(Member {
        name: "Pitch".into(),
        properties: Vec::new(),
        kind: MemberKind::Leaf(Some(DataType::Double)),
    });
    rig.event(birth(node(), definitions, vec![turbine("T1", 0, 12.0, 0)]));
    rig.seconds(20);
    let (_, model) = rig.sitewise.model("Turbine");
    assert_eq!((model.updates, waiting(&rig)), (1, 0));
    assert_eq!(reason(&rig), None);
    assert!(model.properties.iter().any(|property| property.name == "Pitch"));
}

/// Nothing of its definition changes. It was never tried again.
#[test]
fn a_model_that_failed_once_is_written_again_as_it_stands() {
    for restarts in [false, true] {
        let mut rig = Rig::new();
        rig.sitewise.failing.insert("Turbine".into());
        let born = || {
            let turbines = (0..3).map(|n| turbine(&format!("T{n}"), n * 3, 12.0, 0)).collect();
            birth(node(), definitions(), turbines)
        };
        rig.event(born());
        rig.seconds(20);
        let why = "it failed; Nordsee/gw/T0 and 2 more wait for it";
        assert_eq!(rig.twin.plan().problems().collect::<Vec<_>>(), [("model Turbine", why)]);
        rig.sitewise.failing.clear();
        if restarts {
            rig = rig.restart();
            rig.seconds(20);
            assert_eq!(rig.sitewise.writes, [""; 0], "nobody wants it");
            rig.event(born());
            rig.seconds(20);
        } else {
            rig.event(born());
            rig.seconds(20);
            assert!(waiting(&rig) > 0);
            rig.seconds(300);
        }
        let (_, model) = rig.sitewise.model("Turbine");
        assert_eq!((model.updates, waiting(&rig)), (1, 0), "{restarts}");
        assert_eq!(rig.twin.plan().problems().count(), 0);
        assert_eq!(rig.sitewise.path("T2/Gearbox"), ["Nordsee", "gw", "T2", "T2/Gearbox"]);
        assert_eq!(rig.written("T2", "Speed").len(), 1);
        rig.check_conservation();
    }
}

#[test]
fn a_model_that_fails_for_ever_is_written_ever_more_rarely() {
    let mut rig = Rig::new();
    rig.sitewise.failing.insert("Turbine".into());
    rig.event(birth(node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]));
    rig.seconds(120);
    let mut tries = Vec::new();
    for _ in 0..6 {
        rig.sitewise.writes.clear();
        rig.seconds(3_600);
        tries.push(rig.sitewise.writes.len());
    }
    assert!((3..=6).contains(&tries[0]), "{tries:?}");
    assert!(tries[2..].iter().all(|tries| (1..=2).contains(tries)), "{tries:?}");
}

/// After a restart as well: what waits is what the rejected growth brought, and nothing else.
#[test]
fn a_growth_that_failed_holds_up_no_value_of_what_was_there() {
    let mut rig = Rig::new();
    rig.event(birth(node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]));
    rig.seconds(20);
    assert_eq!(waiting(&rig), 0);
    let pitched = |name: &str, offset_ms| {
        let mut turbine = turbine(name, 0, 12.0 + offset_ms as f64, offset_ms);
        let Content::Instance(instance) = &mut turbine.content else { panic!() };
        let pitch = sample(offset_ms, Value::Double(1.5));
        instance.members.push(leaf(3, "Pitch", DataType::Double, pitch));
        turbine
    };
    let with_pitch =
        |offset_ms| birth_at(offset_ms, node(), definitions(), vec![pitched("T1", offset_ms)]);
    rig.sitewise.failing.insert("Turbine".into());
    rig.event(with_pitch(30_000));
    rig.seconds(60);
    let held = |rig: &Rig| -> Vec<_> {
        let held = rig.points.iter().filter(|waiting| waiting.gate.is_some());
        held.map(|waiting| waiting.point.value.clone()).collect()
    };
    assert_eq!(held(&rig), [Variant::Double(1.5)]);

    let mut rig = rig.restart();
    rig.event(with_pitch(90_000));
    rig.event(data(node(), vec![(0, sample(91_000, Value::Double(13.0)))]));
    rig.seconds(20);
    assert_eq!(held(&rig), [Variant::Double(1.5)]);
    let speeds: Vec<_> = rig.written("T1", "Speed").into_iter().map(|(at, ..)| at).collect();
    assert_eq!(speeds, [90_000, 91_000]);
    let problems: Vec<_> = rig.twin.plan().problems().collect();
    assert_eq!(problems, [("model Turbine", "it failed")]);
    // Once, for the first birth after the start.
    assert_eq!(rig.sitewise.writes.len(), 1, "{:?}", rig.sitewise.writes);

    // A turbine that comes now is made of what is there.
    rig.event(birth_at(95_000, device("D"), Vec::new(), vec![pitched("T2", 95_000)]));
    rig.seconds(20);
    assert_eq!(held(&rig), [Variant::Double(1.5), Variant::Double(1.5)]);
    assert_eq!(rig.written("T2", "Speed").len(), 1);
    assert_eq!(rig.sitewise.path("T2"), ["Nordsee", "gw", "D", "T2"]);

    rig.sitewise.failing.clear();
    let mut definitions = definitions();
    definitions[0].members.push(Member {
        name: "Yaw".into(),
        properties: Vec::new(),
        kind: MemberKind::Leaf(Some(DataType::Double)),
    });
    rig.event(birth(node(), definitions, vec![turbine("T1", 0, 12.0, 120_000)]));
    rig.seconds(20);
    assert_eq!(waiting(&rig), 0);
    let (_, model) = rig.sitewise.model("Turbine");
    let names: Vec<_> = model.properties.iter().map(|property| &*property.name).collect();
    assert_eq!(names[names.len() - 2..], ["Pitch", "Yaw"]);
}

#[test]
fn what_has_no_place_below_its_node_gets_one_on_a_further_level() {
    let mut rig = Rig::new();
    let kinds = (0..61).map(|n| {
        let member = leaf(n, "M", DataType::Int32, sample(0, Value::Int(1)));
        instance(&format!("I{n:02}"), &format!("K{n:02}"), vec![member])
    });
    rig.event(birth(node(), Vec::new(), kinds.collect()));
    rig.seconds(60);
    assert_eq!(rig.sitewise.path("I28"), ["Nordsee", "gw", "I28"]);
    assert_eq!(rig.sitewise.path("I29"), ["Nordsee", "gw", "gw, more", "I29"]);
    assert_eq!(rig.sitewise.path("I60"), ["Nordsee", "gw", "gw, more", "gw, more 2", "I60"]);
    assert_eq!((waiting(&rig), rig.twin.plan().figures().tree_full), (0, 0));
    assert_eq!(rig.twin.plan().problems().count(), 0);
}

/// Two nodes that disagree about a template: what either wants is there, and nothing is turned
/// back and forth.
#[test]
fn definitions_that_disagree_settle_in_one_model() {
    let mut rig = Rig::new();
    let other = Source { edge: EdgeNode::new("Nordsee", "gw2"), device: None };
    let mut theirs = definitions();
    theirs[0].members[0].kind = MemberKind::Leaf(Some(DataType::String));
    theirs[0].members[1].properties = vec![property("engUnit", DataType::String, text("MW"))];
    theirs[0].parameters[0].value = Some(text("none"));
    let births = |rig: &mut Rig| {
        for _ in 0..5 {
            rig.event(birth(node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]));
            rig.event(birth(other.clone(), theirs.clone(), vec![turbine("T2", 0, 12.0, 0)]));
            rig.seconds(90);
        }
    };
    births(&mut rig);
    let (_, model) = rig.sitewise.model("Turbine");
    let names: Vec<_> = model.properties.iter().map(|p| (&*p.name, p.unit.as_deref())).collect();
    assert_eq!(
        names,
        [
            ("Speed", Some("rpm")),
            ("Power", Some("kW")),
            ("Speed/engHigh", None),
            ("Serial", None),
            ("Speed (STRING)", Some("rpm")),
        ]
    );
    assert_eq!(model.updates, 0);
    // Who is not heard is told so, once a birth.
    let told = |part: &str| format!("Nordsee/gw2 gives Turbine/{part}");
    let expected = [
        told("Power the unit \"MW\", Nordsee/gw gave \"kW\""),
        told("Serial the default \"none\", Nordsee/gw gave \"unknown\""),
    ];
    let differ = rig.found.iter().filter(|(finding, _)| *finding == Finding::DefinitionsDiffer);
    let differences: Vec<_> = differ.map(|(_, example)| example.as_str()).collect();
    assert_eq!(differences.len(), 10);
    assert_eq!(differences[..2], expected);
}

#[test]
fn a_second_model_that_is_made_later_has_the_properties_of_the_first() {
    let config = Config { assets_per_model: 3, ..config() };
    let farm = |offset, turbines: u32| {
        let metrics = (0..turbines).map(|n| turbine(&format!("T{n}"), n * 3, 1.0, offset));
        birth_at(offset, node(), definitions(), metrics.collect())
    };
    for restarts in [false, true] {
        let mut rig = Rig::with(config.clone(), FakeSiteWise::default());
        rig.event(farm(0, 3));
        rig.seconds(20);
        if restarts {
            rig = rig.restart_with(config.clone());
            rig.event(farm(rig.offset(), 3));
            rig.seconds(200);
        }
        rig.event(farm(rig.offset(), 4));
        rig.seconds(200);
        let names = |model: &str| -> Vec<String> {
            let (_, model) = rig.sitewise.model(model);
            model.properties.iter().map(|property| property.name.clone()).collect()
        };
        assert_eq!(names("Turbine").len(), 4);
        assert_eq!(names("Turbine (from asset 4)"), names("Turbine"));
        assert_eq!(waiting(&rig), 0);
        rig.check_conservation();
    }
}

/// It was `M0002 (208c6781)` where the bridge ran on, and `M0002 (INTEGER)` after a restart.
#[test]
fn a_tag_beside_a_property_of_its_name_that_people_added_is_called_the_same_over_restarts() {
    for restarts in [false, true] {
        let mut rig = Rig::new();
        rig.event(wide(2));
        rig.seconds(30);
        let id = rig.sitewise.model("Wide").0;
        let theirs = crate::sitewise::api::Property {
            id: Uuid::from_u128(7),
            external_id: String::new(),
            name: "M0002".into(),
            data_type: crate::sitewise::api::PropertyDataType::Double,
            unit: None,
            kind: PropertyKind::Attribute { default: Some("3".into()) },
        };
        rig.sitewise.models.get_mut(&id).unwrap().properties.push(theirs);
        if restarts {
            rig = rig.restart();
        }
        rig.event(wide(3));
        rig.seconds(300);
        let names: Vec<_> =
            rig.sitewise.models[&id].all_properties().map(|has| has.name.as_str()).collect();
        assert!(names.contains(&"M0002 (INTEGER)"), "{restarts} {names:?}");
        assert_eq!(rig.written("W1", "M0002 (INTEGER)").len(), 1, "{restarts}");
        assert_eq!(waiting(&rig), 0);
    }
}

/// They waited for a write of this bridge that never came.
#[test]
fn a_model_whose_rest_another_bridge_wrote_gets_its_assets() {
    let config = Config { max_properties: 5_000, ..config() };
    let mut rig = Rig::with(config.clone(), FakeSiteWise::default());
    rig.seconds(1);
    let leaves = (0..600)
        .map(|slot| leaf(slot, &format!("M{slot:04}"), DataType::Int32, sample(0, Value::Int(1))));
    let other = Source { edge: EdgeNode::new("Nordsee", "gw2"), device: None };
    rig.event(birth(other, Vec::new(), vec![instance("W2", "Wide", leaves.collect())]));
    let mut first = Rig::with(config, FakeSiteWise::default());
    first.event(wide(600));
    first.seconds(60);
    rig.sitewise = first.sitewise;
    rig.seconds(120);
    assert_eq!(rig.sitewise.path("W2"), ["Nordsee", "gw2", "W2"]);
    assert_eq!(waiting(&rig), 0);
    assert_eq!(rig.twin.plan().problems().collect::<Vec<_>>(), []);
}

/// Its asset was made, and stood at the root of the tree.
#[test]
fn a_child_of_a_model_whose_growth_failed_gets_its_place() {
    let mut rig = Rig::new();
    rig.event(birth(node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]));
    let other = Source { edge: EdgeNode::new("Nordsee", "gw2"), device: None };
    let wind = || leaf(8, "Wind", DataType::Double, sample(0, Value::Double(7.0)));
    rig.event(birth(other.clone(), Vec::new(), vec![wind()]));
    rig.seconds(60);
    rig.sitewise.slowness = 2;
    rig.sitewise.failing.insert("Turbine".into());
    let mut second = turbine("T2", 0, 12.0, 60_000);
    let Content::Instance(instance) = &mut second.content else { panic!() };
    instance.members.push(leaf(3, "Pitch", DataType::Double, sample(60_000, Value::Double(1.5))));
    rig.event(birth_at(60_000, other, Vec::new(), vec![second, wind()]));
    rig.seconds(600);
    assert_eq!(rig.sitewise.path("T2"), ["Nordsee", "gw2", "T2"]);
    assert_eq!(rig.written("T2", "Speed").len(), 1);
}

/// An operator deleted it as the manual says, and it came back within five minutes.
#[test]
fn a_failed_model_that_nobody_wants_stays_deleted() {
    let mut rig = Rig::new();
    rig.sitewise.failing.insert("Turbine".into());
    rig.event(birth(node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]));
    rig.seconds(20);
    let mut rig = rig.restart();
    rig.seconds(20);
    let id = rig.sitewise.model("Turbine").0;
    rig.sitewise.models.remove(&id);
    rig.sitewise.failing.clear();
    rig.seconds(700);
    assert_eq!(rig.sitewise.writes, [""; 0]);
    assert_eq!(rig.twin.plan().problems().collect::<Vec<_>>(), []);
    // Until a birth wants it.
    rig.event(birth_at(rig.offset(), node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]));
    rig.seconds(60);
    assert_eq!(rig.sitewise.path("T1"), ["Nordsee", "gw", "T1"]);
    assert_eq!(waiting(&rig), 0);
}

/// The same of one whose deletion the start has met.
#[test]
fn a_model_that_goes_at_the_start_stays_deleted_where_nobody_wants_it() {
    let mut rig = Rig::new();
    rig.event(birth(node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]));
    rig.seconds(20);
    let mut rig = rig.restart();
    let (id, _) = rig.sitewise.model("Gearbox");
    rig.sitewise.assets.retain(|_, asset| asset.model != id);
    // It is listed, and being deleted.
    rig.sitewise.models.get_mut(&id).unwrap().looks = 3;
    rig.seconds(1);
    rig.sitewise.models.remove(&id);
    rig.seconds(700);
    assert_eq!(rig.sitewise.writes, [""; 0]);
    rig.event(birth_at(rig.offset(), node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]));
    rig.seconds(60);
    assert_eq!(rig.sitewise.path("T1/Gearbox"), ["Nordsee", "gw", "T1", "T1/Gearbox"]);
    assert_eq!(waiting(&rig), 0);
}

/// It was asked for as fast as SiteWise answered, without end, and no asset was made.
#[test]
fn a_composite_model_whose_name_is_taken_is_tried_once_a_minute_and_told() {
    let mut rig = Rig::with(Config { max_properties: 5_000, ..config() }, FakeSiteWise::default());
    rig.event(wide(400));
    rig.seconds(60);
    let id = rig.sitewise.model("Wide").0;
    let theirs = Uuid::from_u128(1);
    let composites = &mut rig.sitewise.models.get_mut(&id).unwrap().composites;
    composites.insert(theirs, ("More members 1".into(), Vec::new()));
    rig.event(wide(600));
    rig.seconds(120);
    rig.sitewise.writes.clear();
    rig.seconds(600);
    assert!((8..=11).contains(&rig.sitewise.writes.len()), "{:#?}", rig.sitewise.writes);
    let told = rig.twin.plan().problem("growth of model Wide");
    assert!(told.is_some_and(|why| why.contains("composite")), "{told:?}");
    rig.sitewise.models.get_mut(&id).unwrap().composites.remove(&theirs);
    rig.seconds(120);
    assert_eq!(waiting(&rig), 0);
    assert_eq!(rig.twin.plan().problems().collect::<Vec<_>>(), []);
}

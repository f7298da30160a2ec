//! What births bring about in SiteWise.

use super::*;
use crate::sitewise::api::{Hierarchy, PropertyDataType as SiteWiseType, PropertyKind};

fn farm() -> Rig {
    let mut rig = Rig::new();
    rig.event(birth(node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]));
    rig
}

#[test]
fn a_birth_becomes_models_assets_and_a_tree() {
    let mut rig = farm();
    rig.sitewise.slowness = 2;
    rig.seconds(10);
    let (_, model) = rig.sitewise.model("Turbine");
    let properties: Vec<_> = model
        .properties
        .iter()
        .map(|p| (p.name.as_str(), p.data_type, p.unit.as_deref(), p.kind.clone()))
        .collect();
    let default = |text: &str| PropertyKind::Attribute { default: Some(text.into()) };
    let measurement = PropertyKind::Measurement;
    assert_eq!(
        properties,
        [
            ("Speed", SiteWiseType::Double, Some("rpm"), measurement.clone()),
            ("Power", SiteWiseType::Double, Some("kW"), measurement),
            ("Speed/engHigh", SiteWiseType::Double, None, default("20")),
            ("Serial", SiteWiseType::String, None, default("unknown")),
        ]
    );
    assert_eq!(rig.sitewise.path("T1/Gearbox"), ["Nordsee", "gw", "T1", "T1/Gearbox"]);
    assert_eq!(rig.sitewise.asset("sparkwise").1.parent, None);
    let updated = rig.sitewise.models.values().any(|model| model.updates > 0);
    assert!(!updated, "{:?}", rig.sitewise.writes);
    rig.check_conservation();
}

/// No point waits any more.
fn check_nothing_waits(rig: &Rig) {
    let waiting: Vec<_> = rig.points.iter().filter(|waiting| waiting.gate.is_some()).collect();
    assert!(waiting.is_empty(), "{waiting:#?}");
}

#[test]
fn every_gate_that_a_point_waits_for_opens() {
    let mut rig = farm();
    rig.seconds(10);
    check_nothing_waits(&rig);
    rig.event(data(node(), vec![(0, sample(10_000, Value::Double(1.0)))]));
    assert_eq!(rig.points.last().map(|waiting| waiting.gate), Some(None));
}

/// After a restart model and asset are active when the birth comes: its points must be stored
/// before the gate opens that they wait for.
#[test]
fn a_gate_never_opens_before_the_points_that_wait_for_it() {
    let mut rig = farm();
    rig.event(birth(device("T2"), Vec::new(), vec![turbine("T2", 0, 12.0, 0)]));
    rig.seconds(10);
    let mut rig = rig.restart();
    rig.event(birth(node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]));
    rig.seconds(10);
    rig.event(birth(device("T2"), Vec::new(), vec![turbine("T2", 0, 12.0, 0)]));
    rig.seconds(10);
    check_nothing_waits(&rig);
}

/// A property that only a later instance has, and that SiteWise has already.
#[test]
fn what_is_wanted_late_and_there_already_keeps_no_value_waiting() {
    let late = || {
        let mut metric = turbine("T2", 0, 12.0, 0);
        let Content::Instance(instance) = &mut metric.content else { panic!() };
        instance.members[1].properties =
            vec![property("engLow", DataType::Double, Value::Double(1.0))];
        birth(device("T2"), Vec::new(), vec![metric])
    };
    let mut rig = farm();
    rig.event(late());
    rig.seconds(10);
    let mut rig = rig.restart();
    rig.event(birth(node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]));
    rig.seconds(10);
    rig.event(late());
    rig.seconds(10);
    check_nothing_waits(&rig);
    assert_eq!(rig.sitewise.writes, Vec::<String>::new());
}

#[test]
fn a_restart_writes_nothing_and_learns_by_page() {
    let mut rig = farm();
    rig.event(birth(
        device("mast"),
        Vec::new(),
        vec![leaf(0, "Wind", DataType::Float, sample(0, Value::Float(7.0)))],
    ));
    rig.seconds(10);
    let before = (rig.sitewise.models.clone(), rig.sitewise.assets.clone());
    let mut rig = rig.restart();
    rig.event(birth(node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]));
    // Another set of metrics than the one it began with: the asset keeps its model, which grows.
    rig.event(birth(
        device("mast"),
        Vec::new(),
        vec![leaf(0, "Wind", DataType::Float, sample(0, Value::Float(7.0)))],
    ));
    rig.seconds(200);
    assert_eq!(rig.sitewise.writes, Vec::<String>::new());
    assert_eq!((rig.sitewise.models.clone(), rig.sitewise.assets.clone()), before);
    rig.event(data(node(), vec![(0, sample(10_000, Value::Double(1.0)))]));
    assert_eq!(rig.points.last().map(|waiting| waiting.gate), Some(None));
    rig.check_conservation();
}

#[test]
fn an_asset_keeps_the_model_it_began_with_and_that_grows() {
    let mut rig = farm();
    let wind = || leaf(0, "Wind", DataType::Float, sample(0, Value::Float(7.0)));
    rig.event(birth(device("mast"), Vec::new(), vec![wind()]));
    rig.seconds(10);
    let mut rig = rig.restart();
    rig.event(birth(node(), definitions(), vec![]));
    let gust = leaf(1, "Gust", DataType::Float, sample(0, Value::Float(9.0)));
    rig.event(birth(device("mast"), Vec::new(), vec![wind(), gust]));
    rig.seconds(10);
    let (_, asset) = rig.sitewise.asset("mast");
    let model = &rig.sitewise.models[&asset.model];
    assert_eq!(model.updates, 1);
    let names: Vec<_> = model.properties.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["Online", "Last birth", "Last death", "Wind", "Gust"]);
    assert_eq!(rig.written("mast", "Gust").len(), 1);
}

#[test]
fn growth_is_collected_to_one_update_a_minute() {
    let mut rig = farm();
    rig.seconds(10);
    for member in 0..20 {
        let mut definitions = definitions();
        definitions[0].members.push(Member {
            name: format!("New {member}").into(),
            properties: Vec::new(),
            kind: MemberKind::Leaf(Some(DataType::Int32)),
        });
        rig.event(birth(node(), definitions, vec![turbine("T1", 0, 12.0, 0)]));
        rig.seconds(3);
    }
    rig.seconds(120);
    let (_, model) = rig.sitewise.model("Turbine");
    assert_eq!(model.properties.len(), 24);
    assert!(model.updates <= 3, "{}", model.updates);
}

#[test]
fn a_new_member_waits_for_its_property_and_nobody_else_does() {
    let mut rig = farm();
    rig.seconds(10);
    let grown = |slots: &[u32]| {
        let Content::Instance(mut instance) = turbine("T1", 0, 12.0, 0).content else { panic!() };
        for slot in slots {
            let value = sample(0, Value::Int(1));
            instance.members.push(leaf(*slot, &format!("New {slot}"), DataType::Int32, value));
        }
        let content = Content::Instance(instance);
        vec![BirthMetric { name: "T1".into(), properties: Vec::new(), content }]
    };
    rig.event(birth(node(), definitions(), grown(&[3])));
    rig.seconds(5);
    rig.event(birth(node(), definitions(), grown(&[3, 4])));
    rig.points.clear();
    rig.event(data(
        node(),
        vec![(0, sample(20_000, Value::Double(1.0))), (4, sample(20_000, Value::Int(2)))],
    ));
    let gates: Vec<_> = rig.points.iter().map(|waiting| waiting.gate).collect();
    assert!(matches!(gates[..], [None, Some(Gate::Property(_))]), "{gates:?}");
    rig.seconds(61);
    assert!(rig.opened.contains(&gates[1].unwrap()));
}

#[test]
fn a_foreign_model_of_the_same_name_is_left_alone_and_reported() {
    let mut rig = farm();
    rig.seconds(10);
    let (_, foreign) = rig.sitewise.model("Turbine");
    let mut sitewise = FakeSiteWise::default();
    let foreign = fake::FakeModel { external_id: None, ..foreign.clone() };
    sitewise.models.insert(Uuid::from_u128(1), foreign.clone());
    let mut rig = Rig::with(config(), sitewise);
    rig.event(birth(node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]));
    rig.seconds(20);
    assert_eq!(rig.sitewise.models[&Uuid::from_u128(1)], foreign);
    let problems: Vec<_> = rig.twin.plan().problems().collect();
    assert!(
        problems
            .iter()
            .any(|(subject, reason)| *subject == "model Turbine"
                && reason.contains("TWIN_MODEL_PREFIX")),
        "{problems:?}"
    );
    // The rest of the plant goes on.
    assert_eq!(rig.sitewise.asset("gw").1.parent, Some(rig.sitewise.asset("Nordsee").0));
}

/// The name was held against it until a restart, whatever people renamed.
#[test]
fn a_model_whose_name_was_taken_is_made_once_the_name_is_free() {
    let mut rig = farm();
    rig.seconds(10);
    let (_, foreign) = rig.sitewise.model("Turbine");
    let foreign = fake::FakeModel { external_id: None, ..foreign.clone() };
    let mut sitewise = FakeSiteWise::default();
    sitewise.models.insert(Uuid::from_u128(1), foreign);
    let mut rig = Rig::with(config(), sitewise);
    rig.event(birth(node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]));
    rig.seconds(3_600);
    let tried = |write: &&String| write.starts_with("create asset model \"Turbine\"");
    let tries = rig.sitewise.writes.iter().filter(tried).count();
    assert!((10..=30).contains(&tries), "{tries} in an hour");
    assert_eq!(rig.twin.take_rejections().len(), 1, "it is logged once");
    rig.sitewise.models.get_mut(&Uuid::from_u128(1)).unwrap().name = "Theirs".into();
    rig.seconds(400);
    assert_eq!(rig.points.iter().filter(|point| point.gate.is_some()).count(), 0);
    assert_eq!(rig.twin.plan().problems().collect::<Vec<_>>(), []);
}

/// Every name was tried in turn, without a pause and without end.
#[test]
fn an_asset_whose_external_id_is_taken_is_tried_ever_more_rarely_and_told() {
    let mut rig = farm();
    rig.seconds(10);
    let (_, copy) = rig.sitewise.asset("T1");
    let (name, model) = ("Copy of T1".into(), Uuid::from_u128(1));
    let copy = fake::FakeAsset { name, model, parent: None, ..copy.clone() };
    let mut sitewise = FakeSiteWise::default();
    sitewise.assets.insert(Uuid::from_u128(2), copy);
    let mut rig = Rig::with(config(), sitewise);
    rig.event(birth(node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]));
    rig.seconds(600);
    let tried = |write: &&String| write.starts_with("create asset \"") && write.contains("T1");
    let tries = rig.sitewise.writes.iter().filter(tried).count();
    assert!((3..=8).contains(&tries), "{:#?}", rig.sitewise.writes);
    let problems: Vec<_> = rig.twin.plan().problems().collect();
    let [("asset Nordsee/gw/T1", why), ..] = problems.as_slice() else { panic!("{problems:?}") };
    assert!(why.contains("external id"), "{why}");
    rig.sitewise.assets.remove(&Uuid::from_u128(2));
    rig.seconds(3_700);
    assert_eq!(rig.points.iter().filter(|point| point.gate.is_some()).count(), 0);
    assert_eq!(rig.twin.plan().problems().collect::<Vec<_>>(), []);
}

#[test]
fn a_model_that_sitewise_refuses_is_reported_and_its_values_wait() {
    let mut sitewise = FakeSiteWise::default();
    sitewise.refused.insert("Turbine".into());
    let mut rig = Rig::with(config(), sitewise);
    rig.event(birth(node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]));
    rig.seconds(20);
    let why = "this name is not wanted here; Nordsee/gw/T1 waits for it";
    let problem = ("model Turbine", why);
    assert!(rig.twin.plan().problems().any(|found| found == problem));
    let waiting = |rig: &Rig| rig.points.iter().filter(|point| point.gate.is_some()).count();
    // Speed and Power; the gearbox has a model of its own and does not wait.
    assert_eq!(waiting(&rig), 2);
    // Somebody mends it: it is tried again, and nothing was lost.
    rig.sitewise.refused.clear();
    rig.seconds(400);
    assert_eq!(waiting(&rig), 0);
    assert_eq!(rig.twin.plan().problems().count(), 0);
}

#[test]
fn what_somebody_deleted_is_made_again() {
    let mut rig = farm();
    rig.seconds(10);
    let (id, _) = rig.sitewise.asset("T1");
    rig.sitewise.assets.remove(&id);
    rig.sitewise.assets.values_mut().filter(|a| a.parent == Some(id)).for_each(|a| a.parent = None);
    rig.opened.clear();
    rig.twin.handle_missing(id, rig.now);
    rig.seconds(10);
    assert_eq!(rig.sitewise.path("T1"), ["Nordsee", "gw", "T1"]);
    assert!(rig.opened.contains(&Gate::Asset(id)));
}

#[test]
fn what_looking_does_not_bring_back_is_not_looked_for_again_and_again() {
    let mut rig = farm();
    rig.seconds(10);
    let (id, _) = rig.sitewise.asset("T1");
    let calls = |rig: &Rig| rig.sitewise.reads + rig.sitewise.writes.len();
    let before = calls(&rig);
    // Somebody took a property away: the asset is there, and its values are not taken.
    for _ in 0..60 {
        rig.twin.handle_missing(id, rig.now);
        rig.seconds(60);
    }
    let looks = calls(&rig) - before;
    assert!((1..=8).contains(&looks), "{looks} calls in an hour");
    // And once more at some time: it may have been deleted since.
    rig.seconds(6 * 3_600);
    rig.sitewise.assets.remove(&id);
    rig.sitewise.assets.values_mut().filter(|a| a.parent == Some(id)).for_each(|a| a.parent = None);
    rig.twin.handle_missing(id, rig.now);
    rig.seconds(30);
    assert_eq!(rig.sitewise.path("T1"), ["Nordsee", "gw", "T1"]);
}

#[test]
fn what_is_made_again_shows_what_the_machine_said() {
    let mut rig = farm();
    rig.seconds(10);
    let shown = |rig: &Rig, asset: &str| {
        let of = |property: &&str| (property.to_string(), rig.shown(asset, property));
        rig.properties(asset).iter().map(of).collect::<Vec<_>>()
    };
    for name in ["T1", "gw"] {
        let before = shown(&rig, name);
        assert!(before.iter().any(|(_, value)| value.is_some()), "{before:?}");
        let (id, _) = rig.sitewise.asset(name);
        rig.sitewise.assets.remove(&id);
        rig.points.retain(|waiting| waiting.point.stream.asset != id);
        rig.twin.handle_missing(id, rig.now);
        rig.seconds(10);
        for (property, before) in before {
            assert!(before.is_none() || rig.shown(name, &property) == before, "{name}/{property}");
        }
    }
}

/// The tree's place was left out without a word, over and over.
#[test]
fn a_place_whose_name_people_have_taken_gets_another() {
    let mut rig = Rig::new();
    let mast = |n| {
        instance(
            &format!("M{n}"),
            "Mast",
            vec![leaf(n, "Wind", DataType::Double, sample(0, Value::Double(1.0)))],
        )
    };
    rig.event(birth(node(), definitions(), vec![mast(0)]));
    rig.seconds(30);
    let (_, of) = rig.sitewise.asset("gw");
    let (model, child) = (of.model, rig.sitewise.model("Mast").0);
    let theirs = Hierarchy {
        id: Uuid::from_u128(7),
        external_id: String::new(),
        name: "Turbine".into(),
        child_model: child,
    };
    rig.sitewise.models.get_mut(&model).unwrap().hierarchies.push(theirs);
    rig.seconds(60);
    let metrics = || vec![mast(0), turbine("T1", 1, 1.0, 0)];
    rig.event(birth_at(100_000, node(), definitions(), metrics()));
    rig.seconds(300);
    assert_eq!(rig.sitewise.path("T1"), ["Nordsee", "gw", "T1"]);
    let names: Vec<_> =
        rig.sitewise.models[&model].hierarchies.iter().map(|place| place.name.as_str()).collect();
    assert_eq!(names[..2], ["Mast", "Turbine"]);
    assert!(names.len() == 3 && names[2].starts_with("Turbine "), "{names:?}");
    let updates = rig.sitewise.models[&model].updates;
    rig.seconds(300);
    assert_eq!(rig.sitewise.models[&model].updates, updates, "and it is at rest");
}

#[test]
fn nested_templates_can_be_flattened() {
    let mut rig =
        Rig::with(Config { nested: Nested::Flatten, ..config() }, FakeSiteWise::default());
    rig.event(birth(node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]));
    rig.seconds(10);
    assert_eq!(rig.written("T1", "Gearbox/Temp").len(), 1);
    assert!(!rig.sitewise.assets.values().any(|asset| asset.name == "T1/Gearbox"));
}

#[test]
fn caps_discard_and_count_and_never_wait() {
    let mut rig = Rig::with(Config { max_assets: 4, ..config() }, FakeSiteWise::default());
    rig.event(birth(
        node(),
        definitions(),
        vec![turbine("T1", 0, 1.0, 0), turbine("T2", 3, 1.0, 0)],
    ));
    rig.seconds(10);
    // The bridge, the group, the node and one turbine: no gearbox, no second turbine.
    assert_eq!(rig.sitewise.assets.len(), 4);
    assert_eq!(rig.twin.counts().dropped(DropReason::CappedAssets), 4);
    rig.event(data(node(), vec![(3, sample(1, Value::Double(1.0)))]));
    assert_eq!(rig.twin.counts().dropped(DropReason::CappedAssets), 5);
    rig.check_conservation();
}

#[test]
fn static_properties_can_be_narrowed() {
    let statics = Some(Globs::parse("*/engLow").unwrap());
    let mut rig = Rig::with(Config { statics, ..config() }, FakeSiteWise::default());
    rig.event(birth(node(), definitions(), vec![]));
    rig.seconds(10);
    let (_, model) = rig.sitewise.model("Turbine");
    assert!(model.properties.iter().all(|property| property.name != "Speed/engHigh"));
}

#[test]
fn external_ids_say_in_words_what_they_stand_for() {
    let mut rig = farm();
    rig.seconds(10);
    let gearbox = rig.sitewise.asset("T1/Gearbox").1.external_id.clone().unwrap();
    assert!(gearbox.starts_with("Nordsee-gw-T1-Gearbox."), "{gearbox}");
    let turbine = rig.sitewise.asset("T1").1.external_id.clone().unwrap();
    assert!(turbine.starts_with("Nordsee-gw-T1."), "{turbine}");
}

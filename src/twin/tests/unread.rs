//! A SiteWise of which one model, or the list of its assets, cannot be read at the start.

use super::*;

const KINDS: [ApiFaultKind; 5] = [
    ApiFaultKind::Denied,
    ApiFaultKind::Unavailable,
    ApiFaultKind::NotFound,
    ApiFaultKind::Throttled,
    ApiFaultKind::Invalid,
];

fn pumps() -> Source {
    Source { edge: EdgeNode::new("Nordsee", "pumps"), device: None }
}

fn pump(slot: u32, value: f64, at: i64) -> BirthMetric {
    let flow = leaf(slot, "Flow", DataType::Double, sample(at, Value::Double(value)));
    instance(&format!("P{slot}"), "Pump", vec![flow])
}

/// Everybody is born: turbines at one node, pumps at another.
fn born(rig: &mut Rig) {
    let at = rig.offset();
    rig.event(birth_at(at, node(), definitions(), vec![turbine("T1", 0, 12.0, at)]));
    rig.event(birth_at(at, pumps(), Vec::new(), vec![pump(0, 1.0, at), pump(1, 1.0, at)]));
}

/// Another process, on a SiteWise that has all of them.
fn restarted() -> Rig {
    let mut rig = Rig::new();
    born(&mut rig);
    rig.seconds(90);
    assert_eq!(problems(&rig), Vec::<String>::new());
    rig.restart()
}

/// A while later everybody has another value.
fn told(rig: &mut Rig, value: f64) {
    let at = rig.offset();
    rig.event(data(node(), vec![(0, sample(at, Value::Double(value)))]));
    rig.event(data(pumps(), vec![(0, sample(at, Value::Double(value)))]));
}

/// The last value that can go.
fn last(rig: &Rig, asset: &str, property: &str) -> Option<Variant> {
    let (id, of) = rig.sitewise.asset(asset);
    let model = &rig.sitewise.models[&of.model];
    let property = model.properties.iter().find(|has| has.name == property).unwrap().id;
    let can_go = rig.points.iter().filter(|waiting| waiting.gate.is_none());
    let points = can_go.map(|waiting| &waiting.point);
    let points =
        points.filter(|point| (point.stream.asset, point.stream.property) == (id, property));
    points.max_by_key(|point| point.time).map(|point| point.value.clone())
}

fn problems(rig: &Rig) -> Vec<String> {
    rig.twin.plan().problems().map(|(subject, _)| subject.to_owned()).collect()
}

fn double(value: f64) -> Option<Variant> {
    Some(Variant::Double(value))
}

#[test]
fn a_model_that_cannot_be_described_holds_up_its_own_sources_alone() {
    for kind in KINDS {
        let mut rig = restarted();
        let (model, _) = rig.sitewise.model("Pump");
        rig.sitewise.undescribable.insert(model, kind);
        born(&mut rig);
        rig.seconds(60);
        told(&mut rig, 2.0);
        rig.seconds(1);
        assert_eq!(last(&rig, "T1", "Speed"), double(2.0), "{kind:?}");
        assert_eq!(rig.shown("pumps", "Online").unwrap().1, Variant::Boolean(true), "{kind:?}");
        assert_eq!(problems(&rig), ["model Pump"], "{kind:?}");
        let (_, why) = rig.twin.plan().problems().next().unwrap();
        assert!(why.contains("iotsitewise:DescribeAssetModel"), "{why}");
        rig.seconds(3_600);
        let reads = rig.sitewise.reads;
        rig.seconds(6 * 3_600);
        // Beside the look at the group, once an hour.
        let tries = rig.sitewise.reads - reads - 6;
        let list = if kind == ApiFaultKind::NotFound { 2 } else { 1 };
        assert!((3..=12 * list).contains(&tries), "{tries} {kind:?}");
        // A new node with a model of its own goes on, with a pump below it that waits.
        let at = rig.offset();
        let source = Source { edge: EdgeNode::new("Nordsee", "new"), device: None };
        let load = leaf(5, "Load", DataType::Int32, sample(at, Value::Int(3)));
        rig.event(birth_at(at, source, Vec::new(), vec![load, pump(6, 1.0, at)]));
        rig.seconds(60);
        assert_eq!(last(&rig, "new", "Load"), Some(Variant::Integer(3)), "{kind:?}");
        assert!(!rig.sitewise.writes.iter().any(|write| write.contains("P6")), "{kind:?}");
        rig.check_conservation();

        rig.sitewise.undescribable.clear();
        rig.seconds(2 * 3_600);
        assert_eq!(last(&rig, "P0", "Flow"), double(2.0), "{kind:?}");
        assert_eq!(rig.sitewise.path("P6"), ["Nordsee", "new", "P6"], "{kind:?}");
        assert_eq!(problems(&rig), Vec::<String>::new(), "{kind:?}");
        assert!(rig.points.iter().all(|waiting| waiting.gate.is_none()));
        assert_eq!(rig.sitewise.models.values().filter(|m| m.name.contains("Pump")).count(), 1);
        rig.check_conservation();
    }
}

#[test]
fn where_assets_of_a_model_cannot_be_listed_they_are_looked_at_one_by_one() {
    for kind in KINDS {
        let mut rig = restarted();
        let (model, _) = rig.sitewise.model("Pump");
        rig.sitewise.unlistable.insert(model, kind);
        born(&mut rig);
        rig.seconds(60);
        told(&mut rig, 2.0);
        rig.seconds(60);
        assert_eq!(last(&rig, "T1", "Speed"), double(2.0), "{kind:?}");
        assert_eq!(last(&rig, "P0", "Flow"), double(2.0), "{kind:?}");
        assert_eq!(problems(&rig), ["assets of model Pump"], "{kind:?}");
        assert_eq!(rig.sitewise.writes, Vec::<String>::new(), "{kind:?}");
        rig.check_conservation();
        rig.seconds(3_600);
        let reads = rig.sitewise.reads;
        rig.seconds(6 * 3_600);
        let tries = rig.sitewise.reads - reads - 6;
        assert!((3..=12).contains(&tries), "{tries} {kind:?}");
        // What is new is made, for SiteWise says that it is not there.
        let at = rig.offset();
        rig.event(birth_at(at, pumps(), Vec::new(), vec![pump(0, 2.0, at), pump(7, 7.0, at)]));
        rig.seconds(60);
        assert_eq!(last(&rig, "P7", "Flow"), double(7.0), "{kind:?}");

        rig.sitewise.unlistable.clear();
        rig.seconds(2 * 3_600);
        assert_eq!(problems(&rig), Vec::<String>::new(), "{kind:?}");
        assert!(!rig.twin.plan().has_unread(), "{kind:?}");
        rig.check_conservation();
    }
}

/// Neither in the list of its model's assets nor alone.
#[test]
fn who_may_have_an_asset_that_cannot_be_found_waits_alone_and_nothing_is_made_of_it() {
    for kind in [ApiFaultKind::Denied, ApiFaultKind::Unavailable] {
        let mut rig = restarted();
        let (model, _) = rig.sitewise.model("Pump");
        let (asset, _) = rig.sitewise.asset("P0");
        rig.sitewise.unlistable.insert(model, kind);
        rig.sitewise.undescribable.insert(asset, kind);
        born(&mut rig);
        rig.seconds(60);
        told(&mut rig, 2.0);
        let new = Source { edge: EdgeNode::new("Nordsee", "new"), device: None };
        let at = rig.offset();
        let valve = leaf(0, "Open", DataType::Boolean, sample(at, Value::Boolean(true)));
        rig.event(birth_at(at, new, Vec::new(), vec![instance("V1", "Valve", vec![valve])]));
        rig.seconds(60);
        assert_eq!(last(&rig, "T1", "Speed"), double(2.0));
        assert_eq!(last(&rig, "V1", "Open"), Some(Variant::Boolean(true)));
        assert_eq!(problems(&rig), ["asset Nordsee/pumps/P0", "assets of model Pump"]);
        assert_eq!(rig.twin.buffered(), 3);
        assert!(!rig.sitewise.writes.iter().any(|write| write.contains("\"P")));
        rig.check_conservation();

        rig.sitewise.undescribable.clear();
        rig.seconds(3_600);
        assert_eq!(last(&rig, "P0", "Flow"), double(2.0));
        assert_eq!(problems(&rig), ["assets of model Pump"]);
        assert_eq!(rig.twin.buffered(), 0);
        rig.check_conservation();
    }
}

/// The end of the process waited all its grace for one that was tried once an hour.
#[test]
fn what_is_tried_again_only_after_the_grace_is_not_waited_for() {
    let mut rig = restarted();
    let (model, _) = rig.sitewise.model("Pump");
    let (asset, _) = rig.sitewise.asset("P0");
    rig.sitewise.unlistable.insert(model, ApiFaultKind::Denied);
    rig.sitewise.undescribable.insert(asset, ApiFaultKind::Denied);
    let grace = Duration::from_secs(20);
    assert!(!rig.twin.plan().is_idle_until(rig.now.instant + grace), "it is being read");
    born(&mut rig);
    rig.seconds(2 * 3_600);
    let due = (0..7_200).find(|_| {
        let rests = rig.twin.plan().is_idle_until(rig.now.instant + grace);
        rig.seconds(1);
        rests
    });
    assert!(due.is_some() && rig.twin.buffered() > 0, "{due:?}");
    assert!(!rig.twin.plan().is_idle_until(rig.now.instant + Duration::from_secs(7_200)));
    // A machine that is being made is waited for.
    let (at, new) = (rig.offset(), Source { edge: EdgeNode::new("Nordsee", "new"), device: None });
    let valve = leaf(0, "Open", DataType::Boolean, sample(at, Value::Boolean(true)));
    rig.event(birth_at(at, new, Vec::new(), vec![instance("V1", "Valve", vec![valve])]));
    assert!(!rig.twin.plan().is_idle_until(rig.now.instant + grace));
}

/// What is beyond the bound of what is held of it is given up; it is asked for its birth.
#[test]
fn who_waited_too_long_is_asked_for_its_birth() {
    let mut rig = restarted();
    let (model, _) = rig.sitewise.model("Pump");
    let (asset, _) = rig.sitewise.asset("P0");
    rig.sitewise.unlistable.insert(model, ApiFaultKind::Denied);
    rig.sitewise.undescribable.insert(asset, ApiFaultKind::Denied);
    born(&mut rig);
    rig.seconds(60);
    let many = (0..event_buffer::DATA_LIMIT as u32).map(|_| (0, sample(0, Value::Double(0.0))));
    rig.event(data(pumps(), many.collect()));
    assert_eq!(rig.twin.counts().dropped(DropReason::BeforeSync), event_buffer::DATA_LIMIT as u64);
    rig.expected.clear();
    rig.sitewise.undescribable.clear();
    rig.seconds(3_600);
    assert_eq!(rig.expected, ["again Nordsee/pumps"]);
    rig.check_conservation();
}

/// It would make a second model of its kind, which its asset would keep for ever.
#[test]
fn a_device_that_may_be_of_a_kind_that_cannot_be_described_waits_for_it() {
    let tags = |at, names: [&str; 3]| {
        let tag = |(n, name): (usize, &str)| {
            leaf(n as u32, name, DataType::Double, sample(at, Value::Double(1.0)))
        };
        names.into_iter().enumerate().map(tag).collect::<Vec<_>>()
    };
    let (oven, press) = (["Heat", "Door", "Fan"], ["Force", "Way", "Speed"]);
    let mut rig = Rig::new();
    rig.event(birth(node(), Vec::new(), vec![turbine("T1", 0, 12.0, 0)]));
    rig.event(birth(device("oven 1"), Vec::new(), tags(0, oven)));
    rig.event(birth(device("press 1"), Vec::new(), tags(0, press)));
    rig.seconds(90);
    let mut rig = rig.restart();
    let (kind, _) = rig.sitewise.asset("oven 1");
    let kind = rig.sitewise.assets[&kind].model;
    rig.sitewise.undescribable.insert(kind, ApiFaultKind::Denied);
    let models = rig.sitewise.models.len();
    let at = rig.offset();
    rig.event(birth_at(at, node(), Vec::new(), vec![turbine("T1", 0, 12.0, at)]));
    rig.event(birth_at(at, device("oven 2"), Vec::new(), tags(at, oven)));
    rig.event(birth_at(at, device("press 2"), Vec::new(), tags(at, press)));
    rig.event(birth_at(at, device("oven 1"), Vec::new(), tags(at, oven)));
    rig.seconds(90);
    assert_eq!(last(&rig, "press 2", "Way"), double(1.0));
    assert_eq!((rig.sitewise.models.len(), rig.twin.buffered()), (models, 3));
    rig.sitewise.undescribable.clear();
    rig.seconds(3_600);
    let (_, second) = rig.sitewise.asset("oven 2");
    assert_eq!((rig.sitewise.models.len(), second.model), (models, kind));
    assert_eq!(last(&rig, "oven 2", "Fan"), double(1.0));
    rig.check_conservation();
}

/// Who was online under a model whose assets could not be listed is asked for once they can be.
#[test]
fn who_became_known_late_is_expected_as_after_a_start() {
    let mut rig = restarted();
    let (_, asset) = rig.sitewise.asset("pumps");
    let model = asset.model;
    rig.sitewise.unlistable.insert(model, ApiFaultKind::Denied);
    rig.seconds(60);
    assert!(rig.twin.plan().is_synced());
    assert!(!rig.expected.iter().any(|line| line.contains("pumps")), "{:?}", rig.expected);
    rig.sitewise.unlistable.clear();
    rig.seconds(3_600);
    assert!(rig.expected.contains(&"Nordsee/pumps ".to_owned()), "{:?}", rig.expected);
}

#[test]
fn where_nothing_can_be_read_all_wait_and_sitewise_is_asked_at_the_usual_pace() {
    let mut rig = restarted();
    let models: Vec<_> = rig.sitewise.models.keys().copied().collect();
    for model in &models {
        rig.sitewise.undescribable.insert(*model, ApiFaultKind::Unavailable);
        rig.sitewise.unlistable.insert(*model, ApiFaultKind::Unavailable);
    }
    born(&mut rig);
    rig.seconds(3_600);
    assert!(!rig.twin.plan().is_synced());
    rig.sitewise.undescribable.clear();
    rig.sitewise.unlistable.clear();
    rig.seconds(31);
    assert!(rig.twin.plan().is_synced());
    rig.seconds(31);
    assert_eq!(problems(&rig), Vec::<String>::new());
    assert_eq!(rig.sitewise.writes, Vec::<String>::new());
    rig.check_conservation();
}

/// Somebody deletes a model between the list of models and the rest.
#[test]
fn a_model_that_goes_while_sitewise_is_learned_is_made_again() {
    let mut rig = restarted();
    let (model, _) = rig.sitewise.model("Pump");
    rig.sitewise.assets.retain(|_, asset| asset.model != model);
    while !rig.twin.plan().models_known() {
        rig.pass(Duration::from_millis(10));
    }
    rig.sitewise.models.remove(&model);
    born(&mut rig);
    rig.seconds(90);
    assert_eq!(last(&rig, "P0", "Flow"), double(1.0));
    assert_eq!(problems(&rig), Vec::<String>::new());
    rig.check_conservation();
}

/// A device that was online dies unseen, and the asset of its node is under the model whose assets
/// cannot be listed: it is not taken for missing.
#[test]
fn a_node_whose_asset_is_not_listed_keeps_its_model_when_a_device_of_it_dies() {
    let mut rig = Rig::new();
    let tag = |at| leaf(0, "Load", DataType::Int32, sample(at, Value::Int(3)));
    let pump = |at| vec![pump(0, 1.0, at)];
    rig.event(birth(node(), Vec::new(), vec![tag(0)]));
    rig.event(birth(device("d"), Vec::new(), pump(0)));
    rig.seconds(90);
    let mut rig = rig.restart();
    let (asset, of) = rig.sitewise.asset("gw");
    let model = of.model;
    rig.sitewise.unlistable.insert(model, ApiFaultKind::Denied);
    rig.sitewise.undescribable.insert(asset, ApiFaultKind::Denied);
    rig.seconds(60);
    let at = rig.offset();
    rig.event(death(device("d"), at));
    rig.seconds(60);
    assert_eq!(rig.sitewise.writes, Vec::<String>::new());
    rig.sitewise.undescribable.clear();
    rig.seconds(3_600);
    assert_eq!(rig.shown("d", "Online").unwrap().1, Variant::Boolean(false));
    let at = rig.offset();
    rig.event(birth_at(
        at,
        node(),
        Vec::new(),
        vec![leaf(0, "Load", DataType::Int32, sample(at, Value::Int(4)))],
    ));
    rig.seconds(60);
    assert_eq!(last(&rig, "gw", "Load"), Some(Variant::Integer(4)));
    assert_eq!(rig.sitewise.writes, Vec::<String>::new());
    rig.check_conservation();
}

/// Its first birth came when nobody could tell what else its model has.
#[test]
fn what_a_birth_lacks_is_written_over_once_its_model_can_be_described() {
    let tag = |high: Option<f64>, offset| {
        let mut metric = leaf(0, "Wind", DataType::Double, sample(offset, Value::Double(7.0)));
        let high = high.map(|high| property("engHigh", DataType::Double, Value::Double(high)));
        metric.properties.extend(high);
        birth_at(offset, node(), Vec::new(), vec![metric])
    };
    let mut rig = Rig::new();
    rig.event(tag(Some(9_500.0), 0));
    rig.seconds(90);
    let mut rig = rig.restart();
    let model = rig.sitewise.asset("gw").1.model;
    rig.sitewise.undescribable.insert(model, ApiFaultKind::Unavailable);
    rig.event(tag(None, rig.offset()));
    rig.seconds(60);
    rig.sitewise.undescribable.clear();
    rig.seconds(2 * 3_600);
    rig.event(tag(None, rig.offset()));
    rig.seconds(60);
    let null = Variant::Null(crate::sitewise::api::PropertyDataType::Double);
    assert_eq!(rig.shown("gw", "Wind/engHigh"), Some((Quality::Bad, null)));
}

/// The bridge said the same token again for ever, and was dark until its restart.
#[test]
fn a_list_whose_token_has_expired_is_begun_anew() {
    let born = || {
        let metrics = (0..9).map(|n| turbine(&format!("T{n}"), n * 3, 12.0, 0));
        birth(node(), definitions(), metrics.collect())
    };
    let mut rig = Rig::new();
    rig.event(born());
    rig.seconds(60);
    let whole = rig.sitewise.assets.len();
    rig = rig.restart();
    rig.sitewise.writes.clear();
    rig.sitewise.expired_tokens = 3;
    rig.event(born());
    rig.seconds(30);
    assert!(rig.twin.plan().is_synced());
    assert_eq!(rig.sitewise.expired_tokens, 0);
    assert_eq!((rig.sitewise.assets.len(), rig.sitewise.writes.as_slice()), (whole, &[][..]));
    assert_eq!(rig.twin.plan().problems().count(), 0);
}

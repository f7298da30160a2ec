//! What SiteWise has no more, or has no room for, while the bridge runs.

use super::*;
use crate::sitewise::limits;

fn turbines(count: u32) -> Event {
    let metrics = (0..count).map(|n| turbine(&format!("T{n}"), n * 3, 12.0, 0));
    birth(node(), definitions(), metrics.collect())
}

#[test]
fn a_model_that_somebody_deleted_is_made_again_with_the_next_asset() {
    let mut rig = Rig::new();
    rig.event(turbines(1));
    rig.seconds(60);
    let (id, turbine) = rig.sitewise.asset("T0");
    let model = turbine.model;
    rig.sitewise.assets.remove(&id);
    rig.sitewise.assets.values_mut().filter(|a| a.parent == Some(id)).for_each(|a| a.parent = None);
    let name = rig.sitewise.models.remove(&model).unwrap().name;
    // No value tells of it, but there is a new machine.
    rig.event(turbines(2));
    rig.seconds(120);
    assert_eq!(rig.sitewise.models[&model].name, name);
    assert_eq!(rig.sitewise.path("T1"), ["Nordsee", "gw", "T1"]);
}

#[test]
fn a_group_that_somebody_deleted_is_made_again_though_it_has_no_values() {
    let mut rig = Rig::new();
    rig.event(turbines(1));
    rig.seconds(60);
    let (id, _) = rig.sitewise.asset("Nordsee");
    rig.sitewise.assets.remove(&id);
    rig.sitewise.assets.values_mut().filter(|a| a.parent == Some(id)).for_each(|a| a.parent = None);
    rig.seconds(3_700);
    assert_eq!(rig.sitewise.path("T0"), ["Nordsee", "gw", "T0"]);
}

fn remove(rig: &mut Rig, names: &[&str]) {
    for name in names {
        let (id, _) = rig.sitewise.asset(name);
        rig.sitewise.assets.remove(&id);
        let below = rig.sitewise.assets.values_mut().filter(|a| a.parent == Some(id));
        below.for_each(|a| a.parent = None);
    }
}

/// An hour after the clean-up the whole dead subtree was there again, and billed.
#[test]
fn a_dead_group_that_somebody_deleted_stays_deleted() {
    let mut rig = Rig::new();
    rig.event(turbines(1));
    rig.seconds(60);
    rig.event(death(node(), 60_000));
    rig.seconds(120);
    remove(&mut rig, &["T0/Gearbox", "T0", "gw", "Nordsee"]);
    rig.seconds(3_700);
    let names: Vec<_> = rig.sitewise.assets.values().map(|asset| &*asset.name).collect();
    assert_eq!(names, ["sparkwise"]);
    assert_eq!(rig.twin.plan().problems().collect::<Vec<_>>(), []);
}

/// Nor does the group bring them back, which another machine needs. Their birth does.
#[test]
fn a_dead_machine_that_somebody_deleted_with_its_group_stays_deleted() {
    let mut rig = Rig::new();
    rig.event(turbines(1));
    let other = Source { edge: EdgeNode::new("Nordsee", "gw2"), device: None };
    rig.event(birth(other, Vec::new(), Vec::new()));
    rig.seconds(60);
    rig.event(death(node(), 60_000));
    rig.seconds(120);
    remove(&mut rig, &["T0/Gearbox", "T0", "gw", "Nordsee"]);
    rig.seconds(7_300);
    assert_eq!(rig.sitewise.path("gw2"), ["Nordsee", "gw2"]);
    let mut names: Vec<_> = rig.sitewise.assets.values().map(|asset| &*asset.name).collect();
    names.sort_unstable();
    assert_eq!(names, ["Nordsee", "gw2", "sparkwise"]);
    assert_eq!(rig.twin.plan().problems().collect::<Vec<_>>(), []);
    let metrics = vec![turbine("T0", 0, 12.0, rig.offset())];
    rig.event(birth_at(rig.offset(), node(), definitions(), metrics));
    rig.seconds(120);
    assert_eq!(rig.sitewise.path("gw"), ["Nordsee", "gw"]);
    // A value tells of the others.
    let ids: Vec<_> = rig.points.iter().map(|waiting| waiting.point.stream.asset).collect();
    for id in ids {
        if !rig.sitewise.assets.contains_key(&id) {
            rig.twin.handle_missing(id, rig.now);
        }
    }
    rig.seconds(120);
    assert_eq!(rig.sitewise.path("T0/Gearbox"), ["Nordsee", "gw", "T0", "T0/Gearbox"]);
    assert_eq!(rig.twin.plan().problems().collect::<Vec<_>>(), []);
}

#[test]
fn new_assets_of_a_model_that_people_have_filled_are_made() {
    let wide = |name: &str, from: u32, count: u32| {
        let leaf = |slot| {
            let sample = sample(0, Value::Int(1));
            leaf(slot, &format!("M{:04}", from + slot), DataType::Int32, sample)
        };
        instance(name, "Wide", (0..count).map(leaf).collect())
    };
    let config = Config { max_properties: 5_000, ..config() };
    let mut rig = Rig::with(config.clone(), FakeSiteWise::default());
    rig.event(birth(node(), Vec::new(), vec![wide("W1", 0, 400)]));
    rig.seconds(60);
    let (_, asset) = rig.sitewise.asset("W1");
    let model = asset.model;
    let filled = rig.sitewise.models.get_mut(&model).unwrap();
    for number in 0..limits::COMPOSITES_PER_MODEL {
        let id = Uuid::from_u128(number as u128 + 1);
        filled.composites.insert(id, (format!("Theirs {number}"), Vec::new()));
    }
    let mut rig = Rig::with(config, rig.sitewise);
    rig.event(birth(node(), Vec::new(), vec![wide("W1", 0, 400)]));
    rig.seconds(120);
    // More than fits at the root, and there is no composite model for the rest.
    rig.event(birth(device("d"), Vec::new(), vec![wide("W2", 400, 200)]));
    rig.seconds(300);
    assert_eq!(rig.sitewise.path("W2"), ["Nordsee", "gw", "d", "W2"]);
    rig.event(birth(device("e"), Vec::new(), vec![wide("W3", 0, 10)]));
    rig.seconds(300);
    assert_eq!(rig.sitewise.path("W3"), ["Nordsee", "gw", "e", "W3"]);
    let mut problems = rig.twin.plan().problems();
    assert!(problems.any(|(_, why)| why.contains("no room for all of its properties")));
}

/// They stayed at the root until a restart, and the failed list in `/readyz`.
#[test]
fn children_of_an_asset_that_goes_before_they_are_listed_are_placed() {
    for unlistable in [ApiFaultKind::Throttled, ApiFaultKind::NotFound] {
        let mut rig = Rig::new();
        rig.event(turbines(2));
        rig.seconds(60);
        let mut rig = rig.restart();
        rig.seconds(10);
        let (id, _) = rig.sitewise.asset("gw");
        rig.sitewise.unlistable.insert(id, unlistable);
        if unlistable == ApiFaultKind::Throttled {
            rig.event(turbines(2));
            rig.seconds(10);
        }
        rig.sitewise.assets.remove(&id);
        let below = rig.sitewise.assets.values_mut().filter(|a| a.parent == Some(id));
        below.for_each(|a| a.parent = None);
        if unlistable == ApiFaultKind::Throttled {
            rig.twin.handle_missing(id, rig.now);
        } else {
            rig.event(turbines(2));
        }
        rig.seconds(300);
        for name in ["T0", "T1"] {
            assert_eq!(rig.sitewise.path(name), ["Nordsee", "gw", name], "{unlistable:?}");
        }
        assert_eq!(rig.twin.plan().problems().collect::<Vec<_>>(), [], "{unlistable:?}");
    }
}

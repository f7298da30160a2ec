//! A parent under which SiteWise takes no more children: those that people put there count too.

use super::fake::FakeAsset;
use super::*;
use crate::sitewise::limits;

const FULL: &str = "SiteWise says that its parent is full; the asset is at the root of the tree, \
                    with all its values, until there is room";

/// People put so many assets under the edge node.
fn crowd(rig: &mut Rig, count: usize) {
    let (parent, _) = rig.sitewise.asset("gw");
    let (model, _) = rig.sitewise.model("Turbine");
    for n in 0..count {
        let asset = FakeAsset {
            name: format!("theirs {n}"),
            external_id: None,
            model,
            description: None,
            parent: Some(parent),
            looks: 0,
        };
        rig.sitewise.assets.insert(Uuid::from_u128(n as u128 + 1), asset);
    }
}

fn farm(rig: &mut Rig, count: u32) {
    let at = rig.offset();
    let turbines = (0..count).map(|n| turbine(&format!("T{n}"), n * 3, 12.0, at));
    rig.event(birth_at(at, node(), definitions(), turbines.collect()));
}

fn problems(rig: &Rig) -> Vec<(String, String)> {
    let problems = rig.twin.plan().problems();
    problems.map(|(subject, why)| (subject.to_owned(), why.to_owned())).collect()
}

#[test]
fn a_full_parent_read_from_sitewise_is_not_tried_for_ever() {
    for restarts in [true, false] {
        let mut rig = Rig::new();
        farm(&mut rig, 1);
        rig.seconds(60);
        crowd(&mut rig, limits::CHILDREN_PER_ASSET - 1);
        if restarts {
            rig = rig.restart();
        }
        rig.sitewise.writes.clear();
        farm(&mut rig, 4);
        rig.seconds(3_600);
        // A overflow level has no room there either: its assets are alive below it, at the root.
        for turbine in ["T1", "T2", "T3"] {
            assert_eq!(rig.sitewise.path(turbine), ["gw, more", turbine]);
            assert_eq!(rig.written(turbine, "Speed").len(), 1);
        }
        assert_eq!(
            problems(&rig),
            [("placement of asset Nordsee/gw, more".into(), FULL.into())],
            "{restarts}"
        );
        // In the next six hours it is tried once an hour at most half as often again, and nothing else.
        rig.sitewise.writes.clear();
        rig.seconds(6 * 3_600);
        let tries = rig.sitewise.writes.len();
        assert!((5..=12).contains(&tries), "{:#?}", rig.sitewise.writes);
        rig.check_conservation();
    }
}

#[test]
fn what_had_no_room_under_its_parent_goes_there_once_there_is() {
    let mut rig = Rig::new();
    farm(&mut rig, 1);
    rig.seconds(60);
    crowd(&mut rig, limits::CHILDREN_PER_ASSET - 1);
    farm(&mut rig, 4);
    rig.seconds(600);
    assert_eq!(rig.sitewise.path("T3"), ["gw, more", "T3"]);
    rig.sitewise.assets.retain(|_, asset| !asset.name.starts_with("theirs"));
    rig.seconds(3_600);
    assert_eq!(rig.sitewise.path("T3"), ["Nordsee", "gw", "gw, more", "T3"]);
    assert_eq!(problems(&rig), []);
}

/// Nobody may list what hangs under one asset.
#[test]
fn children_that_cannot_be_listed_are_told_and_asked_for_ever_more_rarely() {
    let mut rig = Rig::new();
    farm(&mut rig, 2);
    rig.seconds(60);
    let (parent, _) = rig.sitewise.asset("gw");
    let mut rig = rig.restart();
    rig.sitewise.unlistable.insert(parent, ApiFaultKind::Denied);
    farm(&mut rig, 2);
    rig.seconds(3_600);
    let told = ("children of asset Nordsee/gw".into(), "it cannot be listed".into());
    assert_eq!(problems(&rig), [told]);
    let reads = rig.sitewise.reads;
    rig.seconds(6 * 3_600);
    // Beside the look at the groups, once an hour.
    assert!(rig.sitewise.reads - reads <= 12 + 6, "{}", rig.sitewise.reads - reads);
    rig.sitewise.unlistable.clear();
    rig.seconds(3_600);
    assert_eq!(problems(&rig), []);
}

//! Units of single assets.

use super::*;
use crate::sitewise::api::{AssetProperty, NotificationState};
use crate::sparkplug::address::{EdgeNode, Source};
use crate::twin::identity::{Address, PropertyRole};
use crate::twin::mapping::ValueForm;
use crate::twin::plan::units::READS;
use crate::twin::tests::fake::FakeSiteWise;
use crate::twin::{assets, models};

const TEMPERATURE: PropertyIx = PropertyIx(0);

/// So many gateways of one model, whose temperature is in °C.
fn plant(count: usize) -> (Rig, FakeSiteWise, Vec<AssetIx>) {
    let mut rig = Rig::new(Duration::from_millis(50));
    let model = rig.models.ensure_named("Gateway", None).unwrap();
    let wanted = models::PropertyRequest {
        role: PropertyRole::Member,
        path: &["Temperature"],
        name: None,
        form: ValueForm::Double,
        unit: Some("°C"),
        default: None,
    };
    rig.models.ensure_property(model, wanted).unwrap();
    let mut sitewise = FakeSiteWise::default();
    rig.pass(Duration::from_secs(1), &mut |call| sitewise.call(call));
    rig.plan.model_wanted(model, &rig.models, rig.now);
    let all = (0..count).map(|number| {
        let source = Source { edge: EdgeNode::new("Nordsee", format!("gw{number}")), device: None };
        let address = Address::Source(&source);
        let name = format!("gw{number}");
        let wanted = assets::AssetRequest {
            address: &address,
            name: &name,
            model,
            parent: None,
            kind: assets::AssetKind::Group,
        };
        let (ix, _) = rig.assets.get_or_create(wanted, None).unwrap();
        rig.plan.asset_wanted(ix, &rig.assets);
        ix
    });
    let all = all.collect();
    (rig, sitewise, all)
}

/// Where the temperature of an asset stands in SiteWise.
fn place(rig: &Rig, asset: AssetIx) -> (Uuid, Uuid) {
    let of = rig.assets.get(asset);
    (of.id, rig.models.get(of.model).property_id(TEMPERATURE))
}

fn unit(rig: &Rig, sitewise: &FakeSiteWise, asset: AssetIx) -> Option<String> {
    let (asset, property) = place(rig, asset);
    sitewise.property(asset, property).unwrap().unit
}

fn updates(sitewise: &FakeSiteWise) -> usize {
    sitewise.writes.iter().filter(|write| write.starts_with("set the unit")).count()
}

fn subjects(rig: &Rig) -> Vec<(&str, &str)> {
    rig.plan.problems().collect()
}

#[test]
fn a_unit_of_its_own_is_set_on_the_asset_and_its_alias_stays() {
    let (mut rig, mut sitewise, all) = plant(2);
    // Before anything of it is there.
    rig.plan.unit_wanted(all[0], TEMPERATURE, Some("°F".into()));
    assert_eq!(rig.plan.unit_status(all[0], TEMPERATURE), Some(UnitStatus::Wanted));
    let told = AssetProperty {
        alias: Some("/nordsee/gw0/temperature".into()),
        notification: NotificationState::Enabled,
        unit: Some("°C".into()),
    };
    sitewise.properties.insert(place(&rig, all[0]), told.clone());
    rig.pass(Duration::from_secs(10), &mut |call| sitewise.call(call));
    let set = AssetProperty { unit: Some("°F".into()), ..told };
    assert_eq!(sitewise.properties.get(&place(&rig, all[0])), Some(&set));
    assert_eq!(unit(&rig, &sitewise, all[1]).as_deref(), Some("°C"));
    assert_eq!(rig.plan.unit_status(all[0], TEMPERATURE), Some(UnitStatus::Done));
    assert_eq!(rig.plan.unit_status(all[1], TEMPERATURE), None);
    assert_eq!((updates(&sitewise), rig.plan.figures().units_set), (1, 1));

    // The same again is no call, another is, and so is the model's.
    let reads = sitewise.reads;
    for (wanted, shown) in [(Some("°F"), "°F"), (Some("K"), "K"), (None, "°C"), (None, "°C")] {
        rig.plan.unit_wanted(all[0], TEMPERATURE, wanted.map(Into::into));
        rig.pass(Duration::from_secs(10), &mut |call| sitewise.call(call));
        assert_eq!(unit(&rig, &sitewise, all[0]).as_deref(), Some(shown));
    }
    assert_eq!((updates(&sitewise), sitewise.reads), (3, reads + 2));
}

#[test]
fn a_unit_that_is_there_already_is_not_written() {
    let (mut rig, mut sitewise, all) = plant(1);
    let told = AssetProperty {
        alias: None,
        notification: NotificationState::Disabled,
        unit: Some("°F".into()),
    };
    sitewise.properties.insert(place(&rig, all[0]), told);
    rig.plan.unit_wanted(all[0], TEMPERATURE, Some("°F".into()));
    rig.pass(Duration::from_secs(10), &mut |call| sitewise.call(call));
    assert_eq!(rig.plan.unit_status(all[0], TEMPERATURE), Some(UnitStatus::Done));
    assert_eq!(updates(&sitewise), 0);
}

#[test]
fn units_are_set_no_faster_than_their_lane_allows() {
    let (mut rig, mut sitewise, all) = plant(40);
    rig.pass(Duration::from_secs(10), &mut |call| sitewise.call(call));
    for asset in &all {
        rig.plan.unit_wanted(*asset, TEMPERATURE, Some("°F".into()));
    }
    rig.pass(Duration::from_secs(10), &mut |call| sitewise.call(call));
    // Each is read and written, five calls a second.
    assert!((24..=26).contains(&updates(&sitewise)), "{}", updates(&sitewise));
    rig.pass(Duration::from_secs(10), &mut |call| sitewise.call(call));
    assert_eq!(updates(&sitewise), 40);
}

#[test]
fn a_right_that_is_missing_is_named_once_and_does_not_cost_a_call_an_asset() {
    let (mut rig, mut sitewise, all) = plant(40);
    sitewise.unwritable = Some(ApiFaultKind::Denied);
    rig.pass(Duration::from_secs(10), &mut |call| sitewise.call(call));
    for asset in &all {
        rig.plan.unit_wanted(*asset, TEMPERATURE, Some("°F".into()));
    }
    rig.pass(Duration::from_secs(290), &mut |call| sitewise.call(call));
    assert_eq!(updates(&sitewise), 1);
    let remedy = "it should be °F, but SiteWise shows °C: it cannot be written; allow the bridge \
                  iotsitewise:DescribeAssetProperty and iotsitewise:UpdateAssetProperty";
    assert_eq!(subjects(&rig), [("unit of Nordsee/gw0/Temperature", remedy)]);
    assert_eq!(rig.plan.unit_status(all[0], TEMPERATURE), Some(UnitStatus::Rejected));
    assert_eq!(rig.plan.unit_status(all[1], TEMPERATURE), Some(UnitStatus::Wanted));

    sitewise.unwritable = None;
    rig.pass(Duration::from_secs(60), &mut |call| sitewise.call(call));
    assert_eq!(updates(&sitewise), 41);
    assert!(all.iter().all(|asset| unit(&rig, &sitewise, *asset).as_deref() == Some("°F")));
    assert_eq!(subjects(&rig), []);
}

#[test]
fn one_that_is_refused_holds_no_other_up_and_a_conflict_is_tried_again() {
    let (mut rig, mut sitewise, all) = plant(3);
    rig.pass(Duration::from_secs(10), &mut |call| sitewise.call(call));
    for asset in &all {
        rig.plan.unit_wanted(*asset, TEMPERATURE, Some("°F".into()));
    }
    let (first, _) = place(&rig, all[0]);
    let (second, _) = place(&rig, all[1]);
    let mut conflicts = 0;
    rig.pass(Duration::from_secs(60), &mut |call| match &call {
        ApiCall::UpdateProperty(update) if update.asset == first => {
            Err(fault(ApiFaultKind::Invalid))
        }
        ApiCall::UpdateProperty(update) if update.asset == second && conflicts < 2 => {
            conflicts += 1;
            Err(fault(ApiFaultKind::Conflict))
        }
        _ => sitewise.call(call),
    });
    let standing = |at: usize| rig.plan.unit_status(all[at], TEMPERATURE);
    let standings = [0, 1, 2].map(|at| standing(at).unwrap());
    assert_eq!(standings, [UnitStatus::Rejected, UnitStatus::Done, UnitStatus::Done]);
    let reason = "it should be °F, but SiteWise shows °C: Invalid, it says";
    assert_eq!(subjects(&rig), [("unit of Nordsee/gw0/Temperature", reason)]);
}

#[test]
fn an_asset_that_is_made_again_gets_its_unit_again() {
    let (mut rig, mut sitewise, all) = plant(1);
    rig.plan.unit_wanted(all[0], TEMPERATURE, Some("°F".into()));
    rig.pass(Duration::from_secs(10), &mut |call| sitewise.call(call));
    let (asset, property) = place(&rig, all[0]);
    sitewise.assets.remove(&asset).unwrap();
    sitewise.properties.remove(&(asset, property)).unwrap();
    rig.plan.asset_not_found(all[0], &rig.assets, rig.now);
    rig.pass(Duration::from_secs(10), &mut |call| sitewise.call(call));
    assert_eq!(unit(&rig, &sitewise, all[0]).as_deref(), Some("°F"));
}

/// Of an asset that another process had given °F.
fn doubted(rig: &mut Rig, sitewise: &mut FakeSiteWise, asset: AssetIx) {
    let told = AssetProperty {
        alias: None,
        notification: NotificationState::Disabled,
        unit: Some("°F".into()),
    };
    sitewise.properties.insert(place(rig, asset), told);
    rig.plan.verify_units(asset, vec![TEMPERATURE]);
}

/// Five throttled reads ended it for good.
#[test]
fn a_unit_is_taken_back_however_often_reading_is_throttled() {
    let (mut rig, mut sitewise, all) = plant(1);
    rig.pass(Duration::from_secs(10), &mut |call| sitewise.call(call));
    doubted(&mut rig, &mut sitewise, all[0]);
    let mut throttled = 0;
    rig.pass(Duration::from_secs(600), &mut |call| match &call {
        ApiCall::ReadProperties(..) if throttled < 12 => {
            throttled += 1;
            Err(fault([ApiFaultKind::Throttled, ApiFaultKind::Unavailable][throttled % 2]))
        }
        _ => sitewise.call(call),
    });
    assert_eq!((throttled, unit(&rig, &sitewise, all[0]).as_deref()), (12, Some("°C")));
}

#[test]
fn units_that_cannot_be_read_are_told_and_read_once_they_can_be() {
    let (mut rig, mut sitewise, all) = plant(2);
    rig.pass(Duration::from_secs(10), &mut |call| sitewise.call(call));
    for asset in &all {
        doubted(&mut rig, &mut sitewise, *asset);
    }
    let mut reads = 0;
    rig.pass(Duration::from_secs(290), &mut |call| match &call {
        ApiCall::ReadProperties(..) => {
            reads += 1;
            Err(fault(ApiFaultKind::Denied))
        }
        _ => sitewise.call(call),
    });
    let remedy =
        "of Nordsee/gw1: Denied, it says; allow the bridge iotsitewise:ListAssetProperties";
    assert_eq!(subjects(&rig), [("read the units of assets", remedy)]);
    assert!(reads <= 2, "{reads}");
    rig.pass(Duration::from_secs(60), &mut |call| sitewise.call(call));
    assert!(all.iter().all(|asset| unit(&rig, &sitewise, *asset).as_deref() == Some("°C")));
    assert_eq!(subjects(&rig), []);
}

#[test]
fn units_that_are_refused_for_good_are_given_up_and_told() {
    let (mut rig, mut sitewise, all) = plant(1);
    rig.pass(Duration::from_secs(10), &mut |call| sitewise.call(call));
    doubted(&mut rig, &mut sitewise, all[0]);
    let mut reads = 0;
    rig.pass(Duration::from_secs(600), &mut |call| match &call {
        ApiCall::ReadProperties(..) => {
            reads += 1;
            Err(fault(ApiFaultKind::Invalid))
        }
        _ => sitewise.call(call),
    });
    assert_eq!(reads, READS);
    assert_eq!(subjects(&rig), [("units of Nordsee/gw0", "Invalid, it says")]);
}

/// The call was repeated every half minute, and the machine stayed missing.
#[test]
fn an_asset_that_its_unit_finds_gone_is_made_again() {
    let (mut rig, mut sitewise, all) = plant(1);
    rig.pass(Duration::from_secs(10), &mut |call| sitewise.call(call));
    let (asset, _) = place(&rig, all[0]);
    sitewise.assets.remove(&asset).unwrap();
    rig.plan.unit_wanted(all[0], TEMPERATURE, Some("°F".into()));
    rig.pass(Duration::from_secs(120), &mut |call| sitewise.call(call));
    assert!(sitewise.assets.contains_key(&asset));
    assert_eq!(unit(&rig, &sitewise, all[0]).as_deref(), Some("°F"));
    assert_eq!(subjects(&rig), []);
}

/// The same where people deleted the property alone.
#[test]
fn a_property_that_its_unit_finds_gone_is_made_again() {
    let (mut rig, mut sitewise, all) = plant(1);
    rig.pass(Duration::from_secs(100), &mut |call| sitewise.call(call));
    sitewise.models.values_mut().for_each(|model| model.properties.clear());
    rig.plan.unit_wanted(all[0], TEMPERATURE, Some("°F".into()));
    rig.pass(Duration::from_secs(120), &mut |call| sitewise.call(call));
    assert_eq!(unit(&rig, &sitewise, all[0]).as_deref(), Some("°F"));
    assert_eq!(subjects(&rig), []);
}

/// Whatever SiteWise says of the asset, the unit is asked for ever more rarely.
#[test]
fn a_unit_that_is_never_found_is_asked_for_ever_more_rarely() {
    let (mut rig, mut sitewise, all) = plant(1);
    rig.pass(Duration::from_secs(10), &mut |call| sitewise.call(call));
    rig.plan.unit_wanted(all[0], TEMPERATURE, Some("°F".into()));
    let mut reads = 0;
    rig.pass(Duration::from_secs(7_200), &mut |call| match &call {
        ApiCall::DescribeProperty { .. } => {
            reads += 1;
            Err(fault(ApiFaultKind::NotFound))
        }
        _ => sitewise.call(call),
    });
    assert!((8..=20).contains(&reads), "{reads}");
}

/// The denied read of an asset that is gone was a problem for ever.
#[test]
fn units_of_an_asset_that_is_gone_are_no_problem() {
    for kind in [ApiFaultKind::Denied, ApiFaultKind::Invalid] {
        let (mut rig, mut sitewise, all) = plant(1);
        rig.pass(Duration::from_secs(10), &mut |call| sitewise.call(call));
        doubted(&mut rig, &mut sitewise, all[0]);
        let mut failed = 0;
        let mut fails = |call: ApiCall, sitewise: &mut FakeSiteWise| match &call {
            ApiCall::ReadProperties(..) => {
                failed += 1;
                Err(fault(kind))
            }
            _ => sitewise.call(call),
        };
        rig.pass(Duration::from_secs(1), &mut |call| fails(call, &mut sitewise));
        assert!(failed > 0 && subjects(&rig).len() == 1, "{kind:?}");
        let (asset, property) = place(&rig, all[0]);
        sitewise.assets.remove(&asset).unwrap();
        sitewise.properties.remove(&(asset, property)).unwrap();
        rig.pass(Duration::from_secs(400), &mut |call| sitewise.call(call));
        assert_eq!(subjects(&rig), [], "{kind:?}");
        assert!(sitewise.assets.contains_key(&asset), "{kind:?}");
    }
}

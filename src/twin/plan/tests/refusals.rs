//! How the part that SiteWise rejects is found, and when it is not looked for.

use std::collections::BTreeSet;

use super::*;
use crate::twin::identity::PropertyRole;
use crate::twin::mapping::ValueForm;
use crate::twin::models;
use crate::twin::tests::fake::FakeSiteWise;

/// Wants so many members of a model, with this unit.
pub(super) fn want(rig: &mut Rig, members: std::ops::Range<usize>, unit: &str) -> ModelIx {
    let model = rig.models.ensure_named("Pump", None).unwrap();
    for number in members {
        let name = format!("M{number}");
        let wanted = models::PropertyRequest {
            role: PropertyRole::Member,
            path: &[&name],
            name: None,
            form: ValueForm::Double,
            unit: Some(unit),
            default: None,
        };
        rig.models.ensure_property(model, wanted).unwrap();
    }
    rig.plan.model_wanted(model, &rig.models, rig.now);
    model
}

pub(super) fn begin() -> (Rig, FakeSiteWise) {
    let (mut rig, mut sitewise) = (Rig::new(Duration::from_millis(50)), FakeSiteWise::default());
    rig.pass(Duration::from_secs(1), &mut |call| sitewise.call(call));
    (rig, sitewise)
}

fn names(sitewise: &FakeSiteWise) -> BTreeSet<String> {
    let (_, model) = sitewise.model("Pump");
    model.all_properties().map(|property| property.name.clone()).collect()
}

#[test]
fn however_many_are_refused_each_is_named_and_no_other() {
    let mut rng = fastrand::Rng::with_seed(1);
    for case in 0..60 {
        let (mut rig, mut sitewise) = begin();
        let (before, after) = (rng.usize(0..100), rng.usize(100..400));
        let bad: BTreeSet<_> = (0..1 << rng.u32(0..5)).map(|_| rng.usize(0..after)).collect();
        sitewise.refused_properties = bad.iter().map(|number| format!("M{number}")).collect();
        if before > 0 {
            want(&mut rig, 0..before, "kW");
            rig.pass(Duration::from_secs(100), &mut |call| sitewise.call(call));
        }
        want(&mut rig, before..after, "kW");
        rig.pass(Duration::from_secs(100), &mut |call| sitewise.call(call));
        let subjects: BTreeSet<_> = rig.plan.problems().map(|(subject, _)| subject).collect();
        let wanted: Vec<_> = bad.iter().map(|number| format!("property Pump/M{number}")).collect();
        assert_eq!(subjects, wanted.iter().map(String::as_str).collect(), "{case}");
        let good = (0..after).filter(|number| !bad.contains(number));
        assert_eq!(names(&sitewise), good.map(|number| format!("M{number}")).collect());
        let most = 6 + bad.len() * 11;
        assert!(sitewise.writes.len() <= most, "{} of {most}", sitewise.writes.len());
    }
}

/// Three bad parts counted as the model's fault, so that the good one beside them was not made.
#[test]
fn what_is_good_beside_many_that_are_bad_is_made() {
    for count in 2..=12 {
        for good in 0..count {
            let (mut rig, mut sitewise) = begin();
            want(&mut rig, 100..110, "kW");
            rig.pass(Duration::from_secs(100), &mut |call| sitewise.call(call));
            let bad = (0..count).filter(|number| *number != good);
            sitewise.refused_properties = bad.map(|number| format!("M{number}")).collect();
            want(&mut rig, 0..count, "kW");
            rig.pass(Duration::from_secs(100), &mut |call| sitewise.call(call));
            let made = names(&sitewise).contains(&format!("M{good}"));
            assert!(made || count > 8, "{good} of {count}");
            let named = rig.plan.problems().filter(|(what, _)| what.starts_with("property Pump/M"));
            assert_eq!(named.count(), if made { count - 1 } else { 0 }, "{good} of {count}");
        }
    }
}

#[test]
fn a_growth_that_is_refused_whatever_it_holds_is_not_searched_for_ever() {
    let (mut rig, mut sitewise) = begin();
    let model = want(&mut rig, 0..10, "kW");
    rig.pass(Duration::from_secs(100), &mut |call| sitewise.call(call));
    want(&mut rig, 10..400, "kW");
    let mut tries = 0;
    let mut refusing = |rig: &mut Rig, sitewise: &mut FakeSiteWise, seconds: u64| {
        tries = 0;
        rig.pass(Duration::from_secs(seconds), &mut |call| match call {
            ApiCall::GrowModel(_) => {
                tries += 1;
                Err(fault(ApiFaultKind::Invalid))
            }
            _ => sitewise.call(call),
        });
        tries
    };
    let first = refusing(&mut rig, &mut sitewise, 280);
    assert!((1..=32).contains(&first), "{first}");
    let problems: Vec<_> = rig.plan.problems().collect();
    assert_eq!(problems, [("model Pump", "Invalid, it says")]);
    let refused = rig.models.get(model).properties.iter();
    let refused =
        refused.filter(|property| rig.plan.rejected_property(model, property.id).is_some());
    assert_eq!(refused.count(), 0);
    // Again after the time after which a rejected model is tried again, and as often then.
    assert_eq!(refusing(&mut rig, &mut sitewise, 300), first);
    rig.pass(Duration::from_secs(400), &mut |call| sitewise.call(call));
    assert_eq!((names(&sitewise).len(), rig.plan.problems().count()), (400, 0));
}

#[test]
fn a_model_that_is_refused_for_its_own_sake_is_tried_with_its_properties_and_without() {
    let (mut rig, mut sitewise) = begin();
    sitewise.refused.insert("Pump".into());
    want(&mut rig, 0..400, "kW");
    rig.pass(Duration::from_secs(100), &mut |call| sitewise.call(call));
    assert_eq!(
        sitewise.writes,
        [
            "create asset model \"Pump\" with 400 properties",
            "create asset model \"Pump\" with 0 properties",
        ]
    );
    let problems: Vec<_> = rig.plan.problems().collect();
    assert_eq!(problems, [("model Pump", "this name is not wanted here")]);
}

#[test]
fn a_corrected_definition_is_tried_at_once() {
    let (mut rig, mut sitewise) = begin();
    let refuses = |call: &ApiCall| {
        let bad = |property: &crate::sitewise::api::Property| {
            property.name == "M7" && property.unit.as_deref() == Some("no unit")
        };
        call.parts().0.iter().any(bad)
    };
    let pass = |rig: &mut Rig, sitewise: &mut FakeSiteWise| {
        rig.pass(Duration::from_secs(100), &mut |call| match refuses(&call) {
            true => Err(fault(ApiFaultKind::Invalid)),
            false => sitewise.call(call),
        });
    };
    want(&mut rig, 0..7, "kW");
    want(&mut rig, 7..8, "no unit");
    want(&mut rig, 8..20, "kW");
    pass(&mut rig, &mut sitewise);
    let problems: Vec<_> = rig.plan.problems().collect();
    assert_eq!(problems, [("property Pump/M7", "Invalid, it says")]);
    let taken = sitewise.writes.len();

    rig.models = DesiredModels::new(namespace(), String::new(), 100, 500);
    want(&mut rig, 0..20, "kW");
    pass(&mut rig, &mut sitewise);
    assert_eq!((names(&sitewise).len(), rig.plan.problems().count()), (20, 0));
    assert_eq!(sitewise.writes.len(), taken + 1);
}

#[test]
fn a_model_that_another_bridge_made_meanwhile_is_grown_with_all_it_lacks() {
    let (mut rig, mut sitewise) = begin();
    want(&mut rig, 0..20, "kW");
    let mut tries = 0;
    rig.pass(Duration::from_secs(100), &mut |call| match call {
        ApiCall::CreateModel(create) if tries == 0 => {
            tries += 1;
            let others = create.properties.iter().take(5).cloned().collect();
            let made = ApiCall::CreateModel(crate::sitewise::api::CreateModel {
                properties: others,
                ..create
            });
            sitewise.call(made).unwrap();
            Err(fault(ApiFaultKind::Invalid))
        }
        _ => sitewise.call(call),
    });
    assert_eq!((names(&sitewise).len(), rig.plan.problems().count()), (20, 0));
    let (_, model) = sitewise.model("Pump");
    assert_eq!((model.properties.len(), model.composites.len()), (20, 0));
}

#[test]
fn a_name_that_people_took_meanwhile_is_no_fault_of_the_property() {
    let (mut rig, mut sitewise) = begin();
    let model = want(&mut rig, 0..5, "kW");
    rig.pass(Duration::from_secs(100), &mut |call| sitewise.call(call));
    let id = rig.models.get(model).id;
    let by_hand = &mut sitewise.models.get_mut(&id).unwrap().properties;
    let theirs = crate::sitewise::api::Property {
        id: Uuid::from_u128(1),
        name: "M5".into(),
        ..by_hand[0].clone()
    };
    by_hand.push(theirs);
    want(&mut rig, 5..6, "kW");
    rig.pass(Duration::from_secs(100), &mut |call| sitewise.call(call));
    assert_eq!((names(&sitewise).len(), rig.plan.problems().count()), (7, 0));
}

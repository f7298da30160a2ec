//! What SiteWise rejects of a model is named, and nothing else waits for it.

use super::*;
use crate::sparkplug::event::{BirthMetric, Content};
use crate::twin::models::PropertyIx;

/// A turbine with `count` members beside those that it has.
fn wide(count: u32, offset_ms: i64) -> BirthMetric {
    let mut turbine = turbine("T1", 0, 12.0, offset_ms);
    let Content::Instance(instance) = &mut turbine.content else { panic!() };
    let member = |n: u32| {
        let value = sample(offset_ms, Value::Double(f64::from(n)));
        leaf(3 + n, &format!("M{n}"), DataType::Double, value)
    };
    instance.members.extend((0..count).map(member));
    turbine
}

/// The values that wait.
fn held(rig: &Rig) -> Vec<Variant> {
    let held = rig.points.iter().filter(|waiting| waiting.gate.is_some());
    held.map(|waiting| waiting.point.value.clone()).collect()
}

fn problems(rig: &Rig) -> Vec<(&str, &str)> {
    rig.twin.plan().problems().collect()
}

fn writes_of(rig: &Rig, words: &str) -> usize {
    rig.sitewise.writes.iter().filter(|write| write.contains(words)).count()
}

const PROBLEM: (&str, &str) = ("property Turbine/M17", "something is not valid");

#[test]
fn one_property_that_is_refused_is_named_and_the_rest_of_a_new_model_is_made() {
    let mut rig = Rig::new();
    rig.sitewise.refused_properties.insert("M17".into());
    rig.event(birth(node(), definitions(), vec![wide(60, 0)]));
    rig.seconds(20);
    assert_eq!(problems(&rig), [PROBLEM]);
    assert_eq!(held(&rig), [Variant::Double(17.0)]);
    let (id, model) = rig.sitewise.model("Turbine");
    // Speed with its threshold, power, and the serial number beside the others.
    assert_eq!(model.properties.len(), 59 + 4);
    assert_eq!(model.hierarchies.len(), 1);
    assert_eq!(rig.written("T1", "M59").len(), 1);
    assert_eq!(rig.sitewise.path("T1/Gearbox"), ["Nordsee", "gw", "T1", "T1/Gearbox"]);
    let (plan, models) = (rig.twin.plan(), &rig.twin.writer.world.models);
    let ix = models.by_id(id).unwrap();
    let refused =
        models.get(ix).properties.iter().filter_map(|property| {
            Some((&*property.name, plan.rejected_property(ix, property.id)?))
        });
    assert_eq!(refused.collect::<Vec<_>>(), [("M17", "something is not valid")]);
    // The page of the model said "not yet" of all that come after it.
    let wanted = &models.get(ix).properties;
    assert_eq!(rig.twin.model_provisioning(ix).1, wanted.len() - 1);
    let places = (0..).map(PropertyIx).zip(wanted);
    let missing = places.filter(|(place, _)| !rig.twin.has_property(ix, *place));
    assert_eq!(missing.map(|(_, of)| &*of.name).collect::<Vec<_>>(), ["M17"]);
    // Whole, without any, whole again, and half as many each time.
    let tries = writes_of(&rig, "asset model \"Turbine\"") + writes_of(&rig, &id.to_string());
    assert!(tries <= 3 + 2 * 6, "{tries}: {:#?}", rig.sitewise.writes);
    rig.check_conservation();
}

#[test]
fn one_property_that_is_refused_is_named_and_the_rest_of_a_growth_is_made() {
    let mut rig = Rig::new();
    rig.event(birth(node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]));
    rig.seconds(20);
    rig.sitewise.refused_properties.insert("M17".into());
    rig.event(birth_at(30_000, node(), definitions(), vec![wide(60, 30_000)]));
    rig.seconds(20);
    assert_eq!(problems(&rig), [PROBLEM]);
    assert_eq!(held(&rig), [Variant::Double(17.0)]);

    // What comes next is made without a search.
    rig.sitewise.writes.clear();
    rig.event(birth_at(100_000, node(), definitions(), vec![wide(62, 100_000)]));
    rig.seconds(100);
    assert_eq!(rig.sitewise.writes.len(), 1, "{:?}", rig.sitewise.writes);
    assert_eq!(rig.written("T1", "M61").len(), 1);
    rig.check_conservation();
}

#[test]
fn a_refused_property_is_tried_again_ever_more_seldom_until_sitewise_takes_it() {
    let mut rig = Rig::new();
    rig.sitewise.refused_properties.insert("M17".into());
    rig.event(birth(node(), definitions(), vec![wide(60, 0)]));
    rig.seconds(20);
    rig.sitewise.writes.clear();
    let hours = |rig: &mut Rig, hours: u64| {
        rig.seconds(hours * 3_600);
        std::mem::take(&mut rig.sitewise.writes).len()
    };
    rig.seconds(290);
    assert_eq!(std::mem::take(&mut rig.sitewise.writes).len(), 1);
    let tries: Vec<_> = [1, 2, 4, 8, 16, 24, 24].map(|wait| hours(&mut rig, wait)).into();
    assert_eq!(tries, [1; 7]);
    assert_eq!((problems(&rig), held(&rig).len()), (vec![PROBLEM], 1));
    rig.sitewise.refused_properties.clear();
    assert_eq!(hours(&mut rig, 24), 1);
    assert_eq!((problems(&rig), held(&rig)), (vec![], vec![]));
}

#[test]
fn a_place_that_is_refused_leaves_its_assets_at_the_root_and_the_rest_is_made() {
    let mut rig = Rig::new();
    rig.sitewise.refused_properties.insert("Gearbox".into());
    rig.event(birth(node(), definitions(), vec![wide(60, 0)]));
    rig.seconds(60);
    assert_eq!(problems(&rig), [("hierarchy Turbine/Gearbox", "something is not valid")]);
    assert_eq!(held(&rig), []);
    assert_eq!(rig.sitewise.path("T1"), ["Nordsee", "gw", "T1"]);
    assert_eq!(rig.sitewise.path("T1/Gearbox"), ["T1/Gearbox"]);
    assert_eq!(rig.written("T1/Gearbox", "Temp").len(), 1);
}

#[test]
fn a_property_that_sends_a_new_model_to_failed_is_taken_out_of_it() {
    let mut rig = Rig::new();
    rig.sitewise.failing_properties.insert("M17".into());
    rig.event(birth(node(), definitions(), vec![wide(60, 0)]));
    rig.seconds(20);
    let reason = "VALIDATION_ERROR: the default of \"M17\" is no number";
    assert_eq!(problems(&rig), [("property Turbine/M17", reason)]);
    assert_eq!(held(&rig), [Variant::Double(17.0)]);
    let (_, model) = rig.sitewise.model("Turbine");
    assert_eq!((model.properties.len(), model.failed.clone()), (59 + 4, None));
}

/// And after a restart that finds the model so.
#[test]
fn a_property_that_sends_a_growth_to_failed_is_taken_out_of_it() {
    for restart in [false, true] {
        let mut rig = Rig::new();
        rig.event(birth(node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]));
        rig.seconds(20);
        rig.sitewise.failing_properties.extend(["M3".into(), "M17".into()]);
        rig.event(birth_at(30_000, node(), definitions(), vec![wide(60, 30_000)]));
        // Until it has failed.
        rig.pass(Duration::from_millis(if restart { 400 } else { 20_000 }));
        let mut rig = if restart { rig.restart() } else { rig };
        rig.event(birth_at(60_000, node(), definitions(), vec![wide(60, 60_000)]));
        rig.seconds(30);
        let named: Vec<_> = problems(&rig).iter().map(|(subject, _)| *subject).collect();
        assert_eq!(named, ["property Turbine/M17", "property Turbine/M3"]);
        let mut waiting = held(&rig);
        waiting.dedup();
        waiting.truncate(2);
        assert_eq!(waiting, [Variant::Double(3.0), Variant::Double(17.0)]);
        let (_, model) = rig.sitewise.model("Turbine");
        assert_eq!((model.properties.len(), model.failed.clone()), (58 + 4, None));
        rig.sitewise.writes.clear();
        rig.seconds(200);
        assert_eq!(rig.sitewise.writes, [""; 0]);
    }
}

/// A quota that one part too many met held up all others of the model, for good.
#[test]
fn what_a_quota_leaves_no_room_for_is_named_and_the_rest_is_made() {
    for refused in ["M17", "Gearbox"] {
        for grows in [false, true] {
            let mut rig = Rig::new();
            rig.sitewise.refused_by_quota = true;
            let refuse = |rig: &mut Rig| rig.sitewise.refused_properties.insert(refused.into());
            if grows {
                let speed = || leaf(0, "Speed", DataType::Double, sample(0, Value::Double(1.0)));
                rig.event(birth(
                    node(),
                    Vec::new(),
                    vec![instance("T1", "Turbine", vec![speed()])],
                ));
                rig.seconds(20);
            }
            refuse(&mut rig);
            let at = rig.offset();
            rig.event(birth_at(at, node(), definitions(), vec![wide(60, at)]));
            rig.seconds(120);
            let (told, waits) = match refused {
                "Gearbox" => ("hierarchy Turbine/Gearbox", vec![]),
                _ => ("property Turbine/M17", vec![Variant::Double(17.0)]),
            };
            assert_eq!(problems(&rig), [(told, "a quota is used up")], "{grows}");
            assert_eq!(held(&rig), waits, "{refused} {grows}");
            assert_eq!(rig.written("T1/Gearbox", "Temp").len(), 1);
            rig.check_conservation();
        }
    }
}

/// The search for one part ends where so many meet it.
#[test]
fn a_quota_that_many_parts_meet_is_not_searched_part_by_part() {
    let mut rig = Rig::new();
    rig.sitewise.refused_by_quota = true;
    let speed = || leaf(0, "Speed", DataType::Double, sample(0, Value::Double(1.0)));
    rig.event(birth(node(), Vec::new(), vec![instance("T1", "Turbine", vec![speed()])]));
    rig.seconds(20);
    rig.sitewise.refused_properties.extend((30..200).map(|n| format!("M{n}")));
    let at = rig.offset();
    rig.event(birth_at(at, node(), definitions(), vec![wide(200, at)]));
    rig.seconds(250);
    let model = &rig.sitewise.models[&rig.sitewise.asset("T1").1.model];
    let made = model.all_properties().filter(|property| property.name.starts_with('M')).count();
    assert_eq!(made, 30);
    assert_eq!(problems(&rig), [("model Turbine", "a quota is used up")]);
    let writes = writes_of(&rig, &rig.sitewise.asset("T1").1.model.to_string());
    assert!(writes <= 60, "{writes}");
}

/// The machine was dark.
#[test]
fn an_account_with_a_lower_quota_of_properties_at_the_root_has_the_others_in_composite_models() {
    let mut rig = Rig::new();
    rig.sitewise.root_quota = Some(50);
    let names: Vec<_> = (0..130).map(|n| format!("Tag {n}")).collect();
    rig.event(birth(node(), Vec::new(), Vec::new()));
    flat::born(&mut rig, "D", flat::tags(names.iter().map(String::as_str)));
    rig.seconds(120);
    let of = &rig.sitewise.models[&rig.sitewise.asset("D").1.model];
    assert_eq!((of.properties.len(), of.all_properties().count()), (50, 133));
    assert_eq!(rig.shown("D", "Online"), Some((Quality::Good, Variant::Boolean(true))));
    assert_eq!((problems(&rig), held(&rig)), (vec![], vec![]));
    let writes = writes_of(&rig, &rig.sitewise.asset("D").1.model.to_string());
    assert!(writes <= 20, "{writes}");
    // And after a restart, with more.
    let mut rig = rig.restart();
    let names: Vec<_> = (0..140).map(|n| format!("Tag {n}")).collect();
    flat::born(&mut rig, "D", flat::tags(names.iter().map(String::as_str)));
    rig.seconds(400);
    let of = &rig.sitewise.models[&rig.sitewise.asset("D").1.model];
    assert_eq!((of.properties.len(), of.all_properties().count()), (50, 143));
    assert_eq!((problems(&rig), held(&rig)), (vec![], vec![]));
}

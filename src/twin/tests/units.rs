//! A machine that says no unit, on a model that shows another machine's.

use super::flat::{begin, born, tag};
use super::*;
use crate::sparkplug::event::{AttributeHolder, AttributeKind, AttributeSample};

/// What was told of units that are not said.
fn unsaid(rig: &Rig) -> Vec<&str> {
    let unsaid = rig.found.iter().filter(|(finding, _)| *finding == Finding::MissingUnit);
    unsaid.map(|(_, example)| &**example).collect()
}

fn other(node: &str) -> Source {
    Source { edge: EdgeNode::new("Nordsee", node), device: None }
}

/// A definition of one member, and an instance of it that says no unit itself.
fn defined(instance_name: &str, unit: Option<&str>) -> (Vec<Definition>, Vec<BirthMetric>) {
    let unit = unit.map(|unit| property("engUnit", DataType::String, text(unit)));
    let definition = Definition {
        name: "_types_/P".into(),
        version: None,
        parent: None,
        base: None,
        parameters: Vec::new(),
        members: vec![Member {
            name: "v".into(),
            properties: unit.into_iter().collect(),
            kind: MemberKind::Leaf(Some(DataType::Double)),
        }],
    };
    let mut metric = instance(instance_name, "P", vec![tag(0, "v", None)]);
    if let Content::Instance(instance) = &mut metric.content {
        instance.defined = Some(definition.clone().into());
    }
    (vec![definition], vec![metric])
}

fn node_born(
    rig: &mut Rig,
    node: &str,
    (definitions, metrics): (Vec<Definition>, Vec<BirthMetric>),
) {
    rig.event(birth_at(rig.offset(), other(node), definitions, metrics));
    rig.seconds(90);
}

/// It showed that of the first, and nobody was told.
#[test]
fn an_instance_whose_definition_says_no_unit_is_told_where_its_model_shows_anothers() {
    let mut rig = Rig::new();
    node_born(&mut rig, "A", defined("A1", Some("bar")));
    assert_eq!(unsaid(&rig), [""; 0], "its own definition says it");
    node_born(&mut rig, "B", defined("B1", None));
    node_born(&mut rig, "C", defined("C1", Some("")));
    let told = |at: &str| {
        format!(
            "Nordsee/{at}/v has no unit and shows \"bar\", which the model P got from Nordsee/A"
        )
    };
    assert_eq!(unsaid(&rig), [told("B/B1"), told("C/C1")]);
    // Once each, however often it is born; and none that says its own.
    node_born(&mut rig, "B", defined("B1", None));
    node_born(&mut rig, "D", defined("D1", Some("psi")));
    assert_eq!(unsaid(&rig).len(), 2);
    assert!(
        Finding::MissingUnit.is_loss() && Finding::MissingUnit.description().contains("engUnit")
    );
}

#[test]
fn an_instance_that_says_no_unit_is_told_where_another_of_its_node_gave_the_model_one() {
    let mut rig = Rig::new();
    let (definitions, mut metrics) = defined("M1", None);
    let Content::Instance(first) = &mut metrics[0].content else { panic!() };
    first.members = vec![tag(0, "v", Some("bar"))];
    let (_, mut second) = defined("M2", None);
    let Content::Instance(of) = &mut second[0].content else { panic!() };
    of.members = vec![tag(1, "v", None)];
    metrics.extend(second);
    node_born(&mut rig, "A", (definitions, metrics));
    let [told] = unsaid(&rig)[..] else { panic!("{:?}", unsaid(&rig)) };
    assert!(told.starts_with("Nordsee/A/M2/v has no unit and shows \"bar\""), "{told}");
}

#[test]
fn a_tag_that_comes_later_without_a_unit_is_told_where_its_kind_has_one() {
    let mut rig = begin(config());
    let nine = || (0..8).map(|n| tag(n, &format!("tag {n}"), None)).collect::<Vec<_>>();
    let with = |unit| nine().into_iter().chain([tag(8, "T", unit)]).collect::<Vec<_>>();
    born(&mut rig, "D1", with(Some("°C")));
    born(&mut rig, "D2", nine());
    rig.seconds(30);
    assert_eq!(unsaid(&rig), [""; 0]);
    born(&mut rig, "D2", with(None));
    rig.seconds(30);
    let [told] = unsaid(&rig)[..] else { panic!("{:?}", unsaid(&rig)) };
    assert!(told.starts_with("Nordsee/gw/D2/T has no unit and shows \"°C\""), "{told}");
    // Who said it itself, and does so no more, shows its own.
    born(&mut rig, "D1", with(None));
    assert_eq!(unsaid(&rig).len(), 1);
    // Of what SiteWise had before it is not known what it said.
    let mut rig = rig.restart();
    born(&mut rig, "D2", with(None));
    rig.seconds(30);
    let [told] = unsaid(&rig)[..] else { panic!("{:?}", unsaid(&rig)) };
    assert!(told.ends_with(", unless it had one of its own before"), "{told}");
}

#[test]
fn a_machine_of_a_kind_that_people_named_is_told_where_it_shows_anothers_unit() {
    let kinds = Kinds::parse("Nordsee/gw/Pump* => Pump").unwrap();
    let mut rig = begin(Config { kinds, ..config() });
    born(&mut rig, "Pump1", vec![tag(0, "T", Some("°C")), tag(1, "P", None)]);
    born(&mut rig, "Pump2", vec![tag(0, "T", None), tag(1, "P", None)]);
    let [told] = unsaid(&rig)[..] else { panic!("{:?}", unsaid(&rig)) };
    assert!(told.starts_with("Nordsee/gw/Pump2/T has no unit and shows \"°C\""), "{told}");
}

#[test]
fn what_rules_make_assets_of_is_told_where_it_shows_anothers_unit() {
    let rules = Rules::parse("{asset}/{member} => Oven").unwrap();
    let mut rig = begin(Config { rules, ..config() });
    born(&mut rig, "D", vec![tag(0, "O1/T", Some("°C")), tag(1, "O2/T", None)]);
    let [told] = unsaid(&rig)[..] else { panic!("{:?}", unsaid(&rig)) };
    assert!(told.starts_with("Nordsee/gw/D/O2/T has no unit and shows \"°C\""), "{told}");
}

#[test]
fn a_flattened_member_without_a_unit_is_told_where_it_shows_anothers() {
    let mut rig =
        Rig::with(Config { nested: Nested::Flatten, ..config() }, FakeSiteWise::default());
    let outer = |name: &str, unit| {
        let (_, inner) = defined("In", None);
        let [BirthMetric { content: Content::Instance(inner), .. }] = &inner[..] else { panic!() };
        let inner = Instance { members: vec![tag(0, "v", unit)], ..inner.clone() };
        let inner = BirthMetric {
            name: "In".into(),
            properties: Vec::new(),
            content: Content::Instance(inner),
        };
        (Vec::new(), vec![instance(name, "Outer", vec![inner])])
    };
    node_born(&mut rig, "A", outer("A1", Some("bar")));
    node_born(&mut rig, "B", outer("B1", None));
    let [told] = unsaid(&rig)[..] else { panic!("{:?}", unsaid(&rig)) };
    assert!(told.starts_with("Nordsee/B/B1/In/v has no unit and shows \"bar\""), "{told}");
}

/// What SiteWise shows as the unit of an oven's temperature.
fn unit_of(rig: &Rig, asset: &str) -> Option<String> {
    let (id, of) = rig.sitewise.asset(asset);
    let model = &rig.sitewise.models[&of.model];
    let property = model.properties.iter().find(|has| has.name == "Temperature").unwrap();
    rig.sitewise.property(id, property.id).unwrap().unit
}

fn ovens(rig: &mut Rig, second: Option<&str>) {
    let oven = |name, slot, unit| instance(name, "Oven", vec![tag(slot, "Temperature", unit)]);
    let metrics = vec![oven("O1", 0, Some("°C")), oven("O2", 1, second)];
    rig.event(birth_at(rig.offset(), node(), Vec::new(), metrics));
    rig.seconds(60);
}

/// The unit of the second oven's temperature, in data.
fn says(rig: &mut Rig, unit: &str) {
    let now = rig.now.wall;
    says_in_order(rig, unit, now, SequenceOrder::InOrder);
}

fn says_in_order(rig: &mut Rig, unit: &str, time: Timestamp, order: SequenceOrder) {
    let property = property("engUnit", DataType::String, text(unit));
    let holder = AttributeHolder::Leaf(Slot(1));
    let kind = AttributeKind::Property;
    let attributes = vec![AttributeSample { holder, kind, time, property }];
    let (samples, sent) = (Vec::new(), Some(time));
    rig.event(Event::Data(Data { source: node(), samples, attributes, order, sent }));
    rig.seconds(60);
}

/// What was told of units that are not their model's.
fn own_units(rig: &Rig) -> Vec<&str> {
    let found = rig.found.iter().filter(|(finding, example)| {
        *finding == Finding::DefinitionsDiffer && example.contains("its model")
    });
    found.map(|(_, example)| example.as_str()).collect()
}

#[test]
fn a_unit_that_changes_in_data_is_shown() {
    let mut rig = Rig::new();
    ovens(&mut rig, Some("°C"));
    says(&mut rig, "°F");
    assert_eq!(unit_of(&rig, "O2").as_deref(), Some("°F"));
    assert_eq!(unit_of(&rig, "O1").as_deref(), Some("°C"));
    says(&mut rig, "°C");
    assert_eq!(unit_of(&rig, "O2").as_deref(), Some("°C"));
}

/// Only what the first birth after a restart said was verified: a later word on the unit left the
/// one that an earlier process had set.
#[test]
fn a_unit_of_an_earlier_process_goes_when_the_machine_says_its_unit_later() {
    for in_data in [false, true] {
        let mut rig = Rig::new();
        ovens(&mut rig, Some("°F"));
        let mut rig = rig.restart();
        ovens(&mut rig, None);
        assert_eq!(unit_of(&rig, "O2").as_deref(), Some("°F"));
        match in_data {
            false => ovens(&mut rig, Some("°C")),
            true => says(&mut rig, "°C"),
        }
        assert_eq!(unit_of(&rig, "O2").as_deref(), Some("°C"), "in data: {in_data}");
    }
}

#[test]
fn a_unit_in_late_data_is_shown_unless_later_data_said_another() {
    let mut rig = Rig::new();
    ovens(&mut rig, Some("°C"));
    let told = rig.now.wall;
    says_in_order(&mut rig, "°F", told, SequenceOrder::Late);
    assert_eq!(unit_of(&rig, "O2").as_deref(), Some("°F"));
    says_in_order(&mut rig, "K", told.minus(Duration::from_secs(1)), SequenceOrder::Late);
    assert_eq!(unit_of(&rig, "O2").as_deref(), Some("°F"));
}

/// Of a change in data nobody was told; where the bridge may not set units, one machine was named
/// in five minutes, and in births the edge node alone.
#[test]
fn each_machine_is_named_whose_unit_is_not_its_models() {
    let mut rig = Rig::new();
    rig.sitewise.unwritable = Some(crate::sitewise::api::ApiFaultKind::Denied);
    ovens(&mut rig, Some("°C"));
    assert_eq!(own_units(&rig), [""; 0]);
    says(&mut rig, "°F");
    let oven = |name: &str, unit: &str| {
        format!("Nordsee/gw/{name}/Temperature is in {unit:?}, its model Oven has it in \"°C\"")
    };
    let mut expected = vec![oven("O2", "°F")];
    assert_eq!(own_units(&rig), expected);
    // Once, and once more where it is another.
    says(&mut rig, "°F");
    ovens(&mut rig, Some("°F"));
    assert_eq!(own_units(&rig), expected);
    says(&mut rig, "K");
    expected.push(oven("O2", "K"));
    assert_eq!(own_units(&rig), expected);
    let many: Vec<_> = (0..3)
        .map(|n| instance(&format!("N{n}"), "Oven", vec![tag(n, "Temperature", Some("°F"))]))
        .collect();
    rig.event(birth_at(rig.offset(), node(), Vec::new(), many));
    expected.extend((0..3).map(|n| oven(&format!("N{n}"), "°F")));
    assert_eq!(own_units(&rig), expected);
}

/// A model without a unit gets none once it is in SiteWise: its assets show none until they have
/// their own.
#[test]
fn a_machine_is_named_whose_model_has_no_unit() {
    let mut rig = Rig::new();
    let oven = |name, slot, unit| instance(name, "Oven", vec![tag(slot, "Temperature", unit)]);
    rig.event(birth(node(), Vec::new(), vec![oven("O1", 0, None), oven("O2", 1, None)]));
    rig.seconds(60);
    assert_eq!(own_units(&rig), [""; 0]);
    rig.event(birth_at(
        rig.offset(),
        node(),
        Vec::new(),
        vec![oven("O1", 0, None), oven("O2", 1, Some("°F"))],
    ));
    rig.seconds(60);
    let told = "Nordsee/gw/O2/Temperature is in \"°F\", its model Oven has it without a unit";
    assert_eq!(own_units(&rig), [told]);
    assert_eq!(unit_of(&rig, "O2").as_deref(), Some("°F"));
}

/// Of a hundred properties a birth tells, of the others the next.
#[test]
fn of_many_units_that_differ_all_are_named_in_the_end() {
    let mut rig = Rig::new();
    let many = |unit| (0..150).map(|n| tag(n, &format!("T{n}"), Some(unit))).collect::<Vec<_>>();
    for name in ["O1", "O2"] {
        rig.event(birth(node(), Vec::new(), Vec::new()));
        let unit = if name == "O1" { "°C" } else { "°F" };
        let metrics = vec![instance(name, "Oven", many(unit))];
        rig.event(birth_at(rig.offset(), device(name), Vec::new(), metrics));
        rig.seconds(60);
    }
    assert_eq!(own_units(&rig).len(), 100);
    rig.event(birth_at(
        rig.offset(),
        device("O2"),
        Vec::new(),
        vec![instance("O2", "Oven", many("°F"))],
    ));
    let told: std::collections::BTreeSet<_> = own_units(&rig).into_iter().collect();
    assert_eq!((own_units(&rig).len(), told.len()), (150, 150));
}

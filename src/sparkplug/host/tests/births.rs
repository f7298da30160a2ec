//! Births, and the data that is read by them.

use super::*;
use crate::sparkplug::datatype::DataType;
use crate::sparkplug::edge::Typed;
use crate::sparkplug::event::MemberKind;

fn turbine_types() -> [Metric; 2] {
    let gearbox = Template::definition()
        .member(Metric::null("Temp", DataType::Float))
        .member(Metric::null("Oil", DataType::Double));
    let turbine = Template::definition()
        .version("2")
        .parameter("Serial", "")
        .member(Metric::new("Speed", 0.0_f32).property("engUnit", "rpm"))
        .member(Metric::null("On", DataType::Boolean))
        .member(Metric::template("Gear", Template::instance("Gearbox")));
    [Metric::template("Turbine", turbine), Metric::template("Gearbox", gearbox)]
}

/// Slots 2 to 5: bdSeq and the rebirth command come first.
fn turbine(name: &str) -> Metric {
    let gear = Template::instance("Gearbox")
        .member(Metric::new("Temp", 40.0_f32))
        .member(Metric::new("Oil", 0.5));
    let turbine = Template::instance("Turbine")
        .parameter("Serial", "S1")
        .member(Metric::new("Speed", 12.5_f32))
        .member(Metric::new("On", true))
        .member(Metric::template("Gear", gear));
    Metric::template(name, turbine)
}

fn born(stage: &mut Stage, metrics: impl IntoIterator<Item = Metric>) -> (Edge, Birth) {
    let mut edge = edge();
    let birth = edge.nbirth(stage.time(), metrics);
    stage.send(&birth);
    match stage.host.poll_output() {
        Some(Output::Event(Event::Birth(birth))) => (edge, birth),
        other => panic!("no birth but {other:?}"),
    }
}

#[test]
fn values_are_read_by_the_datatypes_of_the_birth() {
    let mut stage = Stage::new();
    let (mut edge, birth) =
        born(&mut stage, [Metric::new("a", -5_i8), Metric::null("b", DataType::UInt16)]);
    assert_eq!(told_birth(&birth), "birth g/n: a#2=-5, b#3=null");
    assert_eq!((birth.time, birth.slots), (stage.time(), 4));

    let untyped = [Metric::new("b", 60_000_u16).untyped(), Metric::new("a", -6_i8).untyped()];
    stage.send(&edge.ndata(stage.time(), untyped));
    stage.check(&["data g/n: #3=60000, #2=-6"]);
    stage.send(&edge.ndata(stage.time(), [Metric::new("a", 1.5_f32)]));
    stage.check(&["data g/n: #2=null bad"]);
    stage.check_found(&[(Finding::ChangedDatatype, 1), (Finding::WrongValue, 1)]);
}

#[test]
fn payloads_metric_datatype_req() {
    let mut stage = Stage::new();
    let nothing = Metric::null("c", DataType::Int8).untyped();
    let odd = Metric::new("d", Typed { datatype: DataType::Int8Array, value: None });
    let (mut edge, birth) = born(&mut stage, [Metric::new("a", 1_i32).untyped(), nothing, odd]);
    let datatype = |metric: &Born| match metric.content {
        Content::Leaf { datatype, .. } => datatype,
        Content::Instance(_) => None,
    };
    let types: Vec<_> = birth.metrics.iter().map(datatype).collect();
    assert_eq!(types[2..], [Some(DataType::Int32), None, Some(DataType::Int8Array)]);
    stage.check_found(&[(Finding::NoDatatype, 2)]);
    // What the birth could not tell, data tells.
    stage.send(&edge.ndata(stage.time(), [Metric::new("c", 200_u8)]));
    stage.check(&["data g/n: #3=200"]);
}

#[test]
fn payloads_alias_data_cmd_requirement() {
    let mut stage = Stage::new();
    let mut edge = edge().with_aliases().without_datatypes();
    stage.send(&edge.nbirth(stage.time(), [Metric::new("a", 1_i32)]));
    stage.send(&edge.dbirth("d", stage.time(), [Metric::new("a", 2_i32)]));
    stage.send(&edge.ndata(stage.time(), [Metric::new("a", 3_i32)]));
    stage.send(&edge.ddata("d", stage.time(), [Metric::new("a", 4_i32)]));
    stage.check(&["birth g/n: a#2=1", "birth g/n/d: a#0=2", "data g/n: #2=3", "data g/n/d: #0=4"]);
}

#[test]
fn payloads_alias_uniqueness() {
    let mut stage = Stage::new();
    let metrics = [Metric::new("a", 1_i32).alias(7), Metric::new("b", 2_i32).alias(7)];
    let (mut edge, _) = born(&mut stage, metrics);
    let named = Metric::new("b", 4_i32).alias(7);
    let nameless = Metric::new("", 3_i32).alias(7).nameless();
    stage.send(&edge.ndata(stage.time(), [nameless, named]));
    stage.pass(secs(60));
    stage.check(&["data g/n: #3=4"]);
    stage.check_found(&[(Finding::AliasCollision, 2)]);
}

#[test]
fn an_alias_that_devices_share_means_the_metric_of_each() {
    let mut stage = Stage::new();
    let mut edge = edge();
    let metric = |value: i32| Metric::new("a", value).alias(7);
    stage.send(&edge.nbirth(stage.time(), [Metric::new("b", 0_i32).alias(8)]));
    for device in ["d", "e", "d"] {
        stage.send(&edge.dbirth(device, stage.time(), [metric(1)]));
    }
    stage.look();
    for (device, value) in [("d", 2), ("e", 3)] {
        stage.send(&edge.ddata(device, stage.time(), [metric(value).nameless()]));
    }
    stage.check(&["data g/n/d: #0=2", "data g/n/e: #0=3"]);
    // e with d, then d with e.
    stage.check_found(&[(Finding::SharedAlias, 2)]);
    stage.send(&edge.ddeath("e", stage.time()));
    stage.send(&edge.dbirth("d", stage.time(), [metric(1)]));
    stage.check_found(&[(Finding::SharedAlias, 2)]);
}

#[test]
fn names_that_differ_in_case_alone_are_told_apart_and_found() {
    let mut stage = Stage::new();
    let mut edge = edge();
    let member = |name: &str| Metric::new(name, 1_i32);
    let instance = Template::instance("T").member(member("Speed")).member(member("speed"));
    let metrics =
        [member("Größe"), member("GRÖßE"), member("speed"), Metric::template("i", instance)];
    stage.send(&edge.nbirth(stage.time(), metrics));
    for device in ["d", "D", "d"] {
        stage.send(&edge.dbirth(device, stage.time(), []));
    }
    for (group, node) in [("g", "N"), ("G", "m"), ("G", "M"), ("h", "n")] {
        let mut other = Edge::new(EdgeNode::new(group, node), 0);
        stage.send(&other.nbirth(stage.time(), []));
    }
    stage.check(&[
        "birth g/n: Größe#2=1, GRÖßE#3=1, speed#4=1, i:T{Speed#5=1, speed#6=1}",
        "birth g/n/d: ",
        "birth g/n/D: ",
        "birth g/n/d: ",
        "birth g/N: ",
        "birth G/m: ",
        "birth G/M: ",
        "birth h/n: ",
    ]);
    stage.check_found(&[(Finding::CaseCollision, 6), (Finding::UnknownTemplate, 1)]);
}

#[test]
fn payloads_template_definition_nbirth() {
    let mut stage = Stage::new();
    let [turbine_type, gearbox_type] = turbine_types();
    let (mut edge, birth) = born(&mut stage, [turbine("T1"), turbine_type, gearbox_type]);
    assert_eq!(
        told_birth(&birth),
        "birth g/n defines Turbine defines Gearbox: T1:Turbine{Speed#2=12.5, On#3=true, \
         Gear:Gearbox{Temp#4=40, Oil#5=0.5}}"
    );
    let definition = &birth.definitions[0];
    assert_eq!(definition.version.as_deref(), Some("2"));
    assert_eq!(definition.parameters[0].value, Some(Value::String("".into())));
    assert_eq!(definition.members[0].properties[0].name, "engUnit".into());
    assert_eq!(definition.members[0].kind, MemberKind::Leaf(Some(DataType::Float)));
    let nested = MemberKind::Template {
        template: "Gearbox".into(),
        definition: Some("Gearbox".into()),
        said: None,
        own: None,
    };
    assert_eq!(definition.members[2].kind, nested);

    stage.send(&edge.dbirth("d", stage.time(), [turbine("T2")]));
    stage.check(&["birth g/n/d: T2:Turbine{Speed#0=12.5, On#1=true, Gear:Gearbox{Temp#2=40, \
         Oil#3=0.5}}"]);
    stage.check_found(&[]);
}

#[test]
fn payloads_template_instance_members_data() {
    let mut stage = Stage::new();
    let [turbine_type, gearbox_type] = turbine_types();
    let (mut edge, _) = born(&mut stage, [turbine_type, gearbox_type, turbine("T1")]);
    let gear = Template::instance("Gearbox").member(Metric::new("Oil", 0.75).untyped());
    let part = Template::instance("Turbine")
        .member(Metric::template("Gear", gear))
        .member(Metric::null("On", DataType::Boolean));
    stage.send(&edge.ndata(stage.time(), [Metric::template("T1", part)]));
    stage.check(&["data g/n: #5=0.75, #3=null"]);
    let null = Metric::null("T1", DataType::Template);
    stage.send(&edge.ndata(stage.time(), [null]));
    stage.check(&["data g/n: #2=null, #3=null, #4=null, #5=null"]);
}

#[test]
fn instances_with_the_same_members_have_values_of_their_own() {
    let mut stage = Stage::new();
    let other = Template::instance("Turbine").member(Metric::new("Extra", 1_i32));
    let metrics = turbine_types().into_iter().chain([
        turbine("T1"),
        Metric::template("T2", other),
        turbine("T3"),
        turbine("T4"),
    ]);
    let (mut edge, _) = born(&mut stage, metrics);
    // Slots 2 to 5, 6 to 10, 11 to 14 and 15 to 18.
    for (name, [oil, speed]) in
        [("T1", [5, 2]), ("T2", [10, 7]), ("T3", [14, 11]), ("T4", [18, 15])]
    {
        let gear = Template::instance("Gearbox").member(Metric::new("Oil", 0.75));
        let part = Template::instance("Turbine")
            .member(Metric::template("Gear", gear))
            .member(Metric::new("Speed", 13.0_f32));
        stage.send(&edge.ndata(stage.time(), [Metric::template(name, part)]));
        stage.check(&[&format!("data g/n: #{oil}=0.75, #{speed}=13")]);
    }
    let extra = Template::instance("Turbine").member(Metric::new("Extra", 2_i32));
    stage.send(&edge.ndata(stage.time(), [Metric::template("T2", extra)]));
    stage.check(&["data g/n: #6=2"]);
    stage.check_found(&[(Finding::UndeclaredMember, 1)]);
}

#[test]
fn flat_data_finds_members_of_instances() {
    let mut stage = Stage::new();
    let types = turbine_types();
    let taken = Metric::new("Farm/T1/On", 1_i32);
    let (mut edge, _) = born(&mut stage, types.into_iter().chain([turbine("Farm/T1"), taken]));
    for _ in 0..2 {
        let flat = [
            Metric::new("Farm/T1/Gear/Temp", 41.0_f32),
            Metric::new("Farm/T1/Speed", 13.0_f32),
            Metric::new("Farm/T1/On", 2_i32),
        ];
        stage.send(&edge.ndata(stage.time(), flat));
        stage.check(&["data g/n: #4=41, #2=13, #6=2"]);
    }
    let unknown = [Metric::new("Farm/T1/Gear/Heat", 1_i32), Metric::new("Farm/T1/", 1_i32)];
    stage.send(&edge.ndata(stage.time(), unknown));
    stage.check_found(&[(Finding::UnknownMetric, 2)]);
}

#[test]
fn payloads_template_instance_members_birth() {
    let mut stage = Stage::new();
    let [turbine_type, gearbox_type] = turbine_types();
    let part = Template::instance("Turbine").member(Metric::new("Extra", 1_i32));
    let metrics = [turbine_type, gearbox_type, Metric::template("T1", part)];
    let (mut edge, birth) = born(&mut stage, metrics);
    assert_eq!(
        told_birth(&birth),
        "birth g/n defines Turbine defines Gearbox: T1:Turbine{Extra#2=1, Speed#3=absent, \
         On#4=absent, Gear:Gearbox{Temp#5=absent, Oil#6=absent}}"
    );
    stage.check_found(&[(Finding::UndeclaredMember, 1)]);
    let gear = Template::instance("Gearbox").member(Metric::new("Oil", 0.25));
    let data = Template::instance("Turbine").member(Metric::template("Gear", gear));
    stage.send(&edge.ndata(stage.time(), [Metric::template("T1", data)]));
    stage.check(&["data g/n: #6=0.25"]);
}

#[test]
fn time_is_the_members_the_templates_the_payloads_or_that_of_arrival() {
    let mut stage = Stage::new();
    let [turbine_type, gearbox_type] = turbine_types();
    let (mut edge, _) = born(&mut stage, [turbine_type, gearbox_type, turbine("T1")]);
    let time = Timestamp::from_millis;
    let zero = Metric::new("On", true).at(time(0));
    let part = Template::instance("Turbine").member(Metric::new("Speed", 1.0_f32)).member(zero);
    let whole = Metric::template("T1", part.clone());
    let own = Template::instance("Turbine").member(Metric::new("Speed", 1.0_f32).at(time(7)));
    let cases = [
        (edge.ndata(time(5), [whole.clone().at(time(6))]), vec![6, 6]),
        (edge.ndata(time(5), [Metric::template("T1", own).at(time(6))]), vec![7]),
        (edge.ndata(time(5), [whole.clone()]), vec![5, 5]),
        (edge.ndata(time(0), [whole]), vec![1_000_000, 1_000_000]),
    ];
    for (message, expected) in cases {
        stage.send(&message);
        let Some(Output::Event(Event::Data(data))) = stage.host.poll_output() else {
            panic!("data");
        };
        let times: Vec<_> = data.samples.iter().map(|(_, s)| s.time.as_millis()).collect();
        assert_eq!(times, expected);
    }
}

#[test]
fn members_inherit_what_the_template_metric_says_of_itself() {
    let mut stage = Stage::new();
    let [turbine_type, gearbox_type] = turbine_types();
    let (mut edge, _) = born(&mut stage, [turbine_type, gearbox_type, turbine("T1")]);
    let gear = Template::instance("Gearbox").member(Metric::new("Oil", 0.75).quality(500));
    let part = Template::instance("Turbine").member(Metric::template("Gear", gear));
    let metric = Metric::template("T1", part).historical().transient();
    stage.send(&edge.ndata(stage.time(), [metric]));
    stage.check(&["data g/n: #5=0.75 uncertain historical transient"]);
}

#[test]
fn operational_behavior_data_publish_nbirth_order() {
    let mut stage = Stage::new();
    let twice = [Metric::new("a", 1_i32).historical(), Metric::new("a", 2_i32)];
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), twice.clone()));
    stage.send(&edge.ndata(stage.time(), twice));
    stage.check(&[
        "birth g/n: a#2=1 historical",
        "data g/n: #2=2",
        "data g/n: #2=1 historical, #2=2",
    ]);
    stage.check_found_of(Finding::RepeatedMetric, 0);
}

/// It was never found, and null took the place of the first one's value.
#[test]
fn of_two_metrics_of_one_name_and_different_types_the_first_counts() {
    let metrics = |aliases: bool| {
        let all = [
            Metric::new("x", 1_i32),
            Metric::new("x", 2_i32),
            Metric::new("y", "a"),
            Metric::new("y", 5_i32),
            Metric::template("y", Template::instance("K").member(Metric::new("m", 1_i32))),
        ];
        let number = |(alias, metric): (u64, Metric)| {
            let mut wire = metric.into_wire();
            wire.alias = aliases.then_some(alias);
            Metric::from(wire)
        };
        (1..).zip(all).map(number).collect::<Vec<_>>()
    };
    for aliases in [false, true] {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), metrics(aliases)));
        stage.check(&["birth g/n: x#2=1, y#3=\"a\"", "data g/n: #2=2"]);
        stage.check_found(&[(Finding::RepeatedMetric, 3)]);
        if aliases {
            let aliased = |alias, value: i32| {
                let mut wire = Metric::new("x", value).into_wire();
                (wire.name, wire.alias) = (None, Some(alias));
                Metric::from(wire)
            };
            stage.send(&edge.ndata(stage.time(), [aliased(2, 7), aliased(4, 8)]));
            stage.pass(secs(20));
            // The second alias is known, so that nobody asks for a birth in vain.
            stage.check(&["data g/n: #2=7"]);
        }
    }
}

#[test]
fn an_alarm_does_not_take_the_place_of_its_tag() {
    let mut stage = Stage::new();
    let alarm = Metric::new("a", "too hot").content_type("Alarm");
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), [alarm.clone(), Metric::new("a", 1_i32)]));
    stage.send(&edge.ndata(stage.time(), [alarm]));
    stage.check(&[
        "birth g/n: a#2=1",
        "data g/n: #2=\"too hot\" alarm",
        "data g/n: #2=\"too hot\" alarm",
    ]);
    stage.check_found(&[]);
}

#[test]
fn operational_behavior_data_publish_nbirth_values() {
    let mut stage = Stage::new();
    let mut wire = Metric::new("a", 1_i32).into_wire();
    wire.is_null = Some(true);
    let mut empty = Metric::null("b", DataType::Int8).into_wire();
    empty.is_null = Some(false);
    let (_, birth) = born(&mut stage, [wire.into(), empty.into()]);
    assert_eq!(told_birth(&birth), "birth g/n: a#2=null, b#3=null");
    stage.check_found(&[(Finding::NoValue, 1)]);
}

#[test]
fn topics_nbirth_metric_reqs() {
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), [Metric::new("a", 1_i32), Metric::new("b", 1_i32)]));
    stage.send(&edge.nbirth(stage.time().plus(ms(1)), [Metric::new("b", 2_i32)]));
    stage.send(&edge.ndata(stage.time(), [Metric::new("a", 3_i32), Metric::new("b", 3_i32)]));
    stage.check(&["birth g/n: a#2=1, b#3=1", "birth g/n: b#2=2", "data g/n: #2=3"]);
    stage.check_found(&[(Finding::UnknownMetric, 1)]);
}

#[test]
fn what_a_birth_lacks_is_counted() {
    let mut stage = Stage::new();
    let nameless = Metric::new("a", 1_i32).nameless();
    let aliased = Metric::new("a", 1_i32).nameless().alias(3);
    let long = Metric::new(&"x".repeat(limits::NAME_BYTES + 1), 1_i32);
    let loose = Template::instance("Nothing").member(Metric::new("m", 1_i32));
    let (_, birth) = born(&mut stage, [nameless, aliased, long, Metric::template("i", loose)]);
    assert_eq!(told_birth(&birth), "birth g/n: i:Nothing{m#2=1}");
    stage.check_found(&[
        (Finding::TooLong, 1),
        (Finding::Nameless, 1),
        (Finding::UnknownAlias, 1),
        (Finding::UnknownTemplate, 1),
    ]);
}

/// It was sent after the node's birth, and its place was given up: what the device is called now is
/// open, and nothing is read by the older birth.
#[test]
fn a_late_birth_of_a_device_ends_what_its_names_meant() {
    let mut stage = Stage::new();
    let mut edge = edge();
    let a = |value: i32| [Metric::new("a", value)];
    stage.send(&edge.nbirth(stage.time(), []));
    stage.send(&edge.dbirth("d", stage.time(), a(1)));
    stage.pass(ms(1));
    let late = edge.dbirth("d", stage.time(), [Metric::new("a", 1.5_f64)]);
    stage.send(&edge.ndata(stage.time(), []));
    stage.pass(secs(60));
    stage.look();
    stage.send(&late);
    stage.send(&edge.ddata("d", stage.time(), a(2)));
    assert!(!stage.look().iter().any(|line| line.contains("data g/n/d")));
    stage.pass(secs(700));
    assert!(stage.look().contains(&"rebirth 0 g/n".to_owned()));
}

/// It waits for the answer to a request that is on its way, and not for the one after.
#[test]
fn what_waits_for_its_birth_is_given_up_once_a_request_was_in_vain() {
    let mut stage = Stage::new();
    stage.send(&edge().ndata(stage.time(), [Metric::new("a", 1)]));
    let skipped =
        |stage: &Stage| stage.host.counters().skipped_values[SkipReason::BeforeBirth as usize];
    let given_up = (1..=100).find(|_| {
        stage.pass(secs(1));
        skipped(&stage) == 1
    });
    // Asked after 2, 7 and 17 seconds, and each time it has ten seconds.
    assert!(given_up.is_some_and(|second| second <= 27), "{given_up:?}");
}

/// It was told as what the node had said, whose own message was a duplicate then.
#[test]
fn what_another_server_brought_before_a_birth_does_not_go_on_after_it() {
    let mut stage = Stage::new();
    let second = ServerId(1);
    stage.host.handle_connected(second, stage.time(), stage.now);
    stage.look();
    let mut edge = edge();
    let birth = edge.nbirth(stage.time(), [Metric::new("a", 1)]);
    let foreign = edge.clone().ndata(stage.time(), [Metric::new("a", 66)]);
    stage.send_via(second, &foreign);
    stage.send(&birth);
    stage.send(&edge.ndata(stage.time(), [Metric::new("a", 2)]));
    stage.check(&["birth g/n: a#2=1", "data g/n: #2=2"]);
    assert_eq!(stage.host.counters().skipped_values[SkipReason::ForeignServer as usize], 1);
}

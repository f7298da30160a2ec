//! Templates: definitions, instances, members, parameters.

use sparkwise::sparkplug::edge::{Metric, Template};
use sparkwise::sparkplug::event::{Birth, Content, Event, Instance};
use sparkwise::sparkplug::findings::Finding;
use sparkwise::sparkplug::host::Output;
use sparkwise::sparkplug::proto::payload as wire;
use sparkwise::sparkplug::proto::payload::metric::Value as Arm;
use sparkwise::sparkplug::value::Value;

use super::stage::{Stage, changed, edge};
use crate::judged;

/// The definition `T` with the members `x` and `y` and a parameter.
fn of_type() -> Metric {
    let members = ["x", "y"].map(|name| Metric::new(name, 0_i32));
    Metric::template("T", Template::definition().parameter("p", 7_i32).members(members))
}

fn x(value: i32) -> Metric {
    Metric::new("x", value)
}

fn y(value: i32) -> Metric {
    Metric::new("y", value)
}

fn instance(template: Template) -> Metric {
    Metric::template("i", template)
}

/// The template in a metric.
fn template(metric: &mut wire::Metric) -> &mut wire::Template {
    match &mut metric.value {
        Some(Arm::TemplateValue(template)) => template,
        other => panic!("{other:?}"),
    }
}

/// What a birth gives once `change` has been made to its own metrics.
fn born(
    stage: &mut Stage,
    metrics: impl IntoIterator<Item = Metric>,
    change: impl FnOnce(&mut [wire::Metric]),
) -> Birth {
    let birth = edge().nbirth(stage.time(), metrics);
    stage.send(&changed(&birth, |payload| change(&mut payload.metrics[2..])));
    let Some(Output::Event(Event::Birth(birth))) = stage.host.poll_output() else {
        panic!("a birth");
    };
    birth
}

/// The instance `i` of a birth.
fn found(birth: &Birth) -> &Instance {
    let metric = birth.metrics.iter().find(|metric| &*metric.name == "i").unwrap();
    let Content::Instance(instance) = &metric.content else { panic!("{metric:?}") };
    instance
}

fn members(instance: &Instance) -> Vec<&str> {
    instance.members.iter().map(|member| &*member.name).collect()
}

judged! {
    payloads_template_definition_nbirth_only =>
    fn a_definition_outside_nbirth_is_found() {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), []));
        let both = [of_type(), instance(Template::instance("T").member(x(1)))];
        stage.send(&edge.dbirth("d", stage.time(), both));
        stage.check(&["birth g/n: ", "birth g/n/d: i.x=1, i.y=absent"]);
        assert_eq!(stage.found(Finding::DefinitionPlace), 1);
        stage.send(&edge.ddata("d", stage.time(), [of_type()]));
        stage.check(&[]);
        assert_eq!(stage.found(Finding::DefinitionPlace), 2);
    }
}

judged! {
    payloads_template_definition_is_definition, payloads_template_is_definition_definition,
    payloads_template_is_definition, payloads_template_is_definition_instance,
    payloads_template_instance_is_definition =>
    fn is_definition_alone_tells_definitions_from_instances() {
        for (says, definitions, metrics) in
            [(Some(true), 1, 2), (Some(false), 0, 3), (None, 0, 3)]
        {
            let mut stage = Stage::new();
            let birth = born(&mut stage, [of_type()], |metrics| {
                template(&mut metrics[0]).is_definition = says;
            });
            assert_eq!((birth.definitions.len(), birth.metrics.len()), (definitions, metrics));
        }
    }
}

judged! {
    payloads_template_definition_ref, payloads_template_ref_definition =>
    fn a_definition_that_refers_to_another_inherits_from_it() {
        let mut stage = Stage::new();
        let heir = Metric::template("H", Template::inheriting("T").member(Metric::new("z", 0_i32)));
        let birth = born(&mut stage, [heir, of_type()], |_| {});
        let heir = birth.definitions.iter().find(|found| &*found.name == "H").unwrap();
        let names: Vec<_> = heir.members.iter().map(|member| &*member.name).collect();
        assert_eq!((heir.parent.as_deref(), names), (Some("T"), vec!["z", "x", "y"]));
        assert_eq!(stage.found(Finding::Inheritance), 1);
        // A reference to nothing is none.
        let mut stage = Stage::new();
        let birth = born(&mut stage, [of_type()], |metrics| {
            template(&mut metrics[0]).template_ref = Some("".into());
        });
        assert_eq!(birth.definitions[0].parent, None);
        assert_eq!(stage.found(Finding::Inheritance), 0);
    }
}

judged! {
    payloads_template_instance_ref, payloads_template_ref_instance =>
    fn a_reference_is_found_under_the_names_that_senders_use() {
        for (defined, referred) in [("T", "T"), ("_types_/T", "T"), ("T", "_types_/T"), ("T", "T:2.1")] {
            let mut stage = Stage::new();
            let both = [of_type(), instance(Template::instance(referred).member(x(1)))];
            let birth = born(&mut stage, both, |metrics| metrics[0].name = Some(defined.to_owned().into()));
            assert_eq!(found(&birth).definition.as_deref(), Some(defined), "{referred}");
            assert_eq!(stage.found(Finding::UnknownTemplate), 0);
        }
        let mut stage = Stage::new();
        let birth = born(&mut stage, [of_type(), instance(Template::instance("U").member(x(1)))], |_| {});
        assert_eq!((found(&birth).definition.as_deref(), members(found(&birth))), (None, vec!["x"]));
        assert_eq!(stage.found(Finding::UnknownTemplate), 1);
    }
}

judged! {
    payloads_template_definition_members, payloads_template_instance_members =>
    fn a_member_that_the_definition_lacks_is_kept_and_found() {
        let mut stage = Stage::new();
        let whole = Template::instance("T").members([x(1), y(2), Metric::new("z", 3_i32)]);
        let birth = born(&mut stage, [of_type(), instance(whole)], |_| {});
        assert_eq!(members(found(&birth)), ["x", "y", "z"]);
        assert_eq!(stage.found(Finding::UndeclaredMember), 1);
    }
}

judged! {
    payloads_template_definition_nbirth =>
    fn definitions_and_instances_come_in_any_order() {
        let mut stage = Stage::new();
        let of_outer = Template::definition().member(Metric::template("in", Template::instance("T")));
        let outer = Template::instance("O").member(Metric::template("in", Template::instance("T").member(x(1))));
        let birth = born(&mut stage, [instance(outer), Metric::template("O", of_outer), of_type()], |_| {});
        let Content::Instance(inner) = &found(&birth).members[0].content else { panic!("nested") };
        assert_eq!((inner.definition.as_deref(), members(inner)), (Some("T"), vec!["x", "y"]));
        assert_eq!(stage.found(Finding::UnknownTemplate), 0);
    }
}

judged! {
    payloads_template_definition_parameters, payloads_template_definition_parameters_default,
    payloads_template_instance_parameters =>
    fn parameters_have_a_default_and_an_instance_its_own() {
        let mut stage = Stage::new();
        let own = Template::instance("T").parameter("p", 8_i32).members([x(1), y(2)]);
        let birth = born(&mut stage, [of_type(), instance(own)], |_| {});
        assert_eq!(birth.definitions[0].parameters[0].value, Some(Value::Int(7)));
        assert_eq!(found(&birth).parameters[0].value, Some(Value::Int(8)));
        // Without a default, and without a value of its own.
        let mut stage = Stage::new();
        let bare = Template::instance("T").members([x(1), y(2)]);
        let birth = born(&mut stage, [of_type(), instance(bare)], |metrics| {
            template(&mut metrics[0]).parameters[0].value = None;
        });
        assert_eq!(birth.definitions[0].parameters[0].value, None);
        assert!(found(&birth).parameters.is_empty());
    }
}

judged! {
    payloads_template_instance_members_birth =>
    fn a_member_that_an_instance_lacks_is_unknown() {
        let mut stage = Stage::new();
        let mut edge = edge();
        let part = |member| instance(Template::instance("T").member(member));
        stage.send(&edge.nbirth(stage.time(), [of_type(), part(x(1))]));
        stage.send(&edge.ndata(stage.time(), [part(y(2))]));
        stage.check(&["birth g/n: i.x=1, i.y=absent", "data g/n: i.y=2"]);
        assert_eq!(stage.found(Finding::MissingMember), 1);
    }
}

judged! {
    payloads_template_instance_members_data =>
    fn data_of_an_instance_may_hold_some_members() {
        let mut stage = Stage::new();
        let mut edge = edge();
        let whole = instance(Template::instance("T").members([x(1), y(2)]));
        stage.send(&edge.nbirth(stage.time(), [of_type(), whole]));
        let part = instance(Template::instance("T").member(y(3)));
        stage.send(&edge.ndata(stage.time(), [part]));
        stage.check(&["birth g/n: i.x=1, i.y=2", "data g/n: i.y=3"]);
    }
}

judged! {
    payloads_template_version =>
    fn a_version_is_kept_and_not_part_of_the_name() {
        let mut stage = Stage::new();
        let versioned = Template::instance("T").version("2.ü").members([x(1), y(2)]);
        let birth = born(&mut stage, [of_type(), instance(versioned)], |metrics| {
            template(&mut metrics[0]).version = Some("1".into());
        });
        assert_eq!(birth.definitions[0].version.as_deref(), Some("1"));
        let instance = found(&birth);
        assert_eq!((instance.version.as_deref(), instance.definition.as_deref()), (Some("2.ü"), Some("T")));
    }
}

judged! {
    payloads_template_parameter_name_required, payloads_template_parameter_name_type =>
    fn a_parameter_without_a_name_is_left_out() {
        for name in [None, Some("".into())] {
            let mut stage = Stage::new();
            let birth = born(&mut stage, [of_type()], |metrics| {
                template(&mut metrics[0]).parameters[0].name = name;
            });
            assert!(birth.definitions[0].parameters.is_empty());
            assert_eq!(stage.found(Finding::NamelessParameter), 1);
        }
        let mut stage = Stage::new();
        let birth = born(&mut stage, [of_type()], |metrics| {
            template(&mut metrics[0]).parameters[0].name = Some("Größe 名".into());
        });
        assert_eq!(&*birth.definitions[0].parameters[0].name, "Größe 名");
    }
}

judged! {
    payloads_template_parameter_type_value, payloads_template_parameter_type_req =>
    fn a_parameter_type_that_is_missing_or_unknown_is_told_from_the_value() {
        for datatype in [None, Some(99)] {
            let mut stage = Stage::new();
            let birth = born(&mut stage, [of_type()], |metrics| {
                template(&mut metrics[0]).parameters[0].r#type = datatype;
            });
            assert_eq!(birth.definitions[0].parameters[0].value, Some(Value::Int(7)));
        }
    }
}

judged! {
    payloads_template_parameter_value =>
    fn a_parameter_is_read_by_its_type_from_either_integer() {
        use wire::template::parameter::Value::{IntValue, LongValue};
        for arm in [IntValue(0xff), IntValue(u32::MAX), LongValue(u64::MAX)] {
            let mut stage = Stage::new();
            let birth = born(&mut stage, [of_type()], |metrics| {
                let parameter = &mut template(&mut metrics[0]).parameters[0];
                (parameter.r#type, parameter.value) = (Some(1), Some(arm));
            });
            assert_eq!(birth.definitions[0].parameters[0].value, Some(Value::Int(-1)));
        }
    }
}

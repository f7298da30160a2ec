//! What files of an earlier run had.

use super::super::former::Former;
use super::*;
use crate::sparkplug::address::{EdgeNode, Source};
use crate::twin::identity::{Address, Namespace};

fn machine(namespace: &str, group: &str, device: Option<&str>) -> Machine {
    let source = Source { edge: EdgeNode::new(group, "gw"), device: device.map(Into::into) };
    Machine {
        asset: Namespace::new(namespace).asset(&Address::Source(&source)),
        address: source.to_string(),
        group: group.to_owned(),
        node: "gw".into(),
        device: device.map(str::to_owned),
        last_birth: id(203),
        last_death: id(204),
    }
}

/// A model of nodes as a bridge of this namespace makes it.
fn model(namespace: &str, name: &str) -> Model {
    let ids = Namespace::new(namespace);
    let id = ids.model(name);
    let property = |(name, form): (&str, ValueForm)| Property {
        id: ids.property(id, PropertyRole::Presence, &[name], form),
        ..presence(0, name, form)
    };
    let shown = [
        ("Online", ValueForm::Boolean),
        ("Last birth", ValueForm::Seconds),
        ("Last death", ValueForm::Seconds),
        ("Sequence gaps", ValueForm::Integer),
        ("Rebirths", ValueForm::Integer),
    ];
    Model { id, name: name.into(), properties: shown.map(property).into(), above: None }
}

fn of(namespace: &str) -> Plant {
    Plant { namespace: namespace.into(), ..plant() }
}

fn former(namespace: &str, rendered: &Rendered) -> Former {
    let overview = text(rendered, "dashboards/sparkwise-plant");
    Former::read(&of(namespace), text(rendered, "provisioning/alerting"), overview).unwrap()
}

/// Without an account nobody else knows of a machine that is silent.
#[test]
fn the_files_of_an_earlier_run_give_what_these_births_lack() {
    let machines = vec![
        machine("plant", "$g {{ $x }}", Some(r#"{{"{{"}} $$"#)),
        machine("plant", "Nordsee", None),
        machine("plant", "Nordsee", Some("Mast")),
    ];
    let models = vec![model("plant", "Node"), model("plant", "Press $x")];
    let whole = Plant { machines, models, ..plant() };
    let files = render(&whole);
    let mut less = Plant {
        machines: vec![machine("plant", "Nordsee", None)],
        models: vec![model("plant", "Node")],
        ..plant()
    };
    let missing = former("plant", &files).missing(&less);
    let names: Vec<_> = missing.machines.iter().map(|of| of.address.as_str()).collect();
    assert_eq!(names, [r#"$g {{ $x }}/gw/{{"{{"}} $$"#, "Nordsee/gw/Mast"]);
    assert_eq!(missing.models.iter().map(|of| of.id).collect::<Vec<_>>(), [whole.models[1].id]);
    less.keep(&missing);
    // The same files, so that a third run gives them once more.
    assert_eq!(render(&less), files);
    let none = Former { rules: former("plant", &files).rules, ..Former::default() };
    assert_eq!(former("plant", &files).missing(&less), none);
}

#[test]
fn rules_of_another_namespace_are_told_apart_and_files_of_no_form_are_errors() {
    let other = Plant {
        machines: vec![machine("other", "Nordsee", None)],
        models: vec![model("other", "Node")],
        ..plant()
    };
    let files = render(&other);
    let rules = text(&files, "provisioning/alerting");
    let read = Former::read(&of("plant"), rules, "").unwrap();
    assert_eq!((read.machines.len(), read.foreign.len()), (0, 1));
    let read = Former::read(&of("other"), rules, "").unwrap();
    assert_eq!((read.machines.len(), read.foreign.len()), (1, 0));
    for text in ["", "\n", "#\n{\"groups\": [{\"rules\": [{}, 1]}]}", "#"] {
        assert_eq!(Former::read(&of("other"), text, "[]"), Ok(Former::default()), "{text}");
    }
    for text in ["[]", "#\n{\"groups\": 1}", "# x\ngroups: []", "#\n<<<<<<< HEAD\n{}"] {
        let refused = Former::read(&of("other"), text, "");
        assert_eq!(refused, Err("provisioning/alerting/sparkwise.yaml".to_owned()), "{text}");
    }
    let refused = Former::read(&of("other"), "", "<<<<<<< HEAD").unwrap_err();
    assert!(refused.starts_with("dashboards/sparkwise-plant"), "{refused}");
}

use super::*;
use crate::sparkplug::edge::{Metric, Template};

fn read(metrics: impl IntoIterator<Item = Metric>) -> (TemplateDefinitions, Vec<Definition>) {
    let wired: Vec<_> = metrics.into_iter().map(Metric::into_wire).collect();
    let mut definitions = TemplateDefinitions::default();
    let read = definitions.read(&wired, limits::LEAVES, &mut FindingCounts::default());
    (definitions, read)
}

fn leaf(name: &str) -> Metric {
    Metric::new(name, 1_i32)
}

fn members(definition: &Definition) -> Vec<&str> {
    definition.members.iter().map(|member| &*member.name).collect()
}

#[test]
fn payloads_template_ref_instance() {
    let definition = || Template::definition().member(leaf("m"));
    let (definitions, _) = read([
        Metric::template("Motor", definition()),
        Metric::template("_types_/Pump", definition()),
        Metric::template("a:b", definition()),
    ]);
    let cases = [
        ("Motor", Some("Motor")),
        ("_types_/Motor", Some("Motor")),
        ("Motor:2.1", Some("Motor")),
        ("Pump", Some("_types_/Pump")),
        ("_types_/Pump", Some("_types_/Pump")),
        ("Pump:1", Some("_types_/Pump")),
        ("a:b", Some("a:b")),
        ("a:b:3", Some("a:b")),
        ("a", None),
        ("motor", None),
        ("", None),
    ];
    for (reference, expected) in cases {
        let found = definitions.resolve(reference).map(|definition| &*definition.name);
        assert_eq!(found, expected, "{reference}");
    }
}

#[test]
fn what_is_inherited_is_among_the_members() {
    let heir = Template::inheriting("Base").member(leaf("own")).member(leaf("shared"));
    let base = Template::inheriting("Root").parameter("p", 1_i32).member(leaf("shared"));
    let root = Template::definition().member(leaf("root"));
    let (_, read) = read([
        Metric::template("Heir", heir),
        Metric::template("Root", root),
        Metric::template("_types_/Base", base),
    ]);
    assert_eq!(members(&read[0]), ["own", "shared", "root"]);
    assert_eq!(read[0].parent.as_deref(), Some("_types_/Base"));
    assert_eq!(read[0].parameters.len(), 1);
    assert_eq!(members(&read[1]), ["root"]);
    assert_eq!(members(&read[2]), ["shared", "root"]);
}

#[test]
fn inheritance_that_goes_around_ends() {
    let (_, read) = read([
        Metric::template("A", Template::inheriting("B").member(leaf("a"))),
        Metric::template("B", Template::inheriting("A").member(leaf("b"))),
        Metric::template("C", Template::inheriting("C").member(leaf("c"))),
        Metric::template("D", Template::inheriting("").member(leaf("d"))),
        Metric::template("E", Template::inheriting("Nothing").member(leaf("e"))),
    ]);
    assert_eq!(members(&read[0]), ["a", "b"]);
    assert_eq!(members(&read[1]), ["b", "a"]);
    assert_eq!((members(&read[2]), read[2].parent.as_deref()), (vec!["c"], None));
    assert_eq!(read[3].parent, None);
    assert_eq!(read[4].parent.as_deref(), Some("Nothing"));
}

#[test]
fn the_first_definition_of_a_name_stands() {
    let (_, read) = read([
        Metric::template("A", Template::definition().member(leaf("first"))),
        Metric::template("A", Template::definition().member(leaf("second"))),
    ]);
    assert_eq!(read.len(), 1);
    assert_eq!(members(&read[0]), ["first"]);
}

#[test]
fn nested_members_name_the_definition_they_resolve_to() {
    let nested = |reference| Metric::template(reference, Template::instance(reference));
    let outer = Template::definition().member(nested("Inner:2")).member(nested("Other"));
    let inner = Template::definition().member(leaf("m"));
    let (_, read) =
        read([Metric::template("Outer", outer), Metric::template("_types_/Inner", inner)]);
    let kinds: Vec<_> = read[0].members.iter().map(|member| member.kind.clone()).collect();
    let kind = |template: &str, definition: Option<&str>| MemberKind::Template {
        template: template.into(),
        definition: definition.map(Into::into),
        said: None,
        own: None,
    };
    assert_eq!(kinds, [kind("Inner:2", Some("_types_/Inner")), kind("Other", None)]);
}

#[test]
fn payloads_template_parameter_name_required() {
    let mut wire = Metric::template("A", Template::definition().parameter("", 1_i32)).into_wire();
    if let Some(wire::metric::Value::TemplateValue(template)) = &mut wire.value {
        template.parameters.push(wire::template::Parameter::default());
    }
    let mut findings = FindingCounts::default();
    let read = TemplateDefinitions::default().read(&[wire], limits::LEAVES, &mut findings);
    assert_eq!(read[0].parameters, []);
    assert_eq!(findings.count(Finding::NamelessParameter), 2);
}

/// What they hold counts as the leaves of births do, and past the room for those they are left out.
#[test]
fn definitions_take_no_more_room_than_is_left() {
    let definition = |name: &str| {
        let members = ["a", "b"].map(|member| Metric::new(member, 1_i32));
        Metric::template(name, Template::definition().members(members)).into_wire()
    };
    let wired = ["One", "Two"].map(definition);
    let (mut definitions, mut findings) =
        (TemplateDefinitions::default(), FindingCounts::default());
    let read = definitions.read(&wired, 3, &mut findings);
    let members: usize = read.iter().map(|read| read.members.len()).sum();
    assert_eq!((read.len(), members), (1, 2));
    let bytes = definitions.bytes();
    assert!((100..1_000).contains(&bytes), "{bytes}");
    assert_eq!(findings.count(Finding::TooManyLeaves), 1);
}

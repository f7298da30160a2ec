//! Models grow within their limits.

use super::*;

fn models() -> Models {
    Models::new(Namespace::new("test"), String::new(), 200, 500)
}

fn wanted<'a>(role: PropertyRole, path: &'a [&'a str], form: Form) -> Wanted<'a> {
    Wanted { role, path, name: None, form, unit: None, default: None }
}

fn names_of(models: &Models, ix: ModelIx) -> Vec<&str> {
    models.get(ix).properties.iter().map(|property| &*property.name).collect()
}

#[test]
fn a_model_is_the_union_of_all_that_was_wanted() {
    let mut models = models();
    let turbine = models.named("WindTurbine", None).unwrap();
    let member = wanted(PropertyRole::Member, &["Speed"], Form::Double);
    assert_eq!(models.property(turbine, member), Ok((PropertyIx(0), true)));
    assert_eq!(models.named("WindTurbine", None), Ok(turbine));
    assert_eq!(models.property(turbine, member), Ok((PropertyIx(0), false)));
}

#[test]
fn a_changed_type_and_clashing_names_get_their_own_property() {
    let mut models = models();
    let ix = models.named("M", None).unwrap();
    for (role, form) in [
        (PropertyRole::Member, Form::Double),
        (PropertyRole::Member, Form::String),
        (PropertyRole::Parameter, Form::String),
        (PropertyRole::Parameter, Form::Double),
        (PropertyRole::Presence, Form::Boolean),
    ] {
        let (_, made) = models.property(ix, wanted(role, &["Speed"], form)).unwrap();
        assert!(made);
    }
    let names = names_of(&models, ix);
    assert_eq!(names[..3], ["Speed", "Speed (STRING)", "Speed (parameter)"]);
    assert!(names[3].starts_with("Speed (parameter "), "{names:?}");
    assert_eq!(names[4], "Speed (presence)");
    models
        .property(ix, wanted(PropertyRole::Property, &["Speed", "engHigh"], Form::Double))
        .unwrap();
    assert_eq!(names_of(&models, ix)[5], "Speed/engHigh");
}

#[test]
fn the_tree_keeps_its_limits() {
    let mut models = models();
    let root = models.named("root", None).unwrap();
    // The last is for a further level.
    for child in 0..limits::HIERARCHIES_PER_MODEL - 1 {
        let child = models.named(&format!("child {child}"), None).unwrap();
        assert_eq!(models.hierarchy(root, child), Ok(true));
        assert_eq!(models.hierarchy(root, child), Ok(false));
    }
    let late = models.named("late", None).unwrap();
    assert_eq!(models.hierarchy(root, late), Err(TreeFull::Hierarchies));
    let (level, made) = models.level(root);
    assert_eq!((&*models.get(level).name, made), ("root, more", true));
    assert_eq!(models.hierarchy(root, level), Ok(true));
    assert_eq!(models.hierarchy(level, late), Ok(true));
    assert_eq!(models.level(root), (level, false));
    let (next, _) = models.level(level);
    assert_eq!(models.get(next).name, "root, more 2");
    let child = models.named("child 0", None).unwrap();
    assert_eq!(models.hierarchy(child, root), Err(TreeFull::Cycle));
    assert_eq!(models.hierarchy(child, child), Err(TreeFull::Cycle));
    let mut parent = child;
    let mut joined = Ok(true);
    for level in 0..limits::MODELS_PER_TREE {
        let below = models.named(&format!("level {level}"), None).unwrap();
        joined = models.hierarchy(parent, below);
        if joined.is_err() {
            break;
        }
        parent = below;
    }
    assert_eq!(joined, Err(TreeFull::Models));
}

#[test]
fn caps_are_kept() {
    let mut models = Models::new(Namespace::new("test"), "WF ".into(), 1, 1);
    let ix = models.named("A", None).unwrap();
    assert_eq!(models.get(ix).name, "WF A");
    assert_eq!(models.named("B", None), Err(Cap::Models));
    models.property(ix, wanted(PropertyRole::Member, &["a"], Form::Double)).unwrap();
    let second = models.property(ix, wanted(PropertyRole::Member, &["b"], Form::Double));
    assert_eq!(second, Err(Cap::Properties));
}

//! Models grow within their limits.

use super::*;
use crate::sitewise::api::PropertyKind;
use crate::sparkplug::address::EdgeNode;

fn models() -> DesiredModels {
    DesiredModels::new(Namespace::new("test"), String::new(), 200, 500)
}

fn wanted<'a>(role: PropertyRole, path: &'a [&'a str], form: ValueForm) -> PropertyRequest<'a> {
    PropertyRequest { role, path, name: None, form, unit: None, default: None }
}

fn names_of(models: &DesiredModels, ix: ModelIx) -> Vec<&str> {
    models.get(ix).properties.iter().map(|property| &*property.name).collect()
}

#[test]
fn a_model_is_the_union_of_all_that_was_wanted() {
    let mut models = models();
    let turbine = models.ensure_named("WindTurbine", None).unwrap();
    let member = wanted(PropertyRole::Member, &["Speed"], ValueForm::Double);
    assert_eq!(models.ensure_property(turbine, member), Ok((PropertyIx(0), true)));
    assert_eq!(models.ensure_named("WindTurbine", None), Ok(turbine));
    assert_eq!(models.ensure_property(turbine, member), Ok((PropertyIx(0), false)));
}

#[test]
fn a_changed_type_and_clashing_names_get_their_own_property() {
    let mut models = models();
    let ix = models.ensure_named("M", None).unwrap();
    for (role, form) in [
        (PropertyRole::Member, ValueForm::Double),
        (PropertyRole::Member, ValueForm::String),
        (PropertyRole::Parameter, ValueForm::String),
        (PropertyRole::Parameter, ValueForm::Double),
        (PropertyRole::Presence, ValueForm::Boolean),
    ] {
        let (_, made) = models.ensure_property(ix, wanted(role, &["Speed"], form)).unwrap();
        assert!(made);
    }
    let names = names_of(&models, ix);
    assert_eq!(names[..3], ["Speed", "Speed (STRING)", "Speed (parameter)"]);
    assert!(names[3].starts_with("Speed (parameter "), "{names:?}");
    assert_eq!(names[4], "Speed (presence)");
    models
        .ensure_property(
            ix,
            wanted(PropertyRole::Property, &["Speed", "engHigh"], ValueForm::Double),
        )
        .unwrap();
    assert_eq!(names_of(&models, ix)[5], "Speed/engHigh");
}

#[test]
fn the_tree_keeps_its_limits() {
    let mut models = models();
    let root = models.ensure_named("root", None).unwrap();
    // The last is for an overflow level.
    for child in 0..limits::HIERARCHIES_PER_MODEL - 1 {
        let child = models.ensure_named(&format!("child {child}"), None).unwrap();
        assert_eq!(models.ensure_hierarchy(root, child), Ok(true));
        assert_eq!(models.ensure_hierarchy(root, child), Ok(false));
    }
    let late = models.ensure_named("late", None).unwrap();
    assert_eq!(models.ensure_hierarchy(root, late), Err(TreeFull::Hierarchies));
    let (level, made) = models.ensure_level(root).unwrap();
    assert_eq!((&*models.get(level).name, made), ("root, more", true));
    assert_eq!(models.ensure_hierarchy(root, level), Ok(true));
    assert_eq!(models.ensure_hierarchy(level, late), Ok(true));
    assert_eq!(models.ensure_level(root), Ok((level, false)));
    let (next, _) = models.ensure_level(level).unwrap();
    assert_eq!(models.get(next).name, "root, more 2");
    let child = models.ensure_named("child 0", None).unwrap();
    assert_eq!(models.ensure_hierarchy(child, root), Err(TreeFull::Cycle));
    assert_eq!(models.ensure_hierarchy(child, child), Err(TreeFull::Cycle));
    let mut parent = child;
    let mut joined = Ok(true);
    for level in 0..limits::MODELS_PER_TREE {
        let below = models.ensure_named(&format!("level {level}"), None).unwrap();
        joined = models.ensure_hierarchy(parent, below);
        if joined.is_err() {
            break;
        }
        parent = below;
    }
    assert_eq!(joined, Err(TreeFull::Models));
}

#[test]
fn caps_are_kept() {
    let mut models = DesiredModels::new(Namespace::new("test"), "WF ".into(), 5, 1);
    let ix = models.ensure_named("A", None).unwrap();
    assert_eq!(models.get(ix).name, "WF A");
    assert_eq!(models.ensure_named("B", None), Err(Cap::Models));
    // The bridge's own have their places.
    for (made, name) in (2..).zip(BUILT_IN) {
        models.ensure_built_in(name, None);
        assert_eq!((models.len(), models.is_full()), (made, true));
    }
    assert_eq!(models.len(), 5);
    models.ensure_property(ix, wanted(PropertyRole::Member, &["a"], ValueForm::Double)).unwrap();
    let second =
        models.ensure_property(ix, wanted(PropertyRole::Member, &["b"], ValueForm::Double));
    assert_eq!(second, Err(Cap::Properties));
}

#[test]
fn no_two_places_of_a_model_are_called_alike() {
    let mut models = models();
    let root = models.ensure_named("root", None).unwrap();
    let [one, other] = ["Pump", "Motor"].map(|name| models.ensure_named(name, None).unwrap());
    models.ensure_hierarchy(root, one).unwrap();
    // It was called otherwise when its place was made.
    models.get_mut(other).name = "Pump".into();
    models.ensure_hierarchy(root, other).unwrap();
    let names: Vec<_> = models.get(root).hierarchies.iter().map(|(_, has)| &*has.name).collect();
    assert_eq!(names[0], "Pump");
    assert!(names[1].starts_with("Pump "), "{names:?}");
}

/// A property as SiteWise tells it.
fn described(id: Uuid, name: &str, kind: PropertyKind) -> api::ModelProperty {
    let (external_id, data_type) = (None, api::PropertyDataType::Double);
    api::ModelProperty { id, external_id, name: name.into(), data_type, unit: None, kind }
}

/// A model as SiteWise tells it.
fn model(id: Uuid, properties: Vec<api::ModelProperty>) -> api::Model {
    api::Model {
        id,
        external_id: None,
        name: "M".into(),
        state: api::ResourceState::Active,
        root: properties.len(),
        properties,
        composites: Vec::new(),
        hierarchies: Vec::new(),
        usable: None,
    }
}

/// It was rejected for its name until it was given up: a birth had come while the model could not
/// be described.
#[test]
fn a_changed_type_is_told_apart_from_one_that_is_described_only_later() {
    for role in [PropertyRole::Member, PropertyRole::Parameter] {
        let mut models = models();
        let ix = models.ensure_named("M", None).unwrap();
        let now = wanted(role, &["State"], ValueForm::String);
        let default = matches!(role, PropertyRole::Parameter).then_some("on");
        let (place, _) = models.ensure_property(ix, PropertyRequest { default, ..now }).unwrap();
        let had = models.namespace.property(models.get(ix).id, role, &["State"], ValueForm::Double);
        let kind = match role {
            PropertyRole::Member => PropertyKind::Measurement,
            _ => PropertyKind::Attribute { default: None },
        };
        for _ in 0..2 {
            let external_id = Some(models.namespace.external_id("M/State", had));
            let state = described(had, "State", kind.clone());
            let state = api::ModelProperty { external_id, ..state };
            models.import(ix, &model(models.get(ix).id, vec![state]));
            let word = if default.is_some() { "parameter" } else { "STRING" };
            assert_eq!(names_of(&models, ix), [format!("State ({word})"), "State".to_owned()]);
        }
        // Both are found by what births call them, and their names are taken.
        assert_eq!(models.ensure_property(ix, now), Ok((place, false)));
        assert_eq!(models.get(ix).properties[0].default(), default);
        let before = wanted(role, &["State"], ValueForm::Double);
        assert_eq!(models.ensure_property(ix, before), Ok((PropertyIx(1), false)));
        let other = wanted(PropertyRole::Presence, &["State"], ValueForm::Boolean);
        models.ensure_property(ix, other).unwrap();
        assert_eq!(names_of(&models, ix)[2], "State (presence)");
    }
}

#[test]
fn what_people_added_to_a_model_takes_room_below_its_cap() {
    let mut models = DesiredModels::new(Namespace::new("test"), String::new(), 9, 3);
    let ix = models.ensure_named("M", None).unwrap();
    models.ensure_property(ix, wanted(PropertyRole::Member, &["a"], ValueForm::Double)).unwrap();
    let theirs = described(Uuid::from_u128(1), "theirs", PropertyKind::Measurement);
    models.import(ix, &model(models.get(ix).id, vec![theirs]));
    models.ensure_property(ix, wanted(PropertyRole::Member, &["b"], ValueForm::Double)).unwrap();
    let third = models.ensure_property(ix, wanted(PropertyRole::Member, &["c"], ValueForm::Double));
    assert_eq!(third, Err(Cap::Properties));
}

#[test]
fn a_default_that_sitewise_has_otherwise_is_that_of_the_model() {
    let mut models = models();
    let ix = models.ensure_named("M", None).unwrap();
    let attribute = wanted(PropertyRole::Parameter, &["Serial"], ValueForm::Double);
    let one = PropertyRequest { default: Some("1"), ..attribute };
    let (place, _) = models.ensure_property(ix, one).unwrap();
    let id = models.get(ix).property_id(place);
    for (default, corrections) in [("1", 0), ("2", 1), ("2", 1)] {
        let has = PropertyKind::Attribute { default: Some(default.into()) };
        models.import(ix, &model(models.get(ix).id, vec![described(id, "Serial", has)]));
        assert_eq!(models.get(ix).properties[0].default(), Some(default));
        assert_eq!(models.corrections, corrections);
    }
}

/// Whether a node or device with one tag finds its kind in a model with that tag, which SiteWise
/// has under an id, a name and a description.
fn is_kind(founder: &Source, id: Uuid, name: &str, description: Option<&str>) -> bool {
    let (mut models, namespace) = (models(), Namespace::new("test"));
    let ix = models.get_or_import(id, name, description);
    let flow = namespace.property(id, PropertyRole::Member, &["Flow"], ValueForm::Double);
    let ours = api::ModelProperty {
        external_id: Some(namespace.external_id("Flow", flow)),
        ..described(flow, "Flow", PropertyKind::Measurement)
    };
    models.import(ix, &model(id, vec![ours]));
    let tags = Tags::new([("Flow", ValueForm::Double, None)].into_iter());
    models.find_kind(KindCandidate { founder, tags: &tags }) == Some(ix)
}

#[test]
fn a_model_is_a_kind_if_it_was_made_as_one() {
    let namespace = Namespace::new("test");
    let node = Source { edge: EdgeNode::new("Nordsee", "gw"), device: None };
    let device = Source { device: Some("Pump".into()), ..node.clone() };
    for (founder, told) in [(&node, "Nordsee/gw"), (&device, "Nordsee/gw/Pump")] {
        let (id, about) = (namespace.kind(founder, 1), format!("Founded by {told} with 1 tags"));
        assert!(is_kind(founder, id, "Pump", Some(&about)));
        assert!(is_kind(founder, namespace.kind(founder, 2), "Pump", Some(&about)));
        assert!(!is_kind(founder, Uuid::from_u128(1), "Pump", Some(&about)));
        assert!(!is_kind(founder, id, "Pump", None));
        let other = if founder == &node { &device } else { &node };
        assert!(!is_kind(other, id, "Pump", Some(&about)));
    }
    // Those of an earlier version were called by a hash.
    for (founder, name, is) in [
        (&device, "Sparkplug Device 0123abcd", true),
        (&node, "Sparkplug Edge Node 0123abcd", true),
        (&node, "Sparkplug Device 0123abcd", false),
        (&device, "Sparkplug Device Pumpwerk", false),
        (&device, "Sparkplug Device A", false),
    ] {
        assert_eq!(is_kind(founder, namespace.model(name), name, None), is, "{name}");
        assert!(!is_kind(founder, Uuid::from_u128(1), name, None));
    }
}

#[test]
fn the_tree_that_sitewise_has_counts_and_is_not_made_again() {
    let (mut models, namespace) = (models(), Namespace::new("test"));
    let root = models.ensure_named("root", None).unwrap();
    let children: Vec<_> =
        (0..30).map(|n| models.ensure_named(&format!("child {n}"), None).unwrap()).collect();
    let root_id = models.get(root).id;
    let ids: Vec<_> = children.iter().map(|child| models.get(*child).id).collect();
    let place = |id: Uuid, child_model: Uuid| api::ModelHierarchy {
        id,
        name: child_model.to_string(),
        child_model,
    };
    let ours = |child: Uuid| place(namespace.hierarchy(root_id, child), child);
    let mut has = model(root_id, Vec::new());
    // Ours, one that people made, and one to a model that is none of ours.
    let foreign = place(Uuid::from_u128(2), Uuid::from_u128(3));
    has.hierarchies = vec![ours(ids[0]), place(Uuid::from_u128(1), ids[1]), foreign];
    for _ in 0..2 {
        models.import(root, &has);
        assert_eq!(models.ensure_hierarchy(root, children[0]), Ok(false));
    }
    assert_eq!(models.hierarchy_id(root, children[1]), None);
    let (_, hierarchy) = &models.get(root).hierarchies[0];
    assert_eq!((&*hierarchy.name, hierarchy.child_model), ("child 0", ids[0]));
    assert!(hierarchy.external_id.starts_with("root-child-0."), "{}", hierarchy.external_id);
    // The last of thirty is for an overflow level.
    let made =
        children.iter().skip(2).take_while(|child| models.ensure_hierarchy(root, **child).is_ok());
    assert_eq!(made.count(), 29 - 3);
}

/// There may be as many properties as metrics: what each costs is bounded.
#[test]
fn a_property_shares_its_name_with_the_session_and_is_found_without_an_id() {
    let mut models = models();
    let ix = models.ensure_named("M", None).unwrap();
    let name: Arc<str> = "Speed".into();
    let speed = PropertyRequest {
        name: Some(&name),
        ..wanted(PropertyRole::Member, &["Speed"], ValueForm::Double)
    };
    let (place, _) = models.ensure_property(ix, speed).unwrap();
    assert!(Arc::ptr_eq(&models.get(ix).properties[0].name, &name));
    let model = models.get(ix);
    assert_eq!(model.index.by_path(speed, &model.properties), Some(place));
    for member in ["a", "b", "c", "d", "e"] {
        models
            .ensure_property(ix, wanted(PropertyRole::Member, &[member], ValueForm::Double))
            .unwrap();
    }
    models.shrink(ix);
    assert_eq!(models.get(ix).properties.capacity(), 6);
}

#[test]
fn a_refused_property_takes_another_unit_and_default_and_only_those() {
    let mut models = models();
    let ix = models.ensure_named("M", None).unwrap();
    let first = PropertyRequest {
        unit: Some("kW"),
        default: Some("1"),
        ..wanted(PropertyRole::Parameter, &["Speed", "Low"], ValueForm::Double)
    };
    let (place, _) = models.ensure_property(ix, first).unwrap();
    let mut corrections = 0;
    for (other, is) in [
        (first, false),
        (PropertyRequest { unit: Some("MW"), ..first }, true),
        (PropertyRequest { unit: Some("MW"), default: Some("2"), ..first }, true),
        (PropertyRequest { unit: Some("MW"), default: Some("2"), ..first }, false),
    ] {
        assert_eq!(models.correct(ix, place, other), is, "{other:?}");
        corrections += u32::from(is);
        assert_eq!(models.corrections, corrections);
        let has = &models.get(ix).properties[0];
        assert_eq!((has.unit.as_deref(), has.default()), (other.unit, other.default));
        assert!(has.path().eq(["Speed", "Low"]));
    }
    // A birth that says neither takes neither away.
    assert!(!models.correct(ix, place, PropertyRequest { unit: None, default: None, ..first }));
    let has = &models.get(ix).properties[0];
    assert_eq!((has.unit.as_deref(), has.default()), (Some("MW"), Some("2")));
}

#[test]
fn a_part_is_known_by_its_name() {
    let mut models = models();
    let base = models.ensure_named("M", None).unwrap();
    let other = models.ensure_named("N", None).unwrap();
    for number in [2, 3, 40] {
        let (part, _) = models.ensure_part(base, number, 500).unwrap();
        assert!(models.is_part(part, base, 500));
        assert!(!models.is_part(part, other, 500) && !models.is_part(base, part, 500));
    }
    assert!(!models.is_part(base, base, 500));
    // What somebody called like one is none.
    let named = models.ensure_named("N (from asset 502)", None).unwrap();
    assert!(!models.is_part(named, other, 500));
}

/// Other places of the same parent do not keep it from that.
#[test]
fn a_kind_that_gets_another_name_gives_it_to_its_places() {
    let mut models = models();
    let root = models.ensure_named("root", None).unwrap();
    let other = models.ensure_named("other", None).unwrap();
    let founder = Source { edge: EdgeNode::new("Nordsee", "gw"), device: Some("Pump".into()) };
    let tags = Tags::new([("Flow", ValueForm::Double, None)].into_iter());
    let candidate = KindCandidate { founder: &founder, tags: &tags };
    let kind = models.create_kind(candidate, "Pump").unwrap();
    for child in [other, kind] {
        assert_eq!(models.ensure_hierarchy(root, child), Ok(true));
    }
    assert!(models.rename_taken(kind));
    let name = models.get(kind).name.clone();
    assert_ne!(name, "Pump (device)");
    assert!(!models.rename_taken(kind), "it has such a name");
    assert!(!models.rename_taken(other), "it is no kind");
    assert_eq!(models.get(other).name, "other");
    let places: Vec<_> =
        models.get(root).hierarchies.iter().map(|(_, place)| place.name.to_string()).collect();
    assert_eq!(places, ["other", name.as_str()]);
}

/// What is not known of its tags overflowed.
#[test]
fn a_kind_of_an_earlier_version_is_nobodys_until_it_is_described() {
    let (mut models, namespace) = (models(), Namespace::new("test"));
    let founder = Source { edge: EdgeNode::new("Nordsee", "gw"), device: Some("Pump".into()) };
    let name = "Sparkplug Device 0123abcd";
    models.get_or_import(namespace.model(name), name, None);
    let tags = Tags::new([("Flow", ValueForm::Double, None)].into_iter());
    assert_eq!(models.find_kind(KindCandidate { founder: &founder, tags: &tags }), None);
}

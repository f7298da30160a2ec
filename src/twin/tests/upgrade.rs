//! SiteWise as 0.1.0 left it, and this version on it.

use uuid::Uuid;

use super::*;
use crate::sitewise::api::{Property as Has, PropertyDataType as Type, PropertyKind};
use crate::twin::identity::{Address, PropertyRole};
use crate::twin::mapping::ValueForm;
use crate::twin::tests::fake::{FakeAsset, FakeModel};

const OLD: &str = "Sparkplug Device 61e2a8d2";

fn namespace() -> Namespace {
    config().namespace
}

/// A measurement of a model, as 0.1.0 made it: it told points in time in milliseconds.
fn had(model: Uuid, role: PropertyRole, path: &str, name: &str, form: ValueForm) -> Has {
    let id = namespace().property(model, role, &[path], form);
    let data_type = match form {
        ValueForm::Boolean => Type::Boolean,
        ValueForm::Integer => Type::Integer,
        _ => Type::Double,
    };
    let is_time = form == ValueForm::Double && name != "Wind";
    Has {
        id,
        external_id: namespace().external_id(name, id),
        name: name.into(),
        data_type,
        unit: is_time.then(|| "ms".into()),
        kind: PropertyKind::Measurement,
    }
}

/// Adds a model with the presence that all have, behind its tags.
fn add_model(
    sitewise: &mut FakeSiteWise,
    name: &str,
    tags: &[(&str, ValueForm)],
    is_node: bool,
) -> Uuid {
    let id = namespace().model(name);
    let tags = tags.iter().map(|(tag, form)| had(id, PropertyRole::Member, tag, tag, *form));
    let mut properties: Vec<_> = tags.collect();
    let presence = |path: &str, form| {
        let taken = properties.iter().any(|property| property.name == path);
        let name = if taken { format!("{path} (presence)") } else { path.into() };
        had(id, PropertyRole::Presence, path, &name, form)
    };
    let mut own = vec![
        presence("Online", ValueForm::Boolean),
        presence("Last birth", ValueForm::Double),
        presence("Last death", ValueForm::Double),
    ];
    if is_node {
        own.push(presence("Sequence gaps", ValueForm::Integer));
        own.push(presence("Rebirths", ValueForm::Integer));
    }
    properties.append(&mut own);
    let model = FakeModel {
        name: name.into(),
        external_id: Some(namespace().external_id(name, id)),
        description: None,
        properties,
        composites: Default::default(),
        hierarchies: Vec::new(),
        updates: 0,
        looks: 0,
        failed: None,
        usable: None,
    };
    sitewise.models.insert(id, model);
    id
}

fn add_asset(sitewise: &mut FakeSiteWise, address: &Address<'_>, name: &str, model: Uuid) {
    let id = namespace().asset(address);
    let external_id = Some(namespace().external_id(name, id));
    let asset = FakeAsset {
        name: name.into(),
        external_id,
        model,
        description: None,
        parent: None,
        looks: 0,
    };
    sitewise.assets.insert(id, asset);
}

/// A node with a device that has a tag of its own called Online.
fn left() -> FakeSiteWise {
    let mut sitewise = FakeSiteWise::default();
    let tags = [
        ("Online", ValueForm::Boolean),
        ("Started", ValueForm::Double),
        ("Wind", ValueForm::Double),
    ];
    let mast = add_model(&mut sitewise, OLD, &tags, false);
    let gateway = add_model(&mut sitewise, "Sparkplug Edge Node", &[], true);
    add_asset(&mut sitewise, &Address::Source(&node()), "gw", gateway);
    add_asset(&mut sitewise, &Address::Source(&device("mast")), "mast", mast);
    sitewise
}

fn mast() -> Vec<BirthMetric> {
    let of = |slot, name, datatype, value| leaf(slot, name, datatype, sample(0, Some(value)));
    vec![
        of(0, "Online", DataType::Boolean, Value::Boolean(false)),
        of(1, "Started", DataType::DateTime, Value::DateTime(START as u64 - 250)),
        of(2, "Wind", DataType::Double, Value::Double(8.0)),
    ]
}

#[test]
fn what_0_1_0_left_goes_on_and_its_times_in_milliseconds_are_written_no_more() {
    let sitewise = left();
    let (models, assets) = (sitewise.models.clone(), sitewise.assets.clone());
    let mut sitewise = sitewise;
    let (mast_id, of) =
        (namespace().asset(&Address::Source(&device("mast"))), namespace().model(OLD));
    let started = namespace().property(of, PropertyRole::Member, &["Started"], ValueForm::Double);
    let millis = Variant::Double((START - 250) as f64);
    let last =
        Tqv { time: Timestamp::from_millis(START - 1), quality: Quality::Good, value: millis };
    sitewise.put(mast_id, started, last);
    let mut rig = Rig::with(config(), sitewise);
    rig.seconds(5);
    rig.event(birth(node(), Vec::new(), Vec::new()));
    rig.event(birth(device("mast"), Vec::new(), mast()));
    rig.seconds(30);
    rig.event(death(device("mast"), 30_000));
    rig.seconds(100);

    // Every asset keeps its model, and no model loses anything.
    for (id, asset) in &assets {
        assert_eq!(rig.sitewise.assets[id].model, asset.model, "{}", asset.name);
    }
    for (id, model) in &models {
        let now = &rig.sitewise.models[id];
        assert_eq!(now.name, model.name);
        assert_eq!(now.properties[..model.properties.len()], model.properties[..]);
    }
    // Beside them the bridge's own and the group alone.
    assert_eq!((rig.sitewise.models.len(), rig.sitewise.assets.len()), (4, 4));

    let (good, uncertain) = (Quality::Good, Quality::Uncertain);
    let double = Variant::Double;
    let wind = [(0, good, double(8.0)), (30_000, uncertain, double(8.0))];
    assert_eq!(rig.written("mast", "Wind"), wind);
    let own = |quality| (quality, Variant::Boolean(false));
    assert_eq!(rig.shown("mast", "Online"), Some(own(uncertain)), "the plant's");
    let turns: Vec<_> =
        rig.written("mast", "Online (presence)").into_iter().map(|(_, _, value)| value).collect();
    assert_eq!(turns, [Variant::Boolean(true), Variant::Boolean(false)]);

    let seconds = |offset: i64| double((START + offset) as f64 / 1_000.0);
    assert_eq!(rig.shown("mast", "Last birth (s)"), Some((good, seconds(0))));
    assert_eq!(rig.shown("mast", "Last death (s)"), Some((good, seconds(30_000))));
    assert_eq!(rig.shown("gw", "Last birth (s)"), Some((good, seconds(0))));
    assert_eq!(rig.shown("mast", "Started (s)"), Some((uncertain, seconds(-250))));
    for (asset, name) in
        [("mast", "Last birth"), ("mast", "Last death"), ("mast", "Started"), ("gw", "Last birth")]
    {
        assert_eq!(rig.written(asset, name), [], "{asset} {name}");
    }
    for (name, expected) in [(OLD, 3), ("Sparkplug Edge Node", 2)] {
        let (_, model) = rig.sitewise.model(name);
        let times = model.properties.iter().filter(|property| property.name.ends_with("(s)"));
        assert!(times.clone().all(|property| property.unit.as_deref() == Some("s")), "{name}");
        assert_eq!(times.count(), expected, "{name}");
    }
    rig.check_conservation();

    // The next start finds all of it.
    let mut rig = rig.restart();
    rig.seconds(10);
    rig.event(birth_at(rig.offset(), device("mast"), Vec::new(), mast()));
    rig.seconds(100);
    assert_eq!(rig.sitewise.writes, [""; 0]);
    assert_eq!(rig.shown("mast", "Wind"), Some((good, double(8.0))));
    assert_eq!(rig.shown("mast", "Online (presence)"), Some((good, Variant::Boolean(true))));
}

/// The same of an instance of a template: a member and a parameter that are points in time.
#[test]
fn a_template_of_0_1_0_gets_its_times_in_seconds_beside_those_in_milliseconds() {
    let mut sitewise = FakeSiteWise::default();
    let gateway = add_model(&mut sitewise, "Sparkplug Edge Node", &[], true);
    add_asset(&mut sitewise, &Address::Source(&node()), "gw", gateway);
    let turbine = namespace().model("Turbine");
    add_model(&mut sitewise, "Turbine", &[], false);
    let model = sitewise.models.get_mut(&turbine).unwrap();
    let built = had(turbine, PropertyRole::Parameter, "Built", "Built", ValueForm::Double);
    let default = Some("1700000000000".into());
    model.properties = vec![
        had(turbine, PropertyRole::Member, "Started", "Started", ValueForm::Double),
        had(turbine, PropertyRole::Member, "Wind", "Wind", ValueForm::Double),
        Has { kind: PropertyKind::Attribute { default }, ..built },
    ];
    let old = model.properties.clone();
    let place = Address::Instance(&node(), &["T1"]);
    add_asset(&mut sitewise, &place, "T1", turbine);
    let said = 1_690_000_000_500_u64;
    let (id, time) = (namespace().asset(&place), Timestamp::from_millis(START - 1));
    let own = Tqv { time, quality: Quality::Good, value: Variant::Double(said as f64) };
    sitewise.put(id, old[2].id, own);

    let mut rig = Rig::with(config(), sitewise);
    rig.seconds(5);
    let machine = |offset| {
        let of = |slot, name, datatype, value| leaf(slot, name, datatype, sample(0, Some(value)));
        let started = Value::DateTime(START as u64 - 250);
        let members = vec![
            of(0, "Started", DataType::DateTime, started),
            of(1, "Wind", DataType::Double, Value::Double(8.0)),
        ];
        let mut machine = instance("T1", "Turbine", members);
        if let Content::Instance(instance) = &mut machine.content {
            let built = property("Built", DataType::DateTime, Value::DateTime(said));
            instance.parameters = vec![built];
        }
        birth_at(offset, node(), Vec::new(), vec![machine])
    };
    rig.event(machine(0));
    rig.seconds(100);
    let good = |value: f64| Some((Quality::Good, Variant::Double(value)));
    let holds = |rig: &Rig| {
        assert_eq!(rig.shown("T1", "Built (parameter)"), good(said as f64 / 1_000.0));
        assert_eq!(rig.shown("T1", "Started (s)"), good((START - 250) as f64 / 1_000.0));
        assert_eq!(rig.shown("T1", "Wind"), good(8.0));
        assert_eq!(rig.shown("T1", "Built"), good(said as f64), "as 0.1.0 left it");
        let now = &rig.sitewise.models[&turbine].properties;
        assert_eq!(now[..3], old[..]);
        let added: Vec<_> = now[3..].iter().map(|has| (&*has.name, has.unit.as_deref())).collect();
        assert_eq!(added, [("Started (s)", Some("s")), ("Built (parameter)", Some("s"))]);
    };
    holds(&rig);
    for name in ["Built", "Started"] {
        assert_eq!(rig.written("T1", name), [], "{name}");
    }
    rig.check_conservation();
    let mut rig = rig.restart();
    rig.seconds(10);
    rig.event(machine(rig.offset()));
    rig.seconds(100);
    assert_eq!(rig.sitewise.writes, [""; 0]);
    holds(&rig);
}

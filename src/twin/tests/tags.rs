//! Tags that come to nodes and devices which were born with template instances alone.

use super::flat::{begin, model_of, tag};
use super::*;

fn motor(slot: u32) -> BirthMetric {
    instance("M", "Motor", vec![tag(slot, "Speed", None)])
}

fn born(rig: &mut Rig, source: Source, tags: &[String]) {
    let tags = (1..).zip(tags).map(|(slot, name)| tag(slot, name, None));
    let metrics = [motor(0)].into_iter().chain(tags).collect();
    rig.event(birth_at(rig.offset(), source, Vec::new(), metrics));
}

fn names(machine: &str, many: u32) -> Vec<String> {
    (0..many).map(|n| format!("{machine} {n:03}")).collect()
}

/// All came to one model, up to the cap of properties; there each showed the others' as empty.
#[test]
fn tags_that_come_after_instances_alone_show_nowhere_else_and_meet_no_cap() {
    let most = Config { max_models: 1_000, max_properties: 5_000, ..config() };
    let mut rig = begin(most.clone());
    let devices: Vec<_> = (0..60).map(|n| format!("D{n}")).collect();
    for name in &devices {
        born(&mut rig, device(name), &[]);
    }
    rig.seconds(60);
    let of_instances = rig.sitewise.models.len();
    assert!(of_instances <= 6, "instances alone need no model of their own: {of_instances}");
    for name in &devices {
        born(&mut rig, device(name), &names(name, 100));
    }
    rig.seconds(900);
    let holds = |rig: &Rig| {
        assert_eq!((&*rig.capped, rig.found.len()), (&[][..], 0));
        for name in &devices {
            let below = format!("{name}, tags");
            assert_eq!(rig.properties(name), ["Online", "Last birth", "Last death"]);
            assert_eq!(rig.properties(&below), names(name, 100), "{name}");
            let last = rig.shown(&below, &format!("{name} 099"));
            assert_eq!(last, Some((Quality::Good, Variant::Double(1.0))), "{name}");
            let motor = rig.sitewise.assets.values().filter(|asset| asset.name.contains('M'));
            assert_eq!(motor.count(), 60);
        }
        let path = rig.sitewise.path("D7, tags");
        assert_eq!(path[path.len() - 2..], ["D7", "D7, tags"]);
    };
    holds(&rig);
    // It is so after a restart, and where the instance is gone.
    let mut rig = rig.restart_with(most);
    for name in &devices {
        born(&mut rig, device(name), &names(name, 100));
    }
    rig.seconds(300);
    holds(&rig);
    let models = rig.sitewise.models.len();
    rig.event(birth_at(rig.offset(), device("D7"), Vec::new(), vec![tag(0, "D7 000", None)]));
    rig.seconds(60);
    assert_eq!(rig.properties("D7"), ["Online", "Last birth", "Last death"]);
    assert_eq!(rig.sitewise.models.len(), models);
    rig.check_conservation();
}

#[test]
fn tags_that_come_after_instances_alone_make_kinds() {
    let mut rig = begin(config());
    let tags: Vec<_> = ["P", "T", "F"].map(String::from).into();
    for name in ["Pump 1", "Pump 2"] {
        born(&mut rig, device(name), &[]);
        born(&mut rig, device(name), &tags);
    }
    born(&mut rig, device("Pump 3"), &tags);
    rig.seconds(60);
    assert_eq!(model_of(&rig, "Pump 1, tags"), model_of(&rig, "Pump 2, tags"));
    assert_eq!(model_of(&rig, "Pump 3"), model_of(&rig, "Pump 2, tags"));
    // It dies as a whole.
    rig.event(death(device("Pump 1"), rig.offset()));
    rig.seconds(120);
    let shown = rig.shown("Pump 1, tags", "P").map(|(quality, _)| quality);
    assert_eq!(shown, Some(Quality::Uncertain));
    assert_eq!(rig.shown("Pump 1", "Online"), Some((Quality::Good, Variant::Boolean(false))));
}

#[test]
fn tags_of_an_edge_node_that_come_after_instances_alone_are_below_it() {
    let mut rig = Rig::new();
    for number in 0..3 {
        let name = format!("gw{number}");
        let source = || Source { edge: EdgeNode::new("Nordsee", &*name), device: None };
        born(&mut rig, source(), &[]);
        rig.seconds(30);
        born(&mut rig, source(), &names(&name, 3));
    }
    rig.seconds(120);
    for number in 0..3 {
        let name = format!("gw{number}");
        assert_eq!(rig.properties(&format!("{name}, tags")), names(&name, 3));
        assert_eq!(rig.properties(&name).len(), 5);
    }
}

/// They went to the shared model where the birth had no instance any more.
#[test]
fn tags_that_come_in_place_of_the_instances_show_nowhere_else() {
    for restarts in [false, true] {
        let mut rig = Rig::new();
        let other = || Source { edge: EdgeNode::new("Nordsee", "other"), device: None };
        for source in [node(), other(), device("D"), device("E")] {
            born(&mut rig, source, &[]);
        }
        rig.seconds(60);
        if restarts {
            rig = rig.restart();
        }
        let tags = |name| vec![tag(0, name, None)];
        rig.event(birth_at(rig.offset(), node(), Vec::new(), tags("Load")));
        rig.event(birth_at(rig.offset(), other(), Vec::new(), tags("Heat")));
        rig.event(birth_at(rig.offset(), device("D"), Vec::new(), tags("Temp")));
        rig.event(birth_at(rig.offset(), device("E"), Vec::new(), tags("Wind")));
        rig.seconds(120);
        for (name, tag) in [("gw", "Load"), ("other", "Heat"), ("D", "Temp"), ("E", "Wind")] {
            let below = format!("{name}, tags");
            assert!(!rig.properties(name).contains(&tag), "{restarts} {name}");
            assert_eq!(rig.properties(&below), [tag]);
            assert_eq!(rig.shown(&below, tag), Some((Quality::Good, Variant::Double(1.0))));
        }
        let shared = rig.found.iter().filter(|(finding, _)| *finding == Finding::SharedModel);
        assert_eq!(shared.count(), 0);
        rig.check_conservation();
    }
}

/// What stands on the shared model stays there, and is named.
#[test]
fn tags_that_are_on_the_shared_model_stay_there() {
    // There is room for the two devices and an instance, and for no asset of tags.
    let eleven = Config { max_models: 11, max_assets: 6, ..config() };
    let mut rig = begin(eleven);
    born(&mut rig, device("D"), &[]);
    // So many models are there that one without tags gets none of its own.
    rig.event(birth_at(rig.offset(), device("E"), Vec::new(), Vec::new()));
    rig.seconds(90);
    rig.event(birth_at(rig.offset(), device("E"), Vec::new(), vec![tag(0, "Old", None)]));
    rig.seconds(90);
    assert_eq!((model_of(&rig, "E"), rig.properties("E")[3]), ("Sparkplug Device", "Old"));
    let mut rig = rig.restart_with(Config { max_models: 11, ..config() });
    born(&mut rig, device("E"), &["Old".to_owned(), "New".to_owned()]);
    born(&mut rig, device("D"), &["Other".to_owned()]);
    rig.seconds(120);
    assert_eq!(rig.properties("E")[3..], ["Old", "New"]);
    assert_eq!(rig.properties("D, tags"), ["Other"]);
    let shared = rig.found.iter().filter(|(finding, _)| *finding == Finding::SharedModel);
    let shared: Vec<_> = shared.map(|(_, example)| &**example).collect();
    assert_eq!(shared, ["Nordsee/gw/E has its tags on the model Sparkplug Device"]);
}

/// Of fifty the first alone was named, and none among the problems.
#[test]
fn who_shares_a_model_is_listed_with_the_number() {
    let mut rig = begin(Config { max_models: 11, max_assets: 17, ..config() });
    born(&mut rig, device("D"), &[]);
    let tagless = |rig: &mut Rig, many: usize| {
        for number in 0..12 {
            let tags = (0..many).map(|n| tag(n as u32, &format!("T{n}"), None)).collect();
            let source = device(&format!("E{number:02}"));
            rig.event(birth_at(rig.offset(), source, Vec::new(), tags));
        }
        rig.seconds(90);
    };
    tagless(&mut rig, 0);
    let told = |rig: &Rig| -> Vec<String> {
        let problems = rig.twin.plan().problems();
        problems.map(|(_, why)| why.split(':').next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(told(&rig), [""; 0]);
    tagless(&mut rig, 2);
    let five = (0..5).map(|n| format!("Nordsee/gw/E{n:02}")).collect::<Vec<_>>().join(", ");
    assert_eq!(told(&rig), [format!("{five} and 7 more")]);
    tagless(&mut rig, 0);
    assert_eq!(told(&rig), [""; 0]);
}

/// The process ended when the asset of the tags was made, and the one above it was not.
#[test]
fn tags_stay_on_their_asset_where_the_one_above_it_was_never_made() {
    let mut rig = begin(config());
    let tags: Vec<_> = ["P", "T", "F"].map(String::from).into();
    born(&mut rig, device("D"), &[]);
    rig.seconds(60);
    born(&mut rig, device("D"), &tags);
    rig.seconds(60);
    let (own, _) = rig.sitewise.asset("D");
    rig.sitewise.assets.remove(&own);
    let mut rig = rig.restart_with(config());
    born(&mut rig, device("D"), &tags);
    rig.seconds(120);
    assert_eq!(rig.properties("D"), ["Online", "Last birth", "Last death"]);
    assert_eq!(rig.properties("D, tags"), tags);
    assert_eq!(rig.shown("D, tags", "P"), Some((Quality::Good, Variant::Double(1.0))));
    rig.check_conservation();
}

/// Its metrics were thrown away while it waited for tags, and nobody was told.
#[test]
fn a_device_that_has_nothing_for_sitewise_is_named_and_keeps_its_attributes() {
    let mut rig = begin(config());
    let image = Value::Bytes(vec![1, 2].into());
    let mut image = leaf(0, "Image", DataType::File, sample(0, image));
    image.properties.push(property("Vendor", DataType::String, text("ACME")));
    flat::born(&mut rig, "Camera", vec![image]);
    let found = rig.found.iter().filter(|(finding, _)| *finding == Finding::NotCarried);
    let told: Vec<_> = found.map(|(_, example)| example.clone()).collect();
    assert_eq!(told, ["Nordsee/gw/Camera/Image is of the type File"]);
    rig.seconds(120);
    assert!(rig.properties("Camera").contains(&"Image/Vendor"), "{:?}", rig.properties("Camera"));
    let shown = rig.shown("Camera", "Image/Vendor");
    assert_eq!(shown, Some((Quality::Good, Variant::String("ACME".into()))));
    rig.check_conservation();
}

/// It was cut or cleaned without a count, and a number that is none was no default without one.
#[test]
fn a_default_that_is_changed_to_fit_is_counted_once() {
    use crate::twin::mapping::Adjustment;
    let about = "x".repeat(2_000);
    let mut defined = definitions();
    defined[0].parameters = vec![
        property("About", DataType::String, text(&about)),
        property("Maker", DataType::String, text("A\tB")),
        property("Range", DataType::Double, Value::Double(f64::NAN)),
    ];
    defined[0].members[0].properties = vec![property("Words", DataType::String, text(&about))];
    let counted = |rig: &Rig| {
        let counts = rig.twin.counts();
        [Adjustment::Truncated, Adjustment::Cleaned, Adjustment::NotFinite]
            .map(|how| counts.adjusted(how))
    };
    let born = |offset| {
        let mut machine = turbine("T1", 0, 1.0, offset);
        if let Content::Instance(instance) = &mut machine.content {
            instance.defined = Some(std::sync::Arc::new(defined[0].clone()));
        }
        birth_at(offset, node(), defined.clone(), vec![machine])
    };
    let mut rig = Rig::new();
    for _ in 0..3 {
        rig.event(born(rig.offset()));
        rig.seconds(30);
        assert_eq!(counted(&rig), [2, 1, 1]);
    }
    let model = &rig.sitewise.models[&rig.sitewise.asset("T1").1.model];
    let about = model.properties.iter().find(|has| has.name == "About").unwrap();
    let kept = "x".repeat(crate::sitewise::limits::DEFAULT_CHARS);
    assert_eq!(about.kind, crate::sitewise::api::PropertyKind::Attribute { default: Some(kept) });
    let mut rig = rig.restart();
    rig.event(born(rig.offset()));
    rig.seconds(30);
    assert_eq!(counted(&rig), [0, 0, 0], "SiteWise has them");
}

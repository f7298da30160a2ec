//! The twin as people look at it.

use super::*;
use crate::twin::view::{AssetIx, Liveness, Presence, ShownValue};

fn place(rig: &Rig, name: &str) -> AssetIx {
    let mut all = rig.twin.assets_from(0);
    all.find(|(_, asset)| &*asset.name == name).unwrap_or_else(|| panic!("no {name}")).0
}

/// What the properties of an asset hold, by name.
fn held(rig: &Rig, asset: &str) -> Vec<(String, String)> {
    let good = |tqv: Tqv| format!("{} {:?}", tqv.time.as_millis() - START, tqv.value);
    let all = rig.twin.property_values(place(rig, asset)).into_iter();
    all.map(|(_, property, held)| {
        let held = match held {
            ShownValue::Nothing => "nothing".to_owned(),
            ShownValue::Default(text) => format!("default {text}"),
            ShownValue::Own(value) => format!("own {value:?}"),
            ShownValue::Last(tqv) => format!("last {}", good(tqv)),
            ShownValue::Bridge(tqv) => format!("told {}", good(tqv)),
        };
        (property.name.to_string(), held)
    })
    .collect()
}

fn farm() -> Rig {
    let mut rig = Rig::new();
    let mut first = turbine("T1", 0, 12.0, 0);
    if let Content::Instance(instance) = &mut first.content {
        instance.parameters = vec![property("Serial", DataType::String, text("A-17"))];
    }
    let metrics = vec![first, turbine("T2", 3, 13.0, 0)];
    rig.event(birth_at(5_000, node(), definitions(), metrics));
    rig.seconds(10);
    rig
}

fn as_told<'a>(all: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<(String, String)> {
    all.into_iter().map(|(name, held)| (name.to_owned(), held.to_owned())).collect()
}

#[test]
fn an_asset_holds_what_was_written_last_of_it_and_what_is_its_own() {
    let rig = farm();
    let of = [("Speed", "last 0 Double(12.0)"), ("Power", "last 0 Double(2000.0)")];
    let own = [("Speed/engHigh", "default 20"), ("Serial", "own String(Text(\"A-17\"))")];
    assert_eq!(held(&rig, "T1"), as_told(of.into_iter().chain(own)));
    let of = [("Speed", "last 0 Double(13.0)"), ("Power", "last 0 Double(2000.0)")];
    let own = [("Speed/engHigh", "default 20"), ("Serial", "default unknown")];
    assert_eq!(held(&rig, "T2"), as_told(of.into_iter().chain(own)));
    assert_eq!(held(&rig, "T1/Gearbox"), as_told([("Temp", "last 0 Double(60.0)")]));
}

#[test]
fn a_node_holds_what_the_bridge_tells_of_it() {
    let mut rig = farm();
    let shown = Presence {
        liveness: Liveness::Online,
        born: Some(rig.at(5_000)),
        died: None,
        session: Some((0, 0)),
    };
    assert_eq!(rig.twin.presence(place(&rig, "T1/Gearbox")), Some(shown));
    assert_eq!(rig.twin.presence(place(&rig, "Nordsee")), None);
    let figures = SessionFigures { edge: None, gaps: 2, rebirths: 1 };
    rig.twin.handle_figures(&node(), &figures, rig.now);
    rig.event(death(node(), 9_000));
    let died = Presence {
        liveness: Liveness::Offline,
        died: Some(rig.at(9_000)),
        session: Some((2, 1)),
        ..shown
    };
    assert_eq!(rig.twin.presence_of(&node()), died);
    let told = [
        ("Online", "told 9000 Boolean(false)"),
        ("Last birth", "told 9000 Double(1790000005.0)"),
        ("Last death", "told 9000 Double(1790000009.0)"),
        ("Sequence gaps", "told 9000 Integer(2)"),
        ("Rebirths", "told 9000 Integer(1)"),
    ];
    assert_eq!(held(&rig, "gw"), as_told(told));
}

#[test]
fn the_tree_is_seen_by_name_and_from_any_child_on() {
    let rig = farm();
    let names = |parent, after| -> Vec<String> {
        let below = rig.twin.children(parent, after);
        below.map(|(_, asset)| asset.name.to_string()).collect()
    };
    assert_eq!(names(None, None), ["Nordsee", "sparkwise"]);
    let node = Some(place(&rig, "gw"));
    assert_eq!(names(node, None), ["T1", "T2"]);
    assert_eq!(names(node, Some(place(&rig, "T1"))), ["T2"]);
    assert_eq!(names(node, Some(place(&rig, "T2"))), Vec::<String>::new());
    let node = rig.twin.asset_at(place(&rig, "gw"));
    assert_eq!(node.children, 2);
    for (ix, model) in rig.twin.models() {
        assert_eq!(rig.twin.model(model.id).map(|(found, _)| found), Some(ix));
    }
    assert_eq!(rig.twin.models().count(), rig.sitewise.models.len());
    let sizes = (rig.sitewise.models.len(), rig.sitewise.assets.len());
    assert_eq!(rig.twin.size(), sizes);
}

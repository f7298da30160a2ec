//! Names that mean something to Grafana, or are not those that its fields have.

use super::*;

/// A device whose plant has a tag `Online` had an empty tile: ours has another name in SiteWise.
#[test]
fn a_presence_of_another_name_is_found_by_it() {
    let mut plant = plant();
    let online = Property {
        name: "Online (presence)".into(),
        ..presence(201, "Online", ValueForm::Boolean)
    };
    plant.models[1].properties[0] = online.clone();
    plant.models[0].above = Some(Above { online, steps: 1 });
    let rendered = render(&plant);
    for (prefix, title) in [
        ("dashboards/sparkwise-plant", "Online"),
        ("dashboards/windturbine", "Online: what the first selected asset is connected through"),
    ] {
        let panel = titled(&json(&rendered, prefix), title);
        let fields = &panel["options"]["reduceOptions"]["fields"];
        assert_eq!(fields, r"/(^| )Online \(presence\)$/", "{prefix}");
    }
}

/// All texts of some JSON.
fn texts(json: &Value, all: &mut Vec<String>) {
    match json {
        Value::String(text) => all.push(text.clone()),
        Value::Array(of) => of.iter().for_each(|of| texts(of, all)),
        Value::Object(of) => of.values().for_each(|of| texts(of, all)),
        _ => {}
    }
}

/// A pump called `$asset` was shown as the turbine that is selected, and one called `{{ $labels }}`
/// broke its alert rule.
#[test]
fn names_that_look_like_variables_are_shown_and_not_replaced() {
    let hostile = "${asset} $asset_ [[asset]] $__all {{ $labels }}";
    let references = |name: &str| {
        let mut plant = plant();
        plant.models[1].name = format!("N {name}");
        let model = &mut plant.models[0];
        model.name = format!("W {name}");
        for property in &mut model.properties {
            let first = property.path.remove(0);
            property.path.insert(0, format!("{first} {name}"));
            property.unit = Some(format!("x {name}"));
        }
        model.properties.push(member(8, &["Folder/Tag", name], ValueForm::Double));
        model.properties.push(member(9, &[name, "Tag"], ValueForm::Boolean));
        let rendered = render(&plant);
        let mut all = Vec::new();
        let of_sitewise = |file: &&File| {
            file.path.starts_with("dashboards/") && !file.path.ends_with("/bridge.json")
        };
        for file in rendered.files.iter().filter(of_sitewise) {
            texts(&serde_json::from_str(&file.text).unwrap(), &mut all);
        }
        let all = all.join("\n");
        (["$", "${", "[["].map(|of| all.matches(of).count()), all)
    };
    let ((plain, _), (count, all)) = (references("name"), references(hostile));
    // A dollar sign before a blank or at the end is none of a variable.
    assert_eq!(count, plain);
    let shown = "＄{asset} ＄asset_ ［[asset]] ＄__all {{ ＄labels }}";
    assert!(all.contains(&format!("N {shown}")) && all.contains(&format!("Power {shown}")));
}

#[test]
fn names_that_look_like_templates_are_texts_in_rules() {
    let mut plant = plant();
    let machine = &mut plant.machines[0];
    machine.address = "{{a}}/$b".into();
    (machine.group, machine.device) = ("{{a}}".into(), Some("$b".into()));
    let rules = rules(&plant);
    let rule = rules.iter().find(|rule| rule["title"] == "{{a}}/$$b is offline").unwrap();
    let summary = rule["annotations"]["summary"].as_str().unwrap();
    assert!(summary.starts_with(r#"The device {{"{{"}}a}}/$b has been"#), "{summary}");
    let labels = json!({"group": r#"{{"{{"}}a}}"#, "node": "gw", "device": "$$b"});
    assert_eq!(rule["labels"], labels);
}

//! What dashboards look like for a made-up plant.

use std::collections::BTreeSet;

use super::*;

mod former;
mod names;
mod shown;

fn id(number: u128) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, &number.to_be_bytes())
}

fn property(number: u128, path: &[&str], role: PropertyRole, form: ValueForm) -> Property {
    let path: Vec<_> = path.iter().map(|name| (*name).to_owned()).collect();
    Property { id: id(number), name: path.join("/"), path, role, form, unit: None, value: None }
}

fn member(number: u128, path: &[&str], form: ValueForm) -> Property {
    property(number, path, PropertyRole::Member, form)
}

fn limit(number: u128, path: &[&str], value: &str) -> Property {
    let value = Some(value.to_owned());
    Property { value, ..property(number, path, PropertyRole::Property, ValueForm::Double) }
}

fn turbine() -> Model {
    let power = Property { unit: Some("kW".into()), ..member(1, &["Power"], ValueForm::Double) };
    Model {
        id: id(100),
        name: "WindTurbine".into(),
        properties: vec![
            power,
            limit(2, &["Power", "engLow"], "0"),
            limit(3, &["Power", "engHigh"], "3600"),
            member(4, &["Gearbox", "Oil Temperature"], ValueForm::Double),
            member(5, &["Gearbox/Running"], ValueForm::Boolean),
            member(6, &["State"], ValueForm::String),
            member(7, &["Serviced"], ValueForm::Seconds),
        ],
        above: Some(Above { online: presence(201, "Online", ValueForm::Boolean), steps: 1 }),
    }
}

fn presence(number: u128, name: &str, form: ValueForm) -> Property {
    property(number, &[name], PropertyRole::Presence, form)
}

fn node() -> Model {
    Model {
        id: id(200),
        name: "Sparkplug Edge Node".into(),
        properties: vec![
            presence(201, "Online", ValueForm::Boolean),
            presence(202, "Sequence gaps", ValueForm::Integer),
        ],
        above: None,
    }
}

fn plant() -> Plant {
    let machine = |number, device: Option<&str>| Machine {
        asset: id(number),
        address: format!("Nordsee/gw{}", device.map(|d| format!("/{d}")).unwrap_or_default()),
        group: "Nordsee".into(),
        node: "gw".into(),
        device: device.map(str::to_owned),
        last_birth: id(203),
        last_death: id(204),
    };
    Plant {
        namespace: "plant".into(),
        models: vec![turbine(), node()],
        machines: vec![machine(301, Some("Mast")), machine(300, None)],
        bridge: Some(BridgeAsset { asset: id(400), name: "Bridge $1".into(), heartbeat: id(401) }),
        former_rules: Vec::new(),
    }
}

fn text<'a>(rendered: &'a Rendered, prefix: &str) -> &'a str {
    &rendered.files.iter().find(|file| file.path.starts_with(prefix)).unwrap().text
}

fn json(rendered: &Rendered, prefix: &str) -> Value {
    serde_json::from_str(text(rendered, prefix)).unwrap()
}

/// All panels, those of collapsed rows among them, without the rows.
fn panels(dashboard: &Value) -> Vec<Value> {
    let top = dashboard["panels"].as_array().unwrap().iter();
    let all = top.flat_map(|panel| {
        std::iter::once(panel.clone())
            .chain(panel["panels"].as_array().cloned().unwrap_or_default())
    });
    all.filter(|panel| panel["type"] != "row").collect()
}

fn titled(dashboard: &Value, title: &str) -> Value {
    panels(dashboard).into_iter().find(|panel| panel["title"] == title).unwrap()
}

#[test]
fn the_same_plant_is_the_same_text_whatever_its_order() {
    let there = render(&plant());
    let mut turned = plant();
    turned.models.reverse();
    turned.machines.reverse();
    turned.models.iter_mut().for_each(|model| model.properties.reverse());
    assert_eq!(render(&turned), there);
    assert!(there.files.iter().all(|file| file.text.contains(MARK)), "each is known to be ours");
    assert!(there.files.is_sorted_by(|a, b| a.path < b.path));
}

#[test]
fn each_form_of_values_has_its_panel() {
    let rendered = render(&plant());
    let dashboard = json(&rendered, "dashboards/windturbine");
    assert_eq!(dashboard["uid"], id(100).to_string());
    for (title, kind) in [
        ("Power", "timeseries"),
        ("Oil Temperature", "timeseries"),
        ("Running", "state-timeline"),
        ("State", "table"),
        ("Serviced", "table"),
        ("Values by quality", "timeseries"),
        ("Online: what the first selected asset is connected through", "stat"),
    ] {
        assert_eq!(titled(&dashboard, title)["type"], kind, "{title}");
    }
    let rows = dashboard["panels"].as_array().unwrap().iter();
    let rows: Vec<_> = rows.filter(|panel| panel["type"] == "row").collect();
    let titles: Vec<_> = rows.iter().map(|row| row["title"].as_str().unwrap()).collect();
    assert_eq!(
        titles,
        ["Connection", "Presence and quality · $asset", "WindTurbine · $asset", "Gearbox · $asset"]
    );
    assert!(rows.iter().all(|row| row["collapsed"] == false));
    assert!(
        rows[0].get("repeat").is_none() && rows[1..].iter().all(|row| row["repeat"] == "asset")
    );
}

#[test]
fn a_curve_has_its_unit_its_range_and_what_is_uncertain() {
    let dashboard = json(&render(&plant()), "dashboards/windturbine");
    let power = titled(&dashboard, "Power");
    let defaults = &power["fieldConfig"]["defaults"];
    assert_eq!(defaults["unit"], "kwatt");
    // SiteWise's own, which the plugin gives each field, would come before a default.
    let numbers = &power["fieldConfig"]["overrides"][0];
    assert_eq!(numbers["matcher"], json!({"id": "byType", "options": "number"}));
    assert_eq!(numbers["properties"], json!([{"id": "unit", "value": "kwatt"}]));
    assert_eq!(defaults["custom"]["axisSoftMin"], 0.0);
    assert_eq!(defaults["thresholds"]["steps"][2], json!({"color": "red", "value": 3600.0}));
    let [good, uncertain] = power["targets"].as_array().unwrap().as_slice() else { panic!() };
    assert_eq!((&good["refId"], &good["quality"]), (&json!("A"), &json!("GOOD")));
    assert_eq!((&good["lastObservation"], &good["propertyIds"]), (&json!(true), &json!([id(1)])));
    assert_eq!((&uncertain["refId"], &uncertain["quality"]), (&json!("B"), &json!("UNCERTAIN")));
    let oil = titled(&dashboard, "Oil Temperature");
    assert!(oil["fieldConfig"]["defaults"].get("thresholds").is_none(), "nobody said a range");
}

#[test]
fn whoever_wants_the_value_before_the_range_asks_for_one_asset() {
    let rendered = render(&plant());
    let of_sitewise =
        |file: &&File| file.path.starts_with("dashboards/") && !file.path.ends_with("/bridge.json");
    let mut asking = 0;
    for file in rendered.files.iter().filter(of_sitewise) {
        let dashboard: Value = serde_json::from_str(&file.text).unwrap();
        // An open row's panels come behind it.
        let mut repeat = Value::Null;
        for panel in dashboard["panels"].as_array().unwrap() {
            if panel["type"] == "row" {
                repeat = panel["repeat"].clone();
            }
            let targets = panel["targets"].as_array().cloned().unwrap_or_default();
            for target in targets.iter().filter(|target| target["lastObservation"] == true) {
                assert_eq!((&target["assetIds"], &repeat), (&json!(["${asset}"]), &json!("asset")));
                asking += 1;
            }
        }
    }
    assert_eq!(asking, 5);
}

#[test]
fn past_twelve_panels_rows_are_collapsed_and_cost_nothing_until_then() {
    let mut model = turbine();
    model.properties = (0..40)
        .map(|n| member(1_000 + n, &[&format!("{}/Tag {n:02}", n / 10)], ValueForm::Double))
        .collect();
    let plant = Plant { models: vec![model], ..plant() };
    let rendered = render(&plant);
    let dashboard = json(&rendered, "dashboards/windturbine");
    let rows = dashboard["panels"].as_array().unwrap().iter().filter(|p| p["type"] == "row");
    let collapsed: Vec<_> = rows.map(|row| row["collapsed"].as_bool().unwrap()).collect();
    assert_eq!(collapsed, [false, false, false, true, true, true]);
    let cost = &rendered.costs[1];
    // Two panels above, ten of forty are open; a curve reads four times, the counts 16 of each quality.
    assert_eq!((cost.panels, cost.open, cost.all), (42, 1 + 48 + 40, 1 + 48 + 160));
    assert!(dashboard["description"].as_str().unwrap().contains("at least 89 query messages"));
}

#[test]
fn a_model_with_more_tags_than_anybody_looks_at_says_what_it_leaves_out() {
    let mut model = turbine();
    model.properties =
        (0..5_000).map(|n| member(1_000 + n, &[&format!("{n}")], ValueForm::Double)).collect();
    let rendered = render(&Plant { models: vec![model], ..plant() });
    assert_eq!(rendered.costs[1].panels, MAX_PANELS);
    let said = "the dashboard of WindTurbine has no room for 4602 of its panels";
    assert_eq!(rendered.remarks, [said]);
}

#[test]
fn ids_of_panels_are_their_own_and_stay_when_others_are_added() {
    let mut more = plant();
    more.models[0].properties.push(member(8, &["Aa first"], ValueForm::Double));
    let (before, after) = (render(&plant()), render(&more));
    let ids = |rendered: &Rendered| -> BTreeSet<_> {
        let dashboard = json(rendered, "dashboards/windturbine");
        let ids: Vec<_> = panels(&dashboard)
            .iter()
            .map(|p| (p["title"].to_string(), p["id"].as_u64().unwrap()))
            .collect();
        let own: BTreeSet<_> = ids.iter().map(|(_, id)| *id).collect();
        assert_eq!(own.len(), ids.len());
        assert!(own.iter().all(|id| *id > 0 && *id < 1 << 31));
        ids.into_iter().collect()
    };
    assert!(ids(&before).is_subset(&ids(&after)));
}

#[test]
fn panels_stand_beside_each_other_without_overlap() {
    let rendered = render(&plant());
    for prefix in ["dashboards/windturbine", "dashboards/sparkwise-plant"] {
        let dashboard = json(&rendered, prefix);
        let mut taken = BTreeSet::new();
        for panel in dashboard["panels"].as_array().unwrap() {
            let place = |name: &str| panel["gridPos"][name].as_u64().unwrap();
            assert!(place("x") + place("w") <= 24);
            for x in place("x")..place("x") + place("w") {
                for y in place("y")..place("y") + place("h") {
                    assert!(taken.insert((x, y)), "{} {x} {y}", panel["title"]);
                }
            }
        }
    }
}

#[test]
fn the_plant_lists_all_machines_that_tell_whether_they_are_alive() {
    let dashboard = json(&render(&plant()), "dashboards/sparkwise-plant");
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    assert_eq!(variables.len(), 2, "the data source, and the one model with presence");
    assert_eq!(variables[1]["query"]["modelId"], id(200).to_string());
    let online = titled(&dashboard, "Online");
    assert_eq!(online["targets"][0]["queryType"], "PropertyValue");
    assert_eq!(online["targets"][0]["assetIds"], json!(["${machines1}"]));
    // Of several assets Grafana calls the field `gw1 Online`.
    assert_eq!(online["options"]["reduceOptions"]["fields"], "/(^| )Online$/");
    assert_eq!(titled(&dashboard, "Sequence gaps")["type"], "stat");
    assert_eq!(panels(&dashboard).len(), 2);
}

#[test]
fn a_plant_dashboard_with_too_many_models_says_what_it_leaves_out() {
    let model = |n: u128| Model { id: id(6_000 + n), name: format!("Node {n:03}"), ..node() };
    let rendered = render(&Plant { models: (0..201).map(model).collect(), ..plant() });
    assert_eq!(rendered.costs[0].panels, MAX_PANELS);
    let said = "the dashboard Sparkwise Plant has no room for 2 of its panels";
    assert_eq!(rendered.remarks, [said]);
}

/// Who is online was there, and not since when.
#[test]
fn the_plant_lists_last_births_and_last_deaths_in_milliseconds() {
    let mut model = node();
    model.properties.extend([
        // A model of an older bridge has one in milliseconds as well.
        presence(205, "Last birth", ValueForm::Integer),
        presence(203, "Last birth", ValueForm::Seconds),
        presence(204, "Last death", ValueForm::Seconds),
    ]);
    let dashboard =
        json(&render(&Plant { models: vec![model], ..plant() }), "dashboards/sparkwise-plant");
    for (title, property) in [("Last birth", 203), ("Last death", 204)] {
        let panel = titled(&dashboard, title);
        assert_eq!(
            (&panel["type"], &panel["targets"][0]["queryType"]),
            (&json!("table"), &json!("PropertyValue"))
        );
        assert_eq!(panel["targets"][0]["propertyIds"], json!([id(property)]));
        let transformations = panel["transformations"].as_array().unwrap();
        let ids: Vec<_> = transformations.iter().map(|of| of["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["concatenate", "reduce", "filterByValue", "calculateField", "organize"]);
        // A list of assets beside the values: of one answer alone the line would have no name.
        assert_eq!(panel["targets"][1]["queryType"], "ListAssets");
        assert_eq!(panel["targets"][1]["modelId"], id(200).to_string());
        let times = &transformations[3]["options"];
        assert_eq!((&times["binary"]["right"], &times["alias"]), (&json!("1000"), &json!(title)));
        let shown = &panel["fieldConfig"]["overrides"][0];
        assert_eq!(shown["matcher"], json!({"id": "byName", "options": title}));
        assert_eq!(shown["properties"][0]["value"], "dateTimeAsIso");
    }
}

#[test]
fn a_state_timeline_does_not_draw_the_quality() {
    let dashboard = json(&render(&plant()), "dashboards/windturbine");
    let overrides = &titled(&dashboard, "Running")["fieldConfig"]["overrides"];
    // By its type: a Boolean tag may be called `quality`.
    assert_eq!(overrides[0]["matcher"], json!({"id": "byType", "options": "string"}));
    assert_eq!(overrides[0]["properties"][0]["id"], "custom.hideFrom");
}

/// All alert rules.
fn rules(plant: &Plant) -> Vec<Value> {
    let rendered = render(plant);
    let yaml = text(&rendered, "provisioning/alerting");
    let json = yaml.split_once('\n').unwrap().1;
    let json: Value = serde_json::from_str(json).unwrap();
    json["groups"][0]["rules"].as_array().unwrap().clone()
}

#[test]
fn each_machine_and_the_bridge_have_a_rule() {
    let mut plant = plant();
    plant.machines[0].address += " $2";
    plant.machines[0].device = Some("Mast $2".into());
    let rules = rules(&plant);
    let titles: Vec<_> = rules.iter().map(|rule| rule["title"].as_str().unwrap()).collect();
    // Grafana reads $ as a variable of its environment.
    let expected =
        ["Bridge $$1 is silent", "Nordsee/gw is offline", "Nordsee/gw/Mast $$2 is offline"];
    assert_eq!(titles, expected);
    assert_eq!(
        rules[2]["labels"],
        json!({"group": "Nordsee", "node": "gw", "device": "Mast $$2"}),
        "also in a label"
    );
    let summary = rules[2]["annotations"]["summary"].as_str().unwrap();
    assert!(summary.starts_with("The device Nordsee/gw/Mast $2 has been"), "not there: {summary}");
    for (rule, state, expected) in [
        (&rules[0], "Alerting", ["A", "B", "C"].as_slice()),
        (&rules[1], "OK", &["A", "B", "death", "birth", "C"]),
        (&rules[2], "OK", &["A", "B", "death", "birth", "C"]),
    ] {
        assert!(rule["uid"].as_str().unwrap().len() <= 40, "Grafana takes 40 characters");
        let refs: Vec<_> = rule["data"].as_array().unwrap().iter().map(|d| &d["refId"]).collect();
        assert_eq!(refs, expected);
        assert_eq!(rule["condition"], "C");
        // An empty answer is an error to Grafana.
        assert_eq!((&rule["noDataState"], &rule["execErrState"]), (&json!(state), &json!(state)));
    }
}

#[test]
fn rules_ask_for_numbers_in_the_form_that_grafanas_expressions_take() {
    let rules = rules(&plant());
    let mut properties = Vec::new();
    for rule in &rules {
        for data in rule["data"].as_array().unwrap() {
            let model = &data["model"];
            if data["datasourceUid"] == DATASOURCE {
                assert_eq!(model["responseFormat"], "timeseries");
                properties.push((model["assetIds"][0].clone(), model["propertyIds"][0].clone()));
            }
        }
    }
    let of = |asset, property| (json!(id(asset)), json!(id(property)));
    let expected = [of(400, 401), of(300, 204), of(300, 203), of(301, 204), of(301, 203)];
    assert_eq!(properties, expected, "the heartbeat, each last death and last birth");
    let model = |at: usize| rules[1]["data"][at]["model"].clone();
    assert_eq!((&model(2)["expression"], &model(2)["reducer"]), (&json!("A"), &json!("last")));
    assert_eq!((&model(3)["expression"], &model(3)["reducer"]), (&json!("B"), &json!("last")));
    assert_eq!(
        (&model(4)["type"], &model(4)["expression"]),
        (&json!("math"), &json!("$death > $birth"))
    );
}

#[test]
fn a_long_address_is_cut_in_the_title_alone() {
    let mut plant = plant();
    let machine = plant.machines[0].clone();
    let long = "Ü".repeat(100);
    let of = |number: u128| Machine {
        asset: id(number),
        address: format!("{long}/{number}"),
        ..machine.clone()
    };
    plant.machines = vec![of(1), of(2)];
    let rules = rules(&plant);
    let title = |at: usize| rules[at]["title"].as_str().unwrap();
    for (at, rule) in rules.iter().enumerate().skip(1) {
        // Grafana takes 190 bytes.
        assert!((187..=190).contains(&title(at).len()), "{}", title(at).len());
        assert!(title(at).starts_with("ÜÜ") && title(at).ends_with(" is offline"), "{}", title(at));
        let summary = rule["annotations"]["summary"].as_str().unwrap();
        assert!(summary.contains(&format!("{long}/{at}")), "{summary}");
    }
    assert_ne!(title(1), title(2));
}

#[test]
fn a_plant_too_big_for_alerts_says_so() {
    let mut plant = plant();
    let machine = plant.machines[0].clone();
    let of = |n: u128| Machine { asset: id(5_000 + n), address: format!("{n}"), ..machine.clone() };
    plant.machines = (0..2_003).map(of).collect();
    let said = "3 edge nodes and devices have no alert rule: there are at most 2000";
    assert_eq!(render(&plant).remarks, [said]);
}

#[test]
fn names_of_files_are_plain_and_tell_models_apart() {
    for (title, name) in [
        ("WindTurbine", "windturbine-00000000"),
        ("Halle 1, Nord/Päckchen", "halle-1-nord-p-ckchen-00000000"),
        ("../../etc/passwd", "etc-passwd-00000000"),
        ("泵", "00000000"),
    ] {
        assert_eq!(file_name(title, &Uuid::nil().to_string()), name);
    }
}

#[test]
fn a_plant_without_anything_is_well_formed() {
    let rendered = render(&Plant::default());
    let plant = json(&rendered, "dashboards/sparkwise-plant");
    assert_eq!(plant["panels"], json!([]));
    let bridge = json(&rendered, "dashboards/bridge.json");
    assert_eq!(bridge["uid"], "sparkwise");
    assert!(bridge["panels"].as_array().unwrap().len() > 10, "the bridge's own is there");
}

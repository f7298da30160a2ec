//! How values are shown.

use super::*;

/// Points in time were shown as a number of seconds.
#[test]
fn points_in_time_are_dates() {
    let dashboard = json(&render(&plant()), "dashboards/windturbine");
    let panel = titled(&dashboard, "Serviced");
    assert_eq!((&panel["type"], &panel["description"]), (&json!("table"), &json!("")));
    let [milliseconds] = panel["transformations"].as_array().unwrap().as_slice() else { panic!() };
    let options = &milliseconds["options"];
    assert_eq!(options["binary"], json!({"left": "Serviced", "operator": "*", "right": "1000"}));
    assert_eq!(
        (&options["alias"], &options["replaceFields"]),
        (&json!("point in time"), &json!(true))
    );
    let shown = json!([{
        "matcher": {"id": "byName", "options": "point in time"},
        "properties": [{"id": "unit", "value": "dateTimeAsIso"}],
    }]);
    assert_eq!(panel["fieldConfig"]["overrides"], shown);
    // In a name Grafana would replace the variable, and find no field.
    let mut plant = plant();
    plant.models[0].properties[6].name = "Serviced $asset".into();
    let dashboard = json(&render(&plant), "dashboards/windturbine");
    let panel = titled(&dashboard, "Serviced");
    assert_eq!(panel["description"], "Seconds since 1970.");
    assert!(panel.get("transformations").is_none());
}

/// Gearboxes and generators had no tile with what they are connected through.
#[test]
fn a_template_below_a_template_shows_what_it_is_connected_through() {
    let mut plant = plant();
    plant.models[0].above =
        Some(Above { online: presence(201, "Online", ValueForm::Boolean), steps: 3 });
    let dashboard = json(&render(&plant), "dashboards/windturbine");
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let names: Vec<_> = variables.iter().map(|of| of["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["datasource", "asset", "parent1", "parent2", "parent"]);
    // Each lists what is above the one before.
    for (variable, below) in variables[2..].iter().zip(["${asset}", "${parent1}", "${parent2}"]) {
        assert_eq!(variable["query"]["assetIds"], json!([below]));
        assert_eq!((&variable["hide"], &variable["includeAll"]), (&json!(2), &json!(true)));
    }
    let tile = titled(&dashboard, "Online: what the first selected asset is connected through");
    assert_eq!(tile["targets"][0]["assetIds"], json!(["${parent}"]));
}

/// Of a healthy plant they said `No data`, and counts of metres were minutes.
#[test]
fn what_is_counted_has_no_unit_and_is_zero_before_the_first_time() {
    let rendered = render(&plant());
    let overview = json(&rendered, "dashboards/sparkwise-plant");
    assert_eq!(titled(&overview, "Sequence gaps")["fieldConfig"]["defaults"]["noValue"], "0");
    assert!(titled(&overview, "Online")["fieldConfig"]["defaults"].get("noValue").is_none());
    let dashboard = json(&rendered, "dashboards/windturbine");
    let first = &titled(&dashboard, "Values by quality")["fieldConfig"]["overrides"][0];
    assert_eq!(first["properties"], json!([{"id": "unit", "value": "short"}]));
}

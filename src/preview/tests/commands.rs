//! What could be written to the plant.

use super::*;

const RULES: &str = "Nordsee/*/Test = never
    */Nobody = never
    Turbine/Limit = 0..90 step 0.5
    Turbine/Level = 0..1000
    Turbine/Mode = Auto, Slow, 7
    */Name = 0..5
    */Locked = 0..5
    Nordsee/gw/Open = 0..5
    Nordsee/gw/Node Control/Reboot = true pulse
    Turbine/Pich = 0..5
    Nordsee/gw/Far = 200..300";

fn births() -> String {
    let mut edge = Edge::new(EdgeNode::new("Nordsee", "gw"), 0);
    let definition = Template::definition()
        .member(Metric::new("Limit", 1.0).property("engHigh", 60.0))
        .member(Metric::new("Level", 1_u8))
        .member(Metric::new("Mode", "Auto"));
    let turbine = |name: &str, high: Option<f64>| {
        let limit = Metric::new("Limit", 1.0);
        let limit = match high {
            Some(high) => limit.property("engHigh", high),
            None => limit,
        };
        let members = [limit, Metric::new("Level", 1_u8), Metric::new("Mode", "Auto")];
        Metric::template(name, Template::instance("Turbine").members(members))
    };
    let metrics = [
        Metric::template("_types_/Turbine", definition),
        turbine("T1", None),
        turbine("T2", Some(40.0)),
        Metric::new("Test", 1.0),
        Metric::new("Name", "text"),
        Metric::new("Locked", 1.0).property("readOnly", true),
        Metric::new("Open", 1.0).property("readOnly", true),
        Metric::new("Far", 1.0).property("engHigh", 100.0),
        Metric::new("Node Control/Reboot", false),
        Metric::new("Other", 1.0),
    ];
    line_of(0, &edge.nbirth(Timestamp::from_millis(START), metrics))
}

#[tokio::test]
async fn what_could_be_written_is_listed_by_rule_and_rules_without_a_metric_are_named() {
    let variables = [("COMMANDS_ALLOW", RULES)];
    let report = planned_with(&variables, &births(), FakeSiteWise::default()).await;
    let text = report.to_string();
    let (_, text) = text.split_once("Writable by COMMANDS_ALLOW\n").expect(&text);
    let expected = "  Nordsee/*/Test = never
      forbids 1 metric
  */Nobody = never
    ! matches no metric of a type that can be written, or an earlier rule takes all of them
  Turbine/Limit = 0..90 step 0.5
      Nordsee/gw/T1/Limit: 0..60
      Nordsee/gw/T2/Limit: 0..40
  Turbine/Level = 0..1000
      Nordsee/gw/T1/Level: 0..255
      Nordsee/gw/T2/Level: 0..255
  Turbine/Mode = Auto, Slow, 7
      Nordsee/gw/T1/Mode: Auto, Slow, 7
      Nordsee/gw/T2/Mode: Auto, Slow, 7
  */Name = 0..5
    ! Nordsee/gw/Name: is not numeric: the rule must list its values
  */Locked = 0..5
    ! Nordsee/gw/Locked: read-only, or a control: needs a rule with exactly this address
  Nordsee/gw/Open = 0..5
      Nordsee/gw/Open: 0..5
  Nordsee/gw/Node Control/Reboot = true pulse
      Nordsee/gw/Node Control/Reboot: true
  Turbine/Pich = 0..5
    ! matches no metric of a type that can be written, or an earlier rule takes all of them
  Nordsee/gw/Far = 200..300
    ! Nordsee/gw/Far: the rule's range is outside of the metric's own
";
    assert!(text.starts_with(expected), "{text}");
    let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
    let rules = &json["writable"]["rules"];
    assert_eq!(rules[2]["metrics"][1]["values"], "0..40", "{rules}");
    assert_eq!(
        (&rules[0]["forbidden"], rules[9]["metrics"].as_array().unwrap().len()),
        (&1.into(), 0)
    );
}

#[tokio::test]
async fn without_rules_nothing_is_said_of_commands() {
    let report = planned(&births(), FakeSiteWise::default()).await;
    assert!(!report.to_string().contains("COMMANDS_ALLOW"), "{report}");
    let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
    assert!(json["writable"].is_null());
}

//! Captures of more groups than the bridge hears.

use super::*;

/// Groups that the bridge never hears were planned for, and had dashboards.
#[test]
fn a_capture_is_read_as_the_bridge_would_hear_it() {
    let folder = std::env::temp_dir().join(format!("sparkwise-groups-{}", std::process::id()));
    let birth = |group: &str| {
        let mut edge = Edge::new(EdgeNode::new(group, "gw"), 0);
        let message = edge.nbirth(Timestamp::from_millis(START), [Metric::new("Power", 1.0)]);
        let hex: String = message.payload.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{} {hex}\n", message.topic)
    };
    std::fs::write(&folder, birth("Nordsee") + &birth("Alpen")).unwrap();
    let config = crate::sparkplug::config::Config::new("h");
    let births = |groups: Option<&[String]>| {
        let captured = capture::read(&config, groups, std::slice::from_ref(&folder)).unwrap();
        let names = captured.births().map(|birth| birth.source.to_string());
        (names.collect::<Vec<_>>(), captured.of_other_groups)
    };
    assert_eq!(births(None).0, ["Nordsee/gw", "Alpen/gw"]);
    assert_eq!(births(Some(&["Alpen".to_owned()])), (vec!["Alpen/gw".to_owned()], 1));
    std::fs::remove_file(&folder).unwrap();
}

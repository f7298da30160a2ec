//! Each refusal by its code; none of them tells the plant anything.

use super::*;
use crate::command::answer::Status;
use crate::sparkplug::datatype::DataType;
use crate::sparkplug::edge::REBIRTH;
use crate::sparkplug::value::Value;
use crate::twin::Rules;

const LIMIT: &str = "Limit";

/// What a rig answers at once to a request for `Nordsee/gw`'s `Limit`.
fn limit(rig: &mut Rig, value: impl Into<rig::Json>) -> Option<Code> {
    let code = rig.ask("Nordsee/gw", LIMIT, value);
    assert_eq!(rig.published.is_empty(), code.is_some(), "{:?}", rig.published);
    code
}

#[test]
fn malformed() {
    let mut rig = Rig::plain();
    rig.request_of("1", None, br#"{"asset":"Nordsee/gw","property":"Limit","value":41,"x":1}"#);
    let answer = rig.answered("1").unwrap();
    assert_eq!((answer.code, answer.status()), (Code::Malformed, Status::Rejected));
    assert!(answer.reason.contains("unknown field `x`"), "{}", answer.reason);
    assert!(rig.published.is_empty());
}

/// It stays in its queue and comes again each minute; it was answered and counted every twelve.
#[test]
fn what_cannot_be_read_is_answered_once_however_long_it_comes() {
    let mut rig = Rig::plain();
    for _ in 0..60 {
        rig.request_of("1", None, b"hello");
        rig.pass(60_000);
    }
    let first = rig.answers.iter().filter(|(_, _, repeated)| !repeated).count();
    assert_eq!((first, rig.answers.len()), (1, 60));
}

#[test]
fn a_reason_is_what_aws_iot_takes() {
    let mut rig = Rig::plain();
    let property = format!("Node Control/{}", "\u{7}é".repeat(1_200));
    rig.request("1", &json!({ "asset": "Nordsee/gw", "property": property, "value": 1 }));
    let answer = rig.answered("1").unwrap();
    assert_eq!((answer.code, answer.reason.chars().count()), (Code::NotAllowed, REASON_CHARS));
    assert!(!answer.reason.contains(char::is_control));
}

#[test]
fn not_allowed_without_a_rule_and_by_none_that_says_never() {
    let mut rig = Rig::new("Nordsee/gw/Speed = never\nNordsee/gw/Limit = 0..90");
    rig.born([Metric::new(LIMIT, 40.0), Metric::new("Speed", 1.0), Metric::new("Power", 1.0)]);
    for property in ["Speed", "Power", REBIRTH, "Node Control/Reboot", "bdSeq", "Online"] {
        let code = rig.ask("Nordsee/gw", property, 2);
        assert_eq!(code, Some(Code::NotAllowed), "{property}");
    }
    assert_eq!(rig.ask("Nordsee", LIMIT, 2), Some(Code::UnknownAsset), "a group has no node");
    assert_eq!(limit(&mut rig, 41), None);
}

/// It was told to the first of them.
#[test]
fn a_metric_that_its_birth_names_twice_is_not_written() {
    let mut rig = Rig::plain();
    rig.born([Metric::new(LIMIT, 40.0), Metric::new("Power", 1.0), Metric::new(LIMIT, 40_i16)]);
    assert_eq!(limit(&mut rig, 41), Some(Code::UnknownProperty));
    rig.born([Metric::new(LIMIT, 40.0), Metric::new("Power", 1.0)]);
    assert_eq!(limit(&mut rig, 41), None);
}

#[test]
fn what_controls_a_machine_or_is_read_only_is_allowed_by_its_full_name_alone() {
    let metrics = || {
        let guarded = Metric::new("Setup", 1.0).property("readOnly", true);
        [guarded, Metric::new("Node Control/Reboot", false), Metric::new(LIMIT, 1.0)]
    };
    let asked = [("Setup", 2), ("Node Control/Reboot", 1), (REBIRTH, 1)];
    let mut rig = Rig::new("*/Setup = 0, 2\nNordsee/*Control* = true pulse\n*/* = 0..90");
    rig.born(metrics());
    for (property, value) in asked {
        let code = rig.ask("Nordsee/gw", property, value);
        assert_eq!(code, Some(Code::NotAllowed), "{property}");
    }
    assert_eq!(limit(&mut rig, 2), None);
    rig.published.clear();
    let full = "Nordsee/gw/Setup = 0..90; Nordsee/gw/Node Control/Reboot = true pulse
        Nordsee/gw/Node Control/Rebirth = true pulse";
    let mut rig = Rig::new(full);
    rig.born(metrics());
    assert_eq!(rig.ask("Nordsee/gw", "Setup", 2), None);
    assert_eq!(gist(&rig.message()), "spBv1.0/Nordsee/NCMD/gw Setup(10)=2");
    for property in ["Node Control/Reboot", REBIRTH] {
        assert_eq!(rig.ask("Nordsee/gw", property, true), Some(Code::SentUnconfirmed));
        let expected = format!("spBv1.0/Nordsee/NCMD/gw {property}(11)=true");
        assert_eq!(gist(&rig.message()), expected);
    }
}

#[test]
fn what_controls_a_machine_is_guarded_within_an_instance_as_well() {
    let control = || {
        let instance = Template::instance("Control").member(Metric::new("Reboot", false));
        [Metric::template("Node Control", instance)]
    };
    for allow in ["Control/Reboot = true pulse", "Nordsee/* = true pulse"] {
        let mut rig = Rig::new(allow);
        rig.born(control());
        let code = rig.ask("Nordsee/gw/Node Control", "Reboot", true);
        assert_eq!(code, Some(Code::NotAllowed), "{allow}");
        assert!(rig.published.is_empty());
    }
    let mut rig = Rig::new("Nordsee/gw/Node Control/Reboot = true pulse");
    rig.born(control());
    let code = rig.ask("Nordsee/gw/Node Control", "Reboot", true);
    assert_eq!(code, Some(Code::SentUnconfirmed));
}

#[test]
fn a_metric_that_turns_read_only_is_guarded_from_then_on() {
    let mut rig = Rig::new("Nordsee/*/Limit = 0..90");
    let mut born = |metric: Metric| {
        rig.born([metric]);
        limit(&mut rig, 41)
    };
    assert_eq!(born(Metric::new(LIMIT, 1.0).property("readOnly", true)), Some(Code::NotAllowed));
    assert_eq!(born(Metric::new(LIMIT, 1.0).property("ReadOnly", "true")), Some(Code::NotAllowed));
    assert_eq!(born(Metric::new(LIMIT, 1.0).property("readOnly", false)), None);
    rig.published.clear();
    rig.pass(11_000);
    rig.told([Metric::new(LIMIT, 2.0).property("readOnly", true)]);
    assert_eq!(limit(&mut rig, 42), Some(Code::NotAllowed));
}

#[test]
fn unknown_asset_and_unknown_property() {
    let mut rig = Rig::plain();
    assert_eq!(rig.ask("Nordsee/other", LIMIT, 1), Some(Code::UnknownAsset));
    assert_eq!(rig.ask("3b241101-e2bb-4255-8caf-4136c566a962", LIMIT, 1), Some(Code::UnknownAsset));
    assert_eq!(rig.ask("Nordsee/gw", "Limits", 1), Some(Code::UnknownProperty));
    // It was there, and the latest birth does not have it any more.
    rig.born([Metric::new("Other", 1.0)]);
    assert_eq!(limit(&mut rig, 1), Some(Code::UnknownProperty));
}

#[test]
fn wrong_type() {
    let mut rig = Rig::plain();
    for value in [rig::Json::from("much"), true.into()] {
        assert_eq!(limit(&mut rig, value), Some(Code::WrongType));
    }
    rig.born([Metric::new(LIMIT, "text")]);
    assert_eq!(limit(&mut rig, 1), Some(Code::WrongType));
    assert_eq!(limit(&mut rig, "1"), Some(Code::NotAllowed), "a range is for numbers");
}

#[test]
fn a_metric_of_a_type_that_is_never_written_takes_no_room() {
    let mut rig = Rig::new("Nordsee/gw/Raw = x; Nordsee/gw/Text = x");
    let text = Value::String("text".into());
    let bytes = Typed::new(DataType::Bytes, Value::Bytes(b"x".as_slice().into()));
    rig.born([Metric::new("Raw", bytes), Metric::new("Text", Typed::new(DataType::Text, text))]);
    assert_eq!(rig.bridge.commands().unwrap().figures().metrics, 1);
    assert_eq!(rig.ask("Nordsee/gw", "Raw", "x"), Some(Code::UnknownProperty));
    assert!(rig.published.is_empty());
}

#[test]
fn out_of_range_is_what_rule_metric_and_type_do_not_all_allow() {
    let mut rig = Rig::new("Nordsee/gw/Limit = -300..300");
    let mut try_with = |metric: Metric, values: &[(f64, bool)]| {
        rig.born([metric]);
        for (value, allowed) in values {
            let code = limit(&mut rig, *value);
            let expected = if *allowed { None } else { Some(Code::OutOfRange) };
            assert_eq!(code, expected, "{value}");
            rig.published.clear();
            rig.pass(11_000);
        }
    };
    try_with(Metric::new(LIMIT, 0.5), &[(300.1, false), (-300.0, true), (300.0, true)]);
    let limited = Metric::new(LIMIT, 0.5).property("engLow", -10.0).property("engHigh", 90_i32);
    try_with(limited, &[(-10.5, false), (90.5, false), (90.0, true)]);
    let wider = Metric::new(LIMIT, 0.5).property("engHigh", 1_000.0);
    try_with(wider, &[(500.0, false), (299.0, true)]);
    try_with(Metric::new(LIMIT, 5_i8), &[(200.0, false), (127.0, true), (-128.0, true)]);
    try_with(Metric::new(LIMIT, 5_u8), &[(-1.0, false), (255.0, true), (256.0, false)]);
    let odd = Metric::new(LIMIT, 0.5).property("engHigh", f64::NAN);
    try_with(odd, &[(1.0, false)]);
    // A Float's own end is one that a Float holds; the rule's is the number as it was asked.
    let own = Metric::new(LIMIT, 0.5_f32).property("engHigh", 90.1_f32);
    try_with(own, &[(90.1, true), (90.2, false)]);
    try_with(Metric::new(LIMIT, 0.5_f32), &[(300.000_001, false), (300.0, true)]);
    // As text, which some edges send.
    try_with(Metric::new(LIMIT, 0.5).property("engHigh", " 50"), &[(60.0, false), (50.0, true)]);
    // Data may move the limits.
    try_with(Metric::new(LIMIT, 0.5).property("engHigh", 90.0), &[(80.0, true)]);
    rig.told([Metric::new(LIMIT, 0.5).property("engHigh", 50.0)]);
    assert_eq!(limit(&mut rig, 60.0), Some(Code::OutOfRange));
}

#[test]
fn a_definition_limits_the_members_of_its_instances() {
    let definition = Template::definition()
        .member(Metric::new(LIMIT, 0.0).property("engHigh", 50.0).property("readOnly", true));
    let own = Metric::new(LIMIT, 1.0).property("readOnly", false);
    let metrics = [
        Metric::template("Turbine", definition),
        Metric::template("T1", Template::instance("Turbine").member(own)),
        Metric::template("T2", Template::instance("Turbine").member(Metric::new(LIMIT, 1.0))),
    ];
    let mut rig = Rig::new("Turbine/Limit = 0..90");
    rig.born(metrics);
    assert_eq!(rig.ask("Nordsee/gw/T1", LIMIT, 60), Some(Code::OutOfRange));
    assert_eq!(rig.ask("Nordsee/gw/T1", LIMIT, 40), None);
    assert_eq!(rig.ask("Nordsee/gw/T2", LIMIT, 40), Some(Code::NotAllowed));
}

#[test]
fn node_offline_and_device_offline() {
    let mut rig = Rig::new("Nordsee/*/Limit = 0..90");
    rig.born([Metric::new(LIMIT, 40.0)]);
    rig.device("T1", [Metric::new(LIMIT, 40.0)]);
    let death = rig.edge.ddeath("T1", rig.now.wall);
    rig.send(&death);
    assert_eq!(rig.ask("Nordsee/gw/T1", LIMIT, 41), Some(Code::DeviceOffline));
    let death = rig.edge.ndeath();
    rig.send(&death);
    assert_eq!(limit(&mut rig, 41), Some(Code::NodeOffline));
    assert_eq!(rig.ask("Nordsee/gw/T1", LIMIT, 41), Some(Code::NodeOffline));
    rig.edge.reconnect();
    rig.born([Metric::new(LIMIT, 40.0)]);
    assert_eq!(limit(&mut rig, 41), None);
    rig.bridge.handle_disconnected(rig::SERVER, rig.now);
    rig.published.clear();
    rig.pass(20_000);
    assert_eq!(limit(&mut rig, 42), Some(Code::NodeOffline), "our own connection");
}

#[test]
fn awaiting_birth() {
    let mut rig = Rig::new("Nordsee/*/Limit = 0..90");
    rig.told([Metric::new(LIMIT, 40.0)]);
    assert_eq!(limit(&mut rig, 41), Some(Code::AwaitingBirth), "data without a birth");
    rig.born([Metric::new(LIMIT, 40.0)]);
    rig.device("T1", [Metric::new(LIMIT, 40.0)]);
    rig.born([Metric::new(LIMIT, 40.0)]);
    let code = rig.ask("Nordsee/gw/T1", LIMIT, 41);
    assert_eq!(code, Some(Code::AwaitingBirth), "the node was born again, the device not yet");
    rig.device("T1", [Metric::new(LIMIT, 40.0)]);
    assert_eq!(rig.ask("Nordsee/gw/T1", LIMIT, 41), None);
}

#[test]
fn stale() {
    let mut rig = Rig::plain();
    rig.told([Metric::new(LIMIT, 40.0).quality(500)]);
    assert_eq!(limit(&mut rig, 41), Some(Code::Stale));
    rig.told([Metric::new(LIMIT, 40.0).quality(192)]);
    assert_eq!(limit(&mut rig, 41), None);
}

/// It counted as good.
#[test]
fn what_has_no_value_is_not_written_blindly() {
    let null = || Metric::null(LIMIT, DataType::Double);
    let unknown = [null(), Metric::new(LIMIT, f64::NAN), Metric::new(LIMIT, f64::INFINITY)];
    for metric in unknown {
        let mut rig = Rig::plain();
        rig.told([metric.clone()]);
        assert_eq!(limit(&mut rig, 41), Some(Code::Stale));
        rig.born([metric]);
        assert_eq!(limit(&mut rig, 42), Some(Code::Stale));
        assert!(rig.published.is_empty());
    }
}

/// Bounds past 2^53 were rounded to doubles, and a value out of range reached the plant.
#[test]
fn bounds_that_are_no_doubles_let_nothing_past_them() {
    const TWO_53: i64 = 1 << 53;
    for (low, high, value) in [
        (-10, TWO_53 + 3, TWO_53 + 4),
        (-TWO_53 - 3, 10, -TWO_53 - 4),
        (-10, TWO_53 + 1, TWO_53 + 2),
    ] {
        for text in [false, true] {
            let metric = Metric::new(LIMIT, 1_i64);
            let metric = match text {
                true => metric
                    .property("engLow", low.to_string().as_str())
                    .property("engHigh", high.to_string().as_str()),
                false => metric.property("engLow", low).property("engHigh", high),
            };
            let mut rig = Rig::new(&format!("Nordsee/gw/{LIMIT} = -1e17..1e17"));
            rig.born([metric]);
            assert_eq!(limit(&mut rig, value), Some(Code::OutOfRange), "{value} {text}");
            assert_eq!(limit(&mut rig, value / 2), None, "{value} {text}");
        }
    }
}

#[test]
fn expired() {
    let mut rig = Rig::plain();
    rig.pass(700_000);
    let now = rig.now.wall.as_millis();
    let mut ask = |sent: Option<i64>, more: rig::Json| {
        let mut request = json!({ "asset": "Nordsee/gw", "property": LIMIT, "value": 41 });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let id = format!("{sent:?} {more}");
        let sent = sent.map(Timestamp::from_millis);
        rig.request_of(&id, sent, request.to_string().as_bytes());
        let code = rig.answered(&id).map(|answer| answer.code);
        assert_eq!(rig.published.is_empty(), code.is_some());
        if code.is_none() {
            rig.published.clear();
            rig.pass(11_000);
        }
        code
    };
    let expired = Some(Code::Expired);
    for (sent, more) in [
        (None, json!({ "expires": now })),
        (None, json!({ "expires": now - 1 })),
        // Seconds, where milliseconds are meant.
        (None, json!({ "expires": now / 1_000 })),
        (Some(now - 10_000), json!({})),
        (Some(now - 5_000), json!({ "timeout": 5 })),
        (Some(now - 4_500), json!({ "timeout": 5 })),
        (Some(now - 20_000), json!({ "timeout": 20, "expires": now + 60_000 })),
        // However long it is to hold: it may have been sent, and be forgotten.
        (Some(now - 600_000), json!({ "expires": now + 60_000 })),
        // From before the process began, though it may wait long.
        (Some(START - 1), json!({ "expires": now + 60_000 })),
    ] {
        assert_eq!(ask(sent, more.clone()), expired, "{sent:?} {more}");
    }
    assert_eq!(ask(Some(now - 599_999), json!({ "expires": now + 60_000 })), None);
    assert_eq!(ask(Some(now + 11_000), json!({ "timeout": 20 })), None);
}

#[test]
fn expired_while_nobody_knows_how_old_a_request_is() {
    let mut rig = Rig::plain();
    rig.bridge.handle_clocks(ClockAgreement::Differ);
    assert_eq!(limit(&mut rig, 41), Some(Code::Expired));
    rig.bridge.handle_clocks(ClockAgreement::Agree);
    assert_eq!(limit(&mut rig, 41), None);
}

#[test]
fn too_many_by_the_rate_and_in_all() {
    let mut rig = Rig::new("Nordsee/gw/Limit = 0..90 rate 2/1m");
    rig.born([Metric::new(LIMIT, 40.0)]);
    for value in [41.0, 42.0] {
        assert_eq!(limit(&mut rig, value), None);
        rig.published.clear();
        rig.pass(5);
        rig.told([Metric::new(LIMIT, value)]);
    }
    // A birth does not begin the rate again.
    rig.born([Metric::new(LIMIT, 42.0)]);
    assert_eq!(limit(&mut rig, 43), Some(Code::TooMany));
    rig.pass(59_975);
    assert_eq!(limit(&mut rig, 43), Some(Code::TooMany));
    rig.pass(5);
    assert_eq!(limit(&mut rig, 43), None);

    let mut rig = Rig::new("Nordsee/gw/* = 0..90");
    let names: Vec<_> = (0..=IN_FLIGHT).map(|name| name.to_string()).collect();
    rig.born(names.iter().map(|name| Metric::new(name, 1.0)));
    let codes: Vec<_> = names.iter().map(|name| rig.ask("Nordsee/gw", name, 2)).collect();
    assert_eq!(codes.iter().filter(|code| code.is_none()).count(), IN_FLIGHT);
    assert_eq!(codes.last(), Some(&Some(Code::TooMany)));
    assert_eq!(rig.published.len(), IN_FLIGHT);
}

#[test]
fn busy() {
    let mut rig = Rig::plain();
    assert_eq!(limit(&mut rig, 41), None);
    rig.published.clear();
    // Also for the value that it has, which is about to change.
    for value in [42, 40, 41] {
        assert_eq!(limit(&mut rig, value), Some(Code::Busy));
    }
    rig.told([Metric::new(LIMIT, 41.0)]);
    assert_eq!(limit(&mut rig, 42), None);
}

#[test]
fn unexpected_value() {
    let mut rig = Rig::plain();
    let mut ask = |expected: rig::Json| {
        rig.ask_with(&json!({
            "asset": "Nordsee/gw", "property": LIMIT, "value": 41, "expected": expected
        }))
    };
    assert_eq!(ask(39.into()), Some(Code::UnexpectedValue));
    assert_eq!(ask("much".into()), Some(Code::WrongType));
    assert_eq!(ask("40".into()), None);
}

#[test]
fn standby() {
    let mut rig = Rig::plain();
    rig.bridge.handle_role(Role::Follows, rig.now);
    assert_eq!(limit(&mut rig, 41), Some(Code::Standby));
    rig.bridge.handle_role(Role::Acts, rig.now);
    assert_eq!(limit(&mut rig, 41), None);
    rig.published.clear();
    rig.bridge.shut_down(rig.now);
    rig.drain();
    assert_eq!(rig.answers.remove(0).1.code, Code::NotConfirmed, "what was in flight");
    assert_eq!(limit(&mut rig, 42), Some(Code::Standby));
    rig.bridge.handle_role(Role::Acts, rig.now);
    assert_eq!(limit(&mut rig, 42), Some(Code::Standby), "it stops for good");
}

#[test]
fn a_bridge_without_commands_takes_none() {
    let mut rig = Rig::plain();
    let config = crate::bridge::Config {
        host: crate::sparkplug::config::Config::new("sparkwise"),
        twin: crate::twin::tests::config(),
        delivery: crate::delivery::Config::default(),
    };
    rig.bridge = crate::bridge::Bridge::new(config, 1);
    rig.bridge.handle_connected(rig::SERVER, rig.now.wall, rig.now);
    rig.born([Metric::new(LIMIT, 40.0)]);
    rig.request("1", &json!({ "asset": "Nordsee/gw", "property": LIMIT, "value": 41 }));
    assert!(rig.published.is_empty() && rig.answers.is_empty());
}

#[test]
fn nothing_waits_for_a_connection_nor_behind_other_messages() {
    let mut rig = Rig::new("Nordsee/gw/Reset = true pulse\nNordsee/gw/* = 0..90 rate 1/10s");
    rig.born([Metric::new("Limit", 40.0), Metric::new("Reset", false)]);
    for (uplink, code) in [(Uplink::Down, Code::NodeOffline), (Uplink::Full, Code::TooMany)] {
        rig.uplink = uplink;
        assert_eq!(rig.ask("Nordsee/gw", "Limit", 42.0), Some(code));
        assert_eq!(rig.ask("Nordsee/gw", "Reset", true), Some(code));
    }
    assert_eq!(rig.published, []);
    // Neither counts towards the rate, nor is anything sent once the server is there again.
    rig.uplink = Uplink::Open;
    rig.pass(1_000);
    assert_eq!(rig.published, []);
    assert_eq!(rig.ask("Nordsee/gw", "Limit", 42.0), None);
    rig.message();
}

/// It went to the other machine of the address while the one that was meant was offline.
#[test]
fn an_address_of_two_machines_is_ambiguous_also_while_one_is_offline() {
    let mut rig = Rig::new("*/Limit = 0..90");
    let instance = Template::instance("Turbine").member(Metric::new(LIMIT, 40.0));
    rig.born([Metric::template("T1", instance)]);
    rig.device("T1", [Metric::new(LIMIT, 40.0)]);
    assert_eq!(rig.ask("Nordsee/gw/T1", LIMIT, 41), Some(Code::UnknownProperty));
    let death = rig.edge.ddeath("T1", rig.now.wall);
    rig.send(&death);
    assert_eq!(rig.ask("Nordsee/gw/T1", LIMIT, 41), Some(Code::UnknownProperty));
    assert!(rig.published.is_empty(), "{:?}", rig.published);
}

/// SiteWise shows one value of the two, and the other one was compared with and waited for.
#[test]
fn a_member_that_a_birth_has_twice_is_not_written() {
    let mut rig = Rig::with("*/Limit = 0..90", |of_bridge, _| {
        of_bridge.twin.rules = Rules::parse("{asset}/{member} => Turbine").unwrap();
    });
    let instance =
        || Metric::template("T1", Template::instance("Turbine").member(Metric::new(LIMIT, 40.0)));
    rig.born([instance(), Metric::new("T1/Limit", 40.0)]);
    assert_eq!(rig.ask("Nordsee/gw/T1", LIMIT, 45), Some(Code::UnknownProperty));
    assert!(rig.published.is_empty(), "{:?}", rig.published);
    rig.born([instance()]);
    assert_eq!(rig.ask("Nordsee/gw/T1", LIMIT, 45), None);
}

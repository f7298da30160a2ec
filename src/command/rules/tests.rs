use super::*;

fn parsed(text: &str) -> AllowRules {
    AllowRules::parse(text).unwrap()
}

fn allows(rules: &str, name: &str, value: Value) -> Option<bool> {
    let rules = parsed(rules);
    let rule = rules.find(name, None, WriteGuard::Open)?;
    Some(rule.check(&value, value::of_value(&value)).is_ok())
}

#[test]
fn a_rule_allows_a_range_or_a_list() {
    let text = |text: &str| Value::String(text.into());
    for (rule, value, expected) in [
        ("0..90", Value::Double(90.0), true),
        ("0..90", Value::Double(90.001), false),
        ("-5..-1", Value::Int(-5), true),
        ("-5..-1", Value::Int(0), false),
        ("0..90", Value::Double(f64::NAN), false),
        ("0..90", Value::Boolean(true), false),
        ("0..90", text("5"), false),
        ("on, off", Value::Boolean(false), true),
        ("true", Value::Boolean(true), true),
        ("true", Value::Boolean(false), false),
        ("1, 2, 4", Value::UInt(2), true),
        ("1, 2, 4", Value::UInt(3), false),
        ("0.1, 0.2", Value::Float(0.1), true),
        ("0.1, 0.2", Value::Float(0.15), false),
        // A millionth beside it is not listed.
        ("1000000", Value::Double(1_000_000.5), false),
        ("0.5", Value::Float(0.500_000_1), false),
        ("5.0", Value::Int(5), true),
        ("5.5", Value::Int(5), false),
        ("9007199254740992.0", Value::Int(9_007_199_254_740_993), false),
        ("NaN", Value::Double(f64::NAN), false),
        ("Auto, \"Slow speed\"", text("Slow speed"), true),
        ("Auto, \"Slow speed\"", text("auto"), false),
        ("\"on\"", Value::Boolean(true), false),
        ("\"on\"", text("on"), true),
        ("9007199254740993", Value::Int(9_007_199_254_740_992), false),
        ("9007199254740993", Value::Int(9_007_199_254_740_993), true),
    ] {
        let rule = format!("A/B = {rule}");
        assert_eq!(allows(&rule, "A/B", value.clone()), Some(expected), "{rule} {value:?}");
    }
}

#[test]
fn the_first_rule_wins_and_a_glob_takes_nothing_that_is_guarded() {
    let rules = parsed("*/Test/* = never\nA/B = 0..1\n*/Derate = on, off; N/*/Reset = true pulse");
    let found = |name: &str, guard| rules.find(name, None, guard).map(|rule| rule.text.as_str());
    assert_eq!(found("A/B", WriteGuard::Open), Some("A/B = 0..1"));
    assert_eq!(found("A/B", WriteGuard::FullName), Some("A/B = 0..1"));
    assert_eq!(found("G/N/D/Derate", WriteGuard::Open), Some("*/Derate = on, off"));
    assert_eq!(found("G/N/D/Derate", WriteGuard::FullName), None);
    assert_eq!(found("G/Test/Derate", WriteGuard::Open), None, "never");
    assert_eq!(found("A/B/C", WriteGuard::Open), None, "a rule is no tree");
    assert_eq!(found("a/b", WriteGuard::Open), None);
    // A model stands for many metrics, as a glob does; what forbids them holds all the same.
    let by_model = |guard| rules.find("G/N/T/B", Some("A/B"), guard).is_some();
    assert!(by_model(WriteGuard::Open) && !by_model(WriteGuard::FullName));
    assert!(rules.find("A/B", Some("M/Test/B"), WriteGuard::FullName).is_none(), "never");
    let rule = rules.find("N/1/Reset", None, WriteGuard::Open).unwrap();
    assert_eq!(rule.echo, Confirmation::None);
    assert_eq!(guard("Node Control/Reboot", false), WriteGuard::FullName);
    assert_eq!(guard("Device Control/Reboot", false), WriteGuard::FullName);
    assert_eq!(guard("T1/Node Control/Reboot", false), WriteGuard::FullName);
    assert_eq!(guard("Derate", true), WriteGuard::FullName);
    assert_eq!(guard("Derate", false), WriteGuard::Open);
}

#[test]
fn a_name_may_have_what_else_is_a_wildcard() {
    let rules = parsed(r"A/B \[1\] = 0..1");
    assert!(rules.find("A/B [1]", None, WriteGuard::FullName).is_some());
    assert!(rules.may_take("G/N/B [1]"));
}

#[test]
fn step_rate_and_pulse_follow_in_any_order() {
    let rules = parsed("A/B = 0..90 rate 3/1m step 0.5\nA/C = true pulse rate 1/10s");
    let rule = rules.find("A/B", None, WriteGuard::Open).unwrap();
    assert_eq!(rule.step(), Some(0.5));
    assert_eq!(rule.rate, Some(Rate { count: 3, per: Duration::from_secs(60) }));
    assert_eq!(rule.echo, Confirmation::Value);
    let rule = rules.find("A/C", None, WriteGuard::Open).unwrap();
    assert_eq!(rule.rate, Some(Rate { count: 1, per: Duration::from_secs(10) }));
    assert_eq!((rule.step(), rule.echo), (None, Confirmation::None));
}

#[test]
fn only_what_a_rule_may_be_for_is_remembered() {
    let rules = parsed("WindTurbine/Pitch/Limit = 0..90\nNordsee/*/Derate = on, off");
    for (address, expected) in [
        ("G/N/T 1/Pitch/Limit", true),
        ("G/N/Limit", true),
        ("G/N/T 1/Derate", true),
        ("G/N/T 1/Speed", false),
        ("G/N/Derate/Speed", false),
    ] {
        assert_eq!(rules.may_take(address), expected, "{address}");
    }
    assert!(parsed("G/N/*it = 0..1").may_take("a/b/c"));
    // A slash within braces ends no name.
    let braces = parsed("Nordsee/gw/{T1/Limit,T2/Pitch} = 0..90");
    assert!(braces.find("Nordsee/gw/T1/Limit", None, WriteGuard::Open).is_some());
    assert!(braces.may_take("Nordsee/gw/T1/Limit") && braces.may_take("Nordsee/gw/T2/Pitch"));
    assert_eq!(braces.members().remove(0).property, None);
    let rules = parsed("Nordsee/* = never\nG/N/Derate = on, off");
    assert!(!rules.may_take("Nordsee/N/Speed"), "what is never written takes no room");
    assert!(rules.may_take("Nordsee/N/Derate"));
}

#[test]
fn rules_that_cannot_be_meant_are_named_with_what_to_do() {
    for (text, reason) in [
        (" ; \n", "empty list"),
        ("A/B", "without `=`"),
        ("Derate = on", "neither model/member nor"),
        ("/Derate = on", "neither model/member nor"),
        ("A//B = on", "neither model/member nor"),
        ("A/bdSeq = 1", "never written"),
        ("A/B =", "without any value"),
        ("A/B = , 1", "before the first value"),
        ("A/B = 1,", "nothing after a comma"),
        ("A/B = 1,,2", "nothing after a comma"),
        ("A/B = 0..x", "two numbers"),
        ("A/B = 90..0", "which is empty"),
        ("A/B = 0..9007199254740993", "is past what a range takes exactly; write 9007199254740992"),
        ("A/B = 0..9007199254740995", "write 9007199254740994"),
        ("A/B = -9007199254740995..0", "write -9007199254740994"),
        ("A/B = -9007199254740993..0", "write -9007199254740992"),
        ("A/B = 0..inf", "two numbers"),
        ("A/B = 0..90, 95", "a comma where none belongs"),
        ("A/B = 0..90 step 0", "the step `0`"),
        ("A/B = 0..90 step 91", "the step `91`"),
        ("A/B = 0..90 step", "nothing after `step`"),
        ("A/B = 0..90 step 1 step 2", "does not follow one range"),
        ("A/B = on, off step 1", "does not follow one range"),
        ("A/B = on rate 1", "the rate `1`"),
        ("A/B = on rate 0/1s", "the rate `0/1s`"),
        ("A/B = on rate 1/0s", "the rate `1/0s`"),
        ("A/B = on rate 1/2d", "the rate `1/2d`"),
        ("A/B = on pulse pulse", "each once"),
        ("A/B = Slow speed", "in double quotes"),
        ("A/B = \"Slow", "not closed"),
        ("A/B = never pulse", "something after `never`"),
        ("A/[ = on", "invalid glob"),
        ("A/B = on\nA/B = off", "put the more specific rule first"),
        ("*/B = on\nA/B = off", "put the more specific rule first"),
        ("*/B = on\n*/B = off", "put the more specific rule first"),
        ("G/* = on\nG/*/Test/* = never", "put the more specific rule first"),
        ("*/B = on\nG/*/B = off", "put the more specific rule first"),
        ("A/B = on\nG/*/Test/* = never", "put the one with `never` first"),
        ("A/B = on\nG/N/D/B = never", "put the one with `never` first"),
        ("G/* = on\nA/B = never", "put the one with `never` first"),
        ("M/B = on\nG/N/{T1/B,T2/B} = never", "put the one with `never` first"),
    ] {
        let said = AllowRules::parse(text).unwrap_err();
        assert!(said.contains(reason), "{text}: {said}");
    }
}

#[test]
fn a_rule_that_an_earlier_one_does_not_wholly_cover_is_no_error() {
    for text in [
        "G/*/Test/* = never\nG/* = on",
        "G/?/B = on\nG/*/B = off",
        "G/[*]/B = on\nG/*/B = off",
        "G/*/B = on\nG/**/B = off",
        "G/*/B = on\nG/*/*B = off",
        // These are for other metrics, or the more specific one is first.
        "A/B = on\nG/*/Test/C = never",
        "G/N/D/B = on\nA/B = never",
        "G/N/D/B = on\nG/N/* = never\n*/B = off",
        "A/B = never\nG/* = on",
    ] {
        assert!(AllowRules::parse(text).is_ok(), "{text}");
    }
}

//! Last values that are not the metric's current one, births that do not count, and clocks.

use super::*;
use crate::sparkplug::address::EdgeNode;
use crate::sparkplug::host::LostSenders;
use crate::sparkplug::value::Value;

const LIMIT: &str = "Limit";

fn limit(rig: &mut Rig, value: f64) -> Option<Code> {
    let code = rig.ask("Nordsee/gw", LIMIT, value);
    if code.is_none() {
        rig.message();
    }
    code
}

fn expecting(rig: &mut Rig, expected: f64, value: f64) -> Option<Code> {
    rig.ask_with(&json!({
        "asset": "Nordsee/gw", "property": LIMIT, "value": value, "expected": expected
    }))
}

#[test]
fn a_birth_with_a_historical_value_or_an_alarm_is_stale() {
    for metric in
        [Metric::new(LIMIT, 40.0).historical(), Metric::new(LIMIT, 40.0).content_type("Alarm")]
    {
        let mut rig = Rig::new("Nordsee/gw/Limit = 0..90");
        rig.born([metric]);
        assert_eq!(limit(&mut rig, 41.0), Some(Code::Stale));
        rig.told([Metric::new(LIMIT, 40.0)]);
        assert_eq!(limit(&mut rig, 41.0), None);
    }
}

#[test]
fn a_request_that_is_stamped_ahead_of_our_clock_is_not_sent_twice() {
    for (ahead, expected) in [(60_000, None), (60_001, Some(Code::Expired))] {
        let mut rig = Rig::plain();
        let sent = Timestamp::from_millis(rig.now.wall.as_millis() + ahead);
        let request = json!({
            "asset": "Nordsee/gw", "property": LIMIT, "value": 41, "expires": START + 3_600_000
        });
        let request = request.to_string();
        rig.request_of("1", Some(sent), request.as_bytes());
        assert_eq!(rig.answered("1").map(|answer| answer.code), expected);
        assert_eq!(rig.published.is_empty(), expected.is_some());
        rig.told([Metric::new(LIMIT, 41.0)]);
        rig.told([Metric::new(LIMIT, 40.0)]);
        rig.published.clear();
        // It is valid still, by its stamp.
        rig.pass(659_000);
        rig.answers.clear();
        rig.request_of("1", Some(sent), request.as_bytes());
        assert!(rig.published.is_empty());
        assert!(rig.answers.remove(0).2, "it is known again");
    }
}

#[test]
fn a_device_whose_new_birth_cannot_be_read_is_not_written_by_its_old_one() {
    let mut rig = Rig::new("Nordsee/gw/T1/Limit = 0..90");
    rig.born([]);
    rig.device("T1", [Metric::new(LIMIT, 40.0)]);
    let mut birth = rig.edge.dbirth("T1", rig.now.wall, [Metric::new(LIMIT, 40.0)]);
    birth.payload = vec![0xff; 3];
    rig.send(&birth);
    rig.published.clear();
    assert_eq!(rig.ask("Nordsee/gw/T1", LIMIT, 41), Some(Code::AwaitingBirth));
    assert!(rig.published.is_empty());
    rig.born([]);
    rig.device("T1", [Metric::new(LIMIT, 40.0)]);
    assert_eq!(rig.ask("Nordsee/gw/T1", LIMIT, 41), None);
}

#[test]
fn an_old_births_value_neither_confirms_nor_is_there_already() {
    let old = || Metric::new(LIMIT, 41.0).at(Timestamp::from_millis(START));
    let mut rig = Rig::plain();
    rig.request("1", &json!({ "asset": "Nordsee/gw", "property": LIMIT, "value": 41 }));
    rig.pass(500);
    rig.told([Metric::new(LIMIT, 40.5)]);
    for _ in 0..2 {
        rig.born([old()]);
        assert!(rig.answers.is_empty());
    }
    rig.pass(10_000);
    assert_eq!(rig.answered("1").unwrap().code, Code::NotConfirmed);
    rig.published.clear();
    assert_eq!(limit(&mut rig, 41.0), Some(Code::Stale));
    rig.told([Metric::new(LIMIT, 41.0)]);
    assert_eq!(limit(&mut rig, 41.0), Some(Code::Already));
    // The same value may have been told again, by its old time.
    rig.born([old()]);
    assert_eq!(limit(&mut rig, 41.0), Some(Code::Already));
}

#[test]
fn an_old_time_of_a_birth_counts_where_the_clock_had_gone_ahead() {
    let mut rig = Rig::plain();
    rig.told([Metric::new(LIMIT, 40.5).at(Timestamp::from_millis(START + 86_400_000))]);
    rig.born([Metric::new(LIMIT, 41.0)]);
    assert_eq!(limit(&mut rig, 41.0), Some(Code::Already));
}

#[test]
fn a_value_that_was_dropped_as_older_puts_the_last_one_in_doubt() {
    let mut rig = Rig::plain();
    rig.pass(1_000);
    rig.told([Metric::new(LIMIT, 40.0)]);
    let older = |value: f64| Metric::new(LIMIT, value).at(Timestamp::from_millis(START + 20));
    rig.told([older(40.0)]);
    assert_eq!(limit(&mut rig, 40.0), Some(Code::Already), "it says the same");
    rig.told([older(41.0)]);
    assert_eq!(expecting(&mut rig, 40.0, 42.0), Some(Code::UnexpectedValue));
    assert_eq!(expecting(&mut rig, 41.0, 42.0), Some(Code::UnexpectedValue));
    rig.request("1", &json!({ "asset": "Nordsee/gw", "property": LIMIT, "value": 40 }));
    assert_eq!(rig.published.len(), 1, "what is in doubt is not there already");
    rig.told([older(40.0)]);
    assert!(rig.answers.is_empty(), "and confirms nothing");
    rig.told([Metric::new(LIMIT, 40.0)]);
    assert_eq!(rig.answered("1").unwrap().value, Some(Value::Double(40.0)));
    assert_eq!(limit(&mut rig, 40.0), Some(Code::Already));
}

#[test]
fn what_may_have_been_lost_in_a_gap_puts_all_last_values_of_the_node_in_doubt() {
    let mut rig = Rig::plain();
    rig.device("T1", [Metric::new("Speed", 1.0)]);
    rig.edge.skip(1);
    let data = rig.edge.ddata("T1", rig.now.wall, [Metric::new("Speed", 2.0)]);
    rig.send(&data);
    rig.pass(6_000);
    rig.published.clear();
    assert_eq!(expecting(&mut rig, 40.0, 42.0), Some(Code::UnexpectedValue));
    rig.told([Metric::new(LIMIT, 40.0)]);
    assert_eq!(limit(&mut rig, 40.0), Some(Code::Already));
}

/// A quality that an instance says alone was not seen: a command went to a metric that SiteWise showed
/// as BAD, and one that was GOOD again stayed out of reach until it spoke.
#[test]
fn the_quality_that_an_instance_says_alone_counts() {
    let turbine = |quality: Option<i32>| {
        let mut template = Template::instance("Turbine");
        if quality.is_none() {
            template = template.member(Metric::new(LIMIT, 40.0));
        }
        let metric = Metric::template("T1", template);
        quality.map_or(metric.clone(), |code| metric.quality(code))
    };
    let definition = || Template::definition().member(Metric::new(LIMIT, 0.0));
    let mut rig = Rig::new("Turbine/Limit = 0..90");
    rig.born([Metric::template("Turbine", definition()), turbine(None)]);
    let ask = |rig: &mut Rig, value: f64| {
        let code = rig.ask("Nordsee/gw/T1", LIMIT, value);
        rig.published.clear();
        code
    };
    rig.pass(10);
    rig.told([turbine(Some(0))]);
    assert_eq!(ask(&mut rig, 41.0), Some(Code::Stale));
    assert_eq!(ask(&mut rig, 40.0), Some(Code::Stale), "not there already either");
    rig.pass(10);
    rig.told([turbine(Some(192))]);
    assert_eq!(ask(&mut rig, 40.0), Some(Code::Already));
    assert_eq!(ask(&mut rig, 41.0), None);
    // That it is GOOD confirms nothing by itself.
    rig.pass(10);
    rig.told([turbine(Some(192))]);
    assert!(rig.answers.is_empty());
    rig.pass(20_000);
    rig.answers.clear();
    // What had no value has none by its quality.
    rig.born([Metric::template("Turbine", definition()), {
        Metric::template("T1", Template::instance("Turbine"))
    }]);
    rig.pass(10);
    rig.told([turbine(Some(192))]);
    assert_eq!(ask(&mut rig, 41.0), Some(Code::Stale));
}

/// The instance's quality hid that of the metric, and its time hid the machine's answer.
#[test]
fn a_quality_said_alone_hides_neither_the_metrics_own_nor_an_answer_of_before() {
    let turbine = |code: i32, limit: Option<Metric>| {
        let template = limit.into_iter().fold(Template::instance("Turbine"), Template::member);
        Metric::template("T1", template).quality(code)
    };
    let definition = Template::definition().member(Metric::new(LIMIT, 0.0));
    let mut rig = Rig::new("Turbine/Limit = 0..90");
    let born = turbine(192, Some(Metric::new(LIMIT, 40.0)));
    rig.born([Metric::template("Turbine", definition), born]);
    rig.pass(10);
    rig.told([turbine(192, Some(Metric::new(LIMIT, 40.0).quality(0)))]);
    rig.pass(10);
    rig.told([turbine(192, None)]);
    assert_eq!(rig.ask("Nordsee/gw/T1", LIMIT, 41.0), Some(Code::Stale), "its own is BAD");
    rig.pass(10);
    rig.told([turbine(192, Some(Metric::new(LIMIT, 40.0)))]);
    let changed = rig.now.wall.plus(Duration::from_millis(5));
    rig.pass(10);
    rig.told([turbine(192, None)]);
    rig.request("1", &json!({ "asset": "Nordsee/gw/T1", "property": LIMIT, "value": 41 }));
    assert!(rig.answered("1").is_none());
    rig.pass(10);
    rig.told([turbine(192, Some(Metric::new(LIMIT, 41.0).at(changed)))]);
    assert_eq!(rig.answered("1").unwrap().code, Code::Confirmed);
}

/// The newer value lay in the reorder window, or was dropped by our own queue: a request was answered
/// ALREADY by the old one, and one that expected it was sent.
#[test]
fn a_value_that_may_be_on_its_way_puts_the_last_one_in_doubt() {
    let mut rig = Rig::plain();
    rig.edge.skip(1);
    rig.told([Metric::new(LIMIT, 41.0)]);
    assert_eq!(expecting(&mut rig, 40.0, 60.0), Some(Code::UnexpectedValue));
    assert_eq!(limit(&mut rig, 40.0), None, "it may be another by now");
    let mut rig = Rig::plain();
    let lost = |edge: &str| {
        let senders = [EdgeNode::new("Nordsee", edge)].into();
        LostSenders { senders, ..LostSenders::default() }
    };
    rig.bridge.handle_lost(rig::SERVER, &lost("another"), rig.now);
    assert_eq!(limit(&mut rig, 40.0), Some(Code::Already));
    rig.bridge.handle_lost(rig::SERVER, &lost("gw"), rig.now);
    rig.drain();
    rig.published.clear();
    assert_eq!(expecting(&mut rig, 40.0, 60.0), Some(Code::UnexpectedValue));
    assert_eq!(limit(&mut rig, 40.0), None);
}

/// The twin had the leaves of the birth before: the command went to another machine, whose value
/// confirmed it.
#[test]
fn nothing_is_sent_while_the_twin_is_behind_the_session() {
    let turbine = |name: &str| {
        Metric::template(name, Template::instance("Turbine").member(Metric::new(LIMIT, 40.0)))
    };
    let mut rig = Rig::new("*/Limit = 0..90");
    rig.is_reachable = false;
    rig.bridge.set_deferrable(true);
    rig.born([turbine("T1"), turbine("T2")]);
    rig.bridge.defer(rig.now);
    rig.born([turbine("T0"), turbine("T1"), turbine("T2")]);
    rig.is_reachable = true;
    rig.pass(600_000);
    rig.published.clear();
    assert_eq!(rig.ask("Nordsee/gw/T1", LIMIT, 80), Some(Code::AwaitingBirth));
    assert!(rig.published.is_empty(), "{:?}", rig.published);
}

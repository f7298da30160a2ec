//! From sending to the answer.

use super::*;
use crate::sparkplug::value::Value;

const LIMIT: &str = "Limit";

/// Sends 41 to a metric that has 40.
fn sent() -> Rig {
    let mut rig = Rig::plain();
    rig.request("1", &json!({ "asset": "Nordsee/gw", "property": LIMIT, "value": 41 }));
    assert_eq!(rig.started, ["1"]);
    rig.message();
    rig
}

fn code(rig: &mut Rig) -> Option<Code> {
    rig.answered("1").map(|answer| answer.code)
}

#[test]
fn the_metrics_own_next_value_confirms() {
    let mut rig = sent();
    rig.pass(250);
    rig.told([Metric::new(LIMIT, 40.5)]);
    rig.told([Metric::new("Other", 41.0)]);
    assert_eq!(code(&mut rig), None, "the machine is on its way");
    rig.pass(250);
    rig.told([Metric::new(LIMIT, 41.0)]);
    let answer = rig.answered("1").unwrap();
    assert_eq!(answer.code, Code::Confirmed);
    assert_eq!(answer.value, Some(Value::Double(41.0)));
    assert_eq!(answer.confirmed_after, Some(Duration::from_millis(500)));
    assert_eq!(answer.metric.as_deref(), Some("Nordsee/gw/Limit"));
    rig.pass(60_000);
    assert_eq!((rig.answers.len(), rig.published.len()), (0, 0), "once");
    let figures = rig.bridge.commands().unwrap().figures();
    assert_eq!((figures.sent, figures.in_flight, figures.metrics), (1, 0, 1));
    assert_eq!(figures.answers, BTreeMap::from([(Code::Confirmed, 1)]));
}

#[test]
fn a_birth_confirms_as_well() {
    let mut rig = sent();
    rig.born([Metric::new(LIMIT, 40.0)]);
    assert_eq!(code(&mut rig), None);
    rig.born([Metric::new("More", 1.0), Metric::new(LIMIT, 41.0)]);
    assert_eq!(code(&mut rig), Some(Code::Confirmed));
}

#[test]
fn what_is_not_the_metrics_current_good_value_confirms_nothing() {
    let mut rig = sent();
    rig.pass(500);
    rig.told([Metric::new(LIMIT, 41.0).quality(0)]);
    rig.told([Metric::new(LIMIT, 41.0).historical()]);
    rig.told([Metric::new(LIMIT, 41.0).at(Timestamp::from_millis(START - 60_000))]);
    rig.told([Metric::null(LIMIT, DataType::Double)]);
    rig.told([Metric::new(LIMIT, 41.0).content_type("Alarm")]);
    rig.told([Metric::new(LIMIT, 40.0)]);
    assert_eq!(code(&mut rig), None);
    rig.pass(10_000);
    let answer = rig.answered("1").unwrap();
    assert_eq!(answer.code, Code::NotConfirmed);
    assert!(answer.reason.contains("the metric reported 40"), "{}", answer.reason);
}

#[test]
fn silence_is_not_confirmed_and_nothing_is_sent_again() {
    let mut rig = sent();
    rig.pass(9_999);
    assert_eq!(code(&mut rig), None);
    rig.pass(1);
    let answer = rig.answered("1").unwrap();
    assert_eq!(answer.code, Code::NotConfirmed);
    assert!(answer.reason.contains("reported no value"), "{}", answer.reason);
    // A late answer changes nothing; the machine has the value then.
    rig.told([Metric::new(LIMIT, 41.0)]);
    rig.pass(600_000);
    assert_eq!((rig.answers.len(), rig.published.len()), (0, 0));
    assert_eq!(rig.ask("Nordsee/gw", LIMIT, 41), Some(Code::Already));
}

#[test]
fn a_value_after_the_wait_does_not_confirm_where_the_timer_is_late() {
    let mut rig = sent();
    rig.now = rig.now.plus(Duration::from_millis(10_000));
    rig.told([Metric::new(LIMIT, 41.0)]);
    assert_eq!(code(&mut rig), Some(Code::NotConfirmed));
    assert!(rig.answers.is_empty());
}

#[test]
fn a_death_does_not_end_the_wait_and_a_birth_may() {
    let mut rig = sent();
    let death = rig.edge.ndeath();
    rig.send(&death);
    rig.pass(2_000);
    assert_eq!(code(&mut rig), None);
    rig.edge.reconnect();
    rig.born([Metric::new(LIMIT, 41.0)]);
    assert_eq!(code(&mut rig), Some(Code::Confirmed));
}

#[test]
fn the_answer_comes_a_second_before_the_sender_stops_waiting() {
    for (timeout, expected) in [(5, 4_000), (10, 9_000), (20, 10_000)] {
        let mut rig = Rig::plain();
        rig.request(
            "1",
            &json!({ "asset": "Nordsee/gw", "property": LIMIT, "value": 41, "timeout": timeout }),
        );
        rig.pass(expected - 1);
        assert_eq!(code(&mut rig), None, "{timeout}");
        rig.pass(1);
        assert_eq!(code(&mut rig), Some(Code::NotConfirmed), "{timeout}");
    }
}

#[test]
fn what_the_metric_has_already_is_not_sent() {
    let mut rig = Rig::plain();
    assert_eq!(rig.ask("Nordsee/gw", LIMIT, "40"), Some(Code::Already));
    assert!(rig.published.is_empty());
    // Nor is one a millionth beside it the same, as long as nothing was sent.
    assert_eq!(rig.ask("Nordsee/gw", LIMIT, 40.000_01), None);
    rig.told([Metric::new(LIMIT, 40.0)]);
    assert!(rig.answers.is_empty(), "nor where the machine repeats its old value");
    rig.told([Metric::new(LIMIT, 40.000_02)]);
    assert_eq!(rig.answers.remove(0).1.code, Code::Confirmed);
    rig.told([Metric::new(LIMIT, 40.0)]);
    let expected = json!({
        "asset": "Nordsee/gw", "property": LIMIT, "value": 41, "expected": 40.000_01
    });
    assert_eq!(rig.ask_with(&expected), Some(Code::UnexpectedValue));
    // One step from it is another value.
    let mut rig = Rig::new("Nordsee/gw/Limit = 0..90 step 0.5");
    rig.born([Metric::new(LIMIT, 40.0_f32)]);
    assert_eq!(rig.ask("Nordsee/gw", LIMIT, 40.25), None);
    assert_eq!(gist(&rig.message()), "spBv1.0/Nordsee/NCMD/gw Limit(9)=40.25");
    rig.told([Metric::new(LIMIT, 40.5_f32)]);
    assert_eq!(rig.answers.len(), 1, "within the machine's resolution");
}

/// A machine in local mode that says its old value again was taken for one that obeys.
#[test]
fn the_value_of_before_confirms_nothing_that_is_nearer_than_a_step() {
    let mut rig = Rig::new("Nordsee/gw/Limit = 0..90 step 5");
    rig.born([Metric::new(LIMIT, 40.0_f32)]);
    assert_eq!(rig.ask("Nordsee/gw", LIMIT, 43.0), None);
    rig.told([Metric::new(LIMIT, 40.0_f32)]);
    assert_eq!(rig.answers.len(), 0);
    rig.told([Metric::new(LIMIT, 44.0_f32)]);
    assert_eq!(rig.answers.remove(0).1.code, Code::Confirmed);
}

#[test]
fn a_pulse_is_sent_each_time_and_wants_no_echo() {
    let mut rig = Rig::new("Nordsee/gw/Reset = true pulse");
    rig.born([Metric::new("Reset", true)]);
    for _ in 0..2 {
        assert_eq!(rig.ask("Nordsee/gw", "Reset", true), Some(Code::SentUnconfirmed));
        assert_eq!(gist(&rig.message()), "spBv1.0/Nordsee/NCMD/gw Reset(11)=true");
    }
    assert_eq!(rig.ask("Nordsee/gw", "Reset", false), Some(Code::OutOfRange));
    assert!(rig.started.is_empty());
}

/// It was answered as sent when it was queued for the client, also where it never left.
#[test]
fn a_pulse_counts_as_sent_once_the_client_has_it() {
    let mut rig = Rig::new("Nordsee/gw/Reset = true pulse rate 2/1h");
    rig.born([Metric::new("Reset", false)]);
    rig.sends = false;
    let key = |id: &str| RequestKey::new(crate::command::request::CommandChannel::Queue, id);
    let reset = json!({ "asset": "Nordsee/gw", "property": "Reset", "value": true });
    for (id, sent, code) in [
        ("1", Err(Unsent::NoSession), Code::NodeOffline),
        ("2", Err(Unsent::Late), Code::TooMany),
        ("3", Ok(()), Code::SentUnconfirmed),
    ] {
        rig.request(id, &reset);
        assert_eq!((rig.published.len(), rig.answers.len()), (1, 0), "{id}");
        rig.published.clear();
        rig.bridge.handle_sending(&key(id), sent, rig.now);
        rig.drain();
        let answer = rig.answered(id).unwrap();
        assert_eq!((answer.code, answer.metric.is_some()), (code, true));
        rig.bridge.handle_sending(&key(id), Err(Unsent::Late), rig.now);
        rig.drain();
        assert!(rig.answers.is_empty(), "one answer each");
    }
    // Those that were not sent do not count towards the rate. Of this one nothing is heard in time.
    rig.request("4", &reset);
    rig.pass(9_999);
    assert!(rig.answers.is_empty());
    rig.pass(1);
    assert_eq!(rig.answered("4").unwrap().code, Code::NotConfirmed);
    rig.request("5", &reset);
    assert_eq!(rig.answered("5").unwrap().code, Code::TooMany);
}

/// It was given up at once, while the word that the client has it was on its way: whoever sends a failed
/// request again pulses twice.
#[test]
fn a_pulse_is_answered_by_what_became_of_it_at_an_end_as_well() {
    let mut rig = Rig::new("Nordsee/gw/Reset = true pulse");
    rig.born([Metric::new("Reset", false)]);
    rig.sends = false;
    let key = |id: &str| RequestKey::new(crate::command::request::CommandChannel::Queue, id);
    for id in ["1", "2", "3"] {
        rig.request(id, &json!({ "asset": "Nordsee/gw", "property": "Reset", "value": true }));
    }
    rig.published.clear();
    rig.bridge.shut_down(rig.now);
    rig.drain();
    let waiting = |rig: &Rig| rig.bridge.commands().unwrap().unsent_pulses();
    assert_eq!((rig.answers.len(), waiting(&rig)), (0, 3));
    rig.bridge.handle_sending(&key("1"), Ok(()), rig.now);
    rig.bridge.handle_sending(&key("2"), Err(Unsent::NoSession), rig.now);
    rig.bridge.end_commands(rig.now);
    rig.drain();
    let codes = ["1", "2", "3"].map(|id| rig.answered(id).unwrap().code);
    assert_eq!(codes, [Code::SentUnconfirmed, Code::NodeOffline, Code::NotConfirmed]);
    assert_eq!(waiting(&rig), 0);
}

#[test]
fn a_request_that_comes_twice_gets_the_first_ones_answer() {
    let request = json!({ "asset": "Nordsee/gw", "property": LIMIT, "value": 41 });
    let mut rig = sent();
    rig.request("1", &request);
    assert!(rig.answers.is_empty() && rig.published.is_empty(), "its answer is to come");
    rig.told([Metric::new(LIMIT, 41.0)]);
    let first = rig.answered("1").unwrap();
    rig.told([Metric::new(LIMIT, 40.0)]);
    rig.request("1", &request);
    let (_, again, repeated) = rig.answers.remove(0);
    assert_eq!((again, repeated), (first, true));
    // A refusal is kept as well.
    rig.bridge.handle_role(Role::Follows, rig.now);
    rig.request("2", &request);
    rig.bridge.handle_role(Role::Acts, rig.now);
    rig.request("2", &request);
    let codes: Vec<_> =
        rig.answers.drain(..).map(|(_, answer, again)| (answer.code, again)).collect();
    assert_eq!(codes, [(Code::Standby, false), (Code::Standby, true)]);
    assert!(rig.published.is_empty());
    assert_eq!(rig.bridge.commands().unwrap().figures().repeated, 3);
    // After twelve minutes it would be another one; the door has an expiry for that.
    rig.pass(720_000);
    rig.request("1", &request);
    assert_eq!(rig.published.len(), 1);
}

#[test]
fn the_same_id_at_another_door_is_another_request() {
    let mut rig = sent();
    rig.told([Metric::new(LIMIT, 41.0)]);
    let key = RequestKey::new(request::CommandChannel::Iot, "1");
    let request = json!({ "asset": "Nordsee/gw", "property": LIMIT, "value": 42 });
    let envelope = Envelope { key, sent: request::Sent::OnArrival(rig.now.wall) };
    rig.bridge.handle_request(envelope, request.to_string().as_bytes(), &[Uplink::Open], rig.now);
    rig.drain();
    assert_eq!(rig.published.len(), 1);
}

#[test]
fn a_clock_that_went_ahead_does_not_hide_what_comes_after() {
    let mut rig = sent();
    let far = Timestamp::from_millis(START + 86_400_000);
    rig.told([Metric::new(LIMIT, 40.0).at(far)]);
    rig.told([Metric::new(LIMIT, 41.0)]);
    assert_eq!(code(&mut rig), Some(Code::Confirmed));
}

#[test]
fn the_same_metric_of_two_devices_is_two() {
    let mut rig = Rig::new("Nordsee/gw/*/Limit = 0..90");
    rig.born([]);
    rig.device("T1", [Metric::new(LIMIT, 40.0)]);
    rig.device("T2", [Metric::new(LIMIT, 40.0)]);
    rig.request("1", &json!({ "asset": "Nordsee/gw/T1", "property": LIMIT, "value": 41 }));
    rig.request("2", &json!({ "asset": "Nordsee/gw/T2", "property": LIMIT, "value": 41 }));
    assert_eq!(rig.published.len(), 2);
    let data = rig.edge.ddata("T2", rig.now.wall, [Metric::new(LIMIT, 41.0)]);
    rig.send(&data);
    assert_eq!(rig.answered("2").unwrap().code, Code::Confirmed);
    assert_eq!(code(&mut rig), None);
}

/// It was answered after ten seconds as if it had been sent, used up the rate, and kept the metric
/// busy.
#[test]
fn a_command_that_was_not_sent_is_answered_so_at_once() {
    let mut rig = Rig::new("Nordsee/gw/Limit = 0..90 rate 1/10s");
    rig.born([Metric::new("Limit", 40.0)]);
    rig.sends = false;
    for (id, why, code) in
        [("1", Unsent::NoSession, Code::NodeOffline), ("2", Unsent::Late, Code::TooMany)]
    {
        let request = json!({ "asset": "Nordsee/gw", "property": "Limit", "value": 41 });
        rig.request(id, &request);
        assert_eq!(rig.published.len(), 1, "{why:?}");
        rig.published.clear();
        rig.pass(1_000);
        let key = RequestKey::new(crate::command::request::CommandChannel::Queue, id);
        rig.bridge.handle_sending(&key, Err(why), rig.now);
        rig.drain();
        let answer = rig.answered(id).unwrap();
        assert_eq!((answer.code, answer.metric.is_some()), (code, true));
        let figures = rig.bridge.commands().unwrap().figures();
        assert_eq!((figures.in_flight, figures.sent), (0, 0));
        // The request has its answer, and only one.
        rig.bridge.handle_sending(&key, Err(why), rig.now);
        rig.request(id, &request);
        assert_eq!(rig.answers.remove(0).1.code, code);
        assert!(rig.answers.is_empty() && rig.published.is_empty());
    }
    // Nor is anything undone that has its answer already.
    rig.request("3", &json!({ "asset": "Nordsee/gw", "property": "Limit", "value": 42 }));
    rig.told([Metric::new("Limit", 42.0)]);
    let key = RequestKey::new(crate::command::request::CommandChannel::Queue, "3");
    rig.bridge.handle_sending(&key, Err(Unsent::NoSession), rig.now);
    rig.drain();
    assert_eq!(rig.answered("3").unwrap().code, Code::Confirmed);
    assert_eq!(rig.ask("Nordsee/gw", "Limit", 43), Some(Code::TooMany), "it counts");
}

//! Requests from before this process began, or began to act: another one may have sent them to the
//! plant.

use super::*;
use crate::command::request::Sent;

/// A rig that is two minutes old, and what asks it: the request's code, none if it was sent.
fn asked(rig: &mut Rig, value: u32, sent: Sent) -> Option<Code> {
    let in_an_hour = START + 3_600_000;
    let request = json!({
        "asset": "Nordsee/gw", "property": "Limit", "value": value, "expires": in_an_hour,
    });
    let id = format!("{value} {sent:?}");
    rig.request_sent(&id, sent, request.to_string().as_bytes());
    let answer = rig.answered(&id);
    assert_eq!(rig.published.len(), usize::from(answer.is_none()));
    if answer.is_none() {
        rig.published.clear();
        rig.pass(11_000);
    }
    answer.map(|answer| answer.code)
}

/// A message that was deleted may be delivered again. On a host whose clock was up to a minute
/// behind, one from before the restart looked as if it had been sent after it.
#[test]
fn what_was_sent_before_a_restart_is_not_sent_again_on_a_host_whose_clock_is_behind() {
    for behind in [-60_000, -1_500, 0, 1_500, 30_000, 60_000] {
        let mut rig = Rig::plain();
        rig.pass(120_000);
        // AWS's clock at the start, and what its answers say of it.
        let start = START + behind;
        let latest = Some(Timestamp::from_millis(start + 2_000));
        let sent = |at| Sent::Before { at: Timestamp::from_millis(at), start: latest, taken: None };
        for before in [1, 500, 10_000, 29_000, 59_000, 300_000] {
            let code = asked(&mut rig, 41, sent(start - before));
            assert_eq!(code, Some(Code::Expired), "{behind} {before}");
        }
        // So shortly after it that AWS's time is not known so well.
        assert_eq!(asked(&mut rig, 42, sent(start + 1_999)), Some(Code::Expired));
        assert_eq!(asked(&mut rig, 43, sent(start + 2_000)), None, "{behind}");
        assert_eq!(asked(&mut rig, 44, sent(start + 60_000)), None, "{behind}");
    }
}

/// The host was stopped (a snapshot, a migration), and both of its clocks with it: the request that lay in
/// its socket was as young as when the host stopped.
#[test]
fn how_old_a_request_is_tells_the_later_of_two_clocks() {
    let mut rig = Rig::plain();
    rig.pass(120_000);
    let at = rig.now.wall;
    let mut ask = |id: &str, taken: u64, timeout: u64| {
        let sent = Sent::Before {
            at,
            start: Some(Timestamp::from_millis(START)),
            taken: Some(at.plus(Duration::from_secs(taken))),
        };
        let request = json!({
            "asset": "Nordsee/gw", "property": "Limit", "value": 42, "timeout": timeout,
        });
        rig.request_sent(id, sent, request.to_string().as_bytes());
        rig.answered(id).map(|answer| answer.code)
    };
    assert_eq!(ask("late", 280, 20), Some(Code::Expired));
    assert_eq!(ask("a second left", 19, 20), Some(Code::Expired));
    assert_eq!(ask("in time", 15, 20), None);
    rig.message();
    rig.pass(3_999);
    assert!(rig.answered("in time").is_none());
    rig.pass(1);
    assert_eq!(rig.answered("in time").unwrap().code, Code::NotConfirmed);
}

/// All that is known then is that clocks agree to a minute.
#[test]
fn without_awss_time_what_was_sent_in_the_first_minute_is_refused() {
    let mut rig = Rig::plain();
    rig.pass(120_000);
    let sent = |at| Sent::Before { at: Timestamp::from_millis(at), start: None, taken: None };
    for after in [-1, 0, 30_000, 59_999] {
        assert_eq!(asked(&mut rig, 41, sent(START + after)), Some(Code::Expired), "{after}");
    }
    assert_eq!(asked(&mut rig, 42, sent(START + 60_000)), None);
}

/// A channel that keeps nothing delivers nothing of before: there is no other clock to doubt.
#[test]
fn what_is_not_kept_was_sent_when_it_arrived() {
    let mut rig = Rig::plain();
    let now = rig.now.wall;
    assert_eq!(asked(&mut rig, 41, Sent::OnArrival(now)), None);
    let earlier = Sent::OnArrival(Timestamp::from_millis(START - 1));
    assert_eq!(asked(&mut rig, 42, earlier), Some(Code::Expired));
}

/// Both bridges were there all the time; the one that acted before had sent it.
#[test]
fn what_was_sent_before_this_bridge_took_over_is_not_sent_again() {
    let mut rig = Rig::plain();
    rig.bridge.handle_role(Role::Follows, rig.now);
    rig.pass(120_000);
    rig.bridge.handle_role(Role::Acts, rig.now);
    let took_over = rig.now.wall.as_millis();
    // To be told again what it is changes nothing.
    rig.pass(1_000);
    rig.bridge.handle_role(Role::Acts, rig.now);
    let start = Some(Timestamp::from_millis(START));
    let sent = |at| Sent::Before { at: Timestamp::from_millis(at), start, taken: None };
    assert_eq!(asked(&mut rig, 41, sent(took_over - 1)), Some(Code::Expired));
    assert_eq!(asked(&mut rig, 42, sent(took_over)), None);
    let doubtful =
        Sent::Before { at: Timestamp::from_millis(took_over + 59_999), start: None, taken: None };
    rig.pass(60_000);
    assert_eq!(asked(&mut rig, 43, doubtful), Some(Code::Expired));
}

/// All requests were refused for as long as the clock had been ahead at the start. One that had been
/// behind let those of before the start through.
#[test]
fn a_clock_that_is_set_after_the_start_moves_no_request_before_it() {
    for set in [-7_200_000, 7_200_000] {
        let mut rig = Rig::plain();
        rig.pass(300_000);
        let by = |wall: Timestamp, millis: i64| Timestamp::from_millis(wall.as_millis() + millis);
        rig.now.wall = by(rig.now.wall, set);
        rig.told([Metric::new("Limit", 40.0)]);
        let began = by(rig.now.wall, -300_010);
        let far = by(rig.now.wall, 600_000).as_millis();
        let mut asked = |value: u32, sent: Sent| {
            let request = json!({
                "asset": "Nordsee/gw", "property": "Limit", "value": value, "expires": far,
            });
            rig.request_sent(&value.to_string(), sent, request.to_string().as_bytes());
            let code = rig.answered(&value.to_string()).map(|answer| answer.code);
            rig.published.clear();
            code
        };
        let before = Sent::Before { at: by(began, 59_000), start: None, taken: None };
        assert_eq!(asked(41, before), Some(Code::Expired), "{set}");
        assert_eq!(asked(42, Sent::OnArrival(by(began, -1_000))), Some(Code::Expired), "{set}");
        let after = Sent::Before { at: by(began, 61_000), start: None, taken: None };
        assert_eq!(asked(43, after), None, "{set}");
        rig.pass(11_000);
        let now = Sent::OnArrival(rig.now.wall);
        let request = json!({ "asset": "Nordsee/gw", "property": "Limit", "value": 44 });
        rig.request_sent("44", now, request.to_string().as_bytes());
        assert_eq!(rig.published.len(), 1, "{set}");
    }
}

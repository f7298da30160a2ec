//! STATE and the connection.

use super::*;

fn state(online: bool, millis: i64) -> Message {
    Message {
        topic: "spBv1.0/STATE/h".to_owned(),
        payload: state_payload(online, Timestamp::from_millis(millis)),
        qos: Qos::AtLeastOnce,
        retain: false,
    }
}

#[test]
fn host_topic_phid_birth_payload() {
    let text = |payload| String::from_utf8(payload).unwrap();
    let time = Timestamp::from_millis(1_700_000_000_001);
    assert_eq!(text(state_payload(true, time)), r#"{"online":true,"timestamp":1700000000001}"#);
    assert_eq!(text(state_payload(false, time)), r#"{"online":false,"timestamp":1700000000001}"#);
}

#[test]
fn message_flow_hid_sparkplug_state_message_delivered() {
    let mut stage = Stage::new();
    stage.pass(secs(7));
    stage.send(&state(false, 5));
    stage.check(&["state 0 online @1000000"]);
    stage.send_retained(&state(false, 5));
    stage.check(&["state 0 online @1000000"]);
    stage.send(&state(true, 1_000_000));
    stage.check(&[]);
    stage.check_found(&[]);
}

#[test]
fn own_state_before_the_birth_is_ignored() {
    let mut stage = Stage::unconnected(|_| {});
    stage.send_retained(&state(false, 5));
    stage.check(&[]);
}

#[test]
fn a_fight_over_the_host_id_is_slowed_down_and_told() {
    let mut stage = Stage::new();
    for _ in 0..20 {
        stage.send(&state(false, 5));
        stage.pass(ms(10));
    }
    assert_eq!(stage.look().len(), 5);
    stage.check_found(&[(Finding::HostConflict, 15)]);
    stage.pass(secs(10));
    stage.check(&["state 0 online @1000000"]);
    stage.send(&state(true, 7));
    stage.check_found(&[(Finding::HostConflict, 16)]);
}

/// Each of two bridged servers brings what was said on the other.
#[test]
fn a_birth_of_ours_on_another_server_is_no_other_host() {
    let mut stage = Stage::new();
    let second = ServerId(1);
    stage.pass(secs(1));
    stage.host.handle_connected(second, stage.time(), stage.now);
    stage.send_via(second, &state(true, 1_000_000));
    stage.send(&state(true, 1_001_000));
    stage.check_found(&[]);
    stage.send(&state(true, 1_001_001));
    stage.check_found(&[(Finding::HostConflict, 1)]);
}

#[test]
fn a_state_that_is_none_is_counted() {
    let mut stage = Stage::new();
    for payload in ["", "OFFLINE", "{}", r#"{"online":"false","timestamp":1}"#] {
        stage.send(&Message { payload: payload.into(), ..state(false, 1) });
    }
    stage.check(&[]);
    stage.check_found(&[(Finding::WrongState, 4)]);
}

#[test]
fn states_of_other_hosts_are_ignored() {
    let mut stage = Stage::new();
    stage.send(&Message { topic: "spBv1.0/STATE/other".to_owned(), ..state(false, 1) });
    stage.check(&[]);
    stage.check_found(&[]);
}

#[test]
fn operational_behavior_host_application_multi_server_timestamp() {
    let mut stage = Stage::new();
    let second = ServerId(1);
    stage.host.handle_connected(second, Timestamp::from_millis(2_000_000), stage.now);
    stage.check(&["state 1 online @2000000"]);
    stage.send_via(second, &state(false, 5));
    stage.check(&["state 1 online @2000000"]);
    stage.send_via(SERVER, &state(false, 5));
    stage.check(&["state 0 online @1000000"]);
}

#[test]
fn operational_behavior_host_application_termination() {
    let mut stage = Stage::new();
    // A clock that goes back must not make the death older than the birth.
    stage.host.handle_connected(ServerId(1), Timestamp::from_millis(9_000_000), stage.now);
    stage.pass(secs(3));
    stage.look();
    stage.host.shutdown(stage.now);
    stage.check(&["state 0 offline @1003000", "state 1 offline @9000000"]);
    stage.send(&state(false, 1_003_000));
    stage.check(&[]);
}

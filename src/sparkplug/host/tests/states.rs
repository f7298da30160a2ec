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

/// What the host tells of servers that deliver nothing, until then.
fn nothing_delivered(stage: &mut Stage, passed: Duration) -> Vec<String> {
    stage.pass(passed);
    let outputs = std::iter::from_fn(|| stage.host.poll_output());
    let nothing = outputs.filter(|output| matches!(output, Output::NothingDelivered(_)));
    nothing.map(|output| told(&output)).collect()
}

/// The subscriptions were acknowledged, and the bridge was ready for ever.
#[test]
fn a_server_that_delivers_not_even_our_own_state_is_told_once_for_a_connection() {
    let mut stage = Stage::new();
    assert_eq!(nothing_delivered(&mut stage, secs(9)), [""; 0]);
    assert!(!stage.host.delivers_nothing(SERVER));
    assert_eq!(nothing_delivered(&mut stage, secs(1)), ["nothing delivered 0"]);
    assert!(stage.host.delivers_nothing(SERVER));
    assert_eq!(nothing_delivered(&mut stage, secs(3600)), [""; 0]);
    stage.host.handle_disconnected(SERVER, stage.now);
    assert!(!stage.host.delivers_nothing(SERVER));
    stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
    assert_eq!(nothing_delivered(&mut stage, secs(10)), ["nothing delivered 0"]);
    // Anything ends it.
    stage.send(&state(true, 1_000_000));
    assert!(!stage.host.delivers_nothing(SERVER));
}

/// Where data flows it is of no interest that STATE does not.
#[test]
fn a_server_that_delivers_anything_is_not_told() {
    let birth = edge().nbirth(Timestamp::from_millis(1), []);
    let foreign = Message { topic: "spAv1.0/g/NDATA/n".to_owned(), ..birth.clone() };
    let retained = Message { retain: true, ..state(false, 5) };
    for message in [birth, foreign, state(true, 1_000_000), retained] {
        let mut stage = Stage::new();
        stage.pass(secs(5));
        stage.send(&message);
        assert_eq!(nothing_delivered(&mut stage, secs(60)), [""; 0], "{}", message.topic);
        assert!(!stage.host.delivers_nothing(SERVER));
    }
    let mut stage = Stage::new();
    stage.host.handle_oversized(SERVER, "spBv1.0/g/NBIRTH/n", true, stage.now);
    assert_eq!(nothing_delivered(&mut stage, secs(60)), [""; 0]);
}

#[test]
fn each_of_two_servers_is_told_by_itself() {
    let mut stage = Stage::new();
    stage.host.handle_connected(ServerId(1), stage.now.wall, stage.now);
    stage.send(&state(true, 1_000_000));
    assert_eq!(nothing_delivered(&mut stage, secs(60)), ["nothing delivered 1"]);
}

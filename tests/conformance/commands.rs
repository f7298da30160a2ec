//! Commands are off until a variable asks for them, and then change nothing on the plant's
//! connection but for themselves.

use sparkwise::sparkplug::payload;

use crate::recordings::{COMMANDED, LIFE, LOSS, Recording, Session, UNHEARD, state, state_topic};
use crate::server::{Connect, Packet, Publish};

/// What a connection begins with: CONNECT without the time in its will, and the subscriptions.
fn begins(session: &Session<'_>) -> (Connect, Option<bool>, Vec<Packet>) {
    let mut connect = session.connect().1.clone();
    let will = connect.will.as_mut();
    let online = will.map(|will| state(&std::mem::replace(will, without_payload(will))).0);
    let subscribes = |packet: &&Packet| matches!(packet, Packet::Subscribe(..));
    let subscriptions = session.said().map(|(_, packet)| packet).filter(subscribes).cloned();
    (connect, online, subscriptions.collect())
}

fn without_payload(publish: &Publish) -> Publish {
    Publish { payload: Vec::new().into(), ..publish.clone() }
}

fn filters(session: &Session<'_>) -> Vec<String> {
    let of = |packet: &Packet| match packet {
        Packet::Subscribe(_, filters) => filters.iter().map(|(filter, _)| filter.clone()).collect(),
        _ => Vec::new(),
    };
    session.said().flat_map(|(_, packet)| of(packet)).collect()
}

/// Whether a message is one of a bridge without commands: its STATE, or a request for births.
fn is_ordinary(publish: &Publish) -> bool {
    let is_rebirth = || {
        let payload = payload::decode(&publish.payload).unwrap();
        payload.metrics[0].name.as_deref() == Some(b"Node Control/Rebirth".as_slice())
    };
    publish.topic == state_topic() || publish.topic.contains("/NCMD/") && is_rebirth()
}

#[test]
fn without_commands_nothing_of_them_is_on_the_wire() {
    for recording in [&LIFE.recording, &LOSS.recording, &UNHEARD.recording] {
        for session in recording.sessions() {
            let filters = filters(&session);
            assert!(!filters.is_empty());
            assert!(filters.iter().all(|filter| !filter.contains("$aws")), "{filters:?}");
            assert!(session.published().all(|(_, publish)| is_ordinary(publish)));
        }
    }
}

#[test]
fn with_commands_the_plant_s_connection_differs_by_the_commands_alone() {
    let (without, with) = (LIFE.recording.session(0), COMMANDED.recording.session(0));
    assert_eq!(begins(&without), begins(&with));
    assert_eq!(COMMANDED.recording.sessions().count(), 1);
    let more: Vec<_> = with.published().filter(|(_, publish)| !is_ordinary(publish)).collect();
    let topics: Vec<_> = more.iter().map(|(_, publish)| publish.topic.as_str()).collect();
    assert_eq!(topics, ["spBv1.0/Nordsee 1.ü/NCMD/gw", "spBv1.0/Nordsee 1.ü/DCMD/gw/d"]);
}

#[test]
fn the_connection_to_aws_iot_is_for_commands_alone() {
    let iot: &Recording = &COMMANDED.iot;
    let session = iot.session(0);
    let connect = session.connect().1;
    assert_eq!((connect.client_id.as_str(), &connect.will), ("press", &None));
    assert!(connect.clean_session, "AWS IoT keeps no request for later");
    let topics = "$aws/commands/things/press/executions/+";
    let mut filters = filters(&session);
    filters.sort();
    let wanted = ["request/json", "response/accepted/json", "response/rejected/json"];
    assert_eq!(filters, wanted.map(|end| format!("{topics}/{end}")));
    let said: Vec<_> = iot.published().map(|(_, publish)| publish.topic.as_str()).collect();
    assert!(!said.is_empty());
    for topic in said {
        assert!(topic.starts_with("$aws/commands/things/press/executions/"), "{topic}");
        assert!(topic.ends_with("/response/json"), "{topic}");
    }
}

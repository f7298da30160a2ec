//! What a host does about deaths, gaps and late messages, and what it commands.

use aws_sdk_iotsitewise::types::Quality;
use sparkwise::sparkplug::payload;
use sparkwise::sparkplug::proto::Payload;
use sparkwise::sparkplug::proto::payload::metric;

use crate::judged;
use crate::recordings::{self, DEATHS, LIFE, PAIR, Recording, UNHEARD, edge};
use crate::server::Publish;
use crate::world::{REORDER, Value};

fn offline([online, last_death, _]: &[Vec<Value>; 3]) -> i64 {
    assert_eq!(online.iter().map(|v| v.number).collect::<Vec<_>>(), [1.0, 0.0]);
    let told = (last_death[0].number * 1_000.0).round() as i64;
    assert_eq!(told, online[1].time, "both tell the same time");
    online[1].time
}

fn stale([_, _, values]: &[Vec<Value>; 3]) -> i64 {
    assert_eq!((&values[0].quality, &values[1].quality), (&Quality::Good, &Quality::Uncertain));
    assert_eq!(values[0].number, values[1].number);
    values[1].time
}

fn is_now(time: i64) {
    let [from, to] = DEATHS.between;
    assert!(from <= time && time <= to, "{from} {time} {to}");
}

judged! {
    operational_behavior_edge_node_termination_host_action_ndeath_node_offline =>
    fn ndeath_node_offline() { is_now(offline(&DEATHS.node)) }
}

judged! {
    operational_behavior_edge_node_termination_host_action_ndeath_node_tags_stale =>
    fn ndeath_node_stale() { is_now(stale(&DEATHS.node)) }
}

judged! {
    operational_behavior_edge_node_termination_host_action_ndeath_devices_offline =>
    fn ndeath_devices_offline() { is_now(offline(&DEATHS.device)) }
}

judged! {
    operational_behavior_edge_node_termination_host_action_ndeath_devices_tags_stale =>
    fn ndeath_devices_stale() { is_now(stale(&DEATHS.device)) }
}

judged! {
    operational_behavior_edge_node_termination_host_action_ddeath_devices_offline =>
    fn ddeath_offline() { assert_eq!(offline(&DEATHS.alone), DEATHS.told) }
}

judged! {
    operational_behavior_edge_node_termination_host_action_ddeath_devices_tags_stale =>
    fn ddeath_stale() { assert_eq!(stale(&DEATHS.alone), DEATHS.told) }
}

// Ordering and rebirth.

/// The topic of what made the gap, and that of the request.
fn gap_topics(kind: &str) -> (String, String) {
    let node = edge("gap").node().clone();
    (format!("spBv1.0/{}/{kind}", node.group), format!("spBv1.0/{}/NCMD/gap", node.group))
}

/// The requests for the births of the node with the gap, with when.
fn requests(recording: &Recording) -> Vec<(i64, Publish)> {
    let (_, topic) = gap_topics("");
    let found = recording.published().filter(|(_, publish)| publish.topic == topic);
    found.map(|(record, publish)| (record.at, publish.clone())).collect()
}

/// From the message after the gap to the request.
fn waited(recording: &Recording, kind: &str) -> u128 {
    let gap = recording.told(&gap_topics(kind).0, 0).at;
    u128::try_from(requests(recording)[0].0 - gap).unwrap()
}

judged! {
    operational_behavior_host_reordering_param =>
    fn the_time_to_wait_is_configured() {
        assert!(waited(&LIFE.recording, "DDATA/gap/d") >= REORDER.as_millis());
        // A host that waits for a minute has not asked before its end.
        assert_eq!(requests(&PAIR[1]).len(), 0);
        assert_eq!(requests(&UNHEARD.recording).len(), 1);
    }
}

judged! {
    operational_behavior_host_reordering_start, operational_behavior_host_reordering_rebirth =>
    fn a_gap_is_waited_for_then_births_are_asked_for() {
        let waited = waited(&LIFE.recording, "DDATA/gap/d");
        assert!(waited >= REORDER.as_millis(), "{waited} ms");
        assert_eq!(requests(&LIFE.recording).len(), 1);
    }
}

judged! {
    operational_behavior_host_reordering_success =>
    fn messages_that_change_places_are_put_in_order() {
        let topic = format!("spBv1.0/{}/NCMD/swapped", edge("swapped").node().group);
        // The request about the other node's gap, seen later, shows that there was time.
        assert!(LIFE.recording.published().all(|(_, publish)| publish.topic != topic));
        let last = LIFE.swapped.last().unwrap();
        assert_eq!((last.number, &last.quality), (2.0, &Quality::Good));
        assert!(LIFE.swapped.iter().all(|value| value.quality == Quality::Good));
    }
}

// Commands.

/// Every command in all recordings, with when it was sent.
fn commands() -> Vec<(i64, &'static Publish, Payload)> {
    let published = recordings::all().into_iter().flat_map(Recording::published);
    let commands = published.filter(|(_, publish)| publish.topic.contains("CMD/"));
    let commands: Vec<_> = commands
        .map(|(record, publish)| (record.at, publish, payload::decode(&publish.payload).unwrap()))
        .collect();
    assert!(commands.len() >= 2);
    commands
}

judged! {
    operational_behavior_data_commands_ncmd_rebirth_verb, topics_ncmd_topic,
    operational_behavior_data_commands_ncmd_verb =>
    fn requests_go_to_the_node_byte_for_byte() {
        for (_, publish, _) in commands() {
            assert!(publish.topic.starts_with("spBv1.0/Nordsee 1.ü/NCMD/"), "{publish:?}");
        }
        assert_eq!(requests(&LIFE.recording).len(), 1);
    }
}

judged! {
    operational_behavior_data_commands_ncmd_rebirth_name,
    operational_behavior_data_commands_ncmd_rebirth_value, topics_ncmd_payload,
    operational_behavior_data_commands_ncmd_metric_name,
    operational_behavior_data_commands_ncmd_metric_value =>
    fn a_request_writes_true_to_rebirth_and_nothing_else() {
        for (_, _, payload) in commands() {
            let [metric] = &payload.metrics[..] else { panic!("{payload:?}") };
            assert_eq!(metric.name.as_deref(), Some(b"Node Control/Rebirth".as_slice()));
            assert_eq!(metric.value, Some(metric::Value::BooleanValue(true)));
        }
    }
}

judged! {
    payloads_alias_data_cmd_requirement =>
    fn a_request_has_a_name_also_where_the_node_has_aliases() {
        // The node with the gap sends data by alias alone; the request still has the name.
        let (_, publish) = &requests(&LIFE.recording)[0];
        let payload = payload::decode(&publish.payload).unwrap();
        assert_eq!((payload.metrics[0].alias, payload.metrics[0].name.is_some()), (None, true));
        crate::consumer::data_is_read_by_alias_by_name_and_by_both();
    }
}

judged! {
    topics_ncmd_mqtt, payloads_ncmd_qos, payloads_ncmd_retain =>
    fn requests_travel_at_qos_0_and_are_not_retained() {
        for (_, publish, _) in commands() {
            assert_eq!((publish.qos, publish.retain), (0, false));
        }
    }
}

judged! {
    topics_ncmd_timestamp, payloads_ncmd_timestamp, payloads_name_cmd_requirement =>
    fn requests_say_when_they_were_sent() {
        for (at, _, payload) in commands() {
            let time = i64::try_from(payload.timestamp.unwrap()).unwrap();
            assert!(time <= at && at - time < 5_000, "{time} {at}");
            assert_eq!(payload.metrics[0].timestamp, payload.timestamp);
        }
    }
}

judged! {
    payloads_ncmd_seq =>
    fn requests_have_no_sequence_number() {
        assert!(commands().iter().all(|(_, _, payload)| payload.seq.is_none()));
    }
}

judged! {
    payloads_metric_datatype_not_req =>
    fn the_request_has_a_datatype_and_data_needs_none() {
        assert!(commands().iter().all(|(_, _, payload)| payload.metrics[0].datatype == Some(11)));
        crate::consumer::data_without_datatypes_is_read_by_the_birth();
    }
}

judged! {
    topics_dcmd_topic, topics_dcmd_mqtt, payloads_dcmd_qos, payloads_dcmd_retain,
    topics_dcmd_timestamp, payloads_dcmd_timestamp, payloads_dcmd_seq, topics_dcmd_payload,
    operational_behavior_data_commands_dcmd_verb,
    operational_behavior_data_commands_dcmd_metric_name,
    operational_behavior_data_commands_dcmd_metric_value =>
    fn no_command_goes_to_a_device() {
        assert!(commands().iter().all(|(_, publish, _)| !publish.topic.contains("/DCMD/")));
    }
}

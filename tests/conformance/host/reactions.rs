//! What a host does about deaths, gaps and late messages, and what it commands.

use aws_sdk_iotsitewise::types::Quality;
use sparkwise::sparkplug::payload;
use sparkwise::sparkplug::proto::Payload;
use sparkwise::sparkplug::proto::payload::{self as wire, metric};

use crate::judged;
use crate::recordings::{self, DEATHS, LIFE, PAIR, Recording, UNHEARD, edge};
use crate::server::{Publish, Record};
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

/// A command, and when it was sent.
struct Command {
    at: i64,
    publish: &'static Publish,
    payload: Payload,
}

impl Command {
    /// The one metric that it is for.
    fn metric(&self) -> &wire::Metric {
        let [metric] = &self.payload.metrics[..] else { panic!("{:?}", self.payload) };
        metric
    }

    fn name(&self) -> &[u8] {
        self.metric().name.as_deref().expect("a name")
    }
}

/// Every command in all recordings that is for a node, or for a device.
fn commands(verb: &str) -> Vec<Command> {
    let published = recordings::all().into_iter().flat_map(Recording::published);
    let commands = published.filter(|(_, publish)| publish.topic.contains(verb));
    let command = |(record, publish): (&'static Record, &'static Publish)| {
        let payload = payload::decode(&publish.payload).unwrap();
        Command { at: record.at, publish, payload }
    };
    commands.map(command).collect()
}

/// Requests for births, and writes to metrics: there are both.
fn of_nodes() -> Vec<Command> {
    let (rebirths, writes) = (rebirths(), writes());
    assert!(rebirths.len() >= 2 && writes.len() == 1, "{} {}", rebirths.len(), writes.len());
    rebirths.into_iter().chain(writes).collect()
}

fn is_rebirth(command: &Command) -> bool {
    command.name() == b"Node Control/Rebirth"
}

fn rebirths() -> Vec<Command> {
    commands("/NCMD/").into_iter().filter(is_rebirth).collect()
}

fn writes() -> Vec<Command> {
    commands("/NCMD/").into_iter().filter(|command| !is_rebirth(command)).collect()
}

/// The one write to a device.
fn of_device() -> Command {
    let mut commands = commands("/DCMD/");
    assert_eq!(commands.len(), 1);
    commands.remove(0)
}

/// The metric is the one of the birth, with its datatype and the value that was asked for.
fn writes_as_born(command: &Command, value: u32) {
    let metric = command.metric();
    assert_eq!((command.name(), metric.datatype), (b"a".as_slice(), Some(3)));
    assert_eq!(metric.value, Some(metric::Value::IntValue(value)));
}

fn is_dated(command: &Command) {
    let time = i64::try_from(command.payload.timestamp.unwrap()).unwrap();
    assert!(time <= command.at && command.at - time < 5_000, "{time} {}", command.at);
    assert_eq!(command.metric().timestamp, command.payload.timestamp);
}

judged! {
    operational_behavior_data_commands_ncmd_rebirth_verb, topics_ncmd_topic,
    operational_behavior_data_commands_ncmd_verb =>
    fn commands_go_to_the_node_byte_for_byte() {
        for command in of_nodes() {
            let topic = &command.publish.topic;
            assert!(topic.starts_with("spBv1.0/Nordsee 1.ü/NCMD/"), "{topic}");
        }
        assert_eq!(writes()[0].publish.topic, "spBv1.0/Nordsee 1.ü/NCMD/gw");
        assert_eq!(requests(&LIFE.recording).len(), 1);
    }
}

judged! {
    operational_behavior_data_commands_ncmd_rebirth_name,
    operational_behavior_data_commands_ncmd_rebirth_value =>
    fn a_request_writes_true_to_rebirth_and_nothing_else() {
        // All that was sent to the node with the gap, whatever it says.
        let sent: Vec<_> = recordings::all().into_iter().flat_map(requests).collect();
        assert!(sent.len() >= 2, "{}", sent.len());
        for (_, publish) in sent {
            let payload = payload::decode(&publish.payload).unwrap();
            let [metric] = &payload.metrics[..] else { panic!("{payload:?}") };
            assert_eq!(metric.name.as_deref(), Some(b"Node Control/Rebirth".as_slice()));
            assert_eq!(metric.value, Some(metric::Value::BooleanValue(true)));
        }
    }
}

judged! {
    topics_ncmd_payload, operational_behavior_data_commands_ncmd_metric_name,
    operational_behavior_data_commands_ncmd_metric_value =>
    fn a_command_to_a_node_has_the_name_and_type_of_the_birth() {
        writes_as_born(&writes()[0], 5);
        a_request_writes_true_to_rebirth_and_nothing_else();
    }
}

judged! {
    payloads_alias_data_cmd_requirement =>
    fn a_command_has_a_name_also_where_the_node_has_aliases() {
        // The nodes send data by alias alone; what is sent to them still has the name.
        let (_, publish) = &requests(&LIFE.recording)[0];
        let payload = payload::decode(&publish.payload).unwrap();
        assert_eq!((payload.metrics[0].alias, payload.metrics[0].name.is_some()), (None, true));
        for command in [&writes()[0], &of_device()] {
            assert_eq!((command.metric().alias, command.name()), (None, b"a".as_slice()));
        }
        crate::consumer::data_is_read_by_alias_by_name_and_by_both();
    }
}

judged! {
    topics_ncmd_mqtt, payloads_ncmd_qos, payloads_ncmd_retain =>
    fn commands_to_nodes_travel_at_qos_0_and_are_not_retained() {
        for Command { publish, .. } in of_nodes() {
            assert_eq!((publish.qos, publish.retain), (0, false));
        }
    }
}

judged! {
    topics_ncmd_timestamp, payloads_ncmd_timestamp, payloads_name_cmd_requirement =>
    fn commands_to_nodes_say_when_they_were_sent() {
        of_nodes().iter().for_each(is_dated);
    }
}

judged! {
    payloads_ncmd_seq =>
    fn commands_to_nodes_have_no_sequence_number() {
        assert!(of_nodes().iter().all(|command| command.payload.seq.is_none()));
    }
}

judged! {
    payloads_metric_datatype_not_req =>
    fn commands_have_a_datatype_and_data_needs_none() {
        let rebirths = rebirths();
        assert!(!rebirths.is_empty());
        assert!(rebirths.iter().all(|command| command.metric().datatype == Some(11)));
        assert_eq!(writes()[0].metric().datatype, Some(3));
        crate::consumer::data_without_datatypes_is_read_by_the_birth();
    }
}

judged! {
    topics_dcmd_topic, operational_behavior_data_commands_dcmd_verb =>
    fn a_command_goes_to_the_device_byte_for_byte() {
        assert_eq!(of_device().publish.topic, "spBv1.0/Nordsee 1.ü/DCMD/gw/d");
    }
}

judged! {
    topics_dcmd_mqtt, payloads_dcmd_qos, payloads_dcmd_retain =>
    fn a_command_to_a_device_travels_at_qos_0_and_is_not_retained() {
        let Command { publish, .. } = of_device();
        assert_eq!((publish.qos, publish.retain), (0, false));
    }
}

judged! {
    topics_dcmd_timestamp, payloads_dcmd_timestamp =>
    fn a_command_to_a_device_says_when_it_was_sent() { is_dated(&of_device()) }
}

judged! {
    payloads_dcmd_seq =>
    fn a_command_to_a_device_has_no_sequence_number() {
        assert_eq!(of_device().payload.seq, None);
    }
}

judged! {
    topics_dcmd_payload, operational_behavior_data_commands_dcmd_metric_name,
    operational_behavior_data_commands_dcmd_metric_value =>
    fn a_command_to_a_device_has_the_name_and_type_of_the_birth() {
        writes_as_born(&of_device(), 6);
    }
}

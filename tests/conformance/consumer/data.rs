//! Data: its order, its time, what it says and what it leaves out.

use sparkwise::sparkplug::edge::{Edge, Metric, Template};
use sparkwise::sparkplug::findings::Finding;

use super::stage::{ASKED, Stage, a, edge, secs};
use crate::judged;

/// A node and its device `d`, both with the metric `a`.
fn online(stage: &mut Stage) -> Edge {
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), a(0)));
    stage.send(&edge.dbirth("d", stage.time(), a(0)));
    stage.check(&["birth g/n: a=0", "birth g/n/d: a=0"]);
    edge
}

judged! {
    payloads_ndata_retain, payloads_ddata_retain =>
    fn stored_data_is_ignored() {
        let mut stage = Stage::new();
        let mut edge = online(&mut stage);
        stage.retained(&edge.clone().ndata(stage.time(), a(1)));
        stage.retained(&edge.clone().ddata("d", stage.time(), a(1)));
        stage.check(&[]);
        assert_eq!(stage.found(Finding::Retained), 2);
        // It has no place in the sequence, so it leaves none open.
        stage.send(&edge.ndata(stage.time(), a(2)));
        stage.pass(secs(60));
        stage.check(&["data g/n: a=2"]);
    }
}

judged! {
    topics_ndata_mqtt, topics_ddata_mqtt, payloads_ndata_qos, payloads_ddata_qos =>
    fn data_at_qos_1_is_taken_and_found() {
        let mut stage = Stage::new();
        let mut edge = online(&mut stage);
        for data in [edge.ndata(stage.time(), a(1)), edge.ddata("d", stage.time(), a(2))] {
            stage.send(&data);
            stage.host.handle_qos(&data.topic, 1, stage.time());
        }
        stage.check(&["data g/n: a=1", "data g/n/d: a=2"]);
        assert_eq!(stage.found(Finding::WrongQos), 2);
    }
}

judged! {
    topics_ndata_seq_num, topics_ddata_seq_num, payloads_ndata_seq_inc, payloads_ddata_seq_inc,
    payloads_sequence_num_incrementing =>
    fn one_sequence_counts_all_messages_of_a_node() {
        let mut stage = Stage::new();
        let mut edge = online(&mut stage);
        // Twice around the wrap, node and device by turns.
        for value in 0..300 {
            stage.send(&edge.ndata(stage.time(), a(value)));
            stage.send(&edge.ddata("d", stage.time(), a(value)));
        }
        stage.pass(secs(60));
        assert_eq!(stage.look().len(), 600, "nothing but data");
        for device in [false, true] {
            edge.skip(1);
            let late = match device {
                false => edge.ndata(stage.time(), a(1)),
                true => edge.ddata("d", stage.time(), a(1)),
            };
            stage.send(&late);
            stage.check(&[]);
            stage.pass(secs(20));
            assert_eq!(stage.look().last().unwrap(), ASKED);
            stage.send(&edge.nbirth(stage.time(), a(0)));
            stage.send(&edge.dbirth("d", stage.time(), a(0)));
            stage.look();
        }
        assert_eq!(stage.found(Finding::Gap), 2);
    }
}

judged! {
    payloads_ndata_seq, payloads_ddata_seq, payloads_sequence_num_always_included =>
    fn data_without_a_number_is_taken_as_it_comes() {
        let mut stage = Stage::new();
        let mut edge = online(&mut stage);
        let mut other = edge.clone();
        stage.send_with(&other.ndata(stage.time(), a(1)), |payload| payload.seq = None);
        stage.send_with(&other.ddata("d", stage.time(), a(2)), |payload| payload.seq = None);
        stage.send(&edge.ndata(stage.time(), a(3)));
        stage.pass(secs(60));
        stage.check(&["data g/n: a=1", "data g/n/d: a=2", "data g/n: a=3"]);
        assert_eq!(stage.found(Finding::NoSeq), 2);
    }
}

judged! {
    topics_ndata_timestamp, topics_ddata_timestamp, payloads_ndata_timestamp,
    payloads_ddata_timestamp =>
    fn data_without_a_time_is_taken_and_found() {
        let mut stage = Stage::new();
        let mut edge = online(&mut stage);
        stage.send_with(&edge.ndata(stage.time(), a(1)), |payload| payload.timestamp = None);
        stage.send_with(&edge.ddata("d", stage.time(), a(2)), |payload| payload.timestamp = None);
        stage.check(&["data g/n: a=1", "data g/n/d: a=2"]);
        assert_eq!(stage.found(Finding::NoTime), 2);
    }
}

judged! {
    topics_ndata_payload, topics_ddata_payload =>
    fn what_data_leaves_out_is_unchanged() {
        let mut stage = Stage::new();
        let mut edge = edge();
        let both = || [Metric::new("a", 1_i32), Metric::new("b", 1_i32)];
        stage.send(&edge.nbirth(stage.time(), both()));
        stage.send(&edge.dbirth("d", stage.time(), both()));
        stage.send(&edge.ndata(stage.time(), a(2)));
        stage.send(&edge.ddata("d", stage.time(), a(2)));
        stage.send(&edge.ndata(stage.time(), []));
        let outputs = stage.look();
        assert_eq!(outputs[2..], ["data g/n: a=2", "data g/n/d: a=2"]);
    }
}

judged! {
    payloads_ndata_order =>
    fn data_before_the_nbirth_is_a_reason_for_a_rebirth() {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send(&edge.ndata(stage.time(), a(1)));
        stage.pass(secs(5));
        stage.check(&[ASKED]);
        assert_eq!(stage.found(Finding::BeforeBirth), 1);
    }
}

judged! {
    payloads_ddata_order =>
    fn data_before_the_dbirth_is_a_reason_for_a_rebirth() {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), []));
        stage.send(&edge.ddata("d", stage.time(), a(1)));
        stage.pass(secs(4));
        stage.check(&["birth g/n: ", ASKED]);
        assert_eq!(stage.found(Finding::BeforeBirth), 1);
    }
}

judged! {
    operational_behavior_data_publish_nbirth_order,
    operational_behavior_data_publish_dbirth_order =>
    fn several_values_of_a_metric_stay_in_order() {
        let mut stage = Stage::new();
        let mut edge = online(&mut stage);
        let values = || [3, 1, 2].map(|value| Metric::new("a", value));
        stage.send(&edge.ndata(stage.time(), values()));
        stage.send(&edge.ddata("d", stage.time(), values()));
        stage.check(&["data g/n: a=3, a=1, a=2", "data g/n/d: a=3, a=1, a=2"]);
    }
}

judged! {
    operational_behavior_data_publish_nbirth_change,
    operational_behavior_data_publish_dbirth_change, principles_rbe_recommended =>
    fn a_value_that_has_not_changed_is_a_value() {
        let mut stage = Stage::new();
        let mut edge = online(&mut stage);
        for _ in 0..2 {
            stage.send(&edge.ndata(stage.time(), a(0)));
            stage.send(&edge.ddata("d", stage.time(), a(0)));
            stage.check(&["data g/n: a=0", "data g/n/d: a=0"]);
        }
    }
}

/// [payloads-alias-data-cmd-requirement]
pub(crate) fn data_is_read_by_alias_by_name_and_by_both() {
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), [Metric::new("a", 0_i32).alias(7)]));
    for metric in [
        Metric::new("a", 1_i32).alias(7).nameless(),
        Metric::new("a", 1_i32),
        Metric::new("a", 1_i32).alias(7),
    ] {
        stage.look();
        stage.send(&edge.ndata(stage.time(), [metric]));
        stage.check(&["data g/n: a=1"]);
    }
}

/// [payloads-metric-datatype-not-req]
pub(crate) fn data_without_datatypes_is_read_by_the_birth() {
    let mut stage = Stage::new();
    let mut edge = edge().without_datatypes();
    let part = |value: i8| Template::instance("T").member(Metric::new("m", value));
    let birth = [Metric::new("a", 0_i16), Metric::template("i", part(0))];
    stage.send(&edge.nbirth(stage.time(), birth));
    stage.look();
    stage.send(
        &edge.ndata(stage.time(), [Metric::new("a", -2_i16), Metric::template("i", part(-3))]),
    );
    stage.check(&["data g/n: a=-2, i.m=-3"]);
}

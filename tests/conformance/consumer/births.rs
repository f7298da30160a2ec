//! Births: what they must hold, and what the host does where they do not.

use sparkwise::sparkplug::edge::{Metric, Template};
use sparkwise::sparkplug::findings::Finding;
use sparkwise::sparkplug::proto::payload::metric::Value;

use super::stage::{ASKED, Stage, a, changed, edge, secs};
use crate::judged;

/// The metric by which a node is asked for its births.
const REBIRTH: &[u8] = b"Node Control/Rebirth";

judged! {
    topics_nbirth_mqtt, payloads_nbirth_retain =>
    fn a_stored_nbirth_is_not_live() {
        let mut stage = Stage::new();
        stage.retained(&edge().nbirth(stage.time(), a(1)));
        stage.pass(secs(1));
        stage.check(&[ASKED]);
        assert_eq!(stage.found(Finding::Retained), 1);
    }
}

judged! {
    topics_dbirth_mqtt, payloads_dbirth_retain =>
    fn a_stored_dbirth_is_not_live() {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), []));
        stage.retained(&edge.dbirth("d", stage.time(), a(1)));
        stage.check(&["birth g/n: "]);
        assert_eq!(stage.found(Finding::Retained), 1);
    }
}

judged! {
    payloads_nbirth_qos, payloads_dbirth_qos =>
    fn births_at_qos_1_are_taken_and_found() {
        let mut stage = Stage::new();
        let mut edge = edge();
        let births = [edge.nbirth(stage.time(), a(1)), edge.dbirth("d", stage.time(), a(2))];
        for birth in &births {
            stage.send(birth);
            stage.host.handle_qos(&birth.topic, 1, stage.now.wall);
        }
        stage.check(&["birth g/n: a=1", "birth g/n/d: a=2"]);
        assert_eq!(stage.found(Finding::WrongQos), 2);
    }
}

judged! {
    topics_nbirth_seq_num, payloads_nbirth_seq,
    message_flow_edge_node_birth_publish_nbirth_payload_seq =>
    fn the_sequence_begins_where_the_birth_says() {
        let mut stage = Stage::new();
        let mut edge = edge();
        let birth = edge.nbirth(stage.time(), a(1));
        stage.send_with(&birth, |payload| payload.seq = Some(200));
        stage.send_with(&edge.ndata(stage.time(), a(2)), |payload| payload.seq = Some(201));
        stage.pass(secs(60));
        stage.check(&["birth g/n: a=1", "data g/n: a=2"]);
        assert_eq!(stage.found(Finding::NotZero), 1);
    }
}

judged! {
    payloads_sequence_num_req_nbirth =>
    fn a_birth_without_a_number_begins_at_zero() {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send_with(&edge.nbirth(stage.time(), a(1)), |payload| payload.seq = None);
        stage.send(&edge.ndata(stage.time(), a(2)));
        stage.pass(secs(60));
        stage.check(&["birth g/n: a=1", "data g/n: a=2"]);
        assert_eq!(stage.found(Finding::NoSeq), 1);
    }
}

judged! {
    topics_nbirth_timestamp, payloads_nbirth_timestamp, topics_dbirth_timestamp,
    payloads_dbirth_timestamp =>
    fn a_birth_without_a_time_is_taken_and_found() {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send_with(&edge.nbirth(stage.time(), a(1)), |payload| payload.timestamp = None);
        stage.send_with(&edge.dbirth("d", stage.time(), a(2)), |payload| payload.timestamp = None);
        stage.check(&["birth g/n: a=1", "birth g/n/d: a=2"]);
        assert_eq!(stage.found(Finding::NoTime), 2);
    }
}

judged! {
    topics_nbirth_metric_reqs, operational_behavior_data_publish_nbirth =>
    fn a_metric_that_no_nbirth_has_is_a_reason_for_a_rebirth() {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), a(1)));
        stage.send(&edge.ndata(stage.time(), [Metric::new("b", 1_i32), Metric::new("a", 2_i32)]));
        stage.pass(secs(1));
        stage.check(&["birth g/n: a=1", "data g/n: a=2", ASKED]);
        stage.send(&edge.nbirth(stage.time(), [Metric::new("b", 3_i32)]));
        stage.send(&edge.ndata(stage.time(), a(4)));
        stage.check(&["birth g/n: b=3"]);
        assert_eq!(stage.found(Finding::UnknownMetric), 2);
    }
}

judged! {
    topics_dbirth_metric_reqs, operational_behavior_data_publish_dbirth =>
    fn a_metric_that_no_dbirth_has_is_a_reason_for_a_rebirth() {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), [Metric::new("b", 1_i32)]));
        stage.send(&edge.dbirth("d", stage.time(), a(1)));
        stage.send(&edge.ddata("d", stage.time(), [Metric::new("b", 1_i32)]));
        stage.pass(secs(1));
        stage.check(&["birth g/n: b=1", "birth g/n/d: a=1", ASKED]);
        assert_eq!(stage.found(Finding::UnknownMetric), 1);
    }
}

judged! {
    topics_nbirth_metrics, topics_dbirth_metrics =>
    fn a_datatype_that_a_birth_lacks_is_told_from_the_value() {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), [Metric::new("a", 1.5).untyped()]));
        stage.send(&edge.dbirth("d", stage.time(), [Metric::new("s", "x").untyped()]));
        stage.check(&["birth g/n: a=1.5", "birth g/n/d: s=\"x\""]);
        assert_eq!(stage.found(Finding::NoDatatype), 2);
    }
}

judged! {
    topics_nbirth_templates =>
    fn definitions_of_the_node_serve_its_devices() {
        let mut stage = Stage::new();
        let mut edge = edge();
        let members = [Metric::new("x", 0_i32), Metric::new("y", 0_i32)];
        let of_type = Metric::template("T", Template::definition().members(members));
        let instance = Template::instance("T").member(Metric::new("x", 1_i32));
        stage.send(&edge.nbirth(stage.time(), [of_type]));
        stage.send(&edge.dbirth("d", stage.time(), [Metric::template("i", instance.clone())]));
        stage.check(&["birth g/n: ", "birth g/n/d: i.x=1, i.y=absent"]);
        assert_eq!(stage.found(Finding::UnknownTemplate), 0);
        stage.send(&edge.nbirth(stage.time(), []));
        stage.send(&edge.dbirth("d", stage.time(), [Metric::template("i", instance)]));
        stage.check(&["birth g/n: ", "birth g/n/d: i.x=1"]);
        assert_eq!(stage.found(Finding::UnknownTemplate), 1);
    }
}

judged! {
    topics_nbirth_bdseq_included, payloads_nbirth_bdseq =>
    fn without_bdseq_every_death_counts() {
        let mut stage = Stage::new();
        let mut edge = edge();
        let birth = edge.nbirth(stage.time(), a(1));
        stage.send_with(&birth, |payload| {
            payload.metrics.retain(|metric| metric.name.as_deref() != Some(b"bdSeq".as_slice()));
        });
        stage.send(&edge.reconnect());
        stage.check(&["birth g/n: a=1", "death g/n certificate @1000000"]);
        assert_eq!(stage.found(Finding::NoBdSeq), 1);
    }
}

judged! {
    message_flow_edge_node_birth_publish_nbirth_payload_bdseq =>
    fn bdseq_is_read_from_any_integer() {
        for (value, datatype) in [
            (Value::LongValue(7), Some(8)),
            (Value::IntValue(7), Some(3)),
            (Value::LongValue(7), None),
        ] {
            let mut stage = Stage::new();
            let mut edge = edge();
            let birth = changed(&edge.nbirth(stage.time(), a(1)), |payload| {
                payload.metrics[0].value = Some(value);
                payload.metrics[0].datatype = datatype;
            });
            stage.send(&birth);
            stage.send(&edge.will());
            stage.check(&["birth g/n: a=1"]);
            for _ in 0..7 {
                edge.reconnect();
            }
            stage.send(&edge.will());
            stage.check(&["death g/n certificate @1000000"]);
        }
    }
}

judged! {
    topics_nbirth_bdseq_matching, payloads_nbirth_bdseq_repeat =>
    fn a_death_of_another_bdseq_is_not_believed_at_once() {
        let mut stage = Stage::new();
        let mut edge = edge();
        let old = edge.will();
        edge.reconnect();
        stage.send(&edge.nbirth(stage.time(), a(1)));
        stage.send(&old);
        stage.check(&["birth g/n: a=1"]);
        assert_eq!(stage.found(Finding::StaleDeath), 1);
        stage.send(&edge.will());
        stage.check(&["death g/n certificate @1000000"]);
    }
}

judged! {
    topics_nbirth_bdseq_increment =>
    fn a_bdseq_that_stands_still_is_no_harm() {
        let mut stage = Stage::new();
        let mut edge = edge();
        for _ in 0..2 {
            stage.send(&edge.nbirth(stage.time(), a(1)));
            stage.send(&edge.will());
            stage.check(&["birth g/n: a=1", "death g/n certificate @1000000"]);
        }
    }
}

judged! {
    topics_nbirth_rebirth_metric, payloads_nbirth_rebirth_req,
    operational_behavior_data_commands_rebirth_name =>
    fn a_node_without_the_rebirth_metric_is_asked_all_the_same() {
        let mut stage = Stage::new();
        let mut edge = edge();
        let birth = edge.nbirth(stage.time(), a(1));
        stage.send_with(&birth, |payload| {
            payload.metrics.retain(|metric| metric.name.as_deref() != Some(REBIRTH));
        });
        assert_eq!(stage.found(Finding::NoRebirth), 1);
        edge.skip(1);
        stage.send(&edge.ndata(stage.time(), a(2)));
        stage.pass(secs(5));
        stage.check(&["birth g/n: a=1", "after gap data g/n: a=2", ASKED]);
    }
}

judged! {
    operational_behavior_data_commands_rebirth_name_aliases,
    operational_behavior_data_commands_rebirth_datatype,
    operational_behavior_data_commands_rebirth_value =>
    fn a_rebirth_metric_of_any_kind_will_do() {
        let mut stage = Stage::new();
        let mut edge = edge();
        let birth = edge.nbirth(stage.time(), a(1));
        stage.send_with(&birth, |payload| {
            let rebirth = payload.metrics.iter_mut();
            let mut rebirth = rebirth.filter(|m| m.name.as_deref() == Some(REBIRTH));
            let rebirth = rebirth.next().unwrap();
            rebirth.alias = Some(99);
            rebirth.datatype = Some(3);
            rebirth.value = Some(Value::IntValue(1));
        });
        stage.send(&edge.ndata(stage.time(), a(2)));
        stage.pass(secs(60));
        stage.check(&["birth g/n: a=1", "data g/n: a=2"]);
        assert_eq!(stage.found(Finding::NoRebirth), 0);
    }
}

judged! {
    operational_behavior_data_commands_rebirth_action_1 =>
    fn data_between_request_and_birth_is_not_lost() {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), a(1)));
        edge.skip(1);
        stage.send(&edge.ndata(stage.time(), a(2)));
        stage.pass(secs(5));
        stage.send(&edge.ndata(stage.time(), a(3)));
        stage.send(&edge.nbirth(stage.time(), a(4)));
        let outputs = stage.look();
        assert_eq!(
            outputs,
            ["birth g/n: a=1", "after gap data g/n: a=2", ASKED, "data g/n: a=3", "birth g/n: a=4"]
        );
    }
}

judged! {
    operational_behavior_data_commands_rebirth_action_2 =>
    fn devices_that_are_not_reborn_are_dead() {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), []));
        stage.send(&edge.dbirth("d", stage.time(), a(1)));
        stage.send(&edge.dbirth("e", stage.time(), a(1)));
        stage.pass(secs(1));
        stage.send(&edge.nbirth(stage.time(), []));
        stage.send(&edge.dbirth("e", stage.time(), a(1)));
        stage.look();
        stage.pass(secs(60));
        stage.check(&["death g/n/d node @1011000"]);
    }
}

judged! {
    operational_behavior_data_commands_rebirth_action_3 =>
    fn a_birth_with_the_same_bdseq_is_a_rebirth() {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), a(1)));
        stage.send(&edge.ndata(stage.time(), a(2)));
        stage.pass(secs(5));
        stage.send(&edge.nbirth(stage.time(), a(3)));
        stage.send(&edge.ndata(stage.time(), a(4)));
        stage.pass(secs(60));
        stage.check(&["birth g/n: a=1", "data g/n: a=2", "birth g/n: a=3", "data g/n: a=4"]);
        stage.send(&edge.will());
        stage.check(&["death g/n certificate @1065000"]);
    }
}

judged! {
    topics_dbirth_seq, payloads_dbirth_seq, payloads_dbirth_seq_inc,
    message_flow_device_birth_publish_dbirth_payload_seq =>
    fn dbirths_take_part_in_the_sequence() {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), []));
        // 254 more bring the number to 255; the births then stand on both sides of the wrap.
        for _ in 0..254 {
            stage.send(&edge.ndata(stage.time(), []));
        }
        stage.send(&edge.dbirth("d", stage.time(), a(1)));
        stage.send(&edge.dbirth("e", stage.time(), a(1)));
        stage.pass(secs(60));
        stage.check(&["birth g/n: ", "birth g/n/d: a=1", "birth g/n/e: a=1"]);
        edge.skip(1);
        stage.send(&edge.dbirth("f", stage.time(), a(1)));
        stage.check(&[]);
        stage.pass(secs(5));
        assert_eq!(stage.look().last().unwrap(), ASKED);
    }
}

judged! {
    payloads_dbirth_order =>
    fn a_device_may_come_at_any_time() {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), a(1)));
        stage.send(&edge.ndata(stage.time(), a(2)));
        stage.send(&edge.dbirth("d", stage.time(), a(3)));
        stage.pass(secs(60));
        stage.check(&["birth g/n: a=1", "data g/n: a=2", "birth g/n/d: a=3"]);
    }
}

judged! {
    message_flow_device_birth_publish_nbirth_wait =>
    fn a_device_before_its_node_is_a_reason_for_a_rebirth() {
        let mut stage = Stage::new();
        let mut edge = edge();
        edge.skip(1);
        stage.send(&edge.dbirth("d", stage.time(), a(1)));
        stage.pass(secs(5));
        stage.check(&[ASKED]);
        assert_eq!(stage.found(Finding::BeforeBirth), 1);
    }
}

judged! {
    operational_behavior_data_publish_nbirth_values,
    operational_behavior_data_publish_dbirth_values =>
    fn null_is_a_metric_without_a_value() {
        use sparkwise::sparkplug::datatype::DataType;
        let mut stage = Stage::new();
        let mut edge = edge();
        let null = || Metric::null("a", DataType::Int32);
        stage.send(&edge.nbirth(stage.time(), [null()]));
        stage.send(&edge.dbirth("d", stage.time(), [null()]));
        stage.check(&["birth g/n: a=null", "birth g/n/d: a=null"]);
        assert_eq!(stage.found(Finding::NoValue), 0);
        let neither = edge.nbirth(stage.time(), a(1));
        stage.send_with(&neither, |payload| payload.metrics[2].value = None);
        assert_eq!(stage.found(Finding::NoValue), 1);
    }
}

//! Deaths: when they are believed, and what they need not say.

use sparkwise::sparkplug::config::BdSeq;
use sparkwise::sparkplug::edge::{Edge, Metric};
use sparkwise::sparkplug::findings::Finding;

use super::stage::{ASKED, Stage, a, changed, edge, secs};
use crate::judged;

const DEAD: &str = "death g/n certificate @1000000";

fn online(stage: &mut Stage) -> Edge {
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), a(0)));
    stage.check(&["birth g/n: a=0"]);
    edge
}

judged! {
    topics_ndeath_payload =>
    fn a_death_may_hold_more_or_nothing() {
        for payload in [0, 1, 2] {
            let mut stage = Stage::new();
            let death = online(&mut stage).will();
            let death = changed(&death, |death| match payload {
                0 => death.metrics.clear(),
                1 => death.metrics.extend(a(5).map(Metric::into_wire)),
                _ => death.metrics[0].datatype = None,
            });
            stage.send(&death);
            stage.check(&[DEAD]);
        }
        // Bytes that are no payload are a death, too.
        let mut stage = Stage::new();
        online(&mut stage);
        stage.raw("spBv1.0/g/NDEATH/n", b"\xff", false);
        stage.check(&[DEAD]);
    }
}

judged! {
    topics_ndeath_seq, payloads_ndeath_seq =>
    fn the_number_of_a_death_means_nothing() {
        let mut stage = Stage::new();
        let edge = online(&mut stage);
        stage.send_with(&edge.will(), |death| death.seq = Some(99));
        stage.check(&[DEAD]);
        stage.pass(secs(60));
        stage.check(&[]);
    }
}

judged! {
    payloads_ndeath_bdseq =>
    fn a_death_of_another_birth_is_ignored_verified_or_believed() {
        for (check, expected) in [
            (BdSeq::Strict, &[][..]),
            // Asked twice, and silent for ten seconds.
            (BdSeq::Verify, &[ASKED, ASKED, "death g/n certificate @1010000"]),
            (BdSeq::Off, &[DEAD]),
        ] {
            let mut stage = Stage::with(|config| config.bd_seq = check);
            let mut edge = edge();
            let old = edge.will();
            edge.reconnect();
            stage.send(&edge.nbirth(stage.time(), a(0)));
            stage.look();
            stage.send(&old);
            stage.pass(secs(10));
            stage.check(expected);
        }
    }
}

judged! {
    payloads_ndeath_will_message_qos =>
    fn a_death_at_either_qos_is_a_death() {
        for qos in [0, 1] {
            let mut stage = Stage::new();
            let death = online(&mut stage).will();
            stage.send(&death);
            stage.host.handle_qos(&death.topic, qos, stage.time());
            stage.check(&[DEAD]);
            assert_eq!(stage.found(Finding::WrongQos), 0);
        }
    }
}

judged! {
    payloads_ndeath_will_message_retain =>
    fn a_stored_death_counts_only_for_the_present_birth() {
        let mut stage = Stage::new();
        let mut edge = edge();
        let old = edge.will();
        edge.reconnect();
        stage.send(&edge.nbirth(stage.time(), a(0)));
        stage.retained(&old);
        stage.check(&["birth g/n: a=0"]);
        stage.retained(&edge.will());
        stage.check(&[DEAD]);
        assert_eq!(stage.found(Finding::Retained), 2);
    }
}

judged! {
    payloads_ndeath_will_message_publisher, payloads_ndeath_will_message_publisher_disconnect_mqtt311,
    operational_behavior_edge_node_intentional_disconnect_ndeath =>
    fn the_will_after_the_death_is_ignored() {
        let mut stage = Stage::new();
        let edge = online(&mut stage);
        stage.send(&edge.ndeath());
        stage.pass(secs(1));
        stage.send(&edge.will());
        stage.check(&[DEAD]);
        assert_eq!(stage.found(Finding::RepeatedDeath), 1);
    }
}

judged! {
    conformance_mqtt_aware_ndeath_timestamp =>
    fn a_death_is_at_the_time_of_its_arrival() {
        for time in [None, Some(1), Some(2_000_000)] {
            let mut stage = Stage::new();
            let edge = online(&mut stage);
            stage.send_with(&edge.will(), |death| death.timestamp = time);
            stage.check(&[DEAD]);
        }
    }
}

/// A node with its device `d`.
fn with_device(stage: &mut Stage) -> Edge {
    let mut edge = online(stage);
    stage.send(&edge.dbirth("d", stage.time(), a(0)));
    stage.check(&["birth g/n/d: a=0"]);
    edge
}

judged! {
    topics_ddeath_mqtt =>
    fn a_stored_death_of_a_device_is_ignored_and_one_at_qos_1_found() {
        let mut stage = Stage::new();
        let mut edge = with_device(&mut stage);
        let death = edge.ddeath("d", stage.time());
        stage.retained(&death);
        stage.check(&[]);
        stage.send(&death);
        stage.host.handle_qos(&death.topic, 1, stage.time());
        stage.check(&["death g/n/d certificate @1000000"]);
        assert_eq!((stage.found(Finding::Retained), stage.found(Finding::WrongQos)), (1, 1));
    }
}

judged! {
    topics_ddeath_seq_num, payloads_ddeath_seq, payloads_ddeath_seq_inc,
    payloads_ddeath_seq_number =>
    fn deaths_of_devices_take_part_in_the_sequence() {
        let mut stage = Stage::new();
        let mut edge = with_device(&mut stage);
        stage.send(&edge.ddeath("d", stage.time()));
        stage.send(&edge.ndata(stage.time(), a(1)));
        stage.pass(secs(60));
        stage.check(&["death g/n/d certificate @1000000", "data g/n: a=1"]);
        // A death that comes too early waits for what is missing.
        stage.send(&edge.dbirth("d", stage.time(), a(0)));
        let data = edge.ddata("d", stage.time(), a(2));
        let death = edge.ddeath("d", stage.time());
        stage.look();
        stage.send(&death);
        stage.check(&[]);
        stage.send(&data);
        stage.check(&["data g/n/d: a=2", "death g/n/d certificate @1060000"]);
        // One without a number is believed all the same.
        stage.send(&edge.dbirth("d", stage.time(), a(0)));
        let mut other = edge.clone();
        stage.send_with(&other.ddeath("d", stage.time()), |death| death.seq = None);
        stage.check(&["birth g/n/d: a=0", "death g/n/d certificate @1060000"]);
        assert_eq!(stage.found(Finding::NoSeq), 1);
    }
}

judged! {
    payloads_ddeath_timestamp =>
    fn a_death_of_a_device_without_a_time_is_at_its_arrival() {
        for (time, told) in [(Some(77), 77), (None, 1_000_000)] {
            let mut stage = Stage::new();
            let mut edge = with_device(&mut stage);
            stage.send_with(&edge.ddeath("d", stage.time()), |death| death.timestamp = time);
            stage.check(&[&format!("death g/n/d certificate @{told}")]);
        }
    }
}

judged! {
    operational_behavior_device_ddeath =>
    fn a_device_comes_back_without_its_node() {
        let mut stage = Stage::new();
        let mut edge = with_device(&mut stage);
        stage.send(&edge.ddeath("d", stage.time()));
        stage.send(&edge.dbirth("d", stage.time(), a(1)));
        stage.send(&edge.ddata("d", stage.time(), a(2)));
        stage.pass(secs(60));
        stage.check(&["death g/n/d certificate @1000000", "birth g/n/d: a=1", "data g/n/d: a=2"]);
    }
}

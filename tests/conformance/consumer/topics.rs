//! Topics: who speaks, and what kind of message it is.

use sparkwise::sparkplug::address::EdgeNode;
use sparkwise::sparkplug::edge::{Edge, Metric};
use sparkwise::sparkplug::findings::Finding;

use super::stage::{ASKED, Stage, a, edge, secs};
use crate::judged;

judged! {
    topic_structure, topic_structure_namespace_device_id_associated_message_types,
    topic_structure_namespace_device_id_non_associated_message_types =>
    fn topics_of_another_shape_are_counted_and_ignored() {
        let mut stage = Stage::new();
        let birth = edge().nbirth(stage.time(), a(1)).payload;
        let wrong = [
            "spBv1.0/g", "spBv1.0/g/NBIRTH", "spBv1.0/g/NBIRTH/n/d", "spBv1.0/g/NDATA/n/d",
            "spBv1.0/g/NDEATH/n/d", "spBv1.0/g/DBIRTH/n", "spBv1.0/g/DDATA/n",
            "spBv1.0/g/DDEATH/n", "spBv1.0/g/DBIRTH/n/d/e", "spBv1.0/g/XBIRTH/n", "",
        ];
        for topic in wrong {
            stage.raw(topic, &birth, false);
        }
        stage.pass(secs(60));
        stage.check(&[]);
        assert_eq!(stage.found(Finding::WrongTopic), wrong.len() as u64);
    }
}

judged! {
    topic_structure_namespace_a =>
    fn other_namespaces_are_ignored() {
        let mut stage = Stage::new();
        let birth = edge().nbirth(stage.time(), a(1)).payload;
        for namespace in ["spAv1.0", "spBv2.0", "spbv1.0", "spBv1.0 "] {
            stage.raw(&format!("{namespace}/g/NBIRTH/n"), &birth, false);
        }
        stage.check(&[]);
        assert_eq!(stage.found(Finding::WrongTopic), 4);
    }
}

judged! {
    topic_structure_namespace_valid_group_id, topic_structure_namespace_valid_edge_node_id,
    topic_structure_namespace_valid_device_id, intro_group_id_string, intro_group_id_chars,
    intro_edge_node_id_string, intro_edge_node_id_chars, intro_device_id_string,
    intro_device_id_chars =>
    fn ids_are_taken_as_they_are_and_wildcards_refused() {
        let mut stage = Stage::new();
        let (group, node, device) = ("Größe 1.2", "$gw-名", "d 1;%");
        let mut edge = Edge::new(EdgeNode::new(group, node), 0);
        stage.send(&edge.nbirth(stage.time(), a(1)));
        stage.send(&edge.dbirth(device, stage.time(), a(2)));
        stage.check(&["birth Größe 1.2/$gw-名: a=1", "birth Größe 1.2/$gw-名/d 1;%: a=2"]);
        let birth = edge.dbirth(device, stage.time(), a(1)).payload;
        for topic in ["+/DBIRTH/n/d", "g/DBIRTH/#/d", "g/DBIRTH/n/+", "/DBIRTH/n/d", "g/DBIRTH//d"] {
            stage.raw(&format!("spBv1.0/{topic}"), &birth, false);
        }
        stage.check(&[]);
        assert_eq!(stage.found(Finding::WrongTopic), 5);
    }
}

judged! {
    intro_edge_node_id_uniqueness, topic_structure_namespace_unique_edge_node_descriptor,
    payloads_nbirth_edge_node_descriptor =>
    fn two_nodes_of_one_name_cause_no_storm() {
        let mut stage = Stage::new();
        let (mut one, mut two) = (edge(), edge());
        two.reconnect();
        let mut asked = 0;
        for _ in 0..300 {
            let time = stage.time();
            stage.send(&one.ndata(time, a(1)));
            stage.send(&two.ndata(time, a(2)));
            stage.pass(secs(1));
            for line in stage.look() {
                // Both take the request for theirs.
                if line == ASKED {
                    asked += 1;
                    stage.send(&one.nbirth(stage.time(), a(1)));
                    stage.send(&two.nbirth(stage.time(), a(2)));
                }
            }
        }
        assert!((1..=10).contains(&asked), "{asked} requests in five minutes");
    }
}

judged! {
    topic_structure_namespace_unique_device_id =>
    fn a_device_that_is_born_again_is_the_same_device() {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), []));
        stage.send(&edge.dbirth("d", stage.time(), a(1)));
        stage.send(&edge.dbirth("d", stage.time(), [Metric::new("b", 2_i32)]));
        stage.send(&edge.ddata("d", stage.time(), [Metric::new("b", 3_i32)]));
        stage.check(&["birth g/n: ", "birth g/n/d: a=1", "birth g/n/d: b=2", "data g/n/d: b=3"]);
    }
}

judged! {
    topic_structure_namespace_duplicate_device_id_across_edge_node =>
    fn devices_of_two_nodes_are_two_devices() {
        let mut stage = Stage::new();
        let (mut one, mut two) = (edge(), Edge::new(EdgeNode::new("g", "m"), 0));
        for edge in [&mut one, &mut two] {
            stage.send(&edge.nbirth(stage.time(), []));
            stage.send(&edge.dbirth("d", stage.time(), a(1)));
        }
        stage.look();
        stage.send(&one.ddeath("d", stage.time()));
        stage.send(&two.ddata("d", stage.time(), a(2)));
        stage.check(&["death g/n/d certificate @1000000", "data g/m/d: a=2"]);
    }
}

judged! {
    case_sensitivity_sparkplug_ids =>
    fn ids_keep_their_case() {
        let mut stage = Stage::new();
        for node in ["gw", "GW"] {
            let mut edge = Edge::new(EdgeNode::new("g", node), 0);
            stage.send(&edge.nbirth(stage.time(), a(1)));
        }
        stage.check(&["birth g/gw: a=1", "birth g/GW: a=1"]);
        assert_eq!(stage.found(Finding::CaseCollision), 1);
    }
}

judged! {
    case_sensitivity_metric_names =>
    fn names_of_metrics_keep_their_case() {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), [Metric::new("a", 1_i32), Metric::new("A", 2_i32)]));
        stage.send(&edge.ndata(stage.time(), [Metric::new("A", 3_i32)]));
        stage.check(&["birth g/n: a=1, A=2", "data g/n: A=3"]);
        assert_eq!(stage.found(Finding::CaseCollision), 1);
    }
}

judged! {
    topics_nbirth_topic, topics_ndata_topic, topics_ndeath_topic, topics_dbirth_topic,
    topics_ddata_topic, topics_ddeath_topic =>
    fn each_kind_of_message_is_read_by_its_topic() {
        let mut stage = Stage::new();
        let (mut edge, time) = (edge(), stage.time());
        let messages = [
            ("spBv1.0/g/NBIRTH/n", edge.nbirth(time, a(1)), "birth g/n: a=1"),
            ("spBv1.0/g/DBIRTH/n/d", edge.dbirth("d", time, a(2)), "birth g/n/d: a=2"),
            ("spBv1.0/g/NDATA/n", edge.ndata(time, a(3)), "data g/n: a=3"),
            ("spBv1.0/g/DDATA/n/d", edge.ddata("d", time, a(4)), "data g/n/d: a=4"),
            ("spBv1.0/g/DDEATH/n/d", edge.ddeath("d", time), "death g/n/d certificate @1000000"),
            ("spBv1.0/g/NDEATH/n", edge.will(), "death g/n certificate @1000000"),
        ];
        for (topic, message, told) in messages {
            stage.raw(topic, &message.payload, false);
            stage.check(&[told]);
        }
    }
}

judged! {
    message_flow_device_birth_publish_dbirth_match_edge_node_topic =>
    fn a_device_belongs_to_the_node_in_its_topic() {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), []));
        let device = edge.dbirth("d", stage.time(), a(1));
        stage.raw("spBv1.0/g/DBIRTH/other/d", &device.payload, false);
        stage.pass(secs(5));
        stage.check(&["birth g/n: ", "spBv1.0/g/NCMD/other"]);
    }
}

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::app::Ledger;
use crate::console::ServerStatus;
use crate::console::degraded::{DegradedReason, DegradedReasons};
use crate::console::emf::Emf;
use crate::console::health::NotReadyReason;
use crate::console::usage::UsageRates;
use crate::time::Timestamp;
use crate::twin::caps::Cap;

fn snapshot() -> Snapshot {
    let link =
        ServerStatus { url: "mqtt://a:1883".into(), since: Some(1), ..ServerStatus::default() };
    let capped = DegradedReason::Capped {
        machine: "Nordsee/gw/P1".into(),
        cap: Cap::Properties,
        example: "Speed".into(),
        values: 3,
    };
    let mut ledger = Ledger::default();
    ledger.values.values = 7;
    ledger.delivery.delivered = 5;
    ledger.refused.invalid = 2;
    ledger.values.unread = 6;
    ledger.provisioning.reads_given_up = 8;
    ledger.provisioning.units_set = 9;
    Snapshot {
        host_id: "host".into(),
        linger: std::time::Duration::from_secs(1),
        at: Timestamp::from_millis(10_000),
        started_at: Timestamp::from_millis(1_500),
        ledger,
        plant: crate::sparkplug::host::HostCounters::default(),
        nodes: [0, 0, 3, 1],
        nodes_named: vec![
            (EdgeNode::new("Nord \"1\"", "gw"), true),
            (EdgeNode::new("Ost", "gw"), false),
        ],
        servers: vec![
            link.clone(),
            ServerStatus { url: "mqtt://b:1883".into(), since: None, dropped: 4, ..link },
        ],
        not_ready: vec![NotReadyReason::NotSynced(None)],
        degraded: [capped].into_iter().collect(),
        oldest: Some(Timestamp::from_millis(7_500)),
        outbox_bytes: 0,
        outbox_max_bytes: 1 << 20,
        dead_letters_kept: 2,
        quotas: (1_000, 5_000),
        quotas_read: false,
        quota_share: 0.5,
        usage: UsageRates::default(),
        buffered: None,
        price: None,
        assets_live: 0,
        provisioning_pending: 0,
        doors: Vec::new(),
        labels: crate::labels::Figures::default(),
        lease: None,
        commands: crate::command::Figures::default(),
    }
}

#[test]
fn every_metric_is_declared_once_and_has_a_number_for_each_of_its_labels() {
    let snapshot = snapshot();
    let names: BTreeSet<&str> = all().map(|metric| metric.name).collect();
    assert_eq!(names.len(), all().count());
    for metric in all() {
        assert_eq!(
            metric.name.ends_with("_total"),
            metric.kind == MetricKind::Counter,
            "{metric:?}"
        );
        assert!(!metric.help.contains(['\n', '\\']), "{metric:?}");
        let words = match metric.label {
            MetricLabel::None | MetricLabel::Version => 1,
            MetricLabel::Words(_, words) => words().len(),
            MetricLabel::Commands => Code::ALL.len(),
            MetricLabel::Server => snapshot.servers.len(),
            MetricLabel::Node => snapshot.nodes_named.len(),
        };
        match metric.read {
            MetricReader::One(_) | MetricReader::Process(_) | MetricReader::Durations(_) => {
                assert_eq!(words, 1, "{metric:?}")
            }
            MetricReader::Each(read) => assert_eq!(words, read(&snapshot).len(), "{metric:?}"),
        }
    }
}

#[test]
fn the_text_is_what_prometheus_reads() {
    let text = text(&snapshot(), &ProcessStats::default());
    for line in [
        "# TYPE sparkwise_values_read_total counter",
        "sparkwise_values_read_total 7",
        "sparkwise_ready 0",
        "sparkwise_not_ready{reason=\"initial_sync_incomplete\"} 1",
        "sparkwise_not_ready{reason=\"shutting_down\"} 0",
        "sparkwise_degraded{reason=\"capped_properties\"} 1",
        "sparkwise_degraded{reason=\"outbox_full\"} 0",
        "sparkwise_capped_machines{cap=\"properties\"} 1",
        "sparkwise_capped_machines{cap=\"models\"} 0",
        "sparkwise_mqtt_connected{server=\"mqtt://b:1883\"} 0",
        "sparkwise_mqtt_messages_dropped_total{server=\"mqtt://b:1883\"} 4",
        "sparkwise_values_refused_total{reason=\"invalid\"} 2",
        "sparkwise_edge_nodes{phase=\"online\"} 3",
        "sparkwise_node_online{group=\"Nord \\\"1\\\"\",node=\"gw\"} 1",
        "sparkwise_node_online{group=\"Ost\",node=\"gw\"} 0",
        "sparkwise_oldest_value_age_seconds 2.5",
        "sparkwise_latest_values_unread_total 6",
        "sparkwise_reads_given_up_total 8",
        "sparkwise_units_set_total 9",
        "# TYPE sparkwise_put_duration_seconds histogram",
        "sparkwise_put_duration_seconds_bucket{le=\"0.05\"} 0",
        "sparkwise_put_duration_seconds_bucket{le=\"+Inf\"} 0",
        "sparkwise_put_duration_seconds_sum 0",
        "sparkwise_put_duration_seconds_count 0",
        "sparkwise_start_time_seconds 1.5",
        "sparkwise_quota_allowed_ratio 0.5",
        concat!("sparkwise_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
}

#[test]
fn servers_that_differ_in_their_path_alone_are_two_series() {
    let mut snapshot = snapshot();
    let link = ServerStatus { url: "wss://a:443".into(), ..ServerStatus::default() };
    snapshot.servers = vec![link.clone(), link];
    assert_eq!(servers(&snapshot), ["wss://a:443", "wss://a:443 (2)"]);
}

#[test]
fn labels_are_escaped_as_prometheus_reads_them() {
    assert_eq!(escaped("a\\b\"c\nd"), "a\\\\b\\\"c\\nd");
}

#[test]
fn what_the_system_does_not_tell_of_the_process_is_left_out() {
    let told = ProcessStats { open_files: Some(12.0), ..ProcessStats::default() };
    let text = text(&snapshot(), &told);
    assert!(text.contains("\n# TYPE process_open_fds gauge\nprocess_open_fds 12\n"), "{text}");
    assert!(!text.contains("process_cpu_seconds_total"), "{text}");
}

#[test]
fn the_documentation_is_made_from_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, markdown()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == markdown(),
        "docs/metrics.md is out of step: run `UPDATE=1 cargo test metrics`"
    );
}

#[test]
fn lines_for_cloudwatch_declare_what_they_carry_and_count_since_the_line_before() {
    let mut emf = Emf::default();
    let mut snapshot = snapshot();
    let first: serde_json::Value = serde_json::from_str(&emf.line(&snapshot)).unwrap();
    snapshot.ledger.delivery.delivered += 3;
    snapshot.not_ready.clear();
    snapshot.degraded = DegradedReasons::default();
    let second: serde_json::Value = serde_json::from_str(&emf.line(&snapshot)).unwrap();
    assert_eq!((&first["ValuesDelivered"], &second["ValuesDelivered"]), (&5.into(), &3.into()));
    assert_eq!((&first["DeadLetters"], &second["DeadLetters"]), (&2.into(), &0.into()));
    assert_eq!((&first["ValuesLost"], &second["ValuesLost"]), (&4.into(), &0.into()));
    assert_eq!((&first["Ready"], &second["Ready"]), (&0.into(), &1.into()));
    assert_eq!((&first["Degraded"], &second["Degraded"]), (&1.into(), &0.into()));
    assert_eq!(first["degraded"], serde_json::json!(["capped_properties"]));
    assert_eq!(first["OldestValueAgeSeconds"], 2.5);
    let directive = &first["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(directive["Namespace"], "Sparkwise");
    assert_eq!(directive["Dimensions"][0][0], "HostId");
    assert_eq!(first["HostId"], "host");
    for metric in directive["Metrics"].as_array().unwrap() {
        let name = metric["Name"].as_str().unwrap();
        assert!(first[name].is_number(), "{name} is declared but not there");
        assert!(crate::console::emf::MARKDOWN.contains(&format!("`{name}`")), "{name}");
    }
}

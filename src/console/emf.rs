//! The same metrics for CloudWatch, as lines of its embedded metric format.
//!
//! CloudWatch Logs makes metrics of such lines by itself: no agent, no further right. Counts are
//! deltas since the previous line, so that they can be summed and alarmed on.
//!
//! Source: "Specification: Embedded metric format", CloudWatch user guide.

use serde_json::{Value, json};

use super::snapshot::Snapshot;

/// Where CloudWatch keeps the metrics.
const NAMESPACE: &str = "Sparkwise";
/// The dimension: the host id.
const DIMENSION: &str = "HostId";

/// For `docs/metrics.md`.
pub(super) const MARKDOWN: &str = "
## CloudWatch

With `METRICS_EMF=on` a line in CloudWatch's embedded metric format goes to stderr once a minute,
and one at shutdown. In a log group of CloudWatch Logs it becomes metrics in the namespace
`Sparkwise` with the dimension `HostId`, which is `SPARKPLUG_HOST_ID`. Counts are
deltas since the previous line.

| Metric | Unit | Meaning |
|---|---|---|
| `Ready` | None | 1 if the bridge is ready, else 0; the reasons are in `notReady` on the same line |
| `Degraded` | Count | MQTT servers, machines, models and assets with a problem while the bridge is ready; the reasons are in `degraded` on the same line |
| `OldestValueAgeSeconds` | Seconds | age of the oldest queued value |
| `ValuesRead` | Count | values received |
| `ValuesDelivered` | Count | points that SiteWise has accepted |
| `ValuesWaiting` | Count | points queued or in flight |
| `ValuesLost` | Count | values lost because the outbox was full or damaged, or because SiteWise's rate limit of one property was exceeded; dropped MQTT messages count as one each. In Prometheus: `sparkwise_values_discarded_total` with the reasons `outbox_full`, `outbox_unreadable` and `rate`, and `sparkwise_mqtt_messages_dropped_total`. Values dropped at a cap or before the initial sync are not in it |
| `DeadLetters` | Count | dead letters: values that SiteWise rejected or would reject |
| `Throttled` | Count | throttled responses to BatchPutAssetPropertyValue, to requests and to single entries |
| `BilledMessages` | Count | messages that SiteWise bills |
| `AssetsLive` | Count | assets that are ACTIVE |
";

/// Totals at the previous line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Emf {
    previous: EmfCounts,
}

#[derive(Clone, Copy, Debug, Default)]
struct EmfCounts {
    read: u64,
    delivered: u64,
    lost: u64,
    dead_letters: u64,
    throttled: u64,
    billed: u64,
}

impl Emf {
    /// The next line, without a line feed.
    pub fn line(&mut self, snapshot: &Snapshot) -> String {
        let current = EmfCounts::of(snapshot);
        let previous = std::mem::replace(&mut self.previous, current);
        let metrics: [(&str, &str, Value); 11] = [
            ("Ready", "None", json!(u8::from(snapshot.not_ready.is_empty()))),
            ("Degraded", "Count", json!(snapshot.degraded.total())),
            ("OldestValueAgeSeconds", "Seconds", json!(snapshot.oldest_age_seconds())),
            ("ValuesRead", "Count", json!(current.read.saturating_sub(previous.read))),
            (
                "ValuesDelivered",
                "Count",
                json!(current.delivered.saturating_sub(previous.delivered)),
            ),
            ("ValuesWaiting", "Count", json!(snapshot.ledger.waiting())),
            ("ValuesLost", "Count", json!(current.lost.saturating_sub(previous.lost))),
            (
                "DeadLetters",
                "Count",
                json!(current.dead_letters.saturating_sub(previous.dead_letters)),
            ),
            ("Throttled", "Count", json!(current.throttled.saturating_sub(previous.throttled))),
            ("BilledMessages", "Count", json!(current.billed.saturating_sub(previous.billed))),
            ("AssetsLive", "Count", json!(snapshot.assets_live)),
        ];
        let declared: Vec<Value> =
            metrics.iter().map(|(name, unit, _)| json!({ "Name": name, "Unit": unit })).collect();
        let reasons: Vec<&str> = snapshot.not_ready.iter().map(|why| why.label()).collect();
        let degraded = snapshot.degraded.counts().filter(|(_, count)| *count > 0);
        let degraded: Vec<&str> = degraded.map(|(label, _)| label).collect();
        let mut line = json!({
            "_aws": {
                "Timestamp": snapshot.at.as_millis(),
                "CloudWatchMetrics": [{
                    "Namespace": NAMESPACE,
                    "Dimensions": [[DIMENSION]],
                    "Metrics": declared,
                }],
            },
            DIMENSION: snapshot.host_id,
            "notReady": reasons,
            "degraded": degraded,
        });
        if let Some(line) = line.as_object_mut() {
            line.extend(metrics.into_iter().map(|(name, _, value)| (name.to_owned(), value)));
        }
        line.to_string()
    }
}

impl EmfCounts {
    fn of(snapshot: &Snapshot) -> Self {
        let ledger = &snapshot.ledger;
        let on_disk = ledger.disk.as_ref().map_or(0, |disk| disk.full + disk.unreadable);
        let messages: u64 = snapshot.servers.iter().map(|link| link.dropped).sum();
        Self {
            read: ledger.values.values,
            delivered: ledger.delivery.delivered,
            lost: ledger.losses.full + on_disk + ledger.delivery.discarded.rate + messages,
            dead_letters: ledger.refused.total(),
            throttled: ledger.delivery.throttles,
            billed: ledger.delivery.billed_messages,
        }
    }
}

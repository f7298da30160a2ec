//! The table.

use super::commands::{CHANNELS, by_channel};
use super::define::{counter, each, gauge, histogram, process};
use super::labels;
use super::{MetricDef, MetricKind, MetricLabel, MetricReader};
use crate::command::answer::Code;
use crate::console::degraded::DegradedReason;
use crate::console::health::NotReadyReason;
use crate::console::snapshot::{PHASES, Snapshot};
use crate::delivery::point::{DiscardReason, RejectReason};
use crate::sparkplug::findings::Finding;
use crate::sparkplug::host::SkipReason;
use crate::sparkplug::rebirth::RebirthReason;
use crate::twin::caps::Cap;
use crate::twin::counts::DropReason;
use crate::twin::mapping::Adjustment;

/// Where a point waits: the words of `place`.
const WAITING: [&str; 4] = ["outbox", "gate", "delivery", "standby"];

/// All but those of late values.
pub(super) const TABLE: &[MetricDef] = &[
    gauge("sparkwise_ready", "1 if the bridge is ready, else 0.", |s| {
        f64::from(u8::from(s.not_ready.is_empty()))
    }),
    each(
        MetricKind::Gauge,
        "sparkwise_not_ready",
        "1 for each reason why the bridge is not ready.",
        MetricLabel::Words("reason", || NotReadyReason::LABELS.to_vec()),
        |s| {
            let holds = |label: &&str| s.not_ready.iter().any(|why| why.label() == *label);
            NotReadyReason::LABELS.iter().map(|label| f64::from(u8::from(holds(label)))).collect()
        },
    ),
    each(
        MetricKind::Gauge,
        "sparkwise_degraded",
        "Problems while the bridge is ready, by reason: the number of MQTT servers, machines, \
         models and assets affected now.",
        MetricLabel::Words("reason", || DegradedReason::LABELS.to_vec()),
        |s| s.degraded.counts().map(|(_, count)| count as f64).collect(),
    ),
    gauge(
        "sparkwise_start_time_seconds",
        "When the bridge began to process messages, in seconds since the Unix epoch; \
         process_start_time_seconds is when the process began.",
        |s| s.started_at.as_millis() as f64 / 1_000.0,
    ),
    MetricDef {
        name: "sparkwise_build_info",
        kind: MetricKind::Gauge,
        help: "Build information: the running version as a label; the value is always 1.",
        label: MetricLabel::Version,
        read: MetricReader::One(|_| 1.0),
    },
    // MQTT.
    each(
        MetricKind::Gauge,
        "sparkwise_mqtt_connected",
        "1 if the session with the server is up and all subscriptions are granted, else 0.",
        MetricLabel::Server,
        |s| s.servers.iter().map(|link| f64::from(u8::from(link.since.is_some()))).collect(),
    ),
    each(
        MetricKind::Counter,
        "sparkwise_mqtt_messages_received_total",
        "MQTT messages received.",
        MetricLabel::Server,
        |s| s.servers.iter().map(|link| link.received as f64).collect(),
    ),
    each(
        MetricKind::Counter,
        "sparkwise_mqtt_messages_dropped_total",
        "Messages dropped because they arrived faster than the bridge reads: its queue was full. \
         A rebirth is requested of each node that lost one.",
        MetricLabel::Server,
        |s| s.servers.iter().map(|link| link.dropped as f64).collect(),
    ),
    each(
        MetricKind::Gauge,
        "sparkwise_mqtt_message_age_seconds",
        "Age of the oldest received message that is queued to be processed.",
        MetricLabel::Server,
        |s| s.servers.iter().map(|link| link.message_age as f64 / 1_000.0).collect(),
    ),
    each(
        MetricKind::Counter,
        "sparkwise_mqtt_topics_malformed_total",
        "Messages dropped because their topic is not UTF-8.",
        MetricLabel::Server,
        |s| s.servers.iter().map(|link| link.malformed as f64).collect(),
    ),
    each(
        MetricKind::Counter,
        "sparkwise_mqtt_messages_oversized_total",
        "Messages skipped because their packet is larger than MQTT_MAX_PACKET.",
        MetricLabel::Server,
        |s| s.servers.iter().map(|link| link.oversized as f64).collect(),
    ),
    each(
        MetricKind::Counter,
        "sparkwise_mqtt_publishes_dropped_total",
        "Outgoing messages, mostly rebirth requests, dropped because the queue to the server was \
         full.",
        MetricLabel::Server,
        |s| s.servers.iter().map(|link| link.unpublished as f64).collect(),
    ),
    // Sparkplug.
    counter("sparkwise_sparkplug_messages_total", "Messages processed.", |s| {
        s.plant.messages as f64
    }),
    counter(
        "sparkwise_sparkplug_births_total",
        "Births (NBIRTH, DBIRTH) of edge nodes and devices processed.",
        |s| s.plant.births as f64,
    ),
    counter(
        "sparkwise_sparkplug_deaths_total",
        "Deaths (NDEATH, DDEATH) of edge nodes and devices processed.",
        |s| s.plant.deaths as f64,
    ),
    each(
        MetricKind::Counter,
        "sparkwise_sparkplug_rebirths_total",
        "Rebirth requests sent, by reason: SPARKPLUG_REBIRTH in docs/configuration.md explains \
         each.",
        MetricLabel::Words("reason", || RebirthReason::ALL.map(RebirthReason::name).to_vec()),
        |s| s.plant.rebirths.iter().map(|count| *count as f64).collect(),
    ),
    each(
        MetricKind::Counter,
        "sparkwise_sparkplug_findings_total",
        "Findings: what is unusual in what a sender sends, such as a deviation from the Sparkplug \
         specification or from other senders, or something that SiteWise cannot show as it was \
         sent. Most are harmless; docs/semantics.md explains each.",
        MetricLabel::Words("finding", || Finding::ALL.map(Finding::name).to_vec()),
        |s| Finding::ALL.map(|finding| s.plant.findings.count(finding) as f64).to_vec(),
    ),
    each(
        MetricKind::Counter,
        "sparkwise_sparkplug_values_unread_total",
        "Values skipped because they could not be interpreted: before the birth that defines them, \
         with a name or alias that it lacks, in a duplicate message, in a birth that came too \
         late, in a retained message, from another server than the node's session is on, or past a \
         limit.",
        MetricLabel::Words("reason", || SkipReason::ALL.map(SkipReason::label).to_vec()),
        |s| s.plant.skipped_values.iter().map(|count| *count as f64).collect(),
    ),
    counter(
        "sparkwise_sparkplug_values_excluded_total",
        "Values that SPARKPLUG_INCLUDE and SPARKPLUG_EXCLUDE exclude.",
        |s| s.plant.excluded_values as f64,
    ),
    counter(
        "sparkwise_sparkplug_messages_excluded_total",
        "Messages of edge nodes that SPARKPLUG_INCLUDE and SPARKPLUG_EXCLUDE exclude as a whole.",
        |s| s.plant.excluded_messages as f64,
    ),
    each(
        MetricKind::Gauge,
        "sparkwise_edge_nodes",
        "Edge nodes known to the bridge, by phase: online (its birth is known), offline (it died, or \
         its MQTT server cannot be reached), awaited (it sends data or was online before, and its \
         birth is missing), unknown (nothing but its name is known).",
        MetricLabel::Words("phase", || PHASES.map(|(_, label)| label).to_vec()),
        |s| s.nodes.iter().map(|count| *count as f64).collect(),
    ),
    each(
        MetricKind::Gauge,
        "sparkwise_node_online",
        "1 if the edge node is online, else 0. Only the first thousand by name are exported; \
            sparkwise_edge_nodes counts all.",
        MetricLabel::Node,
        |s| s.nodes_named.iter().map(|(_, online)| f64::from(u8::from(*online))).collect(),
    ),
    // Values.
    counter("sparkwise_values_read_total", "Values received from the plant.", |s| {
        s.ledger.values.values as f64
    }),
    counter(
        "sparkwise_values_points_total",
        "Values received that became points: values addressed to one property of one asset, to be \
        written to SiteWise.",
        |s| s.ledger.values.points as f64,
    ),
    counter(
        "sparkwise_values_own_total",
        "Points generated by the bridge itself: presence, attributes, stale marks (last values \
            written again as UNCERTAIN), heartbeats.",
        |s| s.ledger.values.own_points as f64,
    ),
    each(
        MetricKind::Counter,
        "sparkwise_values_dropped_total",
        "Values dropped before they became points. Intended: transient (is_transient), alarm (an \
         alarm under its tag's name), not_carried (a type that SiteWise cannot store), unchanged \
         (a birth repeats what was written), control (bdSeq, Node Control). Lost: capped_models, \
         capped_properties, capped_assets (a cap is exceeded), before_sync (the buffer was full \
         before the initial sync).",
        MetricLabel::Words("reason", || DropReason::ALL.map(DropReason::label).to_vec()),
        |s| DropReason::ALL.map(|why| s.ledger.values.dropped(why) as f64).to_vec(),
    ),
    each(
        MetricKind::Counter,
        "sparkwise_values_adjusted_total",
        "Values that were changed to fit SiteWise: rounded (an integer past 2^53), not_finite (NaN \
         or infinity, written as null), cleaned (control characters replaced), cut (a string at \
         1,024 bytes).",
        MetricLabel::Words("how", || Adjustment::ALL.map(Adjustment::label).to_vec()),
        |s| Adjustment::ALL.map(|how| s.ledger.values.adjusted(how) as f64).to_vec(),
    ),
    each(
        MetricKind::Counter,
        "sparkwise_values_refused_total",
        "Values that SiteWise rejected or would reject, each a dead letter: out_of_range (of its \
         timestamp), invalid, denied (access was denied until the value was seven days old).",
        MetricLabel::Words("reason", || RejectReason::ALL.map(RejectReason::label).to_vec()),
        |s| s.ledger.refused.named().map(|(_, count)| count as f64).to_vec(),
    ),
    gauge(
        "sparkwise_dead_letters_kept",
        "Dead letters that are kept now: values that SiteWise rejected, with the reason.",
        |s| s.dead_letters_kept as f64,
    ),
    counter(
        "sparkwise_values_delivered_total",
        "Points delivered: SiteWise has accepted them.",
        |s| s.ledger.delivery.delivered as f64,
    ),
    each(
        MetricKind::Counter,
        "sparkwise_values_discarded_total",
        "Points discarded after they were queued: overwritten (by a later one of the same time and \
         quality), rate (more than ten a second of one property), outbox_full, misrouted (sent \
         early to a property that the asset turned out not to have), outbox_unreadable (on a \
         damaged disk), standby_released (a follower kept it for a minute, and the other bridge \
         delivered it), standby_full (no room in the follower's memory).",
        MetricLabel::Words("reason", || DiscardReason::ALL.map(DiscardReason::label).to_vec()),
        |s| s.ledger.discarded().map(|(_, count)| count as f64).to_vec(),
    ),
    each(
        MetricKind::Gauge,
        "sparkwise_values_waiting",
        "Points queued, by place: in the outbox; in the outbox until their asset or property \
            exists (gate); in delivery (batched, in flight or waiting for a retry); in the \
            memory of a bridge that follows (standby).",
        MetricLabel::Words("place", || WAITING.to_vec()),
        |s| {
            let Snapshot { ledger, .. } = s;
            let outbox = ledger.outbox_points.saturating_sub(ledger.parked_points);
            let (parked, kept) = (ledger.parked_points, ledger.follower_window.points);
            [outbox, parked, ledger.delivery.waiting, kept].map(|n| n as f64).to_vec()
        },
    ),
    gauge(
        "sparkwise_values_buffered",
        "Values buffered until the initial sync with SiteWise is complete.",
        |s| s.ledger.buffered as f64,
    ),
    gauge(
        "sparkwise_oldest_value_age_seconds",
        "Age of the oldest queued value; 0 if none is queued.",
        Snapshot::oldest_age_seconds,
    ),
    gauge("sparkwise_outbox_bytes", "Bytes used by queued values in the outbox.", |s| {
        s.outbox_bytes as f64
    }),
    gauge(
        "sparkwise_outbox_max_bytes",
        "Limit of sparkwise_outbox_bytes: OUTBOX_MAX_BYTES.",
        |s| s.outbox_max_bytes as f64,
    ),
    counter(
        "sparkwise_outbox_restored_total",
        "Points restored from OUTBOX_DIR at the start.",
        |s| s.ledger.disk.as_ref().map_or(0, |disk| disk.restored) as f64,
    ),
    gauge(
        "sparkwise_outbox_unsaved",
        "Queued points that a crash would lose: with OUTBOX_DIR those not yet flushed to disk, \
         without it all.",
        |s| s.ledger.lost_in_crash() as f64,
    ),
    // Delivery.
    counter("sparkwise_put_requests_total", "BatchPutAssetPropertyValue requests sent.", |s| {
        s.ledger.delivery.requests as f64
    }),
    counter(
        "sparkwise_put_entries_total",
        "Entries sent in BatchPutAssetPropertyValue requests; each has up to ten values of one \
        property.",
        |s| s.ledger.delivery.entries as f64,
    ),
    counter(
        "sparkwise_put_values_total",
        "Values sent in BatchPutAssetPropertyValue requests, retries included.",
        |s| s.ledger.delivery.values as f64,
    ),
    counter(
        "sparkwise_put_retries_total",
        "Points queued again for a retry, after a failed request or entry.",
        |s| s.ledger.delivery.retries as f64,
    ),
    counter(
        "sparkwise_put_throttles_total",
        "Throttled responses of BatchPutAssetPropertyValue: ThrottlingException of requests and \
         entries, LimitExceededException of entries.",
        |s| s.ledger.delivery.throttles as f64,
    ),
    counter(
        "sparkwise_billed_messages_total",
        "Messages that SiteWise bills for the values it accepted.",
        |s| s.ledger.delivery.billed_messages as f64,
    ),
    histogram(
        "sparkwise_put_duration_seconds",
        "Duration of BatchPutAssetPropertyValue requests until their response, successful or not.",
        |s| s.ledger.delivery.response_times,
    ),
    histogram(
        "sparkwise_delivery_duration_seconds",
        "Latency of live values from their arrival until SiteWise accepted them, INGEST_LINGER and \
            retries included. Values that waited in the outbox are not included.",
        |s| s.ledger.delivery.latencies,
    ),
    gauge("sparkwise_put_in_flight", "BatchPutAssetPropertyValue requests in flight.", |s| {
        s.ledger.delivery.in_flight as f64
    }),
    gauge(
        "sparkwise_quota_allowed_ratio",
        "Share of INGEST_REQUESTS_PER_SECOND and INGEST_VALUES_PER_SECOND that the rate limiter \
            allows now: halved by throttling, rising slowly to 1.",
        |s| s.quota_share,
    ),
    // Provisioning.
    gauge(
        "sparkwise_models_wanted",
        "Asset models desired, as the births of the plant define them.",
        |s| s.ledger.desired.0 as f64,
    ),
    gauge(
        "sparkwise_assets_wanted",
        "Assets desired, as the births of the plant define them.",
        |s| s.ledger.desired.1 as f64,
    ),
    gauge("sparkwise_assets_live", "Desired assets that are ACTIVE in SiteWise.", |s| {
        s.assets_live as f64
    }),
    counter("sparkwise_models_created_total", "Models created.", |s| {
        s.ledger.provisioning.models_created as f64
    }),
    counter("sparkwise_models_updated_total", "Updates of models.", |s| {
        s.ledger.provisioning.models_updated as f64
    }),
    counter("sparkwise_assets_created_total", "Assets created.", |s| {
        s.ledger.provisioning.assets_created as f64
    }),
    counter("sparkwise_assets_linked_total", "Assets associated with their parent.", |s| {
        s.ledger.provisioning.assets_linked as f64
    }),
    counter(
        "sparkwise_tree_full_total",
        "Assets that could not be associated with their parent because of SiteWise's limits: they \
            are at the root of the tree.",
        |s| s.ledger.provisioning.tree_full as f64,
    ),
    counter(
        "sparkwise_units_set_total",
        "Units set on properties of single assets, because they differ from their model's.",
        |s| s.ledger.provisioning.units_set as f64,
    ),
    labels::SET,
    labels::LEFT,
    labels::FAILURES,
    labels::ASSETS,
    labels::TAGGED,
    counter(
        "sparkwise_latest_values_unread_total",
        "Latest values, of properties that births name, that could not be read from SiteWise after \
            a start: it is unknown whether SiteWise shows the value that was written.",
        |s| s.ledger.values.unread as f64,
    ),
    counter(
        "sparkwise_reads_given_up_total",
        "Reads of latest values that were abandoned after several retries.",
        |s| s.ledger.provisioning.reads_given_up as f64,
    ),
    counter(
        "sparkwise_provisioning_failures_total",
        "Control plane calls (for models and assets) that failed.",
        |s| s.ledger.provisioning.failures as f64,
    ),
    gauge(
        "sparkwise_provisioning_pending",
        "Control plane jobs (for models and assets) pending.",
        |s| s.provisioning_pending as f64,
    ),
    each(
        MetricKind::Gauge,
        "sparkwise_capped_machines",
        "Edge nodes and devices whose twin is incomplete because of a cap: TWIN_MAX_MODELS, \
         TWIN_MAX_PROPERTIES or TWIN_MAX_ASSETS.",
        MetricLabel::Words("cap", || Cap::ALL.map(Cap::label).to_vec()),
        |s| Cap::ALL.map(|cap| s.degraded.capped(cap) as f64).to_vec(),
    ),
    gauge(
        "sparkwise_problems",
        "Models and assets that SiteWise rejects or cannot place in the tree.",
        |s| s.ledger.problems.len() as f64,
    ),
    // Commands.
    each(
        MetricKind::Counter,
        "sparkwise_commands_total",
        "Commands requested, by status and code of their answer; duplicate requests are not \
            counted.",
        MetricLabel::Commands,
        |s| {
            let count = |code| s.commands.answers.get(&code).copied().unwrap_or_default() as f64;
            Code::ALL.map(count).to_vec()
        },
    ),
    each(
        MetricKind::Gauge,
        "sparkwise_commands_channel_up",
        "1 if the channel can receive commands, else 0; 0 also for a channel that is not configured.",
        CHANNELS,
        |s| by_channel(s, |door| u64::from(door.is_open)),
    ),
    each(
        MetricKind::Counter,
        "sparkwise_commands_received_total",
        "Requests received, duplicates included.",
        CHANNELS,
        |s| by_channel(s, |door| door.received),
    ),
    each(
        MetricKind::Counter,
        "sparkwise_commands_not_taken_total",
        "Requests that were not handled, because SQS did not confirm their deletion in time; SQS \
            delivers them again unless the deletion took effect.",
        CHANNELS,
        |s| by_channel(s, |door| door.not_taken),
    ),
    each(
        MetricKind::Counter,
        "sparkwise_commands_unanswered_total",
        "Answers that were dropped, since they could not be sent or AWS IoT rejected them; the log \
         has them.",
        CHANNELS,
        |s| by_channel(s, |door| door.unanswered),
    ),
    counter(
        "sparkwise_commands_repeated_total",
        "Duplicate command requests: the id was used before and got the first one's answer.",
        |s| s.commands.repeated as f64,
    ),
    counter("sparkwise_commands_sent_total", "Commands sent to the plant.", |s| {
        s.commands.sent as f64
    }),
    gauge(
        "sparkwise_commands_in_flight",
        "Commands in flight: sent, and not yet confirmed by the machine's value.",
        |s| s.commands.in_flight as f64,
    ),
    // The process.
    process(
        MetricKind::Counter,
        "process_cpu_seconds_total",
        "Total user and system CPU time spent in seconds.",
        |p| p.cpu_seconds,
    ),
    process(
        MetricKind::Gauge,
        "process_resident_memory_bytes",
        "Resident memory size in bytes.",
        |p| p.resident_bytes,
    ),
    process(
        MetricKind::Gauge,
        "process_virtual_memory_bytes",
        "Virtual memory size in bytes.",
        |p| p.virtual_bytes,
    ),
    process(MetricKind::Gauge, "process_open_fds", "Number of open file descriptors.", |p| {
        p.open_files
    }),
    process(MetricKind::Gauge, "process_max_fds", "Maximum number of open descriptors.", |p| {
        p.max_files
    }),
    process(
        MetricKind::Gauge,
        "process_start_time_seconds",
        "Start time of the process since unix epoch in seconds.",
        |p| p.start_time_seconds,
    ),
];

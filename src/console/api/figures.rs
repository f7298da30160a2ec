//! The page's numbers.

use serde::Serialize;

use super::ApiError;
use crate::console::look::ServerStatus;
use crate::console::routes::Routes;
use crate::console::snapshot::PHASES;
use crate::delivery::whatif::LINGERS;
use crate::twin::counts::DropReason;
use crate::twin::mapping::Adjustment;

/// All numbers of the page's head and of its stream.
#[derive(Debug, Serialize)]
pub(super) struct Overview {
    version: &'static str,
    host_id: String,
    /// Labels and sentences; none where the bridge is ready.
    not_ready: Vec<(&'static str, String)>,
    /// What does not go as it should although the bridge works: labels, and how often.
    degraded: Vec<(&'static str, u64)>,
    began: i64,
    links: Vec<ServerStatus>,
    /// Edge nodes by phase.
    nodes: Vec<(&'static str, u64)>,
    models: usize,
    assets: usize,
    assets_live: u64,
    provisioning_pending: u64,
    problems: u64,
    dead_letters: u64,
    findings: u64,
    values: ValueStats,
    /// The time of the value that has waited longest, in whole seconds of the epoch.
    oldest: Option<i64>,
    outbox_bytes: u64,
    outbox_max_bytes: u64,
    /// Waiting values that are lost if the process is.
    unsaved: usize,
    delivery: DeliveryStats,
    linger_seconds: f64,
    /// What the same values would have been billed as at other lingers.
    lingers: Vec<LingerCost>,
}

#[derive(Debug, Serialize)]
struct LingerCost {
    seconds: u64,
    messages: u64,
}

#[derive(Debug, Serialize)]
struct ValueStats {
    read: u64,
    own: u64,
    points: u64,
    /// Points that an earlier process had left on disk.
    restored: u64,
    held: usize,
    in_outbox: usize,
    behind_gates: usize,
    on_the_way: usize,
    delivered: u64,
    /// Refused before SiteWise was asked, and by SiteWise.
    refused_early: Vec<(&'static str, u64)>,
    refused: Vec<(&'static str, u64)>,
    discarded: Vec<(&'static str, u64)>,
    dropped: Vec<(&'static str, u64)>,
    adjusted: Vec<(&'static str, u64)>,
}

#[derive(Debug, Serialize)]
struct DeliveryStats {
    requests: u64,
    values: u64,
    retries: u64,
    throttles: u64,
    in_flight: usize,
    billed_messages: u64,
    /// Requests and values a second that are kept to.
    requests_quota: u32,
    values_quota: u32,
    /// Whether these were read from Service Quotas.
    quotas_told: bool,
    /// What of the quotas may be used, in percent: less after throttling.
    quota_share: u32,
    /// Requests and values a second that are sent, over the last minute.
    a_second: Option<(f64, f64)>,
    /// Billed messages an hour, and over how many seconds that was measured.
    messages_an_hour: Option<f64>,
    messages_over: u64,
    /// Billed messages in thirty days at this rate, and what they cost where the price is known.
    messages_a_month: Option<f64>,
    cost_a_month: Option<f64>,
}

pub(super) async fn overview(routes: &Routes) -> Result<Overview, ApiError> {
    let snapshot = routes.snapshot().await?;
    let ledger = &snapshot.ledger;
    let delivery = ledger.delivery;
    let discarded = delivery.discarded;
    let disk = ledger.disk.clone().unwrap_or_default();
    Ok(Overview {
        version: env!("CARGO_PKG_VERSION"),
        host_id: snapshot.host_id.clone(),
        not_ready: snapshot.not_ready.iter().map(|why| (why.label(), why.to_string())).collect(),
        began: snapshot.began.as_millis(),
        links: snapshot.links.clone(),
        nodes: PHASES.iter().zip(snapshot.nodes).map(|((_, label), n)| (*label, n)).collect(),
        models: ledger.desired.0,
        assets: ledger.desired.1,
        assets_live: snapshot.assets_live,
        provisioning_pending: snapshot.provisioning_pending,
        degraded: snapshot.degraded.counts().filter(|(_, count)| *count > 0).collect(),
        problems: snapshot.degraded.total(),
        dead_letters: ledger.refused.total(),
        findings: ledger.findings.iter().map(|(_, count)| count).sum(),
        values: ValueStats {
            read: ledger.values.values,
            own: ledger.values.own_points,
            points: ledger.values.points,
            restored: disk.restored,
            held: ledger.buffered,
            in_outbox: ledger.outbox_points.saturating_sub(ledger.parked_points),
            behind_gates: ledger.parked_points,
            on_the_way: delivery.waiting,
            delivered: delivery.delivered,
            refused_early: ledger.values.refused.named().to_vec(),
            refused: delivery.refused.named().to_vec(),
            discarded: vec![
                (
                    "overwritten",
                    discarded.overwritten + ledger.losses.overwritten + disk.overwritten,
                ),
                ("rate", discarded.rate),
                ("astray", discarded.astray),
                ("outbox_full", ledger.losses.full + disk.full),
                ("outbox_unreadable", disk.unreadable),
                ("mqtt_queue_full", ledger.mqtt.dropped),
            ],
            dropped: DropReason::ALL.map(|why| (why.label(), ledger.values.dropped(why))).to_vec(),
            adjusted: Adjustment::ALL
                .map(|how| (how.label(), ledger.values.adjusted(how)))
                .to_vec(),
        },
        oldest: snapshot.oldest.map(|time| time.seconds()),
        outbox_bytes: snapshot.outbox_bytes,
        outbox_max_bytes: snapshot.outbox_max_bytes,
        unsaved: ledger.lost_in_crash(),
        delivery: DeliveryStats {
            requests: delivery.requests,
            values: delivery.values,
            retries: delivery.retries,
            throttles: delivery.throttles,
            in_flight: delivery.in_flight,
            billed_messages: delivery.billed_messages,
            requests_quota: snapshot.quotas.0,
            values_quota: snapshot.quotas.1,
            quotas_told: snapshot.quotas_told,
            quota_share: (snapshot.quota_share * 100.0).round() as u32,
            a_second: snapshot.usage.a_second,
            messages_an_hour: snapshot.usage.messages_an_hour,
            messages_over: snapshot.usage.window.as_secs(),
            messages_a_month: snapshot.usage.messages_a_month,
            cost_a_month: snapshot.cost_a_month(),
        },
        linger_seconds: snapshot.linger.as_secs_f64(),
        lingers: LINGERS
            .iter()
            .zip(delivery.messages_at)
            .map(|(linger, messages)| LingerCost { seconds: linger.as_secs(), messages })
            .collect(),
    })
}

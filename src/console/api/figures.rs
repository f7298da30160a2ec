//! The page's numbers.

use serde::Serialize;

use super::ApiError;
use crate::app::{LateAccount, Ledger};
use crate::console::routes::Routes;
use crate::console::snapshot::PHASES;
use crate::console::view::{LeaseStatus, ServerStatus};
use crate::delivery::whatif::LINGERS;
use crate::late::savings::SavingsEstimate;
use crate::late::{NotQueued, Obstacle};
use crate::time::Timestamp;
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
    started_at: i64,
    servers: Vec<ServerStatus>,
    /// Edge nodes by phase.
    nodes: Vec<(&'static str, u64)>,
    models: usize,
    assets: usize,
    assets_live: u64,
    provisioning_pending: u64,
    problems: u64,
    /// Those that are kept now, of this process.
    dead_letters: u64,
    /// Those since the start, also where they were retried or dropped since.
    rejected: u64,
    findings: u64,
    values: ValueStats,
    /// Which of two bridges this is; none for one that acts alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    lease: Option<LeaseStats>,
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
    /// What they would be billed as by bulk import; none while too little was measured.
    import: Option<ImportCost>,
}

/// What bulk import would cost instead of live ingestion, in messages of thirty days.
#[derive(Debug, Serialize)]
struct ImportCost {
    every_seconds: u64,
    live: f64,
    /// If sixty values count as a message, and if 5 KB do: which of them is not documented.
    by_values: f64,
    by_bytes: f64,
    /// What is billed at least.
    least: f64,
    /// Where it pays: globs, the most saved first, with live and import.
    pays_for: Vec<(String, f64, f64)>,
    /// For how many of these names together it pays at least.
    least_names: usize,
}

impl ImportCost {
    fn of(estimate: &SavingsEstimate) -> Self {
        let month = |a_day: f64| (a_day * 30.0).round();
        let SavingsEstimate { every, price, pays_for, least_names, .. } = estimate;
        let pays_for = pays_for.iter().take(PAYS_FOR);
        Self {
            every_seconds: every.as_secs(),
            live: month(price.live),
            by_values: month(price.by_values),
            by_bytes: month(price.by_bytes),
            least: month(price.least),
            pays_for: pays_for
                .map(|saving| (saving.glob.clone(), month(saving.live), month(saving.import)))
                .collect(),
            least_names: *least_names,
        }
    }
}

/// One of two bridges.
#[derive(Debug, Serialize)]
struct LeaseStats {
    role: &'static str,
    /// When it began or ceased to act, in epoch milliseconds.
    since: i64,
    epoch: u64,
    has_follower: bool,
    taken: u64,
    /// Points that it keeps while the other one delivers.
    kept: usize,
}

impl LeaseStats {
    fn of(lease: &LeaseStatus) -> Self {
        Self {
            role: lease.figures.role.label(),
            since: lease.since.as_millis(),
            epoch: lease.figures.version.map_or(0, |version| version.epoch),
            has_follower: lease.has_follower(),
            taken: lease.figures.taken,
            kept: lease.window.points,
        }
    }
}

/// Names of properties for which bulk import pays that are told.
const PAYS_FOR: usize = 5;

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
    buffered: usize,
    in_outbox: usize,
    behind_gates: usize,
    in_delivery: usize,
    /// Kept while the other one of two bridges delivers.
    in_standby: usize,
    delivered: u64,
    /// Refused before SiteWise was asked, and by SiteWise.
    refused_early: Vec<(&'static str, u64)>,
    refused: Vec<(&'static str, u64)>,
    discarded: Vec<(&'static str, u64)>,
    dropped: Vec<(&'static str, u64)>,
    adjusted: Vec<(&'static str, u64)>,
    /// None where values that are too old become dead letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    late: Option<LateStats>,
}

/// Values that travel by bulk import.
#[derive(Debug, Serialize)]
struct LateStats {
    restored: u64,
    delivered: u64,
    waiting: u64,
    refused: u64,
    /// Why something does not move, in words.
    failing: Option<String>,
}

impl LateStats {
    fn of(late: &LateAccount) -> Self {
        let failing = late.status.obstacle().map(|obstacle| match obstacle {
            Obstacle::NoTier => NotQueued::NoTier.reason().to_owned(),
            Obstacle::TiersUnread(reason) => {
                format!("the account's storage configuration cannot be read: {reason}")
            }
            Obstacle::Disk(reason) => format!("the files cannot be written: {reason}"),
            Obstacle::File(object, reason) => format!("{object}: {reason}"),
        });
        Self {
            restored: late.figures.restored,
            delivered: late.figures.delivered,
            waiting: late.status.waiting,
            refused: late.figures.refused,
            failing,
        }
    }
}

impl ValueStats {
    fn of(ledger: &Ledger) -> Self {
        let delivery = &ledger.delivery;
        let restored = ledger.disk.as_ref().map_or(0, |disk| disk.restored);
        Self {
            read: ledger.values.values,
            own: ledger.values.own_points,
            points: ledger.values.points,
            restored,
            buffered: ledger.buffered,
            in_outbox: ledger.outbox_points.saturating_sub(ledger.parked_points),
            behind_gates: ledger.parked_points,
            in_delivery: delivery.waiting,
            in_standby: ledger.follower_window.points,
            delivered: delivery.delivered,
            refused_early: ledger.values.refused.named().to_vec(),
            refused: delivery.refused.named().to_vec(),
            discarded: ledger
                .discarded()
                .map(|(why, count)| (why.label(), count))
                .into_iter()
                .chain([("mqtt_queue_full", ledger.mqtt.dropped)])
                .collect(),
            dropped: DropReason::ALL.map(|why| (why.label(), ledger.values.dropped(why))).to_vec(),
            adjusted: Adjustment::ALL
                .map(|how| (how.label(), ledger.values.adjusted(how)))
                .to_vec(),
            late: ledger.late.as_ref().map(LateStats::of),
        }
    }
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
    quotas_read: bool,
    /// What of the quotas may be used, in percent: less after throttling.
    quota_share: u32,
    /// Requests and values a second that are sent, over the last minute.
    sent_per_second: Option<(f64, f64)>,
    /// Billed messages an hour, and over how many seconds that was measured.
    messages_per_hour: Option<f64>,
    measured_seconds: u64,
    /// Billed messages in thirty days at this rate, and what they cost where the price is known.
    messages_per_month: Option<f64>,
    cost_per_month: Option<f64>,
    /// When there will be such figures, in epoch milliseconds, while there are none.
    first_figure_at: Option<i64>,
}

pub(super) async fn overview(routes: &Routes) -> Result<Overview, ApiError> {
    let snapshot = routes.snapshot().await?;
    let ledger = &snapshot.ledger;
    let delivery = ledger.delivery;
    Ok(Overview {
        version: env!("CARGO_PKG_VERSION"),
        host_id: snapshot.host_id.clone(),
        not_ready: snapshot.not_ready.iter().map(|why| (why.label(), why.to_string())).collect(),
        started_at: snapshot.started_at.as_millis(),
        servers: snapshot.servers.clone(),
        lease: snapshot.lease.as_ref().map(LeaseStats::of),
        nodes: PHASES.iter().zip(snapshot.nodes).map(|((_, label), n)| (*label, n)).collect(),
        models: ledger.desired.0,
        assets: ledger.desired.1,
        assets_live: snapshot.assets_live,
        provisioning_pending: snapshot.provisioning_pending,
        degraded: snapshot.degraded.counts().filter(|(_, count)| *count > 0).collect(),
        problems: snapshot.degraded.total(),
        dead_letters: snapshot.dead_letters_kept,
        rejected: ledger.refused.total(),
        findings: ledger.findings.iter().map(|(_, count)| count).sum(),
        values: ValueStats::of(ledger),
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
            quotas_read: snapshot.quotas_read,
            quota_share: (snapshot.quota_share * 100.0).round() as u32,
            sent_per_second: snapshot.usage.sent_per_second,
            messages_per_hour: snapshot.usage.messages_per_hour,
            measured_seconds: snapshot.usage.window.as_secs(),
            messages_per_month: snapshot.usage.messages_per_month,
            cost_per_month: snapshot.cost_per_month(),
            first_figure_at: snapshot.costs_at().map(Timestamp::as_millis),
        },
        linger_seconds: snapshot.linger.as_secs_f64(),
        lingers: LINGERS
            .iter()
            .zip(delivery.messages_at)
            .map(|(linger, messages)| LingerCost { seconds: linger.as_secs(), messages })
            .collect(),
        import: snapshot.buffered.as_ref().map(ImportCost::of),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::console::metrics;
    use crate::delivery::point::{Class, DiscardReason, Point, RejectReason, Stream};
    use crate::outbox::dead_letters::{DeadLetter, DeadLetterRecord};
    use crate::sitewise::api::{Quality, Variant};
    use crate::sparkplug::host::SkipReason;
    use crate::time::Timestamp;

    type Names = BTreeSet<String>;

    fn names<const N: usize>(all: [&'static str; N]) -> Names {
        let names: Names = all.into_iter().map(str::to_owned).collect();
        assert_eq!(names.len(), N, "each has a name of its own");
        names
    }

    /// What the last lines of the log call an outcome's reasons.
    fn logged(outcome: &str) -> Names {
        let ledger = Ledger::default();
        let of = ledger.dropped_by_reason().filter(|(of, ..)| *of == outcome);
        of.map(|(_, reason, _)| reason.to_owned()).collect()
    }

    /// The values of a metric's label.
    fn measured(metric: &str) -> Names {
        let all = metrics::markdown();
        let row = all.lines().find(|line| line.contains(&format!("`{metric}`"))).unwrap();
        let label = row.split('|').nth(3).unwrap();
        let (_, values) = label.split_once(": ").unwrap();
        values.split(',').map(|value| value.trim().to_owned()).collect()
    }

    /// The names in a list of the console, and those for which its page has words.
    fn shown(list: &str, words: &str) -> Names {
        let json = serde_json::to_value(ValueStats::of(&Ledger::default())).unwrap();
        let rows = json[list].as_array().unwrap();
        let names: Names = rows.iter().map(|row| row[0].as_str().unwrap().to_owned()).collect();
        let page = include_str!("../page/words.js");
        let (_, page) = page.split_once(&format!("const {words} = {{")).unwrap();
        let (page, _) = page.split_once("};").unwrap();
        for name in &names {
            assert!(page.contains(&format!("  {name}: ")), "{words} of the page has no {name}");
        }
        names
    }

    /// What full outbox and unreadable disk are called was another word in the log.
    #[test]
    fn a_reason_has_one_name_in_log_metrics_console_and_dead_letters() {
        let refused = names(RejectReason::ALL.map(RejectReason::label));
        assert_eq!(logged("refused"), refused);
        assert_eq!(logged("refused_early"), refused);
        assert_eq!(measured("sparkwise_values_refused_total"), refused);
        assert_eq!(shown("refused", "REFUSED"), refused);
        assert_eq!(shown("refused_early", "REFUSED"), refused);

        let discarded = names(DiscardReason::ALL.map(DiscardReason::label));
        assert_eq!(logged("discarded"), discarded);
        assert_eq!(measured("sparkwise_values_discarded_total"), discarded);
        let mut with_messages = discarded;
        with_messages.insert("mqtt_queue_full".to_owned());
        assert_eq!(shown("discarded", "DISCARDED"), with_messages);

        let dropped = names(DropReason::ALL.map(DropReason::label));
        assert_eq!(logged("dropped"), dropped);
        assert_eq!(measured("sparkwise_values_dropped_total"), dropped);
        assert_eq!(shown("dropped", "DROPPED"), dropped);

        let unread = names(SkipReason::ALL.map(SkipReason::label));
        assert_eq!(logged("not_read"), unread);
        assert_eq!(measured("sparkwise_sparkplug_values_unread_total"), unread);
    }

    /// On disk, and with what `sparkwise dead-letters` prints and filters by.
    #[test]
    fn a_dead_letter_has_the_name_that_the_metrics_have() {
        for refusal in RejectReason::ALL {
            let letter = DeadLetter {
                point: Point {
                    stream: Stream { asset: uuid::Uuid::nil(), property: uuid::Uuid::nil() },
                    time: Timestamp::from_millis(0),
                    quality: Quality::Good,
                    value: Variant::Boolean(true),
                    class: Class::Live,
                },
                refusal,
                reason: "because".to_owned(),
                at: Timestamp::from_millis(0),
                names: (None, None),
                alias: None,
            };
            let line = serde_json::to_string(&DeadLetterRecord::new(1, letter, None)).unwrap();
            let name = refusal.label();
            assert!(line.contains(&format!(r#""refusal":"{name}""#)), "{line}");
            let read: DeadLetterRecord = serde_json::from_str(&line).unwrap();
            assert_eq!(read.refusal, name);
            assert!(crate::cli::dead_letters::HELP.contains(name), "{name}");
        }
        // What 0.1.0 called otherwise stood beside its own name in lists; a name of another version is
        // read as it stands.
        for (written, read) in [("unfit", "out_of_range"), ("of_tomorrow", "of_tomorrow")] {
            let old = r#"{"id":1,"asset":"a","property":"b","time":0,"quality":"GOOD",
                "data_type":"DOUBLE","value":null,"refusal":"NAME","reason":"because",
                "first_attempt":0,"last_attempt":0,"attempts":1}"#
                .replace("NAME", written);
            assert_eq!(serde_json::from_str::<DeadLetterRecord>(&old).unwrap().refusal, read);
        }
    }
}

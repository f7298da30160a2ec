//! Log lines about the plant and the outbox's disk.

use tracing::{error, info, warn};

use super::repeated_lines::{LineKind, MoreLines};
use crate::bridge::Output;
use crate::console::degraded;
use crate::delivery::point::Stream;
use crate::delivery::rejections::OtherProperties;
use crate::outbox::DiskEvent;
use crate::sitewise::cause::Cause;
use crate::sparkplug::address::Source;
use crate::sparkplug::event::DeathCause;
use crate::sparkplug::findings::Finding;
use crate::sparkplug::limits;
use crate::twin::caps::Cap;
use crate::twin::folders::RuleSuggestion;
use crate::twin::plan::problems::RejectionKind;

/// What has priority where a cap is exceeded.
const fn priority_at_cap(cap: Cap) -> &'static str {
    match cap {
        Cap::Models => {
            "machines whose model exists keep all their values, the others only show whether they \
                are online"
        }
        Cap::Properties => "presence has priority, then measurements, then attributes",
        Cap::Assets => "existing assets stay",
    }
}

/// Logs an event of the outbox's disk.
pub(super) fn log_disk_event(change: &DiskEvent) {
    match change {
        DiskEvent::NotWritable(reason) => error!(
            "cannot write the outbox: {reason}; values are queued in memory only, and writing is \
             retried; {}",
            degraded::DISK_REMEDY
        ),
        DiskEvent::Unreadable(reason) => error!(
            "the outbox on disk is damaged: {reason}; repairing it, meanwhile values are queued in \
             memory only"
        ),
        DiskEvent::PointsLost(points) => warn!(
            outbox.unreadable = points,
            "{points} values in the outbox were unreadable and are lost; the damaged files are \
             kept in OUTBOX_DIR: run `sparkwise outbox check`, and check the disk"
        ),
        DiskEvent::InboundFull => warn!(
            "no room on disk for messages that arrive before SiteWise is first reached: further \
             ones are kept in memory only, as far as there is room; raise OUTBOX_MAX_BYTES or free \
             disk space"
        ),
        DiskEvent::TooSlow => {
            warn!(
                "the outbox's disk is too slow: values are queued in memory only; {}",
                degraded::DISK_REMEDY
            )
        }
        DiskEvent::Hung(unsaved) => warn!(
            outbox.unsaved = unsaved,
            "the outbox's disk hangs: it has not completed a write for 10 s; {unsaved} values, and \
                all that arrive now, are queued in memory only and would be lost in a crash; {}",
            degraded::DISK_REMEDY
        ),
        DiskEvent::Recovered => info!("the outbox is writable again"),
        DiskEvent::Full | DiskEvent::LettersRemoved(_) => {}
    }
}

/// Logs a model or an asset that SiteWise rejected.
pub(super) fn log_rejection(subject: &str, reason: &str, verdict: RejectionKind) {
    warn!("{subject} cannot be created or updated: {reason}; {}", verdict.remedy());
}

/// Logs a property whose values keep being rejected.
pub(super) fn log_failing_property(
    stream: Stream,
    names: (Option<&str>, Option<&str>),
    reason: &str,
    (cause, others): (Cause, OtherProperties),
) {
    let (asset, property) = (names.0.unwrap_or("an asset"), names.1.unwrap_or("a property"));
    warn!(
        sitewise.asset_id = %stream.asset,
        sitewise.property_id = %stream.property,
        sitewise.cause = cause.label(),
        "SiteWise does not accept values of {asset} / {property}, and perhaps of other properties \
         of this asset{}: {reason}; they stay queued and are retried with backoff, up to an hour \
         apart; {}",
        degraded::while_others(others),
        cause.remedy()
    );
}

/// Logs a machine of which values are dropped.
pub(super) fn log_over_rate(machine: &Source, names: (Option<&str>, Option<&str>)) {
    let (asset, property) = (names.0.unwrap_or("an asset"), names.1.unwrap_or("a property"));
    warn!(
        sparkplug.source = %machine,
        "{machine} {}, beginning with {asset} / {property}; {}",
        degraded::TOO_FAST,
        degraded::CROWDED_REMEDY
    );
}

/// Whether a finding is more than an effect of the network, or of our own start: what comes before
/// its birth is asked about, and only where that is in vain there is something to do, which is
/// [`Finding::RebirthUnanswered`].
pub(super) fn is_warning(finding: Finding) -> bool {
    let violates = finding.tck_id().is_some() && finding != Finding::BeforeBirth;
    violates || finding.is_loss() || finding.needs_people()
}

/// Logs how many there are of a kind beyond those that got a line of their own.
pub(super) fn log_more_lines(more: &MoreLines) {
    let MoreLines { kind, count, names } = more;
    let who = degraded::first_names(names, *count);
    match *kind {
        LineKind::Finding(finding) => {
            let (name, words) = (finding.name(), finding.description());
            if is_warning(finding) {
                warn!(sparkplug.finding = name, senders = count, "{who}: {words}");
            } else {
                info!(sparkplug.finding = name, senders = count, "{who}: {words}");
            }
        }
        LineKind::Online => info!(count, "{who}: online"),
        LineKind::NodeOffline(cause) if is_to_be_seen_to(cause) => warn!(
            count,
            "{who}: offline: {}; their last values stay in SiteWise; {}",
            how(cause),
            degraded::OFFLINE_REMEDY
        ),
        LineKind::NodeOffline(cause) | LineKind::DeviceOffline(cause) => {
            info!(count, "{who}: offline: {}", how(cause));
        }
        LineKind::LabelLeft(kind) => warn!(
            label.left = kind.name(),
            count,
            "{who}: an alias, notification or tag was not set ({}); /api/labels lists why",
            kind.name()
        ),
        LineKind::NotCreated(verdict) => {
            warn!(count, "{who}: cannot be created or updated; {}", verdict.remedy());
        }
    }
}

/// How a death became known.
const fn how(cause: DeathCause) -> &'static str {
    match cause {
        DeathCause::Certificate => "death certificate received",
        DeathCause::Node => "its edge node is offline",
        DeathCause::ConnectionLost => "connection to the MQTT server lost",
        DeathCause::Silent => "no answer to a rebirth request",
    }
}

/// A dead gateway is for somebody to see to; what our own connection hides is told once, by its
/// server.
fn is_to_be_seen_to(cause: DeathCause) -> bool {
    cause != DeathCause::ConnectionLost
}

/// Logs an output; those that are only to be performed are ignored.
pub(super) fn log_output(output: Output) {
    match output {
        Output::Finding { edge, finding, example } => {
            let who = match (edge, finding) {
                (Some(edge), _) => edge.to_string(),
                // The first that there was no place for, or the topic itself.
                (None, Finding::TooManyNodes | Finding::WrongTopic) => example.clone(),
                (None, _) => "a sender".to_owned(),
            };
            let (name, words) = (finding.name(), finding.description());
            let tck_id = finding.tck_id();
            // Why it is not understood, or by how much its clock is off, is in the example.
            let words = match finding {
                Finding::RebirthUnanswered | Finding::ClockOff => &*example,
                _ => words,
            };
            // Effects of the network are not the sender's fault.
            if let Some(rule) = limits::rule(finding) {
                warn!(sparkplug.finding = name, example, "{who}: {words}: {rule}");
            } else if is_warning(finding) {
                warn!(sparkplug.finding = name, tck_id, example, "{who}: {words}");
            } else {
                info!(sparkplug.finding = name, example, "{who}: {words}");
            }
        }
        Output::Grouped(edge) => info!(
            sparkplug.edge_node = %edge,
            "{edge} sends flat metrics, which TWIN_RULES group into assets; these have no \
             parameters and no definitions, which flat metrics do not carry"
        ),
        Output::RuleSuggested(source, RuleSuggestion { rule, assets, members }) => info!(
            sparkplug.source = %source,
            "{source} sends flat metrics in {assets} folders with the same {members} members: \
             TWIN_RULES='{rule}' would make {assets} assets of them, of one model with {members} \
             properties; `sparkwise plan` shows what else changes"
        ),
        Output::Capped { source, cap, example } => warn!(
            sparkplug.source = %source,
            sitewise.cap = cap.label(),
            example,
            "{source} exceeds {}: `{example}` and perhaps more is dropped; {}; {}",
            cap.variable(),
            priority_at_cap(cap),
            cap.remedy()
        ),
        Output::AllNodesExcluded(edge) => warn!(
            sparkplug.edge_node = %edge,
            "{edge} {}",
            degraded::NOBODY_ADMITTED
        ),
        Output::Born(source) => info!(sparkplug.source = %source, "{source} is online"),
        Output::Died(source, cause) => {
            let how = how(cause);
            if source.device.is_none() && is_to_be_seen_to(cause) {
                warn!(
                    sparkplug.source = %source,
                    "{source} is offline: {how}; its last values stay in SiteWise, and are written \
                     again as UNCERTAIN after TWIN_STALE_AFTER; {}",
                    degraded::OFFLINE_REMEDY
                );
            } else {
                info!(sparkplug.source = %source, "{source} is offline: {how}");
            }
        }
        _ => {}
    }
}

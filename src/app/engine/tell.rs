//! What the bridge tells of the plant and of the outbox's disk, in the log.

use tracing::{error, info, warn};

use crate::bridge::Output;
use crate::console::degraded;
use crate::delivery::point::Stream;
use crate::outbox::Change;
use crate::sparkplug::event::DeathCause;
use crate::sparkplug::limits;
use crate::twin::caps::Cap;

/// What goes first where a cap is met.
const fn first(cap: Cap) -> &'static str {
    match cap {
        Cap::Models => "whose model is there has all that it had, the others are alive",
        Cap::Properties => "presence comes first, then measurements, then attributes",
        Cap::Assets => "whose asset is there keeps it",
    }
}

/// Writes what the outbox's disk does.
pub(super) fn disk(change: &Change) {
    match change {
        Change::Refused(reason) => error!(
            "the outbox cannot be written: {reason}; values wait in memory alone until it can"
        ),
        Change::Unreadable(reason) => error!(
            "the outbox cannot be read: what lies there is damaged: {reason}; what can be read is \
             being saved, and values wait in memory alone until it is"
        ),
        Change::Lost(points) => warn!(
            outbox.unreadable = points,
            "{points} values in the outbox could not be read and are lost; what was damaged is \
             kept in OUTBOX_DIR: see `sparkwise outbox check`, and look after the disk"
        ),
        Change::Deaf => warn!(
            "what is read before SiteWise is reached has no room on the outbox's disk any more: \
             from here on it is in memory alone; raise OUTBOX_MAX_BYTES or look at the disk"
        ),
        Change::Behind => warn!("the outbox's disk is too slow: values wait in memory alone"),
        Change::Well => info!("the outbox is written again"),
        Change::Full => {}
    }
}

/// Values of a property are not taken again and again.
pub(super) fn held(stream: Stream, names: (Option<&str>, Option<&str>), reason: &str) {
    let (asset, property) = (names.0.unwrap_or("an asset"), names.1.unwrap_or("a property"));
    warn!(
        sitewise.asset_id = %stream.asset,
        sitewise.property_id = %stream.property,
        "values of {asset} / {property}, and perhaps of more of its properties, are not taken while \
         others are: {reason}; they wait and are tried ever rarer, to once an hour; {}",
        degraded::HELD_REMEDY
    );
}

/// Writes it; what is to be done and not told is passed over.
pub(super) fn tell(output: Output) {
    match output {
        Output::Found { edge, finding, example } => {
            let who = edge.map_or_else(|| "a sender".to_owned(), |edge| edge.to_string());
            let (name, words) = (finding.name(), finding.words());
            let tck_id = finding.tck_id().unwrap_or("-");
            // What the network does is no fault of the sender's.
            if let Some(rule) = limits::rule(finding) {
                warn!(sparkplug.finding = name, example, "{who}: {words}: {rule}");
            } else if finding.tck_id().is_some() || finding.is_loss() {
                warn!(sparkplug.finding = name, tck_id, example, "{who}: {words}");
            } else {
                info!(sparkplug.finding = name, example, "{who}: {words}");
            }
        }
        Output::Grouped(edge) => info!(
            sparkplug.edge = %edge,
            "{edge} sends flat metrics: TWIN_RULES made assets of them, without the \
             parameters and definitions that such a stream does not carry"
        ),
        Output::Capped { source, cap, example } => warn!(
            sparkplug.source = %source,
            sitewise.cap = cap.label(),
            example,
            "{source} has met {}: no room for `{example}` and perhaps more; {}; {}",
            cap.variable(),
            first(cap),
            cap.remedy()
        ),
        Output::Born(source) => info!(sparkplug.source = %source, "{source} was born"),
        Output::Died(source, cause) => {
            let how = match cause {
                DeathCause::Certificate => "its death certificate came",
                DeathCause::Node => "its edge node died",
                DeathCause::ConnectionLost => "the MQTT server cannot be reached",
                DeathCause::Silent => "it did not answer",
            };
            info!(sparkplug.source = %source, "{source} is offline: {how}");
        }
        _ => {}
    }
}

//! What the bridge tells of the plant, in the log.

use tracing::{info, warn};

use crate::bridge::Output;
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

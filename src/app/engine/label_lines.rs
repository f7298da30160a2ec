//! Log lines of what the lane of labels left as it is: a bounded number of each kind.

use tracing::warn;

use crate::labels::{Remark, RemarkKind};

/// Lines of each kind while the process runs.
const LINES: u32 = 20;

/// How many were logged of each kind.
#[derive(Debug, Default)]
pub(super) struct LabelLines([u32; RemarkKind::ALL.len()]);

impl LabelLines {
    /// Logs a remark, unless there were many of its kind.
    pub(super) fn log(&mut self, remark: &Remark) {
        let place = RemarkKind::ALL.iter().position(|kind| *kind == remark.kind);
        let Some(logged) = place.and_then(|place| self.0.get_mut(place)) else { return };
        *logged = logged.saturating_add(1);
        let kind = remark.kind.name();
        match *logged {
            ..LINES => warn!(label.left = kind, "{remark}"),
            LINES => warn!(
                label.left = kind,
                "{remark}; what is further left for this reason ({kind}) is counted in \
                 sparkwise_labels_left_total and listed at /api/labels, and not logged"
            ),
            _ => {}
        }
    }
}

//! The lane of labels within the bridge: it reads the twin, and comes after everything else.

use super::{Bridge, Output};
use crate::delivery::point::Stream;
use crate::labels::{self, Labels, Plant, Readiness, Subject, TagSubject, TagTarget, Turn};
use crate::sitewise::api::ApiFault;
use crate::time::Now;
use crate::twin::Twin;
use crate::twin::plan::api_call::{CallId, CallResult};
use crate::twin::view::AssetIx;

/// What somebody has to do where an operation on tags is denied.
const TAGS_REMEDY: &str = "allow the bridge iotsitewise:ListTagsForResource, iotsitewise:TagResource, \
                           iotsitewise:DescribeAsset and iotsitewise:DescribeAssetModel, or unset \
                           TWIN_TAGS";
/// What somebody has to do where another operation is denied.
const REMEDY: &str = "allow the bridge iotsitewise:ListAssetProperties, \
                      iotsitewise:DescribeAssetProperty and iotsitewise:UpdateAssetProperty, or unset \
                      TWIN_ALIASES and TWIN_NOTIFY";

/// The aliases of a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Aliases {
    /// The one that `TWIN_ALIASES` gives it, whether it is set already or not.
    pub(crate) wanted: String,
    /// What SiteWise has in place of it, if that is known: another one, or none since something else
    /// has the wanted one.
    pub(crate) kept: Option<Option<String>>,
}

/// The twin as the lane sees it.
pub(crate) struct LabelledPlant<'a> {
    pub(crate) twin: &'a Twin,
    /// Whether values have work to do.
    pub(crate) values: Turn,
}

impl Plant for LabelledPlant<'_> {
    fn assets(&self) -> u32 {
        u32::try_from(self.twin.size().1).unwrap_or(u32::MAX)
    }

    fn readiness(&self, asset: u32) -> Readiness {
        self.twin.label_readiness(AssetIx(asset))
    }

    fn subject(&self, asset: u32) -> Subject {
        self.twin.label_subject(AssetIx(asset))
    }

    fn models(&self) -> u32 {
        u32::try_from(self.twin.size().0).unwrap_or(u32::MAX)
    }

    fn tag_readiness(&self, of: TagTarget) -> Readiness {
        self.twin.tag_readiness(of)
    }

    fn tag_subject(&self, of: TagTarget) -> TagSubject {
        self.twin.tag_subject(of)
    }

    fn assets_at(&self, address: &str) -> Vec<u32> {
        self.twin.assets_at(address).into_iter().map(|ix| ix.0).collect()
    }

    fn turn(&self) -> Turn {
        let plan = self.twin.plan();
        match plan.is_synced() && !plan.is_provisioning() {
            true => self.values,
            false => Turn::Wait,
        }
    }
}

/// What cannot be done where an operation is denied, and what somebody has to do.
fn subject_and_remedy(operation: &str) -> (&'static str, &'static str) {
    match operation {
        "ListTagsForResource" | "TagResource" => ("set tags", TAGS_REMEDY),
        _ => ("set aliases and notifications", REMEDY),
    }
}

impl Bridge {
    /// Sets labels from now on; `seed` is for the jitter of retries.
    #[must_use]
    pub fn with_labels(self, config: labels::Config, seed: u64) -> Self {
        let mut labels = Box::new(Labels::new(config, seed));
        labels.handle_hold(self.twin.plan().holds_writes());
        Self { labels: Some(labels), ..self }
    }

    /// The lane of labels, read-only; none where no labels are wanted.
    pub fn labels(&self) -> Option<&Labels> {
        self.labels.as_deref()
    }

    /// The alias that a property of a measurement has in SiteWise or will get there; none without
    /// `TWIN_ALIASES`, or where something else has it.
    pub fn alias(&self, stream: Stream) -> Option<String> {
        let Aliases { wanted, kept } = self.aliases(stream)?;
        kept.unwrap_or(Some(wanted))
    }

    /// The aliases of a property of a measurement; none without `TWIN_ALIASES`.
    pub(crate) fn aliases(&self, stream: Stream) -> Option<Aliases> {
        let labels = self.labels()?;
        let template = labels.config().aliases.as_ref()?;
        let (ix, asset) = self.twin.asset(stream.asset)?;
        let property = self.twin.property(asset, stream.property)?;
        let is_labelled = self.twin.label_readiness(ix) != Readiness::Never;
        let name = (is_labelled && !property.is_attribute()).then_some(&property.name)?;
        let kept = labels.kept_alias(stream.asset, stream.property);
        Some(Aliases {
            wanted: template.alias(&self.twin.label_place(ix), name).ok()?,
            kept: kept.map(|kept| kept.map(str::to_owned)),
        })
    }

    pub(super) fn stop_labels(&mut self) {
        if let Some(labels) = &mut self.labels {
            labels.handle_stop();
        }
    }

    /// Whether another bridge acts, which sets them.
    pub(super) fn hold_labels(&mut self, held: bool) {
        if let Some(labels) = &mut self.labels {
            labels.handle_hold(held);
        }
    }

    pub(super) fn handle_label_result(
        &mut self,
        id: CallId,
        answer: Result<CallResult, ApiFault>,
        now: Now,
    ) {
        let Self { labels: Some(labels), twin, .. } = self else { return };
        labels.handle_result(id, answer, now.instant);
        twin.hold_units(labels.visited().map(AssetIx));
    }

    /// The next output of the lane.
    pub(super) fn poll_labels(&mut self, now: Now) -> Option<Output> {
        // Where values have filled up what delivery takes, they have to wait, and calls with them.
        let values = if self.delivery.room().is_empty() { Turn::Wait } else { Turn::Go };
        let Self { labels: Some(labels), twin, .. } = self else { return None };
        let output = labels.poll_output(&LabelledPlant { twin, values }, now.instant);
        twin.hold_units(labels.visited().map(AssetIx));
        Some(match output? {
            labels::Output::Call(id, call) => Output::Call(id, call),
            labels::Output::Remark(remark) => Output::LabelRemark(remark),
            labels::Output::Denied { operation, message } => {
                let (subject, remedy) = subject_and_remedy(operation);
                twin.note_labels(subject, Some(format!("{operation}: {message}; {remedy}")));
                Output::LabelsDenied(subject, format!("{operation} is denied: {message}; {remedy}"))
            }
            labels::Output::Failing { operation, message } => {
                let (subject, _) = subject_and_remedy(operation);
                twin.note_labels(subject, Some(format!("{operation}: {message}")));
                Output::LabelsDenied(subject, format!("{operation} keeps failing: {message}"))
            }
            labels::Output::Allowed(operation) => {
                let (subject, _) = subject_and_remedy(operation);
                twin.note_labels(subject, None);
                Output::LabelsAllowed(subject)
            }
        })
    }
}

//! The names in a reason for `degraded` by which people look for it.

use super::DegradedReason;

impl DegradedReason {
    /// Names beside its subject: of a property, a tag, a topic or a device.
    pub(in crate::console) fn mentions(&self) -> &str {
        match self {
            Self::Capped { example, .. }
            | Self::ValuesRejected { example, .. }
            | Self::ValuesTooFast { example, .. } => example,
            Self::ValuesRetried { retried, .. } => &retried.example,
            Self::PacketTooLarge { topic, .. } | Self::ForeignTopics { topic, .. } => topic,
            Self::NotUnderstood { example, .. } => example.as_deref().unwrap_or_default(),
            Self::Problem { first, .. } => first,
            _ => "",
        }
    }
}

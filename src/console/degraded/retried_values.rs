//! Values that SiteWise keeps rejecting, of one machine and for one cause.

use super::words::{counted, of_machines};
use crate::delivery::rejections::OtherProperties;
use crate::sitewise::cause::Cause;

/// Values of an edge node's machines that are not accepted, for one cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetriedValues {
    /// Of how many machines of an edge node.
    pub machines: u64,
    /// Of how many properties.
    pub properties: usize,
    /// How many there are.
    pub values: usize,
    /// Asset, property and error of one.
    pub example: String,
    /// What lies behind it.
    pub cause: Cause,
    /// Whether other values are accepted.
    pub others: OtherProperties,
}

impl RetriedValues {
    pub(super) fn words(&self) -> String {
        let Self { machines, properties, values, example, .. } = self;
        format!(
            "has {} of {}{} that SiteWise does not accept{}, for example {example}; they are \
                retried with backoff, up to an hour apart; {}",
            counted(*values as u64, "value"),
            counted(*properties as u64, "property"),
            of_machines(*machines),
            while_others(self.others),
            self.cause.remedy()
        )
    }
}

/// Whether others are accepted, in words.
pub(crate) const fn while_others(others: OtherProperties) -> &'static str {
    match others {
        OtherProperties::Accepted => " while it accepts others",
        OtherProperties::NotTried => "",
    }
}

//! Values that SiteWise keeps rejecting, of one machine and for one cause.

use crate::delivery::rejections::OtherProperties;
use crate::sitewise::cause::Cause;

/// Values of a machine that are not accepted, for one cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetriedValues {
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
        let Self { properties, values, example, .. } = self;
        format!(
            "has {values} values of {properties} properties that SiteWise does not accept{}, for \
                example {example}; they are retried with backoff, up to an hour apart; {}",
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

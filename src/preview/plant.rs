//! What births describe, for the dashboards: the same dry run as for the plan.

use super::{AwsSiteWise, Config, PlanError, PlanSource, account, observe};
use crate::dashboards::{Plant, survey};

/// A plant, and why its account was not read, if it was not.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribedPlant {
    /// What births describe.
    pub plant: Plant,
    /// Why no account was read: existing models of flat devices may be others.
    pub without_aws: Option<String>,
}

/// What births describe in the account that the environment names; from captures also without one,
/// if `TWIN_NAMESPACE` says what ids derive from.
///
/// # Errors
///
/// See [`PlanError`].
pub async fn plant(config: &Config, from: &PlanSource) -> Result<DescribedPlant, PlanError> {
    let (sitewise, namespace, without_aws) = match (account(config).await, from) {
        (Ok((sitewise, namespace)), _) => (Some(sitewise), namespace, None),
        (Err(error), PlanSource::Captures(_)) if error.is_without_aws() => {
            let namespace = config.twin.namespace.clone().ok_or(PlanError::NoNamespace)?;
            (None, namespace, Some(error.to_string()))
        }
        (Err(error), _) => return Err(error),
    };
    let observed = Box::pin(observe::<AwsSiteWise>(config, from, sitewise, &namespace)).await?;
    Ok(DescribedPlant { plant: survey::plant(&observed.run.twin, &namespace), without_aws })
}

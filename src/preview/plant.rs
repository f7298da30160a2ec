//! What births describe, for the dashboards: the same dry run as for the plan.

use std::collections::BTreeMap;

use super::{AwsSiteWise, Config, PlanError, PlanSource, account, observe};
use crate::dashboards::Plant;
use crate::dashboards::survey::{Survey, survey};
use crate::sitewise::client::SiteWise;

/// A plant, and why its account was not read, if it was not.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribedPlant {
    /// What births describe, and what else the account has.
    pub plant: Plant,
    /// The addresses of the edge nodes and devices that only the account has.
    pub silent: Vec<String>,
    /// Why no account was read: existing models of flat devices may be others, and who sent no birth is not
    /// known.
    pub without_aws: Option<String>,
}

/// What births describe in the account that the environment names; from captures also without one,
/// if `TWIN_NAMESPACE` says what ids derive from. With `births_alone` without the machines that sent no
/// birth.
///
/// # Errors
///
/// See [`PlanError`].
pub async fn plant(
    config: &Config,
    from: &PlanSource,
    births_alone: bool,
) -> Result<DescribedPlant, PlanError> {
    let (sitewise, namespace, without_aws) = match (account(config).await, from) {
        (Ok((sitewise, namespace)), _) => (Some(sitewise), namespace, None),
        (Err(error), PlanSource::Captures(_)) if error.is_without_aws() => {
            let namespace = config.twin.namespace.clone().ok_or(PlanError::NoNamespace)?;
            (None, namespace, Some(error.to_string()))
        }
        (Err(error), _) => return Err(error),
    };
    let read = Box::pin(surveyed::<AwsSiteWise>(config, from, sitewise, &namespace, births_alone));
    let Survey { plant, silent, .. } = read.await?;
    Ok(DescribedPlant { plant, silent, without_aws })
}

/// The same of a SiteWise that may be any.
pub(super) async fn surveyed<S: SiteWise>(
    config: &Config,
    from: &PlanSource,
    sitewise: Option<S>,
    namespace: &str,
    births_alone: bool,
) -> Result<Survey, PlanError> {
    let mut observed = Box::pin(observe(config, from, sitewise, namespace)).await?;
    let (twin, none) = (&observed.run.twin, BTreeMap::new());
    // Machines that could not be listed would lose their alert rules.
    if !births_alone && (twin.plan().has_unread() || !twin.plan().is_synced()) {
        return Err(PlanError::Unread);
    }
    let account = if births_alone { &none } else { observed.run.dry_run.listed() };
    let mut survey = survey(twin, namespace, account);
    let read = observed.run.dry_run.values(&survey.unread).await?;
    survey.take(&read);
    match *from == PlanSource::Account && survey.plant.machines.is_empty() {
        // A wrong account would take away all alert rules.
        true => Err(PlanError::NoMachine),
        false => Ok(survey),
    }
}

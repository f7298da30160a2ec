//! The AWS account and region, which name all ids, asked for while the engine runs: what the plant
//! says meanwhile is buffered, and stored where there is a disk.

use std::future::pending;

use backon::{ExponentialBuilder, Retryable};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::{Duration, Engine, Error};
use crate::sitewise::api::ApiFault;
use crate::sitewise::client::SiteWise;
use crate::twin::identity::Namespace;

/// Answers that are queued for the engine: an older one is of no more interest than a newer one.
const QUEUED: usize = 4;

/// A task that asks for the account until there is an answer.
#[derive(Debug)]
pub(in crate::app) struct NamespaceRequest {
    /// The namespace, or why it is not known yet.
    told: mpsc::Receiver<Result<String, String>>,
    /// The task ends with this.
    _task: JoinSet<()>,
}

impl NamespaceRequest {
    /// Asks by `ask`, for account and region, until it has an answer.
    pub(in crate::app) fn start<F>(ask: impl FnMut() -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<(String, String), ApiFault>> + Send,
    {
        let (telling, told) = mpsc::channel(QUEUED);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let failing = telling.clone();
            let answer = ask
                .retry(backoff())
                .sleep(tokio::time::sleep)
                .notify(|fault: &ApiFault, delay| {
                    let why = fault.explain();
                    warn!(
                        sitewise.cause = fault.cause.label(),
                        "cannot determine the AWS account: {why}; retrying in {}; the account is \
                         not needed where TWIN_NAMESPACE is set",
                        crate::time::rounded(delay)
                    );
                    // If the engine has not taken the ones before, it knows enough.
                    let _ = failing.try_send(Err(why));
                })
                .await;
            // The retries never end with a fault: there is no last one.
            if let Ok((account, region)) = answer {
                let _ = telling.send(Ok(format!("{account}/{region}"))).await;
            }
        });
        Self { told, _task: task }
    }

    /// Waits for what is told; none once nothing will be.
    pub(super) async fn next(request: &mut Option<Self>) -> Option<Result<String, String>> {
        match request {
            Some(request) => request.told.recv().await,
            None => pending().await,
        }
    }
}

fn backoff() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_secs(1))
        .with_max_delay(Duration::from_secs(60))
        .with_jitter()
        .without_max_times()
}

impl<S: SiteWise> Engine<S> {
    /// With a namespace that has yet to be asked for.
    pub(in crate::app) fn with_naming(mut self, request: NamespaceRequest) -> Self {
        self.bridge.await_namespace();
        Self { naming: Some(request), ..self }
    }

    /// Handles what is told of the account.
    pub(super) fn handle_naming(
        &mut self,
        told: Option<Result<String, String>>,
    ) -> Result<(), Error> {
        match told.ok_or(Error::Task("account"))? {
            Ok(name) => {
                self.naming = None;
                log_namespace(&name);
                self.bridge.handle_namespace(Namespace::new(&name));
            }
            Err(why) => self.bridge.namespace_unknown(&why),
        }
        Ok(())
    }
}

/// Logs the namespace of all ids.
pub(in crate::app) fn log_namespace(name: &str) {
    info!(twin.namespace = name, "ids of models and assets are derived from the namespace {name}");
}

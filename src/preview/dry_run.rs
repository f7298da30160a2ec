//! A dry-run SiteWise: reads are made, writes only recorded.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::{Instant as Moment, timeout, timeout_at};
use tracing::info;
use uuid::Uuid;

use crate::sitewise::api::{
    ApiFault, ApiFaultKind, Asset, AssetProperty, Composite, Hierarchy, LatestValue, Model,
    ModelHierarchy, ModelProperty, NotificationState, Page, Property, ResourceState, Variant,
};
use crate::sitewise::cause::{Cause, Plane};
use crate::sitewise::client::SiteWise;
use crate::sitewise::limits;
use crate::sitewise::tags::Tags;
use crate::time::Instant;
use crate::twin::plan::api_call::{ApiCall, CallId, CallResult};

/// Timeout of a read.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long reads may keep failing.
const PATIENCE: Duration = Duration::from_secs(20);
/// Pause after a read that failed; doubled each time, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(if cfg!(test) { 1 } else { 500 });
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// Time between two lines that say what is waited for, while one call hangs, and while calls are answered.
const WAITING_LINE_INTERVAL: Duration = Duration::from_secs(2);
const BUSY_LINE_INTERVAL: Duration = Duration::from_secs(10);

pub(super) struct DryRun<S> {
    /// None for an account with nothing in it.
    sitewise: Option<S>,
    queue: VecDeque<(CallId, ApiCall, Instant)>,
    /// All models of the account by name, with those that would be created.
    model_names: BTreeMap<String, Uuid>,
    /// Models that would be created or would grow, as they would be then.
    models: BTreeMap<Uuid, Model>,
    assets: BTreeMap<Uuid, Asset>,
    /// All assets of the account that are on models of the bridge.
    listed: BTreeMap<Uuid, Asset>,
    writes: Vec<ApiCall>,
    last_write: Option<Instant>,
    /// While reads fail: when the first of them began, and the pause after the next failure.
    failing: Option<(Moment, Duration)>,
    reads: u64,
    /// When the next line says what is waited for, if nothing ends before.
    progress_line_at: Moment,
}

impl<S: SiteWise> DryRun<S> {
    pub(super) fn new(sitewise: Option<S>) -> Self {
        Self {
            sitewise,
            queue: VecDeque::new(),
            model_names: BTreeMap::new(),
            models: BTreeMap::new(),
            assets: BTreeMap::new(),
            listed: BTreeMap::new(),
            writes: Vec::new(),
            last_write: None,
            failing: None,
            reads: 0,
            progress_line_at: Moment::now() + WAITING_LINE_INTERVAL,
        }
    }

    pub(super) fn queue(&mut self, id: CallId, call: ApiCall, at: Instant) {
        self.queue.push_back((id, call, at));
    }

    /// Carries out the next call, if there is one.
    ///
    /// # Errors
    ///
    /// SiteWise denies reading, or does not answer for long.
    pub(super) async fn next(
        &mut self,
    ) -> Result<Option<(CallId, Result<CallResult, ApiFault>)>, ApiFault> {
        let Some((id, call, at)) = self.queue.pop_front() else {
            return Ok(None);
        };
        if call.is_write() {
            let answer = Box::pin(self.write(call.clone())).await;
            if answer.is_ok() {
                self.writes.push(call);
                self.last_write = Some(at);
            }
            return Ok(Some((id, answer)));
        }
        let began = Moment::now();
        let answer = self.read_with_progress(call).await;
        self.reads += 1;
        match &answer {
            Ok(_) => self.failing = None,
            Err(fault) => match fault.kind {
                ApiFaultKind::NotFound => self.failing = None,
                ApiFaultKind::Denied | ApiFaultKind::Invalid => return Err(fault.clone()),
                _ => self.pause(fault, began).await?,
            },
        }
        Ok(Some((id, answer)))
    }

    /// Pauses after a read that failed.
    ///
    /// # Errors
    ///
    /// Reads have been failing for long.
    async fn pause(&mut self, fault: &ApiFault, began: Moment) -> Result<(), ApiFault> {
        let (since, pause) = self.failing.unwrap_or((began, FIRST_PAUSE));
        if since.elapsed() >= PATIENCE {
            return Err(fault.clone());
        }
        info!("{fault}; retrying");
        self.progress_line_at = Moment::now() + pause + WAITING_LINE_INTERVAL;
        tokio::time::sleep(pause).await;
        self.failing = Some((since, (pause * 2).min(LONGEST_PAUSE)));
        Ok(())
    }

    /// Makes a read, with its timeout. Logs from time to time what is waited for.
    async fn read_with_progress(&mut self, call: ApiCall) -> Result<CallResult, ApiFault> {
        let host = self.sitewise.as_ref().map(|sitewise| sitewise.host(call.plane()));
        let host = host.unwrap_or_default();
        let (what, reads, mut progress_line_at) =
            (call.to_string(), self.reads, self.progress_line_at);
        let began = Moment::now();
        let answer = {
            let mut read = Box::pin(timeout(ANSWER_TIMEOUT, self.read(call)));
            loop {
                match timeout_at(progress_line_at, read.as_mut()).await {
                    Ok(answer) => break answer,
                    Err(_) => {
                        let waited = began.elapsed();
                        info!(
                            "reading what SiteWise has, {reads} calls so far; waiting for {host} \
                             since {waited:.0?}: {what}"
                        );
                        // While calls are answered, lines come less often than while one hangs.
                        let hangs = waited >= WAITING_LINE_INTERVAL / 2;
                        progress_line_at = Moment::now()
                            + if hangs { WAITING_LINE_INTERVAL } else { BUSY_LINE_INTERVAL };
                    }
                }
            }
        };
        self.progress_line_at = progress_line_at;
        answer.unwrap_or_else(|_| Err(unanswered(&host)))
    }

    /// The writes that would be made, in order.
    pub(super) fn writes(&self) -> &[ApiCall] {
        &self.writes
    }

    /// What properties of assets hold; without those that hold nothing.
    ///
    /// # Errors
    ///
    /// SiteWise denies reading, or does not answer for long.
    pub(super) async fn values(
        &mut self,
        of: &[(Uuid, Uuid)],
    ) -> Result<BTreeMap<(Uuid, Uuid), Variant>, ApiFault> {
        let mut read = BTreeMap::new();
        self.failing = None;
        for some in of.chunks(limits::ENTRIES_PER_BATCH_READ) {
            for (of, value) in some.iter().zip(self.batch(some).await?) {
                match value {
                    // Permissions may be for single assets.
                    Err(fault) if fault.kind == ApiFaultKind::Denied => return Err(fault),
                    Ok(Some(held)) => drop(read.insert(*of, held.value)),
                    Ok(None) | Err(_) => {}
                }
            }
        }
        Ok(read)
    }

    /// One batch of values, retried for a while.
    async fn batch(&mut self, of: &[(Uuid, Uuid)]) -> Result<Vec<LatestValue>, ApiFault> {
        loop {
            let Some(sitewise) = &self.sitewise else { return Ok(Vec::new()) };
            pace(limits::DESCRIBES_PER_SECOND).await;
            let (began, host) = (Moment::now(), sitewise.host(Plane::Read));
            match answer(&host, sitewise.read_values(of.to_vec())).await {
                Ok(values) => {
                    self.failing = None;
                    return Ok(values);
                }
                Err(fault) => match fault.kind {
                    ApiFaultKind::Denied | ApiFaultKind::Invalid | ApiFaultKind::NotFound => {
                        return Err(fault);
                    }
                    _ => self.pause(&fault, began).await?,
                },
            }
        }
    }

    /// The assets that the account has on models of the bridge.
    pub(super) fn listed(&self) -> &BTreeMap<Uuid, Asset> {
        &self.listed
    }

    /// When the last write would be made, in simulated time.
    pub(super) fn last_write(&self) -> Option<Instant> {
        self.last_write
    }

    async fn read(&mut self, call: ApiCall) -> Result<CallResult, ApiFault> {
        match call {
            ApiCall::ListModels(token) => {
                pace(limits::MODEL_CALLS_PER_SECOND).await;
                let Some(sitewise) = &self.sitewise else {
                    return Ok(CallResult::Models(Page { items: Vec::new(), next: None }));
                };
                let page = sitewise.list_models(token).await?;
                self.model_names
                    .extend(page.items.iter().map(|model| (model.name.clone(), model.id)));
                Ok(CallResult::Models(page))
            }
            ApiCall::DescribeModel(id) => self.model(id).await.map(CallResult::Model),
            ApiCall::ListAssets(model, token) => {
                pace(limits::LISTS_PER_SECOND).await;
                let page = self.account()?.list_assets(model, token).await?;
                self.listed.extend(page.items.iter().map(|asset| (asset.id, asset.clone())));
                Ok(CallResult::Assets(page))
            }
            ApiCall::ListChildren(parent, _) if self.assets.contains_key(&parent) => {
                Ok(CallResult::Assets(Page { items: Vec::new(), next: None }))
            }
            ApiCall::ListChildren(parent, token) => {
                pace(limits::LISTS_PER_SECOND).await;
                self.account()?.list_children(parent, token).await.map(CallResult::Assets)
            }
            ApiCall::DescribeAsset(id) => match self.assets.get(&id) {
                Some(asset) => Ok(CallResult::Asset(asset.clone())),
                None => {
                    pace(limits::DESCRIBES_PER_SECOND).await;
                    self.account()?.describe_asset(id).await.map(CallResult::Asset)
                }
            },
            ApiCall::DescribeProperty { asset, property } => {
                let answer = self.property(asset, property).await;
                answer.map(CallResult::Property)
            }
            // Units of single assets are read one by one, where a birth declares another.
            ApiCall::ReadProperties(..) => {
                Ok(CallResult::Properties(Page { items: Vec::new(), next: None }))
            }
            // A plan needs no values.
            ApiCall::ReadValues(of) => Ok(CallResult::Values(vec![Ok(None); of.len()])),
            // Tags are estimated by the survey of labels, without reads.
            ApiCall::ReadTags(_) => Ok(CallResult::Tags(Tags::new())),
            // Not reached: `is_write` sends these to `write`.
            ApiCall::CreateModel(_)
            | ApiCall::GrowModel(_)
            | ApiCall::CreateComposite(_)
            | ApiCall::GrowComposite(_)
            | ApiCall::CreateAsset(_)
            | ApiCall::Associate(_)
            | ApiCall::UpdateProperty(_)
            | ApiCall::Tag(..) => Ok(CallResult::Accepted),
        }
    }

    /// What an asset's property has. A property of an asset that would be created has no unit of its own
    /// yet.
    async fn property(&self, asset: Uuid, property: Uuid) -> Result<AssetProperty, ApiFault> {
        if !self.assets.contains_key(&asset) {
            pace(limits::DESCRIBES_PER_SECOND).await;
            let answer = match self.account() {
                Ok(sitewise) => sitewise.describe_property(asset, property).await,
                Err(fault) => Err(fault),
            };
            match answer {
                // The property would be made, or it cannot be known.
                Err(ApiFault { kind: ApiFaultKind::NotFound | ApiFaultKind::Denied, .. }) => {}
                answer => return answer,
            }
        }
        Ok(AssetProperty { alias: None, notification: NotificationState::Disabled, unit: None })
    }

    /// A model as it would be.
    async fn model(&self, id: Uuid) -> Result<Model, ApiFault> {
        if let Some(model) = self.models.get(&id) {
            return Ok(model.clone());
        }
        pace(limits::DESCRIBES_PER_SECOND).await;
        self.account()?.describe_model(id).await
    }

    fn account(&self) -> Result<&S, ApiFault> {
        let none = || ApiFault::new(ApiFaultKind::NotFound, "the account is empty");
        self.sitewise.as_ref().ok_or_else(none)
    }

    async fn write(&mut self, call: ApiCall) -> Result<CallResult, ApiFault> {
        match call {
            ApiCall::CreateModel(create) => {
                if self.model_names.contains_key(&create.name) {
                    let message = format!("another model is called {:?}", create.name);
                    return Err(ApiFault::new(ApiFaultKind::AlreadyExists, message));
                }
                self.model_names.insert(create.name.clone(), create.id);
                let model = Model {
                    id: create.id,
                    external_id: Some(create.external_id),
                    name: create.name,
                    state: ResourceState::Active,
                    root: create.properties.len(),
                    properties: model_properties(&create.properties),
                    composites: Vec::new(),
                    hierarchies: model_hierarchies(&create.hierarchies),
                    usable: None,
                };
                self.models.insert(create.id, model);
            }
            ApiCall::GrowModel(growth) => {
                let mut model = self.model(growth.id).await?;
                model.properties.retain(|property| !growth.without.contains(&property.id));
                model.root += growth.properties.len();
                model.properties.extend(model_properties(&growth.properties));
                model.hierarchies.extend(model_hierarchies(&growth.hierarchies));
                self.models.insert(growth.id, model);
            }
            ApiCall::CreateComposite(create) => {
                let mut model = self.model(create.model).await?;
                model.properties.extend(model_properties(&create.properties));
                let properties = create.properties.len();
                model.composites.push(Composite { id: create.id, properties });
                self.models.insert(create.model, model);
            }
            ApiCall::GrowComposite(growth) => {
                let mut model = self.model(growth.model).await?;
                model.properties.extend(model_properties(&growth.properties));
                let mut composites = model.composites.iter_mut();
                if let Some(composite) = composites.find(|part| part.id == growth.id) {
                    composite.properties += growth.properties.len();
                }
                self.models.insert(growth.model, model);
            }
            ApiCall::CreateAsset(create) => {
                let asset = Asset {
                    id: create.id,
                    external_id: Some(create.external_id),
                    name: create.name,
                    description: create.description,
                    model: create.model,
                    state: ResourceState::Active,
                };
                self.assets.insert(create.id, asset);
            }
            ApiCall::Associate(_)
            | ApiCall::UpdateProperty(_)
            | ApiCall::Tag(..)
            | ApiCall::ReadTags(_)
            | ApiCall::DescribeProperty { .. }
            | ApiCall::ListModels(_)
            | ApiCall::DescribeModel(_)
            | ApiCall::ListAssets(..)
            | ApiCall::DescribeAsset(_)
            | ApiCall::ReadProperties(..)
            | ApiCall::ListChildren(..)
            | ApiCall::ReadValues(_) => {}
        }
        Ok(CallResult::Accepted)
    }
}

/// Waits for a response, with a timeout. Logs from time to time that it does.
pub(super) async fn answer<T>(
    from: &str,
    ask: impl Future<Output = Result<T, ApiFault>>,
) -> Result<T, ApiFault> {
    let began = Moment::now();
    let mut ask = Box::pin(timeout(ANSWER_TIMEOUT, ask));
    loop {
        match timeout(WAITING_LINE_INTERVAL, ask.as_mut()).await {
            Ok(answer) => return answer.unwrap_or_else(|_| Err(unanswered(from))),
            Err(_) => info!("waiting for {from} since {:.0?}", began.elapsed()),
        }
    }
}

/// The fault of a call that was not answered in time.
fn unanswered(host: &str) -> ApiFault {
    let message = format!("no answer from {host} within {ANSWER_TIMEOUT:.0?}");
    ApiFault { cause: Cause::NoAnswer, ..ApiFault::new(ApiFaultKind::Unavailable, message) }
}

fn model_properties(properties: &[Property]) -> Vec<ModelProperty> {
    let one = |property: &Property| ModelProperty {
        id: property.id,
        external_id: Some(property.external_id.clone()),
        name: property.name.clone(),
        data_type: property.data_type,
        unit: property.unit.clone(),
        kind: property.kind.clone(),
    };
    properties.iter().map(one).collect()
}

fn model_hierarchies(hierarchies: &[Hierarchy]) -> Vec<ModelHierarchy> {
    let one = |hierarchy: &Hierarchy| ModelHierarchy {
        id: hierarchy.id,
        name: hierarchy.name.clone(),
        child_model: hierarchy.child_model,
    };
    hierarchies.iter().map(one).collect()
}

/// Waits before a read, so that reads, one after the other, keep to the account's quota.
async fn pace(per_second: u32) {
    tokio::time::sleep(Duration::from_secs(1) / per_second).await;
}

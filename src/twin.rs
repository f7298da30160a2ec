//! The twin, pure: births become models and assets, data becomes points.
//!
//! What the plant says comes in as [`Event`]s; what leaves are points for the outbox, gates that
//! open, and single calls to the control plane. Until the initial sync with SiteWise, events are
//! buffered.

mod account;
mod assets;
mod awaiting_tags;
mod blocked;
pub mod caps;
pub mod counts;
mod deferred;
mod defined;
mod differences;
mod early_sender;
mod event_buffer;
pub mod folders;
mod heartbeat;
pub mod identity;
mod kinds;
mod layout;
pub mod mapping;
mod models;
mod names;
mod naming;
mod other_model;
pub mod plan;
mod presence;
mod property;
mod rules;
mod values;
pub mod view;
mod world;
mod writer;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;
use uuid::Uuid;

use self::awaiting_tags::AwaitingTags;
use self::blocked::BlockedSources;
use self::caps::{Cap, CapLoss};
use self::counts::{DropReason, ValueCounts};
pub use self::differences::{DiffPart, Difference};
use self::early_sender::EarlySender;
pub(crate) use self::event_buffer::parts;
use self::event_buffer::{BufferLoss, EventBuffer};
use self::heartbeat::{ClockWatch, Heartbeat};
use self::identity::Namespace;
pub use self::kinds::Kinds;
pub use self::layout::is_control;
pub use self::mapping::Int64;
use self::plan::api_call::{ApiCall, CallId, CallResult};
use self::plan::rates::ProvisioningRates;
pub use self::rules::Rules;
use self::values::{LostConnections, RestoredValues, ShownValueReads, SourceValues};
use self::world::DesiredWorld;
use self::writer::PointWriter;
use crate::delivery::point::{Gate, GateState, Key, Point, RejectReason, Stream};
use crate::globs::Globs;
use crate::outbox::QueuedPoint;
use crate::sitewise::api::ApiFault;
use crate::sitewise::limits;
use crate::sparkplug::address::{EdgeNode, Source};
use crate::sparkplug::event::{Birth, Data, Death, Event};
use crate::sparkplug::findings::Finding;
use crate::time::{Instant, Now, Timestamp};

/// How nested templates are mapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nested {
    /// An asset of their own, under the parent's.
    #[default]
    Child,
    /// Properties `<member>/<member>` of the parent's asset.
    Flatten,
}

/// Configuration of the twin.
#[derive(Clone, Debug)]
pub struct Config {
    /// Namespace of all ids.
    pub namespace: Namespace,
    /// What every model's name begins with.
    pub model_prefix: String,
    /// The bridge's own name in SiteWise.
    pub host_id: String,
    /// What this bridge hears. Other machines may be another bridge's.
    pub heard: crate::sparkplug::filter::Heard,
    /// How nested templates are mapped.
    pub nested: Nested,
    /// How flat metrics are grouped into assets.
    pub rules: Rules,
    /// Models of nodes and devices, by address.
    pub kinds: Kinds,
    /// How integers past 32 bits are carried.
    pub int64: Int64,
    /// Which static properties become attributes, as `<member>/<property>`; none means all.
    pub statics: Option<Globs>,
    /// How long a node or device is offline before its values are marked stale.
    pub stale_after: Duration,
    /// Models at most.
    pub max_models: usize,
    /// Assets at most.
    pub max_assets: usize,
    /// Properties of a model at most.
    pub max_properties: usize,
    /// Assets of a model at most: for more there is a second model, and so on.
    pub assets_per_model: usize,
    /// Rate limits of provisioning.
    pub rates: ProvisioningRates,
}

/// An output of the twin.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Keep these points. They come before any gate that one of them waits for opens.
    Store(Vec<QueuedPoint>),
    /// Make this call to the control plane once, and hand back the result.
    Call(CallId, ApiCall),
    /// Points behind this gate can be sent.
    Open(Gate),
    /// A value that SiteWise would reject: a dead letter.
    Rejected {
        /// The value.
        point: Point,
        /// What kind of rejection.
        refusal: RejectReason,
        /// In words.
        reason: &'static str,
    },
    /// The rules made assets of an edge node's flat metrics, for the first time. Flat metrics
    /// carry no parameters and no definitions, so these assets lack the attributes of those.
    Grouped(EdgeNode),
    /// A finding about a birth or data.
    Finding {
        /// The edge node.
        edge: EdgeNode,
        /// What.
        finding: Finding,
        /// In words.
        example: String,
    },
    /// A machine exceeds a configured cap, for the first time since it fitted.
    Capped {
        /// The node or device.
        source: Source,
        /// Which cap.
        cap: Cap,
        /// The first thing that it did not get.
        example: String,
    },
    /// This node was online before the start, and these devices of it: check whether they still
    /// are.
    ExpectOnline {
        /// The node.
        edge: EdgeNode,
        /// Its devices.
        devices: Vec<Arc<str>>,
    },
    /// SiteWise shows this node as offline, but it may be back: its birth is to be requested.
    MayBeBack(EdgeNode),
    /// The births of this node and its devices are wanted once more.
    RequestRefresh(EdgeNode, crate::sparkplug::rebirth::RefreshReason),
}

/// The twin.
///
/// After each `handle_*` the caller drains [`poll_output`](Self::poll_output);
/// [`handle_timeout`](Self::handle_timeout) is due at [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct Twin {
    config: Config,
    writer: PointWriter,
    sources: FxHashMap<Source, SourceValues>,
    stale_due: BTreeSet<(Instant, Source)>,
    heartbeat: Option<Heartbeat>,
    /// How the wall clock stands to the monotonic one.
    clock: ClockWatch,
    /// Edge nodes whose flat metrics the rules made assets of.
    grouped: BTreeSet<EdgeNode>,
    buffer: EventBuffer,
    /// Values of messages that are stored, and processed later.
    deferred: u64,
    blocked: BlockedSources,
    early: EarlySender,
    awaiting_tags: AwaitingTags,
    lookups: ShownValueReads,
    restored: RestoredValues,
    lost_connections: LostConnections,
}

impl Twin {
    /// Empty; `seed` is for the jitter of retries.
    pub fn new(config: Config, seed: u64) -> Self {
        let world = DesiredWorld::new(&config, seed);
        Self {
            config,
            writer: PointWriter::new(world),
            sources: FxHashMap::default(),
            stale_due: BTreeSet::new(),
            heartbeat: None,
            clock: ClockWatch::default(),
            grouped: BTreeSet::new(),
            buffer: EventBuffer::default(),
            deferred: 0,
            blocked: BlockedSources::default(),
            early: EarlySender::default(),
            awaiting_tags: AwaitingTags::default(),
            lookups: ShownValueReads::default(),
            restored: RestoredValues::default(),
            lost_connections: LostConnections::default(),
        }
    }

    /// Handles an event of the plant.
    pub fn handle_event(&mut self, event: Event, now: Now) {
        self.watch_clock(now);
        self.writer.world.counts.values += values_in(&event) as u64;
        let is_synced = self.writer.world.plan.is_synced();
        // Grouped before it is buffered, as it will be laid out; grouping again changes nothing.
        let event = match event {
            Event::Birth(birth) => Event::Birth(self.group(birth)),
            Event::Data(_) | Event::Death(_) => event,
        };
        if is_synced && !self.should_block(&event) {
            self.apply_event(event, &[], now);
        } else {
            let BufferLoss { sent_early, lost } = self.buffer.push(event, is_synced);
            let counts = &mut self.writer.world.counts;
            counts.drop_values(DropReason::BeforeSync, lost);
            counts.count_early_as_plant_values(sent_early);
            self.writer.outputs.extend(self.buffer.take_drop_findings());
            self.send_early(now);
        }
    }

    /// Handles the result of a call.
    pub fn handle_result(&mut self, id: CallId, answer: Result<CallResult, ApiFault>, now: Now) {
        let DesiredWorld { models, assets, plan, .. } = &mut self.writer.world;
        plan.handle_result(id, answer, models, assets, now.instant);
        if self.buffer.is_untried() {
            self.send_early(now);
        }
    }

    /// SiteWise does not know an asset or one of its properties that should exist.
    pub fn handle_missing(&mut self, asset: Uuid, now: Now) {
        if let Some(ix) = self.writer.world.assets.by_id(asset) {
            self.writer.world.plan.asset_not_found(ix, &self.writer.world.assets, now.instant);
        }
    }

    /// Handles expired timers.
    pub fn handle_timeout(&mut self, now: Now) {
        self.watch_clock(now);
        while let Some((at, _)) = self.stale_due.first()
            && *at <= now.instant
        {
            if let Some((_, source)) = self.stale_due.pop_first() {
                self.mark_stale(&source, now);
            }
        }
        self.write_hidden(now);
        self.read_offline(now);
        self.give_up_on_tags(now);
        self.write_heartbeat(now);
    }

    /// When the next timer expires.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let stale = self.stale_due.first().map(|(at, _)| *at);
        let beat = self.next_heartbeat();
        let plan = self.writer.world.plan.poll_timeout();
        let hidden = self.restored.due();
        let dead = self.lookups.due().filter(|_| !self.writer.world.plan.holds_writes());
        [stale, beat, hidden, dead, self.awaiting_tags.next(), plan].into_iter().flatten().min()
    }

    /// The next output.
    pub fn poll_output(&mut self, now: Now) -> Option<Output> {
        loop {
            if !self.writer.points.is_empty() {
                return Some(Output::Store(std::mem::take(&mut self.writer.points)));
            }
            if let Some(output) = self.writer.outputs.pop_front() {
                return Some(output);
            }
            let DesiredWorld { models, assets, plan, .. } = &mut self.writer.world;
            return Some(match plan.poll_output(models, assets, now.instant)? {
                plan::Output::Call(id, call) => Output::Call(id, call),
                plan::Output::Open(gate) => Output::Open(gate),
                plan::Output::SyncComplete => {
                    self.sync_complete(now);
                    continue;
                }
                plan::Output::SyncProgress => {
                    self.release_ready(now);
                    continue;
                }
                plan::Output::AssetDeleted(ix) => {
                    self.rewrite_asset(ix, now);
                    continue;
                }
                plan::Output::OnOtherModel(ix, model) => {
                    self.found_on_other_model(ix, model, now);
                    continue;
                }
                plan::Output::NoPlace(ix, why) => {
                    self.writer.world.place_elsewhere(ix, why, now.instant);
                    self.writer.world.settle_changes(now.instant);
                    continue;
                }
                plan::Output::ReadsRecovered => {
                    self.retry_failed_reads(now);
                    continue;
                }
                plan::Output::LookedUp { batch, values } => {
                    self.looked_up(batch, values, now);
                    continue;
                }
            });
        }
    }

    /// Counters of values.
    pub fn counts(&self) -> &ValueCounts {
        &self.writer.world.counts
    }

    /// Values buffered until the initial sync with SiteWise, deferred ones included.
    pub fn buffered(&self) -> usize {
        self.buffer.values() + usize::try_from(self.deferred).unwrap_or(usize::MAX)
    }

    /// How flat metrics are grouped into assets.
    pub fn rules(&self) -> &Rules {
        &self.config.rules
    }

    /// Edge nodes whose flat metrics the rules made assets of: those assets have no parameters.
    pub fn grouped(&self) -> impl Iterator<Item = &EdgeNode> {
        self.grouped.iter()
    }

    /// The provisioning plan.
    pub fn plan(&self) -> &plan::Plan {
        &self.writer.world.plan
    }

    /// The name of a desired or existing model.
    pub fn model_name(&self, id: Uuid) -> Option<&str> {
        let models = &self.writer.world.models;
        models.by_id(id).map(|ix| models.get(ix).name.as_str())
    }

    /// Whether a point that an earlier process left can be sent.
    ///
    /// An asset that SiteWise had at the start takes values before any birth speaks of it; one
    /// that is not there yet gets them once its birth has brought it about.
    pub fn gate_state(&self, stream: Stream) -> GateState {
        let DesiredWorld { models, assets, plan, .. } = &self.writer.world;
        if !plan.is_synced() {
            return GateState::Unknown;
        }
        let Some(ix) = assets.by_id(stream.asset) else {
            return match plan.known_asset(stream.asset) {
                Some(_) => GateState::Open,
                None => GateState::Closed,
            };
        };
        let closed = match models.get(assets.get(ix).model).property_ix(stream.property) {
            Some(property) => plan.gate(ix, property, models, assets).is_some(),
            None => !plan.has(ix, stream.property, assets),
        };
        if closed { GateState::Closed } else { GateState::Open }
    }

    /// Whether values of an asset's property were sent early to a property that does not exist:
    /// the initial sync is complete, and neither SiteWise nor the plant knows such a property.
    pub fn is_misrouted(&self, stream: Stream) -> bool {
        let DesiredWorld { models, assets, plan, .. } = &self.writer.world;
        if !plan.is_synced() || !self.buffer.is_empty() || self.deferred > 0 {
            return false;
        }
        match assets.by_id(stream.asset) {
            Some(ix) => {
                let model = models.get(assets.get(ix).model);
                model.property_ix(stream.property).is_none()
                    && !plan.has(ix, stream.property, assets)
            }
            None => plan.known_asset(stream.asset).is_none(),
        }
    }

    /// The gate that is closed before values of an asset's property, if one is.
    pub fn gate(&self, stream: Stream) -> Option<Gate> {
        let DesiredWorld { models, assets, plan, .. } = &self.writer.world;
        let ix = assets.by_id(stream.asset)?;
        let property = models.get(assets.get(ix).model).property_ix(stream.property)?;
        plan.gate(ix, property, models, assets)
    }

    /// An asset's address (the name of one that is not born) and a property's name, if known.
    pub fn display_names(&self, stream: Stream) -> (Option<&str>, Option<&str>) {
        let DesiredWorld { models, assets, plan, .. } = &self.writer.world;
        let Some(ix) = assets.by_id(stream.asset) else {
            return (plan.known_asset(stream.asset).map(|asset| asset.name.as_str()), None);
        };
        let asset = assets.get(ix);
        let model = models.get(asset.model);
        let property = model.property_ix(stream.property);
        let property = property.and_then(|ix| model.properties.get(ix.0 as usize));
        (Some(&*asset.address), property.map(|property| &*property.name))
    }

    /// Machines that want something which a configured cap keeps away, and what they lost.
    pub fn capped_machines(&self) -> impl Iterator<Item = (&Source, Cap, &CapLoss)> {
        self.writer.world.capped.iter()
    }

    /// Models and assets wanted so far.
    pub fn size(&self) -> (usize, usize) {
        (self.writer.world.models.iter().count(), self.writer.world.assets.len())
    }

    fn sync_complete(&mut self, now: Now) {
        self.writer.world.take_known_names();
        self.start_heartbeat(now);
        self.early = EarlySender::default();
        let (events, incomplete) = std::mem::take(&mut self.buffer).into_events();
        for (event, sent) in events {
            match self.should_block(&event) {
                true => self.buffer.put_back(event, sent),
                false => self.apply_event(event, &sent, now),
            }
        }
        self.expect_known(now);
        self.buffer.mark_incomplete(incomplete);
        let settled = |source: &Source| !self.blocked.contains(source);
        let incomplete = self.buffer.take_incomplete(settled);
        self.writer.outputs.extend(incomplete.into_iter().map(Output::dropped));
    }

    /// Makes instances of the flat metrics that the rules are for.
    fn group(&mut self, birth: Birth) -> Birth {
        let (metrics, made) = self.config.rules.group(birth.metrics);
        let edge = &birth.source.edge;
        if made > 0 && self.grouped.insert(edge.clone()) {
            self.writer.outputs.push_back(Output::Grouped(edge.clone()));
        }
        Birth { metrics, ..birth }
    }

    /// Processes an event; the values of its samples that were `sent_early` are not sent again.
    fn apply_event(&mut self, event: Event, sent_early: &[Option<Key>], now: Now) {
        match event {
            Event::Birth(birth) => {
                let birth = self.group(birth);
                if let Some(birth) = self.wait_for_tags(birth, now) {
                    self.birth_received(&birth, sent_early, now);
                }
            }
            Event::Data(data) => self.data_received(&data, sent_early, now),
            Event::Death(death) => self.death_received(&death, now),
        }
        self.writer.world.settle_changes(now.instant);
    }
}

/// Values of the plant that an event carries.
fn values_in(event: &Event) -> usize {
    match event {
        Event::Birth(Birth { metrics, .. }) => {
            let mut leaves = Vec::new();
            layout::leaves(metrics, &mut leaves);
            leaves.iter().filter(|(_, sample)| !sample.without_value).count()
        }
        Event::Data(Data { samples, .. }) => samples.len(),
        Event::Death(Death { .. }) => 0,
    }
}

/// Whether SiteWise takes a value of this time.
fn in_window(time: Timestamp, now: Now) -> bool {
    time >= now.wall.minus(limits::OLDEST_VALUE) && time <= now.wall.plus(limits::NEWEST_VALUE)
}

#[cfg(test)]
pub(crate) mod tests;

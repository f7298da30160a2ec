//! The loop around the bridge: inputs in, outputs performed, each once.

mod account;
mod all_live;
mod calls;
mod catch_up;
mod commands;
mod conflicts;
mod disk;
mod inbound_store;
mod late;
mod lease;
mod logging;
mod missing_births;
mod naming;
mod outputs;
mod rejection_lines;
mod repeated_lines;
mod startup_offline;
mod view;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use all_live::AllLive;
use catch_up::CatchUp;
pub(super) use commands::{CommandDoors, IotCommandChannel, QueueCommandChannel};
use conflicts::Conflicts;
pub(super) use late::LateCourier;
use late::LateSteps;
use lease::Keeper;
pub(super) use lease::LeaseParts;
use missing_births::MissingBirths;
pub(super) use naming::{NamespaceRequest, log_namespace};
use rejection_lines::RejectionLines;
use repeated_lines::RepeatedLines;
use startup_offline::StartupOfflineReport;
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Sleep, sleep_until};
use tracing::{debug, info};

use super::Error;
use super::ledger::{Ledger, OutboxLosses};
use super::links::Links;
use super::request_workers::{PutResponse, RequestWorkers};
use super::servers::{self, ServerStates};
use crate::bridge::Bridge;
use crate::clock::Clock;
use crate::command;
use crate::console::emf::Emf;
use crate::console::queries::QueryReceiver;
use crate::console::usage::{Usage, UsageTotals};
use crate::console::watched::Watched;
use crate::mqtt::Inbound;
use crate::outbox::Outbox;
use crate::outbox::dead_letters::DeadLetters;
use crate::sitewise::api::{ApiFault, Quotas};
use crate::sitewise::cause::Plane;
use crate::sitewise::client::SiteWise;
use crate::sparkplug::host::ServerId;
use crate::time::{Instant, Now, Timestamp};
use crate::twin::Twin;
use crate::twin::plan::api_call::{CallId, CallResult};

/// Messages processed in one time slice.
const MESSAGES_PER_SLICE: usize = 32;
/// The longest duration of a time slice.
const TIME_SLICE: Duration = Duration::from_millis(10);
/// Interval of the status line.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);
/// Dead letters kept.
const DEAD_LETTERS: usize = 10_000;
/// How long the disk may take at shutdown to save what is left.
const SHUTDOWN_WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// The same at an immediate shutdown.
const IMMEDIATE_WRITE_TIMEOUT: Duration = Duration::from_millis(500);

/// The result of the engine.
#[derive(Debug)]
pub(super) struct EngineResult {
    pub ledger: Ledger,
    /// From the shutdown request until it stopped.
    pub shutdown_took: Duration,
    pub patience: ShutdownPatience,
    /// Connections of a bridge with a lease, which are still ending.
    pub links: Option<Links>,
}

/// How the bridge is shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShutdownPatience {
    /// It may flush for this long.
    Grace(Duration),
    /// A second signal: stop immediately.
    None,
}

/// The event loop around the bridge, and all that it owns.
pub(super) struct Engine<S> {
    bridge: Bridge,
    outbox: Box<dyn Outbox>,
    /// Notified when the outbox has something to be polled.
    outbox_event: Arc<Notify>,
    dead_letters: Box<DeadLetters>,
    /// Outcomes for assets whose page is open in the console; a query marks them.
    watched: RefCell<Watched>,
    sitewise: Arc<S>,
    /// Where its calls go; for people.
    sitewise_hosts: BTreeMap<Plane, String>,
    servers: ServerStates,
    calls: JoinSet<(CallId, String, Result<CallResult, ApiFault>)>,
    /// The call that reads the account's quotas.
    quota_request: JoinSet<Option<Result<Quotas, ApiFault>>>,
    /// Whether they were read from Service Quotas.
    quotas_read: bool,
    senders: RequestWorkers<S>,
    losses: OutboxLosses,
    /// When the outbox dropped values last.
    last_full: Option<Instant>,
    /// Whether it was logged that values will soon be too old for SiteWise.
    expiring_logged: bool,
    reporting: Reporting,
    /// Shutting down: what is only on disk stays there.
    shutting_down: bool,
    sync_state: SyncState,
    /// Whether it was logged that the oldest dead letters are dropped.
    dead_letter_limit_logged: bool,
    /// Whether inbound messages are stored until the initial sync.
    stores_inbound: bool,
    /// Not all of these could be stored.
    inbound_incomplete: bool,
    catch_up: CatchUp,
    started_at: Timestamp,
    clock: Clock,
    next_report: Instant,
    usage: Usage,
    startup_offline: StartupOfflineReport,
    repeated_lines: RepeatedLines,
    rejection_lines: RejectionLines,
    all_live: AllLive,
    conflicts: Conflicts,
    missing_births: MissingBirths,
    /// Where requests to write to the plant come in.
    doors: CommandDoors,
    late: LateSteps,
    /// None for a bridge that acts alone.
    keeper: Option<Box<Keeper>>,
    /// None once the namespace is known.
    naming: Option<NamespaceRequest>,
}

/// Progress of the initial sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SyncState {
    Running,
    /// The buffer is full, values are being dropped.
    BufferFull,
    Done,
}

/// Configuration of log, metrics and console.
#[derive(Debug)]
pub(super) struct Reporting {
    pub host_id: String,
    pub outbox_max_bytes: u64,
    pub linger: Duration,
    /// Quotas that are set, which take precedence over the account's.
    pub quotas: Quotas,
    /// None without `METRICS_EMF`.
    pub emf: Option<Emf>,
    /// What a million messages cost, in any currency.
    pub price: Option<f64>,
}

impl<S: SiteWise> Engine<S> {
    pub(super) fn new(
        bridge: Bridge,
        (outbox, outbox_event): (Box<dyn Outbox>, Arc<Notify>),
        sitewise: S,
        servers: ServerStates,
        report: Reporting,
    ) -> Self {
        let (clock, sitewise) = (Clock::start(), Arc::new(sitewise));
        Self {
            bridge,
            outbox,
            outbox_event,
            dead_letters: Box::new(DeadLetters::new(DEAD_LETTERS)),
            watched: RefCell::default(),
            senders: RequestWorkers::new(Arc::clone(&sitewise)),
            sitewise_hosts: Plane::ALL.map(|plane| (plane, sitewise.host(plane))).into(),
            sitewise,
            servers,
            calls: JoinSet::new(),
            quota_request: JoinSet::new(),
            quotas_read: false,
            losses: OutboxLosses::default(),
            last_full: None,
            expiring_logged: false,
            reporting: report,
            shutting_down: false,
            started_at: clock.now().wall,
            clock,
            next_report: Instant::START + REPORT_INTERVAL,
            usage: Usage::default(),
            startup_offline: StartupOfflineReport::default(),
            repeated_lines: RepeatedLines::default(),
            rejection_lines: RejectionLines::default(),
            all_live: AllLive::default(),
            conflicts: Conflicts::default(),
            missing_births: MissingBirths::default(),
            sync_state: SyncState::Running,
            dead_letter_limit_logged: false,
            stores_inbound: false,
            inbound_incomplete: false,
            catch_up: CatchUp::new(Twin::buffer_limit()),
            doors: CommandDoors::default(),
            late: LateSteps::default(),
            keeper: None,
            naming: None,
        }
    }

    /// With requests to write to the plant, from these doors.
    pub(super) fn with_commands(self, rules: command::Config, doors: CommandDoors) -> Self {
        let bridge = self.bridge.with_commands(rules, self.clock.now());
        Self { bridge, doors, ..self }
    }

    /// Runs until `shutdown`, then flushes for at most `grace`, and no longer than until
    /// `force_stop`.
    pub(super) async fn run(
        mut self,
        mut messages: mpsc::Receiver<Inbound>,
        query_receiver: QueryReceiver,
        (shutdown, force_stop): (impl Future<Output = ()>, impl Future<Output = ()>),
        grace: Duration,
    ) -> Result<EngineResult, Error> {
        tokio::pin!(shutdown, force_stop);
        query_receiver.set_running();
        let mut queries = query_receiver.queries;
        let mut timer = Box::pin(sleep_until(self.clock.when(Instant::START)));
        let wake = Arc::clone(&self.outbox_event);
        self.replay_stored();
        self.drain_outputs();
        loop {
            self.reset_timer(&mut timer);
            self.start_catch_up();
            let deferred = self.has_room_for_deferred();
            // Whichever is ready, without priority: any of them may be ready for ever. Each does a
            // bounded piece of work, and timers are handled after each.
            tokio::select! {
                () = &mut shutdown => break,
                ready = self.senders.wait_for_responses() => self.handle_responses(ready)?,
                Some(done) = self.calls.join_next() => self.handle_call_result(done)?,
                told = NamespaceRequest::next(&mut self.naming) => self.handle_naming(told)?,
                Some(quotas) = self.quota_request.join_next() => self.handle_quotas(quotas)?,
                Some(query) = queries.recv() => self.answer_query(query),
                request = self.doors.next() => self.handle_requests(request),
                done = self.late.next() => self.handle_late_done(done)?,
                event = Keeper::next(&mut self.keeper) => self.handle_lease_event(event)?,
                batch = self.catch_up.next(), if deferred => self.handle_deferred(batch),
                first = messages.recv() => {
                    let first = first.ok_or(Error::Task("mqtt"))?;
                    self.handle_batch(first, &mut messages);
                }
                () = wake.notified() => {}
                () = &mut timer => {}
            }
            self.run_due();
            self.drain_outputs();
        }

        // What was read is processed; nothing more is read.
        info!(
            "shutting down: publishing STATE offline, then flushing the outbox for up to \
             {grace:.0?}"
        );
        let began = self.clock.now();
        let mut patience = ShutdownPatience::Grace(grace);
        let half = began.instant + grace / 2;
        tokio::select! {
            handed = self.hand_over(&mut messages, &mut queries, &mut timer, half) => handed?,
            () = &mut force_stop => patience = ShutdownPatience::None,
        }
        self.shutting_down = true;
        messages.close();
        self.doors.close();
        while let Some(message) = messages.recv().await {
            self.handle_inbound(message);
        }
        self.handle_sent_commands();
        let now = self.now();
        self.bridge.shut_down(now);
        self.drain_outputs();
        self.servers.close();
        if let Some(keeper) = &mut self.keeper {
            keeper.close_links();
        }
        self.bridge.flush(self.clock.now());
        self.drain_outputs();
        let end = sleep_until(self.clock.when(began.instant + grace));
        tokio::pin!(end);
        let last = began.instant + grace;
        while patience != ShutdownPatience::None && !self.can_stop(last) {
            self.reset_timer(&mut timer);
            tokio::select! {
                () = &mut end => break,
                () = &mut force_stop => {
                    patience = ShutdownPatience::None;
                    break;
                }
                ready = self.senders.wait_for_responses() => self.handle_responses(ready)?,
                Some(done) = self.calls.join_next() => self.handle_call_result(done)?,
                told = NamespaceRequest::next(&mut self.naming) => self.handle_naming(told)?,
                Some(query) = queries.recv() => self.answer_query(query),
                request = self.doors.next() => self.handle_requests(request),
                done = self.late.next() => self.handle_late_done(done)?,
                () = wake.notified() => {}
                () = &mut timer => self.timeout(),
            }
            self.stop_futile_flush();
            self.drain_outputs();
        }
        self.end_commands();
        self.outbox.close(match patience {
            ShutdownPatience::Grace(_) => SHUTDOWN_WRITE_TIMEOUT,
            ShutdownPatience::None => IMMEDIATE_WRITE_TIMEOUT,
        });
        self.handle_disk_events(self.clock.now());
        self.log_metrics();
        let shutdown_took = self.clock.now().instant.since(began.instant);
        let ledger = self.ledger();
        let links = self.keeper.map(|keeper| keeper.into_links());
        Ok(EngineResult { ledger, shutdown_took, patience, links })
    }

    /// When something is due.
    fn next_deadline(&self) -> Instant {
        let others = [
            self.bridge.poll_timeout(),
            self.startup_offline.due(),
            self.repeated_lines.due(),
            self.missing_births.due(),
            self.outbox.poll_timeout(),
            self.doors.poll_timeout(),
            self.keeper.as_ref().and_then(|keeper| keeper.poll_timeout()),
        ];
        let others = others.into_iter().flatten();
        others.fold(self.next_report, Instant::min)
    }

    fn reset_timer(&self, timer: &mut Pin<Box<Sleep>>) {
        let due = self.clock.when(self.next_deadline());
        if timer.deadline() != due {
            timer.as_mut().reset(due);
        }
    }

    /// Handles expired timers, however much else there is to do.
    fn run_due(&mut self) {
        if self.next_deadline() <= self.clock.now().instant {
            self.timeout();
        }
    }

    fn timeout(&mut self) {
        let now = self.now();
        self.bridge.handle_timeout(now);
        self.doors.handle_timeout(now.instant);
        self.log_startup_offline(now);
        self.log_more_lines(now);
        self.request_missing_births(now);
        if self.next_report <= now.instant {
            self.next_report = now.instant + REPORT_INTERVAL;
            self.usage.sample(UsageTotals::of(&self.bridge.delivery().figures()), now.instant);
            self.ledger().log();
            self.log_problems();
            self.expire_parked(now);
            self.check_all_live(now);
            self.log_expiring();
            self.log_metrics();
        }
    }

    /// Processes queued messages until none is left or the time slice is over.
    fn handle_batch(&mut self, first: Inbound, messages: &mut mpsc::Receiver<Inbound>) {
        let end = self.clock.now().instant + TIME_SLICE;
        let mut now = self.handle_inbound(first);
        for _ in 1..MESSAGES_PER_SLICE {
            let message = if now.instant < end { messages.try_recv().ok() } else { None };
            let Some(message) = message else { break };
            now = self.handle_inbound(message);
        }
        let now = self.now();
        self.servers.log_dropped(now.instant);
        let has_room = messages.len() < messages.max_capacity() / 2;
        for (server, lost) in self.servers.take_lost(has_room, now.instant) {
            self.bridge.handle_lost(server, &lost, now);
        }
    }

    /// Handles one inbound event; returns the time at which it did.
    fn handle_inbound(&mut self, inbound: Inbound) -> Now {
        let now = self.now();
        if self.keeper.is_none() {
            self.handle_routed(inbound, now);
        } else {
            let routed = self.route(inbound, now);
            routed.into_iter().for_each(|inbound| self.handle_routed(inbound, now));
        }
        now
    }

    /// Handles what a server has sent.
    fn handle_routed(&mut self, inbound: Inbound, now: Now) {
        self.store_inbound(&inbound, now);
        match inbound {
            Inbound::Connected { server, session_time } => {
                self.servers.connected(server, now.wall);
                self.startup_offline.connected(now.instant);
                self.bridge.handle_connected(ServerId(server), session_time, now);
            }
            Inbound::Disconnected { server, .. } => {
                self.servers.disconnected(server);
                self.bridge.handle_disconnected(ServerId(server), now);
            }
            Inbound::Message { server, topic, payload, arrived, qos, retain } => {
                let waited = arrived.elapsed();
                self.servers.record_read(server, waited, now.instant);
                // Before SiteWise has answered, our own clock may be wrong.
                let is_synced = self.sync_state == SyncState::Done;
                self.bridge.judge_clocks(is_synced && waited < servers::LATE);
                let server = ServerId(server);
                self.bridge.handle_message(server, &topic, &payload, retain, now);
                if qos > 0 {
                    self.bridge.handle_qos(&topic, qos, now);
                }
            }
            Inbound::Oversized { server, topic, size, retain } => {
                self.servers.oversized(server, &topic, size, now.instant);
                self.bridge.handle_oversized(ServerId(server), &topic, retain, now);
            }
        }
    }

    fn handle_responses(&mut self, ready: Result<(), JoinError>) -> Result<(), Error> {
        ready.map_err(|_| Error::Task("put"))?;
        let now = self.now();
        while let Some(PutResponse { id, answer, .. }) = self.senders.next() {
            if let Err(fault) = &answer {
                debug!(error = %fault, "a write of values failed");
            }
            self.bridge.handle_put_response(id, answer, now);
        }
        Ok(())
    }

    /// Performs the bridge's outputs, and feeds it from the outbox.
    fn drain_outputs(&mut self) {
        let now = self.now();
        self.handle_lease(now);
        self.handle_disk_events(now);
        self.discard_stored();
        loop {
            while let Some(output) = self.bridge.poll_output(now) {
                self.handle_output(output, now);
            }
            self.drain_commands();
            self.log_sync_progress();
            let room = self.bridge.room();
            if room.is_empty() || self.outbox.is_empty() {
                return;
            }
            let mut points = self.outbox.take(room);
            if points.is_empty() && !self.shutting_down {
                points = self.take_cold_points(now);
                self.bridge.handle_restored(&points, now);
            }
            if points.is_empty() {
                return;
            }
            self.bridge.handle_points(points, now);
        }
    }
}

#[cfg(test)]
mod tests;

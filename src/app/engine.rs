//! The loop around the bridge: inputs in, outputs performed, each once.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Sleep, sleep_until};
use tracing::{debug, error, info, warn};

use super::Error;
use super::ledger::{Ledger, Losses};
use super::senders::{Answer, Senders};
use super::servers::Servers;
use crate::bridge::{Bridge, Output};
use crate::clock::Clock;
use crate::console::ask::Answers;
use crate::console::emf::Emf;
use crate::console::snapshot::Snapshot;
use crate::console::{Link, Look, Question};
use crate::delivery::point::{Discard, Passage, Point};
use crate::mqtt::Inbound;
use crate::outbox::dead_letters::{DeadLetter, DeadLetters};
use crate::outbox::{Change, Outbox, Passed};
use crate::sitewise::api::Fault;
use crate::sitewise::client::SiteWise;
use crate::sitewise::limits;
use crate::sparkplug::event::DeathCause;
use crate::sparkplug::host::ServerId;
use crate::telemetry;
use crate::time::{Instant, Now, Timestamp};
use crate::twin::plan::step::{Done, Step, StepId};

/// Messages taken from the queue at once.
const BATCH: usize = 32;
/// Between two lines about how things go.
const REPORT: Duration = Duration::from_secs(60);
/// Dead letters kept.
const DEAD_LETTERS: usize = 10_000;
/// How long the disk may take at the end to have what is left.
const LAST_WRITE: Duration = Duration::from_secs(5);

/// For so long after values were given up the outbox counts as full.
const FULL: Duration = Duration::from_secs(60);

/// How the engine ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub ledger: Ledger,
    /// From the request to end until it ended.
    pub took: Duration,
}

pub(super) struct Engine<S> {
    bridge: Bridge,
    outbox: Box<dyn Outbox>,
    /// Told when the outbox has something to be polled.
    wake: Arc<Notify>,
    dead_letters: DeadLetters,
    sitewise: Arc<S>,
    servers: Servers,
    steps: JoinSet<(StepId, String, Result<Done, Fault>)>,
    senders: Senders<S>,
    losses: Losses,
    /// When the outbox gave up values last.
    full_at: Option<Instant>,
    report: Report,
    /// What is on disk alone stays there.
    ending: bool,
    /// Whether it is known what SiteWise has.
    learned: bool,
    began: Timestamp,
    clock: Clock,
    next_report: Instant,
}

/// What the engine tells of itself once a minute, and how much may wait.
#[derive(Debug)]
pub(super) struct Report {
    pub host_id: String,
    pub outbox_max_bytes: u64,
    pub linger: Duration,
    /// None without `METRICS_EMF`.
    pub emf: Option<Emf>,
}

impl<S: SiteWise> Engine<S> {
    pub(super) fn new(
        bridge: Bridge,
        (outbox, wake): (Box<dyn Outbox>, Arc<Notify>),
        sitewise: S,
        servers: Servers,
        report: Report,
    ) -> Self {
        let (clock, sitewise) = (Clock::start(), Arc::new(sitewise));
        Self {
            bridge,
            outbox,
            wake,
            dead_letters: DeadLetters::new(DEAD_LETTERS),
            senders: Senders::new(Arc::clone(&sitewise)),
            sitewise,
            servers,
            steps: JoinSet::new(),
            losses: Losses::default(),
            full_at: None,
            report,
            ending: false,
            began: clock.now().wall,
            clock,
            next_report: Instant::START + REPORT,
            learned: false,
        }
    }

    /// Runs until `shutdown`, then flushes for at most `grace`.
    pub(super) async fn run(
        mut self,
        mut messages: mpsc::Receiver<Inbound>,
        answers: Answers,
        shutdown: impl Future<Output = ()>,
        grace: Duration,
    ) -> Result<Ended, Error> {
        tokio::pin!(shutdown);
        answers.begin();
        let mut questions = answers.questions;
        let mut timer = Box::pin(sleep_until(self.clock.when(Instant::START)));
        let mut batch = Vec::with_capacity(BATCH);
        let wake = Arc::clone(&self.wake);
        self.perform();
        loop {
            self.set(&mut timer);
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                ready = self.senders.ready() => self.answered(ready)?,
                Some(done) = self.steps.join_next() => self.done(done)?,
                // Before the messages, which may never end, and one at a time.
                Some(question) = questions.recv() => self.show(question),
                count = messages.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        return Err(Error::Task("mqtt"));
                    }
                    self.take_in(&mut batch);
                }
                () = wake.notified() => {}
                () = &mut timer => self.timeout(),
            }
            self.perform();
        }

        // What has been read is kept; nothing more is read.
        info!("ending: telling the plant, then delivering what waits, for {grace:.0?} at most");
        let began = self.clock.now();
        self.ending = true;
        messages.close();
        while messages.recv_many(&mut batch, BATCH).await > 0 {
            self.take_in(&mut batch);
        }
        self.bridge.shut_down(self.clock.now());
        self.perform();
        self.servers.close();
        self.bridge.flush(self.clock.now());
        self.perform();
        let end = sleep_until(self.clock.when(began.instant + grace));
        tokio::pin!(end);
        while !(self.outbox.is_at_rest() && self.bridge.is_idle()) {
            self.set(&mut timer);
            tokio::select! {
                () = &mut end => break,
                ready = self.senders.ready() => self.answered(ready)?,
                Some(done) = self.steps.join_next() => self.done(done)?,
                Some(question) = questions.recv() => self.show(question),
                () = wake.notified() => {}
                () = &mut timer => self.timeout(),
            }
            self.perform();
        }
        self.outbox.close(LAST_WRITE);
        self.tell_metrics();
        let took = self.clock.now().instant.since(began.instant);
        Ok(Ended { ledger: self.ledger(), took })
    }

    fn set(&self, timer: &mut Pin<Box<Sleep>>) {
        let due = self.bridge.poll_timeout().unwrap_or(self.next_report).min(self.next_report);
        let due = self.clock.when(due);
        if timer.deadline() != due {
            timer.as_mut().reset(due);
        }
    }

    fn timeout(&mut self) {
        let now = self.clock.now();
        self.bridge.handle_timeout(now);
        if self.next_report <= now.instant {
            self.next_report = now.instant + REPORT;
            self.ledger().log();
            self.tell_metrics();
        }
    }

    /// Lets somebody look, at a page at most.
    fn show(&self, question: Question) {
        let links = self.servers.links();
        question(&self.look(&links));
    }

    fn look<'a>(&'a self, links: &'a [Link]) -> Look<'a> {
        let now = self.clock.now();
        Look {
            host_id: &self.report.host_id,
            linger: self.report.linger,
            bridge: &self.bridge,
            outbox: &*self.outbox,
            outbox_max_bytes: self.report.outbox_max_bytes,
            dead_letters: &self.dead_letters,
            links,
            losses: self.losses,
            outbox_full: self.full_at.is_some_and(|at| now.instant.since(at) < FULL),
            ending: self.ending,
            began: self.began,
            now,
        }
    }

    fn tell_metrics(&mut self) {
        let Some(mut emf) = self.report.emf.take() else { return };
        let links = self.servers.links();
        let snapshot = Snapshot::take(&self.look(&links));
        telemetry::write_line(&emf.line(&snapshot));
        self.report.emf = Some(emf);
    }

    fn take_in(&mut self, batch: &mut Vec<Inbound>) {
        let now = self.clock.now();
        for inbound in batch.drain(..) {
            match inbound {
                Inbound::Connected { server, session_time } => {
                    self.servers.connected(server, now.wall);
                    self.bridge.handle_connected(ServerId(server), session_time, now);
                }
                Inbound::Disconnected { server, .. } => {
                    self.servers.disconnected(server);
                    self.bridge.handle_disconnected(ServerId(server), now);
                }
                Inbound::Message { server, topic, payload, qos, retain } => {
                    let server = ServerId(server);
                    self.bridge.handle_message(server, &topic, &payload, retain, now);
                    if qos > 0 {
                        self.bridge.handle_qos(&topic, qos, now);
                    }
                }
            }
        }
    }

    fn answered(&mut self, ready: Result<(), JoinError>) -> Result<(), Error> {
        ready.map_err(|_| Error::Task("put"))?;
        let now = self.clock.now();
        while let Some(Answer { id, answer, .. }) = self.senders.next() {
            if let Err(fault) = &answer {
                debug!(error = %fault, "values were not taken");
            }
            self.bridge.handle_answer(id, answer, now);
        }
        Ok(())
    }

    fn done(
        &mut self,
        done: Result<(StepId, String, Result<Done, Fault>), JoinError>,
    ) -> Result<(), Error> {
        let (id, tried, answer) = done.map_err(|_| Error::Task("provision"))?;
        match &answer {
            Ok(Done::Accepted) => info!("{tried}"),
            Ok(_) => debug!("{tried}"),
            Err(fault) => debug!(error = %fault, "{tried}: {fault}"),
        }
        self.bridge.handle_done(id, answer, self.clock.now());
        Ok(())
    }

    /// Performs all that the bridge wants, and feeds it from the outbox.
    fn perform(&mut self) {
        let now = self.clock.now();
        while let Some(change) = self.outbox.poll() {
            self.disk_changed(change, now);
        }
        loop {
            while let Some(output) = self.bridge.poll_output(now) {
                self.output(output, now);
            }
            if !self.learned && self.bridge.twin().plan().learned() {
                self.learned = true;
                info!("what SiteWise has is known: values go from here on");
            }
            let room = self.bridge.room();
            if room.is_empty() || self.outbox.is_empty() {
                return;
            }
            let mut points = self.outbox.take(room);
            if points.is_empty() && !self.ending {
                points = self.restore(now);
            }
            if points.is_empty() {
                return;
            }
            self.bridge.handle_points(points, now);
        }
    }

    /// Points that are on disk alone, for the room that those in memory leave.
    fn restore(&mut self, now: Now) -> Vec<Point> {
        let bridge = &self.bridge;
        let oldest = now.wall.minus(limits::OLDEST_VALUE);
        // One that is too old is refused, whether its asset will ever be there or not.
        let passage = |point: &Point| match point.time < oldest {
            true => Passage::Open,
            false => bridge.passage(point.stream),
        };
        self.outbox.restore(bridge.room(), &passage)
    }

    fn disk_changed(&mut self, change: Change, now: Now) {
        match change {
            Change::Refused(reason) => error!(
                "the outbox cannot be written: {reason}; values wait in memory alone until it can"
            ),
            Change::Behind => warn!("the outbox's disk is too slow: values wait in memory alone"),
            Change::Well => info!("the outbox is written again"),
            Change::Full => {
                self.full_at = Some(now.instant);
                warn!("the outbox is full: the oldest values go");
            }
        }
    }

    fn output(&mut self, output: Output, now: Now) {
        match output {
            Output::Publish(publish) => self.servers.publish(publish),
            Output::Step(id, step) => {
                let sitewise = Arc::clone(&self.sitewise);
                self.steps.spawn(async move {
                    let tried = step.to_string();
                    (id, tried, carry_out(&*sitewise, step).await)
                });
            }
            Output::Send(id, entries) => self.senders.send(id, entries),
            Output::Store(points) => {
                let Passed { gone, taken } = self.outbox.pass(points, self.bridge.room());
                let full = gone.iter().filter(|(_, why)| *why == Discard::Full).count();
                self.losses.full += full as u64;
                self.losses.overwritten += (gone.len() - full) as u64;
                if full > 0 {
                    self.full_at = Some(now.instant);
                    warn!("the outbox is full: the oldest history goes first");
                }
                if !taken.is_empty() {
                    self.bridge.handle_points(taken, now);
                }
            }
            Output::Open(gate) => {
                let twin = self.bridge.twin();
                self.outbox.open(gate, &|point| twin.gate(point.stream));
            }
            Output::Settled(keys) => self.outbox.settle(&keys),
            Output::Refused { point, refusal, reason, stored } => {
                debug!(
                    sitewise.asset_id = %point.stream.asset,
                    sitewise.property_id = %point.stream.property,
                    "a value was refused: {reason}"
                );
                let (asset, property) = self.bridge.twin().names(point.stream);
                let names = (asset.map(str::to_owned), property.map(str::to_owned));
                let key = point.key();
                let letter = DeadLetter { point, refusal, reason, at: now.wall, names };
                self.outbox.bury(&letter);
                self.dead_letters.push(letter);
                if stored {
                    self.outbox.settle(&[key]);
                }
            }
            Output::Discarded(key, why) => {
                if why != Discard::Overwritten {
                    self.outbox.settle(&[key]);
                }
            }
            Output::Found { edge, finding, example } => {
                let who = edge.map_or_else(|| "a sender".to_owned(), |edge| edge.to_string());
                let (name, words) = (finding.name(), finding.words());
                let tck_id = finding.tck_id().unwrap_or("-");
                // What the network does is no fault of the sender's.
                if finding.tck_id().is_some() || finding.is_loss() {
                    warn!(sparkplug.finding = name, tck_id, example, "{who}: {words}");
                } else {
                    info!(sparkplug.finding = name, example, "{who}: {words}");
                }
            }
            Output::Grouped(edge) => info!(
                sparkplug.edge = %edge,
                "{edge} sends flat metrics: TWIN_RULES made assets of them, without the \
                 parameters and definitions that such a stream does not carry"
            ),
            Output::Capped { source, cap, example } => warn!(
                sparkplug.source = %source,
                sitewise.cap = cap.label(),
                example,
                "{source} has met {}: no room for `{example}` and perhaps more; what fits is kept; {}",
                cap.variable(),
                cap.remedy()
            ),
            Output::Born(source) => info!(sparkplug.source = %source, "{source} was born"),
            Output::Died(source, cause) => {
                let how = match cause {
                    DeathCause::Certificate => "its death certificate came",
                    DeathCause::Node => "its edge node died",
                    DeathCause::ConnectionLost => "the MQTT server cannot be reached",
                    DeathCause::Silent => "it did not answer",
                };
                info!(sparkplug.source = %source, "{source} is offline: {how}");
            }
        }
    }

    fn ledger(&self) -> Ledger {
        let links = self.servers.links();
        Ledger::new(&self.bridge, &*self.outbox, self.losses, &self.dead_letters, &links)
    }
}

/// Makes one call.
async fn carry_out<S: SiteWise>(sitewise: &S, step: Step) -> Result<Done, Fault> {
    match step {
        Step::ListModels(token) => sitewise.list_models(token).await.map(Done::Models),
        Step::DescribeModel(id) => sitewise.describe_model(id).await.map(Done::Model),
        Step::CreateModel(model) => sitewise.create_model(model).await.map(|()| Done::Accepted),
        Step::GrowModel(growth) => sitewise.grow_model(growth).await.map(|()| Done::Accepted),
        Step::CreateComposite(composite) => {
            sitewise.create_composite(composite).await.map(|()| Done::Accepted)
        }
        Step::GrowComposite(growth) => {
            sitewise.grow_composite(growth).await.map(|()| Done::Accepted)
        }
        Step::ListAssets(model, token) => {
            sitewise.list_assets(model, token).await.map(Done::Assets)
        }
        Step::CreateAsset(asset) => sitewise.create_asset(asset).await.map(|()| Done::Accepted),
        Step::DescribeAsset(id) => sitewise.describe_asset(id).await.map(Done::Asset),
        Step::ReadUnits(id) => sitewise.read_units(id).await.map(Done::Units),
        Step::ListChildren(parent, token) => {
            sitewise.list_children(parent, token).await.map(Done::Assets)
        }
        Step::Associate(link) => sitewise.associate(link).await.map(|()| Done::Accepted),
        Step::DescribeProperty { asset, property } => {
            sitewise.describe_property(asset, property).await.map(Done::Property)
        }
        Step::UpdateProperty(update) => {
            sitewise.update_property(update).await.map(|()| Done::Accepted)
        }
        Step::ReadValues(of) => sitewise.read_values(of).await.map(Done::Values),
    }
}

//! The loop around the bridge: inputs in, outputs performed, each once.

mod account;
mod calls;
mod disk;
mod hearing;
mod tell;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Sleep, sleep_until};
use tracing::{debug, info, warn};

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
use crate::outbox::{Outbox, Passed};
use crate::sitewise::api::{Fault, Quotas};
use crate::sitewise::client::SiteWise;
use crate::sitewise::limits;
use crate::sparkplug::host::ServerId;
use crate::telemetry;
use crate::time::{Clocks, Instant, Now, Timestamp};
use crate::twin::plan::step::{Done, StepId};

/// Messages processed in one time slice, and its longest duration.
const BATCH: usize = 32;
const TURN: Duration = Duration::from_millis(10);
/// Interval of the status line.
const REPORT: Duration = Duration::from_secs(60);
/// Dead letters kept.
const DEAD_LETTERS: usize = 10_000;
/// How long the disk may take at shutdown to save what is left, and at an immediate shutdown.
const LAST_WRITE: Duration = Duration::from_secs(5);
const HASTY_WRITE: Duration = Duration::from_millis(500);

/// The result of the engine.
#[derive(Debug)]
pub(super) struct Ended {
    pub ledger: Ledger,
    /// From the shutdown request until it stopped.
    pub took: Duration,
    pub patience: Patience,
}

/// How long the shutdown may take to flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// For so long.
    Grace(Duration),
    /// A second signal: stop immediately.
    None,
}

pub(super) struct Engine<S> {
    bridge: Bridge,
    outbox: Box<dyn Outbox>,
    /// Notified when the outbox has something to be polled.
    wake: Arc<Notify>,
    dead_letters: DeadLetters,
    sitewise: Arc<S>,
    servers: Servers,
    steps: JoinSet<(StepId, String, Result<Done, Fault>)>,
    /// The call that reads the account's quotas.
    quotas: JoinSet<Option<Result<Quotas, Fault>>>,
    /// Whether they were read from Service Quotas.
    quotas_told: bool,
    senders: Senders<S>,
    losses: Losses,
    /// When the outbox dropped values last.
    full_at: Option<Instant>,
    report: Report,
    /// Shutting down: what is only on disk stays there.
    ending: bool,
    learning: Learning,
    /// Whether it was logged that the oldest dead letters are dropped.
    letters_told: bool,
    /// Whether inbound messages are stored until the initial sync.
    heard: bool,
    /// Not all of these could be stored.
    deaf: bool,
    began: Timestamp,
    clock: Clock,
    next_report: Instant,
}

/// Progress of the initial sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Learning {
    Begun,
    /// The buffer is full, values are being dropped.
    Full,
    Done,
}

/// Settings of the status line, and limits.
#[derive(Debug)]
pub(super) struct Report {
    pub host_id: String,
    pub outbox_max_bytes: u64,
    pub linger: Duration,
    /// Quotas that are set, which take precedence over the account's.
    pub quotas: Quotas,
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
            quotas: JoinSet::new(),
            quotas_told: false,
            losses: Losses::default(),
            full_at: None,
            report,
            ending: false,
            began: clock.now().wall,
            clock,
            next_report: Instant::START + REPORT,
            learning: Learning::Begun,
            letters_told: false,
            heard: false,
            deaf: false,
        }
    }

    /// Runs until `shutdown`, then flushes for at most `grace`, and no longer than until `hurry`.
    pub(super) async fn run(
        mut self,
        mut messages: mpsc::Receiver<Inbound>,
        answers: Answers,
        (shutdown, hurry): (impl Future<Output = ()>, impl Future<Output = ()>),
        grace: Duration,
    ) -> Result<Ended, Error> {
        tokio::pin!(shutdown, hurry);
        answers.begin();
        let mut questions = answers.questions;
        let mut timer = Box::pin(sleep_until(self.clock.when(Instant::START)));
        let wake = Arc::clone(&self.wake);
        self.hear_again();
        self.perform();
        loop {
            self.set(&mut timer);
            // Whichever is ready, without priority: any of them may be ready for ever. Each does a
            // bounded piece of work, and timers are handled after each.
            tokio::select! {
                () = &mut shutdown => break,
                ready = self.senders.ready() => self.answered(ready)?,
                Some(done) = self.steps.join_next() => self.done(done)?,
                Some(told) = self.quotas.join_next() => self.told_quotas(told)?,
                Some(question) = questions.recv() => self.show(question),
                first = messages.recv() => {
                    let first = first.ok_or(Error::Task("mqtt"))?;
                    self.take_turn(first, &mut messages);
                }
                () = wake.notified() => {}
                () = &mut timer => {}
            }
            self.catch_up();
            self.perform();
        }

        // What was read is processed; nothing more is read.
        info!(
            "shutting down: publishing STATE offline, then flushing the outbox for up to \
             {grace:.0?}"
        );
        let began = self.clock.now();
        self.ending = true;
        messages.close();
        while let Some(message) = messages.recv().await {
            self.take_in(message);
        }
        let now = self.now();
        self.bridge.shut_down(now);
        self.perform();
        self.servers.close();
        self.bridge.flush(self.clock.now());
        self.perform();
        let end = sleep_until(self.clock.when(began.instant + grace));
        tokio::pin!(end);
        let mut patience = Patience::Grace(grace);
        let last = began.instant + grace;
        while !self.can_end(last) {
            self.set(&mut timer);
            tokio::select! {
                () = &mut end => break,
                () = &mut hurry => {
                    patience = Patience::None;
                    break;
                }
                ready = self.senders.ready() => self.answered(ready)?,
                Some(done) = self.steps.join_next() => self.done(done)?,
                Some(question) = questions.recv() => self.show(question),
                () = wake.notified() => {}
                () = &mut timer => self.timeout(),
            }
            self.perform();
        }
        self.outbox.close(match patience {
            Patience::Grace(_) => LAST_WRITE,
            Patience::None => HASTY_WRITE,
        });
        self.follow_disk(self.clock.now());
        self.tell_metrics();
        let took = self.clock.now().instant.since(began.instant);
        Ok(Ended { ledger: self.ledger(), took, patience })
    }

    /// When something is due.
    fn due(&self) -> Instant {
        self.bridge.poll_timeout().unwrap_or(self.next_report).min(self.next_report)
    }

    fn set(&self, timer: &mut Pin<Box<Sleep>>) {
        let due = self.clock.when(self.due());
        if timer.deadline() != due {
            timer.as_mut().reset(due);
        }
    }

    /// Handles expired timers, however much else there is to do.
    fn catch_up(&mut self) {
        if self.due() <= self.clock.now().instant {
            self.timeout();
        }
    }

    fn timeout(&mut self) {
        let now = self.now();
        self.bridge.handle_timeout(now);
        if self.next_report <= now.instant {
            self.next_report = now.instant + REPORT;
            self.ledger().log();
            self.tell_metrics();
        }
    }

    /// Runs a query of the console.
    fn show(&self, question: Question) {
        let links = self.links();
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
            clock_ahead: self.clock.ahead(),
            quotas_told: self.quotas_told,
            outbox_full: self.is_full(now),
            held_saved: self.is_held_saved(),
            ending: self.ending,
            began: self.began,
            now,
        }
    }

    fn links(&self) -> Vec<Link> {
        self.servers.links(self.clock.now().instant)
    }

    fn tell_metrics(&mut self) {
        let Some(mut emf) = self.report.emf.take() else { return };
        let links = self.links();
        let snapshot = Snapshot::take(&self.look(&links));
        telemetry::write_line(&emf.line(&snapshot));
        self.report.emf = Some(emf);
    }

    /// Processes queued messages until none is left or the time slice is over.
    fn take_turn(&mut self, first: Inbound, messages: &mut mpsc::Receiver<Inbound>) {
        let end = self.clock.now().instant + TURN;
        let mut now = self.take_in(first);
        for _ in 1..BATCH {
            let message = if now.instant < end { messages.try_recv().ok() } else { None };
            let Some(message) = message else { break };
            now = self.take_in(message);
        }
        self.servers.notice_losses(self.clock.now().instant);
    }

    /// Processes one. Returns the time.
    fn take_in(&mut self, inbound: Inbound) -> Now {
        let now = self.now();
        if self.learning != Learning::Done {
            self.hear(&inbound, now.wall);
        }
        match inbound {
            Inbound::Connected { server, session_time } => {
                self.servers.connected(server, now.wall);
                self.bridge.handle_connected(ServerId(server), session_time, now);
            }
            Inbound::Disconnected { server, .. } => {
                self.servers.disconnected(server);
                self.bridge.handle_disconnected(ServerId(server), now);
            }
            Inbound::Message { server, topic, payload, arrived, qos, retain } => {
                self.servers.read(server, arrived.elapsed(), now.instant);
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
        now
    }

    fn answered(&mut self, ready: Result<(), JoinError>) -> Result<(), Error> {
        ready.map_err(|_| Error::Task("put"))?;
        let now = self.now();
        while let Some(Answer { id, answer, .. }) = self.senders.next() {
            if let Err(fault) = &answer {
                debug!(error = %fault, "a write of values failed");
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
        let now = self.now();
        self.bridge.handle_done(id, answer, now);
        Ok(())
    }

    /// Performs the bridge's outputs, and feeds it from the outbox.
    fn perform(&mut self) {
        let now = self.now();
        self.follow_disk(now);
        self.forget();
        loop {
            while let Some(output) = self.bridge.poll_output(now) {
                self.output(output, now);
            }
            self.tell_learning();
            let room = self.bridge.room();
            if room.is_empty() || self.outbox.is_empty() {
                return;
            }
            let mut points = self.outbox.take(room);
            if points.is_empty() && !self.ending {
                points = self.restore(now);
                self.bridge.handle_restored(&points, now);
            }
            if points.is_empty() {
                return;
            }
            self.bridge.handle_points(points, now);
        }
    }

    /// Points that are only on disk, for the room that those in memory leave.
    fn restore(&mut self, now: Now) -> Vec<Point> {
        let bridge = &self.bridge;
        let oldest = now.wall.minus(limits::OLDEST_VALUE);
        // One that is too old is refused, whether its asset will ever be there or not.
        // Before SiteWise has answered, or after a step of our clock, the time is not known.
        let judged = self.learning == Learning::Done && self.clock.clocks() == Clocks::Agree;
        let passage = |point: &Point| match judged && point.time < oldest {
            true => Passage::Open,
            false => bridge.passage(point.stream),
        };
        self.outbox.restore(bridge.room(), &passage)
    }

    fn output(&mut self, output: Output, now: Now) {
        match output {
            Output::Publish(publish) => self.servers.publish(publish),
            Output::Step(id, step) => {
                let sitewise = Arc::clone(&self.sitewise);
                self.steps.spawn(async move {
                    let tried = step.to_string();
                    (id, tried, calls::carry_out(&*sitewise, step).await)
                });
            }
            Output::Send(id, entries) => self.senders.send(id, entries),
            Output::Store(points) => {
                let Passed { gone, taken } = self.outbox.pass(points, self.bridge.room());
                let full = gone.iter().filter(|(_, why)| *why == Discard::Full).count();
                self.losses.full += full as u64;
                self.losses.overwritten += (gone.len() - full) as u64;
                if full > 0 {
                    self.note_full(now);
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
                    "value rejected, kept as a dead letter: {reason}"
                );
                let (asset, property) = self.bridge.twin().names(point.stream);
                let names = (asset.map(str::to_owned), property.map(str::to_owned));
                let key = point.key();
                let letter = DeadLetter { point, refusal, reason, at: now.wall, names };
                self.outbox.bury(&letter);
                self.dead_letters.push(letter);
                if self.dead_letters.len() == DEAD_LETTERS && !self.letters_told {
                    self.letters_told = true;
                    warn!(
                        "{DEAD_LETTERS} dead letters are kept, which is the limit: the oldest are \
                         dropped from now on"
                    );
                }
                if stored {
                    self.outbox.settle(&[key]);
                }
            }
            Output::Discarded(key, why) => {
                if why != Discard::Overwritten {
                    self.outbox.settle(&[key]);
                }
            }
            Output::Held { stream, reason } => {
                tell::held(stream, self.bridge.twin().names(stream), &reason);
            }
            Output::SiteWise(told) => self.tell_sitewise(&told, now),
            told @ (Output::Found { .. }
            | Output::Grouped(_)
            | Output::Capped { .. }
            | Output::Born(_)
            | Output::Died(..)) => tell::tell(told),
        }
    }

    fn ledger(&self) -> Ledger {
        let links = self.links();
        let saved = self.is_held_saved();
        Ledger::new(&self.bridge, &*self.outbox, self.losses, &self.dead_letters, &links, saved)
    }
}

#[cfg(test)]
mod tests;

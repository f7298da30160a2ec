//! Of two bridges one acts: asks the lease whether this is it, and does what follows from that.

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Sleep, sleep_until};
use tracing::{debug, info, warn};

use super::{Engine, Error, SyncState};
use crate::app::links::{LinkKind, Links, Switched};
use crate::bridge::Bridge;
use crate::console::queries::EngineQuery;
use crate::console::{LeaseStatus, LeaseView};
use crate::dynamodb::{self, LeaseTable};
use crate::lease::looks::Looks;
use crate::lease::reach::{OwnCalls, Reach};
use crate::lease::window::{Window, WindowFigures};
use crate::lease::{Ability, Answer, CallId, Lease, Output, RENEW, Role, Sense, StopReason, item};
use crate::mqtt::Inbound;
use crate::outbox::QueuedPoint;
use crate::outbox::bytes_of;
use crate::sitewise::api::ApiFault;
use crate::sitewise::cause::Plane;
use crate::sitewise::client::SiteWise;
use crate::time::{Instant, Now};

/// How often it is looked at what this bridge can do, and what it lacks.
const CHECK: Duration = Duration::from_millis(500);

/// What the lease is made of.
pub(in crate::app) struct LeaseParts {
    pub table: LeaseTable,
    /// This process in the lease's item.
    pub id: String,
    pub links: Links,
    /// How far the follower's window reaches back.
    pub window_span: Duration,
    /// Bytes of it at most.
    pub window_bytes: usize,
}

/// What this bridge does with what it hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// It keeps it in the window.
    Follows,
    /// It delivers it.
    Acts,
    /// It acted until it was asked to stop: it delivers what it still hears, and acts in nothing else.
    Leaves,
}

/// This bridge's end of the lease.
#[derive(Debug)]
pub(super) struct Keeper {
    lease: Lease,
    store: Arc<LeaseTable>,
    calls: JoinSet<(CallId, Result<Answer, ApiFault>)>,
    links: Links,
    window: Window<QueuedPoint>,
    mode: Mode,
    next_check: Instant,
    probes: JoinSet<Sense>,
    reach: Reach,
    /// When it looks for what another bridge left on the disk.
    looks: Looks,
    /// Why the table cannot be reached, which was logged.
    trouble: Option<String>,
    /// Whether it was logged that the window is full.
    crowding_logged: bool,
}

/// What happened to the lease.
#[derive(Debug)]
pub(super) enum LeaseEvent {
    Answered(CallId, Result<Answer, ApiFault>),
    Probed(Sense),
    LinkEnded,
}

impl Keeper {
    /// What happens next; pending for ever without a lease.
    pub(super) async fn next(keeper: &mut Option<Box<Self>>) -> Result<LeaseEvent, JoinError> {
        let Some(keeper) = keeper else { return pending().await };
        tokio::select! {
            Some(done) = keeper.calls.join_next() => {
                done.map(|(id, answer)| LeaseEvent::Answered(id, answer))
            }
            Some(reached) = keeper.probes.join_next() => reached.map(LeaseEvent::Probed),
            ended = keeper.links.ended() => ended.map(|()| LeaseEvent::LinkEnded),
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        Some(self.lease.poll_timeout().map_or(self.next_check, |at| at.min(self.next_check)))
    }

    /// What the follower's window holds and has held.
    pub(super) fn window(&self) -> WindowFigures {
        self.window.figures()
    }

    /// Nothing more is published.
    pub(super) fn close_links(&mut self) {
        self.links.close();
    }

    /// The connections, at the end.
    pub(super) fn into_links(self) -> Links {
        self.links
    }

    /// Whether nothing is gained by waiting on for another bridge.
    fn is_handed_over(&self, now: Instant) -> bool {
        match self.lease.role(now) {
            Role::HandedOver => true,
            Role::Left => {
                self.lease.has_looked_since_leaving() && self.lease.figures(now).follower.is_none()
            }
            Role::Follower | Role::Holder | Role::Lapsed | Role::Releasing => false,
        }
    }
}

impl LeaseView for Option<Box<Keeper>> {
    fn status(&self, now: Now) -> Option<LeaseStatus> {
        let keeper = self.as_ref()?;
        let figures = keeper.lease.figures(now.instant);
        let at = |since: Instant| now.wall.minus(now.instant.since(since));
        let (since, unfollowed_since) = (at(figures.since), figures.unfollowed_since.map(at));
        let trouble = keeper.trouble.clone();
        let window = keeper.window.figures();
        Some(LeaseStatus { figures, since, unfollowed_since, trouble, window })
    }
}

impl<S: SiteWise> Engine<S> {
    /// As one of two bridges: it follows until it has the lease.
    pub(in crate::app) fn with_lease(mut self, parts: LeaseParts) -> Self {
        let now = self.clock.now();
        self.bridge.follow(now);
        self.keeper = Some(Box::new(Keeper {
            lease: Lease::new(parts.id, fastrand::u64(..), now.instant),
            store: Arc::new(parts.table),
            calls: JoinSet::new(),
            links: parts.links,
            window: Window::new(parts.window_span, parts.window_bytes),
            mode: Mode::Follows,
            next_check: now.instant,
            probes: JoinSet::new(),
            reach: Reach::new(now.instant),
            looks: Looks::default(),
            trouble: None,
            crowding_logged: false,
        }));
        self
    }

    /// What a connection brought, as what the server has sent; nothing where it is known already.
    pub(super) fn route(&mut self, inbound: Inbound, now: Now) -> Vec<Inbound> {
        let Some(keeper) = &mut self.keeper else { return vec![inbound] };
        let routed = keeper.links.route(inbound, now.instant);
        if let Some(Switched { server, kind, outbound, figures, .. }) = routed.switched {
            self.servers.switch(server, outbound, figures);
            if kind == LinkKind::Host && keeper.mode == Mode::Acts {
                self.bridge.speak(now);
            }
        }
        routed.inbound
    }

    /// Of points that were decided, those that go into the outbox: a follower keeps them itself.
    ///
    /// Except values of messages that a process before this one stored: they are in this folder alone,
    /// and are delivered from there. What became of the machines meanwhile those messages do not say.
    pub(super) fn keep_in_window(
        &mut self,
        points: Vec<QueuedPoint>,
        now: Now,
    ) -> Vec<QueuedPoint> {
        let Some(keeper) = self.keeper.as_mut().filter(|keeper| keeper.mode == Mode::Follows)
        else {
            return points;
        };
        let twin = self.bridge.twin();
        let is_replayed = self.stores_inbound && self.catch_up.replayed > 0;
        let (stored, kept): (Vec<_>, Vec<_>) = points
            .into_iter()
            .partition(|waiting| is_replayed && !twin.is_no_measurement(waiting.point.stream));
        // Until the initial sync what came waits in the twin: it is as old as this process, perhaps.
        let waited = self.sync_state != SyncState::Done || self.bridge.is_deferring();
        let at = if waited && !is_replayed { Instant::START } else { now.instant };
        for waiting in kept {
            let bytes = bytes_of(&waiting.point);
            keeper.window.push(waiting, bytes, at);
        }
        if keeper.window.figures().crowded_out > 0 && !keeper.crowding_logged {
            keeper.crowding_logged = true;
            warn!(
                "the values of the last {:.0?} do not fit into memory: the oldest are dropped, and \
                 would be lost if the holder of the lease died now",
                keeper.window.span()
            );
        }
        stored
    }

    /// Whether values of stored messages are in the window, and nowhere else.
    pub(super) fn is_stored_in_window(&self) -> bool {
        let keeper = self.keeper.as_ref();
        keeper.is_some_and(|keeper| keeper.window.figures().oldest == Some(Instant::START))
    }

    /// Asks the lease whether this bridge acts, before it does anything.
    pub(super) fn handle_lease(&mut self, now: Now) {
        self.check_lease(now);
        let Some(keeper) = &mut self.keeper else { return };
        keeper.lease.handle_timeout(now.instant);
        while let Some(output) = self.keeper.as_mut().and_then(|it| it.lease.poll_output()) {
            match output {
                Output::Call(id, call) => {
                    let Some(keeper) = &mut self.keeper else { return };
                    let store = Arc::clone(&keeper.store);
                    keeper.calls.spawn(async move { (id, store.perform(&call).await) });
                }
                Output::Acts(epoch) => self.begin_acting(epoch, now),
                Output::Stops(why) => self.stop_acting(why, now),
                Output::Asked(edges) => {
                    debug!("the other bridge asks for {} births", edges.len());
                    for edge in edges {
                        self.bridge.request_for_other(&edge, now);
                    }
                }
            }
        }
    }

    /// Tells the lease what this bridge can do and lacks, where that is due.
    fn check_lease(&mut self, now: Now) {
        let Some(keeper) = &mut self.keeper else { return };
        if keeper.next_check > now.instant {
            return;
        }
        keeper.next_check = now.instant + CHECK;
        for lost in keeper.links.lost(now.instant) {
            self.handle_routed(lost, now);
        }
        let Some(keeper) = &mut self.keeper else { return };
        if keeper.looks.poll(now.instant) {
            self.outbox.take_over_left();
        }
        let waits = self.bridge.delivery().waiting() > 0 || !self.outbox.is_empty();
        let own = own_calls(&self.bridge, waits, now.instant);
        let reaches = keeper.reach.sense(own, now.instant);
        let ability = Ability { hears: keeper.links.hears(now.instant), reaches };
        keeper.lease.handle_hears_since(keeper.links.hears_since());
        keeper.lease.handle_ability(ability, now.instant);
        if keeper.mode == Mode::Follows {
            keeper.lease.handle_asks(self.bridge.unasked(item::ASKS), now.instant);
            let figures = keeper.lease.figures(now.instant);
            // Before the initial sync it is not known which assets SiteWise has.
            let is_synced = self.bridge.twin().plan().is_synced();
            let renewed = figures.renewed_at.filter(|_| is_synced);
            let unheard = renewed.map(|at| keeper.window.handle_renewed(at, figures.heard));
            if keeper.reach.poll_probe(now.instant) {
                let sitewise = Arc::clone(&self.sitewise);
                keeper.probes.spawn(async move {
                    match sitewise.list_models(None).await {
                        Ok(_) => Sense::Yes,
                        Err(_) => Sense::No,
                    }
                });
            }
            // What waits for its asset waits in the outbox: the holder makes it, or this bridge
            // itself once it holds the lease.
            self.deliver(unheard.unwrap_or_default(), now);
        }
    }

    /// Queues what was kept in the window.
    fn deliver(&mut self, kept: Vec<QueuedPoint>, now: Now) {
        let twin = self.bridge.twin();
        let regated = |waiting: QueuedPoint| QueuedPoint {
            gate: twin.gate(waiting.point.stream),
            point: waiting.point,
        };
        let points = kept.into_iter().map(regated).collect();
        self.store_points(points, now);
    }

    pub(super) fn handle_lease_event(
        &mut self,
        event: Result<LeaseEvent, JoinError>,
    ) -> Result<(), Error> {
        let event = event.map_err(|_| Error::Task("lease"))?;
        let now = self.now();
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        match event {
            LeaseEvent::Answered(id, answer) => {
                let before = keeper.trouble.take();
                keeper.trouble = answer.as_ref().err().map(dynamodb::explain);
                match (&before, &keeper.trouble) {
                    (Some(_), None) => info!("the lease's table can be reached again"),
                    (None, Some(why)) => warn!(
                        "the lease's table cannot be reached: {why}; the bridge that holds the \
                         lease stops acting when it expires, and the other cannot take it"
                    ),
                    (None, None) | (Some(_), Some(_)) => {}
                }
                keeper.lease.handle_answer(id, answer.unwrap_or(Answer::Failed), now.instant);
            }
            LeaseEvent::Probed(reached) => keeper.reach.handle_probed(reached),
            LeaseEvent::LinkEnded => {}
        }
        Ok(())
    }

    fn begin_acting(&mut self, epoch: u64, now: Now) {
        let Some(keeper) = &mut self.keeper else { return };
        keeper.mode = Mode::Acts;
        keeper.reach.handle_role(false, now.instant);
        keeper.looks.handle_role(true, now.instant);
        keeper.links.begin(LinkKind::Host, now.instant);
        let kept: Vec<_> = keeper.window.take().collect();
        info!(
            lease.epoch = epoch,
            "this bridge acts from now on: it took the lease (epoch {epoch}); {} values that \
             it kept while it followed are delivered once more",
            kept.len()
        );
        self.bridge.act(now);
        self.deliver(kept, now);
    }

    fn stop_acting(&mut self, why: StopReason, now: Now) {
        let Some(keeper) = &mut self.keeper else { return };
        self.bridge.follow(now);
        keeper.looks.handle_role(false, now.instant);
        match why {
            StopReason::Leaving => {
                keeper.mode = Mode::Leaves;
                keeper.links.leave();
            }
            StopReason::Lapsed | StopReason::Lost | StopReason::Deaf | StopReason::Unreachable => {
                keeper.mode = Mode::Follows;
                keeper.reach.handle_role(true, now.instant);
                keeper.links.retire_host();
                // Others take the lease at once, or have it.
                if why == StopReason::Lapsed {
                    keeper.links.keep_sessions();
                }
                keeper.links.begin(LinkKind::Observer, now.instant);
            }
        }
        match why {
            StopReason::Leaving => info!("this bridge gives the lease back"),
            StopReason::Lapsed => warn!(
                "this bridge acts no longer: it could not renew the lease in time; it follows from \
                 now on, and still delivers the values that it had queued"
            ),
            StopReason::Lost => {
                warn!("this bridge acts no longer: another bridge has taken the lease");
            }
            StopReason::Deaf => warn!(
                "this bridge acts no longer: it is not connected to all of its MQTT servers, and \
                 the other bridge is"
            ),
            StopReason::Unreachable => warn!(
                "this bridge acts no longer: it cannot reach SiteWise, and the other bridge can"
            ),
        }
    }

    /// The process is about to stop: gives the lease back, and goes on until the other bridge has it,
    /// or until `end`.
    pub(super) async fn hand_over(
        &mut self,
        messages: &mut mpsc::Receiver<Inbound>,
        questions: &mut mpsc::Receiver<EngineQuery>,
        timer: &mut Pin<Box<Sleep>>,
        end: Instant,
    ) -> Result<(), Error> {
        let now = self.now();
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        let had_lapsed = keeper.lease.role(now.instant) == Role::Lapsed;
        keeper.lease.handle_leave(now.instant);
        let ends = sleep_until(self.clock.when(end));
        tokio::pin!(ends);
        let wake = Arc::clone(&self.outbox_event);
        loop {
            self.run_due();
            self.drain_outputs();
            let now = self.clock.now().instant;
            if self.keeper.as_ref().is_none_or(|keeper| keeper.is_handed_over(now)) {
                break;
            }
            self.reset_timer(timer);
            tokio::select! {
                () = &mut ends => break,
                event = Keeper::next(&mut self.keeper) => self.handle_lease_event(event)?,
                ready = self.senders.wait_for_responses() => self.handle_responses(ready)?,
                Some(done) = self.calls.join_next() => self.handle_call_result(done)?,
                Some(question) = questions.recv() => self.answer_query(question),
                first = messages.recv() => {
                    let first = first.ok_or(Error::Task("mqtt"))?;
                    self.handle_batch(first, messages);
                }
                () = wake.notified() => {}
                () = timer.as_mut() => {}
            }
        }
        let now = self.now();
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        let role = keeper.lease.role(now.instant);
        let figures = keeper.lease.figures(now.instant);
        let renewed = figures.renewed_at.filter(|at| now.instant.since(*at) < RENEW * 2);
        let mode = keeper.mode;
        match (mode, role) {
            (Mode::Acts | Mode::Leaves, Role::HandedOver) => {
                info!("the other bridge has the lease");
            }
            // STATE is this bridge's to take back.
            (Mode::Acts | Mode::Leaves, _) => {
                warn!("no other bridge has taken the lease: nobody acts from now on");
                self.bridge.speak(now);
            }
            // Somebody else delivers what both have heard.
            (Mode::Follows, _) => {
                keeper.mode = Mode::Leaves;
                // STATE says still that this bridge is there. Another one that acts by now, unseen,
                // answers it.
                if had_lapsed && renewed.is_none() {
                    self.bridge.speak(now);
                }
                match renewed {
                    Some(at) => {
                        let unheard = keeper.window.release_all(at, figures.heard);
                        self.deliver(unheard, now);
                    }
                    None => {
                        let kept = keeper.window.take().collect();
                        self.deliver(kept, now);
                    }
                }
            }
        }
        Ok(())
    }
}

/// What is known of this bridge's calls to SiteWise. What is only read is not what a bridge is there
/// for; `waits` says whether there are values to be written.
fn own_calls(bridge: &Bridge, waits: bool, now: Instant) -> OwnCalls {
    let reachability = bridge.reachability();
    let fails = |plane| reachability.failing(plane, now).is_some();
    let planes = [Plane::Control, Plane::Write];
    OwnCalls {
        fails: planes.into_iter().any(fails),
        fails_beyond_probe: waits && fails(Plane::Write)
            || planes.into_iter().any(|plane| fails(plane) && reachability.is_denied(plane)),
        is_synced: bridge.twin().plan().is_synced(),
        is_unnamed: bridge.twin().plan().is_unnamed(),
    }
}

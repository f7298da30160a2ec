//! The lease in DynamoDB's stand-ins, `tests/lease/run.sh`: bridges on networks that cut, slow and
//! lose, that leave, sleep and are killed. In all of it never two act.

#![cfg(test)]

mod bridge;
mod live;
mod proxy;

use std::net::SocketAddr;
use std::time::Duration;

use bridge::{ABLE, Bridge, Clock};
use proxy::Way;
use sparkwise::lease::{Ability, HOLD, Output, Role, Sense, StopReason, TAKE};
use sparkwise::time::Instant;

const TABLE: &str = "sparkwise-lease";
/// What a busy machine may add to each bound.
const SLACK: Duration = Duration::from_secs(3);
const TICK: Duration = Duration::from_millis(5);

/// The stores that the suite has started.
fn stores() -> Vec<(String, SocketAddr)> {
    let stores = std::env::var("LEASE_STORES").expect("LEASE_STORES: see tests/lease/run.sh");
    let store = |text: &str| {
        let (name, address) = text.split_once('=').unwrap();
        (name.to_owned(), address.parse().unwrap())
    };
    stores.split(',').map(store).collect()
}

/// Bridges on one item of one store.
struct Group {
    item: String,
    store: SocketAddr,
    clock: Clock,
    bridges: Vec<Bridge>,
}

impl Group {
    /// Starts this many bridges, of which the first acts.
    async fn start(of: &str, name: &str, store: SocketAddr, many: usize) -> Self {
        let item = format!("{of}-{name}");
        let mut group = Self { item, store, clock: Clock::start(), bridges: Vec::new() };
        group.add().await;
        group.until(TAKE + SLACK, |group| group.acting() == Some(0)).await;
        for _ in 1..many {
            group.add().await;
        }
        // Each has seen the item, and said what it can do.
        group.pass(Duration::from_secs(4)).await;
        assert_eq!(group.acting(), Some(0));
        group
    }

    async fn add(&mut self) {
        let id = format!("bridge {}", self.bridges.len());
        self.bridges.push(Bridge::start(&id, &self.item, self.store, self.clock).await);
    }

    /// Who acts; never two do.
    fn acting(&self) -> Option<usize> {
        let now = self.clock.now();
        let acting = self.bridges.iter().enumerate().filter(|(_, bridge)| bridge.acts(now));
        let acting: Vec<usize> = acting.map(|(place, _)| place).collect();
        assert!(acting.len() <= 1, "{}: {acting:?} act", self.item);
        acting.first().copied()
    }

    async fn pass(&self, time: Duration) {
        let end = self.clock.now() + time;
        while self.clock.now() < end {
            self.acting();
            tokio::time::sleep(TICK).await;
        }
    }

    /// Waits, and returns how long it took.
    async fn until(&self, within: Duration, holds: impl Fn(&Self) -> bool) -> Duration {
        let began = self.clock.now();
        loop {
            let took = self.clock.now().since(began);
            self.acting();
            if holds(self) {
                println!("{}: after {took:?}", self.item);
                return took;
            }
            assert!(took <= within, "{}: not within {within:?}", self.item);
            tokio::time::sleep(TICK).await;
        }
    }

    fn role(&self, place: usize) -> Role {
        self.bridges[place].lease.lock().unwrap().role(self.clock.now())
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }
}

/// A scenario with both stores at once, each with items of its own.
macro_rules! with_both {
    ($($name:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let run = |(of, store): (String, SocketAddr)| async move {
                scenarios::$name(&of, store).await;
            };
            let runs: Vec<_> = stores().into_iter().map(|one| tokio::spawn(run(one))).collect();
            assert_eq!(runs.len(), 2, "moto and dynalite");
            for run in runs {
                run.await.unwrap();
            }
        }
    )*};
}

with_both! {
    a_killed_holder_is_replaced_within_twelve_seconds
    a_released_lease_is_taken_within_two_seconds_by_one_of_two
    a_holder_that_is_cut_off_stops_before_the_other_acts
    a_holder_whose_answers_are_lost_stops_and_is_replaced
    a_slow_network_moves_nothing
    a_holder_that_slept_does_not_act_when_it_wakes
    a_deaf_holder_yields_and_hears_what_the_follower_asks_for
    a_follower_that_is_cut_off_changes_nothing
}

mod scenarios {
    use super::*;

    pub(super) async fn a_killed_holder_is_replaced_within_twelve_seconds(
        of: &str,
        store: SocketAddr,
    ) {
        let group = Group::start(of, "kill", store, 2).await;
        group.bridges[0].kill();
        group.until(Duration::from_secs(12) + SLACK, |group| group.acting() == Some(1)).await;
        assert!(matches!(group.bridges[1].log()[..], [(_, Output::Acts(2))]));
    }

    pub(super) async fn a_released_lease_is_taken_within_two_seconds_by_one_of_two(
        of: &str,
        store: SocketAddr,
    ) {
        let group = Group::start(of, "release", store, 3).await;
        let now = group.now();
        group.bridges[0].tell(|lease| lease.handle_leave(now));
        let others = |group: &Group| matches!(group.acting(), Some(1 | 2));
        group.until(Duration::from_secs(2) + SLACK, others).await;
        group.until(SLACK, |group| group.role(0) == Role::HandedOver).await;
    }

    pub(super) async fn a_holder_that_is_cut_off_stops_before_the_other_acts(
        of: &str,
        store: SocketAddr,
    ) {
        let group = Group::start(of, "cut", store, 2).await;
        group.bridges[0].proxy.set(Way::Cut);
        group.until(HOLD + SLACK, |group| group.acting().is_none()).await;
        group.until(TAKE + SLACK, |group| group.acting() == Some(1)).await;
        assert!(matches!(
            group.bridges[0].log()[..],
            [(_, Output::Acts(1)), (_, Output::Stops(StopReason::Lapsed))]
        ));
        group.bridges[0].proxy.set(Way::Open);
        group.until(SLACK * 2, |group| group.role(0) == Role::Follower).await;
    }

    pub(super) async fn a_holder_whose_answers_are_lost_stops_and_is_replaced(
        of: &str,
        store: SocketAddr,
    ) {
        let group = Group::start(of, "answers", store, 2).await;
        group.bridges[0].proxy.set(Way::AnswersLost);
        group.until(HOLD + SLACK, |group| group.acting().is_none()).await;
        // Its renewals arrived until it lapsed, and kept the other waiting.
        group.until(TAKE + HOLD + SLACK, |group| group.acting() == Some(1)).await;
    }

    pub(super) async fn a_slow_network_moves_nothing(of: &str, store: SocketAddr) {
        let group = Group::start(of, "slow", store, 2).await;
        for bridge in &group.bridges {
            bridge.proxy.set(Way::Slow(Duration::from_millis(300)));
        }
        group.pass(TAKE + SLACK).await;
        assert_eq!(group.acting(), Some(0));
        assert_eq!(group.bridges[0].log().len(), 1);
    }

    pub(super) async fn a_holder_that_slept_does_not_act_when_it_wakes(
        of: &str,
        store: SocketAddr,
    ) {
        let group = Group::start(of, "sleep", store, 2).await;
        group.bridges[0].sleep(true);
        group.until(Duration::from_secs(12) + SLACK, |group| group.acting() == Some(1)).await;
        group.bridges[0].sleep(false);
        group.until(SLACK * 2, |group| group.role(0) == Role::Follower).await;
        assert_eq!(group.acting(), Some(1));
    }

    pub(super) async fn a_deaf_holder_yields_and_hears_what_the_follower_asks_for(
        of: &str,
        store: SocketAddr,
    ) {
        let group = Group::start(of, "deaf", store, 2).await;
        let now = group.now();
        let asks = vec!["Nordsee/größe \"7\"".to_owned()];
        group.bridges[1].tell(|lease| lease.handle_asks(asks.clone(), now));
        let asked = Output::Asked(asks);
        let heard =
            |group: &Group| group.bridges[0].log().iter().any(|(_, output)| *output == asked);
        group.until(Duration::from_secs(6) + SLACK, heard).await;
        // A new holder does not yield at once.
        group.pass(Duration::from_secs(5)).await;
        let deaf = Ability { hears: Sense::No, ..ABLE };
        let now = group.now();
        group.bridges[0].tell(|lease| lease.handle_ability(deaf, now));
        group.until(Duration::from_secs(6) + SLACK, |group| group.acting() == Some(1)).await;
        let stops = Output::Stops(StopReason::Deaf);
        assert!(group.bridges[0].log().iter().any(|(_, output)| *output == stops));
    }

    pub(super) async fn a_follower_that_is_cut_off_changes_nothing(of: &str, store: SocketAddr) {
        let group = Group::start(of, "follower", store, 2).await;
        group.bridges[1].proxy.set(Way::Cut);
        group.pass(TAKE + SLACK).await;
        assert_eq!(group.acting(), Some(0));
        group.bridges[1].proxy.set(Way::Open);
        group.pass(SLACK * 2).await;
        assert_eq!((group.acting(), group.bridges[1].log().len()), (Some(0), 0));
    }
}

//! What is told of calls that fail, and when.

use super::*;

struct World {
    reach: Reachability,
    now: Now,
    next: u64,
    told: Vec<(Duration, ReachabilityChange)>,
}

impl World {
    fn new() -> Self {
        let now = Now { instant: Instant::START, wall: Timestamp::from_millis(1_790_000_000_000) };
        Self { reach: Reachability::default(), now, next: 0, told: Vec::new() }
    }

    fn call(&mut self) -> u64 {
        self.next += 1;
        self.reach.call_started(Plane::Write, self.next, self.now);
        self.next
    }

    fn answer(&mut self, id: u64, cause: Option<Cause>) {
        let fault = cause.map(|cause| ApiFault {
            cause,
            ..ApiFault::new(ApiFaultKind::Unavailable, format!("it says {}", cause.label()))
        });
        self.reach.call_ended(Plane::Write, id, fault.as_ref(), self.now);
        self.drain();
    }

    /// A call that takes 10 ms.
    fn round(&mut self, cause: Option<Cause>) {
        let id = self.call();
        self.wait(Duration::from_millis(10));
        self.answer(id, cause);
    }

    /// Lets time pass, and what is due be done.
    fn wait(&mut self, time: Duration) {
        let end = self.now.plus(time);
        while let Some(due) = self.reach.poll_timeout().filter(|due| *due <= end.instant) {
            self.now = self.now.plus(due.since(self.now.instant));
            self.reach.handle_timeout(self.now);
            self.drain();
            assert!(self.reach.poll_timeout().is_none_or(|next| next > due), "it spins");
        }
        self.now = end;
    }

    fn drain(&mut self) {
        while let Some(told) = self.reach.poll_change() {
            self.told.push((self.now.instant.since(Instant::START), told));
        }
    }

    /// When what was told, in short.
    fn told(&mut self) -> Vec<(u64, String)> {
        let told = self.told.drain(..).map(|(at, told)| match told {
            ReachabilityChange::Failing { cause, .. } => (at.as_secs(), cause.label().to_owned()),
            ReachabilityChange::PermissionRestored { operation, denied, .. } => {
                (at.as_secs(), format!("{operation} after {}", denied.as_secs()))
            }
            ReachabilityChange::Slow { took, .. } => {
                (at.as_secs(), format!("slow: {}", took.as_secs()))
            }
            ReachabilityChange::Recovered { away, .. } => {
                (at.as_secs(), format!("passing after {}", away.as_secs()))
            }
        });
        told.collect()
    }
}

fn told(of: &[(u64, &str)]) -> Vec<(u64, String)> {
    of.iter().map(|(at, what)| (*at, (*what).to_owned())).collect()
}

/// SiteWise answers, and every entry is denied: the first word came after two minutes and a half.
#[test]
fn what_is_denied_entry_by_entry_is_told_as_a_missing_right_and_so_is_its_end() {
    let mut world = World::new();
    let denied = |world: &World| AllRejected {
        since: world.now.instant,
        fault: ApiFault {
            cause: Cause::Denied(cause::PUT_OPERATION),
            ..ApiFault::new(ApiFaultKind::Denied, "no")
        },
    };
    world.round(None);
    world.wait(SECOND);
    let refused = denied(&world);
    world.wait(5 * SECOND);
    world.reach.all_rejected(Some(&refused), world.now);
    world.drain();
    assert_eq!(world.told(), told(&[(6, "denied")]));
    for _ in 0..60 {
        let id = world.call();
        world.reach.put_answered(id, None, Some(&refused), world.now);
        world.wait(SECOND);
    }
    assert_eq!(world.told(), []);
    let why = world.reach.failing(Plane::Write, world.now.instant).unwrap();
    assert!(
        why.contains("iotsitewise:BatchPutAssetPropertyValue") && why.contains("policy"),
        "{why}"
    );
    world.round(None);
    world.wait(5 * SECOND);
    assert_eq!(world.told(), told(&[(68, "passing after 65")]));
}

const SECOND: Duration = Duration::from_secs(1);

/// Each call was told as failing after five seconds, and as back when it was answered.
#[test]
fn calls_that_pass_after_eight_seconds_are_slow_and_do_not_flap() {
    let mut world = World::new();
    let (mut calls, mut failing) = (Vec::new(), 0);
    for second in 0..600 {
        calls.push(world.call());
        if calls.len() > 8 {
            let id = calls.remove(0);
            world.answer(id, None);
        }
        if second > 30 {
            failing += usize::from(world.reach.failing(Plane::Write, world.now.instant).is_some());
            assert_eq!(world.reach.slow(Plane::Write), Some(8 * SECOND));
        }
        world.wait(SECOND);
    }
    assert_eq!(failing, 0);
    let said = world.told();
    assert_eq!(said, told(&[(5, "no_answer"), (16, "slow: 8")]));
    // What has no answer at all is told nevertheless.
    world.wait(30 * SECOND);
    assert!(world.reach.failing(Plane::Write, world.now.instant).is_some());
}

/// There was not one line for two minutes.
#[test]
fn an_outage_is_told_at_its_first_fault_and_so_is_its_end() {
    let mut world = World::new();
    world.round(None);
    world.wait(10 * SECOND);
    for _ in 0..60 {
        world.round(Some(Cause::Connection));
        world.wait(SECOND);
    }
    assert_eq!(world.told(), told(&[(10, "connection")]));
    assert!(world.reach.trouble(Plane::Write).unwrap().contains("it says connection"));
    for _ in 0..60 {
        world.round(None);
        world.wait(SECOND);
    }
    assert_eq!(world.told(), told(&[(72, "passing after 60")]));
    assert_eq!(world.reach.trouble(Plane::Write), None);
}

#[test]
fn each_cause_is_told_once_and_apart() {
    let mut world = World::new();
    let causes =
        [Cause::Dns, Cause::Connection, Cause::ServerError, Cause::NoCredentials, Cause::Throttled];
    for cause in causes.into_iter().cycle().take(50) {
        world.round(Some(cause));
    }
    let labels = causes.map(|cause| (0, cause.label()));
    assert_eq!(world.told(), told(&labels));
}

#[test]
fn a_call_that_is_not_answered_is_told_before_it_ends() {
    let mut world = World::new();
    world.wait(SECOND);
    let id = world.call();
    let other = world.call();
    world.wait(29 * SECOND);
    assert_eq!(world.told(), told(&[(6, "no_answer")]));
    world.answer(id, Some(Cause::NoAnswer));
    world.answer(other, None);
    world.wait(10 * SECOND);
    assert_eq!(world.told(), told(&[(32, "passing after 24")]));
}

#[test]
fn a_call_that_hangs_among_a_thousand_is_told() {
    let mut world = World::new();
    let id = world.call();
    for _ in 0..1_000 {
        world.round(None);
    }
    assert_eq!(world.told(), told(&[(5, "no_answer"), (7, "passing after 0")]));
    world.answer(id, Some(Cause::NoAnswer));
    world.wait(60 * SECOND);
    assert_eq!(world.told(), []);
}

/// One in a hundred fails all day.
#[test]
fn what_fails_now_and_then_is_told_once_an_hour() {
    let mut world = World::new();
    for second in 0..3 * 3_600 {
        world.round((second % 100 == 0).then_some(Cause::ServerError));
        world.wait(SECOND);
    }
    assert!((3..=4).contains(&(world.told().len() / 2)));
}

#[test]
fn a_second_outage_in_an_hour_is_told_within_seconds() {
    let mut world = World::new();
    for _ in 0..2 {
        for _ in 0..30 {
            world.round(Some(Cause::ServerError));
            world.wait(SECOND);
        }
        for _ in 0..60 {
            world.round(None);
            world.wait(SECOND);
        }
    }
    let at: Vec<u64> = world.told().into_iter().map(|(at, _)| at).collect();
    assert_eq!(at, [0, 32, 95, 123]);
}

/// `/readyz` was 503 for three seconds, and the log had not a line of it: the cause had been logged
/// before.
#[test]
fn what_makes_the_bridge_not_ready_is_logged_at_once_and_no_flood_of_it() {
    let mut world = World::new();
    let outage = |world: &mut World, seconds| {
        for _ in 0..3 {
            world.reach.set_unreachable(true);
            world.round(Some(Cause::ServerError));
            world.wait(SECOND);
        }
        for _ in 0..seconds {
            world.reach.set_unreachable(false);
            world.round(None);
            world.wait(SECOND);
        }
    };
    outage(&mut world, 900);
    assert_eq!(world.told(), told(&[(0, "failing"), (5, "passing after 3")]));
    outage(&mut world, 4);
    assert_eq!(world.told(), told(&[(912, "failing"), (917, "passing after 3")]));
    // It flaps for an hour.
    for _ in 0..500 {
        outage(&mut world, 4);
    }
    let lines = world.told().len();
    assert!((2 * 50..=2 * 62).contains(&lines), "{lines}");
}

#[test]
fn a_right_that_is_missing_is_told_though_other_calls_pass() {
    let mut world = World::new();
    let action = Cause::Denied("iotsitewise:DescribeAsset");
    for n in 0..600 {
        world.round((n % 2 == 0).then_some(action));
        world.wait(SECOND);
    }
    assert_eq!(world.told(), told(&[(0, "denied")]));
    let mut world = World::new();
    world.round(Some(Cause::Denied(cause::PUT_OPERATION)));
    world.round(None);
    world.wait(10 * SECOND);
    assert_eq!(world.told(), told(&[(0, "denied"), (2, "passing after 0")]));
}

#[test]
fn values_that_are_throttled_within_an_answer_are_told() {
    let mut world = World::new();
    let id = world.call();
    let fault = ApiFault::new(ApiFaultKind::Throttled, "slower");
    let error = EntryError { entry: 0, fault, times: Vec::new() };
    world.reach.put_answered(id, Reachability::of_put(&Ok(vec![error])), None, world.now);
    world.drain();
    assert_eq!(world.told(), told(&[(0, "throttled")]));
}

#[test]
fn calls_that_keep_failing_are_shown_until_one_passes() {
    let mut world = World::new();
    let shown = |world: &World| world.reach.failing(Plane::Write, world.now.instant);
    world.round(Some(Cause::Throttled));
    world.wait(Duration::from_secs(3));
    world.round(Some(Cause::Throttled));
    assert_eq!(shown(&world), None, "it may pass");
    world.wait(Duration::from_secs(3));
    world.round(Some(Cause::Throttled));
    assert!(shown(&world).is_some_and(|why| why.contains("higher quotas")));
    world.round(None);
    assert_eq!(shown(&world), None);
}

#[test]
fn a_call_without_an_answer_is_shown_while_it_lasts() {
    let mut world = World::new();
    let id = world.call();
    world.wait(Duration::from_secs(4));
    assert_eq!(world.reach.failing(Plane::Write, world.now.instant), None);
    world.wait(Duration::from_secs(2));
    let shown = world.reach.failing(Plane::Write, world.now.instant);
    assert!(shown.is_some_and(|why| why.contains("does not answer")));
    world.answer(id, None);
    assert_eq!(world.reach.failing(Plane::Write, world.now.instant), None);
}

#[test]
fn a_right_that_returns_is_told() {
    let mut world = World::new();
    let round = |world: &mut World, operation, cause| {
        let id = world.call();
        world.reach.call_started_as(Plane::Write, id, operation);
        world.answer(id, cause);
        world.wait(SECOND);
    };
    for _ in 0..10 {
        round(&mut world, "CreateAsset", Some(Cause::Denied("CreateAsset")));
        round(&mut world, "ListAssets", None);
    }
    assert_eq!(world.told(), told(&[(0, "denied")]));
    round(&mut world, "CreateAsset", None);
    round(&mut world, "CreateAsset", None);
    assert_eq!(world.told(), told(&[(20, "CreateAsset after 20")]));
    // Should it go once more, that is new.
    round(&mut world, "CreateAsset", Some(Cause::Denied("CreateAsset")));
    assert_eq!(world.told(), told(&[(22, "denied")]));
}

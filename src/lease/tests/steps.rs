//! One step after the other, against the item in memory.

use std::time::Duration;

use super::process::ABLE;
use super::store::Store;
use crate::lease::item::{ASKS, Answer, Call};
use crate::lease::{
    Ability, CallId, HOLD, LOOK, Lease, Output, RENEW, Role, Sense, StopReason, TAKE, Version,
};
use crate::time::Instant;

const MOMENT: Duration = Duration::from_millis(10);
const DEAF: Ability = Ability { hears: Sense::No, reaches: Sense::Yes };
const CUT_OFF: Ability = Ability { hears: Sense::Yes, reaches: Sense::No };

/// A bridge, and what it said besides calls.
struct Bridge {
    lease: Lease,
    calls: Vec<(CallId, Call)>,
    told: Vec<Output>,
}

fn at(since: Duration) -> Instant {
    Instant::from_start(since)
}

impl Bridge {
    fn start(id: &str, now: Instant) -> Self {
        let mut lease = Lease::new(id, 100, now);
        lease.handle_ability(ABLE, now);
        let mut bridge = Self { lease, calls: Vec::new(), told: Vec::new() };
        bridge.drain();
        bridge
    }

    /// A holder, with the time at which it sent its take.
    fn holder(store: &mut Store) -> (Self, Instant) {
        let mut bridge = Self::start("one", at(Duration::ZERO));
        let mut now = at(Duration::ZERO);
        while !bridge.lease.acts(now) {
            now = bridge.serve(now, store);
        }
        assert_eq!(bridge.told, [Output::Acts(1)]);
        bridge.told.clear();
        let sent_at = bridge.lease.holds_until - HOLD;
        (bridge, sent_at)
    }

    fn drain(&mut self) {
        while let Some(output) = self.lease.poll_output() {
            match output {
                Output::Call(id, call) => self.calls.push((id, call)),
                told => self.told.push(told),
            }
        }
    }

    /// The call that is due, which the test answers.
    fn call(&mut self, now: Instant) -> (CallId, Call) {
        self.lease.handle_timeout(now);
        self.drain();
        assert_eq!(self.calls.len(), 1, "calls: {:?}", self.calls);
        self.calls.remove(0)
    }

    fn answer(&mut self, id: CallId, answer: Answer, now: Instant) {
        self.lease.handle_answer(id, answer, now);
        self.drain();
    }

    /// Lets the store do the next call, and returns when that was answered.
    fn serve(&mut self, now: Instant, store: &mut Store) -> Instant {
        let due = match self.calls.is_empty() {
            true => self.lease.poll_timeout().unwrap().max(now),
            false => now,
        };
        let (id, call) = self.call(due);
        let answered = due + MOMENT;
        self.answer(id, store.perform(call), answered);
        answered
    }

    fn role(&self, now: Instant) -> Role {
        self.lease.role(now)
    }
}

#[test]
fn the_first_bridge_makes_the_item_and_waits_before_it_takes_it() {
    let mut store = Store::default();
    let mut bridge = Bridge::start("one", at(Duration::ZERO));
    let mut now = bridge.serve(at(Duration::ZERO), &mut store);
    assert_eq!(store.item, None);
    now = bridge.serve(now, &mut store);
    let made = now;
    assert_eq!(store.item.as_ref().unwrap().version.epoch, 0);
    while !bridge.lease.acts(now) {
        now = bridge.serve(now, &mut store);
    }
    assert_eq!(now, made + TAKE + MOMENT);
    assert_eq!(store.item.unwrap().holder.as_deref(), Some("one"));
    assert_eq!((bridge.role(now), bridge.told), (Role::Holder, vec![Output::Acts(1)]));
}

#[test]
fn a_holder_acts_from_the_sending_of_its_last_renewal_and_no_longer() {
    let mut store = Store::default();
    let (mut bridge, sent_at) = Bridge::holder(&mut store);
    let (id, call) = bridge.call(sent_at + LOOK);
    // The answer takes a second: the lease does not last a second longer.
    bridge.answer(id, store.perform(call), sent_at + LOOK * 2);
    let end = sent_at + LOOK + HOLD;
    assert!(bridge.lease.acts(end - Duration::from_nanos(1)));
    assert_eq!(bridge.lease.lease_left(end - MOMENT), MOMENT);
    assert!(!bridge.lease.acts(end));
    assert_eq!(bridge.lease.lease_left(end), Duration::ZERO);
    assert!(bridge.lease.poll_timeout().unwrap() <= end);
}

#[test]
fn a_renewal_whose_answer_is_lost_counts_once_it_is_seen() {
    let mut store = Store::default();
    let (mut bridge, sent_at) = Bridge::holder(&mut store);
    let renewed = sent_at + LOOK;
    let (id, call) = bridge.call(renewed);
    assert!(matches!(store.perform(call), Answer::Done(_)));
    bridge.answer(id, Answer::Failed, renewed + MOMENT);
    // Its next one is refused, since somebody lost it on the way; then it looks.
    let (id, _) = bridge.call(renewed + LOOK);
    bridge.answer(id, Answer::Refused, renewed + LOOK);
    assert_eq!(bridge.lease.holds_until, sent_at + HOLD);
    let (id, call) = bridge.call(renewed + LOOK);
    assert_eq!(call, Call::Look);
    bridge.answer(id, store.perform(call), renewed + LOOK + MOMENT);
    assert_eq!(bridge.lease.holds_until, renewed + HOLD);
}

#[test]
fn a_take_whose_answer_is_lost_counts_once_it_is_seen() {
    let mut store = Store::default();
    let mut bridge = Bridge::start("one", at(Duration::ZERO));
    let mut now = at(Duration::ZERO);
    let (id, sent_at) = loop {
        let due = match bridge.calls.is_empty() {
            true => bridge.lease.poll_timeout().unwrap(),
            false => now,
        };
        let (id, call) = bridge.call(due);
        now = due + MOMENT;
        let takes = matches!(call, Call::Take { .. });
        let answer = store.perform(call);
        if takes {
            break (id, due);
        }
        bridge.answer(id, answer, now);
    };
    bridge.answer(id, Answer::Failed, now);
    assert!(!bridge.lease.acts(now));
    now = bridge.serve(now, &mut store);
    assert!(bridge.lease.acts(now));
    assert_eq!(bridge.lease.holds_until, sent_at + HOLD);
}

/// Else a holder whose answers alone are lost would keep the other waiting for ever.
#[test]
fn a_lapsed_holder_reads_before_it_writes() {
    let mut store = Store::default();
    let (mut bridge, sent_at) = Bridge::holder(&mut store);
    let end = sent_at + HOLD;
    let mut now = sent_at + LOOK;
    while now < end {
        let (id, call) = bridge.call(now);
        assert!(matches!(call, Call::Renew { .. }));
        bridge.answer(id, Answer::Failed, now + MOMENT);
        now = bridge.lease.poll_timeout().unwrap();
    }
    assert_eq!(now, end);
    bridge.lease.handle_timeout(end);
    bridge.drain();
    assert_eq!(bridge.told, [Output::Stops(StopReason::Lapsed)]);
    assert_eq!(bridge.role(end), Role::Lapsed);
    now = bridge.lease.poll_timeout().unwrap();
    let (id, call) = bridge.call(now);
    assert_eq!(call, Call::Look);
    bridge.answer(id, store.perform(call), now + MOMENT);
    // Nobody took it.
    bridge.serve(now + MOMENT, &mut store);
    assert!(bridge.lease.acts(now + MOMENT * 2));
    assert_eq!(bridge.told, [Output::Stops(StopReason::Lapsed), Output::Acts(1)]);
}

/// What the follower hears alone would be let go, if it took one that has just given up for the holder.
#[test]
fn a_follower_that_leaves_looks_once_more_whether_somebody_holds_the_lease() {
    let mut store = Store::default();
    let (mut one, sent_at) = Bridge::holder(&mut store);
    let mut now = sent_at + MOMENT;
    let mut two = Bridge::start("two", now);
    now = two.serve(now, &mut store);
    one.lease.handle_leave(now);
    one.drain();
    now = one.serve(now, &mut store);
    two.lease.handle_leave(now);
    two.drain();
    assert_eq!(two.role(now), Role::Left);
    now = two.serve(now, &mut store);
    assert_eq!(two.role(now), Role::Left);
    assert_eq!(two.lease.figures(now).holder, None);
}

#[test]
fn the_follower_learns_for_how_long_the_holder_has_heard_the_plant() {
    let mut store = Store::default();
    let (mut one, sent_at) = Bridge::holder(&mut store);
    let now = sent_at + MOMENT;
    let mut two = Bridge::start("two", now);
    let mut heard = |since: Option<Instant>| {
        one.lease.handle_hears_since(since);
        let mut now = one.serve(now, &mut store);
        for _ in 0..2 {
            now = two.serve(now, &mut store);
        }
        (one.lease.figures(now).heard, two.lease.figures(now).heard)
    };
    // By the worst of both clocks; the holder itself is not told.
    let renewed = sent_at + RENEW;
    let wait = Duration::from_secs(9);
    assert_eq!(heard(None), (None, None));
    let (own, told) = heard(Some(renewed - wait));
    assert_eq!(own, None);
    assert!(told.is_some_and(|told| told > wait * 8 / 10 && told < wait * 2), "{told:?}");
}

#[test]
fn who_leaves_stops_first_then_releases_and_sees_that_another_took_over() {
    let mut store = Store::default();
    let (mut one, sent_at) = Bridge::holder(&mut store);
    let mut now = sent_at + MOMENT;
    let mut two = Bridge::start("two", now);
    now = two.serve(now, &mut store);
    // A renewal is on its way.
    let (renewal, call) = one.call(sent_at + LOOK);
    let renewed = store.perform(call);
    now = now.max(sent_at + LOOK) + MOMENT;
    one.lease.handle_leave(now);
    assert!(!one.lease.acts(now));
    one.drain();
    assert_eq!(one.told, [Output::Stops(StopReason::Leaving)]);
    assert!(matches!(one.calls.as_slice(), [(_, Call::Release { .. })]), "{:?}", one.calls);
    // Its late answer revives nothing.
    one.answer(renewal, renewed, now);
    assert!(!one.lease.acts(now));
    let released = one.serve(now, &mut store);
    assert_eq!(one.role(released), Role::Left);
    now = released;
    while !two.lease.acts(now) {
        now = two.serve(now, &mut store);
    }
    assert!(now.since(released) < Duration::from_secs(2));
    assert_eq!(two.told, [Output::Acts(2)]);
    now = one.serve(now, &mut store);
    assert_eq!(one.role(now), Role::HandedOver);
    assert_eq!(one.lease.poll_timeout(), None);
}

/// Serves both until `end`, each call as it is due.
fn serve_both(one: &mut Bridge, two: &mut Bridge, store: &mut Store, from: Instant, end: Instant) {
    let mut now = from;
    loop {
        let due = |bridge: &Bridge| match bridge.calls.is_empty() {
            true => bridge.lease.poll_timeout().unwrap_or(end + MOMENT),
            false => now,
        };
        let (first, second) = (due(one), due(two));
        now = now.max(first.min(second));
        if now > end {
            return;
        }
        if first <= second {
            one.serve(now, store)
        } else {
            two.serve(now, store)
        };
        assert!(!(one.lease.acts(now) && two.lease.acts(now)), "both act");
    }
}

#[test]
fn a_holder_that_hears_nothing_yields_to_one_that_hears_and_if_neither_does_nothing_moves() {
    for (mine, theirs, why) in [
        (DEAF, ABLE, Some(StopReason::Deaf)),
        (CUT_OFF, ABLE, Some(StopReason::Unreachable)),
        (DEAF, CUT_OFF, Some(StopReason::Deaf)),
        (DEAF, DEAF, None),
        (CUT_OFF, CUT_OFF, None),
        (CUT_OFF, DEAF, None),
        (ABLE, ABLE, None),
        (DEAF, Ability::default(), None),
    ] {
        let mut store = Store::default();
        let (mut one, sent_at) = Bridge::holder(&mut store);
        let mut two = Bridge::start("two", sent_at + MOMENT);
        two.lease.handle_ability(theirs, sent_at + MOMENT);
        two.drain();
        let later = sent_at + TAKE * 2;
        serve_both(&mut one, &mut two, &mut store, sent_at + MOMENT, later);
        one.lease.handle_ability(mine, later);
        one.drain();
        let end = later + Duration::from_secs(30);
        serve_both(&mut one, &mut two, &mut store, later, end);
        let moved = one.told.iter().find_map(|told| match told {
            Output::Stops(why) => Some(*why),
            _ => None,
        });
        assert_eq!(moved, why, "{mine:?} and {theirs:?}");
        assert_eq!(two.lease.acts(end), why.is_some(), "{mine:?} and {theirs:?}");
        // It does not come back.
        let takes = one.lease.figures(end).taken + two.lease.figures(end).taken;
        assert_eq!(takes, 1 + u64::from(why.is_some()), "{mine:?} and {theirs:?}");
    }
}

#[test]
fn of_two_bridges_at_most_one_is_better() {
    let senses = [Sense::Unknown, Sense::No, Sense::Yes];
    let all = || {
        senses.into_iter().flat_map(move |hears| {
            senses.into_iter().map(move |reaches| Ability { hears, reaches })
        })
    };
    for one in all() {
        assert!(!one.is_better(one));
        for two in all() {
            assert!(!(one.is_better(two) && two.is_better(one)), "{one:?} and {two:?}");
            // Else the worse one could take back what was yielded to the better.
            assert!(!one.is_better(two) || one.rank() < two.rank(), "{one:?} and {two:?}");
        }
    }
}

#[test]
fn the_holder_hears_once_for_which_births_the_follower_asks() {
    let mut store = Store::default();
    let (mut one, sent_at) = Bridge::holder(&mut store);
    let mut now = sent_at + MOMENT;
    let mut two = Bridge::start("two", now);
    let asks: Vec<String> = (0..ASKS + 1).map(|node| format!("Nordsee/gw{node}")).collect();
    two.lease.handle_asks(asks.clone(), now);
    two.drain();
    let end = now + RENEW * 5;
    serve_both(&mut one, &mut two, &mut store, now, end);
    assert_eq!(one.told, [Output::Asked(asks[..ASKS].to_vec())]);
    now = end;
    two.lease.handle_asks(asks[..1].to_vec(), now);
    two.drain();
    let end = now + RENEW * 5;
    serve_both(&mut one, &mut two, &mut store, now, end);
    assert_eq!(one.told[1..], [Output::Asked(asks[..1].to_vec())]);
}

/// The birth that came was dropped on its way to the follower, which never asked again.
#[test]
fn a_birth_that_is_lacking_still_is_asked_for_again() {
    let mut store = Store::default();
    let (mut one, sent_at) = Bridge::holder(&mut store);
    let mut now = sent_at + MOMENT;
    let mut two = Bridge::start("two", now);
    let asks = vec!["Nordsee/gw".to_owned()];
    let mut asked = Vec::new();
    for _ in 0..20 {
        two.lease.handle_asks(asks.clone(), now);
        two.drain();
        let end = now + RENEW * 5;
        serve_both(&mut one, &mut two, &mut store, now, end);
        now = end;
        asked.push(one.told.len());
    }
    // In five minutes, with pauses of a half, one, two minutes.
    assert_eq!((asked.first(), asked.last()), (Some(&1), Some(&4)), "{asked:?}");
    two.lease.handle_asks(Vec::new(), now);
    two.drain();
    let end = now + Duration::from_secs(600);
    serve_both(&mut one, &mut two, &mut store, now, end);
    assert_eq!(one.told.len(), 4);
}

#[test]
fn an_answer_that_comes_late_shows_no_more_than_was_known_when_it_was_given() {
    let mut store = Store::default();
    let (mut one, sent_at) = Bridge::holder(&mut store);
    let mut two = Bridge::start("two", sent_at + MOMENT);
    let (late, call) = two.calls.remove(0);
    let old = store.perform(call);
    // Two seconds without an answer: it asks again.
    let mut now = sent_at + RENEW;
    now = one.serve(now, &mut store);
    two.lease.handle_timeout(now);
    two.drain();
    now = two.lease.poll_timeout().unwrap().max(now);
    now = two.serve(now, &mut store);
    let newest = two.lease.figures(now).version;
    two.answer(late, old, now + MOMENT);
    assert_eq!(two.lease.figures(now).version, newest);
    assert_eq!(newest, store.item.map(|item| item.version));
}

#[test]
fn a_deleted_item_ends_the_holding_and_is_made_anew() {
    let mut store = Store::default();
    let (mut one, sent_at) = Bridge::holder(&mut store);
    store.item = None;
    let mut now = sent_at + RENEW;
    while one.lease.acts(now) {
        now = one.serve(now, &mut store);
    }
    assert_eq!(one.told, [Output::Stops(StopReason::Lost)]);
    while !one.lease.acts(now) {
        now = one.serve(now, &mut store);
    }
    assert!(now.since(sent_at + RENEW) > TAKE);
    let Version { epoch, .. } = store.item.unwrap().version;
    assert_eq!(epoch, 2, "the epoch rises");
}

/// The second bridge was gone, and the first one could not say since when; and a follower said of itself
/// that no bridge follows.
#[test]
fn a_holder_says_since_when_nobody_follows() {
    let mut store = Store::default();
    let (mut one, sent_at) = Bridge::holder(&mut store);
    let since = |bridge: &Bridge, now| bridge.lease.figures(now).unfollowed_since;
    let now = sent_at + MOMENT;
    assert_eq!(since(&one, now), Some(now), "since it took the lease");
    let mut two = Bridge::start("two", now);
    let mut end = now + RENEW * 4;
    serve_both(&mut one, &mut two, &mut store, now, end);
    assert_eq!((since(&one, end), since(&two, end)), (None, None));
    // It dies.
    let died = end;
    while end < died + RENEW * 10 {
        end = one.serve(end, &mut store);
    }
    let seen = since(&one, end).unwrap();
    assert!(seen + RENEW >= died && seen <= died + RENEW, "{seen:?} {died:?}");
}

/// A follower that was paused took what it was told before for the holder's state at that moment, and
/// dropped what the holder had not heard meanwhile.
#[test]
fn what_an_answer_says_is_as_old_as_its_call_when_it_is_read_after_a_pause() {
    let mut store = Store::default();
    let (_holder, held) = Bridge::holder(&mut store);
    let asked = held + MOMENT;
    let mut follower = Bridge::start("two", asked);
    let (id, call) = follower.call(asked);
    let answer = store.perform(call);
    let woken = asked + Duration::from_secs(18);
    follower.answer(id, answer, woken);
    assert_eq!(follower.lease.figures(woken).renewed_at, Some(asked));
    // The same version once more is no later.
    let now = follower.serve(woken, &mut store);
    assert_eq!(follower.lease.figures(now).renewed_at, Some(asked));
}

//! Whether a bridge reaches SiteWise, as it says in the lease's item.

use std::time::Duration;

use super::Sense;
use crate::time::Instant;

/// How often a follower, which has no other reason to, asks SiteWise for anything at all.
const PROBE: Duration = Duration::from_secs(10);
/// What a follower knew says nothing any more while an answer takes longer.
const OVERDUE: Duration = Duration::from_secs(5);
/// How long a holder's calls fail before it says so: by then a follower that reaches SiteWise no
/// better knows that, so that the lease stays where it is.
const LASTING: Duration = Duration::from_secs(16);

/// What is known of a bridge's own calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnCalls {
    /// They fail.
    pub fails: bool,
    /// They fail in a way of which a probe says nothing: values wait that cannot be written, or an
    /// operation is denied.
    pub fails_beyond_probe: bool,
    /// It is known what SiteWise has.
    pub is_synced: bool,
    /// The AWS account is not known, from which ids derive: nothing can be provisioned.
    pub is_unnamed: bool,
}

/// What a bridge knows of its way to SiteWise.
#[derive(Debug)]
pub struct Reach {
    follows: bool,
    failing_since: Option<Instant>,
    /// What the last probe reached.
    probed: Sense,
    /// The probe that is not answered yet.
    asked_at: Option<Instant>,
    next_probe: Instant,
}

impl Reach {
    /// Of a bridge that follows.
    pub fn new(now: Instant) -> Self {
        Self {
            follows: true,
            failing_since: None,
            probed: Sense::Unknown,
            asked_at: None,
            next_probe: now + PROBE,
        }
    }

    /// It follows from now on, or no longer.
    pub fn handle_role(&mut self, follows: bool, now: Instant) {
        self.follows = follows;
        (self.failing_since, self.probed, self.next_probe) = (None, Sense::Unknown, now);
    }

    /// Whether a follower is to ask SiteWise for anything now.
    pub fn poll_probe(&mut self, now: Instant) -> bool {
        let is_due = self.follows && self.asked_at.is_none() && self.next_probe <= now;
        if is_due {
            (self.asked_at, self.next_probe) = (Some(now), now + PROBE);
        }
        is_due
    }

    /// SiteWise answered, or did not.
    pub fn handle_probed(&mut self, reached: Sense) {
        (self.asked_at, self.probed) = (None, reached);
    }

    /// What it says of itself. A holder and a follower say the same of the same trouble, or the
    /// lease would go back and forth.
    pub fn sense(&mut self, own: OwnCalls, now: Instant) -> Sense {
        if own.is_unnamed {
            return Sense::No;
        }
        let since = own.fails.then(|| *self.failing_since.get_or_insert(now));
        self.failing_since = since;
        let by_calls = match since {
            _ if self.follows && own.fails => Sense::No,
            Some(since) if now.since(since) >= LASTING => Sense::No,
            Some(_) => Sense::Unknown,
            None if own.is_synced => Sense::Yes,
            None => Sense::Unknown,
        };
        if !self.follows {
            return by_calls;
        }
        let is_overdue = self.asked_at.is_some_and(|asked| now.since(asked) >= OVERDUE);
        match self.probed {
            _ if own.fails_beyond_probe => Sense::No,
            _ if is_overdue => Sense::Unknown,
            Sense::Unknown => by_calls,
            probed => probed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::Ability;

    const FINE: OwnCalls =
        OwnCalls { fails: false, fails_beyond_probe: false, is_synced: true, is_unnamed: false };
    const AWAY: OwnCalls = OwnCalls { fails: true, ..FINE };
    /// Values cannot be written; anything else can be asked for.
    const UNWRITTEN: OwnCalls = OwnCalls { fails_beyond_probe: true, ..AWAY };

    fn at(seconds: u64) -> Instant {
        Instant::from_start(Duration::from_secs(seconds))
    }

    fn is_better(follower: Sense, holder: Sense) -> bool {
        let of = |reaches| Ability { hears: Sense::Yes, reaches };
        of(follower).is_better(of(holder))
    }

    /// Where neither could write values, the lease went back and forth: a probe said that the
    /// follower reaches SiteWise.
    /// It kept the lease for ever, and nothing reached SiteWise although the follower could write.
    #[test]
    fn a_holder_that_does_not_know_its_account_is_no_better_than_a_follower_that_does_not() {
        let own = OwnCalls { is_unnamed: true, is_synced: false, ..FINE };
        let mut reach = Reach::new(at(0));
        assert_eq!(reach.sense(own, at(1)), Sense::No);
        reach.handle_role(false, at(2));
        assert_eq!(reach.sense(own, at(3)), Sense::No);
    }

    #[test]
    fn a_lease_does_not_go_back_and_forth_where_neither_can_write_values() {
        let [mut one, mut other] = [Reach::new(at(0)), Reach::new(at(0))];
        one.handle_role(false, at(1));
        let mut holds_one = true;
        let mut moves = 0;
        for now in (2..600).map(at) {
            // Only who acts, or has acted, has values that wait.
            let calls = if moves == 0 { FINE } else { UNWRITTEN };
            let (holder, follower, of_follower) = match holds_one {
                true => (&mut one, &mut other, calls),
                false => (&mut other, &mut one, UNWRITTEN),
            };
            if follower.poll_probe(now) {
                follower.handle_probed(Sense::Yes);
            }
            if is_better(follower.sense(of_follower, now), holder.sense(UNWRITTEN, now)) {
                holder.handle_role(true, now);
                follower.handle_role(false, now);
                holds_one = !holds_one;
                moves += 1;
            }
        }
        assert_eq!(moves, 1);
    }

    /// The follower's last probe still counted when the holder found SiteWise silent.
    #[test]
    fn a_silence_that_both_meet_moves_nothing() {
        for offset in 0..10 {
            let [mut holder, mut follower] = [Reach::new(at(0)), Reach::new(at(offset))];
            holder.handle_role(false, at(1));
            for now in (2..200).map(at) {
                let silent = now >= at(50);
                if follower.poll_probe(now) && !silent {
                    follower.handle_probed(Sense::Yes);
                }
                // A call counts as unanswered after five seconds.
                let own = if now >= at(55) { AWAY } else { FINE };
                let said = (follower.sense(FINE, now), holder.sense(own, now));
                assert!(!is_better(said.0, said.1), "{offset} {now:?} {said:?}");
            }
        }
    }

    #[test]
    fn a_holder_that_alone_is_cut_off_gives_the_lease_back() {
        let [mut holder, mut follower] = [Reach::new(at(0)), Reach::new(at(0))];
        holder.handle_role(false, at(1));
        let gives_back = (2..60).map(at).find(|now| {
            if follower.poll_probe(*now) {
                follower.handle_probed(Sense::Yes);
            }
            is_better(follower.sense(FINE, *now), holder.sense(AWAY, *now))
        });
        assert_eq!(gives_back, Some(at(18)));
    }
}

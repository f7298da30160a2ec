//! When the bridge that acts looks for what another one left on their disk.

use std::time::Duration;

use crate::time::Instant;

/// How often. The lock of a host that died is held for a while on a network file system.
const EVERY: Duration = Duration::from_secs(10);

/// When it looks next.
#[derive(Clone, Copy, Debug, Default)]
pub struct Looks {
    next: Option<Instant>,
}

impl Looks {
    /// It acts from now on, or no longer.
    pub fn handle_role(&mut self, acts: bool, now: Instant) {
        self.next = acts.then_some(now);
    }

    /// Whether it is to look now: as it takes over, and again and again while it acts.
    pub fn poll(&mut self, now: Instant) -> bool {
        let is_due = self.next.is_some_and(|next| next <= now);
        if is_due {
            self.next = Some(now + EVERY);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only a process that started looked: what a dead bridge had on its disk waited for the next start.
    #[test]
    fn who_acts_looks_at_once_and_then_every_ten_seconds() {
        let at = |seconds| Instant::from_start(Duration::from_secs(seconds));
        let mut looks = Looks::default();
        assert!(!looks.poll(at(1)), "a follower leaves it to the holder");
        looks.handle_role(true, at(2));
        let due: Vec<u64> = (2..33).filter(|now| looks.poll(at(*now))).collect();
        assert_eq!(due, [2, 12, 22, 32]);
        looks.handle_role(false, at(33));
        assert!(!looks.poll(at(99)));
    }
}

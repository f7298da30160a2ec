//! For which births a follower asks the holder.

use std::time::Duration;

use super::item;
use crate::time::Instant;

/// After how long a bridge that still lacks the same births asks again; doubled each time.
const FIRST_REPEAT: Duration = Duration::from_secs(30);
/// The longest such pause.
const LONGEST_REPEAT: Duration = Duration::from_secs(3600);

/// The edge nodes whose births it lacks, and the number under which it says so: the holder requests
/// them once for each number.
#[derive(Debug, Default)]
pub(super) struct Asks {
    number: u64,
    edges: Vec<String>,
    repeat_at: Instant,
    pause: Duration,
}

impl Asks {
    /// What is lacking now. Returns whether that is to be said anew: it is something else, or was not
    /// heard, or the birth that came was lost on its way here.
    pub(super) fn set(&mut self, mut lacking: Vec<String>, now: Instant) -> bool {
        lacking.truncate(item::ASKS);
        if self.edges != lacking {
            (self.edges, self.pause) = (lacking, FIRST_REPEAT);
        } else if self.edges.is_empty() || now < self.repeat_at {
            return false;
        } else {
            self.pause = (self.pause * 2).min(LONGEST_REPEAT);
        }
        self.number += 1;
        self.repeat_at = now + self.pause;
        true
    }

    /// As the item has it: the number and the edge nodes.
    pub(super) fn said(&self) -> (u64, Vec<String>) {
        (self.number, self.edges.clone())
    }
}

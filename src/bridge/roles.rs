//! Of two bridges one acts, and the other follows.

use super::Bridge;
use crate::command;
use crate::sparkplug::host::HostRole;
use crate::time::Now;

impl Bridge {
    /// Another bridge acts: this one follows the plant and reads SiteWise, publishes nothing and
    /// changes nothing. Points that were handed over are still delivered: a value that is written
    /// twice is overwritten.
    pub fn follow(&mut self, now: Now) {
        self.host.handle_role(HostRole::Listens);
        self.twin.follow();
        self.hold_labels(true);
        self.handle_role(command::Role::Follows, now);
    }

    /// This bridge provisions from now on. It publishes nothing before [`speak`](Self::speak). Of
    /// machines whose connection it lost while it followed it decides now what became of them.
    pub fn act(&mut self, now: Now) {
        let host = &self.host;
        self.twin.decide_lost(|edge| host.is_out_of_reach(edge), now);
        self.twin.act(now);
        self.hold_labels(false);
    }

    /// It has a connection under the host's own client identifier, and publishes from now on.
    pub fn speak(&mut self, now: Now) {
        self.host.handle_role(HostRole::Speaks);
        self.handle_role(command::Role::Acts, now);
    }

    /// Edge nodes of which this bridge lacks something that a rebirth would bring, as `group/node`.
    pub fn unasked(&self, limit: usize) -> Vec<String> {
        self.host.unasked(limit)
    }

    /// The other bridge lacks the birth of an edge node, given as `group/node`: requests it.
    pub fn request_for_other(&mut self, edge: &str, now: Now) {
        self.host.request_for_other(edge, now);
        self.drain_host(now);
    }
}

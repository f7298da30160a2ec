//! A node that is online on one server and is heard on another: it may have moved there, and nobody
//! heard its birth.

use std::time::Duration;

use super::online::OnlineSession;
use super::{EdgeSession, RebirthTrigger, ServerId, SessionContext, SessionState};
use crate::time::Instant;

/// How long its own server has to be silent before and after. Servers that are bridged to each other
/// bring everything twice.
const ALONE: Duration = Duration::from_secs(2);

/// Where a node was heard that is not online there.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeardElsewhere {
    server: ServerId,
    since: Instant,
    /// Whether it was asked for its birth since.
    is_asked: bool,
}

impl OnlineSession {
    /// Something of it came from another server. True if it has been heard there alone for a while.
    fn hear_elsewhere(&mut self, server: ServerId, now: Instant) -> bool {
        if self.elsewhere.is_none() && now.since(self.last_heard) < ALONE {
            return false;
        }
        let first = HeardElsewhere { server, since: now, is_asked: false };
        let heard = self.elsewhere.get_or_insert(first);
        heard.server = server;
        now.since(heard.since) >= ALONE
    }

    /// Something of it from another server was dropped unseen. It may be there, whatever came last from
    /// its own server; what comes from that from now on says that it is not.
    pub(super) fn lost_elsewhere(&mut self, server: ServerId, now: Instant) {
        let first = HeardElsewhere { server, since: now, is_asked: false };
        self.elsewhere.get_or_insert(first).server = server;
    }

    /// Whether it was heard on another server than it is online on, and not there.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.elsewhere.is_some()
    }

    /// Whether that is `server`.
    pub(super) fn is_heard_on(&self, server: ServerId) -> bool {
        self.elsewhere.is_some_and(|heard| heard.server == server)
    }

    /// That server cannot be reached any more.
    pub(super) fn forget_elsewhere(&mut self, server: ServerId) {
        self.elsewhere.take_if(|heard| heard.server == server);
    }

    /// When it is to be asked since it is heard elsewhere alone.
    pub(super) fn elsewhere_deadline(&self) -> Option<Instant> {
        self.elsewhere.filter(|heard| !heard.is_asked).map(|heard| heard.since + ALONE)
    }

    /// Whether it is to be asked for that, once.
    pub(super) fn take_elsewhere_due(&mut self, now: Instant) -> bool {
        let is_due = self.elsewhere_deadline().is_some_and(|due| due <= now);
        if let Some(heard) = self.elsewhere.as_mut().filter(|_| is_due) {
            heard.is_asked = true;
        }
        is_due
    }
}

impl EdgeSession {
    /// A message came from another server than the one that it is online on.
    pub(super) fn hear_elsewhere(&mut self, server: ServerId, context: &SessionContext<'_>) {
        let SessionState::Online(online) = &mut self.state else { return };
        let is_alone = online.hear_elsewhere(server, context.now.instant);
        if online.is_elsewhere() {
            online.note_alive(context);
            self.clear_doubt();
        }
        if is_alone {
            self.request(RebirthTrigger::BeforeBirth, context);
        }
    }
}

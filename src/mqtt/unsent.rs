//! Word of commands that were certainly not sent.

use tokio::sync::mpsc;

use crate::command::Unsent;
use crate::command::request::RequestKey;

/// Says that a command was not sent, unless it is marked as sent first: wherever it is
/// dropped before the client has it, nothing of it can reach the server.
#[derive(Debug)]
pub struct UnsentNotice {
    /// None once that is said, or not to be said.
    to: Option<mpsc::UnboundedSender<(RequestKey, Unsent)>>,
    key: RequestKey,
}

impl UnsentNotice {
    /// For the command of this request.
    pub fn new(to: mpsc::UnboundedSender<(RequestKey, Unsent)>, key: RequestKey) -> Self {
        Self { to: Some(to), key }
    }

    /// The client has the command: what becomes of it is not known any more.
    pub(super) fn sent(mut self) {
        self.to = None;
    }

    /// The command waited for too long, and is dropped.
    pub(super) fn late(mut self) {
        self.say(Unsent::Late);
    }

    fn say(&mut self, why: Unsent) {
        if let Some(to) = self.to.take() {
            // Nobody listens any more at the very end.
            let _ = to.send((self.key.clone(), why));
        }
    }
}

impl Drop for UnsentNotice {
    fn drop(&mut self) {
        self.say(Unsent::NoSession);
    }
}

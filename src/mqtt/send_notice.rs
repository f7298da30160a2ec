//! Word of whether commands were sent.

use tokio::sync::mpsc;

use crate::command::Unsent;
use crate::command::request::RequestKey;

/// Says once whether the client has a command: wherever it is dropped before that, nothing of it
/// can reach the server.
#[derive(Debug)]
pub struct SendNotice {
    /// None once it is said.
    to: Option<mpsc::UnboundedSender<(RequestKey, Result<(), Unsent>)>>,
    key: RequestKey,
}

impl SendNotice {
    /// For the command of this request.
    pub fn new(
        to: mpsc::UnboundedSender<(RequestKey, Result<(), Unsent>)>,
        key: RequestKey,
    ) -> Self {
        Self { to: Some(to), key }
    }

    /// The client has the command: what becomes of it is not known any more.
    pub(super) fn sent(mut self) {
        self.say(Ok(()));
    }

    /// The command waited for too long, and is dropped.
    pub(super) fn late(mut self) {
        self.say(Err(Unsent::Late));
    }

    fn say(&mut self, sent: Result<(), Unsent>) {
        if let Some(to) = self.to.take() {
            // Nobody listens any more at the very end.
            let _ = to.send((self.key.clone(), sent));
        }
    }
}

impl Drop for SendNotice {
    fn drop(&mut self) {
        self.say(Err(Unsent::NoSession));
    }
}

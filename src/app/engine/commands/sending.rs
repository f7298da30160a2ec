//! Word of whether commands were sent, to the last of it.

use tokio::sync::mpsc;

use super::{DoorKind, Engine};
use crate::command::Unsent;
use crate::command::request::RequestKey;
use crate::sitewise::client::SiteWise;

/// Word of whether commands were sent.
#[derive(Debug)]
pub(in crate::app) struct SendNotices {
    pub(super) sender: mpsc::UnboundedSender<(RequestKey, Result<(), Unsent>)>,
    pub(super) receiver: mpsc::UnboundedReceiver<(RequestKey, Result<(), Unsent>)>,
}

impl Default for SendNotices {
    fn default() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self { sender, receiver }
    }
}

impl<S: SiteWise> Engine<S> {
    /// Handles all that is known of whether commands were sent.
    pub(in crate::app::engine) fn handle_sent_commands(&mut self) {
        while let Some(sent) = self.doors.next_now(DoorKind::Sending) {
            let now = self.now();
            self.handle_door(sent, now);
        }
    }

    /// Answers the commands that wait for nothing any more: the process ends.
    pub(in crate::app::engine) fn end_commands(&mut self) {
        self.handle_sent_commands();
        let now = self.now();
        self.bridge.end_commands(now);
        self.drain_commands();
    }
}

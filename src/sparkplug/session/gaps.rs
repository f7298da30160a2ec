//! Messages behind a gap in the sequence.

use super::message::SessionMessage;
use super::online::OnlineSession;
use super::{SessionContext, SessionNotes};
use crate::sparkplug::event::SequenceOrder;
use crate::sparkplug::topic::MessageType;

impl OnlineSession {
    /// Goes on without the missing messages. Returns in how many places some were missing.
    pub(super) fn expire_gap(
        &mut self,
        notes: &mut SessionNotes,
        context: &mut SessionContext<'_>,
    ) -> u64 {
        let (messages, gaps) = self.window.expire_gap();
        for message in messages {
            let message = message.with_order(SequenceOrder::AfterGap);
            self.apply(&message.incoming().borrow(), notes, context);
        }
        gaps
    }

    /// The number that comes next.
    pub(super) fn next_seq(&self) -> u8 {
        self.window.expected()
    }

    /// The messages that still wait for a missing one.
    pub(super) fn take_early(&mut self) -> Vec<SessionMessage> {
        self.window.expire_gap().0
    }

    /// The births of devices and the values among messages that never found their place.
    pub(super) fn flush(
        &mut self,
        messages: Vec<SessionMessage>,
        notes: &mut SessionNotes,
        context: &mut SessionContext<'_>,
    ) {
        for message in messages.into_iter().filter(|message| message.verb != MessageType::Death) {
            let message = message.with_order(SequenceOrder::AfterGap);
            self.apply(&message.incoming().borrow(), notes, context);
        }
    }
}

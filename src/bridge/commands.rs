//! Requests to write to the plant, within the bridge.

use super::Bridge;
use crate::command::request::{Envelope, RequestKey};
use crate::command::{self, Commander, Unsent, Uplink};
use crate::time::Now;

impl Bridge {
    /// Takes requests to write to the plant from now on.
    #[must_use]
    pub fn with_commands(self, config: command::Config, now: Now) -> Self {
        Self { commands: Some(Box::new(Commander::new(config, now))), ..self }
    }

    /// Handles a request to write to the plant, which was already taken off its channel. Its
    /// outputs are those of [`poll_command`](Self::poll_command), to be performed before anything
    /// else is published: `uplinks` says what each server would take now.
    pub fn handle_request(
        &mut self,
        envelope: Envelope,
        payload: &[u8],
        uplinks: &[Uplink],
        now: Now,
    ) {
        let is_behind = self.is_deferring();
        let Self { host, twin, commands, .. } = self;
        if let Some(commands) = commands {
            let plant = command::PlantView { host, twin, is_behind, uplinks };
            commands.handle_request(envelope, payload, plant, now);
        }
    }

    /// The MQTT client has the command of a request, or it was certainly not sent.
    pub fn handle_sending(&mut self, key: &RequestKey, sent: Result<(), Unsent>, now: Now) {
        match (&mut self.commands, sent) {
            (Some(commands), Ok(())) => commands.handle_sent(key, now),
            (Some(commands), Err(why)) => commands.handle_unsent(key, why, now),
            (None, _) => {}
        }
    }

    /// Whether this bridge is the one that writes to the plant.
    pub fn handle_role(&mut self, role: command::Role, now: Now) {
        if let Some(commands) = &mut self.commands {
            commands.handle_role(role, now);
        }
    }

    /// The next output of the commands.
    pub fn poll_command(&mut self) -> Option<command::answer::Output> {
        self.commands.as_mut()?.poll_output()
    }

    /// The commands, read-only; none where nothing may be written to the plant.
    pub fn commands(&self) -> Option<&Commander> {
        self.commands.as_deref()
    }
}

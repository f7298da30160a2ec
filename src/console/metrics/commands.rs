//! Figures of the channels through which commands come in.

use super::MetricLabel;
use crate::command::request::CommandChannel;
use crate::console::DoorStatus;
use crate::console::snapshot::Snapshot;

/// The channels of commands, by label.
pub(super) const CHANNELS: MetricLabel =
    MetricLabel::Words("channel", || CommandChannel::OF_DOORS.map(CommandChannel::label).to_vec());

/// A figure of each channel; 0 for one that is not configured.
pub(super) fn by_channel(snapshot: &Snapshot, figure: fn(&DoorStatus) -> u64) -> Vec<f64> {
    let of = |channel| {
        let door = snapshot.doors.iter().find(|door| door.channel == channel);
        door.map_or(0, figure) as f64
    };
    CommandChannel::OF_DOORS.map(of).to_vec()
}

//! The labels of the reasons for `degraded`.

use super::DegradedReason;
use crate::twin::caps::Cap;

impl DegradedReason {
    /// All labels.
    pub const LABELS: [&'static str; 33] = [
        "mqtt_not_connected",
        "mqtt_client_id_shared",
        "mqtt_messages_lost",
        "mqtt_messages_late",
        "mqtt_packet_too_large",
        "mqtt_foreign_topics",
        "mqtt_delivers_nothing",
        "all_nodes_excluded",
        "not_understood",
        "only_stored",
        "finding",
        "node_offline",
        "values_rejected",
        "values_too_fast",
        "outbox_full",
        "values_expiring",
        "values_await_birth",
        "late_values_failing",
        "outbox_not_writable",
        "outbox_unreadable",
        "outbox_lost",
        Self::capped(Cap::Models),
        Self::capped(Cap::Properties),
        Self::capped(Cap::Assets),
        "sitewise_failing",
        "sitewise_slow",
        "commands_unreachable",
        "lease_unreachable",
        "no_follower",
        "clock",
        "sender_clock",
        "values_retried",
        Self::PROBLEM,
    ];

    /// Its label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::NotConnected { .. } => "mqtt_not_connected",
            Self::SiteWise { .. } => "sitewise_failing",
            Self::SiteWiseSlow { .. } => "sitewise_slow",
            Self::ClientIdShared { .. } => "mqtt_client_id_shared",
            Self::AllNodesExcluded { .. } => "all_nodes_excluded",
            Self::Finding { .. } => "finding",
            Self::MessagesLost { .. } | Self::RetainedDropped { .. } => "mqtt_messages_lost",
            Self::MessagesLate { .. } => "mqtt_messages_late",
            Self::PacketTooLarge { .. } => "mqtt_packet_too_large",
            Self::ForeignTopics { .. } => "mqtt_foreign_topics",
            Self::NothingDelivered { .. } => "mqtt_delivers_nothing",
            Self::NotUnderstood { .. } => "not_understood",
            Self::OnlyStored { .. } => "only_stored",
            Self::Offline { .. } => "node_offline",
            Self::ValuesRejected { .. } => "values_rejected",
            Self::ValuesTooFast { .. } => "values_too_fast",
            Self::OutboxFull(_) => "outbox_full",
            Self::ValuesExpiring { .. } => "values_expiring",
            Self::AwaitsBirth { .. } => "values_await_birth",
            Self::LateValuesFailing { .. } => "late_values_failing",
            Self::OutboxNotWritable(_) => "outbox_not_writable",
            Self::OutboxUnreadable(_) => "outbox_unreadable",
            Self::OutboxLost(_) => "outbox_lost",
            Self::Capped { cap, .. } => Self::capped(*cap),
            Self::CommandsUnreachable { .. } => "commands_unreachable",
            Self::LeaseUnreachable { .. } => "lease_unreachable",
            Self::NoFollower { .. } => "no_follower",
            Self::Clock { .. } => "clock",
            Self::SenderClock { .. } => "sender_clock",
            Self::ValuesRetried { .. } => "values_retried",
            Self::Problem { .. } => Self::PROBLEM,
        }
    }

    pub(super) const PROBLEM: &'static str = "problem";

    pub(super) const fn capped(cap: Cap) -> &'static str {
        match cap {
            Cap::Models => "capped_models",
            Cap::Properties => "capped_properties",
            Cap::Assets => "capped_assets",
        }
    }

    /// How many servers, machines, models or assets it is about.
    pub(super) const fn affected(&self) -> u64 {
        match self {
            Self::OnlyStored { count, .. } | Self::Problem { count, .. } => *count,
            Self::SenderClock { others, .. } => 1 + *others,
            Self::ValuesRejected { machines, .. } => *machines,
            Self::ValuesRetried { retried, .. } => retried.machines,
            _ => 1,
        }
    }
}

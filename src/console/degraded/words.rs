//! What reasons for `degraded` mean, and what to do, where the log says the same.

use std::time::Duration;

use crate::delivery::point::RejectReason;
use crate::outbox::{DiskFigures, DiskState};
use crate::time::rounded;

/// What it means that the filter admits nobody, and what to do.
pub(crate) const NOBODY_ADMITTED: &str = "is filtered out by SPARKPLUG_INCLUDE and \
    SPARKPLUG_EXCLUDE, like every other edge node that has sent a message so far: nothing reaches \
    SiteWise; change the globs so that they match GROUP/NODE, and restart";

/// What to do about values that wait for a birth.
pub(crate) const AWAITS_BIRTH_REMEDY: &str =
    "start the edge node, or check its network and that it accepts commands (NCMD)";

/// What it means that a server delivers nothing, and what to do.
pub(crate) const NOTHING_DELIVERED: &str = "is connected and has granted the subscriptions, but \
    delivers nothing: no message of an edge node, and not even our own STATE, which is published \
    to a topic that is subscribed; let the server's access rules (ACL) allow this user to read \
    spBv1.0/#, and to publish its STATE; where they forbid STATE alone, this ends with the first \
    message of an edge node";

/// What it means that stored messages are dropped, and what to do.
pub(crate) const STORED_DROPPED: &str = "a server sends all retained messages at once after a \
    subscription, and they may fill only half of the queue, so that live messages find room; \
    births are requested anyway, so nothing is lost unless senders rely on retained data; delete \
    retained messages that nobody needs from the server";

/// What to do about slow answers.
pub(crate) const SLOW_REMEDY: &str =
    "values arrive late; see the AWS Health Dashboard, and proxies and the network on the way";

/// What is wrong with a machine that is too fast.
pub(crate) const TOO_FAST: &str = "sends more values than SiteWise accepts, which is ten per \
    property and second: the first nine and the last of each second are written, the others are \
    dropped";

/// What to do about it.
pub(crate) const CROWDED_REMEDY: &str =
    "let the edge node send less often, by a deadband or a slower scan of these tags";

/// Which values a full outbox drops first.
pub(crate) fn drop_order(disk: Option<&DiskFigures>) -> &'static str {
    match disk {
        Some(disk) if disk.state == DiskState::Writable => "the oldest on disk first",
        _ => "the oldest history first, then values from births, then live values",
    }
}

/// What to do about an outbox that is full.
pub(crate) const FULL_REMEDY: &str = "find out why they are queued: SiteWise is unreachable or \
    throttles, or a machine's asset is missing; raise OUTBOX_MAX_BYTES if that may last";

/// What to do about the outbox's disk.
pub(crate) const DISK_REMEDY: &str =
    "free space on the disk of OUTBOX_DIR, check its health and permissions, or move the folder";

/// What to do about an edge node that is offline.
pub(crate) const OFFLINE_REMEDY: &str = "check its power, its network and its MQTT connection; if \
    it is gone for good, exclude it with SPARKPLUG_EXCLUDE or delete its asset in SiteWise, and \
    restart";

/// What to do about values that are rejected.
pub(crate) const fn refused_remedy(refusal: RejectReason) -> &'static str {
    match refusal {
        RejectReason::OutOfRange => {
            "synchronize the edge's clock (NTP): SiteWise accepts values of the last 7 days and \
                the next 5 minutes"
        }
        RejectReason::Invalid => {
            "see the error message of each under Problems on the console, and correct the cause; \
                with OUTBOX_DIR, `sparkwise dead-letters` then retries or drops them"
        }
        RejectReason::Denied => {
            "allow the bridge's role iotsitewise:BatchPutAssetPropertyValue on this asset; with \
             OUTBOX_DIR, `sparkwise dead-letters retry --all` then sends them again"
        }
    }
}

/// The offset of a clock, as text.
pub(crate) fn clock_offset_text(ahead: i64) -> String {
    let which = if ahead > 0 { "ahead of" } else { "behind" };
    format!("{} {which} SiteWise's", rounded(Duration::from_millis(ahead.unsigned_abs())))
}

/// What stands between the subject of a reason and its words: most are one sentence with it.
pub(crate) fn colon_after(label: &str) -> &'static str {
    match label {
        "problem"
        | "not_understood"
        | "only_stored"
        | "sender_clock"
        | "finding"
        | "mqtt_client_id_shared" => ":",
        _ => "",
    }
}

/// A number of something, in the plural where it is not one.
pub(crate) fn counted(number: u64, what: &str) -> String {
    match (number, what.strip_suffix('y')) {
        (1, _) => format!("1 {what}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        (_, None) => format!("{number} {what}s"),
    }
}

/// Of how many machines of an edge node; nothing where it is a single one.
pub(super) fn of_machines(machines: u64) -> String {
    match machines {
        0 | 1 => String::new(),
        many => format!(" of {many} machines (the edge node or its devices)"),
    }
}

/// The first of some names, and how many more there are.
pub(crate) fn first_names(names: &[String], count: u64) -> String {
    match count.saturating_sub(names.len() as u64) {
        0 => names.join(", "),
        more if names.is_empty() => format!("{more} senders"),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "had 1 values", "1 times so far".
    #[test]
    fn one_is_no_plural() {
        let of = |number| counted(number, "property") + ", " + &counted(number, "dead letter");
        assert_eq!(of(0), "0 properties, 0 dead letters");
        assert_eq!(of(1), "1 property, 1 dead letter");
        assert_eq!(of(2), "2 properties, 2 dead letters");
    }
}

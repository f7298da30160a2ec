//! What the bridge wants done.

use super::reachability::ReachabilityChange;
use crate::delivery::output::RequestId;
use crate::delivery::point::{DiscardReason, Gate, Key, Point, RejectReason, Stream};
use crate::delivery::rejections::OtherProperties;
use crate::labels::Remark;
use crate::late;
use crate::outbox::QueuedPoint;
use crate::sitewise::api::Entry;
use crate::sitewise::cause::Cause;
use crate::sparkplug::address::{EdgeNode, Source};
use crate::sparkplug::event::DeathCause;
use crate::sparkplug::findings::Finding;
use crate::sparkplug::host::{OutgoingMessage, ServerId};
use crate::twin::caps::Cap;
use crate::twin::folders::RuleSuggestion;
use crate::twin::plan::api_call::{ApiCall, CallId};

/// One thing to be done by the shell.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Publish this on a server.
    Publish(OutgoingMessage),
    /// Make this call to the control plane once, and hand back the result.
    Call(CallId, ApiCall),
    /// Send these entries once, and hand back the response.
    Send(RequestId, Vec<Entry>),
    /// Keep these points in the outbox.
    Store(Vec<QueuedPoint>),
    /// The points parked behind this gate can be taken from the outbox.
    Open(Gate),
    /// Take these points back into the outbox, behind this gate.
    PutBack(Vec<Point>, Gate),
    /// The outbox can forget these points.
    Settled(Vec<Key>),
    /// A rejected point: a dead letter.
    Rejected {
        /// The point.
        point: Point,
        /// What kind of rejection.
        refusal: RejectReason,
        /// In words.
        reason: String,
        /// Whether the outbox has it: false for what the twin rejected before it was stored.
        stored: bool,
    },
    /// Do this for late values.
    Late(late::Output),
    /// A point was dropped by a named rule.
    Discarded(Key, DiscardReason),
    /// The rules grouped an edge node's flat metrics into assets for the first time: these lack
    /// what flat metrics do not carry.
    Grouped(EdgeNode),
    /// Flat metrics of a machine are in folders with the same members: a rule would make assets of
    /// them. Emitted once for each rule.
    RuleSuggested(Source, RuleSuggestion),
    /// The filter leaves out every edge node that was heard of; this was the first.
    AllNodesExcluded(String),
    /// A server has granted the subscriptions and delivers nothing, not even our own STATE.
    NothingDelivered(ServerId),
    /// A machine exceeds a configured cap, for the first time since it fitted.
    Capped {
        /// The node or device.
        source: Source,
        /// Which cap.
        cap: Cap,
        /// The first thing that it did not get.
        example: String,
    },
    /// A property, a model or an asset keeps other labels than those that are wanted.
    LabelRemark(Remark),
    /// Which labels cannot be set; and why: the operation, SiteWise's message and the remedy.
    LabelsDenied(&'static str, String),
    /// It can be done again.
    LabelsAllowed(&'static str),
    /// A node or device was born that was not online, or not heard by this process.
    Born(Source),
    /// A node or device died.
    Died(Source, DeathCause),
    /// SiteWise keeps rejecting values of a property; they are retried. Emitted once for its asset.
    ValuesFailing {
        /// The property.
        stream: Stream,
        /// The last error.
        reason: String,
        /// What lies behind it.
        cause: Cause,
        /// Whether others are accepted.
        others: OtherProperties,
    },
    /// Values of a machine are dropped, of this property first: more than SiteWise takes in a
    /// second. Emitted once an hour.
    OverRate(Source, Stream),
    /// Calls to SiteWise begin to fail, or succeed again.
    ReachabilityChanged(ReachabilityChange),
    /// A finding, for the first time with this sender.
    Finding {
        /// The edge node; none for what no edge node sent.
        edge: Option<EdgeNode>,
        /// What.
        finding: Finding,
        /// What shows it: the topic of a message, or words; empty where nothing does.
        example: String,
    },
}

//! How the values of an asset get to SiteWise: born, decided, queued, sent, accepted or rejected.

use rustc_hash::FxHashMap;
use serde::Serialize;
use uuid::Uuid;

use crate::console::degraded::{counted, refused_remedy};
use crate::console::view::EngineView;
use crate::console::watched::PropertyOutcome;
use crate::delivery::point::{Gate, Stream};
use crate::delivery::status::StreamStatus;
use crate::outbox::dead_letters::DeadLetter;
use crate::outbox::{AssetWaiting, PropertyWaiting};
use crate::sitewise::api::ApiFaultKind;
use crate::sitewise::cause::Plane;
use crate::sparkplug::topic::{self, MessageType};

use crate::time::{Instant, Now, Timestamp};
use crate::twin::Twin;
use crate::twin::plan::problems::RejectionKind;
use crate::twin::plan::status::ProvisioningStatus;
use crate::twin::view::{AssetIx, DesiredAsset, DesiredProperty, ProvisioningProgress};

/// Points of the outbox that one question looks at: some milliseconds.
const POINTS: usize = 50_000;
/// A value that has waited longer is late: the linger and a request take less.
const LATE_MILLIS: i64 = 10_000;

/// What concerns all values of an asset.
#[derive(Debug, Serialize)]
pub(super) struct AssetDeliveryStatus {
    /// The topic of its machine's births.
    birth_topic: Option<String>,
    /// Since when it is known which of its values SiteWise took.
    watched: i64,
    /// Why it is not in SiteWise, and what to do.
    problem: Option<String>,
    /// What a cap keeps away from its machine.
    capped: Vec<String>,
    /// Its page in the AWS console; none where calls do not go to AWS.
    aws: Option<String>,
}

/// How far the values of a property are.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct PropertyDeliveryStatus {
    state: &'static str,
    /// Values that wait, in the outbox or in delivery.
    waiting: usize,
    /// Not all of the outbox was looked at: more may wait.
    more: bool,
    /// Since when, or the earliest timestamp of those that wait for an asset or a property.
    since: Option<i64>,
    /// What for.
    waits_for: Option<&'static str>,
    /// Why it is not there, with a remedy.
    reason: Option<String>,
    /// When the request without an answer was sent.
    sent: Option<i64>,
    /// When SiteWise took the last one, and that one's timestamp.
    accepted: Option<(i64, i64)>,
    /// The last that was rejected for good.
    rejected: Option<RefusedValue>,
    /// When one was dropped last, and the rule.
    dropped: Option<(i64, &'static str)>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct RefusedValue {
    at: i64,
    time: i64,
    kind: &'static str,
    reason: String,
    remedy: &'static str,
}

/// Data read once per asset and shared by its properties.
pub(super) struct DeliveryStatusReader<'a> {
    view: &'a EngineView<'a>,
    twin: &'a Twin,
    asset: &'a DesiredAsset,
    provisioning: ProvisioningProgress<'a>,
    waiting: AssetWaiting,
    letters: FxHashMap<Uuid, &'a DeadLetter>,
    watched: Timestamp,
}

impl<'a> DeliveryStatusReader<'a> {
    /// Reads the data for an asset and marks it as viewed.
    pub(super) fn of(view: &'a EngineView<'a>, ix: AssetIx, asset: &'a DesiredAsset) -> Self {
        let mut letters = FxHashMap::default();
        for letter in view.dead_letters.iter().filter(|it| it.point.stream.asset == asset.id) {
            letters.insert(letter.point.stream.property, letter);
        }
        let Now { instant, wall } = view.now;
        let twin = view.bridge.twin();
        Self {
            view,
            twin,
            asset,
            provisioning: twin.provisioning(ix),
            waiting: view.outbox.waiting_of(asset.id, POINTS),
            letters,
            watched: view.watched.borrow_mut().mark_viewed(asset.id, instant, wall),
        }
    }

    /// How far the asset is.
    pub(super) fn status(&self) -> ProvisioningStatus {
        self.provisioning.status
    }

    /// What concerns all of its values.
    pub(super) fn asset(&self, ix: AssetIx) -> AssetDeliveryStatus {
        let machine = self.twin.source_of_asset(ix);
        let capped = self.twin.capped_machines().filter(|(source, ..)| machine == Some(*source));
        AssetDeliveryStatus {
            birth_topic: machine.map(|source| topic::of_source(source, MessageType::Birth)),
            watched: self.watched.as_millis(),
            problem: self.problem(),
            capped: capped
                .map(|(_, cap, lost)| {
                    format!(
                        "{} is exceeded: `{}` is dropped, {} so far; {}",
                        cap.variable(),
                        lost.example,
                        counted(lost.values, "value"),
                        cap.remedy()
                    )
                })
                .collect(),
            aws: aws_page(self.view.host_of(Plane::Control), "assets", self.asset.id),
        }
    }

    fn problem(&self) -> Option<String> {
        not_there(&self.provisioning)
    }

    /// How far the values of a property are, whose last value has this timestamp.
    pub(super) fn property(
        &self,
        property: &DesiredProperty,
        written: Option<Timestamp>,
    ) -> PropertyDeliveryStatus {
        let stream = Stream { asset: self.asset.id, property: property.id };
        let delivery = self.view.bridge.delivery();
        let in_delivery = delivery.status_of(stream);
        let queued = self.waiting.properties.get(&property.id).copied();
        let outcome = self.view.watched.borrow().of(stream.asset, stream.property);
        let letter = self.letters.get(&property.id).copied();
        let mut status = PropertyDeliveryStatus {
            waiting: in_delivery.waiting + queued.map_or(0, |queued| queued.values),
            more: self.waiting.is_partial,
            sent: in_delivery.sent_at.map(|at| self.wall(at)),
            accepted: outcome.last_accepted.map(|(at, time)| (at.as_millis(), time.as_millis())),
            dropped: outcome.last_dropped.map(|(at, why)| (at.as_millis(), why.label())),
            rejected: letter.map(refused_value),
            ..PropertyDeliveryStatus::default()
        };
        self.wait(property, queued, in_delivery, &mut status);
        status.state = state(&status, in_delivery.in_flight, letter, outcome, written);
        status
    }

    /// What the values of a property wait for, since when and why.
    fn wait(
        &self,
        property: &DesiredProperty,
        queued: Option<PropertyWaiting>,
        in_delivery: StreamStatus<'_>,
        status: &mut PropertyDeliveryStatus,
    ) {
        let delivery = self.view.bridge.delivery();
        let rejected = self.twin.plan().rejected_property(self.asset.model, property.id);
        let gate = queued.and_then(|queued| queued.gate);
        let first = queued.map(|queued| queued.oldest.as_millis());
        let handed_in = in_delivery.oldest.map(|at| self.wall(at));
        let with_remedy = |words: &str, remedy: &str| Some(format!("{words}; {remedy}"));
        let (what, since, reason) = if let Some(words) = rejected {
            (Some("property"), first, with_remedy(words, RejectionKind::Rejected.remedy()))
        } else if let Some(Gate::Asset(_)) = gate {
            (Some("asset"), first, self.problem())
        } else if let Some(Gate::Property(_)) = gate {
            (Some("property"), first, missing(self.twin, self.asset))
        } else if let Some(words) = in_delivery.refused_with {
            (Some("retry"), handed_in, with_remedy(words, in_delivery.remedy))
        } else if status.waiting > 0 && delivery.is_unreachable() {
            let words = delivery.last_error().map(str::to_owned);
            let why = self.view.bridge.reachability().trouble(Plane::Write).or(words);
            (Some("sitewise"), handed_in.or(first), why)
        } else if in_delivery.failures > 0 {
            (
                Some("retry"),
                handed_in,
                in_delivery.last_failure.map(|kind| failure(kind).to_owned()),
            )
        } else if status.waiting > 0 {
            (Some("turn"), handed_in.or(first), None)
        } else {
            (None, None, None)
        };
        (status.waits_for, status.since, status.reason) = (what, since, reason);
        if what == Some("turn")
            && since.is_some_and(|at| self.view.now.wall.as_millis() - at > LATE_MILLIS)
        {
            status.waits_for = Some("room");
        }
    }

    fn wall(&self, at: Instant) -> i64 {
        let Now { instant, wall } = self.view.now;
        wall.minus(instant.since(at)).as_millis()
    }
}

/// The state in one word: what is wrong first, then what moves, then what is done.
fn state(
    status: &PropertyDeliveryStatus,
    in_flight: usize,
    letter: Option<&DeadLetter>,
    outcome: PropertyOutcome,
    written: Option<Timestamp>,
) -> &'static str {
    let accepted_since =
        |letter: &DeadLetter| outcome.last_accepted.is_some_and(|(at, _)| at > letter.at);
    let is_last = |letter: &DeadLetter| {
        written.is_none_or(|written| letter.point.time >= written) && !accepted_since(letter)
    };
    match status.waits_for {
        Some("turn") | None => {}
        Some(_) => return "waiting",
    }
    if letter.is_some_and(is_last) {
        return "rejected";
    }
    match status.waiting + in_flight {
        0 if status.accepted.is_some() || written.is_some() => "accepted",
        0 => "none",
        _ => "in_delivery",
    }
}

/// Why an asset is not in SiteWise, and what to do; none where it is, or is on its way.
pub(super) fn not_there(provisioning: &ProvisioningProgress<'_>) -> Option<String> {
    let reason = provisioning.problem?;
    Some(match provisioning.verdict {
        Some(verdict) => format!("{reason}; {}", verdict.remedy()),
        None => reason.to_owned(),
    })
}

/// Why SiteWise does not take a property, or took its last rejected value for good, and what to do.
pub(super) fn rejected(
    view: &EngineView<'_>,
    asset: &DesiredAsset,
    property: &DesiredProperty,
) -> Option<String> {
    let plan = view.bridge.twin().plan();
    if let Some(words) = plan.rejected_property(asset.model, property.id) {
        return Some(format!("{words}; {}", RejectionKind::Rejected.remedy()));
    }
    let stream = Stream { asset: asset.id, property: property.id };
    if let Some(Gate::Property(_)) = view.bridge.twin().gate(stream)
        && let Some(why) = missing(view.bridge.twin(), asset)
    {
        return Some(why);
    }
    let letter = view.dead_letters.last_of(stream)?;
    let (at, remedy) = (letter.at, refused_remedy(letter.refusal));
    Some(format!("a value was rejected at {at}: {}; {remedy}", letter.reason))
}

/// Why a property that is waited for is not in the asset's model in SiteWise, and what to do; none
/// where it is on its way.
fn missing(twin: &Twin, asset: &DesiredAsset) -> Option<String> {
    twin.plan().explain(&format!("model {}", twin.model_at(asset.model).name))
}

fn refused_value(letter: &DeadLetter) -> RefusedValue {
    RefusedValue {
        at: letter.at.as_millis(),
        time: letter.point.time.as_millis(),
        kind: letter.refusal.label(),
        reason: letter.reason.clone(),
        remedy: refused_remedy(letter.refusal),
    }
}

/// What a failure means and what to do, in words.
const fn failure(kind: ApiFaultKind) -> &'static str {
    match kind {
        ApiFaultKind::Throttled | ApiFaultKind::Limit => {
            "SiteWise throttles the account; if that lasts, request higher quotas from AWS (see \
                Stream)"
        }
        ApiFaultKind::Busy => {
            "a proxy or gateway between the bridge and SiteWise answers 429, too many requests"
        }
        ApiFaultKind::Unavailable => "SiteWise did not answer, or answered with status 5xx",
        ApiFaultKind::Conflict | ApiFaultKind::Changed => "SiteWise is updating the model or asset",
        ApiFaultKind::NotFound => {
            "SiteWise does not know the asset or the property; it is looked up again"
        }
        ApiFaultKind::Denied => {
            "access is denied; allow the bridge's role iotsitewise:BatchPutAssetPropertyValue"
        }
        ApiFaultKind::Foreign => {
            "something other than SiteWise answers: look for a proxy or firewall on the way"
        }
        ApiFaultKind::Invalid | ApiFaultKind::OutOfRange | ApiFaultKind::AlreadyExists => {
            "SiteWise rejected the request that contained it; it is retried in a request of its own"
        }
    }
}

/// A page of SiteWise in the AWS console, for the region of an API's host; none for another host.
pub(super) fn aws_page(host: &str, kind: &str, id: Uuid) -> Option<String> {
    let region = host.strip_prefix("api.iotsitewise.")?;
    let (region, domain) = match region.strip_suffix(".amazonaws.com") {
        Some(region) if region.starts_with("us-gov-") => (region, "amazonaws-us-gov.com"),
        Some(region) => (region, "aws.amazon.com"),
        None => (region.strip_suffix(".amazonaws.com.cn")?, "amazonaws.cn"),
    };
    let named = |region: &str| region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    named(region).then(|| match domain {
        "aws.amazon.com" => format!(
            "https://{region}.console.{domain}/iotsitewise/home?region={region}#/{kind}/{id}"
        ),
        _ => format!("https://console.{domain}/iotsitewise/home?region={region}#/{kind}/{id}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_is_that_of_the_region_and_only_where_calls_go_to_aws() {
        let id = Uuid::nil();
        let page = |host| aws_page(host, "assets", id);
        let tail = "#/assets/00000000-0000-0000-0000-000000000000";
        for (host, start) in [
            (
                "api.iotsitewise.eu-central-1.amazonaws.com",
                "https://eu-central-1.console.aws.amazon.com/iotsitewise/home?region=eu-central-1",
            ),
            (
                "api.iotsitewise.us-gov-west-1.amazonaws.com",
                "https://console.amazonaws-us-gov.com/iotsitewise/home?region=us-gov-west-1",
            ),
            (
                "api.iotsitewise.cn-north-1.amazonaws.com.cn",
                "https://console.amazonaws.cn/iotsitewise/home?region=cn-north-1",
            ),
        ] {
            assert_eq!(page(host), Some(format!("{start}{tail}")), "{host}");
        }
        for host in
            ["127.0.0.1:8007", "http://localhost:4566", "", "api.iotsitewise./.amazonaws.com"]
        {
            assert_eq!(page(host), None, "{host}");
        }
    }

    #[test]
    fn what_is_wrong_comes_before_what_moves_and_that_before_what_is_done() {
        let written = Some(Timestamp::from_millis(5));
        let of = |waits_for, waiting, in_flight, written| {
            let status =
                PropertyDeliveryStatus { waits_for, waiting, ..PropertyDeliveryStatus::default() };
            state(&status, in_flight, None, PropertyOutcome::default(), written)
        };
        assert_eq!(of(Some("asset"), 1, 0, written), "waiting");
        assert_eq!(of(Some("room"), 1, 1, written), "waiting");
        assert_eq!(of(Some("turn"), 1, 0, written), "in_delivery");
        assert_eq!(of(None, 0, 2, written), "in_delivery");
        assert_eq!(of(None, 0, 0, written), "accepted");
        assert_eq!(of(None, 0, 0, None), "none");
    }
}

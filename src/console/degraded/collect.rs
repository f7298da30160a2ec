//! Collects the reasons for `degraded`, the most costly first.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{DegradedReason, EngineView, RetriedValues, TooOld, drop_order, first_names};
use crate::delivery::failing::FailingValues;
use crate::delivery::rejections::OtherProperties;
use crate::late::Late;
use crate::outbox::dead_letters::recent::{REMEMBERED_FOR, RecentRefusals};
use crate::outbox::{DiskState, PassedOver};
use crate::sitewise::cause::{Cause, Plane};
use crate::sparkplug::address::{EdgeNode, Source};
use crate::sparkplug::findings::Finding;
use crate::sparkplug::host::{ClockOff, KnownBy, NodePhase, NodeProblem, ServerId};
use crate::time::Timestamp;
use crate::twin::Twin;
use crate::twin::plan::problems::RejectionKind;

/// How long a finding is one.
const FOUND_FOR: Duration = Duration::from_secs(3600);
/// The same where fewer than [`SEVERAL`] messages were damaged: one may be the network's fault.
const FOUND_ONCE_FOR: Duration = Duration::from_secs(300);
/// This many damaged messages are no accident.
const SEVERAL: u64 = 3;
/// Names in a reason that many edge nodes share.
const NAMES: usize = 5;

impl DegradedReason {
    /// From which age on a value that waits is a reason: two days before SiteWise takes it no more.
    pub(crate) const EXPIRING_AFTER: Duration = Duration::from_secs(5 * 24 * 3600);

    /// How long a node that is offline in SiteWise has to answer the first rebirth request.
    pub(crate) const ANSWER_FOR: Duration = Duration::from_secs(15);

    /// Edge nodes that were offline before the start, were asked, and have not answered; and whether
    /// others have still time to. None before the first could have answered.
    pub(crate) fn dead_before(look: &EngineView<'_>) -> Option<(Vec<Self>, bool)> {
        let (dead, early): (Vec<_>, Vec<_>) = offline_before(look)?.partition(|edge| {
            look.bridge.host().had_time_to_answer(edge, Self::ANSWER_FOR, look.now.instant)
        });
        let dead = dead.into_iter().map(|edge| offline(look, edge)).collect();
        Some((dead, !early.is_empty()))
    }

    /// Whether values wait that SiteWise soon takes no more.
    pub(crate) fn expiring(look: &EngineView<'_>) -> Option<Self> {
        let expiring = look.now.wall.minus(Self::EXPIRING_AFTER);
        let since = look.oldest_time().filter(|time| *time < expiring)?;
        Some(Self::ValuesExpiring { since, then: TooOld::of(look) })
    }

    /// Machines whose values wait on disk for an asset that is not in SiteWise, which were asked for
    /// their births and had time to answer.
    pub(crate) fn awaiting_birth(look: &EngineView<'_>) -> Vec<Self> {
        let (host, twin) = (look.bridge.host(), look.bridge.twin());
        let is_missing =
            |asset| twin.asset(asset).is_none() && twin.plan().known_asset(asset).is_none();
        let mut rows: BTreeMap<Option<&EdgeNode>, (u64, Timestamp)> = BTreeMap::new();
        for PassedOver { asset, values, oldest } in look.outbox.passed_over() {
            if twin.plan().is_synced() && is_missing(asset) {
                let machine = look.outbox.machine_of(asset);
                // Another bridge's: no birth of it comes here.
                if machine.is_some_and(|source| !twin.plan().heard().source(source)) {
                    continue;
                }
                let edge = machine.map(|source| &source.edge);
                let row = rows.entry(edge).or_insert((0, oldest));
                *row = (row.0 + values, row.1.min(oldest));
            }
        }
        let is_silent = |edge: &EdgeNode| {
            host.phase(edge) != NodePhase::Online
                && !look.may_be_behind_another(edge)
                && host.had_time_to_answer(edge, Self::ANSWER_FOR, look.now.instant)
        };
        let then = TooOld::of(look);
        let silent = rows.into_iter().filter(|(edge, _)| edge.is_none_or(is_silent));
        silent
            .map(|(edge, (values, oldest))| Self::AwaitsBirth {
                machine: edge.map(ToString::to_string),
                values,
                until: then.waits_until(oldest),
                then,
            })
            .collect()
    }

    /// All current reasons, the most costly first.
    pub(in crate::console) fn all(view: &EngineView<'_>) -> Vec<Self> {
        let mut all = Vec::new();
        servers(view, &mut all);
        sitewise(view, &mut all);
        outbox(view, &mut all);
        let doors = view.doors.statuses().into_iter().flat_map(|door| door.troubles);
        all.extend(doors.map(|(url, why)| Self::CommandsUnreachable { url, why }));
        let lease = view.lease.status(view.now);
        all.extend(lease.map(|lease| Self::lease(&lease, view.now.wall)).unwrap_or_default());
        if view.clock_ahead != 0 {
            all.push(Self::Clock { ahead: view.clock_ahead });
        }
        nodes(view, &mut all);
        findings(view, &mut all);
        values(view, &mut all);
        all.sort_by_cached_key(|why| (why.rank(), u64::MAX - why.values()));
        all
    }

    /// Sort key: what affects many machines comes before what affects one.
    fn rank(&self) -> u8 {
        match self {
            Self::NotConnected { .. }
            | Self::ClientIdShared { .. }
            | Self::ForeignTopics { .. }
            | Self::NothingDelivered { .. }
            | Self::AllNodesExcluded { .. }
            | Self::LeaseUnreachable { .. }
            | Self::SiteWise { .. } => 0,
            Self::SiteWiseSlow { .. }
            | Self::MessagesLost { .. }
            | Self::RetainedDropped { .. }
            | Self::MessagesLate { .. } => 1,
            Self::OutboxFull(_)
            | Self::ValuesExpiring { .. }
            | Self::AwaitsBirth { .. }
            | Self::LateValuesFailing { .. }
            | Self::OutboxNotWritable(_)
            | Self::OutboxUnreadable(_)
            | Self::OutboxLost(_) => 2,
            Self::Clock { .. } | Self::CommandsUnreachable { .. } | Self::NoFollower { .. } => 3,
            Self::Finding { finding: Finding::ClockBack, .. } => 7,
            Self::NotUnderstood { .. } | Self::Finding { .. } => 4,
            Self::Offline { .. } => 5,
            Self::PacketTooLarge { .. } | Self::OnlyStored { .. } => 6,
            Self::ValuesRejected { .. } | Self::ValuesTooFast { .. } | Self::SenderClock { .. } => {
                7
            }
            Self::Capped { .. } => 8,
            Self::ValuesRetried { .. } => 9,
            Self::Problem { first, .. } => problem_rank(first),
        }
    }

    /// How many values it affects, where that is counted.
    const fn values(&self) -> u64 {
        match self {
            Self::ValuesRejected { values, .. }
            | Self::Capped { values, .. }
            | Self::AwaitsBirth { values, .. }
            | Self::ValuesTooFast { values, .. } => *values,
            Self::ValuesRetried { retried, .. } => retried.values as u64,
            _ => 0,
        }
    }
}

/// The rank of what SiteWise rejects: behind a model, or what is read of all, values of many
/// machines wait; behind an asset those of one, as of one that is offline; the rest is a part.
fn problem_rank(subject: &str) -> u8 {
    const PARTS: [&str; 6] = [
        "placement of asset ",
        "children of asset ",
        "units of ",
        "unit of ",
        "property ",
        "hierarchy ",
    ];
    match subject {
        part if PARTS.iter().any(|start| part.starts_with(start)) => 8,
        asset if asset.starts_with("asset ") => 5,
        _ => 4,
    }
}

/// Edge nodes that SiteWise has and that were not heard since the start.
fn unheard(look: &EngineView<'_>) -> usize {
    let host = look.bridge.host();
    host.phases().filter(|(edge, _)| host.is_unheard(edge)).count()
}

fn servers(look: &EngineView<'_>, all: &mut Vec<DegradedReason>) {
    // Where none is connected the bridge is not ready.
    let some_up = look.has_usable_server();
    let host = look.bridge.host();
    for ((link, foreign), place) in look.servers().zip(0..) {
        let url = || link.url.clone();
        if some_up && link.since.is_none() {
            let unheard = unheard(look);
            let error = link.trouble.clone();
            all.push(DegradedReason::NotConnected { url: url(), error, unheard });
        }
        if let Some(why) = link.contended.clone().filter(|_| some_up) {
            all.push(DegradedReason::ClientIdShared { url: url(), why });
        }
        if host.delivers_nothing(ServerId(place)) {
            all.push(DegradedReason::NothingDelivered { url: url() });
        }
        if link.losing {
            let messages = link.dropped.saturating_sub(link.retained_dropped);
            all.push(DegradedReason::MessagesLost { url: url(), messages });
        }
        if link.dropping_retained {
            all.push(DegradedReason::RetainedDropped {
                url: url(),
                messages: link.retained_dropped,
            });
        }
        if let Some(seconds) = link.late {
            all.push(DegradedReason::MessagesLate { url: url(), seconds });
        }
        if let Some(topic) = link.oversized_topic.clone() {
            all.push(DegradedReason::PacketTooLarge {
                url: url(),
                topic,
                messages: link.oversized,
            });
        }
        if let Some(topic) = foreign.filter(|_| some_up && link.since.is_some()) {
            all.push(DegradedReason::ForeignTopics { url: url(), topic: topic.to_owned() });
        }
    }
}

/// Calls that keep failing, where that does not make the bridge unready.
fn sitewise(look: &EngineView<'_>, all: &mut Vec<DegradedReason>) {
    let (synced, delivery) = (look.bridge.twin().plan().is_synced(), look.bridge.delivery());
    for plane in Plane::ALL {
        let shown = match plane {
            Plane::Control => !synced,
            Plane::Write => delivery.is_unreachable(),
            Plane::Read => false,
        };
        let why = look.bridge.reachability().failing(plane, look.now.instant).filter(|_| !shown);
        all.extend(why.map(|why| {
            let host = look.host_of(plane).to_owned();
            DegradedReason::SiteWise { host, plane, why }
        }));
        all.extend(look.bridge.reachability().slow(plane).map(|took| {
            let host = look.host_of(plane).to_owned();
            DegradedReason::SiteWiseSlow { host, plane, took }
        }));
    }
}

fn outbox(look: &EngineView<'_>, all: &mut Vec<DegradedReason>) {
    if look.outbox_full {
        let order = drop_order(look.outbox.disk().as_ref());
        all.push(DegradedReason::OutboxFull(order));
    }
    all.extend(DegradedReason::expiring(look));
    all.extend(DegradedReason::awaiting_birth(look));
    let late = look.bridge.late().map(Late::status);
    all.extend(late.and_then(|status| DegradedReason::late_values(&status)));
    let Some(disk) = look.outbox.disk() else { return };
    match disk.state {
        DiskState::NotWritable(why) => all.push(DegradedReason::OutboxNotWritable(why)),
        DiskState::Unreadable(why) => all.push(DegradedReason::OutboxUnreadable(why)),
        DiskState::TooSlow => all.push(DegradedReason::OutboxNotWritable(format!(
            "it is too slow or hangs; {} values are in memory only",
            disk.unsaved
        ))),
        DiskState::Writable => {}
    }
    if disk.unreadable > 0 {
        all.push(DegradedReason::OutboxLost(disk.unreadable));
    }
}

fn offline(look: &EngineView<'_>, edge: &EdgeNode) -> DegradedReason {
    DegradedReason::Offline { edge: edge.to_string(), since: look.bridge.offline_since(edge) }
}

/// Edge nodes that cannot be interpreted, or are offline.
fn nodes(look: &EngineView<'_>, all: &mut Vec<DegradedReason>) {
    let host = look.bridge.host();
    let (stored, live): (Vec<_>, Vec<_>) =
        host.problems().partition(|(_, problem)| problem.known_by == KnownBy::StoredBirth);
    let mut dead = look.bridge.dead_nodes();
    dead.retain(|edge| !look.may_be_behind_another(edge));
    // Who was asked after our start and never said anything is not misunderstood, but dead.
    let is_dead = |edge: &EdgeNode| host.is_unheard(edge) && dead.contains(edge);
    let live: Vec<_> = live.into_iter().filter(|(edge, _)| !is_dead(edge)).collect();
    let strange: BTreeSet<&EdgeNode> = live.iter().map(|(edge, _)| *edge).collect();
    all.extend(live.into_iter().map(|(edge, problem)| DegradedReason::NotUnderstood {
        edge: edge.to_string(),
        example: problem.example.clone(),
        reason: problem.words(),
    }));
    all.extend(only_stored(&stored));
    all.extend(host.clocks_off().map(|(edge, ClockOff { device, ahead, others })| {
        let edge = device.map_or_else(|| edge.to_string(), |device| format!("{edge}/{device}"));
        DegradedReason::SenderClock { edge, ahead, others }
    }));
    let offline = |edge: &EdgeNode| offline(look, edge);
    let dead: BTreeSet<&EdgeNode> =
        dead.into_iter().filter(|edge| !strange.contains(edge)).collect();
    all.extend(dead.iter().map(|edge| offline(edge)));
    let before = offline_before(look).into_iter().flatten();
    let before = before
        .filter(|edge| host.had_time_to_answer(edge, DegradedReason::ANSWER_FOR, look.now.instant));
    let before = before.filter(|edge| !dead.contains(edge) && !strange.contains(edge));
    all.extend(before.map(offline));
}

/// One reason for all edge nodes that are known by stored births only: a server may have thousands.
fn only_stored(stored: &[(&EdgeNode, &NodeProblem)]) -> Option<DegradedReason> {
    let (_, problem) = stored.first()?;
    let mut names: Vec<&EdgeNode> = stored.iter().map(|(edge, _)| *edge).collect();
    names.sort_unstable();
    let names: Vec<_> = names.into_iter().take(NAMES).map(ToString::to_string).collect();
    let count = stored.len() as u64;
    let edges = first_names(&names, count);
    Some(DegradedReason::OnlyStored { edges, count, reason: problem.text() })
}

/// Edge nodes that were offline before the start and have not answered; none before the first could
/// have.
fn offline_before<'a>(look: &EngineView<'a>) -> Option<impl Iterator<Item = &'a EdgeNode>> {
    let (host, plan) = (look.bridge.host(), look.bridge.twin().plan());
    let long_up = |since: i64| {
        let up = look.now.wall.as_millis().saturating_sub(since);
        u128::try_from(up).is_ok_and(|up| up >= DegradedReason::ANSWER_FOR.as_millis())
    };
    if !plan.is_synced() || !look.servers.iter().filter_map(|link| link.since).any(long_up) {
        return None;
    }
    let before = plan.offline().filter(|source| source.device.is_none()).map(|source| &source.edge);
    let is_silent = |edge: &&EdgeNode| {
        host.phase(edge) == NodePhase::Unknown
            && host.may_take(edge)
            && !look.may_be_behind_another(edge)
    };
    Some(before.filter(is_silent))
}

/// What senders do that only people can mend; a filter that admits none.
fn findings(look: &EngineView<'_>, all: &mut Vec<DegradedReason>) {
    let host = look.bridge.host();
    let since = look.now.wall.minus(FOUND_FOR);
    let lately = look.now.wall.minus(FOUND_ONCE_FOR);
    let recent = host.findings().filter(|found| {
        let seldom = found.finding.may_be_one_message() && found.count < SEVERAL;
        found.finding.needs_people() && found.last >= if seldom { lately } else { since }
    });
    all.extend(recent.map(|found| DegradedReason::Finding {
        edge: found.edge.map(ToString::to_string),
        finding: found.finding,
        count: found.count,
    }));
    let nobody = host.excludes_all_nodes(look.now.instant);
    all.extend(nobody.map(|(edge, messages)| DegradedReason::AllNodesExcluded {
        edge: edge.to_owned(),
        messages,
    }));
}

fn values(look: &EngineView<'_>, all: &mut Vec<DegradedReason>) {
    let twin = look.bridge.twin();
    all.extend(twin.capped_machines().map(|(machine, cap, lost)| DegradedReason::Capped {
        machine: machine.to_string(),
        cap,
        example: lost.example.clone(),
        values: lost.values,
    }));
    all.extend(look.bridge.over_rate(look.now.instant).map(|(machine, over_rate)| {
        let (asset, property) = twin.display_names(over_rate.example);
        DegradedReason::ValuesTooFast {
            machine: machine.to_string(),
            example: format!(
                "{} / {}",
                asset.unwrap_or("an asset"),
                property.unwrap_or("a property")
            ),
            values: over_rate.values,
        }
    }));
    retried_values(look, twin, all);
    refused(look, twin, all);
    problems(look, all);
}

/// Models and assets that SiteWise rejects: one reason for all assets that one cause keeps out, such
/// as a quota that is used up or a right that is missing.
fn problems(look: &EngineView<'_>, all: &mut Vec<DegradedReason>) {
    let (plan, asset) = (look.bridge.twin().plan(), "asset ");
    // Until the initial sync, what keeps all calls from SiteWise is the reason for not being ready.
    let is_told = !plan.is_synced() && look.bridge.reachability().trouble(Plane::Control).is_some();
    let mut rows: BTreeMap<(bool, &str), Vec<&str>> = BTreeMap::new();
    for (subject, reason) in plan.problems() {
        // Before its namespace is known nothing else is asked.
        if plan.is_unnamed() || is_told && plan.is_on_the_way(subject) {
            continue;
        }
        let cause = match (subject.starts_with(asset), plan.rejection(subject)) {
            (true, Some(RejectionKind::Limit)) => (true, ""),
            // Its message names the asset: those of one operation are one row.
            (true, _) => (true, plan.denied(subject).unwrap_or(reason)),
            // No asset: a row of its own.
            (false, _) => (false, subject),
        };
        rows.entry(cause).or_default().push(subject);
    }
    all.extend(rows.into_values().filter_map(|subjects| {
        let (first, count) = (*subjects.first()?, subjects.len() as u64);
        let names = subjects.iter().filter_map(|subject| subject.strip_prefix(asset));
        let names: Vec<String> = names.take(NAMES).map(str::to_owned).collect();
        let subject = match count {
            1 => first.to_owned(),
            _ => format!("assets {}", first_names(&names, count)),
        };
        let reason = plan.explain(first)?;
        Some(DegradedReason::Problem { subject, first: first.to_owned(), count, reason })
    }));
}

/// The machines that share a cause. Most causes are an edge node's, such as its clock, and each of
/// its devices shows them.
type Machines<'a> = BTreeSet<&'a Source>;

/// Where rows of one cause belong: the edge node of a machine; an asset of none is its own.
fn owner(machine: Option<&Source>, asset: impl FnOnce() -> String) -> String {
    machine.map_or_else(asset, |machine| machine.edge.to_string())
}

/// Whom a row is about, and how many machines: the machine where it is a single one.
fn subject(owner: String, machines: &Machines<'_>) -> (String, u64) {
    let mut all = machines.iter();
    match (all.next(), all.next()) {
        (Some(machine), None) => (machine.to_string(), 1),
        _ => (owner, (machines.len() as u64).max(1)),
    }
}

/// Values that are not accepted: one reason for each edge node and cause.
fn retried_values(look: &EngineView<'_>, twin: &Twin, all: &mut Vec<DegradedReason>) {
    let mut rows: BTreeMap<(String, Cause), (Machines<'_>, RetriedValues)> = BTreeMap::new();
    for FailingValues { stream, values, words, cause, others } in
        look.bridge.delivery().failing_values()
    {
        let place = twin.asset(stream.asset);
        let asset = || {
            place.map_or_else(|| stream.asset.to_string(), |(_, asset)| asset.address.to_string())
        };
        let machine = place.and_then(|(ix, _)| twin.source_of_asset(ix));
        let (machines, row) = rows.entry((owner(machine, asset), cause)).or_insert_with(|| {
            let (_, property) = twin.display_names(stream);
            let property = property.map_or_else(|| stream.property.to_string(), str::to_owned);
            let example = format!("{} / {property}: {words}", asset());
            let row =
                RetriedValues { machines: 1, properties: 0, values: 0, example, cause, others };
            (Machines::new(), row)
        });
        machines.extend(machine);
        row.properties += 1;
        row.values += values;
        if others == OtherProperties::NotTried {
            row.others = others;
        }
    }
    all.extend(rows.into_iter().map(|((owner, _), (of, retried))| {
        let (machine, machines) = subject(owner, &of);
        let retried = RetriedValues { machines, ..retried };
        DegradedReason::ValuesRetried { machine, retried }
    }));
}

/// Recently rejected values: one reason for each edge node and kind.
fn refused(look: &EngineView<'_>, twin: &Twin, all: &mut Vec<DegradedReason>) {
    type Row<'a> = (Machines<'a>, &'a RecentRefusals, u64);
    let since = look.now.wall.minus(REMEMBERED_FOR);
    let mut rows: BTreeMap<(String, &'static str), Row<'_>> = BTreeMap::new();
    for recent in look.dead_letters.recent(since) {
        let asset = recent.stream.asset;
        let machine = twin.asset(asset).and_then(|(ix, _)| twin.source_of_asset(ix));
        let asset = || recent.names.0.clone().unwrap_or_else(|| asset.to_string());
        let row = rows.entry((owner(machine, asset), recent.refusal.label()));
        let row = row.or_insert_with(|| (Machines::new(), recent, 0));
        row.0.extend(machine);
        row.2 += recent.values(since);
        if recent.last > row.1.last {
            row.1 = recent;
        }
    }
    all.extend(rows.into_iter().map(|((owner, _), (of, recent, values))| {
        let (machine, machines) = subject(owner, &of);
        let RecentRefusals { refusal, stream, names: (asset, property), reason, .. } = recent;
        let asset = asset.clone().unwrap_or_else(|| stream.asset.to_string());
        let property = property.clone().unwrap_or_else(|| stream.property.to_string());
        let example = format!("{asset} / {property}: {reason}");
        DegradedReason::ValuesRejected { machine, machines, refusal: *refusal, values, example }
    }));
}

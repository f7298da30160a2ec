//! From a problem to what it is about: the page of its machine, asset or model.

use serde::Serialize;
use uuid::Uuid;

use crate::console::degraded::DegradedReason;
use crate::sparkplug::address::{EdgeNode, Source};
use crate::twin::Twin;
use crate::twin::view::Address;

/// A page of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "page", content = "id", rename_all = "lowercase")]
pub(super) enum Link {
    /// An asset's.
    Plant(Uuid),
    /// A model's.
    Models(Uuid),
    /// Where all edge nodes are: this one has no asset.
    Nodes,
}

/// Where a problem leads to; none for what is about no machine and no model.
pub(super) fn of(twin: &Twin, why: &DegradedReason) -> Option<Link> {
    match why {
        DegradedReason::Problem { first, .. } => of_subject(twin, first),
        DegradedReason::Finding { edge, .. } => edge.as_deref().map(|edge| of_node(twin, edge)),
        DegradedReason::NotUnderstood { edge, .. }
        | DegradedReason::SenderClock { edge, .. }
        | DegradedReason::Offline { edge, .. } => Some(of_node(twin, edge)),
        DegradedReason::OnlyStored { .. } => Some(Link::Nodes),
        DegradedReason::AwaitsBirth { machine, .. } => {
            machine.as_deref().map(|machine| of_node(twin, machine))
        }
        DegradedReason::Capped { machine, .. }
        | DegradedReason::ValuesRejected { machine, .. }
        | DegradedReason::ValuesTooFast { machine, .. }
        | DegradedReason::ValuesRetried { machine, .. } => {
            by_address(twin, machine).map(Link::Plant)
        }
        // Nothing is known of who the filter leaves out.
        DegradedReason::AllNodesExcluded { .. }
        | DegradedReason::NotConnected { .. }
        | DegradedReason::SiteWise { .. }
        | DegradedReason::SiteWiseSlow { .. }
        | DegradedReason::ClientIdShared { .. }
        | DegradedReason::MessagesLost { .. }
        | DegradedReason::RetainedDropped { .. }
        | DegradedReason::MessagesLate { .. }
        | DegradedReason::PacketTooLarge { .. }
        | DegradedReason::ForeignTopics { .. }
        | DegradedReason::NothingDelivered { .. }
        | DegradedReason::OutboxFull(_)
        | DegradedReason::ValuesExpiring { .. }
        | DegradedReason::LateValuesFailing { .. }
        | DegradedReason::OutboxNotWritable(_)
        | DegradedReason::OutboxUnreadable(_)
        | DegradedReason::OutboxLost(_)
        | DegradedReason::CommandsUnreachable { .. }
        | DegradedReason::LeaseUnreachable { .. }
        | DegradedReason::NoFollower { .. }
        | DegradedReason::Clock { .. } => None,
    }
}

/// An edge node's asset, else the list of all.
fn of_node(twin: &Twin, edge: &str) -> Link {
    by_address(twin, edge).map_or(Link::Nodes, Link::Plant)
}

/// What a problem of the control plane is about, by its subject.
fn of_subject(twin: &Twin, subject: &str) -> Option<Link> {
    if let Some(source) = twin.plan().problem_machine(subject) {
        return Some(of_node(twin, &source.to_string()));
    }
    let asset = ["asset ", "placement of asset ", "children of asset ", "units of ", "unit of "];
    let address = asset.iter().find_map(|start| subject.strip_prefix(start));
    if let Some(id) = address.and_then(|address| by_address(twin, address)) {
        return Some(Link::Plant(id));
    }
    model_of(twin, subject).map(Link::Models)
}

/// The model that a problem with this subject is about.
pub(super) fn model_of(twin: &Twin, subject: &str) -> Option<Uuid> {
    let about = twin.models().filter_map(|(_, model)| {
        let has = |part: &str| {
            model.properties.iter().any(|of| *of.name == *part)
                || model.hierarchies.iter().any(|(_, of)| of.name == part)
        };
        Some((fit(subject, &model.name, has)?, model.id))
    });
    about.max().map(|(_, id)| id)
}

/// How well a problem with this subject fits the model with this name, which has some parts; none if it
/// is about another. Names may have slashes: what reads as a part of `Pump` may be one of `Pump/Seal`.
fn fit(subject: &str, name: &str, has: impl Fn(&str) -> bool) -> Option<(bool, usize)> {
    let behind = |starts: &[&str]| starts.iter().find_map(|start| subject.strip_prefix(start));
    if let Some(model) = behind(&["model ", "assets of model ", "growth of model "]) {
        return (model == name).then_some((true, name.len()));
    }
    let part = behind(&["property ", "hierarchy "])?.strip_prefix(name)?.strip_prefix('/')?;
    Some((has(part), name.len()))
}

/// The asset with this address; else that of the device, or the node, that the address begins
/// with.
pub(super) fn by_address(twin: &Twin, address: &str) -> Option<Uuid> {
    let known = |address: &Address<'_>| {
        let id = twin.asset_id(address);
        twin.asset(id).map(|_| id)
    };
    let (group, rest) = match address.split_once('/') {
        Some(parts) => parts,
        None => return known(&Address::Group(address)),
    };
    let (node, rest) = match rest.split_once('/') {
        Some((node, rest)) => (node, Some(rest)),
        None => (rest, None),
    };
    let source = |device: Option<&str>| Source {
        edge: EdgeNode::new(group, node),
        device: device.map(Into::into),
    };
    let own = source(None);
    let Some(rest) = rest else { return known(&Address::Source(&own)) };
    let (device, below) =
        rest.split_once('/').map_or((rest, None), |(device, rest)| (device, Some(rest)));
    let device = source(Some(device));
    let instance = |of: &Source, path: &str| {
        let nested: Vec<&str> = path.split('/').collect();
        let flat = known(&Address::Instance(of, &[path]));
        flat.or_else(|| known(&Address::Instance(of, &nested)))
    };
    below
        .and_then(|below| instance(&device, below))
        .or_else(|| instance(&own, rest))
        .or_else(|| known(&Address::Source(&device)))
        .or_else(|| known(&Address::Source(&own)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page of `Pump` showed what was wrong with `Pump/Seal`.
    #[test]
    fn a_part_of_a_model_whose_name_has_a_slash_is_that_models() {
        let models = [("Pump", vec!["Flow", "Seal/Age"]), ("Pump/Seal", vec!["Speed"])];
        let about = |subject: &str| {
            let fits = models.iter().filter_map(|(name, parts)| {
                Some((fit(subject, name, |part| parts.contains(&part))?, *name))
            });
            fits.max().map(|(_, name)| name)
        };
        assert_eq!(about("property Pump/Seal/Speed"), Some("Pump/Seal"));
        assert_eq!(about("hierarchy Pump/Seal/none of both"), Some("Pump/Seal"));
        assert_eq!(about("property Pump/Seal/Age"), Some("Pump"));
        assert_eq!(about("property Pump/Flow"), Some("Pump"));
        assert_eq!(about("model Pump"), Some("Pump"));
        assert_eq!(about("assets of model Pump/Seal"), Some("Pump/Seal"));
        assert_eq!([about("property Pumps/Flow"), about("asset Pump/Flow")], [None; 2]);
    }
}

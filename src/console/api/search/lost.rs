//! Tags that are born and whose values are not in SiteWise: what a filter leaves out, what exceeds
//! a cap, and what SiteWise has no form for.
//!
//! Nothing is stored for this: the names are in the tables by which data is decoded, and the reason
//! why a tag is dropped is in the layout of its birth.

use std::collections::BTreeSet;

use serde::Serialize;
use uuid::Uuid;

use super::{SearchQuery, missing_words};
use crate::console::view::EngineView;
use crate::sparkplug::address::Source;
use crate::sparkplug::event::Slot;
use crate::sparkplug::host::{BornCursor, Enough};
use crate::twin::Twin;
use crate::twin::counts::DropReason;
use crate::twin::view::Address;

/// Rows at most.
pub(super) const ROWS: usize = 50;
/// Cost of one query at most, in tags that are compared: some milliseconds.
const MAX_COST: usize = 20_000;
/// Cost of a machine that has nothing to be found, in tags.
const MACHINE_COST: usize = 20;

/// What to do about a filter.
const FILTERED: &str =
    "SPARKPLUG_INCLUDE and SPARKPLUG_EXCLUDE leave it out; change them to include it";

/// A tag whose values are dropped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct LostTag {
    /// The address of its machine.
    machine: String,
    name: String,
    /// The asset of its machine, or of the node above it, if there is one.
    asset: Option<Uuid>,
    /// Why, and what to do.
    why: String,
}

/// What was found among some of the machines.
pub(super) struct LostSlice {
    pub(super) rows: BTreeSet<LostTag>,
    /// Where the search goes on; none at the end.
    pub(super) next: Option<BornCursor>,
}

/// The tags that the words match and whose values are dropped, among the machines from `from` on, as
/// many as one query may search.
pub(super) fn slice(
    view: &EngineView<'_>,
    wanted: &SearchQuery,
    from: BornCursor,
    room: usize,
) -> LostSlice {
    let (twin, mut rows) = (view.bridge.twin(), BTreeSet::new());
    let SearchQuery::Words(words) = wanted else {
        return LostSlice { rows, next: None };
    };
    if words.is_empty() {
        return LostSlice { rows, next: None };
    }
    let mut cost = 0;
    let next = view.bridge.host().each_born(from, |source, tags| {
        cost += MACHINE_COST + tags.size() / MACHINE_COST;
        let has_dropped_leaf = twin.has_dropped_leaf(source);
        if has_dropped_leaf || tags.has_excluded() {
            cost += tags.size();
            let address = source.to_string();
            let lacks = {
                let address = address.to_lowercase();
                missing_words(words, |word| address.contains(word))
            };
            tags.each(|name, slot| {
                if slot.is_some() && !has_dropped_leaf || rows.len() >= room {
                    return;
                }
                let lower = name.to_lowercase();
                let full_name = || format!("{address}/{name}").to_lowercase();
                let matches = lacks & missing_words(words, |word| lower.contains(word)) == 0
                    || words.iter().any(|word| word.contains('/')) && {
                        let full_name = full_name();
                        missing_words(words, |word| full_name.contains(word)) == 0
                    };
                if matches && let Some(why) = why(twin, source, slot) {
                    let (machine, name) = (address.clone(), name.to_owned());
                    rows.insert(LostTag { machine, name, asset: asset(twin, source), why });
                }
            });
        }
        match rows.len() >= room || cost >= MAX_COST {
            true => Enough::Yes,
            false => Enough::No,
        }
    });
    LostSlice { rows, next }
}

/// Why the values of a tag are dropped, and what to do; none if they are not.
fn why(twin: &Twin, source: &Source, slot: Option<Slot>) -> Option<String> {
    let Some(slot) = slot else { return Some(FILTERED.to_owned()) };
    let why = twin.lost(source, slot)?;
    Some(match why.cap() {
        Some(cap) => format!("it exceeds {}; {}", cap.variable(), cap.remedy()),
        None => match why {
            DropReason::NotCarried => {
                "SiteWise cannot store its type; let the edge send a number, a Boolean or text"
                    .to_owned()
            }
            other => format!("its values are dropped: {}", other.label()),
        },
    })
}

/// The asset to look at: the machine's own, else that of its node.
fn asset(twin: &Twin, source: &Source) -> Option<Uuid> {
    let existing = |source: &Source| {
        let id = twin.asset_id(&Address::Source(source));
        twin.asset(id).map(|_| id)
    };
    existing(source).or_else(|| existing(&Source { edge: source.edge.clone(), device: None }))
}

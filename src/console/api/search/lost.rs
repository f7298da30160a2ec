//! Tags that are born and whose values are not in SiteWise: what a filter leaves out, what exceeds
//! a cap, and what SiteWise has no form for.
//!
//! Nothing is remembered for this. The names stand in the tables by which data is read, and
//! why a tag has no place in the layout of its birth.

use std::collections::BTreeSet;

use serde::Serialize;
use uuid::Uuid;

use super::{SearchQuery, missing};
use crate::console::view::EngineView;
use crate::sparkplug::address::Source;
use crate::sparkplug::event::Slot;
use crate::sparkplug::host::{BornCursor, Enough};
use crate::twin::Twin;
use crate::twin::counts::DropReason;
use crate::twin::view::Address;

/// Rows at most.
pub(super) const ROWS: usize = 50;
/// Tags that one question looks at: some milliseconds.
const TAGS: usize = 20_000;
/// What machines without anything to find count for.
const MACHINE: usize = 20;

/// What to do about a filter.
const FILTERED: &str =
    "SPARKPLUG_INCLUDE and SPARKPLUG_EXCLUDE leave it out; change them to include it";

/// A tag whose values go nowhere.
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

/// What was found in a stretch of machines.
pub(super) struct LostPart {
    pub(super) rows: BTreeSet<LostTag>,
    /// Where to go on; none at the end.
    pub(super) next: Option<BornCursor>,
}

/// The tags that some words name and whose values go nowhere: a stretch of machines from a place
/// on.
pub(super) fn part(
    look: &EngineView<'_>,
    wanted: &SearchQuery,
    from: BornCursor,
    room: usize,
) -> LostPart {
    let (twin, mut rows) = (look.bridge.twin(), BTreeSet::new());
    let SearchQuery::Words(words) = wanted else {
        return LostPart { rows, next: None };
    };
    if words.is_empty() {
        return LostPart { rows, next: None };
    }
    let mut looked = 0;
    let next = look.bridge.host().each_born(from, |source, tags| {
        looked += MACHINE + tags.size() / MACHINE;
        let has_dropped_leaf = twin.has_dropped_leaf(source);
        if has_dropped_leaf || tags.has_excluded() {
            looked += tags.size();
            let address = source.to_string();
            let lacks = {
                let address = address.to_lowercase();
                missing(words, |word| address.contains(word))
            };
            tags.each(|name, slot| {
                if slot.is_some() && !has_dropped_leaf || rows.len() >= room {
                    return;
                }
                let lower = name.to_lowercase();
                let whole = || format!("{address}/{name}").to_lowercase();
                let is_meant = lacks & missing(words, |word| lower.contains(word)) == 0
                    || words.iter().any(|word| word.contains('/')) && {
                        let whole = whole();
                        missing(words, |word| whole.contains(word)) == 0
                    };
                if is_meant && let Some(why) = why(twin, source, slot) {
                    let (machine, name) = (address.clone(), name.to_owned());
                    rows.insert(LostTag { machine, name, asset: asset(twin, source), why });
                }
            });
        }
        match rows.len() >= room || looked >= TAGS {
            true => Enough::Yes,
            false => Enough::No,
        }
    });
    LostPart { rows, next }
}

/// Why the values of a tag go nowhere, and what to do; none where they go somewhere.
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
    let own = |source: &Source| {
        let id = twin.asset_id(&Address::Source(source));
        twin.asset(id).map(|_| id)
    };
    own(source).or_else(|| own(&Source { edge: source.edge.clone(), device: None }))
}

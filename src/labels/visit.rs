//! A visit to one asset: which of its properties lack what is wanted of them.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::{Config, Measurement, Place, Remark, RemarkKind, Subject};
use crate::sitewise::api::{AssetProperty, NotificationState, UpdateProperty};
use crate::sitewise::limits;

/// Failed calls after which a visit is given up: the next round begins it again.
const FAILURES: u32 = 8;
/// Conflicts after which a property is left as it is.
const CONFLICTS: u32 = 6;

/// What is wanted of one property.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Want {
    alias: Option<Box<str>>,
    notify: bool,
    name: Box<str>,
    /// Of the model.
    unit: Option<Box<str>>,
    /// It was seen to lack something.
    is_queued: bool,
    /// Updates that ended in a conflict.
    conflicts: u32,
}

/// Where the reading of an asset's properties is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// This page comes next.
    Page(Option<String>),
    /// A page has been asked for.
    InFlight,
    /// All pages are read.
    Done,
}

/// A visit.
#[derive(Debug)]
pub(super) struct Visit {
    /// The place of the asset among the plant's.
    pub(super) asset: u32,
    /// Its version when the visit began.
    pub(super) version: u32,
    pub(super) id: Uuid,
    pub(super) reading: Reading,
    place: Place,
    /// What is not known to be as it should.
    wants: FxHashMap<Uuid, Want>,
    /// Properties that lack something, to be read again and written.
    todo: VecDeque<Uuid>,
    /// Properties that are being read again or written.
    busy: u32,
    failures: u32,
    /// The asset is gone.
    gone: bool,
}

/// What is to be done about a property, by what it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// It has what is wanted.
    Nothing,
    /// It lacks something.
    Write(UpdateProperty),
}

/// What an update has set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SetLabels {
    pub(super) alias: bool,
    pub(super) notification: bool,
}

impl Visit {
    /// Begins a visit, and tells what cannot be set in any case.
    pub(super) fn begin(
        asset: u32,
        version: u32,
        subject: Subject,
        config: &Config,
        remarks: &mut Vec<Remark>,
    ) -> Self {
        let Subject { id, place, model, properties: all } = subject;
        let mut wants = FxHashMap::default();
        for Measurement { id: property, name, unit } in all {
            let alias = match config.aliases.as_ref().map(|form| form.alias(&place, &name)) {
                None => None,
                Some(Ok(alias)) => Some(alias.into_boxed_str()),
                Some(Err(too_long)) => {
                    let most = limits::ALIAS_CHARS;
                    let reason = format!(
                        "its alias would have {} characters, and SiteWise takes {most}: shorten \
                         TWIN_ALIASES or the names",
                        too_long.0
                    );
                    let (kind, property) = (RemarkKind::AliasTooLong, place.address(&name));
                    remarks.push(Remark { kind, property, reason });
                    None
                }
            };
            let notify = config.notify.as_ref().is_some_and(|globs| {
                globs.matches(&place.address(&name)) || globs.matches(&format!("{model}/{name}"))
            });
            if alias.is_some() || notify {
                wants.insert(
                    property,
                    Want { alias, notify, name: name.into(), unit, is_queued: false, conflicts: 0 },
                );
            }
        }
        let reading = match wants.is_empty() {
            true => Reading::Done,
            false => Reading::Page(None),
        };
        Self {
            asset,
            version,
            id,
            reading,
            place,
            wants,
            todo: VecDeque::new(),
            busy: 0,
            failures: 0,
            gone: false,
        }
    }

    /// The address of each property of which something is wanted, its alias, and whether it is to be
    /// notified; in their order by address.
    pub(super) fn wanted(&self) -> Vec<(String, Option<&str>, bool)> {
        let wants = self.wants.values();
        let wants =
            wants.map(|want| (self.place.address(&want.name), want.alias.as_deref(), want.notify));
        let mut all: Vec<_> = wants.collect();
        all.sort_unstable();
        all
    }

    /// A page of what SiteWise has.
    pub(super) fn page_read(
        &mut self,
        page: Vec<(Uuid, AssetProperty)>,
        next: Option<String>,
        remarks: &mut Vec<Remark>,
    ) {
        for (property, has) in page {
            // Where the list is read once more, it may be seen twice.
            if let Decision::Write(_) = self.decide(property, &has, remarks)
                && let Some(want) = self.wants.get_mut(&property)
                && !std::mem::replace(&mut want.is_queued, true)
            {
                self.todo.push_back(property);
            }
        }
        self.reading = match next {
            Some(token) => Reading::Page(Some(token)),
            None => Reading::Done,
        };
    }

    /// What a property lacks of what is wanted, by what it has; nothing is taken from it.
    pub(super) fn decide(
        &mut self,
        property: Uuid,
        has: &AssetProperty,
        remarks: &mut Vec<Remark>,
    ) -> Decision {
        let Some(want) = self.wants.get_mut(&property) else { return Decision::Nothing };
        if let (Some(wanted), Some(other)) = (want.alias.as_deref(), has.alias.as_deref())
            && wanted != other
        {
            let reason = format!("it keeps its alias `{other}`, and does not get `{wanted}`");
            let property = self.place.address(&want.name);
            remarks.push(Remark { kind: RemarkKind::OtherAlias, property, reason });
            want.alias = None;
        }
        let lacks_alias = want.alias.is_some() && has.alias.is_none();
        let lacks_notification = want.notify && has.notification == NotificationState::Disabled;
        if !lacks_alias && !lacks_notification {
            self.wants.remove(&property);
            return Decision::Nothing;
        }
        let alias = has.alias.clone().or(want.alias.as_deref().map(str::to_owned));
        Decision::Write(UpdateProperty {
            asset: self.id,
            property,
            alias,
            notification: match want.notify {
                true => NotificationState::Enabled,
                false => has.notification,
            },
            // Whatever it has: left out, it would be taken away. But the model's stays the model's, so
            // that the property follows it.
            unit: has.unit.clone().filter(|unit| want.unit.as_deref() != Some(unit.as_str())),
        })
    }

    /// The next property that lacks something; it counts as busy until one of
    /// [`settle`](Self::settle), [`put_back`](Self::put_back) and the like.
    pub(super) fn next_todo(&mut self) -> Option<Uuid> {
        let property = self.todo.pop_front()?;
        self.busy += 1;
        Some(property)
    }

    pub(super) fn has_todo(&self) -> bool {
        !self.todo.is_empty() && !self.is_given_up()
    }

    /// A property is as it should be, or as far as it can be.
    pub(super) fn settle(&mut self, property: Uuid) {
        self.busy = self.busy.saturating_sub(1);
        self.wants.remove(&property);
    }

    /// A property was not written after all, and is to be read again before it is.
    pub(super) fn put_back(&mut self, property: Uuid) {
        self.busy = self.busy.saturating_sub(1);
        self.todo.push_front(property);
    }

    /// Another has the alias of a property: what else it wants is set without it.
    pub(super) fn without_alias(&mut self, property: Uuid) -> Option<Remark> {
        let want = self.wants.get_mut(&property)?;
        let alias = want.alias.take()?;
        let remark = Remark {
            kind: RemarkKind::AliasTaken,
            property: self.place.address(&want.name),
            reason: format!(
                "its alias `{alias}` belongs to another property or data stream: take it from that, or \
                 change TWIN_ALIASES, and restart"
            ),
        };
        match want.notify {
            true => self.put_back(property),
            false => self.settle(property),
        }
        Some(remark)
    }

    /// An update of a property ended in a conflict: whether it did so too often.
    pub(super) fn conflicts(&mut self, property: Uuid) -> bool {
        let Some(want) = self.wants.get_mut(&property) else { return false };
        want.conflicts += 1;
        want.conflicts >= CONFLICTS
    }

    /// SiteWise rejects what is wanted of a property.
    pub(super) fn reject(&mut self, property: Uuid, said: &str) -> Option<Remark> {
        let name = self.wants.get(&property).map(|want| self.place.address(&want.name));
        self.settle(property);
        let reason = format!("SiteWise rejected its alias or notification: {said}");
        Some(Remark { kind: RemarkKind::Rejected, property: name?, reason })
    }

    /// A call failed, and would be made again.
    pub(super) fn fail(&mut self) {
        self.failures += 1;
    }

    /// The asset is not there any more.
    pub(super) fn leave(&mut self) {
        self.gone = true;
        self.reading = Reading::Done;
        self.todo.clear();
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.failures >= FAILURES
    }

    /// Whether nothing of it is in flight and nothing is left to do.
    pub(super) fn is_over(&self) -> bool {
        let nothing_left = self.todo.is_empty() && self.reading == Reading::Done;
        let reads = self.reading == Reading::InFlight;
        self.busy == 0 && !reads && (nothing_left || self.is_given_up() || self.gone)
    }

    /// What `update` sets beyond what the property `had`.
    pub(super) fn set_by(update: &UpdateProperty, had: &AssetProperty) -> SetLabels {
        SetLabels {
            alias: update.alias != had.alias,
            notification: update.notification != had.notification,
        }
    }
}

//! A visit to one asset: which of its properties lack a label.

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

/// The labels that one property should have.
#[derive(Clone, Debug, PartialEq, Eq)]
struct DesiredLabels {
    alias: Option<Box<str>>,
    notify: bool,
    name: Box<str>,
    /// The model's unit.
    unit: Option<Box<str>>,
    /// It lacks a label, and was put into the visit's queue.
    is_queued: bool,
    /// Updates that ended in a conflict.
    conflicts: u32,
}

/// How far the list of an asset's properties is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// The page with this token is to be read; without one, the first.
    Page(Option<String>),
    /// A page has been requested.
    InFlight,
    /// All pages are read.
    Done,
}

/// A visit.
#[derive(Debug)]
pub(super) struct Visit {
    /// Index of the asset in the plant.
    pub(super) asset: u32,
    /// Its version when the visit began.
    pub(super) version: u32,
    pub(super) id: Uuid,
    pub(super) reading: Reading,
    place: Place,
    /// Properties that are not known to have their labels.
    desired: FxHashMap<Uuid, DesiredLabels>,
    /// Properties that lack a label, to be read again and written.
    queue: VecDeque<Uuid>,
    /// Number of properties that were taken off the queue, and are being read again or written.
    in_flight: u32,
    /// Failed calls.
    failures: u32,
    /// The asset is gone.
    gone: bool,
}

/// What is to be done about a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// It has its labels.
    Nothing,
    /// It lacks a label.
    Write(UpdateProperty),
}

/// The labels that a property should have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PropertyLabels<'a> {
    pub(super) address: String,
    pub(super) alias: Option<&'a str>,
    pub(super) notify: bool,
    pub(super) property: Uuid,
}

/// Which labels an update sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SetLabels {
    pub(super) alias: bool,
    pub(super) notification: bool,
}

impl Visit {
    /// Begins a visit. Remarks on labels that cannot be set in any case.
    pub(super) fn begin(
        asset: u32,
        version: u32,
        subject: Subject,
        config: &Config,
        remarks: &mut Vec<Remark>,
    ) -> Self {
        let Subject { id, place, model, properties: measurements } = subject;
        let mut desired = FxHashMap::default();
        for Measurement { id: property, name, unit } in measurements {
            let alias = match config.aliases.as_ref().map(|template| template.alias(&place, &name))
            {
                None => None,
                Some(Ok(alias)) => Some(alias.into_boxed_str()),
                Some(Err(too_long)) => {
                    let most = limits::ALIAS_CHARS;
                    let reason = format!(
                        "its alias would have {} characters, and SiteWise takes {most}: shorten \
                         TWIN_ALIASES or the names",
                        too_long.0
                    );
                    let (kind, address) = (RemarkKind::AliasTooLong, place.address(&name));
                    let ids = Some((id, property));
                    remarks.push(Remark { ids, ..Remark::new(kind, address, reason) });
                    None
                }
            };
            let notify = config.notify.as_ref().is_some_and(|globs| {
                globs.matches(&place.address(&name)) || globs.matches(&format!("{model}/{name}"))
            });
            if alias.is_some() || notify {
                desired.insert(
                    property,
                    DesiredLabels {
                        alias,
                        notify,
                        name: name.into(),
                        unit,
                        is_queued: false,
                        conflicts: 0,
                    },
                );
            }
        }
        let reading = match desired.is_empty() {
            true => Reading::Done,
            false => Reading::Page(None),
        };
        Self {
            asset,
            version,
            id,
            reading,
            place,
            desired,
            queue: VecDeque::new(),
            in_flight: 0,
            failures: 0,
            gone: false,
        }
    }

    /// The labels that properties should have, in the order of the properties' addresses.
    pub(super) fn desired(&self) -> Vec<PropertyLabels<'_>> {
        let of_each = self.desired.iter().map(|(property, labels)| PropertyLabels {
            address: self.place.address(&labels.name),
            alias: labels.alias.as_deref(),
            notify: labels.notify,
            property: *property,
        });
        let mut desired: Vec<_> = of_each.collect();
        desired.sort_unstable();
        desired
    }

    /// Handles a page of the asset's properties as SiteWise has them.
    pub(super) fn handle_page(
        &mut self,
        page: Vec<(Uuid, AssetProperty)>,
        next: Option<String>,
        remarks: &mut Vec<Remark>,
    ) {
        for (property, current) in page {
            // A property may come twice, where the list is begun again after a failure.
            if let Decision::Write(_) = self.decide(property, &current, remarks)
                && let Some(labels) = self.desired.get_mut(&property)
                && !std::mem::replace(&mut labels.is_queued, true)
            {
                self.queue.push_back(property);
            }
        }
        self.reading = match next {
            Some(token) => Reading::Page(Some(token)),
            None => Reading::Done,
        };
    }

    /// What to do about a property, by what it has in SiteWise. Nothing that it has is removed.
    pub(super) fn decide(
        &mut self,
        property: Uuid,
        current: &AssetProperty,
        remarks: &mut Vec<Remark>,
    ) -> Decision {
        let Some(labels) = self.desired.get_mut(&property) else { return Decision::Nothing };
        if let (Some(wanted), Some(other)) = (labels.alias.as_deref(), current.alias.as_deref())
            && wanted != other
        {
            let reason = format!("it keeps its alias `{other}`, and does not get `{wanted}`");
            let address = self.place.address(&labels.name);
            remarks.push(Remark {
                ids: Some((self.id, property)),
                kept: Some(other.into()),
                ..Remark::new(RemarkKind::OtherAlias, address, reason)
            });
            labels.alias = None;
        }
        let lacks_alias = labels.alias.is_some() && current.alias.is_none();
        let lacks_notification =
            labels.notify && current.notification == NotificationState::Disabled;
        if !lacks_alias && !lacks_notification {
            self.desired.remove(&property);
            return Decision::Nothing;
        }
        let alias = current.alias.clone().or(labels.alias.as_deref().map(str::to_owned));
        Decision::Write(UpdateProperty {
            asset: self.id,
            property,
            alias,
            notification: match labels.notify {
                true => NotificationState::Enabled,
                false => current.notification,
            },
            // UpdateAssetProperty removes what is left out, so the asset's own unit is sent again. A
            // unit that is the model's is left out, so that the property still follows its model.
            unit: current.unit.clone().filter(|unit| labels.unit.as_deref() != Some(unit.as_str())),
        })
    }

    /// Takes the next property off the queue. It counts as in flight until
    /// [`settle`](Self::settle), [`put_back`](Self::put_back), [`drop_alias`](Self::drop_alias) or
    /// [`reject`](Self::reject).
    pub(super) fn next_queued(&mut self) -> Option<Uuid> {
        let property = self.queue.pop_front()?;
        self.in_flight += 1;
        Some(property)
    }

    pub(super) fn has_queued(&self) -> bool {
        !self.queue.is_empty() && !self.is_given_up()
    }

    /// A property has its labels, as far as possible.
    pub(super) fn settle(&mut self, property: Uuid) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.desired.remove(&property);
    }

    /// A property was not written, and is to be read again first.
    pub(super) fn put_back(&mut self, property: Uuid) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.queue.push_front(property);
    }

    /// Something else has the alias, as `said` by SiteWise: it is not set, but the notification still is.
    pub(super) fn drop_alias(&mut self, property: Uuid, said: &str) -> Option<Remark> {
        let labels = self.desired.get_mut(&property)?;
        let alias = labels.alias.take()?;
        let asset = self.id;
        let reason = format!(
            "property {property} of asset {asset} does not get its alias `{alias}`, which belongs to \
             another property or data stream ({said}); `aws iotsitewise describe-time-series --alias \
             {}` says whose it is: remove it there, or change TWIN_ALIASES, and restart",
            quoted(&alias)
        );
        let address = self.place.address(&labels.name);
        let remark = Remark {
            ids: Some((asset, property)),
            taken: Some(alias),
            ..Remark::new(RemarkKind::AliasTaken, address, reason)
        };
        match labels.notify {
            true => self.put_back(property),
            false => self.settle(property),
        }
        Some(remark)
    }

    /// An update of a property ended in a conflict. True after too many of them.
    pub(super) fn count_conflict(&mut self, property: Uuid) -> bool {
        let Some(labels) = self.desired.get_mut(&property) else { return false };
        labels.conflicts += 1;
        labels.conflicts >= CONFLICTS
    }

    /// SiteWise rejects the labels of a property.
    pub(super) fn reject(&mut self, property: Uuid, message: &str) -> Option<Remark> {
        let name = self.desired.get(&property).map(|labels| self.place.address(&labels.name));
        self.settle(property);
        let reason = format!("SiteWise rejected its alias or notification: {message}");
        let ids = Some((self.id, property));
        Some(Remark { ids, ..Remark::new(RemarkKind::Rejected, name?, reason) })
    }

    /// A call failed. After too many the visit is given up.
    pub(super) fn count_failure(&mut self) {
        self.failures += 1;
    }

    /// The asset is not there any more.
    pub(super) fn mark_gone(&mut self) {
        self.gone = true;
        self.reading = Reading::Done;
        self.queue.clear();
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.failures >= FAILURES
    }

    /// Whether nothing of it is in flight and nothing is left to do.
    pub(super) fn is_over(&self) -> bool {
        let nothing_left = self.queue.is_empty() && self.reading == Reading::Done;
        let is_reading = self.reading == Reading::InFlight;
        self.in_flight == 0 && !is_reading && (nothing_left || self.is_given_up() || self.gone)
    }

    /// Which labels `update` sets that the property did not have.
    pub(super) fn set_by(update: &UpdateProperty, had: &AssetProperty) -> SetLabels {
        SetLabels {
            alias: update.alias != had.alias,
            notification: update.notification != had.notification,
        }
    }
}

/// A word for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

//! Whether data sent by one birth's table can be read with the next.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use super::{BirthTable, InstanceId, NameTarget};
use crate::sparkplug::datatype::DataType;
use crate::sparkplug::findings::FindingCounts;
use crate::sparkplug::proto::Payload;
use crate::sparkplug::proto::payload as wire;
use crate::sparkplug::template;
use crate::sparkplug::text;

impl BirthTable {
    /// Whether every name and alias of a payload that was sent by `before` means the same here,
    /// the type included.
    pub(crate) fn agrees(&self, before: &Self, payload: &Payload) -> bool {
        let aliased = values(payload).filter(|metric| name(metric).is_none());
        let mut paths = FxHashMap::default();
        for metric in aliased {
            let Some(target) = metric.alias.and_then(|alias| before.aliased(alias)) else {
                return false;
            };
            paths.insert(target, None);
        }
        if !paths.is_empty() {
            before.find_paths(&mut paths);
        }
        values(payload).all(|metric| {
            let (then, now) = match name(metric) {
                Some(name) => (before.target(&name), self.target(&name)),
                None => {
                    let then = metric.alias.and_then(|alias| before.aliased(alias));
                    let now = metric.alias.and_then(|alias| self.aliased(alias));
                    let path = then.and_then(|then| paths.get(&then)?.as_deref());
                    (then, now.filter(|now| path.and_then(|path| self.target(path)) == Some(*now)))
                }
            };
            then.zip(now).is_some_and(|(then, now)| self.is_alike(now, before, then, metric))
        })
    }

    /// Whether every metric of a payload goes by a name that is known here, and none of them had
    /// another type `before`.
    pub(crate) fn knows(&self, before: Option<&Self>, payload: &Payload) -> bool {
        values(payload).all(|metric| {
            let Some(name) = name(metric) else { return false };
            let Some(target) = self.target(&name) else { return false };
            let then = before.and_then(|before| Some((before, before.target(&name)?)));
            then.is_none_or(|(before, then)| self.is_alike(target, before, then, metric))
                && self.takes(target, metric)
        })
    }

    fn aliased(&self, alias: u64) -> Option<NameTarget> {
        self.aliases.get(&alias).copied().flatten()
    }

    fn target(&self, path: &str) -> Option<NameTarget> {
        self.named(None, path).or_else(|| self.find_path(None, path, &mut { super::PATH_STEPS }))
    }

    /// Finds what is called how, members by their path.
    fn find_paths(&self, paths: &mut FxHashMap<NameTarget, Option<String>>) {
        for (name, target) in &self.names {
            if let Some(path) = paths.get_mut(target) {
                *path = Some(name.to_string());
            }
        }
        let missing = paths.values().any(Option::is_none);
        if !missing {
            return;
        }
        // An instance comes before those within it.
        let mut instance_paths: FxHashMap<InstanceId, String> = FxHashMap::default();
        for (name, target) in &self.names {
            if let NameTarget::Instance(id) = target {
                instance_paths.insert(*id, name.to_string());
            }
        }
        for (index, members) in self.instances.iter().enumerate() {
            let id = InstanceId(index as u32);
            let Some(instance_path) = instance_paths.get(&id).cloned() else { continue };
            for name in members.names.keys() {
                let Some(target) = members.named(id, name) else { continue };
                let path = || format!("{instance_path}/{name}");
                if let Some(found @ None) = paths.get_mut(&target) {
                    *found = Some(path());
                }
                if let NameTarget::Instance(below) = target {
                    instance_paths.entry(below).or_insert_with(path);
                }
            }
        }
    }

    /// Whether a metric that meant `then` is the same as `now`.
    fn is_alike(
        &self,
        now: NameTarget,
        before: &Self,
        then: NameTarget,
        metric: &wire::Metric,
    ) -> bool {
        match (then, now) {
            (NameTarget::Leaf(then), NameTarget::Leaf(now)) => {
                before.datatype(then) == self.datatype(now)
            }
            (NameTarget::Instance(then), NameTarget::Instance(now)) => {
                members(metric).all(|member| {
                    let Some(name) = name(member) else { return false };
                    let pair = before.named(Some(then), &name).zip(self.named(Some(now), &name));
                    pair.is_some_and(|(then, now)| self.is_alike(now, before, then, member))
                })
            }
            (NameTarget::Excluded, NameTarget::Excluded) => true,
            _ => false,
        }
    }

    /// Whether a metric goes with what its name stands for, by the type that it declares itself.
    fn takes(&self, target: NameTarget, metric: &wire::Metric) -> bool {
        match target {
            NameTarget::Leaf(slot) => {
                let declared = DataType::declared(metric.datatype);
                declared.is_none() || declared == self.datatype(slot)
            }
            NameTarget::Instance(id) => members(metric).all(|member| {
                let target = name(member).and_then(|name| self.named(Some(id), &name));
                target.is_some_and(|target| self.takes(target, member))
            }),
            NameTarget::Excluded => true,
            NameTarget::Ambiguous => false,
        }
    }
}

fn values(payload: &Payload) -> impl Iterator<Item = &wire::Metric> {
    payload.metrics.iter().filter(|metric| template::definition(metric).is_none())
}

/// Its name as tables have it.
fn name(metric: &wire::Metric) -> Option<Cow<'_, str>> {
    let name = metric.name.as_deref().filter(|name| !name.is_empty())?;
    match std::str::from_utf8(name) {
        Ok(name) => Some(Cow::Borrowed(name)),
        // What is found in it was counted as it came.
        Err(_) => Some(text::name(name, &mut FindingCounts::default())),
    }
}

fn members(metric: &wire::Metric) -> impl Iterator<Item = &wire::Metric> {
    let members = match &metric.value {
        Some(wire::metric::Value::TemplateValue(value)) => &value.metrics[..],
        _ => &[],
    };
    members.iter()
}

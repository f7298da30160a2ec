//! Who was online when SiteWise was last written: read once during the initial sync, so that
//! presence is right after a restart.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::api_call::{ApiCall, CallResult};
use super::state::Backoff;
use super::{Plan, ProvisioningJob};
use crate::delivery::point::Stream;
use crate::sitewise::api::{ApiFault, ApiFaultKind, Variant};
use crate::sitewise::limits;
use crate::sparkplug::address::{EdgeNode, Source};
use crate::sparkplug::filter::Heard;
use crate::time::{Instant, Timestamp};
use crate::twin::identity::{Address, Namespace, PropertyRole};
use crate::twin::mapping::ValueForm;
use crate::twin::names;
use crate::twin::world::ONLINE;

/// How often a read is tried before the sync goes on without it.
const TRIES: u32 = 5;
/// The subject under which people find that it did.
const SUBJECT: &str = "read who is online";

/// What a node or device was when SiteWise was last written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriorPresence {
    /// Online.
    Online,
    /// Offline, or not there.
    Offline,
    /// It could not be read.
    Unread,
}

/// Assets whose presence is read at once.
#[derive(Debug, Default)]
pub(super) struct PresenceRead {
    assets: Vec<Uuid>,
    pub(super) done: bool,
    /// The sync goes on without it; it is read later.
    given_up: bool,
    pub(super) tries: Backoff,
}

impl PresenceRead {
    /// Whether it is still to be read.
    pub(super) fn is_wanted(&self) -> bool {
        !self.done || self.given_up
    }
}

impl Plan {
    /// Follows of what is from before the start only the nodes and devices that may be heard.
    #[must_use]
    pub fn hearing(mut self, heard: Heard) -> Self {
        self.initial_sync.heard = heard;
        self
    }

    /// What this bridge hears.
    pub(crate) fn heard(&self) -> &Heard {
        &self.initial_sync.heard
    }

    /// The instances of a source that SiteWise had at the start. They are returned once.
    pub fn take_instances(&mut self, source: &Source) -> Vec<Uuid> {
        self.initial_sync.instances.remove(source).unwrap_or_default()
    }

    /// The nodes and devices that were online when SiteWise was last written, or may have been.
    pub fn online(&self) -> impl Iterator<Item = &Source> {
        let online =
            self.known_assets.values().filter(|asset| asset.online != PriorPresence::Offline);
        online.filter_map(|asset| asset.source.as_ref())
    }

    /// The nodes and devices that were not online when SiteWise was last written.
    pub fn offline(&self) -> impl Iterator<Item = &Source> {
        let offline =
            self.known_assets.values().filter(|asset| asset.online == PriorPresence::Offline);
        offline.filter_map(|asset| asset.source.as_ref())
    }

    /// The instances of a source that SiteWise had at the start, until they are taken.
    pub fn instances(&self, source: &Source) -> &[Uuid] {
        self.initial_sync.instances.get(source).map_or(&[], Vec::as_slice)
    }

    /// Whether SiteWise has this node or device as online since before the start.
    pub fn was_online(&self, source: &Source) -> PriorPresence {
        let id = self.namespace.asset(&Address::Source(source));
        self.known_assets.get(&id).map_or(PriorPresence::Offline, |asset| asset.online)
    }

    /// The timestamp of the last presence value in SiteWise: the next one has to be later. None
    /// where SiteWise has nothing of it, or could not be read.
    pub fn last_presence_time(&self, source: &Source) -> Option<Timestamp> {
        let id = self.namespace.asset(&Address::Source(source));
        self.known_assets.get(&id)?.presence_time
    }

    /// A restored point says whether a node or device was online. Returns it if it may have been,
    /// and SiteWise did not show so.
    pub fn presence_restored(
        &mut self,
        stream: Stream,
        time: Timestamp,
        online: bool,
    ) -> Option<Source> {
        let known = self.known_assets.get_mut(&stream.asset)?;
        let source = known.source.as_ref()?;
        let role = PropertyRole::Presence;
        let is_it = self.namespace.property(known.model, role, &[ONLINE], ValueForm::Boolean);
        if stream.property != is_it || known.presence_time.is_some_and(|told| told >= time) {
            return None;
        }
        known.presence_time = Some(time);
        let before = std::mem::replace(
            &mut known.online,
            if online { PriorPresence::Online } else { PriorPresence::Offline },
        );
        (online && before == PriorPresence::Offline).then(|| source.clone())
    }

    /// Asks for the presence of assets that are listed: as soon as a call is full, and for the
    /// rest once all are.
    pub(super) fn request_presence_reads(&mut self, all_listed: bool) {
        let least = if all_listed { 1 } else { limits::ENTRIES_PER_BATCH_READ };
        while self.initial_sync.presence_unread.len() >= least {
            let count = self.initial_sync.presence_unread.len().min(limits::ENTRIES_PER_BATCH_READ);
            let assets = self.initial_sync.presence_unread.drain(..count).collect();
            self.mark_dirty(ProvisioningJob::Presence(self.initial_sync.presence.len() as u32));
            self.initial_sync.presence.push(PresenceRead { assets, ..Default::default() });
        }
    }

    /// Whether it is known of all assets that are listed.
    pub fn presence_known(&self) -> bool {
        self.initial_sync.presence_unread.is_empty()
            && self.initial_sync.presence.iter().all(|list| list.done)
    }

    pub(super) fn presence_list(&self, list: u32) -> Option<&PresenceRead> {
        self.initial_sync.presence.get(list as usize)
    }

    pub(super) fn presence_call(&self, list: u32) -> Option<ApiCall> {
        let online = |id: &Uuid| {
            let model = self.known_assets.get(id)?.model;
            let role = PropertyRole::Presence;
            Some((*id, self.namespace.property(model, role, &[ONLINE], ValueForm::Boolean)))
        };
        let assets = &self.presence_list(list)?.assets;
        Some(ApiCall::ReadValues(assets.iter().filter_map(online).collect()))
    }

    pub(super) fn handle_presence_result(
        &mut self,
        at: usize,
        answer: Result<CallResult, ApiFault>,
        now: Instant,
    ) {
        let Some(list) = self.presence_list(at as u32) else { return };
        let (assets, prior, was_given_up) = (list.assets.clone(), list.tries, list.given_up);
        let (mut done, mut given_up) = (true, false);
        let mut tries = Backoff::default();
        // Those of which it is known.
        let mut read_of = BTreeSet::new();
        match answer {
            Ok(CallResult::Values(values)) => {
                let mut why = None;
                for (id, read) in assets.iter().zip(values) {
                    let Some(known) = self.known_assets.get_mut(id) else { continue };
                    match read {
                        Ok(read) => {
                            read_of.insert(*id);
                            // What was written meanwhile is later.
                            let time = read.as_ref().map(|read| read.time);
                            if was_given_up && known.presence_time > time {
                                continue;
                            }
                            known.presence_time = time;
                            let value = read.map(|read| read.value);
                            known.online = match value == Some(Variant::Boolean(true)) {
                                true => PriorPresence::Online,
                                false => PriorPresence::Offline,
                            };
                            if was_given_up && known.online == PriorPresence::Offline {
                                self.initial_sync.found_offline.push(*id);
                            }
                        }
                        Err(fault) => {
                            known.online = PriorPresence::Unread;
                            why.get_or_insert(fault);
                        }
                    }
                }
                match why {
                    Some(fault) => {
                        given_up = true;
                        tries = self.probe_backoff(Backoff { at: now, ..prior }, fault.kind, now);
                        let unread = assets.iter().filter(|id| !read_of.contains(*id));
                        let machines = self.machines(unread);
                        self.add_read_problem(SUBJECT, &machines, &fault);
                    }
                    None => self.probe_now(now),
                }
                if was_given_up && !self.initial_sync.found_offline.is_empty() {
                    self.emit_sync_progress();
                }
            }
            Ok(_) => {}
            // Whoever may have been online is asked, and is offline if it stays silent.
            Err(fault) => {
                given_up =
                    was_given_up || fault.kind == ApiFaultKind::Denied || prior.count + 1 >= TRIES;
                done = given_up;
                for id in assets.iter().filter(|_| given_up && !was_given_up) {
                    if let Some(known) = self.known_assets.get_mut(id) {
                        known.online = PriorPresence::Unread;
                    }
                }
                let before = Backoff { at: now, ..prior };
                tries = match (given_up, was_given_up) {
                    (false, _) => self.backoff(before, now),
                    (true, true) => self.probe_backoff(before, fault.kind, now),
                    (true, false) => {
                        self.probe_backoff(Backoff { count: 0, at: now }, fault.kind, now)
                    }
                };
                let machines = self.machines(&assets);
                self.add_read_problem(SUBJECT, &machines, &fault);
            }
        }
        if let Some(list) = self.initial_sync.presence.get_mut(at) {
            list.done = done;
            list.given_up = given_up;
            list.tries = tries;
            match list.is_wanted() {
                true => list.assets.retain(|id| !read_of.contains(id)),
                false => list.assets = Vec::new(),
            }
        }
        let mut lists = self.initial_sync.presence.iter();
        if lists.all(|list| list.done && !list.given_up) {
            self.problems.remove(SUBJECT);
        }
        self.finish_sync();
    }

    /// The nodes and devices that assets stand for, each once, in order.
    pub(super) fn machines<'a>(
        &self,
        assets: impl IntoIterator<Item = &'a Uuid>,
    ) -> BTreeSet<Source> {
        let known = assets.into_iter().filter_map(|id| self.known_assets.get(id));
        known.filter_map(|asset| asset.source.clone()).collect()
    }
}

/// The node or device that an asset stands for, read from its description, which people may have
/// changed: the id verifies it.
pub fn source(namespace: Namespace, id: Uuid, description: Option<&str>) -> Option<Source> {
    names::addresses(description?).find_map(|address| source_of(namespace, id, &address))
}

fn source_of(namespace: Namespace, id: Uuid, address: &str) -> Option<Source> {
    let mut parts = address.split('/');
    let (group, node, device) = (parts.next()?, parts.next()?, parts.next());
    let source = Source { edge: EdgeNode::new(group, node), device: device.map(Into::into) };
    (namespace.asset(&Address::Source(&source)) == id).then_some(source)
}

/// The node or device of whose instances an asset is one, by its description. Unknown for one with
/// a slash in its name.
pub(super) fn instance_of(
    namespace: Namespace,
    id: Uuid,
    description: Option<&str>,
) -> Option<Source> {
    instance(namespace, id, description).map(|(source, _)| source)
}

/// The same, with the number of names down to the instance.
pub fn instance(
    namespace: Namespace,
    id: Uuid,
    description: Option<&str>,
) -> Option<(Source, usize)> {
    names::addresses(description?).find_map(|address| steps_to(namespace, id, &address))
}

fn steps_to(namespace: Namespace, id: Uuid, address: &str) -> Option<(Source, usize)> {
    let parts: Vec<_> = address.split('/').collect();
    let (group, node, rest) = (parts.first()?, parts.get(1)?, parts.get(2..)?);
    let of = |device: Option<&&str>, path: &[&str]| {
        let device = device.map(|device| (*device).into());
        let source = Source { edge: EdgeNode::new(*group, *node), device };
        let is = !path.is_empty() && namespace.asset(&Address::Instance(&source, path)) == id;
        is.then_some((source, path.len()))
    };
    let (device, below) = rest.split_first()?;
    of(None, rest).or_else(|| of(Some(device), below))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_believed_where_the_id_agrees() {
        let namespace = Namespace::new("a");
        let edge = EdgeNode::new("Größe 1", "gw");
        for device in [None, Some("d 1".into())] {
            let is = Source { edge: edge.clone(), device };
            let id = namespace.asset(&Address::Source(&is));
            assert_eq!(source(namespace, id, Some(&is.to_string())), Some(is.clone()));
            assert_eq!(source(namespace, id, Some("Größe 1/other")), None);
            assert_eq!(source(namespace, id, Some("Pump house, see page 7")), None);
            assert_eq!(source(namespace, id, None), None);
            for path in [&["T 1"][..], &["T 1", "Gear"]] {
                let id = namespace.asset(&Address::Instance(&is, path));
                let description = format!("{is}/{}", path.join("/"));
                assert_eq!(instance_of(namespace, id, Some(&description)), Some(is.clone()));
                assert_eq!(instance_of(namespace, id, Some("Größe 1/other/T 1")), None);
                assert_eq!(source(namespace, id, Some(&description)), None);
            }
            assert_eq!(instance_of(namespace, id, Some(&is.to_string())), None);
        }
    }
}

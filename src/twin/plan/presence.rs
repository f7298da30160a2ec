//! Who was online when SiteWise was last written: read once, at the start, so that presence does
//! not lie because we were away.

use uuid::Uuid;

use super::state::Tries;
use super::step::{Done, Step};
use super::{Job, Plan};
use crate::sitewise::api::{DataType, Fault, FaultKind};
use crate::sitewise::limits;
use crate::sparkplug::address::{EdgeNode, Source};
use crate::time::Instant;
use crate::twin::identity::{Address, Namespace, PropertyRole};
use crate::twin::world::ONLINE;

/// How often a read is tried before the bridge goes on without knowing.
const TRIES: u32 = 5;
/// The subject under which people find that it did.
const SUBJECT: &str = "read who is online";

/// Assets whose presence is read at once.
#[derive(Debug, Default)]
pub(super) struct PresenceList {
    assets: Vec<Uuid>,
    pub(super) done: bool,
    /// The bridge goes on without knowing.
    given_up: bool,
    pub(super) tries: Tries,
}

impl Plan {
    /// The nodes and devices that were online when SiteWise was last written.
    pub fn online(&self) -> impl Iterator<Item = &Source> {
        let online = self.known_assets.values().filter(|asset| asset.online);
        online.filter_map(|asset| asset.source.as_ref())
    }

    /// Whether SiteWise has this node or device as online since before the start.
    pub fn was_online(&self, source: &Source) -> bool {
        let id = self.namespace.asset(&Address::Source(source));
        self.known_assets.get(&id).is_some_and(|asset| asset.online)
    }

    /// Whether it is known who was online. With all assets listed, begins to ask.
    pub(super) fn presence_known(&mut self) -> bool {
        if let Some(lists) = &self.learning.presence {
            return lists.iter().all(|list| list.done);
        }
        let asked = self.known_assets.iter().filter(|(_, known)| known.source.is_some());
        let mut assets: Vec<_> = asked.map(|(id, _)| *id).collect();
        assets.sort_unstable();
        let lists = assets.chunks(limits::ENTRIES_PER_BATCH_READ);
        let lists = lists.map(|part| PresenceList { assets: part.to_vec(), ..Default::default() });
        let lists: Vec<_> = lists.collect();
        for list in 0..lists.len() {
            self.touch(Job::Presence(list as u32));
        }
        let none = lists.is_empty();
        self.learning.presence = Some(lists);
        none
    }

    pub(super) fn presence_list(&self, list: u32) -> Option<&PresenceList> {
        self.learning.presence.as_ref()?.get(list as usize)
    }

    pub(super) fn read_presence(&self, list: u32) -> Option<Step> {
        let online = |id: &Uuid| {
            let model = self.known_assets.get(id)?.model;
            let role = PropertyRole::Presence;
            Some((*id, self.namespace.property(model, role, &[ONLINE], DataType::Boolean)))
        };
        let assets = &self.presence_list(list)?.assets;
        Some(Step::ReadBooleans(assets.iter().filter_map(online).collect()))
    }

    pub(super) fn presence_read(&mut self, at: usize, answer: Result<Done, Fault>, now: Instant) {
        let Some(tried) = self.presence_list(at as u32).map(|list| list.tries.count) else {
            return;
        };
        let (mut done, mut given_up) = (true, false);
        let mut tries = Tries::default();
        match answer {
            Ok(Done::Booleans(values)) => {
                let lists = self.learning.presence.as_ref();
                let assets = lists.and_then(|lists| lists.get(at)).map(|list| list.assets.clone());
                for (id, value) in assets.unwrap_or_default().iter().zip(values) {
                    if let Some(known) = self.known_assets.get_mut(id) {
                        known.online = value == Some(true);
                    }
                }
            }
            Ok(_) => {}
            // Without it, who went offline in our absence shows as online until it speaks.
            Err(fault) => {
                given_up = fault.kind == FaultKind::Denied || tried + 1 >= TRIES;
                done = given_up;
                tries = self.again(Tries { count: tried, at: now }, now);
                self.problem(SUBJECT.into(), fault.message);
            }
        }
        if let Some(list) = self.learning.presence.as_mut().and_then(|lists| lists.get_mut(at)) {
            list.done = done;
            list.given_up = given_up;
            list.tries = tries;
        }
        let mut lists = self.learning.presence.iter().flatten();
        if lists.all(|list| list.done && !list.given_up) {
            self.problems.remove(SUBJECT);
        }
        self.finish_learning();
    }
}

/// The node or device that an asset stands for, read from its description, which people may
/// have changed: its id tells whether it is true.
pub(super) fn source(namespace: Namespace, id: Uuid, description: Option<&str>) -> Option<Source> {
    let mut parts = description?.split('/');
    let (group, node, device) = (parts.next()?, parts.next()?, parts.next());
    let source = Source { edge: EdgeNode::new(group, node), device: device.map(Into::into) };
    (namespace.asset(&Address::Source(&source)) == id).then_some(source)
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
        }
    }
}

//! The item in memory, with the conditions that a store checks.

use crate::lease::item::{Answer, Call, Item};

/// The item; none before the first bridge took the lease.
#[derive(Clone, Debug, Default)]
pub(super) struct Store {
    pub(super) item: Option<Item>,
}

impl Store {
    pub(super) fn perform(&mut self, call: Call) -> Answer {
        let done = match call {
            Call::Look => true,
            Call::Create { version } => {
                let fits = self.item.is_none();
                if fits {
                    self.item = Some(Item { version, ..Item::default() });
                }
                fits
            }
            Call::Take { by, expected, version, ability, heard } => {
                let fits = self.item.as_ref().map(|item| item.version) == Some(expected);
                if fits {
                    let holder = Some(by);
                    self.item = Some(Item { version, holder, ability, heard, follower: None });
                }
                fits
            }
            Call::Renew { by, version, ability, heard } => self.as_holder(&by, version, |item| {
                item.version = version;
                item.ability = ability;
                item.heard = heard;
            }),
            Call::Release { by, version } => self.as_holder(&by, version, |item| {
                item.version = version;
                item.holder = None;
            }),
            Call::Follow { entry, replaces } => match &mut self.item {
                Some(item) => {
                    let fits = item.follower.as_ref().is_none_or(|there| {
                        (there.id == entry.id && there.beat < entry.beat)
                            || replaces == Some((there.id.clone(), there.beat))
                    });
                    if fits {
                        item.follower = Some(entry);
                    }
                    fits
                }
                None => false,
            },
        };
        if done { Answer::Done(self.item.clone()) } else { Answer::Refused }
    }

    fn as_holder(
        &mut self,
        by: &str,
        version: crate::lease::Version,
        change: impl FnOnce(&mut Item),
    ) -> bool {
        let Some(item) = &mut self.item else { return false };
        let fits = item.holder.as_deref() == Some(by)
            && item.version.epoch == version.epoch
            && item.version.beat < version.beat;
        if fits {
            change(item);
        }
        fits
    }
}

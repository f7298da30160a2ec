//! Rewrites values that SiteWise does not have: of an asset that somebody deleted, and the last
//! value of a second that was full.

use super::later;
use super::leaf::LeafSlotState;
use crate::delivery::point::{Class, Key};
use crate::sitewise::api::Tqv;
use crate::time::{Now, Timestamp};
use crate::twin::assets::AssetIx;
use crate::twin::layout::LeafTarget;
use crate::twin::{Twin, in_window};

impl Twin {
    /// Writes once more what an asset shows, as far as it is known: no birth may come for weeks,
    /// and data has only changes.
    pub(in crate::twin) fn rewrite_asset(&mut self, asset: AssetIx, now: Now) {
        let Self { writer, sources, .. } = self;
        let Some(values) = writer.world.source_of(asset).and_then(|of| sources.get_mut(of)) else {
            return;
        };
        // By the sender's clock: the sender's next value must not be hidden by this one.
        let fallback_time = now.wall.minus(values.clock_lag);
        let in_time = |last: Tqv| match in_window(last.time, now) {
            true => last,
            false => Tqv { time: later(fallback_time, last.time, now), ..last },
        };
        let leaves = values.slots.iter_mut().filter_map(LeafSlotState::leaf_mut);
        for leaf in
            leaves.chain(values.missing_leaves.values_mut()).filter(|leaf| leaf.asset == asset)
        {
            let Some(last) = leaf.last().map(in_time) else { continue };
            if last.time != leaf.time {
                leaf.write_with_sender_time(last.clone(), leaf.sender_time());
            }
            leaf.hidden_by_history = false;
            writer.write_own(leaf.target(), last, Class::Birth);
        }
        let model = writer.world.assets.get(asset).model;
        for ((of, property), last) in &mut values.attributes {
            let desired = writer.world.models.get(model).properties.get(property.0 as usize);
            let Some(form) = desired.map(|desired| desired.form).filter(|_| *of == asset) else {
                continue;
            };
            *last = in_time(last.clone());
            writer.write_own(
                LeafTarget { asset, property: *property, form },
                last.clone(),
                Class::Static,
            );
        }
        if values.asset != asset {
            return;
        }
        let presence_values = values.presence_values();
        values.last_presence_time =
            values.last_presence_time.map(|last| match in_window(last, now) {
                true => last,
                false => later(now.wall, last, now),
            });
        for (property, last) in presence_values {
            let desired = writer.world.models.get(model).properties.get(property.0 as usize);
            if let (Some(form), Some(time)) =
                (desired.map(|desired| desired.form), values.last_presence_time)
            {
                writer.write_own(
                    LeafTarget { asset, property, form },
                    Tqv { time, ..last },
                    Class::Live,
                );
            }
        }
    }

    /// SiteWise takes ten values of a second, and this one was one too many. If it is the latest
    /// it is written at the beginning of the next second: it has to be what SiteWise shows.
    pub fn handle_over_rate_discard(&mut self, key: Key, now: Now) {
        let Self { writer, sources, .. } = self;
        let Some(target) = writer.world.target(key.stream) else { return };
        let LeafTarget { asset, property, .. } = target;
        let Some(values) = writer.world.source_of(asset).and_then(|of| sources.get_mut(of)) else {
            return;
        };
        let next = Timestamp::from_millis((key.time.seconds() + 1).saturating_mul(1000));
        if let Some(leaf) = values.leaf_of(target) {
            let latest =
                !leaf.hidden_by_history && (leaf.time, leaf.quality) == (key.time, key.quality);
            let Some(last) = leaf.last().filter(|_| latest) else { return };
            if in_window(next, now) {
                let last = Tqv { time: next, ..last };
                leaf.write_with_sender_time(last.clone(), leaf.sender_time());
                writer.write_own(leaf.target(), last, Class::Live);
            } else {
                // The next birth writes it.
                leaf.hidden_by_history = true;
            }
            return;
        }
        if let Some(last) = values.attributes.get_mut(&(asset, property)) {
            if (last.time, last.quality) == (key.time, key.quality) {
                last.time = next;
                writer.write_own(target, last.clone(), Class::Static);
            }
            return;
        }
        // Presence values are written together with one timestamp; another of them may have been
        // moved to the next second already.
        let latest = values.last_presence_time.is_some_and(|at| at == key.time || at == next);
        let mut presence_values = values.presence_values().into_iter();
        if values.asset == asset
            && latest
            && let Some((_, last)) = presence_values.find(|(other, _)| *other == property)
        {
            values.last_presence_time = Some(next);
            writer.write_own(target, Tqv { time: next, ..last }, Class::Live);
        }
    }
}

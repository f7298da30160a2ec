//! What follows a value that SiteWise rejects for good: the one before it would stay GOOD.

use super::TICK;
use crate::delivery::point::{Class, Point};
use crate::sitewise::api::{Quality, Tqv, Variant};
use crate::twin::Twin;

impl Twin {
    /// SiteWise rejected a point for good. If nothing later was written, null with BAD is, as where
    /// a value is not of its type: what SiteWise shows is no longer what the machine says, and a
    /// stale mark must not repeat what is rejected.
    ///
    /// It comes a tick later, since the value before may have the same time.
    pub fn handle_rejected(&mut self, point: &Point) {
        let Self { writer, sources, .. } = self;
        writer.handle_rejected(point);
        let Some(target) = writer.world.target(point.stream) else { return };
        let source = writer.world.source_of(target.asset);
        let Some(values) = source.and_then(|source| sources.get_mut(source)) else { return };
        let is_it = |last: &Tqv| {
            !matches!(last.value, Variant::Null(_))
                && (last.time, last.quality) == (point.time, point.quality)
                && last.value == point.value
        };
        let null = Tqv {
            time: point.time.plus(TICK),
            quality: Quality::Bad,
            value: Variant::Null(target.form.data_type()),
        };
        if let Some(leaf) = values.leaf_of(target) {
            if leaf.last().as_ref().is_some_and(is_it) {
                leaf.write(null.clone());
                writer.write_own(target, null, Class::Live);
            }
        } else if values.attribute(target.asset, target.property).is_some_and(is_it) {
            values.write_attribute(writer, target, null);
        }
    }
}

//! Presence: whether a node or device is alive, since when, and how its session fares.

use super::SourceValues;
use super::times::later;
use crate::sitewise::api::{Quality, Tqv, Variant};
use crate::time::{Now, Timestamp};
use crate::twin::mapping;
use crate::twin::models::PropertyIx;
use crate::twin::view::{Liveness, Presence};
use crate::twin::world::PresenceProperties;
use crate::twin::writer::PointWriter;

impl SourceValues {
    /// Whether it is alive, and since when.
    pub(in crate::twin) fn presence(&self) -> Presence {
        let Self { liveness, born, died, gaps, rebirths, .. } = *self;
        let session = self.presence.session.map(|_| (gaps, rebirths));
        Presence { liveness, born, died, session }
    }

    /// The presence values of the asset.
    pub(in crate::twin) fn presence_values(&self) -> Vec<(PropertyIx, Tqv)> {
        let Some(time) = self.last_presence_time else { return Vec::new() };
        let PresenceProperties { online, last_birth, last_death, session } = self.presence;
        let count = |count| Variant::Integer(i32::try_from(count).unwrap_or(i32::MAX));
        let mut values = Vec::new();
        values.extend(online.zip(self.liveness.is_online().map(Variant::Boolean)));
        values.extend(last_birth.zip(self.born.map(mapping::seconds)));
        values.extend(last_death.zip(self.died.map(mapping::seconds)));
        if let Some((gaps, rebirths)) = session {
            values.extend([(gaps, count(self.gaps)), (rebirths, count(self.rebirths))]);
        }
        let good = |(property, value)| (property, Tqv { time, quality: Quality::Good, value });
        values.into_iter().map(good).collect()
    }

    /// Writes that it is alive, and since when.
    pub(super) fn write_birth_presence(
        &mut self,
        writer: &mut PointWriter,
        birth: Timestamp,
        now: Now,
    ) {
        let time = self.presence_time(now.wall, now);
        if self.liveness != Liveness::Online || self.presence_unreliable {
            self.liveness = Liveness::Online;
            writer.write_optional_presence(
                self.asset,
                self.presence.online,
                time,
                Variant::Boolean(true),
            );
        }
        self.born = Some(birth);
        writer.write_optional_presence(
            self.asset,
            self.presence.last_birth,
            time,
            mapping::seconds(birth),
        );
    }

    /// Writes that it is dead, and since when.
    pub(super) fn write_death_presence(
        &mut self,
        writer: &mut PointWriter,
        death: Timestamp,
        now: Now,
    ) {
        let was = std::mem::replace(&mut self.liveness, Liveness::Offline);
        let time = self.presence_time(death, now);
        writer.write_optional_presence(
            self.asset,
            self.presence.online,
            time,
            Variant::Boolean(false),
        );
        // It may have died long ago: SiteWise could not be read.
        if was != Liveness::Unknown {
            self.died = Some(death);
            writer.write_optional_presence(
                self.asset,
                self.presence.last_death,
                time,
                mapping::seconds(death),
            );
        }
    }

    /// Writes once more whether it is alive, after a step of our clock; and has the next birth write
    /// every value.
    pub(in crate::twin) fn rewrite_after_clock_step(&mut self, writer: &mut PointWriter, now: Now) {
        self.presence_unreliable = true;
        if let Some(online) = self.liveness.is_online() {
            let time = self.presence_time(now.wall, now);
            writer.write_optional_presence(
                self.asset,
                self.presence.online,
                time,
                Variant::Boolean(online),
            );
        }
    }

    /// A presence value waited until it was too old for SiteWise. If it said whether the machine is
    /// alive, and that still holds, it is written again.
    pub(in crate::twin) fn presence_too_old(
        &mut self,
        writer: &mut PointWriter,
        property: PropertyIx,
        value: &Variant,
        now: Now,
    ) {
        let is_online_property = self.presence.online == Some(property);
        if is_online_property
            && self.liveness.is_online().map(Variant::Boolean).as_ref() == Some(value)
        {
            self.rewrite_after_clock_step(writer, now);
        }
    }

    /// The time of the next presence value: never before the last one, unless a clock has gone back
    /// so far that SiteWise would not take that.
    pub(super) fn presence_time(&mut self, fallback_time: Timestamp, now: Now) -> Timestamp {
        let time =
            self.last_presence_time.map_or(fallback_time, |last| later(fallback_time, last, now));
        self.last_presence_time = Some(time);
        time
    }
}

//! The bridge's own asset: its heartbeat, and detection of clock steps.

use std::time::Duration;

use super::assets::AssetIx;
use super::models::PropertyIx;
use super::world::DesiredWorld;
use super::{Twin, mapping};
use crate::time::{Instant, Now};

/// Interval of the bridge's heartbeats.
const BEAT: Duration = Duration::from_secs(60);
/// The wall clock was stepped if it went this much faster or slower than the monotonic one.
const STEP: Duration = Duration::from_secs(60);

/// The heartbeat of the bridge.
#[derive(Debug)]
pub(super) struct Heartbeat {
    pub asset: AssetIx,
    pub property: PropertyIx,
    pub next: Instant,
}

/// How the wall clock stands to the monotonic one: if that changes, it was stepped.
#[derive(Debug, Default)]
pub(super) enum ClockWatch {
    /// Not known yet.
    #[default]
    Unknown,
    /// By so many milliseconds since the epoch.
    Offset(i64),
    /// Time is that of a capture, where a pause between two messages is no step.
    Off,
}

impl Twin {
    /// For a dry run: takes the wall clock as it comes with each message.
    #[must_use]
    pub fn without_clock_watch(self) -> Self {
        Self { clock: ClockWatch::Off, ..self }
    }

    /// Creates the bridge's own asset and starts its heartbeat.
    pub(super) fn start_heartbeat(&mut self, now: Now) {
        // Without room for its own asset the bridge goes on without a heartbeat.
        if let Ok((asset, property)) = self.writer.world.ensure_bridge(&self.config.host_id) {
            self.heartbeat = Some(Heartbeat { asset, property, next: now.instant });
        }
        self.writer.world.settle_changes(now.instant);
        self.write_heartbeat(now);
    }

    /// Writes the heartbeat that is due.
    pub(super) fn write_heartbeat(&mut self, now: Now) {
        // Of two bridges the one that acts writes it.
        if !self.writer.world.plan.holds_writes()
            && let Some(beat) = &mut self.heartbeat
            && beat.next <= now.instant
        {
            beat.next = now.instant + BEAT;
            let value = mapping::seconds(now.wall);
            self.writer.write_presence(beat.asset, beat.property, now.wall, value);
        }
    }

    /// When the next heartbeat is due.
    pub(super) fn next_heartbeat(&self) -> Option<Instant> {
        let beat = self.heartbeat.as_ref().filter(|_| !self.writer.world.plan.holds_writes());
        beat.map(|beat| beat.next)
    }

    /// Another bridge writes to SiteWise: this one reads, and decides what it would write.
    pub fn follow(&mut self) {
        self.writer.world.plan.hold_writes();
    }

    /// This bridge writes to SiteWise from now on. What the one before wrote last of the presence of
    /// machines may be wrong, since it heard less: it is written anew.
    pub fn act(&mut self, now: Now) {
        if !self.writer.world.plan.holds_writes() {
            return;
        }
        let DesiredWorld { models, assets, plan, .. } = &mut self.writer.world;
        plan.allow_writes(models, assets, now.instant);
        if let Some(beat) = &mut self.heartbeat {
            beat.next = now.instant;
        }
        for values in self.sources.values_mut() {
            values.rewrite_after_clock_step(&mut self.writer, now);
        }
        self.reread_presence();
    }

    /// Notes how the two clocks stand to each other. Where the wall clock was stepped, what was
    /// written with it may have been rejected, or may not be what SiteWise shows as the latest.
    pub(super) fn watch_clock(&mut self, now: Now) {
        let since_start = i64::try_from(now.instant.since(Instant::START).as_millis());
        let began = now.wall.as_millis() - since_start.unwrap_or(i64::MAX);
        let is_step = match self.clock {
            ClockWatch::Off => return,
            ClockWatch::Unknown => false,
            ClockWatch::Offset(before) => before.abs_diff(began) > STEP.as_millis() as u64,
        };
        self.clock = ClockWatch::Offset(began);
        if is_step {
            for values in self.sources.values_mut() {
                values.rewrite_after_clock_step(&mut self.writer, now);
            }
        }
    }
}

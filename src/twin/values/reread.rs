//! Reads presence again when this bridge begins to act.
//!
//! The bridge before wrote presence by its own clock. If that was ahead of this bridge's, SiteWise would
//! go on showing what it wrote, whatever happens to the machine.

use super::SourceValues;
use super::lookup::ENTRIES;
use crate::sitewise::api::{Tqv, Variant};
use crate::sparkplug::address::Source;
use crate::time::Now;
use crate::twin::Twin;
use crate::twin::layout::LeafTarget;
use crate::twin::mapping::ValueForm;
use crate::twin::plan::ShownRead;
use crate::twin::writer::PointWriter;

impl Twin {
    /// Reads what SiteWise shows of the presence of all machines whose assets it has.
    pub(in crate::twin) fn reread_presence(&mut self) {
        let mut sources: Vec<_> = self.sources.keys().cloned().collect();
        sources.sort_unstable();
        let mut of = Vec::new();
        for source in sources {
            let Some(values) = self.sources.get(&source) else { continue };
            let Some(property) = values.presence.online else { continue };
            let target = LeafTarget { asset: values.asset, property, form: ValueForm::Boolean };
            let stream = self.writer.world.stream(target);
            if self.gate(stream).is_none() {
                of.push((source, stream));
            }
        }
        for batch in of.chunks(ENTRIES) {
            let (sources, streams) = batch.iter().cloned().unzip();
            self.lookups.next_id += 1;
            self.lookups.presence_batches.insert(self.lookups.next_id, sources);
            self.writer.world.plan.look_up(self.lookups.next_id, streams);
        }
    }

    /// Handles a batch of it.
    pub(super) fn presence_reread(&mut self, of: Vec<Source>, shown: Vec<ShownRead>, now: Now) {
        for (source, shown) in of.into_iter().zip(shown) {
            if let ShownRead::Value(shown) = shown
                && let Some(values) = self.sources.get_mut(&source)
            {
                values.compare_presence(&mut self.writer, &shown, now);
            }
        }
    }
}

impl SourceValues {
    /// What SiteWise shows of `Online`: whatever follows is later, and what it should show is written
    /// again where that hides it.
    fn compare_presence(&mut self, writer: &mut PointWriter, shown: &Tqv, now: Now) {
        if self.last_presence_time.is_some_and(|last| last >= shown.time) {
            return;
        }
        self.last_presence_time = Some(shown.time);
        let online = self.liveness.is_online().map(Variant::Boolean);
        if let Some(online) = online.filter(|online| *online != shown.value) {
            let time = self.presence_time(now.wall, now);
            writer.write_optional_presence(self.asset, self.presence.online, time, online);
        }
    }
}

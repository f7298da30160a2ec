//! Metrics of a birth whose name another one has.

use super::super::datatype::DataType;
use super::super::event::Slot;
use super::super::findings::Finding;
use super::super::metric::{self, Inherited};
use super::super::proto::payload as wire;
use super::super::table::NameTarget;
use super::BirthReader;

impl BirthReader<'_> {
    /// A further value of a leaf that occurred before in the payload. One that is declared as
    /// something else is another metric by the same name: the first one counts.
    pub(super) fn repeated_leaf(
        &mut self,
        name: &str,
        known: NameTarget,
        wire: &wire::Metric,
        inherited: Inherited,
    ) {
        let is_other = match known {
            NameTarget::Leaf(slot) => self.is_other(slot, wire),
            NameTarget::Excluded => false,
            NameTarget::Instance(_) | NameTarget::Ambiguous => true,
        };
        let in_past = match known {
            NameTarget::Leaf(slot) => {
                self.historical_slots.contains(&slot) || wire.is_historical == Some(true)
            }
            _ => false,
        };
        // Alarms and values of the past stand beside their metric's.
        if is_other || !(in_past || metric::is_alarm(wire) || known == NameTarget::Excluded) {
            let Self { findings, source, .. } = self;
            findings.note_with_example(Finding::RepeatedMetric, || format!("{source}/{name}"));
        }
        if let Some(alias) = wire.alias
            && matches!(known, NameTarget::Leaf(_) | NameTarget::Excluded)
            && !(is_other && self.table.has_alias(alias))
        {
            let target = if is_other { NameTarget::Ambiguous } else { known };
            self.table.add_alias(alias, target, self.findings);
        }
        if is_other && let NameTarget::Leaf(slot) = known {
            self.ambiguous.push(slot);
        }
        let slot = match known {
            NameTarget::Leaf(slot) if !is_other => slot,
            NameTarget::Excluded => return self.excluded += 1,
            NameTarget::Leaf(_) | NameTarget::Instance(_) | NameTarget::Ambiguous => {
                self.skipped += metric::values(wire);
                return;
            }
        };
        let datatype = self.table.datatype(slot);
        let sample = metric::sample(wire, datatype, inherited, self.findings);
        self.repeated_values.push((slot, sample));
    }

    /// Whether a metric is declared as something else than the leaf of its name.
    fn is_other(&self, slot: Slot, wire: &wire::Metric) -> bool {
        let (declared, born) = (DataType::declared(wire.datatype), self.table.datatype(slot));
        let differs = declared.is_some() && born.is_some() && declared != born;
        let instance = matches!(wire.value, Some(wire::metric::Value::TemplateValue(_)));
        !metric::is_alarm(wire) && (differs || instance)
    }
}

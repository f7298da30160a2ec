//! What exceeds a configured cap: counted, and the machine is named.
//!
//! A cap does not affect what fits. What does not fit is dropped at once, and the machine is shown
//! with the cap and the first thing that was dropped.

use std::collections::BTreeMap;

use crate::sparkplug::address::Source;
use crate::sparkplug::text::shown;

/// Machines that are named; further ones are only counted.
const MACHINES: usize = 10_000;

/// A configured cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cap {
    /// `TWIN_MAX_MODELS`.
    Models,
    /// `TWIN_MAX_PROPERTIES`.
    Properties,
    /// `TWIN_MAX_ASSETS`.
    Assets,
}

impl Cap {
    /// All caps.
    pub const ALL: [Self; 3] = [Self::Models, Self::Properties, Self::Assets];

    /// The variable that sets it.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Models => "TWIN_MAX_MODELS",
            Self::Properties => "TWIN_MAX_PROPERTIES",
            Self::Assets => "TWIN_MAX_ASSETS",
        }
    }

    /// What people can do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Models => "raise it, or let devices of one kind share a model with TWIN_KINDS",
            Self::Properties => {
                "exclude what needs no twin with SPARKPLUG_EXCLUDE, or group its folders into assets \
                 with TWIN_RULES; raise it where it is below 5000, SiteWise's own limit"
            }
            Self::Assets => "raise it, or exclude what needs no twin with SPARKPLUG_EXCLUDE",
        }
    }

    /// As a label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Models => "models",
            Self::Properties => "properties",
            Self::Assets => "assets",
        }
    }
}

/// What was dropped of a machine at a cap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CapLoss {
    /// The first thing of its latest birth that was dropped.
    pub example: String,
    /// Values dropped since it exceeded the cap.
    pub values: u64,
}

/// Which machines exceeded which cap with their latest birth.
#[derive(Debug, Default)]
pub(super) struct CappedMachines {
    machines: BTreeMap<(Source, Cap), CapLoss>,
    /// Caps that the birth being laid out exceeded.
    exceeded_now: [Option<String>; Cap::ALL.len()],
}

impl CappedMachines {
    /// The birth being laid out exceeds a cap with `what`.
    #[expect(clippy::indexing_slicing, reason = "the array has a place for each variant")]
    pub(super) fn exceed(&mut self, cap: Cap, what: impl FnOnce() -> String) {
        self.exceeded_now[cap as usize].get_or_insert_with(|| shown(&what()).into_owned());
    }

    /// The birth of `source` is laid out. Returns the caps that it exceeded and that were not
    /// reported.
    pub(super) fn finish_birth(&mut self, source: &Source) -> Vec<(Cap, String)> {
        let mut unreported = Vec::new();
        for (cap, exceeded) in Cap::ALL.into_iter().zip(std::mem::take(&mut self.exceeded_now)) {
            let Some(example) = exceeded else {
                if !self.machines.is_empty() {
                    self.machines.remove(&(source.clone(), cap));
                }
                continue;
            };
            let full = self.machines.len() >= MACHINES;
            match self.machines.get_mut(&(source.clone(), cap)) {
                Some(lost) => lost.example = example,
                None if full => {}
                None => {
                    let lost = CapLoss { example: example.clone(), values: 0 };
                    self.machines.insert((source.clone(), cap), lost);
                    unreported.push((cap, example));
                }
            }
        }
        unreported
    }

    /// This many values of a machine were dropped.
    pub(super) fn count_lost(&mut self, source: &Source, cap: Cap, values: u64) {
        if values > 0
            && let Some(lost) = self.machines.get_mut(&(source.clone(), cap))
        {
            lost.values += values;
        }
    }

    /// All that exceeded a cap.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Source, Cap, &CapLoss)> {
        self.machines.iter().map(|((source, cap), lost)| (source, *cap, lost))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparkplug::address::EdgeNode;

    fn machine(number: usize) -> Source {
        Source { edge: EdgeNode::new("g", format!("n{number}")), device: None }
    }

    #[test]
    fn a_machine_is_told_once_until_it_fits_again() {
        let mut capped = CappedMachines::default();
        let pump = machine(1);
        let meet = |capped: &mut CappedMachines, what: &str| {
            capped.exceed(Cap::Properties, || what.to_owned());
            capped.exceed(Cap::Properties, || unreachable!("the first is the example"));
            capped.finish_birth(&pump)
        };
        assert_eq!(meet(&mut capped, "a"), [(Cap::Properties, "a".to_owned())]);
        capped.count_lost(&pump, Cap::Properties, 3);
        capped.count_lost(&pump, Cap::Assets, 3);
        assert_eq!(meet(&mut capped, "b"), []);
        let lost = CapLoss { example: "b".to_owned(), values: 3 };
        assert_eq!(capped.iter().collect::<Vec<_>>(), [(&pump, Cap::Properties, &lost)]);
        assert_eq!(capped.finish_birth(&pump), []);
        assert_eq!(capped.iter().count(), 0);
        assert_eq!(meet(&mut capped, "c").len(), 1);
    }

    #[test]
    fn memory_is_bounded() {
        let mut capped = CappedMachines::default();
        for number in 0..MACHINES + 5 {
            capped.exceed(Cap::Assets, || "x".to_owned());
            capped.finish_birth(&machine(number));
        }
        assert_eq!(capped.iter().count(), MACHINES);
    }
}

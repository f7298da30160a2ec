//! Units and defaults that differ between births.
//!
//! SiteWise has one unit and one default of a property for all assets of its model. They are set
//! when the property is made, and stay: another birth would turn them back. So a later birth, or
//! another node's, does not change them, and the difference is a finding.

use std::fmt;

use super::identity::PropertyRole;
use super::models::{DesiredModels, ModelIx, PropertyIx, PropertyRequest};
use super::{Output, names};
use crate::sparkplug::address::{EdgeNode, Source};
use crate::sparkplug::findings::Finding;

/// Differences reported for one birth; beyond, they are many of one kind.
const MAX_REPORTED: usize = 100;

/// What two births say differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiffPart {
    /// The engineering unit.
    Unit,
    /// The default of a parameter or static property.
    Default,
}

/// A birth says something else of a property than the one that brought it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The edge node that says it.
    pub edge: EdgeNode,
    /// The model and its property, a slash between.
    pub property: String,
    /// What it says otherwise.
    pub part: DiffPart,
    /// What it says.
    pub declared: String,
    /// What was said first, and stays; none where nothing was.
    pub in_model: Option<String>,
    /// Whose birth that was; none for what SiteWise had at the start.
    pub declared_first_by: Option<Source>,
}

impl Output {
    /// The finding that reports a difference.
    pub(super) fn from_difference(difference: Difference) -> Self {
        let example = difference.to_string();
        Self::Finding { edge: difference.edge, finding: Finding::DefinitionsDiffer, example }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { edge, property, part, declared, in_model, declared_first_by } = self;
        let part = match part {
            DiffPart::Unit => "unit",
            DiffPart::Default => "default",
        };
        write!(f, "{edge} gives {property} the {part} {declared:?}, ")?;
        match declared_first_by {
            Some(first) => write!(f, "{first} gave ")?,
            None => write!(f, "SiteWise has ")?,
        }
        match in_model {
            Some(kept) => write!(f, "{kept:?}"),
            None => write!(f, "none"),
        }
    }
}

impl DesiredModels {
    /// Records where `wanted` differs from the existing property.
    ///
    /// To say nothing is no difference: an instance need not repeat its definition. That a node
    /// says more in one place than in another is none either.
    pub(super) fn compare(
        &mut self,
        ix: ModelIx,
        property: PropertyIx,
        wanted: PropertyRequest<'_>,
    ) {
        let model = self.get(ix);
        let Some(has) = model.properties.get(property.0 as usize) else { return };
        let Some(speaker) = &self.current_source else { return };
        let first = has.source.as_deref();
        let (part, declared, in_model) = match wanted.default {
            Some(_) => (DiffPart::Default, wanted.default, has.default()),
            None => (DiffPart::Unit, wanted.unit, has.unit.as_deref()),
        };
        let is_same_node = first.is_none_or(|first| first.edge == speaker.edge);
        if has.role == PropertyRole::Presence
            || declared == in_model
            || in_model.is_none() && is_same_node
        {
            return;
        }
        let shown = match part {
            DiffPart::Unit => declared.and_then(names::unit),
            DiffPart::Default => declared.map(str::to_owned),
        };
        let Some(shown) = shown.filter(|shown| Some(shown.as_str()) != in_model) else { return };
        self.differences.note(Difference {
            edge: speaker.edge.clone(),
            property: format!("{}/{}", model.name, has.name),
            part,
            declared: shown,
            in_model: in_model.map(str::to_owned),
            declared_first_by: first.cloned(),
        });
    }
}

/// Those of the birth that is laid out, each once.
#[derive(Debug, Default)]
pub(super) struct Differences(Vec<Difference>);

impl Differences {
    pub(super) fn note(&mut self, difference: Difference) {
        if self.0.len() < MAX_REPORTED && !self.0.contains(&difference) {
            self.0.push(difference);
        }
    }

    pub(super) fn take(&mut self) -> Vec<Difference> {
        std::mem::take(&mut self.0)
    }
}

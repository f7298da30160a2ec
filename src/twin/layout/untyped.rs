//! What is said without a type: it is of the one that it had before.

use super::{LayoutBuilder, PendingAttribute, form, unit};
use crate::sparkplug::datatype::DataType as SparkplugType;
use crate::sparkplug::event::{Sample, SparkplugQuality, StaticProperty};
use crate::sparkplug::value::Value;
use crate::twin::identity::PropertyRole;
use crate::twin::mapping::{self, ValueForm};
use crate::twin::models::{DesiredModels, ModelIx, PropertyIx, PropertyRequest};

/// How a property of a model is looked for.
type FindProperty = fn(&DesiredModels, ModelIx, PropertyRequest<'_>) -> Option<PropertyIx>;

/// The forms that a model has of what is called so. A point in time is in seconds: what 0.1.0 had
/// in milliseconds stays as it is.
pub(in crate::twin) fn known_forms(
    models: &DesiredModels,
    model: ModelIx,
    (role, path): (PropertyRole, &[&str]),
    find: FindProperty,
) -> Vec<(ValueForm, PropertyIx)> {
    let wanted = |form| PropertyRequest {
        role,
        path,
        name: None,
        form,
        unit: unit(&[], form),
        default: None,
    };
    let known = |form| Some((form, find(models, model, wanted(form))?));
    let mut known: Vec<_> = ValueForm::ALL.into_iter().filter_map(known).collect();
    if known.iter().any(|(form, _)| *form == ValueForm::Seconds) {
        known.retain(|(form, _)| *form != ValueForm::Double);
    }
    known
}

/// The form of an attribute that says no type: the only one of these that takes its value, unless
/// the form that the value suggests is among them.
pub(in crate::twin) fn form_among(
    sent: &StaticProperty,
    suggested: Option<ValueForm>,
    known: impl IntoIterator<Item = ValueForm>,
) -> Option<ValueForm> {
    let known: Vec<_> = known.into_iter().collect();
    match known[..] {
        [known] if takes(known, sent.value.as_ref()) => Some(known),
        _ => suggested,
    }
}

/// Whether what is there in another form is no longer so, now that it is said in this one. What 0.1.0
/// had in milliseconds stays as it is.
pub(in crate::twin) fn is_replaced(other: ValueForm, form: Option<ValueForm>) -> bool {
    let in_millis = form == Some(ValueForm::Seconds) && other == ValueForm::Double;
    form != Some(other) && !in_millis
}

/// Whether a property of this form has a place for a value.
pub(in crate::twin) fn takes(form: ValueForm, value: Option<&Value>) -> bool {
    mapping::convert(value, SparkplugQuality::Good, form).is_ok()
}

impl<'a> LayoutBuilder<'a> {
    /// The form of a leaf. One that is null and says no type has the only one that its model knows.
    pub(super) fn form_of(
        &self,
        (model, path): (ModelIx, &[&str]),
        (datatype, sample): (Option<SparkplugType>, &Sample),
    ) -> Option<ValueForm> {
        let says_something = sample.value.is_some() || sample.rejected_value.is_some();
        if datatype.is_some() || says_something {
            return form(self.config, datatype);
        }
        let place = (PropertyRole::Member, path);
        match known_forms(&self.world.models, model, place, DesiredModels::find)[..] {
            [(form, _)] => Some(form),
            _ => None,
        }
    }

    /// The form of an attribute that is sent, and those that its model has of it besides.
    pub(super) fn forms_of_attribute(
        &self,
        PendingAttribute { spot, role, path, property: sent, .. }: &PendingAttribute<'a>,
    ) -> (Option<ValueForm>, Vec<(ValueForm, PropertyIx)>) {
        // Most say their types: no ids are made for them.
        let find = match sent.is_typed {
            true => DesiredModels::find_asked,
            false => DesiredModels::find,
        };
        let mut known = known_forms(&self.world.models, spot.model, (*role, path), find);
        let own = form(self.config, sent.datatype);
        let form = match sent.is_typed || known.iter().any(|(form, _)| Some(*form) == own) {
            true => own,
            false => form_among(sent, own, known.iter().map(|(form, _)| *form)),
        };
        known.retain(|(known, _)| is_replaced(*known, form));
        (form, known)
    }
}

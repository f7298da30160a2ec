//! A property of a desired model. There may be as many as there are metrics, so it keeps nothing
//! that follows from the rest.

use std::sync::Arc;

use uuid::Uuid;

use super::identity::{Namespace, PropertyRole};
use super::mapping::ValueForm;
use crate::sitewise::api::{self, PropertyKind};
use crate::sparkplug::address::Source;

/// A property as wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredProperty {
    /// Its id.
    pub id: Uuid,
    /// For people; no other property of the model is called so.
    pub name: Arc<str>,
    /// Unit of its values.
    pub unit: Option<Box<str>>,
    /// What few properties have.
    pub(super) uncommon: Option<Box<UncommonParts>>,
    /// Whose birth asked for it first; none for what the bridge adds by itself.
    pub source: Option<Arc<Source>>,
    /// Why it is there.
    pub role: PropertyRole,
    /// Form of its values.
    pub form: ValueForm,
    /// SiteWise has it, and nobody has asked for it since the start: its role is a guess, and its
    /// path is not known.
    pub(super) imported: bool,
}

/// What a property has beyond what most have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct UncommonParts {
    /// Default of an attribute.
    pub default: Option<Box<str>>,
    /// The path, where it is not the name alone.
    pub path: Option<Box<[Box<str>]>>,
}

impl UncommonParts {
    /// None where there is nothing.
    pub(super) fn of(
        default: Option<Box<str>>,
        path: Option<Box<[Box<str>]>>,
    ) -> Option<Box<Self>> {
        let some = default.is_some() || path.is_some();
        some.then(|| Box::new(Self { default, path }))
    }
}

impl DesiredProperty {
    /// Default of an attribute that has one.
    pub fn default(&self) -> Option<&str> {
        self.uncommon.as_ref()?.default.as_deref()
    }

    /// Whether it is static, rather than a stream.
    pub fn is_attribute(&self) -> bool {
        match self.role {
            PropertyRole::Parameter | PropertyRole::Property => true,
            PropertyRole::Member | PropertyRole::Presence => false,
        }
    }

    /// Whether SiteWise has it and no birth has asked for it yet: its role is a guess, and its path is not
    /// known.
    pub fn is_imported(&self) -> bool {
        self.imported
    }

    /// The names of the members down to it: what its id is made of.
    pub fn path(&self) -> impl Iterator<Item = &str> {
        let path = self.uncommon.as_ref().and_then(|uncommon| uncommon.path.as_deref());
        let name = path.is_none().then_some(&*self.name);
        name.into_iter().chain(path.unwrap_or_default().iter().map(|name| &**name))
    }

    /// As it is sent to SiteWise, as part of the model called `model`.
    pub(super) fn for_model(&self, model: &str, namespace: Namespace) -> api::Property {
        let default = self.default().map(str::to_owned);
        api::Property {
            id: self.id,
            external_id: namespace.external_id(&format!("{model}/{}", self.name), self.id),
            name: self.name.to_string(),
            data_type: self.form.data_type(),
            unit: self.unit.as_deref().map(str::to_owned),
            kind: match self.is_attribute() {
                true => PropertyKind::Attribute { default },
                false => PropertyKind::Measurement,
            },
        }
    }
}

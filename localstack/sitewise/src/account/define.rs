//! From what a request defines to the parts of a [`Definition`], and the rules these must meet.
//!
//! Source: API Reference, `CreateAssetModel`, `UpdateAssetModel`, `AssetModelPropertyDefinition`.

use std::collections::HashSet;

use serde::Deserialize;
use uuid::Uuid;

use super::Account;
use super::definition::{DataType, Definition, Hierarchy, Property, PropertyKind, PropertyType};
use crate::wire::error::{Error, Result};
use crate::wire::reference::Reference;

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PropertyInput {
    pub(crate) id: Option<Reference>,
    pub(crate) external_id: Option<Box<str>>,
    pub(crate) name: Box<str>,
    pub(crate) data_type: DataType,
    pub(crate) data_type_spec: Option<Box<str>>,
    pub(crate) unit: Option<Box<str>>,
    #[serde(rename = "type")]
    pub(crate) shape: PropertyType,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HierarchyInput {
    pub(crate) id: Option<Reference>,
    pub(crate) external_id: Option<Box<str>>,
    pub(crate) name: Box<str>,
    pub(crate) child_asset_model_id: Reference,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CompositeInput {
    pub(crate) id: Option<Reference>,
    pub(crate) external_id: Option<Box<str>>,
    pub(crate) name: Box<str>,
    pub(crate) description: Option<Box<str>>,
    #[serde(rename = "type")]
    pub(crate) kind: Box<str>,
    #[serde(default)]
    pub(crate) properties: Option<Vec<PropertyInput>>,
}

/// The identity of a part: taken from the request, found among the parts there were, or new.
pub(crate) struct Identity {
    pub(crate) id: Uuid,
    pub(crate) external_id: Option<Box<str>>,
}

/// Finds out which part a request means. `known` are the ids and external ids of the parts there
/// were. An external id is set once and never changed.
///
/// # Errors
///
/// `InvalidRequestException`.
pub(crate) fn identify<'a>(
    id: Option<&Reference>,
    external_id: Option<&str>,
    known: impl Iterator<Item = (Uuid, Option<&'a str>)> + Clone,
) -> Result<Identity> {
    let found = match id {
        Some(Reference::Id(id)) => known.clone().find(|(known, _)| known == id),
        Some(Reference::External(external)) => {
            Some(known.clone().find(|(_, known)| *known == Some(external)).ok_or_else(|| {
                Error::invalid(format!("externalId:{external} names nothing in the asset model"))
            })?)
        }
        None => None,
    };
    if let Some((id, known)) = found {
        if let (Some(known), Some(given)) = (known, external_id)
            && known != given
        {
            return Err(Error::invalid(format!(
                "The external id {known} cannot be changed to {given}"
            )));
        }
        return Ok(Identity { id, external_id: external_id.or(known).map(Box::from) });
    }
    if let Some(external) = external_id
        && known.clone().any(|(_, known)| known == Some(external))
    {
        return Err(Error::invalid(format!(
            "The external id {external} is already in use in the asset model"
        )));
    }
    let id = match id {
        Some(Reference::Id(id)) => *id,
        _ => Uuid::new_v4(),
    };
    Ok(Identity { id, external_id: external_id.map(Box::from) })
}

/// Makes properties of one level (a model's root or one composite model) out of a request.
/// `before` are the properties this level had.
///
/// # Errors
///
/// `InvalidRequestException` for any rule that is not met.
pub(crate) fn properties(inputs: Vec<PropertyInput>, before: &[Property]) -> Result<Vec<Property>> {
    let known = before.iter().map(|property| (property.id, property.external_id.as_deref()));
    let mut made = Vec::with_capacity(inputs.len());
    for input in inputs {
        let identity = identify(input.id.as_ref(), input.external_id.as_deref(), known.clone())?;
        let property = Property {
            id: identity.id,
            external_id: identity.external_id,
            name: input.name,
            data_type: input.data_type,
            data_type_spec: input.data_type_spec,
            unit: input.unit,
            shape: input.shape,
        };
        check_property(&property)?;
        match before.iter().find(|known| known.id == property.id) {
            Some(known) => check_change(known, &property)?,
            None if before.iter().any(|known| known.name == property.name) => {
                return Err(Error::invalid(format!(
                    "A property with the name {} exists and must be removed before the name is used again",
                    property.name
                )));
            }
            None => {}
        }
        made.push(property);
    }
    unique("property name", made.iter().map(|property| &*property.name))?;
    Ok(made)
}

/// Makes hierarchies out of a request.
///
/// # Errors
///
/// `InvalidRequestException`, or `ResourceNotFoundException` for an unknown child model.
pub(crate) fn hierarchies(
    account: &Account,
    inputs: Vec<HierarchyInput>,
    before: &[Hierarchy],
) -> Result<Vec<Hierarchy>> {
    let known = before.iter().map(|hierarchy| (hierarchy.id, hierarchy.external_id.as_deref()));
    let mut made = Vec::with_capacity(inputs.len());
    for input in inputs {
        let identity = identify(input.id.as_ref(), input.external_id.as_deref(), known.clone())?;
        let child_model = account.model_id(&input.child_asset_model_id)?;
        let hierarchy = Hierarchy {
            id: identity.id,
            external_id: identity.external_id,
            name: input.name,
            child_model,
        };
        if let Some(known) = before.iter().find(|known| known.id == hierarchy.id)
            && known.child_model != child_model
        {
            return Err(Error::invalid(format!(
                "The child asset model of hierarchy {} cannot be changed",
                known.name
            )));
        }
        made.push(hierarchy);
    }
    unique("hierarchy name", made.iter().map(|hierarchy| &*hierarchy.name))?;
    Ok(made)
}

/// Checks what must hold over the whole of a definition.
///
/// # Errors
///
/// `InvalidRequestException`.
pub(crate) fn check_whole(definition: &Definition) -> Result<()> {
    let parts = || {
        let properties = definition
            .all_properties()
            .map(|(property, _)| (property.id, property.external_id.as_deref()));
        let hierarchies =
            definition.hierarchies.iter().map(|part| (part.id, part.external_id.as_deref()));
        let composites =
            definition.composites.iter().map(|part| (part.id, part.external_id.as_deref()));
        properties.chain(hierarchies).chain(composites)
    };
    unique("id", parts().map(|(id, _)| id))?;
    let externals =
        definition.all_properties().filter_map(|(property, _)| property.external_id.as_deref());
    unique("property external id", externals)?;
    unique(
        "hierarchy external id",
        definition.hierarchies.iter().filter_map(|part| part.external_id.as_deref()),
    )?;
    unique(
        "composite external id",
        definition.composites.iter().filter_map(|part| part.external_id.as_deref()),
    )?;
    unique(
        "composite model name",
        definition.composites.iter().map(|part| (part.parent, &*part.name)),
    )
}

fn unique<T: Eq + std::hash::Hash + std::fmt::Debug>(
    what: &str,
    items: impl Iterator<Item = T>,
) -> Result<()> {
    let mut seen = HashSet::new();
    for item in items {
        let text = format!("{item:?}");
        if !seen.insert(item) {
            return Err(Error::invalid(format!("Duplicate {what} in the asset model: {text}")));
        }
    }
    Ok(())
}

fn check_property(property: &Property) -> Result<()> {
    let name = &property.name;
    let Some(kind) = property.shape.kind() else {
        return Err(Error::invalid(format!("Property {name} must have exactly one type")));
    };
    match property.data_type {
        DataType::Video | DataType::Annotation | DataType::Json => {
            return Err(Error::invalid(format!(
                "Data type {} is not supported for asset model property {name}",
                property.data_type.name()
            )));
        }
        DataType::Struct if property.data_type_spec.is_none() => {
            return Err(Error::invalid(format!(
                "Property {name} of data type STRUCT must have a dataTypeSpec"
            )));
        }
        DataType::String | DataType::Integer | DataType::Double | DataType::Boolean
            if property.data_type_spec.is_some() =>
        {
            return Err(Error::invalid(format!("Property {name} must not have a dataTypeSpec")));
        }
        _ => {}
    }
    match kind {
        PropertyKind::Attribute => check_default(property),
        PropertyKind::Measurement => Ok(()),
        PropertyKind::Transform
            if !matches!(property.data_type, DataType::Double | DataType::String) =>
        {
            Err(Error::invalid(format!(
                "Transform {name} must have the data type DOUBLE or STRING"
            )))
        }
        PropertyKind::Metric
            if !matches!(
                property.data_type,
                DataType::Double | DataType::String | DataType::Integer
            ) =>
        {
            Err(Error::invalid(format!("Metric {name} must have a numeric or STRING data type")))
        }
        PropertyKind::Transform | PropertyKind::Metric => super::expressions::check_own(property),
    }
}

fn check_default(property: &Property) -> Result<()> {
    let default =
        property.shape.attribute.as_ref().and_then(|attribute| attribute.default_value.as_deref());
    let fits = default.is_none_or(|text| match property.data_type {
        DataType::Double => text.parse::<f64>().is_ok_and(f64::is_finite),
        DataType::Integer => text.parse::<i32>().is_ok(),
        DataType::Boolean => text.parse::<bool>().is_ok(),
        _ => true,
    });
    if fits {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "The default value of property {} does not match data type {}",
        property.name,
        property.data_type.name()
    )))
}

fn check_change(before: &Property, after: &Property) -> Result<()> {
    let changed =
        if before.data_type != after.data_type || before.data_type_spec != after.data_type_spec {
            "data type"
        } else if before.kind() != after.kind() {
            "type"
        } else if before.kind() == PropertyKind::Metric && window(before) != window(after) {
            "metric window"
        } else {
            return Ok(());
        };
    Err(Error::invalid(format!("The {changed} of property {} cannot be changed", before.name)))
}

fn window(property: &Property) -> Option<&super::definition::Window> {
    property.shape.metric.as_ref().map(|metric| &metric.window)
}

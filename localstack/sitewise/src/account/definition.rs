//! What an asset model defines: properties, hierarchies and composite models.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The data type of a property or a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum DataType {
    String,
    Integer,
    Double,
    Boolean,
    Struct,
    Video,
    Annotation,
    Json,
}

impl DataType {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::String => "STRING",
            Self::Integer => "INTEGER",
            Self::Double => "DOUBLE",
            Self::Boolean => "BOOLEAN",
            Self::Struct => "STRUCT",
            Self::Video => "VIDEO",
            Self::Annotation => "ANNOTATION",
            Self::Json => "JSON",
        }
    }
}

/// `PropertyType` of the API: exactly one member is present.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PropertyType {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attribute: Option<Attribute>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) measurement: Option<Measurement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) transform: Option<Box<Transform>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metric: Option<Box<Metric>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attribute {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) default_value: Option<Box<str>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Measurement {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) processing_config: Option<Box<MeasurementProcessing>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MeasurementProcessing {
    pub(crate) forwarding_config: Forwarding,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Forwarding {
    pub(crate) state: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Transform {
    pub(crate) expression: String,
    pub(crate) variables: Vec<Variable>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) processing_config: Option<Processing>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metric {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) variables: Option<Vec<Variable>>,
    pub(crate) window: Window,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) processing_config: Option<Processing>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Processing {
    pub(crate) compute_location: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) forwarding_config: Option<Forwarding>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Window {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tumbling: Option<Tumbling>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tumbling {
    pub(crate) interval: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) offset: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) value: VariableValue,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VariableValue {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) property_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hierarchy_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) property_path: Option<Vec<PathSegment>>,
}

/// A segment of a property's or a composite model's path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PathSegment {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<Box<str>>,
}

/// What kind of property one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PropertyKind {
    Attribute,
    Measurement,
    Transform,
    Metric,
}

impl PropertyType {
    /// The one kind that is present.
    pub(crate) fn kind(&self) -> Option<PropertyKind> {
        match (&self.attribute, &self.measurement, &self.transform, &self.metric) {
            (Some(_), None, None, None) => Some(PropertyKind::Attribute),
            (None, Some(_), None, None) => Some(PropertyKind::Measurement),
            (None, None, Some(_), None) => Some(PropertyKind::Transform),
            (None, None, None, Some(_)) => Some(PropertyKind::Metric),
            _ => None,
        }
    }

    /// The variables of a transform or a metric.
    pub(crate) fn variables(&self) -> &[Variable] {
        match (&self.transform, &self.metric) {
            (Some(transform), _) => &transform.variables,
            (_, Some(metric)) => metric.variables.as_deref().unwrap_or_default(),
            _ => &[],
        }
    }

    pub(crate) fn variables_mut(&mut self) -> &mut [Variable] {
        match (&mut self.transform, &mut self.metric) {
            (Some(transform), _) => &mut transform.variables,
            (_, Some(metric)) => metric.variables.as_deref_mut().unwrap_or_default(),
            _ => &mut [],
        }
    }

    pub(crate) fn expression(&self) -> Option<&str> {
        match (&self.transform, &self.metric) {
            (Some(transform), _) => Some(&transform.expression),
            (_, Some(metric)) => metric.expression.as_deref(),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Property {
    pub(crate) id: Uuid,
    pub(crate) external_id: Option<Box<str>>,
    pub(crate) name: Box<str>,
    pub(crate) data_type: DataType,
    pub(crate) data_type_spec: Option<Box<str>>,
    pub(crate) unit: Option<Box<str>>,
    pub(crate) shape: PropertyType,
}

impl Property {
    pub(crate) fn kind(&self) -> PropertyKind {
        self.shape.kind().unwrap_or(PropertyKind::Measurement)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Hierarchy {
    pub(crate) id: Uuid,
    pub(crate) external_id: Option<Box<str>>,
    pub(crate) name: Box<str>,
    pub(crate) child_model: Uuid,
}

/// A composite model within an asset model, with its own properties.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Composite {
    pub(crate) id: Uuid,
    pub(crate) external_id: Option<Box<str>>,
    pub(crate) name: Box<str>,
    pub(crate) description: Option<Box<str>>,
    pub(crate) kind: Box<str>,
    pub(crate) properties: Vec<Property>,
    /// The composite model it stands in; none at the model's root.
    pub(crate) parent: Option<Uuid>,
    /// The component model it is made from.
    pub(crate) composed: Option<Uuid>,
    /// Whether it came with a component model and can't be changed by itself.
    pub(crate) inherited: bool,
}

/// One version of an asset model's content.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Definition {
    pub(crate) version: u64,
    pub(crate) etag: String,
    pub(crate) name: Box<str>,
    pub(crate) description: Option<Box<str>>,
    pub(crate) properties: Vec<Property>,
    pub(crate) hierarchies: Vec<Hierarchy>,
    pub(crate) composites: Vec<Composite>,
    /// Where each property stands, by its id.
    pub(crate) places: HashMap<Uuid, PropertyPlace>,
}

/// A property's place: which composite model (none for the root) and which of its properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PropertyPlace {
    composite: Option<u32>,
    at: u32,
}

impl Definition {
    /// Notes where each property stands. To be called after every change of properties.
    pub(crate) fn index(&mut self) {
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let root =
            self.properties.iter().enumerate().map(|(at, property)| {
                (property.id, PropertyPlace { composite: None, at: place(at) })
            });
        let nested = self.composites.iter().enumerate().flat_map(|(composite, part)| {
            part.properties.iter().enumerate().map(move |(at, property)| {
                (property.id, PropertyPlace { composite: Some(place(composite)), at: place(at) })
            })
        });
        self.places = root.chain(nested).collect();
    }

    /// The property with this id, wherever it stands.
    pub(crate) fn property(&self, id: Uuid) -> Option<&Property> {
        self.property_in(id).map(|(property, _)| property)
    }

    /// The property with this id and the composite model it stands in.
    pub(crate) fn property_in(&self, id: Uuid) -> Option<(&Property, Option<&Composite>)> {
        let place = self.places.get(&id)?;
        let composite = match place.composite {
            Some(at) => Some(self.composites.get(at as usize)?),
            None => None,
        };
        let properties = composite.map_or(&self.properties, |composite| &composite.properties);
        Some((properties.get(place.at as usize)?, composite))
    }

    /// Every property with the composite model it stands in, the root's first.
    pub(crate) fn all_properties(&self) -> impl Iterator<Item = (&Property, Option<&Composite>)> {
        let nested = self.composites.iter().flat_map(|composite| {
            composite.properties.iter().map(move |property| (property, Some(composite)))
        });
        self.properties.iter().map(|property| (property, None)).chain(nested)
    }

    pub(crate) fn composite(&self, id: Uuid) -> Option<&Composite> {
        self.composites.iter().find(|composite| composite.id == id)
    }

    pub(crate) fn hierarchy(&self, id: Uuid) -> Option<&Hierarchy> {
        self.hierarchies.iter().find(|hierarchy| hierarchy.id == id)
    }

    /// The composite models around and including `composite`, outermost first.
    pub(crate) fn composite_path(&self, composite: &Composite) -> Vec<PathSegment> {
        let mut path = Vec::new();
        let mut next = Some(composite);
        // Depth is limited, but a kept state might hold a ring.
        while let Some(composite) = next
            && path.len() <= self.composites.len()
        {
            path.push(PathSegment { id: Some(composite.id), name: Some(composite.name.clone()) });
            next = composite.parent.and_then(|parent| self.composite(parent));
        }
        path.reverse();
        path
    }

    /// The composite models around a property, outermost first, and the property itself.
    pub(crate) fn property_path(
        &self,
        property: &Property,
        composite: Option<&Composite>,
    ) -> Vec<PathSegment> {
        let mut path =
            composite.map(|composite| self.composite_path(composite)).unwrap_or_default();
        path.push(PathSegment { id: Some(property.id), name: Some(property.name.clone()) });
        path
    }
}

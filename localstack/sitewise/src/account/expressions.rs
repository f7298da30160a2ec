//! Transforms and metrics: expressions are stored and their references are resolved and checked,
//! but they are never evaluated.
//!
//! Source: "Transform data", "Aggregate data from properties and other assets" in the User Guide;
//! quotas of the General Reference.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::Account;
use super::definition::{Definition, Property, PropertyKind, VariableValue};
use crate::wire::error::{Error, Result};
use crate::wire::reference::Reference;

/// Checks what one transform or metric says by itself.
///
/// # Errors
///
/// `InvalidRequestException`.
pub(crate) fn check_own(property: &Property) -> Result<()> {
    let name = &property.name;
    let expression = property.shape.expression().unwrap_or_default();
    if expression.trim().is_empty() {
        return Err(Error::invalid(format!("Property {name} must have an expression")));
    }
    let mut seen = HashSet::new();
    for variable in property.shape.variables() {
        if !seen.insert(&variable.name) {
            return Err(Error::invalid(format!(
                "Property {name} has two variables {}",
                variable.name
            )));
        }
        if variable.value.property_id.is_some() == variable.value.property_path.is_some() {
            return Err(Error::invalid(format!(
                "Variable {} of property {name} must have either a propertyId or a propertyPath",
                variable.name
            )));
        }
        if property.kind() == PropertyKind::Transform && variable.value.hierarchy_id.is_some() {
            return Err(Error::invalid(format!(
                "Transform {name} cannot take its input from child assets"
            )));
        }
    }
    for word in identifiers(expression) {
        if !word.called && is_variable(word.text) && !seen.iter().any(|known| *known == word.text) {
            return Err(Error::invalid(format!(
                "Property {name} uses the unknown variable {}",
                word.text
            )));
        }
    }
    match property.shape.metric.as_ref().map(|metric| &metric.window.tumbling) {
        None => Ok(()),
        Some(None) => Err(Error::invalid(format!("Metric {name} must have a tumbling window"))),
        Some(Some(window)) => match interval_seconds(&window.interval) {
            Some(seconds) if (60..=604_800).contains(&seconds) => Ok(()),
            _ => Err(Error::invalid(format!("The window interval of metric {name} is not valid"))),
        },
    }
}

/// Resolves names, paths and external ids of variables to property ids, and checks dependencies
/// and their quotas.
///
/// # Errors
///
/// `InvalidRequestException` or `LimitExceededException`.
pub(crate) fn resolve(account: &Account, definition: &mut Definition) -> Result<()> {
    let mut resolved: HashMap<Uuid, Vec<VariableValue>> = HashMap::new();
    for (property, _) in definition.all_properties() {
        let variables = property.shape.variables();
        if !matches!(property.kind(), PropertyKind::Transform | PropertyKind::Metric) {
            continue;
        }
        let limits = &account.setting.limits;
        if variables.len() > limits.variables {
            return Err(Error::limit(format!(
                "Property {} has more than {} variables",
                property.name, limits.variables
            )));
        }
        let calls = identifiers(property.shape.expression().unwrap_or_default())
            .filter(|word| word.called)
            .count();
        if calls > limits.functions {
            return Err(Error::limit(format!(
                "Property {} calls more than {} functions",
                property.name, limits.functions
            )));
        }
        let values =
            variables.iter().map(|variable| value(account, definition, property, &variable.value));
        resolved.insert(property.id, values.collect::<Result<_>>()?);
    }
    let nested = definition.composites.iter_mut().flat_map(|composite| &mut composite.properties);
    for property in definition.properties.iter_mut().chain(nested) {
        let Some(values) = resolved.remove(&property.id) else { continue };
        for (variable, value) in property.shape.variables_mut().iter_mut().zip(values) {
            variable.value = value;
        }
    }
    check_inputs(definition)?;
    check_dependents(account, definition)
}

fn value(
    account: &Account,
    definition: &Definition,
    property: &Property,
    value: &VariableValue,
) -> Result<VariableValue> {
    let unknown = || {
        Error::invalid(format!(
            "A variable of property {} refers to an unknown property",
            property.name
        ))
    };
    if let Some(path) = &value.property_path {
        let last = path.last().ok_or_else(unknown)?;
        let found = definition.all_properties().find(|(candidate, composite)| {
            let full = definition.property_path(candidate, *composite);
            last.id.is_none_or(|id| id == candidate.id)
                && full.len() == path.len()
                && full.iter().zip(path).all(|(known, given)| {
                    given.id.is_none_or(|id| known.id == Some(id))
                        && given.name.as_ref().is_none_or(|name| known.name.as_ref() == Some(name))
                })
        });
        let (found, _) = found.ok_or_else(unknown)?;
        return Ok(VariableValue { property_id: Some(found.id.to_string()), ..value.clone() });
    }
    let text = value.property_id.as_deref().unwrap_or_default();
    let Some(hierarchy) = &value.hierarchy_id else {
        let id = find_property(definition, text).ok_or_else(unknown)?;
        return Ok(VariableValue { property_id: Some(id.to_string()), ..value.clone() });
    };
    let hierarchy = definition
        .hierarchies
        .iter()
        .find(|candidate| match Reference::parse(hierarchy) {
            Some(Reference::Id(id)) => candidate.id == id,
            Some(Reference::External(external)) => {
                candidate.external_id.as_ref() == Some(&external)
            }
            None => *candidate.name == **hierarchy,
        })
        .ok_or_else(|| {
            Error::invalid(format!(
                "A variable of property {} refers to an unknown hierarchy",
                property.name
            ))
        })?;
    let child = account.model(hierarchy.child_model)?;
    let id = find_property(&child.latest, text).ok_or_else(unknown)?;
    Ok(VariableValue {
        property_id: Some(id.to_string()),
        hierarchy_id: Some(hierarchy.id.to_string()),
        property_path: None,
    })
}

/// A property by id, by `externalId:`, or by its name at the root.
fn find_property(definition: &Definition, text: &str) -> Option<Uuid> {
    match Reference::parse(text) {
        Some(Reference::Id(id)) => definition.property(id).map(|property| property.id),
        Some(Reference::External(external)) => definition
            .all_properties()
            .find(|(property, _)| property.external_id.as_ref() == Some(&external))
            .map(|(property, _)| property.id),
        None => definition
            .properties
            .iter()
            .find(|property| *property.name == *text)
            .map(|property| property.id),
    }
}

/// The properties of the same model that `property` is computed from.
fn inputs(property: &Property) -> impl Iterator<Item = Uuid> {
    property
        .shape
        .variables()
        .iter()
        .filter(|variable| variable.value.hierarchy_id.is_none())
        .filter_map(|variable| Uuid::try_parse(variable.value.property_id.as_deref()?).ok())
}

fn check_inputs(definition: &Definition) -> Result<()> {
    for (property, _) in definition.all_properties() {
        if property.kind() != PropertyKind::Transform {
            continue;
        }
        let attributes_only = inputs(property)
            .filter_map(|id| definition.property(id))
            .all(|input| input.kind() == PropertyKind::Attribute);
        if attributes_only {
            return Err(Error::invalid(format!(
                "Transform {} needs an input that is not an attribute",
                property.name
            )));
        }
    }
    Ok(())
}

fn check_dependents(account: &Account, definition: &Definition) -> Result<()> {
    let limits = &account.setting.limits;
    let mut dependents: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
    for (property, _) in definition.all_properties() {
        let distinct: HashSet<Uuid> = inputs(property).collect();
        for input in distinct {
            dependents.entry(input).or_default().push(property.id);
        }
    }
    for (source, direct) in &dependents {
        if direct.len() > limits.direct_dependents {
            return Err(Error::limit(format!(
                "More than {} properties depend on {source} directly",
                limits.direct_dependents
            )));
        }
        let mut seen = HashSet::new();
        let mut level: Vec<Uuid> = direct.clone();
        let mut depth = 1;
        while !level.is_empty() {
            depth += 1;
            if level.contains(source) {
                return Err(Error::invalid(format!("Property {source} depends on itself")));
            }
            if depth > limits.property_depth {
                return Err(Error::limit(format!(
                    "The properties that depend on {source} are nested too deeply"
                )));
            }
            seen.extend(level.iter().copied());
            if seen.len() > limits.dependents {
                return Err(Error::limit(format!(
                    "More than {} properties depend on {source}",
                    limits.dependents
                )));
            }
            let next: HashSet<Uuid> =
                level.iter().filter_map(|id| dependents.get(id)).flatten().copied().collect();
            level = next.into_iter().collect();
        }
    }
    Ok(())
}

/// A word of an expression; `called` if a parenthesis follows it.
struct Word<'a> {
    text: &'a str,
    called: bool,
}

/// The words of an expression, quoted text left out.
fn identifiers(expression: &str) -> impl Iterator<Item = Word<'_>> {
    let mut rest = expression;
    std::iter::from_fn(move || {
        loop {
            let first = rest.chars().next()?;
            if first == '"' || first == '\'' {
                let quoted = rest.get(1..)?;
                rest = quoted.find(first).and_then(|end| quoted.get(end + 1..)).unwrap_or("");
            } else if first.is_ascii_alphabetic() || first == '_' {
                let end = rest
                    .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
                    .unwrap_or(rest.len());
                let (text, after) = rest.split_at_checked(end)?;
                rest = after;
                return Some(Word { text, called: after.trim_start().starts_with('(') });
            } else if first.is_ascii_digit() {
                // A number with an exponent is one word: 1e5 holds no variable.
                let end =
                    rest.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(rest.len());
                rest = rest.get(end..)?;
            } else {
                rest = rest.get(first.len_utf8()..)?;
            }
        }
    })
}

/// Words that are operators or constants, not variables.
fn is_variable(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_lowercase())
        && !matches!(word, "and" | "or" | "not" | "true" | "false" | "none" | "pi" | "e")
}

/// Seconds of `1w`, `1d`, `2h`, `5m`, `90s`.
fn interval_seconds(text: &str) -> Option<u64> {
    let unit = match text.chars().last()? {
        'w' => 604_800,
        'd' => 86_400,
        'h' => 3_600,
        'm' => 60,
        's' => 1,
        _ => return None,
    };
    text.get(..text.len() - 1)?.trim().parse::<u64>().ok()?.checked_mul(unit)
}

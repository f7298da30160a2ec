//! Estimates of the memory that the tables of births take, in bytes.

use std::collections::hash_map::HashMap;

use super::event::{Definition, Member, MemberKind, StaticProperty};
use super::value::Value;

/// Overhead of a string: reference counts and the allocator's.
const TEXT: usize = 32;
/// Overhead of an edge node or device beside its tables and its name.
pub(crate) const SOURCE: usize = 512;

/// A hash map with its entries: an eighth of it is never used, and each slot has a control byte.
pub(crate) fn map<K, V, S>(map: &HashMap<K, V, S>) -> usize {
    map.capacity() * 8 / 7 * (size_of::<(K, V)>() + 1)
}

/// A string.
pub(crate) fn text(text: &str) -> usize {
    TEXT + text.len()
}

/// A definition with its members.
pub(crate) fn definition(definition: &Definition) -> usize {
    let members = definition.members.iter().map(member);
    let kept = size_of::<Definition>() + text(&definition.name);
    kept + properties(&definition.parameters) + members.sum::<usize>()
}

fn member(member: &Member) -> usize {
    let kind = match &member.kind {
        MemberKind::Leaf(_) => 0,
        MemberKind::Template { template, said, own, .. } => {
            let more = said.iter().chain(own).map(|more| definition(more));
            text(template) + more.sum::<usize>()
        }
    };
    size_of::<Member>() + text(&member.name) + properties(&member.properties) + kind
}

fn properties(properties: &[StaticProperty]) -> usize {
    let each = properties.iter().map(|property| {
        size_of::<StaticProperty>()
            + text(&property.name)
            + property.value.as_ref().map_or(0, value)
    });
    each.sum()
}

/// The heap memory of a value.
fn value(of: &Value) -> usize {
    match of {
        Value::String(value) => text(value),
        Value::Bytes(bytes) => TEXT + bytes.len(),
        Value::Array(elements) => {
            let each = elements.iter().map(|element| size_of::<Value>() + value(element));
            TEXT + each.sum::<usize>()
        }
        Value::DataSet(table) => {
            let columns = table.columns.iter().map(|column| text(column));
            let cell = |cell: &Option<Value>| size_of::<Value>() + cell.as_ref().map_or(0, value);
            let rows = table.rows.iter().map(|row| TEXT + row.iter().map(cell).sum::<usize>());
            TEXT + columns.sum::<usize>() + rows.sum::<usize>()
        }
        Value::Int(_)
        | Value::UInt(_)
        | Value::Float(_)
        | Value::Double(_)
        | Value::Boolean(_)
        | Value::DateTime(_) => 0,
    }
}

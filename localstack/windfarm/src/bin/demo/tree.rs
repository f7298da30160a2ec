//! The whole tree in plain lines, as it is printed at the end. Pure.

use crate::twins::{Property, Snapshot, Twin};

/// Columns of a line: what does not fit stands on the next.
const WIDTH: usize = 80;

/// Every property of every twin, and the models.
pub(crate) fn everything(snapshot: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    for root in &snapshot.roots {
        twin(root, 0, &mut lines);
    }
    lines.push(String::new());
    let models: Vec<&str> = snapshot.models().into_iter().collect();
    wrap("Models: ", "        ", &models, &mut lines);
    lines.push(String::new());
    lines
}

/// What belongs to a measurement stands on its line, other attributes share one.
fn twin(twin: &Twin, depth: usize, lines: &mut Vec<String>) {
    lines.push(format!(
        "{}{} {} ({})",
        "  ".repeat(depth),
        twin.health().mark(),
        twin.name,
        twin.model
    ));
    let indent = "  ".repeat(depth + 2);
    let mut attributes: Vec<&Property> =
        twin.properties.iter().filter(|property| !property.is_measurement).collect();
    let width = twin.measurements().map(|one| one.name.chars().count()).max().unwrap_or_default();
    for measurement in twin.measurements() {
        let prefix = format!("{}/", measurement.name);
        let (of_measurement, others): (Vec<_>, Vec<_>) =
            attributes.into_iter().partition(|attribute| attribute.name.starts_with(&prefix));
        attributes = others;
        let details = of_measurement.iter().map(|attribute| {
            let name = attribute.name.strip_prefix(&prefix).unwrap_or_default();
            format!("{name} {}", attribute.shown())
        });
        let quality = measurement.latest.as_ref().map_or("", |latest| latest.quality.as_str());
        let line =
            format!("{indent}{:<width$} {:>18}  {quality}", measurement.name, measurement.shown());
        let details = details.collect::<Vec<_>>().join(", ");
        let whole = format!("{line:<filled$}  {details}", filled = indent.len() + width + 30);
        if details.is_empty() {
            lines.push(line);
        } else if whole.chars().count() <= WIDTH {
            lines.push(whole);
        } else {
            lines.extend([line, format!("{indent}  {details}")]);
        }
    }
    let named: Vec<String> = attributes
        .into_iter()
        .map(|attribute| format!("{} {}", attribute.name, attribute.shown()))
        .collect();
    if !named.is_empty() {
        let named: Vec<&str> = named.iter().map(String::as_str).collect();
        wrap(&indent, &indent, &named, lines);
    }
    for child in &twin.children {
        self::twin(child, depth + 1, lines);
    }
}

/// The parts with commas between them, on as many lines as they need.
fn wrap(first: &str, further: &str, parts: &[&str], lines: &mut Vec<String>) {
    let mut line = first.to_owned();
    let mut is_empty = true;
    for (place, part) in parts.iter().enumerate() {
        let comma = if place + 1 < parts.len() { "," } else { "" };
        let needs = usize::from(!is_empty) + part.chars().count() + comma.len();
        if !is_empty && line.chars().count() + needs > WIDTH {
            lines.push(std::mem::replace(&mut line, further.to_owned()));
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(part);
        line.push_str(comma);
        is_empty = false;
    }
    lines.push(line);
}

//! Names for people, within what SiteWise takes.

use super::identity::short_hash;
use super::mapping;
use crate::sitewise::api::DataType;
use crate::sitewise::limits;

/// The folder that many senders put their definitions into; not part of a model's name.
const TYPES_FOLDER: &str = "_types_/";

/// A name as SiteWise takes it: no control characters, not empty, at most 256 characters.
///
/// What had to be cut ends with a short hash of the whole, so that two long names with the
/// same beginning stay apart.
pub(super) fn clean(name: &str) -> String {
    let text: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = text.trim();
    if text.is_empty() {
        return format!("(unnamed {})", short_hash(&["name", name]));
    }
    cut(text, limits::NAME_CHARS, name)
}

/// `name` with `suffix` behind it, still within 256 characters.
pub(super) fn with_suffix(name: &str, suffix: &str) -> String {
    let room = limits::NAME_CHARS.saturating_sub(suffix.chars().count() + 1);
    format!("{} {suffix}", cut(name, room, name))
}

/// The model's name of a template: the definition's, or else the reference's.
///
/// A definition is named with or without its folder; a reference without a definition may
/// carry the version behind a colon.
pub(super) fn model(definition: Option<&str>, reference: &str, version: Option<&str>) -> String {
    let name = definition.unwrap_or_else(|| {
        version
            .and_then(|version| reference.strip_suffix(version))
            .and_then(|name| name.strip_suffix(':'))
            .filter(|name| !name.is_empty())
            .unwrap_or(reference)
    });
    clean(name.strip_prefix(TYPES_FOLDER).unwrap_or(name))
}

/// The name and description of the model that nodes or devices share which began with the same
/// set of plain metrics.
pub(super) fn model_of_set(kind: &str, plain: &[(&str, DataType)]) -> (String, String) {
    let mut set: Vec<_> =
        plain.iter().map(|(name, data_type)| (*name, mapping::type_name(*data_type))).collect();
    set.sort_unstable();
    set.dedup();
    let parts: Vec<_> = set.iter().flat_map(|(name, data_type)| [*name, *data_type]).collect();
    let metrics: Vec<_> = set.iter().map(|(name, _)| *name).collect();
    (
        format!("{kind} {}", short_hash(&parts)),
        format!("{kind} that began with: {}", metrics.join(", ")),
    )
}

/// A unit, within what SiteWise takes; none if nothing is left.
pub(super) fn unit(text: &str) -> Option<String> {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.chars().take(limits::UNIT_CHARS).collect())
}

/// A description, within what SiteWise takes; none if nothing is left.
pub(super) fn description(text: &str) -> Option<String> {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.chars().take(limits::DESCRIPTION_CHARS).collect())
}

/// `words` in the alphabet of external ids, `room` characters at most, at least one.
pub(super) fn slug(words: &str, room: usize) -> String {
    let mut slug = String::with_capacity(words.len());
    for c in words.chars() {
        if c.is_ascii_alphanumeric() || c == '_' {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(room);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "x".to_owned() } else { slug.to_owned() }
}

fn cut(text: &str, room: usize, whole: &str) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let hash = short_hash(&["name", whole]);
    let kept: String = text.chars().take(room.saturating_sub(hash.len() + 2)).collect();
    format!("{kept}… {hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_fit() {
        assert_eq!(clean("Rotor Größe/7"), "Rotor Größe/7");
        assert_eq!(clean(" a\tb\n"), "a b");
        assert!(clean("\u{0}").starts_with("(unnamed "));
        let long = clean(&"ß".repeat(300));
        assert_eq!(long.chars().count(), limits::NAME_CHARS);
        assert_ne!(long, clean(&"ß".repeat(301)));
        let suffixed = with_suffix(&"x".repeat(256), "(STRING)");
        assert_eq!(suffixed.chars().count(), limits::NAME_CHARS);
        assert!(suffixed.ends_with(" (STRING)"));
    }

    #[test]
    fn models_are_named_as_their_template() {
        for (definition, reference, version, expected) in [
            (Some("Motor"), "Motor", None, "Motor"),
            (Some("_types_/Motor"), "Motor", None, "Motor"),
            (Some("_types_/Motor"), "_types_/Motor", Some("2.1"), "Motor"),
            (None, "_types_/Motor", None, "Motor"),
            (None, "Motor:2.1", Some("2.1"), "Motor"),
            (None, "Motor:2.1", None, "Motor:2.1"),
            (Some("Site:Motor"), "Site:Motor", None, "Site:Motor"),
        ] {
            assert_eq!(model(definition, reference, version), expected);
        }
    }

    #[test]
    fn slugs_keep_what_can_be_read() {
        assert_eq!(slug("Nordsee/gw 1/T07", 99), "Nordsee-gw-1-T07");
        assert_eq!(slug("ß", 99), "x");
        assert_eq!(slug("_types_/A", 5), "_type");
    }
}

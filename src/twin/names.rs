//! Names for people, within what SiteWise takes.

use std::borrow::Cow;

use uuid::Uuid;

use super::identity::{PropertyRole, short_hash};
use super::mapping::{SECONDS_UNIT, ValueForm};
use crate::sitewise::limits;
use crate::sparkplug::text;

/// The folder that many senders put their definitions into; not part of a model's name.
const TYPES_FOLDER: &str = "_types_/";
/// Hex digits that distinguish names at most; beyond there is a short hash.
const BYTES: usize = 16;
/// Characters at least of a shared part that is meaningful.
const SHARED: usize = 3;

/// A name as SiteWise takes it: no control characters, not empty, at most 256 characters.
///
/// What had to be cut ends with a short hash of the whole, so that two long names with the
/// same beginning stay apart. Two that differ in a byte alone that is not UTF-8 become one here.
pub(super) fn clean(name: &str) -> String {
    fit_bytes(&text::shown(name))
}

/// What [`clean`] does, but that a byte that is not UTF-8 is kept: what ids are made of.
pub(super) fn fit_bytes(name: &str) -> String {
    let text: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = text.trim();
    if text.is_empty() {
        return format!("(unnamed {})", short_hash(&["name", name]));
    }
    cut(text, limits::NAME_CHARS, name)
}

/// A distinct display name for a name that displays like another: with its undisplayable bytes in
/// hex. None where all can be displayed, or where that is `taken` as well.
pub(super) fn with_hex_bytes(name: &str, taken: impl Fn(&str) -> bool) -> Option<String> {
    let bytes = text::broken(name)?;
    let word = if bytes.len() > BYTES { short_hash(&["name", name]) } else { bytes };
    let distinct = with_suffix(&clean(name), &format!("({word})"));
    (!taken(&distinct)).then_some(distinct)
}

/// `name` with `suffix` behind it, still within 256 characters.
pub(super) fn with_suffix(name: &str, suffix: &str) -> String {
    let room = limits::NAME_CHARS.saturating_sub(suffix.chars().count() + 1);
    format!("{} {suffix}", cut(name, room, name))
}

/// `name` with a short hash of `id` behind it: nobody else is called so.
pub(super) fn with_hash(name: &str, id: Uuid) -> String {
    let hash = short_hash(&[&id.to_string()]);
    if name.ends_with(&hash) { name.to_owned() } else { with_suffix(name, &hash) }
}

/// A name for a property, from its path, that is not `taken`: with its type or role if the plain name
/// is taken, and with a short hash of its id if that is taken too.
pub(super) fn free(
    (path, id): (&str, Uuid),
    role: PropertyRole,
    form: ValueForm,
    taken: impl Fn(&str) -> bool,
) -> String {
    let name = clean(path);
    if !taken(&name) {
        return name;
    }
    // Another name is displayed alike.
    if let Some(distinct) = with_hex_bytes(path, &taken) {
        return distinct;
    }
    let word = match role {
        // Those of an earlier version told the time in milliseconds.
        PropertyRole::Member | PropertyRole::Presence if form == ValueForm::Seconds => SECONDS_UNIT,
        PropertyRole::Member => form.as_str(),
        role => role.as_str(),
    };
    let named = with_suffix(&name, &format!("({word})"));
    if !taken(&named) {
        return named;
    }
    with_suffix(&name, &format!("({word} {})", short_hash(&[&id.to_string()])))
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
    fit_bytes(name.strip_prefix(TYPES_FOLDER).unwrap_or(name))
}

/// The name of the `number`th overflow level of what is called `name`: `Gateway Nord, more`.
pub(super) fn level(name: &str, number: usize) -> String {
    let suffix = match number {
        1 => ", more".to_owned(),
        number => format!(", more {number}"),
    };
    append(name, &suffix)
}

/// What the asset for the tags of a node or device is called, that are not on its own.
pub(super) fn tags(name: &str) -> String {
    append(name, ", tags")
}

fn append(name: &str, suffix: &str) -> String {
    let room = limits::NAME_CHARS.saturating_sub(suffix.chars().count());
    format!("{}{suffix}", cut(name, room, name))
}

/// What the names of machines of one kind share, for people: the words with which both begin, or
/// with which both end. None if that says nothing.
pub(super) fn shared(one: &str, other: &str) -> Option<String> {
    let apart = |c: char| !c.is_alphabetic();
    let begin: String =
        one.chars().zip(other.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect();
    // A common prefix that ends within a word of one of them is not shared.
    let goes_on = |name: &str| {
        let next = name.chars().nth(begin.chars().count());
        begin.ends_with(char::is_alphabetic) && next.is_some_and(char::is_alphabetic)
    };
    let full_name = match goes_on(one) || goes_on(other) {
        true => begin.trim_end_matches(char::is_alphabetic),
        false => &begin,
    };
    let end = |name: &str| {
        let end = name.trim_start_matches(apart);
        (!end.is_empty()).then(|| end.to_owned())
    };
    let ends = || match (end(one), end(other)) {
        (Some(one), Some(other)) if one == other => Some(one),
        _ => None,
    };
    let shared = full_name.trim_matches(apart);
    let shared = if shared.chars().count() >= SHARED { Some(shared.to_owned()) } else { ends() };
    shared.filter(|shared| shared.chars().count() >= SHARED)
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

/// An address for a description, where SiteWise would not take it as it is: blanks at its ends,
/// control characters, and what is not UTF-8. It is encoded as in a URL. None for all others, which
/// are their own description.
pub(super) fn escaped_address(address: &str) -> Option<String> {
    let as_it_is = address.trim() == address
        && !address.contains(char::is_control)
        && text::broken(address).is_none();
    if as_it_is {
        return None;
    }
    let inner = address.trim_start();
    let begin = address.len() - inner.len();
    let end = begin + inner.trim_end().len();
    let mut escaped = String::with_capacity(address.len() + 16);
    for (at, c) in address.char_indices() {
        let mut buffer = [0; 4];
        let bytes = c.encode_utf8(&mut buffer);
        let is_plain = (begin..end).contains(&at)
            && c != '%'
            && !c.is_control()
            && text::broken(bytes).is_none();
        match is_plain {
            true => escaped.push(c),
            false => escaped.extend(bytes.bytes().map(|byte| format!("%{byte:02X}"))),
        }
    }
    Some(escaped.chars().take(limits::DESCRIPTION_CHARS).collect())
}

/// What the address in a description may be: the text itself, what was [escaped](escaped_address),
/// and, as an earlier version wrote it, without a blank at its ends.
pub(super) fn addresses(description: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let escaped = unescaped(description).map(Cow::Owned);
    let blanks = [("", " "), (" ", ""), (" ", " ")];
    let blanks = blanks.map(|(begin, end)| Cow::Owned(format!("{begin}{description}{end}")));
    std::iter::once(Cow::Borrowed(description)).chain(escaped).chain(blanks)
}

fn unescaped(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    if bytes.len() == text.len() {
        return None;
    }
    for part in parts {
        let (hex, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// `words` in the alphabet of external ids, `room` characters at most, at least one.
pub(super) fn slug(words: &str, room: usize) -> String {
    let mut slug = String::with_capacity(words.len());
    for c in words.chars() {
        if c.is_ascii_alphanumeric() || (c == '_' && !slug.is_empty()) {
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
    fn a_kind_is_called_what_its_machines_share() {
        for (one, other, expected) in [
            ("Pump 1", "Pump 2", Some("Pump")),
            ("Pump_01", "Pump_02", Some("Pump")),
            ("Pump", "Pump 2", Some("Pump")),
            ("Feed Pump A", "Feed Pump B", Some("Feed Pump")),
            ("Nord/Pump", "Nordost/Pump", None),
            ("01-Compressor", "02-Compressor", Some("Compressor")),
            ("PLC1", "PLC2", Some("PLC")),
            ("P1", "P2", None),
            ("Pumpe", "Pumpwerk", None),
            ("Meter", "Valve", None),
        ] {
            assert_eq!(shared(one, other).as_deref(), expected, "{one} {other}");
        }
        assert_eq!(level("Gateway Nord", 1), "Gateway Nord, more");
        assert_eq!(level(&"x".repeat(256), 12).chars().count(), limits::NAME_CHARS);
    }

    #[test]
    fn slugs_keep_what_can_be_read() {
        assert_eq!(slug("Nordsee/gw 1/T07", 99), "Nordsee-gw-1-T07");
        assert_eq!(slug("ß", 99), "x");
        assert_eq!(slug("_types_/A", 5), "types");
    }
}

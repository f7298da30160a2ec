//! `TWIN_TAGS`: tags such as `sparkplug:group={group},team=ot`.

use std::collections::BTreeSet;

use super::{Place, Remark, RemarkKind, TagSubject};
use crate::sitewise::limits;
use crate::sitewise::tags::{Taggable, Tags, is_allowed};

/// Placeholders that a value may have, without their braces.
const PLACEHOLDERS: [&str; 3] = ["group", "node", "device"];

/// The configured tags: keys, each with the template of its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagTemplate(Vec<(String, Vec<Part>)>);

/// A part of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Group,
    Node,
    Device,
}

impl TagTemplate {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// What is wrong, in words: a pair without a key, a key that is there twice or reserved by AWS, an
    /// unknown placeholder, or text that SiteWise does not take.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut tags = Vec::new();
        let mut keys = BTreeSet::new();
        // Errors name a tag by its number and never quote it: a secret may have been put into the
        // wrong variable.
        for (number, pair) in (1..).zip(text.split(',')) {
            let (key, value) = pair.split_once('=').ok_or_else(|| {
                format!("has no = in tag {number}: write it as key=value, such as team=ot")
            })?;
            let (key, value) = (key.trim(), value.trim());
            check_text(key, limits::TAG_KEY_CHARS)
                .map_err(|why| format!("has {why} in the key of tag {number}"))?;
            if key.is_empty() {
                return Err(format!("has no key in tag {number}"));
            }
            if key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
                return Err(format!(
                    "has a key that begins with aws: in tag {number}: AWS keeps these for itself"
                ));
            }
            if !keys.insert(key.to_owned()) {
                return Err(format!("has the key of tag {number} twice"));
            }
            let parts = parts(value).map_err(|why| format!("has {why} in tag {number}"))?;
            tags.push((key.to_owned(), parts));
        }
        match tags.len() {
            count if count > limits::TAGS_PER_RESOURCE => {
                Err(format!("has {count} tags, and SiteWise takes {}", limits::TAGS_PER_RESOURCE))
            }
            _ => Ok(Self(tags)),
        }
    }

    /// The tags of a model or an asset. A model gets only those without a placeholder, and an asset
    /// none whose placeholder is empty. Characters that tags must not have become `_`.
    pub(super) fn of(&self, subject: &TagSubject, remarks: &mut Vec<Remark>) -> Tags {
        let mut tags = Tags::new();
        for (key, parts) in &self.0 {
            let Some(value) = value(parts, subject) else { continue };
            let (chars, max_chars) = (value.chars().count(), limits::TAG_VALUE_CHARS);
            if chars > max_chars {
                let reason = format!(
                    "its tag `{key}` would have {chars} characters, and SiteWise takes {max_chars}: shorten \
                     TWIN_TAGS or the names"
                );
                let (kind, property) = (RemarkKind::TagTooLong, subject.name.clone());
                let tagged = Some(subject.resource);
                remarks.push(Remark { tagged, ..Remark::new(kind, property, reason) });
                continue;
            }
            tags.insert(key.clone(), value);
        }
        tags
    }
}

/// The value for a model or an asset; none if a placeholder has no value there.
fn value(parts: &[Part], subject: &TagSubject) -> Option<String> {
    let Place { group, node, device, .. } = &subject.place;
    let mut value = String::new();
    for part in parts {
        let name = match part {
            Part::Text(text) => {
                value.push_str(text);
                continue;
            }
            Part::Group => group,
            Part::Node => node,
            Part::Device => device,
        };
        if name.is_empty() || matches!(subject.resource, Taggable::Model(_)) {
            return None;
        }
        value.extend(name.chars().map(|c| if is_allowed(c) { c } else { '_' }));
    }
    Some(value)
}

fn parts(value: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = value;
    while let Some((before, behind)) = rest.split_once('{') {
        let (word, after) = behind.split_once('}').ok_or("a { without a } behind it")?;
        parts.push(Part::Text(before.to_owned()));
        parts.push(match word {
            "group" => Part::Group,
            "node" => Part::Node,
            "device" => Part::Device,
            _ => {
                let known = PLACEHOLDERS.map(|name| format!("{{{name}}}")).join(", ");
                return Err(format!("an unknown placeholder (there are {known})"));
            }
        });
        rest = after;
    }
    parts.push(Part::Text(rest.to_owned()));
    parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
    for part in &parts {
        if let Part::Text(text) = part {
            check_text(text, limits::TAG_VALUE_CHARS)?;
        }
    }
    Ok(parts)
}

/// Whether SiteWise would take a text.
fn check_text(text: &str, max_chars: usize) -> Result<(), String> {
    if let Some(c) = text.chars().find(|c| !is_allowed(*c)) {
        return Err(format!("{c:?} (AWS takes letters, digits, spaces and _.:/=+-@)"));
    }
    match text.chars().count() {
        chars if chars > max_chars => Err(format!("{chars} characters (AWS takes {max_chars})")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn subject(resource: Taggable, device: &str) -> TagSubject {
        let [group, node, device] = ["Nord (1)", "gw", device].map(str::to_owned);
        let place = Place { group, node, device, asset: String::new() };
        TagSubject { resource, name: "it".to_owned(), place }
    }

    #[test]
    fn a_tag_whose_placeholder_stands_for_nothing_is_left_out() {
        let text = "team = ot, sparkplug:group={group},where={node}/{device}, empty=";
        let template = TagTemplate::parse(text).unwrap();
        let id = Uuid::from_u128(1);
        for (resource, device, expected) in [
            (Taggable::Model(id), "D", vec![("empty", ""), ("team", "ot")]),
            (
                Taggable::Asset(id),
                "D",
                vec![
                    ("empty", ""),
                    ("sparkplug:group", "Nord _1_"),
                    ("team", "ot"),
                    ("where", "gw/D"),
                ],
            ),
            (
                Taggable::Asset(id),
                "",
                vec![("empty", ""), ("sparkplug:group", "Nord _1_"), ("team", "ot")],
            ),
        ] {
            let mut remarks = Vec::new();
            let tags = template.of(&subject(resource, device), &mut remarks);
            let tags: Vec<_> = tags.iter().map(|(key, value)| (&**key, &**value)).collect();
            assert_eq!((tags, remarks), (expected, vec![]));
        }
    }

    #[test]
    fn a_value_that_is_too_long_is_told_and_the_others_are_set() {
        let template = TagTemplate::parse("a={device},b=c").unwrap();
        let mut remarks = Vec::new();
        let device = "x".repeat(257);
        let tags =
            template.of(&subject(Taggable::Asset(Uuid::from_u128(1)), &device), &mut remarks);
        assert_eq!(tags, Tags::from([("b".to_owned(), "c".to_owned())]));
        let told: Vec<_> = remarks.iter().map(|remark| remark.kind).collect();
        assert_eq!(told, [RemarkKind::TagTooLong]);
    }

    #[test]
    fn what_is_wrong_with_tags_is_told() {
        let long = format!("{}=b", "k".repeat(129));
        let many: Vec<_> = (0..51).map(|at| format!("k{at}=v")).collect();
        for (text, part) in [
            ("team", "no = in tag 1"),
            ("a=b,", "no = in tag 2"),
            ("=b", "no key in tag 1"),
            ("AWS:x=b", "aws:"),
            ("a=b,a=c", "the key of tag 2 twice"),
            ("a={nod}", "an unknown placeholder (there are {group}, {node}, {device}) in tag 1"),
            ("a={node", "has a { without a } behind it in tag 1"),
            ("a=b}", "has '}' (AWS takes"),
            ("a=b;c", "has ';' (AWS takes"),
            (
                "a#=b",
                "has '#' (AWS takes letters, digits, spaces and _.:/=+-@) in the key of tag 1",
            ),
            (&long, "129 characters"),
            (&many.join(","), "51 tags"),
        ] {
            let told = TagTemplate::parse(text).unwrap_err();
            assert!(told.contains(part), "{text}: {told}");
        }
    }
}

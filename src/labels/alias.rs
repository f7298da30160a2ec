//! `TWIN_ALIASES`: a template of aliases, such as `/{group}/{node}/{device}/{asset}/{member}`.

use crate::sitewise::limits;

/// Where an asset stands in the plant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Its group.
    pub group: String,
    /// Its edge node.
    pub node: String,
    /// Its device; empty for what is an edge node's own.
    pub device: String,
    /// The path of a template instance below its edge node or device; empty for the edge node's or
    /// device's own asset.
    pub asset: String,
}

impl Place {
    /// The address of one of its properties, slashes between what is not empty.
    pub fn address(&self, member: &str) -> String {
        let levels = [&self.group, &self.node, &self.device, &self.asset];
        let mut address = String::new();
        for level in levels.into_iter().filter(|level| !level.is_empty()) {
            address.push_str(level);
            address.push('/');
        }
        address + member
    }
}

/// The template of an alias: levels with a slash between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasTemplate(Vec<Level>);

/// One level, with one placeholder at most: text without slashes can be told apart at slashes alone.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Level {
    before: String,
    placeholder: Option<Placeholder>,
    after: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Placeholder {
    Group,
    Node,
    Device,
    Asset,
    Member,
}

impl Placeholder {
    const ALL: [(&'static str, Self); 5] = [
        ("group", Self::Group),
        ("node", Self::Node),
        ("device", Self::Device),
        ("asset", Self::Asset),
        ("member", Self::Member),
    ];

    fn of<'a>(self, place: &'a Place, member: &'a str) -> &'a str {
        match self {
            Self::Group => &place.group,
            Self::Node => &place.node,
            Self::Device => &place.device,
            Self::Asset => &place.asset,
            Self::Member => member,
        }
    }
}

/// An alias is too long for SiteWise: its length in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AliasError(pub usize);

impl AliasTemplate {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// What is wrong, in words: an unknown placeholder, a missing one (two properties would have the
    /// same alias), two in one level, or a character or length that SiteWise does not take.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.chars().any(char::is_control) {
            return Err("must not contain control characters".to_owned());
        }
        let levels: Vec<_> = text.split('/').map(Level::parse).collect::<Result<_, _>>()?;
        for (word, placeholder) in Placeholder::ALL {
            match levels.iter().filter(|level| level.placeholder == Some(placeholder)).count() {
                1 => {}
                0 => {
                    return Err(format!(
                        "lacks {{{word}}}: two properties would have the same alias; write it as \
                         /{{group}}/{{node}}/{{device}}/{{asset}}/{{member}}, with other text as \
                         you like"
                    ));
                }
                _ => return Err(format!("has {{{word}}} twice")),
            }
        }
        let fixed_chars = levels
            .iter()
            .map(|level| level.before.chars().count() + level.after.chars().count() + 1);
        if fixed_chars.sum::<usize>() > limits::ALIAS_CHARS / 2 {
            return Err(format!(
                "is too long: with the names in it an alias may have {} characters",
                limits::ALIAS_CHARS
            ));
        }
        Ok(Self(levels))
    }

    /// The address of the property with this alias. None if the alias does not match the template, or
    /// the template is ambiguous: only one whose placeholders are in the order of the address, each
    /// a level without further text, can be read backwards.
    pub fn address(&self, alias: &str) -> Option<String> {
        let first = self.0.iter().position(|level| level.placeholder.is_some())?;
        let (before, levels) = self.0.split_at(first);
        let placeholders = levels.iter().map(|level| level.placeholder);
        let is_bare = |level: &Level| level.before.is_empty() && level.after.is_empty();
        let in_order = placeholders.eq(Placeholder::ALL.map(|(_, placeholder)| Some(placeholder)));
        if !in_order || !levels.iter().all(is_bare) {
            return None;
        }
        let mut rest = alias;
        for level in before {
            rest = rest.strip_prefix(level.before.as_str())?.strip_prefix('/')?;
        }
        Some(rest.to_owned())
    }

    /// The alias of a property. A level whose placeholder is empty is left out; control characters in
    /// names, which SiteWise does not take, become `\u{fffd}`.
    ///
    /// # Errors
    ///
    /// It is longer than SiteWise takes.
    pub fn alias(&self, place: &Place, member: &str) -> Result<String, AliasError> {
        let mut alias = String::new();
        let mut first = true;
        for Level { before, placeholder, after } in &self.0 {
            let name = placeholder.map(|placeholder| placeholder.of(place, member));
            if name == Some("") {
                continue;
            }
            if !std::mem::take(&mut first) {
                alias.push('/');
            }
            alias.push_str(before);
            let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
            alias.extend(name.unwrap_or_default().chars().map(printable));
            alias.push_str(after);
        }
        match alias.chars().count() {
            length if length > limits::ALIAS_CHARS => Err(AliasError(length)),
            _ => Ok(alias),
        }
    }
}

impl Level {
    fn parse(text: &str) -> Result<Self, String> {
        let Some((before, rest)) = text.split_once('{') else {
            return match text.contains('}') {
                true => Err(format!("has a }} without a {{ before it, in `{text}`")),
                false => {
                    Ok(Self { before: text.to_owned(), placeholder: None, after: String::new() })
                }
            };
        };
        let Some((word, after)) = rest.split_once('}') else {
            return Err(format!("has a {{ without a }} behind it, in `{text}`"));
        };
        let known = Placeholder::ALL.iter().find(|(known, _)| *known == word);
        let Some((_, placeholder)) = known else {
            let all: Vec<_> =
                Placeholder::ALL.iter().map(|(word, _)| format!("{{{word}}}")).collect();
            return Err(format!("has the unknown placeholder {{{word}}}: use {}", all.join(", ")));
        };
        if before.contains('}') || after.contains(['{', '}']) {
            return Err(format!(
                "has more than one placeholder between two slashes, in `{text}`: names could not be \
                 told apart"
            ));
        }
        let (before, after) = (before.to_owned(), after.to_owned());
        Ok(Self { before, placeholder: Some(*placeholder), after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(device: &str, asset: &str) -> Place {
        let [group, node, device, asset] = ["Nordsee", "gw", device, asset].map(str::to_owned);
        Place { group, node, device, asset }
    }

    #[test]
    fn a_level_that_stands_for_nothing_is_left_out() {
        let plain = AliasTemplate::parse("/{group}/{node}/{device}/{asset}/{member}").unwrap();
        let wordy =
            AliasTemplate::parse("p1/{group}/{node}/dev {device}/a-{asset}-z/{member}").unwrap();
        for (device, asset, expected, with_words) in [
            ("", "", "/Nordsee/gw/Speed", "p1/Nordsee/gw/Speed"),
            ("D", "", "/Nordsee/gw/D/Speed", "p1/Nordsee/gw/dev D/Speed"),
            ("", "T/Gear", "/Nordsee/gw/T/Gear/Speed", "p1/Nordsee/gw/a-T/Gear-z/Speed"),
        ] {
            let place = place(device, asset);
            assert_eq!(plain.alias(&place, "Speed").as_deref(), Ok(expected));
            assert_eq!(wordy.alias(&place, "Speed").as_deref(), Ok(with_words));
            assert_eq!(format!("/{}", place.address("Speed")), expected);
        }
    }

    #[test]
    fn an_alias_tells_its_address_where_the_template_shows_it() {
        for (template, alias, expected) in [
            (
                "/{group}/{node}/{device}/{asset}/{member}",
                "/N/gw/T 1/Speed",
                Some("N/gw/T 1/Speed"),
            ),
            ("p/q/{group}/{node}/{device}/{asset}/{member}", "p/q/N/gw/Speed", Some("N/gw/Speed")),
            ("p/q/{group}/{node}/{device}/{asset}/{member}", "p/N/gw/Speed", None),
            ("/{group}/{node}/{device}/{asset}/{member}", "N/gw/Speed", None),
            ("/{node}/{group}/{device}/{asset}/{member}", "/gw/N/Speed", None),
            ("/{group}/{node}/d {device}/{asset}/{member}", "/N/gw/d D/Speed", None),
            ("/{group}/{node}/{device}/{asset}/{member}/x", "/N/gw/Speed/x", None),
        ] {
            let told = AliasTemplate::parse(template).unwrap().address(alias);
            assert_eq!(told.as_deref(), expected, "{template} {alias}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_template_is_told() {
        for (text, part) in [
            ("/{group}/{nod}/{device}/{asset}/{member}", "unknown placeholder {nod}"),
            ("/{group}/{node}/{device}/{member}", "lacks {asset}"),
            ("/{group}/{node}/{asset}/{member}", "lacks {device}"),
            ("/{node}/{device}/{asset}/{member}", "lacks {group}"),
            ("/{group}/{group}/{node}/{device}/{asset}/{member}", "{group} twice"),
            ("/{group}-{node}/{device}/{asset}/{member}", "more than one placeholder"),
            ("/{group}/{node}/{device}/{asset}/{member", "without a }"),
            ("/{group}/{node}/{device}/{asset}/{member}/a}", "without a {"),
            ("/{group}/{node}/\u{7}/{device}/{asset}/{member}", "control"),
            ("", "lacks {group}"),
        ] {
            let told = AliasTemplate::parse(text).unwrap_err();
            assert!(told.contains(part), "{text}: {told}");
        }
        let long =
            format!("/{}/{{group}}/{{node}}/{{device}}/{{asset}}/{{member}}", "x".repeat(600));
        assert!(AliasTemplate::parse(&long).unwrap_err().contains("too long"));
    }

    #[test]
    fn an_alias_has_no_control_characters_and_at_most_as_many_as_sitewise_takes() {
        let template = AliasTemplate::parse("/{group}/{node}/{device}/{asset}/{member}").unwrap();
        let told = template.alias(&place("", ""), "a\u{1}b").unwrap();
        assert_eq!(told, "/Nordsee/gw/a\u{fffd}b");
        let rest = limits::ALIAS_CHARS - "/Nordsee/gw/".len();
        assert!(template.alias(&place("", ""), &"ü".repeat(rest)).is_ok());
        let over = template.alias(&place("", ""), &"ü".repeat(rest + 1));
        assert_eq!(over, Err(AliasError(limits::ALIAS_CHARS + 1)));
    }
}

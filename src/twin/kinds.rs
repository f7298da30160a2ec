//! Kinds of equipment, named by address: `Nordsee/*/Pump* => Pump`.
//!
//! A device of plain metrics does not say what it is. Where people say it, the device gets the
//! model of that name, whatever other devices look like.

use std::iter;

use crate::sparkplug::address::Source;

/// Levels of an edge node's address, and of a device's.
const NODE: usize = 2;
const DEVICE: usize = 3;
/// What a backslash may stand before.
const ESCAPED: [char; 6] = [',', '*', '?', '=', '\\', ' '];

/// Kinds, of which the first that fits an address counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kinds(Vec<KindRule>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct KindRule {
    text: String,
    /// One pattern for each level of the address.
    levels: Vec<Vec<Symbol>>,
    model: String,
}

/// A part of a pattern for one level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Symbol {
    /// This character.
    Char(char),
    /// Any one: `?`.
    One,
    /// Any number of any: `*`.
    Many,
}

impl Kinds {
    /// Kinds as written in a variable: separated by commas or line ends. A backslash
    /// escapes the comma, star, question mark, equals sign, blank or backslash behind it.
    ///
    /// # Errors
    ///
    /// Which kind is wrong and why.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut kinds: Vec<KindRule> = Vec::new();
        for text in split(text, &[',', '\n']).map(trim).filter(|text| !text.is_empty()) {
            let kind = KindRule::parse(text).map_err(|reason| {
                format!("has a kind `{text}` {reason}; write GROUP/NODE/DEVICE => MODEL")
            })?;
            if let Some(first) = kinds.iter().find(|first| first.covers(&kind)) {
                let first = &first.text;
                return Err(format!(
                    "has a kind `{text}` that is never used, since `{first}` before it matches the \
                     same addresses: put the more specific pattern first"
                ));
            }
            kinds.push(kind);
        }
        if kinds.is_empty() {
            return Err(
                "is an empty list: write GROUP/NODE/DEVICE => MODEL, or unset it".to_owned()
            );
        }
        Ok(Self(kinds))
    }

    /// The names of all models that it gives.
    pub(super) fn models(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|kind| kind.model.as_str())
    }

    /// The name of the model that an edge node or device is given.
    pub fn find(&self, source: &Source) -> Option<&str> {
        self.0.iter().find(|kind| kind.matches(source)).map(|kind| kind.model.as_str())
    }
}

impl KindRule {
    fn parse(text: &str) -> Result<Self, String> {
        let mut arrows = unescaped(text)
            .filter(|(place, _)| text.get(*place..).is_some_and(|rest| rest.starts_with("=>")));
        let parts = arrows.next().and_then(|(place, _)| text.split_at_checked(place));
        let Some((pattern, model)) = parts else {
            return Err("without `=>` between pattern and model".to_owned());
        };
        if arrows.next().is_some() {
            return Err("with two `=>`: separate kinds by a comma or line end".to_owned());
        }
        let levels: Vec<Vec<Symbol>> =
            split(trim(pattern), &['/']).map(symbols).collect::<Result<_, _>>()?;
        if levels.iter().any(Vec::is_empty) {
            return Err("with an empty level in its pattern".to_owned());
        }
        if levels.len() != NODE && levels.len() != DEVICE {
            return Err(format!(
                "with {} levels in its pattern: write group/node for edge nodes, group/node/device \
                 for devices",
                levels.len()
            ));
        }
        let model = unescape(trim(model.trim_start_matches("=>")))?;
        if model.is_empty() {
            return Err("without a model name after `=>` or `>`".to_owned());
        }
        Ok(Self { text: text.to_owned(), levels, model })
    }

    fn matches(&self, source: &Source) -> bool {
        let ids = [Some(&source.edge.group), Some(&source.edge.node), source.device.as_ref()];
        let ids = || ids.into_iter().flatten();
        self.levels.len() == ids().count()
            && iter::zip(&self.levels, ids())
                .all(|(level, id)| fits(level, id.chars().map(Symbol::Char)))
    }

    /// Whether this rule is seen to match every address that `other` matches.
    fn covers(&self, other: &Self) -> bool {
        self.levels.len() == other.levels.len()
            && iter::zip(&self.levels, &other.levels)
                .all(|(own, other)| fits(own, other.iter().copied()))
    }
}

/// Whether a pattern matches a word, or every word that another pattern matches.
fn fits(pattern: &[Symbol], mut word: impl Iterator<Item = Symbol> + Clone) -> bool {
    let mut rest = pattern;
    // The pattern after the last `*`, and the rest of the word to retry from.
    let mut star = None;
    loop {
        let mut after = word.clone();
        match (rest.split_first(), after.next()) {
            (Some((Symbol::Many, behind)), _) => {
                rest = behind;
                star = Some((behind, word.clone()));
                continue;
            }
            (None, None) => return true,
            (Some((Symbol::One, behind)), Some(Symbol::Char(_) | Symbol::One)) => {
                (rest, word) = (behind, after);
                continue;
            }
            (Some((own @ Symbol::Char(_), behind)), Some(other)) if *own == other => {
                (rest, word) = (behind, after);
                continue;
            }
            _ => {}
        }
        // The star matches one character more.
        let Some((behind, from)) = &mut star else {
            return false;
        };
        if from.next().is_none() {
            return false;
        }
        (rest, word) = (*behind, from.clone());
    }
}

/// Whether a character is escaped by a backslash.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escaping {
    Plain,
    Escaped,
}

/// All characters, with their positions, and whether they are escaped.
fn with_escaping(text: &str) -> impl Iterator<Item = (usize, char, Escaping)> {
    let mut after_backslash = false;
    text.char_indices().map(move |(place, c)| {
        let escaping = if after_backslash { Escaping::Escaped } else { Escaping::Plain };
        after_backslash = c == '\\' && !after_backslash;
        (place, c, escaping)
    })
}

/// The characters that are not escaped, with their positions.
fn unescaped(text: &str) -> impl Iterator<Item = (usize, char)> {
    with_escaping(text)
        .filter(|(_, _, escaping)| *escaping == Escaping::Plain)
        .map(|(place, c, _)| (place, c))
}

/// The parts between separators that are not escaped.
fn split<'a>(text: &'a str, separators: &'static [char]) -> impl Iterator<Item = &'a str> {
    let ends = unescaped(text).filter(|(_, c)| separators.contains(c)).map(|(place, _)| place);
    let mut from = 0;
    ends.chain(iter::once(text.len())).map(move |end| {
        let part = text.get(from..end).unwrap_or_default();
        // Every separator is one byte long.
        from = end + 1;
        part
    })
}

/// Without the blanks around, except for an escaped one.
fn trim(text: &str) -> &str {
    let text = text.trim_start();
    let last = with_escaping(text)
        .filter(|(_, c, escaping)| *escaping == Escaping::Escaped || !c.is_whitespace())
        .last();
    let end = last.map_or(0, |(place, c, _)| place + c.len_utf8());
    text.get(..end).unwrap_or(text)
}

/// A level's pattern.
fn symbols(level: &str) -> Result<Vec<Symbol>, String> {
    let mut symbols = Vec::new();
    let mut chars = level.chars();
    while let Some(c) = chars.next() {
        symbols.push(match c {
            '*' if symbols.last() == Some(&Symbol::Many) => {
                return Err("with `**`: a star stays within one level".to_owned());
            }
            '*' => Symbol::Many,
            '?' => Symbol::One,
            '\\' => Symbol::Char(escaped(chars.next())?),
            c => Symbol::Char(c),
        });
    }
    Ok(symbols)
}

/// A text with its escapes replaced by the characters.
fn unescape(text: &str) -> Result<String, String> {
    let mut unescaped = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        unescaped.push(if c == '\\' { escaped(chars.next())? } else { c });
    }
    Ok(unescaped)
}

fn escaped(c: Option<char>) -> Result<char, String> {
    c.filter(|c| ESCAPED.contains(c)).ok_or_else(|| {
        "with a backslash that is not followed by a comma, *, ?, =, blank or backslash".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparkplug::address::EdgeNode;

    fn found<'a>(kinds: &'a Kinds, address: &str) -> Option<&'a str> {
        let ids: Vec<&str> = address.split('/').collect();
        let (edge, device) = match ids[..] {
            [group, node] => (EdgeNode::new(group, node), None),
            [group, node, device] => (EdgeNode::new(group, node), Some(device.into())),
            _ => panic!("{address}"),
        };
        kinds.find(&Source { edge, device })
    }

    #[test]
    fn the_first_pattern_that_fits_names_the_model() {
        let text = "Nordsee/*/Pump* => Pump, */*/Meter-? => Meter
                    */gw* => Gateway
                    Nordsee/gw/* => Rest , Nordsee/[a]/{b} => Braces";
        let kinds = Kinds::parse(text).unwrap();
        for (address, expected) in [
            ("Nordsee/gw/Pump", Some("Pump")),
            ("Nordsee/gw/Pump 7", Some("Pump")),
            ("Ostsee/gw/Pump 7", None),
            ("Ostsee/x/Meter-1", Some("Meter")),
            ("Ostsee/x/Meter-ß", Some("Meter")),
            ("Ostsee/x/Meter-", None),
            ("Ostsee/x/Meter-12", None),
            ("Nordsee/gw/Meter-1", Some("Meter")),
            ("Nordsee/gw/pump", Some("Rest")),
            ("Nordsee/gw", Some("Gateway")),
            ("Nordsee/x", None),
            ("Nordsee/[a]/{b}", Some("Braces")),
            ("Nordsee/a/b", None),
        ] {
            assert_eq!(found(&kinds, address), expected, "{address}");
        }
        assert_eq!(found(&Kinds::default(), "Nordsee/gw"), None);
    }

    #[test]
    fn stars_take_as_much_as_lets_the_rest_fit() {
        for (pattern, id, expected) in [
            ("*", "x", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "a-b-b-c-c", true),
            ("a*b*c", "acb", false),
            ("*ab", "aab", true),
            ("*ab", "aba", false),
            ("?*?", "a", false),
            ("?*?", "ab", true),
            ("*-*-?", "1-2-3-4", true),
            ("*a*a*a*a*a*b", &"a".repeat(60), false),
        ] {
            let kinds = Kinds::parse(&format!("g/{pattern} => T")).unwrap();
            assert_eq!(found(&kinds, &format!("g/{id}")).is_some(), expected, "{pattern} {id}");
        }
    }

    #[test]
    fn a_backslash_takes_the_meaning_from_what_follows() {
        let text = r"Halle 1\, Nord/*/P\*\? => Pump\, large, A\ / \ gw\ => \ T\\ , A/a\=>b => T";
        let kinds = Kinds::parse(text).unwrap();
        for (address, expected) in [
            ("Halle 1, Nord/gw/P*?", Some("Pump, large")),
            ("Halle 1, Nord/gw/Pxx", None),
            ("A /  gw ", Some(r" T\")),
            ("A/a=>b", Some("T")),
        ] {
            assert_eq!(found(&kinds, address), expected, "{address}");
        }
    }

    #[test]
    fn kinds_that_cannot_be_meant_are_named_with_their_reason() {
        for (text, reason) in [
            (" , \n", "empty list"),
            ("A/B", "without `=>`"),
            (r"A/B \=> T", "without `=>`"),
            ("A/B => T C/D => U", "two `=>`"),
            ("A/B => ", "without a model name"),
            ("=> T", "an empty level"),
            ("A//B => T", "an empty level"),
            ("/A/B => T", "an empty level"),
            ("A/B/ => T", "an empty level"),
            ("Pump* => T", "with 1 levels"),
            ("A/B/C/D => T", "with 4 levels"),
            ("**/Pump => T", "`**`"),
            (r"A/B\C => T", "a backslash"),
            (r"A/B => T\", "a backslash"),
            ("A/B => T, A/B => U", "is never used"),
            ("*/*/* => T, A/*/P? => U", "is never used"),
            ("A/P* => T, A/Pump* => U", "is never used"),
            ("A/?? => T, A/x? => U", "is never used"),
        ] {
            let said = Kinds::parse(text).unwrap_err();
            assert!(said.contains(reason), "{text}: {said}");
        }
        for apart in [
            "A/* => T, A/*/* => U",
            "A/?* => T, A/* => U",
            "A/P => T, A/? => U",
            "A/? => T, A/* => U",
        ] {
            assert!(Kinds::parse(apart).is_ok(), "{apart}: the second takes more than the first");
        }
        let narrow_first = Kinds::parse("A/x => T, A/* => U").unwrap();
        assert_eq!(found(&narrow_first, "A/y"), Some("U"));
    }
}

//! Sets of globs, as variables hold them.

use globset::{Glob, GlobSet, GlobSetBuilder};

/// A set of globs.
#[derive(Clone, Debug)]
pub struct Globs {
    patterns: Vec<String>,
    set: GlobSet,
}

impl Globs {
    /// Globs as written in a variable: separated by commas.
    ///
    /// # Errors
    ///
    /// Which pattern is wrong and why.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::build(text, false)
    }

    /// As [`parse`](Self::parse), but a glob also takes everything below what it matches:
    /// `a/b` takes `a/b/c`.
    ///
    /// # Errors
    ///
    /// Which pattern is wrong and why.
    pub fn parse_trees(text: &str) -> Result<Self, String> {
        Self::build(text, true)
    }

    fn build(text: &str, trees: bool) -> Result<Self, String> {
        let mut set = GlobSetBuilder::new();
        let mut patterns = Vec::new();
        let glob = |pattern: &str| {
            Glob::new(pattern).map_err(|error| {
                format!(
                    "has an invalid glob `{pattern}`: {}; write names with `*` and `?`, and `[[]` \
                         for a bracket",
                    error.kind()
                )
            })
        };
        for pattern in split(text).map(str::trim).filter(|pattern| !pattern.is_empty()) {
            set.add(glob(pattern)?);
            if trees {
                // A star crosses slashes.
                set.add(glob(&format!("{}/*", pattern.trim_end_matches('/')))?);
            }
            patterns.push(pattern.to_owned());
        }
        if patterns.is_empty() {
            return Err(
                "is an empty list: write at least one glob, such as Group/Node*, or unset it"
                    .to_owned(),
            );
        }
        let set = set.build().map_err(|error| format!("has globs that are too large: {error}"))?;
        Ok(Self { patterns, set })
    }

    /// A glob, as it is written in a variable, that takes whatever ends with this path.
    pub fn any_below(path: &str) -> String {
        let mut glob = "*/".to_owned();
        for letter in path.chars() {
            match letter {
                '*' | '?' | '[' | ']' | '{' | '}' => glob.extend(['[', letter, ']']),
                ',' | '\\' => glob.extend(['\\', letter]),
                letter => glob.push(letter),
            }
        }
        glob
    }

    /// Whether any of them may match something below `path`, judged by the text before its first
    /// wildcard.
    pub fn may_match_below(&self, path: &str) -> bool {
        self.patterns.iter().any(|pattern| {
            let wildcard = pattern.find(['*', '?', '[', '{', '\\']);
            let literal = pattern.get(..wildcard.unwrap_or(pattern.len())).unwrap_or_default();
            // Byte by byte, with a slash after the path.
            let mut both = literal.bytes().zip(path.bytes().chain([b'/']));
            let agrees = both.all(|(one, other)| one == other);
            agrees && (wildcard.is_some() || literal.len() > path.len() + 1)
        })
    }

    /// Whether any of them matches.
    pub fn matches(&self, text: &str) -> bool {
        self.set.is_match(text)
    }
}

/// Splits at commas, except escaped ones: within a glob an escaped comma is a comma.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    text.split(move |c| {
        let separates = c == ',' && !escaped;
        escaped = c == '\\' && !escaped;
        separates
    })
}

impl PartialEq for Globs {
    fn eq(&self, other: &Self) -> bool {
        self.patterns == other.patterns && self.set.len() == other.set.len()
    }
}

impl Eq for Globs {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_as_a_glob_takes_itself_and_nothing_else() {
        for path in ["Speed", "a/b c", "x,y", "what?", "a[1]", "{b}", "c*", r"d\e", "ü"] {
            let globs = Globs::parse(&Globs::any_below(path)).unwrap();
            assert_eq!(globs.patterns.len(), 1, "{path}");
            assert!(globs.matches(&format!("Nordsee/gw/{path}")), "{path}");
            assert!(!globs.matches(&format!("Nordsee/gw/{path}x")), "{path}");
        }
        let star = Globs::parse(&Globs::any_below("c*")).unwrap();
        assert!(!star.matches("Nordsee/gw/cd"));
    }

    #[test]
    fn any_pattern_may_match_and_a_star_crosses_slashes() {
        let globs = Globs::parse("*/engHigh, Serial ,").unwrap();
        for (text, expected) in [("Gearbox/Temp/engHigh", true), ("Serial", true), ("x", false)] {
            assert_eq!(globs.matches(text), expected, "{text}");
        }
        let wrong = Globs::parse("[").unwrap_err();
        assert!(wrong.contains("`[`"), "{wrong}");
        assert!(Globs::parse(" ,").is_err(), "a list that takes nothing is a mistake");
    }

    #[test]
    fn a_comma_may_be_part_of_a_pattern() {
        let globs = Globs::parse_trees(r"Halle 1\, Nord/gw,b").unwrap();
        for (text, expected) in [
            ("Halle 1, Nord/gw", true),
            ("Halle 1, Nord/gw/Pump", true),
            ("b", true),
            ("Halle 1", false),
        ] {
            assert_eq!(globs.matches(text), expected, "{text}");
        }
    }

    #[test]
    fn what_may_match_below_a_path_is_told_by_what_comes_before_a_wildcard() {
        let globs = Globs::parse_trees("Nordsee/gw/T1/Speed, Alpen/g*/x, Süd").unwrap();
        for (path, expected) in [
            ("Nordsee/gw", true),
            ("Nordsee/gw/T1", true),
            ("Nordsee/gw/T2", false),
            ("Nordsee/gw2", false),
            ("Nordsee/g", false),
            ("Alpen/gw", true),
            ("Alpen/x", false),
            ("Süd", false),
            ("Süd/gw", false),
        ] {
            assert_eq!(globs.may_match_below(path), expected, "{path}");
        }
        assert!(Globs::parse("*").unwrap().may_match_below("a/b"));
    }

    #[test]
    fn a_tree_is_what_a_glob_matches_and_all_below() {
        let globs = Globs::parse_trees("Nordsee/gw/Row 1, */Diagnostics, A/").unwrap();
        for (text, expected) in [
            ("Nordsee/gw/Row 1", true),
            ("Nordsee/gw/Row 1/T01/Speed", true),
            ("Nordsee/gw/Row 10", false),
            ("Nordsee/gw", false),
            ("Alpen/gw/Diagnostics/Heap/Used", true),
            ("Alpen/gw/Diagnostics Heap", false),
            ("A/b", true),
        ] {
            assert_eq!(globs.matches(text), expected, "{text}");
        }
        assert_ne!(Globs::parse("a"), Globs::parse_trees("a"));
    }
}

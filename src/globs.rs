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
        let mut set = GlobSetBuilder::new();
        let mut patterns = Vec::new();
        for pattern in text.split(',').map(str::trim).filter(|pattern| !pattern.is_empty()) {
            let glob = Glob::new(pattern)
                .map_err(|error| format!("has a wrong glob `{pattern}`: {}", error.kind()))?;
            set.add(glob);
            patterns.push(pattern.to_owned());
        }
        let set = set.build().map_err(|error| format!("has globs that are too large: {error}"))?;
        Ok(Self { patterns, set })
    }

    /// Whether any of them matches.
    pub fn matches(&self, text: &str) -> bool {
        self.set.is_match(text)
    }
}

impl PartialEq for Globs {
    fn eq(&self, other: &Self) -> bool {
        self.patterns == other.patterns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_pattern_may_match_and_a_star_crosses_slashes() {
        let globs = Globs::parse("*/engHigh, Serial ,").unwrap();
        for (text, expected) in [("Gearbox/Temp/engHigh", true), ("Serial", true), ("x", false)] {
            assert_eq!(globs.matches(text), expected, "{text}");
        }
        let wrong = Globs::parse("[").unwrap_err();
        assert!(wrong.contains("`[`"), "{wrong}");
    }
}

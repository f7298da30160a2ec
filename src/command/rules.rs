//! `COMMANDS_ALLOW`: what may be written, and which values.

use std::time::Duration;

use globset::{Glob, GlobMatcher};

use super::answer::{Code, Refusal};
use super::cloudformation::{AllowedMember, AllowedValues};
use super::value;
use crate::sparkplug::value::Value;
use crate::twin::is_control;

mod parse;

/// Rules, of which the first that fits is used. Without any nothing may be written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AllowRules(Vec<AllowRule>);

/// One rule.
#[derive(Clone, Debug)]
pub(super) struct AllowRule {
    /// As it was written.
    pub(super) text: String,
    pattern: Pattern,
    effect: Effect,
    pub(super) rate: Option<Rate>,
    pub(super) echo: Confirmation,
}

/// What a rule is for.
#[derive(Clone, Debug)]
enum Pattern {
    /// What is called so.
    Name(String),
    /// What a glob takes; a star crosses slashes, as in the filters.
    Glob(GlobMatcher, String),
}

/// Which values a rule allows.
#[derive(Clone, Debug, PartialEq)]
enum Effect {
    /// None.
    Never,
    /// Numbers from the first to the second, both included. Two values nearer than the step are one
    /// to the machine.
    Range(f64, f64, Option<f64>),
    /// Any of these.
    OneOf(Vec<Item>),
}

/// A value in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Item {
    text: String,
    /// It is text, whatever it looks like.
    quoted: bool,
}

/// At most `count` commands to a metric in `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    pub(super) count: usize,
    pub(super) per: Duration,
}

/// What is expected of the metric after a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Confirmation {
    /// Its next value is the one that was written.
    #[default]
    Value,
    /// Nothing: it is a pulse, which is sent whatever the metric's value is.
    None,
}

/// Whether a metric may be written by a rule that does not name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteGuard {
    /// By any rule.
    Open,
    /// Only by a rule with its address: it controls the node or device, or is read-only.
    FullName,
}

impl AllowRules {
    /// Rules as written in the variable: separated by line ends or semicolons.
    ///
    /// # Errors
    ///
    /// Which rule is wrong, and what to do.
    pub fn parse(text: &str) -> Result<Self, String> {
        parse::rules(text).map(Self)
    }

    /// What the rules allow, one after the other.
    pub(super) fn members(&self) -> Vec<AllowedMember> {
        let allowing = self.0.iter().filter_map(|rule| {
            let values = match &rule.effect {
                Effect::Never => return None,
                Effect::Range(low, high, _) => AllowedValues::Range(*low, *high),
                Effect::OneOf(items) => {
                    let item = |item: &Item| (item.text.clone(), item.quoted);
                    AllowedValues::OneOf(items.iter().map(item).collect())
                }
            };
            let (pattern, asset, property) = rule.pattern.parts();
            Some(AllowedMember { rule: rule.text.clone(), pattern, asset, property, values })
        });
        allowing.collect()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first rule for a metric by its address, or as `model/member`, unless that forbids it. A
    /// guarded metric is allowed by its very address alone: a model stands for many metrics, as a
    /// glob does.
    pub(super) fn find(
        &self,
        address: &str,
        by_model: Option<&str>,
        guard: WriteGuard,
    ) -> Option<&AllowRule> {
        let (_, first) = self.first(address, by_model, guard)?;
        (!first.is_never()).then_some(first)
    }

    /// The same with its place among the rules, also if it forbids the metric.
    pub(super) fn first(
        &self,
        address: &str,
        by_model: Option<&str>,
        guard: WriteGuard,
    ) -> Option<(usize, &AllowRule)> {
        self.0.iter().enumerate().find(|(_, rule)| {
            let pattern = &rule.pattern;
            let by_address = pattern.matches(address);
            let open = guard == WriteGuard::Open || rule.effect == Effect::Never;
            match open {
                true => by_address || by_model.is_some_and(|name| pattern.matches(name)),
                false => by_address && pattern.is_name(),
            }
        })
    }

    /// All rules, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &AllowRule> {
        self.0.iter()
    }

    /// The rules with those that forbid as ones that allow: to find the metrics of either.
    pub(super) fn with_forbidden(&self) -> Self {
        let mut rules = self.clone();
        for rule in rules.0.iter_mut().filter(|rule| rule.is_never()) {
            rule.effect = Effect::OneOf(Vec::new());
        }
        rules
    }

    /// Whether a rule may allow to write a metric, of which so far only the address is known: its
    /// model's name may be any.
    pub(super) fn may_take(&self, address: &str) -> bool {
        let leaf = address.rsplit('/').next();
        let allowing = self.0.iter().filter(|rule| rule.effect != Effect::Never);
        allowing.map(|rule| rule.pattern.end()).any(|end| end.is_none() || end == leaf)
    }
}

impl AllowRule {
    /// Whether the rule allows a value. `written` is the number that was asked for, where the
    /// value is one: a Float may have been rounded into the range.
    pub(super) fn check(&self, value: &Value, written: Option<f64>) -> Result<(), Refusal> {
        let outside = |allowed: String| {
            let reason = format!("{} is not {allowed}", value::display_text(value));
            Err(Refusal::new(Code::OutOfRange, reason))
        };
        match &self.effect {
            Effect::Never => Err(Refusal::new(Code::NotAllowed, self.text.clone())),
            Effect::Range(low, high, _) => match written {
                Some(number) if value::is_rounded_within((value, number), *low, *high) => Ok(()),
                Some(_) => {
                    outside(format!("within {low}..{high}, the range of the rule `{}`", self.text))
                }
                None => Err(Refusal::new(
                    Code::NotAllowed,
                    format!(
                        "the rule `{}` has a range, but the metric is not numeric: list the \
                            allowed values instead",
                        self.text
                    ),
                )),
            },
            Effect::OneOf(items) => match items.iter().any(|item| item.is(value)) {
                true => Ok(()),
                false => outside(format!("listed in the rule `{}`", self.text)),
            },
        }
    }

    /// Whether it forbids.
    pub(super) fn is_never(&self) -> bool {
        self.effect == Effect::Never
    }

    /// The range that it allows, if it has one.
    pub(super) fn range(&self) -> Option<(f64, f64)> {
        match self.effect {
            Effect::Range(low, high, _) => Some((low, high)),
            Effect::Never | Effect::OneOf(_) => None,
        }
    }

    /// The values that it lists.
    pub(super) fn listed(&self) -> impl Iterator<Item = &str> {
        let items = match &self.effect {
            Effect::OneOf(items) => items.as_slice(),
            Effect::Never | Effect::Range(..) => &[],
        };
        items.iter().map(|item| item.text.as_str())
    }

    /// The machine's resolution.
    pub(super) fn step(&self) -> Option<f64> {
        match self.effect {
            Effect::Range(_, _, step) => step,
            Effect::Never | Effect::OneOf(_) => None,
        }
    }
}

impl PartialEq for AllowRule {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, String> {
        if let Some(name) = plain(text) {
            return Ok(Self::Name(name));
        }
        let glob =
            Glob::new(text).map_err(|error| format!("with an invalid glob: {}", error.kind()))?;
        Ok(Self::Glob(glob.compile_matcher(), text.to_owned()))
    }

    /// As it is written without backslashes; the asset that it names, if that is one; and the
    /// property. A name of two levels is `model/member`; of a longer one the last level is taken
    /// for the property, with the folder of controls before it.
    fn parts(&self) -> (String, Option<String>, Option<String>) {
        let (Self::Name(text) | Self::Glob(_, text)) = self;
        let controls = ["/Node Control/", "/Device Control/"];
        let at = controls.iter().find_map(|folder| text.find(folder)).or_else(|| text.rfind('/'));
        let (asset, property) = match at {
            Some(at) => {
                (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default())
            }
            None => ("", text.as_str()),
        };
        match self {
            Self::Name(_) => {
                let asset = asset.contains('/').then(|| asset.to_owned());
                (text.clone(), asset, Some(property.to_owned()))
            }
            Self::Glob(..) => (text.clone(), None, self.end().and_then(|_| plain(property))),
        }
    }

    /// What all of its metrics are called in the end; none where a wildcard decides that. A slash
    /// within braces or brackets ends nothing.
    fn end(&self) -> Option<&str> {
        let (Self::Name(text) | Self::Glob(_, text)) = self;
        let end = text.rsplit('/').next().unwrap_or(text);
        match self {
            Self::Glob(..) if is_pattern(end) || end.contains(['}', ']']) => None,
            Self::Name(_) | Self::Glob(..) => Some(end),
        }
    }

    fn is_name(&self) -> bool {
        matches!(self, Self::Name(_))
    }

    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Name(own) => own == name,
            Self::Glob(glob, _) => glob.is_match(name),
        }
    }
}

impl Item {
    fn is(&self, value: &Value) -> bool {
        match value {
            Value::Boolean(flag) => !self.quoted && value::flag(&self.text) == Some(*flag),
            Value::String(text) => **text == *self.text,
            Value::Int(_)
            | Value::UInt(_)
            | Value::Float(_)
            | Value::Double(_)
            | Value::DateTime(_) => !self.quoted && value::is_listed(value, &self.text),
            Value::Bytes(_) | Value::DataSet(_) | Value::Array(_) => false,
        }
    }
}

/// Whether a text has a wildcard, or may have.
fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '{', '\\'])
}

/// The name that a pattern without wildcards stands for: a backslash makes the character after it
/// one like any other.
fn plain(text: &str) -> Option<String> {
    let mut name = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' | '?' | '[' | '{' => return None,
            '\\' => name.push(chars.next()?),
            c => name.push(c),
        }
    }
    Some(name)
}

/// Whether a metric, by the path of names that leads to it, is one that only its full name may
/// allow to write.
pub(super) fn guard(path: &str, read_only: bool) -> WriteGuard {
    let within = ["/Node Control/", "/Device Control/"].iter().any(|name| path.contains(name));
    if read_only || within || is_control(path) { WriteGuard::FullName } else { WriteGuard::Open }
}

#[cfg(test)]
mod tests;

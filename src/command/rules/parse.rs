//! Rules read from their text.

use std::time::Duration;

use super::{AllowRule, Confirmation, Effect, Item, Pattern, Rate};

/// How a rule is written, for messages.
const EXAMPLE: &str = "write it as in `WindTurbine/Pitch Limit = 0..90`";

/// The longest time that a rate may be over.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The most commands that a rate may allow.
const MOST: usize = 1_000;

pub(super) fn rules(text: &str) -> Result<Vec<AllowRule>, String> {
    let mut rules: Vec<AllowRule> = Vec::new();
    for text in text.split(['\n', ';']).map(str::trim).filter(|text| !text.is_empty()) {
        let (pattern, rule) =
            rule(text).map_err(|reason| format!("has a rule `{text}` {reason}"))?;
        // A glob before a full name does not cover what only the full name allows; but then the
        // order would decide, which nobody sees.
        if let Some(first) = rules.iter().find(|first| first.pattern.covers(&rule.pattern)) {
            return Err(format!(
                "has a rule `{text}` for {pattern} that is never used, since `{}` before it \
                    matches the same metrics: put the more specific rule first",
                first.text
            ));
        }
        if rule.effect == Effect::Never
            && let Some(first) = rules.iter().find(|first| first.hides(&rule))
        {
            return Err(format!(
                "has a rule `{text}`, and `{}` before it may allow the same metric: one of them is \
                 for a model, the other for addresses, so put the one with `never` first",
                first.text
            ));
        }
        rules.push(rule);
    }
    if rules.is_empty() {
        return Err("is an empty list".to_owned());
    }
    Ok(rules)
}

impl AllowRule {
    /// Whether this one comes first for metrics that a later rule forbids, although neither name
    /// shows it: a name of two levels is a model's, a longer one is most often an address.
    fn hides(&self, never: &Self) -> bool {
        let (own, other) = (&self.pattern, &never.pattern);
        let across = match (own.is_model(), other.is_model()) {
            (true, false) => true,
            // A full address before its model is the more specific one.
            (false, true) => !own.is_name(),
            (true, true) | (false, false) => false,
        };
        self.effect != Effect::Never && across && own.may_share_end(other)
    }
}

impl Pattern {
    /// Whether this one takes all that another does. Of globs this is seen where both have no
    /// wildcards but single stars: a star in the other one's text is then taken by a star alone.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Name(name)) => self.matches(name),
            (Self::Name(_), Self::Glob(..)) => false,
            (Self::Glob(glob, own), Self::Glob(_, other)) => {
                let alike = has_stars_alone(own) && has_stars_alone(other);
                own == other || alike && glob.is_match(other)
            }
        }
    }

    /// Whether it can be nothing but `model/member`: an address has three levels and more.
    fn is_model(&self) -> bool {
        matches!(self, Self::Name(name) if name.matches('/').count() == 1)
    }

    /// Whether two may be for a metric of one name.
    fn may_share_end(&self, other: &Self) -> bool {
        match (self.end(), other.end()) {
            (Some(own), Some(other)) => own == other,
            (None, _) | (_, None) => true,
        }
    }
}

/// Whether a glob has no wildcards but single stars; two of them mean something else to a path.
fn has_stars_alone(glob: &str) -> bool {
    !glob.contains(['?', '[', '{', '\\']) && !glob.contains("**")
}

fn rule(text: &str) -> Result<(String, AllowRule), String> {
    let (pattern, values) = text
        .split_once(" = ")
        .or_else(|| text.split_once('='))
        .ok_or_else(|| format!("without `=`: {EXAMPLE}"))?;
    let (pattern, values) = (pattern.trim(), values.trim());
    if pattern.split('/').count() < 2 || pattern.split('/').any(str::is_empty) {
        return Err(format!("that names neither model/member nor group/node/metric: {EXAMPLE}"));
    }
    if pattern == "bdSeq" || pattern.ends_with("/bdSeq") {
        return Err("for bdSeq, which belongs to the session and is never written".to_owned());
    }
    let mut words = words_of(values)?.into_iter().peekable();
    let mut items: Vec<Item> = Vec::new();
    let mut effect = None;
    match words.next() {
        None => return Err(format!("without any value: {EXAMPLE}")),
        Some(Token::Comma) => return Err("with a comma before the first value".to_owned()),
        Some(Token::Item(item)) if !item.quoted && item.text == "never" => {
            effect = Some(Effect::Never);
        }
        Some(Token::Item(item)) => match range(&item)? {
            Some(range) => effect = Some(range),
            None => items.push(item),
        },
    }
    while effect.is_none() && words.next_if_eq(&Token::Comma).is_some() {
        match words.next() {
            Some(Token::Item(item)) => items.push(item),
            Some(Token::Comma) | None => return Err("with nothing after a comma".to_owned()),
        }
    }
    let effect = effect.unwrap_or(Effect::OneOf(items));
    let mut rule = AllowRule {
        text: text.to_owned(),
        pattern: Pattern::parse(pattern)?,
        effect,
        rate: None,
        echo: Confirmation::Value,
    };
    while let Some(word) = words.next() {
        let Token::Item(word) = word else {
            return Err("with a comma where none belongs".to_owned());
        };
        let mut argument = || match words.next() {
            Some(Token::Item(item)) => Ok(item.text),
            Some(Token::Comma) | None => Err(format!("with nothing after `{}`", word.text)),
        };
        match (word.text.as_str(), &mut rule.effect) {
            (_, Effect::Never) => {
                return Err("with something after `never`, which stands alone".to_owned());
            }
            ("step", Effect::Range(low, high, step @ None)) => {
                let text = argument()?;
                let step_size = number(&text)
                    .filter(|step_size| *step_size > 0.0 && *step_size <= *high - *low);
                *step = Some(step_size.ok_or_else(|| {
                    format!("with the step `{text}`: it is a number above 0, within the range")
                })?);
            }
            ("step", _) => return Err("with a step that does not follow one range".to_owned()),
            ("rate", _) if rule.rate.is_none() => rule.rate = Some(rate(&argument()?)?),
            ("pulse", _) if rule.echo == Confirmation::Value => rule.echo = Confirmation::None,
            (other, _) => {
                return Err(format!(
                    "with `{other}` where `step`, `rate` or `pulse` may stand, each once: put text \
                     of several words in double quotes"
                ));
            }
        }
    }
    Ok((format!("`{pattern}`"), rule))
}

/// `0..90`; none for what is no range.
fn range(item: &Item) -> Result<Option<Effect>, String> {
    let Some((low, high)) = item.text.split_once("..").filter(|_| !item.quoted) else {
        return Ok(None);
    };
    for (bound, is_high) in [(low, false), (high, true)] {
        if let (Some(number), Ok(exact)) = (number(bound), bound.parse::<i128>())
            && number as i128 != exact
        {
            let nearest = match (is_high, number as i128 > exact) {
                (true, true) => number.next_down(),
                (false, false) => number.next_up(),
                _ => number,
            };
            return Err(format!(
                "with the range {}: {bound} is past what a range takes exactly; write {nearest:.0}",
                item.text
            ));
        }
    }
    match (number(low), number(high)) {
        (Some(low), Some(high)) if low <= high => Ok(Some(Effect::Range(low, high, None))),
        (Some(_), Some(_)) => Err(format!("with the range {}, which is empty", item.text)),
        _ => Err(format!("with the range {}: it is two numbers, as in 0..90", item.text)),
    }
}

fn rate(text: &str) -> Result<Rate, String> {
    let wrong = || format!("with the rate `{text}`: write it as in 1/10s, up to {MOST} a day");
    let (count, per) = text.split_once('/').ok_or_else(wrong)?;
    let count = count.parse().ok().filter(|count| (1..=MOST).contains(count));
    let per = humantime::parse_duration(per).ok();
    let per = per.filter(|per| !per.is_zero() && *per <= LONGEST);
    match (count, per) {
        (Some(count), Some(per)) => Ok(Rate { count, per }),
        _ => Err(wrong()),
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Item(Item),
    Comma,
}

/// Takes the values of a rule apart: words, text in double quotes, commas.
fn words_of(text: &str) -> Result<Vec<Token>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if first == ',' {
            words.push(Token::Comma);
            rest = rest.get(1..).unwrap_or_default();
        } else if first == '"' {
            let body = rest.get(1..).unwrap_or_default();
            let (text, after) =
                body.split_once('"').ok_or("with a double quote that is not closed")?;
            words.push(Token::Item(Item { text: text.to_owned(), quoted: true }));
            rest = after;
        } else {
            let end = rest.find([',', '"']).unwrap_or(rest.len());
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len()).min(end);
            let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
            words.push(Token::Item(Item { text: word.to_owned(), quoted: false }));
            rest = after;
        }
        rest = rest.trim_start();
    }
    Ok(words)
}

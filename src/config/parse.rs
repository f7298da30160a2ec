//! From text to values. Errors say what a value should look like, never what it was.

use std::num::NonZeroU32;
use std::time::Duration;

/// `250ms`, `5s`, `2m`, `1h`.
///
/// # Errors
///
/// How a duration is written, where the text is none.
pub fn duration(text: &str) -> Result<Duration, String> {
    let form = || "is not a duration: write 250ms, 5s, 2m or 1h".to_owned();
    let (number, unit) = split_unit(text).ok_or_else(form)?;
    let millis = match unit {
        "ms" => Some(number),
        "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        _ => None,
    };
    millis.map(Duration::from_millis).ok_or_else(form)
}

/// A duration from `min` to `max`.
pub(super) fn duration_within(
    min: Duration,
    max: Duration,
) -> impl Fn(&str) -> Result<Duration, String> {
    move |text| {
        let duration = duration(text)?;
        if duration < min || duration > max {
            return Err(format!("must be from {} to {}", written(min), written(max)));
        }
        Ok(duration)
    }
}

/// A duration as [`duration`] reads it, in the largest unit that holds it.
fn written(duration: Duration) -> String {
    let millis = duration.as_millis();
    match [(3_600_000, "h"), (60_000, "m"), (1_000, "s")]
        .into_iter()
        .find(|(unit, _)| millis >= *unit && millis.is_multiple_of(*unit))
    {
        Some((unit, name)) => format!("{}{name}", millis / unit),
        None if millis == 0 => "0s".to_owned(),
        None => format!("{millis}ms"),
    }
}

/// A size as [`size`] reads it, in the largest unit that holds it.
fn written_size(bytes: u64) -> String {
    match [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")]
        .into_iter()
        .find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit))
    {
        Some((unit, name)) => format!("{}{name}", bytes / unit),
        // The largest packet of MQTT is a byte short of 256 MiB.
        None if (bytes + 1).is_multiple_of(1 << 20) => {
            format!("just under {}", written_size(bytes + 1))
        }
        None => format!("{bytes}B"),
    }
}

/// `64KiB`, `16MiB`, `1GiB`, `100000B`.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let form = || "is not a size: write 64KiB, 16MiB or 1GiB".to_owned();
    let (number, unit) = split_unit(text).ok_or_else(form)?;
    let factor = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(form()),
    };
    number.checked_mul(factor).ok_or_else(form)
}

/// A size from `min` to `max` bytes.
pub(super) fn size_within(min: u64, max: u64) -> impl Fn(&str) -> Result<u64, String> {
    move |text| {
        let size = size(text)?;
        if size < min || size > max {
            return Err(format!("must be from {} to {}", written_size(min), written_size(max)));
        }
        Ok(size)
    }
}

/// A whole number from 1 to `max`.
pub(super) fn count_up_to(max: u32) -> impl Fn(&str) -> Result<NonZeroU32, String> {
    move |text| {
        text.parse::<NonZeroU32>()
            .ok()
            .filter(|number| number.get() <= max)
            .ok_or_else(|| format!("must be a whole number from 1 to {max}"))
    }
}

/// One of a few words.
pub(super) fn word<T: Copy + 'static>(
    choices: &'static [(&'static str, T)],
) -> impl Fn(&str) -> Result<T, String> {
    move |text| {
        choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            format!("must be one of: {}", words.join(", "))
        })
    }
}

/// Parts separated by commas, blanks around them ignored; at least one. `\,` is a comma within a
/// part, `\\` a backslash; any other backslash stands for itself.
pub(super) fn list<T>(
    part: impl Fn(&str) -> Result<T, String>,
) -> impl Fn(&str) -> Result<Vec<T>, String> {
    move |text| {
        let parts = split_list(text);
        let parts = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
        let parts: Vec<T> = parts.map(&part).collect::<Result<_, _>>()?;
        if parts.is_empty() {
            return Err("is an empty list: name at least one, or unset it".to_owned());
        }
        Ok(parts)
    }
}

fn split_list(text: &str) -> Vec<String> {
    let (mut parts, mut part) = (Vec::new(), String::new());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => part.push(chars.next_if(|next| matches!(next, ',' | '\\')).unwrap_or(c)),
            ',' => parts.push(std::mem::take(&mut part)),
            _ => part.push(c),
        }
    }
    parts.push(part);
    parts
}

/// An id that becomes a level of an MQTT topic.
pub(super) fn topic_level(text: &str) -> Result<String, String> {
    if text.contains(['/', '+', '#']) || text.chars().any(char::is_control) {
        return Err(
            "must be a single level of an MQTT topic: no `/`, `+`, `#` or control characters"
                .to_owned(),
        );
    }
    Ok(text.to_owned())
}

/// Any text of at most `max` bytes.
pub(super) fn text_up_to(max: usize) -> impl Fn(&str) -> Result<String, String> {
    move |text| match text.len() > max {
        true => Err(format!("has {} bytes: write at most {max}", text.len())),
        false => Ok(text.to_owned()),
    }
}

/// How many parts of a list separated by commas are empty; one after the last comma does no harm.
pub(super) fn empty_parts(text: &str) -> usize {
    let parts = split_list(text);
    let before_last = parts.len().saturating_sub(1);
    parts.iter().take(before_last).filter(|part| part.trim().is_empty()).count()
}

/// Any text.
pub(super) fn text(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

fn split_unit(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(end)?;
    Some((number.parse().ok()?, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, millis) in
            [("250ms", 250), ("5s", 5_000), ("2m", 120_000), ("1h", 3_600_000), ("0s", 0)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "5",
            "s",
            "-5s",
            "5 s",
            "1.5s",
            "5S",
            "99999999999999999999s",
            "18446744073709551615h",
            "5µs",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in
            [("1B", 1), ("64KiB", 65_536), ("16MiB", 16_777_216), ("1GiB", 1_073_741_824)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        let told = size_within(16 << 10, 268_435_455)("1KiB");
        assert_eq!(told, Err("must be from 16KiB to just under 256MiB".to_owned()));
        for text in ["16", "16MB", "16 MiB", "MiB", "18446744073709551615GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn counts_words_lists() {
        assert_eq!(count_up_to(64)("64"), Ok(NonZeroU32::new(64).unwrap()));
        assert!(count_up_to(64)("0").is_err() && count_up_to(64)("65").is_err());
        assert_eq!(word(&[("auto", true), ("off", false)])("off"), Ok(false));
        assert_eq!(
            word(&[("auto", true), ("off", false)])("on"),
            Err("must be one of: auto, off".to_owned())
        );
        assert_eq!(list(topic_level)(" a, b c ,"), Ok(vec!["a".to_owned(), "b c".to_owned()]));
        let groups = list(topic_level)(r"Halle 1\, Nord,b\\,DOMAIN\c");
        assert_eq!(groups.unwrap(), ["Halle 1, Nord", r"b\", r"DOMAIN\c"]);
        assert!(list(topic_level)(" , ").is_err() && list(topic_level)("a/b").is_err());
    }
}

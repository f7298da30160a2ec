//! Strings that may not be valid UTF-8.
//!
//! In a value, what is not UTF-8 shows as U+FFFD. A name is what a value is found by, in every
//! birth and in all data: it keeps its bytes, as characters of a private plane that nobody is
//! shown, so that two names that look alike stay two, whichever is heard first.

use std::borrow::Cow;

use super::findings::{Finding, FindingCounts};

/// Stands for the first of bytes that are no character, with the byte added.
const FIRST: u32 = 0x10_fe00;
/// Stands for one that follows it.
const NEXT: u32 = 0x10_ff00;
/// With this byte every character of that plane begins.
const PLANE: u8 = 0xf4;

/// The text in `bytes`. What is not UTF-8 of it shows as U+FFFD and is noted.
pub(crate) fn read<'a>(bytes: &'a [u8], findings: &mut FindingCounts) -> Cow<'a, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            let text = String::from_utf8_lossy(bytes);
            findings.note_with_example(Finding::NotUtf8, || &*text);
            text
        }
    }
}

/// The name in `bytes`: no other bytes give the same. People are shown it by [`shown`].
pub(crate) fn name<'a>(bytes: &'a [u8], findings: &mut FindingCounts) -> Cow<'a, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    findings.note_with_example(Finding::NotUtf8, || String::from_utf8_lossy(bytes));
    let mut name = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        name.push_str(chunk.valid());
        for (byte, stands) in chunk.invalid().iter().zip([FIRST, NEXT, NEXT]) {
            name.extend(char::from_u32(stands + u32::from(*byte)));
        }
    }
    Cow::Owned(name)
}

/// A name for people: what is not UTF-8 of it shows as U+FFFD.
pub(crate) fn shown(name: &str) -> Cow<'_, str> {
    if !name.as_bytes().contains(&PLANE) {
        return Cow::Borrowed(name);
    }
    let shown = name.chars().filter_map(|c| match byte_of(c) {
        Some((FIRST, _)) => Some('\u{fffd}'),
        Some(_) => None,
        None => Some(c),
    });
    Cow::Owned(shown.collect())
}

/// The bytes of a name that are not UTF-8, in hexadecimal; none where all are.
pub(crate) fn broken(name: &str) -> Option<String> {
    if !name.as_bytes().contains(&PLANE) {
        return None;
    }
    let bytes = name.chars().filter_map(byte_of);
    let text: String = bytes.map(|(_, byte)| format!("{byte:02x}")).collect();
    (!text.is_empty()).then_some(text)
}

/// The byte that a character stands for, and as which.
fn byte_of(c: char) -> Option<(u32, u32)> {
    let of =
        |stands: u32| u32::from(c).checked_sub(stands).filter(|byte| (0x80..=0xff).contains(byte));
    of(FIRST).map(|byte| (FIRST, byte)).or_else(|| of(NEXT).map(|byte| (NEXT, byte)))
}

/// `bytes` up to the longest prefix of `limit` that ends with a character.
pub(crate) fn cut(bytes: &[u8], limit: usize) -> &[u8] {
    let mut end = limit;
    // The bytes of a character after its first are 10xxxxxx, and no more than three.
    while end + 3 > limit && bytes.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) {
        end = end.saturating_sub(1);
    }
    bytes.get(..end).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_as_its_bytes_and_shows_as_any_other_text() {
        let cases: [&[u8]; 9] = [
            b"T \xb0",
            b"T \xb1",
            b"\xe2\x82",
            b"\xe2\x82\xe2",
            b"\xf0\x9f\x98",
            b"\xff\xef\xbf\xbd",
            b"\xef\xbf\xbd\xff",
            "T °".as_bytes(),
            b"plain",
        ];
        let mut findings = FindingCounts::default();
        let names = cases.map(|bytes| name(bytes, &mut findings));
        for (place, (bytes, name)) in cases.iter().zip(&names).enumerate() {
            assert_eq!(shown(name), String::from_utf8_lossy(bytes), "{bytes:x?}");
            assert!(!names[..place].contains(name), "{bytes:x?}");
            assert_eq!(broken(name).is_none(), std::str::from_utf8(bytes).is_ok(), "{bytes:x?}");
        }
        assert_eq!(broken(&names[3]).as_deref(), Some("e282e2"));
        assert_eq!(findings.count(Finding::NotUtf8), 7);
    }
}

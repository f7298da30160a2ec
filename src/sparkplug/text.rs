//! Strings as senders write them: UTF-8, or nearly so.

use std::borrow::Cow;

use super::findings::{Finding, Findings};

/// The text in `bytes`. What is not UTF-8 of it shows as U+FFFD and is noted.
pub(crate) fn read<'a>(bytes: &'a [u8], findings: &mut Findings) -> Cow<'a, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            let text = String::from_utf8_lossy(bytes);
            findings.tell(Finding::NotUtf8, || &*text);
            text
        }
    }
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

/// The bytes that are not UTF-8, in hexadecimal.
pub(crate) fn broken(bytes: &[u8]) -> String {
    let broken = bytes.utf8_chunks().flat_map(|chunk| chunk.invalid());
    broken.map(|byte| format!("{byte:02x}")).collect()
}

//! The patterns of the service model, as functions. A pattern always covers the whole text.

/// A pattern with the text by which messages name it.
#[derive(Debug)]
pub struct Pattern {
    /// Whether it covers a text.
    pub matches: fn(&str) -> bool,
    /// As the service model writes it.
    pub text: &'static str,
}

pub(crate) const PRINTABLE: Pattern =
    Pattern { matches: is_printable, text: r"[^\u0000-\u001F\u007F]+" };
pub(crate) const ID: Pattern = Pattern {
    matches: is_id,
    text: "^(?!00000000-0000-0000-0000-000000000000)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
};
pub(crate) const CUSTOM_ID: Pattern = Pattern {
    matches: is_custom_id,
    text: r"^(?!00000000-0000-0000-0000-000000000000)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$|^externalId:[a-zA-Z0-9_][a-zA-Z_\-0-9.:]*[a-zA-Z0-9_]+",
};
pub(crate) const EXTERNAL_ID: Pattern =
    Pattern { matches: is_external_id, text: r"[a-zA-Z0-9_][a-zA-Z_\-0-9.:]*[a-zA-Z0-9_]+" };
pub(crate) const ENTRY_ID: Pattern = Pattern { matches: is_entry_id, text: "^[a-zA-Z0-9_-]+$" };
pub(crate) const CLIENT_TOKEN: Pattern = Pattern { matches: is_client_token, text: r"\S{36,64}" };
pub(crate) const ETAG: Pattern = Pattern { matches: is_etag, text: r"^[\w-]{43}$" };
pub(crate) const STAR: Pattern = Pattern { matches: is_star, text: r"\*" };
pub(crate) const VERSION: Pattern = Pattern { matches: is_version, text: "^(LATEST|ACTIVE)$" };
pub(crate) const NEXT_TOKEN: Pattern = Pattern { matches: is_next_token, text: "[A-Za-z0-9+/=]+" };
pub(crate) const RESOLUTION: Pattern = Pattern { matches: is_resolution, text: "1m|15m|1h|1d" };
pub(crate) const VARIABLE: Pattern = Pattern { matches: is_variable, text: "^[a-z][a-z0-9_]*$" };
pub(crate) const JOB_NAME: Pattern =
    Pattern { matches: is_job_name, text: r"^[\p{L}\p{N}\p{Zs}._:/-]+$" };
pub(crate) const ARN: Pattern =
    Pattern { matches: is_arn, text: r"^arn:aws(-cn|-us-gov)?:[a-zA-Z0-9-:\/_\.]+$" };

/// Printable text: no control characters, not empty.
pub(crate) fn is_printable(text: &str) -> bool {
    !text.is_empty() && !text.bytes().any(|byte| byte < 0x20 || byte == 0x7F)
}

/// A lower-case UUID that is not nil.
pub(crate) fn is_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
        && bytes.iter().any(|byte| !matches!(byte, b'0' | b'-'))
}

fn is_custom_id(text: &str) -> bool {
    text.strip_prefix("externalId:").map_or_else(|| is_id(text), is_external_id)
}

fn is_external_id(text: &str) -> bool {
    // The API's model takes `_` at the ends as well, the user guide does not: the harsher is taken.
    let outer = u8::is_ascii_alphanumeric;
    let bytes = text.as_bytes();
    bytes.len() >= 2
        && bytes.first().is_some_and(outer)
        && bytes.last().is_some_and(outer)
        && bytes.iter().all(|byte| outer(byte) || matches!(byte, b'_' | b'-' | b'.' | b':'))
}

/// The name of an entry in a batch.
pub(crate) fn is_entry_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_word_or_dash)
}

fn is_client_token(text: &str) -> bool {
    !text.chars().any(char::is_whitespace)
}

fn is_etag(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(is_word_or_dash)
}

fn is_word_or_dash(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn is_star(text: &str) -> bool {
    text == "*"
}

fn is_version(text: &str) -> bool {
    matches!(text, "LATEST" | "ACTIVE")
}

fn is_next_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
}

fn is_resolution(text: &str) -> bool {
    matches!(text, "1m" | "15m" | "1h" | "1d")
}

fn is_variable(text: &str) -> bool {
    text.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

fn is_job_name(text: &str) -> bool {
    let is_space = |letter: char| letter.is_whitespace() && !letter.is_control();
    !text.is_empty()
        && text.chars().all(|letter| {
            letter.is_alphanumeric()
                || matches!(letter, '.' | '_' | ':' | '/' | '-')
                || (is_space(letter) && !matches!(letter, '\u{2028}' | '\u{2029}'))
        })
}

fn is_arn(text: &str) -> bool {
    ["arn:aws:", "arn:aws-cn:", "arn:aws-us-gov:"].iter().any(|prefix| {
        text.strip_prefix(prefix).is_some_and(|rest| {
            !rest.is_empty()
                && rest.bytes().all(|byte| {
                    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b':' | b'/' | b'_' | b'.')
                })
        })
    })
}

//! The query string.

use uuid::Uuid;

use super::{ApiError, MOST_ROWS};

/// Names and values.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// None if it is not URL-encoded UTF-8.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parts = text.split('&').filter(|part| !part.is_empty());
        let pairs = parts.map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Some((decode(name)?, decode(value)?))
        });
        pairs.collect::<Option<_>>().map(Self)
    }

    /// The first value of this name; empty ones are none.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(found, _)| found == name)?;
        Some(found.1.as_str()).filter(|value| !value.is_empty())
    }

    pub(super) fn id(&self, name: &'static str) -> Result<Option<Uuid>, ApiError> {
        let parse = |text: &str| text.parse().map_err(|_| ApiError::Wrong("an id must be a UUID"));
        self.get(name).map(parse).transpose()
    }

    pub(super) fn number(&self, name: &'static str) -> Result<Option<usize>, ApiError> {
        let parse =
            |text: &str| text.parse().map_err(|_| ApiError::Wrong("a position must be a number"));
        self.get(name).map(parse).transpose()
    }

    /// How many rows are wanted.
    pub(super) fn limit(&self, usual: usize) -> Result<usize, ApiError> {
        Ok(self.number("limit")?.unwrap_or(usual).clamp(1, MOST_ROWS))
    }
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                (high * 16 + low) as u8
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded() {
        let query = Query::parse("q=Gr%C3%B6%C3%9Fe+7%26&from=3&&flag&empty=").unwrap();
        assert_eq!(query.get("q"), Some("Größe 7&"));
        assert_eq!(query.number("from").unwrap(), Some(3));
        assert_eq!((query.get("flag"), query.get("empty"), query.get("none")), (None, None, None));
        assert_eq!(query.limit(50).unwrap(), 50);
        for wrong in ["q=%", "q=%2", "q=%zz", "%ff=1", "q=%ff"] {
            assert_eq!(Query::parse(wrong), None, "{wrong}");
        }
        let query = Query::parse("from=-1&of=7&limit=9999999").unwrap();
        assert!(query.number("from").is_err() && query.id("of").is_err());
        assert_eq!(query.limit(50).unwrap(), MOST_ROWS);
    }
}

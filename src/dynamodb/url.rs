//! Where the lease is: `dynamodb://table/name`.

use std::fmt;
use std::str::FromStr;

/// Bytes of a partition key at most, by DynamoDB's limit.
const NAME_BYTES: usize = 2_048;

/// A table, and in it one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseUrl {
    /// The table's name.
    pub table: String,
    /// The item's partition key, `id`.
    pub name: String,
}

/// What is wrong with such a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLeaseUrl {
    /// It is of another kind.
    #[error("it is dynamodb://TABLE/NAME: a table of DynamoDB, and the name of the item in it")]
    Form,
    /// DynamoDB has no such table.
    #[error("the name of a table is 3 to 255 letters, digits, underscores, hyphens and dots")]
    Table,
    /// DynamoDB has no such key.
    #[error("the item's name is 1 to 2048 bytes without blanks and control characters")]
    Name,
}

impl FromStr for LeaseUrl {
    type Err = BadLeaseUrl;

    fn from_str(text: &str) -> Result<Self, BadLeaseUrl> {
        let rest = text.trim().strip_prefix("dynamodb://").ok_or(BadLeaseUrl::Form)?;
        let (table, name) = rest.split_once('/').ok_or(BadLeaseUrl::Form)?;
        let is_usual = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        if !(3..=255).contains(&table.len()) || !table.chars().all(is_usual) {
            return Err(BadLeaseUrl::Table);
        }
        let is_blank = |c: char| c.is_whitespace() || c.is_control();
        if name.is_empty() || name.len() > NAME_BYTES || name.contains(is_blank) {
            return Err(BadLeaseUrl::Name);
        }
        Ok(Self { table: table.to_owned(), name: name.to_owned() })
    }
}

impl fmt::Display for LeaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dynamodb://{}/{}", self.table, self.name)
    }
}

//! The lease's item in a table of DynamoDB: one call, one try.
//!
//! Every write has a condition, which DynamoDB checks itself, and every read is a consistent one.
//! So whatever else is lost, the item is what all bridges agree on.

mod item;
mod table;
mod url;

pub use self::table::{LeaseTable, explain};
pub use self::url::{BadLeaseUrl, LeaseUrl};

#[cfg(test)]
mod tests;

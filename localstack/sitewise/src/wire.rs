//! The wire of AWS IoT SiteWise: restJson1 as the AWS SDKs speak it.
//!
//! A request is matched to an [`operation::Operation`], its path labels, query, headers and body
//! are bound into one JSON object, and that object is checked against the operation's shape.
//! What an operation means is not known here.

pub(crate) mod bind;
pub(crate) mod error;
pub(crate) mod operation;
pub(crate) mod operations;
pub(crate) mod page;
pub(crate) mod pattern;
pub(crate) mod reference;
pub(crate) mod route;
pub(crate) mod shape;
pub(crate) mod shapes;
pub(crate) mod time;

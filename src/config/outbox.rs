//! Where values wait.

use super::parse::size_within;
use super::reader::Reader;
use super::variable::{Default, Section, Var};

const MAX_BYTES: Var = Var {
    name: "OUTBOX_MAX_BYTES",
    default: Default::Value("256MiB"),
    form: "size",
    doc: "The most memory that waiting values take. When it is full the oldest history goes first, counted.",
    secret: false,
    file: false,
};

pub(super) const SECTION: Section =
    Section { title: "Outbox", doc: "Where values wait for SiteWise.", vars: &[&MAX_BYTES] };

/// Where values wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbox {
    /// The most bytes that waiting values take.
    pub max_bytes: u64,
}

impl Outbox {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let max_bytes = reader.value(&MAX_BYTES, size_within(1 << 20, 1 << 40));
        Some(Self { max_bytes: max_bytes? })
    }
}

//! What the wire knows of one operation.

use serde_json::Value;

use super::error::Result;
use super::shape::Member;
use crate::account::Account;
use crate::wire::time::Moment;

/// Where a member of the input travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// As a label of the path.
    Path,
    /// In the query.
    Query,
    /// As the header of this lower-case name.
    Header(&'static str),
    /// In the body.
    Body,
}

/// One member of an operation's input.
#[derive(Debug)]
pub struct Field {
    /// Name, shape and whether it must be there.
    pub member: Member,
    /// Where it travels.
    pub place: Place,
}

/// An answer before it is put into HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
    pub(crate) etag: Option<String>,
}

/// How an operation is carried out.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Call {
    /// On the bound and checked input.
    Bound(fn(&mut Account, Value, Moment) -> Result<Answer>),
    /// On the bytes of the body, for `BatchPutAssetPropertyValue`.
    BatchPut,
}

/// One operation of the API.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) method: &'static str,
    /// `/a/{label}/b`, without a trailing slash.
    pub(crate) path: &'static str,
    /// The status of success.
    pub(crate) status: u16,
    pub(crate) input: &'static [Field],
    pub(crate) call: Call,
}

impl Operation {
    /// Whether the operation leaves everything as it was.
    pub(crate) fn reads(&self) -> bool {
        self.method == "GET" || self.name.starts_with("BatchGet")
    }
}

/// A member that is a label of the path.
pub const fn path(member: Member) -> Field {
    Field { member, place: Place::Path }
}

/// A member in the query.
pub const fn query(member: Member) -> Field {
    Field { member, place: Place::Query }
}

pub(crate) const fn header(name: &'static str, member: Member) -> Field {
    Field { member, place: Place::Header(name) }
}

/// A member in the body.
pub const fn body(member: Member) -> Field {
    Field { member, place: Place::Body }
}

/// Makes a [`Call`] of a method of [`Account`] that takes its typed input and the time and gives a
/// typed output.
macro_rules! call {
    ($method:path) => {
        $crate::wire::operation::Call::Bound(|account, input, now| {
            let input = $crate::wire::bind::typed(input)?;
            $crate::wire::bind::answer(&$method(account, input, now)?)
        })
    };
}
pub(crate) use call;

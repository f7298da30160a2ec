//! What emulators of other AWS services share with this one: requests of the protocol restJson1,
//! bound and checked by their shapes, and HTTP connections that answer them.

pub use crate::http::serve;
pub use crate::wire::bind::{Parts, input};
pub use crate::wire::error::{Error, Result};
pub use crate::wire::operation::{Field, Place, body, path, query};
pub use crate::wire::page::slice as page;
pub use crate::wire::pattern::Pattern;
pub use crate::wire::route::labels_of;
pub use crate::wire::shape::{Faults, Member, Shape, may, must};
pub use crate::wire::time::Moment;

//! Points that SiteWise will never have, kept to be looked at.

//! What SiteWise shows of a value that was said.

use super::super::plant::{Code, Statement, Val};
use super::data_type;
use crate::sitewise::api::{Quality, Variant};

pub(super) fn shown(statement: &Statement) -> (Variant, Quality) {
    let qualities = statement.qualities.iter().map(|code| quality(*code));
    let quality = qualities.max().unwrap_or(Quality::Good);
    let null = (Variant::Null(data_type(statement.kind)), Quality::Bad);
    match &statement.value {
        Val::Null => null,
        Val::Int(value) => (Variant::Integer(*value), quality),
        Val::Long(value) => {
            let double = *value as f64;
            let exact = value.unsigned_abs() <= 1 << 53;
            (Variant::Double(double), if exact { quality } else { quality.max(Quality::Uncertain) })
        }
        Val::Double(value) if value.is_finite() => (Variant::Double(*value), quality),
        Val::Double(_) => null,
        Val::Time(millis) => (Variant::Double(*millis as f64 / 1_000.0), quality),
        Val::Bool(value) => (Variant::Boolean(*value), quality),
        Val::Text(value) => (Variant::String(value.replace('\t', " ").into()), quality),
    }
}

/// By the tables of the field: the specification's codes, OPC's eight bits, both of Ignition's
/// generations, and words.
pub(super) fn quality(code: Code) -> Quality {
    match code {
        Code::Word("Good") => Quality::Good,
        Code::Word("Bad") => Quality::Bad,
        Code::Word(_) => Quality::Uncertain,
        Code::Number(192..=255) => Quality::Good,
        Code::Number(0..=63) => Quality::Bad,
        Code::Number(500 | 516) => Quality::Uncertain,
        Code::Number(code) if code as u32 >> 30 == 0 => Quality::Uncertain,
        Code::Number(-2_147_483_132) => Quality::Uncertain,
        Code::Number(code) if code as u32 >> 30 == 1 => Quality::Uncertain,
        Code::Number(_) => Quality::Bad,
    }
}

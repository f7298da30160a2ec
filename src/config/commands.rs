//! What may be written to the plant.

use std::time::Duration;

use super::parse::{duration_within, word};
use super::reader::VariableReader;
use super::variable::{DefaultValue, Section, Variable};
use crate::command::{self, AllowRules, Form};

const ALLOW: Variable = Variable {
    name: "COMMANDS_ALLOW",
    default: DefaultValue::Words("nothing"),
    form: "pattern = values, separated by line ends or semicolons",
    doc: "What may be written to the plant, and which values: WindTurbine/Pitch Limit = 0..90 step \
          0.5 rate 1/10s; Nordsee/*/Derate = on, off; Press/Reset = true pulse. A pattern is \
          model/member, or the address as in SPARKPLUG_INCLUDE; * also matches slashes. The first \
          match wins, so list the more specific first; never as the values excludes. Node \
          Control/..., Device Control/... and read-only metrics are allowed only by a pattern \
          without wildcards. No door brings commands yet.",
    secret: false,
    file: false,
};

const CONFIRM: Variable = Variable {
    name: "COMMANDS_CONFIRM",
    default: DefaultValue::Value("10s"),
    form: "duration",
    doc: "How long to wait for the value that was written to come back from the machine. The \
          answer is given a second before the sender's own timeout at the latest.",
    secret: false,
    file: false,
};

const FORM: Variable = Variable {
    name: "COMMANDS_FORM",
    default: DefaultValue::Value("name"),
    form: "name or both",
    doc: "How a command names its metric: by the name, or with both also by the alias of the \
          birth, for receivers that know nothing else.",
    secret: false,
    file: false,
};

pub(super) const SECTION: Section = Section {
    title: "Commands",
    doc: "What may be written to the plant.",
    vars: &[&ALLOW, &CONFIRM, &FORM],
};

/// What may be written to the plant; none where nothing may.
pub(super) fn read(reader: &mut VariableReader<'_>) -> Option<Option<command::Config>> {
    let allow = reader.optional(&ALLOW, AllowRules::parse);
    let range = duration_within(Duration::from_secs(1), command::LONGEST_CONFIRM);
    let confirm = reader.value(&CONFIRM, range);
    let form = reader.value(&FORM, word(&[("name", Form::Name), ("both", Form::Both)]));
    let (confirm, form) = (confirm?, form?);
    Some(allow?.map(|allow| command::Config { allow, confirm, form }))
}

//! Two bridges, of which one acts.

use super::reader::VariableReader;
use super::variable::{DefaultValue, Section, Variable};
use crate::dynamodb::LeaseUrl;

const LEASE: Variable = Variable {
    name: "LEASE",
    default: DefaultValue::Words("none: this bridge acts alone"),
    form: "dynamodb://TABLE/NAME",
    doc: "The lease that two bridges share: a table of DynamoDB, whose partition key is the string \
          `id`, and the name of the item in it. Whoever holds the lease acts, the other follows. \
          Both have the same configuration; below the same OUTBOX_DIR each takes a folder of its \
          own. Cannot be combined with COMMANDS_ALLOW or LATE_BUCKET yet.",
    secret: false,
    file: false,
};

pub(super) const SECTION: Section = Section {
    title: "Two bridges",
    doc: "A second bridge that follows and takes over when the first one dies, is replaced, or is \
          cut off.",
    vars: &[&LEASE],
};

/// The lease: `Some(None)` if this bridge acts alone, `None` if a fault was recorded.
pub(super) fn read(reader: &mut VariableReader<'_>) -> Option<Option<LeaseUrl>> {
    reader.optional(&LEASE, |text| text.parse().map_err(|wrong| format!("is wrong: {wrong}")))
}

/// What does not go together with a lease yet.
pub(super) fn check(reader: &mut VariableReader<'_>, has_commands: bool, has_late: bool) {
    for (is_set, name, why) in [
        (has_commands, "COMMANDS_ALLOW", "both bridges would receive the same commands"),
        (has_late, "LATE_BUCKET", "both bridges would write files of the same names"),
    ] {
        if is_set {
            reader.fault(&LEASE, format!("cannot be combined with {name} yet: {why}"));
        }
    }
}

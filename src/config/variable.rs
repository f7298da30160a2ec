//! Declaration of a variable, and the registry of all.

use super::{
    aws, commands, console, delivery, late, lease, mqtt, outbox, process, provisioning, sparkplug,
    twin,
};

/// A variable of the environment.
#[derive(Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Its default.
    pub default: DefaultValue,
    /// How its value is written.
    pub form: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// Never shown, neither in faults nor in the effective configuration.
    pub secret: bool,
    /// Can be given as a path to a file instead, in the variable with `_FILE` appended.
    pub file: bool,
}

/// The default of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultValue {
    /// The process does not start.
    Required,
    /// This text, read like a value of the environment.
    Value(&'static str),
    /// Described by these words.
    Words(&'static str),
}

/// Variables of one subject.
#[derive(Debug)]
pub struct Section {
    /// Its heading.
    pub title: &'static str,
    /// What its variables are about.
    pub doc: &'static str,
    /// In the order in which they are listed.
    pub vars: &'static [&'static Variable],
}

impl Variable {
    /// The name of the variable that holds a path to a file with the value.
    pub(super) fn file_name(&self) -> String {
        format!("{}_FILE", self.name)
    }
}

/// Every variable, by section.
pub fn sections() -> [&'static Section; 12] {
    [
        &mqtt::SECTION,
        &sparkplug::SECTION,
        &twin::SECTION,
        &provisioning::SECTION,
        &delivery::SECTION,
        &commands::SECTION,
        &outbox::SECTION,
        &late::SECTION,
        &lease::SECTION,
        &console::SECTION,
        &process::SECTION,
        &aws::SECTION,
    ]
}

//! Reads variables one by one and remembers what was found and what is wrong.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use super::fault::{ConfigError, ConfigErrors};
use super::parse::empty_parts;
use super::pem;
use super::source::{NotUnicode, VariableSource};
use super::variable::{DefaultValue, Variable, sections};

/// The effective value of one variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveVariable {
    /// The variable.
    pub name: &'static str,
    /// Its value, `***` for a secret, words in brackets where there is none.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The environment.
    Environment,
    /// A file that the environment names.
    File(PathBuf),
    /// The default.
    Default,
}

pub(super) struct VariableReader<'a> {
    source: &'a dyn VariableSource,
    faults: Vec<ConfigError>,
    report: ReadResult,
}

/// The effective values and warnings left after reading.
#[derive(Default)]
pub(super) struct ReadResult {
    pub(super) effective: Vec<EffectiveVariable>,
    pub(super) warnings: Vec<String>,
}

impl<'a> VariableReader<'a> {
    pub(super) fn new(source: &'a dyn VariableSource) -> Self {
        Self { source, faults: Vec::new(), report: ReadResult::default() }
    }

    /// The value of a variable that always has one. `None` if it is missing or wrong; the fault is
    /// recorded.
    pub(super) fn value<T>(
        &mut self,
        var: &'static Variable,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.optional(var, parse).flatten()
    }

    /// The value of a variable that need not have one: `Some(None)` if it is not set. `None` if it is
    /// wrong; the fault is recorded.
    pub(super) fn optional<T>(
        &mut self,
        var: &'static Variable,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Option<T>> {
        let (raw, origin) = match self.find(var) {
            Err(()) => return None,
            Ok(Some(found)) => found,
            Ok(None) => match var.default {
                DefaultValue::Required => {
                    let Some(text) = self.source.stand_in(var.name) else {
                        self.missing(var);
                        return None;
                    };
                    self.record_effective(var, "(not used)".to_owned(), Origin::Default);
                    return parse(text).ok().map(Some);
                }
                DefaultValue::Value(text) => (text.to_owned(), Origin::Default),
                DefaultValue::Words(words) => {
                    self.record_effective(var, format!("({words})"), Origin::Default);
                    return Some(None);
                }
            },
        };
        match parse(&raw) {
            Ok(value) => {
                let shown = match var.secret {
                    true => "***".to_owned(),
                    false => shown(&raw),
                };
                self.record_effective(var, shown, origin);
                if var.form.contains("separated by commas") && empty_parts(&raw) > 0 {
                    self.warn(format!(
                        "{} has an empty part, which is ignored: remove the comma, or write what \
                         is missing",
                        var.name
                    ));
                }
                Some(Some(value))
            }
            Err(reason) => {
                let quoted =
                    if may_be_quoted(var, &raw) { format!("(`{raw}`) ") } else { String::new() };
                self.fault(var, format!("{quoted}{}", without_credentials(&raw, reason)));
                None
            }
        }
    }

    /// The variable has to be set.
    pub(super) fn missing(&mut self, var: &'static Variable) {
        self.faults
            .push(ConfigError::Missing { name: var.name.to_owned(), hint: var.form.to_owned() });
    }

    /// A fault that shows only when several variables are seen together.
    pub(super) fn fault(&mut self, var: &'static Variable, reason: impl Into<String>) {
        self.faults.push(ConfigError::Invalid { name: var.name.to_owned(), reason: reason.into() });
    }

    /// A sentence for the log.
    pub(super) fn warn(&mut self, sentence: impl Into<String>) {
        self.report.warnings.push(sentence.into());
    }

    /// Warns of a value with blanks around it: they are part of it, and hardly anybody means that.
    pub(super) fn warn_of_blanks(&mut self, var: &'static Variable, value: Option<&str>) {
        if value.is_some_and(|value| value.trim() != value) {
            self.warn(format!(
                "{} begins or ends with a blank, which is part of its value: remove it, unless it \
                 is meant",
                var.name
            ));
        }
    }

    /// Whether what takes the place of this variable is not used.
    pub(super) fn has_stand_in(&self, var: &'static Variable) -> bool {
        self.source.stand_in(var.name).is_some()
    }

    /// Whether one of these is set and not empty.
    pub(super) fn is_any_set(&self, names: &[&str]) -> bool {
        names.iter().any(|name| matches!(self.nonempty_value(name), Ok(Some(_))))
    }

    /// Checks a variable that others read, and that is not declared.
    pub(super) fn check<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, String>) {
        let found = self.nonempty_value(name);
        let reason = match found {
            Ok(None) => return,
            Ok(Some(value)) => match parse(&value) {
                Ok(_) => return,
                Err(reason) => without_credentials(&value, reason),
            },
            Err(NotUnicode) => "is not valid Unicode".to_owned(),
        };
        self.faults.push(ConfigError::Invalid { name: name.to_owned(), reason });
    }

    /// All names that are set and begin so, in their order.
    pub(super) fn names_with(&self, prefix: &str) -> Vec<String> {
        let mut names = self.source.names();
        names.retain(|name| name.starts_with(prefix));
        names.sort();
        names
    }

    /// The value of a variable, if it is set and not empty.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.nonempty_value(name).ok().flatten()
    }

    /// The text of a file below the home directory.
    pub(super) fn text_of_home(&self, path: &str) -> Option<String> {
        self.source.file(&Path::new(&self.text("HOME")?).join(path)).ok()
    }

    /// The text of a file that a variable names.
    pub(super) fn text_of(&self, path: &str) -> std::io::Result<String> {
        self.source.file(Path::new(path))
    }

    /// The file that a variable's value came from, if it did.
    pub(super) fn file_of(&self, var: &'static Variable) -> Option<PathBuf> {
        let found = self.report.effective.iter().find(|item| item.name == var.name);
        match &found?.origin {
            Origin::File(path) => Some(path.clone()),
            Origin::Environment | Origin::Default => None,
        }
    }

    /// Whether `path` below the home directory is a file.
    pub(super) fn home_has_file(&self, path: &str) -> bool {
        matches!(self.nonempty_value("HOME"), Ok(Some(home)) if self.source.has_file(&Path::new(&home).join(path)))
    }

    /// Warns of variables that look like ours and are not: a slip in a name is silent otherwise.
    pub(super) fn warn_of_unknown(&mut self) {
        let vars = || sections().into_iter().flat_map(|section| section.vars);
        let mut known: BTreeSet<String> = vars().map(|var| var.name.to_owned()).collect();
        known.extend(vars().filter(|var| var.file).map(|var| var.file_name()));

        let prefixes = [
            "MQTT_",
            "SPARKPLUG_",
            "TWIN_",
            "INGEST_",
            "COMMANDS_",
            "OUTBOX_",
            "LATE_",
            "CONSOLE_",
            "METRICS_",
            "PRICE_",
        ];
        let mut unknown: Vec<String> = self.source.names();
        unknown.retain(|name| {
            prefixes.iter().any(|prefix| name.starts_with(prefix))
                && !known.contains(name)
                && !is_service_link(name)
        });
        unknown.sort();
        for name in unknown {
            self.warn(format!("{name} is set but unknown to this version: ignored"));
        }
    }

    /// Warns of values in quotes: a shell takes those away, a file of variables for Docker keeps them.
    pub(super) fn warn_of_quotes(&mut self) {
        let names = sections().into_iter().flat_map(|section| section.vars).map(|var| var.name);
        for name in names.collect::<Vec<_>>() {
            if matches!(self.nonempty_value(name), Ok(Some(value)) if is_quoted(&value)) {
                self.warn(format!(
                    "{name} is in quotes, which are part of its value: remove them, unless they are meant"
                ));
            }
        }
    }

    pub(super) fn finish(self) -> Result<ReadResult, ConfigErrors> {
        if self.faults.is_empty() { Ok(self.report) } else { Err(ConfigErrors(self.faults)) }
    }

    /// Value and origin as set. An error if they cannot be read; the fault is recorded.
    fn find(&mut self, var: &'static Variable) -> Result<Option<(String, Origin)>, ()> {
        let direct = match self.nonempty_value(var.name) {
            Ok(direct) => direct,
            Err(NotUnicode) => {
                self.fault(var, "is not valid Unicode: write it in UTF-8");
                return Err(());
            }
        };
        let path = match self.nonempty_value(&var.file_name()) {
            Ok(path) => path.filter(|_| var.file),
            Err(NotUnicode) => None,
        };
        match (direct, path) {
            (Some(_), Some(_)) => {
                self.fault(var, format!("and {} are both set: choose one", var.file_name()));
                Err(())
            }
            (Some(value), None) => Ok(Some((value, Origin::Environment))),
            (None, Some(path)) => match self.source.file(Path::new(&path)) {
                Ok(text) => Ok(Some((
                    text.trim_end_matches(['\r', '\n']).to_owned(),
                    Origin::File(path.into()),
                ))),
                Err(error) => {
                    self.faults.push(ConfigError::Invalid {
                        name: var.file_name(),
                        reason: format!(
                            "{}cannot be read: {error}; name a file that the process can read, or \
                             set {} instead",
                            quoted_path(&path, var.secret),
                            var.name
                        ),
                    });
                    Err(())
                }
            },
            (None, None) => {
                let set = self.source.get(var.name).ok().flatten();
                if set.is_some_and(|value| !value.is_empty()) {
                    self.warn(format!("{} has nothing but blanks: it counts as not set", var.name));
                }
                Ok(None)
            }
        }
    }

    /// An empty value counts as unset: compose files and templates leave them behind.
    fn nonempty_value(&self, name: &str) -> Result<Option<String>, NotUnicode> {
        Ok(self.source.get(name)?.filter(|value| !value.trim().is_empty()))
    }

    fn record_effective(&mut self, var: &'static Variable, value: String, origin: Origin) {
        self.report.effective.push(EffectiveVariable { name: var.name, value, origin });
    }
}

impl fmt::Display for EffectiveVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={} [{}]", self.name, self.value, self.origin)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("environment"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value as it can be shown, in one line. Nobody means to set a variable that is no secret to
/// one, but files are swapped, and credentials are written into addresses.
fn shown(value: &str) -> String {
    if pem::is_pem(value) {
        return pem::summary(value);
    }
    let parts = value.split(',').map(|part| match part.split_once("://") {
        Some((scheme, rest)) => {
            let (address, query) = match rest.split_once('?') {
                Some((address, _)) => (address, "?***"),
                None => (rest, ""),
            };
            // The host comes after the last of them: a password may have one as well.
            let (user, host) = match address.rsplit_once('@') {
                Some((_, host)) => ("***@", host),
                None => ("", address),
            };
            format!("{scheme}://{user}{host}{query}")
        }
        None => part.to_owned(),
    });
    let line = parts.collect::<Vec<_>>().join(",");
    let escaped = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    line.chars().map(escaped).collect()
}

/// A reason that may quote some of the value it is about, without what must not be shown of it.
fn without_credentials(value: &str, reason: String) -> String {
    let parts = || value.split(',').map(str::trim).filter(|part| !part.is_empty());
    match pem::is_pem(value) {
        // A file's content may be quoted in any piece.
        true if parts().any(|part| reason.contains(part)) => {
            format!("holds PEM {}, which does not belong here", pem::summary(value))
        }
        true => reason,
        false => parts().fold(reason, |reason, part| reason.replace(part, &shown(part))),
    }
}

/// A path in quotes, for a fault: none where what was set may be the content of the file.
pub(super) fn quoted_path(path: &str, secret: bool) -> String {
    let is_content = shown(path) != path || path.len() > 4_096;
    match is_content || (secret && !path.starts_with(['/', '.'])) {
        true => String::new(),
        false => format!("(`{path}`) "),
    }
}

/// A wrong value helps the reader of a fault, unless a credential could be in it: in a URL's
/// user part or query.
fn may_be_quoted(var: &Variable, value: &str) -> bool {
    !var.secret
        && !pem::is_pem(value)
        && value.len() <= 80
        && !value.contains(['@', '?'])
        && !value.contains(char::is_control)
}

/// Kubernetes gives each container such variables for a service, which may be called `mqtt`.
fn is_service_link(name: &str) -> bool {
    name.contains("_SERVICE_") || name.ends_with("_PORT") || name.contains("_PORT_")
}

/// Whether the whole of a value is in quotes.
fn is_quoted(value: &str) -> bool {
    let inner = |quote| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).is_some_and(|inner| !inner.contains(['"', '\'']))
}

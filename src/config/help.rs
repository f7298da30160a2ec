//! The variables as text for a terminal, and as a page of the documentation.

use std::fmt::{self, Write as _};

use super::variable::{DefaultValue, Variable, sections};

const WIDTH: usize = 92;

/// All variables, as `sparkwise --help` prints them below the commands.
pub fn help() -> String {
    let mut out = String::from(
        "It is configured by environment variables only. Durations are written 250ms, 5s, 2m or \
         1h,\n\
         sizes 64KiB, 16MiB or 1GiB. An empty variable counts as unset. Where NAME(_FILE) is\n\
         listed, NAME_FILE can name a file that holds the value.\n",
    );
    for section in sections() {
        let _ = write!(out, "\n{}: {}\n", section.title, section.doc);
        for var in section.vars {
            let suffix = if var.file { "(_FILE)" } else { "" };
            let _ = write!(out, "\n  {}{suffix} [{}]\n", var.name, Plain(var.default));
            for line in wrap(&explanation(var), WIDTH - 6) {
                let _ = writeln!(out, "      {line}");
            }
        }
    }
    out.push_str(
        "\nExit codes of the bridge: 0 after a clean shutdown, 1 after a failure, 64 for an \
         invalid configuration.\nThose of a command are in its own --help.\n",
    );
    out
}

/// `docs/configuration.md`.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Configuration\n\
         \n\
         <!-- Made from src/config/ by a test: UPDATE=1 cargo test config -->\n\
         \n\
         Sparkwise is configured by environment variables only. All are read and checked before \
         anything\n\
         starts; all errors are reported together, and the exit code is then 64. Durations are \
         written\n\
         `250ms`, `5s`, `2m` or `1h`, sizes `64KiB`, `16MiB` or `1GiB`. An empty variable counts \
         as\n\
         unset. Where a `_FILE` variable is listed, it can name a file that holds the value.\n",
    );
    for section in sections() {
        let _ = write!(out, "\n## {}\n\n{}\n\n", section.title, section.doc);
        out.push_str("| Variable | Default | Meaning |\n|---|---|---|\n");
        for var in section.vars {
            let file = if var.file { format!("<br>`{}`", var.file_name()) } else { String::new() };
            let _ = writeln!(
                out,
                "| `{}`{file} | {} | {} |",
                var.name,
                Markdown(var.default),
                escape(&explanation(var))
            );
        }
    }
    out
}

fn explanation(var: &Variable) -> String {
    format!("{} Form: {}.", var.doc, var.form)
}

struct Plain(DefaultValue);

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            DefaultValue::Required => f.write_str("required"),
            DefaultValue::Value(text) | DefaultValue::Words(text) => write!(f, "default: {text}"),
        }
    }
}

struct Markdown(DefaultValue);

impl fmt::Display for Markdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            DefaultValue::Required => f.write_str("required"),
            DefaultValue::Value(text) => write!(f, "`{text}`"),
            DefaultValue::Words(words) => f.write_str(words),
        }
    }
}

/// Characters that Markdown would take for its own.
fn escape(text: &str) -> String {
    text.replace('*', "\\*").replace('|', "\\|")
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

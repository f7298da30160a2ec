//! `sparkwise dashboards`: writes Grafana dashboards of what births describe.

mod files;

use std::fmt::Write as _;
use std::path::PathBuf;

use lexopt::Arg::{Long, Short, Value};
use lexopt::ValueExt;

use super::LISTEN;
use crate::config;
use crate::dashboards::{Rendered, render};
use crate::preview::{DescribedPlant, PlanSource};

/// What `sparkwise dashboards --help` prints.
pub const HELP: &str = "\
sparkwise dashboards: writes Grafana dashboards of the twins

Usage: sparkwise dashboards --out DIR [--for 30s] [--rebirth]
       sparkwise dashboards --out DIR CAPTURE...

It reads births as `sparkwise plan` does, and changes nothing in SiteWise. Below DIR it writes
dashboards/, with a dashboard for each model, one of the plant and one of the bridge itself, and
provisioning/, with the data source, the folder, and alert rules for machines that are offline and
for a bridge without a heartbeat. It replaces
only files that it wrote itself, and deletes none. The same births give the same files.

  --out DIR       where to write; created if missing
  --for DURATION  how long to listen for births (30s)
  --rebirth       request rebirths of nodes that send data; without it nothing is published
  CAPTURE         read captured messages instead of listening, as `sparkwise plan` reads them; without
                  AWS credentials set TWIN_NAMESPACE, which ids are derived from

Exit codes: 0, 1 after a failure, 64 for invalid arguments or an invalid configuration.
";

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// How it is used.
    Help,
    /// Files.
    Write {
        /// Where.
        out: PathBuf,
        /// Where the births come from.
        from: PlanSource,
    },
}

/// Reads the arguments after `dashboards`.
///
/// # Errors
///
/// An argument that there is not, or no `--out`.
pub fn parse(parser: &mut lexopt::Parser) -> Result<Command, lexopt::Error> {
    let (mut out, mut listen, mut rebirth) = (None, None, false);
    let mut captures: Vec<PathBuf> = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(Command::Help),
            Long("out") => out = Some(PathBuf::from(parser.value()?)),
            Long("for") => listen = Some(parser.value()?.parse_with(config::duration)?),
            Long("rebirth") => rebirth = true,
            Value(path) => captures.push(path.into()),
            argument => return Err(argument.unexpected()),
        }
    }
    let out = out.ok_or("dashboards needs --out DIR")?;
    let from = if captures.is_empty() {
        PlanSource::Plant { listen: listen.unwrap_or(LISTEN), rebirth }
    } else if listen.is_some() || rebirth {
        return Err("--for and --rebirth have no meaning with a capture".into());
    } else {
        PlanSource::Captures(captures)
    };
    Ok(Command::Write { out, from })
}

/// Writes the files. Returns a text about what they are and cost.
///
/// # Errors
///
/// A file of somebody else is in the way, or the disk fails.
pub fn write(out: &std::path::Path, described: &DescribedPlant) -> Result<String, String> {
    let mut rendered = render(&described.plant);
    if let Some(reason) = &described.without_aws {
        rendered.remarks.push(format!(
            "SiteWise was not read ({reason}): if it already has models of flat devices, the \
             bridge may use those instead of the ones described here"
        ));
    }
    files::write(out, &rendered.files).map_err(|error| error.to_string())?;
    Ok(summary(out, &rendered))
}

fn summary(out: &std::path::Path, rendered: &Rendered) -> String {
    let mut text = format!("{} files in {}\n\n", rendered.files.len(), out.display());
    let title = |text: &str| -> String { text.chars().take(32).collect() };
    let _ = writeln!(
        text,
        "{:<32}  {:>6}  {:>14}  {:>14}",
        "dashboard", "panels", "messages: open", "all rows"
    );
    for cost in &rendered.costs {
        let _ = writeln!(
            text,
            "{:<32}  {:>6}  {:>14}  {:>14}",
            title(&cost.title),
            cost.panels,
            cost.open,
            cost.all
        );
    }
    text.push_str(
        "\nmessages: the query messages (50 values or 4 KB) that AWS bills at least for one load with \
         one machine selected\n",
    );
    for remark in &rendered.remarks {
        let _ = writeln!(text, "{remark}");
    }
    text
}

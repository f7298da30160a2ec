//! What the demo shows: refreshed in place on a terminal, plain lines otherwise.

use std::io::{self, IsTerminal, Write as _};
use std::time::Duration;

use crate::arguments::Arguments;
use crate::twins::{Health, Property, Snapshot, Twin};
use crate::world::Addresses;

/// What is shown of a twin where there is no room for all.
const TELLING: [&str; 11] = [
    "State",
    "Power",
    "Turbines Running",
    "Wind Speed",
    "Rotor Speed",
    "Oil Temperature",
    "Vibration",
    "Winding Temperature",
    "Wind Direction",
    "Air Temperature",
    "Online",
];
/// Values on one line.
const ON_A_LINE: usize = 4;
/// Where the terminal does not tell.
const HEIGHT: usize = 24;
const WIDTH: usize = 100;

pub(crate) struct Screen {
    addresses: Addresses,
    live: bool,
    rate: Rate,
}

/// Values a second, from one look to the next.
#[derive(Default)]
struct Rate {
    values: u64,
    at: Duration,
    shown: u64,
}

impl Screen {
    pub(crate) fn new(addresses: &Addresses, arguments: &Arguments) -> Self {
        let live = io::stdout().is_terminal() && !arguments.once;
        let screen = Self { addresses: *addresses, live, rate: Rate::default() };
        if !screen.live {
            print(&format!("{}\n", screen.hints()));
        }
        screen
    }

    pub(crate) fn is_live(&self) -> bool {
        self.live
    }

    pub(crate) fn show(&mut self, now: &Snapshot, elapsed: Duration) {
        self.rate.update(now.usage.values_accepted, elapsed);
        let figures = format!(
            "{:>4}s  {} models, {} assets, {} of them live, {} values a second, {} values, {} billed messages",
            elapsed.as_secs(),
            now.usage.models,
            now.assets(),
            now.live(),
            self.rate.shown,
            now.usage.values_accepted,
            now.usage.billed_messages,
        );
        if !self.live {
            print(&format!("{figures}\n"));
            return;
        }
        let (height, width) = size();
        let hints = self.hints();
        let mut lines = vec![
            "Sparkwise: two wind farms, their twins in an emulated AWS IoT SiteWise".to_owned(),
            figures.trim_start().to_owned(),
            String::new(),
        ];
        for root in &now.roots {
            overview(root, 0, &mut lines);
        }
        let room = height.saturating_sub(hints.lines().count() + 2);
        if lines.len() > room {
            let more = lines.len() - room + 1;
            lines.truncate(room.saturating_sub(1));
            lines.push(format!("... and {more} lines more: a higher window shows them"));
        }
        // Home, each line cleared to its end, and what is below.
        let mut out = String::from("\x1b[H");
        for line in lines.iter().map(String::as_str).chain([""]).chain(hints.lines()) {
            out.push_str(&cut(line, width));
            out.push_str("\x1b[K\r\n");
        }
        out.push_str("\x1b[J");
        print(&out);
    }

    /// The last words, after all of `tree`.
    pub(crate) fn end(&self, tree: Option<&Snapshot>, usage: &sitewise_local::Usage) {
        let mut lines = vec![String::new()];
        for root in tree.iter().flat_map(|snapshot| &snapshot.roots) {
            everything(root, 0, &mut lines);
        }
        if let Some(snapshot) = tree {
            let models: Vec<&str> = snapshot.models().into_iter().collect();
            lines.push(format!("\nModels: {}\n", models.join(", ")));
        }
        lines.push(format!(
            "Ended in order: {} models, {} assets, {} values in {} billed messages.",
            usage.models, usage.assets, usage.values_accepted, usage.billed_messages
        ));
        print(&format!("{}\n", lines.join("\n")));
    }

    /// How to look further.
    fn hints(&self) -> String {
        let Addresses { mqtt, sitewise, console } = self.addresses;
        let console = match console {
            Some(console) => format!("the console, in a browser: http://{console}\n  "),
            None => String::new(),
        };
        format!(
            "Look further while it runs:\n  \
             {console}\
             curl -s http://{sitewise}/asset-models\n  \
             curl -s 'http://{sitewise}/assets?filter=TOP_LEVEL'\n  \
             curl -s http://{sitewise}/_sitewise/usage\n  \
             any MQTT client at mqtt://{mqtt}, topic spBv1.0/#"
        )
    }
}

impl Rate {
    fn update(&mut self, values: u64, at: Duration) {
        let seconds = (at - self.at).as_secs_f64();
        if seconds > 0.0 {
            self.shown = (values.saturating_sub(self.values) as f64 / seconds).round() as u64;
        }
        (self.values, self.at) = (values, at);
    }
}

/// A line for each twin; leaves stand on their parent's.
fn overview(twin: &Twin, depth: usize, lines: &mut Vec<String>) {
    let mut line = heading(twin, depth, true);
    let has_values = twin.property("State").is_some();
    let (leaves, others): (Vec<&Twin>, Vec<&Twin>) =
        twin.children.iter().partition(|child| has_values && child.children.is_empty());
    for leaf in leaves {
        let name = leaf.name.rsplit('/').next().unwrap_or_default();
        let values: Vec<String> = telling(leaf).take(2).map(brief).collect();
        line.push_str(&format!("   {} {name} {}", mark(leaf.health(), true), values.join("  ")));
    }
    lines.push(line);
    for child in others {
        overview(child, depth + 1, lines);
    }
}

/// Every property of every twin: what belongs to a measurement stands on its line, other
/// attributes share one.
fn everything(twin: &Twin, depth: usize, lines: &mut Vec<String>) {
    lines.push(heading(twin, depth, false));
    let indent = "  ".repeat(depth + 2);
    let mut attributes: Vec<&Property> =
        twin.properties.iter().filter(|property| !property.is_measurement).collect();
    let width = twin.measurements().map(|one| one.name.chars().count()).max().unwrap_or_default();
    for measurement in twin.measurements() {
        let prefix = format!("{}/", measurement.name);
        let (own, others): (Vec<_>, Vec<_>) =
            attributes.into_iter().partition(|attribute| attribute.name.starts_with(&prefix));
        attributes = others;
        let own: Vec<String> = own
            .iter()
            .map(|attribute| {
                let name = attribute.name.strip_prefix(&prefix).unwrap_or_default();
                format!("{name} {}", attribute.shown())
            })
            .collect();
        let quality = measurement.latest.as_ref().map_or("", |latest| latest.quality.as_str());
        let line = format!(
            "{indent}{:<width$} {:>18}  {quality:<9}  {}",
            measurement.name,
            measurement.shown(),
            own.join(", ")
        );
        lines.push(line.trim_end().to_owned());
    }
    if !attributes.is_empty() {
        let named = |attribute: &Property| format!("{} {}", attribute.name, attribute.shown());
        let named: Vec<String> = attributes.into_iter().map(named).collect();
        lines.push(format!("{indent}{}", named.join(", ")));
    }
    for child in &twin.children {
        everything(child, depth + 1, lines);
    }
}

fn heading(twin: &Twin, depth: usize, with_values: bool) -> String {
    let indent = "  ".repeat(depth);
    let mark = mark(twin.health(), with_values);
    if !with_values {
        return format!("{indent}{mark} {} ({})", twin.name, twin.model);
    }
    let name = format!("{indent}{mark} {}", twin.name);
    let values: Vec<String> = telling(twin).take(ON_A_LINE).map(brief).collect();
    format!("{name}  {}", values.join("  "))
}

fn telling(twin: &Twin) -> impl Iterator<Item = &Property> {
    TELLING.iter().filter_map(|name| twin.property(name)).filter(|property| property.is_measurement)
}

/// A value that says by itself what it is.
fn brief(property: &Property) -> String {
    let shown = property.shown();
    match (property.name.as_str(), shown.as_str()) {
        ("Online", "true") => "online".to_owned(),
        ("Online", "false") => "offline".to_owned(),
        ("Turbines Running", _) => format!("{shown} running"),
        _ => shown,
    }
}

fn mark(health: Health, coloured: bool) -> &'static str {
    match (health, coloured) {
        (Health::Live, true) => "\x1b[32m●\x1b[0m",
        (Health::Stale, true) => "\x1b[33m◐\x1b[0m",
        (Health::Incomplete, true) => "\x1b[2m○\x1b[0m",
        (Health::Live, false) => "●",
        (Health::Stale, false) => "◐",
        (Health::Incomplete, false) => "○",
    }
}

/// Lines and columns of the terminal.
fn size() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => (size.ws_row.into(), size.ws_col.into()),
        _ => (HEIGHT, WIDTH),
    }
}

/// The first `width` characters that take room.
fn cut(line: &str, width: usize) -> String {
    let mut out = String::new();
    let mut room = width;
    let mut in_escape = false;
    for c in line.chars() {
        if c == '\x1b' {
            in_escape = true;
        }
        if !in_escape {
            if room == 0 {
                continue;
            }
            room -= 1;
        }
        out.push(c);
        if in_escape && c.is_ascii_alphabetic() {
            in_escape = false;
        }
    }
    out
}

/// A reader that has gone away, such as `head`, is no failure.
pub(crate) fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

pub(crate) fn complain(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_by_what_shows() {
        assert_eq!(cut("\x1b[32m●\x1b[0m T01 running", 5), "\x1b[32m●\x1b[0m T01");
        assert_eq!(cut("Süd", 9), "Süd");
    }
}

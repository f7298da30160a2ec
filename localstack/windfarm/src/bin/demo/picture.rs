//! What stands on the terminal: lines that fit it. Pure.

use std::time::Duration;

use crate::story::Telling;
use crate::times::span;
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

/// All that the picture is made of.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub(crate) now: &'a Snapshot,
    pub(crate) story: &'a dyn Telling,
    pub(crate) addresses: &'a Addresses,
    /// Since the start.
    pub(crate) elapsed: Duration,
    /// Values a second.
    pub(crate) rate: u64,
}

impl View<'_> {
    /// At most `height` lines of at most `width` columns.
    pub(crate) fn lines(&self, height: usize, width: usize) -> Vec<String> {
        let [what, then] = self.story.lines(self.elapsed);
        let mut head = vec![
            "Sparkwise: two wind farms, their twins in an emulated AWS IoT SiteWise".to_owned(),
            figures(self.now, self.rate, self.elapsed),
            String::new(),
            what,
            then,
            String::new(),
        ];
        let mut foot = vec![String::new()];
        foot.extend(hints(self.addresses));
        let room = height.saturating_sub(head.len() + foot.len());
        head.extend(tree(self.now, room, width));
        head.extend(foot);
        head.truncate(height);
        head.iter().map(|line| cut(line, width)).collect()
    }
}

/// A number and the name of what it counts, in the plural where it is due.
fn many(count: u64, name: &str) -> String {
    match count {
        1 => format!("1 {name}"),
        count => format!("{count} {name}s"),
    }
}

/// How much there is, in a line.
pub(crate) fn figures(now: &Snapshot, rate: u64, elapsed: Duration) -> String {
    format!(
        "{:>5}  {}, {}, {} of them live, {rate} values a second",
        span(elapsed),
        many(now.usage.models, "model"),
        many(now.assets() as u64, "asset"),
        now.live(),
    )
}

/// How to look further, in three lines at most.
fn hints(addresses: &Addresses) -> Vec<String> {
    let Addresses { mqtt, sitewise, console, iot: _ } = addresses;
    let console = console.map(|console| format!("Console, in a browser:  http://{console}"));
    let others = [
        format!("SiteWise: curl -s 'http://{sitewise}/assets?filter=TOP_LEVEL'"),
        format!("MQTT: mqtt://{mqtt}, topic spBv1.0/#.  Ctrl-C ends the demo."),
    ];
    console.into_iter().chain(others).collect()
}

/// The tree in as much detail as there is room for.
fn tree(now: &Snapshot, room: usize, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for detail in [Detail::Turbines, Detail::Rows] {
        lines.clear();
        // The parts of turbines stand at the root until they are placed.
        for root in now.roots.iter().filter(|root| !root.name.contains('/')) {
            overview(root, 0, detail, &mut lines);
        }
        let fits = |line: &String| shown_width(line) <= width;
        if lines.len() <= room && lines.iter().all(fits) {
            return lines;
        }
    }
    if lines.len() > room {
        let more = lines.len() - room.saturating_sub(1);
        lines.truncate(room.saturating_sub(1));
        lines.push(format!("... and {more} lines more: a higher window or the console shows them"));
    }
    lines
}

/// How much of the tree is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    /// A line for each turbine.
    Turbines,
    /// A line for each row of turbines.
    Rows,
}

/// A line for each twin; leaves stand on their parent's.
fn overview(twin: &Twin, depth: usize, detail: Detail, lines: &mut Vec<String>) {
    let mut line = heading(twin, depth);
    let has_values = twin.property("State").is_some();
    let is_turbine = |child: &Twin| child.property("State").is_some();
    let on_line = |child: &&Twin| match detail {
        Detail::Turbines => has_values && child.children.is_empty(),
        Detail::Rows => is_turbine(child),
    };
    let (leaves, others): (Vec<&Twin>, Vec<&Twin>) = twin.children.iter().partition(on_line);
    if detail == Detail::Rows && !leaves.is_empty() {
        line = name(twin, depth);
    }
    for leaf in leaves {
        let name = leaf.name.rsplit('/').next().unwrap_or_default();
        let values = match detail {
            Detail::Turbines => telling(leaf).take(2).map(brief).collect::<Vec<_>>().join("  "),
            Detail::Rows => in_a_word(leaf),
        };
        line.push_str(&format!("   {} {name} {values}", mark(leaf.whole_health())));
    }
    lines.push(line);
    for child in others {
        overview(child, depth + 1, detail, lines);
    }
}

/// A turbine's power, or why there is none.
fn in_a_word(turbine: &Twin) -> String {
    let shown = |name| turbine.property(name).map(Property::shown);
    match shown("State") {
        Some(state) if state != "running" => state,
        _ => shown("Power").unwrap_or_default(),
    }
}

fn name(twin: &Twin, depth: usize) -> String {
    format!("{}{} {}", "  ".repeat(depth), mark(twin.health()), twin.name)
}

fn heading(twin: &Twin, depth: usize) -> String {
    let values: Vec<String> = telling(twin).take(ON_A_LINE).map(brief).collect();
    format!("{}  {}", name(twin, depth), values.join("  ")).trim_end().to_owned()
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

/// Coloured.
fn mark(health: Health) -> String {
    let colour = match health {
        Health::Live => 32,
        Health::Stale => 33,
        Health::Incomplete => 2,
    };
    format!("\x1b[{colour}m{}\x1b[0m", health.mark())
}

/// Columns that a line takes.
fn shown_width(line: &str) -> usize {
    let mut in_escape = false;
    let takes_room = |c: char| {
        let shows = !in_escape && c != '\x1b';
        in_escape = if in_escape { !c.is_ascii_alphabetic() } else { c == '\x1b' };
        shows
    };
    line.chars().map(takes_room).filter(|shows| *shows).count()
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

#[cfg(test)]
mod tests;

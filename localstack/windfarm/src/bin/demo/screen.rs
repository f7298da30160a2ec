//! What the demo shows: refreshed in place on a terminal, plain lines otherwise.

use std::io::{self, IsTerminal, Write as _};
use std::time::Duration;

use crate::arguments::Arguments;
use crate::picture::{self, View};
use crate::story::Telling;
use crate::tree;
use crate::twins::Snapshot;
use crate::world::Addresses;

/// Where the terminal does not tell.
const HEIGHT: usize = 24;
const WIDTH: usize = 80;

pub(crate) struct Screen {
    addresses: Addresses,
    live: bool,
    rate: Rate,
    /// The chapter that was printed last.
    chapter: String,
}

/// Values a second, between two refreshes.
#[derive(Default)]
struct Rate {
    values: u64,
    at: Duration,
    shown: u64,
}

impl Screen {
    pub(crate) fn new(addresses: &Addresses, arguments: &Arguments) -> Self {
        let live = io::stdout().is_terminal() && !arguments.once;
        let rate = Rate::default();
        let screen = Self { addresses: *addresses, live, rate, chapter: String::new() };
        if screen.live {
            print("\x1b[2J");
        } else {
            print(&format!("{}\n", screen.hints()));
        }
        screen
    }

    pub(crate) fn is_live(&self) -> bool {
        self.live
    }

    pub(crate) fn show(&mut self, now: &Snapshot, story: &dyn Telling, elapsed: Duration) {
        self.rate.update(now.usage.values_accepted, elapsed);
        let rate = self.rate.shown;
        if !self.live {
            let chapter = story.chapter();
            if chapter != self.chapter {
                print(&format!("{chapter}\n"));
                self.chapter = chapter;
            }
            let detail = story.detail().map(|detail| format!("; {detail}")).unwrap_or_default();
            print(&format!("{}{detail}\n", picture::figures(now, rate, elapsed)));
            return;
        }
        let (height, width) = size();
        let view = View { now, story, addresses: &self.addresses, elapsed, rate };
        // Home, each line cleared to its end, and what is below. None ends the last row: that would
        // move all of them up.
        let lines = view.lines(height, width).join("\x1b[K\r\n");
        print(&format!("\x1b[H{lines}\x1b[K\x1b[J"));
    }

    /// Prints the end of the demo, after the whole `tree` if there is one.
    pub(crate) fn end(&self, tree: Option<&Snapshot>, usage: &sitewise_local::Usage) {
        let mut lines = vec![String::new()];
        if let Some(snapshot) = tree {
            lines.extend(tree::everything(snapshot));
        }
        lines.push(format!(
            "Ended in order: {} models, {} assets, {} values in {} billed messages.",
            usage.models, usage.assets, usage.values_accepted, usage.billed_messages
        ));
        print(&format!("{}\n", lines.join("\n")));
    }

    /// How to look further.
    fn hints(&self) -> String {
        let Addresses { mqtt, sitewise, console, iot: _ } = self.addresses;
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
        let seconds = at.saturating_sub(self.at).as_secs_f64();
        if seconds > 0.0 {
            self.shown = (values.saturating_sub(self.values) as f64 / seconds).round() as u64;
        }
        (self.values, self.at) = (values, at);
    }
}

/// Lines and columns of the terminal.
fn size() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => (size.ws_row.into(), size.ws_col.into()),
        _ => (HEIGHT, WIDTH),
    }
}

/// A reader that has gone away, such as `head`, is no failure.
pub(crate) fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

pub(crate) fn complain(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

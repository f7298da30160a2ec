//! How a plant is set up, and the host that hears it.

use std::time::Duration;

use super::{Config, Host};
use crate::globs::Globs;
use crate::sparkplug::filter::Filter;
use crate::sparkplug::rebirth::RebirthReasons;

/// What holds for a plant, also over restarts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup {
    /// Whether births may be asked for.
    pub(super) asks: bool,
    /// Whether made-up nodes are excluded, and one metric of all others.
    pub(super) filters: bool,
    /// Whether the servers store births, and deliver them to us.
    pub(super) stores: bool,
}

/// The metric that the filter leaves out.
pub(super) const EXCLUDED: &str = "c";

impl Setup {
    /// One plant in so many of each kind.
    pub(super) fn of(seed: u64) -> Self {
        let [asks, filters, stores] = [6, 5, 4].map(|one_in| {
            let kind = seed.rotate_left(one_in as u32 * 8);
            kind.is_multiple_of(one_in)
        });
        Self { asks: !asks, filters, stores }
    }
}

/// In some plants there is little room for what births leave of who said nothing since, in some who is
/// silent is asked.
pub(super) fn host(setup: Setup, seed: u64) -> Host {
    let mut config = Config::new("h");
    // Whose tables are evicted has to be asked.
    if seed.is_multiple_of(4) && setup.asks {
        config.unproven_table_bytes = 512;
    }
    if seed.is_multiple_of(5) {
        config.silence = Some(Duration::from_secs(45));
    }
    if !setup.asks {
        config.rebirth.reasons = RebirthReasons::NONE;
    }
    if setup.filters {
        let globs = |text: &str| Globs::parse_trees(text).ok();
        config.filter = Filter { include: globs("g"), exclude: globs(&format!("*/{EXCLUDED}")) };
    }
    Host::new(config, seed)
}

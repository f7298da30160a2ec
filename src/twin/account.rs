//! What is learned of the account while the bridge runs: its quotas, and what time it is there.

use super::Twin;
use super::plan::rates::Rates;
use crate::sitewise::api::Quotas;
use crate::time::Clocks;

impl Twin {
    /// Whether our clock and SiteWise's show the same: while they do not, nothing is refused for
    /// its time but by SiteWise.
    pub fn handle_clocks(&mut self, clocks: Clocks) {
        self.writer.clocks = clocks;
    }

    /// The account's quotas are known; what is not among them stays as it is.
    pub fn handle_quotas(&mut self, quotas: &Quotas) {
        let rates = &mut self.config.rates;
        let known = [
            (quotas.model_writes, &mut rates.model_writes),
            (quotas.asset_creations, &mut rates.asset_creations),
            (quotas.associations, &mut rates.associations),
            (quotas.describes, &mut rates.describes),
            (quotas.lists, &mut rates.lists),
        ];
        for (known, rate) in known {
            *rate = known.unwrap_or(*rate);
        }
        rates.verifications = (rates.lists / 10).max(1);
        self.writer.world.plan.set_rates(&self.config.rates);
    }

    /// Calls a second, as they are made.
    pub fn rates(&self) -> &Rates {
        &self.config.rates
    }
}

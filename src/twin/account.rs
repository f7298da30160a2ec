//! What is known of the account while the bridge runs: its quotas, and SiteWise's time.

use super::Twin;

use super::plan::rates::ProvisioningRates;
use super::writer::OldValues;
use crate::sitewise::api::Quotas;
use crate::time::ClockAgreement;

impl Twin {
    /// Whether our clock and SiteWise's agree: while they do not, only SiteWise rejects values for
    /// their timestamps.
    pub fn handle_clocks(&mut self, clocks: ClockAgreement) {
        self.writer.clocks = clocks;
    }

    /// Queues values that are too old for SiteWise's live ingestion from now on, as history, instead of
    /// rejecting them.
    pub fn keep_old_values(&mut self) {
        self.writer.old_values = OldValues::Queued;
    }

    /// The account's quotas; those that are unknown stay unchanged.
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
    pub fn rates(&self) -> &ProvisioningRates {
        &self.config.rates
    }
}

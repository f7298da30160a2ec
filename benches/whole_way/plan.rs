//! How much of what: the plant, the load, the rounds.

/// Edge nodes.
pub(crate) const NODES: usize = 5;
/// Values that are sent and not yet taken, at most: the window of the generator. An engine that
/// is slower than the socket would drop messages, as the bridge does under overload; this bench
/// asks how fast it is, not what it drops.
pub(crate) const WINDOW: u64 = 150_000;
/// Requests that the bare loop has in flight.
pub(crate) const BARE_IN_FLIGHT: usize = 16;

/// One run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Turbines of each edge node. A property has at most nine entries a second, whatever the
    /// account's quotas: there have to be so many that this is not what is measured.
    pub(crate) turbines: usize,
    /// Messages of each turbine in a round: a multiple of ten, so that all entries are filled.
    pub(crate) messages: usize,
    /// Rounds, the first of which creates models and assets and is not counted.
    pub(crate) rounds: usize,
}

impl Plan {
    /// What `cargo bench` runs.
    pub(crate) const WHOLE: Self = Self { turbines: 300, messages: 240, rounds: 6 };
    /// What a test of the benchmark itself runs.
    pub(crate) const QUICK: Self = Self { turbines: 10, messages: 20, rounds: 2 };

    /// Properties that get values.
    pub(crate) fn properties(&self) -> usize {
        NODES * self.turbines * super::plant::MEMBERS.len()
    }

    /// Values of a round.
    pub(crate) fn values(&self) -> usize {
        self.properties() * self.messages
    }
}

use std::time::Duration;

/// How a relay works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayConfig {
    /// How many events are published and marked together. Default 100: the mark's commit costs a
    /// hundredth for each, and a repeat after a crash is short. At least 1, at most 1000.
    pub batch: u32,
    /// How often the table is looked at when nobody says that there is something. Default 250 ms:
    /// that is how late another process' event is at most.
    pub poll: Duration,
    /// How long a relay that died keeps the others waiting. Default 5 s. Shorter than a batch takes,
    /// two relays publish the same.
    pub lease: Duration,
    /// How long the bus has to confirm a batch. Default 10 s; then it counts as down.
    pub confirm: Duration,
    /// How long events are kept after they were sent, for people to look at, and for
    /// [`append`](super::append()) to know them again. Default one day.
    pub retention: Duration,
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self {
            batch: 100,
            poll: Duration::from_millis(250),
            lease: Duration::from_secs(5),
            confirm: Duration::from_secs(10),
            retention: Duration::from_secs(24 * 60 * 60),
        }
    }
}

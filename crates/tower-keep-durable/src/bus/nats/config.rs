use std::time::Duration;

use crate::bus::Mode;

/// Where the bus is, and what can be chosen of it.
#[derive(Clone, PartialEq, Eq)]
pub struct NatsConfig {
    /// The servers of one cluster, such as `nats://user:password@host:4222`; commas between several.
    pub servers: String,
    /// The name of the bus: letters, digits, `-` and `_`.
    pub bus: String,
    /// How many partitions there are: 16. It cannot be changed once the bus is there.
    pub partitions: u32,
    /// How events are sent: [structured](Mode::Structured). Both ways are read.
    pub mode: Mode,
    /// How long a delivery is left to a handler that says nothing: 30 s, the default of JetStream.
    pub lease: Duration,
    /// How long the server may take to answer: 5 s.
    pub timeout: Duration,
    /// On how many servers of the cluster an event is stored before it is confirmed: 1.
    pub replicas: usize,
}

impl NatsConfig {
    /// The defaults for a bus on these servers.
    #[must_use]
    pub fn new(servers: impl Into<String>, bus: impl Into<String>) -> Self {
        Self {
            servers: servers.into(),
            bus: bus.into(),
            partitions: 16,
            mode: Mode::default(),
            lease: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
            replicas: 1,
        }
    }
}

impl std::fmt::Debug for NatsConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the servers: there may be a password in them.
        f.debug_struct("NatsConfig")
            .field("bus", &self.bus)
            .field("partitions", &self.partitions)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

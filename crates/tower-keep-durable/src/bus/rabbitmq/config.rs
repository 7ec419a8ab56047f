use std::time::Duration;

use crate::bus::Mode;

/// Where the bus is, and what can be chosen of it.
#[derive(Clone, PartialEq, Eq)]
pub struct RabbitMqConfig {
    /// The server, such as `amqp://user:password@host:5672/vhost`.
    pub server: String,
    /// The name of the bus, which is the name of its exchange: at most 100 bytes.
    pub bus: String,
    /// How many partitions there are: 16. It cannot be changed once the bus is there.
    pub partitions: u32,
    /// How events are sent: [structured](Mode::Structured). Both ways are read.
    pub mode: Mode,
    /// How long the server may take to answer or to confirm: 10 s, since a quorum may have to be found.
    pub timeout: Duration,
    /// How many bytes an event may have: 16 MiB, the default limit of RabbitMQ 4.
    pub event_bytes: usize,
}

impl RabbitMqConfig {
    /// The defaults for a bus on this server.
    #[must_use]
    pub fn new(server: impl Into<String>, bus: impl Into<String>) -> Self {
        Self {
            server: server.into(),
            bus: bus.into(),
            partitions: 16,
            mode: Mode::default(),
            timeout: Duration::from_secs(10),
            event_bytes: 16 << 20,
        }
    }
}

impl std::fmt::Debug for RabbitMqConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the server: there may be a password in it.
        f.debug_struct("RabbitMqConfig")
            .field("bus", &self.bus)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

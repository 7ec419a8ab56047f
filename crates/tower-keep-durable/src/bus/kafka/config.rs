use std::time::Duration;

use rdkafka::ClientConfig;

use crate::bus::Mode;

/// Where the bus is, and what can be chosen of it.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaConfig {
    /// Some of the brokers, such as `host:9092,other:9092`.
    pub servers: String,
    /// The name of the bus, which is the name of its topic.
    pub bus: String,
    /// How many partitions there are: 16. It cannot be changed once the bus is there.
    pub partitions: u32,
    /// How events are sent: [structured](Mode::Structured). Both ways are read.
    pub mode: Mode,
    /// On how many brokers the topic is kept, where it must be made: -1, as the brokers have it.
    pub replicas: i32,
    /// How long the brokers may take to confirm or to answer: 10 s. To join a group may take thrice that.
    pub timeout: Duration,
    /// How long partitions that move to another member wait for handlers that still work: 5 s.
    pub handover: Duration,
    /// How many bytes an event may have: 1 000 000, the default limit of Kafka.
    pub event_bytes: usize,
    /// More settings of librdkafka, such as those for TLS and passwords; they win.
    pub settings: Vec<(String, String)>,
}

impl KafkaConfig {
    /// The defaults for a bus on these brokers.
    #[must_use]
    pub fn new(servers: impl Into<String>, bus: impl Into<String>) -> Self {
        Self {
            servers: servers.into(),
            bus: bus.into(),
            partitions: 16,
            mode: Mode::default(),
            replicas: -1,
            timeout: Duration::from_secs(10),
            handover: Duration::from_secs(5),
            event_bytes: 1_000_000,
            settings: Vec::new(),
        }
    }

    /// A client of these brokers, with what `own` sets.
    pub(super) fn client(&self, own: &[(&str, &str)]) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.servers);
        for (name, value) in own {
            client.set(*name, *value);
        }
        for (name, value) in &self.settings {
            client.set(name, value);
        }
        client
    }
}

impl std::fmt::Debug for KafkaConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the settings: there may be a password in them.
        f.debug_struct("KafkaConfig")
            .field("servers", &self.servers)
            .field("bus", &self.bus)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

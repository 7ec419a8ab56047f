use std::time::Duration;

/// What can be chosen of a bus of tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableConfig {
    /// How many partitions there are: 16. The first to open the bus decides it for good.
    pub partitions: u32,
    /// How long a delivery is left to a handler that says nothing: 30 s, as on NATS; a consumer says
    /// every 10 s that its handler goes on. That long an event waits that was with a process which
    /// was killed, and its partition with it: shorten both where that is too long.
    pub lease: Duration,
    /// How often to look for what other processes published: 2 ms on SQLite, where that costs about
    /// 20 µs, and 10 ms on PostgreSQL. What this process publishes is seen at once.
    pub poll: Option<Duration>,
    /// How many events to read at a time: 32.
    pub batch: u32,
    /// How many bytes an event may have as JSON: 1 MiB.
    pub event_bytes: usize,
    /// How long an event stays after all groups have passed it: a day, to look at.
    pub retention: Duration,
}

impl Default for TableConfig {
    fn default() -> Self {
        Self {
            partitions: 16,
            lease: Duration::from_secs(30),
            poll: None,
            batch: 32,
            event_bytes: 1 << 20,
            retention: Duration::from_secs(24 * 60 * 60),
        }
    }
}

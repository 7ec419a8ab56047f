use std::time::Duration;

use tower_keep::backoff::{Backoff, Jitter};

/// How a consumer works.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsumerConfig {
    /// How many events are handled at once, of different partitions. Default 16, one for each
    /// partition of a bus; at least 1. What is handled and only waits for the bus to take its
    /// acknowledgement does not count.
    pub concurrency: usize,
    /// How many times an event is tried before it becomes a dead letter. Default 10, which with the
    /// default backoff takes about a minute and a half; at least 1.
    pub max_attempts: u32,
    /// How long an event that failed waits; its partition waits with it. Default 200 ms, doubled each
    /// time up to 60 s, half of it by chance.
    pub backoff: Backoff,
    /// How long an event waits that a layer turned away without saying for how long. Default 1 s.
    pub not_sent: Duration,
    /// How long the bus leaves a delivery to a handler that says nothing; it is told three times as
    /// often that the handler still runs. Must be what the bus is set to. Default 30 s.
    pub ack_wait: Duration,
    /// How long what is in hand may take when the consumer stops. Default 20 s, less than most
    /// orchestrators wait before they kill; what is cut off then is delivered again.
    pub drain: Duration,
    /// How often letters that another process released are looked for, and what waits for a backoff.
    /// Default 1 s.
    pub poll: Duration,
    /// How long another process that works on the same dead letters may be silent before this one
    /// takes over. Default 30 s.
    pub lease: Duration,
    /// How long the inbox remembers. Default 15 days: more than twice the week that brokers commonly
    /// keep events for.
    pub inbox_retention: Duration,
    /// How long dead letters are kept after they were replayed or discarded. Default 30 days.
    pub letter_retention: Duration,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self {
            concurrency: 16,
            max_attempts: 10,
            backoff: Backoff {
                base: Duration::from_millis(200),
                max: Duration::from_secs(60),
                jitter: Jitter::Equal,
                ..Backoff::default()
            },
            not_sent: Duration::from_secs(1),
            ack_wait: Duration::from_secs(30),
            drain: Duration::from_secs(20),
            poll: Duration::from_secs(1),
            lease: Duration::from_secs(30),
            inbox_retention: DAY * 15,
            letter_retention: DAY * 30,
        }
    }
}

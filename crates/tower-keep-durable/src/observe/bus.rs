/// Something is on the bus that is no event; it is passed over.
#[cfg(any(feature = "nats", feature = "rabbitmq", feature = "kafka"))]
pub(crate) fn not_an_event(bus: &str, error: &crate::event::InvalidEvent) {
    tracing::warn!(target: "tower_keep_durable", bus, %error, "passed over what is not an event");
}

/// The connection to a broker was lost and is made again.
#[cfg(any(feature = "nats", feature = "rabbitmq", feature = "kafka"))]
pub(crate) fn reconnecting(bus: &str, error: &dyn std::fmt::Display) {
    tracing::warn!(target: "tower_keep_durable", bus, %error, "lost the broker, connects again");
}

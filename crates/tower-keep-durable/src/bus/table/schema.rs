use crate::db::Schema;

/// The tables behind this room.
///
/// `keep_bus_events` is the log; within a partition, `position` is the order. `keep_bus_cursors` says
/// how far each group is in each partition: `passed` is the last position that is done with. `epoch`
/// counts the claims, `attempts` how often what comes next was given out, and until `leased_until`
/// and `not_before` nobody may claim it (0: at once). `keep_bus_layout` keeps what all must agree on.
pub const SCHEMA: Schema = Schema::new(
    "keep_bus",
    &[&[
        "CREATE TABLE keep_bus_events (
            position {serial}, part BIGINT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
            published_at BIGINT NOT NULL)",
        "CREATE INDEX keep_bus_events_part ON keep_bus_events (part, position)",
        "CREATE TABLE keep_bus_cursors (
            consumer TEXT NOT NULL, part BIGINT NOT NULL, passed BIGINT NOT NULL,
            epoch BIGINT NOT NULL, attempts BIGINT NOT NULL,
            leased_until BIGINT NOT NULL, not_before BIGINT NOT NULL,
            PRIMARY KEY (consumer, part))",
        "CREATE TABLE keep_bus_layout (name TEXT PRIMARY KEY, value BIGINT NOT NULL)",
    ]],
);

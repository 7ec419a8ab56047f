use crate::db::Schema;

/// The table behind this room.
///
/// `key` is the event's partition key. `sent_at` is null until the event is done with: the bus has
/// confirmed it, or an operator has `discarded` it (by whom and why). `refused` says why the bus will
/// never take it; while it is set and `sent_at` is null, later events of its key wait behind it.
pub const SCHEMA: Schema = Schema::new(
    "keep_outbox",
    &[&[
        "CREATE TABLE keep_outbox (
            position {serial}, source TEXT NOT NULL, id TEXT NOT NULL, key TEXT,
            body TEXT NOT NULL, created_at BIGINT NOT NULL, sent_at BIGINT,
            refused TEXT, discarded TEXT,
            UNIQUE (source, id))",
        "CREATE INDEX keep_outbox_unsent ON keep_outbox (position) WHERE sent_at IS NULL",
        "CREATE INDEX keep_outbox_sent ON keep_outbox (sent_at) WHERE sent_at IS NOT NULL",
        "CREATE INDEX keep_outbox_refused ON keep_outbox (key, position)
            WHERE refused IS NOT NULL AND sent_at IS NULL",
    ]],
);

use crate::db::Schema;

/// The table behind this room: which consumer has handled which event, and when.
pub const SCHEMA: Schema = Schema::new(
    "keep_inbox",
    &[&[
        "CREATE TABLE keep_inbox (
            consumer TEXT NOT NULL, source TEXT NOT NULL, id TEXT NOT NULL, at BIGINT NOT NULL,
            PRIMARY KEY (consumer, source, id))",
        "CREATE INDEX keep_inbox_age ON keep_inbox (consumer, at)",
    ]],
);

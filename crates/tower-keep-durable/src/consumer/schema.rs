use crate::{db::Schema, dead_letters, inbox};

/// The table behind this room: how often a consumer has begun to handle an event, while that has not
/// ended well.
pub const SCHEMA: Schema = Schema::new(
    "keep_attempts",
    &[&[
        "CREATE TABLE keep_attempts (
            consumer TEXT NOT NULL, source TEXT NOT NULL, id TEXT NOT NULL,
            attempts BIGINT NOT NULL, first_at BIGINT NOT NULL, last_at BIGINT NOT NULL,
            PRIMARY KEY (consumer, source, id))",
        "CREATE INDEX keep_attempts_age ON keep_attempts (consumer, last_at)",
    ]],
);

/// All tables that a consumer needs: its own, the inbox and the dead letters.
pub const SCHEMAS: [Schema; 3] = [SCHEMA, inbox::SCHEMA, dead_letters::SCHEMA];

use crate::db::Schema;

/// The table behind this room: one row for each key.
///
/// | `state` | what it means |
/// |---|---|
/// | `running` | begun and not finished; `owner` may, until `leased_until` at least |
/// | `answered` | done, with its answer; without one (`status` is null) if it could not be kept |
/// | `rejected` | a business "no", with its answer |
/// | `cancelled` | cancelled before anything was done: the tombstone |
/// | `undone` | cancelled afterwards, with the answer that was undone |
///
/// `owner` is new with each execution and is what fences: only its owner finishes a row.
pub const SCHEMA: Schema = Schema::new(
    "keep_idempotency",
    &[&[
        "CREATE TABLE keep_idempotency (
            scope TEXT NOT NULL, id TEXT NOT NULL, fingerprint {bytes}, state TEXT NOT NULL,
            subject TEXT NOT NULL, owner TEXT NOT NULL, leased_until BIGINT NOT NULL,
            expires_at BIGINT NOT NULL, status BIGINT, headers TEXT, body {bytes},
            PRIMARY KEY (scope, id))",
        "CREATE INDEX keep_idempotency_expires ON keep_idempotency (expires_at)",
    ]],
);

use crate::db::Schema;

/// The tables behind this room.
///
/// `keep_sagas` has a row for each saga: what it is (`name`, `plan`, `shape`), where it is (`status`,
/// `cursor`, `undo_left`: a bit for each step that is still to be undone), how its present step went
/// so far (`attempt`, `not_sent`, `ambiguous`, `failing_since`, `error`), who works on it (`epoch`,
/// `lease_until`; 0 when it was given back), when it is due (`next_at`, `deadline_at`) and what it
/// knows (`state`, JSON). `resume` is the status that a parked saga goes back to.
///
/// `keep_saga_log` is only added to: what happened, in the transaction in which it happened.
/// `keep_saga_locks` says which saga has a resource.
pub const SCHEMA: Schema = Schema::new(
    "keep_sagas",
    &[
        &[
        "CREATE TABLE keep_sagas (
            id TEXT PRIMARY KEY, name TEXT NOT NULL, plan TEXT NOT NULL, shape TEXT NOT NULL,
            status TEXT NOT NULL, resume TEXT, cursor BIGINT NOT NULL, undo_left BIGINT NOT NULL,
            attempt BIGINT NOT NULL, not_sent BIGINT NOT NULL, ambiguous BIGINT NOT NULL,
            failing_since BIGINT, error TEXT,
            epoch BIGINT NOT NULL, lease_until BIGINT NOT NULL,
            next_at BIGINT NOT NULL, deadline_at BIGINT NOT NULL,
            state TEXT NOT NULL, correlation TEXT NOT NULL, traceparent TEXT,
            seq BIGINT NOT NULL, created_at BIGINT NOT NULL, logged_at BIGINT NOT NULL)",
        "CREATE INDEX keep_sagas_due ON keep_sagas (next_at)
            WHERE status IN ('running', 'compensating')",
        "CREATE INDEX keep_sagas_open ON keep_sagas (status, created_at)
            WHERE status IN ('running', 'compensating', 'parked')",
        "CREATE TABLE keep_saga_log (
            saga_id TEXT NOT NULL, seq BIGINT NOT NULL, event TEXT NOT NULL, step TEXT NOT NULL,
            attempt BIGINT NOT NULL, epoch BIGINT NOT NULL, status TEXT NOT NULL, at BIGINT NOT NULL,
            data TEXT NOT NULL, PRIMARY KEY (saga_id, seq))",
        "CREATE TABLE keep_saga_locks (
            resource TEXT PRIMARY KEY, saga_id TEXT NOT NULL, at BIGINT NOT NULL)",
        ],
        &["CREATE INDEX keep_sagas_ended ON keep_sagas (logged_at)
            WHERE status IN ('completed', 'compensated', 'abandoned')"],
    ],
);

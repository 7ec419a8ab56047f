use crate::db::Schema;

/// The table behind this room: one row for each event that a consumer has put aside, once.
///
/// `lane` is what it is kept in order with: `k:` and its key, or `e:` and itself if it has none. An
/// open letter (`dead`, `released`, `parked`) may be handled if it is not dead, `due_at` has come and
/// no open letter of its consumer and lane has a smaller `id`. `attempts` counts all tries and is
/// what a worker's say is checked against; `tries` counts those since it was put aside or released.
pub const SCHEMA: Schema = Schema::new(
    "keep_letters",
    &[&[
        "CREATE TABLE keep_letters (
            id {serial}, consumer TEXT NOT NULL, lane TEXT NOT NULL, source TEXT NOT NULL,
            event_id TEXT NOT NULL, key TEXT, body TEXT NOT NULL, state TEXT NOT NULL,
            reason TEXT NOT NULL, note TEXT, attempts BIGINT NOT NULL, tries BIGINT NOT NULL,
            first_at BIGINT NOT NULL, last_at BIGINT NOT NULL, due_at BIGINT NOT NULL,
            UNIQUE (consumer, source, event_id))",
        "CREATE INDEX keep_letters_open ON keep_letters (consumer, lane, id)
            WHERE state IN ('dead', 'released', 'parked')",
        "CREATE INDEX keep_letters_closed ON keep_letters (consumer, last_at)
            WHERE state IN ('replayed', 'discarded')",
    ]],
);

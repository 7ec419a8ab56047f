use crate::db::Schema;

/// The tables behind this room.
///
/// `keep_events` is the log: `position` counts through all of it, `version` through one stream, both
/// from 1. Rows are added and never changed. `keep_snapshots` can be emptied at any time; what is
/// read then only takes longer.
pub const SCHEMA: Schema = Schema::new(
    "keep_event_store",
    &[&[
        "CREATE TABLE keep_events (
            position {serial}, stream TEXT NOT NULL, version BIGINT NOT NULL, body TEXT NOT NULL,
            recorded_at BIGINT NOT NULL, UNIQUE (stream, version))",
        "CREATE TABLE keep_snapshots (
            stream TEXT NOT NULL, shape BIGINT NOT NULL, version BIGINT NOT NULL,
            state TEXT NOT NULL, PRIMARY KEY (stream, shape))",
    ]],
);

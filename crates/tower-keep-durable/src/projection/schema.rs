use crate::db::Schema;

/// The table behind this room: one row for each generation of a view.
///
/// `position` is up to where the log has been applied; it is moved in the transaction that changes
/// the view. One generation is `live`, the one that the view's name shows; another may be built beside
/// it. `tables` are the names of its tables, as JSON.
pub const SCHEMA: Schema = Schema::new(
    "keep_projections",
    &[&["CREATE TABLE keep_projections (
            name TEXT NOT NULL, generation BIGINT NOT NULL, version BIGINT NOT NULL,
            tables TEXT NOT NULL, position BIGINT NOT NULL, live BIGINT NOT NULL,
            touched_at BIGINT NOT NULL, PRIMARY KEY (name, generation))"]],
);

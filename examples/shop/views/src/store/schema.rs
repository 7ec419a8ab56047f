use shop_kit::db::Schema;
use tower_keep_durable::{consumer, dead_letters, event_store, inbox, projection};

/// The tables, as both databases understand them. Those of the views are the projection's.
pub(crate) const SCHEMA: &[Schema] = &[
    consumer::SCHEMA,
    dead_letters::SCHEMA,
    inbox::SCHEMA,
    event_store::SCHEMA,
    projection::SCHEMA,
];

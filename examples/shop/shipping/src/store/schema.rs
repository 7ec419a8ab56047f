use shop_kit::{db::Schema, flow};
use tower_keep_durable::{consumer, dead_letters, inbox, outbox};

/// The tables, as both databases understand them.
pub(crate) const SCHEMA: &[Schema] = &[
    outbox::SCHEMA,
    consumer::SCHEMA,
    dead_letters::SCHEMA,
    inbox::SCHEMA,
    flow::SCHEMA,
    Schema::new(
        "shipping",
        &[&["CREATE TABLE shipments (
            id TEXT PRIMARY KEY, order_id TEXT UNIQUE, status TEXT NOT NULL, contents TEXT,
            created_at BIGINT NOT NULL)"]],
    ),
];

use shop_kit::{db::Schema, flow, idempotency};
use tower_keep_durable::{consumer, dead_letters, inbox, outbox};

/// The tables, as both databases understand them.
pub(crate) const SCHEMA: &[Schema] = &[
    idempotency::SCHEMA,
    outbox::SCHEMA,
    consumer::SCHEMA,
    dead_letters::SCHEMA,
    inbox::SCHEMA,
    flow::SCHEMA,
    Schema::new("inventory", &[&[
    "CREATE TABLE products (
        sku TEXT PRIMARY KEY, name TEXT NOT NULL, price BIGINT NOT NULL, currency TEXT NOT NULL,
        seeded BIGINT NOT NULL, on_hand BIGINT NOT NULL CHECK (on_hand >= 0))",
    "CREATE TABLE reservations (
        id TEXT PRIMARY KEY, order_id TEXT UNIQUE, status TEXT NOT NULL, total BIGINT, currency TEXT)",
    "CREATE TABLE reservation_lines (
        reservation_id TEXT NOT NULL REFERENCES reservations (id), sku TEXT NOT NULL REFERENCES products (sku),
        quantity BIGINT NOT NULL, PRIMARY KEY (reservation_id, sku))",
]])];

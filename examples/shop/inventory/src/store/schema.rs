use shop_kit::idempotency;

/// The tables, as both databases understand them.
pub(crate) const SCHEMA: &[&str] = &[
    idempotency::SCHEMA,
    "CREATE TABLE IF NOT EXISTS products (
        sku TEXT PRIMARY KEY, name TEXT NOT NULL, price BIGINT NOT NULL, currency TEXT NOT NULL,
        seeded BIGINT NOT NULL, on_hand BIGINT NOT NULL CHECK (on_hand >= 0))",
    "CREATE TABLE IF NOT EXISTS reservations (
        id TEXT PRIMARY KEY, order_id TEXT UNIQUE, status TEXT NOT NULL, total BIGINT, currency TEXT)",
    "CREATE TABLE IF NOT EXISTS reservation_lines (
        reservation_id TEXT NOT NULL REFERENCES reservations (id), sku TEXT NOT NULL REFERENCES products (sku),
        quantity BIGINT NOT NULL, PRIMARY KEY (reservation_id, sku))",
];

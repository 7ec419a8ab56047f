use shop_kit::idempotency;

/// The tables, as both databases understand them.
pub(crate) const SCHEMA: &[&str] = &[
    idempotency::SCHEMA,
    "CREATE TABLE IF NOT EXISTS orders (
        id TEXT PRIMARY KEY, customer TEXT NOT NULL, status TEXT NOT NULL, total BIGINT, currency TEXT,
        payment_id TEXT NOT NULL, reservation_id TEXT NOT NULL, refused_by TEXT, reason TEXT,
        attempts BIGINT NOT NULL, next_attempt_at BIGINT NOT NULL, created_at BIGINT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS orders_open ON orders (status, next_attempt_at)",
    "CREATE INDEX IF NOT EXISTS orders_of_customer ON orders (customer, created_at)",
    "CREATE TABLE IF NOT EXISTS order_lines (
        order_id TEXT NOT NULL REFERENCES orders (id), position BIGINT NOT NULL,
        product TEXT NOT NULL, quantity BIGINT NOT NULL, PRIMARY KEY (order_id, position))",
];

use shop_kit::idempotency;

/// The tables, as both databases understand them.
pub(crate) const SCHEMA: &[&str] = &[
    idempotency::SCHEMA,
    "CREATE TABLE IF NOT EXISTS accounts (
        id TEXT PRIMARY KEY, balance BIGINT NOT NULL CHECK (balance >= 0), currency TEXT NOT NULL,
        seeded BIGINT NOT NULL, blocked BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS payments (
        id TEXT PRIMARY KEY, order_id TEXT UNIQUE, account TEXT, amount BIGINT, currency TEXT,
        status TEXT NOT NULL)",
];

use shop_kit::db::Schema;
use tower_keep_durable::outbox;

/// The tables, as both databases understand them. The outbox holds the webhooks.
pub(crate) const SCHEMA: &[Schema] = &[
    outbox::SCHEMA,
    Schema::new(
        "cards",
        &[&[
            // No money of a card is ever lost or made: the database itself sees to it.
            "CREATE TABLE cards (
        id TEXT PRIMARY KEY, currency TEXT NOT NULL, blocked BIGINT NOT NULL,
        seeded BIGINT NOT NULL, balance BIGINT NOT NULL CHECK (balance >= 0),
        held BIGINT NOT NULL CHECK (held >= 0), taken BIGINT NOT NULL CHECK (taken >= 0),
        CHECK (balance + held + taken = seeded))",
            "CREATE TABLE authorizations (
        id TEXT PRIMARY KEY, status TEXT NOT NULL, card TEXT, amount BIGINT, currency TEXT,
        decline_code TEXT, decline_detail TEXT)",
            "CREATE INDEX authorizations_of_card ON authorizations (card, status)",
        ]],
    ),
];

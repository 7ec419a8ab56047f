use shop_kit::db::Schema;
use tower_keep_durable::{consumer, dead_letters, inbox, outbox};

/// The tables, as both databases understand them.
///
/// `recipients` is what is known of orders: whose they are, or nothing yet. A row of `notifications`
/// was sent at `sent_at`; before that it waits until its recipient is known. An order has one of each
/// kind.
pub(crate) const SCHEMA: &[Schema] = &[
    consumer::SCHEMA,
    dead_letters::SCHEMA,
    inbox::SCHEMA,
    outbox::SCHEMA,
    Schema::new(
        "notifications",
        &[&[
            "CREATE TABLE recipients (order_id TEXT PRIMARY KEY, customer TEXT)",
            "CREATE TABLE notifications (
                order_id TEXT NOT NULL, kind TEXT NOT NULL, customer TEXT, text TEXT NOT NULL,
                sent_at BIGINT, PRIMARY KEY (order_id, kind))",
            "CREATE INDEX notifications_of_customer ON notifications (customer, sent_at)",
        ]],
    ),
];

use shop_kit::{db::Schema, flow, idempotency};
use tower_keep_durable::{consumer, dead_letters, event_store, inbox, outbox, saga};

/// The tables, as both databases understand them. `orders` is made of the events in the transaction
/// that appends them; it is for looking at, and nothing is decided by it. `orders_overdue`,
/// `orders_silent` and `orders_alarmed` are for the watchdog: `logged_at` is when an order last got on,
/// `alarmed_at` when there was an alarm since, or 0.
pub(crate) const SCHEMA: &[Schema] = &[
    idempotency::SCHEMA,
    event_store::SCHEMA,
    outbox::SCHEMA,
    saga::SCHEMA,
    consumer::SCHEMA,
    dead_letters::SCHEMA,
    inbox::SCHEMA,
    flow::SCHEMA,
    Schema::new(
        "orders",
        &[
            &[
                "CREATE TABLE orders (
                id TEXT PRIMARY KEY, customer TEXT NOT NULL, status TEXT NOT NULL,
                body TEXT NOT NULL, version BIGINT NOT NULL, created_at BIGINT NOT NULL)",
                "CREATE INDEX orders_of_customer ON orders (customer, created_at)",
            ],
            &[
                "ALTER TABLE orders ADD COLUMN flow TEXT NOT NULL DEFAULT 'orchestration'",
                "CREATE INDEX orders_overdue ON orders (created_at)
                    WHERE flow = 'choreography' AND status = 'pending'",
            ],
            &[
                "ALTER TABLE orders ADD COLUMN logged_at BIGINT NOT NULL DEFAULT 0",
                "ALTER TABLE orders ADD COLUMN alarmed_at BIGINT NOT NULL DEFAULT 0",
                "UPDATE orders SET logged_at = created_at",
                "CREATE INDEX orders_silent ON orders (logged_at)
                    WHERE flow = 'choreography' AND status IN ('confirmed', 'cancelling')",
                "CREATE INDEX orders_alarmed ON orders (logged_at) WHERE alarmed_at > 0",
            ],
        ],
    ),
];

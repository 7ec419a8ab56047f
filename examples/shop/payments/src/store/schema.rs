use shop_kit::{db::Schema, flow, idempotency};
use tower_keep_durable::{consumer, dead_letters, inbox, outbox};

/// The tables, as both databases understand them.
///
/// A transfer is one row with both its accounts and a positive amount, so no row can be written that
/// does not sum to zero; `entries` shows the two sides of each. `due_at` is when somebody has to ask
/// what became of an intent; null once there is none.
///
/// Of an order by choreography, `flow` says so, `correlation` under which id its events are told, and
/// `wish` which verb was wanted while another was under way: it comes next.
pub(crate) const SCHEMA: &[Schema] = &[
    idempotency::SCHEMA,
    outbox::SCHEMA,
    inbox::SCHEMA,
    consumer::SCHEMA,
    dead_letters::SCHEMA,
    flow::SCHEMA,
    Schema::new(
        "payments",
        &[
            &[
                "CREATE TABLE payments (
        id TEXT PRIMARY KEY, status TEXT NOT NULL, order_id TEXT UNIQUE, account TEXT,
        amount BIGINT, currency TEXT, decline_code TEXT, decline_detail TEXT,
        attempts BIGINT NOT NULL DEFAULT 0, due_at BIGINT)",
                "CREATE INDEX payments_due ON payments (due_at) WHERE due_at IS NOT NULL",
                "CREATE TABLE transfers (
        position {serial}, payment_id TEXT NOT NULL REFERENCES payments (id), verb TEXT NOT NULL,
        debit TEXT NOT NULL, credit TEXT NOT NULL, currency TEXT NOT NULL,
        amount BIGINT NOT NULL CHECK (amount > 0), booked_at BIGINT NOT NULL,
        CHECK (debit <> credit), UNIQUE (payment_id, verb, debit))",
                "CREATE VIEW entries AS
        SELECT position, payment_id, debit AS account, currency, amount FROM transfers
        UNION ALL
        SELECT position, payment_id, credit, currency, -amount FROM transfers",
            ],
            &[
                "ALTER TABLE payments ADD COLUMN flow TEXT",
                "ALTER TABLE payments ADD COLUMN correlation TEXT",
                "ALTER TABLE payments ADD COLUMN wish TEXT",
            ],
        ],
    ),
];

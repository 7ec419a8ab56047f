//! The same suites on both databases; the network is played by the tests.

mod model;
mod react;
mod suite;

use std::time::Duration;

use shop_kit::{
    db::{Clock, Db},
    idempotency::{IdempotencyKey, Keyed},
    ids::{OrderId, PaymentId},
    money::{Currency, Money},
    testing::{TestDb, on_postgres},
};

use super::*;
use crate::domain::{Authorize, Decline, Network, Report};

const GRACE: Duration = Duration::from_secs(6);

fn store(db: Db) -> Store {
    Store::new(db.with_clock(Clock::manual()), GRACE)
}

fn request(minor: i64) -> Authorize {
    Authorize {
        id: PaymentId::generate(),
        order: OrderId::generate(),
        account: "cus_a".into(),
        amount: Money::new(minor, Currency::EUR),
    }
}

fn keyed(request: &Authorize) -> Keyed {
    let key = IdempotencyKey::new(&request.order.to_string()).unwrap();
    key.asks("POST /payments", request)
}

/// What the network says of a payment.
fn says(id: PaymentId, status: Network) -> Report {
    let decline = (status == Network::Declined).then(|| Decline {
        code: "card-blocked".into(),
        detail: "the card is blocked".into(),
    });
    Report {
        id,
        status,
        decline,
    }
}

/// The balance of an account in the ledger, which adds up.
async fn balance(store: &Store, account: &str) -> i64 {
    let ledger = store.ledger().await.unwrap();
    for total in &ledger.totals {
        assert_eq!(total.debits, total.credits, "{total:?}");
    }
    let found = ledger.accounts.iter().find(|line| line.account == account);
    found.map_or(0, |line| line.balance)
}

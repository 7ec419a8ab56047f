//! What a check takes for wrong, and what it must not: everything is read at a time of its own.

use serde_json::{Value, json};

use super::{
    across,
    reading::{Parts, Reading},
    rows::{Row, Rows},
    sums, within,
};

/// The state of one order and of its parts: nothing where it is empty.
#[derive(Clone, Copy)]
struct Of {
    order: &'static str,
    payment: &'static str,
    money: &'static str,
    stock: &'static str,
    parcel: &'static str,
}

const COMPLETED: Of = Of {
    order: "completed",
    payment: "captured",
    money: "captured",
    stock: "committed",
    parcel: "created",
};
const REJECTED: Of = Of {
    order: "rejected",
    payment: "declined",
    money: "declined",
    stock: "released",
    parcel: "",
};
const UNDER_WAY: Of = Of {
    order: "pending",
    payment: "authorized",
    money: "authorized",
    stock: "held",
    parcel: "",
};

fn rows<T: Row + serde::de::DeserializeOwned>(status: &str, row: Value) -> Rows<T> {
    let row = (!status.is_empty()).then(|| serde_json::from_value::<T>(row).unwrap());
    row.into_iter()
        .map(|row| (row.order().to_owned(), row))
        .collect()
}

fn amount() -> Value {
    json!({"minor": 700, "currency": "EUR"})
}

fn lines() -> Value {
    json!([{"product": "tea", "quantity": 1}])
}

impl Of {
    fn orders(&self) -> Rows<super::rows::Order> {
        let row = json!({"id": "ord_1", "status": self.order, "customer": "anna", "lines": lines(), "total": amount()});
        rows(self.order, row)
    }

    fn parts(&self) -> Parts {
        let (payment, money, stock, parcel) = (self.payment, self.money, self.stock, self.parcel);
        Parts {
            payments: rows(
                payment,
                json!({"id": "pay_1", "status": payment, "account": "anna", "amount": amount()}),
            ),
            authorizations: rows(
                money,
                json!({"id": "pay_1", "status": money, "card": "anna", "amount": amount()}),
            ),
            reservations: rows(
                stock,
                json!({"id": "res_1", "status": stock, "total": amount(), "lines": lines()}),
            ),
            shipments: rows(parcel, json!({"id": "shp_1", "status": parcel})),
        }
    }
}

/// Reads an order in this state, its parts in that, .., and the order again.
fn reading(before: Of, parts_before: Of, parts: Of, after: Of) -> Reading {
    let card = json!({"id": "anna", "currency": "EUR", "seeded": 1000, "balance": 300, "held": 0, "taken": 700});
    let tea = json!({"sku": "tea", "seeded": 10, "on_hand": 9, "reserved": 0, "shipped": 1});
    let account = |account: &str, balance: i64| json!({"account": account, "currency": "EUR", "balance": balance});
    let ledger = json!({
        "accounts": [account("network:receivable", 700), account("merchant:revenue", -700)],
        "totals": [{"currency": "EUR", "debits": 1400, "credits": 1400}],
    });
    Reading {
        orders_before: before.orders(),
        before: parts_before.parts(),
        cards: vec![serde_json::from_value(card).unwrap()],
        ledger: serde_json::from_value(ledger).unwrap(),
        products: vec![serde_json::from_value(tea).unwrap()],
        after: parts.parts(),
        orders: after.orders(),
    }
}

fn still(of: Of) -> Reading {
    reading(of, of, of, of)
}

#[test]
fn what_is_right_is_not_wrong() {
    for of in [COMPLETED, REJECTED, UNDER_WAY] {
        assert_eq!(across::wrong(&still(of)), Vec::<String>::new());
    }
    let reading = still(COMPLETED);
    assert_eq!(within::wrong(&reading), Vec::<String>::new());
    let sums = sums::compare(&reading);
    assert!(
        sums.is_money_still && sums.is_stock_still && sums.wrong.is_empty(),
        "{sums:?}"
    );
}

#[test]
fn a_part_that_is_missing_or_too_much_is_wrong() {
    for of in [
        Of {
            payment: "authorized",
            money: "authorized",
            ..COMPLETED
        },
        Of {
            payment: "refunded",
            money: "refunded",
            ..COMPLETED
        },
        Of {
            money: "authorized",
            ..COMPLETED
        },
        Of {
            stock: "held",
            ..COMPLETED
        },
        Of {
            stock: "",
            ..COMPLETED
        },
        Of {
            parcel: "cancelled",
            ..COMPLETED
        },
        Of {
            stock: "held",
            ..REJECTED
        },
        Of {
            parcel: "created",
            ..REJECTED
        },
        Of {
            payment: "authorized",
            money: "authorized",
            ..REJECTED
        },
        Of {
            money: "authorized",
            ..REJECTED
        },
        Of {
            order: "cancelled",
            ..COMPLETED
        },
        Of {
            order: "pending",
            ..COMPLETED
        },
        Of {
            order: "",
            ..UNDER_WAY
        },
        Of {
            payment: "",
            ..UNDER_WAY
        },
        Of {
            money: "captured",
            ..UNDER_WAY
        },
    ] {
        assert_ne!(across::wrong(&still(of)), Vec::<String>::new());
    }
}

#[test]
fn what_changes_while_it_is_read_is_not_wrong() {
    for (before, parts_before, parts, after) in [
        // It is placed meanwhile: the order was read before it was paid.
        (UNDER_WAY, UNDER_WAY, COMPLETED, COMPLETED),
        (UNDER_WAY, COMPLETED, COMPLETED, COMPLETED),
        (
            Of {
                order: "",
                ..COMPLETED
            },
            UNDER_WAY,
            UNDER_WAY,
            COMPLETED,
        ),
        // It is refused meanwhile: its parts were read before they were undone.
        (UNDER_WAY, UNDER_WAY, REJECTED, REJECTED),
        (UNDER_WAY, UNDER_WAY, UNDER_WAY, REJECTED),
        // It is cancelled meanwhile.
        (
            COMPLETED,
            COMPLETED,
            Of {
                stock: "released",
                ..COMPLETED
            },
            Of {
                order: "cancelling",
                ..COMPLETED
            },
        ),
        // Payments has not heard yet what the network did.
        (
            UNDER_WAY,
            UNDER_WAY,
            Of {
                payment: "capturing",
                money: "captured",
                ..UNDER_WAY
            },
            Of {
                order: "confirmed",
                ..UNDER_WAY
            },
        ),
    ] {
        let wrong = across::wrong(&reading(before, parts_before, parts, after));
        assert_eq!(wrong, Vec::<String>::new());
    }
    // Sums are not compared over what moves.
    let moved = sums::compare(&reading(UNDER_WAY, UNDER_WAY, COMPLETED, COMPLETED));
    assert!(!moved.is_money_still && !moved.is_stock_still && moved.wrong.is_empty());
}

#[test]
fn sums_that_do_not_agree_are_wrong() {
    // Nothing moves, and the card and the ledger know of 700 that nobody captured.
    let sums = sums::compare(&still(REJECTED));
    assert_eq!(sums.wrong.len(), 3, "{sums:?}");
    let mut reading = still(COMPLETED);
    reading.cards[0].taken += 1;
    reading.products[0].on_hand -= 1;
    reading.ledger.accounts[0].balance += 1;
    reading.ledger.totals[0].debits += 1;
    assert_eq!(within::wrong(&reading).len(), 4);
    reading.cards.clear();
    assert!(
        within::wrong(&reading)
            .iter()
            .any(|wrong| wrong.contains("no cards"))
    );
}

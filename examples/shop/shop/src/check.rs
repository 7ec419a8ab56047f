//! The books: no money and no stock was lost or doubled. Reads only what the services publish.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{load::CUSTOMERS, system::System, web::Web};

/// What the books say.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// How many orders are in which state.
    pub(crate) orders: BTreeMap<String, usize>,
    /// Minor units over all accounts.
    pub(crate) seeded: i64,
    pub(crate) balances: i64,
    pub(crate) captured: i64,
    /// Pieces over all products.
    pub(crate) stock_seeded: i64,
    pub(crate) stock_free: i64,
    pub(crate) stock_reserved: i64,
    /// What does not add up; empty when all is well.
    pub(crate) wrong: Vec<String>,
}

impl Books {
    /// Orders that are neither confirmed nor refused nor cancelled.
    pub(crate) fn open(&self) -> usize {
        ["pending", "refusing", "cancelling"]
            .iter()
            .filter_map(|status| self.orders.get(*status))
            .sum()
    }
}

/// Counts the orders by state, nothing else.
pub(crate) async fn count(system: &System) -> Result<Books, String> {
    let mut books = Books::default();
    for order in all_orders(&Web::new(system.orders.address())).await? {
        *books.orders.entry(text(&order["status"])).or_default() += 1;
    }
    Ok(books)
}

/// Reads and checks all books of the three services.
pub(crate) async fn check(system: &System) -> Result<Books, String> {
    let orders = Web::new(system.orders.address());
    let payments = Web::new(system.payments.address());
    let inventory = Web::new(system.inventory_address());
    let mut books = Books::default();
    let mut sold: BTreeMap<String, i64> = BTreeMap::new();
    let mut confirmed = 0;

    for order in all_orders(&orders).await? {
        let (id, status) = (text(&order["id"]), text(&order["status"]));
        *books.orders.entry(status.clone()).or_default() += 1;
        let payment = payments.get(&format!("/payments/order/{id}")).await?.body;
        let reservation = inventory
            .get(&format!("/reservations/order/{id}"))
            .await?
            .body;
        let paid = payment["status"] == "captured";
        let held = reservation["status"] == "held";
        if status == "confirmed" {
            confirmed += 1;
            for line in list(&order["lines"]) {
                *sold.entry(text(&line["product"])).or_default() += number(&line["quantity"]);
            }
            if !paid || payment["amount"] != order["total"] {
                books
                    .wrong
                    .push(format!("{id} is confirmed and its payment is {payment}"));
            }
            if !held {
                books.wrong.push(format!(
                    "{id} is confirmed and its reservation is {reservation}"
                ));
            }
        } else {
            if paid {
                books.wrong.push(format!("{id} is {status} and was paid"));
            }
            if held {
                books
                    .wrong
                    .push(format!("{id} is {status} and holds stock"));
            }
        }
    }

    let mut payments_taken = 0;
    for account in list(&payments.get("/accounts").await?.body) {
        let (seeded, balance) = (number(&account["seeded"]), number(&account["balance"]));
        let captured = number(&account["captured"]);
        if balance + captured != seeded {
            let id = text(&account["id"]);
            books.wrong.push(format!(
                "account {id}: {balance} left + {captured} taken is not {seeded}"
            ));
        }
        books.seeded += seeded;
        books.balances += balance;
        books.captured += captured;
        payments_taken += number(&account["payments"]);
    }
    if payments_taken != confirmed {
        books.wrong.push(format!(
            "{payments_taken} payments were taken for {confirmed} confirmed orders"
        ));
    }

    for product in list(&inventory.get("/products").await?.body) {
        let sku = text(&product["sku"]);
        let (seeded, free) = (number(&product["seeded"]), number(&product["on_hand"]));
        let reserved = number(&product["reserved"]);
        if free + reserved != seeded {
            books.wrong.push(format!(
                "{sku}: {free} free + {reserved} reserved is not {seeded}"
            ));
        }
        let sold = sold.get(&sku).copied().unwrap_or_default();
        if reserved != sold {
            books.wrong.push(format!(
                "{sku}: {reserved} reserved for {sold} in confirmed orders"
            ));
        }
        books.stock_seeded += seeded;
        books.stock_free += free;
        books.stock_reserved += reserved;
    }
    // A service that answers nothing must not look like one where everything is in order.
    if books.seeded == 0 || books.stock_seeded == 0 {
        books
            .wrong
            .push("payments or inventory showed no books".to_owned());
    }
    Ok(books)
}

async fn all_orders(orders: &Web) -> Result<Vec<Value>, String> {
    let mut all = Vec::new();
    for customer in CUSTOMERS {
        let reply = orders
            .by(customer)
            .get(&format!("/orders?customer={customer}&limit=1000"))
            .await?;
        if !reply.status.is_success() {
            return Err(format!(
                "the order service answered {} to a question for orders",
                reply.status
            ));
        }
        all.extend(list(&reply.body).iter().cloned());
    }
    Ok(all)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_default()
}

//! What must hold at the end, whatever happened: the books of the scenario, and nothing left over.

use std::collections::BTreeMap;

use serde_json::Value;
use shop_kit::db::Db;
use tower_keep_durable::{
    DeadLetters,
    dead_letters::{Depth, SCHEMA},
};

use crate::stage::{SERVICES, Stage, until};

/// Waits until no order is open and the books are right, since undoing goes on after an order has
/// ended. Then there is no dead letter either.
pub(crate) async fn balance(stage: &Stage, customers: &[&str]) {
    until("the books are right", async || look(stage, customers).await).await;
    for service in SERVICES {
        let db = Db::open(&stage.database(service), &[SCHEMA]).await.unwrap();
        let depth = DeadLetters::new(db).depth(None).await.unwrap();
        assert_eq!(depth, Depth::default(), "{service}");
    }
}

async fn look(stage: &Stage, customers: &[&str]) -> Result<(), String> {
    let mut sold: BTreeMap<String, i64> = BTreeMap::new();
    let mut completed = 0;
    for customer in customers {
        let path = format!("/orders?customer={customer}&limit=1000");
        for order in list(&stage.get("orders", &path).await) {
            let (id, status) = (text(&order["id"]), text(&order["status"]));
            if ["pending", "confirmed", "cancelling"].contains(&&*status) {
                return Err(format!("{id} is {status}: {}", stage.saga(&id).await));
            }
            let of_order = async |service: &str, what: &str| {
                stage.get(service, &format!("/{what}/order/{id}")).await
            };
            let payment = of_order("payments", "payments").await;
            let hold = of_order("inventory", "reservations").await;
            let parcel = of_order("shipping", "shipments").await;
            let is_paid = payment["status"] == "captured";
            let is_gone = hold["status"] == "committed";
            let is_packed = parcel["status"] == "created" || parcel["status"] == "dispatched";
            let is_done = status == "completed";
            if is_done {
                completed += 1;
                for line in list(&order["lines"]) {
                    *sold.entry(text(&line["product"])).or_default() += number(&line["quantity"]);
                }
            }
            if [is_paid, is_gone, is_packed] != [is_done; 3]
                || hold["status"] == "held"
                || (is_done && payment["amount"] != order["total"])
            {
                return Err(format!("{id} is {status}: {payment}, {hold}, {parcel}"));
            }
        }
    }
    let mut captured = 0;
    for card in list(&stage.get("cards", "/cards").await) {
        let [seeded, free, held, taken] =
            ["seeded", "balance", "held", "taken"].map(|field| number(&card[field]));
        if free + held + taken != seeded || held != 0 {
            return Err(format!("card {card}"));
        }
        captured += number(&card["captured"]);
    }
    if captured != completed {
        return Err(format!("{captured} were paid for {completed} orders"));
    }
    let ledger = stage.get("payments", "/ledger").await;
    for total in list(&ledger["totals"]) {
        if total["debits"] != total["credits"] {
            return Err(format!("the ledger: {total}"));
        }
    }
    for product in list(&stage.get("inventory", "/products").await) {
        let [seeded, free, held, gone] =
            ["seeded", "on_hand", "reserved", "shipped"].map(|field| number(&product[field]));
        let sold = sold.get(&text(&product["sku"])).copied();
        if free + held + gone != seeded || held != 0 || gone != sold.unwrap_or_default() {
            return Err(format!("product {product}, of which {sold:?} were sold"));
        }
    }
    Ok(())
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

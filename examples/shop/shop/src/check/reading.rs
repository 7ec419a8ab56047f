use serde::de::DeserializeOwned;

use super::rows::{
    Authorization, Card, Ledger, Order, Payment, Product, Reservation, Row, Rows, Shipment,
};
use crate::web::Web;

/// Where the services are that are checked.
#[derive(Debug, Clone)]
pub(crate) struct Services {
    pub(crate) orders: Web,
    pub(crate) payments: Web,
    pub(crate) inventory: Web,
    pub(crate) shipping: Web,
    pub(crate) cards: Web,
}

/// All that was read, in the order of the fields.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) orders_before: Rows<Order>,
    pub(super) before: Parts,
    pub(super) cards: Vec<Card>,
    pub(super) ledger: Ledger,
    pub(super) products: Vec<Product>,
    pub(super) after: Parts,
    pub(super) orders: Rows<Order>,
}

/// What there is of orders at others.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) payments: Rows<Payment>,
    pub(super) authorizations: Rows<Authorization>,
    pub(super) reservations: Rows<Reservation>,
    pub(super) shipments: Rows<Shipment>,
}

/// How many rows one answer has: the most that a service gives.
const PIECE: usize = 1000;

impl Services {
    pub(super) async fn read(&self) -> Result<Reading, String> {
        Ok(Reading {
            orders_before: all(&self.orders, "orders", "/orders").await?,
            before: self.parts().await?,
            cards: one(&self.cards, "cards", "/cards").await?,
            ledger: one(&self.payments, "payments", "/ledger").await?,
            products: one(&self.inventory, "inventory", "/products").await?,
            after: self.parts().await?,
            orders: all(&self.orders, "orders", "/orders").await?,
        })
    }

    async fn parts(&self) -> Result<Parts, String> {
        Ok(Parts {
            payments: all(&self.payments, "payments", "/payments").await?,
            authorizations: all(&self.cards, "cards", "/authorizations").await?,
            reservations: all(&self.inventory, "inventory", "/reservations").await?,
            shipments: all(&self.shipping, "shipping", "/shipments").await?,
        })
    }
}

/// All rows of a list, piece by piece.
pub(super) async fn all<T: Row + DeserializeOwned>(
    service: &Web,
    name: &str,
    path: &str,
) -> Result<Rows<T>, String> {
    let mut all = Rows::new();
    let mut after = String::new();
    loop {
        let piece: Vec<T> = one(
            service,
            name,
            &format!("{path}?limit={PIECE}&after={after}"),
        )
        .await?;
        let is_last = piece.len() < PIECE;
        if let Some(last) = piece.last() {
            last.id().clone_into(&mut after);
        }
        all.extend(piece.into_iter().map(|row| (row.order().to_owned(), row)));
        if is_last {
            return Ok(all);
        }
    }
}

pub(super) async fn one<T: DeserializeOwned>(
    service: &Web,
    name: &str,
    path: &str,
) -> Result<T, String> {
    let fail = |why: &str| format!("{name} at {}{path}: {why}", service.base());
    // A name of its own: whoever checks has no share in the rate of customers.
    let reply = service.by("check").get(path).await;
    let reply = reply.map_err(|error| fail(&error))?;
    if !reply.status.is_success() {
        return Err(fail(&format!("it answered {}", reply.status)));
    }
    serde_json::from_value(reply.body).map_err(|error| fail(&error.to_string()))
}

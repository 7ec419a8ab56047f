//! What the services must say of the same order.

use shop_kit::events::Line;

use super::{
    reading::{Parts, Reading},
    rows::{Authorization, Order, Payment, Row, is},
};

/// What of an order keeps money or goods, or will.
const HOLDS: &[&str] = &["held", "committed"];
const PAID: &[&str] = &["capturing", "captured"];
const OWED: &[&str] = &["authorized", "capturing", "captured"];
const AT_NETWORK: &[&str] = &["authorized", "captured"];
const PACKED: &[&str] = &["created", "dispatched"];

/// What cannot be, each with the order or the thing that it is about.
pub(super) fn wrong(reading: &Reading) -> Vec<String> {
    let mut wrong = Vec::new();
    for (uuid, order) in &reading.orders {
        let before = reading.orders_before.get(uuid).map(|order| &*order.status);
        match (before, &*order.status) {
            (Some("rejected" | "expired" | "cancelled"), _) => {
                wrong.extend(reading.after.left(uuid, order));
            }
            (Some("completed"), "completed") => wrong.extend(reading.after.lacks(uuid, order)),
            _ => {}
        }
        // Nothing is taken and nothing leaves before an order is confirmed, and a confirmed one is
        // neither pending nor rejected again, nor does it expire.
        if is(&order.status, &["pending", "rejected", "expired"]) {
            wrong.extend(reading.before.too_early(uuid, order));
        }
    }
    wrong.extend(reading.before.without_order(reading));
    wrong.extend(network(reading));
    wrong
}

/// Whether a row has one of these states.
macro_rules! has {
    ($rows:expr, $uuid:expr, $states:expr) => {
        $rows.get($uuid).filter(|row| is(&row.status, $states))
    };
}

impl Parts {
    /// What is left of an order that had ended without any before this was read.
    fn left(&self, uuid: &str, order: &Order) -> Vec<String> {
        let (id, status) = (&order.id, &order.status);
        let mut wrong = Vec::new();
        if let Some(row) = has!(self.reservations, uuid, HOLDS) {
            wrong.push(format!("{id} is {status} and its stock {}", row.status));
        }
        if let Some(row) = has!(self.payments, uuid, OWED) {
            wrong.push(format!("{id} is {status} and its payment {}", row.status));
        }
        if let Some(row) = has!(self.authorizations, uuid, AT_NETWORK) {
            wrong.push(format!("{id} is {status} and its money {}", row.status));
        }
        if let Some(row) = has!(self.shipments, uuid, PACKED) {
            wrong.push(format!("{id} is {status} and its parcel {}", row.status));
        }
        wrong
    }

    /// What is missing of an order that was completed before and after this was read.
    fn lacks(&self, uuid: &str, order: &Order) -> Vec<String> {
        let id = &order.id;
        let mut wrong = Vec::new();
        let payment = has!(self.payments, uuid, &["captured"]);
        let is_paid = payment.is_some_and(|row| {
            row.amount == order.total && row.account.as_ref() == Some(&order.customer)
        });
        if !is_paid {
            let found = self.payments.get(uuid);
            wrong.push(format!("{id} is completed, and its payment {found:?}"));
        }
        let money = has!(self.authorizations, uuid, &["captured"]);
        if money.is_none_or(|row| row.amount != order.total) {
            let found = self.authorizations.get(uuid);
            wrong.push(format!("{id} is completed, and its money {found:?}"));
        }
        let stock = has!(self.reservations, uuid, &["committed"]);
        let is_all = |lines: &[Line]| {
            lines.len() == order.lines.len() && lines.iter().all(|line| order.lines.contains(line))
        };
        if stock.is_none_or(|row| !is_all(&row.lines) || row.total != order.total) {
            let found = self.reservations.get(uuid);
            wrong.push(format!("{id} is completed, and its stock {found:?}"));
        }
        if has!(self.shipments, uuid, PACKED).is_none() {
            let found = self.shipments.get(uuid);
            wrong.push(format!("{id} is completed, and its parcel {found:?}"));
        }
        wrong
    }

    /// What was there of an order that was seen afterwards as one that had not been confirmed.
    fn too_early(&self, uuid: &str, order: &Order) -> Vec<String> {
        let (id, status) = (&order.id, &order.status);
        let mut wrong = Vec::new();
        if let Some(row) = has!(self.payments, uuid, PAID) {
            wrong.push(format!(
                "{id} is {status} and its payment was {}",
                row.status
            ));
        }
        if has!(self.reservations, uuid, &["committed"]).is_some() {
            wrong.push(format!("{id} is {status} and its stock was gone"));
        }
        if let Some(row) = has!(self.shipments, uuid, PACKED) {
            wrong.push(format!(
                "{id} is {status} and its parcel was {}",
                row.status
            ));
        }
        wrong
    }

    /// What keeps money or goods for an order that there was not even later.
    fn without_order(&self, reading: &Reading) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut look = |uuid: &str, row: &dyn Row, status: &str, states: &[&str]| {
            if is(status, states) && !reading.orders.contains_key(uuid) {
                wrong.push(format!(
                    "{} is {status}, and there is no such order",
                    row.id()
                ));
            }
        };
        for (uuid, row) in &self.reservations {
            look(uuid, row, &row.status, HOLDS);
        }
        for (uuid, row) in &self.payments {
            look(uuid, row, &row.status, OWED);
        }
        for (uuid, row) in &self.authorizations {
            let states: &[&str] = if row.card.is_some() { AT_NETWORK } else { &[] };
            look(uuid, row, &row.status, states);
        }
        for (uuid, row) in &self.shipments {
            look(uuid, row, &row.status, PACKED);
        }
        wrong
    }
}

/// Payments and the network do not agree about a payment that did not change meanwhile, or the network
/// keeps money for none.
fn network(reading: &Reading) -> Vec<String> {
    let (before, after) = (&reading.before, &reading.after);
    let mut wrong = Vec::new();
    for (uuid, payment) in &before.payments {
        let there = before.authorizations.get(uuid);
        if after.payments.get(uuid) == Some(payment) && !agree(payment, there) {
            let found = there.map(|row| (&row.status, row.amount));
            let (id, status) = (&payment.id, &payment.status);
            wrong.push(format!("{id} is {status}, and the network says {found:?}"));
        }
    }
    let held = before.authorizations.iter();
    for (uuid, row) in held.filter(|(_, row)| is(&row.status, AT_NETWORK)) {
        if !after.payments.contains_key(uuid) {
            let (id, status) = (&row.id, &row.status);
            wrong.push(format!(
                "the network says that {id} is {status}, and payments has none"
            ));
        }
    }
    wrong
}

fn agree(payment: &Payment, network: Option<&Authorization>) -> bool {
    let same = |status: &str| {
        network.is_some_and(|row| {
            row.status == status && row.amount == payment.amount && row.card == payment.account
        })
    };
    match &*payment.status {
        "authorized" | "captured" | "refunded" | "declined" => same(&payment.status),
        "voided" => network.is_none_or(|row| !is(&row.status, AT_NETWORK)),
        _ => true, // Under way.
    }
}

//! What is made of the events, compared with the orders: every customer sees their orders as they
//! are, and was told of each thing once.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    load::CUSTOMERS,
    system::System,
    web::{Web, all_orders, list, number, text},
};

/// How long what is made of events may be behind them, once no order changes any more.
const CATCH_UP_WITHIN: Duration = Duration::from_secs(25);

/// What does not agree with the orders after a bounded wait; empty when all is well.
pub(crate) async fn wrong(system: &System) -> Result<Vec<String>, String> {
    let orders = all_orders(&Web::new(system.orders.address())).await?;
    let asked = Instant::now();
    loop {
        let wrong = look(system, &orders).await?;
        if wrong.is_empty() || asked.elapsed() > CATCH_UP_WITHIN {
            return Ok(wrong);
        }
        sleep(Duration::from_millis(50)).await;
    }
}

async fn look(system: &System, orders: &[Value]) -> Result<Vec<String>, String> {
    let [notifications, views] = system.listeners().map(Web::new);
    let mut wrong = Vec::new();
    for customer in CUSTOMERS {
        let orders: Vec<_> = orders
            .iter()
            .filter(|order| order["customer"] == customer)
            .collect();
        let dashboard = views.get(&format!("/dashboard/{customer}")).await?.body;
        wrong.extend(compare_dashboard(customer, &orders, &dashboard));
        let path = format!("/notifications?customer={customer}&limit=1000");
        let told = notifications.get(&path).await?.body;
        wrong.extend(compare_messages(&orders, list(&told)));
    }
    Ok(wrong)
}

fn compare_dashboard(customer: &str, orders: &[&Value], dashboard: &Value) -> Option<String> {
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    let mut value: BTreeMap<String, i64> = BTreeMap::new();
    for order in orders {
        let status = text(&order["status"]);
        if status == "completed" {
            let total = &order["total"];
            *value.entry(text(&total["currency"])).or_default() += number(&total["minor"]);
        }
        *counts.entry(status).or_default() += 1;
    }
    let value: Vec<_> = value
        .into_iter()
        .map(|(currency, minor)| json!({ "currency": currency, "minor": minor }))
        .collect();
    let (counts, value) = (json!(counts), json!(value));
    let (shown, worth) = (&dashboard["orders"], &dashboard["lifetime_value"]);
    (*shown != counts || *worth != value).then(|| {
        format!("the dashboard of {customer} says {shown} and {worth}; it is {counts} and {value}")
    })
}

/// Nobody was told of the same thing twice, and everybody of how it ended.
fn compare_messages(orders: &[&Value], told: &[Value]) -> Vec<String> {
    let mut times: BTreeMap<(String, String), usize> = BTreeMap::new();
    for message in told {
        let of = (text(&message["order"]), text(&message["kind"]));
        *times.entry(of).or_default() += 1;
    }
    let mut wrong = Vec::new();
    for order in orders {
        let (id, status) = (text(&order["id"]), text(&order["status"]));
        let must: &[&str] = match &*status {
            "completed" => &["confirmed", "completed"],
            "cancelled" => &["cancelled"],
            "rejected" => &["rejected"],
            "expired" => &["expired"],
            _ => &[],
        };
        for kind in must {
            if !times.contains_key(&(id.clone(), (*kind).to_owned())) {
                wrong.push(format!("{id} is {status}, and nobody was told: {kind}"));
            }
        }
    }
    let twice = times.iter().filter(|(_, times)| **times > 1);
    wrong.extend(twice.map(|((id, kind), times)| format!("{id}: told {times} times: {kind}")));
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(id: &str, status: &str) -> Value {
        json!({"id": id, "status": status, "total": {"minor": 5, "currency": "EUR"}})
    }

    #[test]
    fn a_dashboard_that_differs_is_named() {
        let (completed, rejected) = (order("a", "completed"), order("b", "rejected"));
        let orders = [&completed, &completed, &rejected];
        let value = |minor: i64| json!([{"currency": "EUR", "minor": minor}]);
        let right = json!({"orders": {"completed": 2, "rejected": 1}, "lifetime_value": value(10)});
        assert_eq!(compare_dashboard("cus_a", &orders, &right), None);
        for wrong in [
            json!({"orders": {"completed": 2}, "lifetime_value": value(10)}),
            json!({"orders": {"completed": 2, "rejected": 1}, "lifetime_value": value(5)}),
            json!({}),
        ] {
            assert!(compare_dashboard("cus_a", &orders, &wrong).is_some());
        }
    }

    #[test]
    fn a_message_that_is_missing_or_came_twice_is_named() {
        let completed = order("a", "completed");
        let [confirmed, done] =
            ["confirmed", "completed"].map(|kind| json!({"order": "a", "kind": kind}));
        let compare = |told: &[Value]| compare_messages(&[&completed], told);
        assert!(compare(&[confirmed.clone(), done.clone()]).is_empty());
        assert_eq!(compare(std::slice::from_ref(&confirmed)).len(), 1);
        assert_eq!(compare(&[confirmed.clone(), done, confirmed]).len(), 1);
    }
}

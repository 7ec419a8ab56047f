//! What is made of the events, compared with the orders: every customer sees their orders as they
//! are, and was told of each thing once.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
use shop_kit::money::Money;
use tokio::time::{Instant, sleep};

use super::{
    reading::{all, one},
    rows::Order,
};
use crate::web::Web;

/// Where those are who make something of the events.
#[derive(Debug, Clone)]
pub(crate) struct ReadSide {
    pub(crate) notifications: Web,
    pub(crate) views: Web,
}

/// What a customer is shown, of which the latest orders are there one by one.
#[derive(Debug, Default, Deserialize)]
struct Dashboard {
    orders: BTreeMap<String, usize>,
    lifetime_value: Vec<Money>,
    recent: Vec<Shown>,
}

#[derive(Debug, Deserialize)]
struct Shown {
    id: String,
    status: String,
}

/// What a customer was told.
#[derive(Debug, Clone, Deserialize)]
struct Message {
    order: String,
    kind: String,
}

impl ReadSide {
    /// What does not agree with the orders, of which none may be under way, after this long at most:
    /// events take their time. Empty when all is well.
    ///
    /// # Errors
    /// A service gives no answer, or one that cannot be read.
    pub(crate) async fn wrong(
        &self,
        orders: &Web,
        within: Duration,
    ) -> Result<Vec<String>, String> {
        let all: BTreeMap<_, Order> = all(orders, "orders", "/orders").await?;
        let mut customers: BTreeMap<&str, Vec<&Order>> = BTreeMap::new();
        for order in all.values() {
            customers.entry(&order.customer).or_default().push(order);
        }
        let asked = Instant::now();
        loop {
            let wrong = self.look(&customers).await?;
            if wrong.is_empty() || asked.elapsed() > within {
                return Ok(wrong);
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn look(&self, customers: &BTreeMap<&str, Vec<&Order>>) -> Result<Vec<String>, String> {
        let mut wrong = Vec::new();
        for (customer, orders) in customers {
            let path = format!("/dashboard/{customer}");
            let dashboard = one(&self.views, "views", &path).await?;
            wrong.extend(compare_dashboard(customer, orders, &dashboard));
            let path = format!("/notifications?customer={customer}&limit=1000");
            let told: Vec<Message> = one(&self.notifications, "notifications", &path).await?;
            wrong.extend(compare_messages(orders, &told));
        }
        Ok(wrong)
    }
}

fn compare_dashboard(customer: &str, orders: &[&Order], dashboard: &Dashboard) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut worth: BTreeMap<&str, i64> = BTreeMap::new();
    for order in orders {
        *counts.entry(order.status.clone()).or_default() += 1;
        if let ("completed", Some(total)) = (&*order.status, &order.total) {
            *worth.entry(total.currency.as_str()).or_default() += total.minor;
        }
    }
    let Dashboard {
        orders: shown,
        lifetime_value,
        recent,
    } = dashboard;
    let value: BTreeMap<_, _> = lifetime_value
        .iter()
        .map(|value| (value.currency.as_str(), value.minor))
        .collect();
    let mut wrong = Vec::new();
    if *shown != counts || value != worth {
        wrong.push(format!(
            "the dashboard of {customer} says {shown:?} and {value:?}; it is {counts:?} and {worth:?}"
        ));
    }
    for Shown { id, status } in recent {
        let order = orders.iter().find(|order| order.id == *id);
        if order.is_none_or(|order| order.status != *status) {
            let is = order.map(|order| &order.status);
            wrong.push(format!(
                "the dashboard of {customer} shows {id} as {status}; it is {is:?}"
            ));
        }
    }
    wrong
}

/// Nobody was told of the same thing twice, and everybody of how it ended.
fn compare_messages(orders: &[&Order], told: &[Message]) -> Vec<String> {
    let mut times: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for Message { order, kind } in told {
        *times.entry((order, kind)).or_default() += 1;
    }
    let mut wrong = Vec::new();
    for order in orders {
        let (id, status) = (&order.id, &order.status);
        let must: &[&str] = match &**status {
            "completed" => &["confirmed", "completed"],
            "cancelled" => &["cancelled"],
            "rejected" => &["rejected"],
            "expired" => &["expired"],
            _ => &[],
        };
        for kind in must {
            if !times.contains_key(&(id.as_str(), *kind)) {
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
    use serde_json::{Value, json};

    use super::*;

    fn order(id: &str, status: &str) -> Order {
        let total = json!({"minor": 5, "currency": "EUR"});
        let order =
            json!({"id": id, "status": status, "customer": "cus_a", "lines": [], "total": total});
        serde_json::from_value(order).unwrap()
    }

    #[test]
    fn a_dashboard_that_differs_is_named() {
        let [one, two, rejected] = [("a", "completed"), ("b", "completed"), ("c", "rejected")]
            .map(|(id, status)| order(id, status));
        let orders = [&one, &two, &rejected];
        let wrong = |counts: Value, minor: i64, last: &str| {
            let shown = json!({"orders": counts,
                "lifetime_value": [{"currency": "EUR", "minor": minor}],
                "recent": [{"id": "c", "status": last}]});
            compare_dashboard("cus_a", &orders, &serde_json::from_value(shown).unwrap()).len()
        };
        let right = json!({"completed": 2, "rejected": 1});
        assert_eq!(wrong(right.clone(), 10, "rejected"), 0);
        assert_eq!(wrong(json!({"completed": 2}), 10, "rejected"), 1);
        assert_eq!(wrong(right.clone(), 5, "rejected"), 1);
        assert_eq!(wrong(right, 10, "pending"), 1);
        assert_eq!(
            compare_dashboard("cus_a", &orders, &Dashboard::default()).len(),
            1
        );
    }

    #[test]
    fn a_message_that_is_missing_or_came_twice_is_named() {
        let completed = order("a", "completed");
        let [confirmed, done] = ["confirmed", "completed"].map(|kind| Message {
            order: "a".to_owned(),
            kind: kind.to_owned(),
        });
        let compare = |told: &[Message]| compare_messages(&[&completed], told);
        assert!(compare(&[confirmed.clone(), done.clone()]).is_empty());
        assert_eq!(compare(std::slice::from_ref(&confirmed)).len(), 1);
        assert_eq!(compare(&[confirmed.clone(), done, confirmed]).len(), 1);
    }
}

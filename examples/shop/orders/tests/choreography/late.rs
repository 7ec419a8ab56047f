//! Everything that was ever told is told again after the end: under its own id, under another as if
//! all inboxes had forgotten, and the last first.

use shop_kit::{
    bus,
    db::Db,
    events::{OrderCancelled, OrderConfirmed, OrderRejected, Told, tell},
    flow::Flow,
    ids::OrderId,
};
use tower_keep_durable::{Event, outbox};

use crate::{
    books::balance,
    stage::{SERVICES, Stage, until},
};

/// All that a service has told.
async fn told(stage: &Stage, service: &str) -> Vec<Event> {
    let db = Db::open(&stage.database(service), &[outbox::SCHEMA])
        .await
        .unwrap();
    let bodies: Vec<(String,)> = sqlx::query_as("SELECT body FROM keep_outbox ORDER BY position")
        .fetch_all(db.pool())
        .await
        .unwrap();
    bodies
        .into_iter()
        .map(|(body,)| Event::from_json(&body).unwrap())
        .collect()
}

const BOTH_HEAR: [&str; 3] = [
    OrderConfirmed::KIND,
    OrderRejected::KIND,
    OrderCancelled::KIND,
];

/// How many of these services have handled an event.
async fn handled(stage: &Stage, id: &str) -> usize {
    let mut handled = 0;
    for service in ["inventory", "payments"] {
        let db = Db::open(&stage.database(service), &[]).await.unwrap();
        let found: Vec<(String,)> = sqlx::query_as("SELECT id FROM keep_inbox WHERE id = $1")
            .bind(id)
            .fetch_all(db.pool())
            .await
            .unwrap();
        handled += found.len();
    }
    handled
}

#[tokio::test]
async fn what_is_told_after_the_end_changes_nothing() {
    let stage = Stage::open(31).await;
    let mut ends = Vec::new();
    for (key, customer, line, status) in [
        ("done", "cus_anna", ("tea", 1), "completed"),
        ("none", "cus_anna", ("telescope", 6), "rejected"),
        ("poor", "cus_judy", ("tea", 1), "rejected"),
        ("gone", "cus_anna", ("mug", 1), "cancelled"),
    ] {
        let id = stage.placed(key, customer, line).await;
        if status == "cancelled" {
            stage.cancel(&id).await;
        }
        stage.settles(&id, status).await;
        ends.push((id, status));
    }
    balance(&stage, &["cus_anna", "cus_judy"]).await;

    let mut all = Vec::new();
    for service in SERVICES {
        all.extend(told(&stage, service).await);
    }
    assert!(all.len() > 20, "{}", all.len());
    let kinds: std::collections::BTreeSet<_> = all.iter().map(Event::kind).collect();
    assert!(kinds.len() > 10, "{kinds:?}");
    let bus = bus::open(&stage.bus()).await.unwrap();
    bus.publish(&all).await.unwrap();
    let fresh = || OrderId::generate().to_string();
    let renamed = |event: &Event| event.clone().with_id(fresh());
    let anew: Vec<_> = all.iter().map(renamed).collect();
    bus.publish(&anew).await.unwrap();
    let backwards: Vec<_> = all.iter().rev().map(renamed).collect();
    bus.publish(&backwards).await.unwrap();
    for (id, _) in &ends {
        // Without the mark nobody acts on it, nor even notes it.
        let strange = OrderCancelled {
            order: id.parse().unwrap(),
            customer: "cus_anna".into(),
        };
        let strange = tell("orders", &strange);
        assert_eq!(Flow::of(&strange), Flow::Orchestration);
        // One behind each order's that both listen to, so that all before it were handled.
        let last = all.iter().rfind(|event| {
            let is_for_both = BOTH_HEAR.contains(&event.kind());
            is_for_both && event.key() == Some(id.as_str())
        });
        let last = renamed(last.unwrap());
        bus.publish(&[strange.clone(), last.clone()]).await.unwrap();
        until("all was heard", async || {
            match handled(&stage, last.id()).await {
                2 => Ok(()),
                some => Err(format!("{some} of 2")),
            }
        })
        .await;
        assert_eq!(handled(&stage, strange.id()).await, 0);
    }
    balance(&stage, &["cus_anna", "cus_judy"]).await;
    for (id, status) in &ends {
        assert_eq!(stage.order(id).await["status"], *status);
    }
}

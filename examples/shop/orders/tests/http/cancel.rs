use http::Method;
use tokio::task::JoinSet;

use crate::shop::{Shop, id, order};

#[tokio::test]
async fn a_cancelled_order_gives_money_and_stock_back_once() {
    let shop = Shop::open().await;
    let placed = id(&shop.place("k", &order("cus_anna", "tea", 3)).await);
    // Until then the order is still worked on, and the cancellation waits.
    shop.settles(&placed, "completed").await;
    assert_eq!(shop.account("cus_anna").await.2, 1);
    for _ in 0..3 {
        let reply = shop.cancel(&placed).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.body["status"]),
            (200, &"cancelled".into())
        );
    }
    assert_eq!(shop.account("cus_anna").await, (500_000, 0, 0));
    assert_eq!(shop.reserved("tea").await, 0);
}

#[tokio::test]
async fn a_rejected_order_cannot_be_cancelled() {
    let shop = Shop::open().await;
    let rejected = shop.place("k", &order("cus_judy", "tea", 1)).await;
    let reply = shop.cancel(rejected.body["order"].as_str().unwrap()).await;
    assert_eq!(reply.status, 409);
}

#[tokio::test]
async fn a_cancellation_during_the_outage_is_finished_after_it() {
    let mut shop = Shop::open().await;
    let paid = id(&shop.place("paid", &order("cus_anna", "tea", 1)).await);
    shop.kill_payments().await;
    let unpaid = id(&shop.place("unpaid", &order("cus_anna", "mug", 1)).await);
    for placed in [&paid, &unpaid] {
        let reply = shop.cancel(placed).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.body["status"]),
            (202, &"cancelling".into())
        );
    }
    shop.restart_payments().await;
    shop.settles(&paid, "cancelled").await;
    shop.settles(&unpaid, "cancelled").await;
    assert_eq!(shop.account("cus_anna").await, (500_000, 0, 0));
    assert_eq!(
        (shop.reserved("tea").await, shop.reserved("mug").await),
        (0, 0)
    );
}

#[tokio::test]
async fn cancellations_that_race_the_sagas_double_nothing() {
    let mut shop = Shop::open().await;
    shop.kill_payments().await;
    let mut placed = Vec::new();
    for at in 0..12 {
        placed.push(id(&shop
            .place(&format!("k{at}"), &order("cus_anna", "tea", 1))
            .await));
    }
    shop.restart_payments().await;
    // Sagas go on when the circuit closes; two cancellations of each other order run with them.
    let mut racing = JoinSet::new();
    for id in placed
        .iter()
        .skip(1)
        .step_by(2)
        .flat_map(|id| [id.clone(), id.clone()])
    {
        let caller = shop.caller.clone();
        racing.spawn(async move {
            let path = format!("/orders/{id}/cancel");
            caller.send(Method::POST, &path, None, "").await
        });
    }
    for reply in racing.join_all().await {
        assert!(reply.status.is_success(), "{}", reply.body);
    }
    for (at, id) in placed.iter().enumerate() {
        shop.settles(
            id,
            if at % 2 == 0 {
                "completed"
            } else {
                "cancelled"
            },
        )
        .await;
    }
    assert_eq!(
        shop.account("cus_anna").await,
        (500_000 - 6 * 690, 6 * 690, 6)
    );
    assert_eq!(shop.reserved("tea").await, 6);
}

#[tokio::test]
async fn a_cancellation_that_races_its_own_order_leaves_nothing_behind() {
    let shop = Shop::open().await;
    let mut placing = JoinSet::new();
    for at in 0..12 {
        let caller = shop.caller.clone();
        let body = order("cus_bela", "mug", 1).to_string();
        placing.spawn(async move {
            let key = format!("k{at}");
            caller
                .send(Method::POST, "/orders", Some(&key), &body)
                .await
        });
    }
    let mut cancelled = std::collections::HashSet::new();
    while cancelled.len() < 12 {
        // Fewer looks than a customer may make, however long it takes.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let list = shop
            .send(Method::GET, "/orders?customer=cus_bela", None, "")
            .await
            .body;
        for order in list.as_array().unwrap() {
            let id = order["id"].as_str().unwrap();
            if cancelled.insert(id.to_owned()) {
                assert!(shop.cancel(id).await.status.is_success());
            }
        }
    }
    placing.join_all().await;
    for id in &cancelled {
        shop.settles(id, "cancelled").await;
    }
    assert_eq!(
        (shop.account("cus_bela").await, shop.reserved("mug").await),
        ((500_000, 0, 0), 0)
    );
}

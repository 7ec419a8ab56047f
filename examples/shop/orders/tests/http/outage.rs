use std::sync::atomic::{AtomicBool, Ordering};

use axum::{
    extract::Request,
    middleware::{Next, from_fn},
    response::IntoResponse,
};
use http::{Method, StatusCode};

use crate::shop::{Shop, id, order};

#[tokio::test]
async fn orders_wait_while_payments_is_away_and_are_finished_when_it_is_back() {
    let mut shop = Shop::open().await;
    shop.kill_payments().await;
    let mut ids = Vec::new();
    for at in 0..5 {
        let reply = shop
            .place(&format!("k{at}"), &order("cus_anna", "tea", 1))
            .await;
        assert_eq!(
            (reply.status.as_u16(), &reply.body["status"]),
            (202, &"pending".into())
        );
        ids.push(id(&reply));
    }
    shop.restart_payments().await;
    for id in &ids {
        shop.settles(id, "confirmed").await;
    }
    assert_eq!(
        shop.account("cus_anna").await,
        (500_000 - 5 * 690, 5 * 690, 5)
    );
    assert_eq!(shop.reserved("tea").await, 5);
    // The answer of then is kept, although the order has moved on.
    let again = shop.place("k0", &order("cus_anna", "tea", 1)).await;
    assert_eq!((again.status.as_u16(), id(&again)), (202, ids[0].clone()));
}

#[tokio::test]
async fn a_new_process_finishes_what_the_old_one_left_pending() {
    let mut shop = Shop::open().await;
    shop.kill_payments().await;
    let left = id(&shop.place("k", &order("cus_anna", "tea", 1)).await);
    let poor = id(&shop.place("p", &order("cus_ivan", "lamp", 3)).await);
    shop.restart_orders().await;
    assert_eq!(shop.order(&left).await["status"], "pending");
    shop.restart_payments().await;
    shop.settles(&left, "confirmed").await;
    shop.settles(&poor, "refused").await;
    assert_eq!(
        (
            shop.account("cus_anna").await.2,
            shop.account("cus_ivan").await.2
        ),
        (1, 0)
    );
    assert_eq!(
        (shop.reserved("tea").await, shop.reserved("lamp").await),
        (1, 0)
    );
}

#[tokio::test]
async fn a_payment_whose_answer_was_lost_is_not_taken_twice() {
    static LOST: AtomicBool = AtomicBool::new(false);
    async fn lose_first_answer(request: Request, next: Next) -> axum::response::Response {
        let charge = request.method() == Method::POST;
        let response = next.run(request).await;
        if charge && !LOST.swap(true, Ordering::SeqCst) {
            return StatusCode::BAD_GATEWAY.into_response();
        }
        response
    }
    let shop = Shop::open_with(
        |router| router,
        |payments| payments.layer(from_fn(lose_first_answer)),
    )
    .await;
    let reply = shop.place("k", &order("cus_anna", "tea", 1)).await;
    assert_eq!(reply.status, 202, "nobody knows whether it was paid");
    assert_eq!(shop.account("cus_anna").await.2, 1, "it was");
    shop.settles(&id(&reply), "confirmed").await;
    assert_eq!(shop.account("cus_anna").await, (500_000 - 690, 690, 1));
}

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    response::IntoResponse,
};
use http::{Method, StatusCode};
use tokio::time::timeout;
use tower_keep::observe::EventKind;

use crate::shop::{Shop, id, order, until};

#[tokio::test]
async fn orders_wait_while_payments_is_away_and_are_finished_when_it_is_back() {
    let mut shop = Shop::open().await;
    let mut circuit = shop.peer("payments").breaker.subscribe(64);
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
    // Five orders are more than five attempts, and five failures in a row open the circuit.
    let opened = async {
        loop {
            let event = circuit.next().await.unwrap();
            if let EventKind::StateChanged {
                from, to, reason, ..
            } = event.kind
            {
                return (event.layer, from, to, reason);
            }
        }
    };
    let opened = timeout(Duration::from_secs(10), opened).await.unwrap();
    let because = "5 failures in a row".to_owned();
    assert_eq!(opened, ("circuit_breaker", "closed", "open", because));

    shop.restart_payments().await;
    for id in &ids {
        shop.settles(id, "completed").await;
    }
    assert_eq!(
        shop.account("cus_anna").await,
        (500_000 - 5 * 690, 5 * 690, 5)
    );
    assert_eq!(shop.reserved("tea").await, 5);
    // The answer of then is kept, although the order has moved on.
    let again = shop.place("k0", &order("cus_anna", "tea", 1)).await;
    assert_eq!((again.status.as_u16(), id(&again)), (202, ids[0].clone()));
    // No breaker stood in the way of the other peer.
    let inventory = shop.peer("inventory").breaker.snapshot();
    assert_eq!(
        (inventory.state.as_str(), inventory.failures),
        ("closed", 0)
    );
}

#[tokio::test]
async fn the_open_circuit_of_one_peer_holds_up_no_order_that_needs_the_other() {
    static BROKEN: AtomicBool = AtomicBool::new(false);
    async fn breaks(request: Request, next: Next) -> axum::response::Response {
        if BROKEN.load(Ordering::SeqCst) {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        next.run(request).await
    }
    let inventory = |router: Router| router.layer(from_fn(breaks));
    let shop = Shop::open_with(inventory, |router| router).await;
    shop.peer("payments").breaker.force_open();
    let needs_money = id(&shop.place("k1", &order("cus_anna", "tea", 1)).await);
    BROKEN.store(true, Ordering::SeqCst);
    let needs_stock = id(&shop.place("k2", &order("cus_anna", "tea", 1)).await);
    assert_eq!(shop.step(&needs_stock).await, "reserve-stock");
    BROKEN.store(false, Ordering::SeqCst);
    until("the later order has its stock", async || {
        shop.step(&needs_stock).await == "authorize-payment"
    })
    .await;
    for id in [&needs_money, &needs_stock] {
        assert_eq!(shop.order(id).await["status"], "pending");
    }
}

#[tokio::test]
async fn a_new_process_finishes_what_the_killed_one_left_pending() {
    let mut shop = Shop::open().await;
    shop.kill_payments().await;
    let left = id(&shop.place("k", &order("cus_anna", "tea", 1)).await);
    let poor = id(&shop.place("p", &order("cus_ivan", "lamp", 3)).await);
    shop.restart_orders().await;
    assert_eq!(shop.order(&left).await["status"], "pending");
    shop.restart_payments().await;
    shop.settles(&left, "completed").await;
    shop.settles(&poor, "rejected").await;
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
async fn a_payment_whose_answer_was_lost_is_asked_for_again_and_not_taken_twice() {
    let shop = Shop::open_with(|router| router, |payments| lose_answers(payments, 1)).await;
    let reply = shop.place("k", &order("cus_anna", "tea", 1)).await;
    assert_eq!(
        reply.status, 201,
        "the second attempt is told what the first one did"
    );
    shop.settles(&id(&reply), "completed").await;
    assert_eq!(shop.account("cus_anna").await, (500_000 - 690, 690, 1));
    assert_eq!(shop.peer("payments").retry.snapshot().retries, 1);
}

#[tokio::test]
async fn a_payment_of_which_no_answer_arrived_is_settled_later() {
    // As many as the attempts of one call.
    let shop = Shop::open_with(|router| router, |payments| lose_answers(payments, 3)).await;
    let reply = shop.place("k", &order("cus_anna", "tea", 1)).await;
    assert_eq!(reply.status, 202, "nobody knows whether it was authorized");
    assert_eq!(shop.account("cus_anna").await.0, 500_000 - 690, "it was");
    shop.settles(&id(&reply), "completed").await;
    assert_eq!(shop.account("cus_anna").await, (500_000 - 690, 690, 1));
}

/// The first so many answers to a POST get lost on their way back.
fn lose_answers(router: Router, count: usize) -> Router {
    let lost = Arc::new(AtomicUsize::new(0));
    router.layer(from_fn(move |request: Request, next: Next| {
        let lost = lost.clone();
        async move {
            let charge = request.method() == Method::POST;
            let response = next.run(request).await;
            if charge && lost.fetch_add(1, Ordering::SeqCst) < count {
                return StatusCode::BAD_GATEWAY.into_response();
            }
            response
        }
    }))
}

use axum::{
    extract::Request,
    middleware::{Next, from_fn},
};
use http::Method;
use tokio::sync::Semaphore;

use crate::shop::{Shop, id, order};

#[tokio::test]
async fn one_key_is_one_order_with_one_answer() {
    let shop = Shop::open().await;
    let tea = order("cus_anna", "tea", 2);
    let first = shop.place("k", &tea).await;
    assert_eq!(
        (first.status.as_u16(), &first.body["status"]),
        (201, &"confirmed".into())
    );
    assert_eq!(first.headers["location"], format!("/orders/{}", id(&first)));
    assert!(!first.headers.contains_key("idempotent-replayed"));

    // Spaces and the order of fields do not make it another request.
    let same = r#"{ "lines": [{"quantity": 2, "product": "tea"}], "customer": "cus_anna" }"#;
    let again = shop.send(Method::POST, "/orders", Some("k"), same).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.headers["idempotent-replayed"], "true");

    let other = shop.place("k", &order("cus_anna", "tea", 3)).await;
    assert_eq!(
        (other.status.as_u16(), &other.body["type"]),
        (422, &"urn:shop:idempotency-key-reused".into())
    );
    shop.settles(&id(&first), "completed").await;
    assert_eq!(
        (shop.account("cus_anna").await.2, shop.reserved("tea").await),
        (1, 2)
    );
}

#[tokio::test]
async fn an_order_without_a_usable_key_is_refused_with_the_remedy() {
    let shop = Shop::open().await;
    let tea = order("cus_anna", "tea", 2).to_string();
    for key in [None, Some(""), Some("two words"), Some(&*"x".repeat(256))] {
        let reply = shop.send(Method::POST, "/orders", key, &tea).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.body["field"]),
            (400, &"Idempotency-Key".into())
        );
        assert!(reply.body["remedy"].is_string());
    }
}

#[tokio::test]
async fn a_refusal_is_answered_again_even_when_it_would_succeed_by_now() {
    let shop = Shop::open().await;
    let all = shop.place("all", &order("cus_anna", "telescope", 5)).await;
    assert_eq!(all.status, 201);
    let late = order("cus_bela", "telescope", 1);
    assert_eq!(shop.place("late", &late).await.status, 409);
    // Until then the order is still worked on, and the cancellation waits.
    shop.settles(&id(&all), "completed").await;
    assert_eq!(shop.cancel(&id(&all)).await.status, 200);
    let again = shop.place("late", &late).await;
    assert_eq!(
        (
            again.status.as_u16(),
            again.headers.contains_key("idempotent-replayed")
        ),
        (409, true)
    );
    assert_eq!(shop.reserved("telescope").await, 0);
}

#[tokio::test]
async fn a_repeat_while_the_first_still_runs_is_asked_to_come_back() {
    static GATE: Semaphore = Semaphore::const_new(0);
    async fn gated(request: Request, next: Next) -> axum::response::Response {
        let _open = GATE.acquire().await;
        next.run(request).await
    }
    let shop = Shop::open_with(
        |inventory| inventory.layer(from_fn(gated)),
        |payments| payments,
    )
    .await;
    let caller = shop.caller.clone();
    let tea = order("cus_anna", "tea", 1);
    let body = tea.to_string();
    let first =
        tokio::spawn(async move { caller.send(Method::POST, "/orders", Some("k"), &body).await });
    // The first has stored its key once its order is in the list.
    while shop
        .send(Method::GET, "/orders?customer=cus_anna", None, "")
        .await
        .body
        == serde_json::json!([])
    {
        // Fewer looks than a customer may make, however long it takes.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let repeat = shop.place("k", &tea).await;
    assert_eq!(
        (repeat.status.as_u16(), &repeat.body["type"]),
        (409, &"urn:shop:request-in-progress".into())
    );
    assert!(repeat.headers.contains_key("retry-after"));
    GATE.add_permits(1);
    let first = first.await.unwrap();
    assert_eq!(first.status, 201);
    assert_eq!(id(&shop.place("k", &tea).await), id(&first));
}

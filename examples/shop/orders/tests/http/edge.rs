//! What customers meet: pages that stay, orders that go on, and what matters more.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
};
use tower_keep::chaos::{ChaosConfig, Fault};

use crate::shop::{Shop, id, order, until};

fn always(fault: Fault) -> ChaosConfig {
    ChaosConfig {
        max_active: usize::MAX,
        ..ChaosConfig::new(1.0, fault)
    }
}

#[tokio::test]
async fn product_pages_stay_while_inventory_fails_and_say_how_old_they_are() {
    let shop = Shop::open().await;
    let chaos = &shop.inventory_layers.chaos;
    chaos.update(always(Fault::Status(503))).unwrap();
    let none = shop.caller.get("/products").await;
    assert_eq!(
        (none.status.as_u16(), &none.body["type"]),
        (503, &"urn:shop:no-products".into()),
        "nothing was asked for before"
    );
    assert!(none.headers.contains_key("retry-after"));

    chaos.stop();
    shop.peer("inventory").breaker.reset();
    let fresh = shop.caller.get("/products").await;
    assert_eq!(fresh.status, 200);
    assert!(!fresh.headers.contains_key("age"));

    chaos.start();
    for _ in 0..10 {
        let old = shop.caller.get("/products").await;
        assert_eq!((old.status.as_u16(), &old.body), (200, &fresh.body));
        assert!(old.headers.contains_key("age"));
    }
    assert_eq!(shop.peer("inventory").fallback.snapshot().stale, 10);
    // Reads alone suffer here, and money has no older answer.
    assert_eq!(shop.peer("payments").fallback.snapshot().kept_answers, 0);
}

#[tokio::test]
async fn an_order_is_placed_although_its_customer_hangs_up() {
    let shop = Shop::open().await;
    let slow = Duration::from_millis(500);
    let chaos = &shop.payments_layers.chaos;
    chaos.update(always(Fault::latency(slow..=slow))).unwrap();
    let placing = tokio::spawn({
        let caller = shop.caller.clone();
        let tea = order("cus_anna", "tea", 1).to_string();
        async move {
            caller
                .send(http::Method::POST, "/orders", Some("k"), &tea)
                .await
        }
    });
    until("payments is asked", async || chaos.snapshot().active > 0).await;
    placing.abort();
    until("the order goes on alone", async || {
        shop.edge.detach.snapshot().total == 1
    })
    .await;
    // Its key has an answer although nobody waits for it.
    until("it is placed", async || {
        shop.edge.detach.snapshot().detached == 0
    })
    .await;
    let again = shop.place("k", &order("cus_anna", "tea", 1)).await;
    assert_eq!(again.status, 201, "{}", again.body);
    assert!(again.headers.contains_key("idempotent-replayed"));
    shop.settles(&id(&again), "completed").await;
    assert_eq!(shop.account("cus_anna").await, (500_000 - 690, 690, 1));
}

#[tokio::test]
async fn the_peers_are_told_that_checkout_matters_more_than_browsing() {
    let heard = Arc::<Mutex<Vec<String>>>::default();
    let listen = |heard: Arc<Mutex<Vec<String>>>| {
        move |router: Router| {
            router.layer(from_fn(move |request: Request, next: Next| {
                let priority = request.headers().get("priority");
                let priority = priority.map_or("none", |value| value.to_str().unwrap());
                let line = format!("{} {priority}", request.uri().path());
                heard.lock().unwrap().push(line);
                next.run(request)
            }))
        }
    };
    let shop = Shop::open_with(listen(heard.clone()), listen(heard.clone())).await;
    shop.place("k", &order("cus_anna", "tea", 1)).await;
    // What a customer says of his own importance is not passed on.
    let request = http::Request::get(shop.caller.url("/products")).header("priority", "u=0");
    let page = shop
        .caller
        .ask(request.body(axum::body::Body::empty()).unwrap())
        .await;
    assert_eq!(page.status, 200);
    let heard = heard.lock().unwrap().clone();
    let (pages, calls): (Vec<_>, Vec<_>) =
        heard.iter().partition(|line| line.starts_with("/products"));
    assert_eq!(pages, ["/products u=5"]);
    assert!(
        calls.len() >= 2 && calls.iter().all(|line| line.ends_with(" u=0")),
        "{calls:?}"
    );
}

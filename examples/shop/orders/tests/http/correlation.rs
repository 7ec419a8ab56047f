use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Body,
    extract::Request,
    middleware::{Next, from_fn},
};

use crate::shop::{Reply, Shop, order};

/// The correlation ids in the answers of a peer, as they leave it.
#[derive(Clone, Default)]
struct Answered(Arc<Mutex<Vec<String>>>);

impl Answered {
    fn listen(&self, router: Router) -> Router {
        let heard = self.clone();
        router.layer(from_fn(move |request: Request, next: Next| {
            let heard = heard.clone();
            async move {
                let response = next.run(request).await;
                let id = response.headers()["x-correlation-id"].to_str().unwrap();
                heard.0.lock().unwrap().push(id.to_owned());
                response
            }
        }))
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn id_of(reply: &Reply) -> String {
    reply.headers["x-correlation-id"]
        .to_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn one_order_has_one_correlation_id_in_the_answers_of_all_three_services() {
    let (inventory, payments) = (Answered::default(), Answered::default());
    let (hear_inventory, hear_payments) = (inventory.clone(), payments.clone());
    let shop = Shop::open_with(
        move |router| hear_inventory.listen(router),
        move |router| hear_payments.listen(router),
    )
    .await;

    // Made by orders, since the customer sent none.
    let reply = shop.place("k1", &order("cus_anna", "tea", 1)).await;
    assert_eq!(reply.status, 201);
    shop.settles(&crate::shop::id(&reply), "completed").await;
    let made = id_of(&reply);
    // Reserved and gone; authorized and captured.
    let twice = |id: &str| vec![id.to_owned(); 2];
    assert_eq!(
        (inventory.take(), payments.take()),
        (twice(&made), twice(&made))
    );

    // The customer's own.
    let request = Request::post(shop.caller.url("/orders"))
        .header("idempotency-key", "k2")
        .header("content-type", "application/json")
        .header("x-correlation-id", "complaint-17");
    let body = Body::from(order("cus_anna", "tea", 1).to_string());
    let reply = shop.caller.ask(request.body(body).unwrap()).await;
    assert_eq!(id_of(&reply), "complaint-17");
    shop.settles(&crate::shop::id(&reply), "completed").await;
    assert_eq!(
        (inventory.take(), payments.take()),
        (twice("complaint-17"), twice("complaint-17"))
    );

    // A refusal carries it too.
    let nowhere = shop.caller.get("/nowhere").await;
    assert_eq!(nowhere.status, 404);
    assert!(!id_of(&nowhere).is_empty());
}

#[tokio::test]
async fn what_is_done_later_is_found_by_the_id_of_the_request() {
    let payments = Answered::default();
    let hear = payments.clone();
    let shop = Shop::open_with(|router| router, move |router| hear.listen(router)).await;
    shop.peer("payments").breaker.force_open();
    let reply = shop.place("k", &order("cus_anna", "tea", 1)).await;
    assert_eq!(reply.status, 202);
    let placed = crate::shop::id(&reply);
    shop.peer("payments").breaker.auto();
    shop.settles(&placed, "completed").await;
    assert_eq!(payments.take(), [id_of(&reply), id_of(&reply)]);
}

use http::Method;

use crate::shop::{Shop, order};

#[tokio::test]
async fn a_wrong_request_is_told_what_is_wrong_with_it() {
    let shop = Shop::open().await;
    let line = |line: &str| format!(r#"{{"customer":"cus_anna","lines":[{line}]}}"#);
    let cases = [
        (line(""), 422, "the order is empty"),
        (
            line(r#"{"product":"tea","quantity":-1}"#),
            422,
            "the quantity is -1",
        ),
        (
            line(r#"{"product":"tea","quantity":99999999999999999999}"#),
            422,
            "lines[0].quantity",
        ),
        (
            line(r#"{"product":"tea","quantity":1.5}"#),
            422,
            "lines[0].quantity",
        ),
        (
            line(r#"{"product":"tea","quantity":1,"price":0}"#),
            422,
            "unknown field `price`",
        ),
        (
            r#"{"customer":"cus_anna"}"#.to_owned(),
            422,
            "missing field `lines`",
        ),
        ("{".to_owned(), 400, "JSON"),
        (
            line(r#"{"product":"tea","quantity":9223372036854775807}"#),
            409,
            "of tea left",
        ),
        (
            line(r#"{"product":"teapot","quantity":1}"#),
            409,
            "there is no product teapot",
        ),
        (
            order("cus_nobody", "tea", 1).to_string(),
            402,
            "there is no card cus_nobody",
        ),
        (order("cus_judy", "tea", 1).to_string(), 402, "blocked"),
        (
            order("cus_ivan", "lamp", 3).to_string(),
            402,
            "does not have 119.70 EUR",
        ),
    ];
    for (at, (body, status, said)) in cases.into_iter().enumerate() {
        let reply = shop
            .send(Method::POST, "/orders", Some(&format!("key-{at}")), &body)
            .await;
        assert_eq!(reply.status.as_u16(), status, "{body}: {}", reply.body);
        assert_eq!(reply.headers["content-type"], "application/problem+json");
        assert!(
            reply.body["detail"].as_str().unwrap().contains(said),
            "{body}: {}",
            reply.body
        );
    }
    // Whoever did not pay holds no stock.
    assert_eq!(
        (shop.reserved("tea").await, shop.reserved("lamp").await),
        (0, 0)
    );
}

#[tokio::test]
async fn what_does_not_exist_is_a_problem_too() {
    let shop = Shop::open().await;
    let order = "/orders/ord_01900000-0000-7000-8000-000000000000";
    for (method, path, status) in [
        (Method::GET, order, 404),
        (Method::POST, &*format!("{order}/cancel"), 404),
        (Method::GET, "/orders/7", 400),
        (Method::GET, "/orders", 400),
        (Method::GET, "/orders?customer=a&limit=0", 422),
        (Method::DELETE, order, 405),
        (Method::GET, "/nothing", 404),
    ] {
        let reply = shop.send(method, path, None, "").await;
        assert_eq!(reply.status.as_u16(), status, "{path}");
        assert_eq!(
            reply.headers["content-type"], "application/problem+json",
            "{path}"
        );
        assert_eq!(reply.body["status"], status, "{path}");
    }
}

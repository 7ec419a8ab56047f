use serde_json::Value;

use crate::shop::{Shop, order};

fn ids(orders: &Value) -> Vec<&str> {
    let orders = orders.as_array().expect("a list").iter();
    orders
        .map(|order| order["id"].as_str().expect("an id"))
        .collect()
}

#[tokio::test]
async fn all_orders_can_be_read_in_pieces_and_those_of_a_customer_the_newest_first() {
    let shop = Shop::open().await;
    for (at, customer) in ["cus_anna", "cus_bela", "cus_anna"].iter().enumerate() {
        shop.place(&format!("k{at}"), &order(customer, "tea", 1))
            .await;
    }
    let all = shop.caller.get("/orders?after=").await.body;
    let all = ids(&all);
    assert_eq!(all.len(), 3);
    let first = shop.caller.get("/orders?limit=2&after=").await.body;
    assert_eq!(ids(&first), all[..2]);
    let rest = shop
        .caller
        .get(&format!("/orders?limit=2&after={}", all[1]))
        .await
        .body;
    assert_eq!(ids(&rest), all[2..]);
    let annas = shop.caller.get("/orders?customer=cus_anna").await.body;
    assert_eq!(ids(&annas), [all[2], all[0]]);
    for (wrong, status) in [
        ("/orders?after=&limit=0", 422),
        ("/orders?customer=cus_anna&limit=1001", 422),
        ("/orders?customer=cus_anna&after=ord_1", 400),
        ("/orders?limit=2", 400),
    ] {
        assert_eq!(shop.caller.get(wrong).await.status, status, "{wrong}");
    }
}

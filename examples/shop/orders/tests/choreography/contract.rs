//! What customers see is the same in both flows, and what came of it holds on any bus.

use serde_json::json;

use crate::{
    books::balance,
    stage::{Stage, until},
};

/// Long enough for a busy machine: the answer may also be that it will come.
fn is_one_of(status: u16, expected: u16) -> bool {
    status == expected || status == 202
}

#[tokio::test]
async fn an_order_is_confirmed_refused_or_declined_as_ever() {
    let stage = Stage::open_with(None, 3_600_000).await;
    let (status, body) = stage.place("k1", "cus_anna", ("tea", 2)).await;
    assert!(is_one_of(status, 201), "{status}: {body}");
    let id = body["id"].as_str().unwrap().to_owned();
    stage.settles(&id, "completed").await;
    let saga = stage.saga(&id).await;
    assert_eq!(
        (&saga["flow"], &saga["status"], &saga["waits_for"]),
        (&json!("choreography"), &json!("completed"), &json!([]))
    );
    let known = json!({"stock": "committed", "payment": "captured", "shipment": "created"});
    assert_eq!(saga["known"], known);

    for (key, customer, line, expected, by) in [
        ("k2", "cus_anna", ("telescope", 6), 409, "inventory"),
        ("k3", "cus_judy", ("tea", 1), 402, "payments"),
    ] {
        let (status, body) = stage.place(key, customer, line).await;
        assert!(is_one_of(status, expected), "{status}: {body}");
        if status == expected {
            assert_eq!(body["rejected_by"], by);
        }
        let id = body["id"]
            .as_str()
            .or_else(|| body["order"].as_str())
            .unwrap();
        stage.settles(id, "rejected").await;
        assert_eq!(stage.order(id).await["refusal"]["by"], by);
        assert_eq!(stage.cancel(id).await.0, 409);
        // The same request has the same answer.
        assert_eq!(stage.place(key, customer, line).await, (status, body));
    }
    balance(&stage, &["cus_anna", "cus_judy"]).await;
}

#[tokio::test]
async fn whatever_the_bus_does_every_order_ends_as_it_should() {
    let stage = Stage::open(7).await;
    let mut cancelled = Vec::new();
    let mut placed = Vec::new();
    for at in 0..18 {
        let key = format!("k{at}");
        let (customer, line) = match at % 6 {
            0 => ("cus_judy", ("tea", 1)),
            1 => ("cus_anna", ("telescope", 6)),
            _ => ("cus_anna", ("tea", 1)),
        };
        let id = stage.placed(&key, customer, line).await;
        match at % 6 {
            0 | 1 => placed.push((id, "rejected")),
            2 => cancelled.push(id),
            _ => placed.push((id, "completed")),
        }
    }
    for id in &cancelled {
        // Wherever it is by now.
        let (status, body) = stage.cancel(id).await;
        assert!([200, 202].contains(&status), "{status}: {body}");
    }
    for (id, status) in &placed {
        stage.settles(id, status).await;
    }
    for id in &cancelled {
        stage.settles(id, "cancelled").await;
    }
    balance(&stage, &["cus_anna", "cus_judy"]).await;
}

#[tokio::test]
async fn customers_who_change_their_minds_at_any_moment_race_nothing_twice() {
    let stage = Stage::open(11).await;
    let mut ids = Vec::new();
    for at in 0..10 {
        let key = format!("k{at}");
        let cancelling = async {
            // As soon as the order can be seen.
            let id = std::cell::RefCell::new(String::new());
            until("it is seen", async || {
                let orders = stage.get("orders", "/orders?customer=cus_bela").await;
                let found = orders
                    .as_array()
                    .and_then(|orders| orders.get(at).map(|_| orders));
                let newest = found.map(|orders| orders[0]["id"].as_str().unwrap().to_owned());
                *id.borrow_mut() = newest.ok_or("not yet")?;
                Ok(())
            })
            .await;
            let id = id.into_inner();
            tokio::time::sleep(std::time::Duration::from_millis(20 * at as u64)).await;
            let (one, two) = tokio::join!(stage.cancel(&id), stage.cancel(&id));
            for (status, body) in [one, two] {
                assert!([200, 202].contains(&status), "{status}: {body}");
            }
            id
        };
        let (_, id) = tokio::join!(stage.place(&key, "cus_bela", ("mug", 1)), cancelling);
        ids.push(id);
    }
    for id in &ids {
        stage.settles(id, "cancelled").await;
    }
    balance(&stage, &["cus_bela"]).await;
}

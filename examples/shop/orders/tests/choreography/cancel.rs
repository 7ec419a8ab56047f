//! Cancelling at each stage: whoever is away holds an order up there.

use http::Method;
use serde_json::json;

use crate::{
    books::balance,
    stage::{Stage, until},
};

/// An order that waits for exactly these.
async fn waits_for(stage: &Stage, id: &str, whom: &[&str]) {
    until(&format!("{id} waits for {whom:?}"), async || {
        match stage.saga(id).await {
            saga if saga["waits_for"] == json!(whom) => Ok(()),
            saga => Err(saga.to_string()),
        }
    })
    .await;
}

#[tokio::test]
async fn at_each_stage_an_order_is_cancelled_once_all_have_heard() {
    let mut stage = Stage::open(3).await;
    let others = ["payments", "shipping"];
    for (away, waits, after) in [
        // The hold, the money, the parcel are under way; then the answer of the card network is.
        ("inventory", &["inventory"][..], &["inventory"][..]),
        ("payments", &["payments"], &["payments"]),
        ("shipping", &["shipping"], &["shipping"]),
        ("cards", &["payments"], &["payments"]),
    ] {
        stage.kill(away).await;
        let id = stage.placed(away, "cus_anna", ("tea", 1)).await;
        waits_for(&stage, &id, waits).await;
        let (status, body) = stage.cancel(&id).await;
        assert_eq!(
            (status, &body["status"]),
            (202, &json!("cancelling")),
            "{away}"
        );
        waits_for(&stage, &id, after).await;
        stage.start(away).await;
        stage.settles(&id, "cancelled").await;
        assert_eq!(stage.cancel(&id).await.0, 200, "again it is the same");
    }
    // Two at once, one of them the one who decides.
    for away in others {
        stage.kill(away).await;
    }
    let id = stage.placed("both", "cus_anna", ("tea", 1)).await;
    waits_for(&stage, &id, &["payments"]).await;
    stage.cancel(&id).await;
    for away in others {
        stage.start(away).await;
    }
    stage.settles(&id, "cancelled").await;
    // At its end.
    let id = stage.placed("done", "cus_anna", ("tea", 1)).await;
    stage.settles(&id, "completed").await;
    let (status, _) = stage.cancel(&id).await;
    assert!([200, 202].contains(&status), "{status}");
    stage.settles(&id, "cancelled").await;
    balance(&stage, &["cus_anna"]).await;
}

#[tokio::test]
async fn a_parcel_that_has_left_is_kept_and_the_customer_is_told_each_time() {
    let stage = Stage::open(5).await;
    let id = stage.placed("k", "cus_anna", ("tea", 1)).await;
    stage.settles(&id, "completed").await;
    let parcel = id.replace("ord_", "shp_");
    let path = format!("/shipments/{parcel}/dispatch");
    let nothing = json!(null);
    let sent = stage
        .send("shipping", Method::POST, &path, "none", &nothing)
        .await;
    assert_eq!(sent.0, 200);
    for _ in 0..2 {
        let (status, body) = stage.cancel(&id).await;
        // The answer may take longer than a customer waits; then it is there later.
        assert!([409, 202].contains(&status), "{status}: {body}");
        stage.settles(&id, "completed").await;
        let order = stage.order(&id).await;
        assert_eq!(order["refusal"]["by"], "shipping", "{order}");
    }
    balance(&stage, &["cus_anna"]).await;
}

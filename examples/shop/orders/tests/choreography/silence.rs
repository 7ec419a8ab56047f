//! Nobody's turn, so nobody is missed, but by the watchdog.

use serde_json::json;

use crate::{
    books::balance,
    stage::{Stage, until},
};

#[tokio::test]
async fn whoever_is_silent_the_order_expires_and_is_undone() {
    let mut stage = Stage::open_with(Some(13), 1500).await;
    for away in ["inventory", "payments", "cards"] {
        stage.kill(away).await;
        let id = stage.placed(away, "cus_anna", ("tea", 1)).await;
        stage.settles(&id, "expired").await;
        let order = stage.order(&id).await;
        assert_eq!(order["refusal"]["by"], "orders", "{order}");
        assert_eq!(stage.saga(&id).await["waits_for"], json!([]));
        assert_eq!(stage.cancel(&id).await.0, 409);
        // They come back, hear what there was to do, and that it need not be done.
        stage.start(away).await;
    }
    balance(&stage, &["cus_anna"]).await;
}

#[tokio::test]
async fn an_order_that_cannot_expire_is_an_alarm_until_it_gets_on() {
    let mut stage = Stage::open(17).await;
    let alarms = async |stage: &Stage, expected: &[&str]| {
        until("operators see what does not get on", async || {
            let path = "/orders?not_progressing=true";
            let silent = stage.get("orders", path).await;
            let health = stage.get("orders", "/health").await;
            let check = &health["checks"]["progress:responseTime"][0];
            let ids: Vec<_> = silent.as_array().into_iter().flatten().collect();
            let ids: Vec<_> = ids.iter().map(|order| &order["id"]).collect();
            let status = if expected.is_empty() { "pass" } else { "warn" };
            match ids == expected && check["status"] == status {
                true => Ok(()),
                false => Err(format!("{ids:?} {check}")),
            }
        })
        .await;
    };
    stage.kill("shipping").await;
    let id = stage.placed("away", "cus_anna", ("tea", 1)).await;
    until("only shipping has not spoken", async || {
        match stage.saga(&id).await {
            saga if saga["waits_for"] == json!(["shipping"]) => Ok(()),
            saga => Err(saga.to_string()),
        }
    })
    .await;
    assert_eq!(stage.saga(&id).await["not_progressing"], false);
    stage.kill("orders").await;
    stage.deadline_ms = 500;
    stage.start("orders").await;
    alarms(&stage, &[&id]).await;
    let saga = stage.saga(&id).await;
    assert_eq!(
        (&saga["not_progressing"], &saga["waits_for"]),
        (&json!(true), &json!(["shipping"])),
        "{saga}"
    );
    assert_eq!(saga["status"], "confirmed");
    let ready = stage.send("orders", http::Method::GET, "/readyz", "none", &json!(null));
    assert_eq!(ready.await.0, 200, "it still takes orders");
    // Undone it cannot be either, until shipping says whether the parcel has left.
    assert_eq!(stage.cancel(&id).await.0, 202);
    alarms(&stage, &[&id]).await;
    stage.start("shipping").await;
    stage.settles(&id, "cancelled").await;
    alarms(&stage, &[]).await;
    balance(&stage, &["cus_anna"]).await;
}

//! Nobody's turn, so nobody is missed, but by the watchdog.

use serde_json::json;

use crate::{books::balance, stage::Stage};

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

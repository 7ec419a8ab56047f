//! Services that are killed in the middle, and services that come back with the other option.

use shop_kit::flow::Flow;

use crate::{
    books::balance,
    stage::{SERVICES, Stage},
};

#[tokio::test]
async fn each_service_may_be_killed_in_the_middle() {
    let mut stage = Stage::open(23).await;
    let mut placed = Vec::new();
    for (round, name) in SERVICES.into_iter().enumerate() {
        for at in 0..4 {
            let key = format!("{round}-{at}");
            let placing = stage.placed(&key, "cus_anna", ("tea", 1));
            let placed_by_now = tokio::time::timeout(
                // Some answers are waited for, others not: the kill comes at any point.
                std::time::Duration::from_millis(40 * at + 1),
                placing,
            );
            placed.extend(placed_by_now.await.ok());
        }
        stage.kill(name).await;
        if name != "orders" {
            placed.push(stage.placed(name, "cus_anna", ("tea", 1)).await);
        }
        stage.start(name).await;
    }
    for id in &placed {
        stage.settles(id, "completed").await;
    }
    assert!(placed.len() >= 3);
    balance(&stage, &["cus_anna"]).await;
}

#[tokio::test]
async fn an_order_goes_on_in_its_flow_whatever_the_services_are_started_with() {
    let mut stage = Stage::open_with(Some(29), 3_600_000).await;
    stage.kill("payments").await;
    let by_events = stage.placed("events", "cus_anna", ("tea", 1)).await;
    // All come back with the other option.
    stage.flow = Flow::Orchestration;
    for name in ["inventory", "shipping", "orders"] {
        stage.kill(name).await;
        stage.start(name).await;
    }
    let by_calls = stage.placed("calls", "cus_anna", ("mug", 1)).await;
    assert_eq!(stage.saga(&by_events).await["flow"], "choreography");
    assert_eq!(stage.saga(&by_calls).await["plan"], "place-order/v1");
    stage.start("payments").await;
    stage.settles(&by_events, "completed").await;
    stage.settles(&by_calls, "completed").await;
    // And back, while one waits in each flow.
    stage.kill("payments").await;
    let by_calls = stage.placed("calls2", "cus_anna", ("mug", 1)).await;
    stage.flow = Flow::Choreography;
    stage.kill("orders").await;
    stage.start("orders").await;
    let new = stage.placed("events2", "cus_anna", ("tea", 1)).await;
    stage.start("payments").await;
    for id in [&by_calls, &new] {
        stage.settles(id, "completed").await;
    }
    assert_eq!(stage.saga(&by_calls).await["plan"], "place-order/v1");
    assert_eq!(stage.saga(&new).await["flow"], "choreography");
    // Each can still be cancelled in its way.
    for id in [&by_events, &by_calls] {
        stage.cancel(id).await;
        stage.settles(id, "cancelled").await;
    }
    balance(&stage, &["cus_anna"]).await;
}

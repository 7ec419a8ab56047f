use crate::shop::{Shop, order, until};

#[tokio::test]
async fn every_service_answers_probes_and_shows_its_database_version_and_uptime() {
    let shop = Shop::open().await;
    for (service, name) in shop
        .services()
        .iter()
        .zip(["orders", "payments", "inventory"])
    {
        until(&format!("{name} is ready"), async || {
            // Ready is who has a database; well is who has heard of all checks.
            service.get("/readyz").await.status == 200
                && service.get("/health").await.body["status"] == "pass"
        })
        .await;
        for probe in ["/livez", "/startupz"] {
            assert_eq!(service.get(probe).await.status, 200, "{name} {probe}");
        }
        let health = service.get("/health").await;
        assert_eq!(health.status, 200);
        assert_eq!(health.headers["content-type"], "application/health+json");
        let page = health.body;
        assert_eq!(
            (&page["status"], &page["serviceId"]),
            (&"pass".into(), &name.into())
        );
        assert_eq!(page["version"], env!("CARGO_PKG_VERSION"));
        assert!(page["checks"]["uptime"][0]["observedValue"].is_f64());
        let database = &page["checks"]["database:responseTime"][0];
        assert_eq!(
            (&database["status"], &database["componentType"]),
            (&"pass".into(), &"datastore".into())
        );
    }
}

#[tokio::test]
async fn an_outage_of_payments_is_a_warning_of_orders_and_no_reason_to_be_unready() {
    let mut shop = Shop::open().await;
    until("orders is ready", async || {
        shop.caller.get("/readyz").await.status == 200
    })
    .await;
    shop.kill_payments().await;
    for at in 0..5 {
        shop.place(&format!("k{at}"), &order("cus_anna", "tea", 1))
            .await;
    }
    let page = shop.caller.get("/health").await;
    let circuit = |page: &serde_json::Value, peer: &str| {
        page["checks"][format!("{peer}:circuit_breaker")][0]["status"].clone()
    };
    assert_eq!(
        (page.status.as_u16(), &page.body["status"]),
        (200, &"warn".into())
    );
    assert_eq!(circuit(&page.body, "payments"), "warn");
    assert_eq!(circuit(&page.body, "inventory"), "pass");
    for probe in ["/readyz", "/livez", "/startupz"] {
        assert_eq!(shop.caller.get(probe).await.status, 200, "{probe}");
    }
    shop.restart_payments().await;
    until("all is well again", async || {
        shop.caller.get("/health").await.body["status"] == "pass"
    })
    .await;
}

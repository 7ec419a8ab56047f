//! A rewrite takes over, path by path and percent by percent: `cargo run --example strangler`.

use axum::{Router, body::Body, routing::get};
use http::Request;
use tower::ServiceExt;
use tower_keep::{
    BoxError,
    observe::Event,
    strangler::{StranglerConfig, StranglerLayer},
};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let new = Router::new()
        .route("/orders", get(|| async { "[1,2,3]" }))
        .route("/reports", get(|| async { "a report" }));
    let old = Router::new()
        .route("/orders", get(|| async { "[1, 2, 3]" }))
        .route("/reports", get(|| async { "a slow report" }));

    // Reports are finished; orders are compared first.
    let strangler = StranglerLayer::from_config(new, StranglerConfig::shadow(100.0))?
        .named("orders")
        .paths(["/reports"])
        .sticky(|head| head.headers.get("x-customer")?.to_str().ok())
        .shadow_reads()
        .observe(|event: &Event| println!("  {event}"));
    let handle = strangler.handle();
    let mut compared = handle.subscribe(16);
    let app = old.layer(strangler);

    println!("/reports: {}", ask(&app, "/reports", 1).await?);
    println!("/orders:  {}", ask(&app, "/orders", 1).await?);
    compared.next().await; // the comparison of the report
    compared.next().await;

    // The difference is a space: never mind.
    handle.update(StranglerConfig::percent(30.0))?;
    for customer in 1..=6 {
        println!(
            "customer {customer}: {}",
            ask(&app, "/orders", customer).await?
        );
    }
    println!("{:?}", handle.snapshot());
    Ok(())
}

async fn ask(app: &Router, path: &str, customer: u32) -> Result<String, BoxError> {
    let request = Request::get(path).header("x-customer", customer);
    let response = app.clone().oneshot(request.body(Body::empty())?).await?;
    let body = axum::body::to_bytes(response.into_body(), 1024).await?;
    Ok(String::from_utf8(body.to_vec())?)
}

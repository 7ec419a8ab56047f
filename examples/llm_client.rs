//! A client of a language model's API, here a fake one: `cargo run --example llm_client`.

use std::{pin::pin, sync::atomic::AtomicUsize, sync::atomic::Ordering::Relaxed};

use axum::{Router, body::Body, routing::post};
use futures_util::{StreamExt, stream};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tokio::time::{Duration, sleep};
use tower::{ServiceBuilder, ServiceExt};
use tower_keep::rate_limit::{Limit, Meter, Rate, RateLimitConfig, RateLimitLayer};
use tower_keep::retry::{Failed, RetryLayer};
use tower_keep::timeout::{TimeoutConfig, TimeoutLayer};
use tower_keep::{BoxError, classify::Class, reqwest_client::ReqwestService};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    tokio::spawn(async { axum::serve(listener, Router::new().route("/", post(api))).await });

    // What the plan allows: calls wait up to a minute for it, and for what the API says of it.
    let plan = RateLimitConfig::client(Limit::calls(Rate::per_minute(50)), Duration::from_secs(60))
        .and(Limit::new(Rate::per_minute(40_000)).named("tokens"));
    // Each attempt is taken to cost 2000 tokens; the last event of an answer knows better.
    let plan = RateLimitLayer::from_config(plan)?.cost(|_: &Request<_>| 2000);
    let (limits, meter) = (plan.handle(), Meter::new());
    // A 429 and a 529 say that nothing was done: sent again, though it is a POST.
    let again = |failed: &Failed| failed.may_retry() || failed.verdict.class == Class::Overload;
    let model = ServiceBuilder::new()
        .layer(TimeoutLayer::from_config(TimeoutConfig::streaming())?)
        .layer(RetryLayer::default().retry_if(again))
        .layer(plan)
        .service(ReqwestService::build(reqwest::Client::builder())?);

    let call = Request::post(url).extension(meter.clone());
    let answer = model.oneshot(call.body("A haiku".to_owned())?).await?;
    println!("{} {:?}", answer.status(), limits.snapshot());
    let mut events = pin!(answer.into_body().into_data_stream());
    while let Some(event) = events.next().await.transpose()? {
        println!("{event:?}");
        if let Some(used) = event.strip_prefix(b"tokens: ") {
            meter.spent(std::str::from_utf8(used)?.parse()?);
        }
    }
    println!("{:?}", limits.snapshot().limits);
    Ok(())
}

/// Has too much to do at first, then answers word by word.
async fn api() -> (StatusCode, [(&'static str, &'static str); 1], Body) {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let status = [429, 529, 200][CALLS.fetch_add(1, Relaxed)];
    let words = stream::iter(["stones hold", "tokens: 321"]).then(async |word| {
        sleep(Duration::from_millis(100)).await;
        Ok::<_, BoxError>(word)
    });
    let status = StatusCode::from_u16(status).expect("it is one");
    (status, [("retry-after", "1")], Body::from_stream(words))
}

//! One id through two services: `cargo run --example correlation_id`.

use std::net::SocketAddr;

use axum::{Router, routing::get};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower::{ServiceBuilder, ServiceExt};
use tower_keep::{
    BoxError, context,
    correlation_id::{CorrelationIdLayer, PropagateLayer},
};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt().without_time().init();

    let payments = serve(Router::new().route(
        "/",
        get(async || {
            tracing::info!("payments: charged");
            "paid"
        }),
    ))
    .await?;
    let orders = serve(Router::new().route(
        "/",
        get(async move || {
            tracing::info!("orders: taken");
            let paid = call(payments, None).await.unwrap_or_default();
            // A task of its own has to be given the id.
            let mail = context::spawn(async { tracing::info!("orders: mail sent") });
            mail.await.expect("it does not panic");
            paid
        }),
    ))
    .await?;

    call(orders, Some("order-17")).await?;
    println!("The same without an id, and with one that would forge a log line:");
    call(orders, None).await?;
    call(orders, Some("17 ERROR forged")).await?;
    Ok(())
}

/// A server: every request has an id.
async fn serve(app: Router) -> Result<SocketAddr, BoxError> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let app = app.layer(CorrelationIdLayer::new());
    tokio::spawn(async { axum::serve(listener, app).await });
    Ok(address)
}

/// A client: every call carries it on.
async fn call(address: SocketAddr, id: Option<&str>) -> Result<Bytes, BoxError> {
    let client = ServiceBuilder::new()
        .layer(PropagateLayer::new())
        .service(Client::builder(TokioExecutor::new()).build_http());
    let mut request = Request::get(format!("http://{address}/")).body(Full::<Bytes>::default())?;
    if let Some(id) = id {
        request
            .headers_mut()
            .insert("x-correlation-id", id.parse()?);
    }
    Ok(client
        .oneshot(request)
        .await?
        .into_body()
        .collect()
        .await?
        .to_bytes())
}

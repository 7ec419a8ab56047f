//! One id through two services: `cargo run --example correlation_id`.

use std::net::SocketAddr;

use axum::{Router, routing::get};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower::{ServiceBuilder, ServiceExt};
use tower_keep::{
    BoxError, context,
    correlation_id::{CorrelationIdLayer, PropagateLayer},
};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt().without_time().init();

    let charge = get(async || tracing::info!("payments: charged"));
    let payments = serve(Router::new().route("/", charge)).await?;

    let take = get(async move || {
        tracing::info!("orders: taken");
        call(payments, "").await.expect("payments runs");
        // A task of its own has to be given the id.
        context::spawn(async { tracing::info!("orders: mail sent") });
    });
    let orders = serve(Router::new().route("/", take)).await?;

    for id in ["order-17", "", "17 ERROR forged"] {
        println!("the caller sends {id:?}");
        call(orders, id).await?;
    }
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
async fn call(address: SocketAddr, id: &str) -> Result<(), BoxError> {
    let client = ServiceBuilder::new()
        .layer(PropagateLayer::new())
        .service(Client::builder(TokioExecutor::new()).build_http());
    let mut request = Request::get(format!("http://{address}/")).body(Full::<Bytes>::default())?;
    if !id.is_empty() {
        request
            .headers_mut()
            .insert("x-correlation-id", id.parse()?);
    }
    client.oneshot(request).await?;
    Ok(())
}

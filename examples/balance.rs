//! Two servers, one of which fails fast: `cargo run --example balance`.

use std::{net::SocketAddr, time::Duration};

use axum::{Router, http::StatusCode, routing::get};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower::{ServiceBuilder, ServiceExt};
use tower_keep::{
    balance::{Balance, discovery::Polled},
    circuit_breaker::CircuitBreakerLayer,
};

#[tokio::main]
async fn main() -> Result<(), tower_keep::BoxError> {
    let good = serve(StatusCode::OK).await?;
    let bad = serve(StatusCode::INTERNAL_SERVER_ERROR).await?;
    println!("{good} works, {bad} fails");
    // In place of a list, a file or a name server: a registry, asked every second.
    let registry = Polled::new(
        Duration::from_secs(1),
        move || async move { Ok([good, bad]) },
    );

    let balance = Balance::new().named("payments");
    let handle = balance.handle();
    let payments = balance.discover(registry, |address, _| {
        let address = *address;
        // What belongs to one endpoint: its breaker, its address, its connections.
        ServiceBuilder::new()
            .layer(CircuitBreakerLayer::new().backpressure())
            .map_request(move |mut request: Request<Full<Bytes>>| {
                let uri = format!("http://{address}{}", request.uri().path());
                *request.uri_mut() = uri.parse().expect("made of an address and a path");
                request
            })
            .service(Client::builder(TokioExecutor::new()).build_http())
    });

    for _ in 0..200 {
        let request = Request::get("/").body(Full::default())?;
        payments.clone().oneshot(request).await?;
    }
    for one in handle.snapshot().endpoints {
        let (endpoint, calls, failures) = (one.endpoint, one.calls, one.failures);
        println!("{endpoint}: {calls} calls, {failures} failed");
    }
    Ok(())
}

async fn serve(status: StatusCode) -> std::io::Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let app = Router::new().route("/", get(move || async move { status }));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

//! Layers on a tonic server and on a channel: `cargo run --example tonic_server_client`.

use std::time::Duration;

use tonic::transport::{Endpoint, Server, server::TcpIncoming};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::ServiceBuilder;
use tower_keep::{
    BoxError,
    bulkhead::BulkheadLayer,
    circuit_breaker::CircuitBreakerLayer,
    correlation_id::{CorrelationIdLayer, PropagateLayer},
    retry::RetryLayer,
    timeout::{TimeoutConfig, TimeoutLayer},
};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // The server: gRPC is told by the request, so the layers are those of any other server.
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse()?)?;
    let address = incoming.local_addr()?;
    let bulkhead = BulkheadLayer::new(1).named("health");
    let places = bulkhead.handle();
    let layers = ServiceBuilder::new()
        .layer(CorrelationIdLayer::new())
        .layer(TimeoutLayer::default())
        .layer(bulkhead);
    let (_reporter, health) = tonic_health::server::health_reporter();
    let mut server = Server::builder().layer(layers.into_inner());
    tokio::spawn(server.add_service(health).serve_with_incoming(incoming));

    // The client: `.grpc()`, so that statuses in trailers count and refusals are statuses.
    let channel = Endpoint::from_shared(format!("http://{address}"))?.connect_lazy();
    let retry = RetryLayer::default().grpc();
    let attempt = TimeoutConfig::attempt(Duration::from_secs(1));
    let mut client = HealthClient::new(
        ServiceBuilder::new()
            .layer(TimeoutLayer::new(Duration::from_secs(5)).grpc())
            .layer(retry.same_body(tonic::body::Body::new))
            .layer(PropagateLayer::new())
            .layer(CircuitBreakerLayer::new().grpc())
            .layer(TimeoutLayer::from_config(attempt)?.grpc())
            // Its errors are looked into once they are boxed.
            .map_err(BoxError::from)
            .service(channel),
    );
    let request = HealthCheckRequest::default();
    println!("{:?}", client.check(request.clone()).await?.into_inner());

    // A stream keeps its place on the server until it ends; there is only one.
    let stream = client.watch(request.clone()).await?;
    let refused = client.check(request.clone()).await.err();
    println!("{:?}", refused.map(|status| status.message().to_owned()));
    println!("{:?}", places.snapshot());
    drop(stream);
    tokio::time::sleep(Duration::from_millis(50)).await;
    println!("{:?}", client.check(request).await?.into_inner());
    Ok(())
}

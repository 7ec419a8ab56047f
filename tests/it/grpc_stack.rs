//! The layers on a real tonic server and on real tonic channels.

use std::{net::SocketAddr, time::Duration};

use tonic::{
    Code, Status,
    transport::{Channel, Endpoint, Server, server::TcpIncoming},
};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_client::HealthClient};
use tower::ServiceBuilder;
use tower_keep::{
    BoxError,
    bulkhead::BulkheadLayer,
    circuit_breaker::{CircuitBreakerConfig, CircuitBreakerLayer},
    correlation_id::{CorrelationIdLayer, PropagateLayer},
    health::HealthLayer,
    retry::RetryLayer,
    timeout::{TimeoutConfig, TimeoutLayer},
};

/// Serves tonic's health service behind a stack of layers.
macro_rules! serve {
    ($layer:expr) => {{
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = incoming.local_addr().unwrap();
        let (_, health) = tonic_health::server::health_reporter();
        let server = Server::builder().layer($layer).add_service(health);
        tokio::spawn(server.serve_with_incoming(incoming));
        address
    }};
}

async fn channel(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}"))
        .unwrap()
        .connect()
        .await
        .unwrap()
}

fn everything() -> HealthCheckRequest {
    HealthCheckRequest {
        service: String::new(),
    }
}

fn served(answer: Result<tonic::Response<HealthCheckResponse>, Status>) -> Result<i32, Code> {
    answer
        .map(|answer| answer.into_inner().status)
        .map_err(|status| status.code())
}

#[tokio::test]
async fn a_stream_holds_its_place_on_the_server_until_the_client_lets_go() {
    let layer = BulkheadLayer::new(1);
    let handle = layer.handle();
    let channel = channel(serve!(layer)).await;
    let mut client = HealthClient::new(channel);

    let mut stream = client.watch(everything()).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    let refused = client.check(everything()).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(refused.message(), "bulkhead: all 1 places are taken");

    drop(stream);
    while handle.snapshot().running > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(served(client.check(everything()).await), Ok(1));
}

#[tokio::test]
async fn a_layer_on_a_channel_refuses_with_a_status() {
    let channel = channel(serve!(tower::layer::util::Identity::new())).await;
    let layer = BulkheadLayer::new(1).grpc();
    let handle = layer.handle();
    let mut client = HealthClient::new(ServiceBuilder::new().layer(layer).service(channel));

    let stream = client.watch(everything()).await.unwrap();
    assert_eq!(handle.snapshot().running, 1);
    assert_eq!(
        served(client.check(everything()).await),
        Err(Code::ResourceExhausted)
    );
    drop(stream);
    assert_eq!(served(client.check(everything()).await), Ok(1));
}

#[tokio::test]
async fn all_layers_stand_on_a_server_and_on_a_channel() {
    let bulkhead = BulkheadLayer::new(10);
    let served_calls = bulkhead.handle();
    let address = serve!(
        ServiceBuilder::new()
            .layer(HealthLayer::new("grpc", "1.0.0"))
            .layer(CorrelationIdLayer::new())
            .layer(TimeoutLayer::default())
            .layer(CircuitBreakerLayer::new())
            .layer(bulkhead)
            .into_inner()
    );
    let breaker = CircuitBreakerLayer::new().grpc();
    let state = breaker.handle();
    let channel = ServiceBuilder::new()
        .layer(TimeoutLayer::new(Duration::from_secs(5)).grpc())
        .layer(
            RetryLayer::default()
                .grpc()
                .same_body(tonic::body::Body::new),
        )
        .layer(PropagateLayer::new())
        .layer(breaker)
        .layer(BulkheadLayer::new(10).grpc())
        .layer(
            TimeoutLayer::from_config(TimeoutConfig::attempt(Duration::from_secs(1)))
                .unwrap()
                .grpc(),
        )
        .map_err(BoxError::from)
        .service(channel(address).await);
    let mut client = HealthClient::new(channel);
    let answer = client.check(everything()).await.unwrap();
    assert_eq!(answer.metadata().get("x-correlation-id").unwrap().len(), 36);
    drop(answer);

    // NOT_FOUND blames the request, so ten of them leave the breaker closed.
    let unknown = HealthCheckRequest {
        service: "nobody".to_owned(),
    };
    for _ in 0..10 {
        assert_eq!(
            served(client.check(unknown.clone()).await),
            Err(Code::NotFound)
        );
    }
    assert_eq!(state.snapshot().state.as_str(), "closed");
    while served_calls.snapshot().running > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn unavailable_is_retried_and_opens_the_breaker() {
    // Bound and dropped: nobody listens there.
    let address = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let lazy = Endpoint::from_shared(format!("http://{address}"))
        .unwrap()
        .connect_lazy();
    let config = CircuitBreakerConfig {
        consecutive_failures: Some(3),
        ..CircuitBreakerConfig::default()
    };
    let breaker = CircuitBreakerLayer::from_config(config).unwrap().grpc();
    let state = breaker.handle();
    let mut client = HealthClient::new(
        ServiceBuilder::new()
            .layer(
                RetryLayer::default()
                    .grpc()
                    .same_body(tonic::body::Body::new),
            )
            .layer(breaker)
            .map_err(BoxError::from)
            .service(lazy),
    );
    assert_eq!(
        served(client.check(everything()).await),
        Err(Code::Unavailable)
    );
    assert_eq!(state.snapshot().state.as_str(), "open");
    let refused = client.check(everything()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert_eq!(refused.message(), "circuit_breaker: the circuit is open");
}

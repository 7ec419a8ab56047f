//! One id for a request, wherever it goes.

use axum::{Router, body::Body, routing::get};
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    bulkhead::BulkheadLayer,
    context::{self, Context, CorrelationId},
    correlation_id::{CorrelationIdConfig, CorrelationIdLayer, PropagateLayer},
    observe::EventKind,
    retry::{Attempt, RetryLayer},
};
use tower_layer::Layer;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn request(headers: &[(&'static str, &str)]) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    request
}

/// What a handler behind `layer` knows of its request: id and trace.
async fn seen(layer: CorrelationIdLayer, headers: &[(&'static str, &str)]) -> (String, String) {
    let handler = async || {
        let context = Context::current().unwrap();
        format!(
            "{} {}",
            context.correlation_id(),
            context.trace_parent().unwrap()
        )
    };
    let app: Router = Router::new().route("/", get(handler)).layer(layer);
    let response = app.oneshot(request(headers)).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    let (id, trace) = text.split_once(' ').unwrap();
    (id.to_owned(), trace.to_owned())
}

/// The headers that a client sends from a task that works on `id`.
async fn sent(id: &str) -> HeaderMap {
    let client = PropagateLayer::new().layer(service_fn(|call: Request<Body>| async move {
        Ok::<_, BoxError>(call.headers().clone())
    }));
    let context = Context::new(CorrelationId::parse(id).unwrap());
    context.scope(client.oneshot(request(&[]))).await.unwrap()
}

/// ID1: generates, accepts and propagates a request id.
/// `CorrelationIdLayer` on a server, `PropagateLayer` on a client; the header's name is yours.
#[tokio::test]
async fn id1() {
    let (kept, _) = seen(
        CorrelationIdLayer::new(),
        &[("x-correlation-id", "order-17")],
    )
    .await;
    assert_eq!(kept, "order-17");
    let (made, _) = seen(CorrelationIdLayer::new(), &[]).await;
    assert_eq!(made.len(), 36);
    assert_eq!(sent("order-17").await["x-correlation-id"], "order-17");
}

/// ID2: validates the id from outside, and may not trust it.
/// 1 to 128 of `A-Z a-z 0-9 _ . -`, or it is replaced; `CorrelationIdConfig::edge` replaces all.
#[tokio::test]
async fn id2() {
    let forged = [("x-correlation-id", "17 ERROR forged")];
    assert_eq!(seen(CorrelationIdLayer::new(), &forged).await.0.len(), 36);
    let good = [("x-correlation-id", "order-17")];
    assert_eq!(seen(CorrelationIdLayer::edge(), &good).await.0.len(), 36);
}

/// ID3: a choice of generators.
/// UUID version 7 with no lock and no system call for each; anything else by `generate(|head| ..)`.
#[tokio::test]
async fn id3() {
    let (made, _) = seen(CorrelationIdLayer::new(), &[]).await;
    assert_eq!(made.as_bytes()[14], b'7');
    let own = CorrelationIdLayer::new()
        .generate(|head| CorrelationId::parse(&format!("get-{}", head.uri.path().len())).ok());
    assert_eq!(seen(own, &[]).await.0, "get-1");
}

/// ID4: the id is in the task, and on outbound calls by itself.
/// A task-local that survives `join!`, `select!` and streaming bodies; `context::spawn` takes it along.
#[tokio::test]
async fn id4() {
    let context = Context::new(CorrelationId::parse("order-17").unwrap());
    let ids = context.scope(async {
        let in_task = context::correlation_id();
        let in_spawned = context::spawn(async { context::correlation_id() })
            .await
            .unwrap();
        [in_task, in_spawned]
    });
    for id in ids.await {
        assert_eq!(id.unwrap().as_str(), "order-17");
    }
}

/// ID5: W3C trace context, and B3.
/// `traceparent` and `tracestate` are read and sent; the headers of B3, single or several, are read
/// where there is no `traceparent`, and what is sent is W3C.
#[tokio::test]
async fn id5() {
    let parent = format!("00-{TRACE}-{SPAN}-01");
    let single = format!("{TRACE}-{SPAN}-1");
    for headers in [
        &[("traceparent", parent.as_str())][..],
        &[("b3", single.as_str())],
        &[
            ("x-b3-traceid", TRACE),
            ("x-b3-spanid", SPAN),
            ("x-b3-sampled", "1"),
        ],
        &[("traceparent", parent.as_str()), ("b3", "nonsense")],
    ] {
        assert_eq!(
            seen(CorrelationIdLayer::new(), headers).await.1,
            parent,
            "{headers:?}"
        );
    }
    let (_, not_trusted) = seen(CorrelationIdLayer::edge(), &[("b3", &single)]).await;
    assert!(!not_trusted.contains(TRACE));
    assert!(sent("order-17").await.contains_key("traceparent"));
}

/// ID6: the id is in events, errors and logs.
/// In every `Event` of a layer inside, and in the span around each log line.
#[tokio::test]
async fn id6() {
    let bulkhead = BulkheadLayer::new(0);
    let mut events = bulkhead.handle().subscribe(1);
    let layers = ServiceBuilder::new()
        .layer(CorrelationIdLayer::new())
        .layer(bulkhead);
    let app: Router = Router::new().route("/", get(async || ())).layer(layers);
    app.oneshot(request(&[("x-correlation-id", "order-17")]))
        .await
        .unwrap();
    let event = events.try_next().unwrap();
    assert!(matches!(event.kind, EventKind::CallRejected { .. }));
    assert_eq!(event.correlation_id.unwrap().as_str(), "order-17");
}

/// ID7: an attempt has an id of its own.
/// Inside retry each attempt is a span of its own, and has its number as an extension and a header.
#[tokio::test(start_paused = true)]
async fn id7() {
    let attempts = std::sync::Mutex::new(Vec::new());
    let client = ServiceBuilder::new()
        .layer(RetryLayer::default())
        .layer(PropagateLayer::new())
        .service_fn(|call: Request<_>| {
            let text = |name: &str| {
                let value = call.headers().get(name)?;
                value.to_str().ok().map(str::to_owned)
            };
            let ids = [
                text("x-correlation-id"),
                text("traceparent"),
                text("x-retry-attempt"),
            ];
            attempts.lock().unwrap().push((Attempt::of(&call), ids));
            async { Response::builder().status(502).body(Body::empty()) }
        });
    client
        .oneshot(request(&[("x-correlation-id", "order-17")]))
        .await
        .unwrap();
    let attempts = attempts.lock().unwrap();
    assert_eq!(attempts.len(), 3);
    for (n, (attempt, [id, trace, header])) in (1..).zip(&*attempts) {
        assert_eq!(*attempt, Attempt(n));
        assert_eq!(id.as_deref(), Some("order-17"));
        assert_eq!(*header, (n > 1).then(|| n.to_string()));
        let others = attempts.iter().filter(|(_, [_, other, _])| other == trace);
        assert_eq!(others.count(), 1, "a span of its own");
    }
}

/// ID8: refusals and errors carry the id too.
/// In the header of every response that goes out through the layer, whoever answered.
#[tokio::test]
async fn id8() {
    let config = CorrelationIdConfig::default();
    let layers = ServiceBuilder::new()
        .layer(CorrelationIdLayer::from_config(config).unwrap())
        .layer(BulkheadLayer::new(0));
    let app: Router = Router::new().route("/", get(async || ())).layer(layers);
    let refused = app
        .oneshot(request(&[("x-correlation-id", "order-17")]))
        .await
        .unwrap();
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["x-correlation-id"], "order-17");
}

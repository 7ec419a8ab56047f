//! What travels with a request, seen from the handlers it travels through.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use futures_util::{future::join_all, stream};
use http::{HeaderValue, Request};
use http_body_util::BodyExt;
use tokio::task::yield_now;
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    bulkhead::{BulkheadLayer, CpuBulkhead},
    context::{self, Context, CorrelationId},
    correlation_id::{CorrelationIdLayer, PropagateLayer},
    observe::Event,
};

use crate::support::{Log, client, get as request, serve, text};

const ID: &str = "x-correlation-id";

/// What a handler sees with no code for it.
async fn seen() -> String {
    context::correlation_id().map_or_else(|| "none".to_owned(), String::from)
}

/// Asks `app` with this id; what it answers.
async fn ask(app: Router, id: &str) -> String {
    let request = Request::get("/")
        .header(ID, id)
        .body(Body::empty())
        .unwrap();
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(response.headers()[ID], id);
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn an_id_survives_spawn_join_and_select() {
    let handler = || async {
        let spawned = context::spawn(seen());
        let (one, two) = tokio::join!(seen(), async {
            yield_now().await;
            seen().await
        });
        let three = tokio::select! {
            three = seen() => three,
            () = std::future::pending() => unreachable!(),
        };
        let mut set = tokio::task::JoinSet::new();
        set.spawn(context::carry(seen()));
        let four = set.join_all().await.remove(0);
        let threads = CpuBulkhead::new(1);
        let five = threads.run(context::correlation_id).await.unwrap().unwrap();
        let lost = tokio::spawn(seen()).await.unwrap();
        format!(
            "{one} {two} {three} {four} {five} {} {lost}",
            spawned.await.unwrap()
        )
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(CorrelationIdLayer::new());

    assert_eq!(ask(app, "id").await, "id id id id id id none");
}

#[tokio::test]
async fn requests_at_the_same_time_never_mix() {
    let handler = || async {
        let first = seen().await;
        for _ in 0..20 {
            yield_now().await;
            assert_eq!(seen().await, first);
        }
        first
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(CorrelationIdLayer::new());
    // All on one task, polled in turn.
    let calls = (0..100).map(|n| {
        let app = app.clone();
        async move {
            let id = format!("id-{n}");
            assert_eq!(ask(app, &id).await, id);
        }
    });
    join_all(calls).await;
    assert_eq!(context::correlation_id(), None);
}

#[tokio::test]
async fn a_body_streams_in_the_context_of_its_request() {
    let handler = || async {
        let frames = stream::unfold(0, |n| async move {
            yield_now().await;
            let frame = Ok::<_, Infallible>(Bytes::from(seen().await + " "));
            (n < 3).then_some((frame, n + 1))
        });
        Body::from_stream(frames)
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(CorrelationIdLayer::new());

    assert_eq!(ask(app, "id").await, "id id id ");
}

#[tokio::test]
async fn every_event_of_a_layer_inside_has_the_id() {
    let events = Arc::new(Mutex::new(Vec::new()));
    let heard = events.clone();
    let bulkhead = BulkheadLayer::new(10).observe(move |event: &Event| {
        let id = event.correlation_id.as_ref().map(ToString::to_string);
        heard.lock().unwrap().push((event.kind.as_str(), id));
    });
    let app = Router::new().route("/", get(seen)).layer(
        ServiceBuilder::new()
            .layer(CorrelationIdLayer::new())
            .layer(bulkhead),
    );
    let server = serve(app).await;
    let mut call = request(server, "/");
    call.headers_mut()
        .insert(ID, HeaderValue::from_static("id"));
    assert_eq!(text(client().request(call).await.unwrap()).await, "id");
    while events.lock().unwrap().len() < 2 {
        yield_now().await;
    }
    // The place is given back when the server drops the body.
    let expected = ["call_admitted", "call_released"].map(|kind| (kind, Some("id".to_owned())));
    assert_eq!(*events.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_log_line_of_the_handler_and_of_what_it_spawns_has_the_id() {
    let log = Log::start(tracing::Level::INFO);

    let handler = || async {
        tracing::info!("in the handler");
        yield_now().await;
        let spawned = context::spawn(async { tracing::info!("in a task") });
        spawned.await.unwrap();
        tracing::info!("and back");
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(CorrelationIdLayer::new());
    ask(app, "order-17").await;
    tracing::info!("outside");

    let log = log.text();
    let lines: Vec<_> = log.lines().collect();
    for (line, said) in lines
        .iter()
        .zip(["in the handler", "in a task", "and back"])
    {
        assert!(
            line.contains("request{correlation_id=order-17 trace_id="),
            "{log}"
        );
        assert!(line.ends_with(said), "{log}");
    }
    assert!(lines[3].ends_with("INFO it::context: outside"), "{log}");
}

#[tokio::test]
async fn a_call_takes_its_context_from_its_extensions_first() {
    let client = PropagateLayer::new().layer(service_fn(async |request: Request<()>| {
        Ok::<_, Infallible>(request.headers()[ID].clone())
    }));
    let mut explicit = Request::new(());
    let queued = Context::new(CorrelationId::parse("from-a-queue").unwrap());
    explicit.extensions_mut().insert(queued);
    let around = Context::fresh();
    let sent = around
        .scope(client.clone().oneshot(explicit))
        .await
        .unwrap();
    assert_eq!(sent, "from-a-queue");
    let sent = client.oneshot(Request::new(())).await.unwrap();
    assert!(sent != "from-a-queue");
}

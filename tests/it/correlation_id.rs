//! The correlation id from outside.

use std::{
    convert::Infallible,
    io,
    sync::{Arc, Mutex},
};

use axum::{Extension, Router, body::Body, extract::Request as AxumRequest, routing::get};
use bytes::Bytes;
use futures_util::{future::join_all, stream};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use tokio::task::yield_now;
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    bulkhead::BulkheadLayer,
    context::{self, Context, CorrelationId, TraceParent},
    correlation_id::{CorrelationIdConfig, CorrelationIdLayer, PropagateLayer},
    observe::{Condition, Event, EventKind, Watch},
    rejection::Rejection,
};
use tower_keep_test::contract;

use crate::support::{client, get as request, serve, text};

const ID: &str = "x-correlation-id";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// What a handler sees with no code for it.
async fn seen() -> String {
    context::correlation_id().map_or_else(|| "none".to_owned(), String::from)
}

fn with_headers(headers: &[(&'static str, &[u8])]) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    for (name, value) in headers {
        let value = HeaderValue::from_bytes(value).unwrap();
        request.headers_mut().append(*name, value);
    }
    request
}

async fn ask(app: &Router, request: Request<Body>) -> Response<Body> {
    app.clone().oneshot(request).await.unwrap()
}

async fn body(response: Response<Body>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn id_of<B>(response: &Response<B>) -> String {
    response.headers()[ID].to_str().unwrap().to_owned()
}

/// A random UUID of version 7, as text.
fn is_new(id: &str) -> bool {
    id.len() == 36 && id.as_bytes()[14] == b'7'
}

#[tokio::test]
async fn an_id_reaches_task_extensions_and_response() {
    async fn both(Extension(context): Extension<Context>) -> String {
        format!("{} {}", context.correlation_id(), seen().await)
    }
    let layer = CorrelationIdLayer::new();
    let handle = layer.handle();
    let app = Router::new().route("/", get(both)).layer(layer);

    let kept = ask(&app, with_headers(&[(ID, b"order-17")])).await;
    assert_eq!(id_of(&kept), "order-17");
    assert_eq!(body(kept).await, "order-17 order-17");

    let made = ask(&app, with_headers(&[])).await;
    let id = id_of(&made);
    assert!(is_new(&id), "{id}");
    assert_eq!(body(made).await, format!("{id} {id}"));

    let counts = handle.snapshot();
    assert_eq!(
        (counts.accepted, counts.replaced, counts.created),
        (1, 0, 1)
    );
}

#[tokio::test]
async fn a_malformed_id_is_replaced_and_nobody_inside_sees_it() {
    async fn raw(headers: HeaderMap) -> String {
        let values: Vec<_> = headers
            .get_all(ID)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        String::from_utf8(values.join(&b'|')).unwrap()
    }
    let layer = CorrelationIdLayer::new();
    let handle = layer.handle();
    let app = Router::new().route("/", get(raw)).layer(layer);
    let long = [b'x'; 129];
    let malformed: [&[u8]; 9] = [
        b"",
        b"a b",
        b"a,b",
        b"id\t2026-01-01T00:00:00Z ERROR forged",
        b"\"},{\"level\":\"error",
        b"${jndi:ldap://evil}",
        b"<script>alert(1)</script>",
        b"\xff\xfe",
        &long,
    ];
    for value in malformed {
        let response = ask(&app, with_headers(&[(ID, value)])).await;
        let id = id_of(&response);
        assert!(is_new(&id), "{value:?} -> {id}");
        assert_eq!(body(response).await, id, "{value:?}");
    }
    let ambiguous = ask(&app, with_headers(&[(ID, b"one"), (ID, b"two")])).await;
    let id = id_of(&ambiguous);
    assert!(is_new(&id));
    assert_eq!(body(ambiguous).await, id);
    assert_eq!(handle.snapshot().replaced, 10);
}

#[tokio::test]
async fn an_id_goes_from_server_to_server_with_no_code_in_the_handler() {
    async fn told(headers: HeaderMap) -> String {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let state = header("tracestate").unwrap_or("-");
        format!(
            "{} {} {state}",
            seen().await,
            header("traceparent").unwrap_or("-")
        )
    }
    let second = Router::new()
        .route("/", get(told))
        .layer(CorrelationIdLayer::new());
    let second = serve(second).await;

    let outbound = ServiceBuilder::new()
        .layer(PropagateLayer::new())
        .service(client());
    let first = get(move || async move {
        // Twice, as a retry would.
        let [one, two] = [outbound.clone(), outbound];
        let (one, two) = tokio::join!(one.oneshot(request(second, "/")), async {
            // And once from a task of its own.
            let call = context::spawn(two.oneshot(request(second, "/")));
            call.await.unwrap()
        });
        format!("{}\n{}", text(one.unwrap()).await, text(two.unwrap()).await)
    });
    let first = Router::new()
        .route("/", first)
        .layer(CorrelationIdLayer::new());
    let first = serve(first).await;

    let mut call = request(first, "/");
    let set = |value| HeaderValue::from_static(value);
    call.headers_mut().insert(ID, set("order-17"));
    call.headers_mut().insert("traceparent", set(PARENT));
    call.headers_mut().append("tracestate", set("a=1"));
    call.headers_mut().append("tracestate", set("b=2"));
    let answer = text(client().request(call).await.unwrap()).await;

    let mut spans = vec![TraceParent::parse(PARENT).unwrap().span_id()];
    for line in answer.lines() {
        let [id, parent, state] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        assert_eq!((id, state), ("order-17", "a=1,b=2"));
        let parent = TraceParent::parse(parent).unwrap();
        assert_eq!(format!("{:032x}", parent.trace_id()), TRACE);
        assert!(
            !spans.contains(&parent.span_id()),
            "each call is a span of its own"
        );
        spans.push(parent.span_id());
    }
    assert_eq!(spans.len(), 3);
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
        let lost = tokio::spawn(seen()).await.unwrap();
        format!(
            "{one} {two} {three} {four} {} {lost}",
            spawned.await.unwrap()
        )
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(CorrelationIdLayer::new());
    let answer = ask(&app, with_headers(&[(ID, b"id")])).await;
    assert_eq!(body(answer).await, "id id id id id none");
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
            let answer = ask(&app, with_headers(&[(ID, id.as_bytes())])).await;
            assert_eq!(id_of(&answer), id);
            assert_eq!(body(answer).await, id);
        }
    });
    join_all(calls).await;
    assert_eq!(context::correlation_id(), None);
}

#[tokio::test]
async fn an_answer_that_no_handler_gave_carries_the_id_too() {
    let app = Router::new().route("/", get(seen)).layer(
        ServiceBuilder::new()
            .layer(CorrelationIdLayer::new())
            .layer(BulkheadLayer::new(0)),
    );
    let refused = ask(&app, with_headers(&[(ID, b"id")])).await;
    assert!(Rejection::of(&refused).is_some());
    assert_eq!(id_of(&refused), "id");

    let app = Router::new()
        .route("/", get(seen))
        .layer(CorrelationIdLayer::new());
    let mut nowhere = with_headers(&[(ID, b"id")]);
    *nowhere.uri_mut() = "/nowhere".parse().unwrap();
    let nowhere = ask(&app, nowhere).await;
    assert_eq!(
        (nowhere.status(), id_of(&nowhere)),
        (StatusCode::NOT_FOUND, "id".to_owned())
    );
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
    let answer = ask(&app, with_headers(&[(ID, b"id")])).await;
    assert_eq!(body(answer).await, "id id id ");
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
async fn a_trace_is_kept_or_started() {
    async fn trace(headers: HeaderMap) -> String {
        let header = |name| {
            headers
                .get(name)
                .map_or("-", |value| value.to_str().unwrap())
        };
        let parent = context::trace_parent().unwrap();
        format!(
            "{parent} {} {}",
            header("traceparent"),
            header("tracestate")
        )
    }
    let app = Router::new()
        .route("/", get(trace))
        .layer(CorrelationIdLayer::new());
    let ask = async |headers: &[(&'static str, &[u8])]| {
        let answer = ask(&app, with_headers(headers)).await;
        let id = id_of(&answer).replace('-', "");
        (id, body(answer).await)
    };

    let (_, kept) = ask(&[("traceparent", PARENT.as_bytes()), ("tracestate", b"a=1")]).await;
    assert_eq!(kept, format!("{PARENT} {PARENT} a=1"));

    // Without either, the trace has the id of the request.
    let (id, started) = ask(&[]).await;
    assert!(started.starts_with(&format!("00-{id}-")), "{started}");
    assert!(started.ends_with(" - -"), "{started}");

    let invalid = PARENT.to_uppercase();
    let (id, restarted) = ask(&[("traceparent", invalid.as_bytes()), ("tracestate", b"a=1")]).await;
    let [context, header, state] = restarted.split(' ').collect::<Vec<_>>().try_into().unwrap();
    assert!(context.starts_with(&format!("00-{id}-")), "{restarted}");
    assert_eq!(
        (header, state),
        (context, "-"),
        "the invalid one is not seen inside"
    );
}

#[tokio::test]
async fn at_the_edge_nothing_is_believed_and_within_it_everything_else_is_kept() {
    let inner = CorrelationIdLayer::new();
    let edge = CorrelationIdLayer::edge();
    let (inner_handle, edge_handle) = (inner.handle(), edge.handle());
    let trace = || async { context::trace_parent().unwrap().to_string() };
    // Applied twice: the one inside keeps what the one outside decided.
    let app = Router::new()
        .route("/", get(trace))
        .layer(inner)
        .layer(edge);
    let answer = ask(
        &app,
        with_headers(&[(ID, b"mine"), ("traceparent", PARENT.as_bytes())]),
    )
    .await;
    assert!(is_new(&id_of(&answer)));
    assert!(!body(answer).await.contains(TRACE));
    assert_eq!(edge_handle.snapshot().replaced, 1);
    assert_eq!(inner_handle.snapshot().accepted, 0);
}

#[tokio::test]
async fn names_generator_and_response_are_what_the_configuration_says() {
    let config = CorrelationIdConfig {
        header: "x-order".to_owned(),
        also_accept: vec!["x-request-id".to_owned()],
        response_header: false,
        trace: false,
        ..CorrelationIdConfig::default()
    };
    let layer = CorrelationIdLayer::from_config(config)
        .unwrap()
        .generate(|head| {
            let path = head.uri.path();
            CorrelationId::parse(path.strip_prefix("/orders/")?).ok()
        });
    let all = || async { format!("{} {:?}", seen().await, context::trace_parent()) };
    let app = Router::new().fallback(all).layer(layer);
    let ask = async |path: &str, headers: &[(&'static str, &[u8])]| {
        let mut request = with_headers(headers);
        *request.uri_mut() = path.parse().unwrap();
        let answer = ask(&app, request).await;
        assert!(answer.headers().get("x-order").is_none());
        body(answer).await
    };
    let traced = ("traceparent", PARENT.as_bytes());
    assert_eq!(ask("/", &[("x-request-id", b"b"), traced]).await, "b None");
    assert_eq!(
        ask("/", &[("x-request-id", b"b"), ("x-order", b"a")]).await,
        "a None"
    );
    assert_eq!(ask("/orders/17", &[]).await, "17 None");
    assert!(is_new(ask("/", &[]).await.trim_end_matches(" None")));
}

#[tokio::test]
async fn a_handle_steers_all_clones_and_headers_are_fixed() {
    let layer = CorrelationIdLayer::new().named("public");
    let handle = layer.handle();
    let mut events = handle.subscribe(4);
    let app = Router::new().route("/", get(seen)).layer(layer);

    handle.update(CorrelationIdConfig::edge()).unwrap();
    assert_eq!(handle.config(), CorrelationIdConfig::edge());
    let event = events.try_next().unwrap();
    assert!(matches!(event.kind, EventKind::ConfigUpdated));
    assert_eq!(event.name(), "public");
    let answer = ask(&app, with_headers(&[(ID, b"mine")])).await;
    assert!(is_new(&id_of(&answer)));

    let moved = CorrelationIdConfig {
        header: "x-id".to_owned(),
        ..CorrelationIdConfig::default()
    };
    let error = handle.update(moved).unwrap_err();
    assert_eq!(error.field(), "header");
    assert_eq!(handle.config(), CorrelationIdConfig::edge());

    let vitals = handle.vitals();
    assert_eq!(
        (vitals.condition, vitals.name.as_str()),
        (Condition::Normal, "public")
    );
    assert_eq!(vitals.summary, "0 ids accepted, 1 replaced, 0 created");
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
    assert!(is_new(sent.to_str().unwrap()));
}

#[tokio::test]
async fn a_service_that_fails_fails_as_before() {
    let failing = service_fn(async |_: Request<()>| Err::<Response<Body>, _>(Infallible::Here));
    #[derive(Debug, PartialEq)]
    enum Infallible {
        Here,
    }
    let service = CorrelationIdLayer::new().layer(failing);
    assert_eq!(
        service.oneshot(Request::new(())).await.unwrap_err(),
        Infallible::Here
    );
    assert_eq!(context::correlation_id(), None);
}

#[tokio::test]
async fn a_tonic_channel_and_a_tonic_server_share_an_id() {
    use tonic::transport::{Endpoint, Server, server::TcpIncoming};
    use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = incoming.local_addr().unwrap();
    let (_, health) = tonic_health::server::health_reporter();
    let server = Server::builder()
        .layer(CorrelationIdLayer::new())
        .add_service(health);
    tokio::spawn(server.serve_with_incoming(incoming));

    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let channel = endpoint.connect().await.unwrap();
    let mut client = HealthClient::new(PropagateLayer::new().layer(channel));
    let work = Context::new(CorrelationId::parse("job-7").unwrap());
    let answer = work
        .scope(client.check(HealthCheckRequest::default()))
        .await
        .unwrap();
    assert_eq!(answer.metadata().get(ID).unwrap(), "job-7");
}

#[tokio::test]
async fn a_log_line_of_the_handler_and_of_what_it_spawns_has_the_id() {
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .without_time()
        .finish();
    let _default = tracing::subscriber::set_default(subscriber);

    let handler = |_: AxumRequest| async {
        tracing::info!("in the handler");
        yield_now().await;
        let spawned = context::spawn(async { tracing::info!("in a task") });
        spawned.await.unwrap();
        tracing::info!("and back");
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(CorrelationIdLayer::new());
    let request = with_headers(&[(ID, b"order-17"), ("traceparent", PARENT.as_bytes())]);
    ask(&app, request).await;
    tracing::info!("outside");

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let span = format!("request{{correlation_id=order-17 trace_id={TRACE}}}: it::correlation_id: ");
    for said in ["in the handler", "in a task", "and back"] {
        assert!(log.contains(&format!("{span}{said}")), "{log}");
    }
    assert!(log.contains("INFO it::correlation_id: outside"), "{log}");
}

/// The most a request can cost: new id, new trace, nothing in its maps.
const ALLOCATIONS: u64 = 7;

#[tokio::test]
async fn an_admitted_request_allocates_seven_times() {
    contract::allocations(contract::Http, &CorrelationIdLayer::new(), ALLOCATIONS).await;
}

#[tokio::test]
#[should_panic(expected = "allocates 7 times")]
async fn an_admitted_request_does_not_allocate_less() {
    contract::allocations(contract::Http, &CorrelationIdLayer::new(), ALLOCATIONS - 1).await;
}

//! The correlation id from outside.

use axum::{Extension, Router, body::Body, routing::get};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    bulkhead::BulkheadLayer,
    context::{self, Context, CorrelationId, TraceParent},
    correlation_id::{CorrelationIdConfig, CorrelationIdLayer, PropagateLayer},
    observe::{Condition, EventKind, Watch},
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
    assert!(matches!(event.kind, EventKind::ConfigUpdated { .. }));
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
async fn a_service_that_fails_fails_as_before() {
    #[derive(Debug, PartialEq)]
    struct Broken;
    let failing = service_fn(async |_: Request<()>| Err::<Response<Body>, _>(Broken));
    let service = CorrelationIdLayer::new().layer(failing);
    assert_eq!(service.oneshot(Request::new(())).await.unwrap_err(), Broken);
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

/// The most a request can cost: new id, new trace, nothing in its maps.
const ALLOCATIONS: u64 = 7;

#[tokio::test(start_paused = true)]
async fn it_keeps_the_contract_and_a_request_allocates_seven_times() {
    let at_rest = |_: &CorrelationIdLayer| assert_eq!(context::correlation_id(), None);
    contract::Contract::new(CorrelationIdLayer::new, at_rest)
        .allowing_allocations(ALLOCATIONS)
        .http()
        .await;
}

#[tokio::test]
#[should_panic(expected = "allocates 7 times")]
async fn an_admitted_request_does_not_allocate_less() {
    contract::allocations(contract::Http, &CorrelationIdLayer::new(), ALLOCATIONS - 1).await;
}

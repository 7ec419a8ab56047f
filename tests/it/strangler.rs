//! An old service, a new one, and who gets which.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::body::Body;
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use tokio::time::{Instant, sleep};
use tower::{ServiceExt, service_fn};
use tower_keep::{
    observe::EventKind,
    strangler::{Shadowed, Side, StranglerConfig, StranglerLayer},
};
use tower_layer::Layer;
use tower_service::Service;

const SECOND: Duration = Duration::from_secs(1);

/// Answers its name after a while.
fn service(
    name: &'static str,
    takes: Duration,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send + 'static>
+ Clone
+ Send
+ 'static
+ use<> {
    service_fn(move |_: Request<Body>| async move {
        sleep(takes).await;
        Ok(Response::new(Body::from(name)))
    })
}

fn request(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

macro_rules! ask {
    ($layer:expr, $request:expr) => {{
        let stack = $layer.layer(service("old", Duration::ZERO));
        let response = stack.oneshot($request).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }};
}

#[tokio::test(start_paused = true)]
async fn a_percentage_at_random_and_back_in_one_update() {
    let new = service("new", Duration::ZERO);
    let layer = StranglerLayer::from_config(new, StranglerConfig::percent(20.0)).unwrap();
    for _ in 0..2000 {
        ask!(layer, request("/"));
    }
    let now = layer.handle().snapshot();
    assert!((300..500).contains(&now.new), "{now:?}");
    assert_eq!(now.old + now.new, 2000);
    let off = StranglerConfig {
        enabled: false,
        ..StranglerConfig::percent(100.0)
    };
    layer.handle().update(off).unwrap();
    assert_eq!(ask!(layer, request("/")), "old");
}

#[tokio::test(start_paused = true)]
async fn a_key_stays_on_its_side_and_rules_come_first() {
    let new = service("new", Duration::ZERO);
    let layer = StranglerLayer::from_config(new, StranglerConfig::percent(50.0))
        .unwrap()
        .sticky(|head| head.uri.query())
        .paths(["/v2"])
        .by_header("x-service")
        .route(|head| (head.uri.path() == "/legacy").then_some(Side::Old));
    let mut sides = Vec::new();
    for customer in 0..20 {
        let path = format!("/?{customer}");
        let first = ask!(layer, request(&path));
        for _ in 0..5 {
            assert_eq!(ask!(layer, request(&path)), first);
        }
        sides.push(first);
    }
    assert!(sides.contains(&"old".to_owned()) && sides.contains(&"new".to_owned()));
    assert_eq!(ask!(layer, request("/v2/orders?0")), "new");
    for side in ["old", "new"] {
        let mut chosen = request("/v2");
        chosen
            .headers_mut()
            .insert("x-service", side.parse().unwrap());
        assert_eq!(ask!(layer, chosen), side);
    }
    let mut chosen = request("/legacy");
    chosen
        .headers_mut()
        .insert("x-service", "new".parse().unwrap());
    assert_eq!(ask!(layer, chosen), "old");
}

#[tokio::test(start_paused = true)]
async fn reads_in_the_shadow_are_compared_and_cost_the_caller_nothing() {
    let new = service("new", 5 * SECOND);
    let layer = StranglerLayer::from_config(new, StranglerConfig::shadow(100.0))
        .unwrap()
        .shadow_reads()
        .named("orders");
    let mut told = layer.handle().subscribe(8);
    let start = Instant::now();
    assert_eq!(ask!(layer, request("/")), "old");
    assert_eq!(start.elapsed(), Duration::ZERO);
    let event = told.next().await.unwrap();
    assert_eq!(
        event.to_string(),
        "strangler orders: the answers differ: bodies of 3 and 3 bytes, from byte 0 on"
    );
    assert_eq!(start.elapsed(), 5 * SECOND);
    assert_eq!(layer.handle().snapshot().differed, 1);
    assert_eq!(layer.handle().snapshot().shadows, 0);
}

#[tokio::test(start_paused = true)]
async fn the_same_answers_match_and_ones_own_comparison_decides() {
    let shadowed = StranglerConfig::shadow(100.0);
    let same = StranglerLayer::from_config(service("old", SECOND), shadowed).unwrap();
    let same = same.shadow_reads();
    let lenient = StranglerLayer::from_config(service("new", SECOND), shadowed)
        .unwrap()
        .shadow_reads()
        .compare(|old, new| (old.status != new.status).then(|| "status".to_owned()));
    for layer_told in [same.handle().subscribe(1), lenient.handle().subscribe(1)] {
        let mut told = layer_told;
        ask!(same, request("/"));
        ask!(lenient, request("/"));
        let event = told.next().await.unwrap();
        assert!(matches!(
            event.kind,
            EventKind::ComparisonMade { matched: true, .. }
        ));
    }
}

#[tokio::test(start_paused = true)]
async fn writes_are_never_shadowed_and_shadows_are_bounded_in_number_and_time() {
    let running = Arc::new(AtomicUsize::new(0));
    let most = running.clone();
    let new = service_fn(move |request: Request<Body>| {
        assert!(request.extensions().get::<Shadowed>().is_some());
        assert_eq!(request.headers()["x-shadow-request"], "true");
        assert_eq!(request.method(), Method::GET);
        most.fetch_add(1, SeqCst);
        std::future::pending::<Result<Response<Body>, Infallible>>()
    });
    let config = StranglerConfig {
        max_shadows: 3,
        shadow_timeout: SECOND,
        ..StranglerConfig::shadow(100.0)
    };
    let layer = StranglerLayer::from_config(new, config)
        .unwrap()
        .shadow_reads();
    let mut told = layer.handle().subscribe(16);
    let post = || Request::post("/").body(Body::from("an order")).unwrap();
    for _ in 0..10 {
        ask!(layer, post());
        ask!(layer, request("/"));
    }
    assert_eq!(layer.handle().snapshot().shadows, 3);
    for _ in 0..3 {
        let event = told.next().await.unwrap();
        assert!(
            event
                .to_string()
                .ends_with("no answer in the shadow in time"),
            "{event}"
        );
    }
    assert_eq!(running.load(SeqCst), 3);
    assert_eq!(layer.handle().snapshot().shadows, 0);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_hangs_up_leaves_nothing_in_the_shadow() {
    let new = service("new", SECOND);
    let layer = StranglerLayer::from_config(new, StranglerConfig::shadow(100.0)).unwrap();
    let layer = layer.shadow_reads();
    let call = layer
        .layer(service("old", 60 * SECOND))
        .oneshot(request("/"));
    assert!(tokio::time::timeout(SECOND / 2, call).await.is_err());
    sleep(2 * SECOND).await;
    assert_eq!(layer.handle().snapshot().shadows, 0);
}

//! Work that goes on, work that does not, and who hears of it.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::body::Body;
use http::{Method, Request, Response, StatusCode};
use tokio::time::{sleep, timeout};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    bulkhead::BulkheadLayer,
    context::{self, Context},
    detach::{DetachConfig, DetachLayer},
    timeout::TimeoutLayer,
};
use tower_layer::Layer;
use tower_service::Service;

const SECOND: Duration = Duration::from_secs(1);

/// Works for ten seconds, then counts.
fn work(
    done: &Arc<AtomicUsize>,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send + 'static>
+ Clone
+ use<> {
    let done = done.clone();
    service_fn(move |_: Request<Body>| {
        let done = done.clone();
        async move {
            sleep(10 * SECOND).await;
            done.fetch_add(1, Relaxed);
            Ok(Response::new(Body::empty()))
        }
    })
}

fn request(method: Method) -> Request<Body> {
    Request::builder()
        .method(method)
        .body(Body::empty())
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_write_is_finished_and_a_read_is_dropped() {
    let (layer, done) = (DetachLayer::default(), Arc::default());
    let service = layer.layer(work(&done));
    for method in [Method::GET, Method::POST, Method::DELETE] {
        let call = service.clone().oneshot(request(method));
        assert!(timeout(SECOND, call).await.is_err());
    }
    assert_eq!(layer.handle().snapshot().detached, 2);
    timeout(60 * SECOND, layer.handle().idle()).await.unwrap();
    assert_eq!(done.load(Relaxed), 2);
    assert_eq!(layer.handle().snapshot().total, 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_waited_for_is_answered_as_ever() {
    let (layer, done) = (DetachLayer::default(), Arc::default());
    let call = layer.layer(work(&done)).oneshot(request(Method::POST));
    assert_eq!(call.await.unwrap().status(), StatusCode::OK);
    assert_eq!(layer.handle().snapshot().total, 0);
}

#[tokio::test(start_paused = true)]
async fn our_own_deadline_is_a_reason_to_go_on_unless_told_otherwise() {
    for after_deadline in [true, false] {
        let (layer, done) = (DetachLayer::default(), Arc::default());
        let config = DetachConfig {
            after_deadline,
            ..DetachConfig::default()
        };
        layer.handle().update(config).unwrap();
        let stack = ServiceBuilder::new()
            .layer(TimeoutLayer::new(SECOND))
            .layer(layer.clone())
            .service(work(&done));
        let response = stack.oneshot(request(Method::POST)).await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        layer.handle().idle().await;
        assert_eq!(done.load(Relaxed), usize::from(after_deadline));
    }
}

#[tokio::test(start_paused = true)]
async fn outside_the_bulkhead_it_keeps_the_place() {
    let (layer, done) = (DetachLayer::default(), Arc::default());
    let bulkhead = BulkheadLayer::new(1);
    let stack = ServiceBuilder::new()
        .layer(layer.clone())
        .layer(bulkhead.clone())
        .service(work(&done));
    let call = stack.clone().oneshot(request(Method::POST));
    assert!(timeout(SECOND, call).await.is_err());
    let refused = stack.oneshot(request(Method::POST)).await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    layer.handle().idle().await;
    assert_eq!(bulkhead.handle().snapshot().running, 0);
}

#[tokio::test(start_paused = true)]
async fn what_goes_on_still_belongs_to_the_request() {
    let layer = DetachLayer::default();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let sender = Arc::new(std::sync::Mutex::new(Some(sender)));
    let service = service_fn(move |_: Request<Body>| {
        let sender = sender.clone();
        async move {
            sleep(SECOND).await;
            let sender = sender.lock().unwrap().take().unwrap();
            sender.send(context::correlation_id()).unwrap();
            Ok::<_, Infallible>(Response::new(Body::empty()))
        }
    });
    let context = Context::fresh();
    let id = context.correlation_id().clone();
    let call = layer.layer(service).oneshot(request(Method::PUT));
    let given_up = context.scope(timeout(SECOND / 2, call));
    assert!(given_up.await.is_err());
    assert_eq!(receiver.await.unwrap(), Some(id));
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_what_goes_on_gives_the_place_back() {
    let layer = DetachLayer::default().plain();
    let service = service_fn(|(): ()| async {
        sleep(SECOND).await;
        if true {
            panic!("on purpose");
        }
        Ok::<_, tower_keep::BoxError>(())
    });
    let call = layer.layer(service).oneshot(());
    assert!(timeout(SECOND / 2, call).await.is_err());
    timeout(60 * SECOND, layer.handle().idle()).await.unwrap();
}

#[test]
fn none_is_no_number_of_calls() {
    let error = DetachLayer::from_config(DetachConfig::new(0)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "detach: `max_detached` is 0: give at least 1"
    );
}

//! HG: asking twice.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use axum::{Router, body::Body, middleware, routing::get};
use http::{Request, Response, Uri};
use tokio::time::Instant;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    budget::{Budget, BudgetConfig},
    hedge::{Delay, HedgeConfig, HedgeLayer, Observed},
    protocol::CarriesRejection,
    rejection::Rejection,
    replay::ReplayBody,
};
use tower_layer::Layer;

use crate::{
    hedge::{Plan, layer, ms, planned},
    support::QuoteError,
};

/// How many calls there were and how long it took, of a plain service by plan.
async fn run(config: HedgeConfig, plan: Plan) -> (Result<usize, String>, usize, u128) {
    let (service, calls) = planned(plan);
    let start = Instant::now();
    let answer = layer(config).plain().layer(service).oneshot(1).await;
    let answer = answer.map_err(|error| error.to_string());
    (answer, calls.counts().0, start.elapsed().as_millis())
}

/// HG1: a fixed delay and a maximum of hedges.
/// `HedgeLayer::after(delay)`; `max_hedges`, 1 by default, each after the same delay again.
#[tokio::test(start_paused = true)]
async fn hg1() {
    let three = HedgeConfig {
        max_hedges: 2,
        ..HedgeConfig::after(ms(50))
    };
    let plan: Plan = &[(1_000, Ok(())), (1_000, Ok(())), (10, Ok(()))];
    assert_eq!(run(three, plan).await, (Ok(3), 3, 110));
    assert_eq!(
        run(HedgeConfig::after(ms(50)), plan).await,
        (Ok(1), 2, 1_000)
    );
}

/// HG2: the delay is a quantile of observed latency, once enough is known.
/// The default: p95 of the last minute from 100 calls on, 100 ms until then, never below 5 ms; a
/// lock-free histogram, and a call given up for a faster one counts as at least as long as it ran.
#[tokio::test(start_paused = true)]
async fn hg2() {
    let observed = Observed {
        min_samples: 50,
        ..Observed::default()
    };
    let config = HedgeConfig {
        delay: Delay::Observed(observed),
        ..HedgeConfig::default()
    };
    let layer = layer(config);
    let handle = layer.handle();
    assert_eq!(handle.snapshot().delay, Some(ms(100)));
    let (service, calls) = planned(&[(20, Ok(()))]);
    let mut service = layer.clone().plain().layer(service);
    for _ in 0..60 {
        tower::Service::call(&mut service, 1).await.unwrap();
    }
    assert_eq!(calls.counts().0, 60);
    let (service, _) = planned(&[(500, Ok(())), (1, Ok(()))]);
    let start = Instant::now();
    assert_eq!(layer.plain().layer(service).oneshot(1).await.unwrap(), 2);
    let took = start.elapsed();
    assert!((ms(20)..ms(25)).contains(&took), "{took:?}");
    let delay = handle.snapshot().delay.unwrap();
    assert!((ms(20)..ms(22)).contains(&delay), "{delay:?}");
}

/// HG3: a budget for hedges.
/// `Budget`, 20 % of the calls and on by default, shared with retries; used up, it stops new hedges and
/// no attempt that runs.
#[tokio::test(start_paused = true)]
async fn hg3() {
    let budget = BudgetConfig {
        ratio: 0.0,
        floor: 1,
    };
    let budget = Budget::new(budget).unwrap();
    while budget.balance() >= 2.0 {
        assert!(budget.withdraw());
    }
    let (service, calls) = planned(&[(100, Ok(()))]);
    let layer = HedgeLayer::after(ms(50)).budget(budget).plain();
    let mut service = layer.layer(service);
    let [one, other] = [1, 2].map(|n| tower::Service::call(&mut service, n));
    let (one, other) = tokio::join!(one, other);
    assert!(one.is_ok() && other.is_ok());
    assert_eq!(calls.counts().0, 3);
}

/// HG4: only eligible requests.
/// Idempotent methods, a key or the extension `Retryable`; `eligible_if(|head| ..)` in their place, and
/// `plain_if(|request| ..)` for services that are not HTTP.
#[tokio::test(start_paused = true)]
async fn hg4() {
    let (service, calls) = planned(&[(100, Ok(()))]);
    let layer = HedgeLayer::after(ms(50)).plain_if(|n: &u64| *n < 10);
    let mut service = layer.layer(service);
    tower::Service::call(&mut service, 10).await.unwrap();
    assert_eq!(calls.counts().0, 1);
    tower::Service::call(&mut service, 9).await.unwrap();
    assert_eq!(calls.counts().0, 3);
}

/// HG5: a bad result does not win.
/// It is kept until all attempts have ended; a good one wins over it, and the best is returned if all
/// are bad.
#[tokio::test(start_paused = true)]
async fn hg5() {
    let plan: Plan = &[(100, Ok(())), (10, Err("bad"))];
    assert_eq!(run(HedgeConfig::after(ms(50)), plan).await, (Ok(1), 2, 100));
}

/// HG6: a failed attempt starts the next at once.
/// If the verdict says that it may be tried again; the last failure ends the call without a wait.
#[tokio::test(start_paused = true)]
async fn hg6() {
    let plan: Plan = &[(0, Err("first")), (0, Err("second"))];
    let (answer, calls, took) = run(HedgeConfig::after(ms(200)), plan).await;
    assert_eq!((answer, calls), (Err("first".to_owned()), 2));
    assert!(took <= 2, "{took} ms");
}

/// HG7: losers are cancelled by drop.
/// As soon as the head of a good answer is there, and with a reason that guards inside can see: a
/// breaker counts them as slow if they were, and never as failures.
#[tokio::test(start_paused = true)]
async fn hg7() {
    let (service, calls) = planned(&[(1_000, Ok(())), (10, Ok(()))]);
    let service = HedgeLayer::after(ms(50)).plain().layer(service);
    service.oneshot(1).await.unwrap();
    assert_eq!(calls.counts(), (2, 1));
}

/// HG8: works with errors that are not `Clone` and bodies that are not `Sync`.
/// No bound on responses and errors at all; requests need `Clone` only where they are not HTTP.
#[tokio::test(start_paused = true)]
async fn hg8() {
    fn carries<E: CarriesRejection>(_: &E) {}
    let service = service_fn(async |_: ()| Err::<std::cell::Cell<u8>, _>(QuoteError::Busy));
    let layer = HedgeLayer::after(ms(50)).plain();
    carries(&layer.layer(service).oneshot(()).await.unwrap_err());

    let hedge = ServiceBuilder::new()
        .layer(HedgeLayer::after(ms(50)).same_body(Body::new))
        .layer(middleware::from_fn(
            |request: axum::extract::Request, next: middleware::Next| async move {
                next.run(request).await
            },
        ));
    let app: Router = Router::new()
        .route("/", get(|| async { "hi" }))
        .layer(hedge);
    let response = app.oneshot(Request::new(Body::empty())).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(Rejection::of(&response).is_none());
}

/// HG9: another endpoint for each hedge.
/// `rewrite(|attempt, head| ..)` changes the head of every further attempt.
#[tokio::test(start_paused = true)]
async fn hg9() {
    let hosts = Arc::new(Mutex::new(Vec::new()));
    let layer = HedgeLayer::after(ms(50)).rewrite(|attempt, head| {
        head.uri = Uri::try_from(format!("http://replica-{attempt}/")).unwrap();
    });
    let service = layer.layer(service_fn({
        let hosts = hosts.clone();
        move |request: Request<ReplayBody<String>>| {
            let host = request.uri().host().unwrap().to_owned();
            hosts.lock().unwrap().push(host.clone());
            async move {
                tokio::time::sleep(ms(if host == "first" { 1_000 } else { 1 })).await;
                Ok::<_, Infallible>(Response::new(host))
            }
        }
    }));
    let request = Request::get("http://first/").body(String::new()).unwrap();
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(response.body(), "replica-2");
    assert_eq!(*hosts.lock().unwrap(), ["first", "replica-2"]);
}

/// HG10: modes: all at once, after a latency, after a failure.
/// `HedgeConfig::parallel()`, `after(delay)` or the observed default, and `on_failure()`; switched while
/// calls run by `update`.
#[tokio::test(start_paused = true)]
async fn hg10() {
    let slow: Plan = &[(1_000, Ok(())), (10, Ok(()))];
    assert_eq!(run(HedgeConfig::parallel(), slow).await, (Ok(2), 2, 10));
    assert_eq!(
        run(HedgeConfig::on_failure(), slow).await,
        (Ok(1), 1, 1_000)
    );
    let fails: Plan = &[(300, Err("down")), (10, Ok(()))];
    assert_eq!(run(HedgeConfig::on_failure(), fails).await, (Ok(2), 2, 310));
    let at_once = AtomicUsize::new(0);
    let service = service_fn(|_: u64| {
        at_once.fetch_add(1, Relaxed);
        async { Ok::<_, tower_keep::BoxError>(()) }
    });
    let layer = layer(HedgeConfig::parallel()).plain();
    layer.layer(service).oneshot(1).await.unwrap();
    assert_eq!(
        at_once.load(Relaxed),
        1,
        "an answer that is there at once needs no other"
    );
}

//! The throttle from outside.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use http::{Request, Response, StatusCode};
use tokio::time::{advance, sleep};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    bulkhead::BulkheadLayer,
    config::Enforce,
    observe::{Condition, EventKind, Watch},
    rejection::{Kind, Rejection},
    throttle::{ThrottleConfig, ThrottleLayer},
};
use tower_service::Service;

/// A service that accepts so many calls a second, and counts all it gets.
#[derive(Clone, Default)]
struct Backend {
    per_second: Arc<AtomicU32>,
    left: Arc<AtomicU32>,
    got: Arc<AtomicU64>,
}

impl Backend {
    fn service(
        &self,
    ) -> impl Service<Request<()>, Response = Response<String>, Error = BoxError> + Clone + use<>
    {
        let backend = self.clone();
        service_fn(move |_: Request<()>| {
            backend.got.fetch_add(1, Relaxed);
            let accepted = backend
                .left
                .fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1))
                .is_ok();
            async move {
                let mut answer = Response::new(String::new());
                if !accepted {
                    *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
                }
                Ok::<_, BoxError>(answer)
            }
        })
    }

    /// A second begins; answers what came in the last one.
    fn tick(&self) -> u64 {
        self.left.store(self.per_second.load(Relaxed), Relaxed);
        self.got.swap(0, Relaxed)
    }
}

/// One second of `calls`, spread evenly.
async fn second<S>(client: &S, calls: u32)
where
    S: Service<Request<()>, Error = BoxError> + Clone,
{
    for _ in 0..calls {
        let _ = client.clone().oneshot(Request::new(())).await;
        advance(Duration::from_secs(1) / calls).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_goes_out_settles_at_twice_what_is_accepted_and_recovers() {
    let backend = Backend::default();
    backend.per_second.store(50, Relaxed);
    let layer = ThrottleLayer::new();
    let client = ServiceBuilder::new()
        .layer(layer.clone())
        .service(backend.service());

    let mut got = 0;
    for n in 0..90 {
        backend.tick();
        second(&client, 500).await;
        if n >= 60 {
            got += backend.got.load(Relaxed);
        }
    }
    let mean = got / 30;
    assert!((85..=125).contains(&mean), "about 100 a second, not {mean}");
    assert_eq!(layer.handle().vitals().condition, Condition::Strained);

    // The service can take all again.
    backend.per_second.store(1000, Relaxed);
    for _ in 0..60 {
        backend.tick();
        second(&client, 500).await;
    }
    assert_eq!(backend.tick(), 500, "nothing is held back any more");
    assert_eq!(layer.handle().snapshot().rejection, 0.0);
    assert_eq!(layer.handle().vitals().condition, Condition::Normal);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_refuses_all_is_still_asked_now_and_then() {
    let backend = Backend::default();
    let layer = ThrottleLayer::new().named("payments");
    let client = ServiceBuilder::new()
        .layer(layer.clone())
        .service(backend.service());
    let mut held_back = 0;
    for _ in 0..2000 {
        let answer = client.clone().oneshot(Request::new(())).await.unwrap();
        if let Some(rejection) = Rejection::of(&answer) {
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(answer.headers()["retry-after"], "3");
            assert_eq!(rejection.kind(), &Kind::Throttled);
            assert!(rejection.is_unexecuted());
            held_back += 1;
        }
    }
    let got = backend.tick();
    assert_eq!(got + held_back, 2000);
    assert!((150..300).contains(&got), "about a tenth, not {got}");
    assert_eq!(layer.handle().snapshot().held_back, held_back);
}

#[tokio::test(start_paused = true)]
async fn refusals_of_our_own_further_in_say_nothing_about_the_service() {
    let layer = ThrottleLayer::new();
    let client = ServiceBuilder::new()
        .layer(layer.clone())
        .layer(BulkheadLayer::new(0))
        .service(Backend::default().service());
    for _ in 0..100 {
        let answer = client.clone().oneshot(Request::new(())).await.unwrap();
        let kind = Rejection::of(&answer).unwrap().kind().as_str();
        assert_eq!(kind, "bulkhead_full");
    }
    assert_eq!(layer.handle().snapshot().requests, 0);
}

#[tokio::test(start_paused = true)]
async fn failures_count_unless_they_are_told_not_to() {
    for (count_failures, accepts) in [(true, 0), (false, 30)] {
        let config = ThrottleConfig {
            count_failures,
            enforce: Enforce::DRY_RUN,
            ..ThrottleConfig::default()
        };
        let layer = ThrottleLayer::from_config(config).unwrap();
        let broken = service_fn(async |_: u64| Err::<u64, BoxError>("broken".into()));
        let client = ServiceBuilder::new()
            .layer(layer.clone().plain())
            .service(broken);
        for n in 0..30 {
            let error = client.clone().oneshot(n).await.unwrap_err();
            assert!(Rejection::find(&*error).is_none(), "a dry run");
        }
        let now = layer.handle().snapshot();
        assert_eq!((now.requests, now.accepts), (30, accepts));
    }
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_says_what_it_would_do_and_does_nothing() {
    let config = ThrottleConfig {
        enforce: Enforce::DRY_RUN,
        ..ThrottleConfig::default()
    };
    let layer = ThrottleLayer::from_config(config).unwrap();
    let mut events = layer.handle().subscribe(1000);
    let backend = Backend::default();
    let client = ServiceBuilder::new()
        .layer(layer.clone())
        .service(backend.service());
    for _ in 0..200 {
        client.clone().oneshot(Request::new(())).await.unwrap();
    }
    assert_eq!(backend.tick(), 200);
    let mut would = 0;
    while let Some(event) = events.try_next() {
        would += u32::from(matches!(
            event.kind,
            EventKind::CallWouldBeRejected {
                kind: Kind::Throttled
            }
        ));
    }
    assert!(would > 100, "{would}");

    let handle = layer.handle();
    let switched_off = ThrottleConfig {
        enabled: false,
        ..ThrottleConfig::default()
    };
    handle.update(switched_off).unwrap();
    for _ in 0..200 {
        client.clone().oneshot(Request::new(())).await.unwrap();
    }
    assert_eq!(backend.tick(), 200);
    assert_eq!(handle.snapshot().requests, 0, "uncounted");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_its_caller_gives_up_is_not_counted_and_one_that_ran_out_of_time_is() {
    use tower_keep::timeout::TimeoutLayer;
    let slow = service_fn(async |_: Request<()>| {
        sleep(Duration::from_secs(60)).await;
        Ok::<_, BoxError>(Response::new(String::new()))
    });
    let layer = ThrottleLayer::new();
    let client = ServiceBuilder::new().layer(layer.clone()).service(slow);
    let given_up = client.clone().oneshot(Request::new(()));
    let _ = tokio::time::timeout(Duration::from_secs(1), given_up).await;
    assert_eq!(layer.handle().snapshot().requests, 0);

    let timed = ServiceBuilder::new()
        .layer(TimeoutLayer::new(Duration::from_secs(1)))
        .service(client);
    let answer = timed.oneshot(Request::new(())).await.unwrap();
    assert!(Rejection::of(&answer).is_some());
    let now = layer.handle().snapshot();
    assert_eq!((now.requests, now.accepts), (1, 0));
}

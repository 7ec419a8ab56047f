//! The balancer from outside: where calls go, who is ejected, who waits.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{
            AtomicBool, AtomicU16, AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tokio::time::{advance, sleep};
use tower::{BoxError, ServiceExt, discover::Change, service_fn};
use tower_keep::{
    balance::{Balance, BalanceConfig, BalanceHandle, Balanced, Measure, OutlierConfig},
    config::Enforce,
    observe::{Condition, EventKind, Subscription, Watch},
    protocol::{CarriesRejection, Plain},
    rejection::{Kind, Rejection},
};
use tower_keep_test::{Driven, script};
use tower_service::Service;

use crate::support::by_hand;

/// A server of its own mind, as seen by a client: status, latency, readiness, and what it saw.
#[derive(Clone)]
pub(crate) struct Replica {
    pub(crate) status: Arc<AtomicU16>,
    pub(crate) millis: Arc<AtomicUsize>,
    pub(crate) ready: Arc<AtomicBool>,
    pub(crate) polls: Arc<AtomicUsize>,
    pub(crate) calls: Arc<AtomicUsize>,
    wakers: Arc<Mutex<Vec<Waker>>>,
}

impl Replica {
    pub(crate) fn new(status: u16, millis: usize) -> Self {
        Self {
            status: Arc::new(AtomicU16::new(status)),
            millis: Arc::new(AtomicUsize::new(millis)),
            ready: Arc::new(AtomicBool::new(true)),
            polls: Arc::default(),
            calls: Arc::default(),
            wakers: Arc::default(),
        }
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(SeqCst)
    }

    pub(crate) fn be_ready(&self) {
        self.ready.store(true, SeqCst);
        self.wakers.lock().unwrap().drain(..).for_each(Waker::wake);
    }
}

impl<B> Service<Request<B>> for Replica {
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.polls.fetch_add(1, SeqCst);
        if self.ready.load(SeqCst) {
            return Poll::Ready(Ok(()));
        }
        self.wakers.lock().unwrap().push(cx.waker().clone());
        Poll::Pending
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        self.calls.fetch_add(1, SeqCst);
        let (status, millis) = (self.status.load(SeqCst), self.millis.load(SeqCst));
        Box::pin(async move {
            sleep(Duration::from_millis(millis as u64)).await;
            let mut response = Response::new(Full::from("an answer"));
            match status {
                0 => return Err("the connection broke".into()),
                status => *response.status_mut() = StatusCode::from_u16(status).unwrap(),
            }
            if status == 429 {
                response.headers_mut().insert("retry-after", 20.into());
            }
            Ok(response)
        })
    }
}

pub(crate) fn fleet(statuses: &[u16]) -> Vec<Replica> {
    statuses
        .iter()
        .map(|&status| Replica::new(status, 10))
        .collect()
}

/// Without slow start and waiting, for tests of something else.
pub(crate) fn config() -> BalanceConfig {
    BalanceConfig {
        slow_start: Duration::ZERO,
        ..BalanceConfig::default()
    }
}

/// A balancer over them, called by their numbers.
pub(crate) fn over(config: BalanceConfig, fleet: &[Replica]) -> (Balanced<Replica>, BalanceHandle) {
    let balance = Balance::from_config(config).unwrap().named("fleet");
    let handle = balance.handle();
    (balance.over(fleet.iter().cloned().enumerate()), handle)
}

pub(crate) fn request() -> Request<Full<Bytes>> {
    Request::new(Full::default())
}

/// The answer read to its end; none if it was an error.
pub(crate) async fn call<S, B>(service: &S) -> Option<StatusCode>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = BoxError> + Clone,
    B: http_body::Body<Error: std::fmt::Debug>,
{
    let response = service.clone().oneshot(request()).await.ok()?;
    let status = response.status();
    response.into_body().collect().await.unwrap();
    Some(status)
}

/// What happened to endpoints, such as `1 ejected`.
pub(crate) fn changes(events: &mut Subscription) -> Vec<String> {
    let mut told = Vec::new();
    while let Some(event) = events.try_next() {
        if let EventKind::EndpointChanged {
            endpoint, change, ..
        } = &event.kind
        {
            told.push(format!("{endpoint} {change}"));
        }
    }
    told
}

/// One of ten fails at once, the others take 10 ms: by load alone it would get nearly every call.
#[tokio::test(start_paused = true)]
async fn one_bad_replica_of_ten_gets_hardly_a_call() {
    fastrand::seed(11);
    let mut fleet = fleet(&[200; 10]);
    fleet[3] = Replica::new(500, 0);
    let (service, handle) = over(config(), &fleet);
    let mut events = handle.subscribe(100);
    let mut failed = 0;
    for _ in 0..6_000 {
        sleep(Duration::from_millis(10)).await;
        failed += usize::from(call(&service).await != Some(StatusCode::OK));
    }
    assert_eq!(failed, fleet[3].calls());
    assert!(failed < 60, "{failed} of 6000 calls in two minutes: 1 %");
    let told = changes(&mut events);
    assert_eq!(told[0], "3 ejected");
    // After it was ejected: what it gets when it comes back to try.
    let ejected_after = 5;
    assert!((failed - ejected_after) * 100 < 2 * 6_000);
    let sane: Vec<_> = (0..10)
        .filter(|&n| n != 3)
        .map(|n| fleet[n].calls())
        .collect();
    assert!(
        sane.iter().all(|calls| (450..900).contains(calls)),
        "{sane:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn calls_go_where_answers_are_fast_and_queues_short() {
    fastrand::seed(12);
    let fleet: Vec<_> = [10, 10, 200].map(|millis| Replica::new(200, millis)).into();
    let (service, _) = over(config(), &fleet);
    for _ in 0..100 {
        let calls = (0..10).map(|_| call(&service));
        join_all(calls).await;
    }
    let calls: Vec<_> = fleet.iter().map(Replica::calls).collect();
    assert!(calls[2] < 100, "{calls:?}");
    assert!(calls[0].abs_diff(calls[1]) < 150, "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn who_is_ejected_is_not_polled_and_comes_back() {
    let fleet = fleet(&[500, 500]);
    let config = BalanceConfig {
        panic_threshold: 0.0,
        max_wait: Duration::from_secs(100),
        outlier: OutlierConfig {
            max_ejected: 1.0,
            jitter: 0.0,
            ..OutlierConfig::default()
        },
        ..config()
    };
    let (service, handle) = over(config, &fleet);
    let mut events = handle.subscribe(100);
    while handle.snapshot().endpoints.iter().any(|one| !one.ejected) {
        call(&service).await;
    }
    assert_eq!(handle.vitals().condition, Condition::Refusing);
    let polls = || {
        fleet
            .iter()
            .map(|one| one.polls.load(SeqCst))
            .sum::<usize>()
    };
    let before = polls();
    let mut waits = Driven::new(service.clone().oneshot(request()));
    assert!(waits.poll().is_pending());
    advance(Duration::from_secs(20)).await;
    tokio::task::yield_now().await;
    assert!(!waits.is_woken());
    assert_eq!(
        (waits.polls(), polls()),
        (1, before),
        "parked for 20 of 30 s"
    );
    fleet.iter().for_each(|one| one.status.store(200, SeqCst));
    advance(Duration::from_secs(11)).await;
    tokio::task::yield_now().await;
    assert!(waits.is_woken());
    assert!(waits.poll().is_pending(), "it runs");
    assert_eq!(polls(), before + 1);
    sleep(Duration::from_millis(20)).await;
    assert!(waits.poll().is_ready());
    let told = changes(&mut events);
    assert_eq!(
        told.iter().filter(|one| one.ends_with("ejected")).count(),
        2,
        "{told:?}"
    );
    assert!(told.iter().any(|one| one.ends_with("returned")), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn without_endpoints_a_call_waits_for_so_long_and_is_refused() {
    let balance = Balance::new().named("payments").plain();
    let handle = balance.handle();
    let service = balance.over(Vec::<(&str, script::Handle<u64, u64, BoxError>)>::new());
    drop(service);
    let (sender, changes) = tokio::sync::mpsc::unbounded_channel();
    let stream = futures_util::stream::unfold(changes, |mut changes| async {
        changes.recv().await.map(|next| (next, changes))
    });
    let balance = Balance::new().named("payments").plain();
    let service = balance.discover(Box::pin(stream), |_: &u32, offset: u64| {
        service_fn(move |n: u64| async move { Ok::<_, BoxError>(n + offset) })
    });
    let start = tokio::time::Instant::now();
    let error = service.clone().oneshot(1).await.unwrap_err();
    let rejection = error.rejection().unwrap();
    assert_eq!(rejection.kind(), &Kind::NoEndpoint);
    assert_eq!(start.elapsed(), Duration::from_secs(1));
    // One that comes in time is used, without a poll in vain.
    let mut waits = Driven::new(service.clone().oneshot(1));
    assert!(waits.poll().is_pending());
    sleep(Duration::from_millis(500)).await;
    sender
        .send(Ok::<_, BoxError>(Change::Insert(7, 100)))
        .unwrap();
    sleep(Duration::from_millis(1)).await;
    assert!(waits.is_woken());
    assert!(matches!(waits.poll(), Poll::Ready(Ok(101))));
    assert_eq!(waits.polls(), 2);
    assert_eq!(handle.snapshot().endpoints, []);
}

#[tokio::test(start_paused = true)]
async fn who_is_not_ready_is_passed_over_and_woken_for() {
    let fleet = fleet(&[200, 200, 200]);
    fleet[..2]
        .iter()
        .for_each(|one| one.ready.store(false, SeqCst));
    let (service, _) = over(config(), &fleet);
    for _ in 0..20 {
        assert_eq!(call(&service).await, Some(StatusCode::OK));
    }
    assert_eq!(fleet[2].calls(), 20);
    fleet[2].ready.store(false, SeqCst);
    let mut waits = Driven::new(service.clone().oneshot(request()));
    assert!(waits.poll().is_pending());
    tokio::task::yield_now().await;
    assert!(!waits.is_woken());
    fleet[1].be_ready();
    assert!(waits.is_woken());
    assert!(waits.poll().is_pending());
    assert_eq!(fleet[1].calls(), 1);
    assert_eq!(waits.polls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_fails_in_poll_ready_is_passed_over() {
    #[derive(Clone)]
    struct Dead;
    impl Service<u64> for Dead {
        type Response = u64;
        type Error = BoxError;
        type Future = std::future::Ready<Result<u64, BoxError>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
            Poll::Ready(Err("dead".into()))
        }
        fn call(&mut self, _: u64) -> Self::Future {
            unreachable!("never ready")
        }
    }
    let alive = service_fn(|n: u64| async move { Ok::<_, BoxError>(n) });
    let either = [
        ("dead", tower::util::Either::Left(Dead)),
        ("alive", tower::util::Either::Right(alive)),
    ];
    let service = Balance::from_config(config()).unwrap().plain().over(either);
    for _ in 0..20 {
        assert_eq!(service.clone().oneshot(5).await.unwrap(), 5);
    }
    let all_dead = Balance::new().plain();
    let handle = all_dead.handle();
    let service = all_dead.over([(1, Dead), (2, Dead)]);
    let error = service.clone().oneshot(5).await.unwrap_err();
    assert_eq!(error.to_string(), "dead", "at once, and the service's own");
    let failures: Vec<_> = handle
        .snapshot()
        .endpoints
        .iter()
        .map(|one| one.failures)
        .collect();
    assert_eq!(failures, [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn load_lasts_as_long_as_the_configuration_says() {
    for (measure, after) in [
        (Measure::Head, [0, 0, 0]),
        (Measure::FirstData, [1, 0, 0]),
        (Measure::End, [1, 1, 0]),
    ] {
        let config = BalanceConfig {
            measure,
            ..config()
        };
        let balance = Balance::from_config(config).unwrap();
        let handle = balance.handle();
        let frames = Arc::new(Mutex::new(None));
        let keep = frames.clone();
        let service = balance.over([(
            "only",
            service_fn(move |_: Request<Full<Bytes>>| {
                let (sender, body) = by_hand();
                *keep.lock().unwrap() = Some(sender);
                async { Ok::<_, BoxError>(Response::new(Box::pin(body))) }
            }),
        )]);
        let pending = || handle.snapshot().endpoints[0].pending;
        let mut body = service
            .clone()
            .oneshot(request())
            .await
            .unwrap()
            .into_body();
        let sender = frames.lock().unwrap().take().unwrap();
        let mut seen = vec![pending()];
        sender.send(Bytes::from("data")).unwrap();
        body.frame().await.unwrap().unwrap();
        seen.push(pending());
        drop(sender);
        assert!(body.frame().await.is_none());
        seen.push(pending());
        assert_eq!(seen, after, "{measure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_only_tells_and_a_balancer_that_is_off_only_spreads() {
    fastrand::seed(13);
    let dry = BalanceConfig {
        outlier: OutlierConfig {
            enforce: Enforce::DRY_RUN,
            ..OutlierConfig::default()
        },
        ..config()
    };
    let off = BalanceConfig {
        enabled: false,
        ..config()
    };
    let replicas = fleet(&[200, 200, 500]);
    let (service, handle) = over(dry, &replicas);
    let mut events = handle.subscribe(100);
    for _ in 0..40 {
        replicas[2].calls.load(Relaxed);
        call(&service).await;
        advance(Duration::from_secs(10)).await;
    }
    assert!(changes(&mut events).contains(&"2 would_be_ejected".to_owned()));
    assert!(handle.snapshot().endpoints.iter().all(|one| !one.ejected));

    handle.update(off).unwrap();
    let before: Vec<_> = replicas.iter().map(Replica::calls).collect();
    for _ in 0..300 {
        call(&service).await;
    }
    for (replica, before) in replicas.iter().zip(before) {
        assert!((70..130).contains(&(replica.calls() - before)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_ejects_and_takes_back() {
    let fleet = fleet(&[200, 200]);
    let (service, handle) = over(config(), &fleet);
    assert!(handle.eject("0") && !handle.eject("nobody"));
    for _ in 0..10 {
        call(&service).await;
    }
    assert_eq!((fleet[0].calls(), fleet[1].calls()), (0, 10));
    assert!(handle.eject("1"));
    let refused = service.clone().oneshot(request()).await.unwrap();
    assert_eq!(Rejection::of(&refused).unwrap().kind(), &Kind::NoEndpoint);
    let page = serde_json::to_value(handle.snapshot()).unwrap();
    assert_eq!(page["endpoints"][0]["ejected"], true);
    assert!(handle.take_back("0"));
    assert_eq!(call(&service).await, Some(StatusCode::OK));
}

#[tokio::test(start_paused = true)]
async fn a_hung_call_that_is_given_up_makes_its_endpoint_slow() {
    let (hung, mut calls) = script::plain::<u64, u64, BoxError>();
    let balance = Balance::from_config(config())
        .unwrap()
        .with_protocol(Plain::new());
    let handle = balance.handle();
    let service = balance.over([("hung", hung)]);
    let given_up = tokio::time::timeout(Duration::from_secs(3), service.clone().oneshot(1)).await;
    assert!(given_up.is_err());
    let (_, answer) = calls.next().await;
    assert!(answer.is_abandoned());
    let now = &handle.snapshot().endpoints[0];
    assert_eq!((now.pending, now.failures), (0, 0), "the caller left");
    // Nothing was known of it, and a call that was given up is no measure of an answer.
    assert_eq!(now.latency, None);
    let answers = async {
        let (_, answer) = calls.next().await;
        answer.send(2);
    };
    let (answer, ()) = tokio::join!(service.clone().oneshot(1), answers);
    answer.unwrap();
    let _ = tokio::time::timeout(Duration::from_secs(3), service.clone().oneshot(1)).await;
    let latency = handle.snapshot().endpoints[0].latency.unwrap();
    assert!(
        latency >= Duration::from_secs(2),
        "{latency:?}: at least that long"
    );
}

#[test]
fn a_configuration_reads_as_text_and_what_cannot_work_is_refused() {
    let text = r#"{"max_wait": "2s", "measure": "end", "outlier": {"max_ejected": 0.3}}"#;
    let config: BalanceConfig = serde_json::from_str(text).unwrap();
    assert_eq!(config.measure, Measure::End);
    let fields: BTreeMap<_, _> = [
        (r#"{"decay": "0s"}"#, "decay"),
        (r#"{"panic_threshold": 2}"#, "panic_threshold"),
        (r#"{"outlier": {"max": "1s"}}"#, "outlier.max"),
        (
            r#"{"outlier": {"consecutive_failures": 0}}"#,
            "outlier.consecutive_failures",
        ),
        (r#"{"outlier": {"deviations": -1}}"#, "outlier.deviations"),
    ]
    .into();
    for (text, field) in fields {
        let config = serde_json::from_str(text).unwrap();
        assert_eq!(Balance::from_config(config).unwrap_err().field(), field);
    }
    assert!(serde_json::from_str::<BalanceConfig>(r#"{"max_weight": 1}"#).is_err());
}

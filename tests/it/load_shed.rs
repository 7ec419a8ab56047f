//! Shedding from outside: what a flood does, and to whom.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::{FutureExt, future::join_all};
use http::{Request, Response, StatusCode};
use tokio::{
    task::yield_now,
    time::{Instant, sleep, sleep_until},
};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    config::Enforce,
    context::{Deadline, Priority},
    load_shed::{LoadShedConfig, LoadShedHandle, LoadShedLayer, Reason, Tenant},
    observe::{Condition, EventKind, Watch},
    rejection::{Kind, Rejection},
};
use tower_service::Service;

const MILLI: Duration = Duration::from_millis(1);

/// A service each of whose calls takes so long.
fn working(
    time: Duration,
) -> impl Service<Request<()>, Response = Response<String>, Error = BoxError, Future: Send> + Clone
{
    service_fn(move |_: Request<()>| async move {
        sleep(time).await;
        Ok::<_, BoxError>(Response::new(String::new()))
    })
}

fn request(who: &str, urgency: u8) -> Request<()> {
    Request::get("/")
        .header("who", who)
        .header("priority", format!("u={urgency}"))
        .body(())
        .unwrap()
}

/// When a call was made, how long it took, whether it was answered.
#[derive(Clone, Copy, Debug)]
struct Done {
    at: Duration,
    took: Duration,
    answered: bool,
}

/// Calls the service at an even rate whatever becomes of the calls; `make` says what the nth asks.
async fn flood<S>(
    service: &S,
    per_second: u32,
    time: Duration,
    make: impl Fn(u32) -> (&'static str, u8),
) -> BTreeMap<&'static str, Vec<Done>>
where
    S: Service<Request<()>, Response: Send, Error = BoxError, Future: Send>
        + Clone
        + Send
        + 'static,
    S::Response: IsShed,
{
    let start = Instant::now();
    let mut calls = Vec::new();
    for n in 0.. {
        let at = Duration::from_secs(1) * n / per_second;
        if at >= time {
            break;
        }
        sleep_until(start + at).await;
        let (who, urgency) = make(n);
        let call = service.clone().oneshot(request(who, urgency));
        calls.push(tokio::spawn(async move {
            let answered = !call.await.unwrap().is_shed();
            let took = start.elapsed() - at;
            (who, Done { at, took, answered })
        }));
    }
    let mut done: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for call in join_all(calls).await {
        let (who, one) = call.unwrap();
        done.entry(who).or_default().push(one);
    }
    done
}

trait IsShed {
    fn is_shed(&self) -> bool;
}

impl<B> IsShed for Response<B> {
    fn is_shed(&self) -> bool {
        Rejection::of(self).is_some()
    }
}

fn answered(done: &[Done]) -> usize {
    done.iter().filter(|done| done.answered).count()
}

fn at_rest(handle: &LoadShedHandle) {
    let now = handle.snapshot();
    assert_eq!((now.running, now.waiting), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_flood_at_three_times_the_capacity_costs_no_goodput_and_is_over_at_once() {
    // 20 places of 50 ms: 400 calls a second.
    let layer = LoadShedLayer::new(20);
    let handle = layer.handle();
    let service = ServiceBuilder::new()
        .layer(layer)
        .service(working(50 * MILLI));
    let time = Duration::from_secs(10);
    let done = &flood(&service, 1200, time, |_| ("any", 3)).await["any"];
    let good = answered(done);
    assert!(good >= 10 * 400 * 85 / 100, "{good} of 4000");
    let slowest = done
        .iter()
        .filter(|done| done.answered)
        .map(|done| done.took);
    assert!(slowest.max().unwrap() <= 152 * MILLI);
    let late = done.iter().filter(|done| done.at > Duration::from_secs(1));
    let slowest = late
        .clone()
        .filter(|done| done.answered)
        .map(|done| done.took);
    assert!(
        slowest.max().unwrap() <= 60 * MILLI,
        "nobody waits longer than the target"
    );
    let shed = late.filter(|done| !done.answered).map(|done| done.took);
    assert!(shed.max().unwrap() <= 10 * MILLI, "a no comes soon as well");
    at_rest(&handle);

    let after = &flood(&service, 300, time / 5, |_| ("any", 3)).await["any"];
    let mut later = after
        .iter()
        .filter(|done| done.at >= Duration::from_secs(1));
    assert!(
        later.all(|done| done.answered),
        "within a second, all of what can be done is"
    );
}

#[tokio::test(start_paused = true)]
async fn what_matters_gets_through_a_flood_of_what_does_not() {
    let layer = LoadShedLayer::new(20);
    let service = ServiceBuilder::new()
        .layer(layer)
        .service(working(50 * MILLI));
    // 1200 a second, of which 240 matter: less than what can be done.
    let done = flood(&service, 1200, Duration::from_secs(10), |n| {
        if n % 5 == 0 {
            ("checkout", 0)
        } else {
            ("browse", 5)
        }
    });
    let done = done.await;
    let checkout = &done["checkout"];
    assert_eq!(answered(checkout), checkout.len());
    let browse = answered(&done["browse"]);
    assert!(
        browse > 1200,
        "the rest of the capacity is not wasted: {browse}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_heavy_tenant_is_shed_before_the_others() {
    let layer = LoadShedLayer::new(20).tenant(|head| head.headers.get("who").map(Tenant::of));
    let handle = layer.handle();
    let service = ServiceBuilder::new()
        .layer(layer)
        .service(working(50 * MILLI));
    // Four ask for 60 a second each, which can be done, and one for 960.
    let done = flood(&service, 1200, Duration::from_secs(10), |n| match n % 20 {
        0 => ("one", 3),
        5 => ("two", 3),
        10 => ("three", 3),
        15 => ("four", 3),
        _ => ("heavy", 3),
    });
    let done = done.await;
    let share = |who| answered(&done[who]) as f64 / done[who].len() as f64;
    let heavy = share("heavy");
    for who in ["one", "two", "three", "four"] {
        assert!(
            share(who) > 2.0 * heavy,
            "{who}: {}, heavy: {heavy}",
            share(who)
        );
    }
    assert_eq!(handle.snapshot().tenants, 5);
}

/// Calls that are started in this order and stay where they are.
async fn start<S>(
    service: &S,
    requests: impl IntoIterator<Item = Request<()>>,
) -> Vec<tokio::task::JoinHandle<Result<S::Response, BoxError>>>
where
    S: Service<Request<()>, Response: Send, Error = BoxError, Future: Send>
        + Clone
        + Send
        + 'static,
{
    let mut calls = Vec::new();
    for request in requests {
        calls.push(tokio::spawn(service.clone().oneshot(request)));
        yield_now().await;
    }
    calls
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_gives_its_places_to_those_who_matter_more() {
    let config = LoadShedConfig {
        max_queue: 2,
        ..LoadShedConfig::new(1)
    };
    let layer = LoadShedLayer::from_config(config).unwrap().named("shop");
    let service = ServiceBuilder::new()
        .layer(layer.clone())
        .service(working(10 * MILLI));
    let urgencies = [3, 6, 3, 3, 0];
    let calls = start(&service, urgencies.map(|urgency| request("any", urgency))).await;
    let mut shed = Vec::new();
    for answer in join_all(calls).await {
        let answer = answer.unwrap().unwrap();
        let rejection = Rejection::of(&answer).cloned();
        if let Some(rejection) = &rejection {
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(answer.headers()["retry-after"], "1");
            let reason = Reason::Full.as_str();
            assert_eq!(rejection.kind(), &Kind::Overloaded { reason });
            assert_eq!(rejection.name(), "shop");
        }
        shed.push(rejection.is_some());
    }
    // The second gave way to the fourth, one of the equal ones to the fifth.
    assert_eq!(shed, [false, true, false, true, false]);
    assert_eq!(layer.handle().snapshot().total_shed(), 2);
    at_rest(&layer.handle());
}

#[tokio::test(start_paused = true)]
async fn a_queued_call_leaves_at_its_deadline() {
    let layer = LoadShedLayer::new(1);
    let service = ServiceBuilder::new()
        .layer(layer.clone())
        .service(working(60 * MILLI));
    let _running = start(&service, [request("any", 3)]).await;
    let begun = Instant::now();
    let soon = Deadline::after(20 * MILLI);
    let answer = soon.scope(service.clone().oneshot(request("any", 0))).await;
    let rejection = Rejection::of(&answer.unwrap()).cloned().unwrap();
    let reason = Reason::Deadline.as_str();
    assert_eq!(rejection.kind(), &Kind::Overloaded { reason });
    assert!(begun.elapsed() <= 21 * MILLI);
}

#[tokio::test(start_paused = true)]
async fn pressure_sheds_what_matters_least_while_places_are_free() {
    let pressed = Arc::new(AtomicBool::new(true));
    let asked = Arc::new(AtomicU32::new(0));
    let layer = LoadShedLayer::new(1000)
        .pressure(|| panic!("an input with a flaw"))
        .pressure({
            let (pressed, asked) = (pressed.clone(), asked.clone());
            move || {
                asked.fetch_add(1, Relaxed);
                if pressed.load(Relaxed) { 0.9 } else { 0.1 }
            }
        });
    let handle = layer.handle();
    let service = ServiceBuilder::new()
        .layer(layer)
        .service(working(50 * MILLI));
    let half = |n: u32| {
        if n.is_multiple_of(2) {
            ("matters", 1)
        } else {
            ("does not", 6)
        }
    };
    let done = flood(&service, 1000, Duration::from_secs(4), half).await;
    // The pressure asks for 47.5 %, from below.
    let shed = |who| done[who].len() - answered(&done[who]);
    assert!(shed("matters") <= 20, "{}", shed("matters"));
    assert!(
        (1800..=1960).contains(&shed("does not")),
        "{}",
        shed("does not")
    );
    assert_eq!(handle.vitals().condition, Condition::Strained);
    let times = asked.load(Relaxed);
    assert!(
        (15..=17).contains(&times),
        "every 250 ms, not {times} times"
    );

    pressed.store(false, Relaxed);
    sleep(Duration::from_secs(1)).await;
    let done = flood(&service, 1000, Duration::from_secs(1), half).await;
    assert_eq!(answered(&done["does not"]), 500);
    at_rest(&handle);
    assert_eq!(handle.vitals().condition, Condition::Normal);

    // Where nothing runs, the pressure is not made here.
    pressed.store(true, Relaxed);
    sleep(Duration::from_secs(1)).await;
    for _ in 0..10 {
        let answer = service.clone().oneshot(request("any", 7)).await.unwrap();
        assert!(!answer.is_shed());
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_exempt_is_never_shed_and_never_waits() {
    let layer = LoadShedLayer::new(1).exempt(|head| head.headers["who"] == "admin");
    let handle = layer.handle();
    let service = ServiceBuilder::new()
        .layer(layer)
        .service(working(500 * MILLI));
    let calls = start(&service, (0..200).map(|_| request("any", 3))).await;
    let admins = start(&service, (0..5).map(|_| request("admin", 7))).await;
    assert_eq!(handle.snapshot().running, 6);
    let begun = Instant::now();
    for admin in admins {
        assert!(!admin.await.unwrap().unwrap().is_shed());
    }
    assert!(begun.elapsed() <= 501 * MILLI);
    let shed = join_all(calls).await.into_iter();
    assert_eq!(
        shed.filter(|answer| answer.as_ref().unwrap().as_ref().unwrap().is_shed())
            .count(),
        199
    );
    at_rest(&handle);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_sheds_nobody_and_a_switch_takes_the_layer_out() {
    let config = LoadShedConfig {
        enforce: Enforce::DRY_RUN,
        max_queue: 3,
        ..LoadShedConfig::new(1)
    };
    let layer = LoadShedLayer::from_config(config.clone()).unwrap();
    let handle = layer.handle();
    let mut events = handle.subscribe(100);
    let service = ServiceBuilder::new()
        .layer(layer)
        .service(working(500 * MILLI));
    let calls = start(&service, (0..10).map(|_| request("any", 3))).await;
    for answer in join_all(calls).await {
        assert!(!answer.unwrap().unwrap().is_shed());
    }
    let mut would = 0;
    while let Some(event) = events.try_next() {
        match event.kind {
            EventKind::CallWouldBeRejected { .. } => would += 1,
            EventKind::CallRejected { kind } => panic!("{kind}"),
            _ => {}
        }
    }
    assert_eq!(would, 9);
    assert_eq!(handle.snapshot().total_shed(), 0);
    at_rest(&handle);

    let off = LoadShedConfig {
        enabled: false,
        ..LoadShedConfig::new(1)
    };
    handle.update(off).unwrap();
    let calls = start(&service, (0..10).map(|_| request("any", 3))).await;
    assert_eq!(handle.snapshot().running, 0, "uncounted");
    handle.update(config).unwrap();
    for answer in join_all(calls).await {
        assert!(!answer.unwrap().unwrap().is_shed());
    }
    at_rest(&handle);
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_leaves_the_queue_and_a_higher_limit_lets_the_others_in() {
    let layer = LoadShedLayer::new(1);
    let handle = layer.handle();
    let service = ServiceBuilder::new()
        .layer(layer)
        .service(working(90 * MILLI));
    let calls = start(&service, (0..6).map(|_| request("any", 3))).await;
    assert_eq!(handle.snapshot().waiting, 5);
    calls[2].abort();
    calls[4].abort();
    yield_now().await;
    assert_eq!(handle.snapshot().waiting, 3);
    handle.update(LoadShedConfig::new(3)).unwrap();
    let now = handle.snapshot();
    assert_eq!((now.running, now.waiting), (3, 1));
    let answers = join_all(calls).await.into_iter().flatten();
    assert_eq!(
        answers
            .filter(|answer| !answer.as_ref().unwrap().is_shed())
            .count(),
        4
    );
    at_rest(&handle);
    let fixed = LoadShedConfig {
        max_tenants: 7,
        ..LoadShedConfig::new(3)
    };
    assert_eq!(handle.update(fixed).unwrap_err().field(), "max_tenants");
}

#[tokio::test(start_paused = true)]
async fn congestion_is_told_when_it_comes_and_when_it_goes() {
    let layer = LoadShedLayer::new(1).named("shop");
    let handle = layer.handle();
    let changes = Arc::new(Mutex::new(Vec::new()));
    let layer = layer.observe({
        let changes = changes.clone();
        move |event: &tower_keep::observe::Event| {
            if let EventKind::StateChanged { to, alarming, .. } = event.kind {
                changes.lock().unwrap().push((to, alarming));
            }
        }
    });
    let service = ServiceBuilder::new()
        .layer(layer)
        .service(working(30 * MILLI));
    flood(&service, 100, Duration::from_secs(1), |_| ("any", 3)).await;
    sleep(Duration::from_secs(3)).await;
    assert!(!handle.snapshot().congested, "looked at, it finds out");
    let changes = changes.lock().unwrap().clone();
    assert_eq!(changes.first(), Some(&("congested", true)));
    assert_eq!(changes.last(), Some(&("flowing", false)));
    at_rest(&handle);
}

#[tokio::test(start_paused = true)]
async fn the_priority_comes_from_the_first_who_knows() {
    use tower_keep::context::priority;
    let seen = service_fn(async |_: Request<()>| {
        let urgency = priority().map_or_else(|| "none".to_owned(), |p| p.urgency().to_string());
        Ok::<_, BoxError>(Response::new(urgency))
    });
    let ask =
        async |layer: LoadShedLayer, extension: Option<u8>, header: bool, task: Option<u8>| {
            let mut request = Request::new(());
            if let Some(urgency) = extension {
                request
                    .extensions_mut()
                    .insert(Priority::of_urgency(urgency));
            }
            if header {
                request
                    .headers_mut()
                    .insert("priority", "u=4".parse().unwrap());
            }
            let call = tower_layer::Layer::layer(&layer, seen).oneshot(request);
            let answer = match task {
                None => call.await,
                Some(urgency) => Priority::of_urgency(urgency).scope(call).await,
            };
            http_body_util::BodyExt::collect(answer.unwrap().into_body())
                .now_or_never()
                .unwrap()
                .unwrap()
                .to_bytes()
        };
    let plain = || LoadShedLayer::new(1);
    let told = || plain().prioritize(|_| Some(Priority::CRITICAL));
    let silent = || plain().prioritize(|_| None);
    let edge = || LoadShedLayer::from_config(LoadShedConfig::edge(1)).unwrap();
    assert_eq!(ask(plain(), None, false, None).await, "none");
    assert_eq!(ask(plain(), None, false, Some(6)).await, "6");
    assert_eq!(ask(plain(), None, true, Some(6)).await, "4");
    assert_eq!(ask(plain(), Some(2), true, Some(6)).await, "2");
    assert_eq!(ask(told(), Some(2), true, Some(6)).await, "0");
    assert_eq!(ask(silent(), Some(2), true, None).await, "2");
    assert_eq!(ask(edge(), None, true, None).await, "none");
}

//! Asking twice.

use std::{
    convert::Infallible,
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use http::{Method, Request, Response, StatusCode};
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_keep::hedge::{HedgeConfig, HedgeLayer};
use tower_resilience_hedge::HedgeLayer as TheirHedge;

use super::retries::{Empty, ask};
use crate::{
    case::{Case, Outcome, situation},
    support::{Call, Failure, ms},
};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        w25_instant_refusal::case(),
        w25_bad_answer_wins::case(),
        w25_post::case(),
    ]
}

/// How long it takes until the caller hears of it.
async fn refusal<S>(layer: impl FnOnce(Counting) -> S) -> Outcome
where
    S: Service<Call, Response = ()>,
{
    let calls = Arc::new(AtomicUsize::new(0));
    let seen = calls.clone();
    let service = service_fn(move |_: Call| {
        seen.fetch_add(1, Relaxed);
        ready(Err(Failure::Down))
    });
    let start = Instant::now();
    layer(Counting::new(service)).oneshot(Call::Bad).await.ok();
    let (calls, took) = (calls.load(Relaxed), start.elapsed());
    Outcome::new(
        took < ms(1),
        format!("{calls} calls, answered after {took:?}"),
    )
}

type Counting = BoxCloneSyncService<Call, (), Failure>;

situation! {
    w25_instant_refusal: "W25", "hedged after 100 ms; the service refuses at once";
    peer "tower-resilience-hedge" => paused (|| refusal(
        |service| TheirHedge::builder().delay(ms(100)).max_hedged_attempts(3).build().layer(service)
    ));
    ours => paused (|| refusal(|service| {
        let config = HedgeConfig { max_hedges: 2, ..HedgeConfig::after(ms(100)) };
        HedgeLayer::from_config(config).expect("valid").plain().layer(service)
    }));
}

/// The first attempt takes its time and is answered well, the second fails at once.
fn slow_then_bad<B: Send + 'static>() -> (
    impl Service<Request<B>, Response = Response<Empty>, Error = Infallible, Future: Send + 'static>
    + Clone
    + Send
    + Sync
    + 'static
    + use<B>,
    Arc<AtomicUsize>,
) {
    let calls = Arc::new(AtomicUsize::new(0));
    let seen = calls.clone();
    let service = service_fn(move |_: Request<B>| {
        let first = seen.fetch_add(1, Relaxed) == 0;
        async move {
            let mut response = Response::new(Empty::default());
            if first {
                sleep(ms(300)).await;
            } else {
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            }
            Ok(response)
        }
    });
    (service, calls)
}

async fn winner<S>(service: S) -> Outcome
where
    S: Service<Request<Empty>, Error: std::fmt::Debug>,
    S::Response: Status,
{
    let status = service
        .oneshot(ask(Method::GET))
        .await
        .expect("it answers")
        .status_code();
    Outcome::new(status == 200, format!("{status} was given"))
}

trait Status {
    fn status_code(&self) -> u16;
}

impl<B> Status for Response<B> {
    fn status_code(&self) -> u16 {
        self.status().as_u16()
    }
}

situation! {
    w25_bad_answer_wins: "W25b", "hedged; 200 would come after 300 ms, the hedge gets 503 at once";
    peer "tower-resilience-hedge" => paused (|| winner(
        TheirHedge::new(ms(100)).layer(slow_then_bad().0)
    ));
    ours => paused (|| winner(HedgeLayer::after(ms(100)).layer(slow_then_bad().0)));
}

async fn posted<S>(service: S, calls: Arc<AtomicUsize>) -> Outcome
where
    S: Service<Request<Empty>>,
{
    service.oneshot(ask(Method::POST)).await.ok();
    let calls = calls.load(Relaxed);
    Outcome::new(calls == 1, format!("sent {calls} times"))
}

async fn their_hedged_post() -> Outcome {
    let (service, calls) = slow_then_bad();
    posted(TheirHedge::new(ms(100)).layer(service), calls).await
}

async fn our_hedged_post() -> Outcome {
    let (service, calls) = slow_then_bad();
    posted(HedgeLayer::after(ms(100)).layer(service), calls).await
}

situation! {
    w25_post: "W25c", "a slow `POST` under a hedge with its defaults";
    peer "tower-resilience-hedge" => paused (their_hedged_post);
    ours => paused (our_hedged_post);
}

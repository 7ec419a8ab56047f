//! Whether each layer does at all what it is there for, in the configuration that is timed: a breaker
//! that never opens is the cheapest of all.

use std::{
    future::poll_fn,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use http::{Request, Response};
use tokio::{runtime::Builder, time};
use tower_service::Service;

use crate::{Answer, Empty, FAIL, HANG, drive, reached};

/// What was seen of one service.
pub type Seen = Result<String, String>;

/// Makes the same call `calls` times.
pub fn drive_into<S>(service: &mut S, request: u64, calls: u64)
where
    S: Service<u64, Response: Answer>,
{
    drive(service, calls, |_| request);
}

/// Begins so many calls that never end.
///
/// # Panics
///
/// If one of them is not begun.
pub fn occupy<S>(service: &mut S, calls: usize)
where
    S: Service<u64, Future: 'static> + 'static,
{
    for call in 0..calls {
        assert!(begin(service), "call {call} was not begun");
    }
}

/// Begins a call that never ends; whether the service inside was reached.
fn begin<S>(service: &mut S) -> bool
where
    S: Service<u64, Future: 'static>,
{
    let before = reached();
    let mut cx = Context::from_waker(Waker::noop());
    if service.poll_ready(&mut cx).is_ready() {
        let mut call = Box::pin(service.call(HANG));
        let _ = call.as_mut().poll(&mut cx);
        std::mem::forget(call);
    }
    reached() > before
}

fn tell(good: bool, seen: String) -> Seen {
    if good { Ok(seen) } else { Err(seen) }
}

/// Opens when all calls fail, and then lets none through.
pub fn opens<S>(mut service: S) -> Seen
where
    S: Service<u64, Response: Answer>,
{
    let before = reached();
    drive_into(&mut service, FAIL, 300);
    let failed = reached() - before;
    let before = reached();
    let outcome = drive(&mut service, 100, |n| n);
    tell(
        reached() == before && outcome.bad == 100 && failed < 300,
        format!(
            "open after {failed} failures, {} of 100 refused",
            outcome.bad
        ),
    )
}

/// Has exactly so many places.
pub fn fills<S>(mut service: S, places: usize) -> Seen
where
    S: Service<u64, Future: 'static>,
{
    let begun = (0..places + 100).filter(|_| begin(&mut service)).count();
    tell(begun == places, format!("{begun} of {places} begun"))
}

/// Has places, fewer than ten thousand.
pub fn fills_at_last<S>(mut service: S) -> Seen
where
    S: Service<u64, Future: 'static>,
{
    let begun = (0..10_000).filter(|_| begin(&mut service)).count();
    tell(begun < 10_000 && begun > 0, format!("{begun} begun"))
}

/// Lets exactly `limit` of a hundred through.
pub fn limits<S, Req>(mut service: S, limit: u64, request: impl Fn(u64) -> Req) -> Seen
where
    S: Service<Req, Response: Answer>,
{
    let before = reached();
    let outcome = drive(&mut service, 100, request);
    let passed = reached() - before;
    tell(
        passed == limit && outcome.good == limit,
        format!("{passed} of 100 let through"),
    )
}

/// Answers what fails.
pub fn falls_back<S>(mut service: S) -> Seen
where
    S: Service<u64, Response: Answer>,
{
    let outcome = drive(&mut service, 10, |_| FAIL);
    tell(
        outcome.good == 10,
        format!("{} of 10 answered", outcome.good),
    )
}

/// Gives back an id.
pub fn identifies<S, B>(mut service: S) -> Seen
where
    S: Service<Request<Empty>, Response = Response<B>>,
{
    let mut cx = Context::from_waker(Waker::noop());
    let call = pin!(service.call(crate::get(0)));
    match call.poll(&mut cx) {
        Poll::Ready(Ok(response)) => {
            let names: Vec<_> = response
                .headers()
                .keys()
                .map(|name| name.as_str())
                .collect();
            tell(!names.is_empty(), format!("answers with {names:?}"))
        }
        _ => Err("no answer".to_owned()),
    }
}

/// Runs on real time, which these checks need little of.
fn run<T>(work: impl Future<Output = T>) -> T {
    Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime without sockets needs nothing")
        .block_on(work)
}

async fn call<S: Service<u64>>(service: &mut S, request: u64) -> Result<S::Response, S::Error> {
    poll_fn(|cx| service.poll_ready(cx)).await?;
    service.call(request).await
}

/// Ends a call that has no answer.
pub fn times_out<S: Service<u64>>(mut service: S) -> Seen {
    run(async {
        let begin = time::Instant::now();
        let ended = time::timeout(Duration::from_secs(2), call(&mut service, HANG)).await;
        let seen = format!("ended after {:.1?}", begin.elapsed());
        tell(matches!(ended, Ok(Err(_))), seen)
    })
}

/// The same of a layer that answers in its own words.
pub fn answers_late<S, B>(mut service: S) -> Seen
where
    S: Service<Request<Empty>, Response = Response<B>>,
{
    run(async {
        let ended = time::timeout(Duration::from_secs(2), service.call(crate::get(0))).await;
        match ended {
            Ok(Ok(response)) if !response.status().is_success() => {
                Ok(response.status().to_string())
            }
            _ => Err("not ended".to_owned()),
        }
    })
}

/// Makes three attempts.
pub fn retries<S: Service<u64>>(mut service: S) -> Seen {
    let before = reached();
    let failed = run(call(&mut service, FAIL)).is_err();
    let attempts = reached() - before;
    tell(failed && attempts == 3, format!("{attempts} attempts"))
}

/// Makes a second attempt where the first is late, once it has seen what is usual.
pub fn hedges<S: Service<u64>>(mut service: S) -> Seen {
    run(async {
        for _ in 0..4 {
            for n in 0..100 {
                let _ = call(&mut service, n).await;
            }
            time::sleep(Duration::from_millis(60)).await;
        }
        let before = reached();
        let _ = time::timeout(Duration::from_millis(500), call(&mut service, HANG)).await;
        let attempts = reached() - before;
        tell(attempts == 2, format!("{attempts} attempts"))
    })
}

/// Opens through the layers outside, which try again.
pub fn opens_inside<S: Service<u64>>(mut service: S) -> Seen {
    run(async {
        let before = reached();
        for _ in 0..300 {
            let _ = call(&mut service, FAIL).await;
        }
        let failed = reached() - before;
        let before = reached();
        let _ = call(&mut service, 1).await;
        let passed = reached() - before;
        tell(
            passed == 0 && failed < 300,
            format!("open after {failed} failures"),
        )
    })
}

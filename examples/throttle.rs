//! A service that takes 50 calls a second and gets 500: `cargo run --example throttle`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use http::{Request, Response, StatusCode};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    throttle::{ThrottleConfig, ThrottleLayer},
};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let config = ThrottleConfig {
        window: Duration::from_secs(1),
        ..ThrottleConfig::default()
    };
    let throttle = ThrottleLayer::from_config(config)?.named("payments");
    let handle = throttle.handle();

    let room = Arc::new(AtomicU32::new(0));
    let asked = Arc::new(AtomicU32::new(0));
    let payments = {
        let (room, asked) = (room.clone(), asked.clone());
        service_fn(move |_: Request<()>| {
            asked.fetch_add(1, Relaxed);
            let took = room.fetch_update(Relaxed, Relaxed, |room| room.checked_sub(1));
            let mut answer = Response::new(String::new());
            if took.is_err() {
                *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            }
            async move { Ok::<_, BoxError>(answer) }
        })
    };
    let client = ServiceBuilder::new().layer(throttle).service(payments);

    for tenth in 0..20 {
        // 5 of 50 calls are accepted in each tenth of a second; all of them in the second half.
        room.store(if tenth < 10 { 5 } else { 50 }, Relaxed);
        for _ in 0..50 {
            client.clone().oneshot(Request::new(())).await?;
        }
        let now = handle.snapshot();
        println!(
            "{:>2}: 50 calls, {:>2} went out, next is held back with {:.0} %",
            tenth,
            asked.swap(0, Relaxed),
            now.rejection * 100.0
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("{:?}", handle.snapshot());
    Ok(())
}

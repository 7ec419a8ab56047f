//! Several threads and one layer: what they can do together, as a multiple of what one can do.

use std::{
    fmt,
    future::poll_fn,
    hint::{black_box, spin_loop},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::runtime::{Builder, Runtime};
use tower::{limit::ConcurrencyLimit, load_shed::LoadShed};
use tower_keep::{
    bulkhead::BulkheadLayer, circuit_breaker::CircuitBreakerLayer, rate_limit::RateLimitLayer,
    retry::RetryLayer, timeout::TimeoutLayer,
};
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    Fault, Scripted, ours,
    peers::{
        Agreed, best,
        breakers::{failsafe_default, failsafe_in_a_row, recloser},
        governor::governor,
        resilience as tr, towers,
    },
    timing::{Core, Scheduled, pin},
};

const TIMED: Agreed = Agreed::TIMED;

/// A layer that threads share.
pub struct Shared {
    /// `layer/whose`.
    pub name: &'static str,
    run: Run,
}

type Run = Box<dyn Fn(&Workers, Duration) -> Sample>;

/// Calls a second, and whether the threads had their cores for themselves.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// All threads together.
    pub per_second: f64,
    /// The part of the time in which a thread could have run and did not.
    pub waited: f64,
}

impl Shared {
    /// As many calls as the workers can make.
    #[must_use]
    pub fn run(&self, workers: &Workers, lasting: Duration) -> Sample {
        (self.run)(workers, lasting)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// So many threads of a runtime, each on a core of its own if there are as many.
#[derive(Debug)]
pub struct Workers {
    runtime: Runtime,
    /// How many.
    pub threads: usize,
}

impl Workers {
    /// Starts them.
    ///
    /// # Panics
    ///
    /// If the system has no threads.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        let next = AtomicUsize::new(0);
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_time()
            .on_thread_start(move || pin(Core::Nth(next.fetch_add(1, Relaxed))))
            .build()
            .expect("a runtime needs threads");
        // A timer that is there: see `runtime`.
        runtime.spawn(async { tokio::time::sleep(Duration::from_secs(1)).await });
        Self { runtime, threads }
    }
}

/// Calls that each worker makes on a clone of its own, all at once.
fn run<S>(service: &S, workers: &Workers, lasting: Duration) -> Sample
where
    S: Service<u64, Response = u64, Error: Send, Future: Send> + Clone + Send + 'static,
{
    let stop = Arc::new(AtomicBool::new(false));
    let there = Arc::new(AtomicUsize::new(0));
    let running: Vec<_> = (0..workers.threads)
        .map(|_| {
            let (mut service, stop, there) = (service.clone(), stop.clone(), there.clone());
            let threads = workers.threads;
            workers
                .runtime
                .spawn(tokio::task::unconstrained(async move {
                    // No yielding: each must have a thread.
                    there.fetch_add(1, Relaxed);
                    while there.load(Relaxed) < threads {
                        spin_loop();
                    }
                    let before = Scheduled::of("thread-self");
                    let begin = Instant::now();
                    let mut calls = 0_u64;
                    while !stop.load(Relaxed) {
                        for n in 0..64 {
                            let ready = poll_fn(|cx| service.poll_ready(cx)).await;
                            assert!(ready.is_ok(), "not ready");
                            assert!(service.call(black_box(n)).await.is_ok(), "refused");
                        }
                        calls += 64;
                    }
                    let elapsed = begin.elapsed().as_secs_f64();
                    let waited = Scheduled::of("thread-self").since(before).waited;
                    (calls as f64 / elapsed, waited.as_secs_f64() / elapsed)
                }))
        })
        .collect();
    thread::sleep(lasting);
    stop.store(true, Relaxed);
    let mut sample = Sample {
        per_second: 0.0,
        waited: 0.0,
    };
    for one in running {
        let (per_second, waited) = workers
            .runtime
            .block_on(one)
            .expect("no call of a worker fails");
        sample.per_second += per_second;
        sample.waited = sample.waited.max(waited);
    }
    sample
}

/// Ours and everybody else's.
#[inline]
#[must_use]
pub fn shared() -> Vec<Shared> {
    let mut all = Vec::new();
    macro_rules! share {
        ($name:literal, $service:expr) => {
            all.push(Shared {
                name: $name,
                run: {
                    let service = $service;
                    Box::new(move |workers, lasting| run(&service, workers, lasting))
                },
            });
        };
    }
    let s = Scripted;
    let places = TIMED.places;
    share!("bare/-", s);
    share!(
        "circuit_breaker/tower-keep",
        CircuitBreakerLayer::new().plain().layer(s)
    );
    share!("circuit_breaker/tower-resilience", tr::breaker().layer(s));
    share!("circuit_breaker/failsafe", failsafe_default(s));
    share!("circuit_breaker/failsafe, in a row", failsafe_in_a_row(s));
    share!("circuit_breaker/recloser", recloser(s));
    share!(
        "bulkhead/tower-keep",
        BulkheadLayer::new(places).plain().layer(s)
    );
    share!("bulkhead/tower", ConcurrencyLimit::new(s, places));
    share!(
        "bulkhead/tower, load-shed",
        LoadShed::new(ConcurrencyLimit::new(s, places))
    );
    share!(
        "bulkhead/tower-resilience",
        tr::bulkhead_reject(places).layer(s)
    );
    share!(
        "rate_limit/tower-keep",
        RateLimitLayer::new(ours::rate(TIMED)).plain().layer(s)
    );
    share!("rate_limit/governor", governor(s, TIMED.rate as u32));
    share!(
        "rate_limit/tower-resilience",
        tr::rate_bucket(TIMED.rate, TIMED.period).layer(s)
    );
    share!(
        "timeout/tower-keep",
        TimeoutLayer::new(TIMED.timeout).plain().layer(s)
    );
    share!(
        "timeout/tower",
        tower::timeout::Timeout::new(s, TIMED.timeout)
    );
    share!(
        "timeout/tower-resilience",
        tr::timeout(TIMED.timeout).layer(s)
    );
    share!("retry/tower-keep", RetryLayer::default().plain().layer(s));
    share!("retry/tower", towers::retry_budget(s));
    share!(
        "retry/tower-resilience",
        tr::retry_budget::<u64, u64, Fault>().layer(s)
    );
    share!("five/tower-keep", ours::five(TIMED).layer(s));
    share!(
        "five/tower-resilience",
        tr::five::<u64, u64, _>(TIMED).layer(s)
    );
    share!("five/best of peers", best(s, TIMED));
    all
}

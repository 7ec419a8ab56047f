use std::{
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use proptest::prelude::*;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    state::{self, Failed},
    *,
};
use crate::{
    BoxError,
    backoff::{Backoff, Jitter},
    classify::{Retry as May, Verdict},
    common::clock,
    config::ConfigError,
    context::Deadline,
};

const MS: Duration = Duration::from_millis(1);

#[test]
fn the_wait_is_the_backoff_on_top_of_what_the_service_asked_for() {
    let config = RetryConfig {
        backoff: Backoff {
            jitter: Jitter::Full,
            ..Backoff::default()
        },
        ..RetryConfig::default()
    };
    let seconds = |s| Some(Duration::from_secs(s));
    for (asked, attempt, chance, wanted) in [
        (None, 1, 0.0, Ok(0)),
        (None, 1, 1.0, Ok(100)),
        (None, 2, 0.5, Ok(100)),
        (None, 3, 0.5, Err(Skip::MaxAttempts)),
        (seconds(2), 1, 0.0, Ok(2_000)),
        (seconds(2), 1, 1.0, Ok(2_100)),
        (seconds(30), 1, 0.0, Ok(30_000)),
        (seconds(31), 1, 0.0, Err(Skip::RetryAfterTooLong)),
        (seconds(31), 3, 0.0, Err(Skip::MaxAttempts)),
    ] {
        let wait = state::wait(&config, asked, attempt, 3, chance);
        assert_eq!(
            wait.map(|w| w.as_millis()),
            wanted,
            "{asked:?} {attempt} {chance}"
        );
    }
}

#[test]
fn a_refusal_of_ours_and_a_success_are_not_up_for_decision() {
    assert!(!Failed::is_open(&Verdict::ignored().retry(May::Always)));
    assert!(!Failed::is_open(&Verdict::success()));
    assert!(Failed::is_open(
        &Verdict::success().retry(May::IfIdempotent)
    ));
    assert!(Failed::is_open(&Verdict::failure()));
}

#[test]
fn what_is_not_idempotent_is_done_again_only_if_it_was_not_done() {
    for (retry, idempotent, expected) in [
        (May::Always, false, true),
        (May::IfIdempotent, false, false),
        (May::IfIdempotent, true, true),
        (May::Never, true, false),
    ] {
        let failed = Failed {
            verdict: Verdict::failure().retry(retry),
            attempt: 1,
            idempotent,
        };
        assert_eq!(failed.may_retry(), expected, "{failed:?}");
    }
}

#[test]
fn a_configuration_that_cannot_work_is_refused_by_field() {
    let field = |config| {
        RetryLayer::from_config(config)
            .map_err(|error: ConfigError| error.field())
            .unwrap_err()
    };
    let good = RetryConfig::default();
    assert_eq!(
        field(RetryConfig {
            max_attempts: 0,
            ..good
        }),
        "max_attempts"
    );
    assert_eq!(
        field(RetryConfig {
            max_retry_after: Duration::from_secs(300),
            ..good
        }),
        "max_retry_after"
    );
    let ratio = BudgetConfig {
        ratio: f64::NAN,
        ..BudgetConfig::default()
    };
    assert_eq!(
        field(RetryConfig {
            budget: ratio,
            ..good
        }),
        "budget.ratio"
    );
    for good in [good, RetryConfig::interactive(), RetryConfig::background()] {
        assert!(RetryLayer::from_config(good).is_ok());
    }
}

/// A service that fails at once and always.
#[derive(Clone)]
struct Down;

impl Service<u64> for Down {
    type Response = u64;
    type Error = BoxError;
    type Future = std::future::Ready<Result<u64, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u64) -> Self::Future {
        std::future::ready(Err(format!("down for {request}").into()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_would_start_after_the_deadline_is_not_waited_for() {
    let config = RetryConfig {
        backoff: Backoff {
            jitter: Jitter::None,
            ..Backoff::default()
        },
        ..RetryConfig::default()
    };
    // Waits of 100 ms and 200 ms, so that attempt 2 is at 100 ms and attempt 3 would be at 300 ms.
    for (left, retries, took) in [
        (100 * MS, 0, Duration::ZERO),
        (101 * MS, 1, 100 * MS),
        (301 * MS, 2, 300 * MS),
    ] {
        let layer = RetryLayer::from_config(config).unwrap().plain();
        let handle = layer.handle();
        let start = clock::now();
        let deadline = Deadline::after(left);
        let answer = deadline.scope(layer.layer(Down).call(1)).await;
        assert_eq!(answer.unwrap_err().to_string(), "down for 1");
        assert_eq!(start.elapsed(), took);
        let snapshot = handle.snapshot();
        assert_eq!(snapshot.retries, retries);
        assert_eq!(snapshot.skipped.contains_key(&Skip::Deadline), retries < 2);
    }
}

/// Fails so many times, then answers; remembers when it was asked.
#[derive(Clone)]
struct Flaky {
    fails: u32,
    asked: Arc<Mutex<Vec<clock::Instant>>>,
}

impl Service<u64> for Flaky {
    type Response = u64;
    type Error = BoxError;
    type Future = std::future::Ready<Result<u64, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u64) -> Self::Future {
        let mut asked = self.asked.lock().unwrap();
        asked.push(clock::now());
        std::future::ready(if asked.len() > self.fails as usize {
            Ok(request)
        } else {
            Err("not yet".into())
        })
    }
}

proptest! {
    /// Against the schedule as one would write it on paper, by whichever way the service is kept for
    /// another attempt.
    #[test]
    fn attempts_are_made_when_the_schedule_says(
        max_attempts in 1..8_u32,
        base in 1..3_000_u64,
        longer in 0..60_000_u64,
        factor in 1.0..4.0_f64,
        jitter in prop_oneof![Just(Jitter::None), Just(Jitter::Equal), Just(Jitter::Full)],
        calls in proptest::collection::vec(0..9_u32, 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let [base, max] = [base, base + longer].map(Duration::from_millis);
            let config = RetryConfig {
                max_attempts,
                backoff: Backoff { base, factor, max, jitter },
                budget: BudgetConfig { ratio: 1000.0, floor: 10_000 },
                ..RetryConfig::default()
            };
            let layer = RetryLayer::from_config(config).unwrap().plain();
            let asked = Arc::new(Mutex::new(Vec::new()));
            let mut service = layer.layer(Flaky { fails: 0, asked: asked.clone() });
            for fails in calls {
                asked.lock().unwrap().clear();
                service.get_mut().fails = fails;
                // The first call of a service gives it away, the others share a spare one.
                for request in 0..3 {
                    asked.lock().unwrap().clear();
                    let answer = service.call(request).await;
                    let asked = asked.lock().unwrap();
                    prop_assert_eq!(answer.is_ok(), fails < max_attempts);
                    prop_assert_eq!(asked.len() as u32, max_attempts.min(fails + 1));
                    let mut whole = base.as_secs_f64();
                    for pair in asked.windows(2) {
                        let waited = (pair[1] - pair[0]).as_secs_f64();
                        let longest = whole.min(max.as_secs_f64());
                        let shortest = match jitter {
                            Jitter::None => longest,
                            Jitter::Equal => longest / 2.0,
                            Jitter::Full => 0.0,
                        };
                        // Timers have milliseconds.
                        prop_assert!(waited >= shortest - 1e-6, "{waited} of {shortest}");
                        prop_assert!(waited <= longest + 0.002, "{waited} of {longest}");
                        whole *= factor;
                    }
                }
            }
            Ok(())
        })?;
    }
}

#[test]
fn a_layer_and_its_handle_can_go_anywhere() {
    fn anywhere<T: Clone + Send + Sync + std::fmt::Debug + 'static>(_: T) {}
    let layer = RetryLayer::default();
    anywhere(layer.handle());
    anywhere(layer.layer(Arc::new(())));
    anywhere(layer);
}

//! When a breaker opens, whom it lets through, what makes it close.

use std::time::Duration;

use tokio::time::{advance, timeout};
use tower_keep::{
    circuit_breaker::{Breaker, CircuitBreakerConfig, Mode, State, Window},
    classify::Verdict,
    observe::EventKind,
    rejection::Kind,
};

const SECOND: Duration = Duration::from_secs(1);

/// Nothing opens it but what the test sets.
fn config() -> CircuitBreakerConfig {
    CircuitBreakerConfig {
        window: Window::Count(100),
        failure_rate: None,
        consecutive_failures: Some(1000),
        ramp: Duration::ZERO,
        ..CircuitBreakerConfig::default()
    }
}

fn breaker(config: CircuitBreakerConfig) -> Breaker {
    Breaker::from_config(config).unwrap()
}

/// Opens with the first failure, for a second at most; one probe decides.
fn brittle() -> CircuitBreakerConfig {
    CircuitBreakerConfig {
        consecutive_failures: Some(1),
        open_for: SECOND,
        max_open_for: SECOND,
        probes: 1,
        ..config()
    }
}

fn succeed(breaker: &Breaker, times: usize) {
    for _ in 0..times {
        breaker.try_acquire().unwrap().success();
    }
}

fn fail(breaker: &Breaker, times: usize) {
    for _ in 0..times {
        breaker.try_acquire().unwrap().failure();
    }
}

fn state(breaker: &Breaker) -> State {
    breaker.handle().snapshot().state
}

/// How many failures in a row it takes to open it.
fn failures_until_open(breaker: &Breaker) -> usize {
    let mut failures = 0;
    while let Ok(permit) = breaker.try_acquire() {
        permit.failure();
        failures += 1;
    }
    failures
}

/// CB1: the last N outcomes, in a ring.
/// `Window::Count(n)`: the oldest outcome leaves as the newest comes in, whatever the uptime.
#[tokio::test(start_paused = true)]
async fn cb1() {
    let breaker = breaker(CircuitBreakerConfig {
        failure_rate: Some(0.5),
        min_calls: 5,
        ..config()
    });
    succeed(&breaker, 10_000);
    assert_eq!(failures_until_open(&breaker), 50);
}

/// CB2: a time window in buckets, as fast with many calls as with few.
/// `Window::Time(..)`: ten buckets of one word each; what is older than the window leaves with its bucket.
#[tokio::test(start_paused = true)]
async fn cb2() {
    let breaker = breaker(CircuitBreakerConfig {
        window: Window::Time(10 * SECOND),
        failure_rate: Some(0.5),
        ..config()
    });
    succeed(&breaker, 1000);
    assert_eq!(breaker.handle().snapshot().calls, 1000);
    advance(10 * SECOND).await;
    assert_eq!(breaker.handle().snapshot().calls, 0);
    assert_eq!(failures_until_open(&breaker), 20, "as many as min_calls");
}

/// CB3: opens after K failures in a row.
/// `consecutive_failures: Some(k)`.
#[tokio::test(start_paused = true)]
async fn cb3() {
    let breaker = breaker(CircuitBreakerConfig {
        consecutive_failures: Some(7),
        ..config()
    });
    fail(&breaker, 6);
    succeed(&breaker, 1);
    assert_eq!(failures_until_open(&breaker), 7);
}

/// CB4: opens at a failure rate, from a minimum of calls on.
/// `failure_rate` with `min_calls`, which counts for both kinds of window.
#[tokio::test(start_paused = true)]
async fn cb4() {
    let breaker = breaker(CircuitBreakerConfig {
        failure_rate: Some(0.6),
        min_calls: 10,
        ..config()
    });
    succeed(&breaker, 4);
    assert_eq!(failures_until_open(&breaker), 6);
}

/// CB5: several conditions at once.
/// Whichever comes first of a row, a failure rate and a slow rate; the reason says which.
#[tokio::test(start_paused = true)]
async fn cb5() {
    let both = CircuitBreakerConfig {
        failure_rate: Some(0.5),
        min_calls: 20,
        consecutive_failures: Some(5),
        ..config()
    };
    let outage = breaker(both.clone());
    assert_eq!(failures_until_open(&outage), 5);
    let partial = breaker(both);
    for _ in 0..10 {
        succeed(&partial, 1);
        fail(&partial, 1);
    }
    assert_eq!(state(&partial), State::Open);
}

/// CB6: slow calls open it.
/// `slow_call` says what slow is, `slow_rate` how many of them are too many.
#[tokio::test(start_paused = true)]
async fn cb6() {
    let breaker = breaker(CircuitBreakerConfig {
        slow_call: Some(SECOND),
        slow_rate: Some(0.5),
        min_calls: 4,
        ..config()
    });
    for _ in 0..4 {
        let permit = breaker.try_acquire().unwrap();
        advance(SECOND).await;
        permit.success();
    }
    assert_eq!(state(&breaker), State::Open);
}

/// CB7: slow probes count, too.
/// Where a slow rate is set, a slow probe is a bad one.
#[tokio::test(start_paused = true)]
async fn cb7() {
    let breaker = breaker(CircuitBreakerConfig {
        slow_call: Some(SECOND),
        slow_rate: Some(0.5),
        ..brittle()
    });
    fail(&breaker, 1);
    advance(2 * SECOND).await;
    let probe = breaker.try_acquire().unwrap();
    advance(SECOND).await;
    probe.success();
    assert_eq!(state(&breaker), State::Open);
}

/// CB8: half-open lets N calls through, exactly.
/// `probes`: places in one word, taken by compare and swap.
#[tokio::test(start_paused = true)]
async fn cb8() {
    let breaker = breaker(CircuitBreakerConfig {
        probes: 3,
        ..brittle()
    });
    fail(&breaker, 1);
    advance(2 * SECOND).await;
    let probes: Vec<_> = (0..10).filter_map(|_| breaker.try_acquire().ok()).collect();
    assert_eq!(probes.len(), 3);
}

/// CB9: the probes' ratio decides, not the first failure.
/// `probe_failure_rate`; it decides as soon as the rest cannot change it.
#[tokio::test(start_paused = true)]
async fn cb9() {
    let breaker = breaker(CircuitBreakerConfig {
        probes: 4,
        probe_failure_rate: Some(0.5),
        ..brittle()
    });
    fail(&breaker, 1);
    advance(2 * SECOND).await;
    fail(&breaker, 1);
    succeed(&breaker, 2);
    assert_eq!(state(&breaker), State::HalfOpen);
    succeed(&breaker, 1);
    assert_eq!(state(&breaker), State::Closed, "3 of 4 were good");
}

/// CB10: a probe that is given up frees its place and says nothing.
/// A permit that is dropped before it is slow is no outcome.
#[tokio::test(start_paused = true)]
async fn cb10() {
    let breaker = breaker(brittle());
    fail(&breaker, 1);
    advance(2 * SECOND).await;
    for _ in 0..5 {
        drop(breaker.try_acquire().unwrap());
        assert_eq!(state(&breaker), State::HalfOpen);
    }
    succeed(&breaker, 1);
    assert_eq!(state(&breaker), State::Closed);
}

/// CB11: a probe that hangs cannot keep it half-open.
/// `probe_lease`: a probe that is out for longer is charged as bad and its place is free.
#[tokio::test(start_paused = true)]
async fn cb11() {
    let breaker = breaker(CircuitBreakerConfig {
        probe_lease: 10 * SECOND,
        ..brittle()
    });
    fail(&breaker, 1);
    advance(2 * SECOND).await;
    let hangs = breaker.try_acquire().unwrap();
    assert!(breaker.try_acquire().is_err());
    advance(10 * SECOND).await;
    assert!(
        breaker.try_acquire().is_err(),
        "open again: the probe was bad"
    );
    advance(2 * SECOND).await;
    succeed(&breaker, 1);
    assert_eq!(state(&breaker), State::Closed);
    hangs.failure();
    assert_eq!(state(&breaker), State::Closed);
}

/// CB12: a call that was let in earlier cannot move the present state.
/// Every permit has the generation of its state; what comes from another is not counted.
#[tokio::test(start_paused = true)]
async fn cb12() {
    let breaker = breaker(brittle());
    let [early, late] = [(); 2].map(|()| breaker.try_acquire().unwrap());
    fail(&breaker, 1);
    advance(2 * SECOND).await;
    let probe = breaker.try_acquire().unwrap();
    early.success();
    assert_eq!(state(&breaker), State::HalfOpen);
    late.failure();
    assert_eq!(state(&breaker), State::HalfOpen);
    probe.success();
    assert_eq!(state(&breaker), State::Closed);
}

/// CB13: it stays open longer each time, at random and up to a bound.
/// `open_for` doubles up to `max_open_for`, with equal jitter, and starts anew after a recovery.
#[tokio::test(start_paused = true)]
async fn cb13() {
    let breaker = breaker(CircuitBreakerConfig {
        max_open_for: 8 * SECOND,
        ..brittle()
    });
    for most in [1, 2, 4, 8, 8] {
        fail(&breaker, 1);
        let open_for = breaker.handle().snapshot().open_for.unwrap();
        assert!(
            open_for <= most * SECOND && open_for >= most * SECOND / 2,
            "{open_for:?}"
        );
        advance(most * SECOND).await;
    }
    succeed(&breaker, 1);
    fail(&breaker, 1);
    assert!(breaker.handle().snapshot().open_for.unwrap() <= SECOND);
}

/// CB14: the answer that fails says for how long.
/// `Retry-After` and its kin, in seconds, as a date or in gRPC's form, up to `max_open_for`.
#[tokio::test(start_paused = true)]
async fn cb14() {
    let breaker = breaker(CircuitBreakerConfig {
        max_open_for: 30 * SECOND,
        ..brittle()
    });
    let busy = Verdict::overload().retry_after(Some(20 * SECOND));
    breaker.try_acquire().unwrap().record(busy);
    let open_for = breaker.handle().snapshot().open_for.unwrap();
    assert!(open_for >= 20 * SECOND, "{open_for:?}");
}

/// CB15: outcomes that say nothing.
/// `Class::Ignored`, which is also what a client that hangs up and a refusal of ours are.
#[tokio::test(start_paused = true)]
async fn cb15() {
    let breaker = breaker(config());
    for _ in 0..50 {
        breaker.try_acquire().unwrap().ignore();
    }
    assert_eq!(breaker.handle().snapshot().calls, 0);
}

/// CB16: forced open, forced closed, disabled, watching only.
/// `handle.force_open()`, `force_closed()`, `disable()`, `observe_only()`, back with `auto()`.
#[tokio::test(start_paused = true)]
async fn cb16() {
    let breaker = breaker(brittle());
    let handle = breaker.handle();
    handle.force_open();
    assert!(breaker.try_acquire().is_err());
    handle.force_closed();
    fail(&breaker, 5);
    handle.disable();
    fail(&breaker, 5);
    assert_eq!(handle.snapshot().mode, Mode::Disabled);
    handle.auto();
    handle.reset();
    handle.observe_only();
    let mut told = handle.subscribe(64);
    fail(&breaker, 5);
    let would = |kind: &EventKind| matches!(kind, EventKind::CallWouldBeRejected { .. });
    let told = std::iter::from_fn(|| told.try_next());
    assert!(told.into_iter().any(|event| would(&event.kind)));
}

/// CB17: from open to half-open with no call.
/// There is no timer to run: whoever looks sees `half_open` once the time is over, and the next call is
/// a probe.
#[tokio::test(start_paused = true)]
async fn cb17() {
    let breaker = breaker(brittle());
    fail(&breaker, 1);
    assert_eq!(state(&breaker), State::Open);
    advance(SECOND).await;
    assert_eq!(state(&breaker), State::HalfOpen);
}

/// CB22: a refusal says when to come back.
/// `Rejection::retry_after()`: what is left of the open time; `Retry-After` on HTTP.
#[tokio::test(start_paused = true)]
async fn cb22() {
    let breaker = breaker(brittle());
    fail(&breaker, 1);
    let rejection = breaker.try_acquire().err().unwrap();
    assert_eq!(rejection.kind(), &Kind::CircuitOpen);
    let after = rejection.retry_after().unwrap();
    assert!(Duration::ZERO < after && after <= SECOND);
}

/// CB26: permits by hand.
/// `Breaker::try_acquire()` and `success()`, `failure()`, `ignore()` or `record(verdict)`; or `call(future)`.
#[tokio::test(start_paused = true)]
async fn cb26() {
    let breaker = breaker(config());
    fail(&breaker, 1);
    succeed(&breaker, 1);
    let answer = breaker.call(async { Ok::<_, tower_keep::BoxError>(7) });
    assert_eq!(answer.await.unwrap(), 7);
    assert_eq!(breaker.handle().snapshot().calls, 3);
}

/// CB28: an active health check drives it.
/// `handle.force_open()` and `auto()` from a check, and the other way round its `vitals()` as a check.
#[tokio::test(start_paused = true)]
async fn cb28() {
    let breaker = breaker(config());
    let handle = breaker.handle();
    let check = async |is_well: bool| {
        if is_well {
            handle.auto();
        } else {
            handle.force_open();
        }
    };
    check(false).await;
    assert!(breaker.try_acquire().is_err());
    check(true).await;
    succeed(&breaker, 1);
}

/// CB30: an answer that says "too much" is no recovery.
/// A probe that is answered 429, or `RESOURCE_EXHAUSTED`, is a bad one.
#[tokio::test(start_paused = true)]
async fn cb30() {
    let breaker = breaker(brittle());
    fail(&breaker, 1);
    advance(2 * SECOND).await;
    breaker.try_acquire().unwrap().record(Verdict::overload());
    assert_eq!(state(&breaker), State::Open);
}

/// CB32: it tells why it opened.
/// The event's reason, the snapshot and the log line have the numbers.
#[tokio::test(start_paused = true)]
async fn cb32() {
    let breaker = breaker(CircuitBreakerConfig {
        consecutive_failures: Some(3),
        ..config()
    });
    let mut told = breaker.handle().subscribe(8);
    fail(&breaker, 3);
    let event = timeout(SECOND, told.next()).await.unwrap().unwrap();
    assert_eq!(
        event.to_string(),
        "circuit_breaker: closed -> open (3 failures in a row)"
    );
    assert_eq!(breaker.handle().snapshot().reason, "3 failures in a row");
}

//! The checks of each layer that is timed; `inline` as these are.

use std::time::Duration;

use http::StatusCode;
use tower::{hedge::Hedge, limit::ConcurrencyLimit, load_shed::LoadShed, timeout::Timeout};
use tower_http::timeout::TimeoutLayer as HttpTimeoutLayer;
use tower_keep::{
    adaptive::AdaptiveLayer,
    bulkhead::BulkheadLayer,
    circuit_breaker::CircuitBreakerLayer,
    correlation_id::CorrelationIdLayer,
    fallback::{Causes, FallbackLayer},
    hedge::HedgeLayer,
    rate_limit::RateLimitLayer,
    retry::RetryLayer,
    timeout::TimeoutLayer,
};
use tower_layer::Layer;
use tower_resilience_adaptive::{AdaptiveLimiterLayer, Aimd, Gradient2, Vegas};
use tower_resilience_fallback::FallbackLayer as TrFallbackLayer;

use crate::{
    Fault, Forever, Scripted, ScriptedAxum,
    drive::get,
    ours,
    peers::{
        Agreed, HOUR, best,
        breakers::{failsafe_default, failsafe_in_a_row, recloser},
        governor::{governor_spent, tower_governor},
        resilience as tr, towers,
    },
    verify::{
        Seen, answers_late, falls_back, fills, fills_at_last, hedges, identifies, limits, opens,
        opens_inside, retries, times_out,
    },
};

const TIMED: Agreed = Agreed::TIMED;

/// As timed, with limits that can be reached.
const SMALL: Agreed = Agreed {
    rate: 8,
    period: HOUR,
    timeout: Duration::from_millis(20),
    ..TIMED
};

/// Checks all layers, and says what it saw.
///
/// # Errors
///
/// What was seen, if one of them does not do what it is there for.
#[inline]
pub fn verify() -> Result<Vec<String>, Vec<String>> {
    let mut seen = Vec::new();
    layers(&mut |name, one| seen.push((name, one)));
    stacks(&mut |name, one| seen.push((name, one)));
    let is_good = seen.iter().all(|(_, one)| one.is_ok());
    let lines = seen.into_iter().map(|(name, one)| match one {
        Ok(saw) => format!("{name}: {saw}"),
        Err(saw) => format!("{name}: NOT ACTIVE, {saw}"),
    });
    let lines = lines.collect();
    if is_good { Ok(lines) } else { Err(lines) }
}

#[inline]
fn layers(see: &mut dyn FnMut(&'static str, Seen)) {
    let places = TIMED.places;
    let s = Scripted;
    let runtime = crate::runtime();
    let entered = runtime.enter();

    see(
        "circuit_breaker",
        opens(CircuitBreakerLayer::new().plain().layer(s)),
    );
    see(
        "circuit_breaker, tower-resilience",
        opens(tr::breaker().layer(s)),
    );
    see("circuit_breaker, failsafe", opens(failsafe_default(s)));
    see(
        "circuit_breaker, failsafe in a row",
        opens(failsafe_in_a_row(s)),
    );
    see("circuit_breaker, recloser", opens(recloser(s)));

    see(
        "bulkhead",
        fills(BulkheadLayer::new(places).plain().layer(s), places),
    );
    see(
        "bulkhead, tower",
        fills(ConcurrencyLimit::new(s, places), places),
    );
    let shed = LoadShed::new(ConcurrencyLimit::new(s, places));
    see("bulkhead, tower load-shed", fills(shed, places));
    let reject = tr::bulkhead_reject(places).layer(s);
    see("bulkhead, tower-resilience", fills(reject, places));
    let wait = tr::bulkhead_wait(places).layer(s);
    see("bulkhead, tower-resilience waiting", fills(wait, places));
    see(
        "adaptive",
        fills_at_last(AdaptiveLayer::new().plain().layer(s)),
    );
    let limit = Aimd::builder()
        .initial_limit(100)
        .latency_threshold(Duration::from_secs(1));
    let limit = AdaptiveLimiterLayer::new(limit.build().expect("in range"));
    see(
        "adaptive, tower-resilience AIMD",
        fills_at_last(limit.layer(s)),
    );
    let limit = Vegas::builder().initial_limit(100).build();
    let limit = AdaptiveLimiterLayer::new(limit.expect("in range"));
    see(
        "adaptive, tower-resilience Vegas",
        fills_at_last(limit.layer(s)),
    );
    let limit = AdaptiveLimiterLayer::new(Gradient2::builder().build().expect("in range"));
    see(
        "adaptive, tower-resilience gradient",
        fills_at_last(limit.layer(s)),
    );

    let limited = RateLimitLayer::new(ours::rate(SMALL)).plain().layer(s);
    see("rate_limit", limits(limited, 8, |n| n));
    see(
        "rate_limit, governor",
        limits(governor_spent(s, 8), 8, |n| n),
    );
    let rate = tower::limit::rate::Rate::new(8, HOUR);
    let limited = tower::limit::RateLimit::new(s, rate);
    see("rate_limit, tower", limits(limited, 8, |n| n));
    let limited = tr::rate_bucket(8, HOUR).layer(s);
    see("rate_limit, tower-resilience", limits(limited, 8, |n| n));
    let limited = tr::rate_fixed(8, HOUR).layer(s);
    see(
        "rate_limit, tower-resilience fixed",
        limits(limited, 8, |n| n),
    );
    let limited = tower_governor(HOUR, 8).layer(ScriptedAxum);
    see("rate_limit, tower_governor", limits(limited, 8, get));

    let fallback = FallbackLayer::new().plain();
    let fallback = fallback.when(Causes::ANY, |_, _| Ok::<u64, Fault>(0));
    see("fallback", falls_back(fallback.layer(s)));
    let fallback = TrFallbackLayer::<u64, u64, Fault>::value(0);
    see("fallback, tower-resilience", falls_back(fallback.layer(s)));
    see(
        "correlation_id",
        identifies(CorrelationIdLayer::new().layer(s)),
    );
    see(
        "correlation_id, tower-http",
        identifies(towers::request_id().layer(s)),
    );

    // These bring a runtime of their own.
    drop(entered);
    let limit = SMALL.timeout;
    see(
        "timeout",
        times_out(TimeoutLayer::new(limit).plain().layer(s)),
    );
    see("timeout, tower", times_out(Timeout::new(s, limit)));
    see(
        "timeout, tower-resilience",
        times_out(tr::timeout(limit).layer(s)),
    );
    let late = HttpTimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, limit);
    see("timeout, tower-http", answers_late(late.layer(Forever)));
    see("retry", retries(RetryLayer::default().plain().layer(s)));
    see("retry, tower", retries(towers::retry_budget(s)));
    see("retry, tower without budget", retries(towers::retry(s)));
    see(
        "retry, tower-resilience",
        retries(tr::retry_budget::<u64, u64, Fault>().layer(s)),
    );
    let retry = tr::retry::<u64, u64, Fault>();
    see(
        "retry, tower-resilience without budget",
        retries(retry.layer(s)),
    );
    see("hedge", hedges(HedgeLayer::default().plain().layer(s)));
    let hedge = Hedge::new::<u64>(s, towers::Always, 10, 0.9, towers::HEDGE_PERIOD);
    see("hedge, tower", hedges(hedge));
    let hedge = tr::hedge(Duration::from_millis(100));
    see("hedge, tower-resilience", hedges(hedge.layer(s)));
}

#[inline]
fn stacks(see: &mut dyn FnMut(&'static str, Seen)) {
    let s = Scripted;
    let places = TIMED.places;
    // A thousand calls have to get as far as the places.
    let patient = Agreed {
        timeout: SMALL.timeout,
        ..TIMED
    };
    let runtime = crate::runtime();
    let entered = runtime.enter();
    see("five: bulkhead", fills(ours::five(TIMED).layer(s), places));
    see(
        "five: rate limit",
        limits(ours::five(SMALL).layer(s), 8, |n| n),
    );
    let five = || tr::five::<u64, u64, _>(TIMED).layer(s);
    see("five, tower-resilience: bulkhead", fills(five(), places));
    let small = tr::five::<u64, u64, _>(SMALL).layer(s);
    see(
        "five, tower-resilience: rate limit",
        limits(small, 8, |n| n),
    );
    see(
        "five, best of peers: bulkhead",
        fills(best(s, TIMED), places),
    );
    see(
        "five, best of peers: rate limit",
        limits(best(s, SMALL), 8, |n| n),
    );
    drop(entered);

    see("five: timeout", times_out(ours::five(patient).layer(s)));
    see("five: retry", retries(ours::five(TIMED).layer(s)));
    see("five: breaker", opens_inside(ours::five(TIMED).layer(s)));
    let late = tr::five::<u64, u64, _>(patient).layer(s);
    see("five, tower-resilience: timeout", times_out(late));
    see("five, tower-resilience: retry", retries(five()));
    see("five, tower-resilience: breaker", opens_inside(five()));
    see("five, best of peers: timeout", times_out(best(s, patient)));
    see("five, best of peers: retry", retries(best(s, TIMED)));
    see("five, best of peers: breaker", opens_inside(best(s, TIMED)));
}

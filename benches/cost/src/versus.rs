//! Ours and everybody else's side by side: `layer/path/input/whose`.
//!
//! All is `inline`, so that it is compiled where it is used and not for those who only count
//! instructions.

use std::time::Duration;

use http::{Request, Response};
use tower::{
    hedge::Hedge, limit::ConcurrencyLimit, limit::RateLimit, load_shed::LoadShed, timeout::Timeout,
};
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
use tower_layer::{Identity, Layer, Stack};
use tower_resilience_adaptive::{AdaptiveLimiterLayer, Aimd, Gradient2, Vegas};
use tower_resilience_fallback::FallbackLayer as TrFallbackLayer;
use tower_service::Service;

use crate::{
    Cases, Empty,
    Expect::{Bad, Good},
    FAIL, Fault, ONCE, Scripted, ScriptedAxum,
    drive::get,
    ours,
    peers::{
        Agreed, HOUR, best,
        breakers::{failsafe_default, failsafe_in_a_row, recloser},
        governor::{governor, governor_spent, tower_governor},
        resilience as tr, towers,
    },
    verify::{drive_into, occupy},
};

const TIMED: Agreed = Agreed::TIMED;

/// One call, and then none for hours.
const SPENT: Agreed = Agreed {
    rate: 1,
    period: HOUR,
    ..Agreed::TIMED
};

/// A service around [`Scripted`], called with numbers.
macro_rules! plain {
    ($cases:ident, $name:literal, $who:literal, $s:ident => $make:expr) => {
        let make = || {
            let $s = Scripted;
            $make
        };
        $cases.service(concat!($name, "/u64/", $who), Good, make, |n: u64| n);
    };
}

/// The same called with the smallest request.
macro_rules! http {
    ($cases:ident, $name:literal, $who:literal, $s:ident => $make:expr) => {
        let make = || {
            let $s = Scripted;
            $make
        };
        $cases.service(concat!($name, "/http/", $who), Good, make, get);
    };
}

/// Both.
macro_rules! both {
    ($cases:ident, $name:literal, $who:literal, $s:ident => $make:expr) => {
        plain!($cases, $name, $who, $s => $make);
        http!($cases, $name, $who, $s => $make);
    };
}

/// Numbers that are answered when asked about a second time.
macro_rules! pending {
    ($cases:ident, $name:literal, $who:literal, $s:ident => $make:expr) => {
        let make = || {
            let $s = Scripted;
            $make
        };
        $cases.service(concat!($name, "/u64/", $who), Good, make, |_: u64| ONCE);
    };
}

/// A service that refuses numbers once `before` has happened to it.
macro_rules! refused {
    ($cases:ident, $name:literal, $who:literal, $s:ident => $make:expr, $before:expr) => {
        let make = || {
            let $s = Scripted;
            let mut service = $make;
            $before(&mut service);
            service
        };
        $cases.service(concat!($name, "/u64/", $who), Bad, make, |n: u64| n);
    };
}

/// All of it.
#[inline]
#[must_use]
pub fn versus() -> Cases {
    let mut cases = Cases::default();
    both!(cases, "bare/admitted", "-", s => Identity::new().layer(s));
    breakers(&mut cases);
    limits(&mut cases);
    rates(&mut cases);
    timeouts(&mut cases);
    more_attempts(&mut cases);
    ids(&mut cases);
    stacks(&mut cases);
    cases
}

#[inline]
fn breakers(cases: &mut Cases) {
    plain!(cases, "circuit_breaker/admitted", "tower-keep", s => CircuitBreakerLayer::new().plain().layer(s));
    http!(cases, "circuit_breaker/admitted", "tower-keep", s => CircuitBreakerLayer::new().layer(s));
    both!(cases, "circuit_breaker/admitted", "tower-resilience", s => tr::breaker().layer(s));
    both!(cases, "circuit_breaker/admitted", "failsafe", s => failsafe_default(s));
    both!(cases, "circuit_breaker/admitted", "failsafe, in a row", s => failsafe_in_a_row(s));
    both!(cases, "circuit_breaker/admitted", "recloser", s => recloser(s));

    fn fail<S: Service<u64, Response = u64>>(service: &mut S) {
        drive_into(service, FAIL, 200);
    }
    refused!(cases, "circuit_breaker/refused", "tower-keep",
        s => ours::opened().plain().layer(s), fail);
    refused!(cases, "circuit_breaker/refused", "tower-resilience",
        s => tr::breaker().layer(s), fail);
    refused!(cases, "circuit_breaker/refused", "failsafe, in a row",
        s => failsafe_in_a_row(s), fail);
    refused!(cases, "circuit_breaker/refused", "recloser",
        s => recloser(s), fail);
}

#[inline]
fn limits(cases: &mut Cases) {
    plain!(cases, "bulkhead/admitted", "tower-keep", s => BulkheadLayer::new(TIMED.places).plain().layer(s));
    http!(cases, "bulkhead/admitted", "tower-keep", s => BulkheadLayer::new(TIMED.places).layer(s));
    both!(cases, "bulkhead/admitted", "tower", s => ConcurrencyLimit::new(s, TIMED.places));
    both!(cases, "bulkhead/admitted", "tower, load-shed", s => LoadShed::new(ConcurrencyLimit::new(s, TIMED.places)));
    both!(cases, "bulkhead/admitted", "tower-resilience", s => tr::bulkhead_reject(TIMED.places).layer(s));
    both!(cases, "bulkhead/admitted", "tower-resilience, waiting", s => tr::bulkhead_wait(TIMED.places).layer(s));

    fn fill<S: Service<u64, Future: 'static> + 'static>(service: &mut S) {
        occupy(service, 2);
    }
    refused!(cases, "bulkhead/refused", "tower-keep",
        s => BulkheadLayer::new(2).plain().layer(s), fill);
    refused!(cases, "bulkhead/refused", "tower, load-shed",
        s => LoadShed::new(ConcurrencyLimit::new(s, 2)), fill);
    refused!(cases, "bulkhead/refused", "tower-resilience, load-shed",
        s => LoadShed::new(tr::bulkhead_backpressure(2).layer(s)), fill);

    plain!(cases, "adaptive/admitted", "tower-keep", s => AdaptiveLayer::new().plain().layer(s));
    http!(cases, "adaptive/admitted", "tower-keep", s => AdaptiveLayer::new().layer(s));
    both!(cases, "adaptive/admitted", "tower-resilience, AIMD", s => {
        let limit = Aimd::builder()
            .initial_limit(100)
            .latency_threshold(Duration::from_secs(1))
            .build();
        AdaptiveLimiterLayer::new(limit.expect("in range")).layer(s)
    });
    both!(cases, "adaptive/admitted", "tower-resilience, Vegas", s => {
        let limit = Vegas::builder().initial_limit(100).build();
        AdaptiveLimiterLayer::new(limit.expect("in range")).layer(s)
    });
    both!(cases, "adaptive/admitted", "tower-resilience, gradient", s => {
        AdaptiveLimiterLayer::new(Gradient2::builder().build().expect("in range")).layer(s)
    });
}

#[inline]
fn rates(cases: &mut Cases) {
    plain!(cases, "rate_limit/admitted", "tower-keep", s => RateLimitLayer::new(ours::rate(TIMED)).plain().layer(s));
    http!(cases, "rate_limit/admitted", "tower-keep", s => RateLimitLayer::new(ours::rate(TIMED)).layer(s));
    both!(cases, "rate_limit/admitted", "governor", s => governor(s, TIMED.rate as u32));
    both!(cases, "rate_limit/admitted", "tower", s => {
        let rate = tower::limit::rate::Rate::new(TIMED.rate as u64, TIMED.period);
        RateLimit::new(s, rate)
    });
    both!(cases, "rate_limit/admitted", "tower-resilience", s => tr::rate_bucket(TIMED.rate, TIMED.period).layer(s));
    both!(cases, "rate_limit/admitted", "tower-resilience, fixed", s => tr::rate_fixed(TIMED.rate, TIMED.period).layer(s));
    cases.service(
        "rate_limit/admitted/http/tower_governor",
        Good,
        || tower_governor(Duration::from_nanos(1), TIMED.rate as u32).layer(ScriptedAxum),
        get,
    );

    fn spend<S: Service<u64, Response = u64>>(service: &mut S) {
        drive_into(service, 7, 1);
    }
    refused!(cases, "rate_limit/refused", "tower-keep",
        s => RateLimitLayer::new(ours::rate(SPENT)).plain().layer(s), spend);
    refused!(cases, "rate_limit/refused", "governor",
        s => governor_spent(s, 1), spend);
    refused!(cases, "rate_limit/refused", "tower-resilience",
        s => tr::rate_bucket(SPENT.rate, SPENT.period).layer(s), spend);
    refused!(cases, "rate_limit/refused", "tower-resilience, fixed",
        s => tr::rate_fixed(SPENT.rate, SPENT.period).layer(s), spend);
    cases.service(
        "rate_limit/refused/http/tower-keep",
        Bad,
        || {
            let mut service = RateLimitLayer::new(ours::rate(SPENT)).layer(Scripted);
            crate::drive(&mut service, 1, get);
            service
        },
        get,
    );
    cases.service(
        "rate_limit/refused/http/tower_governor",
        Bad,
        || {
            let mut service = tower_governor(HOUR, 1).layer(ScriptedAxum);
            crate::drive(&mut service, 1, get);
            service
        },
        get,
    );
}

#[inline]
fn timeouts(cases: &mut Cases) {
    plain!(cases, "timeout/admitted", "tower-keep", s => TimeoutLayer::new(TIMED.timeout).plain().layer(s));
    http!(cases, "timeout/admitted", "tower-keep", s => TimeoutLayer::new(TIMED.timeout).layer(s));
    both!(cases, "timeout/admitted", "tower", s => Timeout::new(s, TIMED.timeout));
    both!(cases, "timeout/admitted", "tower-resilience", s => tr::timeout(TIMED.timeout).layer(s));
    http!(cases, "timeout/admitted", "tower-http", s => {
        let status = http::StatusCode::GATEWAY_TIMEOUT;
        HttpTimeoutLayer::with_status_code(status, TIMED.timeout).layer(s)
    });
    pending!(cases, "timeout/pending", "tower-keep", s => TimeoutLayer::new(TIMED.timeout).plain().layer(s));
    pending!(cases, "timeout/pending", "tower", s => Timeout::new(s, TIMED.timeout));
    pending!(cases, "timeout/pending", "tower-resilience", s => tr::timeout(TIMED.timeout).layer(s));
}

#[inline]
fn more_attempts(cases: &mut Cases) {
    plain!(cases, "retry/admitted", "tower-keep", s => RetryLayer::default().plain().layer(s));
    http!(cases, "retry/admitted", "tower-keep", s => RetryLayer::default().layer(s));
    both!(cases, "retry/admitted", "tower", s => towers::retry_budget(s));
    both!(cases, "retry/admitted", "tower, no budget", s => towers::retry(s));
    plain!(cases, "retry/admitted", "tower-resilience", s => tr::retry_budget::<u64, u64, Fault>().layer(s));
    http!(cases, "retry/admitted", "tower-resilience", s =>
        tr::retry_budget::<Request<Empty>, Response<Empty>, Fault>().layer(s));
    plain!(cases, "retry/admitted", "tower-resilience, no budget", s => tr::retry::<u64, u64, Fault>().layer(s));

    plain!(cases, "hedge/admitted", "tower-keep", s => HedgeLayer::default().plain().layer(s));
    http!(cases, "hedge/admitted", "tower-keep", s => HedgeLayer::default().layer(s));
    plain!(cases, "hedge/admitted", "tower", s => Hedge::new::<u64>(s, towers::Always, 10, 0.9, towers::HEDGE_PERIOD));
    http!(cases, "hedge/admitted", "tower", s =>
        Hedge::new::<Request<Empty>>(s, towers::Always, 10, 0.9, towers::HEDGE_PERIOD));
    both!(cases, "hedge/admitted", "tower-resilience", s => tr::hedge(Duration::from_millis(100)).layer(s));

    plain!(cases, "fallback/admitted", "tower-keep", s => {
        FallbackLayer::new().plain().when(Causes::ANY, |_, _| Ok::<_, Fault>(0)).layer(s)
    });
    http!(cases, "fallback/admitted", "tower-keep", s => {
        FallbackLayer::new().when(Causes::ANY, |_| Response::new("fallback")).layer(s)
    });
    plain!(cases, "fallback/admitted", "tower-resilience", s => TrFallbackLayer::<u64, u64, Fault>::value(0).layer(s));
    http!(cases, "fallback/admitted", "tower-resilience", s => {
        let answer = Response::new(Empty::new());
        TrFallbackLayer::<Request<Empty>, Response<Empty>, Fault>::value(answer).layer(s)
    });
}

#[inline]
fn ids(cases: &mut Cases) {
    http!(cases, "correlation_id/admitted", "tower-keep", s => CorrelationIdLayer::new().layer(s));
    http!(cases, "correlation_id/admitted", "tower-http", s => towers::request_id().layer(s));
}

#[inline]
fn stacks(cases: &mut Cases) {
    plain!(cases, "five/admitted", "tower-keep", s => ours::five(TIMED).layer(s));
    http!(cases, "five/admitted", "tower-keep", s => ours::five_http(TIMED).layer(s));
    plain!(cases, "five/admitted", "tower-resilience", s => tr::five::<u64, u64, _>(TIMED).layer(s));
    http!(cases, "five/admitted", "tower-resilience", s =>
        tr::five::<Request<Empty>, Response<Empty>, _>(TIMED).layer(s));
    both!(cases, "five/admitted", "best of peers", s => best(s, TIMED));

    pending!(cases, "five/pending", "tower-keep", s => ours::five(TIMED).layer(s));
    pending!(cases, "five/pending", "tower-resilience", s => tr::five::<u64, u64, _>(TIMED).layer(s));
    pending!(cases, "five/pending", "best of peers", s => best(s, TIMED));

    fn spend<S: Service<u64, Response = u64>>(service: &mut S) {
        drive_into(service, 7, 1);
    }
    refused!(cases, "five/refused", "tower-keep", s => ours::five(SPENT).layer(s), spend);
    refused!(cases, "five/refused", "tower-resilience",
        s => tr::five::<u64, u64, _>(SPENT).layer(s), spend);
    refused!(cases, "five/refused", "best of peers", s => best(s, SPENT), spend);

    http!(cases, "five_with_id/admitted", "tower-keep", s =>
        Stack::new(ours::five_http(TIMED), CorrelationIdLayer::new()).layer(s));
    http!(cases, "five_with_id/admitted", "tower-resilience", s => {
        let five = tr::five::<Request<Empty>, Response<Empty>, _>(TIMED);
        towers::request_id().layer(five.layer(s))
    });
    http!(cases, "five_with_id/admitted", "best of peers", s => {
        towers::request_id().layer(best(s, TIMED))
    });
}

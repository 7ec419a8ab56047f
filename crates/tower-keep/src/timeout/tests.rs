use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode};

use super::{
    HeaderTrust, Role, TimeoutConfig,
    header::{grpc_timeout, read, request_timeout, to_grpc_timeout, write},
    state::{BodyClock, FOR_EVER, exceeded},
};
use crate::{
    common::{clock, until::Until},
    protocol::Wire,
    rejection::{Kind, Phase},
};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);
/// In the clock's nanoseconds.
const SECOND: u64 = 1_000_000_000;

#[test]
fn grpc_timeouts_are_read_in_all_units() {
    let table: [(&str, Option<Duration>); 16] = [
        ("1H", Some(3600 * S)),
        ("2M", Some(120 * S)),
        ("3S", Some(3 * S)),
        ("4m", Some(4 * MS)),
        ("5u", Some(Duration::from_micros(5))),
        ("6n", Some(Duration::from_nanos(6))),
        ("0n", Some(Duration::ZERO)),
        ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
        ("100000000n", None),
        ("", None),
        ("S", None),
        ("1", None),
        ("1s", None),
        ("-1S", None),
        (" 1S", None),
        ("1SS", None),
    ];
    for (value, time) in table {
        assert_eq!(grpc_timeout(value.as_bytes()), time, "{value:?}");
    }
}

#[test]
fn request_timeouts_are_milliseconds_or_say_their_unit() {
    let table: [(&str, Option<Duration>); 10] = [
        ("250", Some(250 * MS)),
        ("250ms", Some(250 * MS)),
        ("2s", Some(2 * S)),
        ("3m", Some(180 * S)),
        ("0", Some(Duration::ZERO)),
        ("2.5s", None),
        ("-1", None),
        ("123456789", None),
        ("soon", None),
        ("1\u{e4}", None),
    ];
    for (value, time) in table {
        assert_eq!(request_timeout(value.as_bytes()), time, "{value:?}");
    }
}

#[test]
fn what_is_written_is_never_longer_and_reads_back_almost_the_same() {
    for left in [
        Duration::ZERO,
        Duration::from_nanos(99_999_999),
        Duration::from_nanos(100_000_001),
        799_999 * Duration::from_micros(1),
        12_345 * S,
        Duration::from_secs(u64::MAX),
    ] {
        let written = to_grpc_timeout(left);
        let said = grpc_timeout(written.as_bytes()).expect("well formed");
        assert!(said <= left, "{written} for {left:?}");
        assert!(
            left > 99_999_999 * S || left - said < MS,
            "{written} for {left:?}"
        );
    }
}

#[test]
fn a_shorter_time_in_the_request_is_kept() {
    let mut headers = HeaderMap::new();
    write(&mut headers, Wire::Http, 800 * MS);
    assert_eq!(headers["x-request-timeout"], "800ms");
    write(&mut headers, Wire::Http, 2 * S);
    assert_eq!(headers["x-request-timeout"], "800ms");
    write(&mut headers, Wire::Http, 300 * MS);
    assert_eq!(headers["x-request-timeout"], "300ms");
    headers.insert("x-request-timeout", HeaderValue::from_static("nonsense"));
    write(&mut headers, Wire::Http, 2 * S);
    assert_eq!(headers["x-request-timeout"], "2000ms");
}

#[test]
fn the_shortest_header_counts_and_only_grpc_has_its_own() {
    let headers = HeaderMap::from_iter(
        [("grpc-timeout", "1S"), ("x-request-timeout", "2s")]
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))),
    );
    assert_eq!(read(&headers, Wire::Grpc), Some(S));
    assert_eq!(read(&headers, Wire::Http), Some(2 * S));
}

#[test]
fn the_role_decides_status_trust_and_propagation() {
    use HeaderTrust::{Full, None, Shorten};
    let table = [
        (
            Role::Server,
            StatusCode::SERVICE_UNAVAILABLE,
            Shorten,
            false,
        ),
        (Role::Gateway, StatusCode::GATEWAY_TIMEOUT, Shorten, true),
        (Role::Client, StatusCode::GATEWAY_TIMEOUT, Full, true),
    ];
    for (role, status, trust, propagates) in table {
        let config = TimeoutConfig {
            role,
            ..TimeoutConfig::api()
        };
        assert_eq!(role.status(), status);
        assert_eq!(config.header_trust(), trust, "{role:?}");
        assert_eq!(config.propagates(), propagates, "{role:?}");
        let told = TimeoutConfig {
            trust_headers: Some(None),
            propagate: Some(!propagates),
            ..config
        };
        assert_eq!(
            (told.header_trust(), told.propagates()),
            (None, !propagates)
        );
    }
}

#[test]
fn a_time_of_zero_names_its_field() {
    for (config, field) in [
        (
            TimeoutConfig {
                timeout: Some(Duration::ZERO),
                ..TimeoutConfig::api()
            },
            "timeout",
        ),
        (
            TimeoutConfig {
                body_idle: Some(Duration::MAX),
                ..TimeoutConfig::api()
            },
            "body_idle",
        ),
    ] {
        assert_eq!(config.check().unwrap_err().field(), field);
    }
}

#[test]
fn a_config_is_read_with_durations_for_people() {
    let config: TimeoutConfig = serde_json::from_str(
        r#"{"timeout": "2s", "body": "head_only", "body_idle": null, "role": "gateway"}"#,
    )
    .unwrap();
    assert_eq!(config.timeout, Some(2 * S));
    assert_eq!(config.body_idle, None);
    assert_eq!(config.role.status(), StatusCode::GATEWAY_TIMEOUT);
    let unknown = serde_json::from_str::<TimeoutConfig>(r#"{"time_out": "2s"}"#);
    assert!(unknown.is_err());
}

#[tokio::test(start_paused = true)]
async fn the_earlier_of_idle_time_and_deadline_cuts_a_body() {
    let start = clock::nanos_now();
    let total = |time: u32| Until::open(time * S).fix(|| start);
    let phase = |clock: &mut BodyClock, now: u64| {
        clock.due(|| now).map(|(at, kind)| match kind {
            Kind::DeadlineExceeded { phase, after } => (at - start, phase, after),
            other => panic!("{other:?}"),
        })
    };
    let mut neither = BodyClock::new(start, Until::NEVER, FOR_EVER);
    assert_eq!(phase(&mut neither, start), None);

    let mut both = BodyClock::new(start, total(10), 4 * SECOND);
    assert_eq!(
        phase(&mut both, start + SECOND),
        Some((5 * SECOND, Phase::BodyIdle, 4 * S))
    );
    // Asked again in the same wait, the time goes on.
    assert_eq!(
        phase(&mut both, start + 2 * SECOND),
        Some((5 * SECOND, Phase::BodyIdle, 4 * S))
    );
    both.on_frame();
    assert_eq!(
        phase(&mut both, start + 7 * SECOND),
        Some((10 * SECOND, Phase::Body, 10 * S))
    );
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_was_resolved_a_little_late_is_still_a_round_number() {
    let start = clock::nanos_now();
    let kind = exceeded(Phase::Head, start + 3_000, start + 5 * SECOND);
    let after = 5 * S;
    assert_eq!(
        kind,
        Kind::DeadlineExceeded {
            phase: Phase::Head,
            after
        }
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_too_slowly_is_cut_after_the_last_moment_and_not_at_it() {
    let start = clock::nanos_now();
    let end = Until::open(10 * S).fix(|| start);
    let late = |phase| {
        let after = 10 * S;
        Some(Kind::DeadlineExceeded { phase, after })
    };
    let mut clock = BodyClock::new(start, end, 4 * SECOND);
    assert_eq!(
        clock.read_too_slowly(start + 10 * SECOND),
        None,
        "at the moment"
    );
    let kind = clock.read_too_slowly(start + 10 * SECOND + SECOND / 1000);
    assert_eq!(kind, late(Phase::Body));
    let mut forever = BodyClock::new(0, Until::NEVER, 4 * SECOND);
    assert_eq!(forever.read_too_slowly(start + 3600 * SECOND), None);
    // Open until somebody asks: it counts from then.
    let mut open = BodyClock::new(start, Until::open(10 * S), FOR_EVER);
    assert_eq!(open.read_too_slowly(start), None);
    assert_eq!(open.read_too_slowly(start + 11 * SECOND), late(Phase::Body));
}

#[tokio::test(start_paused = true)]
async fn a_callers_deadline_that_came_later_is_not_ours_to_keep() {
    let start = clock::nanos_now();
    let callers = Until::open(10 * S).fix(|| start).of_caller();
    let late = Kind::DeadlineExceeded {
        phase: Phase::Body,
        after: 10 * S,
    };
    // Its own from the start, or that of a layer outside.
    for keeps in [true, false] {
        let first = if keeps { callers } else { Until::NEVER };
        let mut clock = BodyClock::new(start, first, FOR_EVER);
        clock.until = callers;
        let due = clock.due(|| start).map(|(at, kind)| (at - start, kind));
        assert_eq!(due, keeps.then(|| (10 * SECOND, late.clone())), "{keeps}");
        let cut = clock.read_too_slowly(start + 11 * SECOND);
        assert_eq!(cut, keeps.then(|| late.clone()), "{keeps}");
    }
    // One of ours is kept wherever it came from.
    let mut clock = BodyClock::new(start, Until::NEVER, FOR_EVER);
    clock.until = Until::open(10 * S).fix(|| start);
    assert_eq!(clock.read_too_slowly(start + 11 * SECOND), Some(late));
}

#[tokio::test(start_paused = true)]
async fn what_ended_a_body_is_the_callers_if_it_was_their_deadline() {
    let start = clock::nanos_now();
    let ours = Until::open(S).fix(|| start);
    let kind = |phase| Kind::DeadlineExceeded { phase, after: S };
    for (until, phase, callers) in [
        (ours.of_caller(), Phase::Body, true),
        (ours.of_caller(), Phase::BodyIdle, false),
        (ours, Phase::Body, false),
    ] {
        let clock = BodyClock::new(start, until, SECOND);
        assert_eq!(clock.is_callers(&kind(phase)), callers, "{phase:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_ends_the_wait_and_the_deadline_wins_a_tie() {
    let start = clock::nanos_now();
    let mut clock = BodyClock::new(start, Until::open(4 * S).fix(|| start), 4 * SECOND);
    assert!(!clock.goes_on());
    let (at, kind) = clock.due(|| start).expect("there are two ends");
    assert_eq!(at, start + 4 * SECOND);
    let phase = match kind {
        Kind::DeadlineExceeded { phase, .. } => phase,
        other => panic!("{other:?}"),
    };
    assert_eq!(phase, Phase::Body);
    clock.on_frame();
    assert!(clock.goes_on());
}

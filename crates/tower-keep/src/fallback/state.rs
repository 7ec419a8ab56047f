//! Which failure has which cause, and which answers may be kept: asks nobody.

use std::time::Duration;

use http::{HeaderMap, HeaderName, Method, StatusCode, header};

use super::Cause;
use crate::{
    classify::{Class, Verdict},
    rejection::{Kind, Phase, Rejection},
};

/// What kept the service from answering; nothing if it did its part, or if it is the caller's doing.
pub(super) fn cause(
    verdict: &Verdict,
    rejection: Option<&Rejection>,
    answered: bool,
) -> Option<Cause> {
    if let Some(rejection) = rejection {
        return of_kind(rejection.kind());
    }
    match verdict.class {
        Class::Overload => Some(Cause::Limited),
        Class::Failure if answered => Some(Cause::Failed),
        Class::Failure => Some(Cause::Error),
        Class::Ignored | Class::Success => None,
    }
}

fn of_kind(kind: &Kind) -> Option<Cause> {
    Some(match kind {
        Kind::CircuitOpen => Cause::Open,
        Kind::BulkheadFull { .. } | Kind::ConcurrencyLimited { .. } | Kind::QueueTimeout { .. } => {
            Cause::Full
        }
        Kind::Overloaded { .. } | Kind::RateLimited | Kind::Throttled => Cause::Limited,
        // The client stopped sending.
        Kind::DeadlineExceeded {
            phase: Phase::RequestBody,
            ..
        } => return None,
        Kind::DeadlineExceeded { .. } | Kind::DeadlineExpired => Cause::TimedOut,
        Kind::NoEndpoint | Kind::ShuttingDown => Cause::Unavailable,
        Kind::FaultInjected | Kind::Panicked => Cause::Failed,
        // The caller can and must do something about it.
        Kind::IdempotencyConflict | Kind::IdempotencyKey { .. } | Kind::IdempotencyMismatch => {
            return None;
        }
    })
}

/// Whether the answer to a request may be kept for others, as far as the request says; `keyed` are the
/// headers that keep the answers apart.
pub(super) fn may_keep_request(method: &Method, headers: &HeaderMap, keyed: &[HeaderName]) -> bool {
    (*method == Method::GET || *method == Method::HEAD)
        && !headers.contains_key(header::AUTHORIZATION)
        && !headers.contains_key(header::RANGE)
        && (!headers.contains_key(header::COOKIE) || keyed.contains(&header::COOKIE))
        && directive(headers, "no-store").is_none()
}

/// Whether an answer may be kept for others; `keyed` are the headers that keep the answers apart.
pub(super) fn may_keep_answer(
    status: StatusCode,
    headers: &HeaderMap,
    keyed: &[HeaderName],
) -> bool {
    // Those forbid to give it again without asking, and nobody can be asked.
    const FORBIDDEN: [&str; 5] = [
        "no-store",
        "private",
        "no-cache",
        "must-revalidate",
        "proxy-revalidate",
    ];
    let varies = headers
        .get_all(header::VARY)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or("*").split(','))
        .all(|name| {
            keyed
                .iter()
                .any(|known| known.as_str().eq_ignore_ascii_case(name.trim()))
        });
    status == StatusCode::OK
        && varies
        && !headers.contains_key(header::SET_COOKIE)
        && FORBIDDEN
            .iter()
            .all(|name| directive(headers, name).is_none())
}

/// How old an answer may be when it is given again, and when it stops being fresh, if it says so.
pub(super) fn lifetime(headers: &HeaderMap, max_age: Duration) -> (Duration, Option<Duration>) {
    let seconds = |name| {
        let value: u64 = directive(headers, name)?.trim_matches('"').parse().ok()?;
        Some(Duration::from_secs(value.min(FOREVER)))
    };
    let fresh = seconds("s-maxage").or_else(|| seconds("max-age"));
    let until = match seconds("stale-if-error") {
        Some(stale) => fresh.unwrap_or_default().saturating_add(stale),
        None => max_age,
    };
    (until, fresh)
}

/// As long as a time in a header gets, in seconds: 68 years (RFC 9111, 1.2.2).
pub(super) const FOREVER: u64 = 1 << 31;

/// The value of a `Cache-Control` directive, empty if it has none.
fn directive<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|part| {
            part.trim()
                .split_once('=')
                .unwrap_or_else(|| (part.trim(), ""))
        })
        .find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
}

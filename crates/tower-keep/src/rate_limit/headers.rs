//! `RateLimit` and `RateLimit-Policy`, as draft-ietf-httpapi-ratelimit-headers-11 has them.

use std::{fmt::Write, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    Limit,
    shared::{Shared, now},
};

const LEFT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Says what the limits are and what is left. What another layer has said stays: the fields are lists.
pub(super) fn write(shared: &Shared, headers: &mut HeaderMap) {
    let config = shared.config();
    let (words, paces, _) = shared.look();
    let now = now();
    let (mut left, mut policy) = (String::new(), String::new());
    for (at, limit) in config.limits.iter().enumerate() {
        if at > 0 {
            left.push_str(", ");
            policy.push_str(", ");
        }
        let present = paces[at].left(words[at], now);
        let _ = write!(left, "\"{}\";r={present}", limit.name);
        if !paces[at].is_full(words[at], now) {
            // Whole seconds, rounded up: earlier there is nothing more.
            let next = paces[at]
                .book(words[at], now, paces[at].interval * (present + 1))
                .at;
            let _ = write!(
                left,
                ";t={}",
                next.saturating_sub(now).div_ceil(1_000_000_000)
            );
        }
        write_policy(&mut policy, limit, config.share);
    }
    for (name, text) in [(LEFT, left), (POLICY, policy)] {
        let value = HeaderValue::try_from(text).expect("names are checked to be sendable");
        headers.append(name, value);
    }
}

/// `"default";q=100;w=60`. The window has whole seconds, so a shorter one is told as several of them.
fn write_policy(text: &mut String, limit: &Limit, share: f64) {
    let rate = &limit.rate;
    let window = rate.per.as_secs() + u64::from(rate.per.subsec_nanos() > 0);
    let windows = Duration::from_secs(window).as_secs_f64() / rate.per.as_secs_f64();
    let quota = (rate.permits as f64 * windows * share) as u64;
    let _ = write!(text, "\"{}\";q={quota}", limit.name);
    if let Some(unit) = &limit.unit {
        let _ = write!(text, ";qu=\"{unit}\"");
    }
    let _ = write!(text, ";w={window}");
}

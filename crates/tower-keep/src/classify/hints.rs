use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// What a service says about coming back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hint {
    /// After this long.
    After(Duration),
    /// Not at all: a `grpc-retry-pushback-ms` that is negative or not a number, `x-should-retry: false`.
    Never,
}

/// No hint is taken for longer than this: five minutes.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// Reads when a service wants to be asked again, from the first of these that says something:
///
/// | header | meaning |
/// |---|---|
/// | `grpc-retry-pushback-ms` | milliseconds; negative or not a number: [`Never`](Hint::Never) (gRFC A6) |
/// | `x-should-retry` | `false`: [`Never`](Hint::Never) |
/// | `retry-after-ms` | milliseconds |
/// | `Retry-After` | seconds, or a date (RFC 9110); a date that has passed is now |
/// | `RateLimit` | `"name";r=0;t=30`: seconds of the slowest policy that has nothing left (IETF draft) |
/// | `RateLimit-Reset` | seconds, unless `RateLimit-Remaining` says that something is left |
/// | `X-RateLimit-Reset` | the same with `X-`; a number over 10⁹ is seconds since 1970 |
///
/// What was written for this one answer comes before what describes a limit, and what is finer
/// before what is coarser. Nothing is longer than [`MAX_RETRY_AFTER`]. A header that cannot be read
/// is as good as none.
#[must_use]
pub fn retry_hint(headers: &HeaderMap) -> Option<Hint> {
    if headers.is_empty() {
        return None;
    }
    if let Some(pushback) = headers.get(&PUSHBACK) {
        return Some(match number(pushback) {
            Some(millis) => after(millis / 1000.0),
            None => Hint::Never,
        });
    }
    if should_retry(headers) == Some(false) {
        return Some(Hint::Never);
    }
    time_hint(headers).map(Hint::After)
}

/// What a service says in `x-should-retry`, as some public APIs do.
pub(super) fn should_retry(headers: &HeaderMap) -> Option<bool> {
    match headers.get(&SHOULD_RETRY)?.as_bytes() {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}

/// When, whether or not it is to be this call.
pub(super) fn time_hint(headers: &HeaderMap) -> Option<Duration> {
    let millis = headers.get(&RETRY_AFTER_MS).and_then(number);
    millis
        .map(|millis| millis / 1000.0)
        .or_else(|| retry_after(headers.get(header::RETRY_AFTER)?))
        .or_else(|| exhausted_policy(headers))
        .or_else(|| reset(headers, &LIMIT_RESET, &LIMIT_REMAINING))
        .or_else(|| reset(headers, &X_LIMIT_RESET, &X_LIMIT_REMAINING))
        .map(duration)
}

const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");
pub(crate) const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const LIMIT_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");
const LIMIT_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const X_LIMIT_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const X_LIMIT_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");

/// No limit is renewed after 30 years, so a larger number is a date.
const EPOCH_FROM: f64 = 1e9;

fn after(seconds: f64) -> Hint {
    Hint::After(duration(seconds))
}

fn duration(seconds: f64) -> Duration {
    let seconds = seconds.clamp(0.0, MAX_RETRY_AFTER.as_secs_f64());
    Duration::from_secs_f64(seconds)
}

/// Digits, with a fraction if need be: no sign, no exponent, no `inf`.
fn number(value: &HeaderValue) -> Option<f64> {
    parse_number(value.to_str().ok()?)
}

fn parse_number(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let starts = text.as_bytes().first()?.is_ascii_digit();
    (plain && starts).then(|| text.parse().ok()).flatten()
}

/// Seconds or a date.
fn retry_after(value: &HeaderValue) -> Option<f64> {
    number(value).or_else(|| {
        let date = httpdate::parse_http_date(value.to_str().ok()?).ok()?;
        Some(until(date))
    })
}

/// The seconds until a moment that another machine named; none if it has passed.
///
/// The one place that asks what date it is.
fn until(date: SystemTime) -> f64 {
    date.duration_since(SystemTime::now())
        .map_or(0.0, |time| time.as_secs_f64())
}

/// The longest `t` among the items of `RateLimit` that have `r=0`.
fn exhausted_policy(headers: &HeaderMap) -> Option<f64> {
    headers
        .get_all(&RATE_LIMIT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| unquoted_parts(list, ','))
        .filter_map(|item| {
            let parameter = |name: &str| {
                unquoted_parts(item, ';')
                    .skip(1)
                    .filter_map(|part| part.split_once('='))
                    .find(|(key, _)| key.trim() == name)
                    .and_then(|(_, value)| parse_number(value))
            };
            (parameter("r")? == 0.0).then(|| parameter("t")).flatten()
        })
        .reduce(f64::max)
}

/// The parts between separators, but for separators in `"quotes"`.
fn unquoted_parts(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c| {
        let is_escaped = escaped;
        escaped = quoted && !is_escaped && c == '\\';
        if c == '"' && !is_escaped {
            quoted = !quoted;
        }
        c == separator && !quoted
    })
}

fn reset(headers: &HeaderMap, reset: &HeaderName, remaining: &HeaderName) -> Option<f64> {
    let left = headers.get(remaining).and_then(number).unwrap_or(0.0);
    let reset = headers.get(reset).and_then(number)?;
    if left > 0.0 {
        return None;
    }
    if reset < EPOCH_FROM {
        return Some(reset);
    }
    let since_1970 = Duration::try_from_secs_f64(reset).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(since_1970).map(until)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hint(headers: &[(&'static str, &str)]) -> Option<Hint> {
        retry_hint(&HeaderMap::from_iter(headers.iter().map(
            |(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_bytes(value.as_bytes()).unwrap(),
                )
            },
        )))
    }

    fn millis(headers: &[(&'static str, &str)]) -> Option<u128> {
        hint(headers).map(|hint| match hint {
            Hint::After(after) => after.as_millis(),
            Hint::Never => panic!("not a number"),
        })
    }

    #[test]
    fn each_form_is_read() {
        for (name, value, wanted) in [
            ("retry-after", "7", Some(7_000)),
            ("retry-after", " 7 ", Some(7_000)),
            ("retry-after", "1.5", Some(1_500)),
            ("retry-after", "0", Some(0)),
            ("retry-after", "3600", Some(300_000)),
            ("retry-after", "99999999999999999999999999", Some(300_000)),
            ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
            (
                "retry-after",
                "Thu, 06 Nov 2994 08:49:37 GMT",
                Some(300_000),
            ),
            ("retry-after-ms", "250", Some(250)),
            ("grpc-retry-pushback-ms", "40", Some(40)),
            ("ratelimit", r#""default";r=0;t=30"#, Some(30_000)),
            ("ratelimit", r#""default";t=30;r=0"#, Some(30_000)),
            ("ratelimit", r#""default";r=1;t=30"#, None),
            (
                "ratelimit",
                r#""a";r=0;t=3, "b";r=0;t=9, "c";r=5;t=60"#,
                Some(9_000),
            ),
            ("ratelimit", r#""a,b;r=5\";";r=0;t=3"#, Some(3_000)),
            ("ratelimit-reset", "12", Some(12_000)),
            ("x-ratelimit-reset", "12", Some(12_000)),
            ("x-ratelimit-reset", "999999999", Some(300_000)),
            ("x-ratelimit-reset", "1000000000", Some(0)),
            ("ratelimit", r#""a\\";r=0;t=3, "b\";r=0;t=9"#, Some(3_000)),
            ("x-ratelimit-reset", "99999999999", Some(300_000)),
        ] {
            assert_eq!(millis(&[(name, value)]), wanted, "{name}: {value}");
        }
    }

    #[test]
    fn garbage_is_ignored() {
        for (name, value) in [
            ("retry-after", ""),
            ("retry-after", "soon"),
            ("retry-after", "-1"),
            ("retry-after", "1e9"),
            ("retry-after", "inf"),
            ("retry-after", "NaN"),
            ("retry-after", "1.2.3"),
            ("retry-after", "."),
            ("retry-after", "7\u{fc}"),
            ("retry-after-ms", "-5"),
            ("ratelimit", r#""unclosed;r=0;t=30"#),
            ("ratelimit", ";;;,,,=,;r=;t="),
            ("ratelimit", r#""a";r=0"#),
            ("ratelimit-reset", "-"),
        ] {
            assert_eq!(hint(&[(name, value)]), None, "{name}: {value}");
        }
    }

    #[test]
    fn a_pushback_that_is_not_a_number_means_never() {
        for value in ["-1", "", "soon", "1e3"] {
            let headers = [("grpc-retry-pushback-ms", value), ("retry-after", "1")];
            assert_eq!(hint(&headers), Some(Hint::Never), "{value}");
        }
    }

    #[test]
    fn the_more_precise_header_wins_and_an_unreadable_one_gives_way() {
        let mut headers = vec![
            ("grpc-retry-pushback-ms", "1"),
            ("retry-after-ms", "2"),
            ("retry-after", "3"),
            ("ratelimit", "\"a\";r=0;t=4"),
            ("ratelimit-reset", "5"),
            ("x-ratelimit-reset", "6"),
        ];
        for wanted in [1, 2, 3_000, 4_000, 5_000, 6_000] {
            assert_eq!(millis(&headers), Some(wanted));
            headers.remove(0);
        }
        assert_eq!(
            millis(&[("retry-after", "?"), ("ratelimit-reset", "5")]),
            Some(5_000)
        );
    }

    #[test]
    fn a_reset_counts_when_nothing_is_left() {
        let with_left =
            |left| millis(&[("x-ratelimit-reset", "9"), ("x-ratelimit-remaining", left)]);
        assert_eq!(with_left("0"), Some(9_000));
        assert_eq!(with_left("?"), Some(9_000));
        assert_eq!(with_left("3"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_wait_longer_than_the_cap(
            which in 0..6_usize,
            value in proptest::collection::vec(prop_oneof![b' '..=b'~', 128_u8..=255], 0..60),
        ) {
            let names = [PUSHBACK, RETRY_AFTER_MS, header::RETRY_AFTER, RATE_LIMIT, LIMIT_RESET, X_LIMIT_RESET];
            let headers = HeaderMap::from_iter([(names[which].clone(), HeaderValue::from_bytes(&value).unwrap())]);
            if let Some(Hint::After(after)) = retry_hint(&headers) {
                prop_assert!(after <= MAX_RETRY_AFTER);
            }
        }
    }
}

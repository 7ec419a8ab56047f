//! Deadlines in the headers of a request: how long its caller still waits.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{common::headers::has_any, protocol::Wire};

static GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
static REQUEST_TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout");

/// The shortest time that a request's headers give it.
pub(super) fn read(headers: &HeaderMap, wire: Wire) -> Option<Duration> {
    if !has_any(headers, [&REQUEST_TIMEOUT, &GRPC_TIMEOUT]) {
        return None;
    }
    let plain = read_one(headers, &REQUEST_TIMEOUT, request_timeout);
    if wire != Wire::Grpc {
        return plain;
    }
    let grpc = read_one(headers, &GRPC_TIMEOUT, grpc_timeout);
    plain.into_iter().chain(grpc).min()
}

/// Writes how much is left, unless the header that the next one reads says less already.
pub(super) fn write(headers: &mut HeaderMap, wire: Wire, left: Duration) {
    let (name, said) = match wire {
        Wire::Grpc => (&GRPC_TIMEOUT, grpc_timeout as fn(&[u8]) -> _),
        Wire::HeadOnly | Wire::Http | Wire::Plain => (&REQUEST_TIMEOUT, request_timeout as _),
    };
    if read_one(headers, name, said).is_some_and(|said| said <= left) {
        return;
    }
    let value = match wire {
        Wire::Grpc => to_grpc_timeout(left),
        _ => format!("{}ms", left.as_millis().min(LARGEST)),
    };
    let value = HeaderValue::try_from(value).expect("digits and letters are a header value");
    headers.insert(name, value);
}

fn read_one(
    headers: &HeaderMap,
    name: &HeaderName,
    parse: fn(&[u8]) -> Option<Duration>,
) -> Option<Duration> {
    headers.get(name).and_then(|value| parse(value.as_bytes()))
}

/// Reads `1*8DIGIT ("H" / "M" / "S" / "m" / "u" / "n")`.
pub(super) fn grpc_timeout(value: &[u8]) -> Option<Duration> {
    let (number, unit) = split(value)?;
    Some(match unit {
        b"H" => Duration::from_secs(number * 3600),
        b"M" => Duration::from_secs(number * 60),
        b"S" => Duration::from_secs(number),
        b"m" => Duration::from_millis(number),
        b"u" => Duration::from_micros(number),
        b"n" => Duration::from_nanos(number),
        _ => return None,
    })
}

/// Reads `1*8DIGIT ["ms" / "s" / "m"]`.
pub(super) fn request_timeout(value: &[u8]) -> Option<Duration> {
    let (number, unit) = split(value)?;
    Some(match unit {
        b"" | b"ms" => Duration::from_millis(number),
        b"s" => Duration::from_secs(number),
        b"m" => Duration::from_secs(number * 60),
        _ => return None,
    })
}

/// A number of 1 to 8 digits and what follows it.
fn split(value: &[u8]) -> Option<(u64, &[u8])> {
    let digits = value
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if !(1..=8).contains(&digits) {
        return None;
    }
    let (number, unit) = value.split_at(digits);
    let number = number
        .iter()
        .fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    Some((number, unit))
}

/// The largest number of 8 digits.
const LARGEST: u128 = 99_999_999;

/// In the finest unit that 8 digits can say, rounded down: never longer than what is left.
pub(super) fn to_grpc_timeout(left: Duration) -> String {
    let units = [
        (left.as_nanos(), 'n'),
        (left.as_micros(), 'u'),
        (left.as_millis(), 'm'),
        (u128::from(left.as_secs()), 'S'),
    ];
    let fits = units.into_iter().find(|(number, _)| *number <= LARGEST);
    let (number, unit) = fits.unwrap_or((LARGEST, 'S'));
    format!("{number}{unit}")
}

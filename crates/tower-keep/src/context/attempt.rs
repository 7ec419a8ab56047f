//! Which attempt of its caller's a request is.

use http::{HeaderMap, HeaderName};

use super::Context;

/// Ours: 2 for the first retry.
pub(crate) static RETRY_ATTEMPT: HeaderName = HeaderName::from_static("x-retry-attempt");
/// gRPC's: 1 for the first retry.
pub(crate) static PREVIOUS_ATTEMPTS: HeaderName =
    HeaderName::from_static("grpc-previous-rpc-attempts");
/// Envoy's: 2 for the first retry.
static ENVOY_ATTEMPTS: HeaderName = HeaderName::from_static("x-envoy-attempt-count");

/// Which attempt of its caller's the present request is: 1, or more if the caller has sent it before.
///
/// Callers say so in `x-retry-attempt`, `grpc-previous-rpc-attempts` or `x-envoy-attempt-count`, and
/// the [correlation id layer](crate::correlation_id) reads it. Nobody has to be trusted for that: it
/// makes fewer retries and never more.
#[must_use]
pub fn inbound_attempt() -> u32 {
    Context::with_current(|context| context.map_or(1, Context::inbound_attempt))
}

/// The largest number that any of the headers gives; 1 if none does.
#[cfg(any(feature = "correlation-id", test))]
pub(crate) fn read_attempt(headers: &HeaderMap) -> u32 {
    let largest = |name: &HeaderName| {
        let values = headers.get_all(name).iter();
        let numbers = values.filter_map(|value| value.to_str().ok()?.trim().parse::<u32>().ok());
        numbers.max().unwrap_or(0)
    };
    if headers.is_empty() {
        return 1;
    }
    largest(&RETRY_ATTEMPT)
        .max(largest(&ENVOY_ATTEMPTS))
        .max(largest(&PREVIOUS_ATTEMPTS).saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_number_counts_and_nonsense_does_not() {
        for (headers, attempt) in [
            (&[][..], 1),
            (&[("x-retry-attempt", "3")], 3),
            (&[("x-retry-attempt", "0")], 1),
            (&[("x-retry-attempt", "-3")], 1),
            (&[("x-retry-attempt", "many")], 1),
            (&[("x-envoy-attempt-count", "2")], 2),
            (&[("grpc-previous-rpc-attempts", "1")], 2),
            (&[("grpc-previous-rpc-attempts", "4294967295")], u32::MAX),
            (
                &[("x-retry-attempt", "2"), ("x-envoy-attempt-count", "5")],
                5,
            ),
        ] {
            let map = HeaderMap::from_iter(
                headers
                    .iter()
                    .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())),
            );
            assert_eq!(read_attempt(&map), attempt, "{headers:?}");
        }
    }
}

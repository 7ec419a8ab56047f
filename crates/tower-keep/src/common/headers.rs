//! Looking for headers that few requests have.

use http::{HeaderMap, HeaderName};

/// Whether there may be a header of any of these names.
///
/// A look at each name that is there is a comparison of lengths, mostly; a search in the map costs as
/// much as ten of them, for each name, since the name is hashed.
#[inline]
pub(crate) fn has_any<const N: usize>(headers: &HeaderMap, names: [&HeaderName; N]) -> bool {
    headers.keys().any(|name| names.contains(&name))
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header};

    use super::*;

    #[test]
    fn one_of_them_is_enough_and_it_must_be_the_whole_name() {
        let priority = HeaderName::from_static("priority");
        let mut headers = HeaderMap::new();
        let has = |headers: &HeaderMap| has_any(headers, [&priority, &header::HOST]);
        assert!(!has(&headers));
        headers.append("x-priority", HeaderValue::from_static("u=1"));
        assert!(!has(&headers));
        headers.append("priority", HeaderValue::from_static("u=1"));
        assert!(has(&headers));
    }
}

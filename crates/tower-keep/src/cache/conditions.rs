//! Conditions of callers who have an answer themselves (RFC 9110, 13).

use http::{HeaderMap, HeaderName, StatusCode, header};

/// Which conditions are left to the service: a request that has one is passed on as it is.
pub(super) const NOT_OURS: [HeaderName; 4] = [
    header::RANGE,
    header::IF_RANGE,
    header::IF_MATCH,
    header::IF_UNMODIFIED_SINCE,
];

/// What a caller wants to know, taken from its request.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions {
    none_match: Vec<http::HeaderValue>,
    modified_since: Option<http::HeaderValue>,
}

impl Conditions {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let none_match = headers.get_all(header::IF_NONE_MATCH);
        Self {
            none_match: none_match.iter().cloned().collect(),
            modified_since: headers.get(header::IF_MODIFIED_SINCE).cloned(),
        }
    }

    /// Whether the caller has what is kept.
    pub(super) fn are_met(&self, status: StatusCode, kept: &HeaderMap) -> bool {
        if status != StatusCode::OK {
            return false;
        }
        if !self.none_match.is_empty() {
            let etag = kept.get(header::ETAG).and_then(|etag| etag.to_str().ok());
            return self.none_match.iter().any(|value| names(value, etag));
        }
        let date = |value: &http::HeaderValue| httpdate::parse_http_date(value.to_str().ok()?).ok();
        let modified = kept.get(header::LAST_MODIFIED).and_then(date);
        let since = self.modified_since.as_ref().and_then(date);
        matches!((modified, since), (Some(modified), Some(since)) if modified <= since)
    }
}

/// Whether a list of tags has this one in it, by the weak comparison.
fn names(list: &http::HeaderValue, etag: Option<&str>) -> bool {
    let Ok(list) = list.to_str() else {
        return false;
    };
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    list.trim() == "*"
        || etag.is_some_and(|etag| list.split(',').any(|tag| opaque(tag) == opaque(etag)))
}

/// What a 304 has of the headers of an answer (RFC 9110, 15.4.5): all but what describes a body.
pub(super) fn not_modified(mut headers: HeaderMap) -> HeaderMap {
    for name in [
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::CONTENT_LANGUAGE,
    ] {
        headers.remove(name);
    }
    headers
}

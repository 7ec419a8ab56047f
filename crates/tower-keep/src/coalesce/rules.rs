//! Which requests may share an answer, and which answers may be shared.

use http::{HeaderMap, HeaderName, Method, Response, header};

use crate::{
    common::{
        directives::{self, Directives},
        target,
    },
    protocol::Head,
};

/// The key of a request that may share its answer with others, unless somebody said otherwise.
pub(super) fn key(head: &Head<'_>, vary: &[HeaderName]) -> Option<Vec<u8>> {
    let is_read = *head.method == Method::GET || *head.method == Method::HEAD;
    let is_personal = || PERSONAL.iter().any(|name| head.headers.contains_key(name));
    if !is_read || is_personal() {
        return None;
    }
    let asks = Directives::of(head.headers, true);
    if asks.no_cache || asks.no_store {
        return None;
    }
    Some(target::key(head.method, head, vary))
}

/// Fields of requests whose answer is for one caller, or for one state of that caller.
const PERSONAL: [HeaderName; 10] = [
    header::AUTHORIZATION,
    header::PROXY_AUTHORIZATION,
    header::COOKIE,
    header::RANGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
    header::IF_RANGE,
    header::UPGRADE,
];

/// Whether an answer may be given to everybody with the same key. `known` are the fields that are part
/// of it; `None` if the key is somebody else's, who has thought of them.
pub(super) fn is_for_all<B>(response: &Response<B>, known: Option<&[HeaderName]>) -> bool {
    let headers: &HeaderMap = response.headers();
    // These answer conditions of one caller.
    if matches!(response.status().as_u16(), 304 | 412 | 416) {
        return false;
    }
    if headers.contains_key(header::SET_COOKIE) {
        return false;
    }
    let says = Directives::of(headers, true);
    if says.private || says.no_store {
        return false;
    }
    match (directives::vary(headers), known) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(names), Some(known)) => names.iter().all(|name| known.contains(name)),
    }
}

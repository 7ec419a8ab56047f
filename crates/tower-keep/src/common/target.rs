//! What a request is for, as a key.

use http::{HeaderMap, HeaderName, Method, Uri, header};

use crate::protocol::Head;

/// Method, target and the fields `vary`, in one piece that no two different requests have in common.
///
/// The host is part of it, since an HTTP/1 request has it in a field of its own.
pub(crate) fn key(method: &Method, head: &Head<'_>, vary: &[HeaderName]) -> Vec<u8> {
    let original = original(head);
    let uri = original.unwrap_or(head.uri);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut key = Vec::with_capacity(64 + path.len());
    // A field has no line break in it and a target no space, so neither can look like two.
    key.extend_from_slice(method.as_str().as_bytes());
    key.push(b' ');
    if let Some(scheme) = uri.scheme_str() {
        key.extend_from_slice(scheme.as_bytes());
    }
    key.push(b' ');
    match uri.authority() {
        Some(authority) => key.extend_from_slice(authority.as_str().as_bytes()),
        None => push_field(&mut key, head.headers, &header::HOST),
    }
    key.push(b' ');
    key.extend_from_slice(path.as_bytes());
    if original.is_some() {
        key.push(b' ');
        key.extend_from_slice(head.uri.to_string().as_bytes());
    }
    for name in vary {
        push_field(&mut key, head.headers, name);
    }
    key
}

/// One field, with a carriage return before each of its values and a line feed at the end: an empty value
/// is another thing than none, and neither is the end of what comes before.
pub(crate) fn push_field(key: &mut Vec<u8>, headers: &HeaderMap, name: &HeaderName) {
    for value in headers.get_all(name) {
        key.push(b'\r');
        key.extend_from_slice(value.as_bytes());
    }
    key.push(b'\n');
}

/// The target as it came in, if it is another one now: axum takes the prefix of a nested router away,
/// and two nests of one layer would be taken for each other. A gateway sends what came in for one target
/// to several, so that what it became counts as well.
pub(crate) fn original<'a>(head: &Head<'a>) -> Option<&'a Uri> {
    #[cfg(feature = "axum")]
    if let Some(original) = head.extensions.get::<axum::extract::OriginalUri>() {
        return Some(&original.0).filter(|original| *original != head.uri);
    }
    let _ = head;
    None
}

/// The whole path of a request that is being routed in a nested router; nothing of one whose target
/// somebody rewrote, who wants it to be that.
pub(crate) fn nested<'a>(head: &Head<'a>) -> Option<&'a str> {
    let path = original(head)?.path();
    path.ends_with(head.uri.path()).then_some(path)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn key_of(request: &Request<()>) -> Vec<u8> {
        key(request.method(), &Head::of(request), &[header::ACCEPT])
    }

    #[test]
    fn different_requests_have_different_keys() {
        let requests = [
            Request::get("/a"),
            Request::head("/a"),
            Request::get("/a?"),
            Request::get("/a?b"),
            Request::get("/b"),
            Request::get("http://one/a"),
            Request::get("https://one/a"),
            Request::get("/a").header("host", "one"),
            Request::get("/a").header("host", "two"),
            Request::get("/a").header("accept", "x"),
            Request::get("/a").header("accept", "x, y"),
            Request::get("/a")
                .header("accept", "x")
                .header("accept", "y"),
        ]
        .map(|builder| builder.body(()).expect("well formed"));
        let mut keys: Vec<_> = requests.iter().map(key_of).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), requests.len());
        let other = Request::get("/a")
            .header("x-id", "1")
            .body(())
            .expect("well formed");
        assert_eq!(key_of(&other), key_of(&requests[0]));
    }

    #[test]
    fn an_empty_field_is_no_border_that_is_not_there() {
        let pairs = [
            [
                Request::get("/a").header("accept", "x"),
                Request::get("/ax").header("accept", ""),
            ],
            [
                Request::get("/a").header("accept", "").header("te", "x"),
                Request::get("/a").header("te", "").header("te", "x"),
            ],
        ];
        for pair in pairs {
            let [one, other] = pair.map(|builder| {
                let request = builder.body(()).expect("well formed");
                let fields = [header::ACCEPT, header::TE];
                key(request.method(), &Head::of(&request), &fields)
            });
            assert_ne!(one, other);
        }
    }

    #[cfg(feature = "axum")]
    #[test]
    fn a_path_in_a_nest_is_whole_and_one_that_was_rewritten_is_not() {
        let path = |original: &'static str| {
            let original = axum::extract::OriginalUri(Uri::from_static(original));
            let request = Request::post("/pay").extension(original).body(());
            nested(&Head::of(&request.expect("well formed"))).map(str::to_owned)
        };
        assert_eq!(path("/a/pay").as_deref(), Some("/a/pay"));
        assert_eq!(path("/pay"), None);
        assert_eq!(path("/old/payment"), None);
    }

    #[cfg(feature = "axum")]
    #[test]
    fn what_came_in_and_what_it_became_both_count() {
        let sent_to = |uri: &str| {
            let original = axum::extract::OriginalUri(Uri::from_static("/me"));
            let request = Request::get(uri).extension(original).body(());
            key_of(&request.expect("well formed"))
        };
        assert_ne!(sent_to("http://tenant-a/me"), sent_to("http://tenant-b/me"));
    }
}

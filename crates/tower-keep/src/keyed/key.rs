use std::{borrow::Cow, fmt};

use http::{HeaderName, Request, uri::Authority};

use crate::protocol::Head;

/// Tells the key of a request.
///
/// `None`, an empty key and one of more than 256 bytes are the shared key.
pub trait KeyOf<Req> {
    /// The key; borrowed from the request where that is possible, so that nothing is allocated.
    fn key_of<'a>(&'a self, request: &'a Req) -> Option<Cow<'a, str>>;
}

/// The usual keys of HTTP requests, and how to make others.
#[derive(Clone, Debug)]
pub struct Key(Source);

#[derive(Clone, Debug)]
enum Source {
    Header(HeaderName),
    Host,
    Path,
    #[cfg(feature = "axum")]
    Route,
}

impl Key {
    /// The host and port that are called, in lower case: from the target, or else from `Host`. The
    /// port that goes without saying is left out.
    ///
    /// For clients. On a server callers choose what they write there.
    #[must_use]
    pub const fn host() -> Self {
        Self(Source::Host)
    }

    /// The value of a header, such as `x-tenant`.
    ///
    /// Let it be set by who knows: a caller who chooses his own key has as many limits as he likes.
    ///
    /// # Panics
    /// If it is no name of a header in lower case.
    #[must_use]
    pub fn header(name: &'static str) -> Self {
        Self(Source::Header(HeaderName::from_static(name)))
    }

    /// The route that axum found, such as `/orders/{id}`. Calls that no route was found for share one
    /// key, or a scan for paths would make thousands.
    ///
    /// The layer must be inside the router (`Router::layer` is), or there is no route yet.
    #[cfg(feature = "axum")]
    #[must_use]
    pub const fn route() -> Self {
        Self(Source::Route)
    }

    /// The path: for gRPC, where it is the method, and for services with few of them.
    #[must_use]
    pub const fn path() -> Self {
        Self(Source::Path)
    }

    /// What `key` says of the head of an HTTP request.
    pub const fn by<F>(key: F) -> By<F>
    where
        F: for<'a> Fn(&Head<'a>) -> Option<Cow<'a, str>>,
    {
        By(key)
    }

    /// What `key` says of a request of any kind.
    pub const fn by_request<Req, F>(key: F) -> ByRequest<F>
    where
        F: for<'a> Fn(&'a Req) -> Option<Cow<'a, str>>,
    {
        ByRequest(key)
    }
}

/// A closure over heads as a key: [`Key::by`].
#[derive(Clone, Copy)]
pub struct By<F>(F);

/// A closure over requests as a key: [`Key::by_request`].
#[derive(Clone, Copy)]
pub struct ByRequest<F>(F);

impl<B> KeyOf<Request<B>> for Key {
    #[inline]
    fn key_of<'a>(&'a self, request: &'a Request<B>) -> Option<Cow<'a, str>> {
        self.0.of(Head::of(request))
    }
}

impl<B, F> KeyOf<Request<B>> for By<F>
where
    F: for<'a> Fn(&Head<'a>) -> Option<Cow<'a, str>>,
{
    #[inline]
    fn key_of<'a>(&'a self, request: &'a Request<B>) -> Option<Cow<'a, str>> {
        (self.0)(&Head::of(request))
    }
}

impl<Req, F> KeyOf<Req> for ByRequest<F>
where
    F: for<'a> Fn(&'a Req) -> Option<Cow<'a, str>>,
{
    #[inline]
    fn key_of<'a>(&'a self, request: &'a Req) -> Option<Cow<'a, str>> {
        (self.0)(request)
    }
}

impl Source {
    fn of<'a>(&self, head: Head<'a>) -> Option<Cow<'a, str>> {
        match self {
            Self::Header(name) => {
                let value = head.headers.get(name)?.to_str().ok()?;
                Some(Cow::Borrowed(value))
            }
            Self::Host => match head.uri.authority() {
                Some(authority) => Some(host(authority.as_str(), head.uri.scheme_str())),
                None => {
                    let host_header = head.headers.get(http::header::HOST)?.to_str().ok()?;
                    // What is no host is no key.
                    host_header.parse::<Authority>().ok()?;
                    Some(host(host_header, None))
                }
            },
            Self::Path => Some(Cow::Borrowed(head.uri.path())),
            #[cfg(feature = "axum")]
            Self::Route => {
                let route = head.extensions.get::<axum::extract::MatchedPath>()?;
                Some(Cow::Borrowed(route.as_str()))
            }
        }
    }
}

/// Host and port in lower case, without the user and without a port that says nothing.
fn host<'a>(authority: &'a str, scheme: Option<&str>) -> Cow<'a, str> {
    let host = authority.rsplit_once('@').map_or(authority, |(_, it)| it);
    let default_port = match scheme {
        Some("https") => ":443",
        Some("http") => ":80",
        _ => "",
    };
    let host = host.strip_suffix(default_port).unwrap_or(host);
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}

impl<F> fmt::Debug for By<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("By").finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for ByRequest<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByRequest").finish_non_exhaustive()
    }
}

use std::fmt;

use http::{Extensions, HeaderMap, Method, Request, Uri, Version};

/// The requests of a kind of service: what a layer may see of them.
pub trait Inspect<Req> {
    /// The head of a request, if it has one.
    fn head<'a>(&self, request: &'a Req) -> Option<Head<'a>>;

    /// The headers, to add to.
    fn headers_mut<'a>(&self, request: &'a mut Req) -> Option<&'a mut HeaderMap>;

    /// What is left for layers and handlers inside, to add to.
    fn extensions_mut<'a>(&self, request: &'a mut Req) -> Option<&'a mut Extensions>;

    /// What the caller of this request understands.
    fn wire(&self, request: &Req) -> Wire;
}

/// The language a call is answered in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wire {
    /// gRPC over HTTP/2: the status is in the trailers.
    Grpc,
    /// HTTP, to a request for the head alone: an answer has no body.
    HeadOnly,
    /// HTTP: the status is in the head.
    Http,
    /// A Rust value.
    Plain,
}

/// The head of an HTTP request, whatever its body is.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    /// The method.
    pub method: &'a Method,
    /// The target.
    pub uri: &'a Uri,
    /// The version of HTTP.
    pub version: Version,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// What layers outside and the server left for us.
    pub extensions: &'a Extensions,
}

/// The methods of [`Inspect`] that are the same for every protocol on HTTP requests with a body `$body`.
macro_rules! inspect_http {
    ($body:ident) => {
        fn head<'a>(
            &self,
            request: &'a ::http::Request<$body>,
        ) -> Option<$crate::protocol::Head<'a>> {
            Some($crate::protocol::Head::of(request))
        }

        fn headers_mut<'a>(
            &self,
            request: &'a mut ::http::Request<$body>,
        ) -> Option<&'a mut ::http::HeaderMap> {
            Some(request.headers_mut())
        }

        fn extensions_mut<'a>(
            &self,
            request: &'a mut ::http::Request<$body>,
        ) -> Option<&'a mut ::http::Extensions> {
            Some(request.extensions_mut())
        }
    };
}

pub(super) use inspect_http;

impl<'a> Head<'a> {
    pub(crate) fn of<B>(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            version: request.version(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }
}

impl fmt::Debug for Head<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head")
            .field("method", self.method)
            .field("uri", self.uri)
            .finish_non_exhaustive()
    }
}

//! Services that cost nothing, so that what is measured is the layer.

use std::{
    future::{Pending, Ready, pending, ready},
    task::{Context, Poll},
};

use http::{HeaderValue, Request, Response, StatusCode, header};
use tower_keep::{protocol::CarriesRejection, rejection::Rejection};

use crate::BoxError;

/// A body that has ended.
pub type Empty = http_body_util::Empty<bytes::Bytes>;

/// Answers at once.
#[derive(Clone, Copy, Debug)]
pub struct Echo;

/// Fails at once: an error, or a 500.
#[derive(Clone, Copy, Debug)]
pub struct Broken;

/// Answers never.
#[derive(Clone, Copy, Debug)]
pub struct Forever;

/// Answers at once with what may be kept for an hour.
#[derive(Clone, Copy, Debug)]
pub struct Fresh;

/// Answers at once; its error is an enum, not a box.
#[derive(Clone, Copy, Debug)]
pub struct Typed;

/// Of what [`Typed`] could fail.
#[derive(Debug)]
pub enum Failure {
    /// Turned away.
    Rejected(Rejection),
    /// By itself.
    Broken,
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl CarriesRejection for Failure {
    #[inline]
    fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Rejected(rejection) => Some(rejection),
            Self::Broken => None,
        }
    }
}

impl tower_service::Service<u64> for Typed {
    type Response = u64;
    type Error = Failure;
    type Future = Ready<Result<u64, Failure>>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, n: u64) -> Self::Future {
        // So that the compiler does not know that it never fails.
        ready(if n == u64::MAX {
            Err(Failure::Broken)
        } else {
            Ok(n)
        })
    }
}

/// Both kinds of request for a service, whose future is named.
macro_rules! service {
    ($name:ty, $kind:ident, $plain:expr, $http:expr) => {
        impl tower_service::Service<u64> for $name {
            type Response = u64;
            type Error = BoxError;
            type Future = $kind<Result<u64, BoxError>>;

            #[inline]
            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
                Poll::Ready(Ok(()))
            }

            #[inline]
            fn call(&mut self, n: u64) -> Self::Future {
                $plain(n)
            }
        }

        impl<B> tower_service::Service<Request<B>> for $name {
            type Response = Response<Empty>;
            type Error = BoxError;
            type Future = $kind<Result<Response<Empty>, BoxError>>;

            #[inline]
            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
                Poll::Ready(Ok(()))
            }

            #[inline]
            fn call(&mut self, _: Request<B>) -> Self::Future {
                $http
            }
        }
    };
}

service!(
    Echo,
    Ready,
    |n| ready(Ok(n)),
    ready(Ok(Response::new(Empty::new())))
);
service!(Broken, Ready, |_| ready(Err("broken".into())), {
    let mut response = Response::new(Empty::new());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    ready(Ok(response))
});
service!(Forever, Pending, |_| pending(), pending());
service!(Fresh, Ready, |n| ready(Ok(n)), {
    let mut response = Response::new(Empty::new());
    let kept = HeaderValue::from_static("max-age=3600");
    response.headers_mut().insert(header::CACHE_CONTROL, kept);
    ready(Ok(response))
});

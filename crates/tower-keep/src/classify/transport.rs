//! Errors: our own refusals, connections that could not be made, streams nobody processed.

use std::{any::Any, error::Error, io};

use super::{Retry, Verdict, http::rejection as verdict_on};
use crate::{
    BoxError,
    rejection::{self, Rejection},
};

/// The verdict on an error of any type.
///
/// Looks into boxed errors and the errors that are known here, along `source()`; any other is a
/// failure that may be retried if the request is idempotent. An error type of somebody else's, such
/// as that of tonic's channel, is looked into once it is boxed: `.map_err(BoxError::from)`.
pub(crate) fn error(error: &dyn Any) -> Verdict {
    match as_error(error) {
        Some(error) => in_chain(error),
        None => Verdict::failure().retry(Retry::IfIdempotent),
    }
}

/// The refusal at the root of an error of any type, looked for as [`error`] does.
pub(crate) fn rejection_in(error: &dyn Any) -> Option<&Rejection> {
    as_error(error).and_then(Rejection::find)
}

/// An error as a trait object, if its type is known to be one.
fn as_error(error: &dyn Any) -> Option<&(dyn Error + 'static)> {
    fn of<E: Error + 'static>(error: &dyn Any) -> Option<&(dyn Error + 'static)> {
        error.downcast_ref::<E>().map(|error| error as _)
    }
    if let Some(error) = error.downcast_ref::<BoxError>() {
        return Some(&**error);
    }
    let known = of::<Rejection>(error).or_else(|| of::<io::Error>(error));
    #[cfg(feature = "client")]
    let known = known
        .or_else(|| of::<hyper_util::client::legacy::Error>(error))
        .or_else(|| of::<hyper::Error>(error))
        .or_else(|| of::<h2::Error>(error));
    #[cfg(feature = "reqwest")]
    let known = known
        .or_else(|| of::<crate::reqwest_client::Error>(error))
        .or_else(|| of::<reqwest::Error>(error));
    known
}

fn in_chain(error: &(dyn Error + 'static)) -> Verdict {
    let mut next = Some(error);
    // Whether the error is that of all that was sent.
    #[cfg_attr(
        not(feature = "reqwest"),
        expect(unused_mut, reason = "only reqwest sends more than one")
    )]
    let mut of_all = true;
    while let Some(error) = next {
        if let Some(refused) = error.downcast_ref::<Rejection>() {
            return verdict_on(refused);
        }
        #[cfg(feature = "reqwest")]
        match request::look(error) {
            request::Says::Verdict(verdict) => return verdict,
            request::Says::OfTheLastOnly => of_all = false,
            request::Says::Nothing => {}
        }
        if of_all && is_unprocessed(error) {
            return Verdict::failure().retry(Retry::Always);
        }
        next = rejection::inside(error);
    }
    Verdict::failure().retry(Retry::IfIdempotent)
}

/// Whether the request certainly did not reach the service's code.
fn is_unprocessed(error: &(dyn Error + 'static)) -> bool {
    let refused = error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
    #[cfg(feature = "client")]
    let refused = refused || client::is_unprocessed(error);
    refused
}

/// The errors of hyper's clients.
#[cfg(feature = "client")]
mod client {
    use super::Error;

    pub(super) fn is_unprocessed(error: &(dyn Error + 'static)) -> bool {
        if let Some(error) = error.downcast_ref::<hyper_util::client::legacy::Error>() {
            return error.is_connect();
        }
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            // Made only for a request that was still waiting for its connection.
            return error.is_canceled();
        }
        error.downcast_ref().is_some_and(never_started)
    }

    /// RFC 9113, 8.7: a stream refused, or above the last one that a GOAWAY lets finish.
    ///
    /// h2 gives a peer's GOAWAY as the error of those streams only; the ones below it end with a
    /// broken pipe should the connection be lost.
    fn never_started(error: &h2::Error) -> bool {
        let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
        error.is_remote() && (refused || error.is_go_away())
    }
}

/// The errors of reqwest's client; what it wraps are those of hyper's.
#[cfg(feature = "reqwest")]
mod request {
    use super::{Error, Verdict};
    use crate::reqwest_client;

    pub(super) enum Says {
        Verdict(Verdict),
        /// It may be that of a redirect or a retry of a request that was processed.
        OfTheLastOnly,
        Nothing,
    }

    pub(super) fn look(error: &(dyn Error + 'static)) -> Says {
        let (error, all) = match error.downcast_ref::<reqwest_client::Error>() {
            Some(error) => (&**error, error.is_of_one_exchange()),
            None => match error.downcast_ref::<reqwest::Error>() {
                Some(error) => (error, false),
                None => return Says::Nothing,
            },
        };
        if error.is_builder() {
            // No request: a mistake of the caller's.
            return Says::Verdict(Verdict::ignored());
        }
        if error.is_redirect() {
            // A circle, or a place where the client may not go: the same the next time.
            return Says::Verdict(Verdict::failure());
        }
        match all {
            true => Says::Nothing,
            false => Says::OfTheLastOnly,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{common::name::Name, rejection::Kind};

    fn retry(error: &dyn Any) -> Retry {
        super::error(error).retry
    }

    #[test]
    fn a_refused_connection_is_retried_however_deep_and_other_errors_only_if_safe() {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(retry(&refused()), Retry::Always);
        assert_eq!(retry(&BoxError::from(refused())), Retry::Always);
        let wrapped: BoxError = Box::new(io::Error::other(refused()));
        assert_eq!(retry(&wrapped), Retry::Always);
        assert_eq!(retry(&reset), Retry::IfIdempotent);
        assert_eq!(retry(&"any type"), Retry::IfIdempotent);
    }

    #[test]
    fn a_refusal_of_ours_is_not_retried_boxed_or_not() {
        let refusal = || Rejection::new(Kind::CircuitOpen, "circuit_breaker", Name::default());
        assert_eq!(retry(&refusal()), Retry::Never);
        assert_eq!(retry(&BoxError::from(refusal())), Retry::Never);
    }

    /// What a client gets when the server answers its stream by `answer`.
    #[cfg(feature = "client")]
    async fn h2_error(
        answer: impl AsyncFnOnce(&mut h2::server::Connection<tokio::io::DuplexStream, bytes::Bytes>),
    ) -> h2::Error {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let server = async {
            let mut connection = h2::server::handshake(far).await.unwrap();
            answer(&mut connection).await;
        };
        let client = async {
            let (mut requests, connection) = h2::client::handshake(near).await.unwrap();
            tokio::spawn(connection);
            let (response, _) = requests.send_request(http::Request::new(()), true).unwrap();
            response.await.unwrap_err()
        };
        tokio::join!(server, client).1
    }

    #[cfg(feature = "client")]
    #[tokio::test]
    async fn a_stream_that_the_peer_refused_is_retried_and_one_it_broke_off_only_if_safe() {
        for (reason, wanted) in [
            (h2::Reason::REFUSED_STREAM, Retry::Always),
            (h2::Reason::INTERNAL_ERROR, Retry::IfIdempotent),
        ] {
            let error = h2_error(async |connection| {
                let (_, mut respond) = connection.accept().await.unwrap().unwrap();
                respond.send_reset(reason);
                let _ = std::future::poll_fn(|cx| connection.poll_closed(cx)).await;
            })
            .await;
            assert_eq!(retry(&error), wanted, "{reason:?}");
            assert_eq!(retry(&BoxError::from(error)), wanted, "{reason:?}, boxed");
        }
        let error = h2_error(async |connection| {
            let _processed = connection.accept().await.unwrap().unwrap();
        })
        .await;
        assert_eq!(
            retry(&error),
            Retry::IfIdempotent,
            "the connection was lost"
        );
        let local = h2::Error::from(h2::Reason::REFUSED_STREAM);
        assert_eq!(
            retry(&local),
            Retry::IfIdempotent,
            "our own reset says nothing about the peer"
        );
    }
}

use std::{fmt, pin::pin, sync::Arc};

use http::{Extensions, HeaderMap};

use super::{End, Guard, Head, Inspect, Protocol, Wire};
use crate::{
    BoxError,
    classify::{self, Classify, Judgment, Retry, Verdict},
    rejection::Rejection,
};

/// Any service: a refusal is an error, and a call ends with its future.
///
/// The service's error must have a place for a [`Rejection`]: it [carries](CarriesRejection) one.
/// [`BoxError`] does; an enum of your own needs a few lines.
///
/// `C` says what counts as a failure: every `Err`, unless [`classify`](Plain::classify) is told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain<C = ErrIsFailure> {
    classify: C,
}

impl Plain {
    /// Any service, where every `Err` is a failure.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            classify: ErrIsFailure,
        }
    }
}

impl<C> Plain<C> {
    /// Judges outcomes by `rules`, a closure over `&Result<Response, Error>`. It is not asked about
    /// refusals.
    #[must_use]
    pub fn classify<F>(self, rules: F) -> Plain<By<F>> {
        Plain {
            classify: By(Arc::new(rules)),
        }
    }
}

/// An error that a layer can put a refusal into, and that other layers can find it in again.
///
/// [`BoxError`](crate::BoxError) is one. For an error enum of your own:
///
/// ```
/// use tower_keep::{protocol::CarriesRejection, rejection::Rejection};
///
/// enum QuoteError {
///     Rejected(Rejection),
///     UnknownSymbol,
/// }
///
/// impl From<Rejection> for QuoteError {
///     fn from(rejection: Rejection) -> Self {
///         Self::Rejected(rejection)
///     }
/// }
///
/// impl CarriesRejection for QuoteError {
///     fn rejection(&self) -> Option<&Rejection> {
///         match self {
///             Self::Rejected(rejection) => Some(rejection),
///             Self::UnknownSymbol => None,
///         }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "a layer cannot turn a call away as `{Self}`",
    label = "this error has no place for a `Rejection`",
    note = "implement `tower_keep::protocol::CarriesRejection` for it, or map the error to `tower_keep::BoxError`",
    note = "HTTP services need neither: leave out `.plain()`"
)]
pub trait CarriesRejection: From<Rejection> {
    /// The refusal in this error, if it is one. Without it a breaker outside would count a full
    /// bulkhead inside as a failure of the service.
    fn rejection(&self) -> Option<&Rejection>;
}

impl CarriesRejection for BoxError {
    fn rejection(&self) -> Option<&Rejection> {
        Rejection::find(&**self)
    }
}

impl<T, E, C> Protocol<T, E> for Plain<C>
where
    E: CarriesRejection,
    C: Classify<T, E>,
{
    type Response<G: Guard> = T;

    fn reject<G: Guard>(&self, _: Wire, rejection: Rejection) -> Result<T, E> {
        Err(rejection.into())
    }

    #[inline]
    fn judge(&self, _: Wire, outcome: &Result<T, E>) -> Judgment {
        Judgment::Final(match self.rejection(outcome) {
            Some(rejection) => classify::rejection(rejection),
            None => self.classify.classify(outcome),
        })
    }

    // The usual guard is spent already: in line, nothing of it is left.
    #[inline(always)]
    fn hold<G: Guard>(&self, outcome: Result<T, E>, guard: G) -> Result<T, E> {
        let end = if outcome.is_ok() {
            End::COMPLETE
        } else {
            End::Failed
        };
        pin!(guard).end(end);
        outcome
    }

    #[inline]
    fn hold_by<G: Guard>(&self, outcome: Result<T, E>, guard: impl FnOnce() -> G) -> Result<T, E> {
        if G::MINDS_END {
            self.hold(outcome, guard())
        } else {
            outcome
        }
    }

    #[inline]
    fn rejection<'a>(&self, outcome: &'a Result<T, E>) -> Option<&'a Rejection> {
        outcome.as_ref().err().and_then(CarriesRejection::rejection)
    }
}

impl<Req, C> Inspect<Req> for Plain<C> {
    fn head<'a>(&self, _: &'a Req) -> Option<Head<'a>> {
        None
    }

    fn headers_mut<'a>(&self, _: &'a mut Req) -> Option<&'a mut HeaderMap> {
        None
    }

    fn extensions_mut<'a>(&self, _: &'a mut Req) -> Option<&'a mut Extensions> {
        None
    }

    #[inline]
    fn wire(&self, _: &Req) -> Wire {
        Wire::Plain
    }
}

/// Every `Err` is a failure, but for our own refusals; every `Ok` is a success.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ErrIsFailure;

impl<T, E> Classify<T, E> for ErrIsFailure {
    #[inline]
    fn classify(&self, outcome: &Result<T, E>) -> Verdict {
        match outcome {
            Ok(_) => Verdict::success(),
            Err(_) => Verdict::failure().retry(Retry::IfIdempotent),
        }
    }
}

/// Judges by a closure.
pub struct By<F>(Arc<F>);

impl<T, E, F> Classify<T, E> for By<F>
where
    F: Fn(&Result<T, E>) -> Verdict,
{
    fn classify(&self, outcome: &Result<T, E>) -> Verdict {
        (self.0)(outcome)
    }
}

// By hand: a closure need not be `Clone` for its `Arc` to be.
impl<F> Clone for By<F> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<F> fmt::Debug for By<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("By").finish_non_exhaustive()
    }
}

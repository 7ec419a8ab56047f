//! Errors: our own refusals, connections that could not be made, streams nobody processed.

use std::{any::Any, error::Error};

use super::{Retry, Verdict, http::rejection};
use crate::{BoxError, rejection::Rejection};

/// The verdict on an error of any type.
///
/// Looks into boxed errors and the errors that are known here; any other is a failure that may be
/// retried if the request is idempotent.
pub(crate) fn error(error: &dyn Any) -> Verdict {
    if let Some(refused) = error.downcast_ref() {
        return rejection(refused);
    }
    match as_error(error) {
        Some(error) => in_chain(error),
        None => Verdict::failure().retry(Retry::IfIdempotent),
    }
}

/// An error as a trait object, if its type is known to be one.
fn as_error(error: &dyn Any) -> Option<&(dyn Error + 'static)> {
    if let Some(error) = error.downcast_ref::<BoxError>() {
        return Some(&**error);
    }
    None
}

fn in_chain(error: &(dyn Error + 'static)) -> Verdict {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(refused) = error.downcast_ref::<Rejection>() {
            return rejection(refused);
        }
        if is_unprocessed(error) {
            return Verdict::failure().retry(Retry::Always);
        }
        next = error.source();
    }
    Verdict::failure().retry(Retry::IfIdempotent)
}

/// Whether the request certainly did not reach the service's code.
fn is_unprocessed(error: &(dyn Error + 'static)) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
}

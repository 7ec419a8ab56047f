use std::{error::Error as StdError, fmt, ops::Deref};

/// The error of a [`ReqwestService`](super::ReqwestService): reqwest's, and whether it tells what became
/// of the request.
///
/// All that reqwest says of its errors can be asked: `is_connect`, `is_timeout`, `url` and the rest.
pub struct Error {
    error: reqwest::Error,
    one_exchange: bool,
}

impl Error {
    /// Of a request that went to one server, once, if at all.
    pub(super) fn of(error: reqwest::Error, one_exchange: bool) -> Self {
        Self {
            error,
            one_exchange,
        }
    }

    /// Whether the request went to one server, once, if at all. If not, one that failed to be sent may
    /// have been a redirect, or reqwest's own retry, of one that was processed.
    #[must_use]
    pub fn is_of_one_exchange(&self) -> bool {
        self.one_exchange
    }

    /// reqwest's error.
    #[must_use]
    pub fn into_inner(self) -> reqwest::Error {
        self.error
    }
}

impl Deref for Error {
    type Target = reqwest::Error;

    fn deref(&self) -> &reqwest::Error {
        &self.error
    }
}

/// An error about which nothing more is known.
impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        Self::of(error, false)
    }
}

impl From<Error> for reqwest::Error {
    fn from(error: Error) -> Self {
        error.error
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error.source()
    }
}

use std::time::Duration;

/// Another timeout for one request, in place of [`TimeoutConfig::timeout`](super::TimeoutConfig::timeout).
///
/// As an extension of the request, or from [`TimeoutLayer::timeout_for`](super::TimeoutLayer::timeout_for).
/// It may be longer or shorter than the configured one; deadlines from elsewhere still count.
///
/// ```
/// use std::time::Duration;
/// use tower_keep::timeout::RequestTimeout;
///
/// let mut request = http::Request::get("/yearly-report").body(())?;
/// request.extensions_mut().insert(RequestTimeout::after(Duration::from_secs(120)));
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestTimeout(Option<Duration>);

impl RequestTimeout {
    /// This long, from the request's arrival; a year at the most. Zero refuses it.
    #[must_use]
    pub const fn after(time: Duration) -> Self {
        Self(Some(time))
    }

    /// As long as it takes.
    #[must_use]
    pub const fn never() -> Self {
        Self(None)
    }

    /// How long.
    #[must_use]
    pub const fn duration(self) -> Option<Duration> {
        self.0
    }
}

use std::{fmt, sync::Arc, time::Duration};

use tower_layer::Layer;

use super::{
    LAYER, RequestTimeout, Timeout, TimeoutConfig, TimeoutHandle, arrival::Choose, shared::Shared,
};
use crate::{
    common::macros::{naming, protocol_conversions},
    config::ConfigError,
    observe::Emitter,
    protocol::{Head, Http},
};

/// Gives calls a deadline; see the [module](super).
///
/// A clone is the same layer, and so is every service it makes.
#[derive(Clone)]
pub struct TimeoutLayer<P = Http> {
    shared: Arc<Shared>,
    choose: Option<Arc<Choose>>,
    protocol: P,
}

impl TimeoutLayer {
    /// This long for a call; everything else as in [`TimeoutConfig::api`].
    ///
    /// # Panics
    /// If `timeout` is zero or longer than a year.
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        Self::from_config(TimeoutConfig {
            timeout: Some(timeout),
            ..TimeoutConfig::api()
        })
        .expect("the defaults are in range and the caller keeps `timeout` in range")
    }

    /// A layer with a [preset](TimeoutConfig) or a configuration of your own.
    ///
    /// # Errors
    /// If a field is out of range; the error names it.
    pub fn from_config(config: TimeoutConfig) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            shared: Shared::new(config, Emitter::new(LAYER)),
            choose: None,
            protocol: Http::new(),
        })
    }
}

impl Default for TimeoutLayer {
    /// [`TimeoutConfig::api`]: 30 s.
    fn default() -> Self {
        Self::new(Duration::from_secs(30))
    }
}

impl<P> TimeoutLayer<P> {
    naming!(self => self.shared.emitter);

    /// Chooses a timeout by the head of a request; `None` leaves the configured one.
    ///
    /// For services without heads it is not asked. A [`RequestTimeout`] among the request's
    /// extensions comes first.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_keep::timeout::{RequestTimeout, TimeoutLayer};
    ///
    /// let layer = TimeoutLayer::default().timeout_for(|head| {
    ///     let report = head.uri.path().starts_with("/reports/");
    ///     report.then_some(RequestTimeout::after(Duration::from_secs(120)))
    /// });
    /// # let _ = layer;
    /// ```
    #[must_use]
    pub fn timeout_for<F>(mut self, choose: F) -> Self
    where
        F: Fn(&Head<'_>) -> Option<RequestTimeout> + Send + Sync + 'static,
    {
        self.choose = Some(Arc::new(choose));
        self
    }

    /// The handle to look at it and steer it.
    #[must_use]
    pub fn handle(&self) -> TimeoutHandle {
        TimeoutHandle::new(self.shared.clone())
    }
}

protocol_conversions!(TimeoutLayer { shared, choose });

impl<S, P: Clone> Layer<S> for TimeoutLayer<P> {
    type Service = Timeout<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        let Self {
            shared,
            choose,
            protocol,
        } = self.clone();
        Timeout::new(inner, shared, choose, protocol)
    }
}

impl<P> fmt::Debug for TimeoutLayer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeoutLayer")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}

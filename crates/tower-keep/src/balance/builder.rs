use std::{fmt, sync::Arc};

use tower::discover::Discover;

use super::{BalanceConfig, BalanceHandle, Balanced, core::Core, driver, pool::Pool};
use crate::{
    BoxError,
    classify::{ResponseHead, Verdict},
    config::ConfigError,
    observe::Observer,
    protocol::{Grpc, Http, Plain},
};

/// A balancer that has no endpoints yet; see the [module](super).
///
/// [`over`](Self::over) and [`discover`](Self::discover) make a service of it. It is no `Layer`: there
/// is not one service to wrap, but one for each endpoint.
pub struct Balance<P = Http> {
    core: Arc<Core>,
    protocol: P,
}

impl Balance {
    /// A balancer with the default configuration.
    #[must_use]
    pub fn new() -> Self {
        Self::from_config(BalanceConfig::default()).expect("the defaults are in range")
    }

    /// A balancer with this configuration.
    ///
    /// # Errors
    /// If a field is out of range; the error names it.
    pub fn from_config(config: BalanceConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            core: Core::new(config)?,
            protocol: Http::new(),
        })
    }

    /// For services that are not HTTP: a refusal is `Err(E)` where `E: CarriesRejection`.
    #[must_use]
    pub fn plain(self) -> Balance<Plain> {
        self.with_protocol(Plain::new())
    }

    /// For services that speak nothing but gRPC: every refusal is a trailers-only status.
    #[must_use]
    pub fn grpc(self) -> Balance<Grpc> {
        self.with_protocol(Grpc::new())
    }

    /// Judges responses by `rules` first, and by the usual rules where it answers `None`: see
    /// [`Http::classify`].
    #[must_use]
    pub fn classify<F>(self, rules: F) -> Self
    where
        F: Fn(&ResponseHead<'_>) -> Option<Verdict> + Send + Sync + 'static,
    {
        Self {
            core: self.core,
            protocol: self.protocol.classify(rules),
        }
    }
}

impl<P> Balance<P> {
    /// Names it in events, metrics and refusals.
    #[must_use]
    pub fn named(self, name: impl AsRef<str>) -> Self {
        self.core.emitter.rename(name);
        self
    }

    /// Tells `observer` what happens.
    #[must_use]
    pub fn observe(self, observer: impl Observer + 'static) -> Self {
        self.core.emitter.observe(observer);
        self
    }

    /// Speaks another [protocol](crate::protocol).
    #[must_use]
    pub fn with_protocol<Q>(self, protocol: Q) -> Balance<Q> {
        Balance {
            core: self.core,
            protocol,
        }
    }

    /// The handle to look at it and steer it.
    #[must_use]
    pub fn handle(&self) -> BalanceHandle {
        BalanceHandle::new(self.core.clone())
    }

    /// Over these endpoints, each with its name and its service, for good.
    #[must_use]
    pub fn over<N, S>(self, endpoints: impl IntoIterator<Item = (N, S)>) -> Balanced<S, P>
    where
        N: fmt::Display,
    {
        let pool = Pool::new(self.core);
        for (name, service) in endpoints {
            pool.insert(name.to_string(), service, None);
        }
        Balanced::new(pool, self.protocol)
    }

    /// Over the endpoints that `discovery` finds, as they come and go; `make` makes the service that
    /// calls one.
    ///
    /// `discovery` is one of [`discovery`](super::discovery), or any stream of
    /// `Result<Change<Key, T>, Error>` ([`tower::discover`]). An endpoint that is found again under the
    /// same key is made anew. An error is told of and changes nothing; after the end of the stream
    /// the endpoints stay as they are. A panic of `make` or the stream ends discovery likewise.
    ///
    /// # Panics
    /// Outside a tokio runtime: a task follows `discovery` until all clones of the service are gone.
    pub fn discover<D, S, F>(self, discovery: D, make: F) -> Balanced<S, P>
    where
        D: Discover + Send + 'static,
        D::Key: fmt::Display + Send,
        D::Service: Send,
        D::Error: Into<BoxError> + Send,
        F: FnMut(&D::Key, D::Service) -> S + Send + 'static,
        S: Send + Sync + 'static,
    {
        let pool = Pool::new(self.core);
        let task = tokio::spawn(driver::drive(Arc::downgrade(&pool), discovery, make));
        pool.driven_by(task.abort_handle());
        Balanced::new(pool, self.protocol)
    }
}

impl Default for Balance {
    fn default() -> Self {
        Self::new()
    }
}

impl<P> fmt::Debug for Balance<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Balance")
            .field("core", &self.core)
            .finish_non_exhaustive()
    }
}

use std::sync::Arc;

use tower_layer::Layer;

use super::{
    LoadShed, LoadShedConfig, LoadShedHandle, Pressure, Tenant, rules::Rules, shared::Shared,
};
use crate::{
    common::macros::{naming, protocol_conversions},
    config::ConfigError,
    context::Priority,
    protocol::{Head, Http},
};

/// Sheds what cannot be done in time, the least important first; see the [module](super).
///
/// A clone shares places and queue, and so does every service the layer makes.
#[derive(Clone, Debug)]
pub struct LoadShedLayer<P = Http> {
    shared: Arc<Shared>,
    rules: Arc<Rules>,
    protocol: P,
}

impl LoadShedLayer {
    /// So many calls at once, and the defaults for the rest.
    ///
    /// # Panics
    /// If `max_concurrent` is 0 or above `u32::MAX`.
    #[must_use]
    pub fn new(max_concurrent: usize) -> Self {
        Self::from_config(LoadShedConfig::new(max_concurrent))
            .expect("the defaults are in range and the caller keeps `max_concurrent` in range")
    }

    /// With a configuration.
    ///
    /// # Errors
    /// If a field is out of range; the error names it.
    pub fn from_config(config: LoadShedConfig) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            shared: Shared::new(config),
            rules: Arc::default(),
            protocol: Http::new(),
        })
    }
}

impl<P> LoadShedLayer<P> {
    /// Never sheds the requests of which `exempt` says so, and never has them wait: they run beyond
    /// the limit if need be, and count as running.
    ///
    /// Like all that asks about requests, it is for protocols whose requests have a head, and changes
    /// no service that the layer has made already.
    #[must_use]
    pub fn exempt<F>(mut self, exempt: F) -> Self
    where
        F: Fn(&Head<'_>) -> bool + Send + Sync + 'static,
    {
        Arc::make_mut(&mut self.rules).exempt = Some(Arc::new(exempt));
        self
    }

    /// Says how much requests matter. Where it answers `None`, the request itself says so.
    #[must_use]
    pub fn prioritize<F>(mut self, prioritize: F) -> Self
    where
        F: Fn(&Head<'_>) -> Option<Priority> + Send + Sync + 'static,
    {
        Arc::make_mut(&mut self.rules).prioritize = Some(Arc::new(prioritize));
        self
    }

    /// Says whose requests are, so that of those that matter as much the ones of heavy users are shed
    /// first.
    #[must_use]
    pub fn tenant<F>(mut self, tenant: F) -> Self
    where
        F: Fn(&Head<'_>) -> Option<Tenant> + Send + Sync + 'static,
    {
        self.shared.tell_tenants_apart();
        Arc::make_mut(&mut self.rules).tenant = Some(Arc::new(tenant));
        self
    }

    /// Sheds by this pressure as well, for all clones. Of several the greatest counts.
    #[must_use]
    pub fn pressure(self, pressure: impl Pressure + 'static) -> Self {
        self.shared.add_pressure(pressure);
        self
    }

    naming!(self => self.shared.emitter);

    /// Whether every call is let through and none counted, for now.
    #[must_use]
    #[inline]
    pub fn is_off(&self) -> bool {
        self.shared.gate().is_off()
    }

    /// The handle to look at it and steer it.
    #[must_use]
    pub fn handle(&self) -> LoadShedHandle {
        LoadShedHandle::new(self.shared.clone())
    }
}

protocol_conversions!(LoadShedLayer { shared, rules });

impl<S, P: Clone> Layer<S> for LoadShedLayer<P> {
    type Service = LoadShed<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        let (shared, rules) = (self.shared.clone(), self.rules.clone());
        LoadShed::new(inner, shared, rules, self.protocol.clone())
    }
}

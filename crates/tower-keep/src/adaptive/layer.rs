use std::sync::Arc;

use tower_layer::Layer;

use super::{Adaptive, AdaptiveConfig, AdaptiveHandle, Algorithm, core::Core, rules::Rules};
use crate::{
    classify::{ResponseHead, Verdict},
    common::macros::{naming, protocol_conversions},
    config::ConfigError,
    keyed::{Keyable, keyed_by},
    observe::EventKind,
    protocol::{By, Head, Http, Plain},
};

/// Lets as many calls in at once as the service can take; see the [module](super).
///
/// A clone is the same limit, and so is every service the layer makes.
#[derive(Clone, Debug)]
pub struct AdaptiveLayer<P = Http> {
    core: Arc<Core>,
    rules: Rules,
    protocol: P,
}

impl AdaptiveLayer {
    /// A limit with the configuration [for a server](AdaptiveConfig::server).
    #[must_use]
    pub fn new() -> Self {
        Self::from_config(AdaptiveConfig::server()).expect("the defaults are in range")
    }

    /// A limit with this configuration.
    ///
    /// # Errors
    /// If a field is out of range; the error names it.
    pub fn from_config(config: AdaptiveConfig) -> Result<Self, ConfigError> {
        Core::new(config, None).map(Self::of)
    }

    /// A limit moved by an algorithm of your own, whatever the configuration names.
    ///
    /// # Errors
    /// If a field is out of range; the error names it.
    pub fn with_algorithm(
        config: AdaptiveConfig,
        algorithm: impl Algorithm + 'static,
    ) -> Result<Self, ConfigError> {
        Core::new(config, Some(Box::new(algorithm))).map(Self::of)
    }

    fn of(core: Arc<Core>) -> Self {
        Self {
            core,
            rules: Rules::default(),
            protocol: Http::new(),
        }
    }

    /// Judges responses by `rules` first, and by the usual rules where it answers `None`: see
    /// [`Http::classify`].
    #[must_use]
    pub fn classify<F>(self, rules: F) -> Self
    where
        F: Fn(&ResponseHead<'_>) -> Option<Verdict> + Send + Sync + 'static,
    {
        Self {
            protocol: self.protocol.classify(rules),
            ..self
        }
    }
}

impl<C> AdaptiveLayer<Plain<C>> {
    /// Judges outcomes by `rules`, a closure over `&Result<Response, Error>`: see
    /// [`Plain::classify`].
    #[must_use]
    pub fn classify<F>(self, rules: F) -> AdaptiveLayer<Plain<By<F>>> {
        AdaptiveLayer {
            core: self.core,
            rules: self.rules,
            protocol: self.protocol.classify(rules),
        }
    }
}

impl<P> AdaptiveLayer<P> {
    naming!(self => self.core.emitter);

    /// Sorts calls into the [partitions](AdaptiveConfig::partitions) of the configuration, by name.
    /// Without a name, or with one that is not there, a call has no places of its own.
    ///
    /// ```
    /// use tower_keep::adaptive::{AdaptiveConfig, AdaptiveLayer};
    ///
    /// let config = AdaptiveConfig {
    ///     partitions: [("checkout".to_owned(), 50), ("search".to_owned(), 20)].into(),
    ///     ..AdaptiveConfig::server()
    /// };
    /// let layer = AdaptiveLayer::from_config(config)?
    ///     .partition_by(|head| head.uri.path().split('/').nth(1));
    /// # Ok::<_, tower_keep::config::ConfigError>(())
    /// ```
    #[must_use]
    pub fn partition_by<F>(mut self, name: F) -> Self
    where
        F: for<'a> Fn(&Head<'a>) -> Option<&'a str> + Send + Sync + 'static,
    {
        self.rules.partition = Some(Arc::new(name));
        self
    }

    /// Lets calls pass unlimited and unmeasured, such as probes.
    #[must_use]
    pub fn exempt<F>(mut self, is_exempt: F) -> Self
    where
        F: Fn(&Head<'_>) -> bool + Send + Sync + 'static,
    {
        self.rules.exempt = Some(Arc::new(is_exempt));
        self
    }

    /// The handle to look at it and steer it.
    #[must_use]
    pub fn handle(&self) -> AdaptiveHandle {
        AdaptiveHandle::new(self.core.clone())
    }
}

protocol_conversions!(AdaptiveLayer { core, rules });
keyed_by!(AdaptiveLayer<P>);

/// An [algorithm of your own](AdaptiveLayer::with_algorithm) moves the shared limit alone; the limits of
/// keys are moved by the one that the configuration names.
impl<P: Clone> Keyable for AdaptiveLayer<P> {
    type Config = AdaptiveConfig;
    type Handle = AdaptiveHandle;

    fn fork(&self, key: &str, config: AdaptiveConfig) -> Self {
        Self {
            core: self.core.fork(key, config),
            rules: self.rules.clone(),
            protocol: self.protocol.clone(),
        }
    }

    fn is_idle(&self) -> bool {
        // Every call that runs or waits shares it, and so does every handle.
        Arc::strong_count(&self.core) == 1 && self.core.is_fresh()
    }

    /// What it has learnt is of no use once nobody has called for long.
    fn is_forgettable(&self) -> bool {
        Arc::strong_count(&self.core) == 1
    }

    fn steering(&self) -> AdaptiveHandle {
        self.handle()
    }

    fn configuration(&self) -> AdaptiveConfig {
        self.core.config()
    }

    fn check(&self, config: &AdaptiveConfig) -> Result<(), ConfigError> {
        self.core.check(config)
    }

    fn configure(&self, config: AdaptiveConfig) {
        self.core.configure(&config);
    }

    fn tell(&self, kind: EventKind) {
        self.core.emitter.emit(kind);
    }
}

impl<S, P: Clone> Layer<S> for AdaptiveLayer<P> {
    type Service = Adaptive<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        Adaptive::new(
            inner,
            self.core.clone(),
            self.rules.clone(),
            self.protocol.clone(),
        )
    }
}

impl Default for AdaptiveLayer {
    fn default() -> Self {
        Self::new()
    }
}

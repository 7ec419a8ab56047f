use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Lint, Refused, ServerLayer,
    describe::{self, Part},
    lint,
    server_layer::{no_bulkhead, no_load_shed, no_rate_limit},
    server_lints,
};
use crate::{
    adaptive::AdaptiveConfig, bulkhead::BulkheadConfig, catch_panic::CatchPanicConfig,
    correlation_id::CorrelationIdConfig, decision::DecisionConfig, load_shed::LoadShedConfig,
    rate_limit::RateLimitConfig, timeout::TimeoutConfig,
};

/// The layers of a server; see the [module](super) for their order.
///
/// As data: from a file by serde, or from a preset and the methods, in any order. [`layer`](Self::layer)
/// makes the layer of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerStack {
    /// The name of all its layers in events, metrics and refusals.
    pub name: String,
    /// What each layer did, in the response. Off, since it allocates.
    pub decision: DecisionConfig,
    /// Who is this.
    pub correlation_id: CorrelationIdConfig,
    /// One deadline for all of it.
    pub timeout: TimeoutConfig,
    /// So many in a time. None: off.
    pub rate_limit: Option<RateLimitConfig>,
    /// What matters less goes first. None: off.
    pub load_shed: Option<LoadShedConfig>,
    /// As many at once as the service can take.
    pub adaptive: AdaptiveConfig,
    /// So many at once. None: off.
    pub bulkhead: Option<BulkheadConfig>,
    /// A panic becomes a 500.
    pub catch_panic: CatchPanicConfig,
}

impl Default for ServerStack {
    fn default() -> Self {
        Self::api()
    }
}

impl ServerStack {
    /// For answers of a known, small size: 30 s for all of it, and a limit that follows what the service
    /// can take.
    #[must_use]
    pub fn api() -> Self {
        Self {
            name: String::new(),
            decision: DecisionConfig {
                enabled: false,
                ..DecisionConfig::default()
            },
            correlation_id: CorrelationIdConfig::default(),
            timeout: TimeoutConfig::api(),
            rate_limit: None,
            load_shed: None,
            adaptive: AdaptiveConfig::server(),
            bulkhead: None,
            catch_panic: CatchPanicConfig::default(),
        }
    }

    /// For answers without an end: the deadline covers the head, 30 s without a frame end a body, and at
    /// most 1000 run at once. No limit follows the latency, which says nothing where answers last.
    #[must_use]
    pub fn streaming() -> Self {
        Self {
            timeout: TimeoutConfig::streaming(),
            adaptive: off(AdaptiveConfig::server()),
            bulkhead: Some(BulkheadConfig::new(1000)),
            ..Self::api()
        }
    }

    /// For requests with large bodies: ten minutes for the head, and at most 100 at once. Put a
    /// [`RequestBodyTimeoutLayer`](crate::timeout::RequestBodyTimeoutLayer) inside for clients that stop
    /// sending.
    #[must_use]
    pub fn upload() -> Self {
        Self {
            timeout: TimeoutConfig::upload(),
            adaptive: off(AdaptiveConfig::server()),
            bulkhead: Some(BulkheadConfig::new(100)),
            ..Self::api()
        }
    }

    /// For a service that answers from a language model: two minutes for the head, then a stream that may
    /// be silent for a minute, and at most 200 at once.
    #[must_use]
    pub fn llm() -> Self {
        Self {
            timeout: TimeoutConfig {
                timeout: Some(Duration::from_secs(120)),
                body_idle: Some(Duration::from_secs(60)),
                ..TimeoutConfig::streaming()
            },
            bulkhead: Some(BulkheadConfig::new(200)),
            ..Self::streaming()
        }
    }

    /// Names all layers.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Writes down what each layer did.
    #[must_use]
    pub fn decision(mut self, config: DecisionConfig) -> Self {
        self.decision = config;
        self
    }

    /// Other ids.
    #[must_use]
    pub fn correlation_id(mut self, config: CorrelationIdConfig) -> Self {
        self.correlation_id = config;
        self
    }

    /// Another deadline.
    #[must_use]
    pub fn timeout(mut self, config: TimeoutConfig) -> Self {
        self.timeout = config;
        self
    }

    /// So many in a time.
    #[must_use]
    pub fn rate_limit(mut self, config: RateLimitConfig) -> Self {
        self.rate_limit = Some(config);
        self
    }

    /// What matters less goes first.
    #[must_use]
    pub fn load_shed(mut self, config: LoadShedConfig) -> Self {
        self.load_shed = Some(config);
        self
    }

    /// Another limit that follows the service.
    #[must_use]
    pub fn adaptive(mut self, config: AdaptiveConfig) -> Self {
        self.adaptive = config;
        self
    }

    /// So many at once.
    #[must_use]
    pub fn bulkhead(mut self, config: BulkheadConfig) -> Self {
        self.bulkhead = Some(config);
        self
    }

    /// Whether panics are caught.
    #[must_use]
    pub fn catch_panic(mut self, config: CatchPanicConfig) -> Self {
        self.catch_panic = config;
        self
    }

    /// What is known to go wrong with it, the worst first.
    #[must_use]
    pub fn lint(&self) -> Vec<Lint> {
        server_lints::lint(self)
    }

    /// All of it in words: each layer outside in, whether it is on, and every field.
    #[must_use]
    pub fn describe(&self) -> String {
        let parts = [
            Part::new("decision", &self.decision),
            Part::new("correlation_id", &self.correlation_id),
            Part::new("timeout", &self.timeout),
            Part::given("rate_limit", self.rate_limit.as_ref(), &no_rate_limit()),
            Part::given("load_shed", self.load_shed.as_ref(), &no_load_shed()),
            Part::new("adaptive", &self.adaptive),
            Part::given("bulkhead", self.bulkhead.as_ref(), &no_bulkhead()),
            Part::new("catch_panic", &self.catch_panic),
        ];
        describe::describe("server", &self.name, &parts)
    }

    /// The layer of it.
    ///
    /// # Errors
    /// If a field is out of range, or a [lint](Self::lint) refuses it. Warnings are for you to print.
    pub fn layer(&self) -> Result<ServerLayer, Refused> {
        lint::check(self.lint())?;
        ServerLayer::of(self)
    }
}

pub(super) fn off(config: AdaptiveConfig) -> AdaptiveConfig {
    AdaptiveConfig {
        enabled: false,
        ..config
    }
}

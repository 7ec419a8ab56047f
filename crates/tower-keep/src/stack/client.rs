use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    ClientLayer, Lint, Refused, client_lints,
    describe::{self, Part},
    lint,
    server::off,
    server_layer::{no_bulkhead, no_rate_limit},
};
use crate::{
    adaptive::AdaptiveConfig,
    bulkhead::BulkheadConfig,
    circuit_breaker::CircuitBreakerConfig,
    hedge::HedgeConfig,
    rate_limit::RateLimitConfig,
    retry::RetryConfig,
    throttle::ThrottleConfig,
    timeout::{BodyDeadline, Role, TimeoutConfig},
};

/// The layers of a client; see the [module](super) for their order.
///
/// As data: from a file by serde, or from a preset and the methods, in any order. [`layer`](Self::layer)
/// makes the layer of it, for whatever client is inside.
///
/// ```
/// use std::time::Duration;
///
/// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// use tower_keep::{retry::RetryConfig, stack::{ClientBody, ClientStack}};
/// use tower_layer::Layer;
///
/// # fn main() -> Result<(), tower_keep::stack::Refused> {
/// let hyper = Client::builder(TokioExecutor::new()).build_http::<ClientBody>();
/// let payments = ClientStack::api()
///     .named("payments")
///     .retry(RetryConfig::interactive())
///     .layer()?
///     .layer(hyper);
/// # fn takes(_: impl tower_service::Service<http::Request<http_body_util::Full<bytes::Bytes>>>) {}
/// # takes(payments);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientStack {
    /// The name of all its layers in events, metrics and refusals.
    pub name: String,
    /// How long a call may take, retries and waits included.
    pub timeout: TimeoutConfig,
    /// Whether `POST` and `PATCH` get an `Idempotency-Key`, so that they are retried like reads. Default
    /// false: only for services that honour it.
    pub idempotency_key: bool,
    /// How often the client inside sends a request by itself, its own retries included. Default 1. The
    /// layers cannot see it; what they would multiply, the [linter](Self::lint) refuses.
    pub inner_attempts: u32,
    /// Sends again what failed.
    pub retry: RetryConfig,
    /// Whether a write is sent again that was answered "too much" (429, 529, 503 with `Retry-After`,
    /// `RESOURCE_EXHAUSTED`). Default false, as nobody can know that it was not begun; true for a
    /// language model, whose API refuses before it works.
    pub retry_overloaded: bool,
    /// Sends again what is late, from the budget of retry. Off.
    pub hedge: HedgeConfig,
    /// Holds back what the service would turn away. Off.
    pub throttle: ThrottleConfig,
    /// So many in a time. None: off.
    pub rate_limit: Option<RateLimitConfig>,
    /// Leaves a service alone that is down.
    pub circuit_breaker: CircuitBreakerConfig,
    /// As many at once as the service can take. Off.
    pub adaptive: AdaptiveConfig,
    /// So many at once.
    pub bulkhead: BulkheadConfig,
    /// How long one attempt may take.
    pub attempt_timeout: TimeoutConfig,
}

impl Default for ClientStack {
    fn default() -> Self {
        Self::api()
    }
}

impl ClientStack {
    /// For answers of a known, small size: 30 s for the call, 10 s for an attempt, three attempts, at most
    /// 64 calls at once; a breaker that looks every second or two whether the service is back.
    ///
    /// One of hundreds of clients with a call a second each knows too little for that breaker, and its
    /// budget's floor is nothing to the service: give those
    /// [`light_traffic`](CircuitBreakerConfig::light_traffic) and a [floor](crate::budget::BudgetConfig::floor)
    /// of 0.
    #[must_use]
    pub fn api() -> Self {
        Self {
            name: String::new(),
            timeout: TimeoutConfig {
                role: Role::Client,
                ..TimeoutConfig::api()
            },
            idempotency_key: false,
            inner_attempts: 1,
            retry: RetryConfig::default(),
            retry_overloaded: false,
            hedge: HedgeConfig {
                enabled: false,
                ..HedgeConfig::default()
            },
            throttle: ThrottleConfig {
                enabled: false,
                ..ThrottleConfig::default()
            },
            rate_limit: None,
            circuit_breaker: breaker(),
            adaptive: off(AdaptiveConfig::client()),
            bulkhead: BulkheadConfig::new(64),
            attempt_timeout: TimeoutConfig::attempt(Duration::from_secs(10)),
        }
    }

    /// For answers without an end: 30 s until an answer begins, 10 s for an attempt to begin, 30 s without
    /// a frame end it.
    #[must_use]
    pub fn streaming() -> Self {
        let api = Self::api();
        Self {
            timeout: head_only(api.timeout.clone()),
            attempt_timeout: head_only(api.attempt_timeout.clone()),
            bulkhead: BulkheadConfig::new(256),
            ..api
        }
    }

    /// For requests with large bodies, which are sent once if they are larger than what retry keeps: ten
    /// minutes until the answer begins.
    #[must_use]
    pub fn upload() -> Self {
        let streaming = Self::streaming();
        let long = |config: TimeoutConfig, minutes: u64| TimeoutConfig {
            timeout: Some(Duration::from_secs(60 * minutes)),
            ..config
        };
        Self {
            timeout: long(streaming.timeout.clone(), 10),
            attempt_timeout: long(streaming.attempt_timeout.clone(), 9),
            circuit_breaker: CircuitBreakerConfig {
                slow_call: None,
                probe_lease: Duration::from_secs(60),
                ..streaming.circuit_breaker.clone()
            },
            ..streaming
        }
    }

    /// For a language model behind an API: two minutes until an answer begins, a minute without a frame
    /// ends it; waits up to a minute where the API says so (429, 529), and tries four times. Give
    /// it the API's limits by [`rate_limit`](Self::rate_limit), tokens included.
    #[must_use]
    pub fn llm() -> Self {
        let streaming = Self::streaming();
        let patient = |config: TimeoutConfig, timeout| TimeoutConfig {
            timeout: Some(Duration::from_secs(timeout)),
            body_idle: Some(Duration::from_secs(60)),
            ..config
        };
        Self {
            timeout: patient(streaming.timeout.clone(), 240),
            attempt_timeout: patient(streaming.attempt_timeout.clone(), 120),
            retry_overloaded: true,
            retry: RetryConfig {
                max_attempts: 4,
                max_retry_after: Duration::from_secs(60),
                max_replay_bytes: 1024 * 1024,
                ..RetryConfig::default()
            },
            circuit_breaker: CircuitBreakerConfig {
                // Long answers are what it is for.
                slow_call: None,
                probe_lease: Duration::from_secs(120),
                ..streaming.circuit_breaker.clone()
            },
            ..streaming
        }
    }

    /// Names all layers.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Another deadline for the call.
    #[must_use]
    pub fn timeout(mut self, config: TimeoutConfig) -> Self {
        self.timeout = config;
        self
    }

    /// Whether writes get a key; see [`idempotency_key`](Self::idempotency_key).
    #[must_use]
    pub fn with_idempotency_key(mut self, attach: bool) -> Self {
        self.idempotency_key = attach;
        self
    }

    /// Says how often the client inside sends a request by itself; see
    /// [`inner_attempts`](Self::inner_attempts).
    #[must_use]
    pub fn with_inner_attempts(mut self, attempts: u32) -> Self {
        self.inner_attempts = attempts;
        self
    }

    /// Other retries.
    #[must_use]
    pub fn retry(mut self, config: RetryConfig) -> Self {
        self.retry = config;
        self
    }

    /// Whether writes that were answered "too much" are sent again; see
    /// [`retry_overloaded`](Self::retry_overloaded).
    #[must_use]
    pub fn with_retry_overloaded(mut self, retry: bool) -> Self {
        self.retry_overloaded = retry;
        self
    }

    /// Sends again what is late.
    #[must_use]
    pub fn hedge(mut self, config: HedgeConfig) -> Self {
        self.hedge = config;
        self
    }

    /// Holds back what the service would turn away.
    #[must_use]
    pub fn throttle(mut self, config: ThrottleConfig) -> Self {
        self.throttle = config;
        self
    }

    /// So many in a time.
    #[must_use]
    pub fn rate_limit(mut self, config: RateLimitConfig) -> Self {
        self.rate_limit = Some(config);
        self
    }

    /// Another breaker.
    #[must_use]
    pub fn circuit_breaker(mut self, config: CircuitBreakerConfig) -> Self {
        self.circuit_breaker = config;
        self
    }

    /// As many at once as the service can take.
    #[must_use]
    pub fn adaptive(mut self, config: AdaptiveConfig) -> Self {
        self.adaptive = config;
        self
    }

    /// So many at once.
    #[must_use]
    pub fn bulkhead(mut self, config: BulkheadConfig) -> Self {
        self.bulkhead = config;
        self
    }

    /// Another deadline for an attempt.
    #[must_use]
    pub fn attempt_timeout(mut self, config: TimeoutConfig) -> Self {
        self.attempt_timeout = config;
        self
    }

    /// What is known to go wrong with it, the worst first.
    #[must_use]
    pub fn lint(&self) -> Vec<Lint> {
        client_lints::lint(self)
    }

    /// All of it in words: each layer outside in, whether it is on, and every field.
    #[must_use]
    pub fn describe(&self) -> String {
        let parts = [
            Part::new("timeout", &self.timeout),
            Part::given(
                "idempotency_key",
                self.idempotency_key.then_some(&true),
                &true,
            ),
            Part::new("retry", &self.retry),
            Part::new("hedge", &self.hedge),
            Part::new("throttle", &self.throttle),
            Part::given("rate_limit", self.rate_limit.as_ref(), &no_rate_limit()),
            Part::new("circuit_breaker", &self.circuit_breaker),
            Part::new("adaptive", &self.adaptive),
            Part::given("bulkhead", Some(&self.bulkhead), &no_bulkhead()),
            Part::new("attempt_timeout", &self.attempt_timeout),
        ];
        describe::describe("client", &self.name, &parts)
    }

    /// The layer of it.
    ///
    /// # Errors
    /// If a field is out of range, or a [lint](Self::lint) refuses it. Warnings are for you to print.
    pub fn layer(&self) -> Result<ClientLayer, Refused> {
        lint::check(self.lint())?;
        ClientLayer::of(self)
    }
}

/// Asks sooner than the breaker's own defaults whether the service is back. With them a client may stay
/// away for 30 s after an outage of 30 s, and longer where services call each other, each with a breaker;
/// with these it is back within 5 s (`cargo bench --bench outcomes`), for three calls each 1.5 s.
fn breaker() -> CircuitBreakerConfig {
    CircuitBreakerConfig {
        open_for: Duration::from_secs(1),
        max_open_for: Duration::from_millis(1500),
        ramp: Duration::from_secs(1),
        ..CircuitBreakerConfig::default()
    }
}

fn head_only(config: TimeoutConfig) -> TimeoutConfig {
    TimeoutConfig {
        body: BodyDeadline::HeadOnly,
        ..config
    }
}

use http_body_util::Full;
use tower::{BoxError, ServiceBuilder, ServiceExt, util::BoxCloneSyncService};
use tower_keep::{
    adaptive::AdaptiveConfig,
    balance::Balance,
    circuit_breaker::CircuitBreakerConfig,
    load_shed::LoadShedConfig,
    retry::RetryLayer,
    stack::{ClientBody, ClientStack, ServerStack},
    throttle::ThrottleConfig,
    timeout::{Role, TimeoutConfig, TimeoutLayer},
};
use tower_keep_test::sim::{Client, Request};
use tower_layer::Layer;

use super::{Contender, Setting};

/// tower-keep: the presets, with the deadlines of the setting.
#[derive(Clone, Copy, Debug)]
pub struct Ours;

impl Contender for Ours {
    fn name(&self) -> &'static str {
        "tower-keep"
    }

    fn layers(&self) -> &'static str {
        "client: `ClientStack::api()`, with `throttle` on where there are quotas, and \
         `CircuitBreakerConfig::light_traffic()` where a client makes few calls, and a budget with a floor of \
         1/s; server: `ServerStack::api()`, \
         whose limit never falls below the number of workers, with `load_shed` in place of `adaptive` where there are \
         priorities; replicas: `balance` inside `retry`; all else by default, but for slow calls, which no breaker counts here: an attempt is over before the default of 5 s"
    }

    fn client(&self, setting: &Setting, upstream: Client) -> Client {
        let mut stack = ClientStack::api();
        stack.timeout.timeout = Some(setting.call);
        stack.attempt_timeout.timeout = Some(setting.attempt);
        if setting.few {
            stack.circuit_breaker = CircuitBreakerConfig::light_traffic();
        }
        // What an attempt may take is less than what would be slow.
        stack.circuit_breaker.slow_call = None;
        stack.retry.budget.floor = setting.floor.unwrap_or(1);
        if setting.quota {
            stack = stack.throttle(ThrottleConfig::default());
        }
        let layer = stack.layer().expect("a sound configuration");
        let inner = upstream
            .map_request(|request: http::Request<ClientBody>| request.map(|_| Full::default()));
        boxed(layer.layer(inner))
    }

    fn server(&self, setting: &Setting, work: Client) -> Client {
        let mut stack = ServerStack::api();
        stack.timeout.timeout = Some(setting.call);
        let limits = &mut stack.adaptive;
        limits.min_limit = setting.workers;
        limits.initial_limit = limits.initial_limit.max(setting.workers);
        if setting.priorities {
            stack.adaptive = AdaptiveConfig {
                enabled: false,
                ..stack.adaptive
            };
            stack.load_shed = Some(LoadShedConfig::new(setting.places()));
        }
        boxed(stack.layer().expect("a sound configuration").layer(work))
    }

    fn balanced(&self, setting: &Setting, replicas: Vec<Client>) -> Client {
        let client = |time| TimeoutConfig {
            role: Role::Client,
            ..TimeoutConfig::attempt(time)
        };
        let timeout =
            |time| TimeoutLayer::from_config(client(time)).expect("a sound configuration");
        let replicas = replicas.into_iter().enumerate();
        let attempt = timeout(setting.attempt);
        let balanced =
            Balance::new().over(replicas.map(|(at, one)| (at.to_string(), attempt.layer(one))));
        let service = ServiceBuilder::new()
            .layer(timeout(setting.call))
            .layer(RetryLayer::default().same_body(|_| Full::default()))
            .service(balanced);
        boxed(service)
    }
}

/// As the simulation wants it.
fn boxed<S, B>(service: S) -> Client
where
    S: tower::Service<Request, Response = http::Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: http_body::Body<Data = bytes::Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let service = service.map_response(|answer| answer.map(axum::body::Body::new));
    BoxCloneSyncService::new(service.map_err(Into::into))
}

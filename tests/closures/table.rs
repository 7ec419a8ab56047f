use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::BoxError;
use tower_keep::{
    adaptive::{AdaptiveConfig, AdaptiveLayer},
    balance::{Balance, BalanceConfig, discovery::Polled},
    bulkhead::BulkheadLayer,
    cache::CacheLayer,
    chaos::{ChaosConfig, ChaosLayer, Fault},
    circuit_breaker::{CircuitBreakerConfig, CircuitBreakerLayer},
    classify::Verdict,
    coalesce::CoalesceLayer,
    correlation_id::CorrelationIdLayer,
    decision::DecisionLayer,
    detach::DetachLayer,
    fallback::{Causes, FallbackLayer},
    health::HealthLayer,
    hedge::{HedgeConfig, HedgeLayer},
    idempotency::IdempotencyLayer,
    keyed::{Key, KeyedLayer},
    load_shed::LoadShedLayer,
    observe::{Event, Severity, override_severity},
    protocol::Plain,
    rate_limit::{Rate, RateLimitLayer},
    retry::RetryLayer,
    strangler::{StranglerConfig, StranglerLayer},
    timeout::TimeoutLayer,
};
use tower_layer::Layer;

use super::{
    subject::{Backend, Subject, keyed, upload},
    trap::Trap,
};

/// Whom a panic reaches.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reaches {
    /// The caller: it was their call.
    Caller,
    /// Nobody: it is contained, as the docs of the closure say.
    Nobody,
    /// The same, and the closure is not asked any more.
    NobodyAgain,
}

use Reaches::{Caller, Nobody, NobodyAgain};

type Row = (&'static str, Reaches, fn(Trap) -> Subject);

/// Every function that takes a closure, by its module and name; each as tight as it goes.
pub(super) const TABLE: &[Row] = &[
    ("adaptive.classify", Caller, |trap| {
        adaptive(|layer| layer.classify(move |_| step(&trap, None)))
    }),
    ("adaptive.exempt", Caller, |trap| {
        adaptive(|layer| layer.exempt(move |_| step(&trap, false)))
    }),
    ("adaptive.partition_by", Caller, |trap| {
        adaptive(|layer| layer.partition_by(move |_| step(&trap, None)))
    }),
    ("balance.classify", Caller, |trap| {
        let balance = balance().classify(move |_| step(&trap, None));
        let handle = balance.handle();
        let service = balance.over([("the only one", Backend(200))]);
        Subject::service(service, Request::default, move || {
            assert_eq!(handle.snapshot().endpoints[0].pending, 0);
        })
    }),
    ("balance.discover", NobodyAgain, |trap| {
        // Finds one more each time.
        let mut names = Vec::new();
        let find = Polled::new(Duration::from_secs(1), move || {
            names.push(names.len());
            let found = names.clone();
            async { Ok(found) }
        });
        let service = balance().discover(find, move |_, _| step(&trap, Backend(200)));
        Subject::service(service, Request::default, || {})
    }),
    ("balance.new", Nobody, |trap| {
        let find = Polled::new(Duration::from_secs(1), move || {
            trap.step();
            async { Ok(["it"]) }
        });
        let service = balance().discover(find, |_: &&str, _| Backend(200));
        Subject::service(service, Request::default, || {})
    }),
    ("cache.key", Caller, |trap| {
        let layer = CacheLayer::new().key(move |_| step(&trap, Some("key")));
        Subject::http(layer, 200, |_| {})
    }),
    ("chaos.only", Caller, |trap| {
        chaos(|layer| layer.only(move |_| step(&trap, true)))
    }),
    ("chaos.unless", Caller, |trap| {
        chaos(|layer| layer.unless(move || step(&trap, false)))
    }),
    ("circuit_breaker.classify", Caller, |trap| {
        breaker(200, |layer| layer.classify(move |_| step(&trap, None)))
    }),
    ("circuit_breaker.classify", Caller, |trap| {
        // Half-open, with a single place for a probe: what fails opens it again.
        let config = CircuitBreakerConfig {
            consecutive_failures: Some(1),
            open_for: Duration::from_millis(1),
            max_open_for: Duration::from_millis(1),
            probes: 1,
            ..CircuitBreakerConfig::default()
        };
        let layer = CircuitBreakerLayer::from_config(config).unwrap();
        let layer = layer.classify(move |_| step(&trap, None));
        Subject::http(layer, 500, |layer| {
            let probes = layer.handle().snapshot().probes;
            assert_eq!(probes.map_or(0, |probes| probes.running), 0);
        })
    }),
    ("circuit_breaker.fallback", Caller, |trap| {
        let layer = CircuitBreakerLayer::new();
        let layer = layer.fallback(move |_| step(&trap, Response::new("instead")));
        layer.handle().force_open();
        Subject::http(layer, 200, |_| {})
    }),
    ("coalesce.key", Caller, |trap| {
        let layer = CoalesceLayer::new().key(move |_| step(&trap, Some("key")));
        Subject::http(layer, 200, |layer| {
            let now = layer.handle().snapshot();
            assert_eq!((now.in_flight, now.waiting), (0, 0));
        })
    }),
    ("coalesce.plain_by", Caller, |trap| {
        let layer = CoalesceLayer::new();
        let layer = layer.plain_by::<_, u64, _, u64>(move |_| step(&trap, Some("key")));
        Subject::plain(layer, 200, |layer| {
            let now = layer.handle().snapshot();
            assert_eq!((now.in_flight, now.waiting), (0, 0));
        })
    }),
    ("correlation_id.generate", Caller, |trap| {
        let layer = CorrelationIdLayer::new().generate(move |_| step(&trap, None));
        Subject::http(layer, 200, |_| {})
    }),
    ("decision.server_timing", Caller, |trap| {
        let layer = DecisionLayer::new().server_timing(move |_| step(&trap, true));
        Subject::http(layer, 200, |_| {})
    }),
    ("detach.only", Caller, |trap| {
        let layer = DetachLayer::new(1).only(move |_| step(&trap, true));
        Subject::http(layer, 200, |layer| {
            assert_eq!(layer.handle().snapshot().detached, 0);
        })
    }),
    ("fallback.when", Caller, |trap| {
        let answer = move |_: &_| step(&trap, Response::new("instead"));
        let layer = FallbackLayer::new().when(Causes::ANY, answer);
        Subject::http(layer, 500, |_| {})
    }),
    ("fallback.when", Caller, |trap| {
        let answer = move |_: &_, outcome| step(&trap, outcome);
        let layer = FallbackLayer::new().plain().when(Causes::ANY, answer);
        Subject::plain(layer, 500, |_| {})
    }),
    ("fallback.when_async", Caller, |trap| {
        let answer = move |_| {
            trap.step();
            async { Response::new("instead") }
        };
        let layer = FallbackLayer::new().when_async(Causes::ANY, answer);
        Subject::http(layer, 500, |_| {})
    }),
    ("fallback.when_async", Caller, |trap| {
        let answer = move |_, outcome| {
            let trap = trap.clone();
            async move { step(&trap, outcome) }
        };
        let layer = FallbackLayer::new().plain().when_async(Causes::ANY, answer);
        Subject::plain(layer, 500, |_| {})
    }),
    ("health.critical", Nobody, |trap| {
        let check = move || std::future::ready(step(&trap, Ok::<_, BoxError>(())));
        health(|layer| layer.critical("check", check))
    }),
    ("health.informational", Nobody, |trap| {
        let check = move || std::future::ready(step(&trap, Ok::<_, BoxError>(())));
        health(|layer| layer.informational("check", check))
    }),
    ("hedge.eligible_if", Caller, |trap| {
        let layer = HedgeLayer::default().eligible_if(move |_| step(&trap, true));
        Subject::http(layer, 200, |_| {})
    }),
    ("hedge.map_body", Caller, |trap| {
        let layer = HedgeLayer::default().map_body(move |body| step(&trap, body));
        Subject::service(layer.layer(Backend(200)), upload, || {})
    }),
    ("hedge.plain_if", Caller, |trap| {
        let layer = HedgeLayer::default().plain_if(move |_: &u64| step(&trap, true));
        Subject::plain(layer, 200, |_| {})
    }),
    ("hedge.rewrite", Caller, |trap| {
        let layer = HedgeLayer::from_config(HedgeConfig::on_failure()).unwrap();
        let layer = layer.rewrite(move |_, _| trap.step());
        Subject::http(layer, 500, |_| {})
    }),
    ("idempotency.scope", Caller, |trap| {
        let layer = IdempotencyLayer::default().scope(move |_| step(&trap, None));
        Subject::service(layer.layer(Backend(200)), keyed, || {})
    }),
    ("keyed.by", Caller, |trap| {
        let key = Key::by(move |_| step(&trap, Some("key".into())));
        Subject::http(BulkheadLayer::new(1).keyed(key), 200, keyed_rests)
    }),
    ("keyed.by_request", Caller, |trap| {
        let key = Key::by_request(move |_: &u64| step(&trap, Some("key".into())));
        Subject::plain(BulkheadLayer::new(1).plain().keyed(key), 200, keyed_rests)
    }),
    ("load_shed.exempt", Caller, |trap| {
        load_shed(|layer| layer.pressure(|| 0.0).exempt(move |_| step(&trap, false)))
    }),
    ("load_shed.pressure", Nobody, |trap| {
        load_shed(|layer| layer.pressure(move || step(&trap, 0.0)))
    }),
    ("load_shed.prioritize", Caller, |trap| {
        load_shed(|layer| layer.prioritize(move |_| step(&trap, None)))
    }),
    ("load_shed.tenant", Caller, |trap| {
        load_shed(|layer| layer.tenant(move |_| step(&trap, None)))
    }),
    ("observe.install", Nobody, |trap| {
        // For good, and for every layer of this process; this one is known by its name.
        tower_keep::observe::install(move |event: &Event| {
            if event.name() == "closures" {
                trap.step();
            }
        });
        Subject::http(BulkheadLayer::new(1).named("closures"), 200, |_| {})
    }),
    ("observe.observe", Nobody, |trap| {
        let layer = BulkheadLayer::new(1).observe(move |_: &Event| trap.step());
        Subject::http(layer, 200, |layer| {
            let now = layer.handle().snapshot();
            assert_eq!((now.running, now.waiting), (0, 0));
        })
    }),
    ("observe.override_severity", Nobody, |trap| {
        // Asked for every layer of this process whose events would become lines.
        override_severity(move |layer, _| (layer == "chaos").then(|| step(&trap, Severity::Debug)));
        let sink = tracing_subscriber::fmt().with_writer(std::io::sink);
        let listening = tracing::subscriber::set_default(sink.finish());
        let layer = suffering();
        Subject::http(layer, 200, move |_| {
            let _ = &listening;
        })
    }),
    ("protocol.classify", Caller, |trap| {
        let protocol =
            Plain::new().classify(move |_: &Result<u64, BoxError>| step(&trap, Verdict::success()));
        let layer = CircuitBreakerLayer::new().with_protocol(protocol);
        Subject::plain(layer, 200, |_| {})
    }),
    ("rate_limit.cost", Caller, |trap| {
        let layer = rate_limit().cost(move |_: &Request<Full<Bytes>>| step(&trap, 1));
        Subject::http(layer, 200, |_| {})
    }),
    ("rate_limit.metered", Caller, |trap| {
        let layer = rate_limit().metered(
            |_: &Request<Full<Bytes>>| 1,
            move |_: &Response<Full<Bytes>>| step(&trap, Some(1)),
        );
        Subject::http(layer, 200, |_| {})
    }),
    ("retry.map_body", Caller, |trap| {
        let layer = RetryLayer::default().map_body(move |body| step(&trap, body));
        Subject::service(layer.layer(Backend(500)), upload, || {})
    }),
    ("retry.retry_if", Caller, |trap| {
        let layer = RetryLayer::default().retry_if(move |_| step(&trap, true));
        Subject::http(layer, 500, |_| {})
    }),
    ("strangler.compare", Nobody, |trap| {
        let layer = shadowing().compare(move |_, _| step(&trap, None));
        Subject::http(layer, 200, |layer| {
            assert_eq!(layer.handle().snapshot().shadows, 0);
        })
    }),
    ("strangler.route", Caller, |trap| {
        let layer = shadowing().route(move |_| step(&trap, None));
        Subject::http(layer, 200, |_| {})
    }),
    ("strangler.sticky", Caller, |trap| {
        let layer = shadowing().sticky(move |_| step(&trap, None));
        Subject::http(layer, 200, |_| {})
    }),
    ("timeout.timeout_for", Caller, |trap| {
        let layer = TimeoutLayer::default().timeout_for(move |_| step(&trap, None));
        Subject::http(layer, 200, |_| {})
    }),
];

/// What the closure answers, if it does not panic.
fn step<T>(trap: &Trap, answer: T) -> T {
    trap.step();
    answer
}

fn adaptive(with: impl FnOnce(AdaptiveLayer) -> AdaptiveLayer) -> Subject {
    let config = AdaptiveConfig {
        initial_limit: 1,
        min_limit: 1,
        max_limit: 1,
        ..AdaptiveConfig::server()
    };
    let layer = AdaptiveLayer::from_config(config).unwrap();
    Subject::http(with(layer), 200, |layer| {
        let now = layer.handle().snapshot();
        assert_eq!((now.in_flight, now.waiting), (0, 0));
    })
}

fn balance() -> Balance {
    Balance::from_config(BalanceConfig::without_ejection()).unwrap()
}

fn breaker(status: u16, with: impl FnOnce(CircuitBreakerLayer) -> CircuitBreakerLayer) -> Subject {
    Subject::http(with(CircuitBreakerLayer::new()), status, |_| {})
}

fn chaos(with: impl FnOnce(ChaosLayer) -> ChaosLayer) -> Subject {
    Subject::http(with(suffering()), 200, |layer| {
        assert_eq!(layer.handle().snapshot().active, 0);
    })
}

/// Every call suffers, without anything that it would notice.
fn suffering() -> ChaosLayer {
    let late = Fault::latency(Duration::ZERO..=Duration::ZERO);
    let config = ChaosConfig {
        max_active: 1,
        ..ChaosConfig::new(1.0, late)
    };
    ChaosLayer::from_config(config).unwrap()
}

fn health(with: impl FnOnce(HealthLayer) -> HealthLayer) -> Subject {
    let layer = with(HealthLayer::new("closures", "1.0.0"));
    Subject::http(layer, 200, |layer| {
        assert_eq!(layer.handle().snapshot().in_flight, 0);
    })
}

fn keyed_rests<P: Clone, K>(layer: &KeyedLayer<BulkheadLayer<P>, K>) {
    let handle = layer.handle();
    for key in handle.keys() {
        let now = handle.get(&key).unwrap().snapshot();
        assert_eq!((now.running, now.waiting), (0, 0), "{key}");
    }
}

fn load_shed(with: impl FnOnce(LoadShedLayer) -> LoadShedLayer) -> Subject {
    Subject::http(with(LoadShedLayer::new(1)), 200, |layer| {
        let now = layer.handle().snapshot();
        assert_eq!((now.running, now.waiting), (0, 0));
    })
}

fn rate_limit() -> RateLimitLayer {
    RateLimitLayer::new(Rate::per_second(1_000))
}

/// Every read goes to both sides, one at a time.
fn shadowing() -> StranglerLayer<Backend, tower_keep::strangler::ShadowReads> {
    let config = StranglerConfig {
        max_shadows: 1,
        percent: 50.0,
        ..StranglerConfig::shadow(100.0)
    };
    let layer = StranglerLayer::from_config(Backend(200), config).unwrap();
    layer.shadow_reads()
}

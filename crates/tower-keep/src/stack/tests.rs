use std::time::Duration;

use super::{ClientStack, Refused, ServerStack, Severity};
use crate::{
    budget::BudgetConfig,
    bulkhead::BulkheadConfig,
    config::Enforce,
    hedge::{Delay, HedgeConfig},
    load_shed::LoadShedConfig,
    rate_limit::{Rate, RateLimitConfig},
    retry::RetryConfig,
    timeout::TimeoutConfig,
};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn no_preset_has_a_lint() {
    for server in [
        ServerStack::api(),
        ServerStack::streaming(),
        ServerStack::upload(),
        ServerStack::llm(),
    ] {
        assert_eq!(server.lint(), []);
        server.layer().unwrap();
    }
    for client in [
        ClientStack::api(),
        ClientStack::streaming(),
        ClientStack::upload(),
        ClientStack::llm(),
    ] {
        assert_eq!(client.lint(), []);
        client.layer().unwrap();
    }
}

fn waits(max_wait: Duration) -> BulkheadConfig {
    BulkheadConfig {
        max_wait,
        ..BulkheadConfig::queued(10)
    }
}

#[test]
fn every_mistake_of_a_server_is_found() {
    use Severity::{Refuse, Warn};
    let api = ServerStack::api;
    let limit = RateLimitConfig::new(Rate::per_second(10));
    let table = [
        (
            "no_deadline",
            Warn,
            api().timeout(TimeoutConfig {
                timeout: None,
                ..TimeoutConfig::api()
            }),
        ),
        (
            "wait_not_below_timeout",
            Refuse,
            api().bulkhead(waits(30 * SECOND)),
        ),
        (
            "wait_not_below_timeout",
            Refuse,
            api().rate_limit(RateLimitConfig {
                max_wait: 31 * SECOND,
                ..limit
            }),
        ),
        (
            "unbounded_queue",
            Refuse,
            api().bulkhead(BulkheadConfig {
                max_queue: 1_000_000,
                ..waits(SECOND)
            }),
        ),
        ("two_queues", Warn, api().load_shed(LoadShedConfig::new(10))),
        (
            "no_limit",
            Warn,
            api().adaptive(super::server::off(api().adaptive)),
        ),
        (
            "dry_run",
            Warn,
            api().timeout(TimeoutConfig {
                enforce: Enforce::DRY_RUN,
                ..TimeoutConfig::api()
            }),
        ),
    ];
    for (rule, severity, stack) in table {
        let lints = stack.lint();
        let found = lints.iter().find(|lint| lint.rule == rule);
        let found = found.unwrap_or_else(|| panic!("{rule} is not in {lints:?}"));
        assert_eq!(found.severity, severity, "{rule}");
        assert_eq!(stack.layer().is_err(), severity == Refuse, "{rule}");
    }
}

#[test]
fn every_layer_that_does_not_enforce_is_told_of() {
    let stack = ServerStack::api()
        .bulkhead(BulkheadConfig {
            enforce: Enforce::DRY_RUN,
            ..BulkheadConfig::new(10)
        })
        .rate_limit(RateLimitConfig {
            enforce: Enforce::percent(50),
            ..RateLimitConfig::new(Rate::per_second(10))
        })
        .load_shed(LoadShedConfig {
            enabled: false,
            enforce: Enforce::DRY_RUN,
            ..LoadShedConfig::new(10)
        });
    let dry: Vec<_> = stack
        .lint()
        .into_iter()
        .filter(|lint| lint.rule == "dry_run")
        .map(|lint| lint.problem)
        .collect();
    let expected = ["rate_limit enforces 50 %", "bulkhead enforces 0 %"];
    assert_eq!(dry.len(), expected.len(), "{dry:?}");
    for (problem, expected) in dry.iter().zip(expected) {
        assert!(problem.starts_with(expected), "{problem}");
    }
}

#[test]
fn hedges_without_retries_have_a_budget_that_calls_fill() {
    let off = RetryConfig {
        enabled: false,
        ..RetryConfig::default()
    };
    let budget = BudgetConfig {
        ratio: 0.5,
        ..BudgetConfig::default()
    };
    let hedge = HedgeConfig {
        budget,
        ..HedgeConfig::default()
    };
    let alone = ClientStack::api().retry(off).hedge(hedge).layer().unwrap();
    assert_eq!(alone.hedge.handle().config().budget, budget);
    let shared = ClientStack::api().hedge(hedge).layer().unwrap();
    let retry = shared.retry.handle().config();
    assert_eq!(shared.hedge.handle().config().budget, retry.budget);
    // One attempt fills the budget all the same, so it is the one that counts.
    let once = RetryConfig {
        max_attempts: 1,
        budget: BudgetConfig {
            ratio: 1.0,
            ..budget
        },
        ..RetryConfig::default()
    };
    let lints = ClientStack::api().retry(once).hedge(hedge).lint();
    assert!(
        lints.iter().any(|lint| lint.rule == "no_budget"),
        "{lints:?}"
    );
}

#[test]
fn every_mistake_of_a_client_is_found() {
    use Severity::{Refuse, Warn};
    let api = ClientStack::api;
    let generous = BudgetConfig {
        ratio: 1.0,
        ..BudgetConfig::default()
    };
    let hedge = HedgeConfig::default();
    let table = [
        (
            "no_deadline",
            Warn,
            api().attempt_timeout(TimeoutConfig {
                enabled: false,
                ..TimeoutConfig::api()
            }),
        ),
        (
            "attempt_not_below_total",
            Refuse,
            api().attempt_timeout(TimeoutConfig::attempt(30 * SECOND)),
        ),
        (
            "never_slow",
            Warn,
            api().attempt_timeout(TimeoutConfig::attempt(SECOND)),
        ),
        (
            "no_budget",
            Refuse,
            api().retry(RetryConfig {
                budget: generous,
                ..RetryConfig::default()
            }),
        ),
        (
            "many_attempts",
            Warn,
            api().retry(RetryConfig {
                max_attempts: 11,
                ..RetryConfig::default()
            }),
        ),
        (
            "attempts_multiply",
            Warn,
            api().hedge(HedgeConfig {
                max_hedges: 3,
                ..hedge
            }),
        ),
        ("nested_retries", Refuse, api().with_inner_attempts(3)),
        (
            "hedged_writes",
            Warn,
            api().hedge(hedge).with_idempotency_key(true),
        ),
        (
            "every_call_twice",
            Warn,
            api().hedge(HedgeConfig {
                delay: Delay::Fixed(Duration::ZERO),
                ..hedge
            }),
        ),
        (
            "retries_without_breaker",
            Warn,
            api().circuit_breaker(crate::circuit_breaker::CircuitBreakerConfig {
                enabled: false,
                ..Default::default()
            }),
        ),
        (
            "wait_not_below_timeout",
            Refuse,
            api().bulkhead(waits(60 * SECOND)),
        ),
        (
            "unbounded_queue",
            Refuse,
            api().bulkhead(BulkheadConfig {
                max_queue: 1_000_000,
                ..waits(SECOND)
            }),
        ),
    ];
    for (rule, severity, stack) in table {
        let lints = stack.lint();
        let found = lints.iter().find(|lint| lint.rule == rule);
        let found = found.unwrap_or_else(|| panic!("{rule} is not in {lints:?}"));
        assert_eq!(found.severity, severity, "{rule}");
        assert_eq!(stack.layer().is_err(), severity == Refuse, "{rule}");
    }
}

#[test]
fn a_refusal_says_everything_at_once_and_names_the_remedy() {
    let stack = ClientStack::api()
        .attempt_timeout(TimeoutConfig::attempt(30 * SECOND))
        .bulkhead(waits(60 * SECOND));
    let refused = stack.layer().unwrap_err();
    assert!(matches!(&refused, Refused::Lints(lints) if lints.len() == 2));
    let text = refused.to_string();
    assert!(
        text.contains("an attempt may take 30s and the whole call 30s"),
        "{text}"
    );
    assert!(text.contains("give a shorter `max_wait`"), "{text}");
    let out_of_range = ServerStack::api().bulkhead(BulkheadConfig::new(usize::MAX));
    let refused = out_of_range.layer().unwrap_err();
    assert!(
        refused
            .to_string()
            .starts_with("bulkhead: `max_concurrent`"),
        "{refused}"
    );
}

#[test]
fn a_stack_describes_every_layer_and_marks_what_was_set() {
    let stack = ServerStack::api()
        .named("orders")
        .bulkhead(BulkheadConfig::new(7))
        .timeout(TimeoutConfig {
            timeout: Some(5 * SECOND),
            ..TimeoutConfig::api()
        });
    let text = stack.describe();
    let order = [
        "decision off",
        "correlation_id on",
        "timeout on",
        "rate_limit off",
        "load_shed off",
        "adaptive on",
        "bulkhead on",
        "catch_panic on",
    ];
    let places: Vec<_> = order
        .iter()
        .map(|line| text.find(line).expect("every layer is there"))
        .collect();
    assert!(places.is_sorted(), "{text}");
    assert!(text.contains("  * timeout = 5s\n"), "{text}");
    assert!(text.contains("    body_idle = 30s\n"), "{text}");
    assert!(text.contains("  * max_concurrent = 7\n"), "{text}");
}

#[test]
fn a_stack_is_read_from_a_document_and_a_typo_is_refused() {
    let stack: ServerStack = serde_json::from_str(
        r#"{"name": "orders", "timeout": {"timeout": "5s"}, "bulkhead": {"max_concurrent": 7}}"#,
    )
    .unwrap();
    let built = ServerStack::api()
        .bulkhead(BulkheadConfig::new(7))
        .named("orders")
        .timeout(TimeoutConfig {
            timeout: Some(5 * SECOND),
            ..TimeoutConfig::api()
        });
    assert_eq!(stack, built);
    let typo = serde_json::from_str::<ServerStack>(r#"{"time_out": {}}"#).unwrap_err();
    assert!(
        typo.to_string().contains("unknown field `time_out`"),
        "{typo}"
    );
}

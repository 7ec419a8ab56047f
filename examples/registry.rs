//! Live reconfiguration from a file, and a warm start: `cargo run --example registry`.

use std::{fs, time::Duration};

use tower_keep::{
    bulkhead::BulkheadLayer,
    circuit_breaker::CircuitBreakerLayer,
    observe::Event,
    registry::{Registry, Saved},
};

#[tokio::main]
async fn main() -> Result<(), tower_keep::BoxError> {
    let print = |event: &Event| println!("  {event}");
    let bulkhead = BulkheadLayer::new(10).named("api").observe(print);
    let breaker = CircuitBreakerLayer::new().named("payments").observe(print);
    let registry = Registry::new()
        .observe(print)
        .with(bulkhead.handle())
        .with(breaker.handle());

    let file = std::env::temp_dir().join(format!("keep-{}.toml", std::process::id()));
    fs::write(&file, "")?;
    let every = Duration::from_millis(50);
    let watch = tokio::spawn(registry.clone().watch(file.clone(), every));
    for (what, text) in [
        ("more places", "[bulkhead.api]\nmax_concurrent = 50"),
        (
            "defaults and a base",
            "[defaults.circuit_breaker]\nopen_for = '2s'\n\
             [bases.circuit_breaker.patient]\nconsecutive_failures = 50\n\
             [circuit_breaker.payments]\ninherit = 'patient'",
        ),
        ("a mistake", "[bulkhead.api]\nmax_concurent = 60"),
        ("a name that is not there", "[bulkhead.apy]\nmax_queue = 1"),
    ] {
        println!("{what}:");
        fs::write(&file, text)?;
        tokio::time::sleep(4 * every).await;
    }
    watch.abort();
    fs::remove_file(&file)?;

    // Whoever may reach the port can do the same: axum::serve(listener, registry.router())
    registry.act("circuit_breaker", "payments", "force_open")?;
    let saved = serde_json::to_string(&registry.save())?;
    println!("saved: {saved}");

    // The next process.
    let breaker = CircuitBreakerLayer::new().named("payments");
    let registry = Registry::new().with(breaker.handle());
    let report = registry.restore(&serde_json::from_str::<Saved>(&saved)?)?;
    println!("restored: {:?}", report.restored);
    println!("{}", breaker.handle().snapshot().state);
    Ok(())
}

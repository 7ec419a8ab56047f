//! A service that is late one time in ten, asked with and without hedges: `cargo run --example hedge`.

use std::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use tower::{BoxError, Layer, Service, service_fn};
use tower_keep::hedge::{Delay, HedgeConfig, HedgeLayer, Observed};

/// Answers in 5 ms, and one time in ten in 200 ms.
async fn quote(_symbol: &'static str) -> Result<u32, BoxError> {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let late = CALLS.fetch_add(1, Relaxed) % 10 == 9;
    tokio::time::sleep(Duration::from_millis(if late { 200 } else { 5 })).await;
    Ok(42)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // What 85 of 100 calls keep to is known after the first 20 of them.
    let config = HedgeConfig {
        delay: Delay::Observed(Observed {
            quantile: 0.85,
            min_samples: 20,
            ..Observed::default()
        }),
        ..HedgeConfig::default()
    };
    for enabled in [false, true] {
        let layer = HedgeLayer::from_config(HedgeConfig { enabled, ..config })?.plain();
        let handle = layer.handle();
        let mut quotes = layer.layer(service_fn(quote));
        let mut took = Vec::new();
        for _ in 0..100 {
            let start = tokio::time::Instant::now();
            quotes.call("KEEP").await?;
            took.push(start.elapsed());
        }
        took.sort_unstable();
        println!("hedges {}:", if enabled { "on" } else { "off" });
        println!("  median {:.0?}, p95 {:.0?}", took[50], took[95]);
        println!("  {:?}", handle.snapshot());
    }
    Ok(())
}
